"""Predictions for every kind of y, fitted attributes recomputed by hand, penalties and warnings."""

import copy
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from scipy.special import expit, log_softmax
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import Lasso, LogisticRegression, MultiTaskLasso, Ridge
from sklearn.metrics import (
    log_loss,
    mean_gamma_deviance,
    mean_pinball_loss,
    mean_poisson_deviance,
    mean_squared_error,
    mean_tweedie_deviance,
)
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import MaxAbsScaler, StandardScaler, scale

from skreg_mlp import RegularizedMLPClassifier, RegularizedMLPRegressor
from skreg_mlp._objective.activations import ACTIVATIONS
from skreg_mlp._objective.losses import REGRESSION_LOSSES
from skreg_mlp.penalties import L1, L2, ElasticNet, GroupL1, Penalty, SparseGroupL1

ESTIMATORS = [RegularizedMLPClassifier, RegularizedMLPRegressor]
SOLVERS = ["lbfgs", "adam", "sgd"]
PENALTIES = [None, "l2", "l1", "elasticnet", "group_l1", "sparse_group_l1"]
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
dead = pytest.mark.filterwarnings("ignore:Every weight is zero:UserWarning")

RNG = np.random.default_rng(1)
X = RNG.standard_normal((120, 6))
SCORES = X[:, 0] - np.tanh(2 * X[:, 1]) + 0.3 * RNG.standard_normal(120)
THREE = np.digitize(SCORES, [-0.6, 0.6])
TARGETS = {
    "binary": np.array(["no", "yes"])[(SCORES > 0).astype(int)],
    "multiclass": np.array(["low", "middle", "high"])[THREE],
    "numbers": np.array([-3, 0, 12])[THREE],
    "multilabel": np.column_stack([SCORES > 0, X[:, 2] > 0, X[:, 3] > 1]).astype(int),
    "one": SCORES,
    "many": np.column_stack([SCORES, 5 * X[:, 2] + 30]),
}
CLASSIFIED = ["binary", "multiclass", "numbers", "multilabel"]


def make(kind="one", hidden=(8,), **kwargs):
    cls = RegularizedMLPClassifier if kind in CLASSIFIED else RegularizedMLPRegressor
    return cls(hidden, **{"max_iter": 40, "batch_size": 20, "random_state": 0, **kwargs})


def fitted(kind="one", hidden=(8,), rows=X, sample_weight=None, **kwargs):
    return make(kind, hidden, **kwargs).fit(rows, TARGETS[kind], sample_weight)


def raw_scores(model, rows=X):
    """The network by its definition, from the public attributes."""
    values = np.asarray(rows, float)
    for W, b in zip(model.coefs_[:-1], model.intercepts_[:-1]):
        values = np.maximum(values @ W + b, 0)
    return values @ model.coefs_[-1] + model.intercepts_[-1]


# --------------------------------------------------------------------------------------------
# Predictions
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize("hidden", [(), (8,), (8, 5)])
def test_predictions(kind, solver, hidden):
    y = TARGETS[kind]
    model = fitted(kind, hidden, solver=solver, learning_rate_init=0.02)
    raw, prediction = raw_scores(model), model.predict(X)
    assert prediction.shape == y.shape
    if kind not in CLASSIFIED:
        in_units_of_y = raw * model.target_scale_ + model.target_offset_
        assert_allclose(prediction, in_units_of_y.reshape(y.shape), rtol=1e-10)
        assert model.score(X, y) > 0.4
        return
    assert_allclose(model.decision_function(X), raw.ravel() if kind == "binary" else raw)
    probabilities = model.predict_proba(X)
    assert_allclose(model.predict_log_proba(X), np.log(probabilities), atol=1e-12)
    if kind == "multilabel":
        assert_allclose(probabilities, expit(raw))
        assert_array_equal(prediction, expit(raw) > 0.5)
    else:
        expected = (
            expit(np.hstack([-raw, raw])) if kind == "binary" else np.exp(log_softmax(raw, 1))
        )
        assert_allclose(probabilities, expected, atol=1e-300)
        assert_allclose(probabilities.sum(axis=1), 1)
        assert_array_equal(model.classes_, np.unique(y))
        assert_array_equal(prediction, model.classes_[probabilities.argmax(axis=1)])
    assert model.score(X, y) > (0.5 if kind == "multilabel" else 0.6)  # of all labels of a row
    assert prediction.dtype == (np.zeros(1, int).dtype if kind == "multilabel" else y.dtype)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("kind", ["multiclass", "multilabel", "many"])
