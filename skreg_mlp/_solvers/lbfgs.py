"""Full-batch minimization of loss + weighted l1, l2 and group terms, by L-BFGS throughout.

Two smooth problems stand in for the kinked one, in turn. In both, signs of variables may be held.

* `Lifted`: w = s_g (u - v) with u, v >= 0. Splitting a weight into u - v makes the l1 term linear
  and its zeros active bounds. Gating group g by s_g turns strength_g norm2(w_g) into
  strength_g / 2 (s_g^2 + norm2(u_g)^2 + norm2(v_g)^2), whose minimum over all such factorisations
  it is. Any weight may leave or reach zero.
* `Restricted`: the objective itself on the support, where it is smooth, each l1-penalized weight
  held to its sign.

In the first, concave penalties are replaced by their majorant at the start.

Between them, a proximal gradient step says which small weights and groups are zero, and the
least-norm subgradient says which zeros must come back.
"""

from math import isfinite

import numpy as np

from skreg_mlp._solvers.quasi_newton import Descent, Point
from skreg_mlp._solvers.result import History, NonFiniteError, Result

PAIRS = 30  # kept by L-BFGS: more cost more an iteration than they save
FEWEST_PAIRS = 5
PAIRS_BYTES = 2**27  # fewer pairs are kept where they would be larger
MAX_STALLED = 5  # rounds in a row without progress, after which rounding is to blame
PROGRESS = 0.5  # of the least residual so far: what counts as progress of a round
LIFTED_TOL = 3e-2  # of the least strength: then most zeros are known, and the rest is smaller
POLISH_ITER = 300  # of one restricted problem: a group that is slow to die needs the gates again
DWARFED = 1e6  # times the largest gradient: a penalty as strong leaves its weight at zero
COLLAPSED = 1e-3  # of its norm at the start: a group that small wants to be dropped


class _Stop(Exception):
    """The budget is used up, or the history asks to stop."""


