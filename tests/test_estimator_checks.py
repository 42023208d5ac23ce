"""scikit-learn's own estimator checks, without a single expected failure."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skreg_mlp import (
    RegularizedMLPClassifier,
    RegularizedMLPClassifierCV,
    RegularizedMLPRegressor,
    RegularizedMLPRegressorCV,
    TableEncoder,
)

CLASSES = [RegularizedMLPClassifier, RegularizedMLPRegressor]


# on the way to tol rounding is amplified beyond the 1e-7 of the checks, by a non-convex fit and,
# with more columns than rows, by a linear one
FEW = dict(solver="lbfgs", max_iter=20)
FAST = dict(max_iter=40, learning_rate_init=0.01)
GIVEN = [0.02, 0.2]  # far below these rounding is amplified, too


def instances():
    for cls in CLASSES:
        yield cls()
        yield cls(encoder="table", **FAST)
        for penalty in ("l2", "l1", "group_l1"):
            yield cls((), penalty=penalty, **FEW)
        for penalty in ("l2", "group_l1"):
            yield cls((20,), penalty=penalty, **FEW)
            yield cls((20,), penalty=penalty, solver="sgd", **FAST)
        for penalty in ("l1", "group_l1"):
            yield cls((20,), penalty=penalty, solver="adam", **FAST)
    for cls in (RegularizedMLPClassifierCV, RegularizedMLPRegressorCV):
        yield cls((), alphas=GIVEN, cv=2, max_iter=10)
        yield cls((5,), alphas=GIVEN, cv=2, solver="lbfgs", max_iter=5)
    auto = dict(encoder="auto", alphas=GIVEN, cv=2, solver="lbfgs", max_iter=5)
    yield RegularizedMLPClassifierCV((5,), **auto)
    yield RegularizedMLPRegressorCV((), encoder=TableEncoder(2), alphas=GIVEN, cv=2, max_iter=10)


@pytest.mark.usefixtures("data_of_scikit_learn")
@pytest.mark.filterwarnings("ignore")  # the checks fit unscaled, tiny and degenerate data
@parametrize_with_checks(list(instances()))
def test_estimator(estimator, check):
    check(estimator)
