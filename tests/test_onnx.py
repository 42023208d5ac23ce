"""Networks converted to ONNX and run by onnxruntime predict what the estimators predict."""

import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from test_table_encoder import mixed_frame

from skreg_mlp import (
    RegularizedMLPClassifier,
    RegularizedMLPClassifierCV,
    RegularizedMLPCox,
    RegularizedMLPRegressor,
    RegularizedMLPRegressorCV,
    TableEncoder,
    survival_target,
)
from skreg_mlp._objective.activations import ACTIVATIONS
from skreg_mlp.onnx import register_converters
from skreg_mlp.penalties import Penalty

onnxruntime = pytest.importorskip("onnxruntime")
skl2onnx = pytest.importorskip("skl2onnx")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = RNG.standard_normal((300, 8))
SCORES = X[:, :3] + RNG.standard_normal((300, 3))
BINARY = np.array(["no", "yes"])[(SCORES[:, 0] > 0).astype(int)]
CLASSES = SCORES.argmax(axis=1) - 1
LABELS = (SCORES > 0).astype(int)
CLASSIFICATION = {"binary": BINARY, "multiclass": CLASSES, "multilabel": LABELS}
REGRESSION = {
    "squared_error": SCORES[:, 0],
    "several outputs": SCORES,
    "huber": SCORES[:, 0],
    "quantile": SCORES[:, 0],
    "poisson": RNG.poisson(np.exp(SCORES)),
    "gamma": np.exp(SCORES[:, 0]),
    "tweedie": np.maximum(SCORES[:, 0], 0),
    "quantiles": SCORES[:, 0],
    "cox": survival_target(SCORES[:, 1] > 0, np.exp(SCORES[:, 0])),
}
# of scores of up to ten, after three layers
PRECISION = {"float32": 4e-6, "float64": 1e-13}


@pytest.fixture(autouse=True, scope="module")
def converters():
    register_converters()


def network(task, dtype="float64", hidden=(12, 6), **kwargs):
    """A network for `task`, fitted to hardly more than its shape, with weights of some size."""
    kwargs = {"max_iter": 1, "random_state": 0, **kwargs}
    if task in CLASSIFICATION:
        y, model = CLASSIFICATION[task], RegularizedMLPClassifier(hidden, **kwargs)
    elif task == "cox":
        y, model = REGRESSION[task], RegularizedMLPCox(hidden, **kwargs)
    else:
        loss = {"several outputs": "squared_error", "quantiles": "quantile"}.get(task, task)
        if task == "quantiles":
            kwargs["quantile"] = [0.2, 0.5, 0.7]
        y, model = REGRESSION[task], RegularizedMLPRegressor(hidden, loss=loss, **kwargs)
    model.fit(X.astype(dtype), y)
    rng = np.random.default_rng(1)
    for values in model.coefs_ + model.intercepts_:
        values += rng.normal(scale=0.5 * len(values) ** -0.5, size=values.shape)
    return model


def run(model, rows=X, **kwargs):
    """Outputs of the graph of `model` for `rows`, whose dtype is that of the graph."""
    graph = skl2onnx.to_onnx(model, rows[:1], **kwargs)
    return onnxruntime.InferenceSession(graph.SerializeToString()).run(None, {"X": rows})


def assert_classifies_alike(model, rows=X, precision=1e-13):
    labels, proba = run(model, rows, options={"zipmap": False})
    assert_array_equal(labels, model.predict(rows))
    assert proba.dtype == rows.dtype
    assert_allclose(proba, model.predict_proba(rows), atol=precision)


def assert_predicts_alike(model, rows=X, precision=1e-13):
    (values,) = run(model, rows)
    expected = model.predict(rows)
    assert values.dtype == rows.dtype
    assert_allclose(values, expected.reshape(len(rows), -1), rtol=precision, atol=precision)


def precision(activation, *dtypes):
    if activation == "gelu":  # the error function is computed in float32
        return PRECISION["float32"]
    return max(PRECISION[dtype] for dtype in dtypes)


# --------------------------------------------------------------------------------------------
# All formulas
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("graph", PRECISION)
@pytest.mark.parametrize("dtype", PRECISION)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_all_activations_and_tasks(activation, dtype, graph):
    rows, error = X.astype(graph), precision(activation, dtype, graph)
    for task in CLASSIFICATION:
        assert_classifies_alike(network(task, dtype, activation=activation), rows, error)
    for task in ("several outputs", "poisson"):
        assert_predicts_alike(network(task, dtype, activation=activation), rows, error)


@pytest.mark.parametrize("task", REGRESSION)
@pytest.mark.parametrize("hidden", [(), (5,)])
def test_all_losses(task, hidden):
    assert_predicts_alike(network(task, hidden=hidden))


def test_far_out_scores_stay_finite():
    rows = 1e4 * X
    for activation in ACTIVATIONS:
        model = network("several outputs", hidden=(5,), activation=activation)
        assert_predicts_alike(model, rows, precision=1e-7 if activation == "gelu" else 1e-13)
        assert_classifies_alike(network("multiclass", hidden=(5,), activation=activation), rows)


