"""The unit of y: y -> c y + d multiplies predictions by c, adds d, and changes nothing else.

By a power of two every operation is exact, so that weights, supports, alphas and certificates are
bitwise the same. Any other factor changes the rounding of y, and an offset d costs the digits of
abs(d) / std(y): there the fits agree to that rounding.
"""

import warnings
from itertools import cycle, product

import numpy as np
import pytest
from _problems import diabetes, fit_quietly, regression_data, regressor
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet, Lasso, MultiTaskLasso, Ridge
from sklearn.metrics import (
    mean_absolute_error,
    mean_pinball_loss,
    mean_squared_error,
    r2_score,
)

from skreg_mlp import (
    RegularizedMLPRegressor,
    RegularizedMLPRegressorCV,
    StabilitySelection,
    regularization_path,
)
from skreg_mlp._objective.losses import Huber, Quantile, SquaredError
from skreg_mlp._objective.targets import Scale
from skreg_mlp._training import walk
from skreg_mlp.penalties import Penalty, soft_threshold
from skreg_mlp.penalties._names import PENALTIES

POWERS = (-27, -3, 20, 27)
FACTORS = (1e-8, 1e-3, 7.0, 1e8)
SHIFTS = (0.0, 1.0, -1e3, 1e6)  # in units of y
LOSSES = ("squared_error", "huber", "quantile")
DEGREES = {"squared_error": 2, "huber": 2, "quantile": 1}  # of the loss in the unit of y
SOLVERS = ("lbfgs", "adam", "sgd")
HIDDEN = ((), (4,))
N, D = 40, 4


# tighter than rounding allows for some seeds, and what is reached is compared
pytestmark = pytest.mark.filterwarnings("ignore:The fit ended .no step lowers")


class OnlyProx(Penalty):
    """A lasso that says no more of itself than it must."""

    def value(self, W):
        return self.alpha * float(np.abs(W).sum())

    def prox(self, V, step):
        return soft_threshold(V, step * self.alpha)


PENALTY_LIST = (*PENALTIES, None, OnlyProx())


def name_of(value):
    return type(value).__name__ if isinstance(value, Penalty) else str(value)


def offers_lbfgs(penalty):
    return not isinstance(penalty, OnlyProx)


def data(seed=0, n=N, k=1):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, D))
    Y = X[:, :1] - X[:, 1:2] + 0.3 * rng.normal(size=(n, k)) + 0.4
    return X, Y.ravel() if k == 1 else Y


X, Y = data()


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    """Paths of stochastic solvers take thousands of steps; what holds after 20 holds always."""
    monkeypatch.setattr(walk, "MIN_STEPS", 20)
    monkeypatch.setattr("skreg_mlp._training.grid.N_BELOW", 2)  # alphas in each extension


