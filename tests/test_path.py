"""The grid of alphas and the path along it: against closed forms, scikit-learn's paths and fits."""

import re
import warnings
from functools import partial

import numpy as np
import pytest
from _problems import (
    SPARSE_PENALTIES,
    classification_data,
    classifier,
    diabetes,
    fit_quietly,
    regression_data,
    regressor,
    targets,
)
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import (
    LogisticRegression,
    MultiTaskLasso,
    enet_path,
    lasso_path,
)
from sklearn.metrics import get_scorer

from skreg_mlp import RegularizedMLPRegressor, alpha_max, regularization_path
from skreg_mlp.penalties import L1, MCP, SCAD, LogSum, Penalty

try:
    from sklearn import callback
except ImportError:
    callback = None

CONCAVE = ["mcp", "scad", "log_sum", "group_mcp", "group_scad", "group_log_sum"]
SPARSE = SPARSE_PENALTIES + CONCAVE
LOSSES = ["squared_error", "huber", "quantile", "poisson", "gamma", "tweedie"]
RNG = np.random.default_rng(0)
WEIGHT = RNG.uniform(0.2, 3, 60)
ignore_convergence = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def data(kind):
    """X, y and a maker of estimators for the loss or the task `kind`."""
    if kind in LOSSES:
        rng = np.random.default_rng(3)
        X = rng.normal(size=(60, 5))
        y = targets(kind, 60, 1, rng).ravel()
        y = y + (
            X[:, 0] if kind not in ("poisson", "gamma", "tweedie") else np.abs(X[:, 0]).round()
        )
        return X, y, partial(regressor, loss=kind)
    if kind == "many outputs":
        return *regression_data(60, 5, 3), regressor
    if kind == "multilabel":
        X, _ = classification_data(60, 5)
        return X, (X[:, :2] + RNG.normal(size=(60, 2)) > 0).astype(int), classifier
    return *classification_data(60, 5, {"binary": 2, "multinomial": 3}[kind]), classifier


# --------------------------------------------------------------------------------------------
# alpha_max without hidden layers
# --------------------------------------------------------------------------------------------
def assert_threshold(make, X, y, sample_weight=None, share=1e-3, **kwargs):
    """At alpha_max every weight is zero, a little below it not; returns alpha_max.

    That is a matter of the least alpha at which zero is optimal, hence not of concave penalties,
    for which alpha_max is the one at which no other point is better.
    """
    top = alpha_max(make((), **kwargs), X, y, sample_weight)
    largest = np.max(kwargs.get("alpha", 1.0))
    per_layer = isinstance(kwargs.get("alpha"), list)

    def fit(factor):
        alpha = [top * factor] if per_layer else top * factor
        est = make((), **kwargs | dict(alpha=alpha, tol=1e-7 * top / np.max(largest)))
        return fit_quietly(est, X, y, sample_weight=sample_weight)

    assert fit(1 + 1e-9).n_nonzero_ == 0
    assert fit(1 - share).n_nonzero_ > 0
    return top


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("penalty", SPARSE_PENALTIES)
@pytest.mark.parametrize("kind", [*LOSSES, "many outputs", "binary", "multinomial", "multilabel"])
def test_alpha_max(kind, penalty, weighted):
    X, y, make = data(kind)
    assert_threshold(make, X, y, WEIGHT if weighted else None, penalty=penalty, l1_ratio=0.4)


@pytest.mark.parametrize("penalty", ["group_l1", "sparse_group_l1"])
@pytest.mark.parametrize("kind", ["squared_error", "many outputs", "multinomial"])
def test_alpha_max_of_merged_features(kind, penalty):
    X, y, make = data(kind)
    groups = ["a", "b", "a", "c", "b"]
    assert_threshold(make, X, y, penalty=penalty, feature_groups=groups, l1_ratio=0.3)


