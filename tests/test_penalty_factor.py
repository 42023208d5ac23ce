"""penalty_factor: alpha times a number for each input, 0 (free) and inf (gone) included."""

import warnings
from dataclasses import dataclass
from itertools import product

import numpy as np
import pytest
from _by_hand import ByHand
from _problems import classification_data, classifier, fit_quietly, regression_data, regressor
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso, LinearRegression
from sklearn.metrics import r2_score

from skreg_mlp import (
    RegularizedMLPClassifier,
    RegularizedMLPRegressor,
    RegularizedMLPRegressorCV,
    StabilitySelection,
    alpha_max,
    regularization_path,
)
from skreg_mlp._training import walk
from skreg_mlp.penalties import L1, Penalty, soft_threshold
from skreg_mlp.penalties._names import PENALTIES

N, D = 80, 6
X, Y = regression_data(N, D)
FACTOR = np.array([0.5, 1.0, 4.0, 2.0, 0.7, 1.3])
SPARSE = [name for name in PENALTIES if name != "l2"]
SOLVERS = ("lbfgs", "adam", "sgd")
HIDDEN = ((), (4,))


# tighter than rounding allows for some seeds, and what is reached is compared
pytestmark = pytest.mark.filterwarnings("ignore:The fit ended .no step lowers")


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    """Paths of stochastic solvers take thousands of steps otherwise."""
    monkeypatch.setattr(walk, "MIN_STEPS", 100)
    monkeypatch.setattr("skreg_mlp._training.grid.N_BELOW", 2)  # alphas in each extension