@pytest.mark.parametrize("penalty", ["l1", "group_l1"])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_float32_is_kept(kind, solver, penalty, container):
    rows = X.astype(np.float32)
    wide = fitted(kind, solver=solver, penalty=penalty, max_iter=5, alpha=1e-3)
    model = fitted(
        kind, rows=container(rows), solver=solver, penalty=penalty, max_iter=5, alpha=1e-3
    )
    assert {array.dtype for array in model.coefs_ + model.intercepts_} == {np.dtype(np.float32)}
    assert {array.dtype for array in wide.coefs_ + wide.intercepts_} == {np.dtype(np.float64)}
    for W, W_wide in zip(model.coefs_, wide.coefs_):
        assert_allclose(W, W_wide, rtol=0.05, atol=0.02)
    if kind in CLASSIFIED:
        for method in ("predict_proba", "predict_log_proba", "decision_function"):
            assert getattr(model, method)(rows).dtype == np.float32
            assert getattr(model, method)(X).dtype == np.float32
            assert getattr(wide, method)(rows).dtype == np.float64
    else:
        assert model.predict(rows).dtype == model.predict(X).dtype == np.float32
        assert wide.predict(rows).dtype == np.float64


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_saturated_probabilities(kind, dtype):
    model = fitted(kind, rows=X.astype(dtype), max_iter=1)
    model.coefs_[-1] *= dtype(1e6)
    log_proba, proba = model.predict_log_proba(X), model.predict_proba(X)
    tiny = np.finfo(dtype).tiny
    assert log_proba.dtype == dtype
    assert log_proba.min() == np.log(tiny) and np.all(np.isfinite(log_proba))
    assert proba.min() > 0
    if kind == "multilabel":
        assert proba.max() < 1
    else:
        assert_allclose(proba.sum(axis=1), 1, rtol=1e-6)
        assert proba.max() == 1
        assert np.isfinite(log_loss(TARGETS[kind], proba))


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_probabilities_near_one_are_accurate(kind):
    model = fitted(kind, max_iter=1)
    model.coefs_ = [np.zeros_like(W) for W in model.coefs_]
    model.intercepts_[-1][...] = 0
    model.intercepts_[-1][0] = 30.0
    log_proba = model.predict_log_proba(X[:1])
    column = 1 if kind == "binary" else 0
    others = 2 if kind == "multiclass" else 1
    atol = 1e-15 if kind == "multiclass" else 0
    assert_allclose(log_proba[0, column], -others * np.exp(-30), rtol=1e-3, atol=atol)


def test_prediction_goes_block_by_block_and_takes_every_container():
    model = fitted("multiclass")
    rows = np.tile(X, (80, 1))  # more than two blocks
    assert_array_equal(model.predict(rows), np.tile(model.predict(X), 80))
    for container in (sparse.csr_array, sparse.csr_matrix, sparse.csc_array, np.asfortranarray):
        assert_allclose(model.predict_proba(container(X)), model.predict_proba(X), atol=1e-12)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("kind", ["binary", "many"])
def test_sparse_and_dense_data_give_the_same_fit(kind, solver):
    rows = X * (np.abs(X) > 0.5)
    dense = fitted(kind, rows=rows, solver=solver, max_iter=10)
    for container in (sparse.csr_array, sparse.csr_matrix, sparse.csc_array, sparse.coo_array):
        for W, W_dense in zip(
            fitted(kind, rows=container(rows), solver=solver, max_iter=10).coefs_, dense.coefs_
        ):
            assert_allclose(W, W_dense, rtol=1e-5, atol=1e-7)


# --------------------------------------------------------------------------------------------
# Fitted attributes
# --------------------------------------------------------------------------------------------
def penalty_by_hand(name, alpha, l1_ratio, coefs):
    def one(W, strength):
        l1, l2 = np.abs(W).sum(), 0.5 * (W**2).sum()
        group = np.sqrt(W.shape[1]) * np.linalg.norm(W, axis=1).sum()
        return (
            strength
            * {
                None: 0.0,
                "l2": l2,
                "l1": l1,
                "elasticnet": l1_ratio * l1 + (1 - l1_ratio) * l2,
                "group_l1": group,
                "sparse_group_l1": l1_ratio * l1 + (1 - l1_ratio) * group,
            }[name]
        )

    alphas = np.broadcast_to(alpha, len(coefs))
    return sum(one(W, a) for W, a in zip(coefs, alphas))


def loss_by_hand(kind, model, weight):
    y, raw = TARGETS[kind], raw_scores(model)
    if kind in ("one", "many"):
        mean = np.average(y.reshape(len(y), -1), axis=0, weights=weight)
        assert_allclose(model.target_offset_, mean)
        scaled = (y.reshape(len(y), -1) - mean) / model.target_scale_
        assert_allclose(np.average(scaled**2, axis=0, weights=weight), 1)
        losses = 0.5 * (scaled - raw) ** 2
    elif kind == "multiclass":
        codes = np.searchsorted(np.unique(y), y)
        losses = -log_softmax(raw, axis=1)[np.arange(len(y)), codes, None]
    else:
        positive = y == "yes" if kind == "binary" else y == 1
        losses = np.logaddexp(0, np.where(positive.reshape(raw.shape), -raw, raw))
    return np.average(losses.sum(axis=1), weights=weight)


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel", "one", "many"])
@pytest.mark.parametrize("solver", SOLVERS)
def test_loss_and_objective_by_hand(solver, kind, penalty):
    weight = RNG.uniform(0, 3, len(X))
    for scaling, alpha in (("mean", 0.01), ("sum", [0.5, 0.2])):
        model = fitted(
            kind, sample_weight=weight, solver=solver, penalty=penalty, alpha=alpha, l1_ratio=0.3,
            alpha_scaling=scaling, max_iter=6, batch_size=50,
        )  # fmt: skip
        loss = loss_by_hand(kind, model, weight)
        factor = 1 if scaling == "mean" else 1 / weight.sum()
        value = factor * penalty_by_hand(penalty, alpha, 0.3, model.coefs_)
        assert_allclose(model.loss_, loss, rtol=1e-9)
        assert_allclose(model.objective_, loss + value, rtol=1e-9)