@pytest.mark.parametrize(
    "penalty", [*CONCAVE, MCP(gamma=1.5), SCAD(a=2.2), LogSum(scale=0.3)], ids=str
)
@pytest.mark.parametrize("kind", ["squared_error", "many outputs", "multinomial"])
def test_alpha_max_of_concave_penalties(kind, penalty):
    """No network is better than the null model, wherever the search for it begins."""
    X, y, make = data(kind)
    top = alpha_max(make((), penalty=penalty), X, y)
    est = make((), penalty=penalty, alpha=top * (1 + 1e-9), tol=1e-6)
    null = fit_quietly(est, X, y)
    assert null.n_nonzero_ == 0 and null.stationarity_ <= 1e-6
    dense = make((), penalty=None, tol=1e-6).fit(X, y)
    for factor in (0.3, 1.0, 3.0):
        other = clone(est).set_params(warm_start=True)
        other.coefs_ = [factor * W for W in dense.coefs_]
        for name in ("intercepts_", "classes_", "out_activation_"):
            if hasattr(dense, name):
                setattr(other, name, getattr(dense, name))
        assert fit_quietly(other, X, y).objective_ >= null.objective_ * (1 - 1e-9)


def test_alpha_max_is_the_classical_one():
    X, y = regression_data(60, 5)
    correlation = np.abs(X.T @ (y - y.mean())).max() / 60
    for penalty, ratio, expected in [
        ("l1", 0.5, correlation), ("group_l1", 0.5, correlation), ("l2", 0.5, correlation),
        ("elasticnet", 0.4, correlation / 0.4), ("sparse_group_l1", 0.3, correlation),
    ]:  # fmt: skip
        est = regressor(penalty=penalty, l1_ratio=ratio)
        assert_allclose(alpha_max(est, X, y), expected, rtol=1e-12)
    _, labels = classification_data(60, 5)
    share = np.mean(labels == "b")
    expected = np.abs(X.T @ ((labels == "b") - share)).max() / 60
    assert_allclose(alpha_max(classifier(penalty="l1"), X, labels), expected, rtol=1e-7)


@pytest.mark.parametrize("hidden", [(), (4,)])
def test_alpha_max_of_layers(hidden):
    """Ratios are kept: what is returned is the largest of the layers' alphas."""
    X, y = regression_data(60, 5)
    ratios = [0.5, 2.0][: len(hidden) + 1]
    plain = alpha_max(regressor(hidden, penalty="l1"), X, y)
    several = alpha_max(regressor(hidden, penalty="l1", alpha=ratios), X, y)
    # the bound knows the layers by the product of their alphas only
    geometric = np.prod(np.divide(ratios, max(ratios))) ** (1 / len(ratios))
    assert_allclose(several, plain / geometric, rtol=1e-12)
    scaled = alpha_max(regressor(hidden, penalty="l1", alpha=[3 * r for r in ratios]), X, y)
    assert_allclose(scaled, several, rtol=1e-12)


@pytest.mark.parametrize("hidden", [(), (4,), (3, 3)])
@pytest.mark.parametrize("penalty", SPARSE)
def test_invariances_of_alpha_max(penalty, hidden):
    X, y = regression_data(60, 5)
    est = regressor(hidden, penalty=penalty)
    top = partial(alpha_max, est)
    base = top(X, y)
    assert_allclose(top(np.vstack([X, X]), np.r_[y, y]), base, rtol=1e-9)
    assert_allclose(top(X, y, 7 * np.ones(60)), base, rtol=1e-9)
    whole = RNG.integers(0, 4, 60)
    repeated = top(np.repeat(X, whole, axis=0), np.repeat(y, whole))
    assert_allclose(top(X, y, whole), repeated, rtol=1e-9)
    summed = alpha_max(clone(est).set_params(alpha_scaling="sum"), X, y, WEIGHT)
    assert_allclose(summed, WEIGHT.sum() * top(X, y, WEIGHT), rtol=1e-9)
    if not hidden:
        assert_allclose(top(sparse.csr_matrix(X), y), base, rtol=1e-9)
    single = top(X.astype(np.float32), y.astype(np.float32))
    assert_allclose(single, base, rtol=1e-5)


@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("penalty", SPARSE_PENALTIES)
def test_alpha_max_in_other_units_of_y(penalty, depth):
    """Loss and q are quadratic in y without weights below: L0 ~ c^2, q ~ c^2 / c for one unit of
    weights each, hence L0^(1 - 1/D) q^(1/D) ~ c^(2 - 1/D)."""
    X, y = regression_data(60, 5)
    est = regressor((3,) * (depth - 1), penalty=penalty)
    ratio = alpha_max(est, X, 10 * y) / alpha_max(est, X, y)
    assert_allclose(ratio, 10 ** (2 - 1 / depth), rtol=1e-9)


