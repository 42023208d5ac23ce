"""Identities and global bounds of penalised networks with hidden layers."""

import numpy as np
import pytest
from _problems import (
    LOSSES,
    PENALTY_NAMES,
    SPARSE_PENALTIES,
    classification_data,
    classifier,
    fit_quietly,
    make_problem,
    regression_data,
    regressor,
    run_lbfgs,
    run_stochastic,
)
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import nnls
from sklearn.linear_model import lars_path

from skreg_mlp._objective.activations import ACTIVATIONS
from skreg_mlp._objective.data import Data
from skreg_mlp._objective.losses import SquaredError
from skreg_mlp._objective.network import Network, forward
from skreg_mlp._objective.problem import Problem
from skreg_mlp._solvers.stochastic import Adam, Sgd
from skreg_mlp.penalties import L2
from skreg_mlp.penalties._names import PENALTIES


def smooth_teacher(n=60, d=6, k=1, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    Y = np.column_stack([np.sin(X[:, j]) + X[:, j + 1] + 0.3 for j in range(k)])
    return X, Y.ravel() if k == 1 else Y


# --------------------------------------------------------------------------------------------
# Balance: rescaling a unit, w_in / s and s w_out, leaves the function and so cannot pay
# --------------------------------------------------------------------------------------------
def pulls(W_in, W_out, penalty, ratio):
    """<w_in, dOmega/dw_in> and <w_out, dOmega/dw_out> of every hidden unit."""

    def pull(W):
        if penalty == "group_l1":
            norms = np.linalg.norm(W, axis=1, keepdims=True)
            return np.sqrt(W.shape[1]) * W**2 / np.where(norms > 0, norms, 1)
        r = {"l1": 1.0, "l2": 0.0, "elasticnet": ratio}[penalty]
        return r * np.abs(W) + (1 - r) * W**2

    return pull(W_in).sum(axis=0), pull(W_out).sum(axis=1)


@pytest.mark.parametrize("task", ["regression", "two outputs", "softmax"])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "identity"])
@pytest.mark.parametrize("penalty", ["l1", "l2", "elasticnet", "group_l1"])
def test_balance(penalty, activation, task):
    if task == "softmax":
        X, y = classification_data(60, 5, 3)
    else:
        X, y = smooth_teacher(60, 5, 2 if task == "two outputs" else 1)
    make = classifier if task == "softmax" else regressor
    alpha = 0.005 if penalty == "group_l1" else 0.02  # of which a unit pays for whole groups
    est = make(
        (7,), activation=activation, penalty=penalty, alpha=alpha, l1_ratio=0.6, tol=1e-6,
        max_iter=3000,
    )  # fmt: skip
    fit_quietly(est, X, y)
    incoming, outgoing = pulls(*est.coefs_, penalty, 0.6)
    assert incoming.max() > 0.1
    # at a point stationary to s the two differ by at most s / alpha times the l1 norms
    sizes = np.abs(est.coefs_[0]).sum(axis=0) + np.abs(est.coefs_[1]).sum(axis=1)
    sizes += np.abs(est.intercepts_[0])
    gap = np.abs(incoming - outgoing)
    assert np.all(gap <= est.stationarity_ / alpha * sizes + 1e-12)
    # a kink of the activation may keep a fit from its minimum; it is then no test of balance
    if est.stationarity_ <= 1e-6 or activation == "identity":
        assert gap.max() <= 1e-3 * incoming.max()


def test_most_balance_problems_are_solved():
    """The bound above is only as good as the fits: relu reaches its minimum, most of the time."""
    solved = [
        fit_quietly(
            regressor((7,), activation="relu", penalty="l1", alpha=0.02, tol=1e-6, max_iter=3000,
                      random_state=seed), *smooth_teacher(60, 5, seed=data),
        ).stationarity_ <= 1e-6
        for data in range(3) for seed in range(4)
    ]  # fmt: skip
    assert sum(solved) >= 4  # about eleven of the twelve