def paths(coefs):
    """Mask of the inputs from which an output can be reached, by depth-first search."""

    def reaches(layer, unit):
        if layer == len(coefs):
            return True
        return any(reaches(layer + 1, below) for below in np.flatnonzero(coefs[layer][unit]))

    return np.array([reaches(0, j) for j in range(len(coefs[0]))])


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
@pytest.mark.parametrize("penalty, alpha", [("l1", 0.03), ("group_l1", 0.025), ("l2", 0.01)])
@pytest.mark.parametrize("hidden", [(), (8,), (6, 5)])
@dead
def test_what_the_weights_say(solver, penalty, alpha, hidden):
    for kind in ("multiclass", "many"):
        # a linear model of 120 rows loses its weights at noise of 1 / sqrt(120), or so
        strength = alpha if hidden or penalty == "l2" else 5 * alpha
        model = fitted(kind, hidden, solver=solver, penalty=penalty, alpha=strength, max_iter=30,
                       learning_rate_init=0.04)  # fmt: skip
        weights = np.concatenate([W.ravel() for W in model.coefs_])
        assert model.n_nonzero_ == (weights != 0).sum()
        assert_allclose(model.sparsity_, np.mean(weights == 0))
        assert_array_equal(model.selected_features_, paths(model.coefs_))
        assert model.n_selected_features_ == model.selected_features_.sum()
        importances = np.sqrt((model.coefs_[0] ** 2).sum(axis=1))
        assert_array_equal(model.feature_importances_ == 0, ~model.selected_features_)
        assert_allclose(model.feature_importances_, importances * model.selected_features_)
        assert model.sparsity_ > 0 or penalty == "l2"


def test_selected_features_follow_broken_paths():
    model = fitted("many", (3, 2), max_iter=1)
    coefs = model.coefs_
    for seed in range(20):
        rng = np.random.default_rng(seed)
        model.coefs_ = [W * (rng.uniform(size=W.shape) < 0.3) for W in coefs]
        assert_array_equal(model.selected_features_, paths(model.coefs_))
        assert_array_equal(model.feature_importances_ > 0, paths(model.coefs_))
        model.coefs_ = [W * 1e-200 if k == 0 else W for k, W in enumerate(model.coefs_)]
        assert_array_equal(model.feature_importances_ > 0, paths(model.coefs_))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("penalty", ["l2", "l1", "group_l1"])
def test_dead_units_are_empty(solver, penalty):
    model = fitted(
        "one", (20, 10), activation="tanh", solver=solver, penalty=penalty, alpha=0.02,
        max_iter=300, learning_rate_init=0.02, tol=1e-3,
    )  # fmt: skip
    for layer, (W_in, b, W_out) in enumerate(
        zip(model.coefs_, model.intercepts_, model.coefs_[1:])
    ):
        dead = ~W_out.any(axis=1)
        assert not W_in[:, dead].any() and not b[dead].any(), layer
        assert_array_equal(W_in.any(axis=0), ~dead)
        assert dead.any() == (penalty != "l2")


KINDS = {
    "binary": (1, "logistic"), "multiclass": (3, "softmax"), "multilabel": (3, "logistic"),
    "one": (1, "identity"), "many": (2, "identity"),
}  # fmt: skip


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("kind", KINDS)
def test_counts_and_curves(kind, solver):
    model = fitted(kind, (8, 5), solver=solver, max_iter=7)
    assert model.n_features_in_ == 6 and model.n_layers_ == 4
    assert (model.n_outputs_, model.out_activation_) == KINDS[kind]
    assert 1 <= model.n_iter_ <= 7 and model.t_ == model.n_iter_ * len(X)
    assert [W.shape for W in model.coefs_] == [(6, 8), (8, 5), (5, model.n_outputs_)]
    assert [b.shape for b in model.intercepts_] == [(8,), (5,), (model.n_outputs_,)]
    assert len(model.loss_curve_) == len(model.objective_curve_) == model.n_iter_
    assert model.best_loss_ == min(model.loss_curve_)
    assert np.all(np.array(model.objective_curve_) > np.array(model.loss_curve_))
    assert model.validation_scores_ is None and model.best_validation_score_ is None
    assert hasattr(model, "classes_") == (kind in CLASSIFIED)
    assert model.objective_ > model.loss_ > 0
    if solver == "lbfgs":
        assert np.all(np.diff(model.objective_curve_) <= 0)
        assert model.objective_ == model.objective_curve_[-1]


@pytest.mark.parametrize("kind", KINDS)
def test_everything_stored_is_arrays_lists_dicts_and_scalars(kind):
    plain = (np.ndarray, np.generic, list, dict, str, int, float, type(None))
    model = fitted(kind, warm_start=True, tol=1).partial_fit(X, TARGETS[kind])
    parameters = model.get_params()

    def assert_plain(value):
        assert isinstance(value, plain), value
        for part in (
            value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        ):
            assert_plain(part)

    for name, value in vars(model).items():
        if name not in parameters:
            assert_plain(value)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("penalty", ["l2", "l1", "elasticnet"])
