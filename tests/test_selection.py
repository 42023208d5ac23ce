"""Stability selection and its bounds; groups of one-hot columns."""

import functools
import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.optimize import linprog
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skreg_mlp import (
    RegularizedMLPClassifier,
    RegularizedMLPRegressor,
    StabilitySelection,
    one_hot_groups,
    regularization_path,
)
from skreg_mlp._training.entry import Rows
from skreg_mlp._training.progress import CallbackSupportMixin
from skreg_mlp.selection._stability import _first_within, _halves, markov_factor, unimodal_factor

RNG = np.random.default_rng(0)
X = RNG.standard_normal((120, 6))
SCORES = X[:, 0] - X[:, 1] + 0.5 * RNG.standard_normal(120)
LABELS = np.array(["no", "yes"])[(SCORES > 0).astype(int)]
THREE = np.digitize(SCORES, [-0.8, 0.8])


def selector(
    cls=RegularizedMLPRegressor, hidden=(), penalty="l1", alpha=0.1, network=None, **kwargs
):
    estimator = cls(hidden, penalty=penalty, alpha=alpha, **(network or {}))
    defaults = dict(n_pairs=3, alphas=20, random_state=0)
    return StabilitySelection(estimator, **{**defaults, **kwargs})


def targets(cls):
    return LABELS if cls is RegularizedMLPClassifier else SCORES


CLASSES = [RegularizedMLPClassifier, RegularizedMLPRegressor]


@pytest.fixture(autouse=True)
def short_paths(monkeypatch):
    monkeypatch.setattr("skreg_mlp._training.walk.MIN_STEPS", 400)


# --------------------------------------------------------------------------------------------
# scikit-learn's checks
# --------------------------------------------------------------------------------------------
SUBSAMPLES = "a row of weight two stays in one half, two rows may come into different ones"


@pytest.mark.usefixtures("data_of_scikit_learn")
@pytest.mark.filterwarnings("ignore")  # the checks fit unscaled, tiny and degenerate data
@parametrize_with_checks(
    [
        selector(n_pairs=1, alpha=0.01, network={"max_iter": 30}),
        selector(RegularizedMLPClassifier, n_pairs=1, alpha=0.01, network={"max_iter": 30}),
        selector(RegularizedMLPClassifier, n_pairs=1, max_features=1, alphas=3, eps=0.1),
    ],
    expected_failed_checks=lambda estimator: {
        "check_sample_weight_equivalence_on_dense_data": SUBSAMPLES,
        "check_sample_weight_equivalence_on_sparse_data": SUBSAMPLES,
    },
)
def test_estimator(estimator, check):
    check(estimator)


# --------------------------------------------------------------------------------------------
# Bounds
# --------------------------------------------------------------------------------------------
def largest_tail(n_pairs, mean, level, mode=None):
    """max P(S >= level) over distributions of S on {0, 1 / n_pairs, ..., 1} of that mean."""
    values = np.arange(n_pairs + 1) / n_pairs
    rising = None
    if mode is not None:  # probabilities rise up to the mode and fall after it
        steps = np.diff(np.eye(n_pairs + 1), axis=0)
        rising = np.where(np.arange(n_pairs)[:, None] < mode, -steps, steps)
    result = linprog(
        -(values > level - 1e-9).astype(float),
        A_ub=rising,
        b_ub=None if rising is None else np.zeros(n_pairs),
        A_eq=[np.ones(n_pairs + 1), values],
        b_eq=[1, mean],
    )
    return -result.fun if result.success else 0.0


BOUNDS = [(5, 0.1), (10, 0.05), (10, 0.3), (10, 0.5), (20, 0.2)]


@pytest.mark.parametrize("n_pairs, p", BOUNDS)
def test_bounds_are_the_least_ones(n_pairs, p):
    """Against a linear programme over all distributions, or all unimodal ones."""
    known = 0
    for k in range(1, n_pairs + 1):
        level = k / n_pairs
        threshold = (1 + level) / 2
        assert_allclose(
            markov_factor(threshold) * p**2,
            np.clip(largest_tail(n_pairs, p**2, level), p**2 / level, None),
        )
        factor = unimodal_factor(threshold, n_pairs, p)
        if np.isfinite(factor):
            known += 1
            modes = range(n_pairs + 1)
            tail = max(largest_tail(n_pairs, p**2, level, mode) for mode in modes)
            assert_allclose(factor * p**2, tail)
            assert factor <= markov_factor(threshold)
    assert known >= n_pairs // 3


