"""Losses and backpropagation against central differences, closed formulas and scikit-learn."""

import numpy as np
import pytest
from _problems import LOSSES, make_problem, targets, value_and_gradient
from numpy.testing import assert_allclose
from scipy import sparse
from scipy.special import expit, softmax
from sklearn import metrics

from skreg_mlp._objective.activations import ACTIVATIONS
from skreg_mlp._objective.data import Data
from skreg_mlp._objective.network import Network
from skreg_mlp._objective.problem import BLOCK_ROWS, FEWEST_ROWS, Problem
from skreg_mlp.penalties import L1, L2

KINKED = {"relu", "leaky_relu"}


def central_differences(function, theta, h=1e-5):
    steps = h * np.eye(len(theta))
    return np.array([(function(theta + e) - function(theta - e)) / (2 * h) for e in steps])


def distance_to_kink(problem, theta):
    """Smallest magnitude of a pre-activation (losses have continuous derivatives)."""
    network, values = problem.network, problem.data.X
    smallest = np.inf
    for W, b in list(zip(network.coefs(theta), network.biases(theta)))[:-1]:
        values = values @ W + b
        smallest = min(smallest, np.abs(values).min())
        network.activation(values, None, None)
    return smallest


# --------------------------------------------------------------------------------------------
# Gradients
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("loss", LOSSES)
def test_gradient(loss, activation, k, weighted):
    k = max(k, 2) if loss == "multinomial" else k
    problem, theta = make_problem(
        loss, (4, 3), activation=activation, n=7, d=3, k=k, weighted=weighted
    )
    theta = 0.5 * theta
    while activation in KINKED and distance_to_kink(problem, theta) < 2e-4:
        theta = 1.1 * theta
    _, gradient = value_and_gradient(problem, theta)
    numeric = central_differences(lambda t: value_and_gradient(problem, t)[0], theta)
    n_weights = problem.network.n_weights
    scale = np.abs(numeric).max()
    assert scale > 1e-2
    assert_allclose(gradient[:n_weights], numeric[:n_weights], rtol=0, atol=1e-7 * scale)
    assert_allclose(gradient[n_weights:], numeric[n_weights:], rtol=0, atol=1e-7 * scale)


@pytest.mark.parametrize("hidden", [(), (4,)])
def test_gradient_without_intercepts(hidden):
    problem, theta = make_problem(hidden=hidden, k=2, intercepts=False)
    assert len(theta) == sum(W.size for W in problem.network.coefs(theta))
    numeric = central_differences(lambda t: value_and_gradient(problem, t)[0], theta)
    assert_allclose(value_and_gradient(problem, theta)[1], numeric, atol=1e-7)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activation(activation):
    f = ACTIVATIONS[activation]
    # both tails, but where rounding or a kink would hide the derivative
    z = np.concatenate([np.linspace(-30, -0.01, 100), np.linspace(0.01, 30, 100)])
    value, slope = z.copy(), np.empty_like(z)
    f(value, None, slope)
    alone = z.copy()
    f(alone, None, None)
    assert_allclose(alone, value, rtol=0, atol=0)

    def shifted(h):
        values = z + h
        f(values, None, None)
        return values

    assert_allclose(slope, (shifted(1e-5) - shifted(-1e-5)) / 2e-5, rtol=1e-6, atol=1e-8)
    far = np.array([-1e4, -1e3, 0, 1e3, 1e4])
    slope = np.empty_like(far)
    with np.errstate(over="raise", invalid="raise"):
        f(far, None, slope)
    assert np.isfinite(far).all() and np.isfinite(slope).all()


ACTIVATION_VALUES = {
    "identity": lambda z: z,
    "logistic": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": lambda z: (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z)),
    "relu": lambda z: np.where(z > 0, z, 0),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "elu": lambda z: np.where(z > 0, z, np.exp(z) - 1),
    "softplus": lambda z: np.log(1 + np.exp(z)),
    "silu": lambda z: z / (1 + np.exp(-z)),
    # torch.nn.functional.gelu at -3 ... 3
    "gelu": lambda z: np.array([-0.00404969, -0.04550026, -0.15865526, 0.0,
                                0.84134475, 1.95449974, 2.99595031]),
}  # fmt: skip


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activation_values(activation):
    z = np.arange(-3.0, 4.0)
    expected = ACTIVATION_VALUES[activation](z)
    ACTIVATIONS[activation](z, None, None)
    assert_allclose(z, expected, atol=1e-7)


