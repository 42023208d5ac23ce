"""Whether paths on wide tables stay on their track: 30 sets, three penalties, two rates.

A path goes from dense to empty, and on the way its training loss should not jump: a point is off
the track where its loss is more than 1.5 times the larger of its neighbors'. The number of non-zero
weights should fall. Every set has more columns than rows and three or more classes.

noise: standard normal columns that tell nothing of the class. linear, additive, xor, product: the
class is a quantile of a teacher of six columns and noise of 0.2 sd, as in planted_truths.py.
khan (83 x 2308) is a set of gene expressions; digits, splice and movement_libras are cut down to
fewer rows than they have columns. Columns are standardized.

Everything is at its default, but for the penalty and the rate: 0.001 is the default, 0.01 what
`regularization_path` recommends. Each cell has three figures: how many points are off the track;
the largest ratio of a loss to the larger of its neighbors', of all points whose loss is above a
thousandth of that of a constant prediction; the largest ratio of the number of weights to that at a
smaller alpha. The first should be 0, the last 1.

    python benchmarks/track.py > benchmarks/track.txt

`--encoder table` does the same through the encoder.
"""

import argparse
import warnings

import numpy as np
from _data import TEACHERS, load
from _report import machine, table
from joblib import Parallel, delayed
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skreg_mlp import RegularizedMLPClassifier, regularization_path

PENALTIES, RATES = ("l1", "group_l1", "group_log_sum"), (0.001, 0.01)
LIMIT, LEAST = 1.5, 1e-3  # of the ratio; of the losses asked, as a share of a constant's
SHAPES = {  # kind: (rows, columns, classes)
    "noise": [(400, 500, 3), (100, 500, 3), (60, 2000, 4), (200, 1000, 5), (300, 400, 10)],
    "linear": [(400, 500, 3), (100, 500, 3), (60, 2000, 4), (200, 1000, 5), (300, 400, 10)],
    "additive": [(400, 500, 3), (100, 500, 3), (60, 2000, 4), (200, 1000, 5), (300, 400, 10)],
    "xor": [(400, 500, 3), (100, 500, 3), (60, 2000, 4), (200, 1000, 5), (300, 400, 10)],
    "product": [(400, 500, 3), (200, 1000, 5), (300, 400, 10)],
    "khan": [(83, 2308, 4), (40, 2308, 4)],
    "digits": [(60, 64, 10), (30, 64, 10)],
    "splice": [(200, 240, 3), (100, 240, 3)],
    "movement_libras": [(80, 90, 15)],
}
CASES = [(kind, *shape) for kind, shapes in SHAPES.items() for shape in shapes]


def data(kind, n, p, n_classes):
    rng = np.random.default_rng(0)
    if kind in ("khan", "digits", "splice", "movement_libras"):
        X, y, _ = load(kind)
        rows = rng.permutation(len(X))[:n]
        X, y = X[rows], y[rows]
    else:
        X = rng.standard_normal((n, p))
        y = rng.standard_normal(n)
        if kind != "noise":
            f = TEACHERS[kind](X[:, :6], rng)
            y = (f - f.mean()) / f.std() + 0.2 * y
        y = np.searchsorted(np.quantile(y, np.arange(1, n_classes) / n_classes), y)
    return StandardScaler().fit_transform(X), y


def run(case, penalty, rate, encoder):
    """Points off the track, the worst ratio, the largest rise of the number of weights."""
    X, y = data(*case)
    mlp = RegularizedMLPClassifier(
        penalty=penalty, learning_rate_init=rate, encoder=encoder, random_state=0
    )
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        path = regularization_path(mlp, X, y)
    loss, weights = path.loss, path.n_nonzero
    null = -(np.bincount(y) / len(y) * np.log(np.bincount(y) / len(y))).sum()
    larger = np.maximum(loss[:-2], loss[2:])
    ratio = np.where(loss[1:-1] > LEAST * null, loss[1:-1] / np.maximum(larger, 1e-300), 0)
    least = np.minimum.accumulate(weights)
    return (ratio > LIMIT).sum(), ratio.max(), (weights / np.maximum(least, 1)).max()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", choices=["table"])
    encoder = parser.parse_args().encoder
    print(machine())
    settings = [(penalty, rate) for penalty in PENALTIES for rate in RATES]
    jobs = [delayed(run)(case, *s, encoder) for case in CASES for s in settings]
    results = iter(Parallel(n_jobs=2)(jobs))
    rows = []
    for case in CASES:
        cells = [next(results) for _ in settings]
        shape = f"{case[1]} x {case[2]}, {case[3]}"
        rows.append([case[0], shape, *(f"{o} {w:.2f} {m:.2f}" for o, w, m in cells)])
    table(["set", "shape, classes", *(f"{p} {r:g}" for p, r in settings)], rows)


if __name__ == "__main__":
    main()
