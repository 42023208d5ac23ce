"""What all selectors refuse, and how they say it."""

import numpy as np
import pytest
from sklearn.linear_model import Lasso

from skreg_mlp import (
    KnockoffSelection,
    PathSelection,
    RegularizedMLPRegressor,
    StabilitySelection,
)

RNG = np.random.default_rng(0)
X = RNG.standard_normal((120, 6))
Y = X[:, 0] - X[:, 1] + 0.5 * RNG.standard_normal(120)

BAD = {
    "max_features": [0, -1, 2.5, True, "all"],
    "selection": ["max", None, 1],
    "fdr": [0, 1, -0.1, None, True],
    "offset": [2, 0.5, True, None],
    "n_draws": [0, 1.0, None, True],
    "knockoffs": ["normal", None, 3, [1, 2]],
    "n_pairs": [0, 1.0, None, True],
    "threshold": [0.5, 0.4, 1.1, None, np.nan, True],
    "alphas": [0, [], [-1.0], None],
    "eps": [0, 1],
    "n_jobs": [0, 1.5],
    "verbose": [-1, None],
}
SELECTORS = [StabilitySelection, PathSelection, KnockoffSelection]
CHECKED_ELSEWHERE = {"estimator", "cv", "random_state"}


def own_parameters(cls):
    return set(cls(RegularizedMLPRegressor()).get_params(deep=False))


@pytest.mark.parametrize(
    "cls, name, value",
    [
        (cls, name, value)
        for cls in SELECTORS
        for name in sorted(own_parameters(cls) & BAD.keys())
        for value in BAD[name]
    ],
)
def test_bad_parameter(cls, name, value):
    selector = cls(RegularizedMLPRegressor((), penalty="l1")).set_params(**{name: value})
    with pytest.raises(ValueError) as error:
        selector.fit(X, Y)
    message = str(error.value)
    assert message.startswith(f"{name} must be ") and message.endswith(f"got {value!r}.")


@pytest.mark.parametrize("cls", SELECTORS)
def test_every_parameter_is_checked(cls):
    assert own_parameters(cls) <= BAD.keys() | CHECKED_ELSEWHERE


@pytest.mark.parametrize("cls", SELECTORS)
@pytest.mark.parametrize("estimator", [Lasso(), None, RegularizedMLPRegressor, "l1"])
def test_bad_estimator(cls, estimator):
    with pytest.raises(TypeError, match="estimator must be a RegularizedMLPClassifier,"):
        cls(estimator).fit(X, Y)