def _n_pairs(n_variables, dtype):
    return int(np.clip(PAIRS_BYTES // (2 * n_variables * dtype.itemsize), FEWEST_PAIRS, PAIRS))


class Objective:
    """A problem seen in float64: counts, budget, and the last iterate accepted."""

    def __init__(self, problem, history, theta, max_iter, max_fun):
        self.problem, self.history = problem, history
        self.max_iter, self.max_fun = max_iter, max_fun
        self.n_iter = self.n_fun = 0
        self.theta = theta.astype(np.float64)
        self._narrow, self._gradient = theta.copy(), np.empty_like(theta)
        self._known, self._loss = None, np.nan

    def loss_and_gradient(self, theta):
        if theta is not self._known:  # a stage often ends where it looked last
            self.n_fun += 1
            self._known = None
            self._narrow[...] = theta
            self._loss = self.problem.loss_and_gradient(self._narrow, self._gradient)
            self._known = theta
        return self._loss, self._gradient.astype(np.float64)

    @property
    def evaluation(self):
        """Where the whole problem was evaluated last, for `Result`."""
        return None if self._known is None else (self._narrow, self._loss, self._gradient)

    def _on(self, support):
        """`loss_and_gradient` for weights that are zero outside of `support`, of what is live."""
        problem, where = self.problem.supporting(support)
        if problem is self.problem:
            return self.loss_and_gradient
        narrow = np.empty(len(where), dtype=self._narrow.dtype)
        live, gradient = np.empty_like(narrow), np.zeros(len(support))

        def loss_and_gradient(theta):
            self.n_fun += 1
            narrow[...] = theta[where]
            value = problem.loss_and_gradient(narrow, live)
            gradient[where] = live
            return value, gradient

        return loss_and_gradient

    def value(self, theta):
        return self.loss_and_gradient(theta)[0] + self.problem.penalties.value(theta)

    def minimize(self, stage, tol, max_iter=np.inf):
        """Run L-BFGS on one stage from its start; the last iterate ends in `self.theta`."""
        if self.n_iter >= self.max_iter or self.n_fun >= self.max_fun:
            raise _Stop
        n_variables, dtype = len(stage.start), self._narrow.dtype
        if not n_variables:  # nothing may move: such as intercepts that are held at zero
            return
        max_iter = min(max_iter, self.max_iter - self.n_iter)
        end = self.n_iter + max_iter
        descent = Descent(
            self._function(stage),
            stage.start,
            int(min(_n_pairs(n_variables, dtype), max_iter)),
            signs=stage.signs,
            dtype=dtype,
        )
        while descent.residual > tol and self.n_iter < end and self.n_fun < self.max_fun:
            if not descent.advance():
                break
            self._accept(descent.point, stage)
            if self.history.stopped or stage.collapsed(descent.point.x):
                break

    def _function(self, stage):
        """The stage as a function of x; only at its first point must it be finite."""
        loss_and_gradient, first = self._on(stage.support), self.n_fun + 1

        def evaluate(x):
            self.history.begin()
            theta = stage.theta(x)
            loss, gradient = loss_and_gradient(theta)
            value, gradient = stage.value_and_gradient(x, theta, loss, gradient)
            if not (isfinite(value) and np.isfinite(gradient).all()):
                if self.n_fun == first:
                    raise NonFiniteError(self.n_iter)
                value, gradient = np.inf, np.zeros_like(x)
            return Point(x, value, gradient, (theta, loss))

        return evaluate

    def _accept(self, point, stage):
        """Count and record an iterate."""
        self.n_iter += 1
        self.theta, loss = point.note
        objective = point.value
        if not stage.exact:
            objective = loss + self.problem.penalties.value(self.theta)
        self.history.record(self.theta.astype(self._narrow.dtype), loss, objective)
        if self.history.exhausted:
            raise _Stop
        if self.history.stopped:  # end as at max_iter, with the exact zeros that a stage leaves
            self.max_iter = self.n_iter


def _places(mask):
    """Where `mask` is true: as a slice where it can be, for views are cheaper than copies."""
    places = np.flatnonzero(mask)
    if len(places) and places[-1] - places[0] == len(places) - 1:
        return slice(int(places[0]), int(places[-1]) + 1)
    return places


class Lifted:
    """Minimize over x = (u, v, s) with w = s (u - v) on the weights `active`, the rest zero."""

    exact = False  # its value is the objective only where it is stationary

    def __init__(self, terms, theta, active):
        self.support = active
        self._active, self._n = _places(active), len(theta)
        l1, self._l2, group = terms.l1[active], terms.l2[active], terms.groups[active]
        self._split, self._gated = _places(l1 > 0), _places(group >= 0)
        self._slope = l1[self._split]
        gates, self._group = np.unique(group[self._gated], return_inverse=True)
        strength, ridge = terms.strength[gates], np.zeros(len(group))
        ridge[self._gated] = strength[self._group]
        self._ridge = np.concatenate([ridge, ridge[self._split], strength])
        self._ends = len(group), len(group) + len(self._slope)
        self.start = self._lift(theta[active], len(gates))
        self.signs = None
        if len(self._slope):
            self.signs = np.zeros(len(self.start), dtype=np.int8)
            self.signs[: len(group)][self._split] = self.signs[len(group) :] = 1

    def _lift(self, w, n_gates):
        squares = np.bincount(self._group, (w * w)[self._gated], n_gates)
        s = np.sqrt(np.sqrt(squares))
        gate = self._gate(s)
        u = w / np.where(gate > 0, gate, 1)
        v = np.maximum(-u[self._split], 0)
        u[self._split] = np.maximum(u[self._split], 0)
        return np.concatenate([u, v, s])

    def _gate(self, s):
        gate = np.ones(self._ends[0])
        gate[self._gated] = s[self._group]
        return gate

    def _unpack(self, x):
        n, m = self._ends
        return x[:n], x[n:m], x[m:]

    def theta(self, x):
        u, v, s = self._unpack(x)
        w = u.copy()
        w[self._split] -= v
        if len(s):
            w *= self._gate(s)
        theta = np.zeros(self._n)
        theta[self._active] = w
        return theta

    def collapsed(self, x):
        return False

    def value_and_gradient(self, x, theta, loss, gradient):
        split, w = self._split, theta[self._active]
        (u, v, s), slopes = self._unpack(x), np.empty_like(x)
        of_u, of_v, of_s = self._unpack(slopes)
        shrinking = self._l2 * w
        np.add(gradient[self._active], shrinking, out=of_u)
        np.subtract(self._slope, of_u[split], out=of_v)
        of_u[split] += self._slope
        value, total = loss + 0.5 * np.dot(shrinking, w), u[split] + v
        if not len(s):
            return value + np.dot(self._slope, total), slopes
        gate, pull = self._gate(s), u * of_u
        pull[split] += v * of_v
        of_u *= gate
        of_v *= gate[split]
        of_s[...] = np.bincount(self._group, pull[self._gated], len(s))
        shrinking = self._ridge * x
        slopes += shrinking
        value += np.dot(self._slope, gate[split] * total) + 0.5 * np.dot(shrinking, x)
        return value, slopes


class Restricted:
    """Minimize the objective over the weights `support`, those under l1 held to their sign."""

    exact = True

    def __init__(self, terms, theta, support):
        self.support = support
        self._active, self._n = _places(support), len(theta)
        self.start = theta[support]
        signed = terms.l1[support] > 0
        self._slope = terms.l1[support] * np.sign(self.start)
        self._l2 = terms.l2[support]
        group = terms.groups[support]
        self._grouped, self._strength = _places(group >= 0), terms.strength
        self._group = group[self._grouped]
        self._least = COLLAPSED * self._norms(self.start)
        self.signs = None
        if signed.any():
            self.signs = np.where(signed, np.sign(self.start), 0).astype(np.int8)

    def theta(self, x):
        if len(x) == self._n:
            return x
        theta = np.zeros(self._n)
        theta[self._active] = x
        return theta

    def _norms(self, x):
        return np.sqrt(np.bincount(self._group, x[self._grouped] ** 2, len(self._strength)))

    def collapsed(self, x):
        return len(self._group) > 0 and np.any(self._norms(x) < self._least)

    def value_and_gradient(self, x, theta, loss, gradient):
        slopes = self._l2 * x
        value = loss + 0.5 * np.dot(slopes, x)
        slopes += gradient[self._active]
        if self.signs is not None:
            value += np.dot(self._slope, x)
            slopes += self._slope
        if len(self._group):
            norms = self._norms(x)
            rate = np.divide(self._strength, norms, out=np.zeros_like(norms), where=norms > 0)
            slopes[self._grouped] += rate[self._group] * x[self._grouped]
            value += np.dot(self._strength, norms)
        return value, slopes


class Renewed(Restricted):
    """The same under concave penalties, whose majorants are renewed at every point.

    They give the gradient. With one majorant after another convergence would be linear.
    """

    def __init__(self, problem, theta, support):
        # the slopes at zero say which signs to hold
        problem.penalties.majorize(np.zeros_like(theta))
        super().__init__(problem.penalties.terms(), theta, support)
        self._problem, self._signs = problem, np.sign(self.start)

    def value_and_gradient(self, x, theta, loss, gradient):
        self._problem.penalties.majorize(theta)
        terms = self._problem.penalties.terms()
        self._slope, self._strength = terms.l1[self._active] * self._signs, terms.strength
        gradient = super().value_and_gradient(x, theta, loss, gradient)[1]
        return loss + self._problem.penalties.value(theta), gradient


def _proximal_step(objective, theta, gradient, step, chosen):
    """Move the weights `chosen(moved)` by a proximal gradient step that does not ascend."""
    value = objective.value(theta)
    for _ in range(40):
        moved = theta - step * gradient
        objective.problem.penalties.prox(moved, step)
        moved = np.where(chosen(moved), moved, theta)
        if np.array_equal(moved, theta) or objective.value(moved) <= value:
            return moved
        step /= 2
    return theta


def _crush(objective, terms, theta):
    """Set the weights whose penalty dwarfs the loss by proximal gradient steps.

    Two steps of length one put them at zero, or at -gradient / alpha under l2, to rounding, where
    L-BFGS would have to square numbers as large as 1e300. Returns theta, the gradient of the loss
    there, and the mask of these weights.
    """
    strength = terms.l1 + terms.l2
    grouped = terms.groups >= 0
    strength[grouped] += terms.strength[terms.groups[grouped]]
    gradient = objective.loss_and_gradient(theta)[1]
    dwarfed = strength > DWARFED * max(1.0, np.abs(gradient).max())
    for _ in range(2 if dwarfed.any() else 0):
        moved = theta - gradient
        objective.problem.penalties.prox(moved, 1.0)
        theta = np.where(dwarfed, moved, theta)
        gradient = objective.loss_and_gradient(theta)[1]
    return theta, gradient, dwarfed


def _emptied(objective, theta, free, tol):
    """`theta`, or the null model where the problem is convex and that is as stationary.

    At the least alpha that empties a model every warm start would end with another tiny remnant.
    """
    problem = objective.problem
    if free.all() or not problem.convex or problem.penalties.concave or not theta[~free].any():
        return theta
    for empty in (np.where(free, theta, 0), problem.null_model().astype(np.float64)):
        residual = problem.subgradient(empty, objective.loss_and_gradient(empty)[1])
        if np.abs(residual).max() <= tol:
            return empty
    return theta


class _Rounds:
    """Alternate lifted and restricted problems until no subgradient entry exceeds `tol`.

    A round is: `_crush` what no loss can hold up; stop if the rest is stationary; let zeros leave
    and weights reach zero (`lift`); polish what is left where the objective is smooth (`polish`).
    """

    def __init__(self, objective, tol):
        self.objective, self.problem, self.tol = objective, objective.problem, tol
        self.problem.penalties.majorize(np.zeros_like(objective.theta))
        self.terms = self.problem.penalties.terms()
        self.free = (self.terms.l1 == 0) & (self.terms.groups < 0)
        self.movable = True if self.problem.fixed is None else ~self.problem.fixed
        l1, strength = self.terms.l1, self.terms.strength
        least = np.concatenate([l1[l1 > 0], strength[strength > 0]]).min(initial=np.inf)
        self.lifted_tol, self.step = max(LIFTED_TOL * least, 0.1 * tol), 1.0

    def run(self):
        objective, problem, free = self.objective, self.problem, self.free
        if not free.all() and not objective.theta[~free].any():
            # at the null model, only violators of its zero conditions may leave zero
            start = Restricted(self.terms, objective.theta, free & self.movable)
            objective.minimize(start, 0.5 * self.tol)
        best, stalled = np.inf, 0
        while stalled < MAX_STALLED:
            if problem.penalties.concave:  # where it is flat, what does not matter stays
                objective.theta = objective.theta.copy()  # the point last evaluated stays as it is
                problem.compact(objective.theta)
            theta, gradient, dwarfed = _crush(objective, self.terms, objective.theta)
            objective.theta = theta
            problem.penalties.majorize(theta)
            self.terms = problem.penalties.terms()
            residual = problem.subgradient(theta, gradient)
            largest = np.abs(residual).max()
            if largest <= self.tol:
                objective.theta = _emptied(objective, theta, free, self.tol)
                return
            stalled = 0 if largest < PROGRESS * best else stalled + 1
            best = min(best, largest)
            if not free.all():
                self.lift(theta, gradient, residual, ~dwarfed & self.movable)
            self.polish(~dwarfed & self.movable)

    def lift(self, theta, gradient, residual, movable):
        """Minimize over the weights that are not zero and the zeros that must not stay."""
        objective, terms = self.objective, self.terms
        # only the groups at zero that must leave it: gates at zero would hold them there
        held = (terms.groups >= 0) & (theta == 0)
        objective.theta = theta = _proximal_step(
            objective, theta, gradient, 1.0, lambda moved: held
        )
        active = (self.free | (theta != 0) | (residual != 0)) & movable
        max_iter = POLISH_ITER if self.problem.penalties.concave else np.inf
        objective.minimize(Lifted(terms, theta, active), self.lifted_tol, max_iter)
        self.lifted_tol = max(0.1 * self.lifted_tol, 0.1 * self.tol)
        self.zero(self.step)
        self.step /= 2

    def zero(self, step):
        """Zero what a proximal step zeros: near a minimum, that is what is to be zero."""
        objective = self.objective
        gradient = objective.loss_and_gradient(objective.theta)[1]
        objective.theta = _proximal_step(
            objective, objective.theta, gradient, step, lambda moved: moved == 0
        )

    def polish(self, movable, max_iter=POLISH_ITER):
        """Minimize over the support, where the objective is smooth."""
        objective, theta = self.objective, self.objective.theta
        max_iter = np.inf if self.free.all() else max_iter
        concave = self.problem.penalties.concave
        kind, smooth = (Renewed, self.problem) if concave else (Restricted, self.terms)
        support = (self.free | (theta != 0)) & movable
        objective.minimize(kind(smooth, theta, support), 0.5 * self.tol, max_iter)


def polish(problem, theta, *, max_iter):
    """Some iterations on the support of `theta`, in place: weights reach zero, but none leaves it.

    What a proximal step zeros is zero, and the rest goes on without it.
    """
    objective = Objective(problem, History(), theta, max_iter, np.inf)
    rounds, left = _Rounds(objective, 0.0), len(theta) + 1
    try:
        while (now := np.count_nonzero(objective.theta)) < left:
            left = now
            rounds.polish(rounds.movable, max_iter)
            rounds.zero(1.0)
    except _Stop:
        pass
    theta[...] = objective.theta


def minimize(problem, theta, history, *, tol, max_iter, max_fun):
    """Minimize until the least-norm subgradient is at most `tol` in every entry."""
    objective = Objective(problem, history, theta, max_iter, max_fun)
    result = Result(theta, 0, "", tolerance=tol)
    try:
        _Rounds(objective, tol).run()
        result.message = "no step lowers the objective any further"
        kink = "" if problem.convex else " or a kink of the activation"
        result.remedy = (
            f"rounding{kink} stands in the way of tol={tol:g}; raise tol, scale the data, use "
            "float64, or with hidden layers a smooth activation such as 'tanh' or 'silu'."
        )
    except _Stop:
        result.message = f"max_iter={max_iter} or max_fun={max_fun} reached"
        result.remedy = "raise max_iter and max_fun, raise tol, or scale the data."
    except KeyboardInterrupt:
        result.interrupted = True
    if history.best is not None:
        objective.theta = history.best
    theta[...] = objective.theta
    result.n_iter, result.evaluation = objective.n_iter, objective.evaluation
    return result