# --------------------------------------------------------------------------------------------
# alpha_max with hidden layers
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("hidden", [(4,), (3, 3)])
@pytest.mark.parametrize("penalty", SPARSE)
@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "silu"])
@ignore_convergence
def test_the_null_model_is_the_global_minimum_above_alpha_max(activation, penalty, hidden):
    """From a network fitted without penalty no search comes below it."""
    X, y = regression_data(25, 3)
    y = (y - y.mean()) / y.std()
    kwargs = dict(penalty=penalty, activation=activation, l1_ratio=0.7, tol=1e-3, max_iter=40)
    top = alpha_max(regressor(hidden, **kwargs), X, y)
    dense = regressor(hidden, **kwargs | dict(penalty="l2", alpha=1e-4)).fit(X, y)
    est = regressor(hidden, **kwargs | dict(alpha=top * (1 + 1e-6), warm_start=True))
    for factor in (1.0, 0.3):
        est.coefs_ = [factor * W for W in dense.coefs_]
        est.intercepts_, est.out_activation_ = dense.intercepts_, dense.out_activation_
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # every weight may be zero
            est.fit(X, y)
        assert est.objective_ >= np.var(y) / 2 * (1 - 1e-9)


@pytest.mark.parametrize("depth", [2, 3])
@pytest.mark.parametrize("penalty", ["l1", "group_l1"])
def test_the_bound_is_tight(penalty, depth):
    """A chain of identity units with one input and output: min over p of (1 - p^D x)^2 / 2 + D a p.

    The bound uses that the loss is at most linear and at least 0, which costs a factor below 2.
    """
    X, y = np.array([[-1.0], [1.0]]), np.array([-1.0, 1.0])
    est = regressor((1,) * (depth - 1), penalty=penalty, activation="identity")
    p = np.linspace(0, 2, 20001)
    exact = np.max((0.5 - 0.5 * (1 - p[1:] ** depth) ** 2) / (depth * p[1:]))
    top = alpha_max(est, X, y)
    assert_allclose(top, 0.5 ** (1 - 1 / depth) / depth, rtol=1e-12)
    assert exact <= top <= 1.5 * exact


def test_alpha_max_by_hand_with_hidden_layers():
    X, Y = regression_data(60, 5, 2)
    X_weighted = np.abs(X - X.mean(axis=0)).T @ np.abs(Y - Y.mean(axis=0)) / 60
    q, L0 = X_weighted.max(), np.var(Y, axis=0).sum() / 2

    def bound(q, D):
        return L0 ** (1 - 1 / D) * q ** (1 / D) / D

    for hidden, penalty, kwargs, expected in [
        ((4,), "l1", {}, bound(q, 2)),
        ((4, 3), "l1", {}, bound(q, 3)),
        ((4,), "elasticnet", dict(l1_ratio=0.5), bound(q / 0.5**2, 2)),
        ((4,), "group_l1", {}, bound(q / np.sqrt(4), 2)),
        ((4, 9), "group_l1", {}, bound(q / np.sqrt(4 * 9), 3)),
        ((4,), "sparse_group_l1", dict(l1_ratio=0.5), bound(q / 1.5, 2)),
        ((4,), "l1", dict(activation="logistic"), bound(q / 4, 2)),
    ]:  # fmt: skip
        est = regressor(hidden, penalty=penalty, **kwargs)
        assert_allclose(alpha_max(est, X, Y), expected, rtol=1e-12)


# --------------------------------------------------------------------------------------------
# Paths of linear models
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("penalty, ratio", [("l1", 1.0), ("elasticnet", 0.5), ("elasticnet", 0.9)])
def test_path_of_the_lasso_and_of_the_elastic_net(penalty, ratio):
    X, y = diabetes()
    path = regularization_path(regressor(penalty=penalty, l1_ratio=ratio), X, y, alphas=15)
    tight = dict(tol=1e-10, max_iter=100_000)
    twin = (
        partial(lasso_path, **tight) if ratio == 1 else partial(enet_path, l1_ratio=ratio, **tight)
    )
    alphas, coefs, _ = twin(X, y, alphas=path.alphas)
    assert_allclose(alphas[::-1], path.alphas)
    assert_allclose(np.hstack([W for (W,) in path.coefs])[:, ::-1], coefs, atol=1e-6)
    default = twin(X, y, eps=1e-3)[0] if ratio < 1 else lasso_path(X, y, eps=1e-3, **tight)[0]
    grid = regularization_path(regressor(penalty=penalty, l1_ratio=ratio), X, y).alphas
    assert_allclose(grid, default[::-1], rtol=1e-9)


