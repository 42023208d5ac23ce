"""Real tables: ours against boosted trees, dense networks and linear models.

The sets and how they were chosen are in _tables_data.py, the candidates in _tables_peers.py; ours
and the peers run with the defaults except where it says otherwise. A quarter of the rows is held
out, by three seeds, stratified by class. Measured on those rows: log-loss in classification (lower
is better), R2 in regression (higher is better). Seconds are CPU seconds of fit and predict in one
process on one thread, preprocessing and every search for a parameter included. "weights" is the
share of our weights that are not zero; "zigzag" is the sum of the absolute changes of the training
loss along our path over its rise (1: it only rises), in the median of all runs and at worst;
"stationarity" is the median of that of the networks of a path.

    python benchmarks/tables.py > benchmarks/tables.txt

Each result is appended to tables.jsonl at once. A run that was cut short goes on where it was; a
result whose settings have changed is made anew. Versions of packages are recorded, but do not
count as settings: `--redo` repeats what was chosen. `--list` prints the sets, `--report` the
results so far. Needs the extra bench, and ISLP without its dependencies.
"""

import argparse
import json
import time
import warnings
from importlib.metadata import distributions
from pathlib import Path

import numpy as np
from _report import machine, table
from _tables_data import CLASS, MAX_ROWS, TABLES, describe, load
from _tables_peers import CANDIDATES, OURS, fingerprint, fit_predict, settings
from sklearn.metrics import log_loss, r2_score
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

PACKAGES = ["skreg_mlp", "numpy", "scikit-learn", "lightgbm", "pytabkit", "torch"]
SPLITS = [0, 1, 2]
TEST_SIZE = 0.25
RESULTS = Path(__file__).with_suffix(".jsonl")


def split_rows(X, y, task, seed):
    stratify = y if task == CLASS else None
    return train_test_split(X, y, test_size=TEST_SIZE, random_state=seed, stratify=stratify)


def evaluate(name, X, y, split, candidate):
    task = TABLES[name].task
    X_train, X_test, y_train, y_test = split_rows(X, y, task, split)
    start = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            predicted, size = fit_predict(candidate, task, X_train, y_train, X_test)
    except Exception as error:  # recorded, and tried again by the next run
        return {"error": f"{type(error).__name__}: {error}"[:300]}
    seconds = time.process_time() - start
    if task == CLASS:
        score = log_loss(y_test, predicted, labels=np.unique(y))
    else:
        score = r2_score(y_test, predicted)
    return {"score": float(score), "seconds": round(seconds, 3), **size}


def available(candidates):
    """Settings of the candidates that can be made, by candidate and task; names the others."""
    found = {}
    for candidate in candidates:
        try:
            tasks = {table.task for table in TABLES.values()}
            found[candidate] = {task: settings(candidate, task) for task in tasks}
        except (ImportError, AttributeError, TypeError) as error:
            print(f"skipped candidate {candidate}: {error}", flush=True)
    return found


def loaded(names):
    """The sets whose package is installed; names the others."""
    sets = {}
    for name in names:
        try:
            sets[name] = load(name)
        except ImportError as error:
            print(f"skipped set {name}: {error}", flush=True)
    return sets


def read():
    """The latest record of each (set, split, candidate)."""
    lines = RESULTS.read_text().splitlines() if RESULTS.exists() else []
    records = map(json.loads, lines)
    return {(record["set"], record["split"], record["candidate"]): record for record in records}


def run(sets, candidates, splits, redo):
    """Measure what is missing, all sets of a split before the next split."""
    candidates, sets, done = available(candidates), loaded(sets), read()
    installed = {package.name: package.version for package in distributions()}
    versions = {name: installed[name] for name in PACKAGES if name in installed}
    for split in splits:
        for name, (X, y) in sets.items():
            for candidate, settings_of in candidates.items():
                entry = TABLES[name]
                mark = fingerprint(settings_of[entry.task], entry, len(y), MAX_ROWS, TEST_SIZE)
                old = done.get((name, split, candidate), {})
                if old.get("settings") == mark and "error" not in old and not redo:
                    continue
                record = {"set": name, "split": split, "candidate": candidate, "settings": mark}
                record |= evaluate(name, X, y, split, candidate) | {"versions": versions}
                with RESULTS.open("a") as file:
                    file.write(json.dumps(record) + "\n")


def values(results, name, candidate, key):
    """One value for each split that has it."""
    records = {split: results.get((name, split, candidate), {}) for split in SPLITS}
    return {split: record[key] for split, record in records.items() if key in record}


