"""The grid of alphas: from where the penalty does nothing to where nothing is left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import optimize

from skreg_mlp._objective.data import largest_magnitude
from skreg_mlp._solvers import lbfgs
from skreg_mlp._solvers.result import History
from skreg_mlp._training.settings import scaled
from skreg_mlp.penalties import L1, L2

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skreg_mlp._objective.problem import Problem
    from skreg_mlp._training.settings import Settings
    from skreg_mlp._typing import Floats, Ints, Numbers
    from skreg_mlp.penalties import Penalty

LOWEST_SHARE = 1e-6  # of the top of a grid: it is not extended below
N_BELOW = 6  # alphas of an extension, over a decade
KEPT_TOL = 1e-9  # of the null model with unpenalized inputs
ROUNDING = 1e3  # units in the last place: a gradient that small, for its terms, is none


class Grid(NamedTuple):
    """Increasing alphas of a path, `n_planned` of them and a continuation, should it be needed.

    ``extensible`` says that they were found, and that there may be more of them below.
    """

    alphas: Floats
    n_planned: int
    extensible: bool = False

    def below(self, lowest: float) -> Grid | None:
        """Falling alphas below `lowest`, a tenth of it at the end; None where it is low enough."""
        if not self.extensible or lowest <= LOWEST_SHARE * self.alphas[self.n_planned - 1]:
            return None
        return self._replace(alphas=lowest * np.geomspace(1, 0.1, N_BELOW + 1)[1:])


def least_alpha(penalty_at: Callable[[float], Penalty], gradient: Floats) -> float:
    """Least alpha at which W = 0 is stationary, by bisection to the last bit.

    `penalty_at` binds the penalty of W to an alpha, `gradient` is that of the loss at W = 0. The
    result is inf where W = 0 is stationary at no alpha.
    """
    zero, high = np.zeros_like(gradient), float(np.abs(gradient).max(initial=0))

    def stays(alpha: float) -> bool:
        return not penalty_at(alpha).subgradient(zero, gradient).any()

    while high > 0 and not stays(high):
        if high > np.finfo(gradient.dtype).max / 4:
            return np.inf
        high *= 2
    low = 0.0
    while low < (middle := low + (high - low) / 2) < high:
        low, high = (low, middle) if stays(middle) else (middle, high)
    return high


def null_model(problem: Problem, kept: Ints) -> tuple[float, Floats]:
    """Loss of the best constant scores, and its gradient (n_rows, n_outputs) at each row.

    Without hidden layers the inputs `kept`, which no alpha penalizes, take part.
    """
    data, loss = problem.data, problem.loss
    y, weight = data.training_targets()
    y = y.astype(np.float64) if y.dtype.kind == "f" else y
    start = np.asarray(loss.null_scores(y, weight), dtype=np.float64)
    share = (1.0 if weight is None else weight.astype(np.float64)) / data.total_weight
    raw, delta = np.empty((2, data.n_rows, len(start)))
    if len(kept):
        raw[...] = _scores_of(problem, kept, start)
        return loss.value_and_gradient(raw, y, share, delta), delta

    def value_and_gradient(scores: Floats) -> tuple[float, Floats]:
        raw[...] = scores
        value = loss.value_and_gradient(raw, y, share, delta)
        return value, delta.sum(axis=0)

    # null_scores is exact for most losses, and the search then ends where it begins
    tol = 1e-12 * problem.loss_unit
    best = optimize.minimize(value_and_gradient, start, jac=True, method="BFGS", tol=tol)
    return max(value_and_gradient(best.x)[0], 0.0), delta


def _scores_of(problem: Problem, kept: Ints, start: Floats) -> Floats:
    """Scores of the linear model of the columns `kept`, without a penalty."""
    part = problem.part([kept, np.arange(len(start))])
    theta = part.network.pack([np.zeros((len(kept), len(start)))], [start])
    limits = dict(tol=KEPT_TOL, max_iter=10000, max_fun=10000)
    with np.errstate(all="ignore"):  # non-finite values are caught as such
        result = lbfgs.minimize(part, theta, History(), **limits)
    if result.interrupted:
        raise KeyboardInterrupt
    return part.scores(theta)


def grid_ends(settings: Settings, problem: Problem) -> tuple[float, float]:
    """Alphas between which a path runs: the `alpha_max` of the lasso's slope, and `alpha_max`."""
    if isinstance(settings.penalty, L2):  # which zeros nothing: it gets the grid of l1
        settings = replace(settings, penalty=L1())
    ratios, shapes = settings.ratios, problem.network.shapes
    penalties = [p for p in settings.penalties(shapes, ratios.tolist()) if p is not None]
    if len(penalties) < len(shapes):
        raise ValueError(
            f"There is no largest alpha for penalty={settings.penalty!r}, alpha="
            f"{list(settings.alphas)}: an unpenalized layer grows for free. Penalize every layer, "
            "or give alphas as an array."
        )
    kept, rounding = settings.kept_inputs, _rounding(problem)
    loss, delta = null_model(problem, kept if len(shapes) == 1 else kept[:0])
    if len(shapes) == 1:
        gradient = problem.data.cross(delta.astype(problem.network.dtype))
        gradient[kept] = 0
        bottom = least_alpha(lambda alpha: _bound(settings, shapes, alpha), gradient)
    else:
        bottom = _network_bound(settings, problem, penalties, loss, delta, rounding)
    if not np.isfinite(bottom):
        raise ValueError(
            f"penalty={settings.penalty!r} zeros nothing at any alpha: raise l1_ratio, or give "
            "alphas as an array."
        )
    if not bottom > rounding:
        raise ValueError(
            "y is constant, or no feature varies with it: every alpha gives the null model. Give "
            "alphas as an array, or check the data; rows of weight zero may leave a single class."
        )
    tops = [p.alpha_above(bottom * ratio, loss) / ratio for p, ratio in zip(penalties, ratios)]
    unit = scaled(settings, 1.0, problem.data).item()
    return bottom / unit, max(tops) / unit