def test_integers_are_computed_in_float32():
    rows = (3 * X).astype(np.int64)
    (values,) = run(network("squared_error"), rows)
    assert values.dtype == np.float32
    assert_allclose(values.ravel(), network("squared_error").predict(rows), atol=1e-5)


# --------------------------------------------------------------------------------------------
# Labels and options
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "classes",
    [np.array(["ä", "b", "c"]), np.array(["ä", "b", "c"], dtype=object), np.array([7, -1, 3]),
     np.array([2.0, 5.0, 3.0]), np.array([2, 0, 9], dtype=np.uint8)],
)  # fmt: skip
@pytest.mark.parametrize("n_classes", [2, 3])
def test_labels_of_any_kind(classes, n_classes):
    y = classes[np.arange(len(X)) % n_classes]
    assert_classifies_alike(RegularizedMLPClassifier((4,), max_iter=2).fit(X, y))


def test_zipmap():
    rows, model = X.astype(np.float32), network("binary")
    expected = model.predict_proba(rows)
    labels, maps = run(model, rows)
    assert_array_equal(labels, model.predict(rows))
    assert_allclose([[row["no"], row["yes"]] for row in maps], expected, atol=1e-6)
    _, no, yes = run(model, rows, options={"zipmap": "columns"})
    assert_allclose(np.column_stack([no, yes]), expected, atol=1e-6)
    _, maps = run(network("multilabel"), rows)
    expected = network("multilabel").predict_proba(rows)
    assert_allclose([[row[k] for k in range(3)] for row in maps], expected, atol=1e-6)


def test_class_labels_and_class_indices():
    model = network("binary")
    *_, classes = run(model, options={"zipmap": False, "output_class_labels": True})
    assert_array_equal(classes, model.classes_)
    indices, _ = run(model, options={"zipmap": False, "nocl": True})
    assert_array_equal(model.classes_[indices], model.predict(X))


def test_raw_scores():
    options = {"zipmap": False, "raw_scores": True}
    for task in ("multiclass", "multilabel"):
        labels, scores = run(network(task), options=options)
        assert_array_equal(labels, network(task).predict(X))
        assert_allclose(scores, network(task).decision_function(X), atol=1e-13)
    positive = network("binary").decision_function(X)
    _, scores = run(network("binary"), options=options)
    assert_allclose(scores, np.column_stack([-positive, positive]), atol=1e-13)


def test_the_declared_shapes_are_those_of_the_outputs():
    for task in CLASSIFICATION | REGRESSION:
        options = {"zipmap": False} if task in CLASSIFICATION else None
        graph = skl2onnx.to_onnx(network(task), X[:1], options=options)
        session = onnxruntime.InferenceSession(graph.SerializeToString())
        for described, values in zip(session.get_outputs(), session.run(None, {"X": X})):
            assert [len(X), *described.shape[1:]] == list(values.shape), task


# --------------------------------------------------------------------------------------------
# Other estimators around and inside
# --------------------------------------------------------------------------------------------
def test_pipelines_and_calibration():
    rows = 3 + 10 * X
    for task, y in CLASSIFICATION.items():
        model = make_pipeline(StandardScaler(), network(task)).fit(rows, y)
        assert_classifies_alike(model, rows)
    model = make_pipeline(StandardScaler(), network("several outputs")).fit(rows, SCORES)
    assert_predicts_alike(model, rows)
    assert_classifies_alike(CalibratedClassifierCV(network("multiclass"), cv=2).fit(X, CLASSES))


def test_cross_validated_networks():
    few = dict(alphas=[1e-3, 1e-2], cv=2, max_iter=5, random_state=0)
    assert_classifies_alike(RegularizedMLPClassifierCV((4,), **few).fit(X, BINARY))
    assert_predicts_alike(RegularizedMLPRegressorCV((4,), **few).fit(X, SCORES))


def test_smaller_networks_give_smaller_files():
    model = network("squared_error", hidden=(50,))
    model.coefs_[0][:6] = 0
    model.coefs_[0][:, 10:] = 0
    sizes = []
    for smaller in (model, model.to_sparse(), model.prune(), model.prune().to_sparse()):
        assert_predicts_alike(smaller)
        sizes.append(len(skl2onnx.to_onnx(smaller, X[:1]).SerializeToString()))
    assert sizes[0] == sizes[1] and sizes[2] == sizes[3] < sizes[0] / 4
    unused = X.copy()
    unused[:, :6] = np.nan
    (values,) = run(model.prune(), unused)
    assert_allclose(values.ravel(), model.predict(X), atol=1e-13)


def test_a_network_without_weights():
    for task, check in (("multiclass", assert_classifies_alike), ("gamma", assert_predicts_alike)):
        model = network(task)
        for W in model.coefs_:
            W[:] = 0
        assert model.prune().coefs_[0].size == 0
        check(model.prune())


