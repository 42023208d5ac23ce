"""Time of predict on 10,000 rows after pruning, against scikit-learn's, one BLAS thread.

Rows and columns of the weights of a classifier are set to zero, so that a share of its inputs and
of its hidden units is dead. MLPClassifier is given the same weights. Timed in turn are its
`predict` and ours, with dense weights, pruned, in CSR arrays, and both. Printed are medians over
repetitions in milliseconds and the medians of the paired ratios to scikit-learn.

    python benchmarks/predict.py > benchmarks/predict.txt
"""

import time
import warnings

import numpy as np
from _report import machine, table
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from skreg_mlp import RegularizedMLPClassifier

N_ROWS, N_CLASSES, REPETITIONS = 10_000, 2, 11
SHAPES = [(500, 200), (100, 100)]
DEAD = [0.7, 0.8, 0.9]


def networks(d, n_units, dtype, dead):
    """X, and the estimators to compare, all the same function."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N_ROWS, d)).astype(dtype)
    few, y = X[:200], np.arange(200) % N_CLASSES
    dense = RegularizedMLPClassifier((n_units,), max_iter=1).fit(few, y)
    dense.coefs_[0][rng.permutation(d)[: round(dead * d)]] = 0
    units = rng.permutation(n_units)[: round(dead * n_units)]
    dense.coefs_[0][:, units] = 0
    dense.coefs_[1][units] = 0
    peer = MLPClassifier((n_units,), max_iter=1).fit(few, y)
    peer.coefs_ = [W.copy() for W in dense.coefs_]
    peer.intercepts_ = [b.copy() for b in dense.intercepts_]
    pruned = dense.prune()
    return X, [peer, dense, pruned, dense.to_sparse(), pruned.to_sparse()]


def compare(d, n_units, dtype, dead):
    X, estimators = networks(d, n_units, dtype, dead)
    expected = estimators[0].predict_proba(X)
    for estimator in estimators[1:]:
        np.testing.assert_allclose(estimator.predict_proba(X), expected, atol=1e-5)
    seconds = np.empty((len(estimators), REPETITIONS))
    for repetition in range(REPETITIONS):
        for which, estimator in enumerate(estimators):
            start = time.perf_counter()
            estimator.predict(X)
            seconds[which, repetition] = time.perf_counter() - start
    milli = [f"{1e3 * np.median(s):.1f}" for s in seconds]
    ratios = [f"{np.median(seconds[0] / s):.2f}" for s in seconds[1:]]
    return [f"{d} x {n_units}", np.dtype(dtype).name, f"{dead:.0%}", *milli, *ratios]


def main():
    warnings.simplefilter("ignore", ConvergenceWarning)
    forms = ["dense", "pruned", "csr", "pruned+csr"]
    with threadpool_limits(1):
        print(machine())
        rows = [
            compare(*shape, dtype, dead)
            for shape in SHAPES
            for dtype in (np.float32, np.float64)
            for dead in DEAD
        ]
    ratios = [f"sklearn/{form}" for form in forms]
    table(["inputs x units", "dtype", "dead", "sklearn", *forms, *ratios], rows)


if __name__ == "__main__":
    main()
