"""False discoveries and power of KnockoffSelection, beside a lasso, hidimstat and DeepPINK.

20 of 100 columns matter: y = f + noise of 0.2 sd, f of mean 0 and sd 1 being a teacher of random
columns, as in planted_truths.py: linear, additive (sine, square, absolute value, line), product
(pairs), xor (products of signs and products, in pairs; 1000 rows only). The columns are standard
normal, independent ("0") or of correlation 0.5 ("0.5"). In "mixed" they are normal with correlation
0.5, and then every third is cut into 0 and 1, every third into counts; the teacher is linear in the
standardized columns.

ours: one setting for all designs, a network of 100 units under "group_log_sum" with four ramps for
each column, knockoff+ (the default), and a rate of 0.01, as `regularization_path` recommends. No
design was used to choose anything but the number of ramps: 16, 8, 6, 4, 2 and 0 were tried on two
runs of other seeds each. linear: the same without hidden layer and encoder, under "l1", on linear
designs. lasso: the difference of the absolute coefficients of a LassoCV on the
columns and our Gaussian knockoffs. hidimstat: ModelXKnockoff with its defaults, such a LassoCV on
the Gaussian knockoffs of its version 0.4, which have a correlation of 1.00 with their columns where
these are independent, and of .93 at 0.5, so that a column and its copy win in turns.
deeppink: knockpy's KnockoffFilter with its defaults and fstat="deeppink"; linear, additive and
product at 1000 rows. All get the same data, and are judged by the same threshold of knockoff+ on
their statistics.

"fdr" is the mean share of false features among those selected, with its standard error, "power"
the mean share of the true ones that are selected; both at q = 0.1 and q = 0.2. A star marks a rate
above q + 3 standard errors. Seconds are CPU seconds of one run on one thread.

    python benchmarks/knockoffs.py --results benchmarks/knockoffs.jsonl > benchmarks/knockoffs.txt

`--methods`, `--cases` and `--seeds` choose. Needs hidimstat, and knockpy installed without its
dependencies but with cvxpy.
"""

import time
import warnings

import numpy as np
from _data import TEACHERS
from _peers import by_method, paired
from _report import machine, table
from sklearn.linear_model import LassoCV
from threadpoolctl import threadpool_limits

from skreg_mlp import KnockoffSelection, RegularizedMLPRegressor, TableEncoder
from skreg_mlp.selection._gaussian import gaussian_knockoffs
from skreg_mlp.selection._knockoffs import knockoff_threshold

N_COLUMNS, N_TRUE, NOISE, RATES = 100, 20, 0.2, (0.1, 0.2)
DESIGNS = {  # teacher, rows, correlation or "mixed"
    f"{teacher}-{n}-{kind}": (teacher, n, kind)
    for teacher in ("linear", "additive", "product", "xor")
    for n in (500, 1000)
    for kind in ("0", "0.5")
    if teacher != "xor" or n == 1000
}
DESIGNS |= {f"linear-{n}-mixed": ("linear", n, "mixed") for n in (500, 1000)}
RUNS = 500  # of ours and of the lasso; hidimstat and deeppink get fewer, by `--seeds`


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


def linear(X, y, run):
    mlp = RegularizedMLPRegressor((), penalty="l1")
    return KnockoffSelection(mlp, random_state=run).fit(X, y).statistics_


def lasso(X, y, run):
    knockoffs = gaussian_knockoffs(X, np.full(N_COLUMNS, True), np.random.default_rng(run))
    coef = np.abs(LassoCV().fit(np.hstack([X, knockoffs]), y).coef_)
    return coef[:N_COLUMNS] - coef[N_COLUMNS:]


def hidimstat(X, y, run):
    from hidimstat import ModelXKnockoff

    model = ModelXKnockoff(random_state=run)
    return np.ravel(model.fit_importance(X, y))


def deeppink(X, y, run):
    import torch
    from knockpy.knockoff_filter import KnockoffFilter

    np.random.seed(run)  # noqa: NPY002, which is where it takes its randomness from
    torch.manual_seed(run)
    model = KnockoffFilter(ksampler="gaussian", fstat="deeppink")
    model.forward(X=X, y=y, fdr=RATES[0])
    return np.ravel(model.W)


METHODS = {
    "ours": ours,
    "linear": linear,
    "lasso": lasso,
    "hidimstat": hidimstat,
    "deeppink": deeppink,
}


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


def row(records, design, method):
    """The row of a method on a design."""
    cells = [design, method, len(records)]
    for q in RATES:
        rates = np.array([record[f"fdr{q}"] for record in records])
        error = rates.std(ddof=1) / np.sqrt(len(rates)) if len(rates) > 1 else np.nan
        star = "*" if rates.mean() > q + 3 * error else " "
        power = np.mean([record[f"power{q}"] for record in records])
        cells += [f"{rates.mean():.3f}{star}", f"{error:.3f}", f"{power:.2f}"]
    return [*cells, f"{np.median([record['seconds'] for record in records]):.1f}"]


def main():
    with threadpool_limits(1):
        print(machine())
        seeds = dict.fromkeys(DESIGNS, RUNS)
        _, results = paired(evaluate, seeds, list(METHODS), __doc__.splitlines()[0])
    rows = []
    for design in DESIGNS:
        for method, records in by_method(results, design, METHODS)[0].items():
            rows += [row(records, design, method)] if records else []
    header = [h for q in RATES for h in (f"fdr {q}", "+-", f"power {q}")]
    table(["design", "method", "runs", *header, "seconds"], rows)


if __name__ == "__main__":
    main()
