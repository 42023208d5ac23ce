"""Mini-batch proximal gradient: one loop, two update rules, four schedules.

Each step is theta <- prox_t(theta - t d), with d a running mean of the batch gradients and t the
step: one number for SGD, one number a weight for Adam. Move and prox share t, so the fixed points
are the stationary points of the objective whatever the rate, the momentum and the batch size.
"""

from math import ceil, cos, pi

import numpy as np

from skreg_mlp._kernels import compiled
from skreg_mlp._solvers.result import NonFiniteError, Result

ANNEAL_SHARE = 0.1  # of max_iter: length of the final anneal
LARGE_RATE = 0.1  # of the initial rate: at such a step a plateau means that the fit has converged
SMALL_RATE = 0.01  # of the initial rate: a plateau at such a step needs no further anneal
REMEDY = "it is far from a minimum; raise max_iter or learning_rate_init, or scale the data."
FLUSH_EVERY = 100  # steps: rarely, for its cost, and before many steps are slow
SMALLEST_ROOT = {kind: np.sqrt(np.finfo(kind).tiny).item() for kind in "fd"}
ADAPTIVE_FLOOR = 1e-6  # rate at which "adaptive" gives up, as in scikit-learn


class Sgd:
    """Gradient descent with averaged (dampened) momentum, optionally Nesterov's.

    d_k = momentum d_{k-1} + (1 - momentum) g_k, bias-corrected, and step t = rate / (1 - momentum):
    the usual heavy ball, written so that the prox can take the step that the gradient takes.
    """

    def __init__(self, momentum=0.9, nesterov=True):
        self.momentum, self.nesterov = momentum, nesterov

    def init(self, theta):
        return {"n_steps": 0, "mean": np.zeros_like(theta)}

    def step(self, problem, theta, gradient, state, rate):
        mean, momentum = state["mean"], self.momentum
        state["n_steps"] += 1
        weight = (1 - momentum) / (1 - momentum ** state["n_steps"])
        # Nesterov's is one more averaging step towards g_k
        ahead = (1 / weight - 1) * (1 - momentum) if self.nesterov else 0.0
        step, parts = self.step_size(problem, state, rate), problem.penalties.steps
        if parts is not None:
            compiled.sgd(theta, gradient, mean, parts, step=step, weight=weight, ahead=ahead)
            return
        gradient -= mean
        gradient *= weight
        mean += gradient
        gradient *= ahead
        gradient += mean
        gradient *= step
        theta -= gradient
        problem.penalties.prox(theta, step)

    def step_size(self, problem, state, rate):
        return rate / ((1 - self.momentum) * problem.loss_unit)