@ignore_convergence  # at alpha_max itself, where rounding decides whether a row is zero
def test_path_of_the_multi_task_lasso():
    X, Y = regression_data(60, 6, 3)
    path = regularization_path(regressor(penalty="group_l1"), X, Y, alphas=8, eps=0.01)
    for alpha, (W,), (b,) in zip(path.alphas, path.coefs, path.intercepts):
        twin = MultiTaskLasso(alpha * np.sqrt(3), tol=1e-10, max_iter=100_000).fit(X, Y)
        assert_allclose(W.T, twin.coef_, atol=1e-6)
        assert_allclose(b, twin.intercept_, atol=1e-6)


@pytest.mark.filterwarnings("ignore:'penalty' was deprecated:FutureWarning")
@pytest.mark.parametrize("classes", [2, 3])
def test_path_of_logistic_regression(classes):
    X, y = classification_data(80, 5, classes)
    path = regularization_path(classifier(penalty="l1"), X, y, alphas=6, eps=0.05)
    for alpha, (W,) in zip(path.alphas, path.coefs):
        twin = LogisticRegression(
            C=1 / (80 * alpha), penalty="elasticnet", l1_ratio=1, solver="saga", tol=1e-9,
            max_iter=20_000, random_state=0,
        ).fit(X, y)  # fmt: skip
        assert_allclose(W.T.reshape(twin.coef_.shape), twin.coef_, atol=1e-5)


def test_path_of_ridge_runs_over_the_grid_of_the_lasso():
    X, y = diabetes()
    ridge = regularization_path(regressor(penalty="l2"), X, y, alphas=7)
    lasso = regularization_path(regressor(penalty="l1"), X, y, alphas=7)
    assert_allclose(ridge.alphas, lasso.alphas)
    gram = X.T @ X / len(X)
    for alpha, (W,) in zip(ridge.alphas, ridge.coefs):
        expected = np.linalg.solve(gram + alpha * np.eye(10), X.T @ y / len(X))
        assert_allclose(W.ravel(), expected, atol=1e-6)


def test_csr_is_dense():
    X, y = regression_data(60, 6)
    X[np.abs(X) < 0.5] = 0
    kwargs = dict(penalty="l1", max_iter=300)
    dense = regularization_path(regressor(**kwargs), X, y, alphas=5)
    rows = sparse.csr_matrix(X)
    assert_allclose(alpha_max(regressor(**kwargs), rows, y), dense.alphas[-1], rtol=1e-12)
    csr = regularization_path(regressor(**kwargs), rows, y, alphas=dense.alphas)
    assert_allclose(np.ravel(csr.coefs), np.ravel(dense.coefs), atol=1e-7)


# --------------------------------------------------------------------------------------------
# Paths of networks
# --------------------------------------------------------------------------------------------
def network(penalty="l1", hidden=(6,), **kwargs):
    defaults = dict(learning_rate_init=0.02, max_iter=100, random_state=0)
    return RegularizedMLPRegressor(hidden, penalty=penalty, **{**defaults, **kwargs})


X_PATH, Y_PATH = regression_data(100, 5)
Y_PATH = (Y_PATH - Y_PATH.mean()) / Y_PATH.std()


@pytest.mark.parametrize(
    "penalty, solver",
    [(penalty, solver) for solver in ("adam", "sgd") for penalty in SPARSE]
    # without noise, weights on the flat parts of MCP and SCAD stay where they are
    + [(penalty, "lbfgs") for penalty in [*SPARSE_PENALTIES, "log_sum", "group_log_sum"]],
)
@ignore_convergence
def test_path_from_dense_to_empty(penalty, solver):
    limits = dict(tol=1e-3, max_iter=150) if solver == "lbfgs" else dict(max_iter=1)
    est = network(penalty, solver=solver, activation="tanh", hidden=(4,), **limits)
    path = regularization_path(est, X_PATH, Y_PATH, alphas=12, eps=0.02)
    assert np.all(np.diff(path.alphas) > 0)
    assert path.n_nonzero[-1] == 0 and np.all(path.n_nonzero[:-1] > 0)
    assert path.n_nonzero[0] > 0.8 * path.n_nonzero.max() and path.loss[0] < 0.3
    assert not path.selected_features[-1].any() and path.selected_features[0].sum() >= 3
    assert_allclose(path.loss[-1], np.var(Y_PATH) / 2, rtol=3e-2)