def quietly(function, *args, **kwargs):
    """Call where the end of the iterations, or an empty network, is part of the test."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for text in ("Every weight is zero", ".* halves selected no feature"):
            warnings.filterwarnings("ignore", text, UserWarning)
        return function(*args, **kwargs)


def make(hidden=(), kind=RegularizedMLPRegressor, **params):
    defaults = dict(
        solver="lbfgs", penalty="l1", max_iter=5, random_state=0, learning_rate_init=0.05,
        huber_delta=0.8, quantile=0.3,
    )  # fmt: skip
    if kind is RegularizedMLPRegressor:
        defaults["alpha"] = 0.05
    return kind(hidden, **defaults | params)


# --------------------------------------------------------------------------------------------
# Entries: each returns what has no unit, what has that of y, and what has that of the loss
# --------------------------------------------------------------------------------------------
def network_facts(model):
    certificate = [getattr(model, name, 0) for name in ("loss_", "objective_", "stationarity_")]
    return [*model.coefs_, *model.intercepts_, model.selected_features_, certificate]


def fit(y, **params):
    model = quietly(make(**params).fit, X, y)
    in_units = [model.predict(X), model.target_scale_, model.target_offset_]
    return [*network_facts(model), model.loss_curve_, model.objective_curve_], in_units, []


def partial_fit(y, **params):
    if params["solver"] == "lbfgs":
        pytest.skip("lbfgs has no partial_fit")
    model = make(**params)
    for rows in np.array_split(np.arange(N), 3):
        model.partial_fit(X[rows], y[rows])
    return network_facts(model), [model.predict(X)], []


def early_stopping(y, **params):
    model = make(early_stopping=True, n_iter_no_change=2, **params)
    quietly(model.fit, X[10:], y[10:], X_val=X[:10], y_val=y[:10])
    scores = [model.validation_scores_, model.best_validation_score_]
    split = quietly(make(early_stopping=True, scoring="r2", **params).fit, X, y)
    free = [*network_facts(model), *network_facts(split), split.validation_scores_]
    return free, [model.predict(X), split.predict(X)], scores


def path(y, **params):
    found = quietly(
        regularization_path,
        make(**params),
        X,
        y,
        alphas=grid_of(params),
        X_val=X[:10],
        y_val=y[:10],
    )
    certificate = [found.alphas, found.loss, found.objective, found.stationarity]
    free = [*certificate, found.selected_features]
    for networks in (found.coefs, found.intercepts):
        free += [values for layers in networks for values in layers]
    predictions = [found.to_estimator(i).predict(X) for i in range(len(found))]
    return free, predictions, [found.validation_scores]


def grid_of(params):
    """How many alphas; alphas where no top of the grid is known."""
    known = params["penalty"] is not None and offers_lbfgs(params["penalty"])
    return 2 if known else [0.01, 0.2]


def cross_validation(selection, relaxed):
    def fit_cv(y, **params):
        options = dict(cv=2, alphas=grid_of(params), selection=selection, relaxed=relaxed)
        model = make(kind=RegularizedMLPRegressorCV, **options, **params)
        quietly(model.fit, X, y)
        free = [*network_facts(model), model.alphas_, model.alpha_, model.path_.selected_features]
        scores = [model.cv_results_[f"split{k}_test_score"] for k in range(2)]
        return free, [model.predict(X)], [*scores, model.best_score_]

    return fit_cv


def stability_selection(y, **params):
    options = dict(max_features=3, alphas=grid_of(params), n_pairs=1, random_state=0)
    if params["penalty"] in (None, "l2"):
        options["max_features"] = None
    if offers_lbfgs(params["penalty"]) is False:
        options["alphas"] = [0.01, 1e6]
    model = quietly(StabilitySelection(make(**params), **options).fit, X, y)
    return [model.selection_frequencies_, model.get_support()], [], []


ENTRIES = {
    "partial_fit": partial_fit,
    "early stopping": early_stopping,
    "path": path,
    "CV": cross_validation("min", False),
    "CV, 1se and relaxed": cross_validation("1se", True),
    "stability selection": stability_selection,
}


def assert_same_but_for_the_unit(entry, power, **params):
    (free, in_units, of_loss), (free_2, in_units_2, of_loss_2) = (
        entry(y, **params) for y in (Y, Y * 2.0**power)
    )
    for one, other in zip(free, free_2, strict=True):
        assert_array_equal(one, other)
    for one, other in zip(in_units, in_units_2, strict=True):
        assert_array_equal(one * 2.0**power, other)
    for one, other in zip(of_loss, of_loss_2, strict=True):
        assert_array_equal(np.multiply(one, 2.0 ** (power * DEGREES[params["loss"]])), other)


# --------------------------------------------------------------------------------------------
# Powers of two: bitwise
# --------------------------------------------------------------------------------------------
CONFIGURATIONS = [
    (loss, solver, hidden, penalty)
    for loss, solver, hidden, penalty in product(LOSSES, SOLVERS, HIDDEN, PENALTY_LIST)
    if solver != "lbfgs" or offers_lbfgs(penalty)
]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("penalty", PENALTY_LIST, ids=name_of)
def test_fit_in_other_units(loss, solver, hidden, penalty):
    if solver == "lbfgs" and not offers_lbfgs(penalty):
        pytest.skip("needs terms")
    # the powers take turns: each meets every loss, solver, penalty and network with another
    case = CONFIGURATIONS.index((loss, solver, hidden, penalty))
    params = dict(loss=loss, solver=solver, hidden=hidden, penalty=penalty)
    assert_same_but_for_the_unit(fit, POWERS[(case + case // 4) % 4], **params)


# every penalty and solver for each entry, over which losses, networks and powers take turns
OTHERS = list(
    zip(
        product(ENTRIES, PENALTY_LIST, SOLVERS),
        cycle(product(LOSSES, HIDDEN)),
        cycle((*POWERS, *POWERS[1:])),
    )
)


@pytest.mark.parametrize(
    "entry, penalty, solver, loss, hidden, power",
    [(*one, *two, three) for one, two, three in OTHERS],
    ids=name_of,
)
def test_entries_in_other_units(entry, penalty, solver, loss, hidden, power):
    if solver == "lbfgs" and not offers_lbfgs(penalty):
        pytest.skip("needs terms")
    params = dict(loss=loss, solver=solver, hidden=hidden, penalty=penalty)
    assert_same_but_for_the_unit(ENTRIES[entry], power, **params)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_each_output_has_its_own_unit(hidden, solver, loss):
    factors = 2.0 ** np.array([-27, 5, 27])
    (_, targets), params = data(k=3), dict(hidden=hidden, solver=solver, loss=loss)
    for penalty in ("l1", "group_l1", "group_mcp"):
        one, other = (
            quietly(make(penalty=penalty, **params).fit, X, y) for y in (targets, targets * factors)
        )
        for a, b in zip(network_facts(one), network_facts(other)):
            assert_array_equal(a, b)
        assert_array_equal(one.predict(X) * factors, other.predict(X))


# --------------------------------------------------------------------------------------------
# Other factors, and offsets: to rounding
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("penalty", ["l1", "group_l1", "elasticnet", "mcp"])
def test_any_factor_and_offset(penalty, hidden, solver, loss):
    convex = not hidden and penalty != "mcp" and solver == "lbfgs" and loss != "quantile"
    limits = dict(max_iter=5000, tol=1e-9) if convex else dict(max_iter=4, tol=1e-12)
    if loss == "huber" and solver == "lbfgs":
        limits["max_iter"] *= 3
    params = dict(hidden=hidden, solver=solver, loss=loss, penalty=penalty, **limits)
    one = quietly(make(**params).fit, X, Y)
    assert one.n_nonzero_ or not convex
    for factor, shift in zip(FACTORS, SHIFTS[:: 1 if hidden else -1]):
        other = quietly(make(**params).fit, X, factor * (Y + shift))
        # The digits that Y + shift leaves. The quantile loss bends within a thousandth of y, and
        # adam divides the gradient of the intercept, 0 at the start but for rounding, by 1e-8.
        steep = loss == "quantile" or solver == "adam"
        rounding = 1e-15 * (1 + abs(shift)) * (1e7 if steep else 1e5)
        rounding = max(rounding, 1e-7 if convex else 0)
        for a, b in zip((*one.coefs_, *one.intercepts_), (*other.coefs_, *other.intercepts_)):
            assert_allclose(b, a, rtol=rounding, atol=rounding)
        assert_array_equal(one.selected_features_, other.selected_features_)
        assert_allclose(other.loss_, one.loss_, rtol=10 * rounding)
        assert_allclose(other.predict(X) / factor - shift, one.predict(X), atol=10 * rounding)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("factor, shift", [(1e-8, 1e3), (7e5, 0.0)])
def test_selection_along_a_path_in_any_unit(loss, factor, shift):
    """The unit of alpha is that of scaled y: one grid, one support at each of its alphas."""
    params = dict(loss=loss, max_iter=5000, tol=1e-6)
    one, other = (
        quietly(regularization_path, make(**params), X, y, alphas=6)
        for y in (Y, factor * (Y + shift))
    )
    assert_allclose(other.alphas, one.alphas, rtol=1e-6)
    assert_array_equal(other.selected_features, one.selected_features)
    assert len(set(one.n_nonzero)) > 2


def few_epochs(**params):
    return dict(max_iter=60, solver="adam", learning_rate_init=0.05, alpha=1e-3) | params


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("solver", SOLVERS)
def test_float32_of_y_far_from_zero(solver, hidden, loss):
    """Seconds since 1970: float32 has a unit of 128 there, and the signal one of 1."""
    y = 1.7e9 + Y
    params = few_epochs(solver=solver, hidden=hidden, loss=loss)
    for signal in (y, 1e-9 * Y):
        wide = quietly(make(**params).fit, X, signal)
        narrow = quietly(make(**params).fit, X.astype(np.float32), signal)
        assert narrow.coefs_[0].dtype == np.float32
        expected = r2_score(signal, wide.predict(X))
        assert expected > 0.6
        # y that is cast before it is centered gives an R2 of -14,000
        assert r2_score(signal, narrow.predict(X.astype(np.float32))) > expected - 0.02


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("entry", ["partial_fit", "path", "CV"])
def test_float32_of_y_far_from_zero_in_other_entries(entry, hidden):
    y, narrow, params = 1.7e9 + Y, X.astype(np.float32), few_epochs(hidden=hidden)
    if entry == "partial_fit":
        model = make(**params)
        for _ in range(60):
            model.partial_fit(narrow, y)
    elif entry == "path":
        model = regularization_path(make(**params), narrow, y, alphas=[1e-3]).to_estimator(0)
    else:
        del params["alpha"]
        model = make(kind=RegularizedMLPRegressorCV, alphas=[1e-3], cv=2, **params).fit(narrow, y)
    assert model.coefs_[0].dtype == np.float32
    assert r2_score(y, model.predict(narrow)) > 0.8


# --------------------------------------------------------------------------------------------
# What the scale and the offset are
# --------------------------------------------------------------------------------------------
def quantile_by_hand(y, q, weight):
    """Smallest value that reaches the share q of the weight."""
    order = np.argsort(y)
    reached = np.cumsum(weight[order]) / weight.sum()
    return y[order][np.flatnonzero(reached >= q - 1e-12)[0]]


def scale_by_hand(loss, y, weight):
    mean = np.average(y, weights=weight)
    std = np.sqrt(np.average((y - mean) ** 2, weights=weight))
    if loss == "squared_error":
        return mean, std
    low, middle, high = (quantile_by_hand(y, q, weight) for q in (0.25, 0.5, 0.75))
    if loss == "quantile":
        middle = quantile_by_hand(y, 0.3, weight)
    return middle, (high - low) / 1.349 if high > low else std


WEIGHTS = np.random.default_rng(5).integers(0, 4, N).astype(float)
TIED = np.where(np.arange(N) % 5 < 4, 2.5, Y)  # both quartiles are one value
OUTLIERS = np.where(np.arange(N) < 3, 1e9, Y)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("y", [Y, TIED, OUTLIERS, 1e-6 * Y - 3], ids=["y", "ties", "far", "shift"])
@pytest.mark.parametrize("weight", [None, WEIGHTS], ids=["equal", "weighted"])
def test_scale_by_hand(loss, y, weight):
    model = fit_quietly(make(loss=loss, max_iter=1), X, y, sample_weight=weight)
    offset, scale = scale_by_hand(loss, y, np.ones(N) if weight is None else weight)
    assert_allclose(model.target_offset_, [offset], rtol=1e-12)
    assert_allclose(model.target_scale_, [scale], rtol=1e-9)
    assert model.target_scale_.dtype == model.target_offset_.dtype == np.float64


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("excluded", [1.0, 1e6, 1e20])
def test_weights_are_repeated_rows(hidden, loss, excluded):
    """A row of weight 0 is repeated not at all, whatever its y."""
    y = 1e4 * np.where(WEIGHTS > 0, Y, excluded)
    rows = np.repeat(np.arange(N), WEIGHTS.astype(int))
    convex = dict(max_iter=5000, tol=1e-10 if loss == "squared_error" else 1e-6)
    params = dict(hidden=hidden, loss=loss, **({} if hidden else convex))
    weighted = quietly(make(**params).fit, X, y, sample_weight=WEIGHTS)
    repeated = quietly(make(**params).fit, X[rows], y[rows])
    assert_allclose(weighted.target_scale_, repeated.target_scale_, rtol=1e-12)
    assert_allclose(weighted.target_offset_, repeated.target_offset_, rtol=1e-12)
    for a, b in zip(weighted.coefs_, repeated.coefs_):
        assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("constant", [0.0, 0.1, 19.9, -1e6])
def test_one_output_is_constant(constant, solver, loss):
    both = np.column_stack([Y * 1e3, np.full(N, constant)])
    model = quietly(make(loss=loss, solver=solver).fit, X, both)
    alone = quietly(make(loss=loss, solver=solver).fit, X, both[:, 0])
    assert model.target_scale_[1] == 0 and not model.coefs_[0][:, 1].any()
    assert_array_equal(model.predict(X)[:, 1], constant)
    assert_allclose(model.target_scale_[0], alone.target_scale_[0], rtol=1e-15)
    if solver == "adam":  # the others share their steps between outputs
        assert_allclose(model.coefs_[0][:, 0], alone.coefs_[0][:, 0], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_a_constant_y_is_what_is_predicted(hidden, loss, solver):
    for constant, dtype in product((0.0, 0.1, 19.9, -3e7, 1e-9), (np.float64, np.float32)):
        model = make(hidden=hidden, loss=loss, solver=solver, max_iter=3)
        quietly(model.fit, X.astype(dtype), np.full(N, constant))
        assert_array_equal(model.target_scale_, [0.0])
        predicted = model.predict(X.astype(dtype))
        assert predicted.dtype == dtype
        assert_array_equal(predicted, dtype(constant))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("power", POWERS)
def test_the_unit_of_a_constant_does_not_matter(power, hidden, solver, loss):
    """Nor to scores on validation data, which are not constant."""
    fits = []
    for factor in (1.0, 2.0**power):
        model = make(hidden=hidden, loss=loss, solver=solver, max_iter=3, early_stopping=True)
        model.set_params(tol=0.0)
        constant, y_val = np.full(N, 19.9 * factor), (19.9 + Y) * factor
        fits.append(quietly(model.fit, X, constant, X_val=X, y_val=y_val))
    one, other = fits
    for a, b in zip(network_facts(one), network_facts(other)):
        assert_array_equal(a, b)
    if loss == "squared_error":
        assert_allclose(other.validation_scores_, -np.mean((Y * factor) ** 2) / 2, rtol=1e-9)


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("loss", ["poisson", "gamma", "tweedie"])
@pytest.mark.parametrize("mode", ["std", None])
def test_losses_with_a_log_link_have_no_unit(mode, loss, solver, hidden):
    counts = 1.0 + np.random.default_rng(0).poisson(3, N)
    params = dict(hidden=hidden, solver=solver, loss=loss, target_scale=mode)
    params |= dict(learning_rate_init=1e-3)
    model = quietly(make(**params).fit, X, counts)
    assert_array_equal(model.target_scale_, [1.0])
    assert_array_equal(model.target_offset_, [0.0])
    raw = quietly(make(**dict(params, target_scale=None)).fit, X, counts)
    for a, b in zip(network_facts(model), network_facts(raw)):
        assert_array_equal(a, b)


# --------------------------------------------------------------------------------------------
# How alpha converts
# --------------------------------------------------------------------------------------------
TIGHT = dict(tol=1e-13, max_iter=100_000)
TWINS = {
    # Lasso's alpha is tau times ours; of the elastic net the l1 part alone, of ridge nothing
    "l1": lambda a, tau, n: Lasso(tau * a, **TIGHT),
    "l2": lambda a, tau, n: Ridge(n * a, solver="cholesky"),
    "elasticnet": lambda a, tau, n: ElasticNet(
        0.3 * a * tau + 0.7 * a, l1_ratio=0.3 * tau / (0.3 * tau + 0.7), **TIGHT
    ),
}


@pytest.mark.parametrize("mode", ["std", None])
@pytest.mark.parametrize("penalty", TWINS)
@pytest.mark.parametrize("unit", [0.02, 50.0])
def test_conversions_of_alpha(unit, penalty, mode):
    X, y = regression_data()
    y, alpha = unit * y, 0.1 if mode == "std" else 0.1 * unit
    tau, tol = (y.std(), 1e-9) if mode == "std" else (1.0, 1e-8 * unit)
    model = regressor(penalty=penalty, l1_ratio=0.3, target_scale=mode, alpha=alpha, tol=tol)
    model.fit(X, y)
    twin = TWINS[penalty](alpha, tau, len(X)).fit(X, y)
    coef, intercept = tau * model.coefs_[0].ravel(), tau * model.intercepts_[0]
    offset = model.target_offset_ if mode == "std" else 0
    assert_allclose(coef, twin.coef_, rtol=1e-6, atol=1e-7 * unit)
    assert_allclose(intercept + offset, twin.intercept_, rtol=1e-6, atol=1e-7 * unit)
    if mode is None:
        assert_array_equal(model.target_scale_, [1.0])
        assert_array_equal(model.target_offset_, [0.0])
        error = mean_squared_error(y, twin.predict(X)) / 2
        assert_allclose(model.loss_, error, rtol=1e-8)


@pytest.mark.parametrize("mode", ["std", None])
def test_conversion_of_the_multi_task_lasso(mode):
    """Of raw Y only under None: one tau for each output is another weight of each error."""
    X, Y = regression_data(k=3)
    Y = Y * [1.0, 10.0, 0.1]
    tau = Y.std(axis=0) if mode == "std" else np.ones(3)
    alpha = 0.1 if mode == "std" else 0.5
    model = regressor(penalty="group_l1", target_scale=mode, alpha=alpha).fit(X, Y)
    twin = MultiTaskLasso(alpha * np.sqrt(3), **TIGHT).fit(X, Y / tau)
    assert_allclose(model.coefs_[0], twin.coef_.T, atol=1e-6)
    assert 0 < model.n_selected_features_ < X.shape[1]


# --------------------------------------------------------------------------------------------
# partial_fit: the unit is fixed by the first chunk that varies
# --------------------------------------------------------------------------------------------
CONSTANTS = np.arange(1, 10_000) / 100


@pytest.mark.parametrize("loss", [SquaredError(), Huber(1.35), Quantile(0.3, np.ones(1))])
@pytest.mark.parametrize("n", [1, 2, 7, 200, 1000])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("together", [False, True])
def test_no_constant_has_a_spread(together, loss, n, weighted):
    """Their rounded standard deviation is 1e-17, not 0; one by one, or many outputs at a time."""
    weight = np.random.default_rng(0).uniform(0.1, 3, n) if weighted else None
    for factor in (1, -3e-7):
        outputs = np.tile(factor * CONSTANTS[::37], (n, 1))
        parts = [outputs] if together else outputs.T[::5, :, None]
        for y in parts:
            scale = Scale.of(loss, y, weight)
            assert not scale.known.any()
            assert_array_equal(scale.scale, 1.0)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("n", [30, 1000])
def test_a_constant_output_of_many_rows(n, solver):
    """The sum of a column of several outputs is rounded row by row."""
    X, y = data(n=n)
    both = np.column_stack([y, np.full(n, 19.9)])
    model = quietly(make(solver=solver).fit, X, both)
    assert model.target_scale_[1] == 0 and not model.coefs_[0][:, 1].any()
    assert_array_equal(model.predict(X)[:, 1], 19.9)


def taught(model, chunks):
    for rows, y in chunks:
        model.partial_fit(rows, y)
    return model


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("hidden", HIDDEN)
def test_constant_first_chunks(hidden, solver, loss):
    case = [*product(HIDDEN, ("adam", "sgd"), LOSSES)].index((hidden, solver, loss))
    constant = (0.1, 19.9, np.random.default_rng(case).choice(CONSTANTS))[case % 3]
    params = dict(hidden=hidden, solver=solver, loss=loss, learning_rate_init=0.03, alpha=1e-4)
    chunks = [(X, constant + 1e-3 * Y)] * 50
    model = make(**params)
    with pytest.warns(UserWarning, match="y is constant in all calls"):
        model.partial_fit(X[:13], np.full(13, constant))
    assert_array_equal(model.predict(X), constant)
    taught(model, chunks)
    alone = taught(make(**params), chunks)
    assert_array_equal(model.target_scale_, alone.target_scale_)
    assert_array_equal(model.target_offset_, alone.target_offset_)
    expected = r2_score(chunks[0][1], alone.predict(X))
    assert expected > 0.7
    assert r2_score(chunks[0][1], model.predict(X)) > expected - 0.1


def test_units_stay_those_of_the_first_chunk_that_varies():
    model = make(solver="adam")
    with pytest.warns(UserWarning, match="y is constant"):
        model.partial_fit(X, np.full((N, 2), 19.9))
    with pytest.warns(UserWarning, match="y is constant"):
        model.partial_fit(X, np.column_stack([Y, np.full(N, 19.9)]))
    model.partial_fit(X, np.column_stack([9 * Y, 5 * Y]))
    model.partial_fit(X, np.column_stack([100 * Y, 100 * Y]))
    assert_allclose(model.target_scale_, [Y.std(), 5 * Y.std()], rtol=1e-14)
    assert_allclose(model.target_offset_, [Y.mean(), 5 * Y.mean()], rtol=1e-13)


# --------------------------------------------------------------------------------------------
# Scores are in the unit of y, and the unit of a fold is that of its training rows
# --------------------------------------------------------------------------------------------
def loss_by_hand(loss, y, f, tau):
    """The loss in the unit of y; huber's delta is one of scaled residuals."""
    if loss == "squared_error":
        return mean_squared_error(y, f) / 2
    if loss == "quantile":
        return mean_pinball_loss(y, f, alpha=0.3)
    r, delta = np.abs(y - f), 0.8 * tau
    return np.mean(np.where(r <= delta, r**2 / 2, delta * r - delta**2 / 2))


