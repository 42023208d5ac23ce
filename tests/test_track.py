"""With more columns than rows a path is guarded: its loss does not jump."""

import numpy as np
import pytest

from skreg_mlp import RegularizedMLPClassifier, TableEncoder, regularization_path
from skreg_mlp._estimators.door import enter
from skreg_mlp._estimators.path import new_walk
from skreg_mlp._training import walk

RNG = np.random.default_rng(0)
X, Y = RNG.standard_normal((100, 150)), RNG.integers(3, size=100)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def classifier(penalty="group_l1", **params):
    return RegularizedMLPClassifier(
        (30,), penalty=penalty, learning_rate_init=0.02, random_state=0, **params
    )


def largest_jump(mlp):
    """Largest ratio of a loss on a path to the larger of its neighbors', tiny ones left out."""
    loss = regularization_path(mlp, X, Y, alphas=50).loss
    ratios = loss[1:-1] / np.maximum(loss[:-2], loss[2:])
    return ratios[loss[1:-1] > 1e-3].max()


@pytest.mark.parametrize("penalty", ["l1", "group_l1", "group_log_sum"])
@pytest.mark.parametrize("encoder", [None, TableEncoder(n_bins=0)])
def test_the_loss_does_not_jump_on_a_wide_table(penalty, encoder):
    assert largest_jump(classifier(penalty, encoder=encoder)) < 1.5


def test_the_loss_would_jump_without_the_guard(monkeypatch):
    monkeypatch.setattr(walk, "OFF_TRACK", np.inf)
    assert largest_jump(classifier()) > 1.5


@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("encoder", [None, "table"])
def test_columns_are_counted_not_what_an_encoder_makes_of_them(encoder, solver):
    mlp = classifier(encoder=encoder, solver=solver)
    for n_columns, guarded in ((100, False), (101, True)):
        _, walk_ = new_walk(mlp, enter(mlp, X[:, :n_columns], Y, None))
        assert walk_.guarded == guarded
