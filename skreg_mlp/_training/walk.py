"""Following one network along a grid of alphas: the work that paths and cross-validation share."""

from dataclasses import replace
from itertools import chain, repeat
from math import ceil

import numpy as np

from skreg_mlp._objective.network import reaching
from skreg_mlp._objective.problem import WORTH_CUTTING
from skreg_mlp._solvers import lbfgs
from skreg_mlp._solvers.result import History, NonFiniteError
from skreg_mlp._training.fit import initial_theta, new_trainer
from skreg_mlp._training.settings import scaled
from skreg_mlp._training.threads import training_threads

MIN_STEPS = 2000  # of a stochastic solver along a path, however few the rows
MIN_JOINT_STEPS = 700  # of one that needs all rows at each step, which then has no noise
POLISH_ITER = 10  # of L-BFGS at each alpha, once little of the network is left
POLISH_SHARE = 0.3  # of its parameters: what little means
MAX_BATCH = 200  # rows a step along a path, of which many steps are small ones
DENSE_SHARE = 0.3  # of them: how many more at the first alpha, where training starts
LAST_RATE = 0.1  # of the rate at each alpha: smaller steps in its last epochs, less noise
OFF_TRACK = 1.1  # times the objective at the start of an alpha: its end is no higher
LEAST_RATE = 2**-6  # of the rate, to which it is halved
STRENGTH_SHARE = 0.1  # of alpha: what lbfgs may leave of a subgradient, for alpha to decide
SHRINK_STEPS = 100  # of a stochastic solver, after which it looks for what is dead, at one alpha


