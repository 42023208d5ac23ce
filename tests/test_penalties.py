"""Penalties against brute force, optimality conditions and the identities of convex analysis."""

import copy
from dataclasses import replace

import numpy as np
import pytest
from _problems import PENALTIES, PENALTY_NAMES, make_problem
from numpy.testing import assert_allclose, assert_array_equal
from scipy import optimize

from skreg_mlp.penalties import (
    L1,
    L2,
    ElasticNet,
    GroupL1,
    Penalty,
    SparseGroupL1,
    group_soft_threshold,
)
from skreg_mlp.penalties._names import PENALTIES as CLASSES

SHAPE = (6, 3)
ELEMENTWISE = {name: p for name, p in PENALTIES.items() if p.elementwise}
GROUPED = {name: p for name, p in PENALTIES.items() if not p.elementwise}


def matrix(seed=0, scale=1.0):
    return scale * np.random.default_rng(seed).normal(size=SHAPE)


def row_groups(penalty):
    return np.arange(SHAPE[0]) if getattr(penalty, "groups", None) is None else penalty.groups


def parts(penalty):
    """(l1, l2, group) strengths, read off the definition of each penalty."""
    a, r = penalty.alpha, getattr(penalty, "l1_ratio", None)
    return {
        L1: (a, 0, 0),
        L2: (0, a, 0),
        ElasticNet: (a and a * (r or 0), a * (1 - (r or 0)), 0),
        GroupL1: (0, 0, a),
        SparseGroupL1: (a * (r or 0), 0, a * (1 - (r or 0))),
    }[type(penalty)]


def definition(penalty, W):
    """The penalty, as the documentation writes it."""
    l1, l2, group = parts(penalty)
    labels = row_groups(penalty)
    norms = sum(
        np.sqrt(np.sum(labels == g) * W.shape[1]) * np.linalg.norm(W[labels == g])
        for g in np.unique(labels)
    )
    return l1 * np.abs(W).sum() + l2 / 2 * np.sum(W**2) + group * norms


def violation(penalty, W, gradient):
    """Largest distance, over groups, of 0 from gradient + the subdifferential at W."""
    l1, l2, group = parts(penalty)
    labels, worst = row_groups(penalty), 0.0
    for g in np.unique(labels):
        w, d = W[labels == g], gradient[labels == g] + l2 * W[labels == g]
        strength = group * np.sqrt(w.size)
        soft = np.sign(d) * np.maximum(np.abs(d) - l1, 0)
        if not w.any():
            worst = max(worst, np.linalg.norm(soft) - strength)
        else:
            smooth = d + strength * w / np.linalg.norm(w)
            residual = np.where(w == 0, soft, smooth + l1 * np.sign(w))
            worst = max(worst, np.linalg.norm(residual))
    return worst


@pytest.mark.parametrize("name", PENALTIES)
def test_value(name):
    W = matrix()
    assert_allclose(PENALTIES[name].value(W), definition(PENALTIES[name], W), rtol=1e-14)
    assert PENALTIES[name].value(0 * W) == 0


# --------------------------------------------------------------------------------------------
# The proximal operator
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("step", [0.05, 1.0, 7.0])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_prox_against_scalar_minimisation(name, step):
    penalty, V = PENALTIES[name], matrix(1, 2.0)
    W = penalty.prox(V, step)
    for v, w in zip(V.ravel(), W.ravel()):

        def cost(x, v=v):
            return (x - v) ** 2 / (2 * step) + penalty.value(np.array([[x]]))

        best = optimize.minimize_scalar(cost, bounds=(-10, 10), options={"xatol": 1e-10})
        assert abs(best.x - w) < 1e-6
        assert cost(w) <= best.fun + 1e-15


@pytest.mark.parametrize("step", [0.05, 0.6])
@pytest.mark.parametrize("name", GROUPED)
def test_prox_against_minimisation(name, step):
    """No search, from the prox or from elsewhere, comes lower."""
    penalty, V = PENALTIES[name], matrix(1)
    W = penalty.prox(V, step)

    def cost(w):
        return np.sum((w.reshape(SHAPE) - V) ** 2) / (2 * step) + definition(
            penalty, w.reshape(SHAPE)
        )

    best = min(
        optimize.minimize(cost, start.ravel(), method="Powell", options={"ftol": 1e-9}).fun
        for start in (W, V)
    )
    assert cost(W.ravel()) <= best + 1e-12 * best