def quietly(function, *args, **kwargs):
    """Call where the end of the iterations, or an empty network, is part of the test."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for text in ("Every weight is zero", ".* halves selected no feature"):
            warnings.filterwarnings("ignore", text, UserWarning)
        return function(*args, **kwargs)


# --------------------------------------------------------------------------------------------
# Without hidden layers
# --------------------------------------------------------------------------------------------
def coordinate_descent(X, y, l1, l2=0.0):
    """Minimum of norm2(y - b - X w)^2 / (2 n) + sum_j l1_j abs(w_j) + l2_j / 2 w_j^2."""
    X, y = X - X.mean(axis=0), y - y.mean()
    w, curvature = np.zeros(X.shape[1]), (X**2).mean(axis=0)
    l1, l2 = np.broadcast_to(l1, w.shape), np.broadcast_to(l2, w.shape)
    for j in np.tile(np.arange(len(w)), 300):
        partial = X[:, j] @ (y - X @ w + X[:, j] * w[j]) / len(y)
        w[j] = np.sign(partial) * max(abs(partial) - l1[j], 0) / (curvature[j] + l2[j])
    return w


@pytest.mark.parametrize("alpha", [0.05, 0.3])
def test_lasso_on_columns_divided_by_the_factors(alpha):
    model = regressor(penalty="l1", alpha=alpha, penalty_factor=FACTOR).fit(X, Y)
    twin = Lasso(alpha, tol=1e-13, max_iter=100_000).fit(X / FACTOR, Y)
    assert 0 < model.n_nonzero_ < D or alpha < 0.1
    assert_allclose(model.coefs_[0].ravel(), twin.coef_ / FACTOR, atol=1e-6)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_stochastic_solvers_find_that_lasso(solver):
    model = regressor(
        penalty="l1", alpha=0.3, penalty_factor=FACTOR, solver=solver, max_iter=1500,
        learning_rate_init=0.02, batch_size=N, tol=0.0,
    )  # fmt: skip
    quietly(model.fit, X, Y)
    twin = Lasso(0.3, tol=1e-13, max_iter=100_000).fit(X / FACTOR, Y)
    assert_allclose(model.coefs_[0].ravel(), twin.coef_ / FACTOR, atol=2e-3)


@pytest.mark.parametrize("classes", [2, 3])
def test_classifiers_on_columns_divided_by_the_factors(classes):
    X, y = classification_data(N, D, classes)
    model = classifier(penalty="l1", alpha=0.03, penalty_factor=FACTOR).fit(X, y)
    twin = classifier(penalty="l1", alpha=0.03).fit(X / FACTOR, y)
    assert 0 < model.n_nonzero_ < model.coefs_[0].size
    assert_allclose(model.coefs_[0], twin.coefs_[0] / FACTOR[:, None], atol=1e-6)


def test_map_to_glmnet():
    """glmnet multiplies its factors by p / sum(factors) first: its lambda is ours times that."""
    strength = 0.2
    rescaled = FACTOR * D / FACTOR.sum()
    glmnet = coordinate_descent(X, Y, strength * rescaled)
    alpha = strength * D / FACTOR.sum()
    model = regressor(penalty="l1", alpha=alpha, penalty_factor=FACTOR).fit(X, Y)
    assert_allclose(model.coefs_[0].ravel(), glmnet, atol=1e-6)


@pytest.mark.parametrize("mode", ["std", None])
@pytest.mark.parametrize("ratio", [0.3, 0.9])
def test_elastic_net(ratio, mode):
    tau = Y.std() if mode == "std" else 1.0
    model = regressor(
        penalty="elasticnet", alpha=0.2, l1_ratio=ratio, penalty_factor=FACTOR, target_scale=mode
    ).fit(X, Y)
    by_hand = coordinate_descent(X, Y / tau, 0.2 * ratio * FACTOR, 0.2 * (1 - ratio) * FACTOR)
    assert_allclose(model.coefs_[0].ravel(), by_hand, atol=1e-6)


def test_ridge():
    model = regressor(penalty="l2", alpha=0.3, penalty_factor=FACTOR).fit(X, Y)
    C = X - X.mean(axis=0)
    by_hand = np.linalg.solve(C.T @ C / N + 0.3 * np.diag(FACTOR), C.T @ (Y - Y.mean()) / N)
    assert_allclose(model.coefs_[0].ravel(), by_hand, atol=1e-7)


def gradient_of(model, X, Y):
    """Gradient of the mean of squared errors / 2."""
    return X.T @ (X @ model.coefs_[0] + model.intercepts_[0] - Y.reshape(len(X), -1)) / len(X)


@pytest.mark.parametrize("groups", [None, [0, 0, 1, 1, 2, 2]])
@pytest.mark.parametrize("alpha", [0.05, 0.2, 0.5])
def test_group_lasso(alpha, groups):
    X, Y = regression_data(N, D, 3)
    labels = np.arange(D) if groups is None else np.array(groups)
    factor = FACTOR[labels]
    model = regressor(
        penalty="group_l1", alpha=alpha, feature_groups=groups, penalty_factor=factor
    ).fit(X, Y)
    gradient, penalty = gradient_of(model, X, Y), 0.0
    for g in np.unique(labels):
        rows = labels == g
        W, slope = model.coefs_[0][rows], gradient[rows]
        strength = alpha * FACTOR[g] * np.sqrt(W.size)
        penalty += strength * np.linalg.norm(W)
        if W.any():
            assert_allclose(slope, -strength * W / np.linalg.norm(W), atol=1e-7)
        else:
            assert np.linalg.norm(slope) <= strength * (1 + 1e-9)
    assert_allclose(model.objective_ - model.loss_, penalty, rtol=1e-9)


@pytest.mark.parametrize("alpha", [0.05, 0.2])
def test_mcp(alpha):
    model = regressor(penalty="mcp", alpha=alpha, penalty_factor=FACTOR).fit(X, Y)
    w, slope, a, gamma = model.coefs_[0].ravel(), gradient_of(model, X, Y).ravel(), alpha, 3.0
    for x, g, f in zip(w, slope, FACTOR):
        if x:
            assert_allclose(g, -np.sign(x) * max(a * f - abs(x) / gamma, 0), atol=1e-7)
        else:
            assert abs(g) <= a * f * (1 + 1e-9)
    flat = np.minimum(np.abs(w), gamma * a * FACTOR)
    height = np.sum(a * FACTOR * flat - flat**2 / (2 * gamma))
    assert_allclose(model.objective_ - model.loss_, height, rtol=1e-9)


# --------------------------------------------------------------------------------------------
# Any penalty, with hidden layers too: the objective and its certificate, written anew
# --------------------------------------------------------------------------------------------
FACTORS = {
    "finite": FACTOR,
    "zero": np.array([1.0, 0, 2, 0, 1, 0.5]),
    "all zero": np.zeros(D),
    "inf": np.array([1.0, np.inf, 2, 0, np.inf, 0.5]),
}


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("hidden", [(), (4,), (3, 3)])
@pytest.mark.parametrize("factor", FACTORS)
def test_objective_and_certificate_by_hand(factor, hidden, penalty):
    model = RegularizedMLPRegressor(
        hidden, activation="tanh", penalty=penalty, alpha=0.02, penalty_factor=FACTORS[factor],
        solver="lbfgs", max_iter=60, tol=1e-4, random_state=0,
    )  # fmt: skip
    quietly(model.fit, X, Y)
    figures = ByHand(model, X, Y[:, None], None)()
    assert_allclose(model.loss_, figures.loss, rtol=1e-9)
    assert_allclose(model.objective_, figures.objective, rtol=1e-9)
    assert_allclose(model.stationarity_, figures.stationarity, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_free_inputs_of_a_network_have_a_ridge(solver, penalty):
    """alpha / 2 norm2^2 in place of the sparse term: never zero, and stationary."""
    factor, alpha = np.array([1.0, 1, 1, 0, 1, 0]), 0.05
    exact = penalty in ("l1", "l2", "elasticnet")  # the others are slow to converge
    params = dict(penalty=penalty, alpha=alpha, solver=solver, random_state=1)
    params |= dict(max_iter=800 if exact else 150)
    params |= dict(learning_rate_init=0.02, batch_size=N, n_iter_no_change=1000)
    model = RegularizedMLPRegressor((4,), activation="tanh", penalty_factor=factor, **params)
    quietly(model.fit, X, Y)
    assert model.n_nonzero_
    if exact:
        assert model.stationarity_ < (1e-4 if solver == "lbfgs" else 2e-2)
    W, V = model.coefs_
    z = np.tanh(X @ W + model.intercepts_[0])
    y = (Y - model.target_offset_) / model.target_scale_
    delta = (z @ V + model.intercepts_[1] - y[:, None]) / N
    slope = X.T @ (delta @ V.T * (1 - z**2))
    alive = V.ravel() != 0
    free = factor == 0
    if exact:
        assert W[free][:, alive].all()
    residual = np.abs(slope[free] + alpha * W[free]).max()
    assert residual <= model.stationarity_ + 1e-9


# --------------------------------------------------------------------------------------------
# 0 without hidden layers: no penalty at all
# --------------------------------------------------------------------------------------------
FREE = np.array([1.0, 2, 1, 0, 1, 0])
KEPT = np.flatnonzero(FREE == 0)


def task(name):
    """X, y and an estimator of the linear model."""
    rng = np.random.default_rng(3)
    if name in ("binary", "softmax"):
        X, y = classification_data(N, D, 2 if name == "binary" else 3)
        return X, y, classifier
    if name == "many outputs":
        return *regression_data(N, D, 3), regressor
    X, y = regression_data(N, D)
    if name == "poisson":
        y = rng.poisson(np.exp(0.3 + 0.3 * X[:, 0] - 0.2 * X[:, 3])).astype(float)

    def make(**params):
        return regressor(loss=name, **params)

    return X, y, make


TASKS = ["squared_error", "huber", "poisson", "many outputs", "binary", "softmax"]


@pytest.mark.parametrize("penalty", ["l1", "elasticnet", "group_l1", "sparse_group_l1"])
@pytest.mark.parametrize("name", TASKS)
def test_alpha_max_contains_what_is_free(name, penalty):
    X, y, make = task(name)
    top = alpha_max(make(penalty=penalty, penalty_factor=FREE), X, y)

    def fit(share):
        model = make(penalty=penalty, penalty_factor=FREE, alpha=share * top, tol=1e-7 * top)
        return quietly(model.fit, X, y)

    above, below = fit(1 + 1e-6), fit(1 - 1e-3)
    assert not np.delete(above.coefs_[0], KEPT, axis=0).any()
    assert np.delete(below.coefs_[0], KEPT, axis=0).any()
    # the null model is the unpenalized one of the free columns alone
    null = make(penalty=None).fit(X[:, KEPT], y)
    assert_allclose(above.coefs_[0][KEPT], null.coefs_[0], atol=1e-5)
    assert above.coefs_[0][KEPT].all()


def test_alpha_max_of_the_lasso_by_hand():
    residual = Y - LinearRegression().fit(X[:, KEPT], Y).predict(X[:, KEPT])
    others = FREE > 0
    expected = (np.abs(X.T @ residual)[others] / N / FREE[others]).max()
    model = regressor(penalty="l1", penalty_factor=FREE)
    assert_allclose(alpha_max(model, X, Y), expected, rtol=1e-7)
    groups = regressor(penalty="group_l1", penalty_factor=[1, 1, 2, 2, 0, 0])
    groups.set_params(feature_groups=[0, 0, 1, 1, 2, 2])
    residual = Y - LinearRegression().fit(X[:, 4:], Y).predict(X[:, 4:])
    c = X.T @ residual / N / np.sqrt(2)
    expected = max(np.linalg.norm(c[:2]), np.linalg.norm(c[2:4]) / 2)
    assert_allclose(alpha_max(groups, X, Y), expected, rtol=1e-7)


@pytest.mark.parametrize("penalty", SPARSE)
def test_no_gradient_is_left_where_there_is_no_penalty(penalty):
    model = regressor(penalty=penalty, alpha=0.3, penalty_factor=FREE).fit(X, Y)
    assert_allclose(gradient_of(model, X, Y)[KEPT], 0, atol=1e-7)
    assert model.coefs_[0][KEPT].all()


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("alpha", [0.5, 1e4])
def test_a_huge_alpha_leaves_what_is_free(alpha, solver):
    model = regressor(penalty="l1", alpha=alpha, penalty_factor=FREE, solver=solver)
    model.set_params(max_iter=800, learning_rate_init=0.02, batch_size=N, tol=1e-7)
    quietly(model.fit, X, Y)
    if alpha > 1:
        twin = LinearRegression().fit(X[:, KEPT], Y)
        assert not np.delete(model.coefs_[0], KEPT, axis=0).any()
        assert_allclose(model.coefs_[0][KEPT].ravel(), twin.coef_, atol=5e-3)
    assert model.coefs_[0][KEPT].all()


# --------------------------------------------------------------------------------------------
# Paths and selectors keep what is free, and end when the rest is gone
# --------------------------------------------------------------------------------------------
NOISE = np.array([1.0, 1, 1, 1, 1, 0])  # the last column does not tell y


@pytest.mark.parametrize("penalty", SPARSE)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("factor", [FREE, NOISE], ids=["signal", "noise"])
def test_paths_never_drop_a_free_input(factor, hidden, solver, penalty):
    if hidden and solver == "lbfgs" and penalty.endswith(("mcp", "scad")):
        pytest.skip("large weights behind tiny ones cost nothing more: no alpha empties these")
    model = RegularizedMLPRegressor(
        hidden, penalty=penalty, penalty_factor=factor, solver=solver, max_iter=50,
        learning_rate_init=0.03, random_state=0,
    )  # fmt: skip
    path = quietly(regularization_path, model, X, Y, alphas=5, eps=0.01)
    kept = np.flatnonzero(factor == 0)
    assert path.n_nonzero[0] > len(kept)
    last = path.coefs[-1][0]
    assert not np.delete(last, kept, axis=0).any()  # the path ended with an empty network
    for layers in path.coefs[:-1]:
        assert np.delete(layers[0], kept, axis=0).any()
    # the last one may have lost all of its hidden units, and with them all inputs
    assert path.selected_features[:-1, kept].all()
    if not hidden:
        assert path.selected_features[-1, kept].all()


@pytest.mark.parametrize("penalty", SPARSE)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_all_but_the_free_inputs_may_die_amid_one_alpha(hidden, solver, penalty):
    """The part of the network that training goes on with is then one of free inputs alone."""
    model = RegularizedMLPRegressor(
        hidden, penalty=penalty, penalty_factor=FREE, solver=solver, max_iter=100,
        learning_rate_init=0.02, random_state=0, batch_size=10,
    )  # fmt: skip
    path = quietly(regularization_path, model, X, Y, alphas=[0.01, 0.3, 0.35])
    assert path.selected_features[0, KEPT].all() and path.n_nonzero[0] > 2


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("factor", [FREE, NOISE], ids=["signal", "noise"])
def test_selectors_keep_a_free_input(factor, solver, hidden):
    model = RegularizedMLPRegressor(
        hidden, penalty="group_l1", penalty_factor=factor, solver=solver, max_iter=60,
        learning_rate_init=0.03,
    )  # fmt: skip
    kept = np.flatnonzero(factor == 0)
    selector = StabilitySelection(
        model, max_features=len(kept) + 1, alphas=6, n_pairs=2, random_state=0
    )
    quietly(selector.fit, X, Y)
    assert_array_equal(selector.selection_frequencies_[kept], 1.0)
    assert selector.get_support()[kept].all()


# --------------------------------------------------------------------------------------------
# inf: the column does not exist
# --------------------------------------------------------------------------------------------
GONE = np.array([1.0, np.inf, 2, np.inf, 0.5, 1])
LEFT = np.flatnonzero(np.isfinite(GONE))


def r2_scorer(estimator, X, y):
    return r2_score(y, estimator.predict(X))


def whole(values):
    """A row of zeros where a column is gone."""
    laid = np.zeros((D, *values.shape[1:]), dtype=values.dtype)
    laid[LEFT] = values
    return laid


def fit(make, X, y):
    return quietly(make().fit, X, y)


def warm_start(make, X, y):
    model = quietly(make(warm_start=True).fit, X, y)
    return quietly(model.set_params(alpha=0.02).fit, X, y)


def partial_fit(make, X, y):
    if make().solver == "lbfgs":
        pytest.skip("lbfgs has no partial_fit")
    return make().partial_fit(X[:30], y[:30]).partial_fit(X[30:], y[30:])


def stop_early(make, X, y):
    return quietly(make(early_stopping=True, scoring=r2_scorer, n_iter_no_change=3).fit, X, y)


def validate(make, X, y):
    return quietly(make(scoring="r2").fit, X[20:], y[20:], X_val=X[:20], y_val=y[:20])


def path(make, X, y):
    return quietly(
        regularization_path, make(), X, y, alphas=4, X_val=X[:20], y_val=y[:20]
    ).to_estimator(1)


def cross_validate(make, X, y):
    single = make().get_params()
    names = RegularizedMLPRegressorCV().get_params()
    params = {name: value for name, value in single.items() if name in names}
    return quietly(RegularizedMLPRegressorCV(**params, alphas=3, cv=2).fit, X, y)


ENTRIES = [fit, warm_start, partial_fit, stop_early, validate, path, cross_validate]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.__name__)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("penalty", ["l1", "sparse_group_l1", "group_log_sum"])
def test_inf_is_the_table_without_the_column(penalty, hidden, solver, entry):
    def make(factor):
        def with_factor(**more):
            params = dict(alpha=0.05, max_iter=8, random_state=0, learning_rate_init=0.05) | more
            names = dict(penalty=penalty, solver=solver, penalty_factor=factor)
            return RegularizedMLPRegressor(hidden, **names, **params)

        return with_factor

    wide, narrow = entry(make(GONE), X, Y), entry(make(GONE[LEFT]), X[:, LEFT], Y)
    assert wide.n_features_in_ == D and wide.coefs_[0].shape[0] == D
    assert_array_equal(wide.coefs_[0], whole(narrow.coefs_[0]))
    for a, b in zip(
        (*wide.coefs_[1:], *wide.intercepts_), (*narrow.coefs_[1:], *narrow.intercepts_)
    ):
        assert_array_equal(a, b)
    for name in ("loss_", "objective_", "stationarity_", "validation_scores_", "n_iter_"):
        assert_array_equal(getattr(wide, name, None), getattr(narrow, name, None))
    assert_array_equal(wide.selected_features_, whole(narrow.selected_features_))
    if entry is cross_validate:
        for name in ("alphas_", "alpha_", "best_score_", "n_nonzero_path_"):
            assert_array_equal(getattr(wide, name), getattr(narrow, name))
    other = X.copy()
    other[:, np.isinf(GONE)] = 1e9  # what is gone may hold anything
    predicted = narrow.predict(X[:, LEFT])
    assert_allclose(wide.predict(other), predicted, rtol=1e-13, atol=1e-13)
    pruned = wide.prune()
    assert_allclose(pruned.predict(other), predicted, rtol=1e-10, atol=1e-12)
    assert_array_equal(pruned.selected_features_, wide.selected_features_)


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("solver", SOLVERS)
def test_inf_in_stability_selection(solver, hidden):
    frequencies = []
    for factor, table in ((GONE, X), (GONE[LEFT], X[:, LEFT])):
        model = RegularizedMLPRegressor(
            hidden, penalty="l1", penalty_factor=factor, solver=solver, max_iter=20,
            learning_rate_init=0.05,
        )  # fmt: skip
        selector = StabilitySelection(model, max_features=2, alphas=5, n_pairs=1, random_state=0)
        frequencies.append(quietly(selector.fit, table, Y).selection_frequencies_)
    assert_array_equal(frequencies[0], whole(frequencies[1]))


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("penalty", ["group_l1", "group_mcp"])
def test_inf_within_groups(penalty, hidden):
    groups, factor = np.array([0, 0, 1, 1, 2, 2]), np.array([1.0, 1, np.inf, np.inf, 2, 2])
    left = np.isfinite(factor)
    params = dict(penalty=penalty, alpha=0.05, solver="lbfgs", max_iter=20, random_state=0)
    wide = RegularizedMLPRegressor(hidden, feature_groups=groups, penalty_factor=factor, **params)
    narrow = RegularizedMLPRegressor(
        hidden, feature_groups=groups[left], penalty_factor=factor[left], **params
    )
    quietly(wide.fit, X, Y)
    quietly(narrow.fit, X[:, left], Y)
    assert_array_equal(wide.coefs_[0][left], narrow.coefs_[0])
    assert not wide.coefs_[0][~left].any()


@pytest.mark.parametrize("classes", [2, 3])
def test_inf_in_a_classifier(classes):
    X, y = classification_data(N, D, classes)
    params = dict(penalty="l1", alpha=0.01, solver="adam", max_iter=5, random_state=0)
    wide = RegularizedMLPClassifier((4,), penalty_factor=GONE, **params)
    narrow = RegularizedMLPClassifier((4,), penalty_factor=GONE[LEFT], **params)
    quietly(wide.fit, X, y)
    quietly(narrow.fit, X[:, LEFT], y)
    assert_array_equal(wide.coefs_[0], whole(narrow.coefs_[0]))


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("entry", ["fit", "partial_fit"])
def test_a_column_that_goes_between_two_warm_starts(entry, solver, hidden):
    if entry == "partial_fit" and solver == "lbfgs":
        pytest.skip("lbfgs has no partial_fit")
    model = RegularizedMLPRegressor(hidden, penalty="l1", solver=solver, warm_start=True)
    train = getattr(model.set_params(max_iter=5, random_state=0), entry)
    quietly(train, X, Y)
    quietly(model.set_params(penalty_factor=GONE) and train, X, Y)
    assert model.n_nonzero_ and not model.coefs_[0][np.isinf(GONE)].any()
    quietly(model.set_params(penalty_factor=None) and train, X, Y)
    assert model.n_nonzero_


# --------------------------------------------------------------------------------------------
# What is refused
# --------------------------------------------------------------------------------------------
BAD = {
    "too few": np.ones(D - 1),
    "too many": np.ones(D + 1),
    "a number": 2.0,
    "two dimensions": np.ones((D, 1)),
    "negative": [1, 1, -0.1, 1, 1, 1],
    "nan": [1, np.nan, 1, 1, 1, 1],
    "minus inf": [1, -np.inf, 1, 1, 1, 1],
    "all inf": np.full(D, np.inf),
    "text": ["a"] * D,
    "ragged": [1, [2, 3], 1, 1, 1, 1],
    "complex": [1j] * D,
}


def attempts():
    def fitted(model):
        model.fit(X, Y)

    def path(model):
        regularization_path(model, X, Y, alphas=3)

    def top(model):
        alpha_max(model, X, Y)

    def selection(model):
        StabilitySelection(model, max_features=2, alphas=3, n_pairs=1).fit(X, Y)

    return [fitted, path, top, selection]


@pytest.mark.parametrize("factor", BAD)
@pytest.mark.parametrize("attempt", attempts(), ids=lambda attempt: attempt.__name__)
def test_bad_factors(attempt, factor):
    with pytest.raises(ValueError, match="penalty_factor"):
        attempt(regressor(penalty="l1", penalty_factor=BAD[factor]))


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("penalty", [name for name in PENALTIES if "group" in name])
@pytest.mark.parametrize("factor", [[1, 2, 1, 1, 1, 1], [0, 1, 1, 1, 1, 1]])
def test_unequal_factors_within_a_group(factor, penalty, hidden):
    model = regressor(hidden, penalty=penalty, feature_groups=[0, 0, 1, 1, 2, 2])
    model.set_params(penalty_factor=factor, max_iter=5)
    with pytest.raises(ValueError, match="penalty_factor must be equal"):
        quietly(model.fit, X, Y)


@pytest.mark.parametrize("hidden", HIDDEN)
def test_no_penalty_to_multiply(hidden):
    with pytest.raises(ValueError, match="penalty_factor multiplies a penalty"):
        regressor(hidden, penalty=None, penalty_factor=FACTOR).fit(X, Y)


# --------------------------------------------------------------------------------------------
# A user's own penalty
# --------------------------------------------------------------------------------------------
class WithoutOn(Penalty):
    def value(self, W):
        return self.alpha * float(np.abs(W).sum())

    def prox(self, V, step):
        return soft_threshold(V, step * self.alpha)


@dataclass(frozen=True)
class WithOn(WithoutOn):
    """The same with a strength for each row."""

    def on(self, alpha, shape, groups=None, factor=None):
        bound = super().on(alpha, shape)
        vars(bound)["rows"] = alpha * (np.ones(shape[0]) if factor is None else factor)[:, None]
        return bound

    def value(self, W):
        return float(np.sum(self.rows * np.abs(W)))

    def prox(self, V, step):
        return soft_threshold(V, step * self.rows)


@pytest.mark.parametrize("hidden", HIDDEN)
def test_an_own_penalty_without_on_refuses(hidden):
    model = regressor(hidden, penalty=WithoutOn(), penalty_factor=FACTOR, solver="adam")
    with pytest.raises(ValueError, match=r"penalty_factor .* override `on` in WithoutOn"):
        model.fit(X, Y)
    # all factors 1 are none
    quietly(model.set_params(penalty_factor=np.ones(D), max_iter=2).fit, X, Y)


@pytest.mark.parametrize("solver, hidden", product(["adam", "sgd"], HIDDEN))
@pytest.mark.parametrize("factor", [FACTOR, FREE, GONE], ids=["finite", "zero", "inf"])
def test_an_own_penalty_with_on_takes_it(factor, solver, hidden):
    params = dict(solver=solver, alpha=0.05, max_iter=10, learning_rate_init=0.02)
    params |= dict(penalty_factor=factor, random_state=0, batch_size=N)
    own, known = (
        quietly(RegularizedMLPRegressor(hidden, penalty=penalty, **params).fit, X, Y)
        for penalty in (WithOn(), L1())
    )
    assert own.n_nonzero_
    for a, b in zip(own.coefs_, known.coefs_):
        assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    assert_allclose(own.objective_, known.objective_, rtol=1e-12)


def test_factors_of_one_change_nothing():
    for hidden, penalty in product(HIDDEN, PENALTIES):
        params = dict(penalty=penalty, max_iter=5, alpha=0.05, solver="lbfgs", random_state=0)
        plain = RegularizedMLPRegressor(hidden, **params)
        ones = RegularizedMLPRegressor(hidden, penalty_factor=np.ones(D), **params)
        for a, b in zip(fit_quietly(plain, X, Y).coefs_, fit_quietly(ones, X, Y).coefs_):
            assert_array_equal(a, b)