def median(numbers, form):
    return format(np.median(list(numbers)), form) if len(numbers) else "-"


def scores(results, task, candidates):
    """Medians over the splits; a star tells that some splits are missing."""
    rows, measured = [], {name for name, _, _ in results}
    for name in [name for name in TABLES if name in measured and TABLES[name].task == task]:
        found = [values(results, name, candidate, "score") for candidate in candidates]
        stars = ["*" if 0 < len(runs) < len(SPLITS) else " " for runs in found]
        rows.append([name, *(median(runs.values(), ".4f") + s for runs, s in zip(found, stars))])
    return rows


def totals(results, candidates):
    """Runs, failures and CPU minutes of each candidate."""
    rows = []
    for candidate in candidates:
        records = [r for (_, _, who), r in results.items() if who == candidate]
        seconds = [r["seconds"] for r in records if "seconds" in r]
        errors = sum("error" in r for r in records)
        rows.append([candidate, len(seconds), errors, f"{sum(seconds) / 60:.1f}"])
    return rows


def pair(results, one, other):
    """Sets on which `one` is ahead in the median of the splits that both have, and its costs."""
    ahead, ratios = {CLASS: [], "regression": []}, []
    for name, entry in TABLES.items():
        sign = -1 if entry.task == CLASS else 1
        a, b = (values(results, name, candidate, "score") for candidate in (one, other))
        both = sorted(a.keys() & b.keys())
        if both:
            ahead[entry.task].append(np.median([sign * (a[s] - b[s]) for s in both]) > 0)
            s, t = (values(results, name, candidate, "seconds") for candidate in (one, other))
            ratios.append(np.median([t[split] / s[split] for split in both]))
    counts = [f"{sum(won)}/{len(won)}" for won in ahead.values()]
    won = [*ahead[CLASS], *ahead["regression"]]
    share = f"{np.mean(won):.0%}" if won else "-"
    return [one, other, share, *counts, median(ratios, ".3g")]


def report():
    """Print scores by set, then each of ours against each rival."""
    results = read()
    present = [c for c in CANDIDATES if any(who == c for _, _, who in results)]
    ours = [c for c in present if c in OURS]
    missing = TABLES.keys() - {name for name, _, _ in results}
    if missing:
        print("\nsets without results:", *sorted(missing))
    for task, measure in [(CLASS, "log-loss"), ("regression", "R2")]:
        print(f"\n{task}: {measure} on held-out rows, median of the splits (*: some missing)")
        table(["set", *present], scores(results, task, present))
    print()
    table(["candidate", "runs", "failed", "CPU minutes"], totals(results, present))
    if ours:
        print("\nsets on which ours is ahead; CPU seconds of the rival per second of ours")
        header = ["ours", "rival", "ahead", "classification", "regression", "times as fast"]
        table(header, [pair(results, one, c) for one in ours for c in present if c not in ours])
        print()
        header = ["ours", "weights", "selected columns", "zigzag", "worst", "stationarity"]
        table(header, [sizes(results, one) for one in ours])


def sizes(results, candidate):
    """Medians of the shares of weights and of columns that are left, and of figures of the path."""
    records = [r for (_, _, who), r in results.items() if who == candidate and "weights" in r]
    columns = [r["selected"] / r["columns"] for r in records]
    weights, zigzag, residual = (
        [r[k] for r in records if k in r] for k in ("weights", "zigzag", "stationarity")
    )
    shares = [median(weights, ".1%"), median(columns, ".1%")]
    worst = format(max(zigzag, default=np.nan), ".3f")
    return [candidate, *shares, median(zigzag, ".3f"), worst, median(residual, ".1e")]


def list_sets(names):
    header = ["set", "source", "rows", "columns", "classes", "missing", "categories", "levels"]
    table(header, [describe(name) for name in loaded(names)])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", choices=TABLES, default=list(TABLES))
    parser.add_argument("--candidates", nargs="+", choices=CANDIDATES, default=list(CANDIDATES))
    parser.add_argument("--splits", nargs="+", type=int, choices=SPLITS, default=SPLITS)
    parser.add_argument("--redo", action="store_true", help="repeat what has been measured")
    parser.add_argument("--list", action="store_true", help="print the sets, measure nothing")
    parser.add_argument("--report", action="store_true", help="print the results, measure nothing")
    options = parser.parse_args()
    if options.list:
        return list_sets(options.sets)
    if not options.report:
        with threadpool_limits(1):
            print(machine(), flush=True)
            run(options.sets, options.candidates, options.splits, options.redo)
    report()


if __name__ == "__main__":
    main()
