"""Which columns of a wide table a path begins with.

A network with hidden layers that begins with far more inputs than rows fits the noise, and what it
has learned from many columns hides what it should learn from few. So a path over a wide table
begins with candidates: the columns that a model without hidden layers takes in first. It is
additive in what an encoder makes of the columns, and linear without one:

    min_W  loss(X W + b) + sum_g rho(W_g), rho being `GroupLogSum` of strength alpha

It is followed from the empty model, alpha falling. At each alpha one pass over all columns finds
those whose zero is not stationary any more, and they join. The penalty hardly shrinks what has
joined: under the group lasso what it takes away of strong columns hides the weak ones. What acts in
combination alone, such as the two columns of an XOR, may be left out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from skreg_mlp._solvers import lbfgs
from skreg_mlp._solvers.result import History
from skreg_mlp._training.fit import initial_theta
from skreg_mlp._training.settings import build_problem
from skreg_mlp.penalties import GroupLogSum
from skreg_mlp.penalties._closed_forms import group_norms

if TYPE_CHECKING:
    from skreg_mlp._objective.problem import Problem
    from skreg_mlp._objective.targets import Targets
    from skreg_mlp._training.entry import Entry
    from skreg_mlp._training.settings import Settings
    from skreg_mlp._typing import Floats, Ints, Mask

WIDE = 50  # inputs for each row, above which a table is wide
INPUTS_A_ROW = 2  # of the candidates together, at most
FEWEST = 10  # candidates, however few the rows
STEP, LOWEST = 0.8, 0.01  # of alpha, and its lowest share of the first
SCALE = 0.02  # weights, of columns of unit scale, that the penalty shrinks: small ones
ACCURACY = 0.01  # of alpha, that a fit leaves of a subgradient


def candidates(entry: Entry, targets: Targets, rows: Ints | None) -> Ints | None:
    """Inputs that a path over a wide table begins with, in order; None where it takes all."""
    settings, (n_rows, n_inputs) = entry.settings, entry.X.shape
    n_rows = n_rows if rows is None else len(rows)
    if not (settings.hidden and settings.sparse) or n_inputs <= WIDE * n_rows:
        return None
    groups = settings.groups
    if groups is None:
        groups = np.unique(entry.sources, return_inverse=True)[1]
    additive = replace(
        settings, hidden=(), penalty=GroupLogSum(scale=SCALE), alphas=(1.0,), groups=groups
    )
    problem = build_problem(additive, entry.data(targets, rows), targets)
    return _Additive(additive, problem, groups).grow(INPUTS_A_ROW * n_rows)


class _Additive:
    """The additive model while alpha falls; ``joined`` is the mask of groups that take part."""

    def __init__(self, settings: Settings, problem: Problem, groups: Ints) -> None:
        self.settings, self.problem, self.groups = settings, problem, groups
        self.theta = initial_theta(settings, problem, np.random.default_rng(0))
        self.sizes = np.bincount(groups)
        self.factor = np.ones(len(self.sizes))
        if settings.factor is not None:  # one for all inputs of a group
            self.factor[groups] = settings.factor
        self.joined: Mask = self.factor == 0

    def grow(self, n_inputs: int) -> Ints:
        """Inputs of the groups that join first, at most so many unless there are few groups."""
        entering = self._entering()
        highest = alpha = entering[~self.joined].max(initial=0)
        while alpha > LOWEST * highest and self._room(n_inputs) > 0:
            alpha *= STEP
            self._join(entering, alpha, n_inputs)
            if self.joined.any():
                self._solve(alpha)
                entering = self._entering()
        self._join(entering, -np.inf, n_inputs)  # whatever there is: a network has inputs
        return np.flatnonzero(self.joined[self.groups])

    def _room(self, n_inputs: int) -> int:
        """How many groups of usual size may still join."""
        usual = max(int(np.median(self.sizes)), 1)
        left = (n_inputs - self.sizes[self.joined].sum()) // usual
        return max(int(left), FEWEST - int(self.joined.sum()))

    def _join(self, entering: Floats, alpha: float, n_inputs: int) -> None:
        """Let groups join whose zero is not stationary at alpha, the clearest first."""
        new = np.flatnonzero((entering > alpha) & ~self.joined)
        new = new[np.argsort(-entering[new], kind="stable")][: self._room(n_inputs)]
        self.joined[new] = True

    def _entering(self) -> Floats:
        """For each group the alpha at which it would join the present model."""
        gradient = np.empty_like(self.theta)
        with np.errstate(all="ignore"):  # what is not finite is refused by the path
            self.problem.loss_and_gradient(self.theta, gradient)
        (G,) = self.problem.network.coefs(gradient)
        norms = group_norms(G.astype(np.float64), self.groups) / np.sqrt(self.sizes * G.shape[1])
        return np.divide(norms, self.factor, out=np.zeros_like(norms), where=self.factor > 0)

    def _solve(self, alpha: float) -> None:
        """Train what takes part at this alpha, from where it is."""
        problem, inputs = self.problem, np.flatnonzero(self.joined[self.groups])
        units = [inputs, np.arange(problem.network.sizes[-1])]
        part, where = problem.part(units), problem.network.places(units)
        (penalty,) = self.settings.penalties(problem.network.shapes, [alpha])
        assert penalty is not None
        part.penalize([penalty.restricted(*units)])
        theta = self.theta[where]
        limits = dict(tol=ACCURACY * alpha, max_iter=200, max_fun=400)
        with np.errstate(all="ignore"):
            if lbfgs.minimize(part, theta, History(), **limits).interrupted:
                raise KeyboardInterrupt
        self.theta[where] = theta
