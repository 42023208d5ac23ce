"""L-BFGS: minimize a smooth f(x), where variables may be held to a sign, from values and gradients.

Each iteration goes from x along -H g, where H is the BFGS approximation of the inverse Hessian that
the last pairs s = x' - x, y = g' - g give, to a point that meets the strong Wolfe conditions
(Nocedal and Wright, Numerical Optimization, 2006, algorithm 7.5).

With signs, variables that are zero and whose gradient keeps them there are *held*. The others take
the direction that the pairs give in their subspace, which leads to the projection of its end (the
two-metric projection of Bertsekas, 1982, and Schmidt et al., 2009). So it may set many variables to
zero at once, and the search still runs along a straight line.

Iterates and gradients are float64: those of a float32 problem have the rounding errors of that
problem, and steps and differences add none. Pairs only give directions, and may be float32.
"""

from math import sqrt
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg.lapack import dtrtrs

DECREASE, CURVATURE = 1e-3, 0.9  # of the slope: the strong Wolfe conditions
MAX_TRIALS = 50  # of one line search
NEAREST, FARTHEST = 1.1, 4.0  # times the last step: where the next goes while f still falls
MARGIN = 0.1  # of a bracket: how far from its ends a trial stays
SLOW = 0.66  # of its width: what is left of a bracket that shrinks too slowly
NARROW = 0.1  # of a step: a bracket as narrow has a kink inside
TINY = np.finfo(np.float64).tiny
STRAIGHT = 1e-10  # least cosine of s and y: below it, a pair tells of rounding


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

    So all pairs together take two passes over one matrix, which are BLAS calls. Where variables are
    held, S, Y and g are those of the others.
    """

    def __init__(self, n, n_pairs, dtype=np.float64):
        self._rows = np.empty((n_pairs, 2, n), dtype)  # a new pair takes the place of the oldest
        self._both = np.zeros((2, n_pairs, n_pairs))  # Y S' and Y Y', oldest pair first
        self._ys, self._yy = self._both
        self._ss = np.zeros(n_pairs)  # diagonal of S S'
        self._cycle = np.tile(np.arange(n_pairs), 2)
        self.forget()

    def forget(self):
        self._oldest = self._n = 0
        self._pending, self._free, self._products = False, None, np.empty((2, 0))

    def __len__(self):
        return self._n

    @property
    def _places(self):
        """Where the pairs are, oldest first."""
        return self._cycle[self._oldest : self._oldest + self._n]

    def add(self, s, y):
        """Remember a step from where `times` had its last gradient, and the change y of that.

        Unless f does not curve upward along it.
        """
        ys, ss, yy = np.dot(y, s), np.dot(s, s), np.dot(y, y)
        if not ys > STRAIGHT * sqrt(ss * yy):
            return
        if self._n < len(self._rows):
            self._n += 1
        else:
            self._oldest = (self._oldest + 1) % self._n
            self._products, self._ss[:-1] = self._products[:, 1:], self._ss[1:]
            self._both[:, :-1, :-1] = self._both[:, 1:, 1:]
        newest, last = self._rows[self._places[-1]], self._n - 1
        newest[0], newest[1] = s, y
        self._ys[last, last], self._ss[last], self._yy[last, last] = ys, ss, yy
        self._pending = True

    def times(self, g, free=None):
        """H g among the variables where `free` is 1 and not 0, where it is zero.

        Without pairs it is g, of length one at most.
        """
        if free is not None:
            g = g * free
        changed = free is not None and self._restrict(free)
        if self._pending and changed:
            products, of_y = self._times_rows(g, self._rows[self._places[-1], 1] * free)
            self._complete(of_y[:, :-1])
        else:
            products = self._times_rows(g)[0]
            if self._pending:  # y is a difference of gradients, whose products are known
                self._complete(products[:, :-1] - self._products)
        self._products = products
        used = self._used()
        places = self._places[used]
        if not len(places):
            return g * min(1.0, 1 / max(np.linalg.norm(g), TINY))
        of_s, of_y, scale = self._weights(used, *products[:, used])
        rows = self._rows[: len(self)]
        weights = np.zeros(rows.shape[:2], rows.dtype)
        weights[places, 0], weights[places, 1] = of_s, of_y
        result = scale * g
        result += np.dot(weights.ravel(), rows.reshape(-1, len(g)))
        if free is not None:
            result *= free
        return result

    def _times_rows(self, *vectors):
        """S x and Y x of each vector x, oldest pair first, in one pass."""
        rows = self._rows[: len(self)].reshape(-1, len(vectors[0]))
        products = np.dot(rows, np.array(vectors, rows.dtype).T)
        return products.reshape(-1, 2, len(vectors))[self._places].T

    def _restrict(self, free):
        """Let products be those of the variables `free`; returns whether that changes them."""
        changed = np.flatnonzero(free != (1.0 if self._free is None else self._free))
        self._free = free
        if not len(changed):
            return False
        k, sign = len(self), 2 * free[changed] - 1
        s, y = self._rows[:k].take(changed, axis=2)[self._places].transpose(1, 0, 2)
        signed = sign * y
        self._ys[:k, :k] += signed @ s.T
        self._yy[:k, :k] += signed @ y.T
        self._ss[:k] += (s * s) @ sign
        return True

    def _complete(self, products):
        """Enter the products of the last y with the pairs before: S y and Y y."""
        last = len(self) - 1
        if self._free is not None:
            s, y = self._rows[self._places[last]] * self._free
            self._ys[last, last], self._yy[last, last] = np.dot(y, s), np.dot(y, y)
            self._ss[last] = np.dot(s, s)
        self._ys[last, :last], self._yy[last, :last] = products
        self._yy[:last, last] = products[1]
        self._pending = False

    def _used(self):
        """Which pairs tell of upward curvature among the variables that are free."""
        if self._free is None:
            return slice(None)
        k = len(self)
        curvature = self._ys.diagonal()[:k]
        return np.flatnonzero(
            curvature * np.abs(curvature) > STRAIGHT**2 * self._yy.diagonal()[:k] * self._ss[:k]
        )

    def _weights(self, used, sg, yg):
        """H g as weights of S and Y, and the weight of g itself."""
        k = len(self)
        ys, yy = self._ys[:k, :k], self._yy[:k, :k]
        if self._free is not None:
            ys, yy = ys[used][:, used], yy[used][:, used]
        R, scale = ys.T, ys[-1, -1] / yy[-1, -1]
        p = dtrtrs(R, sg)[0]
        q = dtrtrs(R, R.diagonal() * p + scale * (yy @ p - yg), trans=1)[0]
        return q, -scale * p, scale


class Trial(NamedTuple):
    """A point of a line search: the step that leads there, the value and slope along the line."""

    step: float
    value: float
    slope: float
    point: Any


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


def _beyond(before, low, farthest):
    """A longer step, while f still falls."""
    step = cubic_minimizer(before, low)
    if np.isnan(step):
        step = FARTHEST * low.step
    return min(float(np.clip(step, NEAREST * low.step, FARTHEST * low.step)), farthest)


def wolfe_search(at, start, *, noise=0.0, farthest=np.inf):
    """A trial `at(step)` that meets the strong Wolfe conditions, or the best one found.

        value <= value_0 + DECREASE step slope_0,    abs(slope) <= CURVATURE abs(slope_0)

    `start` is the trial of step 0, whose slope is negative; the first step is 1. Algorithms 3.5 and
    3.6 of Nocedal and Wright (2006) in one loop: `low` is the lowest trial that decreases enough,
    `high`, once there is one, the other end of a bracket in which such points lie. As in More and
    Thuente (1994) a bracket that shrinks slowly is halved, and where one is narrow `low` must do:
    there is a kink inside. Values may be infinite.

    Where values differ by less than `noise`, their rounding error, the slope says whether f
    decreases enough (Hager and Zhang, 2005): it is still exact where differences of values are not.
    """
    low, high, width, step = start, None, np.inf, 1.0

    def enough(trial):
        if trial.value <= start.value + DECREASE * trial.step * start.slope:
            return True
        close = trial.value <= start.value + noise
        return close and trial.slope <= (2 * DECREASE - 1) * start.slope

    for _ in range(MAX_TRIALS):
        trial, before = at(step), low
        if not (enough(trial) and trial.value < low.value + noise):
            high = trial
        elif abs(trial.slope) <= -CURVATURE * start.slope:
            return trial
        else:
            low = trial
            if low.slope * (high.step - low.step if high else 1.0) >= 0:
                high = before
        if high is None:
            if step >= farthest:
                break
            step = _beyond(before, low, farthest)
            continue
        last, width = width, abs(high.step - low.step)
        step = _between(low, high, halve=width > SLOW * last)
        if width <= NARROW * max(low.step, high.step) or -step * start.slope <= noise:
            break
    return low


class Descent:
    """An L-BFGS run: `point` is the last iterate accepted, and `advance` finds the next.

    ``evaluate(x)`` returns a `Point`; where f is not finite its value is inf, and the line search
    steps back. ``dtype`` is what it computes in. ``signs``, if given, says what may be the sign of
    each variable: 1 or -1, or 0 for either.
    """

    def __init__(self, evaluate, x, n_pairs, *, signs=None, dtype=np.float64):
        self._evaluate, self._rounding = evaluate, np.finfo(dtype).eps
        self._bounded = signs is not None
        if self._bounded:
            self._limited = signs != 0
            self._least = np.where(signs > 0, 0.0, -np.inf)
            self._largest = np.where(signs < 0, 0.0, np.inf)
        self._pairs = Pairs(len(x), n_pairs, dtype)
        self.point = evaluate(x)

    def _project(self, x):
        return np.minimum(np.maximum(x, self._least), self._largest)

    def _slopes(self):
        """The gradient, or how far its projected step goes."""
        x, gradient = self.point.x, self.point.gradient
        return x - self._project(x - gradient) if self._bounded else gradient

    @property
    def residual(self):
        """Largest entry of the gradient, or of its projected step: zero at a minimum."""
        return np.abs(self._slopes()).max()

    def advance(self):
        """Go on to the next iterate; returns False where no lower point was found."""
        last = self.point
        self.point = self._search()
        if self.point is last and len(self._pairs):  # pairs of another place may be to blame
            self._pairs.forget()
            self.point = self._search()
        if self.point is last:
            return False
        self._pairs.add(self.point.x - last.x, self.point.gradient - last.gradient)
        return True

    def _direction(self):
        """Where to go, and how many times as far at most."""
        x, gradient = self.point.x, self.point.gradient
        if not self._bounded:
            return -self._pairs.times(gradient), np.inf
        free = ((x != 0) | (self._slopes() != 0)).astype(np.float64)
        direction = self._project(x - self._pairs.times(gradient, free)) - x
        nearing = np.flatnonzero(self._limited & (x * direction < 0))
        rates = -direction[nearing] / x[nearing]  # at most 1, for the projection is feasible
        return direction, 1 / float(rates.max(initial=TINY))

    def _search(self):
        """The next point along the direction; the last one where none was lower."""
        x, value, gradient, _ = self.point
        direction, farthest = self._direction()
        slope = float(np.dot(direction, gradient))
        if not slope < 0:
            return self.point

        def at(step):
            there = x + step * direction
            point = self._evaluate(self._project(there) if self._bounded else there)
            return Trial(step, point.value, float(np.dot(direction, point.gradient)), point)

        start, noise = Trial(0.0, value, slope, self.point), self._rounding * abs(value)
        return wolfe_search(at, start, noise=noise, farthest=farthest).point