SCORERS = {
    "loss": None,
    "r2": r2_score,
    "neg_mean_absolute_error": lambda y, f: -mean_absolute_error(y, f),
}


def expected_score(scoring, loss, y, f, tau):
    return -loss_by_hand(loss, y, f, tau) if scoring == "loss" else SCORERS[scoring](y, f)


@pytest.mark.parametrize("scoring", SCORERS)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_validation_scores(hidden, solver, loss, scoring):
    y = 300 + 1e3 * Y
    model = make(hidden=hidden, solver=solver, loss=loss, penalty="l2", scoring=scoring)
    quietly(model.fit, X[10:], y[10:], X_val=X[:10], y_val=y[:10])
    tau = model.target_scale_[0]
    expected = expected_score(scoring, loss, y[:10], model.predict(X[:10]), tau)
    # the pinball loss is rounded off over a thousandth of the spread of y
    atol = 1e-3 * tau if loss == "quantile" and scoring == "loss" else 0
    assert_allclose(model.validation_scores_[-1], expected, rtol=1e-9, atol=atol)


@pytest.mark.parametrize("scoring", SCORERS)
@pytest.mark.parametrize("loss", LOSSES)
def test_cv_results(loss, scoring):
    """Also: the unit of a fold comes from its training rows, the test rows being extreme."""
    y, alphas = 300 + 1e3 * Y, [0.01, 0.1]
    y[:10] *= 1e5
    splits = [(np.arange(10, N), np.arange(10)), (np.arange(15, N), np.arange(15))]
    params = dict(loss=loss, max_iter=3000, tol=1e-8 if loss == "squared_error" else 1e-6)
    model = make(
        kind=RegularizedMLPRegressorCV, alphas=alphas, cv=splits, scoring=scoring, **params
    )
    quietly(model.fit, X, y)
    for k, (train, test) in enumerate(splits):
        for j, alpha in enumerate(alphas):
            fold = quietly(make(alpha=alpha, **params).fit, X[train], y[train])
            tau = scale_by_hand(loss, y[train], np.ones(len(train)))[1]
            expected = expected_score(scoring, loss, y[test], fold.predict(X[test]), tau)
            score = model.cv_results_[f"split{k}_test_score"][j]
            loose = 1e-2 if loss == "quantile" else 1e-4
            assert_allclose(score, expected, rtol=loose)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("solver", SOLVERS)
