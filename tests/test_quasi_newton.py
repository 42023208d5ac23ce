"""L-BFGS of our own against scipy's L-BFGS-B, textbook formulas and known minima."""

from itertools import pairwise

import numpy as np
import pytest
from _problems import LOSSES, make_problem, value_and_gradient
from numpy.testing import assert_allclose, assert_array_equal
from scipy import optimize

from skreg_mlp._solvers import quasi_newton
from skreg_mlp._solvers.quasi_newton import Descent, Pairs, Point, Trial, wolfe_search


class Counted:
    """A function f(x) -> (value, gradient) as `Descent` and as scipy call it."""

    def __init__(self, f):
        self.f, self.n_fun = f, 0

    def __call__(self, x):
        self.n_fun += 1
        return self.f(x)

    def point(self, x):
        return Point(x, *self(x))


def quadratic(n=40, condition=1e3, seed=0):
    """0.5 x'Ax - b'x of a dense A, and its minimum."""
    rng = np.random.default_rng(seed)
    Q = np.linalg.qr(rng.normal(size=(n, n)))[0]
    A, b = (Q * np.geomspace(1 / condition, 1, n)) @ Q.T, rng.normal(size=n) / condition
    return lambda x: (0.5 * x @ A @ x - b @ x, A @ x - b), np.linalg.solve(A, b)


def rosenbrock(x):
    return optimize.rosen(x), optimize.rosen_der(x)


def network(loss, hidden, activation="tanh"):
    """The objective of a small network under l2, and a start."""
    problem, theta = make_problem(loss, hidden, activation=activation, n=60, k=2)
    alpha = 0.05

    def f(x):
        value, gradient = value_and_gradient(problem, x)
        return value + 0.5 * alpha * x @ x, gradient + alpha * x

    return f, theta


def smooth_problems():
    yield "quadratic", quadratic()[0], np.zeros(40)
    yield "ill-conditioned", quadratic(condition=1e4, seed=1)[0], np.ones(40)
    yield "rosenbrock", rosenbrock, np.linspace(-1.2, 1, 12)
    for loss in LOSSES:
        yield loss, *network(loss, ())
        yield loss + ", hidden", *network(loss, (5,))
    yield "silu", *network("binary", (6, 4), "silu")


PROBLEMS = list(smooth_problems())
SIGNS = {
    "free": lambda n: None,
    "positive": lambda n: np.ones(n, dtype=np.int8),
    "mixed": lambda n: np.resize([1, 0, -1, 1], n).astype(np.int8),
}


def feasible(x, signs):
    return x if signs is None else np.where(signs * x < 0, 0.0, x)


def descend(f, x, *, n_pairs=10, tol=1e-6, max_iter=3000, **options):
    """Run to the tolerance; returns the run and the iterates."""
    run = Descent(f.point, x, n_pairs, **options)
    points = [run.point]
    while run.residual > tol and len(points) <= max_iter and run.advance():
        points.append(run.point)
    return run, points


def by_scipy(f, x, signs, *, n_pairs=10, tol=1e-6):
    ends = {0: (None, None), 1: (0, None), -1: (None, 0)}
    bounds = None if signs is None else [ends[sign] for sign in signs]
    options = dict(maxcor=n_pairs, ftol=0, gtol=tol, maxiter=3000, maxfun=10**5, maxls=50)
    return optimize.minimize(f, x, jac=True, method="L-BFGS-B", bounds=bounds, options=options)


