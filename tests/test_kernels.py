"""Compiled loops against their numpy formulas: the same numbers, to rounding."""

import numpy as np
import pytest
from _problems import LOSSES, PENALTIES, make_problem
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit

import skreg_mlp
from skreg_mlp._kernels import REFERENCES, compiled
from skreg_mlp._objective.data import Data
from skreg_mlp._objective.network import Network
from skreg_mlp._objective.problem import Problem
from skreg_mlp._solvers.stochastic import Adam, Sgd
from skreg_mlp.penalties import MCP, GroupLogSum, Penalty

pytestmark = pytest.mark.skipif(compiled is None, reason="installed without a C compiler")

DTYPES = [np.float32, np.float64]
SHAPES = [(1, 1), (1, 7), (3, 1), (5, 3), (17, 33), (200, 100)]
ACTIVATIONS = ["identity", "relu", "leaky_relu", "logistic", "silu"]
ELEMENTWISE_LOSSES = ["squared_error", "binary_log_loss"]


def both(name):
    return getattr(compiled, name), REFERENCES[name]


def tolerance(dtype, ulps=8):
    return dict(rtol=ulps * np.finfo(dtype).eps, atol=2 * np.finfo(dtype).tiny)


def unaligned(values):
    """The same array, starting one byte off a boundary of its items, read-only."""
    memory = np.empty(values.nbytes + 1, dtype=np.uint8)
    result = memory[1:].view(values.dtype).reshape(values.shape)
    result[...] = values
    return result


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
    assert_array_equal(value, expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_logistic_over_its_whole_range(dtype):
    low = np.log(np.finfo(dtype).tiny)
    z = np.linspace(low, -low, 20001).astype(dtype)[None]
    value = z.copy()
    compiled.logistic(value, None, None)
    assert_allclose(value, expit(z.astype(np.longdouble)), rtol=3 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
def test_unaligned_memory(dtype):
    z, bias = unaligned(scores((5, 7), dtype)), unaligned(np.linspace(0, 1, 7).astype(dtype))
    expected = np.array(z)
    both("silu")[1](expected, np.array(bias), None)
    compiled.silu(z, bias, None)
    assert_allclose(z, expected, **tolerance(dtype))


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
@pytest.mark.parametrize("with_sums", [True, False])
def test_outer_chain(with_sums, shape, dtype):
    rng, (n, k) = np.random.default_rng(0), shape
    delta, weights, slope = (rng.normal(size=s).astype(dtype) for s in ((n, 1), (k, 1), shape))
    results = []
    for f in both("outer_chain"):
        below, sums = np.full(shape, 7, dtype), np.full(k, 7, dtype)
        f(delta, weights, below, slope, sums if with_sums else None)
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
    assert_allclose(value, expected, rtol=20 * np.finfo(dtype).eps)
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
@pytest.mark.parametrize("output_unit", [1.0, 30.0])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("penalty", [*ROWS, *CONCAVE])
def test_steps(penalty, rule, output_unit, dtype):
    rng, bound = np.random.default_rng(0), {**ROWS, **CONCAVE}[penalty]
    network = Network((6, 5, 1), None, dtype)
    data = Data(np.ones((4, 6), dtype), np.zeros((4, 1)))
    start = rng.normal(size=network.n_parameters).astype(dtype)
    gradients = rng.normal(size=(20, network.n_parameters)).astype(dtype)
    results = []
    for fused in (True, False):
        problem = Problem(network, None, data, [bound] * 2, output_unit=output_unit, loss_unit=2.0)
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
    assert_allclose(results[0], results[1], rtol=0, atol=400 * np.finfo(dtype).eps * output_unit)
    if getattr(bound, "smooth", True):
        assert results[0].all()
    else:
        assert_array_equal(results[0] == 0, results[1] == 0)


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
    for module in ("_losses", "_network", "_problem"):
        for name, reference in REFERENCES.items():
            module_ = getattr(skreg_mlp, module)
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


@pytest.mark.parametrize("row", [-1, 6])
def test_rows_that_are_not_there(row):
    with pytest.raises(IndexError, match=f"row {row} is not among the 6 rows"):
        compiled.take_rows(np.ones((6, 2)), np.array([row]), np.empty((1, 2)))


def test_arrays_of_other_types_and_shapes_are_refused():
    z = np.ones((3, 4))
    for bias in (np.ones(3), np.ones(4, np.float32)):
        with pytest.raises(ValueError, match="expected 4 items of 8 bytes"):
            compiled.relu(z, bias, None)
    with pytest.raises(ValueError, match="C-contiguous"):
        compiled.relu(np.asfortranarray(z), None, None)
    with pytest.raises(ValueError, match="one code of 8 bytes"):
        compiled.softmax_log_loss(z, np.zeros(3, np.int32), 1.0, np.empty_like(z))


def test_show_versions(capsys):
    skreg_mlp.show_versions()
    printed = capsys.readouterr().out
    assert f"skreg_mlp: {skreg_mlp.__version__}" in printed and "kernels: compiled" in printed
    assert "scikit-learn" in printed or "sklearn" in printed
