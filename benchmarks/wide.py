"""Five planted columns of 30,000, found exactly through the encoder.

400 rows, a fifth of them for validation; columns are standard normal, float32, and y is a teacher
of five of them with noise of 0.2 sd, as in planted_truths.py: linear, additive (sine, square,
absolute value, line). One network of 30 units under "group_log_sum" with encoder="table" is
followed with the settings of planted_truths.py, and the same rule chooses: the sparsest network
whose validation error is within 10 % of the least. "exact" counts runs whose chosen features are
the planted ones, "on path" runs in which some network on the path has exactly those. Three numbers
of columns, to see how time and memory grow: CPU seconds of a path on one thread, and the largest
resident memory of the process so far.

The second table: `KnockoffSelection` with four ramps at q = 0.2, 15 planted columns: the mean share
of false columns among the selected ones, and of the planted ones that are selected.

    python benchmarks/wide.py > benchmarks/wide.txt
"""

import resource
import time
import warnings

import numpy as np
from _data import planted
from _report import machine, table
from planted_truths import HIDDEN, choose
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from skreg_mlp import (
    KnockoffSelection,
    RegularizedMLPRegressor,
    TableEncoder,
    regularization_path,
)

ROWS, PLANTED = 400, 5
CASES = {  # teacher, columns: seeds
    ("linear", 300): 5,
    ("linear", 3000): 5,
    ("linear", 30000): 20,
    ("additive", 300): 5,
    ("additive", 3000): 5,
    ("additive", 30000): 20,
}


def run(teacher, n_columns, seed):
    """Whether the planted columns are chosen, are on the path; CPU seconds."""
    X, y, true = planted(teacher, ROWS, n_columns, PLANTED, seed)
    X = X.astype(np.float32)
    X, X_val, y, y_val = train_test_split(X, y, test_size=0.2, random_state=seed)
    mlp = RegularizedMLPRegressor(
        HIDDEN,
        penalty="group_log_sum",
        encoder="table",
        learning_rate_init=0.02,
        max_iter=500,
        random_state=seed,
    )
    start = time.process_time()
    path = regularization_path(mlp, X, y, X_val=X_val, y_val=y_val)
    seconds = time.process_time() - start
    supports = path.selected_features
    chosen = supports[choose(supports, -path.validation_scores)]
    return (chosen == true).all(), (supports == true).all(axis=1).any(), seconds


KNOCKOFFS = {("linear", 3000): 20, ("additive", 3000): 20, ("linear", 30000): 5}
TESTED, RATE = 15, 0.2


def run_knockoffs(teacher, n_columns, seed):
    """Share of false columns, power, CPU seconds."""
    X, y, true = planted(teacher, ROWS, n_columns, TESTED, seed)
    mlp = RegularizedMLPRegressor(
        penalty="group_log_sum", encoder=TableEncoder(n_bins=4), learning_rate_init=0.01
    )
    start = time.process_time()
    selector = KnockoffSelection(mlp, fdr=RATE, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nothing is selected
        found = selector.fit(X.astype(np.float32), y).get_support()
    seconds = time.process_time() - start
    return (found & ~true).sum() / max(found.sum(), 1), found[true].mean(), seconds


def memory():
    """Largest resident memory of the process so far, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main():
    rows, knockoffs = [], []
    with threadpool_limits(1):
        print(machine())
        for (teacher, n_columns), seeds in CASES.items():
            exact, on_path, seconds = zip(*(run(teacher, n_columns, s) for s in range(seeds)))
            times = f"{np.median(seconds):.1f}"
            rows.append([teacher, n_columns, seeds, sum(exact), sum(on_path), times, memory()])
        for (teacher, n_columns), seeds in KNOCKOFFS.items():
            figures = [run_knockoffs(teacher, n_columns, seed) for seed in range(seeds)]
            false, power, seconds = np.transpose(figures)
            error = false.std(ddof=1) / np.sqrt(seeds)
            rates = f"{false.mean():.3f}", f"{error:.3f}", f"{power.mean():.2f}"
            times = f"{np.median(seconds):.1f}"
            knockoffs.append([teacher, n_columns, seeds, *rates, times, memory()])
    table(["teacher", "columns", "runs", "exact", "on path", "seconds", "MB"], rows)
    print()
    table(["teacher", "columns", "runs", "fdr", "+-", "power", "seconds", "MB"], knockoffs)


if __name__ == "__main__":
    main()
