"""scikit-learn's own estimator checks, without a single expected failure."""

import itertools

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skreg_mlp import RegularizedMLPClassifier, RegularizedMLPRegressor

CLASSES = [RegularizedMLPClassifier, RegularizedMLPRegressor]


def instances():
    for cls in CLASSES:
        yield cls()
        for solver, penalty in itertools.product(
            ["lbfgs", "adam", "sgd"], ["l2", "l1", "group_l1"]
        ):
            if solver == "lbfgs":
                # a converged non-convex fit amplifies rounding: 20 iterations are compared
                yield cls(solver=solver, penalty=penalty, max_iter=20)
                # the linear model has one solution: two fits agree once it is reached
                tol = 1e-10 if penalty == "group_l1" else 1e-4
                yield cls((), solver=solver, penalty=penalty, alpha=0.01, tol=tol, max_iter=1000)
            else:
                yield cls(solver=solver, penalty=penalty)


@pytest.mark.filterwarnings("ignore")  # the checks fit unscaled, tiny and degenerate data
@parametrize_with_checks(list(instances()))
def test_estimator(estimator, check):
    check(estimator)