@pytest.mark.parametrize("step", [0.01, 0.3, 1.0, 30.0])
@pytest.mark.parametrize("name", PENALTIES)
def test_prox_is_optimal(name, step):
    penalty, V = PENALTIES[name], matrix(2)
    W = penalty.prox(V, step)
    assert violation(penalty, W, (W - V) / step) < 1e-12 / min(step, 1)


def test_the_tests_meet_zeros_and_non_zeros():
    for name, penalty in PENALTIES.items():
        W = np.array([penalty.prox(matrix(seed), 0.6) for seed in range(30)])
        assert W.any()
        assert penalty.smooth == (W != 0).all(), name


@pytest.mark.parametrize("step", [0.1, 2.0])
@pytest.mark.parametrize("name", ["l2", "l1", "group_l1", "group_l1 of rows"])
def test_moreau_identity(name, step):
    """v = prox_{t f}(v) + t prox_{f* / t}(v / t); f* bounds a dual norm, or is quadratic."""
    penalty, V = PENALTIES[name], matrix(3)
    x = V / step
    if name == "l2":
        dual = x / (1 + 1 / (step * penalty.alpha))
    elif name == "l1":
        dual = np.clip(x, -penalty.alpha, penalty.alpha)
    else:
        dual, labels = x.copy(), row_groups(penalty)
        for g in np.unique(labels):
            block = x[labels == g]
            radius = penalty.alpha * np.sqrt(block.size)
            dual[labels == g] = block * min(1, radius / np.linalg.norm(block))
    assert_allclose(penalty.prox(V, step) + step * dual, V, rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", PENALTIES)
def test_gradient_of_the_moreau_envelope(name):
    penalty, V, step = PENALTIES[name], matrix(4), 0.4

    def envelope(v):
        W = penalty.prox(v.reshape(SHAPE), step)
        return penalty.value(W) + np.sum((W - v.reshape(SHAPE)) ** 2) / (2 * step)

    numeric = optimize.approx_fprime(V.ravel(), envelope, 1e-7).reshape(SHAPE)
    assert_allclose(numeric, (V - penalty.prox(V, step)) / step, atol=1e-5)


@pytest.mark.parametrize("name", PENALTIES)
def test_prox_is_firmly_nonexpansive(name):
    penalty = PENALTIES[name]
    for seed in range(20):
        V, U = matrix(seed), matrix(seed + 100, 0.8)
        difference = penalty.prox(V, 0.5) - penalty.prox(U, 0.5)
        assert np.vdot(difference, difference) <= np.vdot(difference, V - U) + 1e-14


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_vector_of_steps_is_element_by_element(name):
    penalty, V = PENALTIES[name], matrix(5)
    steps = np.random.default_rng(6).uniform(0, 3, SHAPE)
    one_by_one = [penalty.prox(np.array([[v]]), t).item() for v, t in zip(V.flat, steps.flat)]
    assert_array_equal(penalty.prox(V, steps).ravel(), one_by_one)


@pytest.mark.parametrize("name", GROUPED)
def test_step_of_each_group_is_group_by_group(name):
    penalty, V, labels = PENALTIES[name], matrix(5), row_groups(PENALTIES[name])
    per_group = np.random.default_rng(6).uniform(0.1, 2, labels.max() + 1)
    W = penalty.prox(V, per_group[labels][:, None])
    for g, step in enumerate(per_group):
        assert_array_equal(W[labels == g], penalty.prox(V, step)[labels == g])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("spread", [0.0, 1.0, 6.0])
@pytest.mark.parametrize("name", PENALTIES)
def test_prox_in_a_diagonal_metric_is_optimal(name, spread, seed):
    """Steps of one group may differ by e^(2 spread): (v - w) / t is in the subdifferential."""
    penalty, rng = PENALTIES[name], np.random.default_rng(seed)
    V, steps = rng.normal(size=SHAPE), 0.5 * np.exp(spread * rng.uniform(-1, 1, SHAPE))
    W = penalty.prox(V, steps)
    gradient = (W - V) / steps
    assert violation(penalty, W, gradient) < 1e-12 * max(1, np.abs(V / steps).max())
    if spread == 0:
        assert_allclose(W, penalty.prox(V, 0.5), atol=1e-14)


@pytest.mark.parametrize("size", [2, 50])
@pytest.mark.parametrize("excess", [1e-12, 1e-6, 1e-2, 1.0, 1e6])
def test_root_of_the_diagonal_metric(excess, size):
    """Groups barely above, and far above, their threshold."""
    rng = np.random.default_rng(size)
    V, steps = rng.normal(size=(1, size)), np.exp(rng.uniform(-3, 3, (1, size)))
    strength = np.linalg.norm(V / steps) / (1 + excess)
    W = group_soft_threshold(V, steps, np.array([strength]))
    if excess > 1e-12:
        assert W.all()
    q = np.linalg.norm(W)
    residual = (W - V) / steps + strength * (W / q if q else 0)
    if q:
        assert np.linalg.norm(residual) < 1e-12 * np.linalg.norm(V / steps)
    below = group_soft_threshold(V, steps, np.array([strength * (1 + excess) * (1 + 1e-9)]))
    assert_array_equal(below, np.zeros_like(V))


# --------------------------------------------------------------------------------------------
# Extremes
# --------------------------------------------------------------------------------------------
def steps_of_shape(shape, dtype):
    return {"scalar": 1.0, "rows": np.ones((6, 1), dtype), "full": np.ones(SHAPE, dtype)}[shape]


def with_zero_rows(dtype):
    V = matrix(7).astype(dtype)
    V[[1, 2]] = 0  # row 2 is a group on its own in the merged groups, both are without them
    return V


EXTREMES = [
    pytest.mark.parametrize("dtype", [np.float32, np.float64]),
    pytest.mark.parametrize("shape", ["scalar", "rows", "full"]),
    pytest.mark.parametrize("name", PENALTIES),
]


def extremes(test):
    for mark in EXTREMES:
        test = mark(test)
    return test


@extremes
def test_huge_threshold(name, shape, dtype):
    penalty, V, ones = PENALTIES[name], with_zero_rows(dtype), steps_of_shape(shape, dtype)
    with np.errstate(over="ignore"):  # alpha itself is beyond the range of float32
        nothing_left = [
            replace(penalty, alpha=1e300).prox(V, ones),
            replace(penalty, alpha=1e300).prox(V, dtype(1e30) * ones),
            penalty.prox(V, dtype(1e38) * ones),
        ]
    for W in nothing_left:
        assert_allclose(W, 0, rtol=0, atol=1e-37 if penalty.smooth else 0)


@extremes
def test_zero_threshold(name, shape, dtype):
    penalty, V, ones = PENALTIES[name], with_zero_rows(dtype), steps_of_shape(shape, dtype)
    assert_array_equal(replace(penalty, alpha=0.0).prox(V, ones), V)
    assert_array_equal(penalty.prox(V, dtype(0) * ones), V)


@extremes
def test_zero_groups(name, shape, dtype):
    penalty, V, ones = PENALTIES[name], with_zero_rows(dtype), steps_of_shape(shape, dtype)
    assert_array_equal(penalty.prox(0 * V, ones), 0 * V)
    W = penalty.prox(V, dtype(0.1) * ones)
    assert W.dtype == dtype and np.isfinite(W).all()
    assert W.any() and (W != 0).sum() <= (V != 0).sum()


@pytest.mark.parametrize("name", PENALTIES)
def test_zero_steps_within_a_group(name):
    """A weight of step 0 does not move, its neighbours of the same group do."""
    penalty, V = PENALTIES[name], matrix(8)
    steps = np.full(SHAPE, 0.2)
    steps[:, 0] = 0
    W = penalty.prox(V, steps)
    assert np.isfinite(W).all()
    assert_array_equal(W[:, 0], V[:, 0])
    assert np.all(np.abs(W[:, 1:]) < np.abs(V[:, 1:]))


@pytest.mark.parametrize("name", PENALTIES)
def test_inputs_are_left_alone(name):
    V, steps = matrix(9), np.full(SHAPE, 0.3)
    before = V.copy()
    PENALTIES[name].prox(V, steps)
    PENALTIES[name].prox(V, 0.3)
    PENALTIES[name].subgradient(V, V)
    PENALTIES[name].value(V)
    assert_array_equal(V, before)
    assert np.all(steps == 0.3)


# --------------------------------------------------------------------------------------------
# The certificate
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("step", [0.2, 1.0, 4.0])
@pytest.mark.parametrize("name", PENALTIES)
def test_subgradient_is_zero_at_fixed_points_of_the_prox(name, step):
    penalty, V = PENALTIES[name], matrix(10)
    W = penalty.prox(V, step)
    gradient = (W - V) / step  # so that W = prox(W - step gradient)
    residual = penalty.subgradient(W, gradient)
    assert_allclose(residual, 0, atol=1e-13)
    # and both agree elsewhere
    for seed in range(5):
        other = gradient + matrix(20 + seed, 0.3)
        moved = np.abs(W - penalty.prox(W - step * other, step)).max()
        largest = np.abs(penalty.subgradient(W, other)).max()
        assert (moved > 1e-9) == (largest > 1e-9)


@pytest.mark.parametrize("name", PENALTIES)
def test_subgradient_has_least_norm(name):
    """m is the least-norm subgradient iff F'(W; d) >= <m, d> for every d, with equality at -m."""
    penalty, rng, h = PENALTIES[name], np.random.default_rng(11), 1e-7
    W, gradient = penalty.prox(matrix(11), 0.6), matrix(12)
    m = penalty.subgradient(W, gradient)

    def slope(direction):
        step = h * direction / np.linalg.norm(direction)
        rise = definition(penalty, W + step) - definition(penalty, W) + np.vdot(gradient, step)
        return rise / h * np.linalg.norm(direction)

    assert np.abs(m).max() > 0.1
    assert_allclose(slope(-m), -np.vdot(m, m), rtol=1e-5)
    for _ in range(200):
        direction = rng.normal(size=SHAPE) * (rng.random(SHAPE) < 0.4)
        if direction.any():
            assert slope(direction) >= np.vdot(m, direction) - 1e-5 * np.linalg.norm(direction)


@pytest.mark.parametrize("name", GROUPED)
def test_default_subgradient_vanishes_at_the_same_points(name):
    """What a user's penalty inherits: the residual of a proximal step."""
    penalty, V = PENALTIES[name], matrix(13)
    W = penalty.prox(V, 1.0)
    assert_allclose(Penalty.subgradient(penalty, W, W - V), 0, atol=1e-14)
    assert np.abs(Penalty.subgradient(penalty, W, W - V + 0.1)).max() > 1e-3


# --------------------------------------------------------------------------------------------
# Groups, shared steps, penalties as data
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("cls", [GroupL1, SparseGroupL1])
def test_groups_are_the_same_rows_wherever_they_are(cls):
    V = matrix(14)
    groups = np.array([1, 0, 1, 2, 0, 1])
    order = np.argsort(groups, kind="stable")
    scattered, sorted_ = cls(0.4, groups=groups), cls(0.4, groups=groups[order])
    steps = np.random.default_rng(0).uniform(0.1, 1, SHAPE)
    assert_allclose(scattered.prox(V, 0.5)[order], sorted_.prox(V[order], 0.5), atol=1e-15)
    assert_allclose(
        scattered.prox(V, steps)[order], sorted_.prox(V[order], steps[order]), atol=1e-14
    )
    assert_allclose(scattered.value(V), sorted_.value(V[order]), rtol=1e-14)
    assert_allclose(
        scattered.subgradient(V, 2 * V)[order], sorted_.subgradient(V[order], 2 * V[order])
    )


@pytest.mark.parametrize("name", PENALTIES)
def test_share(name):
    penalty = PENALTIES[name]
    squares = matrix(15) ** 2
    expected = squares.copy()
    if penalty.shares_step:
        labels = row_groups(penalty)
        for g in np.unique(labels):
            expected[labels == g] = squares[labels == g].mean()
    shared = squares.copy()
    assert penalty.share(shared) is None
    assert_allclose(shared, expected, rtol=1e-14)
    assert penalty.shares_step == (not penalty.elementwise)


@pytest.mark.parametrize("name", PENALTIES)
def test_terms_agree_with_the_value(name):
    penalty = PENALTIES[name]
    terms = penalty.terms(SHAPE)
    for scale in (1.0, 0.0, 1e3):
        W = matrix(16, scale)
        value = np.sum(terms.l1 * np.abs(W)) + 0.5 * np.sum(terms.l2 * W**2)
        if terms.groups is not None:
            for g, strength in enumerate(terms.strength):
                value += strength * np.linalg.norm(W[terms.groups == g])
        assert_allclose(value, penalty.value(W), rtol=1e-13)


@pytest.mark.parametrize("name", PENALTIES)
def test_blocks_of_a_network_sum_the_layers(name):
    """Value, prox, certificate and terms of the flat vector, against one layer at a time."""
    penalty = PENALTIES[name]
    second = replace(penalty, alpha=2 * penalty.alpha)
    if penalty.grouped:
        second = replace(second, groups=None)
    for pair in ([penalty, second], [penalty, copy.copy(penalty)], [None, penalty]):
        rows = [6, 6] if pair[0] is None or pair[1].__dict__.get("groups") is not None else [6, 4]
        problem, theta = make_problem(hidden=(rows[1],), d=rows[0], k=3)
        problem = type(problem)(problem.network, problem.loss, problem.data, pair)
        gradient = np.random.default_rng(1).normal(size=theta.shape)
        layers = list(zip(pair, problem.network.coefs(theta), problem.network.coefs(gradient)))
        layers = [layer for layer in layers if layer[0] is not None]
        total = sum(p.value(W) for p, W, _ in layers)
        assert_allclose(problem.penalties.value(theta), total, rtol=1e-14)

        terms = problem.penalties.terms()
        flat = np.sum(terms.l1 * np.abs(theta)) + 0.5 * np.sum(terms.l2 * theta**2)
        for g, strength in enumerate(terms.strength):
            flat += strength * np.linalg.norm(theta[terms.groups == g])
        assert_allclose(flat, total, rtol=1e-13)

        moved, expected = theta.copy(), theta.copy()
        problem.penalties.prox(moved, 0.3)
        residual, expected_residual = problem.subgradient(theta, gradient), gradient.copy()
        for p, W, G, new, r in zip(
            pair, problem.network.coefs(theta), problem.network.coefs(gradient),
            problem.network.coefs(expected), problem.network.coefs(expected_residual),
        ):  # fmt: skip
            if p is not None:
                new[...] = p.prox(W, 0.3)
                r[...] = p.subgradient(W, G)
        assert_allclose(moved, expected, atol=1e-15)
        assert_allclose(residual, expected_residual, atol=1e-15)


@pytest.mark.parametrize("name", PENALTY_NAMES)
def test_binding_copies(name):
    penalty = CLASSES[name](0.3)
    bound = penalty.on(2.0, SHAPE)
    assert (penalty.alpha, bound.alpha, type(bound)) == (0.3, 2.0, type(penalty))
    assert_allclose(bound.value(matrix()), CLASSES[name](2.0).value(matrix()))


@pytest.mark.parametrize(
    "limit, penalty",
    [
        (L1(0.3), ElasticNet(0.3, l1_ratio=1.0)),
        (L2(0.3), ElasticNet(0.3, l1_ratio=0.0)),
        (L1(0.3), SparseGroupL1(0.3, l1_ratio=1.0)),
        (GroupL1(0.3), SparseGroupL1(0.3, l1_ratio=0.0)),
    ],
)
def test_limits_of_the_mixtures(limit, penalty):
    V, G = matrix(17), matrix(18)
    V[3] = 0
    assert_allclose(penalty.value(V), limit.value(V), rtol=1e-14)
    assert_allclose(penalty.prox(V, 0.8), limit.prox(V, 0.8), atol=1e-15)
    assert_allclose(penalty.subgradient(V, G), limit.subgradient(V, G), atol=1e-15)


@pytest.mark.parametrize("cls", [ElasticNet, SparseGroupL1])
@pytest.mark.parametrize("l1_ratio", [-0.1, 1.1, np.nan])
def test_l1_ratio_out_of_range(cls, l1_ratio):
    with pytest.raises(ValueError, match="l1_ratio must be between 0 and 1"):
        cls(l1_ratio=l1_ratio)
