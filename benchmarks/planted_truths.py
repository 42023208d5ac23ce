"""Exact recovery of planted features: ours, with and without an encoder, and LassoNet.

Teachers on standard normal features with noise of 0.2 sd: linear, additive (sine, square, absolute
value, line), xor (products of signs and products, in pairs), product (pairs). All methods get the
same 80 % for training and 20 % for validation, one hidden layer of 30, one thread, and follow their
path from dense to sparse. "table" is ours with encoder="table", which makes up to 16 ramps of each
column; "ramps4" is ours with TableEncoder(n_bins=4). Chosen is the sparsest network whose
validation error is within 10 % of the least. "exact" counts runs whose chosen features are the
planted ones, "on path" runs in which some network on the path has exactly those; "+a -b": of the
pairs of ours and LassoNet, in a only ours is exact and in b only LassoNet. Seconds are CPU seconds
of one path; those of LassoNet are from an earlier run on another processor.

    python benchmarks/planted_truths.py --results runs.jsonl > benchmarks/planted_truths.txt
"""

import time
from functools import partial

import numpy as np
from _data import TEACHERS, planted
from _peers import by_method, lassonet_path, paired
from _report import machine, table
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from skreg_mlp import RegularizedMLPRegressor, TableEncoder, regularization_path

HIDDEN = (30,)
SHAPES = {  # (planted features, features, rows): seeds
    (10, 100, 200): 20,
    (10, 100, 500): 20,
    (10, 100, 1000): 20,
    (4, 40, 500): 10,
    (4, 40, 1000): 10,
}
CASES = {
    f"{teacher}-{s}of{d}-{n}": (teacher, n, d, s) for (s, d, n) in SHAPES for teacher in TEACHERS
}


def ours(X, y, X_val, y_val, seed, encoder=None):
    """Supports (n_networks, n_features) and validation errors along our path."""
    mlp = RegularizedMLPRegressor(
        HIDDEN,
        penalty="group_log_sum",
        learning_rate_init=0.02,
        max_iter=500,
        encoder=encoder,
        random_state=seed,
    )
    path = regularization_path(mlp, X, y, X_val=X_val, y_val=y_val)
    return path.selected_features, -path.validation_scores


def lassonet(X, y, X_val, y_val, seed):
    return lassonet_path("regression", X, y, X_val, y_val, hidden_dims=HIDDEN, seed=seed)


METHODS = {
    "ours": ours,
    "table": partial(ours, encoder="table"),
    "ramps4": partial(ours, encoder=TableEncoder(n_bins=4)),
    "lassonet": lassonet,
}


def choose(supports, errors):
    """The sparsest within 10 % of the least error; of equally sparse ones the best."""
    good = np.flatnonzero(errors <= 1.1 * errors.min())
    return good[np.lexsort([errors[good], supports[good].sum(axis=1)])[0]]


def evaluate(method, case, seed):
    X, y, truth = planted(*CASES[case], seed)
    X, X_val, y, y_val = train_test_split(X, y, test_size=0.2, random_state=seed)
    start = time.process_time()
    supports, errors = METHODS[method](X, y, X_val, y_val, seed)
    seconds = time.process_time() - start
    supports, errors = np.asarray(supports), np.asarray(errors)
    best = choose(supports, errors)
    return {
        "exact": bool((supports[best] == truth).all()),
        "on_path": bool((supports == truth).all(axis=1).any()),
        "missed": int((truth & ~supports[best]).sum()),
        "false": int((~truth & supports[best]).sum()),
        "support": np.flatnonzero(supports[best]).tolist(),
        "error": float(errors[best]),
        "networks": len(supports),
        "seconds": round(seconds, 3),
    }


def row(results, case):
    runs, _ = by_method(results, case, METHODS)
    _, pairs = by_method(results, case, ["ours", "lassonet"])
    cells = [case]
    for method in METHODS:
        n = len(runs[method])
        cells += [f"{sum(r[key] for r in runs[method])}/{n}" for key in ["exact", "on_path"]]
        cells.append(f"{np.median([r['seconds'] for r in runs[method]]):.1f}" if n else "-")
    gaps = [p["ours"]["exact"] - p["lassonet"]["exact"] for p in pairs]
    return [*cells, len(pairs), f"+{gaps.count(1)} -{gaps.count(-1)}"]


def main():
    with threadpool_limits(1):
        print(machine())
        seeds = {case: SHAPES[s, d, n] for case, (_, n, d, s) in CASES.items()}
        cases, results = paired(evaluate, seeds, list(METHODS), __doc__.splitlines()[0])
    header = [f"{m} {what}" for m in METHODS for what in ["exact", "on path", "seconds"]]
    table(["case", *header, "pairs", "only one exact"], [row(results, c) for c in cases])


if __name__ == "__main__":
    main()
