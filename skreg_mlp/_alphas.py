"""The grid of alphas: from where the penalty does nothing to where nothing is left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import optimize, sparse
from sklearn.base import clone
from sklearn.utils import gen_batches

from skreg_mlp import _validation
from skreg_mlp._estimators import RegularizedMLPClassifier, RegularizedMLPRegressor
from skreg_mlp._problem import BLOCK_ROWS, Data
from skreg_mlp._setup import build_penalties, build_problem
from skreg_mlp.penalties import L1, L2

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike

    from skreg_mlp._estimators import Single
    from skreg_mlp._problem import Problem
    from skreg_mlp._typing import Floats, Numbers, Rows
    from skreg_mlp.penalties import Penalty

STEEPEST = {"logistic": 0.25, "silu": 1.0999, "gelu": 1.1290}  # largest slope, where not 1


def layer_alphas(estimator: Single, alpha: float) -> float | list[float]:
    """`alpha` for every layer; where the estimator has one each, these scaled to that largest."""
    if np.ndim(estimator.alpha) == 0:
        return float(alpha)
    ratios = np.asarray(estimator.alpha, dtype=np.float64)
    return (alpha * (ratios / ratios.max() if ratios.any() else np.ones_like(ratios))).tolist()


def null_model(problem: Problem) -> tuple[float, Floats]:
    """Loss of the best constant scores, and its gradient (n_rows, n_outputs) at each row."""
    data, loss = problem.data, problem.loss
    y, weight = data.training_targets()
    y = y.astype(np.float64) if y.dtype.kind == "f" else y
    start = np.asarray(loss.null_scores(y, weight), dtype=np.float64)
    share = (1.0 if weight is None else weight.astype(np.float64)) / data.total_weight
    raw, delta = np.empty((2, data.n_rows, len(start)))

    def value_and_gradient(scores: Floats) -> tuple[float, Floats]:
        raw[...] = scores
        value = loss.value_and_gradient(raw, y, share, delta)
        return value, delta.sum(axis=0)

    # null_scores is exact for most losses, and the search then ends where it begins
    tol = 1e-12 * problem.loss_unit / problem.output_unit
    best = optimize.minimize(value_and_gradient, start, jac=True, method="BFGS", tol=tol)
    return value_and_gradient(best.x)[0], delta


def _reach(X: Any, weight: Floats | None, delta: Floats) -> float:
    """Largest over columns j and outputs c of sum_i abs(x_ij - mean_j) abs(delta_ic)."""
    centre = None if sparse.issparse(X) else np.average(X, axis=0, weights=weight)
    total = 0.0
    for rows in gen_batches(X.shape[0], BLOCK_ROWS):
        block = X[rows] if centre is None else X[rows] - centre
        total = total + abs(block).T @ np.abs(delta[rows])
    return float(np.max(total))


def grid_ends(estimator: Single, problem: Problem) -> tuple[float, float]:
    """Alphas between which a path runs: the `alpha_max` of the lasso's slope, and `alpha_max`."""
    n_layers = len(problem.network.shapes)
    ratios = np.array(_validation.check_layer_alphas(layer_alphas(estimator, 1.0), n_layers))
    penalties = build_penalties(estimator, problem, ratios.tolist())
    if None in penalties:
        raise ValueError(
            f"There is no largest alpha for penalty={estimator.penalty!r}, alpha="
            f"{estimator.alpha!r}: an unpenalised layer grows for free. Penalise every layer, or "
            "give alphas as an array."
        )
    if isinstance(penalties[0], L2):  # which zeros nothing: it gets the grid of l1
        penalties = [L1(penalty.alpha) for penalty in penalties]
    loss, delta = null_model(problem)
    if n_layers == 1:
        gradient = np.asarray(problem.data.X.T @ delta.astype(problem.network.dtype))
        bottom = penalties[0].alpha_max(gradient)
    else:
        bottom = _network_bound(estimator, problem, penalties, ratios, loss, delta)
    if not np.isfinite(bottom):
        raise ValueError(
            f"penalty={estimator.penalty!r} zeros nothing at any alpha: raise l1_ratio, or give "
            "alphas as an array."
        )
    tops = [p.alpha_above(bottom * ratio, loss) / ratio for p, ratio in zip(penalties, ratios)]
    scaling = problem.data.total_weight if estimator.alpha_scaling == "sum" else 1.0
    return bottom * scaling, max(tops) * scaling


def _network_bound(
    estimator: Single,
    problem: Problem,
    penalties: Sequence[Penalty],
    ratios: Floats,
    loss: float,
    delta: Floats,
) -> float:
    """Alpha from which the null model is the global minimum, the penalties being convex.

    With rows of norm2 that sum to p_l in layer l, the scores lower the loss by at most
    q p_1 ... p_D, at the cost alpha sum_l c_l p_l: by the inequality of the means never worth it
    above this alpha.
    """
    depth = len(penalties)
    # the last layer pays for one output at a time
    widths = [shape[1] for shape in problem.network.shapes[:-1]] + [1]
    costs: list[Any] = [penalty.least_cost(width) for penalty, width in zip(penalties, widths)]
    if None in costs:
        raise ValueError(
            f"No largest alpha is known for penalty={estimator.penalty!r}: give alphas as an "
            "array, or implement its `least_cost`."
        )
    cost = np.prod(np.multiply(costs, ratios))
    if cost == 0:
        return np.inf
    reach = _reach(problem.data.X, problem.data.sample_weight, delta)
    reach *= STEEPEST.get(estimator.activation, 1.0) ** (depth - 1)
    return loss ** (1 - 1 / depth) * (reach / cost) ** (1 / depth) / depth


