"""scikit-learn's own estimator checks, without a single expected failure."""

import itertools

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skreg_mlp import (
    RegularizedMLPClassifier,
    RegularizedMLPClassifierCV,
    RegularizedMLPRegressor,
    RegularizedMLPRegressorCV,
)

CLASSES = [RegularizedMLPClassifier, RegularizedMLPRegressor]


def instances():
    for cls in CLASSES:
        yield cls()
        for solver, penalty in itertools.product(
            ["lbfgs", "adam", "sgd"], ["l2", "l1", "group_l1"]
        ):
            if (solver, penalty) == ("adam", "l2"):
                continue  # the defaults
            if solver == "lbfgs":
                # on the way to tol rounding is amplified beyond the 1e-7 of the checks, by a
                # non-convex fit and, with more columns than rows, by a linear one
                yield cls(solver=solver, penalty=penalty, max_iter=20)
                yield cls((), solver=solver, penalty=penalty, max_iter=20)
            else:
                yield cls(solver=solver, penalty=penalty, max_iter=40, learning_rate_init=0.01)
    for cls in (RegularizedMLPClassifierCV, RegularizedMLPRegressorCV):
        yield cls((), alphas=2, cv=2, max_iter=10)
        yield cls((5,), alphas=2, cv=2, max_iter=5, solver="lbfgs")


@pytest.mark.filterwarnings("ignore")  # the checks fit unscaled, tiny and degenerate data
@parametrize_with_checks(list(instances()))
def test_estimator(estimator, check):
    check(estimator)
