"""What a solver reports while it runs and when it ends."""

from dataclasses import dataclass

import numpy as np


class NonFiniteError(ArithmeticError):
    """The loss, its gradient or the weights stopped being finite at iteration `n_iter`."""

    def __init__(self, n_iter):
        super().__init__(f"not finite at iteration {n_iter}")
        self.n_iter = n_iter


@dataclass
class Result:
    """How a solver ended.

    ``tolerance`` is the stationarity up to which the end needs no warning; ``remedy`` says what
    else to do, and ``message`` why the solver ended. ``evaluation`` is a point where the solver
    looked last, with the loss and its gradient there.
    """

    theta: np.ndarray
    n_iter: int
    message: str
    tolerance: float = np.inf
    remedy: str = ""
    interrupted: bool = False
    evaluation: tuple[np.ndarray, float, np.ndarray] | None = None


class History:
    """Curves of a fit, the best iterate on a validation set, and when to stop for its sake.

    Parameters
    ----------
    score : callable(theta) -> float, optional
        Score on a validation set, higher is better.
    patience, tol : int, float
        With `stop_early`: stop after `patience` records that do not raise the score by `tol`.
    begin, report : callable() and callable() -> bool, optional
        Called before an iteration and after its record, for messages; `report` returns whether to
        stop.
    """

    def __init__(
        self, *, score=None, stop_early=False, patience=10, tol=1e-4, begin=None, report=None
    ):
        self._score, self.stop_early = score, stop_early and score is not None
        self._patience, self._tol = patience, tol
        self._begin, self._report = begin, report
        self.loss_curve, self.objective_curve = [], []
        self.validation_scores = [] if score is not None else None
        self.best_score, self.best = -np.inf, None
        self._waited, self.stopped = 0, False

    def begin(self):
        """Say that an iteration begins; saying so again before its record does no harm."""
        if self._begin is not None:
            self._begin()

    @property
    def exhausted(self):
        """Whether early stopping has run out of patience."""
        return self.stop_early and self._waited >= self._patience

    def be_patient(self):
        """Start counting anew."""
        self._waited = 0

    def record(self, theta, loss, objective, snapshot=None):
        """Append one iterate; `snapshot()` copies what must be restored with it."""
        self.loss_curve.append(float(loss))
        self.objective_curve.append(float(objective))
        if self._score is not None:
            score = float(self._score(theta))
            if not np.isfinite(score):
                raise NonFiniteError(len(self.loss_curve))
            self.validation_scores.append(score)
            self._waited = 0 if score > self.best_score + self._tol else self._waited + 1
            if self.stop_early and score > self.best_score:
                self.best = (snapshot or theta.copy)()
            self.best_score = max(self.best_score, score)
        self.theta = theta
        if self._report is not None:
            self.stopped = self._report()