@pytest.mark.parametrize("scoring", ["loss", "r2", "neg_median_absolute_error"])
@pytest.mark.parametrize("hidden", [(), (5,)])
def test_fields_are_those_of_the_networks(hidden, scoring):
    est = network(hidden=hidden, scoring=scoring, alpha=7.0, penalty="l1")
    rows, rest = slice(0, 70), slice(70, None)
    X_val, y_val, weight_val = X_PATH[rest], Y_PATH[rest], np.linspace(0.5, 2, 30)
    path = regularization_path(
        est, X_PATH[rows], Y_PATH[rows], alphas=6, X_val=X_val, y_val=y_val,
        sample_weight_val=None if scoring == "neg_median_absolute_error" else weight_val,
    )  # fmt: skip
    assert len(path) == len(path.alphas) == len(path.coefs) == len(path.stationarity)
    for i, alpha in enumerate(path.alphas):
        fitted = path.to_estimator(i)
        assert fitted.alpha == alpha and isinstance(fitted, RegularizedMLPRegressor)
        assert fitted.n_nonzero_ == path.n_nonzero[i]
        assert_array_equal(fitted.selected_features_, path.selected_features[i])
        errors = (fitted.predict(X_PATH[rows]) - Y_PATH[rows]) / np.std(Y_PATH[rows])
        loss = np.mean(errors**2) / 2
        objective = loss + alpha * sum(np.abs(W).sum() for W in fitted.coefs_)
        assert_allclose([path.loss[i], path.objective[i]], [loss, objective], rtol=1e-10)
        assert [fitted.loss_, fitted.objective_] == [path.loss[i], path.objective[i]]
        assert fitted.stationarity_ == path.stationarity[i]
        if scoring == "loss":
            residual = fitted.predict(X_val) - y_val
            expected = -np.average(residual**2, weights=weight_val) / 2
        else:
            weights = {"sample_weight": weight_val} if scoring == "r2" else {}
            expected = get_scorer(scoring)(fitted, X_val, y_val, **weights)
        assert_allclose(path.validation_scores[i], expected, rtol=1e-10)
    no_validation = regularization_path(est, X_PATH[rows], Y_PATH[rows], alphas=6)
    assert no_validation.validation_scores is None
    for ours, theirs in zip(no_validation.coefs, path.coefs):
        assert_array_equal(ours[0], theirs[0])


def test_stationarity_is_that_of_a_fit_that_starts_there():
    path = regularization_path(network(), X_PATH, Y_PATH, alphas=5)
    for i in range(3):
        again = path.to_estimator(i).set_params(
            warm_start=True, solver="lbfgs", max_iter=1, tol=1e6
        )
        stationarity = again.stationarity_
        again.fit(X_PATH, Y_PATH)
        assert again.n_iter_ == 0
        assert_allclose(again.stationarity_, stationarity, rtol=1e-8)


def test_the_estimator_is_not_changed_and_seeds_repeat():
    est = network(penalty="group_log_sum", alpha=[0.3, 0.1], early_stopping=True, warm_start=True)
    before = dict(vars(est))
    paths = [regularization_path(est, X_PATH, Y_PATH, alphas=6) for _ in range(2)]
    assert vars(est) == before
    for one, other in zip(paths[0].coefs, paths[1].coefs):
        assert_array_equal(one[0], other[0])
    differs = regularization_path(clone(est).set_params(random_state=1), X_PATH, Y_PATH, alphas=6)
    assert not np.array_equal(differs.coefs[0][0], paths[0].coefs[0][0])
    for i in (0, len(paths[0]) - 1):  # the ratios of the layers are kept
        alpha = paths[0].to_estimator(i).alpha
        assert_allclose(alpha, [paths[0].alphas[i], paths[0].alphas[i] / 3])


