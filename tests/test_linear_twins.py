"""A network without hidden layers against scikit-learn's linear models, and the top of the path."""

from functools import partial

import numpy as np
import pytest
from _problems import (
    classification_data,
    classifier,
    fit_quietly,
    make_problem,
    regression_data,
    regressor,
    value_and_gradient,
)
from numpy.testing import assert_allclose
from sklearn.linear_model import (
    ElasticNet,
    GammaRegressor,
    Lasso,
    LogisticRegression,
    MultiTaskLasso,
    PoissonRegressor,
    QuantileRegressor,
    Ridge,
    TweedieRegressor,
)
from sklearn.metrics import (
    log_loss,
    mean_gamma_deviance,
    mean_pinball_loss,
    mean_poisson_deviance,
    mean_tweedie_deviance,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor

from skreg_mlp import penalties
from skreg_mlp._objective.activations import ACTIVATIONS
from skreg_mlp._objective.data import Data
from skreg_mlp._objective.losses import SquaredError
from skreg_mlp._objective.network import Network
from skreg_mlp._objective.problem import Problem

N, D = 80, 8
TIGHT = dict(tol=1e-13, max_iter=100_000)
PENALTY_VALUES = {
    "l1": lambda W, r: np.abs(W).sum(),
    "l2": lambda W, r: np.sum(W**2) / 2,
    "elasticnet": lambda W, r: r * np.abs(W).sum() + (1 - r) / 2 * np.sum(W**2),
    "group_l1": lambda W, r: np.sqrt(W.shape[1]) * np.linalg.norm(W, axis=1).sum(),
}


def half_squared_error(y, f, w=None):
    return np.average(np.sum((y - f).reshape(len(y), -1) ** 2, axis=1) / 2, weights=w)


def assert_twins(est, twin, objective, *, rtol=1e-9, atol=1e-5):
    """Objectives to 1e-9 and never above the twin's; coefficients to 1e-5."""
    k = est.coefs_[0].shape[1]
    W, b = np.reshape(twin.coef_, (k, -1)).T, np.reshape(twin.intercept_, k)
    ours, theirs = objective(est.coefs_[0], est.intercepts_[0]), objective(W, b)
    assert_allclose(est.objective_, ours, rtol=1e-12)
    assert_allclose(ours, theirs, rtol=rtol)
    assert_allclose(est.coefs_[0], W, rtol=0, atol=atol)
    assert np.abs(W).max() > 10 * atol


def weights_of(weighted):
    return np.random.default_rng(1).uniform(0.2, 3, N) if weighted else None


# --------------------------------------------------------------------------------------------
# Regression
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("alpha", [0.01, 0.1, 0.5])
@pytest.mark.parametrize(
    "penalty, ratio, twin",
    [
        ("l1", 1.0, lambda a, n: Lasso(a, **TIGHT)),
        ("elasticnet", 0.3, lambda a, n: ElasticNet(a, l1_ratio=0.3, **TIGHT)),
        ("elasticnet", 0.9, lambda a, n: ElasticNet(a, l1_ratio=0.9, **TIGHT)),
        ("l2", 0.0, lambda a, n: Ridge(n * a, solver="cholesky")),
    ],
)
def test_squared_error(penalty, ratio, twin, alpha, weighted):
    (X, y), w = regression_data(N, D), weights_of(weighted)
    est = regressor(penalty=penalty, alpha=alpha, l1_ratio=ratio).fit(X, y, w)
    total = N if w is None else w.sum()
    twin = twin(alpha, total).fit(X, y, sample_weight=w)

    def objective(W, b):
        return half_squared_error(y, (X @ W + b).ravel(), w) + alpha * PENALTY_VALUES[penalty](
            W, ratio
        )

    assert_twins(est, twin, objective)
    if penalty != "l2":
        assert_allclose(est.coefs_[0].ravel() != 0, twin.coef_ != 0)


@pytest.mark.parametrize("alpha", [0.02, 0.1, 0.5])
@pytest.mark.parametrize("k", [1, 3])
def test_multi_task_lasso(k, alpha):
    X, Y = regression_data(N, D, k)
    est = regressor(penalty="group_l1", alpha=alpha).fit(X, Y)
    twin = MultiTaskLasso(alpha * np.sqrt(k), **TIGHT).fit(X, Y.reshape(N, k))

    def objective(W, b):
        return half_squared_error(Y.reshape(N, k), X @ W + b) + alpha * PENALTY_VALUES["group_l1"](
            W, None
        )

    assert_twins(est, twin, objective)
    rows = est.coefs_[0].any(axis=1)
    assert_allclose(rows, twin.coef_.any(axis=0))
    assert_allclose(est.selected_features_, rows)


@pytest.mark.parametrize("k", [1, 2])
def test_group_penalties_of_one_column_are_the_lasso(k):
    """With one output a group of one feature is one weight, and sparse groups mix equals."""
    X, y = regression_data(N, D)
    lasso = Lasso(0.1, **TIGHT).fit(X, y)
    for penalty in ("group_l1", "sparse_group_l1")[:k]:
        est = regressor(penalty=penalty, alpha=0.1, l1_ratio=0.4).fit(X, y)
        assert_allclose(est.coefs_[0].ravel(), lasso.coef_, atol=1e-6)


def test_huber_of_wide_delta_is_the_squared_error():
    X, y = regression_data(N, D)
    est = regressor(loss="huber", huber_delta=1e3, penalty="l1", alpha=0.1).fit(X, y)
    assert_allclose(est.coefs_[0].ravel(), Lasso(0.1, **TIGHT).fit(X, y).coef_, atol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("quantile", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("alpha", [0.02, 0.1])
def test_quantile(alpha, quantile, weighted):
    (X, y), w = regression_data(N, 4), weights_of(weighted)
    est = regressor(loss="quantile", quantile=quantile, penalty="l1", alpha=alpha, tol=1e-6)
    fit_quietly(est, X, y, sample_weight=w)
    twin = QuantileRegressor(quantile=quantile, alpha=alpha, solver="highs")
    twin.fit(X, y, sample_weight=w)

    def objective(W, b):
        pinball = mean_pinball_loss(y, (X @ W).ravel() + b, sample_weight=w, alpha=quantile)
        return pinball + alpha * np.abs(W).sum()

    ours, theirs = (
        objective(est.coefs_[0], est.intercepts_[0]),
        objective(twin.coef_[:, None], twin.intercept_),
    )
    # the envelope lies below, by half its width times the square of the larger slope
    width = 1e-3 * np.average(np.abs(y - np.quantile(y, quantile)), weights=w)
    gap = 1.2 * width / 2 * max(quantile, 1 - quantile) ** 2
    assert theirs * (1 - 1e-9) <= ours <= theirs + gap
    assert theirs - gap <= est.objective_ <= ours


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("alpha", [1e-3, 0.1, 2.0])
@pytest.mark.parametrize(
    "loss, twin, deviance",
    [
        ("poisson", PoissonRegressor, mean_poisson_deviance),
        ("gamma", GammaRegressor, mean_gamma_deviance),
        (
            "tweedie",
            partial(TweedieRegressor, power=1.6),
            partial(mean_tweedie_deviance, power=1.6),
        ),
    ],
)
def test_log_links(loss, twin, deviance, alpha, weighted):
    rng = np.random.default_rng(2)
    X, w = rng.normal(size=(N, 4)), weights_of(weighted)
    mean = np.exp(0.3 + 0.5 * X[:, 0] - 0.4 * X[:, 1])
    y = rng.poisson(mean) if loss == "poisson" else rng.gamma(2, mean / 2)
    y = y * rng.integers(0, 2, N) if loss == "tweedie" else y
    est = regressor(loss=loss, power=1.6, penalty="l2", alpha=alpha).fit(X, y.astype(float), w)
    twin = twin(alpha=alpha, solver="newton-cholesky", tol=1e-12, max_iter=1000)
    twin.fit(X, y, sample_weight=w)

    def objective(W, b):
        return deviance(y, np.exp(X @ W + b).ravel(), sample_weight=w) / 2 + alpha / 2 * np.sum(
            W**2
        )

    assert_twins(est, twin, objective)
    assert_allclose(est.predict(X), twin.predict(X), rtol=1e-5)


# --------------------------------------------------------------------------------------------
# Classification
# --------------------------------------------------------------------------------------------
@pytest.mark.filterwarnings("ignore:'penalty' was deprecated:FutureWarning")
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("alpha", [0.03, 0.06])
@pytest.mark.parametrize("penalty, ratio", [("l1", 1.0), ("l2", 0.0), ("elasticnet", 0.5)])
@pytest.mark.parametrize("classes", [2, 3])
def test_logistic_regression(classes, penalty, ratio, alpha, weighted):
    (X, y), w = classification_data(N, 6, classes), weights_of(weighted)
    total = N if w is None else w.sum()
    est = classifier(penalty=penalty, alpha=alpha, l1_ratio=ratio).fit(X, y, w)
    twin = LogisticRegression(
        C=1 / (total * alpha), penalty="elasticnet", l1_ratio=ratio, solver="saga",
        tol=1e-10, max_iter=50_000, random_state=0,
    ).fit(X, y, sample_weight=w)  # fmt: skip

    def objective(W, b):
        scores = X @ W + b
        scores = np.hstack([0 * scores, scores]) if classes == 2 else scores
        proba = np.exp(scores - scores.max(axis=1, keepdims=True))
        proba /= proba.sum(axis=1, keepdims=True)
        return log_loss(y, proba, sample_weight=w) + alpha * PENALTY_VALUES[penalty](W, ratio)

    assert_twins(est, twin, objective)
    assert_allclose(est.predict_proba(X), twin.predict_proba(X), atol=1e-5)
    assert list(est.predict(X)) == list(twin.predict(X))


@pytest.mark.parametrize("penalty", ["l1", "l2"])
def test_multilabel_is_one_logistic_regression_per_label(penalty):
    X, _ = classification_data(N, 5)
    Y = (X[:, :3] + np.random.default_rng(0).normal(size=(N, 3)) > 0).astype(int)
    together = classifier(penalty=penalty, alpha=0.03).fit(X, Y)
    for j in range(3):
        alone = classifier(penalty=penalty, alpha=0.03).fit(X, Y[:, j])
        assert_allclose(together.coefs_[0][:, j], alone.coefs_[0][:, 0], atol=1e-6)
        assert_allclose(together.predict_proba(X)[:, j], alone.predict_proba(X)[:, 1], atol=1e-6)


# --------------------------------------------------------------------------------------------
# The smallest alpha that leaves nothing
# --------------------------------------------------------------------------------------------
def residual_correlations(X, Y, w):
    share = np.full(len(X), 1 / len(X)) if w is None else w / w.sum()
    return X.T @ (share[:, None] * (Y - share @ Y))


def largest_norm(C):
    return np.linalg.norm(C, axis=1).max() / np.sqrt(C.shape[1])


ALPHA_MAX = {
    "l1": ({}, lambda C: np.abs(C).max()),
    "elasticnet": (dict(l1_ratio=0.4), lambda C: np.abs(C).max() / 0.4),
    "group_l1": ({}, largest_norm),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("penalty", ALPHA_MAX)
@pytest.mark.parametrize("task", ["one output", "three outputs", "binary", "softmax"])
def test_alpha_max(task, penalty, weighted):
    w = weights_of(weighted)
    if task.endswith(("output", "outputs")):
        make = regressor
        X, y = regression_data(N, D, 1 if task == "one output" else 3)
        Y = y.reshape(N, -1)
    else:
        make = classifier
        X, y = classification_data(N, D, 2 if task == "binary" else 3)
        Y = (y[:, None] == np.unique(y)).astype(float)
        Y = Y[:, 1:] if task == "binary" else Y
    kwargs, top = ALPHA_MAX[penalty]
    alpha_max = top(residual_correlations(X, Y, w))

    def fit(factor):
        est = make(penalty=penalty, alpha=alpha_max * factor, tol=1e-6 * alpha_max, **kwargs)
        return est.fit(X, y, w)

    above = fit(1 + 1e-9)
    assert above.n_nonzero_ == 0 and above.sparsity_ == 1
    assert above.n_selected_features_ == 0
    assert fit(1 - 1e-3).n_nonzero_ > 0


def test_alpha_max_of_merged_features():
    X, y = regression_data(N, 6)
    groups = np.array(["b", "a", "b", "c", "a", "b"])
    C = residual_correlations(X, y[:, None], None)
    alpha_max = max(np.linalg.norm(C[groups == g]) / np.sqrt((groups == g).sum()) for g in "abc")

    def fit(factor):
        return regressor(
            penalty="group_l1", feature_groups=groups, alpha=alpha_max * factor, tol=1e-7
        ).fit(X, y)

    assert fit(1 + 1e-9).n_nonzero_ == 0
    selected = fit(1 - 1e-3).selected_features_
    assert selected.any()
    assert all(len(set(selected[groups == g])) == 1 for g in "abc")


# --------------------------------------------------------------------------------------------
# How alpha converts
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("penalty", ["l1", "l2", "group_l1"])
@pytest.mark.parametrize("weighted", [False, True])
def test_alpha_against_the_total_loss(penalty, weighted):
    (X, y), w = regression_data(N, D), weights_of(weighted)
    total = N if w is None else w.sum()
    mean = regressor(penalty=penalty, alpha=0.1).fit(X, y, w)
    summed = regressor(penalty=penalty, alpha=0.1 * total, alpha_scaling="sum").fit(X, y, w)
    assert_allclose(summed.coefs_[0], mean.coefs_[0], atol=1e-8)
    assert_allclose(summed.objective_, mean.objective_, rtol=1e-10)


def test_weights_squared_without_a_half():
    """Loss + lambda sum w^2 is alpha = 2 lambda."""
    X, y = regression_data(N, D)
    strength = 0.05
    est = regressor(penalty="l2", alpha=2 * strength).fit(X, y)
    W = est.coefs_[0]
    assert_allclose(est.objective_, est.loss_ + strength * np.sum(W**2), rtol=1e-12)


def test_weight_decay():
    """One step of gradient descent with weight decay is the gradient step of loss + l2."""
    decay, rate = 0.3, 0.1
    problem, theta = make_problem(hidden=(3,), penalty=penalties.L2(decay))
    gradient = value_and_gradient(problem, theta)[1]
    n = problem.network.n_weights
    decayed = theta - rate * gradient
    decayed[:n] -= rate * decay * theta[:n]
    step = theta - rate * problem.subgradient(theta, gradient)
    assert_allclose(step, decayed, atol=1e-14)


@pytest.mark.parametrize("scaling", ["mean", "sum"])
@pytest.mark.parametrize("activation", ["tanh", "logistic"])
@pytest.mark.parametrize("task", ["regression", "binary", "softmax"])
def test_minimum_of_the_other_mlp_is_ours(task, activation, scaling):
    """MLPClassifier(alpha=A) on the full batch: the sum scaling with A, the mean with A / n."""
    other = dict(
        hidden_layer_sizes=(2,), alpha=3.0, activation=activation, solver="lbfgs", tol=1e-9,
        max_iter=5000, max_fun=50_000, random_state=0,
    )  # fmt: skip
    if task == "regression":
        X, y = regression_data(N, 4)
        other, make = MLPRegressor(**other).fit(X, y), regressor
    else:
        X, y = classification_data(N, 4, 2 if task == "binary" else 3)
        other, make = MLPClassifier(**other).fit(X, y), classifier
    alpha = 3.0 if scaling == "sum" else 3.0 / N
    est = make((2,), activation=activation, alpha=alpha, alpha_scaling=scaling, max_iter=1)
    fit_quietly(est, X, y)
    started_at = est.stationarity_
    est.coefs_ = [W.copy() for W in other.coefs_]
    est.intercepts_ = [b.copy() for b in other.intercepts_]
    est.set_params(warm_start=True, tol=5e-4).fit(X, y)
    # already stationary: nothing moves, and the objective is theirs
    assert est.n_iter_ == 0
    assert started_at > 1e-3
    for ours, theirs in zip(est.coefs_, other.coefs_):
        assert_allclose(ours, theirs, rtol=0, atol=0)
    assert_allclose(est.objective_, other.loss_, rtol=1e-9)


def test_without_intercepts():
    """The network laid out without intercepts: the linear model through the origin."""
    X, y = regression_data(N, D)
    network = Network((D, 1), ACTIVATIONS["identity"], np.float64, intercepts=False)
    problem = Problem(network, SquaredError(), Data(X, y[:, None]), [penalties.L1(0.1)])
    twin = Lasso(0.1, fit_intercept=False, **TIGHT).fit(X, y)
    loss, objective, stationarity = problem.certificate(twin.coef_.copy())
    assert stationarity < 1e-9
    assert_allclose(loss, half_squared_error(y, X @ twin.coef_), rtol=1e-13)
    assert_allclose(objective, loss + 0.1 * np.abs(twin.coef_).sum(), rtol=1e-13)