class Adam:
    """Adam (Kingma and Ba, 2015) as a proximal method in its own metric (Yun et al., 2021).

    The step of weight i is t_i = rate / (sqrt(v_i) + epsilon), v the bias-corrected running mean of
    squared gradients, shared within a group where the penalty acts on groups.
    """

    def __init__(self, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def init(self, theta):
        return {"n_steps": 0, "mean": np.zeros_like(theta), "square": np.zeros_like(theta)}

    def step(self, problem, theta, gradient, state, rate):
        mean, square, scratch = state["mean"], state["square"], problem.scratch
        state["n_steps"] = k = state["n_steps"] + 1
        # bias-corrected means: m_k = m_{k-1} + w_k (g_k - m_{k-1}), w_k = (1 - b) / (1 - b^k)
        mean_weight = (1 - self.beta_1) / (1 - self.beta_1**k)
        square_weight = (1 - self.beta_2) / (1 - self.beta_2**k)
        if problem.penalties.steps is not None:
            compiled.adam(
                *(theta, gradient, mean, square, problem.penalties.steps),
                rate=rate,
                mean_weight=mean_weight,
                square_weight=square_weight,
                epsilon=self._floor(problem),
            )
            return
        np.multiply(gradient, gradient, out=scratch)
        problem.penalties.share(scratch)
        scratch -= square
        scratch *= square_weight
        square += scratch
        gradient -= mean
        gradient *= mean_weight
        mean += gradient
        step = self.step_size(problem, state, rate)
        np.multiply(step, mean, out=gradient)
        theta -= gradient
        problem.penalties.prox(theta, step)

    def _floor(self, problem):
        """epsilon in units of the loss; a square below the normal numbers has no larger root."""
        return max(self.epsilon * problem.loss_unit, SMALLEST_ROOT[problem.network.dtype.char])

    def step_size(self, problem, state, rate):
        step = np.sqrt(state["square"], out=problem.scratch)
        step += self._floor(problem)
        return np.divide(rate, step, out=step)


class Schedule:
    """Learning rate against time, in epochs, with a final anneal to zero.

    A constant step never settles on a support, so every schedule ends with small steps: the cosine
    by itself, the others over the last tenth of the epochs, and all of them over as many epochs as
    that once patience is exhausted.
    """

    def __init__(self, kind, rate, max_iter, *, n_rows, power_t=0.5):
        self.initial, self._kind, self._power_t, self._n_rows = rate, kind, power_t, n_rows
        self._rate, self._end = rate, max_iter
        self._anneal_length = max(1, ceil(ANNEAL_SHARE * max_iter))
        self._anneal_start = 0 if kind == "cosine" else max_iter - self._anneal_length
        self._anneal_rate = rate if kind == "cosine" else None
        self.annealing = False

    def rate(self, time):
        """The rate after `time` epochs, a fraction."""
        if time < self._anneal_start:
            return self._base(time)
        if self._anneal_rate is None:
            self._anneal_rate = self._base(time)
        done = (time - self._anneal_start) / (self._end - self._anneal_start)
        return self._anneal_rate * 0.5 * (1 + cos(pi * min(done, 1.0)))

    def _base(self, time):
        if self._kind == "invscaling":
            return self.initial / (time * self._n_rows + 1) ** self._power_t
        return self._rate

    def plateau(self, time):
        """React to exhausted patience; returns whether to stop at once."""
        if self.annealing:
            return False
        if self._kind == "adaptive" and self._rate > ADAPTIVE_FLOOR:
            self._rate /= 5
            return False
        self._anneal_rate = self.rate(time)
        self._anneal_start, self._end = time, min(self._end, time + self._anneal_length)
        self.annealing = True
        return self._anneal_rate <= SMALL_RATE * self.initial

    def finished(self, time):
        return time >= self._end


class Trainer:
    """What an epoch changes: theta and the optimizer's state, both in place."""

    def __init__(self, problem, theta, rule, state, batch_size):
        self.problem, self.theta, self.rule, self.state = problem, theta, rule, state
        self._batch_size = batch_size
        self._order = problem.data.order()
        self._gradient = np.empty_like(theta)

    def epoch(self, rate, time=0, rng=None):
        """One pass over the rows, shuffled by `rng`; returns the mean loss met on the way.

        `rate` gives the learning rate as a function of time, `time` being that of the start.
        """
        problem, theta, gradient = self.problem, self.theta, self._gradient
        problem.penalties.majorize(theta)
        if self._batch_size >= problem.n_rows:
            loss = problem.loss_and_gradient(theta, gradient)
            self._step(rate(time))
            return loss
        n, done, total = problem.n_rows, 0, 0.0
        for data, order in self._order.parts(rng):
            for start in range(0, len(order), self._batch_size):
                rows = order[start : start + self._batch_size]
                loss = problem.batch_loss_and_gradient(theta, rows, gradient, len(rows), data)
                self._step(rate(time + done / n))
                total, done = total + loss * len(rows), done + len(rows)
        return total / n

    def _step(self, rate):
        """A step of the rule, which now and then zeros what has fallen to almost nothing.

        Without a gradient, weights and means fall geometrically and end among the subnormal
        numbers, with which some processors multiply ten times as slowly.
        """
        theta, state = self.theta, self.state
        self.rule.step(self.problem, theta, self._gradient, state, rate)
        if state["n_steps"] % FLUSH_EVERY == 0:
            number = np.finfo(theta.dtype)
            theta[np.abs(theta) < number.tiny / number.eps] = 0  # products are subnormal earlier
            for mean in state.values():
                if np.ndim(mean):
                    mean[np.abs(mean) < number.tiny] = 0

    def settle(self, rate):
        """Zero what a proximal step on all rows zeros, unless that raises the objective.

        The noise of the last batches keeps small weights alive that the whole gradient would not:
        proximal methods on batches do not identify the support by themselves (Xiao, 2010).

        Returns the end with the loss and its gradient there, which a certificate needs.
        """
        problem, theta, penalties = self.problem, self.theta, self.problem.penalties
        loss = problem.loss_and_gradient(theta, self._gradient)
        before = theta.copy(), loss, self._gradient
        penalties.majorize(theta)
        step = self.rule.step_size(problem, self.state, rate)
        moved = theta - step * self._gradient
        penalties.prox(moved, step)
        moved = np.where(moved == 0, 0, theta)
        problem.compact(moved)  # as whoever asks for the certificate would
        if np.array_equal(moved, theta):
            return before
        gradient = np.empty_like(theta)
        after = moved, problem.loss_and_gradient(moved, gradient), gradient
        if not after[1] + penalties.value(moved) <= loss + penalties.value(theta):
            return before
        theta[...] = moved
        return after

    def snapshot(self):
        return self.theta.copy(), {k: np.copy(v) for k, v in self.state.items()}

    def restore(self, snapshot):
        self.theta[...] = snapshot[0]
        for key, value in snapshot[1].items():
            self.state[key] = value.copy() if value.ndim else int(value)


def minimize(
    trainer, schedule, history, *, max_iter, tol, n_iter_no_change, rng=None, tolerance=np.inf
):
    """Run epochs until the schedule ends; `rng` shuffles the rows (None: never).

    Patience is exhausted after `n_iter_no_change` epochs that lower the objective by less than
    `tol` (or, stopping early, do not raise the validation score by `tol`). The schedule then jumps
    to its final anneal, from the best iterate where a validation set says which that is.
    `tolerance` is the stationarity above which a run cut short by max_iter deserves a warning.
    """
    problem, theta = trainer.problem, trainer.theta
    result = Result(theta, 0, f"max_iter={max_iter} reached", tolerance, REMEDY)
    best, waited = np.inf, 0
    try:
        while not schedule.finished(result.n_iter):
            history.begin()
            loss = trainer.epoch(schedule.rate, result.n_iter, rng)
            result.n_iter += 1
            objective = loss + problem.penalties.value(theta)
            if not np.isfinite(objective):
                raise NonFiniteError(result.n_iter)
            history.record(theta, loss, objective, trainer.snapshot)
            if history.stopped:
                break
            waited = 0 if objective < best - tol else waited + 1
            best = min(best, objective)
            if history.exhausted if history.stop_early else waited >= n_iter_no_change:
                if schedule.rate(result.n_iter) >= LARGE_RATE * schedule.initial:
                    result.tolerance = np.inf  # it is the objective that stalled, not the rate
                waited = 0
                history.be_patient()
                if history.stop_early and not schedule.annealing:
                    trainer.restore(history.best)
                if schedule.plateau(result.n_iter):
                    break
        if problem.penalties.sparse and history.best is None:
            result.evaluation = trainer.settle(schedule.initial)
    except KeyboardInterrupt:
        result.interrupted = True
    if history.best is not None:
        trainer.restore(history.best)
    return result
