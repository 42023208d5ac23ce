"""Compiled loops against their numpy formulas: the same numbers, to rounding."""

import importlib
import itertools
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from _layouts import read_only, unaligned
from _problems import LOSSES, PENALTIES, classifier, make_problem, regressor
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import expit

import skreg_mlp
from skreg_mlp import TableEncoder, _kernels
from skreg_mlp._kernels import REFERENCES, compiled
from skreg_mlp._objective.coding import CodedBlock, CodedMatrix
from skreg_mlp._objective.data import Data
from skreg_mlp._objective.losses import SquaredError
from skreg_mlp._objective.network import Network
from skreg_mlp._objective.problem import Problem
from skreg_mlp._solvers.stochastic import Adam, Sgd, Trainer
from skreg_mlp.encoding._encoder import coded
from skreg_mlp.penalties import L2, MCP, GroupL1, GroupLogSum, Penalty

pytestmark = pytest.mark.skipif(compiled is None, reason="installed without a C compiler")

DTYPES = [np.float32, np.float64]
SHAPES = [(1, 1), (1, 7), (3, 1), (5, 3), (17, 33), (200, 100)]
ACTIVATIONS = ["identity", "relu", "leaky_relu", "logistic", "tanh", "silu"]
ELEMENTWISE_LOSSES = ["squared_error", "binary_log_loss"]


def both(name):
    return getattr(compiled, name), REFERENCES[name]


def tolerance(dtype, ulps=8):
    return dict(rtol=ulps * np.finfo(dtype).eps, atol=2 * np.finfo(dtype).tiny)


SPECIAL = [0.0, -0.0, 1e-310, -1e-310, 1e-40, 1e300, -1e300, 5e3, -5e3, 90.0, -90.0, 17.0, -17.0]


def scores(shape, dtype, seed=0):
    """Ordinary values and, where there is room, zeros, subnormals and numbers that saturate."""
    values = 4 * np.random.default_rng(seed).standard_normal(shape)
    with np.errstate(over="ignore"):
        special = np.array(SPECIAL).astype(dtype)
    if values.size > len(special):
        values.ravel()[: len(special)] = np.clip(special, -1e30, 1e30)
    return values.astype(dtype)


def test_every_marked_formula_has_a_twin_that_is_tested():
    named = {
        *ACTIVATIONS,
        *ELEMENTWISE_LOSSES,
        "softmax_log_loss",
        "chain",
        "outer_chain",
        "take_rows",
        "take_columns",
        "sparse_product",
        "encode",
        "decode",
        "coded_product",
        "coded_gradient",
    }
    assert {name for name in REFERENCES if hasattr(compiled, name)} == named


