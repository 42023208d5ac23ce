"""Exactly the true columns: selection through the encoder on designs that others have published.

Two kinds of designs, one setting for each kind and nothing tuned to a design. All networks have
penalty="group_log_sum", encoder="table" and otherwise the defaults; the run is the seed of the data
and of the network. Seconds are CPU seconds of one fit or path on one thread.

Regression: standard normal columns and noise N(0, 1) on
    pairs-n   10 abs(x2 - x1) - 10 abs(x4 - x3), n rows
    sum-s     10 abs(x2 - x1) + 10 abs(x4 - x3) + ... over s columns, 500 rows; s = 0 is noise alone
Of 50 columns RegularizedMLPRegressorCV selects some. "exact" is the share of runs in which they are
the true ones; "missed" and "false" are mean numbers of columns. "published" is HarderLASSO (arXiv
2411.17180), with 500 runs of pairs and 200 of sum. The rule is selection="min", the default: on
five other seeds for each design "1se" was no better.

Classification: 1000 rows of m uniform columns, the class being whether a point lies on a ring, in
two opposite quarters (xor), or in any of several such sets. Features are ranked by the last alpha
at which they are alive on the path of RegularizedMLPClassifier, with the rate of 0.01 that
regularization_path recommends; those with the same last alpha by their importance there. The figure
is the share of the k true columns among the best k. The others' figures are those of Passemiers et
al., means over up to 2048 columns.

"aim" is what we ask of ourselves.

    python benchmarks/exact_selection.py > benchmarks/exact_selection.txt

Each result is appended to exact_selection.jsonl at once, ten runs of every design before the
others. A run that was cut short goes on where it was; `--redo` repeats what was chosen. `--report`
prints the results so far. The designs pairs-400 and pairs-500 run where `--designs` names them.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
from _report import machine, table
from threadpoolctl import threadpool_limits

from skreg_mlp import RegularizedMLPClassifier, RegularizedMLPRegressorCV, regularization_path

RESULTS = Path(__file__).with_suffix(".jsonl")
OURS = dict(penalty="group_log_sum", encoder="table")
N_COLUMNS = 50
REGRESSION = {  # rows, signs of the pairs; the probability published, our aim
    "pairs-200": (200, [1, -1], 0.21, 0.80),
    "pairs-300": (300, [1, -1], 0.72, 0.95),
    "sum-0": (500, [], 0.99, 0.95),
    "sum-4": (500, [1] * 2, 1.00, None),
    "sum-8": (500, [1] * 4, 1.00, 0.98),
    "sum-12": (500, [1] * 6, 0.66, 0.90),
    "sum-16": (500, [1] * 8, 0.02, 0.40),
    "pairs-400": (400, [1, -1], 0.94, None),
    "pairs-500": (500, [1, -1], 0.99, None),
}
CLASSIFICATION = {  # true columns; forest, LassoNet, mRMR, our aim
    "ring": (2, 1.00, 0.35, 1.00, 0.98),
    "xor": (2, 0.55, 0.82, 0.11, 0.85),
    "ring+xor": (4, 0.89, 0.45, 0.82, 0.92),
    "ring+xor+sum": (6, 0.85, 0.64, 0.75, 0.88),
}
WIDTHS = [16, 64, 256, 1024]
RUNS = dict.fromkeys(REGRESSION, 100)
RUNS |= {f"{name}-{m}": 10 for m in WIDTHS for name in CLASSIFICATION}
OPTIONAL = ["pairs-400", "pairs-500"]


def regression(design, run):
    """X, y of a design of abs of differences, and how many columns are true, the first ones."""
    rng = np.random.default_rng(run)
    n, signs, *_ = REGRESSION[design]
    X = rng.standard_normal((n, N_COLUMNS))
    k = 2 * len(signs)
    return X, 10 * np.abs(X[:, 1:k:2] - X[:, 0:k:2]) @ signs + rng.standard_normal(n), k


def classification(name, m, run):
    """X, y of a design on the unit cube, and how many columns are true, the first ones."""
    rng = np.random.default_rng(run)
    X = rng.uniform(size=(1000, m))
    x = X.T - 0.5
    ring = np.abs(np.hypot(x[0], x[1]) - 0.35)
    if name == "ring":
        y = ring <= 0.1151
    elif name == "xor":
        y = -x[0] * x[1] >= 0
    elif name == "ring+xor":
        y = (ring <= 0.0704) | (-x[2] * x[3] >= 0.0337)
    else:
        total = X[:, 4] + X[:, 5] + rng.normal(scale=0.2, size=len(X))
        y = (ring <= 0.0479) | (-x[2] * x[3] >= 0.0598) | (total >= 1.4074)
    return X, y.astype(int), CLASSIFICATION[name][0]


def select(X, y, run):
    mlp = RegularizedMLPRegressorCV(**OURS, random_state=run).fit(X, y)
    return np.flatnonzero(mlp.selected_features_)


def ranking(X, y, run):
    """Columns from the last to die to the first; what was never alive is left out."""
    mlp = RegularizedMLPClassifier(**OURS, learning_rate_init=0.01, random_state=run)
    path = regularization_path(mlp, X, y)
    alive = path.selected_features
    last = np.where(alive.any(axis=0), len(path) - 1 - np.argmax(alive[::-1], axis=0), -1)
    norms = np.array([path.to_estimator(i).feature_importances_ for i in range(len(path))])
    order = np.lexsort([-norms[last, np.arange(len(last))], -last])
    return order[last[order] >= 0]


def evaluate(design, run):
    """The columns selected, or the best k."""
    if design in REGRESSION:
        X, y, k = regression(design, run)
    else:
        name, m = design.rsplit("-", 1)
        X, y, k = classification(name, int(m), run)
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an empty network, the right one for noise
        selected = select(X, y, run) if design in REGRESSION else ranking(X, y, run)[:k]
    return {"selected": selected.tolist(), "seconds": round(time.process_time() - start, 3)}


def read():
    """The latest record of each (design, run)."""
    lines = RESULTS.read_text().splitlines() if RESULTS.exists() else []
    records = map(json.loads, lines)
    return {(record["design"], record["run"]): record for record in records}


def measure(designs, n_runs, redo):
    """Run what is missing, ten runs of every design before the others."""
    done = {} if redo else read()
    for block in [range(10), range(10, max(RUNS.values()))]:
        for design in designs:
            for run in block[: max(min(n_runs, RUNS[design]) - block.start, 0)]:
                if (design, run) not in done:
                    record = {"design": design, "run": run} | evaluate(design, run)
                    with RESULTS.open("a") as file:
                        file.write(json.dumps(record) + "\n")


def of_design(results, design):
    """Columns selected in each run, and the seconds."""
    records = [record for (name, _), record in results.items() if name == design]
    return [set(record["selected"]) for record in records], [r["seconds"] for r in records]


def figure(value):
    return "-" if value is None or np.isnan(value) else f"{value:.2f}"


def exact(results, design):
    """The row of a regression design."""
    _, signs, published, aim = REGRESSION[design]
    true = set(range(2 * len(signs)))
    found, seconds = of_design(results, design)
    sizes = [(of == true, len(true - of), len(of - true)) for of in found]
    means = np.mean(sizes, axis=0)
    ours, missed, false = map(figure, means)
    cells = [design, len(found), ours, figure(published), figure(aim), missed, false]
    return [*cells, f"{np.median(seconds):.1f}"]


def shares(results, name):
    """The row of a classification design: shares at each number of columns, and their mean."""
    k, *others = CLASSIFICATION[name]
    true, means, n_runs, total = set(range(k)), [], [], 0
    for m in WIDTHS:
        found, seconds = of_design(results, f"{name}-{m}")
        n_runs.append(len(found))
        means.append(np.mean([len(of & true) / k for of in found]) if found else np.nan)
        total += sum(seconds)
    cells = [name, "/".join(map(str, n_runs)), *map(figure, [*means, np.mean(means), *others])]
    return [*cells, f"{total / max(sum(n_runs), 1):.1f}"]


def report():
    results = read()
    measured = [design for design in REGRESSION if any(name == design for name, _ in results)]
    print("\nprobability that exactly the true columns are selected")
    header = ["design", "runs", "exact", "published", "aim", "missed", "false", "seconds"]
    table(header, [exact(results, design) for design in measured])
    print("\nshare of the true columns among the best k, by number of columns")
    header = ["design", "runs", *WIDTHS, "mean", "forest", "LassoNet", "mRMR", "aim", "seconds"]
    table(header, [shares(results, name) for name in CLASSIFICATION])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = [design for design in RUNS if design not in OPTIONAL]
    parser.add_argument("--designs", nargs="+", choices=RUNS, default=default, metavar="DESIGN")
    parser.add_argument("--runs", type=int, default=max(RUNS.values()), help="at most, per design")
    parser.add_argument("--redo", action="store_true", help="repeat what has been measured")
    parser.add_argument("--report", action="store_true", help="print the results, measure nothing")
    options = parser.parse_args()
    if not options.report:
        with threadpool_limits(1):
            print(machine(), flush=True)
            measure(options.designs, options.runs, options.redo)
    report()


if __name__ == "__main__":
    main()
