"""How stationary lbfgs ends, for every penalty, smooth activation and data set.

30 hidden units, tol=1e-6, max_iter=5000, float64, X and (regression) y standardised. Printed: the
objective, stationarity_, the share of weights that are exactly zero, iterations and seconds; then
how many of the fits reached tol, and the others once more with ten times the iterations.

    python benchmarks/stationarity.py > benchmarks/stationarity.txt
"""

import itertools
import time
import warnings

from _report import machine, table
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale
from threadpoolctl import threadpool_limits

from skreg_mlp import RegularizedMLPClassifier, RegularizedMLPRegressor

PENALTIES = ["l2", "l1", "elasticnet", "group_l1", "sparse_group_l1"]
ACTIVATIONS = ["tanh", "logistic", "silu"]
ALPHAS = [1e-3, 1e-2, 1e-1]
TOL = 1e-6


def problems():
    X, y = load_diabetes(return_X_y=True)
    yield "diabetes", RegularizedMLPRegressor, scale(X), scale(y)
    X, y = load_breast_cancer(return_X_y=True)
    yield "breast_cancer", RegularizedMLPClassifier, scale(X), y
    X, y = load_digits(return_X_y=True)
    yield "digits", RegularizedMLPClassifier, scale(X), y


def fit(name, cls, X, y, activation, penalty, alpha, max_iter=5000):
    model = cls(
        (30,),
        activation=activation,
        penalty=penalty,
        alpha=alpha,
        solver="lbfgs",
        tol=TOL,
        max_iter=max_iter,
        random_state=0,
    )
    start = time.perf_counter()
    model.fit(X, y)
    seconds = time.perf_counter() - start
    figures = [f"{model.objective_:.6f}", f"{model.stationarity_:.1e}", f"{model.sparsity_:.0%}"]
    row = [name, activation, penalty, f"{alpha:g}", *figures, model.n_iter_, f"{seconds:.1f}"]
    return row, model.stationarity_


def main():
    warnings.simplefilter("ignore", ConvergenceWarning)
    warnings.filterwarnings("ignore", message="Every weight is zero")
    with threadpool_limits(1):
        print(machine())
        cases = [
            (*problem, *setting)
            for problem in problems()
            for setting in itertools.product(ACTIVATIONS, PENALTIES, ALPHAS)
        ]
        fits = [fit(*case) for case in cases]
        late = [case for case, (_, reached) in zip(cases, fits) if reached > TOL]
        longer = [fit(*case, max_iter=50_000)[0] for case in late]
    columns = ["objective", "stationarity", "zeros", "iterations", "seconds"]
    header = ["data", "activation", "penalty", "alpha", *columns]
    table(header, [row for row, _ in fits])
    print(f"stationarity <= {TOL:g} in {len(fits) - len(late)} of {len(fits)} fits")
    if late:
        print("\nthe others, with max_iter=50000")
        table(header, longer)


if __name__ == "__main__":
    main()