def test_the_unimodal_bound_says_nothing_where_it_is_not_proven():
    assert unimodal_factor(0.75, 50, 0.6) == np.inf  # p^2 > 1/3
    assert unimodal_factor(0.51, 50, 0.01) == np.inf  # a single pair would do
    assert unimodal_factor(0.6, 50, 0.5) == np.inf  # below twice the mean
    for n_pairs in (10, 20, 30, 50):  # from two pairs on it is, and 0.6 is 0.5 + 1 / 10
        assert unimodal_factor(0.5 + 1 / n_pairs, n_pairs, 0.01) == pytest.approx(n_pairs / 3)
    fitted = selector(n_pairs=5, max_features=5).fit(X, SCORES)
    bounds = [fitted.expected_false_selections(0.75, kind) for kind in ("none", "unimodal")]
    assert bounds[0] == bounds[1] == 25 / (0.5 * 6)


class Random(RegularizedMLPRegressor):
    """Selects k features at random, the later ones with greater probability."""

    k = 5
    slope = 0.0

    def fit(self, X, y, sample_weight=None):
        rng = np.random.default_rng(self.random_state)
        weight = 1 + self.slope * np.arange(X.shape[1])
        keys = rng.exponential(size=X.shape[1]) / weight
        self._mask = np.isin(np.arange(X.shape[1]), np.argsort(keys)[: self.k])
        return self

    @property
    def selected_features_(self):
        return self._mask


class Uneven(Random):
    slope = 0.3


NOTHING_FOUND = "ignore:.* halves selected no feature:UserWarning"  # with few rows or alphas


@functools.cache
def chance_of(cls):
    """The probability of each feature to be selected, of many draws."""
    draws = [cls(random_state=s).fit(np.zeros((4, 15)), 0).selected_features_ for s in range(3000)]
    return np.mean(draws, axis=0)


@pytest.mark.parametrize("cls", [Random, Uneven])
@pytest.mark.parametrize("n_pairs, threshold", [(1, 1.0), (2, 0.75), (5, 0.6), (5, 0.8)])
def test_bounds_hold_for_selectors_that_guess(cls, n_pairs, threshold):
    """Of features selected with probability at most q / p, no more are kept than the bound."""
    rows, p = np.zeros((4, 15)), 15
    chance = chance_of(cls)
    low = chance <= 5 / p + (0.05 if cls is Random else 0.0)
    assert low.sum() == p if cls is Random else 3 < low.sum() < 12
    kept = []
    for seed in range(100):
        model = StabilitySelection(cls(), n_pairs=n_pairs, threshold=threshold, random_state=seed)
        kept.append((model.fit(rows, np.arange(4.0)).get_support() & low).sum())
    bounds = [model.expected_false_selections(assumption=a) for a in ("none", "unimodal")]
    assert_allclose(bounds[0], 25 / (p * (2 * threshold - 1)))
    error = np.std(kept) / np.sqrt(len(kept))
    assert np.mean(kept) <= bounds[1] + 3 * error
    if cls is Random and n_pairs == 1:  # both halves of the one pair: the bound is sharp
        assert abs(np.mean(kept) - bounds[0]) < 4 * error


@pytest.mark.filterwarnings(NOTHING_FOUND)
def test_few_features_of_pure_noise_are_kept():
    kept = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        noise, y = rng.standard_normal((60, 20)), rng.standard_normal(60)
        model = selector(max_features=3, alphas=12, n_pairs=3, threshold=0.7).fit(noise, y)
        kept.append(model.get_support().sum())
    assert np.mean(kept) <= model.expected_false_selections_ == pytest.approx(9 / (0.4 * 20))