def test_given_alphas():
    given = [0.1, 1e-3, 0.1, 0.01]
    path = regularization_path(network(), X_PATH, Y_PATH, alphas=given)
    assert_array_equal(path.alphas, [1e-3, 0.01, 0.1])
    path = regularization_path(network(), X_PATH, Y_PATH, alphas=[1e-3, 50.0, 100.0])
    assert_array_equal(path.alphas, [1e-3, 50.0])  # ends with the first empty network
    one = regularization_path(network(hidden=()), X_PATH, Y_PATH, alphas=1)
    assert one.n_nonzero[-1] == 0
    assert_allclose(one.alphas[0], alpha_max(network(hidden=()), X_PATH, Y_PATH))
    zero = regularization_path(regressor(penalty="l1"), X_PATH, Y_PATH, alphas=np.array([0, 0.1]))
    b = np.linalg.lstsq(np.c_[X_PATH, np.ones(100)], Y_PATH, rcond=None)[0]
    assert_allclose(zero.coefs[0][0].ravel(), b[:-1], atol=1e-6)


@pytest.mark.parametrize("hidden", [(), (4,)])
def test_ends_of_the_grid(hidden):
    est = network(hidden=hidden)
    top = alpha_max(est, X_PATH, Y_PATH)
    path = regularization_path(est, X_PATH, Y_PATH, alphas=9, eps=0.02)
    assert_allclose(path.alphas[0], 0.02 * top)
    assert_allclose(np.diff(np.log(path.alphas)), np.log(50) / 8)
    assert path.n_nonzero[-1] == 0 and (hidden or 9 <= len(path) <= 10)


def test_warm_start_is_a_cold_one_where_the_problem_is_convex():
    X, y = diabetes()
    path = regularization_path(regressor(penalty="sparse_group_l1"), X, y, alphas=5)
    for alpha, (W,) in zip(path.alphas, path.coefs):
        cold = regressor(penalty="sparse_group_l1", alpha=alpha).fit(X, y)
        assert_allclose(W, cold.coefs_[0], atol=1e-6)


@pytest.mark.parametrize("kind", ["binary", "multinomial", "multilabel"])
def test_paths_of_classifiers(kind):
    X, y, make = data(kind)
    est = make((4,), penalty="group_l1", solver="adam", max_iter=100, learning_rate_init=0.02)
    path = regularization_path(est, X, y, alphas=6)
    fitted = path.to_estimator(0)
    assert fitted.score(X, y) >= 0.5 and path.n_nonzero[-1] == 0
    assert_array_equal(fitted.classes_, np.unique(y) if np.ndim(y) == 1 else [0, 1])
    assert fitted.predict_proba(X).shape == (60, max(2, fitted.n_outputs_))
    null = path.to_estimator(-1).predict_proba(X)
    share = np.mean(y[:, None] == np.unique(y), axis=0) if np.ndim(y) == 1 else y.mean(axis=0)
    assert_allclose(null, np.tile(share, (60, 1)), atol=0.05)


# --------------------------------------------------------------------------------------------
# Errors and warnings
# --------------------------------------------------------------------------------------------
class NoCost(Penalty):
    """A user's penalty of which no bound is known."""

    def value(self, W):
        return L1(self.alpha).value(W)

    def prox(self, V, step):
        return L1(self.alpha).prox(V, step)


def run(est=None, y=Y_PATH, X=X_PATH, **kwargs):
    return regularization_path(network() if est is None else est, X, y, **kwargs)


@pytest.mark.parametrize(
    "alphas", [0, -3, 2.5, True, None, "many", [], [0.1, -1], [0.1, np.nan], [[0.1]]]
)
def test_bad_alphas(alphas):
    with pytest.raises(
        ValueError, match="alphas must be an integer .*got " + re.escape(repr(alphas))
    ):
        run(alphas=alphas)


@pytest.mark.parametrize("eps", [0, 1, -0.1, 2, None, "small", np.nan, True])
def test_bad_eps(eps):
    with pytest.raises(ValueError, match=r"eps must be a number in \(0, 1\); got " + repr(eps)):
        run(eps=eps)