@dead
def test_stationarity_by_finite_differences(solver, penalty):
    """One-sided slopes bound the subdifferential of each entry; its least-norm element is taken."""
    kwargs = dict(solver=solver, penalty=penalty, alpha=0.03, learning_rate_init=0.05)
    model = fitted("multiclass", (4,), activation="tanh", **kwargs)
    codes = np.searchsorted(model.classes_, TARGETS["multiclass"])
    arrays = model.coefs_ + model.intercepts_

    def objective():
        raw = np.tanh(X @ model.coefs_[0] + model.intercepts_[0]) @ model.coefs_[1]
        proba = log_softmax(raw + model.intercepts_[1], axis=1)
        return -proba[np.arange(len(X)), codes].mean() + penalty_by_hand(
            penalty, 0.03, 0.5, model.coefs_
        )

    h, largest, n_zero = 1e-6, 0.0, 0
    for array, i in ((a, i) for a in arrays for i in np.ndindex(a.shape)):
        value, around = array[i], []
        for shift in (-h, 0, h):
            array[i] = value + shift
            around.append(objective())
        array[i] = value
        below, above = np.diff(around) / h
        n_zero += value == 0
        largest = max(largest, 0.0 if below <= 0 <= above else min(abs(below), abs(above)))
    assert_allclose(model.stationarity_, largest, rtol=1e-3, atol=2e-6)
    assert n_zero > 0 or penalty != "l1"


ATTRIBUTES = [
    "n_nonzero_", "sparsity_", "selected_features_", "n_selected_features_", "feature_importances_",
]  # fmt: skip


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_nothing_is_there_before_fit(cls):
    model = cls()
    assert not [name for name in dir(model) if name.endswith("_") and not name.startswith("_")
                and hasattr(model, name)]  # fmt: skip
    for name in ATTRIBUTES:
        assert not hasattr(model, name)
        with pytest.raises(NotFittedError):
            getattr(model, name)
    for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
        if hasattr(model, method):
            with pytest.raises(NotFittedError):
                getattr(model, method)(X)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel", "one", "many"])
def test_editing_the_weights_changes_predictions(kind):
    model = fitted(kind)
    twin = copy.deepcopy(model)
    method = "decision_function" if kind in CLASSIFIED else "predict"
    before = getattr(model, method)(X)
    model.intercepts_[-1] += 1.5
    step = 1.5 if kind in CLASSIFIED else 1.5 * model.target_scale_
    assert_allclose(getattr(model, method)(X), before + step)
    model.coefs_[-1][...] = 0
    flat = getattr(model, method)(X)
    assert_allclose(flat, np.broadcast_to(flat[0], flat.shape))
    assert model.n_selected_features_ == 0 and twin.n_selected_features_ == 6
    assert_array_equal(getattr(twin, method)(X), before)


def test_weights_are_separate_arrays():
    model = fitted("many", (5, 4), tol=1)
    arrays = model.coefs_ + model.intercepts_
    assert all(array.base is None for array in arrays)
    assert all(array.flags.writeable and array.flags.c_contiguous for array in arrays)


# --------------------------------------------------------------------------------------------
# Losses and activations
# --------------------------------------------------------------------------------------------
def test_the_losses_of_the_regressor():
    log_links = {"poisson", "gamma", "tweedie"}
    assert set(REGRESSION_LOSSES) == {"squared_error", "huber", "quantile"} | log_links


def huber(y, p):
    """Beyond 1.35 interquartile ranges of the training rows, each 1.349 standard deviations."""
    low, high = np.quantile(
        load_diabetes(return_X_y=True)[1][::2], [0.25, 0.75], method="inverted_cdf"
    )
    delta, r = 1.35 * (high - low) / 1.349, np.abs(y - p)
    return np.where(r <= delta, r**2 / 2, delta * r - delta**2 / 2).mean()