def test_weights_edited_by_hand():
    model = network("multiclass", hidden=())
    model.coefs_, model.intercepts_ = [np.eye(8, 3, dtype=int)], [[0, 1, 0]]
    assert_array_equal(model.decision_function(X), X[:, :3] + [0, 1, 0])
    assert_classifies_alike(model)


@dataclass(frozen=True)
class Halving(Penalty):
    """Of the user's own, which no converter knows."""

    def value(self, W):
        return self.alpha * np.abs(W).sum() / 2

    def prox(self, V, step):
        return np.sign(V) * np.maximum(np.abs(V) - step * self.alpha / 2, 0)


def test_the_penalty_does_not_matter():
    assert_predicts_alike(network("squared_error", penalty=Halving(), solver="adam"))


# --------------------------------------------------------------------------------------------
# What goes wrong
# --------------------------------------------------------------------------------------------
def test_an_estimator_that_is_not_fitted():
    for model in (RegularizedMLPRegressor(), RegularizedMLPRegressorCV()):
        with pytest.raises(NotFittedError, match="not fitted yet"):
            skl2onnx.to_onnx(model, X[:1])
    with pytest.raises(NotFittedError, match="not fitted yet"):
        skl2onnx.to_onnx(RegularizedMLPClassifier(), X[:1], options={"zipmap": False})


def test_without_skl2onnx(monkeypatch):
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(ImportError, match=r"pip install skl2onnx onnxruntime"):
        register_converters()


def test_the_package_does_not_import_it():
    code = "import sys, skreg_mlp, skreg_mlp.onnx; sys.exit('skl2onnx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# --------------------------------------------------------------------------------------------
# An encoder inside
# --------------------------------------------------------------------------------------------
def frame_of_strings():
    return mixed_frame(120).astype({"grade": str})


def onnx_inputs(frame, real):
    """Types of the inputs, and the columns as onnxruntime takes them: a missing string is empty."""
    from skl2onnx.common import data_types as types

    kinds = {"f": getattr(types, f"{real}TensorType"), "i": types.Int64TensorType,
             "b": types.BooleanTensorType}  # fmt: skip
    initial, values = [], {}
    for name in frame:
        column = frame[name]
        kind = getattr(column.dtype, "kind", "O")
        if kind not in kinds:
            initial.append((name, types.StringTensorType([None, 1])))
            values[name] = column.astype(object).fillna("").to_numpy(object)[:, None]
            continue
        initial.append((name, kinds[kind]([None, 1])))
        dtype = {"Double": np.float64, "Float": np.float32}[real] if kind == "f" else column.dtype
        values[name] = column.to_numpy(dtype)[:, None]
    return initial, values


@pytest.mark.parametrize("real", ["Double", "Float"])
@pytest.mark.parametrize("converted", [lambda m: m, lambda m: m.prune()])
@pytest.mark.parametrize("encoder", ["table", TableEncoder(0), TableEncoder(3, max_categories=2)])
@pytest.mark.parametrize("cls", [RegularizedMLPRegressor, RegularizedMLPClassifier])
def test_frames_with_strings_and_missing_values(cls, encoder, converted, real):
    frame = frame_of_strings()
    score = frame["age"].fillna(30) / 20 + (frame["city"] == "Rome")
    y = score if cls is RegularizedMLPRegressor else np.where(score > 2.5, "old", "young")
    factor = [1, 1, 1, np.inf, 1]
    model = cls((6,), encoder=encoder, penalty="l1", penalty_factor=factor, max_iter=30)
    model = converted(model.set_params(random_state=0).fit(frame, y))
    frame.loc[5, "city"] = "Paris"  # which nobody has seen
    types, values = onnx_inputs(frame, real)
    options = None if cls is RegularizedMLPRegressor else {"zipmap": False}
    graph = skl2onnx.to_onnx(model, initial_types=types, options=options)
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    known = {node.name for node in session.get_inputs()}
    found = session.run(None, {name: v for name, v in values.items() if name in known})[-1]
    expected = model.predict(frame) if options is None else model.predict_proba(frame)
    assert_allclose(found.reshape(expected.shape), expected, atol=2e-4, rtol=2e-4)


def test_one_input_of_numbers_with_an_encoder():
    X = np.random.default_rng(0).standard_normal((50, 3))
    X[::7, 1] = np.nan
    model = RegularizedMLPRegressor((5,), encoder="table", max_iter=20, random_state=0)
    model.fit(X, X[:, 0])
    graph = skl2onnx.to_onnx(model, X[:1])
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    assert_allclose(session.run(None, {"X": X})[0].ravel(), model.predict(X), atol=1e-6)


def test_encoders_without_a_conversion():
    frame = mixed_frame(60)
    model = RegularizedMLPRegressor((3,), encoder=TableEncoder(2), max_iter=2).fit(
        frame, frame.index
    )
    types, _ = onnx_inputs(frame.astype({"grade": float}), "Double")
    with pytest.raises(NotImplementedError, match="make them strings"):
        skl2onnx.to_onnx(model, initial_types=types)
    with pytest.raises(ValueError, match="5 columns, and 4 inputs"):
        skl2onnx.to_onnx(model, initial_types=types[:4])