# --------------------------------------------------------------------------------------------
# Halves, and what is selected on them
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("counts", [[10], [11], [5, 5], [2, 2, 3], [7, 2, 30, 4]])
def test_halves(counts):
    labels = np.random.default_rng(1).permutation(np.repeat(np.arange(len(counts)), counts))
    seen = set()
    for seed in range(20):
        halves = _halves(labels, np.random.RandomState(seed))
        assert_array_equal(np.sort(np.concatenate(halves)), np.arange(len(labels)))
        one, other = (np.bincount(labels[rows], minlength=len(counts)) for rows in halves)
        assert np.abs(one - other).max() <= 1 and abs(one.sum() - other.sum()) <= 1
        assert one.min() >= 1 and other.min() >= 1
        seen.add(frozenset(halves[0]))
    assert len(seen) > 10 or len(labels) < 10


class Recording(RegularizedMLPClassifier):
    fits = []  # noqa: RUF012

    def fit(self, X, y, sample_weight=None):
        Recording.fits.append((X, y, sample_weight, super().fit(X, y, sample_weight)))
        return self


def test_frequencies_count_the_halves():
    Recording.fits.clear()
    weight = np.linspace(0.5, 1.5, 120)
    tagged = np.column_stack([X, weight])
    model = selector(Recording, alpha=0.06).fit(tagged, THREE, sample_weight=weight)
    assert len(Recording.fits) == 6
    masks = np.array([fitted.selected_features_ for *_, fitted in Recording.fits])
    for (rows, y, w, fitted), (other, *_) in zip(Recording.fits[:6:2], Recording.fits[1:6:2]):
        assert_array_equal(w, rows[:, -1])
        assert np.abs(np.bincount(y) - np.bincount(THREE) / 2).max() <= 0.5
        assert_array_equal(np.sort(np.concatenate([rows, other])[:, -1]), np.sort(weight))
        alone = clone(fitted).fit(rows, y, w)
        assert_array_equal(alone.selected_features_, fitted.selected_features_)
    assert_array_equal(model.selection_frequencies_, masks.mean(axis=0))
    assert model.n_selected_ == masks.sum() / 6
    assert len(np.unique(model.selection_frequencies_)) > 2
    assert_array_equal(model.get_support(), masks.mean(axis=0) >= 0.75)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("hidden, penalty", [((), "l1"), ((), "group_l1"), ((3,), "group_l1")])
def test_max_features_is_the_first_network_on_the_path(cls, hidden, penalty):
    network = cls(hidden, penalty=penalty, solver="lbfgs", activation="tanh", tol=1e-3,
                  max_iter=100, random_state=0)  # fmt: skip
    y, weight = targets(cls), np.linspace(0.5, 1.5, 120)
    path = regularization_path(network, X, y, alphas=12, eps=1e-2, sample_weight=weight)
    for q in (1, 2, 4, 6):
        first = int(np.argmax(path.selected_features.sum(axis=1) <= q))
        mask = _first_within(network, Rows(X, y, weight), q, 12, 1e-2)
        assert_array_equal(mask, path.selected_features[first])
        alphas = path.alphas[: first + 1]
        given = _first_within(network, Rows(X, y, weight), q, alphas, 1e-2)
        assert_array_equal(given, mask)


@pytest.mark.filterwarnings(NOTHING_FOUND)
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_never_more_than_max_features(solver):
    network = dict(solver=solver, learning_rate_init=0.01, max_iter=30, tol=1e-2)
    for q in (1, 2, 3):
        model = selector(max_features=q, n_pairs=2, network=network).fit(X, SCORES)
        assert model.n_selected_ <= q
    if solver == "lbfgs":  # with its noise and large steps between alphas, a path may die at once
        assert model.n_selected_ > 0


def test_finds_the_features_of_a_nonlinear_truth():
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((400, 12))
    y = rows[:, 0] * rows[:, 1] + np.sin(2 * rows[:, 2]) + 0.3 * rng.standard_normal(400)
    model = selector(hidden=(15,), penalty="group_log_sum", max_features=4, n_pairs=4, alphas=40,
                     network=dict(learning_rate_init=0.02)).fit(rows, y)  # fmt: skip
    assert_array_equal(model.get_support(indices=True), [0, 1, 2])