def _rounding(problem: Problem) -> float:
    """What the rounding of y and of sums over rows may leave of a gradient that is zero."""
    largest = largest_magnitude(problem.data.X) * max(1.0, largest_magnitude(problem.data.y))
    return float(ROUNDING * np.finfo(np.float64).eps * largest)


def _bound(settings: Settings, shapes: Sequence[tuple[int, int]], alpha: float) -> Penalty:
    (penalty,) = settings.penalties(shapes, [alpha])
    assert penalty is not None
    return penalty


def _network_bound(
    settings: Settings,
    problem: Problem,
    penalties: Sequence[Penalty],
    loss: float,
    delta: Floats,
    rounding: float,
) -> float:
    """Alpha from which the null model is the global minimum, the penalties being convex.

    With rows of norm2 that sum to p_l in layer l, the scores lower the loss by at most
    q p_1 ... p_D, at the cost alpha sum_l c_l p_l: by the inequality of the means never worth it
    above this alpha. An input of factor f costs f times as much, one of factor 0 is left out.
    """
    depth = len(penalties)
    # the last layer pays for one output at a time
    widths = [shape[1] for shape in problem.network.shapes[:-1]] + [1]
    costs: list[Any] = [penalty.least_cost(width) for penalty, width in zip(penalties, widths)]
    if None in costs:
        raise ValueError(
            f"No largest alpha is known for penalty={settings.penalty!r}: give alphas as an "
            "array, or implement its `least_cost`."
        )
    cost = np.prod(np.multiply(costs, settings.ratios))
    if cost == 0:
        return np.inf
    # for each column j the largest over outputs c of sum_i abs(x_ij - mean_j) abs(delta_ic)
    reach = problem.data.magnitudes(delta, problem.data.means()).max(axis=1)
    if settings.factor is not None:
        reach, factor = reach[settings.factor > 0], settings.factor[settings.factor > 0]
        reach = reach / factor
    q = reach.max(initial=0) * settings.steepest ** (depth - 1)
    if q <= rounding:
        return 0.0
    return loss ** (1 - 1 / depth) * (q / cost) ** (1 / depth) / depth


def alpha_grid(settings: Settings, problem: Problem, alphas: int | Numbers, eps: float) -> Grid:
    """The alphas as given, or as many as asked for on a geometric grid that empties the network.

    `alpha_max` is a bound for the global minimum; a path of local minima under a concave penalty
    may pass it, and then goes on at the same ratio.
    """
    if np.ndim(alphas):
        given = np.unique(np.asarray(alphas, dtype=np.float64))
        return Grid(given, len(given))
    n_alphas = int(alphas)  # type: ignore[arg-type]
    bottom, top = grid_ends(settings, problem)
    grid = np.geomspace(eps * bottom, top, n_alphas) if n_alphas > 1 else np.array([top])
    if not settings.sparse:
        return Grid(grid, n_alphas, n_alphas > 1)
    ratio = (eps * bottom / top) ** (1 / max(n_alphas - 1, 1))
    continued = np.concatenate([grid, top / ratio ** np.arange(1, n_alphas + 1)])
    return Grid(continued, n_alphas, n_alphas > 1)