# --------------------------------------------------------------------------------------------
# Activations
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("with_slope", [True, False])
@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(name, with_bias, with_slope, shape, dtype):
    z, bias = scores(shape, dtype), np.linspace(-1, 1, shape[1]).astype(dtype)
    results = []
    for f in both(name):
        value, slope = z.copy(), np.full_like(z, 7)
        with np.errstate(over="ignore"):
            f(value, bias if with_bias else None, slope if with_slope else None)
        results.append((value, slope))
    (value, slope), (expected, expected_slope) = results
    assert_allclose(value, expected, **tolerance(dtype))
    # h (1 - h) is only as exact as h where it saturates
    assert_allclose(
        slope, expected_slope, rtol=tolerance(dtype)["rtol"], atol=tolerance(dtype)["rtol"]
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_of_what_is_not_finite(name, dtype):
    z = np.array([[np.nan, np.inf, -np.inf, 1.0]], dtype=dtype)
    value, expected = z.copy(), z.copy()
    with np.errstate(invalid="ignore"):
        for f, out in zip(both(name), (value, expected)):
            f(out, None, None)
    assert_allclose(value, expected, **tolerance(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_logistic_over_its_whole_range(dtype):
    low = np.log(np.finfo(dtype).tiny)
    z = np.linspace(low, -low, 20001).astype(dtype)[None]
    value = z.copy()
    compiled.logistic(value, None, None)
    assert_allclose(value, expit(z.astype(np.longdouble)), rtol=3 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
def test_tanh_over_its_whole_range(dtype):
    sizes = np.concatenate([np.geomspace(np.finfo(dtype).tiny, 100, 20001), np.linspace(0, 2, 999)])
    z = np.concatenate([-sizes, sizes]).astype(dtype)[None]
    value = z.copy()
    compiled.tanh(value, None, None)
    assert_allclose(value, np.tanh(z.astype(np.longdouble)), rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("with_slope", [True, False])
@pytest.mark.parametrize("with_sums", [True, False])
def test_chain(with_sums, with_slope, shape, dtype):
    delta, slope = scores(shape, dtype), scores(shape, dtype, seed=1)
    delta[np.abs(delta) > 1e3] = 1
    slope[np.abs(slope) > 1e3] = 1
    results = []
    for f in both("chain"):
        product, sums = delta.copy(), np.full(shape[1], 7, dtype)
        f(product, slope if with_slope else None, sums if with_sums else None)
        results.append((product, sums))
    assert_array_equal(results[0][0], results[1][0])
    size = np.abs(results[1][0]).sum(axis=0).max()
    assert_allclose(results[0][1], results[1][1], rtol=0, atol=8 * np.finfo(dtype).eps * size)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("with_slope", [True, False])
@pytest.mark.parametrize("with_sums", [True, False])
def test_outer_chain(with_sums, with_slope, shape, dtype):
    rng, (n, k) = np.random.default_rng(0), shape
    delta, weights, slope = (rng.normal(size=s).astype(dtype) for s in ((n, 1), (k, 1), shape))
    results = []
    for f in both("outer_chain"):
        below, sums = np.full(shape, 7, dtype), np.full(k, 7, dtype)
        f(delta, weights, below, slope if with_slope else None, sums if with_sums else None)
        results.append((below, sums))
    eps = np.finfo(dtype).eps
    assert_allclose(results[0][0], results[1][0], rtol=4 * eps)
    assert_allclose(results[0][1], results[1][1], rtol=0, atol=8 * eps * n)


# --------------------------------------------------------------------------------------------
# Losses
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", [*ELEMENTWISE_LOSSES, "softmax_log_loss"])
def test_loss(name, shape, weighted, dtype):
    rng, (n, k) = np.random.default_rng(0), shape
    raw = scores(shape, dtype)
    raw[np.abs(raw) > 1e4] = 3
    y = rng.integers(0, k, n) if name == "softmax_log_loss" else (rng.random(shape) < 0.5)
    y = y if name == "softmax_log_loss" else y.astype(dtype)
    weight = rng.random(n).astype(dtype) / n if weighted else 1 / n
    results = []
    for f in both(name):
        delta = np.full_like(raw, 7)
        results.append((f(raw, y, weight, delta), delta))
    (value, delta), (expected, expected_delta) = results
    # up to 20000 terms, in as few as two partial sums where vectors are short
    # and a small loss may be the difference of two numbers as large as the scores
    cancelled = 4 * np.finfo(dtype).eps * np.max(weight) * np.abs(raw).max()
    assert_allclose(value, expected, rtol=60 * np.finfo(dtype).eps, atol=cancelled)
    atol = 4 * np.finfo(dtype).eps * np.max(weight) * max(1, np.abs(expected_delta * n).max())
    assert_allclose(delta, expected_delta, rtol=tolerance(dtype)["rtol"], atol=atol)


@pytest.mark.parametrize("name", [*ELEMENTWISE_LOSSES, "softmax_log_loss"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_says_so(name, bad):
    raw = np.array([[0.5, bad], [1.0, 2.0]])
    y = np.array([0, 1]) if name == "softmax_log_loss" else np.zeros((2, 2))
    assert not np.isfinite(getattr(compiled, name)(raw, y, 0.5, np.empty_like(raw)))


# --------------------------------------------------------------------------------------------
# Steps
# --------------------------------------------------------------------------------------------
RULES = {"adam": lambda: Adam(), "sgd": lambda: Sgd(), "heavy ball": lambda: Sgd(nesterov=False)}
ROWS = {name: p for name, p in PENALTIES.items() if "of rows" not in name}
CONCAVE = {"mcp": MCP(0.7), "group_log_sum": GroupLogSum(0.7, scale=0.5), "none": None}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("penalty", [*ROWS, *CONCAVE])
def test_steps(penalty, rule, dtype):
    rng, bound = np.random.default_rng(0), {**ROWS, **CONCAVE}[penalty]
    network = Network((6, 5, 1), None, dtype)
    data = Data(np.ones((4, 6), dtype), np.zeros((4, 1)))
    start = rng.normal(size=network.n_parameters).astype(dtype)
    gradients = rng.normal(size=(20, network.n_parameters)).astype(dtype)
    results = []
    for fused in (True, False):
        problem = Problem(network, SquaredError(), data, [bound] * 2, loss_unit=2.0)
        theta, update = start.copy(), RULES[rule]()
        state = update.init(theta)
        for gradient in gradients:
            problem.penalties.majorize(theta)
            if fused:
                assert problem.penalties.steps is not None
            else:
                problem.penalties.steps = None
            update.step(problem, theta, gradient.copy(), state, 0.05)
        results.append(theta)
    assert_allclose(results[0], results[1], rtol=0, atol=400 * np.finfo(dtype).eps)
    if getattr(bound, "smooth", True):
        assert results[0].all()
    else:
        assert_array_equal(results[0] == 0, results[1] == 0)


RNG = np.random.default_rng(0)
STEPS = {  # the weights of a penalty on a matrix of 4 rows and 7 columns
    "none": 0.0,
    "number": 0.3,
    "infinite": np.inf,
    "array": RNG.uniform(0, 1, 28),
    "uneven": 10 ** RNG.uniform(-4, 5, 28),
    "some infinite": np.where(RNG.random(28) < 0.3, np.inf, 0.2),
}
STRENGTHS = {
    "no groups": None,
    "groups": np.array([0.5, 1.0, 0.0, 1e-3]),
    "infinite": np.array([0.5, np.inf, 0.0, 1.0]),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("strength", STRENGTHS)
@pytest.mark.parametrize("l2", STEPS)
@pytest.mark.parametrize("l1", STEPS)
@pytest.mark.parametrize("rule", ["adam", "sgd"])
def test_a_step_ends_at_the_minimum_that_defines_its_prox(rule, l1, l2, strength, dtype):
    """w minimises |w - v|^2 / 2t + l1 |w| + l2 w^2 / 2 + strength |row|; the step leads to v."""
    rng, around = np.random.default_rng(1), slice(3, 31)
    given = [np.asarray(a, dtype) if np.ndim(a) else a for a in (STEPS[l1], STEPS[l2])]
    groups = STRENGTHS[strength]
    groups = None if groups is None else groups.astype(dtype)
    theta, gradient, mean = rng.normal(size=(3, 33)).astype(dtype)
    square = np.repeat(rng.uniform(0.5, 2, 11), 3).astype(dtype)
    square[around] = np.repeat(rng.uniform(0.5, 2, 4), 7)  # which rows have in common
    before = [a.astype(np.float64) for a in (theta, gradient, mean, square)]
    part = [(3, 4, 7, *given, groups)]
    if rule == "adam":
        compiled.adam(theta, gradient, mean, square, part, rate=0.4, mean_weight=0.25,
                      square_weight=0.125, epsilon=1e-8)  # fmt: skip
    else:
        compiled.sgd(theta, gradient, mean, part, step=0.4, weight=0.25, ahead=0.5)
    for now, was in zip((theta, gradient, mean, square), before):
        assert_array_equal(np.delete(now, np.r_[around]), np.delete(was, np.r_[around]))

    w, (v, g, m, s) = theta[around].reshape(4, 7), (a[around].reshape(4, 7) for a in before)
    change = 0.25 * (g - m)
    assert_allclose(mean[around].reshape(4, 7), m + change, rtol=0, atol=4 * np.finfo(dtype).eps)
    if rule == "adam":
        g2 = g * g if groups is None else (g * g).mean(axis=1, keepdims=True)
        s += 0.125 * (g2 - s)
        assert_allclose(square[around].reshape(4, 7), s, rtol=8 * np.finfo(dtype).eps)
        t = 0.4 / (np.sqrt(s) + 1e-8)
        v -= t * (m + change)
    else:
        t = np.full((4, 7), 0.4)
        v -= t * (m + change + 0.5 * change)

    l1, l2 = (np.broadcast_to(np.reshape(a, (4, 7)) if np.ndim(a) else a, (4, 7)) for a in given)
    c = np.zeros((4, 1)) if groups is None else groups.astype(np.float64)[:, None]
    assert np.isfinite(w).all() and not w[np.isinf(l1 + l2) | np.isinf(c)].any()
    tol, free = 100 * np.finfo(dtype).eps, w != 0
    norms = np.linalg.norm(w.astype(np.float64), axis=1, keepdims=True)
    l1, l2, c = (np.minimum(a, 1e30) for a in (l1, l2, c))
    slope = l1 * np.sign(w) + l2 * w + c * w / np.where(norms > 0, norms, 1)
    residual = v - w - t * np.where(free, slope, 0)
    # the terms that cancel may be large: t l2 w is about v, whatever l2 is
    assert_allclose(residual[free], 0, rtol=0, atol=tol)
    rest = np.maximum(np.abs(v) - t * l1, 0) * (l2 < 1e30)  # what is left for the group to hold
    held = np.where(norms > 0, 0, t * c)  # at 0, where the whole row is
    rest = np.where(norms > 0, rest * ~free, np.linalg.norm(rest, axis=1, keepdims=True))
    assert (rest <= held + tol).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("strength", [None, 0.5])
@pytest.mark.parametrize("l1", [0.0, 0.5, np.inf])
@pytest.mark.parametrize("epsilon", [0.0, 1e-60, 1e-8])
def test_no_gradient_makes_no_nan(epsilon, l1, strength, dtype):
    theta, gradient, mean, square = np.ones((4, 6), dtype) * [[0.3], [0], [0], [0]]
    theta, gradient, mean, square = (a.astype(dtype) for a in (theta, gradient, mean, square))
    groups = None if strength is None else np.full(2, strength, dtype)
    for _ in range(3):
        compiled.adam(theta, gradient, mean, square, [(0, 2, 3, l1, 0.0, groups)], rate=0.1,
                      mean_weight=0.1, square_weight=0.1, epsilon=epsilon)  # fmt: skip
    # nothing moves the weight, and of the penalty an endless step is left
    expected = 0.0 if l1 or strength else 0.3
    assert_allclose(theta, expected, rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("fused", [True, False])
def test_adam_without_gradients_and_epsilon(fused, dtype):
    network = Network((6, 5, 1), None, dtype)
    problem = Problem(network, SquaredError(), Data(np.ones((4, 6), dtype), np.zeros((4, 1))))
    problem.penalties.steps = problem.penalties.steps if fused else None
    theta, update = np.full(network.n_parameters, 0.3, dtype), Adam(epsilon=1e-60)
    state = update.init(theta)
    for _ in range(3):
        update.step(problem, theta, np.zeros_like(theta), state, 0.1)
    assert_allclose(theta, 0.3, rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("penalty", [L2(), GroupL1()], ids=["l2", "group_l1"])
@pytest.mark.parametrize("rule", [Adam(beta_2=0.9), Sgd()], ids=["adam", "sgd"])
def test_what_has_no_gradient_does_not_stay_subnormal(rule, penalty, fused, dtype):
    """An epoch of many steps is enough to fall there, and products are slow from then on."""
    data = Data(np.zeros((8000, 6), dtype), np.zeros((8000, 1)))
    problem = Problem(Network((6, 1), None, dtype), SquaredError(), data, [penalty.on(0.1, (6, 1))])
    problem.penalties.steps = problem.penalties.steps if fused else None
    theta = np.full(7, 1e-30, dtype)
    state = rule.init(theta) | {"n_steps": 1000}
    means = [value for value in state.values() if np.ndim(value)]
    for mean in means:
        mean += dtype(1e-30)
    Trainer(problem, theta, rule, state, batch_size=1).epoch(lambda time: 1e-3)
    for values in (theta, *means):
        assert ((values == 0) | (np.abs(values) >= np.finfo(dtype).tiny)).all()
    assert not any(mean[:6].any() for mean in means)  # they fell as far


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("strength", [None, 0.0])
@pytest.mark.parametrize("rate", [0.0, 1e-300])
@pytest.mark.parametrize("size", [1.0, 1e30])
def test_infinite_penalties_hold_without_a_step(size, rate, strength, dtype):
    groups = None if strength is None else np.zeros(1, dtype)
    weights = np.array([np.inf, 0.0, np.inf], dtype)
    for l1, l2 in ((weights, 0.0), (0.0, weights), (weights, weights)):
        theta, gradient, mean, square = np.ones((4, 3), dtype)
        square *= size
        part = [(0, 1, 3, l1, l2, groups)]
        compiled.adam(theta, gradient, mean, square, part, rate=rate, mean_weight=0.1,
                      square_weight=0.1, epsilon=1e-8)  # fmt: skip
        compiled.sgd(theta, gradient, mean, part, step=rate, weight=0.1, ahead=0.9)
        assert_allclose(theta, [0, 1, 0], rtol=4 * np.finfo(dtype).eps)


class Cubic(Penalty):
    """A penalty of the user's, with nothing but a value and a prox."""

    def value(self, W):
        return self.alpha * float((np.abs(W) ** 3).sum())

    def prox(self, V, step):
        return V / (1 + step)


@pytest.mark.parametrize("penalty", [PENALTIES["group_l1 of rows"], Cubic()])
def test_what_is_no_sum_over_rows_is_left_to_numpy(penalty):
    problem, _ = make_problem(d=6, hidden=(6,), penalty=penalty)
    assert problem.penalties.steps is None


@pytest.mark.parametrize("loss", LOSSES)
def test_a_problem_evaluates_the_same_without_compiled_loops(loss, monkeypatch):
    k = 3 if loss == "multinomial" else 2
    problem, theta = make_problem(loss, hidden=(5, 4), activation="silu", k=k, weighted=True)
    gradient, expected = np.empty_like(theta), np.empty_like(theta)
    value = problem.loss_and_gradient(theta, gradient)
    for module in ("losses", "network", "data"):
        for name, reference in REFERENCES.items():
            module_ = importlib.import_module(f"skreg_mlp._objective.{module}")
            if hasattr(module_, name):
                monkeypatch.setattr(module_, name, reference)
    problem.network.activation = REFERENCES["silu"]
    assert_allclose(value, problem.loss_and_gradient(theta, expected), rtol=1e-14)
    assert_allclose(gradient, expected, rtol=0, atol=1e-13 * np.abs(expected).max())


# --------------------------------------------------------------------------------------------
# Rows, and what the loops refuse
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("values", [np.arange(12.0).reshape(6, 2), np.arange(6), np.ones((6, 0))])
def test_take_rows(values):
    index = np.array([5, 0, 0, 3])
    out = np.empty((4, *values.shape[1:]), values.dtype)
    compiled.take_rows(values, index, out)
    assert_array_equal(out, values[index])


@pytest.mark.parametrize("dtype", DTYPES)
def test_take_columns(dtype):
    X, columns = np.arange(12, dtype=dtype).reshape(3, 4), np.array([3, 0, 0])
    out = np.empty((3, 3), dtype)
    compiled.take_columns(X, columns, out)
    assert_array_equal(out, X[:, columns])
    for column in (-1, 4):
        with pytest.raises(IndexError, match=f"column {column} is not among the 4 columns"):
            compiled.take_columns(X, np.array([0, column, 0]), out)


def weights_in_csr(shape, dtype, share=0.3):
    """Weights of which a share is non-zero, as the arguments of `sparse_product`."""
    rng = np.random.default_rng(0)
    W = (rng.normal(size=shape) * (rng.random(shape) < share)).astype(dtype)
    csr = sparse.csr_array(W)
    return dict(starts=csr.indptr, columns=csr.indices, weights=csr.data)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [0, 1, 3, 4, 8, 16, 47])
@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (5, 0), (0, 5), (40, 33)])
@pytest.mark.parametrize("share", [0, 0.3, 1])
def test_sparse_product(share, shape, n, dtype):
    X = np.random.default_rng(1).normal(size=(n, shape[0])).astype(dtype)
    csr, results = weights_in_csr(shape, dtype, share), []
    for f in both("sparse_product"):
        out = np.full((n, shape[1]), 7, dtype)
        f(X, **csr, out=out)
        results.append(out)
    assert_allclose(*results, rtol=0, atol=40 * np.finfo(dtype).eps)


@pytest.mark.parametrize("n", [1, 40])
@pytest.mark.parametrize(
    "name, place, value",
    [("starts", 0, -1), ("starts", 2, 10**6), ("starts", 2, -1), ("starts", -1, 10**6),
     ("columns", 0, -1), ("columns", 3, 5), ("columns", -1, 2**31 - 1)],
)  # fmt: skip
def test_places_of_weights_that_are_not_there(name, place, value, n):
    csr = weights_in_csr((7, 5), np.float64)
    csr[name][place] = value
    with pytest.raises(IndexError, match="a row or a column that does not exist"):
        compiled.sparse_product(np.ones((n, 7)), **csr, out=np.ones((n, 5)))


@pytest.mark.parametrize("row", [-1, 6])
def test_rows_that_are_not_there(row):
    with pytest.raises(IndexError, match=f"row {row} is not among the 6 rows"):
        compiled.take_rows(np.ones((6, 2)), np.array([row]), np.empty((1, 2)))


def calls(dtype):
    """Of every function: valid arguments by name, and which of them it writes or may be None."""
    A, v, w, codes = np.ones((3, 4), dtype), np.ones(4, dtype), np.ones(3, dtype), np.zeros(3, int)
    state = dict.fromkeys(("theta", "gradient", "mean", "square"), np.ones(12, dtype))
    terms = dict(l1=np.ones(12, dtype), l2=np.ones(12, dtype), strength=w)
    rates = dict(rate=0.1, mean_weight=0.1, square_weight=0.1, epsilon=1e-8)
    loss = dict(raw=A, y=A, weight=w, delta=A)

    def adam(l1, l2, strength, **arrays):
        compiled.adam(**arrays, parts=[(0, 3, 4, l1, l2, strength)], **rates)

    def sgd(l1, l2, strength, **arrays):
        compiled.sgd(**arrays, parts=[(0, 3, 4, l1, l2, strength)], step=0.1, weight=0.1, ahead=0.5)

    sgd_state = {k: v for k, v in state.items() if k != "square"}
    found = {
        "chain": (dict(delta=A, slope=A, sums=v), "delta sums", "slope sums"),
        "outer_chain": (
            dict(delta=w, weights=v, below=A, slope=A, sums=v),
            "below sums",
            "slope sums",
        ),
        "softmax_log_loss": (dict(loss, y=codes), "delta", ""),
        "take_rows": (dict(X=A, rows=codes, out=A), "out", ""),
        "take_columns": (dict(X=A, columns=codes[:2], out=A[:, :2].copy()), "out", ""),
        "sparse_product": (
            dict(X=A, **weights_in_csr((4, 2), dtype), out=A[:, :2].copy()),
            "out",
            "",
        ),
    }
    found |= {name: (dict(z=A, bias=v, slope=A), "z slope", "bias slope") for name in ACTIVATIONS}
    found |= {name: (loss, "delta", "") for name in ELEMENTWISE_LOSSES}
    found = {name: (getattr(compiled, name), *rest) for name, rest in found.items()}
    found["adam"] = (adam, {**state, **terms}, "theta mean square", "strength")
    found["sgd"] = (sgd, {**sgd_state, **terms}, "theta mean", "strength")
    return found


FLAWS = {
    "float16": lambda a: a.astype(np.float16),
    "the other float": lambda a: a.astype(np.float32 if a.dtype == np.float64 else np.float64),
    "longdouble": lambda a: a.astype(np.longdouble),
    "complex": lambda a: a.astype(np.complex64),
    "int32": lambda a: a.astype(np.int32),
    "integers, or floats": lambda a: a.astype(np.int64 if a.dtype.kind == "f" else np.float64),
    "uint64": lambda a: a.astype(np.uint64),
    "bool": lambda a: a.astype(bool),
    "swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "datetime": lambda a: a.astype(np.int64).view("M8[s]"),
    "text": lambda a: a.astype("U8"),
    "object": lambda a: a.astype(object),
    "structured": lambda a: a.astype([("x", a.dtype)]),
    "bytes": lambda a: a.tobytes(),
    "list": lambda a: a.tolist(),
    "number": lambda a: a.dtype.type(1)[()],
    "unaligned": unaligned,
    "strided": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "three dimensions": lambda a: a[None, :, None],
    "more": lambda a: np.ones((*a.shape[:-1], a.shape[-1] + 1), a.dtype),
    "fewer": lambda a: a[..., :-1].copy(),
    "transposed": lambda a: a.T.copy(),
    "fortran": np.asfortranarray,
    "read-only": read_only,
    "None": lambda a: None,
}
FREE_WIDTHS = [("take_columns", "X"), ("sparse_product", "out")]
HARMLESS = {  # to some arguments
    "transposed": lambda a, written, optional: a.ndim == 1,
    "fortran": lambda a, written, optional: a.ndim == 1,
    "read-only": lambda a, written, optional: not written,
    "None": lambda a, written, optional: optional,
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", sorted(calls(float)))
def test_what_does_not_fit_is_refused(name, dtype):
    f, valid, written, optional = calls(dtype)[name]
    f(**{key: a.copy() for key, a in valid.items()})
    for flaw, (key, a) in itertools.product(FLAWS, valid.items()):
        if flaw in HARMLESS and HARMLESS[flaw](a, key in written.split(), key in optional.split()):
            continue
        if flaw == "number" and key in ("weight", "l1", "l2"):  # which may be one
            continue
        if (name, key) in FREE_WIDTHS and flaw in ("more", "fewer"):
            continue
        if flaw == "int32" and a.dtype == np.int32:
            continue
        arguments = {k: FLAWS[flaw](v) if k == key else v.copy() for k, v in valid.items()}
        with pytest.raises((TypeError, ValueError, BufferError)):
            f(**arguments)
        for k, v in valid.items():
            if k != key:
                assert_array_equal(arguments[k], v)


def test_a_refusal_says_what_was_expected_and_what_came():
    z = np.ones((3, 4))
    refused = [
        (ValueError, r"expected 4 items of float64; got float32 of shape \(4,\)",
         lambda: compiled.relu(z, np.ones(4, np.float32), None)),
        (ValueError, r"expected float64 of shape \(3, 4\); got float64 of shape \(4, 3\)",
         lambda: compiled.relu(z, None, z.T.copy())),
        (TypeError, "float32, float64, int32 or int64 in native byte order; got complex128",
         lambda: compiled.relu(z.astype(complex), None, None)),
        (ValueError, "expected float64 at a multiple of 8 bytes; got an unaligned array",
         lambda: compiled.relu(unaligned(z), None, None)),
        (ValueError, "read-only", lambda: compiled.relu(read_only(z), None, None)),
        (ValueError, "C-contiguous", lambda: compiled.relu(np.asfortranarray(z), None, None)),
        (TypeError, "expected an array of int64; got float64",
         lambda: compiled.softmax_log_loss(z, np.zeros(3), 1.0, z.copy())),
        (ValueError, "expected one code for each of 3 rows; got 4",
         lambda: compiled.softmax_log_loss(z, np.zeros(4, int), 1.0, z.copy())),
        (ValueError, "expected 3 rows like those of .*; got float64 of shape",
         lambda: compiled.take_rows(z, np.arange(3), z[:2].copy())),
    ]  # fmt: skip
    for error, message, call in refused:
        with pytest.raises(error, match=message):
            call()


@pytest.mark.parametrize("code", [-1, 4, 2**62])
def test_codes_that_are_not_there(code):
    z = np.ones((3, 4))
    with pytest.raises(IndexError, match=f"column {code} is not among the 4 columns"):
        compiled.softmax_log_loss(z, np.array([0, code, 3]), 1.0, np.empty_like(z))


@pytest.mark.parametrize("place", [(-1, 1, 2), (3, 1, 2), (5, 1, 0), (0, -1, 2), (0, 2**32, 2**32)])
@pytest.mark.parametrize("strength", [None, np.ones(1)])
def test_parts_that_are_not_inside_theta(place, strength):
    state, rates = np.ones((4, 4)), dict(rate=0.1, mean_weight=0.1, square_weight=0.1, epsilon=1e-8)
    with pytest.raises(ValueError, match="are not inside 4 parameters"):
        compiled.adam(*state, [(*place, 0.0, 0.0, strength)], **rates)
    with pytest.raises(TypeError, match="expected a tuple for each part"):
        compiled.adam(*state, [[0, 1, 4, 0.0, 0.0, None]], **rates)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", sorted(calls(float)))
def test_arrays_may_have_been_pickled(name, dtype):
    f, valid, *_ = calls(dtype)[name]
    f(**{key: pickle.loads(pickle.dumps(a, protocol=2)) for key, a in valid.items()})


@pytest.mark.parametrize("sizes", [{3: 0}, {4: 0}])
@pytest.mark.parametrize("name", [*ACTIVATIONS, *ELEMENTWISE_LOSSES, "chain", "outer_chain"])
def test_no_rows_or_no_columns(name, sizes):
    f, valid, *_ = calls(float)[name]
    f(**{key: np.ones([sizes.get(n, n) for n in a.shape]) for key, a in valid.items()})


@pytest.mark.parametrize("strength", [None, np.ones(5)])
def test_a_part_without_columns(strength):
    state = np.ones((4, 2))
    part, rates = (2, 5, 0, 0.0, 0.0, strength), dict(rate=1.0, mean_weight=0.1, square_weight=0.1)
    compiled.adam(*state, [part], **rates, epsilon=1e-8)
    compiled.sgd(*state[:3], [part], step=1.0, weight=0.1, ahead=0.5)
    assert_array_equal(state, 1)


# --------------------------------------------------------------------------------------------
# Estimators
# --------------------------------------------------------------------------------------------
LAYOUTS = {
    "fortran": np.asfortranarray,
    "unaligned": unaligned,
    "swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "strided": lambda a: np.repeat(a, 2, axis=0)[::2],
    "read-only": read_only,
}
TARGETS = {
    "regression": lambda X: X[:, :2] + 1,
    "one output": lambda X: X[:, 0] + 1,
    "two classes": lambda X: (X[:, 0] > 0).astype(int),
    "classes": lambda X: X[:, :3].argmax(axis=1),
    "labels": lambda X: (X[:, :2] > 0).astype(int),
}


QUIET = "ignore::sklearn.exceptions.ConvergenceWarning"


def small_fit(X, y, weight, seed=0, **kwargs):
    kind = classifier if y.dtype.kind == "i" else regressor
    model = kind((5,), penalty="group_l1", alpha=0.01, max_iter=4, random_state=seed, **kwargs)
    return model.fit(X, y, sample_weight=weight)


@pytest.mark.filterwarnings(QUIET)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("target", TARGETS)
def test_the_layout_of_the_data_changes_nothing(target, solver, dtype):
    rng, settings = np.random.default_rng(0), dict(solver=solver, batch_size=16)
    X, weight = rng.normal(size=(60, 8)).astype(dtype), rng.uniform(1, 2, 60).astype(dtype)
    X[:, 6:] = 0  # columns that pruning drops
    y = TARGETS[target](X)
    expected = small_fit(X, y, weight, **settings).predict(X)
    for layout, change in LAYOUTS.items():
        model = small_fit(*map(change, (X, y, weight)), **settings)
        model.intercepts_ = [unaligned(b) for b in model.intercepts_]
        pruned = model.prune()
        pruned._inputs = unaligned(pruned._inputs)
        for fitted in (model, pruned):
            predicted = fitted.predict(change(X))
            error = 1e3 * np.finfo(dtype).eps
            assert_allclose(
                predicted, expected, rtol=error, atol=error * np.abs(expected).max(), err_msg=layout
            )


@pytest.mark.filterwarnings(QUIET)
@pytest.mark.parametrize("dtype", [np.float16, np.longdouble, np.dtype(float).newbyteorder()])
def test_weights_of_other_types_predict(dtype):
    X = np.random.default_rng(0).normal(size=(40, 8))
    model = small_fit(X, X[:, :2], None)
    expected = model.predict(X)
    model.coefs_ = [W.astype(dtype) for W in model.coefs_]
    atol = 1e-2 if dtype == np.float16 else 1e-14
    assert_allclose(model.predict(X), expected, rtol=0, atol=atol)


@pytest.mark.filterwarnings(QUIET)  # for all threads
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_estimators_fit_in_threads_at_once(solver):
    X = np.random.default_rng(0).normal(size=(300, 20))

    def fitted(seed):
        return small_fit(X, X[:, :3].argmax(axis=1), None, seed, solver=solver).coefs_

    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(fitted, range(4)))
    for seed, coefs in enumerate(together):
        for W, alone in zip(coefs, fitted(seed)):
            assert_array_equal(W, alone)


def test_show_versions(capsys, monkeypatch):
    skreg_mlp.show_versions()
    printed = capsys.readouterr().out
    assert f"skreg_mlp: {skreg_mlp.__version__}" in printed and "kernels: compiled" in printed
    assert "scikit-learn" in printed or "sklearn" in printed
    monkeypatch.setattr(_kernels, "compiled", None)
    skreg_mlp.show_versions()
    assert f"no compiled ones in {_kernels.__path__[0]}" in capsys.readouterr().out


# --------------------------------------------------------------------------------------------
# Encoded columns
# --------------------------------------------------------------------------------------------
def coded_table(dtype, n_bins=4, n=60):
    """A table with numbers, levels and missing values, as a matrix that is not stored."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, 5)).astype(object)
    X[:, 1] = rng.choice(list("abc"), n)
    X[:, 3] = rng.choice(["x", "y"], n)
    X[:, 4] = (X[:, 4] > 0).astype(float)
    X[rng.random((n, 5)) < 0.1] = None
    matrix = coded(TableEncoder(n_bins).fit(X), X)
    values = matrix.X.astype(dtype)
    values[:2, 0], values[2, 1], values[3, 1] = (1e30, -1e30), 17, -1  # beyond levels, too
    return CodedMatrix(values, matrix.coding)


def blocks(dtype, rows, **kwargs):
    """The same rows encoded by both."""
    matrix, found = coded_table(dtype, **kwargs), []
    for f in both("encode"):
        shape = len(matrix.coding), len(rows)
        order, ends = np.full(shape, 9), np.full(matrix.coding.starts[-1], 9)
        arrays = order, ends, np.full(shape, 9, np.float32), np.full(shape, 9, np.float32)
        f(matrix.X, rows, matrix.coding, *arrays)
        found.append(CodedBlock(matrix.coding, *arrays))
    return found


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_bins", [0, 1, 4, 20])
def test_encode(dtype, n_bins):
    for rows in (np.arange(60), np.array([7, 7, 0]), np.arange(0), np.arange(200) % 60):
        one, other = blocks(dtype, rows, n_bins=n_bins)
        assert_array_equal(one.rows, other.rows)
        assert_array_equal(one.ends, other.ends)
        assert_allclose(one.fractions, other.fractions, **tolerance(np.float32))
        assert_allclose(one.values, other.values, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", [1, 3, 8, 33])
@pytest.mark.parametrize("name", ["coded_product", "coded_gradient"])
def test_coded_products(name, width, dtype):
    block, _ = blocks(np.float64, np.arange(60))
    n_in, n_out = block.shape[::-1] if name == "coded_product" else block.shape
    matrix = np.random.default_rng(1).standard_normal((n_in, width)).astype(dtype)
    results = []
    for f in both(name):
        out = np.full((n_out, width), 9, dtype)
        f(block, matrix, block._scratch(matrix), out)
        results.append(out)
    assert_allclose(*results, rtol=0, atol=1e-4)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_bins", [0, 1, 4, 20])
def test_decode(n_bins, dtype):
    block, _ = blocks(np.float64, np.arange(60), n_bins=n_bins)
    results = []
    for f in both("decode"):
        out = np.full(block.shape, 9, dtype)
        f(block, out)
        results.append(out)
    assert_allclose(*results, rtol=0, atol=2e-7)


BROKEN = {
    "outputs": lambda c: dict(outputs=c.outputs + c.n_outputs),
    "value_outputs": lambda c: dict(value_outputs=c.value_outputs + c.n_outputs),
    "starts": lambda c: dict(starts=c.starts[::-1].copy()),
    "starts beyond": lambda c: dict(starts=c.starts + 1),
    "states of other columns": lambda c: dict(starts=np.r_[0, 3, c.starts[2:]]),
    "means": lambda c: dict(means=c.means[1:]),
    "codes": lambda c: dict(codes=c.codes + 1000),
    "code_starts": lambda c: dict(code_starts=c.code_starts * 2),
    "columns": lambda c: dict(columns=c.columns + 3),
    "edges": lambda c: dict(edges=c.edges[1:]),
    "centers": lambda c: dict(centers=c.centers[1:]),
    "types": lambda c: dict(centers=c.centers.astype(np.float32)),
    "numeric": lambda c: dict(numeric=c.numeric.astype(float)),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_coding_is_refused(case):
    """As a file that was tampered with may hold: nothing is read or written out of bounds."""
    matrix = coded_table(np.float64)
    block = matrix.block(np.arange(60))
    W = np.ones((block.shape[1], 4), np.float32)
    broken = replace(matrix.coding, **BROKEN[case](matrix.coding))
    with pytest.raises((ValueError, IndexError, TypeError)):
        CodedMatrix(matrix.X, broken).block(np.arange(60))
        block.coding = broken
        compiled.coded_product(block, W, block._scratch(W), np.empty((60, 4), np.float32))


@pytest.mark.parametrize("name", ["coded_product", "coded_gradient"])
@pytest.mark.parametrize("part, value", [("rows", -1), ("rows", 60), ("ends", -1), ("ends", 61)])
def test_a_broken_block_is_refused(name, part, value):
    block, _ = blocks(np.float64, np.arange(60))
    getattr(block, part).ravel()[-1 if part == "ends" else 0] = value
    n_in, n_out = block.shape[::-1] if name == "coded_product" else block.shape
    W, out = np.ones((n_in, 4), np.float32), np.empty((n_out, 4), np.float32)
    with pytest.raises(IndexError, match="column"):
        getattr(compiled, name)(block, W, block._scratch(W), out)
    with pytest.raises((ValueError, IndexError)):
        getattr(compiled, name)(block, W[1:], block._scratch(W), out)
