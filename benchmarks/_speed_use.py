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
from sklearn.utils.validation import validate_data
from threadpoolctl import threadpool_limits

from skreg_mlp import RegularizedMLPClassifier, RegularizedMLPRegressor

PAIR = (SKLEARN, OURS)
MODELS = {OURS: RegularizedMLPClassifier, SKLEARN: MLPClassifier}
CALLS = 50  # of `predict` on a single row: the time of one is that of all, divided


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


def scattered(d, hidden, dtype, share):
    """X, and one network as `to_sparse` stores it and dense, a share of its weights being zero.

    The last matrix keeps its weights.
    """
    rng = np.random.default_rng(0)
    X, y = data(10_000, d, 2, dtype)
    dense = RegularizedMLPClassifier(hidden, max_iter=1).fit(X[:BATCH], y[:BATCH])
    for W in dense.coefs_[:-1]:
        W *= rng.random(W.shape) >= share
    return X, dense.to_sparse(), dense


def per_call(function, *args):
    return seconds(lambda: [function(*args) for _ in range(CALLS)]) / CALLS


def weights(options):
    """`predict` from what `to_sparse` stores over `predict` from dense weights.

    A share of the weights of all matrices but the last is zero, at random. "CSR" says how many of
    the matrices `to_sparse` stores in CSR arrays. Times of dense weights in milliseconds.
    """

    def row(d, hidden, share, dtype, threads):
        X, stored, dense = scattered(d, hidden, dtype, share)
        np.testing.assert_allclose(stored.predict_proba(X), dense.predict_proba(X), atol=1e-5)
        cells = []
        for rows, clock in ((X[:1], per_call), (X, seconds)):
            candidates = {
                name: lambda _, e=e, rows=rows, clock=clock: clock(e.predict, rows)
                for name, e in (("stored", stored), ("dense", dense))
            }
            times = in_turn(candidates, 2 * options.repetitions + 1)
            cells += [*medians(times, ["dense"], 1e3, 2), *ratios(times, [("stored", "dense")])]
        n_csr = sum(map(sparse.issparse, stored.coefs_))
        name = f"{d} x {'x'.join(map(str, hidden))}"
        return [name, f"{share:.1%}", n_csr, dtype, threads, *cells]

    shapes = [(500, (200,)), (100, (100,)), (1000, (300, 100))]
    shares = [0, 0.5, 0.8, 0.9, 0.95, 0.999]
    cases = [(*shape, share) for shape in shapes for share in shares]
    rows = [row(*case, *setting) for case in cases for setting in settings(options)]
    columns = [f"{n}: {what}" for n in ("1 row", "10,000 rows") for what in ("dense", "ratio")]
    return "Zeros", ["inputs x units", "zeros", "CSR", "dtype", "threads", *columns], rows


def single_rows(options):
    """`predict` on one row, in microseconds above scikit-learn's own validation of that row.

    50 inputs and 100 units; half of inputs and units are dead. Forms are those of "Prediction";
    "CSR by hand" has CSR arrays of all weights in ``coefs_``.
    """
    names = ["validation", "dense", "pruned", "csr", "CSR by hand"]

    def validated(estimator, row):
        kinds = dict(dtype=(np.float64, np.float32), accept_sparse="csr", ensure_all_finite=False)
        validate_data(estimator, row, reset=False, **kinds)

    def row(model, dtype, threads):
        X, y = data(BATCH, 50, 2, dtype)
        dense = model((100,), max_iter=1).fit(X, y)
        dense.coefs_[0][::2] = dense.coefs_[0][:, ::2] = dense.coefs_[1][::2] = 0
        by_hand = dense.to_dense()
        by_hand.coefs_ = [sparse.csr_array(W) for W in dense.coefs_]
        estimators = dict(zip(names[1:], (dense, dense.prune(), dense.to_sparse(), by_hand)))
        candidates = {n: lambda _, e=e: per_call(e.predict, X[:1]) for n, e in estimators.items()}
        candidates["validation"] = lambda _: per_call(validated, dense, X[:1])
        times = in_turn(candidates, 4 * options.repetitions + 1)
        above = {n: np.subtract(times[n], times["validation"]) for n in estimators}
        above["validation"] = times["validation"]
        return [model.__name__, dtype, threads, *medians(above, names, 1e6)]

    models = (RegularizedMLPClassifier, RegularizedMLPRegressor)
    rows = [row(model, *setting) for model in models for setting in settings(options)]
    return "Single rows", ["estimator", "dtype", "threads", *names], rows


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
    shapes = [
        (100_000, 100, 2), (20_000, 784, 10), (1_000_000, 20, 2), (20_000, 5000, 2, 0.01)
    ]  # fmt: skip
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
