"""Following one network along a grid of alphas: the work that paths and cross-validation share."""

from itertools import chain, repeat
from math import ceil

import numpy as np

from skreg_mlp._alphas import layer_alphas
from skreg_mlp._base import fitted_weights
from skreg_mlp._callbacks import Tasks
from skreg_mlp._problem import WORTH_CUTTING
from skreg_mlp._setup import batch_rows, build_penalties, solver_name
from skreg_mlp._solvers import _lbfgs
from skreg_mlp._solvers._result import History, NonFiniteError
from skreg_mlp.penalties import bind

MIN_STEPS = 2000  # of a stochastic solver along a path, however few the rows
MAX_BATCH = 200  # rows a step along a path, of which many steps are small ones
DENSE_SHARE = 0.3  # of them: how many more at the first alpha, where training starts
LAST_RATE = 0.1  # of the rate at each alpha: smaller steps in its last epochs, less noise
SHRINK_STEPS = 100  # of a stochastic solver, after which it looks for what is dead, at one alpha


def path_batch_rows(estimator, n_rows):
    """Rows a step: with "auto" ten steps an epoch, of no less than 32 rows and no more than 200."""
    return batch_rows(estimator, n_rows, auto=min(max(n_rows // 10, 32), MAX_BATCH))


def n_batches(estimator, n_rows):
    """Steps an epoch."""
    return ceil(n_rows / path_batch_rows(estimator, n_rows))


def n_epochs(estimator, n_rows):
    """Epochs of a stochastic solver along a whole path, the first alpha's start not counted."""
    return max(estimator.max_iter, ceil(MIN_STEPS / n_batches(estimator, n_rows)))


class Walk:
    """A network that is being followed along a grid of alphas.

    ``theta`` is the network at the present alpha; ``certificate`` its mean loss, objective and
    stationarity; ``score`` scores it on validation data (None: there are none), which are those
    `given` or the second of the two arrays of rows in `split`.

    What has died stays dead while alpha rises: training goes on with what is left, as a smaller
    problem. A solver that certifies its answer gets the whole problem back where that was wrong.
    """

    def __init__(self, estimator, X, y, sample_weight, *, given=None, split=None):
        self.estimator, self.X, self.y, self.rng = estimator, X, y, estimator._rng()
        self.problem, self.targets, self.score = estimator._prepare(
            X, y, sample_weight, given, self.rng, split
        )
        self.theta = estimator._start(self.problem, self.targets, self.rng, warm=False)
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self.told = dict(estimator=estimator, X=X, y=y, metadata=metadata)
        self.done = False

    def follow(self, grid, *, certify):
        """Train at one alpha after another; yields each, and ends after the first empty network.

        Whoever follows may set ``done`` to end it with the present alpha.

        `certify` drops what only the noise of batches keeps alive and computes the certificate
        after each alpha, at the cost of three passes over the data.
        """
        context = self.estimator._init_callback_context(max_subtasks=len(grid.alphas))
        context.call_on_fit_task_begin(**self.told)
        tasks = Tasks(context, name="alpha", **self.told)
        solver = self._solver(grid.n_planned, certify)
        try:
            for self.alpha in grid.alphas:
                tasks.begin()
                with np.errstate(all="ignore"):  # non-finite values are caught as such
                    self.certificate = self._advance(solver, certify)
                if not np.isfinite(self.certificate[1]):
                    raise NonFiniteError(0)
                yield self.alpha
                empty = self.problem.is_empty(self.theta)
                if tasks.end(self.attributes) or empty or self.done:
                    break
        except NonFiniteError as error:
            raise ValueError(self.estimator._explain(error, self.X, self.y)) from None
        context.call_on_fit_task_end(**self.told, reconstruction_attributes={})

    def _solver(self, n_alphas, settle):
        name = solver_name(self.estimator, self.problem)
        if name == "lbfgs":
            return _Deterministic(self.estimator, self.problem, self.theta)
        steps = _Stochastic(self.estimator, self.problem, self.theta, name=name)
        return steps.along(n_alphas, self.rng, settle)

    def _advance(self, solver, certify):
        """Bring `theta` to the present alpha; returns its certificate."""
        problem, estimator = self.problem, self.estimator
        penalties = build_penalties(estimator, problem, layer_alphas(estimator, self.alpha))
        problem.set_penalties(penalties)
        if problem.sparse:
            solver.shrink()
        solver.train(penalties)
        solver.write(self.theta)
        refutable = solver.certifies and solver.is_part
        if not (certify or refutable):
            return (0.0,) * 3
        certificate = problem.certificate(self.theta)
        if refutable and certificate[2] > estimator.tol:
            solver.restart(problem, self.theta)
            solver.train(penalties)
            solver.write(self.theta)
            certificate = problem.certificate(self.theta)
        return certificate

    def attributes(self):
        """Fitted attributes of the network at the present alpha, with copies of its weights."""
        figures = dict(zip(("loss_", "objective_", "stationarity_"), self.certificate))
        return fitted_weights(self.problem.network, self.targets, self.theta) | figures


class _Steps:
    """A solver at work on the live part of a network: `where` is its place in the whole."""

    certifies = False

    def __init__(self, estimator, problem, theta):
        self.estimator = estimator
        self.restart(problem, theta)

    def restart(self, problem, theta):
        """Work on the whole problem."""
        self.problem, self.theta, self.is_part = problem, theta.copy(), False
        self.inputs, self.where = np.arange(problem.network.sizes[0]), np.arange(len(theta))

    def write(self, theta):
        """Write the network into `theta`, that of the whole problem."""
        self.problem.compact(self.theta)
        theta[...] = 0
        theta[self.where] = self.theta

    def shrink(self):
        """Cut what is dead, if that is worth the while."""
        units = self.problem.live_units(self.theta)
        where = self.problem.network.places(units)
        if len(where) > WORTH_CUTTING * len(self.where):
            return
        self.problem, self.is_part = self.problem.part(units), True
        self.inputs, self.where = self.inputs[units[0]], self.where[where]
        self.theta = self.theta[where]
        self.cut(where)

    def cut(self, where):
        """Cut the solver's own state down to `where`."""

    def set_penalties(self, penalties):
        """Those of the whole network, bound to what is left of its groups."""
        first = penalties[0]
        groups = getattr(first, "groups", None)
        if groups is not None:
            left = np.unique(groups[self.inputs], return_inverse=True)[1]
            first = bind(first, first.alpha, left)
        self.problem.set_penalties([first, *penalties[1:]])


class _Deterministic(_Steps):
    """L-BFGS at every alpha, until it is stationary."""

    certifies = True

    def train(self, penalties):
        self.set_penalties(penalties)
        limits = {name: getattr(self.estimator, name) for name in ("tol", "max_iter", "max_fun")}
        if _lbfgs.minimize(self.problem, self.theta, History(), **limits).interrupted:
            raise KeyboardInterrupt


class _Stochastic(_Steps):
    """Some epochs at every alpha, at a rate that falls."""

    def __init__(self, estimator, problem, theta, *, name):
        self._name = name
        super().__init__(estimator, problem, theta)

    def restart(self, problem, theta):
        super().restart(problem, theta)
        self._trainer = self._new_trainer()

    def _new_trainer(self):
        batch = path_batch_rows(self.estimator, self.problem.n_rows)
        return self.estimator._trainer(
            self._name, self.problem, self.theta, continued=False, batch=batch
        )

    def cut(self, where):
        state, self._trainer = self._trainer.state, self._new_trainer()
        for name, value in state.items():
            self._trainer.state[name] = value[where] if np.ndim(value) else value

    def along(self, n_alphas, rng, settle):
        """Plan the epochs of a path of `n_alphas`."""
        in_all = n_epochs(self.estimator, self.problem.n_rows)
        first, others = in_all * (DENSE_SHARE + 1 / n_alphas), in_all / n_alphas
        self._epochs = chain([ceil(first)], repeat(ceil(others)))
        steps = n_batches(self.estimator, self.problem.n_rows)
        self._shrink_every = ceil(SHRINK_STEPS / steps)
        self._rng, self._settle = rng if self.estimator.shuffle else None, settle
        return self

    def train(self, penalties):
        self.set_penalties(penalties)
        rate, n_epochs = self.estimator.learning_rate_init, next(self._epochs)

        def decaying(time):
            return rate * (1 - (1 - LAST_RATE) * time / n_epochs)

        for epoch in range(n_epochs):
            if epoch and epoch % self._shrink_every == 0 and self.problem.sparse:
                self.problem.compact(self.theta)
                self.shrink()
                self.set_penalties(penalties)
            if not np.isfinite(self._trainer.epoch(decaying, epoch, self._rng)):
                raise NonFiniteError(epoch + 1)
        if self._settle and self.problem.sparse:
            self._trainer.settle(rate)