def path_batch_rows(settings, n_rows):
    """Rows a step: with "auto" ten steps an epoch, of no less than 32 rows and no more than 200."""
    return settings.batch_rows(n_rows, auto=min(max(n_rows // 10, 32), MAX_BATCH))


def n_batches(settings, n_rows):
    """Steps an epoch."""
    return ceil(n_rows / path_batch_rows(settings, n_rows))


def n_epochs(settings, n_rows):
    """Epochs of a stochastic solver along a whole path, the first alpha's start not counted."""
    joint = settings.batch_size == np.inf
    least = MIN_JOINT_STEPS if joint else ceil(MIN_STEPS / n_batches(settings, n_rows))
    return max(settings.max_iter, least)


class Walk:
    """A network that is being followed along a grid of alphas.

    ``theta`` is the network at the present ``alpha``; ``figures`` its mean loss, objective and
    stationarity.

    What has died stays dead while alpha rises: training goes on with what is left, as a smaller
    problem. A solver that certifies its answer gets the whole problem back where that was wrong.

    A walk that is ``guarded`` does not leave its track: see `_Stochastic`.
    """

    def __init__(self, settings, problem, targets, rng, *, guarded=False):
        self.settings, self.problem, self.targets, self.rng = settings, problem, targets, rng
        self.guarded = guarded
        self.theta = initial_theta(settings, problem, rng)
        # at the alpha of the estimator, which may be 0, there may be no penalty to ask
        problem.penalize(settings.penalties(problem.network.shapes, settings.ratios.tolist()))
        self.solver_name = settings.solver_name(problem)
        self.done = self.resumed = False

    def go_on(self, theta):
        """Start from `theta`, the end of another walk, which needs no longer first training."""
        self.theta, self.resumed = theta.copy(), True

    @property
    def is_empty(self):
        """Whether every weight is zero, but those of inputs that are always kept."""
        kept, theta = self.settings.kept_inputs, self.theta
        if not len(kept):
            return self.problem.is_empty(theta)
        first = self.problem.network.coefs(theta)[0]
        return not np.delete(first, kept, axis=0).any()

    def penalties(self):
        """Those of the whole network at the present alpha."""
        alphas = self.strength() * self.settings.ratios
        return self.settings.penalties(self.problem.network.shapes, alphas.tolist())

    def strength(self):
        """The present alpha, against the mean loss."""
        return scaled(self.settings, self.alpha, self.problem.data).item()

    def follow(self, grid, *, certify, tasks, attributes):
        """Train at one alpha after another; yields each, and ends after the first empty network.

        Whoever follows may set ``done`` to end it with the present alpha.

        `certify` drops what only the noise of batches keeps alive and computes the certificate
        after each alpha, at the cost of three passes over the data. Each alpha is one of `tasks`,
        whose hooks see `attributes()` of the network at its end.
        """
        solver = self._solver(grid.n_planned, certify)
        for self.alpha in grid.alphas:
            tasks.begin()
            # non-finite values are caught as such
            with np.errstate(all="ignore"), self.threads(solver.problem):
                self.figures = self._advance(solver, certify)
            if not np.isfinite(self.figures[1]):
                raise NonFiniteError(0)
            yield self.alpha
            if tasks.end(attributes) or self.is_empty or self.done:
                break

    def threads(self, problem=None):
        """BLAS threads for steps of this problem, or of the whole."""
        problem = problem or self.problem
        batch = path_batch_rows(self.settings, problem.n_rows)
        return training_threads(self.settings, problem, batch)

    def _solver(self, n_alphas, settle):
        name = self.solver_name
        if name == "lbfgs":
            return _Deterministic(self.settings, self.problem, self.theta)
        share = 0 if self.resumed else DENSE_SHARE
        off_track = OFF_TRACK if self.guarded else np.inf
        plan = _Plan(
            self.settings, self.problem.n_rows, n_alphas, self.rng, settle, share, off_track
        )
        return _Stochastic(self.settings, self.problem, self.theta, name, plan)

    def _advance(self, solver, certify):
        """Bring `theta` to the present alpha; returns its certificate."""
        problem, penalties = self.problem, self.penalties()
        problem.penalize(penalties)
        solver.tol = min(self.settings.tol, STRENGTH_SHARE * self.strength() or np.inf)
        solver.shrink(penalties)
        solver.train(penalties)
        solver.write(self.theta)
        refutable = solver.certifies and solver.is_part
        if certify and not (self.settings.certify or solver.certifies):
            return solver.met()
        if not (certify or refutable):
            return (0.0,) * 3
        certificate = problem.certificate(self.theta)
        if refutable and certificate[2] > solver.tol:
            # a weight outside the part wants to leave zero: the whole network again, from here
            solver.restart(problem, self.theta)
            solver.train(penalties)
            solver.write(self.theta)
            certificate = problem.certificate(self.theta)
        return certificate


class _Steps:
    """A solver at work on the live part of a network.

    ``units`` are the inputs and units of that part, one index array for each layer, and ``where``
    is the place of its parameters in the whole.
    """

    certifies = False

    def __init__(self, settings, problem, theta):
        self.settings = settings
        self.restart(problem, theta)

    def restart(self, problem, theta):
        """Work on the whole problem."""
        self.problem, self.theta, self.is_part = problem, theta.copy(), False
        self.units = [np.arange(size) for size in problem.network.sizes]
        self.where = np.arange(len(theta))
        # until a network has been trained its zeros mean nothing: a linear model starts with them
        self.trained = False

    def write(self, theta):
        """Write the network into `theta`, that of the whole problem."""
        self.problem.compact(self.theta)
        theta[...] = 0
        theta[self.where] = self.theta

    def shrink(self, penalties):
        """Cut what has died, if that is worth the while; `penalties` are those of the whole."""
        if not (self.trained and self.settings.sparse):
            return
        alive = reaching(self.problem.network.coefs(self.theta))
        kept = np.isin(self.units[0], self.settings.kept_inputs)
        units = [np.flatnonzero(mask) for mask in (alive[0] | kept, *alive[1:])]
        where = self.problem.network.places(units)
        if len(where) > WORTH_CUTTING * len(self.where):
            return
        self.problem, self.is_part = self.problem.part(units), True
        self.units = [whole[part] for whole, part in zip(self.units, units)]
        self.where, self.theta = self.where[where], self.theta[where]
        self.cut(where)
        self.penalize(penalties)

    def cut(self, where):
        """Cut the solver's own state down to `where`."""

    def penalize(self, penalties):
        """Bring the penalties of the whole network down to the part."""
        if self.is_part:
            pairs = zip(penalties, self.units, self.units[1:])
            penalties = [p and p.restricted(rows, columns) for p, rows, columns in pairs]
        self.problem.penalize(penalties)


class _Deterministic(_Steps):
    """L-BFGS at every alpha, until it is stationary."""

    certifies = True

    def train(self, penalties):
        self.penalize(penalties)
        settings = self.settings
        limits = dict(tol=self.tol, max_iter=settings.max_iter, max_fun=settings.max_fun)
        if lbfgs.minimize(self.problem, self.theta, History(), **limits).interrupted:
            raise KeyboardInterrupt
        self.trained = True


class _Plan:
    """The epochs of a path of `n_alphas`, more of them at the first alpha."""

    def __init__(self, settings, n_rows, n_alphas, rng, settle, dense_share, off_track):
        in_all = n_epochs(settings, n_rows)
        first, others = in_all * (dense_share + 1 / n_alphas), in_all / n_alphas
        self.epochs = chain([ceil(first)], repeat(ceil(others)))
        self.shrink_every = ceil(SHRINK_STEPS / n_batches(settings, n_rows))
        self.rng, self.settle = rng if settings.shuffle else None, settle
        self.off_track = off_track


class _Stochastic(_Steps):
    """Some epochs at every alpha, at a rate that falls.

    Once a network fits all rows, their gradients are tiny. Adam divides by the root of their mean
    square, so that a few larger ones then move every weight by a multiple of the rate, and the loss
    jumps. With few columns this helps: what was learned by heart is lost, and what matters is
    learned again (XORs and products are found more often). With more columns than rows the network
    learns by heart again, and the path is a zigzag. Such a walk is guarded: an alpha whose training
    raised the objective is done again from its start, at half the rate, which stays.
    """

    def __init__(self, settings, problem, theta, name, plan):
        self._name, self._plan = name, plan
        self._size, self._rate = len(theta), settings.learning_rate_init
        self._loss = np.inf  # met in the last epoch
        super().__init__(settings, problem, theta)

    def restart(self, problem, theta):
        super().restart(problem, theta)
        self._trainer = self._new_trainer()

    def _new_trainer(self):
        batch = path_batch_rows(self.settings, self.problem.n_rows)
        return new_trainer(self.settings, self._name, self.problem, self.theta, batch=batch)

    def cut(self, where):
        state, self._trainer = self._trainer.state, self._new_trainer()
        for name, value in state.items():
            self._trainer.state[name] = value[where] if np.ndim(value) else value

    def train(self, penalties):
        self.penalize(penalties)
        n_epochs, start = next(self._plan.epochs), dict(self.__dict__)
        limit, snapshot = self._plan.off_track * self._objective(), self._trainer.snapshot()
        self._run(n_epochs, penalties)
        while self._objective() > limit and self._rate > LEAST_RATE * start["_rate"]:
            rate = self._rate / 2
            self.__dict__.update(start)
            self._trainer.restore(snapshot)
            self._rate = rate
            self._run(n_epochs, penalties)
        self._polish()
        if self._plan.settle and self.problem.penalties.sparse:
            self._trainer.settle(self._rate)
        self.trained = True

    def _run(self, n_epochs, penalties):
        """Run the epochs of one alpha."""
        plan = self._plan

        def decaying(time):
            return self._rate * (1 - (1 - LAST_RATE) * time / n_epochs)

        for epoch in range(n_epochs):
            if epoch and epoch % plan.shrink_every == 0:
                self.problem.compact(self.theta)
                self.shrink(penalties)
            self._loss = self._trainer.epoch(decaying, epoch, plan.rng)
            if not np.isfinite(self._loss):
                raise NonFiniteError(epoch + 1)

    def _objective(self):
        """The objective, as the batches of the last epoch met its loss."""
        return self._loss + self.problem.penalties.value(self.theta)

    def met(self):
        """What stands for a certificate: the loss that the last epoch met, and no stationarity."""
        return self._loss, self._objective(), np.nan

    def _polish(self):
        """Bring what is left of a sparse network nearer to its minimum.

        Batches leave noise in the weights, which decides at random what dies next. A few steps on
        all rows take most of it away. They are cheap once the network is small, and a dense one is
        not worth them: it is far from a minimum, and close to it would not predict better.
        """
        penalties, is_small = self.problem.penalties, len(self.where) <= POLISH_SHARE * self._size
        if is_small and penalties.sparse and penalties.offer_terms:
            lbfgs.polish(self.problem, self.theta, max_iter=POLISH_ITER)
            self.problem.compact(self.theta)


def final_settings(settings, n_rows, share):
    """Settings of the last small steps at a chosen alpha: a `share` of the epochs of the path."""
    epochs = ceil(share * n_epochs(settings, n_rows))
    return replace(
        settings, max_iter=epochs, n_iter_no_change=np.inf, learning_rate="cosine",
        early_stopping=False,
    )  # fmt: skip
