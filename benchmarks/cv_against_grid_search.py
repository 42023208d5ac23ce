"""Our cross-validated path against GridSearchCV over scikit-learn's MLP, six real data sets.

A quarter of the rows is held out for the test. The grid search tunes 20 alphas by 5-fold
cross-validated log-loss or R2; ours gets the same folds and the same two processes (its scaler sees
all training rows, the grid search's those of a fold). Regression targets are standardised for
both. Two sets have more features than training rows: khan (2308 genes, 62 rows) and hitters_pairs
(206 columns with the pairwise products, 197 rows). Printed: test log-loss or R2, wall seconds
to fit, share of the weights that ours keeps.

    python benchmarks/cv_against_grid_search.py > benchmarks/cv_against_grid_search.txt
"""

import argparse
import time
import warnings
from importlib import import_module

import numpy as np
from _data import load
from _report import machine, table
from joblib import Parallel, delayed
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss, r2_score
from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold, train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from skreg_mlp import RegularizedMLPClassifierCV, RegularizedMLPRegressorCV

SETS = ["khan", "digits", "oj", "hitters_pairs", "diabetes", "college"]
METHODS = ["theirs", "ours"]


def theirs(kind, folds):
    classes = kind == "classification"
    model = (MLPClassifier if classes else MLPRegressor)(random_state=0)
    return GridSearchCV(
        make_pipeline(StandardScaler(), model),
        {f"{type(model).__name__.lower()}__alpha": np.logspace(-6, 2, 20)},
        cv=folds,
        scoring="neg_log_loss" if classes else "r2",
        n_jobs=2,
    )


def ours(kind, folds):
    """Our CV estimator behind a scaler, tuned on `folds` by two processes."""
    model = RegularizedMLPClassifierCV if kind == "classification" else RegularizedMLPRegressorCV
    return make_pipeline(StandardScaler(), model(cv=folds, n_jobs=2, random_state=0))


def weights_kept(model):
    """Share of non-zero weights of our fitted pipeline."""
    coefs = model[-1].coefs_
    return sum(np.count_nonzero(W) for W in coefs) / sum(W.size for W in coefs)


def warm_up():
    """Start both worker processes and let each import what a fit imports."""

    def busy():
        import_module("skreg_mlp"), import_module("sklearn.neural_network")
        time.sleep(1)  # so that neither takes the other's task

    Parallel(n_jobs=2)(delayed(busy)() for _ in range(2))


def evaluate(method, X, y, kind):
    """Test score and seconds of one method, and its fitted model."""
    classes = kind == "classification"
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=0.25, random_state=0, stratify=y if classes else None
    )
    folds = (StratifiedKFold if classes else KFold)(5, shuffle=True, random_state=0)
    model = globals()[method](kind, folds)
    if not classes:
        model = TransformedTargetRegressor(model, transformer=StandardScaler())
    warm_up()
    start = time.perf_counter()
    model.fit(X, y)
    seconds = time.perf_counter() - start
    if classes:
        return log_loss(y_test, model.predict_proba(X_test)), seconds, model
    return r2_score(y_test, model.predict(X_test)), seconds, model.regressor_


def compare(name, methods):
    """One line of the table, seconds of both, and whether ours wins."""
    X, y, kind = load(name)
    measure, sign = ("log-loss", -1) if kind == "classification" else ("R2", 1)
    cells, scores, seconds = [name, f"{X.shape[0]} x {X.shape[1]}", measure], [], []
    for method in methods:
        score, elapsed, model = evaluate(method, X, y, kind)
        scores.append(sign * score)
        seconds.append(elapsed)
        cells += [f"{score:.4f}", f"{elapsed:.1f}"]
    if methods == METHODS:
        winner = METHODS[int(np.argmax(scores))]
        cells += [f"{seconds[0] / seconds[1]:.1f}", f"{weights_kept(model):.1%}", winner]
    return cells, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    parser.add_argument("--only", choices=METHODS, help="run one side alone")
    options = parser.parse_args()
    methods = [options.only] if options.only else METHODS
    warnings.simplefilter("ignore", ConvergenceWarning)
    with threadpool_limits(1):
        print(machine())
        rows, seconds = zip(*(compare(name, methods) for name in options.sets))
    total = np.sum(seconds, axis=0)
    last = ["total", "", ""] + [cell for s in total for cell in ("", f"{s:.1f}")]
    header = [
        "set",
        "rows x columns",
        "measure",
        *(f"{m} {w}" for m in methods for w in ("test", "s")),
    ]
    if methods == METHODS:
        header += ["faster", "weights kept", "winner"]
        wins = sum(row[-1] == "ours" for row in rows)
        last += [f"{total[0] / total[1]:.1f}", "", f"ours {wins} of {len(rows)}"]
    table(header, [*rows, last])


if __name__ == "__main__":
    main()