METRICS = {
    "squared_error": mean_squared_error,
    "huber": huber,
    "poisson": mean_poisson_deviance,
    "gamma": mean_gamma_deviance,
    "tweedie": lambda y, p: mean_tweedie_deviance(y, p, power=1.5),
    "quantile": lambda y, p: mean_pinball_loss(y, p, alpha=0.8),
}  # fmt: skip
NULL = {"huber": np.median, "quantile": lambda y: np.quantile(y, 0.8)}


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("loss", REGRESSION_LOSSES)
@pytest.mark.parametrize("hidden", [(), (20,)])
def test_every_loss_beats_the_null_model_on_raw_targets(loss, solver, hidden):
    rows, y = load_diabetes(return_X_y=True)  # y from 25 to 346, not scaled
    rows = StandardScaler().fit_transform(rows)
    model = RegularizedMLPRegressor(
        hidden, loss=loss, quantile=0.8, solver=solver, alpha=1e-3, batch_size=50,
        max_iter=12 if solver == "lbfgs" and hidden else 60,
        learning_rate_init=0.01 if solver == "sgd" else 0.02, random_state=0,
    ).fit(rows[::2], y[::2])  # fmt: skip
    prediction = model.predict(rows[1::2])
    null = np.full(len(prediction), NULL.get(loss, np.mean)(y[::2]))
    assert METRICS[loss](y[1::2], prediction) < 0.8 * METRICS[loss](y[1::2], null)
    log_link = loss in ("poisson", "gamma", "tweedie")
    assert model.out_activation_ == ("exp" if log_link else "identity")
    train = METRICS[loss](y[::2], model.predict(rows[::2]))
    tau = model.target_scale_[0]
    unit = {"squared_error": 2 * tau**2, "huber": tau**2, "quantile": tau}.get(loss, 2)
    assert_allclose(unit * model.loss_, train, rtol=5e-3 if loss == "quantile" else 1e-6)
    if log_link:
        assert prediction.min() > 0
    if loss == "quantile":
        assert abs(np.mean(y[::2] <= model.predict(rows[::2])) - 0.8) < 0.06


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_learns(activation):
    y = np.abs(X[:, 0]) if activation != "identity" else X[:, 0]
    model = make("one", (20,), activation=activation, solver="adam", max_iter=200, tol=1e-3,
                 learning_rate_init=0.02, n_iter_no_change=np.inf)  # fmt: skip
    assert model.fit(X, y).score(X, y) > 0.85


def test_the_activations_are_those_documented():
    assert {"identity", "logistic", "tanh", "relu"} < set(ACTIVATIONS)
    assert len({fitted("one", activation=a, tol=1).predict(X)[0] for a in ACTIVATIONS}) == len(
        ACTIVATIONS
    )


def test_prediction_is_that_of_scikit_learn_for_the_same_weights():
    for activation in ("identity", "logistic", "tanh", "relu"):
        model = fitted("many", (7, 5), activation=activation, tol=1)
        peer = MLPRegressor(hidden_layer_sizes=(7, 5), activation=activation, max_iter=1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            peer.fit(X, TARGETS["many"])
        peer.coefs_, peer.intercepts_ = model.coefs_, model.intercepts_
        expected = peer.predict(X) * model.target_scale_ + model.target_offset_
        assert_allclose(model.predict(X), expected, rtol=1e-10)


@pytest.mark.parametrize("factor, shift", [(1e-6, 0), (1e6, 0), (1, 1e5), (1e3, -1e4)])
@pytest.mark.parametrize("solver", SOLVERS)
def test_regression_does_not_depend_on_the_units_of_y(factor, shift, solver):
    y = TARGETS["one"]
    model = make(hidden=(20,), solver=solver, penalty=None, max_iter=120, learning_rate_init=0.01,
                 tol=1e-3 if solver == "lbfgs" and factor == 1 else 0, batch_size=40)  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, factor * y + shift)
    assert model.score(X, factor * y + shift) > 0.9


def test_the_start_is_the_null_model():
    tiny = dict(max_iter=1, learning_rate_init=1e-12, solver="adam", tol=1)
    binary = fitted("binary", (), **tiny)
    assert_allclose(binary.predict_proba(X).mean(axis=0)[1], np.mean(TARGETS["binary"] == "yes"))
    regressor = fitted("many", (), **tiny)
    assert_allclose(regressor.predict(X)[0], TARGETS["many"].mean(axis=0), rtol=1e-6)
    y = np.abs(SCORES) + 1
    poisson = make("one", (), loss="poisson", **tiny).fit(X, y, sample_weight=y)
    assert_allclose(poisson.predict(X)[0], np.average(y, weights=y), rtol=1e-6)


# --------------------------------------------------------------------------------------------
# alpha and penalties
# --------------------------------------------------------------------------------------------
EXACT = dict(solver="lbfgs", tol=1e-8, max_iter=2000)
TIGHT = dict(tol=1e-12, max_iter=100_000)
CONVERSIONS = [
    ("one", dict(penalty="l1", alpha=0.1), Lasso(0.1, **TIGHT)),
    ("one", dict(penalty="l2", alpha=0.1), Ridge(0.1 * 120)),
    ("one", dict(penalty="l2", alpha=0.1, alpha_scaling="sum"), Ridge(0.1)),
    ("many", dict(penalty="group_l1", alpha=0.2 / np.sqrt(2)), MultiTaskLasso(0.2, **TIGHT)),
    ("binary", dict(penalty="l2", alpha=0.1), LogisticRegression(C=1 / 12, tol=1e-10)),
    (
        "multiclass",
        dict(penalty="l2", alpha=3, alpha_scaling="sum"),
        LogisticRegression(C=1 / 3, tol=1e-10),
    ),
]


@pytest.mark.parametrize("kind, parameters, peer", CONVERSIONS)
def test_alpha_converts_to_that_of_linear_models(kind, parameters, peer):
    raw = {"target_scale": None} if kind in ("one", "many") else {}
    model = fitted(kind, (), **parameters, **EXACT, **raw)
    peer.fit(X, TARGETS[kind])
    assert_allclose(model.coefs_[0].T, np.atleast_2d(peer.coef_), atol=1e-5)
    assert model.stationarity_ <= 1e-8
    assert_array_equal(model.coefs_[0].T == 0, np.atleast_2d(peer.coef_) == 0)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("penalty", ["l2", "l1", "group_l1"])
