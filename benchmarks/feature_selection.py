"""At most k features by the path, judged by extra-trees: ours against LassoNet, paired splits.

A fifth of the rows is held out, anew with each split, stratified; features are standardised on the
rest, of which a tenth serves both methods as validation part. Each follows its path from dense to
sparse to the first network with at most k features; 50 extra-trees on those features, trained on
the four fifths, are tested on the held-out rows. Seconds are CPU seconds on one thread; LassoNet's
path is cut at that network. Those of the two methods are not of one run nor of one processor: for
times beside each other see speed.py.

Sets: digits (64 grey values), optdigits (64 counts), satimage (36 grey values), movement_libras (90
coordinates) and khan (2308 gene expressions) as their files give them; splice: 60 positions of DNA,
each as four indicators of A, C, G, T, so that a feature is one letter at one position. Repeated
rows of splice and movement_libras are kept.

    python benchmarks/feature_selection.py --results runs.jsonl > benchmarks/feature_selection.txt
"""

import time

import numpy as np
from _data import load
from _peers import by_method, lassonet_path, paired
from _report import machine, table
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skreg_mlp import PathSelection, RegularizedMLPClassifier

METHODS = ["ours", "lassonet"]
CASES = {  # k, splits
    "movement_libras": (15, 20),
    "khan": (50, 20),
    "digits": (15, 20),
    "splice": (10, 5),
    "optdigits": (15, 5),
    "satimage": (10, 5),
}


def ours(X, y, X_val, y_val, k, seed):
    mlp = RegularizedMLPClassifier(
        penalty="group_log_sum", learning_rate_init=0.01, random_state=seed
    )
    return PathSelection(mlp, max_features=k).fit(X, y).get_support()


def lassonet(X, y, X_val, y_val, k, seed):
    supports, _ = lassonet_path(
        "classification", X, y, X_val, y_val, hidden_dims=(100,), seed=seed, until=k
    )
    return supports[-1]


def evaluate(method, case, seed):
    k = CASES[case][0]
    X, y, _ = load(case)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.2, random_state=seed, stratify=y)
    scaler = StandardScaler().fit(X)
    X, X_test = scaler.transform(X), scaler.transform(X_test)
    part, X_val, y_part, y_val = train_test_split(
        X, y, test_size=0.1, random_state=seed, stratify=y
    )
    start = time.process_time()
    mask = np.asarray(globals()[method](part, y_part, X_val, y_val, k, seed))
    seconds = time.process_time() - start
    trees = ExtraTreesClassifier(50, random_state=seed).fit(X[:, mask], y)
    return {
        "accuracy": trees.score(X_test[:, mask], y_test),
        "features": np.flatnonzero(mask).tolist(),
        "seconds": round(seconds, 3),
    }


def row(results, case):
    runs, pairs = by_method(results, case, METHODS)
    cells = [case, CASES[case][0]]
    for method in METHODS:
        figures = [(len(r["features"]), r["accuracy"], r["seconds"]) for r in runs[method]]
        kept, accuracy, seconds = np.mean(figures, axis=0) if figures else [np.nan] * 3
        cells += [len(figures), f"{kept:.1f}", f"{accuracy:.4f}", f"{seconds:.1f}"]
    if len(pairs) < 2:
        return [*cells, *"--"]
    gaps = [p["ours"]["accuracy"] - p["lassonet"]["accuracy"] for p in pairs]
    error = np.std(gaps, ddof=1) / np.sqrt(len(gaps))
    return [*cells, f"{np.mean(gaps):+.4f}", f"{error:.4f}"]


def main():
    with threadpool_limits(1):
        print(machine())
        seeds = {case: splits for case, (_, splits) in CASES.items()}
        cases, results = paired(evaluate, seeds, METHODS, __doc__.splitlines()[0])
    header = [f"{m} {what}" for m in METHODS for what in ["runs", "kept", "accuracy", "seconds"]]
    table(["set", "k", *header, "difference", "+-"], [row(results, c) for c in cases])


if __name__ == "__main__":
    main()