# --------------------------------------------------------------------------------------------
# Linear networks
# --------------------------------------------------------------------------------------------
def nuclear_norm_minimum(X, Y, alpha):
    """min over B of half the mean squared error + alpha nuclear norm of B, by FISTA."""
    X, Y, n = X - X.mean(axis=0), Y - Y.mean(axis=0), len(X)
    step = n / np.linalg.norm(X, 2) ** 2
    B = Z = np.zeros((X.shape[1], Y.shape[1]))
    for k in range(2000):
        U, s, Vt = np.linalg.svd(Z - step * X.T @ (X @ Z - Y) / n, full_matrices=False)
        new = U * np.maximum(s - step * alpha, 0) @ Vt
        Z, B = new + k / (k + 3) * (new - B), new
    return np.sum((Y - X @ B) ** 2) / (2 * n) + alpha * np.linalg.norm(B, "nuc"), B


@pytest.mark.parametrize("alpha", [0.02, 0.2, 0.6])
@pytest.mark.parametrize("k, width", [(1, 1), (3, 3), (3, 8)])
def test_two_linear_layers_under_l2_are_a_nuclear_norm(k, width, alpha):
    X, Y = regression_data(50, 5, k)
    minimum, B = nuclear_norm_minimum(X, Y.reshape(50, -1), alpha)
    est = regressor((width,), activation="identity", penalty="l2", alpha=alpha, tol=1e-7)
    est.fit(X, Y)
    assert_allclose(est.objective_, minimum, rtol=1e-8)
    assert_allclose(est.coefs_[0] @ est.coefs_[1], B, atol=1e-4)
    assert np.abs(B).max() > 0.1


def best_square_root_lasso(X, y, alpha):
    """Global minimum of half the mean squared error + 2 alpha sqrt(norm1(b)).

    For every value of norm1(b) the best b lies on the path of the lasso, which is piecewise linear
    in norm1(b): the minimum is looked for on a fine grid of it.
    """
    X, y = X - X.mean(axis=0), y - y.mean()
    _, _, knots = lars_path(X, y, method="lasso")
    t = np.linspace(0, 1, 4001)
    b = np.concatenate(
        [np.outer(start, 1 - t) + np.outer(end, t) for start, end in zip(knots.T, knots.T[1:])],
        axis=1,
    )
    losses = np.mean((y[:, None] - X @ b) ** 2, axis=0) / 2
    objectives = losses + 2 * alpha * np.sqrt(np.abs(b).sum(axis=0))
    return objectives.min(), b[:, objectives.argmin()]


@pytest.mark.filterwarnings("ignore:Every weight is zero:UserWarning")  # from some starts
@pytest.mark.parametrize("alpha", [0.02, 0.05])
def test_two_linear_layers_under_l1_are_a_square_root(alpha):
    X, y = regression_data(60, 5)
    y = y / y.std()
    minimum, b = best_square_root_lasso(X, y, alpha)
    assert np.abs(b).sum() > 0.5

    def fit(width, seed):
        return fit_quietly(
            regressor((width,), activation="identity", penalty="l1", alpha=alpha, tol=1e-7,
                      random_state=seed, max_iter=3000), X, y,
        )  # fmt: skip

    for est in [fit(width, seed) for width in (1, 4) for seed in range(3)]:
        product = est.coefs_[0] @ est.coefs_[1]
        bound = est.loss_ + 2 * alpha * np.sqrt(np.abs(product).sum())
        assert est.objective_ >= bound - 1e-9  # for any network, whatever its width
        assert est.objective_ >= minimum - 1e-6
        if est.coefs_[0].any(axis=0).sum() == 1:
            assert_allclose(est.objective_, bound, rtol=1e-8)
    one = min((fit(1, seed) for seed in range(6)), key=lambda est: est.objective_)
    assert_allclose(one.objective_, minimum, rtol=1e-5)
    assert_allclose((one.coefs_[0] @ one.coefs_[1]).ravel(), b, atol=1e-2)