@pytest.mark.parametrize("kind", ["dense", "csr", "subset"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("width", [4, 200])
@pytest.mark.parametrize("n", [BLOCK_ROWS + 1, 2 * BLOCK_ROWS, 2 * BLOCK_ROWS + 37])
def test_passes_by_blocks(n, width, weighted, kind):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(n + 50, 3)), rng.integers(0, 3, n + 50)
    weight = rng.uniform(0, 2, n + 50) if weighted else None
    network = Network((3, width, 3), ACTIVATIONS["tanh"], np.float64)
    theta = rng.normal(size=network.n_parameters)
    rows = rng.permutation(n + 50)[:n] if kind == "subset" else np.arange(n)
    used = weight if weight is None else weight[rows]

    def problem(data, batch_rows):
        return Problem(network, LOSSES["multinomial"](3), data, [None] * 2, batch_rows=batch_rows)

    once = problem(Data(X[rows], y[rows], used), n)
    if kind == "subset":
        data = Data(X, y, weight, rows)
    else:
        data = Data(sparse.csr_matrix(X[rows]) if kind == "csr" else X[rows], y[rows], used)
    blocks = problem(data, 1)
    wide = width > 4 and kind != "csr"
    assert blocks.block_rows == (FEWEST_ROWS if wide else BLOCK_ROWS)
    value, gradient = value_and_gradient(once, theta)
    in_blocks, gradient_in_blocks = value_and_gradient(blocks, theta)
    assert_allclose(in_blocks, value, rtol=1e-12)
    assert_allclose(gradient_in_blocks, gradient, rtol=0, atol=1e-13)
    assert_allclose(blocks.mean_loss(theta, data), value, rtol=1e-12)


@pytest.mark.parametrize("batch", [1, 5, 16])
@pytest.mark.parametrize("weighted", [False, True])
def test_batches_average_to_the_full_gradient(batch, weighted):
    """With equal batches the mean of the batch estimates is the full-batch value: no bias."""
    problem, theta = make_problem("gamma", (3,), n=80, k=2, weighted=weighted)
    full, gradient = value_and_gradient(problem, theta)
    values, gradients = [], []
    order = np.random.default_rng(1).permutation(80)
    for start in range(0, 80, batch):
        gradients.append(np.empty_like(theta))
        rows = order[start : start + batch]
        values.append(problem.batch_loss_and_gradient(theta, rows, gradients[-1], len(rows)))
    assert_allclose(np.mean(values), full, rtol=1e-12)
    assert_allclose(np.mean(gradients, axis=0), gradient, atol=1e-12)


def test_batch_of_zero_weights():
    problem, theta = make_problem(n=10)
    problem.data = Data(problem.data.X, problem.data.y, np.repeat([0.0, 1.0], 5))
    gradient = np.full_like(theta, np.nan)
    assert problem.batch_loss_and_gradient(theta, np.arange(5), gradient, 5) == 0
    assert np.all(gradient == 0)


# --------------------------------------------------------------------------------------------
# The update rules of the tutorials
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("penalty", [L1, L2])
def test_tutorial_update_rules(penalty):
    rng = np.random.default_rng(3)
    n, d, m, k, strength = 12, 3, 4, 3, 0.8
    X, t = rng.normal(size=(n, d)), rng.integers(0, k, n)
    network = Network((d, m, k), ACTIVATIONS["logistic"], np.float64)
    bound = penalty(strength / n)
    problem = Problem(network, LOSSES["multinomial"](k), Data(X, t), [bound] * 2)
    theta = rng.normal(size=network.n_parameters)
    (W, V), (b, c) = network.coefs(theta), network.biases(theta)

    one_hot = np.eye(k)[t]
    z = expit(X @ W + b)
    y = softmax(z @ V + c, axis=1)
    V_update, W_update = np.zeros_like(V), np.zeros_like(W)
    for row in range(n):
        for i in range(m):
            for j in range(k):
                V_update[i, j] += z[row, i] * (y[row, j] - one_hot[row, j]) / n
                W_update[:, i] += (
                    (y[row, j] - one_hot[row, j]) * V[i, j] * z[row, i] * (1 - z[row, i])
                    * X[row] / n
                )  # fmt: skip
    direction = np.sign if penalty is L1 else np.asarray
    V_update += strength / n * direction(V)
    W_update += strength / n * direction(W)

    _, gradient = value_and_gradient(problem, theta)
    steps = network.coefs(problem.subgradient(theta, gradient))
    assert_allclose(steps[0], W_update, atol=1e-13)
    assert_allclose(steps[1], V_update, atol=1e-13)


# --------------------------------------------------------------------------------------------
# Losses
# --------------------------------------------------------------------------------------------
REFERENCES = {
    "squared_error": lambda y, raw, w: metrics.mean_squared_error(y, raw, sample_weight=w) / 2,
    "poisson": lambda y, raw, w: metrics.mean_poisson_deviance(y, np.exp(raw), sample_weight=w) / 2,
    "gamma": lambda y, raw, w: metrics.mean_gamma_deviance(y, np.exp(raw), sample_weight=w) / 2,
    "tweedie": lambda y, raw, w: (
        metrics.mean_tweedie_deviance(y, np.exp(raw), power=1.4, sample_weight=w) / 2
    ),
    "binary": lambda y, raw, w: metrics.log_loss(y, expit(raw), sample_weight=w),
}


def loss_value(loss, raw, y, weight=None):
    share = 1 / len(raw) if weight is None else weight / weight.sum()
    return loss.value_and_gradient(raw, y, share, np.empty_like(raw))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("name", REFERENCES)
def test_value_sums_the_outputs(name, k, weighted):
    rng = np.random.default_rng(0)
    y, raw = targets(name, 40, k, rng), rng.normal(size=(40, k))
    weight = rng.uniform(0, 2, 40) if weighted else None
    expected = sum(REFERENCES[name](y[:, j], raw[:, j], weight) for j in range(k))
    assert_allclose(loss_value(LOSSES[name](k), raw, y, weight), expected, rtol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("k", [2, 4])
def test_multinomial_value(k, weighted):
    rng = np.random.default_rng(0)
    y, raw = np.arange(40) % k, 3 * rng.normal(size=(40, k))
    weight = rng.uniform(0, 2, 40) if weighted else None
    expected = metrics.log_loss(y, softmax(raw, axis=1), sample_weight=weight)
    assert_allclose(loss_value(LOSSES["multinomial"](k), raw, y, weight), expected, rtol=1e-12)


@pytest.mark.parametrize("q", [0.05, 0.5, 0.8])
@pytest.mark.parametrize("width", [1e-3, 0.5])
def test_quantile_value_lies_a_width_below_the_pinball_loss(q, width):
    rng = np.random.default_rng(0)
    y, raw = rng.normal(size=(200, 1)), rng.normal(size=(200, 1))
    loss = type(LOSSES["quantile"](1))(q, np.array([width]))
    gap = [
        metrics.mean_pinball_loss(target, score, alpha=q) - loss_value(loss, score[None], target)
        for target, score in zip(y, raw)
    ]
    assert min(gap) > -1e-15
    assert max(gap) <= width * max(q, 1 - q) ** 2 / 2 + 1e-15
    assert loss_value(loss, y, y) == 0


@pytest.mark.parametrize("delta", [0.3, 1.35])
def test_huber_value(delta):
    r = np.linspace(-4, 4, 41)[:, None]
    expected = np.where(np.abs(r) <= delta, r**2 / 2, delta * np.abs(r) - delta**2 / 2).mean()
    loss = type(LOSSES["huber"](1))(delta)
    assert_allclose(loss_value(loss, r, np.zeros_like(r)), expected, rtol=1e-14)


# exp(1e4) is beyond any float: there the loss is truly infinite, but never NaN
OVERFLOWS = {("poisson", 1e4), ("gamma", -1e4), ("tweedie", 1e4), ("tweedie", -1e4)}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("score", [-1e4, 1e4])
@pytest.mark.parametrize("name", LOSSES)
def test_extreme_scores(name, score, dtype):
    rng = np.random.default_rng(0)
    y = targets(name, 12, 3, rng)
    y = y if name == "multinomial" else y.astype(dtype)
    raw = np.zeros((12, 3), dtype)
    raw[:, 1] = score
    delta = np.empty_like(raw)
    with np.errstate(over="ignore" if (name, score) in OVERFLOWS else "raise"):
        value = LOSSES[name](3).value_and_gradient(raw, y, dtype(1 / 12), delta)
    if (name, score) in OVERFLOWS:
        assert value == np.inf and not np.isnan(delta).any()
    else:
        assert np.isfinite(value) and np.isfinite(delta).all() and delta.dtype == dtype
        assert value >= 0


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("name", LOSSES)
def test_null_scores_minimise(name, k, weighted):
    k = max(k, 2) if name == "multinomial" else k
    rng = np.random.default_rng(4)
    y, weight = targets(name, 60, k, rng), rng.uniform(0.1, 2, 60) if weighted else None
    # a narrow smoothing, as in use: the null quantile is that of the pinball loss
    loss = LOSSES[name](k)
    if name.startswith("quantile"):
        loss = type(loss)(loss.quantile, np.full(k, 1e-6))
    null = loss.null_scores(y, weight)
    at_null = loss_value(loss, np.tile(null, (60, 1)), y, weight)
    for column in range(k):
        # huber starts at the median, near its minimum
        slack, reach = (0.02, 0.5) if name == "huber" else (1e-6, 0.01)
        for shift in (-reach, reach):
            moved = np.tile(null, (60, 1))
            moved[:, column] += shift
            assert at_null <= loss_value(loss, moved, y, weight) + slack * at_null


@pytest.mark.parametrize("name", [name for name in LOSSES if name not in ("binary", "multinomial")])
def test_losses_are_zero_at_a_perfect_prediction(name):
    rng = np.random.default_rng(5)
    y = targets(name, 30, 2, rng) + (1 if name in ("poisson", "tweedie") else 0)
    raw = np.log(y) if name in ("poisson", "gamma", "tweedie") else y
    assert_allclose(loss_value(LOSSES[name](2), raw, y), 0, atol=1e-14)