def check_single(estimator: object) -> None:
    """Raise TypeError unless `estimator` is one of the two that take a single alpha."""
    if not isinstance(estimator, (RegularizedMLPClassifier, RegularizedMLPRegressor)):
        raise TypeError(
            "estimator must be a RegularizedMLPClassifier or a RegularizedMLPRegressor; got "
            f"{type(estimator).__name__}. Apply the other steps of a pipeline to X first."
        )


class Grid(NamedTuple):
    """Increasing alphas of a path, `n_planned` of them and a continuation, should it be needed."""

    alphas: Floats
    n_planned: int


def alpha_grid(estimator: Single, problem: Problem, alphas: int | Numbers, eps: float) -> Grid:
    """The alphas as given, or as many as asked for on a geometric grid that empties the network.

    `alpha_max` is a bound for the global minimum; a path of local minima under a concave penalty
    may pass it, and then goes on at the same ratio.
    """
    if isinstance(alphas, (Sequence, np.ndarray)):
        given = np.unique(np.asarray(alphas, dtype=np.float64))
        return Grid(given, len(given))
    bottom, top = grid_ends(estimator, problem)
    if not top > 0:
        raise ValueError(
            "y is constant, or no feature varies with it: every alpha gives the null model. Give "
            "alphas as an array, or check the data."
        )
    grid = np.geomspace(eps * bottom, top, alphas) if alphas > 1 else np.array([top])
    if not problem.sparse:
        return Grid(grid, alphas)
    ratio = (eps * bottom / top) ** (1 / max(alphas - 1, 1))
    return Grid(np.concatenate([grid, top / ratio ** np.arange(1, alphas + 1)]), alphas)


def alpha_max(
    estimator: Single, X: Rows, y: ArrayLike, sample_weight: ArrayLike | None = None
) -> float:
    """Strength of the penalty above which nothing is left: the top of the grid of a path.

    Without hidden layers it is the classical one: the least alpha at which the model with every
    weight at zero is optimal. Just below it the first weight (or group) is non-zero.

    With hidden layers the zero network is a local minimum at *any* alpha > 0 of a sparse penalty.
    What is returned is an alpha above which it is the *global* minimum; a warm-started path is
    usually empty at half of it. With D weight matrices under l1, activations of slope at most 1, L0
    the loss of the null model and q the largest over inputs j and outputs c of mean_i
    abs(delta_ic) abs(x_ij - mean_j) (mean_j is 0 for CSR matrices, which makes the bound larger),
    delta being the gradient of the loss at the null model, it is
    L0^(1 - 1/D) q^(1/D) / D: layers of norm1 p_l lower the loss by q p_1 ... p_D at most, and by no
    more than L0, at the cost alpha (p_1 + ... + p_D). Group penalties divide q by the square roots
    of the widths, "elasticnet" by l1_ratio^D; a concave penalty needs more, as far as its slope
    falls.

    Parameters
    ----------
    estimator : RegularizedMLPClassifier or RegularizedMLPRegressor
        Where its ``alpha`` is a list, one per layer, the ratios are kept and the result is the
        largest of them. "l2" zeros nothing: it gets the value of "l1".
    X : array-like or CSR matrix of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
    sample_weight : array-like of shape (n_samples,), optional

    Returns
    -------
    float
        In the units of ``alpha``, under the ``alpha_scaling`` of the estimator.

    Raises
    ------
    TypeError
        `estimator` is of another class.
    ValueError
        A parameter or the data is outside its range, a layer is unpenalised, or the penalty is one
        of your own without ``least_cost``.

    References
    ----------
    Friedman, Hastie and Tibshirani (2010), Regularization paths for generalized linear models via
    coordinate descent.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skreg_mlp import RegularizedMLPRegressor, alpha_max
    >>> X, y = load_diabetes(return_X_y=True, scaled=True)
    >>> alpha = alpha_max(RegularizedMLPRegressor((), penalty="l1"), X, y)
    >>> round(alpha, 4)
    2.148
    >>> RegularizedMLPRegressor((), penalty="l1", alpha=alpha).fit(X, y).n_nonzero_
    0
    """
    check_single(estimator)
    estimator = clone(estimator)
    _validation.check_parameters(estimator)
    X, y, sample_weight = estimator._read(X, y, sample_weight, reset=True)
    targets = estimator._encode(y, sample_weight)
    weight = estimator._loss_weights(targets, sample_weight, X.dtype)
    problem = build_problem(estimator, Data(X, targets.values, weight), targets)
    return float(grid_ends(estimator, problem)[1])
