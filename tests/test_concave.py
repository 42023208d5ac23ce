"""Concave penalties: closed forms, majorants, thresholding rules, and fits with every solver."""

from dataclasses import replace

import numpy as np
import pytest
from _problems import (
    classification_data,
    classifier,
    diabetes,
    fit_quietly,
    make_problem,
    regression_data,
    regressor,
    run_lbfgs,
)
from numpy.testing import assert_allclose, assert_array_equal
from scipy import integrate, optimize
from sklearn.base import clone

from skreg_mlp._training.grid import least_alpha
from skreg_mlp.penalties import (
    L1,
    MCP,
    SCAD,
    ConcavePenalty,
    GroupL1,
    GroupLogSum,
    GroupMCP,
    GroupSCAD,
    LogSum,
)

ROWS = np.array([2, 0, 1, 0, 2, 2])
SHAPE = (6, 3)
ELEMENTWISE = {"mcp": MCP(0.7, 2.5), "scad": SCAD(0.7, 3.2), "log_sum": LogSum(0.7, 0.3)}
GROUPED = {
    "group_mcp": GroupMCP(0.7, 2.5),
    "group_scad": GroupSCAD(0.7, 3.2),
    "group_log_sum": GroupLogSum(0.7, 0.3),
    "group_mcp of rows": GroupMCP(0.7, 2.5, groups=ROWS),
    "group_scad of rows": GroupSCAD(0.7, 3.2, groups=ROWS),
    "group_log_sum of rows": GroupLogSum(0.7, 0.3, groups=ROWS),
}
CONCAVE = ELEMENTWISE | GROUPED
NAMES = ["mcp", "scad", "log_sum", "group_mcp", "group_scad", "group_log_sum"]
# of the branches of MCP and SCAD, and on their knots
MAGNITUDES = [0.0, 1e-3, 0.3, 0.69, 0.7, 0.71, 1.2, 1.74, 1.75, 1.76, 2.2, 2.24, 2.3, 5.0]


def matrix(seed=0, scale=1.0):
    return scale * np.random.default_rng(seed).normal(size=SHAPE)


def labels_of(penalty):
    groups = getattr(penalty, "groups", None)
    return np.arange(SHAPE[0]) if groups is None else groups