# --------------------------------------------------------------------------------------------
# Two layers of relu under l2, no intercepts: the convex program bounds every run from below
# --------------------------------------------------------------------------------------------
def largest_correlation(X, z):
    """max of abs(z' relu(X u)) over unit vectors u in the plane (or the line), exactly.

    The halfplanes x_i' u > 0 cut the circle into arcs on which relu(X u) is linear in u: the
    patterns of the convex program. On an arc the largest is at an end or along the gradient.
    """
    if X.shape[1] == 1:
        return max(abs(z @ np.maximum(X[:, 0], 0)), abs(z @ np.maximum(-X[:, 0], 0)))
    normals = np.arctan2(X[:, 1], X[:, 0])
    ends = np.sort(np.concatenate([normals + np.pi / 2, normals - np.pi / 2]) % (2 * np.pi))
    middles = (ends + np.append(ends[1:], ends[0] + 2 * np.pi)) / 2
    candidates = list(ends)
    for middle in middles:
        active = X @ [np.cos(middle), np.sin(middle)] > 0
        along = X[active].T @ z[active]
        candidates += [np.arctan2(*along[::-1]), np.arctan2(*-along[::-1])]
    circle = np.array([np.cos(candidates), np.sin(candidates)])
    # a candidate outside its own arc still is a unit vector: the maximum over all is exact
    return np.abs(z @ np.maximum(X @ circle, 0)).max()


def convex_bounds(X, y, alpha):
    """Lower and upper bound on min loss + alpha / 2 (norm(W)^2 + norm(v)^2).

    By balance it is min over f = sum_j c_j relu(X u_j), norm2(u_j) = 1, of norm(y - f)^2 / (2 n) +
    alpha sum abs(c_j) (Pilanci and Ergen, 2020). Directions on a fine grid give a lasso: an upper
    bound c. Its residual z, scaled to abs(z' relu(X u)) <= n alpha for *every* u, is feasible
    for the dual max (z'y - norm(z)^2 / 2) / n: a lower bound.
    """
    n, d = X.shape
    if d == 1:
        circle = np.array([[1.0, -1.0]])
    else:
        angles = np.linspace(0, 2 * np.pi, 4000, endpoint=False)
        circle = np.array([np.cos(angles), np.sin(angles)])
    A = np.maximum(X @ circle, 0)
    # the row of weight e turns alpha sum(c) into a square, but for e^2 sum(c)^2 / 2
    e = 1e-4
    rows = np.vstack([np.hstack([A, -A]) / np.sqrt(n), np.full(2 * A.shape[1], e)])
    c = nnls(rows, np.append(y / np.sqrt(n), -alpha / e))[0]
    c = c[: A.shape[1]] - c[A.shape[1] :]
    z = y - A @ c
    upper = z @ z / (2 * n) + alpha * np.abs(c).sum()
    z = z * min(1, n * alpha / largest_correlation(X, z))
    return (z @ y - z @ z / 2) / n, upper


PLANAR = [(1, 6, 0), (2, 8, 2), (2, 10, 3)]


@pytest.mark.parametrize("alpha", [0.01, 0.05])
@pytest.mark.parametrize("d, n, seed", PLANAR)
def test_no_run_beats_the_convex_program(d, n, seed, alpha):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n, d)), rng.normal(size=n)
    lower, upper = convex_bounds(X, y, alpha)
    assert 0 < lower <= upper < np.mean(y**2) / 2
    assert upper - lower < 2e-3 * upper  # the bound says something

    network = Network((d, 2 * n, 1), ACTIVATIONS["relu"], np.float64, intercepts=False)
    problem = Problem(network, SquaredError(), Data(X, y[:, None]), [L2(alpha)] * 2)
    reached = []
    for start in range(3):
        theta = np.random.default_rng(start).normal(size=network.n_parameters) / np.sqrt(n)
        run_lbfgs(problem, theta, tol=1e-8, max_iter=150, max_fun=1000)
        reached.append(problem.certificate(theta)[1])
    for rule in (Adam(), Sgd()):
        theta = np.random.default_rng(9).normal(size=network.n_parameters) / np.sqrt(n)
        run_stochastic(problem, theta, rule, rate=0.01, max_iter=600, batch_size=n)
        reached.append(problem.certificate(theta)[1])
    assert min(reached) >= lower * (1 - 1e-9)
    assert min(reached) <= upper * 1.03  # wide networks have few bad minima