def test_alpha_scaling(solver, penalty):
    """Scaling the weights of the rows changes nothing under "mean", and alpha / sum under "sum"."""
    kwargs = dict(solver=solver, penalty=penalty, max_iter=8)
    mean = fitted("multiclass", alpha=0.01, **kwargs)
    for factor in (0.25, 8.0):
        weight = np.full(len(X), factor)
        scaled = fitted("multiclass", sample_weight=weight, alpha=0.01, **kwargs)
        summed = fitted("multiclass", sample_weight=weight, alpha=0.01 * factor * len(X),
                        alpha_scaling="sum", **kwargs)  # fmt: skip
        for W, *others in zip(mean.coefs_, scaled.coefs_, summed.coefs_):
            for other in others:
                assert_allclose(other, W, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("solver, container", list(zip(SOLVERS, [list, tuple, np.array])))
def test_alpha_per_layer(solver, container):
    kwargs = dict(
        solver=solver, penalty="l1", activation="tanh", max_iter=60, learning_rate_init=0.02
    )
    same = fitted(alpha=container([0.02, 0.02]), **kwargs)
    assert_allclose(same.coefs_[0], fitted(alpha=0.02, **kwargs).coefs_[0])
    first = fitted(alpha=container([0.05, 0]), **kwargs)
    last = fitted(alpha=container([0, 0.05]), **kwargs)
    alive = last.coefs_[1].any(axis=1)
    assert (first.coefs_[0] == 0).mean() > 0.1 and np.all(last.coefs_[0][:, alive] != 0)
    assert not alive.all() or solver == "sgd"


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
@pytest.mark.parametrize("penalty", ["group_l1", "sparse_group_l1", GroupL1()])
@pytest.mark.parametrize("hidden", [(), (8,)])
def test_feature_groups_are_kept_or_dropped_together(solver, penalty, hidden):
    groups = np.array(["b", "noise", "b", "noise", "a", "noise"])
    rows = X[:, [0, 3, 1, 4, 2, 5]]
    y = TARGETS["one"] + 2 * X[:, 2]
    parameters = dict(max_iter=150, alpha=0.05 if hidden else 0.08, learning_rate_init=0.02)
    parameters |= dict(feature_groups=groups, penalty=penalty, solver=solver, l1_ratio=0.2)
    model = make("one", hidden, **parameters).fit(rows, y)
    kept = model.coefs_[0].any(axis=1)
    assert {group for group in "ab" if kept[groups == group].any()} == {"a", "b"}
    assert not kept[groups == "noise"].any()
    if penalty == "group_l1" or type(penalty) is GroupL1:
        assert kept[groups != "noise"].all()
        relabelled = np.unique(groups, return_inverse=True)[1] * 7 - 3
        again = (
            make("one").set_params(**model.get_params()).set_params(feature_groups=list(relabelled))
        )
        assert_array_equal(again.fit(rows, y).coefs_[0], model.coefs_[0])
        blocks = [model.coefs_[0][groups == g] for g in ("a", "b", "noise")]
        first = model.alpha * sum(np.sqrt(B.size) * np.linalg.norm(B) for B in blocks)
        upper = penalty_by_hand("group_l1", model.alpha, 0, model.coefs_[1:]) if hidden else 0
        assert_allclose(model.objective_ - model.loss_, first + upper, rtol=1e-9)


class Lazy(Penalty):
    """A user's penalty, alpha sum abs(w), with nothing but a value and a prox."""

    def value(self, W):
        return self.alpha * float(np.abs(W).sum())

    def prox(self, V, step):
        return np.sign(V) * np.maximum(np.abs(V) - step * self.alpha, 0)


INSTANCES = [(L1, "l1"), (L2, "l2"), (ElasticNet, "elasticnet"), (GroupL1, "group_l1"),
             (SparseGroupL1, "sparse_group_l1"), (Lazy, "l1")]  # fmt: skip


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("cls, name", INSTANCES)
@dead
def test_penalty_instances(cls, name, solver):
    if cls is Lazy and solver == "lbfgs":
        with pytest.raises(ValueError, match=r"solver='lbfgs'.*Lazy"):
            fitted(penalty=Lazy(), solver=solver)
        return
    kwargs = dict(alpha=0.03, solver=solver, learning_rate_init=0.04, max_iter=15)
    penalty = cls(alpha=123.0)
    before = copy.deepcopy(vars(penalty))
    model = fitted("multiclass", penalty=penalty, **kwargs)
    named = fitted("multiclass", penalty=name, **kwargs)
    for W, W_named in zip(model.coefs_, named.coefs_):
        assert_allclose(W, W_named, rtol=1e-6, atol=1e-9)
        assert_array_equal(W == 0, W_named == 0)
    assert vars(penalty) == before and model.penalty is penalty
    assert model.sparsity_ > 0 or name not in ("l1", "group_l1")


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_penalty_instance_keeps_its_own_l1_ratio(solver):
    instance = fitted(penalty=ElasticNet(l1_ratio=0.9), l1_ratio=0.1, alpha=0.03, solver=solver)
    named = fitted(penalty="elasticnet", l1_ratio=0.9, alpha=0.03, solver=solver)
    other = fitted(penalty="elasticnet", l1_ratio=0.1, alpha=0.03, solver=solver)
    assert_array_equal(instance.coefs_[0], named.coefs_[0])
    assert np.abs(instance.coefs_[0] - other.coefs_[0]).max() > 1e-3


@pytest.mark.parametrize("solver", SOLVERS)
def test_alpha_zero_and_no_penalty_are_the_same(solver):
    free = fitted("many", penalty=None, solver=solver, alpha=5.0)
    for penalty in PENALTIES[1:]:
        other = fitted("many", penalty=penalty, alpha=0, solver=solver)
        assert_allclose(other.coefs_[0], free.coefs_[0])
        assert other.objective_ == other.loss_


@pytest.mark.parametrize("hidden, expected", [((), "lbfgs"), ((5,), "adam")])
def test_auto_is_lbfgs_for_the_linear_model_and_adam_for_networks(hidden, expected):
    auto = fitted("multiclass", hidden, solver="auto", max_iter=10)
    assert_array_equal(
        auto.coefs_[0], fitted("multiclass", hidden, solver=expected, max_iter=10).coefs_[0]
    )
    assert_array_equal(
        fitted("one", (), solver="auto", penalty=Lazy(), max_iter=10).coefs_[0],
        fitted("one", (), solver="adam", penalty=Lazy(), max_iter=10).coefs_[0],
    )


@pytest.mark.parametrize("penalty", PENALTIES[1:])
def test_solvers_agree_on_the_convex_problem(penalty):
    kwargs = dict(penalty=penalty, alpha=0.05)
    exact = fitted("multiclass", (), **kwargs, **EXACT)
    for solver, rate in (("adam", 0.02), ("sgd", 0.05)):
        model = fitted("multiclass", (), solver=solver, max_iter=150, batch_size=30, tol=0,
                       n_iter_no_change=np.inf, learning_rate_init=rate, **kwargs)  # fmt: skip
        assert_allclose(model.objective_, exact.objective_, rtol=2e-3)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("kind", ["binary", "many"])
def test_weights_are_repetitions(solver, kind):
    counts = RNG.integers(0, 4, len(X))
    y = TARGETS[kind]
    kwargs = dict(solver=solver, max_iter=400, alpha=0.05, penalty="l1", batch_size=1000, tol=1e-6)
    weighted = make(kind, (), **kwargs).fit(X, y, sample_weight=counts)
    repeated = make(kind, (), **kwargs).fit(np.repeat(X, counts, 0), np.repeat(y, counts, 0))
    assert_allclose(weighted.coefs_[0], repeated.coefs_[0], atol=1e-5)
    assert_allclose(weighted.objective_, repeated.objective_, rtol=1e-6)


@pytest.mark.parametrize("kind", ["binary", "multiclass"])
def test_class_weight(kind):
    y = TARGETS[kind]
    labels, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
    given = dict(zip(labels.tolist(), (1.0, 3.0, 0.5)))
    for class_weight, per_class in (
        (given, list(given.values())),
        ("balanced", len(y) / (len(labels) * counts)),
        ({labels[0]: 2}, [2, 1, 1]),
    ):
        weighted = fitted(kind, (), class_weight=class_weight, **EXACT)
        by_row = fitted(kind, (), sample_weight=np.asarray(per_class)[codes], **EXACT)
        assert_allclose(weighted.coefs_[0], by_row.coefs_[0], atol=1e-5)
        assert_allclose(weighted.loss_, by_row.loss_)
    weights = RNG.uniform(0.5, 2, len(y))
    both = fitted(kind, (), class_weight="balanced", sample_weight=weights, **EXACT)
    balanced = weights.sum() / (len(labels) * np.bincount(codes, weights))
    by_row = fitted(kind, (), sample_weight=weights * balanced[codes], **EXACT)
    assert_allclose(both.coefs_[0], by_row.coefs_[0], atol=1e-5)


# --------------------------------------------------------------------------------------------
# Warnings
# --------------------------------------------------------------------------------------------
def messages(category, rows, y, **kwargs):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        RegularizedMLPRegressor(**{"hidden_layer_sizes": (5,), "random_state": 0, **kwargs}).fit(
            rows, y
        )
    return [str(w.message) for w in caught if w.category is category]


UNSCALED = X * np.r_[np.ones(5), 1000]
ONE_HOT = np.eye(6)[np.r_[np.arange(6), np.zeros(9994, int)]]  # five columns of one row in 10000
SCALED = {
    "standardised": StandardScaler().fit_transform(UNSCALED),
    "only ninetyfold": X * np.r_[np.ones(5), 40],
    "constant column": np.column_stack([X, np.full(120, 1e6), np.zeros(120)]),
    "rare one-hot": ONE_HOT,
    "rare one-hot, sparse": sparse.csr_array(ONE_HOT),
    "rare one-hot, standardised": StandardScaler().fit_transform(ONE_HOT),
    "one column": X[:, :1] * 1e4,
    "all columns alike": X * 1e-5,
    "max-abs scaled": MaxAbsScaler().fit_transform(sparse.csr_array(UNSCALED)),
}


@pytest.mark.parametrize(
    "rows", [UNSCALED, UNSCALED.astype(np.float32), UNSCALED[:2], 1e-8 * UNSCALED]
)
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array, np.asfortranarray])
def test_unscaled_columns_are_warned_about_once(rows, container):
    found = messages(UserWarning, container(rows), SCORES[: len(rows)], max_iter=2)
    assert len(found) == 1
    scaler = "MaxAbsScaler" if container is sparse.csr_array else "StandardScaler"
    assert "standard deviations from" in found[0] and scaler in found[0]


