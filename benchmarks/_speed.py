"""What the sections of speed.py share: data, clocks, cells."""

import time
import warnings
from contextlib import contextmanager
from importlib.util import find_spec

import numpy as np
from _data import load
from _peers import torch_fit
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skreg_mlp import RegularizedMLPClassifier

OURS, SKLEARN, TORCH, LASSONET = "skreg_mlp", "scikit-learn", "torch", "lassonet"
BATCH = 200
SETS = ["breast_cancer", "digits"]


def data(n, d, n_classes, dtype, density=1):
    """Standard normal entries, classes by a random linear teacher; CSR where density < 1.

    There, each row has one entry in each block of 1 / density columns.
    """
    rng = np.random.default_rng(0)
    if density == 1:
        X = rng.standard_normal((n, d), dtype=dtype)
    else:
        width, n_blocks = round(1 / density), round(d * density)
        columns = width * np.arange(n_blocks) + rng.integers(width, size=(n, n_blocks))
        values = rng.standard_normal(columns.size, dtype=dtype)
        ends = np.arange(0, columns.size + 1, n_blocks)
        X = sparse.csr_matrix((values, columns.ravel(), ends), shape=(n, d))
    return X, np.argmax(X @ rng.standard_normal((d, n_classes), dtype=dtype), axis=1)


def real(name, dtype):
    """A real data set, standardised."""
    X, y, _ = load(name)
    return StandardScaler().fit_transform(X).astype(dtype), y


def installed(name):
    return find_spec(name) is not None


@contextmanager
def limited(threads):
    """BLAS and torch on so many threads."""
    if installed(TORCH):
        import torch

        torch.set_num_threads(threads)
    with threadpool_limits(threads):
        yield


def settings(options):
    """(dtype, threads) of each row of a table, the threads being in force meanwhile."""
    for threads in options.threads:
        with limited(threads):
            for dtype in options.dtypes:
                yield np.dtype(dtype), threads


def warm_up():
    """Small fits: what packages load at the first one is not to be timed."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, y = data(BATCH, 10, 3, np.float32)
    for solver in ("adam", "lbfgs"):
        for model in (RegularizedMLPClassifier, MLPClassifier):
            model(solver=solver, max_iter=2).fit(X, y)
    if installed(TORCH):
        torch_fit(X, y, (10,), 2)


def seconds(function, *args):
    start = time.perf_counter()
    function(*args)
    return time.perf_counter() - start


def in_turn(candidates, repetitions):
    """{name: what each repetition gave}; candidates are called with the repetition's number."""
    runs = [{name: run(r) for name, run in candidates.items()} for r in range(repetitions)]
    return {name: [run[name] for run in runs] for name in candidates}


def medians(times, names, scale=1.0, digits=0):
    return [f"{scale * np.median(times[n]):.{digits}f}" if n in times else "-" for n in names]


def ratios(times, pairs):
    """Medians of the paired ratios a / b."""
    return [
        f"{np.median(np.divide(times[a], times[b])):.2f}" if a in times else "-" for a, b in pairs
    ]


def over(pairs):
    """Their headings."""
    return [f"{a} / {b}" for a, b in pairs]
