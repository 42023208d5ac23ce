"""Selection by knockoffs: what they are, what they say, and how many false features there are."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.optimize import minimize
from scipy.stats import binomtest
from sklearn.base import clone
from sklearn.covariance import ledoit_wolf
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

import skreg_mlp
from skreg_mlp import (
    KnockoffSelection,
    RegularizedMLPClassifier,
    RegularizedMLPRegressor,
    TableEncoder,
)
from skreg_mlp._training import walk
from skreg_mlp.selection import _gaussian
from skreg_mlp.selection._gaussian import correlation, distances, gaussian_knockoffs, normal_scores
from skreg_mlp.selection._knockoffs import _which, e_threshold, e_values, knockoff_threshold

RNG = np.random.default_rng(0)
X = RNG.standard_normal((120, 8))
Y = X[:, :4] @ [2.0, -2.0, 1.5, 1.0] + 0.5 * RNG.standard_normal(120)
NONE = "ignore:No feature is selected:UserWarning"
SHORT = "ignore::sklearn.exceptions.ConvergenceWarning"


@pytest.fixture(autouse=True)
def short_paths(monkeypatch):
    monkeypatch.setattr(walk, "MIN_STEPS", 150)


def selector(cls=RegularizedMLPRegressor, hidden=(), penalty="l1", network=None, **kwargs):
    network = {"learning_rate_init": 0.01, "max_iter": 100, **(network or {})}
    options = {"alphas": 30, "random_state": 0, **kwargs}
    return KnockoffSelection(cls(hidden, penalty=penalty, **network), **options)


@pytest.mark.usefixtures("data_of_scikit_learn")
@pytest.mark.filterwarnings("ignore")  # the checks fit unscaled, tiny and degenerate data
@parametrize_with_checks(
    [
        selector(alphas=5),
        selector(RegularizedMLPClassifier, alphas=5, offset=0),
        selector(network={"encoder": "table"}, penalty="group_l1", alphas=3, n_draws=2),
    ],
    expected_failed_checks=lambda estimator: {
        "check_sample_weight_equivalence_on_dense_data": "knockoffs of repeated rows are others",
    },
)
def test_estimator(estimator, check):
    check(estimator)


# --------------------------------------------------------------------------------------------
# Gaussian knockoffs
# --------------------------------------------------------------------------------------------
def correlated(p, rho, kind="equal"):
    if kind == "equal":
        return np.full((p, p), rho) + (1 - rho) * np.eye(p)
    return rho ** np.abs(np.subtract.outer(np.arange(p), np.arange(p)))


ALL = np.ones(6, bool)
SOME = np.array([1, 0, 1, 1, 0, 1], bool)


@pytest.mark.parametrize("tested", [ALL, SOME], ids=["all", "some"])
@pytest.mark.parametrize("rho, kind", [(0.0, "equal"), (0.5, "equal"), (0.9, "falling")])
def test_distances_are_those_that_let_no_column_be_told_by_the_others(tested, rho, kind):
    R = correlated(6, rho, kind)

    def told(s):
        whole = np.zeros(6)
        whole[tested] = s
        values = np.linalg.eigvalsh(2 * R - np.diag(whole))
        return np.inf if values[0] <= 0 or min(s) <= 0 else (1 / s).sum() + (1 / values).sum()

    s = distances(R, tested)
    assert (s[~tested] == 0).all() and np.linalg.eigvalsh(2 * R - np.diag(s))[0] > 0
    best = minimize(told, s[tested] * 0.9, method="Nelder-Mead", options=dict(maxiter=9000,
                    fatol=1e-12, xatol=1e-9))  # fmt: skip
    assert told(s[tested]) <= best.fun * (1 + 1e-6)


def test_equal_distances_for_many_columns(monkeypatch):
    monkeypatch.setattr("skreg_mlp.selection._gaussian.MVR_COLUMNS", 3)
    R = correlated(6, 0.5)
    s = distances(R, ALL)
    assert_allclose(s, 0.999)
    assert np.linalg.eigvalsh(2 * R - np.diag(s))[0] >= 0
    assert_allclose(distances(correlated(6, 0.9), ALL), 0.2 * 0.999)


@pytest.fixture
def as_wide(monkeypatch):
    """All tables are taken for wide ones."""
    monkeypatch.setattr(_gaussian, "_scores", _gaussian._scores_of_wide)


@pytest.mark.parametrize("tested", [ALL, SOME], ids=["all", "some"])
@pytest.mark.parametrize("rho, kind", [(0.5, "equal"), (0.7, "falling")])
def test_swapping_columns_with_their_knockoffs_changes_no_moment(tested, rho, kind):
    check_exchangeable(40_000, tested, rho, kind)


@pytest.mark.usefixtures("as_wide")
@pytest.mark.parametrize("tested", [ALL, SOME], ids=["all", "some"])
def test_nor_does_it_on_wide_tables(monkeypatch, tested):
    monkeypatch.setattr(_gaussian, "LEAST_SHRINKAGE", 0.2)  # few columns hardly need any
    check_exchangeable(500, tested, 0.3, "equal", n_tables=4)  # their cost is rows cubed


def check_exchangeable(n, tested, rho, kind, n_tables=1):
    R, rng = correlated(6, rho, kind), np.random.default_rng(0)
    joint = 0
    for _ in range(n_tables):
        Z = rng.multivariate_normal(np.zeros(6), R, n)
        other = gaussian_knockoffs(Z, tested, rng)
        assert_array_equal(other[:, ~tested], Z[:, ~tested])
        joint += np.corrcoef(np.hstack([Z, other[:, tested]]).T) / n_tables
    places, columns = np.arange(6), np.flatnonzero(tested)
    for swapped in ([0], columns[:2], columns):
        order = np.concatenate([places, 6 + np.arange(len(columns))])
        for k in swapped:
            at = 6 + list(columns).index(k)
            order[k], order[at] = at, k
        assert_allclose(joint[np.ix_(order, order)], joint, atol=4 / np.sqrt(n * n_tables))
    assert np.abs(joint[columns, 6 + np.arange(len(columns))]).max() < 0.9


def marginals(n, rng):
    """Dependent columns of four kinds."""
    Z = rng.multivariate_normal(np.zeros(8), correlated(8, 0.4), n)
    u = np.exp(Z[:, 4:6])
    return np.column_stack(
        [Z[:, :2], Z[:, 2:4] > 0.5, np.floor(u), Z[:, 6:] / 0.1 ** (Z[:, 6:] > 2)]
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_knockoffs_have_the_values_of_their_columns(dtype):
    rng = np.random.default_rng(1)
    table = marginals(500, rng).astype(dtype)
    other = gaussian_knockoffs(table, np.ones(8, bool), rng)
    assert other.dtype == dtype
    assert_array_equal(np.sort(other, axis=0), np.sort(table, axis=0))
    assert (other != table).any(axis=0).all()


def test_knockoffs_of_ties_have_to_do_with_the_others_what_their_columns_have():
    """Not less: a knockoff that is nearly independent would lose against its column."""
    check_ties(20_000, 0.04)


@pytest.mark.usefixtures("as_wide")
def test_so_have_those_of_wide_tables():
    check_ties(250, 0.12, n_tables=4)  # their cost is rows cubed


def check_ties(n, atol, n_tables=1):
    rng, joint = np.random.default_rng(2), 0
    for _ in range(n_tables):
        Z = rng.multivariate_normal(np.zeros(6), correlated(6, 0.6), n)
        table = np.column_stack([Z[:, :2], Z[:, 2:4] > [0.0, 1.0], np.floor(2 * Z[:, 4:])])
        other = gaussian_knockoffs(table, np.ones(6, bool), rng)
        joint += np.corrcoef(table.T, other.T) / n_tables
    own, cross = joint[:6, :6], joint[:6, 6:]
    apart = ~np.eye(6, dtype=bool)
    assert_allclose(cross[apart], own[apart], atol=atol)
    assert_allclose(joint[6:, 6:], own, atol=atol)


@pytest.mark.parametrize("n, p", [(12, 40), (40, 12)])
def test_rows_tell_the_inverse_of_a_shrunk_correlation(n, p):
    Z = RNG.standard_normal((n, p)) + RNG.standard_normal((n, 1))
    Z, K, shrinkage = _gaussian._whitened(Z)
    assert_allclose(np.array([Z.mean(axis=0), Z.std(axis=0)]).T, [[0, 1]] * p, atol=1e-12)
    R, expected = ledoit_wolf(Z)
    assert_allclose(shrinkage, expected)
    assert_allclose(K @ Z, Z @ np.linalg.inv(R))


class Impulse:
    """A generator whose k-th normal number is 1, and all others are 0."""

    def __init__(self, k):
        self.k, self.n_drawn = k, 0

    def random(self, shape):
        return np.zeros(shape)

    def standard_normal(self, shape):
        numbers = self.n_drawn + np.arange(np.prod(shape))
        self.n_drawn += numbers.size
        return (numbers == self.k).astype(float).reshape(shape)


@pytest.mark.parametrize("tested", [ALL, SOME], ids=["all", "some"])
def test_knockoffs_of_wide_tables_have_the_moments_of_their_definition(tested):
    """They are linear in the normal numbers drawn, and this finds the factor of each number."""
    table, nothing = RNG.standard_normal((4, 6)) + RNG.standard_normal((4, 1)), Impulse(-1)
    mean = _gaussian._scores_of_wide(table, tested, nothing)
    factors = [
        (_gaussian._scores_of_wide(table, tested, Impulse(k)) - mean).ravel()
        for k in range(nothing.n_drawn)
    ]
    Z, _, shrinkage = _gaussian._latent_scores_of_wide(table, Impulse(-1))
    inverse = np.linalg.inv((1 - shrinkage) * Z.T @ Z / 4 + shrinkage * np.eye(6))
    S = 0.999 * min(1, 2 * shrinkage) * np.eye(6)[:, tested]
    assert_allclose(mean, Z[:, tested] - Z @ inverse @ S)
    of_a_row = 2 * S[tested] - S.T @ inverse @ S
    assert_allclose(np.transpose(factors) @ factors, np.kron(np.eye(4), of_a_row), atol=1e-12)


def test_more_columns_than_rows_take_no_matrix_of_all_pairs(monkeypatch):
    monkeypatch.setattr(_gaussian, "MVR_COLUMNS", 10)
    monkeypatch.setattr(_gaussian, "correlation", None)
    table = RNG.standard_normal((30, 60))
    other = gaussian_knockoffs(table, np.ones(60, bool), np.random.default_rng(0))
    assert_array_equal(np.sort(other, axis=0), np.sort(table, axis=0))
    both = np.hstack([table, other])
    own = [np.corrcoef(both[:, [k, 60 + k]].T)[0, 1] for k in range(60)]
    assert np.abs(np.mean(own)) < 0.9


def test_scores_of_equal_values_are_drawn_for_each_column_alone():
    rng = np.random.default_rng(0)
    binary = rng.integers(0, 2, size=(5000, 2)).astype(float)
    Z = normal_scores(binary, rng)
    assert_array_equal(
        Z > np.sort(Z, axis=0)[(binary == 0).sum(axis=0), [0, 1]] - 1e-12, binary > 0
    )
    assert abs(np.corrcoef(Z.T)[0, 1]) < 0.05
    assert_allclose(Z.std(axis=0), 1, atol=0.01)


def test_correlation_is_positive_definite_for_few_rows():
    R = correlation(RNG.standard_normal((20, 60)))
    assert_allclose(np.diag(R), 1)
    assert np.linalg.eigvalsh(R)[0] > 0.01


# --------------------------------------------------------------------------------------------
# Statistics
# --------------------------------------------------------------------------------------------
KINDS = {
    "normal": lambda rng, n: rng.standard_normal((n, 12)),
    "binary": lambda rng, n: (rng.standard_normal((n, 12)) > 0.7).astype(float),
    "counts": lambda rng, n: rng.poisson(1.5, size=(n, 12)).astype(float),
    "heavy": lambda rng, n: rng.standard_t(2, size=(n, 12)),
    "mixed": lambda rng, n: np.tile(marginals(n, rng), (1, 2))[rng.permutation(n)][:, 2:14],
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "kind, encoder", [*((kind, None) for kind in KINDS), ("mixed", TableEncoder(4))]
)
def test_signs_of_what_does_not_matter_are_fair_coins(kind, encoder):
    """y is noise: features and knockoffs are all alike."""
    signs = []
    for seed in range(25):
        rng = np.random.default_rng(seed)
        table = KINDS[kind](rng, 80)
        if encoder is None:
            table = (table - table.mean(axis=0)) / table.std(axis=0)
        network = dict(encoder=encoder, max_iter=40)
        model = selector(hidden=(6,), penalty="group_l1", network=network, alphas=12,
                         random_state=seed)  # fmt: skip
        signs.append(np.sign(model.fit(table, rng.standard_normal(80)).draws_.ravel()))
    plus, minus = (np.sum(np.array(signs) == sign) for sign in (1, -1))
    assert plus + minus > 250
    assert binomtest(plus, plus + minus).pvalue > 1e-3, (plus, minus)


@pytest.mark.filterwarnings(NONE, SHORT)
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("hidden", [(), (5,)])
@pytest.mark.parametrize("penalty", ["l1", "group_l1", "elasticnet", "group_log_sum", "scad"])
@pytest.mark.parametrize("encoder", [None, TableEncoder(3)], ids=["raw", "table"])
def test_swapping_a_pair_flips_its_sign_and_nothing_else(encoder, penalty, hidden, solver):
    other = gaussian_knockoffs(X, np.ones(8, bool), np.random.default_rng(3))
    network = dict(encoder=encoder, solver=solver, max_iter=30)
    model = selector(hidden=hidden, penalty=penalty, network=network, alphas=8)
    swapped = np.isin(np.arange(8), [0, 5, 7])
    one = clone(model).set_params(knockoffs=other).fit(X, Y).draws_[0]
    two = clone(model).set_params(knockoffs=np.where(swapped, X, other))
    two = two.fit(np.where(swapped, other, X), Y).draws_[0]
    assert_array_equal(two, np.where(swapped, -one, one))
    assert np.count_nonzero(one) > 4


def test_infinite_sizes_are_a_tie():
    one, other = np.array([np.inf, np.inf, 1.0, 2.0]), np.array([np.inf, 1.0, np.inf, 2.0])
    assert_array_equal(_which(one, other), [0, 1, -1, 0])


def test_a_feature_that_is_its_own_knockoff_says_nothing():
    other = gaussian_knockoffs(X, np.ones(8, bool), np.random.default_rng(3))
    other[:, 2] = X[:, 2]
    model = selector(knockoffs=other, fdr=0.5).fit(X, Y)
    assert model.draws_[0, 2] == 0 and (model.draws_[0, [0, 1]] > 0).all()


@pytest.mark.parametrize("offset", [0, 1])
def test_threshold_is_the_least_that_its_definition_allows(offset):
    rng = np.random.default_rng(0)
    for _ in range(300):
        W = rng.integers(-4, 9, size=12) * 1.0
        fdr = rng.choice([0.1, 0.2, 0.4])
        allowed = [
            t for t in range(1, 9)
            if (offset + (W <= -t).sum()) / max(1, (W >= t).sum()) <= fdr and (W >= t).any()
        ]  # fmt: skip
        t = knockoff_threshold(W, fdr, offset)
        selected = W >= t
        assert_array_equal(selected, W >= min(allowed, default=np.inf))


def test_e_values_of_one_draw_are_knockoffs_of_half_the_rate():
    rng = np.random.default_rng(0)
    for _ in range(100):
        W = rng.normal(1, 1.5, size=40)
        values = e_values(W[None], 0.4)
        plain = W >= knockoff_threshold(W, 0.2, 1)
        assert_array_equal(values >= e_threshold(values, 0.4), plain)


def test_mean_of_e_values_under_the_null_is_at_most_one():
    """Signs of the null features are coins, given the sizes."""
    rng, p, totals = np.random.default_rng(0), 40, []
    for _ in range(2000):
        sizes = rng.exponential(size=p) + 2 * (np.arange(p) < 15)
        signs = np.where(np.arange(p) < 15, 1, rng.choice([-1, 1], p))
        totals.append(e_values((sizes * signs)[None], 0.4)[15:].sum() / p)
    assert np.mean(totals) <= 1 + 3 * np.std(totals) / np.sqrt(2000)
    assert np.mean(totals) > 0.1


# --------------------------------------------------------------------------------------------
# Selection
# --------------------------------------------------------------------------------------------
def planted(seed, n=300, p=30, s=12):
    rng = np.random.default_rng(seed)
    table = rng.standard_normal((n, p))
    return table, table[:, :s].sum(axis=1) + rng.standard_normal(n)


@pytest.mark.filterwarnings(NONE)
@pytest.mark.parametrize("n_draws", [1, 3])
def test_few_of_the_features_are_false(n_draws):
    false, power = [], []
    for seed in range(20):
        model = selector(fdr=0.2, n_draws=n_draws, alphas=15, random_state=seed)
        model.fit(*planted(seed))
        found = model.get_support()
        false.append(found[12:].sum() / max(found.sum(), 1))
        power.append(found[:12].mean())
    assert np.mean(false) <= 0.2 + 3 * np.std(false) / np.sqrt(20)
    assert np.mean(power) > 0.9


def test_a_network_finds_what_a_linear_model_cannot():
    rng = np.random.default_rng(0)
    table = rng.standard_normal((500, 16))
    y = np.abs(table[:, :8]).sum(axis=1) + 0.3 * rng.standard_normal(500)
    network = dict(encoder=TableEncoder(4), max_iter=200)
    model = selector(hidden=(20,), penalty="group_log_sum", network=network, fdr=0.2).fit(table, y)
    assert model.get_support()[:8].all() and model.get_support()[8:].sum() <= 2
    with pytest.warns(UserWarning, match="with fdr=0.1 and offset=1 it is 10 of them or more, or "):
        linear = selector().fit(table, y)
    assert not linear.get_support().any() and linear.threshold_ == np.inf


def test_rate_and_offset_are_read_when_features_are_selected():
    table, y = planted(3)
    model = selector(fdr=0.2).fit(table, y)
    for fdr, offset in [(0.1, 1), (0.3, 1), (0.1, 0)]:
        again = selector(fdr=fdr, offset=offset).fit(table, y)
        assert_array_equal(
            model.set_params(fdr=fdr, offset=offset).get_support(), again.get_support()
        )
        assert model.threshold_ == again.threshold_
    with pytest.raises(ValueError, match="fdr must be"):
        model.set_params(fdr=2).get_support()


@pytest.mark.filterwarnings(NONE, SHORT)
def test_seeds_and_jobs():
    network = dict(max_iter=500)  # no fewer epochs in other processes, where paths are not short
    options = dict(network=network, n_draws=3, alphas=6, fdr=0.4)
    model = selector(hidden=(4,), penalty="group_l1", **options).fit(X, Y)
    for other in (clone(model), clone(model).set_params(n_jobs=2)):
        assert_array_equal(other.fit(X, Y).draws_, model.draws_)
    seeded = clone(model).set_params(random_state=1).fit(X, Y)
    assert (seeded.draws_ != model.draws_).any()
    assert_array_equal(model.statistics_, e_values(model.draws_, 0.4))
    assert model.draws_.shape == (3, 8) and (model.draws_[0] != model.draws_[1]).any()


@pytest.mark.filterwarnings(NONE)
@pytest.mark.parametrize("hidden", [(), (5,)])
@pytest.mark.parametrize("encoder", [None, "table"])
def test_penalty_factors(encoder, hidden):
    factor = [0, 1, 1, 1, np.inf, 1, 1, 2]
    network = dict(penalty_factor=factor, encoder=encoder)
    model = selector(hidden=hidden, penalty="group_l1", network=network, fdr=0.5).fit(X, Y)
    assert_array_equal(model.draws_[0, [0, 4]], 0)
    assert model.get_support()[0] and not model.get_support()[4]
    assert (model.draws_[0, 1:3] > 0).all() and np.count_nonzero(model.draws_) >= 5
    network["penalty_factor"] = [0] * 8
    with pytest.raises(ValueError, match="penalty_factor leaves no feature to be tested"):
        selector(penalty="group_l1", network=network).fit(X, Y)


def test_weights_are_those_of_the_loss():
    weight = np.where(np.arange(120) < 100, 1.0, 0.0)
    broken = np.where(weight > 0, Y, 1e3)
    other = gaussian_knockoffs(X, np.ones(8, bool), np.random.default_rng(3))
    model = selector(knockoffs=other, fdr=0.5).fit(X, broken, sample_weight=weight)
    alone = selector(knockoffs=other[:100], fdr=0.5).fit(X[:100], Y[:100])
    assert_allclose(model.draws_, alone.draws_)


# --------------------------------------------------------------------------------------------
# Tables
# --------------------------------------------------------------------------------------------
def frame():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(X, columns=list("abcdefgh"))
    table["city"] = np.where(X[:, 0] + X[:, 5] > 0, "Rome", "Oslo")
    table.loc[::5, "h"] = np.nan
    return table


def permuted(table, seed):
    """Knockoffs of columns that do not depend on each other."""
    rng = np.random.default_rng(seed)
    return table.apply(lambda column: rng.permutation(column))


@pytest.mark.filterwarnings(NONE)
def test_own_knockoffs_of_a_raw_table():
    table, network = frame(), {"encoder": "table"}
    model = selector(penalty="group_l1", network=network, knockoffs=permuted, fdr=0.4)
    names = list(model.fit(table, Y).get_feature_names_out())
    assert {"a", "b"} <= set(names)
    fixed = permuted(table, 0)
    twice = clone(model).set_params(knockoffs=fixed).fit(table, Y)
    swap = table.assign(city=fixed["city"], b=fixed["b"])
    back = clone(model).set_params(knockoffs=fixed.assign(city=table["city"], b=table["b"]))
    signs = np.where(np.isin(table.columns, ["city", "b"]), -1, 1)
    assert_array_equal(back.fit(swap, Y).draws_[0], signs * twice.draws_[0])
    with pytest.raises(ValueError, match=r"knockoffs='gaussian' needs numbers .* 'h' has others"):
        clone(model).set_params(knockoffs="gaussian").fit(table, Y)
    with pytest.raises(ValueError, match="'city' has others"):
        clone(model).set_params(knockoffs="gaussian").fit(table.drop(columns="h"), Y)
    left = clone(model).set_params(knockoffs="gaussian")
    left.estimator.set_params(penalty_factor=[1] * 7 + [np.inf, np.inf])
    assert_array_equal(left.fit(table, Y).draws_[0, 7:], 0)


def test_in_a_pipeline():
    pipe = make_pipeline(selector(fdr=0.4), LinearRegression()).fit(X, Y)
    assert pipe.score(X, Y) > 0.9
    assert pipe[0].transform(X).shape[1] == pipe[0].get_support().sum()


# --------------------------------------------------------------------------------------------
# A picture
# --------------------------------------------------------------------------------------------
@pytest.mark.filterwarnings(NONE)
@pytest.mark.parametrize("n_draws, fdr", [(1, 0.2), (3, 0.6), (1, 0.01)])
def test_display_shows_statistics_and_threshold(n_draws, fdr):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    model = selector(fdr=fdr, n_draws=n_draws).fit(*planted(0))
    display = skreg_mlp.KnockoffDisplay.from_estimator(model)
    shown = [float(bar.get_width()) for bar in display.bars_]
    assert shown == sorted(shown, reverse=True)
    statistics = np.sort(model.statistics_[model.statistics_ != 0])[::-1]
    assert_array_equal(shown, statistics)
    name = display.ax_.get_yticklabels()[0].get_text()
    assert model.statistics_[int(name[1:])] == statistics[0]
    found = model.get_support().sum()
    assert display.ax_.get_title() == f"{found} of 30 selected"
    blue = [bar.get_facecolor() == display.bars_[0].get_facecolor() for bar in display.bars_]
    assert sum(blue) == (found or len(shown) - sum(value < 0 for value in shown)) or not found
    matplotlib.pyplot.close(display.figure_)


def test_display_needs_a_fitted_selector():
    pytest.importorskip("matplotlib")
    with pytest.raises(NotFittedError):
        skreg_mlp.KnockoffDisplay.from_estimator(selector())
    with pytest.raises(TypeError, match=r"KnockoffDisplay\.from_estimator needs a fitted Knock"):
        skreg_mlp.KnockoffDisplay.from_estimator(LinearRegression().fit(X, Y))


# --------------------------------------------------------------------------------------------
# Errors
# --------------------------------------------------------------------------------------------
def failing(table, seed):
    raise RuntimeError("no knockoffs")


def test_errors_leave_it_as_it_was():
    model = selector(fdr=0.4).fit(X, Y)
    before = model.draws_

    def refused(error, match, given=X, network=None, **params):
        other = clone(model).set_params(**params)
        other.estimator.set_params(**(network or {}))
        other.draws_ = before
        with pytest.raises(error, match=match):
            other.fit(given, Y)
        assert other.draws_ is before and not hasattr(other, "n_features_in_")

    asks = "never drops a feature, and KnockoffSelection asks for it"
    refused(ValueError, asks, network=dict(penalty="l2"))
    refused(TypeError, "X is sparse, and its knockoffs would not be", sparse.csr_array(X))
    groups = dict(penalty="group_l1", feature_groups=[0, 0, 1, 1, 2, 2, 3, 3])
    refused(ValueError, "feature_groups cannot be tested by knockoffs", network=groups)
    refused(ValueError, r"encoder='auto' may tell", network=dict(encoder="auto"))
    refused(ValueError, r"the shape of X, \(120, 8\); got \(120, 7\)", knockoffs=X[:, 1:])
    refused(ValueError, "offset=0 gives no e-values", offset=0, n_draws=2)
    refused(ValueError, "n_draws=2 needs as many knockoffs", knockoffs=X, n_draws=2)
    refused(ValueError, "contains NaN", knockoffs=np.where(X > 2, np.nan, X))
    refused(RuntimeError, "no knockoffs", knockoffs=failing)
    refused(ValueError, "inconsistent numbers of samples", X[1:])
    with pytest.raises(NotFittedError):
        selector().get_support()


def test_lines(capsys):
    selector(n_draws=2, verbose=1, fdr=0.5).fit(X, Y)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("   ")[0] for line in lines] == ["draw 1/2", "draw 2/2"]
