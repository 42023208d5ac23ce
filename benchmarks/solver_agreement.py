"""adam and sgd against lbfgs on convex problems: one optimum, whatever the batch size.

Networks without hidden layers, float64, standardised data. Printed: by how much the objective of
each solver exceeds that of lbfgs (tol=1e-8), relative to it, with batches of 16, 64 and all rows.

    python benchmarks/solver_agreement.py > benchmarks/solver_agreement.txt
"""

import itertools
import warnings

from _report import machine, table
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale
from threadpoolctl import threadpool_limits

from skreg_mlp import RegularizedMLPClassifier, RegularizedMLPRegressor

PENALTIES = ["l2", "l1", "elasticnet", "group_l1", "sparse_group_l1"]
RATES = {"adam": {16: 1e-2, 64: 1e-2, None: 3e-2}, "sgd": {16: 1e-2, 64: 3e-2, None: 1e-1}}
EPOCHS = {16: 500, 64: 1500, None: 5000}


def problems():
    X, y = load_diabetes(return_X_y=True)
    yield "diabetes", RegularizedMLPRegressor, scale(X), scale(y), 1e-2
    X, y = load_breast_cancer(return_X_y=True)
    yield "breast_cancer", RegularizedMLPClassifier, scale(X), y, 1e-2
    X, y = load_digits(return_X_y=True)
    yield "digits", RegularizedMLPClassifier, scale(X), y, 1e-2


def gaps(cls, X, y, alpha, penalty):
    common = dict(penalty=penalty, alpha=alpha, random_state=0)
    exact = cls((), solver="lbfgs", tol=1e-8, max_iter=5000, **common).fit(X, y).objective_
    cells = []
    for solver, batch in itertools.product(RATES, EPOCHS):
        model = cls(
            (),
            solver=solver,
            batch_size=batch or len(X),
            learning_rate_init=RATES[solver][batch],
            max_iter=EPOCHS[batch],
            n_iter_no_change=float("inf"),
            **common,
        ).fit(X, y)
        cells.append(model.objective_ / exact - 1)
    return cells


def main():
    warnings.simplefilter("ignore", ConvergenceWarning)
    rows, worst = [], 0.0
    with threadpool_limits(1):
        print(machine())
        for name, cls, X, y, alpha in problems():
            for penalty in PENALTIES:
                cells = gaps(cls, X, y, alpha, penalty)
                worst = max(worst, *cells)
                rows.append([name, penalty, *(f"{100 * cell:.4f} %" for cell in cells)])
    batches = [f"{solver} {batch or 'n'}" for solver in RATES for batch in EPOCHS]
    table(["data", "penalty", *batches], rows)
    print(f"largest excess over lbfgs: {100 * worst:.4f} %")


if __name__ == "__main__":
    main()
