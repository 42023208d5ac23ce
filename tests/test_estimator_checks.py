"""scikit-learn's own estimator checks, without a single expected failure but for Cox.

The checks know no structured y. Those of Cox run on a subclass whose y is a number, the time of an
event; what even that cannot run is listed with the reason.
"""

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skreg_mlp import (
    RegularizedMLPClassifier,
    RegularizedMLPClassifierCV,
    RegularizedMLPCox,
    RegularizedMLPCoxCV,
    RegularizedMLPRegressor,
    RegularizedMLPRegressorCV,
    TableEncoder,
)

CLASSES = [RegularizedMLPClassifier, RegularizedMLPRegressor]


def as_times(y):
    """Numbers as times of events; what is no number stays."""
    values = np.asarray(y)
    if y is None or values.dtype.kind not in "biuf" or (values.ndim > 1 and values.shape[1] > 1):
        return y
    values = values.ravel().astype(float)
    least = values[np.isfinite(values)].min(initial=0)
    times = np.empty(len(values), dtype=[("event", bool), ("time", float)])
    times["event"], times["time"] = True, values - least
    return times


class TakesNumbers:
    def fit(self, X, y, sample_weight=None):
        return super().fit(X, as_times(y), sample_weight)

    def score(self, X, y, sample_weight=None):
        return super().score(X, as_times(y), sample_weight)


class OfTimes(TakesNumbers, RegularizedMLPCox):
    pass


class OfTimesCV(TakesNumbers, RegularizedMLPCoxCV):
    pass


# on the way to tol rounding is amplified beyond the 1e-7 of the checks, by a non-convex fit and,
# with more columns than rows, by a linear one
FEW = dict(solver="lbfgs", max_iter=20)
FAST = dict(max_iter=40, learning_rate_init=0.01)
GIVEN = [0.02, 0.2]  # far below these rounding is amplified, too


def instances():
    for cls in CLASSES:
        yield cls()
        yield cls(encoder="table", **FAST)
        for penalty in ("l2", "l1", "group_l1"):  # lbfgs has a way for each
            yield cls((), penalty=penalty, **FEW)
        yield cls((20,), penalty="group_l1", **FEW)
        yield cls((20,), penalty="l1", solver="sgd", **FAST)
        yield cls((20,), penalty="group_l1", solver="adam", **FAST)
    for cls in (RegularizedMLPClassifierCV, RegularizedMLPRegressorCV):
        yield cls((), alphas=GIVEN, cv=2, max_iter=10)
        yield cls((5,), alphas=GIVEN, cv=2, solver="lbfgs", max_iter=5)
    smooth = dict(activation="tanh", solver="lbfgs", max_iter=5)  # a kink may amplify rounding
    auto = dict(encoder="auto", alphas=GIVEN, cv=2, **smooth)
    yield RegularizedMLPClassifierCV((5,), **auto)
    yield RegularizedMLPRegressorCV((), encoder=TableEncoder(2), alphas=GIVEN, cv=2, max_iter=10)


def of_times():
    yield OfTimes((), penalty="l1", **FEW)
    yield OfTimes((5,), activation="tanh", penalty="group_l1", ties="efron", **FEW)
    yield OfTimes((5,), encoder="table", max_iter=40)
    yield OfTimesCV((), alphas=GIVEN, cv=2, max_iter=10)


def expected_failures(estimator):
    """What a structured y cannot run, and the reason."""
    failures = {
        "check_dtype_object": "an array of objects is no structured array",
        "check_supervised_y_2d": "the warning about a column of y is the subclass's to give",
    }
    if estimator.ties == "efron":
        reason = "two ties of weight 1 are, under Efron's rule, not one row of weight 2"
        for kind in ("dense", "sparse"):
            failures[f"check_sample_weight_equivalence_on_{kind}_data"] = reason
    return failures


@pytest.mark.usefixtures("data_of_scikit_learn")
@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(list(of_times()), expected_failed_checks=expected_failures)
def test_survival(estimator, check):
    check(estimator)


@pytest.mark.usefixtures("data_of_scikit_learn")
@pytest.mark.filterwarnings("ignore")  # the checks fit unscaled, tiny and degenerate data
@parametrize_with_checks(list(instances()))
def test_estimator(estimator, check):
    check(estimator)
