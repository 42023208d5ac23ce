"""False discoveries and power of KnockoffSelection, beside linear knockoffs and DeepPINK.

20 of 100 columns matter: y = f + noise of 0.2 sd, f of mean 0 and sd 1 being a teacher of random
columns, as in planted_truths.py: linear, additive (sine, square, absolute value, line), product
(pairs), xor (products of signs and products, in pairs; 1000 rows only). The columns are standard
normal, independent ("0") or of correlation 0.5 ("0.5"). In "mixed" they are normal with correlation
0.5, and then every third is cut into 0 and 1, every third into counts; the teacher is linear in the
standardized columns.

ours: one setting for all designs, a network of 100 units under "group_log_sum" with four ramps for
each column, knockoff+ (the default), and a rate of 0.01, as `regularization_path` recommends. No
design was used to choose anything but the number of ramps: 16, 8, 6, 4, 2 and 0 were tried on two
runs of other seeds each. hidimstat: ModelXKnockoff with its defaults, a lasso chosen by
cross-validation; version 0.4 subtracts the coefficients of a pair with their signs, under which no
negative effect is ever found: here their absolute values, as in the paper of 2018.
deeppink: knockpy's KnockoffFilter with its defaults and fstat="deeppink"; linear, additive and
product at 1000 rows. All get the same data, and are judged by the same threshold of knockoff+ on
their statistics.

"fdr" is the mean share of false features among those selected, with its standard error, "power"
the mean share of the true ones that are selected; both at q = 0.1 and q = 0.2. A star marks a rate
above q + 3 standard errors. Seconds are CPU seconds of one run on one thread.

    python benchmarks/knockoffs.py > benchmarks/knockoffs.txt

Each result is appended to knockoffs.jsonl at once, ten runs of every design after ten. A run that
was cut short goes on where it was; `--report` prints the results so far. Needs hidimstat and
knockpy, and skips what is not installed.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
from _data import TEACHERS
from _report import machine, table
from threadpoolctl import threadpool_limits

from skreg_mlp import KnockoffSelection, RegularizedMLPRegressor, TableEncoder
from skreg_mlp.selection._knockoffs import knockoff_threshold

RESULTS = Path(__file__).with_suffix(".jsonl")
N_COLUMNS, N_TRUE, NOISE, RATES = 100, 20, 0.2, (0.1, 0.2)
DESIGNS = {  # teacher, rows, correlation or "mixed"
    f"{teacher}-{n}-{kind}": (teacher, n, kind)
    for teacher in ("linear", "additive", "product", "xor")
    for n in (500, 1000)
    for kind in ("0", "0.5")
    if teacher != "xor" or n == 1000
}
DESIGNS |= {f"linear-{n}-mixed": ("linear", n, "mixed") for n in (500, 1000)}
DEEP = ["linear-1000-0", "additive-1000-0", "product-1000-0"]
RUNS = {"ours": 500, "hidimstat": 500, "deeppink": 50}
BLOCK = 10


def data(design, run):
    """X, y, and which columns matter."""
    teacher, n, kind = DESIGNS[design]
    rng = np.random.default_rng(run)
    common = 0.0 if kind == "0" else 0.5
    X = np.sqrt(1 - common) * rng.standard_normal((n, N_COLUMNS))
    X += np.sqrt(common) * rng.standard_normal((n, 1))
    if kind == "mixed":
        X[:, ::3] = X[:, ::3] > 0.5
        X[:, 1::3] = np.floor(np.exp(X[:, 1::3]))
        X = (X - X.mean(axis=0)) / X.std(axis=0)
    columns = rng.permutation(N_COLUMNS)[:N_TRUE]
    f = TEACHERS[teacher](X[:, columns], rng)
    y = (f - f.mean()) / f.std() + NOISE * rng.standard_normal(n)
    return X, y, np.isin(np.arange(N_COLUMNS), columns)


def ours(X, y, run):
    mlp = RegularizedMLPRegressor(
        penalty="group_log_sum", encoder=TableEncoder(n_bins=4), learning_rate_init=0.01
    )
    return KnockoffSelection(mlp, random_state=run).fit(X, y).statistics_


def hidimstat(X, y, run):
    from hidimstat import ModelXKnockoff

    model = ModelXKnockoff(random_state=run)
    model.fit_importance(X, y)
    coefs = np.abs(np.ravel(model.estimators_[0].coef_))
    return coefs[:N_COLUMNS] - coefs[N_COLUMNS:]


def deeppink(X, y, run):
    import torch
    from knockpy.knockoff_filter import KnockoffFilter

    np.random.seed(run)  # noqa: NPY002, which is where it takes its randomness from
    torch.manual_seed(run)
    model = KnockoffFilter(ksampler="gaussian", fstat="deeppink")
    model.forward(X=X, y=y, fdr=RATES[0])
    return np.ravel(model.W)


METHODS = {"ours": ours, "hidimstat": hidimstat, "deeppink": deeppink}


def evaluate(method, design, run):
    """Rate of false features and power at each q."""
    X, y, true = data(design, run)
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        statistics = METHODS[method](X, y, run)
    record = {"seconds": round(time.process_time() - start, 3)}
    for q in RATES:
        found = statistics >= knockoff_threshold(statistics, q, offset=1)
        record[f"fdr{q}"] = float((found & ~true).sum() / max(found.sum(), 1))
        record[f"power{q}"] = float(found[true].mean())
    return record


def read():
    """The records of all runs, by method and design."""
    found = {}
    for line in RESULTS.read_text().splitlines() if RESULTS.exists() else []:
        record = json.loads(line)
        found.setdefault((record["method"], record["design"]), {})[record["run"]] = record
    return found


def measure(methods, designs, n_runs):
    done = read()
    for start in range(0, n_runs, BLOCK):
        for method in methods:
            for design in designs if method != "deeppink" else [d for d in designs if d in DEEP]:
                for run in range(start, min(start + BLOCK, RUNS[method], n_runs)):
                    if run in done.get((method, design), {}):
                        continue
                    try:
                        result = evaluate(method, design, run)
                    except ImportError as error:
                        print(f"skipped {method}: {error}", flush=True)
                        break
                    record = {"method": method, "design": design, "run": run} | result
                    with RESULTS.open("a") as file:
                        file.write(json.dumps(record) + "\n")


def report():
    results, rows = read(), []
    for (method, design), runs in sorted(results.items(), key=lambda item: item[0][::-1]):
        cells = [design, method, len(runs)]
        for q in RATES:
            rates = np.array([record[f"fdr{q}"] for record in runs.values()])
            error = rates.std(ddof=1) / np.sqrt(len(rates)) if len(rates) > 1 else np.nan
            star = "*" if rates.mean() > q + 3 * error else " "
            power = np.mean([record[f"power{q}"] for record in runs.values()])
            cells += [f"{rates.mean():.3f}{star}", f"{error:.3f}", f"{power:.2f}"]
        rows.append([*cells, f"{np.median([r['seconds'] for r in runs.values()]):.1f}"])
    header = [h for q in RATES for h in (f"fdr {q}", "+-", f"power {q}")]
    table(["design", "method", "runs", *header, "seconds"], rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--designs", nargs="+", choices=DESIGNS, default=list(DESIGNS))
    parser.add_argument("--runs", type=int, default=max(RUNS.values()), help="at most")
    parser.add_argument("--report", action="store_true", help="print the results, measure nothing")
    options = parser.parse_args()
    if not options.report:
        with threadpool_limits(1):
            print(machine(), flush=True)
            measure(options.methods, options.designs, options.runs)
    report()


if __name__ == "__main__":
    main()