@pytest.mark.parametrize("name", SCALED)
def test_scaled_columns_are_not_warned_about(name):
    rows = SCALED[name]
    assert not messages(UserWarning, rows, np.resize(SCORES, rows.shape[0]), max_iter=2)


def test_no_warning_about_scales_in_partial_fit_or_predict():
    with pytest.warns(UserWarning, match="standard deviations"):
        model = make(tol=1, n_iter_no_change=1).fit(UNSCALED, SCORES)
    model.partial_fit(UNSCALED, SCORES).predict(UNSCALED)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("penalty", ["l1", "group_l1"])
def test_a_dead_network_is_warned_about(solver, penalty):
    kwargs = dict(solver=solver, penalty=penalty, max_iter=50, learning_rate_init=0.01)
    (message,) = messages(UserWarning, X, SCORES, alpha=10.0, **kwargs)
    assert message.startswith("Every weight is zero: alpha=10.0") and f"{penalty!r}" in message
    assert not messages(UserWarning, X, SCORES, alpha=1e-4, **kwargs)
    # of the linear model, zero is a legitimate answer
    assert not messages(UserWarning, X, SCORES, alpha=10.0, hidden_layer_sizes=(), **kwargs)


@pytest.mark.parametrize("parameters", [
    dict(solver="lbfgs", max_iter=3),
    dict(solver="lbfgs", max_fun=4),
    dict(solver="lbfgs", max_iter=3, penalty="l1", alpha=0.01),
    dict(solver="adam", max_iter=2),
    dict(solver="sgd", max_iter=1),
    dict(solver="adam", max_iter=2, penalty="group_l1", alpha=0.01),
])  # fmt: skip
def test_an_unfinished_fit_is_warned_about(parameters):
    (message,) = messages(ConvergenceWarning, X, SCORES, **parameters)
    assert "stationarity_=" in message and "max_iter" in message and "raise" in message


