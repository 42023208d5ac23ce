"""Time of one training step against scikit-learn's, one BLAS thread, same data and dtype.

A step is one batch of 200 rows: gather, forward, loss, backward, Adam, penalty. It is timed through
the public estimators, as the difference between a long and a short fit over the number of extra
steps, the two packages in turn; the bare matrix products of the same shapes are the floor. Printed
are medians over repetitions, in microseconds, and the median of the paired ratios.

    python benchmarks/training_step.py > benchmarks/training_step.txt
"""

import time
import warnings
from itertools import pairwise

import numpy as np
from _report import machine, table
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from skreg_mlp import RegularizedMLPClassifier

BATCH, N_ROWS, REPETITIONS = 200, 4000, 5
SHAPES = [(20, (100,), 2), (50, (100,), 3), (784, (100,), 10), (784, (256, 128), 10)]
EPOCHS = {20: (2, 17), 50: (2, 17), 784: (1, 5)}


def data(d, n_classes, dtype):
    rng = np.random.default_rng(0)
    y = np.arange(N_ROWS) % n_classes
    return rng.standard_normal((N_ROWS, d)).astype(dtype), y


def step_time(make, X, y, epochs):
    """Seconds per step, from two fits that differ in nothing but the number of epochs."""
    seconds = []
    for max_iter in epochs:
        estimator = make(
            max_iter=max_iter, n_iter_no_change=10_000, batch_size=BATCH, random_state=0
        )
        start = time.perf_counter()
        estimator.fit(X, y)
        seconds.append(time.perf_counter() - start)
    extra_steps = (epochs[1] - epochs[0]) * N_ROWS / BATCH
    return (seconds[1] - seconds[0]) / extra_steps


def products_time(sizes, dtype):
    """Seconds for the matrix products of one step."""
    rng = np.random.default_rng(0)
    values = [rng.standard_normal((BATCH, size)).astype(dtype) for size in sizes]
    weights = [rng.standard_normal(shape).astype(dtype) for shape in pairwise(sizes)]
    gradients = [np.empty_like(W) for W in weights]
    n_steps = 50
    start = time.perf_counter()
    for _ in range(n_steps):
        for layer, W in enumerate(weights):
            np.dot(values[layer], W, out=values[layer + 1])
        for layer in reversed(range(len(weights))):
            np.dot(values[layer].T, values[layer + 1], out=gradients[layer])
            if layer:
                np.dot(values[layer + 1], weights[layer].T, out=values[layer])
        for value in values:  # keep the products from overflowing
            value.fill(1)
    return (time.perf_counter() - start) / n_steps


def compare(d, hidden, n_classes, dtype, penalty):
    X, y = data(d, n_classes, dtype)
    sizes = (d, *hidden, 1 if n_classes == 2 else n_classes)
    figures = []
    for _ in range(REPETITIONS):
        ours = step_time(
            lambda **kw: RegularizedMLPClassifier(hidden, penalty=penalty, **kw), X, y, EPOCHS[d]
        )
        theirs = step_time(lambda **kw: MLPClassifier(hidden, **kw), X, y, EPOCHS[d])
        figures.append((ours, theirs, products_time(sizes, dtype)))
    ours, theirs, floor = np.array(figures).T
    micro = [f"{1e6 * np.median(t):.0f}" for t in (theirs, ours, floor)]
    ratios = [f"{np.median(theirs / ours):.2f}", f"{np.median(ours / floor):.2f}"]
    name = f"{d}, {'x'.join(map(str, hidden))}, {n_classes}"
    return [name, np.dtype(dtype).name, penalty, *micro, *ratios]


def main():
    warnings.simplefilter("ignore", ConvergenceWarning)
    header = ["d, hidden, classes", "dtype", "penalty", "sklearn", "skreg_mlp", "products"]
    with threadpool_limits(1):
        print(machine())
        rows = [
            compare(*shape, dtype, penalty)
            for shape in SHAPES
            for dtype in (np.float32, np.float64)
            for penalty in ("l2", "l1", "group_l1")
        ]
    table([*header, "sklearn/skreg_mlp", "skreg_mlp/products"], rows)


if __name__ == "__main__":
    main()