def test_weights_of_zero_hide_rows():
    """Rows that say otherwise, without weight: what they say is not selected."""
    rows, y = np.concatenate([X, X]), np.concatenate([SCORES, 9 * X[:, 5]])
    weight = np.repeat([1.0, 0.0], 120)
    assert_array_equal(selector().fit(rows, y, weight).get_support(indices=True), [0, 1])
    assert selector().fit(rows, y).get_support()[5]


# --------------------------------------------------------------------------------------------
# Reproducible, and at home in scikit-learn
# --------------------------------------------------------------------------------------------
@pytest.mark.filterwarnings("ignore")  # the networks are hardly trained
@pytest.mark.parametrize(
    "cls, max_features, solver",
    [
        (RegularizedMLPClassifier, 3, "lbfgs"),
        (RegularizedMLPClassifier, None, "adam"),
        (RegularizedMLPRegressor, 3, "lbfgs"),
    ],
)
def test_seeds_and_jobs(cls, max_features, solver):
    network = dict(solver=solver, max_iter=10, learning_rate_init=0.02, random_state=7)
    model = selector(cls, (4,), "group_l1", 0.15, network, max_features=max_features, alphas=5)
    model.set_params(n_pairs=2)
    one = model.fit(X, targets(cls)).selection_frequencies_
    two = clone(model).set_params(n_jobs=2).fit(X, targets(cls)).selection_frequencies_
    network_seed = clone(model).set_params(estimator__random_state=8).fit(X, targets(cls))
    others = [
        clone(model).set_params(random_state=seed).fit(X, targets(cls)).selection_frequencies_
        for seed in (1, 2, 3, 4)
    ]
    assert_array_equal(one, two)
    assert_array_equal(one, network_seed.selection_frequencies_)
    assert not all(np.array_equal(one, other) for other in others)
    assert model.estimator.random_state == 7 and not hasattr(model.estimator, "coefs_")


def test_the_threshold_is_read_when_features_are_selected():
    model = selector(max_features=3, n_pairs=5).fit(X, SCORES)
    before = model.get_support().sum(), model.expected_false_selections_
    frequency = model.selection_frequencies_.min()
    assert 0 < frequency + 0.51 <= 1
    model.set_params(threshold=0.51)
    assert model.get_support().sum() >= before[0]
    assert model.expected_false_selections_ == pytest.approx(9 / (0.02 * 6))
    assert model.expected_false_selections(0.75) == before[1] == pytest.approx(9 / (0.5 * 6))
    with pytest.raises(ValueError, match="threshold must be"):
        model.set_params(threshold=0.5).transform(X)


def test_frames_and_sparse_rows():
    pandas = pytest.importorskip("pandas")
    names = [f"column_{j}" for j in range(6)]
    frame = pandas.DataFrame(X, columns=names)
    plain, named = selector().fit(X, SCORES), selector().fit(frame, pandas.Series(SCORES))
    assert_array_equal(named.selection_frequencies_, plain.selection_frequencies_)
    assert_array_equal(named.get_feature_names_out(), ["column_0", "column_1"])
    assert_array_equal(named.transform(frame), X[:, :2])
    assert list(named.set_output(transform="pandas").transform(frame).columns) == names[:2]
    assert_array_equal(plain.inverse_transform(X[:, :2])[:, 2:], 0)
    with pytest.raises(ValueError, match="feature names"):
        named.transform(frame[names[::-1]])
    assert not hasattr(named.fit(X, SCORES), "feature_names_in_")
    csr = selector().fit(sparse.csr_array(X), SCORES)
    assert_array_equal(csr.selection_frequencies_, plain.selection_frequencies_)
    assert_allclose(csr.transform(sparse.csr_array(X)).toarray(), X[:, :2])


def test_inside_a_pipeline_and_a_search():
    model = make_pipeline(StandardScaler(), selector(), RegularizedMLPRegressor((), alpha=1e-3))
    grid = {"stabilityselection__max_features": [2, 3]}
    search = GridSearchCV(model, grid, cv=2).fit(X, SCORES)
    assert search.best_estimator_[-1].n_features_in_ == 2
    assert search.score(X, SCORES) > 0.7


