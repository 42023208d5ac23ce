"""What must not matter: copies, order, units and layout of the data, and repetition of the fit."""

import numpy as np
import pytest
from _layouts import read_only
from _problems import (
    LOSSES,
    PENALTY_NAMES,
    SPARSE_PENALTIES,
    classification_data,
    classifier,
    fit_quietly,
    regression_data,
    regressor,
    targets,
    value_and_gradient,
)
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.utils.class_weight import compute_sample_weight

from skreg_mlp import RegularizedMLPClassifier, RegularizedMLPRegressor
from skreg_mlp._objective.activations import ACTIVATIONS
from skreg_mlp._objective.data import Data
from skreg_mlp._objective.network import Network
from skreg_mlp._objective.problem import Problem
from skreg_mlp.penalties._names import PENALTIES

N, D, K = 50, 5, 3
HIDDEN = [(), (6,)]
SOLVERS = ["lbfgs", "adam", "sgd"]


class Fixed:
    """Value and gradient of one network at one theta, for data given in any form."""

    def __init__(self, loss, hidden, dtype=np.float64):
        rng = np.random.default_rng(0)
        self.loss, self.dtype = LOSSES[loss](K), dtype
        self.X, self.y = rng.normal(size=(N, D)), targets(loss, N, K, rng)
        self.network = Network((D, *hidden, K), ACTIVATIONS["tanh"], dtype)
        self.theta = 0.5 * rng.normal(size=self.network.n_parameters).astype(dtype)

    def __call__(self, X=None, y=None, weight=None, theta=None):
        X, y = self.X if X is None else X, self.y if y is None else y
        none = [None] * len(self.network.shapes)
        problem = Problem(self.network, self.loss, Data(X, y, weight), none)
        return value_and_gradient(problem, self.theta if theta is None else theta)


@pytest.fixture(params=HIDDEN, ids=["linear", "network"])
def fixed(request):
    return lambda loss: Fixed(loss, request.param)


def assert_same(one, other, rtol=1e-12):
    assert_allclose(one[0], other[0], rtol=rtol)
    assert_allclose(one[1], other[1], rtol=0, atol=rtol * np.abs(other[1]).max())


def fits(est, X, y, others, *, rtol=1e-6, **kwargs):
    """Fit copies of `est` on (X, y, weights) given in other ways, and compare the weights."""
    expected = fit_quietly(clone(est), X, y, **kwargs)
    assert expected.n_nonzero_ > 0
    for other in others:
        changes, data = other[0], other[1:]
        actual = fit_quietly(clone(est).set_params(**changes), data[0], data[1],
                             sample_weight=data[2] if len(data) > 2 else None)  # fmt: skip
        for a, b in zip(actual.coefs_ + actual.intercepts_, expected.coefs_ + expected.intercepts_):
            assert_allclose(a, b, rtol=0, atol=rtol * np.abs(b).max())
    return expected


# --------------------------------------------------------------------------------------------
# Weights and copies
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("loss", LOSSES)
def test_value_and_gradient_under_weights(loss, fixed):
    f = fixed(loss)
    counts = np.random.default_rng(1).integers(0, 4, N)
    repeated = np.repeat(np.arange(N), counts)
    weighted = f(weight=counts.astype(float))
    assert_same(f(f.X[repeated], f.y[repeated]), weighted)
    assert_same(f(weight=1e3 * counts), weighted)
    assert_same(f(np.vstack([f.X, f.X]), np.concatenate([f.y, f.y])), f())
    assert_same(f(weight=np.full(N, 0.7)), f())
    assert abs(weighted[0] - f()[0]) > 1e-4  # the weights matter


