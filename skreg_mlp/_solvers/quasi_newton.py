"""L-BFGS: minimize a smooth f(x), x in R^n, from values and gradients alone.

Each iteration goes from x along -H g, where H is the BFGS approximation of the inverse Hessian that
the last pairs s = x' - x, y = g' - g give (Nocedal and Wright, Numerical Optimization, 2006,
algorithm 7.5), to a point that meets the strong Wolfe conditions.

Vectors are float64 throughout: values and gradients of a float32 problem have the noise of that
problem, and steps and differences shall add none.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.linalg.lapack import dtrtrs

DECREASE, CURVATURE = 1e-3, 0.9  # of the slope: the strong Wolfe conditions
MAX_TRIALS = 50  # of one line search
NARROW = 0.1  # of a step: a bracket as narrow tells of a kink, and its better end will do
EPSILON = np.finfo(np.float64).eps
NEAREST, FARTHEST = 1.1, 4.0  # times the last step: how far the next goes while f still falls
SLOW = 0.66  # of its width: what is left of a bracket that shrinks too slowly
MARGIN = 0.1  # of a bracket: how far from its ends a trial stays
STRAIGHT = 1e-12  # least cosine of s and y: below it, rounding is what a pair tells


class Point(NamedTuple):
    """A point that was evaluated; `note` is what else the evaluation had to say."""

    x: np.ndarray
    value: float
    gradient: np.ndarray
    note: Any = None


class Pairs:
    """The last pairs (s, y), and the product of the matrix H that they give with a gradient.

    With the pairs as rows of S and Y, oldest first, R the upper triangle of S Y', D its diagonal,
    and c = s'y / y'y of the last pair (Byrd, Nocedal and Schnabel, 1994, theorem 2.2),

        H g = c g + S' R^-T (D p + c Y Y' p - c Y g) - c Y' p,    R p = S g.

    So all pairs together take two passes over one matrix, which are BLAS calls. As y is the
    difference of two gradients, S y and Y y are differences of S g and Y g.
    """

    def __init__(self, n, n_pairs):
        self._rows = np.empty((n_pairs, 2, n))  # a new pair takes the place of the oldest
        self._ys, self._yy = np.zeros((2, n_pairs, n_pairs))  # Y S' and Y Y', oldest pair first
        self.forget()

    def forget(self):
        self._places = np.empty(0, dtype=np.intp)
        self._scale, self._products = 1.0, np.empty((2, 0))

    def __len__(self):
        return len(self._places)

    def add(self, s, y):
        """Remember a step and what it changed in the gradient that `times` had last.

        Unless f does not curve upward along it; returns whether it was remembered.
        """
        curvature, square = np.dot(s, y), np.dot(y, y)
        if not curvature > STRAIGHT * np.sqrt(square * np.dot(s, s)):
            return False
        place = len(self)
        if place == len(self._rows):
            place, self._places = self._places[0], self._places[1:]
            self._products = self._products[:, 1:]
            for products in (self._ys, self._yy):
                products[:-1, :-1] = products[1:, 1:]
        self._rows[place] = s, y
        self._places = np.append(self._places, place)
        self._scale, self._corner = curvature / square, (curvature, square)
        return True

    def _complete(self, products):
        """Enter the products of the new pair: `products` are S g and Y g."""
        last = len(self) - 1
        changes = products[:, :last] - self._products
        self._ys[last, :last], self._yy[last, :last] = changes
        self._yy[:last, last] = changes[1]
        self._ys[last, last], self._yy[last, last] = self._corner

    def times(self, g):
        """H g."""
        k, c = len(self), self._scale
        if not k:
            return c * g
        rows = self._rows[:k].reshape(2 * k, -1)
        products = (rows @ g).reshape(-1, 2)[self._places].T
        if products.shape[1] > self._products.shape[1]:
            self._complete(products)
        self._products = products
        sg, yg = products
        R = self._ys[:k, :k].T
        p = dtrtrs(R, sg)[0]
        q = dtrtrs(R, R.diagonal() * p + c * (self._yy[:k, :k] @ p - yg), trans=1)[0]
        weights = np.empty((k, 2))
        weights[self._places, 0], weights[self._places, 1] = q, -c * p
        result = weights.ravel() @ rows
        result += c * g
        return result


class Trial(NamedTuple):
    """A point of a line search: the step that leads there, the value and slope along the line."""

    step: float
    value: float
    slope: float
    point: Point


def cubic_minimizer(a, b):
    """Step to the minimum of the cubic with the values and slopes of two trials, or nan.

    Nocedal and Wright (2006), equation 3.59.
    """
    width = b.step - a.step
    d1 = a.slope + b.slope - 3 * (b.value - a.value) / width
    square = d1 * d1 - a.slope * b.slope
    if not square >= 0:  # no minimum, or not finite
        return np.nan
    d2 = np.copysign(np.sqrt(square), width)
    below = b.slope - a.slope + 2 * d2
    return b.step - width * (b.slope + d2 - d1) / below if below else np.nan


def _between(low, high, halve):
    """A step inside the bracket of the best trial and another."""
    width = high.step - low.step
    if not np.isfinite(high.value):
        return low.step + MARGIN * width
    step = np.nan if halve else cubic_minimizer(low, high)
    if np.isnan(step):
        return low.step + 0.5 * width
    return float(np.clip(step, *sorted((low.step + MARGIN * width, high.step - MARGIN * width))))


def wolfe_search(at, start, step):
    """A trial `at(step)` that meets the strong Wolfe conditions, or the best one found.

        value <= value_0 + DECREASE step slope_0,    abs(slope) <= CURVATURE abs(slope_0)

    `start` is the trial of step 0; its slope is negative. Algorithms 3.5 and 3.6 of Nocedal and
    Wright (2006) in one loop: `low` is the lowest trial that decreases enough, and `high`, once
    there is one, the other end of a bracket in which such points lie. As in More and Thuente (1994)
    a bracket that shrinks slowly is halved, and one that is narrow is a kink, where `low` must do.
    Values may be infinite. The best one found is `start` where none is lower.
    """
    low, high, width = start, None, np.inf
    for _ in range(MAX_TRIALS):
        trial, before = at(step), low
        enough = trial.value <= start.value + DECREASE * step * start.slope
        if not (enough and trial.value < low.value):
            high = trial
        elif abs(trial.slope) <= -CURVATURE * start.slope:
            return trial
        else:
            if trial.slope * (high.step - low.step if high else 1.0) >= 0:
                high = low
            low = trial
        if high is None:
            step = cubic_minimizer(before, low)
            step = FARTHEST * low.step if np.isnan(step) else step
            step = float(np.clip(step, NEAREST * low.step, FARTHEST * low.step))
            continue
        before, width = width, abs(high.step - low.step)
        step = _between(low, high, width > SLOW * before)
        hidden = -step * start.slope <= EPSILON * abs(start.value)  # by rounding
        if hidden or width <= NARROW * max(low.step, high.step):
            break
    return low


class Descent:
    """An L-BFGS run: `point` is the last iterate accepted, and `advance` finds the next.

    ``evaluate(x)`` returns a `Point`; where f is not finite there, its value is inf, and the line
    search steps back.
    """

    def __init__(self, evaluate, x, n_pairs):
        self._evaluate, self.point = evaluate, evaluate(x)
        self._pairs = Pairs(len(x), n_pairs)

    def advance(self):
        """Go to a lower point; returns False where none was found."""
        last = self.point
        self.point = self._search()
        if self.point is last and len(self._pairs):  # pairs of another place may be to blame
            self._pairs.forget()
            self.point = self._search()
        if self.point is last:
            return False
        self._pairs.add(self.point.x - last.x, self.point.gradient - last.gradient)
        return True

    def _search(self):
        """The next point along -H g; the last one where no lower one was found."""
        x, value, gradient, _ = self.point
        direction = -self._pairs.times(gradient)
        slope = float(np.dot(direction, gradient))
        if not slope < 0:
            return self.point

        def at(step):
            point = self._evaluate(x + step * direction)
            return Trial(step, point.value, float(np.dot(direction, point.gradient)), point)

        first = 1.0 if len(self._pairs) else min(1.0, 1 / np.sqrt(-slope))
        return wolfe_search(at, Trial(0.0, value, slope, self.point), first).point