def test_many_outputs_and_labels():
    two = np.column_stack([SCORES, X[:, 2]])
    assert_array_equal(selector().fit(X, two).get_support(indices=True), [0, 1, 2])
    labels = selector(RegularizedMLPClassifier, alpha=0.05).fit(X, (two > 0).astype(int))
    assert_array_equal(labels.get_support(indices=True), [0, 1, 2])


@pytest.mark.skipif(not hasattr(CallbackSupportMixin, "set_callbacks"), reason="no callbacks")
@pytest.mark.parametrize("max_features, n_jobs", [(None, 1), (2, 1), (2, 2)])
def test_hooks_see_every_half(max_features, n_jobs):
    from sklearn.callback import ProgressBar

    pytest.importorskip("rich")
    events = []

    class Hook:
        max_propagation_depth = 1

        def setup(self, estimator, context): ...
        def teardown(self, estimator, context): ...
        def on_fit_task_begin(self, estimator, context):
            events.append((context.task_name, context.task_id))

        def on_fit_task_end(self, estimator, context):
            events.remove((context.task_name, context.task_id))
            ends.append(context.task_name)

    ends = []
    model = selector(n_pairs=2, max_features=max_features, n_jobs=n_jobs, alphas=5)
    if n_jobs == 1:
        model.set_callbacks(Hook()).fit(X, SCORES)
        assert events == [] and ends.count("fit") == 5 and ends[-1] == "fit"  # 4 halves
    hooked = clone(model).set_callbacks(ProgressBar()).fit(X, SCORES)
    assert_array_equal(
        hooked.selection_frequencies_, model.set_callbacks().fit(X, SCORES).selection_frequencies_
    )


# --------------------------------------------------------------------------------------------
# Errors
# --------------------------------------------------------------------------------------------
def test_errors():
    with pytest.raises(ValueError, match="alpha must be"):
        selector(alpha=-1).fit(X, SCORES)
    with pytest.raises(ValueError, match=r"max_features must be at most .* n_features=6; got 7"):
        selector(max_features=7).fit(X, SCORES)
    with pytest.raises(ValueError, match=r"penalty='l2' never drops a feature.*'group_l1'"):
        selector(penalty="l2", max_features=2).fit(X, SCORES)
    with pytest.raises(ValueError, match=r"A path ended at alpha=0.001 with [3-6] features.*=2"):
        selector(max_features=2, alphas=[1e-4, 1e-3]).fit(X, SCORES)
    y = LABELS.astype(object)
    y[3] = "maybe"
    with pytest.raises(ValueError, match="class 'maybe' has 1"):
        selector(RegularizedMLPClassifier).fit(X, y)
    with pytest.raises(ValueError, match="n_samples=1"):
        selector().fit(X[:1], SCORES[:1])
    for call in (lambda s: s.transform(X), lambda s: s.expected_false_selections()):
        with pytest.raises(NotFittedError):
            call(selector())
    fitted = selector().fit(X, SCORES)
    with pytest.raises(ValueError, match="assumption must be one of 'none', 'unimodal'"):
        fitted.expected_false_selections(assumption="r-concave")
    before = fitted.selection_frequencies_
    with pytest.raises(ValueError, match="never drops"):
        fitted.set_params(estimator__penalty=None, max_features=1).fit(X[:, :3], SCORES)
    assert fitted.n_features_in_ == 6 and fitted.selection_frequencies_ is before


# --------------------------------------------------------------------------------------------
# Groups of one-hot columns
# --------------------------------------------------------------------------------------------
def table():
    pandas, rng = pytest.importorskip("pandas"), np.random.default_rng(2)
    towns = ["york", "rome", "oslo", "lima", "x_y"]
    return pandas.DataFrame(
        {
            "age": rng.normal(40, 9, 80),
            "town": rng.choice(towns, 80, p=[0.4, 0.3, 0.15, 0.1, 0.05]),
            "sex": rng.choice(["f", "m"], 80),
            "fare": rng.normal(size=80),
            "town_x": rng.choice(["a", "b", "c"], 80),
        }
    )


