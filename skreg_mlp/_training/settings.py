"""The parameters of a fit, read once from an estimator: names are objects from here on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from skreg_mlp._objective.network import Network
from skreg_mlp._objective.partitions import problem_on
from skreg_mlp._solvers.stochastic import Adam, Sgd
from skreg_mlp.penalties import L2, Penalty
from skreg_mlp.penalties._convex import ByRows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from skreg_mlp._objective.data import Data
    from skreg_mlp._objective.problem import Problem
    from skreg_mlp._objective.targets import Targets
    from skreg_mlp._typing import Floats, Ints

AUTO_BATCH = 64


@dataclass(frozen=True)
class Settings:
    """What training knows of an estimator.

    ``alphas`` has one strength for each weight matrix; ``groups`` and ``factor`` are those of the
    columns of X that the network reads (None: no groups, all factors 1). ``kinked``, ``gain``
    and ``steepest`` belong to the activation: whether it has a kink, the variance of a random
    start, and its largest slope. ``batch_size`` is None for an automatic choice, inf for all rows.
    """

    hidden: tuple[int, ...]
    activation: Callable[..., None]
    kinked: bool
    gain: float
    steepest: float
    penalty: Penalty | None
    alphas: tuple[float, ...]
    groups: Ints | None
    factor: Floats | None
    alpha_per_sum: bool
    solver: str
    batch_size: float | None
    learning_rate: str
    learning_rate_init: float
    power_t: float
    momentum: float
    nesterovs_momentum: bool
    beta_1: float
    beta_2: float
    epsilon: float
    max_iter: int
    max_fun: int
    tol: float
    certify: bool
    n_iter_no_change: float
    early_stopping: bool
    shuffle: bool

    # -- the penalty ----------------------------------------------------------------------------
    @property
    def sparse(self) -> bool:
        """Whether the penalty, of whatever strength, leaves exact zeros."""
        return self.penalty is not None and not self.penalty.smooth

    @property
    def ratios(self) -> Floats:
        """Strength of each layer relative to the largest: what a path keeps."""
        return relative(self.alphas)

    @property
    def kept_inputs(self) -> Ints:
        """Inputs of factor 0, which no strength drops."""
        return np.empty(0, int) if self.factor is None else np.flatnonzero(self.factor == 0)

    def penalties(
        self, shapes: Sequence[tuple[int, int]], alphas: Sequence[float]
    ) -> list[Penalty | None]:
        """The penalty of each weight matrix; None where its alpha is 0."""
        bound: list[Penalty | None] = []
        for layer, (alpha, shape) in enumerate(zip(alphas, shapes)):
            if self.penalty is None or alpha == 0:
                bound.append(None)
            elif layer == 0:
                bound.append(self._first(float(alpha), shape, linear=len(shapes) == 1))
            else:
                bound.append(self.penalty.on(float(alpha), shape))
        return bound

    def _first(self, alpha: float, shape: tuple[int, int], *, linear: bool) -> Penalty:
        """That of the outgoing weights of the inputs.

        With hidden layers an input of factor 0 gets alpha / 2 norm2(w)^2: without any penalty the
        scale of the network would move into its weights for free, and no point is stationary.
        """
        assert self.penalty is not None
        kept, factor = self.kept_inputs, self.factor
        if linear or factor is None or not len(kept):
            return self.penalty.on(alpha, shape, self.groups, factor)
        others, columns = np.setdiff1d(np.arange(shape[0]), kept), np.arange(shape[1])
        if not len(others):
            return L2().on(alpha, shape)
        whole = self.penalty.on(alpha, shape, self.groups, np.where(factor == 0, 1, factor))
        ridge = L2().on(alpha, (len(kept), shape[1]))
        return ByRows([(kept, ridge), (others, whole.restricted(others, columns))], shape)

    # -- the solver -----------------------------------------------------------------------------
    def solver_name(self, problem: Problem) -> str:
        """The solver to use: "auto" takes lbfgs for the linear model, which is convex.

        And for smooth networks whose every step needs all rows.
        """
        if self.solver in ("adam", "sgd"):
            return self.solver
        supported = problem.penalties.offer_terms
        if self.solver == "auto":
            exact = problem.convex or (problem.joint is not None and not self.kinked)
            return "lbfgs" if exact and supported and not self.early_stopping else "adam"
        if not supported:
            raise ValueError(
                f"solver='lbfgs' needs a penalty that offers `terms`, and penalty={self.penalty!r} "
                "has none: use solver='adam' or 'sgd', or implement `terms`."
            )
        return "lbfgs"

    def update_rule(self, name: str) -> Adam | Sgd:
        """The rule of a stochastic solver."""
        if name == "sgd":
            return Sgd(self.momentum, self.nesterovs_momentum)
        return Adam(self.beta_1, self.beta_2, self.epsilon)

    def batch_rows(self, n_rows: int, auto: int = AUTO_BATCH) -> int:
        """Rows a step."""
        return int(min(self.batch_size or auto, n_rows))


def relative(alphas: Any) -> Floats:
    """Strengths as shares of the largest; 1 each where all are 0."""
    alphas = np.asarray(alphas, dtype=np.float64)
    return alphas / alphas.max() if alphas.any() else np.ones_like(alphas)


def build_problem(settings: Settings, data: Data, targets: Targets) -> Problem:
    """The objective of `settings` on `data`."""
    sizes = (data.n_columns, *settings.hidden, targets.n_outputs)
    network = Network(sizes, settings.activation, data.X.dtype)
    batch_rows, fixed = settings.batch_rows(data.n_rows), None
    if not targets.loss.additive:  # which has no batches, and does not see the last intercept
        batch_rows, fixed = 1, np.arange(network.n_parameters) == network.n_parameters - 1
    return problem_on(data)(
        network,
        targets.loss,
        data,
        settings.penalties(network.shapes, scaled(settings, settings.alphas, data).tolist()),
        batch_rows=batch_rows,
        loss_unit=targets.loss_unit,
        fixed=fixed,
    )


def scaled(settings: Settings, alphas: Any, data: Data) -> Floats:
    """Strengths against the mean loss, from those of the user."""
    total = data.total_weight if settings.alpha_per_sum else 1.0
    return np.asarray(alphas, dtype=np.float64) / total