# --------------------------------------------------------------------------------------------
# The minimum, at scipy's price
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", SIGNS)
@pytest.mark.parametrize("name, f, start", PROBLEMS, ids=[p[0] for p in PROBLEMS])
def test_ends_at_a_minimum(name, f, start, kind):
    signs = SIGNS[kind](len(start))
    f, x = Counted(f), feasible(start, signs)
    run, points = descend(f, x, signs=signs)
    assert run.residual <= 1e-6
    assert run.point.x.dtype == run.point.gradient.dtype == np.float64
    assert_array_equal(feasible(run.point.x, signs), run.point.x)
    values = np.array([point.value for point in points])
    assert np.all(np.diff(values) <= 1e-15 * np.abs(values[1:]))
    convex = "hidden" not in name and name not in ("rosenbrock", "silu")
    if convex:
        best = by_scipy(f.f, x, signs, tol=1e-9).fun
        assert_allclose(run.point.value, best, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("kind", SIGNS)
def test_as_few_evaluations_as_scipy(kind):
    ratios = []
    for _, f, start in PROBLEMS:
        signs = SIGNS[kind](len(start))
        f, x = Counted(f), feasible(start, signs)
        run, _ = descend(f, x, signs=signs)
        theirs = by_scipy(f.f, x, signs)
        if np.isclose(run.point.value, theirs.fun, rtol=1e-4):  # the same minimum
            ratios.append(f.n_fun / theirs.nfev)
    assert len(ratios) > 15
    assert np.exp(np.mean(np.log(ratios))) < 1.1
    assert max(ratios) < 1.8


@pytest.mark.parametrize("n_pairs", [1, 3, 50])
@pytest.mark.parametrize("kind", SIGNS)
def test_any_number_of_pairs(kind, n_pairs):
    f, minimum = quadratic(condition=100)
    signs = SIGNS[kind](40)
    run, _ = descend(Counted(f), np.zeros(40), n_pairs=n_pairs, signs=signs, tol=1e-8)
    assert run.residual <= 1e-8  # rounding may not let it be less
    if signs is None:
        assert_allclose(run.point.x, minimum, atol=1e-6)


# --------------------------------------------------------------------------------------------
# H
# --------------------------------------------------------------------------------------------
def bfgs(pairs, scale, n):
    """H by the rank-two updates themselves (Nocedal and Wright, 2006, equation 6.17)."""
    H = scale * np.eye(n)
    for s, y in pairs:
        V = np.eye(n) - np.outer(y, s) / (s @ y)
        H = V.T @ H @ V + np.outer(s, s) / (s @ y)
    return H


@pytest.mark.parametrize("restricted", [False, True])
@pytest.mark.parametrize("n_steps", [1, 3, 4, 9])
def test_product_is_that_of_the_updates(n_steps, restricted):
    n, n_pairs = 12, 4
    rng = np.random.default_rng(n_steps)
    root = rng.normal(size=(n, n))
    A = root @ root.T + np.eye(n)
    pairs, kept, x = Pairs(n, n_pairs), [], rng.normal(size=n)
    for _ in range(n_steps + 1):
        free = (rng.random(n) < 0.7).astype(float) if restricted else np.ones(n)
        product = pairs.times(A @ x, free if restricted else None)
        shown = [(s * free, y * free) for s, y in kept[-n_pairs:]]
        shown = [(s, y) for s, y in shown if s @ y > 0]
        if shown:
            s, y = shown[-1]
            expected = free * (bfgs(shown, s @ y / (y @ y), n) @ (free * (A @ x)))
            assert_allclose(product, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())
        s = rng.normal(size=n)
        pairs.add(s, A @ s)
        kept.append((s, A @ s))
        x = x + s
    assert len(pairs) == min(n_steps + 1, n_pairs)


def test_pairs_without_curvature_are_left_out():
    pairs, s = Pairs(3, 5), np.array([1.0, 0, 0])
    for y in (-s, np.array([0.0, 1, 0]), np.zeros(3), s * np.nan):
        pairs.add(s, y)
    assert len(pairs) == 0
    assert_allclose(pairs.times(5 * s), s)  # a gradient step, of length one
    assert_allclose(pairs.times(0.1 * s), 0.1 * s)
    assert_array_equal(pairs.times(0 * s), 0 * s)


# --------------------------------------------------------------------------------------------
# The line search
# --------------------------------------------------------------------------------------------
# (f, f') along a line that begins at step 0 with a negative slope
LINES = {
    "far": lambda t: (-t / (t * t + 2), (t * t - 2) / (t * t + 2) ** 2),  # More and Thuente, 5.1
    "near": lambda t: ((1e4 * t - 1) ** 2, 2e4 * (1e4 * t - 1)),
    "very far": lambda t: ((1e-3 * t - 1) ** 2, 2e-3 * (1e-3 * t - 1)),
    "wavy": lambda t: (np.cos(5 * t) / 5 - t + t * t / 9, -np.sin(5 * t) - 1 + 2 * t / 9),
    "wall": lambda t: (np.inf, 0) if t > 0.3 else (-np.log(1 - 3 * t) - 4 * t, 3 / (1 - 3 * t) - 4),
}  # fmt: skip


def search(line, **options):
    trials = []

    def at(step):
        trials.append(Trial(step, *line(step), step))
        return trials[-1]

    start = Trial(0.0, *line(0.0), None)
    return start, wolfe_search(at, start, **options), trials


@pytest.mark.parametrize("name", LINES)
def test_step_meets_the_strong_wolfe_conditions(name):
    start, end, trials = search(LINES[name])
    assert end in trials
    assert end.value <= start.value + quasi_newton.DECREASE * end.step * start.slope
    assert abs(end.slope) <= quasi_newton.CURVATURE * abs(start.slope)
    assert len(trials) <= 12


def test_iterates_meet_the_strong_wolfe_conditions():
    for _, f, start in PROBLEMS:
        _, points = descend(Counted(f), start)
        for a, b in pairwise(points):
            s = b.x - a.x
            if a.value - b.value < 1e-12 * abs(a.value):  # where rounding decides
                break
            decrease = quasi_newton.DECREASE * a.gradient @ s
            assert b.value <= a.value + decrease + 1e-14 * abs(a.value)
            assert abs(b.gradient @ s) <= (quasi_newton.CURVATURE + 1e-8) * abs(a.gradient @ s)


def test_no_step_beyond_the_farthest():
    _, end, trials = search(LINES["very far"], farthest=1.0)
    assert [trial.step for trial in trials] == [1.0]
    assert end is trials[0]


def test_search_ends_soon_at_a_kink_and_in_rounding():
    """A kink has no point of a small slope; below the noise no value tells of a decrease."""
    start, end, trials = search(lambda t: (abs(t - 0.3), -1.0 if t < 0.3 else 1.0))
    assert 0 < end.value < start.value
    assert len(trials) < 12
    start, end, trials = search(lambda t: (1.0 + 1e-3 * t, -1e-9), noise=1e-8)
    assert end is start
    assert len(trials) == 1


def test_slopes_decide_where_values_are_rounded():
    """Near a minimum values are flat: without `noise` a good step would seem to ascend."""

    def line(t):
        return 1.0 + 2e-8 * (t > 0), 1e-9 * (t - 1.2)

    start, end, trials = search(line, noise=1e-7)
    assert end is trials[0]
    assert abs(end.slope) < abs(start.slope)
    assert search(line)[1].step == 0
    start, end, _ = search(lambda t: (1.0, 1e-9 * (t - 0.2)), noise=1e-7)  # where it has risen
    assert end is start


@pytest.mark.parametrize("edge", [0.999, 1e-3])
def test_survives_values_that_are_not_finite(edge):
    """-log(edge - x) + ... is infinite beyond an edge that the first steps cross."""

    def f(x):
        room = edge - x
        if np.any(room <= 0):
            return np.inf, np.zeros_like(x)
        return float(np.sum(-1e-3 * np.log(room) - x)), 1e-3 / room - 1

    run, _ = descend(Counted(f), np.full(3, edge - 10.0), tol=1e-7)
    assert_allclose(run.point.x, edge - 1e-3, atol=1e-6)


def test_says_where_no_lower_point_was_found():
    f = Counted(lambda x: (float(np.abs(x).sum()), np.where(x < 0, -1.0, 1.0)))
    run = Descent(f.point, np.zeros(4), 5)
    assert not run.advance()
    assert run.residual == 1
    assert f.n_fun < 60


def test_exceptions_pass_through():
    """StopIteration above all: scipy would take it for a request of its own."""

    def f(x):
        raise StopIteration("mine")

    with pytest.raises(StopIteration, match="mine"):
        Descent(f, np.zeros(2), 5)


def test_twice_is_the_same():
    _, f, start = PROBLEMS[-1]
    ends = [descend(Counted(f), start)[0].point.x for _ in range(2)]
    assert_array_equal(*ends)


def test_in_float32_the_gradient_gets_smaller_than_values_show():
    problem, theta = make_problem("binary", (5,), n=200)
    narrow = np.empty(len(theta), dtype=np.float32)

    def f(x):
        narrow[...] = x  # the noise of float32 in the argument
        value, gradient = value_and_gradient(problem, narrow.astype(float))
        return float(np.float32(value + 0.025 * x @ x)), gradient + 0.05 * x

    run, _ = descend(Counted(f), theta, tol=1e-6, dtype=np.float32)
    assert run.residual < 1e-5
