"""Sections of speed.py: prediction, import, memory."""

import multiprocessing
import re
import subprocess
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from _speed import (
    BATCH,
    OURS,
    SKLEARN,
    data,
    in_turn,
    medians,
    over,
    ratios,
    seconds,
    settings,
)
from scipy import sparse
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from skreg_mlp import RegularizedMLPClassifier

PAIR = (SKLEARN, OURS)
MODELS = {OURS: RegularizedMLPClassifier, SKLEARN: MLPClassifier}


def forms(d, n_units, dtype, dead):
    """X, and estimators that are all the same function, with rows and columns of zero weights."""
    rng = np.random.default_rng(0)
    X, y = data(10_000, d, 2, dtype)
    ours, peer = (
        model((n_units,), max_iter=1).fit(X[:BATCH], y[:BATCH]) for model in MODELS.values()
    )
    ours.coefs_[0][rng.permutation(d)[: round(dead * d)]] = 0
    units = rng.permutation(n_units)[: round(dead * n_units)]
    ours.coefs_[0][:, units] = 0
    ours.coefs_[1][units] = 0
    peer.coefs_ = [W.copy() for W in ours.coefs_]
    peer.intercepts_ = [b.copy() for b in ours.intercepts_]
    pruned = ours.prune()
    return X, {
        SKLEARN: peer,
        "dense": ours,
        "pruned": pruned,
        "csr": ours.to_sparse(),
        "pruned csr": pruned.to_sparse(),
    }


def predict(options):
    """`predict` on 10,000 rows, two classes; a share of inputs and of units is dead. Milliseconds.

    All have the same weights: scikit-learn's network and ours with dense weights, and ours pruned,
    in CSR arrays, and both.
    """
    names = [SKLEARN, "dense", "pruned", "csr", "pruned csr"]
    pairs = [(SKLEARN, form) for form in names[1:]]

    def row(d, n_units, dead, dtype, threads):
        X, estimators = forms(d, n_units, dtype, dead)
        expected = estimators[SKLEARN].predict_proba(X)
        for estimator in estimators.values():
            np.testing.assert_allclose(estimator.predict_proba(X), expected, atol=1e-5)
        candidates = {n: lambda _, e=e: seconds(e.predict, X) for n, e in estimators.items()}
        times = in_turn(candidates, 2 * options.repetitions + 1)
        shape = [f"{d} x {n_units}", f"{dead:.0%}", dtype, threads]
        return [*shape, *medians(times, names, 1e3, 1), *ratios(times, pairs)]

    cases = [(d, units, dead) for d, units in [(500, 200), (100, 100)] for dead in (0.7, 0.8, 0.9)]
    rows = [row(*case, *setting) for case in cases for setting in settings(options)]
    header = ["inputs x units", "dead", "dtype", "threads", *names, *over(pairs)]
    return "Prediction", header, rows


def imports(options):
    """`import` of the package in a fresh interpreter, whose own start does not count. Seconds."""

    def timed(module, _):
        code = f"import time; s = time.perf_counter(); import {module}; e = time.perf_counter()"
        return float(subprocess.check_output([sys.executable, "-c", f"{code}; print(e - s)"]))

    modules = {OURS: "skreg_mlp", SKLEARN: "sklearn.neural_network"}
    candidates = {name: partial(timed, module) for name, module in modules.items()}
    times = in_turn(candidates, options.repetitions)
    row = [*medians(times, modules, 1, 3), *ratios(times, [PAIR])]
    return "Import", [*modules, *over([PAIR])], [row]


def _resident(field):
    """A field of this process's memory in MB."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(rf"{field}:\s+(\d+) kB", status)[1]) / 1024


def peak_growth(make, shape, dtype):
    """MB by which a fit, after a small one, raises the peak of resident memory."""
    warnings.simplefilter("ignore")
    X, y = data(*shape[:3], dtype, *shape[3:])
    with threadpool_limits(1):
        make().fit(X[:BATCH], y[:BATCH])
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
        before = _resident("VmRSS")
        make().fit(X, y)
        return _resident("VmHWM") - before


def memory(options):
    """MB by which a fit with 100 hidden units raises the peak of resident memory. Linux only.

    Each in a fresh process, with X in memory and after a small fit. One epoch of adam; one
    iteration of lbfgs. With the first of the dtypes.
    """
    shapes = [(100_000, 100, 2), (20_000, 784, 10), (20_000, 5000, 2, 0.01)]
    dtype = np.dtype(options.dtypes[0])

    def fresh(*args):
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            return pool.submit(peak_growth, *args).result()

    def row(shape, solver):
        makes = {name: partial(model, solver=solver, max_iter=1) for name, model in MODELS.items()}
        grown = {name: fresh(make, shape, dtype) for name, make in makes.items()}
        X, _ = data(*shape[:3], dtype, *shape[3:])
        size = sum(part.nbytes for part in ((X.data, X.indices) if sparse.issparse(X) else [X]))
        label = f"{shape[0]} x {shape[1]}{' CSR' if sparse.issparse(X) else ''}, {shape[2]}"
        cells = [*medians(grown, MODELS, 1, 1), *ratios(grown, [PAIR])]
        return [label, dtype, solver, f"{size / 2**20:.1f}", *cells]

    header = ["rows x features, classes", "dtype", "solver", "X", *MODELS, *over([PAIR])]
    cases = [(shape, solver) for shape in shapes for solver in ("adam", "lbfgs")]
    rows = [row(*case) for case in cases] if sys.platform == "linux" else []
    return "Memory", header, rows