def test_the_unit_of_an_early_stop_comes_from_the_rows_trained_on(loss, solver):
    held = []

    def scorer(estimator, X, y):
        held[:] = [X, y]
        return r2_score(y, estimator.predict(X))

    y = np.where(np.arange(N) % 10 == 3, 1e6, Y)
    model = make(loss=loss, solver=solver, early_stopping=True, scoring=scorer)
    quietly(model.fit, X, y)
    trained = ~(X[:, None] == held[0]).all(axis=2).any(axis=1)
    assert trained.sum() == N - len(held[1])
    offset, scale = scale_by_hand(loss, y[trained], np.ones(trained.sum()))
    assert_allclose(model.target_scale_, [scale], rtol=1e-12)
    assert_allclose(model.target_offset_, [offset], rtol=1e-12)


def test_the_selection_of_real_data_in_any_unit():
    X, y = diabetes()
    masks = []
    for unit in (1e-5, 1.0, 1e5):
        lasso = RegularizedMLPRegressor((), penalty="l1")
        selector = StabilitySelection(lasso, max_features=4, alphas=8, n_pairs=2, random_state=0)
        masks.append(selector.fit(X, unit * y + 3 * unit).selection_frequencies_)
    assert masks[0].max() == 1
    for mask in masks:
        assert_array_equal(mask, masks[0])
