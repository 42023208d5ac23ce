"""A pass over a million rows: the partial likelihood beside the squared error.

1,000,000 rows of 20 normal columns, log hazards linear in two of them, a third of the rows
censored; no two times are equal (or 1000 different times, "tied"). One pass is the loss and its
gradient with respect to all weights of a network, on one thread. "ratio" is the median of the
ratios of passes taken in turn, "sort" what happens once before the first. "C" is the time of
Harrell's C on all rows.

    python benchmarks/cox_pass.py > benchmarks/cox_pass.txt
"""

import time

import numpy as np
from _report import machine, table
from threadpoolctl import threadpool_limits

from skreg_mlp import RegularizedMLPCox, RegularizedMLPRegressor, survival_target
from skreg_mlp._estimators.door import enter
from skreg_mlp._estimators.survival import concordance
from skreg_mlp._training.fit import initial_theta

N_ROWS, N_COLUMNS, REPETITIONS = 1_000_000, 20, 5


def seconds(call):
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def passes(estimator, X, y):
    """A function that takes one pass, and the seconds to make it."""

    def make():
        entry = enter(estimator, X, y, None)
        problem = entry.problem(entry.targets())
        theta = initial_theta(entry.settings, problem, np.random.default_rng(0))
        gradient = np.empty_like(theta)
        return lambda: problem.loss_and_gradient(theta, gradient)

    return seconds(make)


def main():
    rng, rows = np.random.default_rng(0), []
    X = rng.standard_normal((N_ROWS, N_COLUMNS))
    score = X[:, 0] - X[:, 1]
    life, end = rng.exponential(np.exp(-score)), rng.exponential(2.0, N_ROWS)
    y = survival_target(life <= end, np.minimum(life, end))
    tied = y.copy()
    tied["time"] = np.argsort(np.argsort(y["time"])) * 1000 // N_ROWS
    with threadpool_limits(1):
        print(machine())
        for dtype in ("float32", "float64"):
            narrow = X.astype(dtype)
            for hidden in ((), (100,)):
                reference = passes(RegularizedMLPRegressor(hidden), narrow, score)[1]
                for ties, target in (("breslow", y), ("efron", y), ("efron", tied)):
                    name = ties if target is y else f"{ties}, tied"
                    sort, cox = passes(RegularizedMLPCox(hidden, ties=ties), narrow, target)
                    pairs = [
                        (seconds(cox)[0], seconds(reference)[0]) for _ in range(REPETITIONS + 1)
                    ]
                    ours, theirs = np.array(pairs[1:]).T
                    cells = np.median(ours), np.median(theirs), np.median(ours / theirs)
                    rows.append(
                        [dtype, str(hidden), name, *(f"{c:.3f}" for c in cells), f"{sort:.1f}"]
                    )
        told, C = seconds(lambda: concordance(y, score, None))
    table(["dtype", "hidden", "ties", "pass", "squared error", "ratio", "sort"], rows)
    print(f"C: {told:.1f} s ({C:.3f})")


if __name__ == "__main__":
    main()