# --------------------------------------------------------------------------------------------
# Dead units
# --------------------------------------------------------------------------------------------
@pytest.mark.filterwarnings("ignore:Every weight is zero:UserWarning")  # from some starts
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
@pytest.mark.parametrize("activation", ["tanh", "relu", "logistic"])
@pytest.mark.parametrize("penalty", SPARSE_PENALTIES)
def test_dead_units_are_zero_on_both_sides(penalty, activation, solver):
    alpha = 0.015 if "group" in penalty else 0.03
    alpha /= 6 if activation == "logistic" else 1  # a quarter of the slope of tanh
    kwargs = dict(solver=solver, tol=1e-4, max_iter=200)
    if solver == "adam":
        kwargs.update(learning_rate_init=0.03, batch_size=30, max_iter=100)
    dead, n_starts, n_units = [], 5, 8 + 6
    for seed in range(n_starts):
        kwargs.update(random_state=seed)
        est = regressor((8, 6), activation=activation, penalty=penalty, alpha=alpha, **kwargs)
        fit_quietly(est, *smooth_teacher(60, 6, seed=seed))
        n_dead = 0
        for layer in range(2):
            incoming = est.coefs_[layer].any(axis=0)
            outgoing = est.coefs_[layer + 1].any(axis=1)
            assert_array_equal(incoming, outgoing)
            assert not est.intercepts_[layer][~outgoing].any()
            n_dead += np.sum(~outgoing)
        dead.append(n_dead)
    # a start may lose all of its units, or none
    assert 0 < sum(dead) < n_starts * n_units


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_compact(activation):
    """Whatever is zeroed, the function is the same and no penalty grows."""
    function, changed = ACTIVATIONS[activation], 0
    network = Network((5, 6, 4, 5, 2), function, np.float64)
    for seed in range(30):
        rng = np.random.default_rng(seed)
        theta = rng.normal(size=network.n_parameters)
        for W in network.coefs(theta):
            W *= rng.random(W.shape) < rng.uniform(0.1, 0.9)
            W *= rng.random((1, W.shape[1])) < 0.7
            W *= rng.random((W.shape[0], 1)) < 0.7
        before, X = theta.copy(), rng.normal(size=(20, 5))
        network.compact(theta)
        raw = [forward(X, network.layers(t), function) for t in (before, theta)]
        assert_allclose(raw[1], raw[0], rtol=1e-12, atol=1e-12)
        # weights only ever become zero: any penalty that grows with abs(w) falls
        n = network.n_weights
        assert np.all((theta[:n] == before[:n]) | (theta[:n] == 0))
        for cls in PENALTIES.values():
            for new, old in zip(network.coefs(theta), network.coefs(before)):
                penalty = cls().on(1.0, new.shape)
                assert penalty.value(new) <= penalty.value(old)
        # nothing is left to do: units are alive on both sides or on none
        coefs, biases = network.coefs(theta), network.biases(theta)
        for layer in range(3):
            alive = coefs[layer + 1].any(axis=1)
            assert_array_equal(coefs[layer].any(axis=0), alive)
            assert not biases[layer][~alive].any()
        again = theta.copy()
        network.compact(again)
        assert_array_equal(again, theta)
        changed += not np.array_equal(theta, before)
    assert changed > 20