def sources(transformer, frame):
    """For each output column the input column that it depends on, by permuting one at a time."""

    def output(rows):
        result = transformer.transform(rows)
        return result.toarray() if sparse.issparse(result) else np.asarray(result)

    base = output(frame)
    depends = np.empty((len(frame.columns), base.shape[1]), dtype=bool)
    for row, column in zip(depends, frame.columns):
        changed = frame.copy()
        changed[column] = np.roll(frame[column].to_numpy(), 1)
        row[...] = (output(changed) != base).any(axis=0)
    assert_array_equal(depends.sum(axis=0), 1)
    return depends.argmax(axis=0)


def assert_groups(transformer, frame):
    """Labels agree with the sources, number for number, in the order of the columns."""
    groups, truth = one_hot_groups(transformer), sources(transformer, frame)
    assert len(groups) == len(transformer.get_feature_names_out())
    assert_array_equal(groups[:, None] == groups, truth[:, None] == truth)
    assert_array_equal(np.unique(groups), np.arange(len(np.unique(truth))))


ENCODERS = [
    {}, {"drop": "first"}, {"drop": "if_binary"}, {"max_categories": 3}, {"min_frequency": 0.2},
    {"min_frequency": 15, "handle_unknown": "infrequent_if_exist", "drop": "first"},
    {"sparse_output": False, "handle_unknown": "ignore"},
    {"feature_name_combiner": lambda name, category: f"{category}<-{name}"},
]  # fmt: skip


@pytest.mark.parametrize("kwargs", ENCODERS, ids=lambda kwargs: "-".join(kwargs) or "plain")
@pytest.mark.parametrize("named", [True, False])
def test_groups_of_an_encoder(kwargs, named):
    frame = table()[["town", "sex", "town_x"]]
    encoder = OneHotEncoder(**kwargs)
    assert_groups(encoder.fit(frame), frame)
    if not named:
        groups = one_hot_groups(encoder)
        assert_array_equal(one_hot_groups(OneHotEncoder(**kwargs).fit(frame.to_numpy())), groups)


CATEGORIES = ["town", "sex", "town_x"]
COLUMNS = [
    CATEGORIES,
    [1, 2, 4],
    [False, True, True, False, True],
    slice(1, 3),
    make_column_selector(dtype_exclude=np.number),
]


@pytest.mark.parametrize("columns", COLUMNS, ids=["names", "index", "mask", "slice", "callable"])
@pytest.mark.parametrize(
    "remainder, verbose, first",
    [("drop", True, True), ("passthrough", False, True), (StandardScaler(), True, False)],
)
@pytest.mark.parametrize("kwargs", [{}, {"max_categories": 3, "drop": "if_binary"}], ids=str)
def test_groups_of_a_column_transformer(columns, remainder, verbose, first, kwargs):
    frame = table()
    if columns == slice(1, 3) and remainder != "drop":
        frame = frame.drop(columns="town_x")  # else it would be passed through as strings
    parts = [
        ("scaled", StandardScaler(), ["fare"]),
        ("coded", OneHotEncoder(**kwargs), columns),
        ("none", OneHotEncoder(), []),
        ("gone", "drop", ["age"] if remainder == "drop" else []),
    ]
    transformer = ColumnTransformer(
        parts if first else parts[::-1],
        remainder=remainder,
        verbose_feature_names_out=verbose,
    ).fit(frame)
    assert_groups(transformer, frame)


def test_groups_through_pipelines_and_nested_transformers():
    frame = table()
    holes = frame.assign(town=frame["town"].where(np.arange(80) % 9 > 0, np.nan))
    coded = make_pipeline(
        SimpleImputer(strategy="most_frequent"),
        OneHotEncoder(drop="first"),
        "passthrough",
        VarianceThreshold(0.05),
        MaxAbsScaler(),
        FunctionTransformer(lambda rows: rows.toarray(), feature_names_out="one-to-one"),
    )
    inner = ColumnTransformer([("coded", coded, ["town", "sex"])], remainder="passthrough")
    outer = ColumnTransformer([("rest", "passthrough", ["fare"]),
                               ("inner", inner, ["age", "town", "sex"]),
                               ("last", OneHotEncoder(), ["town_x"])])  # fmt: skip
    assert_groups(outer.fit(holes), holes)
    whole = make_pipeline(outer, MaxAbsScaler()).fit(holes)
    assert_array_equal(one_hot_groups(whole), one_hot_groups(outer))
    pandas_out = clone(outer)
    pandas_out.set_params(
        last=OneHotEncoder(sparse_output=False), inner=OneHotEncoder(sparse_output=False)
    )
    pandas_out.transformers[1] = ("inner", pandas_out.transformers[1][1], ["town", "sex"])
    assert_groups(pandas_out.set_output(transform="pandas").fit(frame), frame)