def test_where_no_grid_is_known():
    with pytest.raises(
        ValueError, match=r"alpha=\[0.1, 0.0\].*unpenalized layer.*give alphas as an"
    ):
        run(network(alpha=[0.1, 0]))
    with pytest.raises(ValueError, match=r"penalty=None.*unpenalized.*alphas as an array"):
        run(network(None))
    with pytest.raises(
        ValueError, match=r"No largest alpha.*NoCost.*alphas as an array.*least_cost"
    ):
        run(network(NoCost()))
    with pytest.raises(ValueError, match=r"ElasticNet.*zeros nothing.*raise l1_ratio"):
        run(network("elasticnet", l1_ratio=0.0))
    with pytest.raises(ValueError, match=r"ElasticNet.*zeros nothing.*raise l1_ratio"):
        run(network("elasticnet", (), l1_ratio=0.0))
    with pytest.raises(ValueError, match=r"y is constant.*alphas as an array"):
        run(y=np.ones(100))
    with pytest.raises(ValueError, match="alpha has 3 values, but the network has 2"):
        run(network(alpha=[1, 2, 3]))
    with pytest.raises(ValueError, match="X_val and y_val go together; y_val is missing"):
        run(X_val=X_PATH)


def test_a_users_penalty_where_its_bound_is_not_needed():
    given = run(network(NoCost()), alphas=[0.01, 0.1])
    built_in = run(network(), alphas=[0.01, 0.1])
    assert len(given) == 2
    assert_allclose(given.loss, built_in.loss, rtol=0.2)
    linear = alpha_max(network(NoCost(), ()), X_PATH, Y_PATH)  # found by bisection
    assert_allclose(linear, alpha_max(network("l1", ()), X_PATH, Y_PATH), rtol=1e-9)


def test_unfinished_alphas_are_counted():
    X, y = diabetes()
    est = regressor(penalty="l1", max_iter=1, tol=1e-9)
    with pytest.warns(
        ConvergenceWarning, match=r"of 4 alphas ended with a stationarity .*tol=1e-09"
    ):
        run(est, y, X, alphas=4, eps=0.01)


def test_a_loss_that_is_not_finite_is_explained():
    with pytest.raises(ValueError, match=r"not finite.*StandardScaler.*learning_rate_init=1e"):
        run(network(learning_rate_init=1e200, activation="identity", penalty="l2"), alphas=3)


# --------------------------------------------------------------------------------------------
# What a path tells while it runs
# --------------------------------------------------------------------------------------------
def test_one_line_an_alpha(capsys):
    path = run(network(verbose=1), alphas=10, X_val=X_PATH[:20], y_val=Y_PATH[:20])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(path)
    line_of = r"alpha +(\d+)/10 +(\S+) +objective +(\S+) +stationarity +(\S+) +weights left +"
    line_of += r"(\d+)/36 +validation score +(\S+)"
    for i, line in enumerate(lines):
        figures = [float(figure) for figure in re.fullmatch(line_of, line).groups()]
        expected = [path.alphas[i], path.objective[i], path.stationarity[i], path.n_nonzero[i]]
        assert_allclose(figures, [i + 1, *expected, path.validation_scores[i]], rtol=1e-2)
    run(network(), alphas=2)
    assert capsys.readouterr().out == ""


class Hook:
    """Records the tasks of a path; asks to stop at the end of number `at`."""

    def __init__(self, at=None):
        self.at, self.events, self.fitted = at, [], []

    def setup(self, estimator, context):
        self.events.append("setup")

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.events.append(("begin", context.task_name))

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        self.events.append(("end", context.task_name))
        if context.task_name == "alpha":
            self.fitted.append(fitted_estimator)
            return len(self.fitted) == self.at


@pytest.mark.skipif(callback is None, reason="scikit-learn has no callbacks")
@pytest.mark.parametrize("at", [None, 3])
def test_one_task_an_alpha(at):
    hook = Hook(at)
    path = run(network().set_callbacks(hook), alphas=8)
    assert len(hook.fitted) == len(path) == (at or len(path))
    inner = [("begin", "alpha"), ("end", "alpha")] * len(path)
    assert hook.events == ["setup", ("begin", "fit"), *inner, ("end", "fit"), "teardown"]
    for i, fitted in enumerate(hook.fitted):
        assert_array_equal(fitted.coefs_[0], path.coefs[i][0])
        assert fitted.objective_ == path.objective[i]
    plain = run(network(), alphas=8)
    assert_array_equal(plain.alphas[: len(path)], path.alphas)
    assert_array_equal(plain.coefs[len(path) - 1][0], path.coefs[-1][0])
