"""Whether the folds of our cross-validation run faster in two threads or in two processes.

Seconds to fit over 20 alphas and 5 folds with joblib's default backend (processes, warm), with its
threads, and with one worker: medians over repetitions in turn. Both leave BLAS one thread a worker.

    python benchmarks/threads_or_processes.py > benchmarks/threads_or_processes.txt
"""

import time
import warnings

import numpy as np
from _data import load
from _report import machine, table
from joblib import parallel_config
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale

from skreg_mlp import RegularizedMLPClassifierCV, RegularizedMLPRegressorCV

SETS = ["diabetes", "breast_cancer", "digits"]
WORKERS = {"processes": ("loky", 2), "threads": ("threading", 2), "one worker": ("loky", 1)}
REPETITIONS = 3


def seconds(X, y, kind, backend, n_jobs):
    cls = RegularizedMLPClassifierCV if kind == "classification" else RegularizedMLPRegressorCV
    with parallel_config(backend=backend):
        start = time.perf_counter()
        cls(alphas=20, cv=5, n_jobs=n_jobs, random_state=0).fit(X, y)
        return time.perf_counter() - start


def compare(name):
    X, y, kind = load(name)
    X, y = scale(X), scale(y) if kind == "regression" else y
    runs = [
        [seconds(X, y, kind, *worker) for worker in WORKERS.values()]
        for _ in range(REPETITIONS + 1)
    ]
    return [name, *(f"{figure:.2f}" for figure in np.median(runs[1:], axis=0))]


def main():
    warnings.simplefilter("ignore", ConvergenceWarning)
    print(machine())
    table(["seconds", *WORKERS], [compare(name) for name in SETS])


if __name__ == "__main__":
    main()