def test_groups_need_a_fitted_encoder_that_can_be_followed():
    frame = table()[["town", "sex"]]
    for unfitted in (OneHotEncoder(), ColumnTransformer([("a", OneHotEncoder(), ["town"])])):
        with pytest.raises(NotFittedError):
            one_hot_groups(unfitted)
    numbers = StandardScaler().fit(X)
    for other in (numbers, make_pipeline(numbers), "town", None, OneHotEncoder):
        with pytest.raises(ValueError, match="transformer must be a fitted ColumnTransformer or"):
            one_hot_groups(other)
    for step in (PCA(2), FunctionTransformer(np.sqrt)):
        mixed = make_pipeline(OneHotEncoder(sparse_output=False), step).fit(frame)
        with pytest.raises(ValueError, match=f"through the step '{type(step).__name__.lower()}'"):
            one_hot_groups(mixed)


@pytest.mark.parametrize("hidden", [(), (6,)])
def test_categories_enter_and_leave_as_a_whole(hidden):
    """A table of passengers: port and class come as several columns each, and matter or do not."""
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(3)
    frame = pandas.DataFrame(
        {
            "fare": rng.lognormal(3, 0.5, 300),
            "sex": rng.choice(["female", "male"], 300),
            "class": rng.choice(["first", "second", "third"], 300, p=[0.2, 0.3, 0.5]),
            "port": rng.choice(["C", "Q", "S"], 300),
            "age": rng.uniform(1, 70, 300),
        }
    )
    odds = 2 * (frame["sex"] == "female") + 1.5 * (frame["class"] == "first") - 1.2
    survived = (odds + 0.5 * rng.logistic(size=300) > 0).astype(int)
    columns = ColumnTransformer(
        [("coded", OneHotEncoder(), ["sex", "class", "port"])], remainder=StandardScaler()
    )
    rows = columns.fit_transform(frame)
    groups = one_hot_groups(columns)
    network = RegularizedMLPClassifier(hidden, penalty="group_l1", feature_groups=groups,
                                       learning_rate_init=0.02, random_state=0)  # fmt: skip
    chosen = regularization_path(network, rows, survived, alphas=12).selected_features
    for label in np.unique(groups):
        part = chosen[:, groups == label]
        assert_array_equal(part.all(axis=1), part.any(axis=1))
    counts = [len(np.unique(groups[mask])) for mask in chosen]
    assert counts[0] == 5 and counts[-1] == 0 and len(set(counts)) >= 4
    split = regularization_path(network.set_params(feature_groups=None), rows, survived, alphas=12)
    pieces = [split.selected_features[:, groups == label] for label in np.unique(groups)]
    assert any((part.any(axis=1) & ~part.all(axis=1)).any() for part in pieces)
    network.set_params(feature_groups=groups)
    stable = StabilitySelection(network, max_features=5, n_pairs=3, alphas=12, random_state=0)
    kept = stable.fit(rows, survived).get_support()
    names = columns.transformers_[0][1].feature_names_in_[np.unique(groups[kept])]
    assert "sex" in names and set(names) <= {"sex", "class"}
    assert_array_equal(np.isin(groups, groups[kept]), kept)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_what_fits_on_halves_warn_of_is_told_once(n_jobs):
    single = RegularizedMLPRegressor((3,), penalty="group_l1", alpha=1e-3, max_iter=2)
    model = StabilitySelection(single, n_pairs=3, n_jobs=n_jobs, random_state=0)
    with pytest.warns() as caught:
        model.fit(X * np.geomspace(1, 1e3, X.shape[1]), X[:, 0])
    unscaled, untrained = caught
    assert "StandardScaler" in str(unscaled.message)
    assert re.match(r"6 of 6 halves warned; the first says: The fit ", str(untrained.message))
    assert untrained.category is ConvergenceWarning
    assert untrained.filename == __file__