def test_compact_without_intercepts():
    """A constant unit whose value is not zero cannot be folded: it stays."""
    for name, function in ACTIVATIONS.items():
        network = Network((3, 4, 2), function, np.float64, intercepts=False)
        theta = np.random.default_rng(0).normal(size=network.n_parameters)
        network.coefs(theta)[0][:, 1] = 0
        network.coefs(theta)[1][2] = 0
        X = np.random.default_rng(1).normal(size=(5, 3))
        before = forward(X, network.layers(theta), function)
        network.compact(theta)
        after = forward(X, network.layers(theta), function)
        assert_allclose(after, before, atol=1e-14, err_msg=name)
        assert not network.coefs(theta)[0][:, 2].any()


# --------------------------------------------------------------------------------------------
# The all-zero network
# --------------------------------------------------------------------------------------------
def null_network(loss, k, activation, penalty, hidden=(4,)):
    problem, theta = make_problem(loss, hidden, activation=activation, k=k, penalty=penalty)
    y, weight = problem.data.training_targets()
    theta[...] = 0
    problem.network.biases(theta)[-1][...] = problem.loss.null_scores(y, weight)
    return problem, theta


@pytest.mark.parametrize(
    "loss", [loss for loss in LOSSES if loss not in ("quantile", "quantiles", "huber")]
)
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("penalty", [None, *PENALTY_NAMES])
def test_all_zero_network_is_stationary(penalty, activation, loss):
    bound = penalty and PENALTIES[penalty](1e-3)
    problem, theta = null_network(loss, 3, activation, bound)
    assert problem.certificate(theta)[2] < 1e-12
    # without a hidden layer it is not: the data pull at the weights
    problem, theta = null_network(loss, 3, activation, bound, hidden=())
    assert problem.certificate(theta)[2] > 1e-3


@pytest.mark.parametrize("activation", ["tanh", "relu", "silu"])
@pytest.mark.parametrize("penalty", SPARSE_PENALTIES)
def test_all_zero_network_is_a_local_minimum_under_a_kink(penalty, activation):
    rng = np.random.default_rng(0)
    alpha = 0.05
    problem, theta = null_network("squared_error", 2, activation, PENALTIES[penalty](alpha))
    at_zero, n = problem.certificate(theta)[1], problem.network.n_weights
    for scale in (1e-3, 1e-5):
        for _ in range(50):
            moved = theta.copy()
            moved[:n] = scale * rng.normal(size=n)
            assert problem.certificate(moved)[1] > at_zero


def test_a_network_that_dies_is_reported():
    X, y = smooth_teacher()
    with pytest.warns(UserWarning, match="Every weight is zero: alpha=10"):
        est = regressor((5,), activation="tanh", penalty="l1", alpha=10.0, tol=1e-6).fit(X, y)
    assert est.n_nonzero_ == 0 and est.stationarity_ <= 1e-6
    assert_allclose(est.predict(X), y.mean(), rtol=1e-6)


@pytest.mark.filterwarnings("ignore:Every weight is zero")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("hidden", [(6,), (6, 5)])
@pytest.mark.parametrize("activation", ["tanh", "relu", "identity"])
def test_zero_is_the_global_minimum_above_the_closed_form(activation, hidden):
    """alpha_up = L0^(1 - 1/D) q^(1/D) / D, for l1 and 1-Lipschitz activations that vanish at 0."""
    X, y = smooth_teacher(60, 5)
    n_matrices = len(hidden) + 1
    residual, centred = y - y.mean(), X - np.median(X, axis=0)
    q = np.mean(np.abs(residual[:, None] * centred), axis=0).max()
    L0 = np.mean(residual**2) / 2
    alpha_up = L0 ** (1 - 1 / n_matrices) * q ** (1 / n_matrices) / n_matrices
    for seed in range(4):
        est = regressor(
            hidden, activation=activation, penalty="l1", alpha=1.001 * alpha_up, max_iter=300,
            tol=1e-6, random_state=seed,
        )  # fmt: skip
        est.fit(X, y)
        assert min(est.objective_curve_) >= L0 * (1 - 1e-9)
