"""X too large for memory: rows in shuffled blocks; and what a fit costs besides its epochs."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skreg_mlp import (
    RegularizedMLPClassifier,
    RegularizedMLPClassifierCV,
    RegularizedMLPRegressor,
    regularization_path,
)
from skreg_mlp._objective import data
from skreg_mlp._objective.data import Data, ahead
from skreg_mlp._objective.problem import Problem

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = RNG.standard_normal((150, 4))
Y = X @ [1.0, -1.0, 0.0, 0.5] + 0.3 * RNG.standard_normal(150)
LABELS = (Y > 0).astype(int)
WEIGHTS = RNG.integers(0, 3, 150).astype(float)
BLOCK = 7  # rows read at a time, three of these blocks together


@pytest.fixture
def large(monkeypatch):
    """These 150 rows are too large."""
    monkeypatch.setattr(data, "LARGE", 0)
    monkeypatch.setattr(data, "BLOCK_BYTES", BLOCK * 4 * 8)
    monkeypatch.setattr(data, "SHUFFLED_BYTES", 3 * BLOCK * 4 * 8)


# --------------------------------------------------------------------------------------------
# The order of rows
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kept", [None, np.array([2, 0])])
@pytest.mark.parametrize("subset", [None, np.arange(3, 150, 2)])
def test_an_epoch_meets_each_row_once_with_its_target_and_weight(large, subset, kept):
    numbers = np.arange(150.0)
    rows = Data(np.column_stack([numbers] * 4), numbers[:, None], numbers + 1, subset, kept)
    met, sizes = [], []
    for part, order in rows.order().parts(np.random.default_rng(0)):
        values, y, weight = part.rows(order, 1)
        assert values.shape[1] == (4 if kept is None else 2)
        assert_array_equal(values[:, 0], y[:, 0])
        assert_allclose(weight * rows.mean_weight, y[:, 0] + 1)
        met += y[:, 0].tolist()
        sizes.append(len(order))
    expected = numbers if subset is None else numbers[subset]
    assert met != expected.tolist() and sorted(met) == expected.tolist()
    assert max(sizes) == 3 * BLOCK
    first = np.array(met[: 3 * BLOCK])  # from three blocks anywhere, and mixed
    assert np.ptp(first) > 3 * BLOCK and np.abs(np.diff(first)).min() < BLOCK
    assert len(np.unique(np.searchsorted(expected, first) // BLOCK)) == 3


def test_without_shuffling_rows_come_in_order(large):
    rows = Data(X, np.arange(150.0)[:, None])
    met = [part.rows(order, 1)[1].ravel() for part, order in rows.order().parts(None)]
    assert_array_equal(np.concatenate(met), np.arange(150))


def test_the_next_part_is_loaded_while_one_is_in_use():
    loaded = []

    def load(number):
        loaded.append(number)
        if number == 3:
            raise OSError("the disk is gone")
        return number

    with pytest.raises(OSError, match="the disk is gone"):
        for number in ahead(load, range(5)):
            assert number < 3
    assert loaded == [0, 1, 2, 3, 4] or loaded == [0, 1, 2, 3]


# --------------------------------------------------------------------------------------------
# Fits
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_blocks_lead_to_the_same_minimum(large, solver):
    few = dict(penalty="l1", alpha=0.05)
    exact = RegularizedMLPRegressor((), tol=1e-8, **few).fit(X, Y, WEIGHTS)
    mlp = RegularizedMLPRegressor(
        (), solver=solver, max_iter=300, learning_rate_init=0.01, batch_size=BLOCK, random_state=0,
        **few,
    )  # fmt: skip
    mlp.fit(X, Y, WEIGHTS)
    assert_allclose(mlp.objective_, exact.objective_, rtol=1e-3)
    assert_array_equal(mlp.coefs_[0], clone(mlp).fit(X, Y, WEIGHTS).coefs_[0])


def test_a_mapped_file_is_that_array(large, tmp_path):
    np.save(tmp_path / "rows.npy", X)
    mlp = RegularizedMLPClassifier((3,), max_iter=5, early_stopping=True, random_state=0)
    expected = clone(mlp).fit(X, LABELS)
    mlp.fit(np.load(tmp_path / "rows.npy", mmap_mode="r"), LABELS)
    assert_array_equal(mlp.coefs_[0], expected.coefs_[0])


def test_columns_of_a_large_array_are_not_copied(large, monkeypatch):
    rows = Data(X, Y[:, None])
    assert rows.columns(np.array([2])).X.shape == (150, 1)  # a small copy, whatever X is
    monkeypatch.setattr(data, "SMALL_COPY", 0)
    part = rows.columns(np.array([2]))
    assert part.X is X
    assert_array_equal(part.rows(np.array([3, 0]), 2)[0], X[[3, 0], 2:3])


def test_whole_blocks_are_held_out(large):
    seen = []

    def scorer(model, rows, y):
        seen.append(rows)
        return float(len(seen))

    mlp = RegularizedMLPRegressor(
        (3,), max_iter=3, early_stopping=True, validation_fraction=0.2, scoring=scorer
    ).fit(X, Y)
    held = np.array([np.flatnonzero((X == row).all(axis=1))[0] for row in seen[0]])
    blocks, counts = np.unique(held // BLOCK, return_counts=True)
    assert len(blocks) == 5  # of 22, and only the last of all may be short
    assert set(counts[blocks < 150 // BLOCK]) == {BLOCK}
    assert mlp.t_ == mlp.n_iter_ * (150 - len(held))


# --------------------------------------------------------------------------------------------
# Passes over all rows
# --------------------------------------------------------------------------------------------
@pytest.fixture
def passes(monkeypatch):
    """One entry for each pass over all rows."""
    evaluate, calls = Problem.loss_and_gradient, []
    monkeypatch.setattr(
        Problem, "loss_and_gradient", lambda *args: calls.append(1) or evaluate(*args)
    )
    monkeypatch.setattr("skreg_mlp._objective.problem.STEEPNESS_ROWS", 10)
    return calls


@pytest.mark.parametrize(
    ("penalty", "certify", "n_passes"),
    [("l2", True, [1]), ("l2", False, [0]), ("l1", True, [1, 2]), ("l1", False, [1, 2])],
)
def test_the_end_of_a_fit_takes_few_passes(passes, penalty, certify, n_passes):
    """One for the certificate, which shares it with the step that finds out what is zero.

    A second one is needed where that step has moved anything.
    """
    mlp = RegularizedMLPClassifier(
        (5,), penalty=penalty, alpha=0.01, max_iter=2, certify=certify, random_state=0
    ).fit(X, LABELS)
    assert len(passes) in n_passes
    assert np.isnan(mlp.stationarity_) == (not certify)


@pytest.mark.parametrize("limits", [dict(max_iter=3), dict(max_iter=1000, tol=1e-2)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lbfgs_evaluates_its_end_once(dtype, limits, monkeypatch):
    """Neither the next stage nor the certificate asks again."""
    evaluate, seen = Problem.loss_and_gradient, []

    def recorded(problem, theta, gradient):
        seen.append(theta.copy())
        return evaluate(problem, theta, gradient)

    monkeypatch.setattr(Problem, "loss_and_gradient", recorded)
    mlp = RegularizedMLPClassifier((5,), solver="lbfgs", alpha=0.01, random_state=0, **limits)
    mlp.fit(X.astype(dtype), LABELS)
    assert [np.array_equal(theta, seen[-1]) for theta in seen].count(True) == 1
    assert mlp.objective_curve_[-1] == pytest.approx(mlp.objective_, rel=1e-5)
    assert mlp.stationarity_ <= limits.get("tol", np.inf)


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_without_a_certificate_everything_else_is_the_same(solver):
    mlp = RegularizedMLPClassifier(
        (5,), solver=solver, penalty="group_l1", alpha=0.01, max_iter=20, random_state=0
    )
    certified = clone(mlp).fit(X, LABELS, WEIGHTS)
    mlp.set_params(certify=False).fit(X, LABELS, WEIGHTS)
    assert_array_equal(mlp.coefs_[0], certified.coefs_[0])
    if solver == "lbfgs":  # which has it anyway
        assert mlp.stationarity_ == certified.stationarity_
    else:
        assert np.isnan(mlp.stationarity_)
        assert mlp.loss_ == mlp.loss_curve_[-1] and mlp.objective_ == mlp.objective_curve_[-1]


def test_paths_and_folds_without_certificates():
    mlp = RegularizedMLPClassifier((3,), penalty="l1", certify=False, random_state=0)
    path = regularization_path(mlp, X, LABELS, alphas=4)
    certified = regularization_path(mlp.set_params(certify=True), X, LABELS, alphas=4)
    assert np.isnan(path.stationarity).all() and np.isfinite(certified.stationarity).all()
    assert_array_equal(path.n_nonzero, certified.n_nonzero)
    assert_allclose(path.loss, certified.loss, rtol=0.1)
    cv = RegularizedMLPClassifierCV((3,), alphas=3, cv=2, certify=False, random_state=0)
    assert np.isnan(cv.fit(X, LABELS).stationarity_)


def test_a_fit_that_diverges_is_told_without_a_certificate():
    mlp = RegularizedMLPRegressor((3,), certify=False, solver="sgd", learning_rate_init=1e6)
    with pytest.raises(ValueError, match="not finite"):
        mlp.fit(X, Y)
    assert not hasattr(mlp, "coefs_")