# --------------------------------------------------------------------------------------------
# Closed forms
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("penalty", ELEMENTWISE.values(), ids=str)
def test_height_is_the_integral_of_the_slope(penalty):
    knots = [0.7, 0.7 * 2.5, 0.7 * 3.2]
    for x in MAGNITUDES:
        area = integrate.quad(penalty.slope, 0, x, points=[k for k in knots if k < x] or None)[0]
        assert_allclose(penalty.height(x), area, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("penalty", ELEMENTWISE.values(), ids=str)
def test_slope_falls_from_alpha(penalty):
    slopes = penalty.slope(np.linspace(0, 5, 1001))
    assert slopes[0] == penalty.alpha == 0.7
    assert np.all(np.diff(slopes) <= 0) and slopes[-1] >= 0
    assert slopes[-1] < slopes[0] / 10


def test_slopes_are_those_of_the_papers():
    """Zhang (2010): gamma alpha is where MCP ends; Fan and Li (2001), equation 2.7, for SCAD."""
    alpha, gamma, a, scale = 0.7, 2.5, 3.2, 0.3
    for x in MAGNITUDES:
        assert_allclose(MCP(alpha, gamma).slope(x), alpha * max(1 - x / (gamma * alpha), 0))
        inside = 1.0 if x <= alpha else max(a * alpha - x, 0) / ((a - 1) * alpha)
        assert_allclose(SCAD(alpha, a).slope(x), alpha * inside, atol=1e-15)
        assert_allclose(LogSum(alpha, scale).slope(x), alpha * scale / (scale + x))


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_value(name):
    W = matrix()
    expected = sum(ELEMENTWISE[name].height(abs(w)) for w in W.flat)
    assert_allclose(ELEMENTWISE[name].value(W), expected, rtol=1e-13)


@pytest.mark.parametrize("name", GROUPED)
def test_value_of_groups(name):
    """Size times the height of the root mean square."""
    penalty, labels, W = GROUPED[name], labels_of(GROUPED[name]), matrix()
    scalar = ELEMENTWISE[name.removeprefix("group_").removesuffix(" of rows")]
    blocks = [W[labels == g] for g in np.unique(labels)]
    expected = sum(B.size * scalar.height(np.sqrt(np.mean(B**2))) for B in blocks)
    assert_allclose(penalty.value(W), expected, rtol=1e-13)
    assert penalty.value(0 * W) == 0


@pytest.mark.parametrize("name", CONCAVE)
def test_subgradient_is_the_derivative_away_from_zero(name):
    penalty, W = CONCAVE[name], matrix(1)
    numeric = optimize.approx_fprime(W.ravel(), lambda w: penalty.value(w.reshape(SHAPE)), 1e-7)
    assert_allclose(penalty.subgradient(W, 0 * W).ravel(), numeric, atol=1e-6)
    assert np.abs(numeric).max() > 0.1


@pytest.mark.parametrize("name", CONCAVE)
def test_zero_is_stationary_up_to_alpha(name):
    """In every entry; for groups in the root mean square."""
    penalty, gradient = CONCAVE[name], matrix(2)
    labels = labels_of(penalty)
    size = np.abs(gradient) if penalty.elementwise else np.sqrt(
        [[np.mean(gradient[labels == g] ** 2)] for g in labels]
    )  # fmt: skip
    zero = np.zeros(SHAPE)
    stays = penalty.subgradient(zero, 0.7 * (1 - 1e-9) * gradient / size)
    leaves = penalty.subgradient(zero, 0.7 * (1 + 1e-9) * gradient / size)
    assert not stays.any() and (leaves != 0).all()
    alpha_max = least_alpha(lambda alpha: replace(penalty, alpha=alpha), gradient)
    assert_allclose(alpha_max, np.max(size), rtol=1e-14)


# --------------------------------------------------------------------------------------------
# Majorants
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("scale", [0.1, 1.0, 3.0])
@pytest.mark.parametrize("name", CONCAVE)
def test_the_majorant_touches_and_is_nowhere_below(name, scale):
    penalty = CONCAVE[name]
    for seed in range(10):
        W, rng = matrix(seed, scale), np.random.default_rng(seed)
        W[rng.random(SHAPE) < 0.3] = 0
        W[rng.integers(6)] = 0
        majorant = penalty.majorize(W)
        gap = majorant.value(W) - penalty.value(W)
        for size in (0.01, 1.0, 10.0):
            V = rng.choice([W, 0 * W]) + size * rng.normal(size=SHAPE) * (rng.random(SHAPE) < 0.5)
            assert penalty.value(V) <= majorant.value(V) - gap + 1e-12
        gradient = matrix(seed + 100)
        assert_array_equal(penalty.subgradient(W, gradient), majorant.subgradient(W, gradient))
        assert majorant.majorize(V) is majorant  # convex: its own


@pytest.mark.parametrize("name", CONCAVE)
def test_the_majorant_at_zero_is_the_lasso(name):
    penalty, V = CONCAVE[name], matrix(3)
    lasso = L1(0.7) if penalty.elementwise else GroupL1(0.7, getattr(penalty, "groups", None))
    majorant = penalty.majorize(np.zeros(SHAPE))
    assert_allclose(majorant.value(V), lasso.value(V), rtol=1e-14)
    assert_allclose(majorant.prox(V, 0.6), lasso.prox(V, 0.6), atol=1e-15)


@pytest.mark.parametrize("name", CONCAVE)
def test_limits_are_the_lasso(name):
    penalty, V = CONCAVE[name], matrix(4)
    constant = {"mcp": "gamma", "scad": "a", "log_sum": "scale"}
    field = constant[name.removeprefix("group_").removesuffix(" of rows")]
    lasso = L1(0.7) if penalty.elementwise else GroupL1(0.7, getattr(penalty, "groups", None))
    wide = replace(penalty, **{field: 1e8})
    if getattr(penalty, "groups", None) is not None:
        assert_array_equal(wide.groups, penalty.groups)
    assert_allclose(wide.value(V), lasso.value(V), rtol=1e-6)
    assert_allclose(wide.subgradient(V, V), lasso.subgradient(V, V), atol=1e-6)
    assert penalty.value(3 * V) < 0.9 * lasso.value(3 * V)


@pytest.mark.parametrize("name", CONCAVE)
def test_alpha_above_lifts_the_penalty_over_the_tangent(name):
    """At that alpha the penalty is above x -> alpha x up to the height of the loss."""
    if not CONCAVE[name].elementwise:
        pytest.skip("the same functions of another magnitude")
    for alpha, loss in [(0.1, 0.5), (1.0, 2.0), (1.0, 4.0), (1.0, 0.01), (0.02, 3.0), (2.0, 1e-6)]:
        lifted = replace(CONCAVE[name], alpha=CONCAVE[name].alpha_above(alpha, loss))
        x = loss / alpha * np.linspace(0, 1, 1001)
        assert lifted.alpha >= alpha
        assert np.all(lifted.height(x) >= alpha * x * (1 - 1e-12))
        assert np.all(lifted.height(x[-1] * np.array([1.1, 10, 1e3])) >= loss * (1 - 1e-12))


@pytest.mark.parametrize("name", CONCAVE)
def test_least_cost(name):
    """The tangent at zero costs at least alpha c sum_j norm2(W_j), with equality for some W."""
    penalty, equal = CONCAVE[name], np.zeros(SHAPE)
    equal[:, 1] = 1
    ratios = []
    for W in [equal, *map(matrix, range(10))]:
        tangent = penalty.majorize(0 * W).value(W) / 0.7
        ratios.append(tangent / (penalty.least_cost(3) * np.linalg.norm(W, axis=1).sum()))
    assert_allclose(ratios[0], 1)
    assert min(ratios) > 1 - 1e-12


# --------------------------------------------------------------------------------------------
# Limits of the constants
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("cls, field, values", [
    (MCP, "gamma", [1, 0.5, 0, -1, np.nan]), (GroupMCP, "gamma", [1, np.nan]),
    (SCAD, "a", [2, 1, -3, np.nan]), (GroupSCAD, "a", [2, np.nan]),
    (LogSum, "scale", [0, -1, np.nan]), (GroupLogSum, "scale", [0, -1, np.nan]),
])  # fmt: skip
def test_constants_are_checked(cls, field, values):
    for value in values:
        with pytest.raises(ValueError, match=f"{field} must be above .*got {value!r}"):
            cls(**{field: value})


# --------------------------------------------------------------------------------------------
# Linear models
# --------------------------------------------------------------------------------------------
def orthonormal_data(n=60, d=9, seed=0):
    """X'X = n I and columns of mean 0, so that coefficients are thresholded one by one."""
    rng = np.random.default_rng(seed)
    Q = np.linalg.qr(np.hstack([np.ones((n, 1)), rng.normal(size=(n, d))]))[0][:, 1:]
    X = np.sqrt(n) * Q
    b = np.array([0.05, -0.15, 0.25, -0.4, 0.6, -0.8, 1.1, 2.0, 0.0])
    return X, X @ b + 3 + 0.05 * rng.normal(size=n), b


def firm(z, alpha, gamma=3.0):
    inner = np.sign(z) * np.maximum(np.abs(z) - alpha, 0) / (1 - 1 / gamma)
    return np.where(np.abs(z) <= gamma * alpha, inner, z)


def scad_threshold(z, alpha, a=3.7):
    size = np.abs(z)
    soft = np.sign(z) * np.maximum(size - alpha, 0)
    middle = ((a - 1) * z - np.sign(z) * a * alpha) / (a - 2)
    return np.where(size <= 2 * alpha, soft, np.where(size <= a * alpha, middle, z))


def soft(z, alpha):
    return np.sign(z) * np.maximum(np.abs(z) - alpha, 0)


RULES = {"l1": soft, "mcp": firm, "scad": scad_threshold}


@pytest.mark.parametrize("alpha", [0.1, 0.2, 0.35])
@pytest.mark.parametrize("name", ["l1", "group_l1", "mcp", "scad", "group_mcp", "group_scad"])
def test_thresholding_of_orthonormal_columns(name, alpha):
    """The rules of Gao and Bruce (1997) and of Fan and Li (2001), equation 2.8."""
    X, y, _ = orthonormal_data()
    expected = RULES[name.removeprefix("group_")](X.T @ y / len(X), alpha)
    est = regressor(penalty=name, alpha=alpha).fit(X, y)
    assert_allclose(est.coefs_[0].ravel(), expected, atol=1e-7)
    assert_array_equal(est.coefs_[0].ravel() == 0, expected == 0)
    assert 0 < np.sum(expected == 0) < 8
    stochastic = dict(solver="adam", max_iter=600, learning_rate_init=0.06, n_iter_no_change=np.inf)
    adam = regressor(penalty=name, alpha=alpha, **stochastic).fit(X, y)
    assert_allclose(adam.coefs_[0].ravel(), expected, atol=1e-3)
    assert_array_equal(adam.coefs_[0].ravel() == 0, expected == 0)


@pytest.mark.parametrize("name", ["log_sum", "group_log_sum"])
def test_log_sum_of_orthonormal_columns(name):
    """w = 0 or the larger root of (w - z)(1 + w / e) + alpha = 0: a local minimum."""
    X, y, _ = orthonormal_data()
    z, alpha, scale = X.T @ y / len(X), 0.2, 0.5
    penalty = {"log_sum": LogSum, "group_log_sum": GroupLogSum}[name](scale=scale)
    size = np.abs(z)
    root = ((size - scale) + np.sqrt(np.maximum((size + scale) ** 2 - 4 * alpha * scale, 0))) / 2
    expected = np.where(size > alpha, np.sign(z) * root, 0)
    est = regressor(penalty=penalty, alpha=alpha).fit(X, y)
    assert_allclose(est.coefs_[0].ravel(), expected, atol=1e-7)


def test_group_thresholding_of_many_outputs():
    """Rows shrink along their least-squares direction by the scalar rule of their size."""
    X, _, b = orthonormal_data()
    rng = np.random.default_rng(1)
    Y = X @ (b[:, None] * rng.normal(size=(9, 3))) + 0.05 * rng.normal(size=(60, 3))
    Z = X.T @ Y / 60
    size = np.sqrt(np.mean(Z**2, axis=1, keepdims=True))
    for name, rule in RULES.items():
        est = regressor(penalty=f"group_{name}", alpha=0.2).fit(X, Y)
        assert_allclose(est.coefs_[0], Z * rule(size, 0.2) / size, atol=1e-7)


@pytest.mark.parametrize("alpha", [0.003, 0.01, 0.03, 0.1, 0.3])
@pytest.mark.parametrize("name", NAMES)
def test_linear_models_reach_any_tol(name, alpha):
    X, y = diabetes()
    est = regressor(penalty=name, alpha=alpha, tol=1e-7, max_iter=400).fit(X, y)
    assert est.stationarity_ <= 1e-7
    assert est.n_nonzero_ > 0 and est.loss_ < np.var(y) / 2


def test_large_effects_are_not_shrunk():
    X, y, b = orthonormal_data()
    large = np.abs(b) > 1
    for name in ("mcp", "scad"):
        est = regressor(penalty=name, alpha=0.2).fit(X, y)
        least_squares = X.T @ y / len(X)
        assert_allclose(est.coefs_[0].ravel()[large], least_squares[large], atol=1e-7)


# --------------------------------------------------------------------------------------------
# Fits
# --------------------------------------------------------------------------------------------
SMALL = dict(alpha=0.1, activation="tanh", random_state=0)
KWARGS = {
    "lbfgs": dict(solver="lbfgs", tol=1e-5, max_iter=3000),
    "adam": dict(solver="adam", max_iter=300, learning_rate_init=0.02, tol=0),
    "sgd": dict(solver="sgd", max_iter=300, learning_rate_init=0.02, tol=0),
}


def objective_by_hand(est, X, y, penalties):
    residual = np.asarray(y - est.predict(X)).reshape(len(y), -1)
    loss = np.sum(residual**2) / (2 * len(y))
    return loss + sum(p.value(W) for p, W in zip(penalties, est.coefs_))


@pytest.mark.parametrize("solver", KWARGS)
@pytest.mark.parametrize("name", NAMES)
def test_fit_with_a_hidden_layer(name, solver):
    X, y = regression_data(n=50, d=5)
    y = (y - y.mean()) / y.std()
    starts = [
        fit_quietly(
            regressor((3,), penalty=name, **{**SMALL, **KWARGS[solver], "random_state": seed}), X, y
        )
        for seed in range(3)
    ]
    est = min(starts, key=lambda est: est.objective_)  # some end in a poor local minimum
    assert est.objective_ < 0.4 < 0.5 * np.var(y)
    assert any(0 < start.sparsity_ < 1 for start in starts) and est.sparsity_ < 1
    # concave penalties cycle at times
    assert solver != "lbfgs" or np.median([est.stationarity_ for est in starts]) <= 1e-5
    # the scale of log_sum: a tenth of the root mean square of Glorot's start, of each layer
    scales = [0.1 * np.sqrt(2 / (5 + 3)), 0.1 * np.sqrt(2 / (3 + 1)) * y.std()]
    make = {n: type(CONCAVE[n]) for n in NAMES}[name]
    penalties = [make(0.1, **({"scale": s} if "log_sum" in name else {})) for s in scales]
    assert_allclose(est.objective_, objective_by_hand(est, X, y, penalties), rtol=1e-10)


@pytest.mark.parametrize("hidden", [(), (4,), (3, 3)])
@pytest.mark.parametrize("name", NAMES)
def test_the_objective_never_rises(name, hidden):
    """That of the penalty itself, wherever lbfgs is cut short."""
    penalty = replace(CONCAVE[name], alpha=0.05)
    problem, theta = make_problem(hidden=hidden, d=6, k=1, penalty=penalty, n=40)
    values = [problem.certificate(theta)[1]]
    for max_iter in (2, 5, 10, 20, 50, 100, 200):
        run_lbfgs(problem, theta, tol=1e-7, max_iter=max_iter)
        values.append(problem.certificate(theta)[1])
    assert np.all(np.diff(values) <= 1e-12)
    assert values[-1] < values[0]


@pytest.mark.parametrize("solver", KWARGS)
@pytest.mark.parametrize("name", NAMES)
def test_single_precision(name, solver):
    X, y = regression_data()
    y = (y - y.mean()) / y.std()
    kwargs = dict(penalty=name, **SMALL | KWARGS[solver] | dict(tol=1e-3, max_iter=200))
    est = fit_quietly(regressor((), **kwargs), X.astype(np.float32), y.astype(np.float32))
    assert est.coefs_[0].dtype == np.float32
    double = fit_quietly(regressor((), **kwargs), X, y)
    assert_allclose(est.coefs_[0], double.coefs_[0], atol=5e-3)


@pytest.mark.parametrize("rate", [1.0, 100.0])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("name", NAMES)
def test_no_step_is_too_long_for_the_penalty(name, solver, rate):
    """The prox of a concave penalty jumps, or is undefined, beyond some step; ours is convex."""
    problem, theta = make_problem(hidden=(), d=6, penalty=CONCAVE[name], n=40)
    for _ in range(20):
        problem.penalties.majorize(theta)
        before = theta.copy()
        problem.penalties.prox(theta, rate)
        assert np.all(np.abs(theta) <= np.abs(before)) and np.all(theta * before >= 0)


@pytest.mark.parametrize("name", NAMES)
def test_adam_with_a_huge_rate_stays_finite(name):
    X, y = regression_data()
    kwargs = SMALL | KWARGS["adam"] | dict(learning_rate_init=1.0, max_iter=60, batch_size=20)
    est = fit_quietly(regressor((4,), penalty=name, **kwargs), X, y)
    assert np.isfinite(est.objective_) and np.isfinite(est.stationarity_)


@pytest.mark.parametrize("name", NAMES)
def test_classification_and_many_outputs(name):
    X, y = classification_data(classes=3)
    est = classifier((), penalty=name, alpha=0.05, tol=1e-6).fit(X, y)
    assert est.stationarity_ <= 1e-6 and 0 < est.sparsity_ < 1
    assert est.score(X, y) > 0.5
    if name.startswith("group"):
        rows = est.coefs_[0].any(axis=1)
        assert np.all((est.coefs_[0] != 0) == rows[:, None])
        assert_array_equal(rows, est.selected_features_)


@pytest.mark.parametrize("name", [n for n in NAMES if n.startswith("group")])
def test_merged_features(name):
    labels = np.array(list("bbcaba"))
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 6))
    y = X[:, labels == "b"] @ [1.0, -1.0, 2.0] + 0.3 * rng.standard_normal(80)
    est = regressor(penalty=name, alpha=0.3, feature_groups=labels, tol=1e-7).fit(X, y)
    selected = est.selected_features_
    assert_array_equal(selected, labels == "b")
    weak = est.set_params(alpha=0.01).fit(X, y).selected_features_
    assert all(len(set(weak[labels == g])) == 1 for g in "abc")
    with pytest.raises(ValueError, match="feature_groups needs a group penalty"):
        regressor(penalty=name.removeprefix("group_"), feature_groups=labels).fit(X, y)