@pytest.mark.parametrize("penalty", ["l2", "l1", "group_l1"])
@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("make", [regressor, classifier])
def test_integer_weights_are_repeated_rows(make, hidden, penalty):
    if make is regressor:
        X, y = regression_data(N, D)
    else:
        X, y = classification_data(N, D, 3)
    counts = np.random.default_rng(1).integers(0, 4, N)
    rows = np.repeat(np.arange(N), counts)
    alpha = 0.01 if hidden else 0.05
    est = make(hidden, activation="tanh", penalty=penalty, alpha=alpha)
    total = counts.sum()
    if hidden:  # a converged non-convex fit amplifies rounding
        est.set_params(max_iter=15)
    others = [
        ({}, X[rows], y[rows]),
        ({}, X, y, 7.0 * counts),
        (dict(alpha_scaling="sum", alpha=alpha * total), X, y, counts),
        (dict(alpha_scaling="sum", alpha=alpha * 7 * total), X, y, 7.0 * counts),
        (dict(alpha_scaling="sum", alpha=alpha * total), X[rows], y[rows]),
        ({}, np.vstack([X[rows]] * 2), np.concatenate([y[rows]] * 2)),
    ]
    fits(est, X, y, others, sample_weight=counts.astype(float), rtol=1e-5)


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("loss", ["squared_error", "quantile", "huber", "poisson"])
def test_scaled_weights_in_batches(solver, loss):
    X, y = regression_data(N, D)
    y = np.abs(y)
    weight = np.random.default_rng(1).uniform(0.1, 2, N)
    est = RegularizedMLPRegressor(
        (6,), loss=loss, penalty="l1", alpha=0.01, solver=solver, batch_size=8, max_iter=10,
        random_state=0, learning_rate_init=0.01, activation="tanh", n_iter_no_change=np.inf,
    )  # fmt: skip
    total = weight.sum()
    others = [
        ({}, X, y, 100 * weight),
        (dict(alpha_scaling="sum", alpha=0.01 * total), X, y, weight),
        (dict(alpha_scaling="sum", alpha=0.01 * 100 * total), X, y, 100 * weight),
    ]
    fits(est, X, y, others, sample_weight=weight, rtol=1e-8)


@pytest.mark.parametrize("weights", ["balanced", {"a": 2.0, "b": 0.5, "c": 1.0}])
@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("solver", SOLVERS)
def test_class_weight_is_a_sample_weight(solver, hidden, weights):
    X, y = classification_data(N, D, 3)
    X, y = X[y != "c"][:30], y[y != "c"][:30]
    X2, y2 = classification_data(40, D, 3, seed=1)
    X, y = np.vstack([X, X2]), np.concatenate([y, y2])
    est = RegularizedMLPClassifier(
        hidden, penalty="l1", alpha=0.01, solver=solver, max_iter=15, random_state=0
    )
    plain = fits(est, X, y, [({}, X, y)])
    stands_for = compute_sample_weight(weights, y)
    weighted = fits(est, X, y, [(dict(class_weight=weights), X, y)], sample_weight=stands_for)
    assert np.abs(weighted.coefs_[0] - plain.coefs_[0]).max() > 1e-4


def test_balanced_counts_are_weighted():
    X, y = classification_data(N, D, 3)
    weight = np.random.default_rng(0).integers(0, 4, N)
    rows = np.repeat(np.arange(N), weight)
    est = classifier(penalty="l1", alpha=0.01, class_weight="balanced")
    fits(est, X, y, [({}, X[rows], y[rows])], sample_weight=weight)


# --------------------------------------------------------------------------------------------
# Features
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("loss", LOSSES)
def test_value_and_gradient_of_permuted_features(loss, fixed):
    f, order = fixed(loss), np.random.default_rng(2).permutation(D)
    theta = f.theta.copy()
    f.network.coefs(theta)[0][...] = f.network.coefs(f.theta)[0][order]
    value, gradient = f()
    f.network.coefs(gradient)[0][...] = f.network.coefs(gradient)[0][order]
    assert_same(f(np.ascontiguousarray(f.X[:, order]), theta=theta), (value, gradient))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("penalty", ["l1", "group_l1"])
def test_permuted_features_with_a_permuted_start(penalty, hidden, solver):
    X, y = regression_data(N, D)
    order = np.random.default_rng(2).permutation(D)
    est = RegularizedMLPRegressor(
        hidden, activation="tanh", penalty=penalty, alpha=0.05, solver=solver, max_iter=15,
        random_state=0, warm_start=True, batch_size=16, learning_rate_init=0.01,
    )  # fmt: skip
    fit_quietly(est.set_params(max_iter=1), X, y)
    moved = clone(est)
    moved.coefs_ = [est.coefs_[0][order].copy(), *(W.copy() for W in est.coefs_[1:])]
    moved.intercepts_ = [b.copy() for b in est.intercepts_]
    start = clone(est)
    start.coefs_, start.intercepts_ = est.coefs_, est.intercepts_
    fit_quietly(start.set_params(max_iter=15), X, y)
    fit_quietly(moved.set_params(max_iter=15), X[:, order], y)
    assert_allclose(moved.coefs_[0], start.coefs_[0][order], atol=1e-6)
    if hidden:
        assert_allclose(moved.coefs_[1], start.coefs_[1], atol=1e-6)
    assert_allclose(moved.predict(X[:, order]), start.predict(X), atol=1e-5)