@pytest.mark.parametrize("parameters", [
    dict(solver="lbfgs", max_iter=2000, activation="tanh", alpha=0.01),
    dict(solver="lbfgs", max_iter=2000, activation="tanh", alpha=0.01, penalty="l1"),
    dict(solver="lbfgs", max_iter=2000, activation="tanh", alpha=0.01, penalty="group_l1"),
    dict(solver="adam", max_iter=300, learning_rate_init=0.01, batch_size=20),
    dict(solver="sgd", max_iter=300, learning_rate_init=0.01, batch_size=20),
    dict(solver="adam", max_iter=2, early_stopping=True),
    dict(solver="lbfgs", max_iter=3, early_stopping=True),
    dict(solver="adam", max_iter=50, tol=1.0, n_iter_no_change=3),
])  # fmt: skip
def test_a_finished_fit_is_not(parameters):
    assert not messages(ConvergenceWarning, X, SCORES, **parameters)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("hidden, alpha", [((), 10.0), ((), 1e-3), ((5,), 1e-3)])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
@pytest.mark.parametrize("penalty", ["l1", "group_l1"])
def test_rounding_and_noise_are_not_warned_about(penalty, solver, hidden, alpha, dtype):
    """A fit that starts at its solution, or goes on from it, has nothing to converge to."""
    kwargs = dict(penalty=penalty, alpha=alpha, solver=solver, hidden_layer_sizes=hidden)
    assert not messages(
        ConvergenceWarning, X.astype(dtype), SCORES, batch_size=30, max_iter=100,
        learning_rate_init=0.01, **kwargs,
    )  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_a_fit_that_starts_at_its_solution_is_not_warned_about(solver, dtype):
    rows = X.astype(dtype)
    kwargs = dict(solver=solver, penalty="l1", alpha=10.0, hidden_layer_sizes=(), max_iter=5)
    assert not messages(ConvergenceWarning, rows, SCORES, **kwargs)


@pytest.mark.parametrize(
    "cls, load",
    [(RegularizedMLPClassifier, load_breast_cancer), (RegularizedMLPRegressor, load_diabetes)],
)
def test_default_parameters_fit_in_silence(cls, load):
    data, y = load(return_X_y=True)
    y = scale(y) if cls is RegularizedMLPRegressor else y
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = cls(random_state=0).fit(scale(data), y)
    assert model.score(scale(data), y) > 0.6


@pytest.mark.parametrize("encoder", [None, "table"])
def test_a_target_of_strings_is_named(encoder):
    X = np.arange(6.0)[:, np.newaxis]
    with pytest.raises(ValueError, match=r"y must hold numbers.*'b'.*RegularizedMLPClassifier\."):
        RegularizedMLPRegressor((), encoder=encoder).fit(X, list("bababa"))