@pytest.mark.parametrize(
    "penalty", [*NAMES, MCP(gamma=1.5), SCAD(a=2.5), LogSum(scale=0.2)], ids=str
)
def test_clone_keeps_the_penalty_and_alpha_is_the_estimators(penalty):
    est = regressor(penalty=penalty, alpha=0.1)
    cloned = clone(est)
    assert cloned.penalty == penalty and cloned.get_params() == est.get_params()
    X, y = regression_data()
    assert_array_equal(cloned.fit(X, y).coefs_[0], est.fit(X, y).coefs_[0])
    if isinstance(penalty, ConcavePenalty):
        assert penalty.alpha == 1.0 and getattr(penalty, "scale", 0.2) == 0.2


def test_a_named_penalty_is_the_instance_with_its_defaults():
    X, y = regression_data()
    for name, penalty in [("mcp", MCP(gamma=3.0)), ("scad", SCAD(a=3.7)), ("log_sum", LogSum())]:
        named = regressor(penalty=name, alpha=0.1).fit(X, y)
        given = regressor(penalty=penalty, alpha=0.1).fit(X, y)
        assert_array_equal(named.coefs_[0], given.coefs_[0])


def test_the_scale_of_log_sum_is_that_of_scaled_targets():
    """With y in other units the predictions change their units only."""
    X, y = regression_data()
    one = regressor(penalty="log_sum", alpha=0.1, target_scale="std").fit(X, y)
    other = regressor(penalty="log_sum", alpha=0.1, target_scale="std").fit(X, 1000 * y)
    assert_allclose(other.coefs_[0], one.coefs_[0], rtol=1e-9)
    assert_allclose(other.predict(X), 1000 * one.predict(X), rtol=1e-9)