@pytest.mark.parametrize("penalty", SPARSE_PENALTIES)
@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
def test_zero_column_gets_zero_weights(form, hidden, penalty):
    X, y = classification_data(N, D, 3)
    X[:, 1] = 0
    est = classifier(hidden, activation="tanh", penalty=penalty, alpha=0.01, tol=1e-5)
    fit_quietly(est.set_params(max_iter=200), form(X), y)
    assert not est.coefs_[0][1].any()
    assert est.coefs_[0].any()
    if not hidden:  # without the column the others are the same
        without = fit_quietly(clone(est).set_params(tol=1e-8), np.delete(X, 1, axis=1), y)
        fit_quietly(est.set_params(tol=1e-8), form(X), y)
        assert_allclose(np.delete(est.coefs_[0], 1, axis=0), without.coefs_[0], atol=1e-5)


# --------------------------------------------------------------------------------------------
# Layout and precision
# --------------------------------------------------------------------------------------------
def strided(X):
    wide = np.zeros((2 * X.shape[0], 3 * X.shape[1]), dtype=X.dtype)
    wide[::2, ::3] = X
    return wide[::2, ::3]


def reversed_rows(X):
    return X[::-1].copy()[::-1]


LAYOUTS = {
    "CSR": sparse.csr_matrix,
    "CSR array": sparse.csr_array,
    "F-order": np.asfortranarray,
    "strided": strided,
    "negative strides": reversed_rows,
    "read-only": read_only,
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("loss", LOSSES)
def test_value_and_gradient_of_any_layout(loss, layout, weighted, fixed):
    f = fixed(loss)
    f.X = np.where(np.random.default_rng(3).random(f.X.shape) < 0.5, f.X, 0)
    weight = np.arange(1.0, N + 1) if weighted else None
    assert_same(f(LAYOUTS[layout](f.X), weight=weight), f(weight=weight))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("layout", [*LAYOUTS, "CSC", "list"])
def test_fit_of_any_layout(layout, solver, dtype):
    X, y = regression_data(N, D)
    X = np.where(np.random.default_rng(3).random(X.shape) < 0.5, X, 0).astype(dtype)
    y = y.astype(dtype)
    form = LAYOUTS.get(layout, {"CSC": sparse.csc_matrix, "list": np.ndarray.tolist}.get(layout))
    target = read_only(y) if layout == "read-only" else strided(y[:, None])[:, 0]
    est = RegularizedMLPRegressor(
        (6,), activation="tanh", penalty="group_l1", alpha=0.01, solver=solver, max_iter=10,
        random_state=0, batch_size=16,
    )  # fmt: skip
    if layout == "list" and dtype == np.float32:  # a list holds no float32
        X = X.astype(float)
    expected = fits(est, X, y, [({}, form(X), target)], rtol=1e-8 if dtype == np.float64 else 1e-4)
    assert expected.coefs_[0].dtype == X.dtype
    assert_allclose(expected.predict(form(X)), expected.predict(X), rtol=1e-4)


@pytest.mark.parametrize("loss", LOSSES)
def test_float32_value_and_gradient(loss, fixed):
    f = fixed(loss)
    narrow = Fixed(loss, f.network.sizes[1:-1], np.float32)
    y = f.y if loss == "multinomial" else f.y.astype("f")
    value, gradient = narrow(f.X.astype("f"), y)
    assert gradient.dtype == np.float32
    expected = f(theta=narrow.theta.astype(float))
    assert_allclose(value, expected[0], rtol=1e-5)
    assert_allclose(gradient, expected[1], rtol=0, atol=1e-5 * np.abs(expected[1]).max())


@pytest.mark.parametrize("penalty", PENALTY_NAMES)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_float32_fit(hidden, solver, penalty):
    X, y = regression_data(N, D, seed=2)
    est = RegularizedMLPRegressor(
        hidden, activation="tanh", penalty=penalty, alpha=0.05, solver=solver, tol=1e-4,
        max_iter=15 if hidden else 200, random_state=0, batch_size=16, learning_rate_init=0.01,
    )  # fmt: skip
    X, y = X.astype("f"), y.astype("f")  # the same numbers in both
    wide = fit_quietly(clone(est), X.astype(float), y.astype(float))
    narrow = fit_quietly(est, X, y)
    assert all(W.dtype == np.float32 for W in narrow.coefs_ + narrow.intercepts_)
    assert narrow.predict(X).dtype == np.float32
    assert_allclose(narrow.objective_, wide.objective_, rtol=2e-3)
    assert_allclose(narrow.predict(X), wide.predict(X), atol=0.02)


@pytest.mark.parametrize("penalty", PENALTY_NAMES)
def test_float32_penalties(penalty):
    rng = np.random.default_rng(0)
    V, G = rng.normal(size=(2, 6, 4)).astype("f")
    bound = PENALTIES[penalty](0.4)
    for step in (0.7, np.full((6, 1), 0.7, "f"), rng.uniform(0.1, 1, V.shape).astype("f")):
        W = bound.prox(V, step)
        assert W.dtype == np.float32
        wide = bound.prox(V.astype(float), np.asarray(step, float) if np.ndim(step) else step)
        assert_allclose(W, wide, atol=1e-6)
    residual = bound.subgradient(V, G)
    assert residual.dtype == np.float32
    assert_allclose(residual, bound.subgradient(V.astype(float), G.astype(float)), atol=1e-6)


# --------------------------------------------------------------------------------------------
# Repetition and warm starts
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("random_state", [0, "shared"])
@pytest.mark.parametrize("penalty", ["l1", "group_l1"])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("make", [RegularizedMLPRegressor, RegularizedMLPClassifier])
def test_fit_twice_is_bitwise_the_same(make, solver, penalty, random_state):
    X, y = regression_data(N, D)
    y = y if make is RegularizedMLPRegressor else (y > y.mean()).astype(int)
    est = make((6,), penalty=penalty, alpha=0.01, solver=solver, max_iter=10, batch_size=16)

    def fit():
        state = 0 if random_state == 0 else np.random.RandomState(30_000)
        return fit_quietly(clone(est).set_params(random_state=state), X, y)

    one, two = fit(), fit()
    for a, b in zip(one.coefs_ + one.intercepts_, two.coefs_ + two.intercepts_):
        assert_array_equal(a, b)
    assert one.objective_ == two.objective_ and one.loss_curve_ == two.loss_curve_
    again = fit_quietly(one, X, y) if random_state == 0 else two  # refitting is fitting anew
    assert_array_equal(again.coefs_[0], two.coefs_[0])
    other = fit_quietly(clone(est).set_params(random_state=1), X, y)
    assert not np.array_equal(other.coefs_[0], two.coefs_[0])


@pytest.mark.parametrize("penalty", PENALTY_NAMES)
@pytest.mark.parametrize("direction", ["sparse to dense", "dense to sparse"])
def test_warm_starts_along_a_convex_path(penalty, direction):
    X, y = regression_data(N, D)
    alphas = np.geomspace(2, 1e-3, 5)
    alphas = alphas if direction == "sparse to dense" else alphas[::-1]
    warm = regressor(penalty=penalty, warm_start=True)
    supports = set()
    for alpha in alphas:
        fit_quietly(warm.set_params(alpha=alpha), X, y)
        cold = fit_quietly(regressor(penalty=penalty, alpha=alpha), X, y)
        assert_allclose(warm.objective_, cold.objective_, rtol=1e-9)
        assert_allclose(warm.coefs_[0], cold.coefs_[0], atol=1e-5)
        assert_array_equal(warm.coefs_[0] != 0, cold.coefs_[0] != 0)
        supports.add(warm.n_nonzero_)
    assert len(supports) > 2 or penalty == "l2"


def test_evaluation_does_not_change_the_estimator():
    X, y = classification_data(N, D, 3)
    est = fit_quietly(classifier((5,), penalty="l1", alpha=0.01, max_iter=20), X, y)
    before = [W.copy() for W in est.coefs_ + est.intercepts_]
    est.predict_proba(X)
    est.score(X, y)
    for a, b in zip(est.coefs_ + est.intercepts_, before):
        assert_array_equal(a, b)
