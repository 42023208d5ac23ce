"""Conversion of fitted networks to ONNX: converters for skl2onnx (extra ``onnx``)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from skreg_mlp._estimators.cox import RegularizedMLPCox
from skreg_mlp._estimators.cross_validation import (
    RegularizedMLPClassifierCV,
    RegularizedMLPCoxCV,
    RegularizedMLPRegressorCV,
)
from skreg_mlp._estimators.single import RegularizedMLPClassifier, RegularizedMLPRegressor
from skreg_mlp._objective.activations import LEAKY_SLOPE
from skreg_mlp._objective.coding import BEND
from skreg_mlp._objective.network import dense
from skreg_mlp.encoding import TableEncoder

if TYPE_CHECKING:
    from numpy.typing import DTypeLike
    from skl2onnx.common._container import ModelComponentContainer
    from skl2onnx.common._topology import Operator, Scope

    from skreg_mlp._typing import Floats
    from skreg_mlp.encoding._encoder import Column

__all__ = ["register_converters"]


def register_converters() -> None:
    """Teach skl2onnx to convert the networks, alone and as steps of a Pipeline.

    After it, ``skl2onnx.to_onnx`` and ``skl2onnx.convert_sklearn`` take fitted
    `RegularizedMLPClassifier`, `RegularizedMLPRegressor`, `RegularizedMLPCox` and the estimators
    with CV. A second call changes nothing.

    Raises
    ------
    ImportError
        skl2onnx is missing: it comes with the extra ``onnx``.

    Notes
    -----
    The outputs are those that skl2onnx gives classifiers (labels and probabilities) and regressors
    (for `RegularizedMLPCox` the log hazards), and so are the options of the classifiers:
    ``zipmap``, ``output_class_labels``, ``nocl`` (class indices for labels) and ``raw_scores`` (the
    scores of `decision_function` for probabilities, two columns -s and s for two classes).

    The graph computes in float64 where its input is of type double (but for the error function of
    "gelu", which onnxruntime has in float32 only), and in float32 otherwise, whatever the dtype of
    the network. It has the weights of the estimator as they are: a pruned network gives a smaller
    file, CSR weights become dense.

    With a `TableEncoder` inside, give one input for each column of X, in order, as `initial_types`:
    numbers (nan where they are missing) and strings (empty where they are missing). Where all
    columns are numbers, one input with all of them will do, too.

    Examples
    --------
    >>> import onnxruntime, skl2onnx
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skreg_mlp import RegularizedMLPClassifier
    >>> from skreg_mlp.onnx import register_converters
    >>> register_converters()
    >>> X, y = load_iris(return_X_y=True)
    >>> mlp = RegularizedMLPClassifier((10,), solver="lbfgs", alpha=1e-2, random_state=0)
    >>> model = make_pipeline(StandardScaler(), mlp).fit(X, y)
    >>> graph = skl2onnx.to_onnx(model, X[:1], options={"zipmap": False})
    >>> session = onnxruntime.InferenceSession(graph.SerializeToString())
    >>> labels, proba = session.run(None, {"X": X})
    >>> bool((labels == model.predict(X)).all())
    True
    >>> bool(abs(proba - model.predict_proba(X)).max() < 1e-12)
    True
    """
    try:
        from skl2onnx import update_registered_converter
    except ImportError as error:
        raise ImportError(
            "register_converters needs skl2onnx: pip install skl2onnx onnxruntime."
        ) from error
    options = dict(
        zipmap=[True, False, "columns"],
        output_class_labels=[False, True],
        nocl=[True, False],
        raw_scores=[True, False],
    )
    for classifier in (RegularizedMLPClassifier, RegularizedMLPClassifierCV):
        name = f"Skreg{classifier.__name__}"
        update_registered_converter(
            classifier, name, _classifier_shapes, _convert_classifier, options=options
        )
    regressors = (RegularizedMLPRegressor, RegularizedMLPRegressorCV)
    for regressor in (*regressors, RegularizedMLPCox, RegularizedMLPCoxCV):
        name = f"Skreg{regressor.__name__}"
        update_registered_converter(regressor, name, _regressor_shapes, _convert_regressor)


# --------------------------------------------------------------------------------------------
# Shapes
# --------------------------------------------------------------------------------------------
def _classifier_shapes(operator: Operator) -> None:
    from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes

    model = operator.raw_operator
    check_is_fitted(model, "coefs_")
    calculate_linear_classifier_output_shapes(_numeric(operator))
    if model._is_multilabel:
        operator.outputs[0].type.shape = [*operator.outputs[0].type.shape, model.n_outputs_]


def _regressor_shapes(operator: Operator) -> None:
    from skl2onnx.common.shape_calculator import calculate_linear_regressor_output_shapes

    check_is_fitted(operator.raw_operator, "coefs_")
    calculate_linear_regressor_output_shapes(_numeric(operator))
    operator.outputs[0].type.shape[1] = operator.raw_operator.n_outputs_


def _numeric(operator: Operator) -> Any:
    """The operator with its first input as numbers, which is all that skl2onnx expects."""
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    if operator.raw_operator._encoder is None:
        return operator
    first, view = copy.copy(operator.inputs[0]), copy.copy(operator)
    kinds = {type(variable.type) for variable in operator.inputs}
    kind = DoubleTensorType if DoubleTensorType in kinds else FloatTensorType
    first._type = kind(first.type.shape)
    view.inputs = [first]
    return view


# --------------------------------------------------------------------------------------------
# Graphs
# --------------------------------------------------------------------------------------------
class _Graph:
    """Adds nodes for one operator. Calling it gives the name of the output of a new node.

    Inputs of a node that are not names are constants; floats are of the dtype of the graph.
    """

    def __init__(
        self,
        scope: Scope,
        operator: Operator,
        container: ModelComponentContainer,
        dtype: DTypeLike | None = None,
    ):
        from skl2onnx.common.data_types import DoubleTensorType

        self.scope, self.container = scope, container
        double = any(isinstance(variable.type, DoubleTensorType) for variable in operator.inputs)
        self.dtype = np.dtype(dtype or (np.float64 if double else np.float32))

    def __call__(
        self, kind: str, *inputs: Any, output: str | None = None, **attributes: Any
    ) -> str:
        output = output or self.scope.get_unique_variable_name(kind.lower())
        names = [value if isinstance(value, str) else self._constant(value) for value in inputs]
        name = self.scope.get_unique_operator_name(kind)
        self.container.add_node(kind, names, output, name=name, **attributes)
        return output

    def cast(self, values: str, dtype: DTypeLike, **kwargs: Any) -> str:
        return self("Cast", values, to=_onnx_type(dtype), **kwargs)

    def sorted(self, values: str, n_columns: int) -> str:
        """The entries of each row in ascending order."""
        names = [self.scope.get_unique_variable_name(name) for name in ("sorted", "places")]
        inputs = [values, self._constant(np.array([n_columns]))]
        name = self.scope.get_unique_operator_name("TopK")
        self.container.add_node("TopK", inputs, names, name=name, axis=1, largest=0)
        return names[0]

    def _constant(self, values: Any) -> str:
        values = np.asarray(values)
        if values.dtype.kind == "f":
            values = values.astype(self.dtype)
        name, kind = self.scope.get_unique_variable_name("constant"), _onnx_type(values.dtype)
        content = [str(value).encode() for value in values] if values.dtype.kind in "OU" else values
        self.container.add_initializer(name, kind, values.shape, np.ravel(content))
        return name


def _onnx_type(dtype: DTypeLike) -> int:
    from onnx.helper import np_dtype_to_tensor_dtype

    return np_dtype_to_tensor_dtype(np.dtype(dtype))


def _erf(g: _Graph, values: str) -> str:
    """In float32 throughout: onnxruntime has no other."""
    return g.cast(g("Erf", g.cast(values, np.float32)), g.dtype)


# The formulas of the activations in operators that onnxruntime has in float64 too
ACTIVATIONS: dict[str, Callable[[_Graph, str], str]] = {
    "identity": lambda g, z: z,
    "logistic": lambda g, z: g("Sigmoid", z),
    "tanh": lambda g, z: g("Tanh", z),
    "relu": lambda g, z: g("Relu", z),
    "leaky_relu": lambda g, z: g("Max", z, g("Mul", z, LEAKY_SLOPE)),
    "elu": lambda g, z: g("Add", g("Relu", z), g("Sub", g("Exp", g("Min", z, 0.0)), 1.0)),
    "softplus": lambda g, z: g(
        "Add", g("Relu", z), g("Log", g("Add", g("Exp", g("Neg", g("Abs", z))), 1.0))
    ),
    # not z times Sigmoid: old versions of onnxruntime fuse that into a node without float64
    "silu": lambda g, z: g("Div", z, g("Add", g("Exp", g("Neg", z)), 1.0)),
    "gelu": lambda g, z: g(
        "Mul", z, g("Add", g("Mul", _erf(g, g("Mul", z, np.sqrt(0.5))), 0.5), 0.5)
    ),
}


# --------------------------------------------------------------------------------------------
# Encoded columns: see `TableEncoder`
# --------------------------------------------------------------------------------------------
def _encoded(g: _Graph, operator: Operator) -> str:
    """What the encoder makes of the columns: one input each, or the columns of a single one."""
    model = operator.raw_operator
    frozen = isinstance(model._encoder, FrozenEstimator)
    encoder = model._encoder.estimator if frozen else model._encoder
    if not isinstance(encoder, TableEncoder):
        raise NotImplementedError(
            f"encoder={model.encoder!r} has no conversion to ONNX, only a TableEncoder has: encode "
            "X outside, and fit with encoder=None."
        )
    names, n = [variable.full_name for variable in operator.inputs], model.n_features_in_
    if len(names) not in (1, n):
        raise ValueError(f"X has {n} columns, and {len(names)} inputs were given: give one each.")
    parts, done = [], 0
    for k, column in enumerate(encoder._columns):
        if column.names:
            means = encoder._means[done : (done := done + len(column.names))]
            x = g("Gather", names[0], [k], axis=1) if len(names) == 1 else names[k]
            make = _encoded_numbers if column.states is None else _encoded_levels
            parts.append(make(g, x, column, encoder.categories_[k], means))
    return g("Concat", *parts, axis=1)


def _encoded_numbers(g: _Graph, x: str, column: Column, levels: Any, means: Floats) -> str:
    x, zero = g.cast(x, g.dtype), 0.0
    missing, parts, named = g("IsNaN", x), [], [name is not None for name in column.outputs]
    if column.value is not None:
        z = g("Div", g("Sub", x, column.center), column.unit)
        z = g("Max", g("Min", z, 1e8), -1e8)
        third = g("Div", z, BEND)
        bent = g("Div", z, g("Sqrt", g("Add", g("Mul", third, third), 1.0)))
        parts.append(g("Where", missing, zero, g("Sub", bent, means[0])))
    edges, ramps = np.array(column.edges), np.flatnonzero(named[1:-1])
    if len(ramps):
        low, high, first = edges[ramps], edges[ramps + 1], len(parts)
        share = g("Div", g("Sub", x, low), high - low)
        ramp = g("Sub", g("Max", g("Min", share, 1.0), 0.0), means[first : first + len(ramps)])
        parts.append(g("Where", missing, zero, ramp))
    if named[-1]:
        parts.append(g("Sub", g.cast(missing, g.dtype), means[-1]))
    return g("Concat", *parts, axis=1)


def _encoded_levels(g: _Graph, x: str, column: Column, levels: Any, means: Floats) -> str:
    """Indicators, looked up by the level; an empty string is missing where it is no level."""
    assert column.states is not None
    n_states = len(column.outputs)
    named = np.array([name is not None for name in column.outputs])
    table = np.eye(n_states)[:, named] - means
    keys = [*levels, ""] if "" not in levels else levels
    if not all(isinstance(level, str) for level in levels):
        raise NotImplementedError(
            f"Levels such as {levels[0]!r} have no conversion to ONNX: make them strings."
        )
    states = g(
        "LabelEncoder", x, op_domain="ai.onnx.ml", op_version=2, keys_strings=keys,
        values_int64s=column.states[: len(keys)], default_int64=n_states - 1,
    )  # fmt: skip
    return g("Squeeze", g("Gather", table, states, axis=0), [1])


def _raw_scores(g: _Graph, operator: Operator) -> str:
    """Scores of the last layer, shape (n_samples, n_outputs)."""
    model, values = operator.raw_operator, operator.inputs[0].full_name
    if model._encoder is not None:
        values = _encoded(g, operator)
    if hasattr(model, "_inputs"):  # of a pruned network
        values = g("Gather", values, model._inputs.astype(np.int64), axis=1)
    values = g.cast(values, g.dtype)
    for layer, (W, b) in enumerate(zip(model.coefs_, model.intercepts_)):
        if layer > 0:
            values = ACTIVATIONS[model.activation](g, values)
        product = g("MatMul", values, dense(W).astype(g.dtype))
        values = g("Add", product, np.asarray(b, g.dtype))
    return values


def _convert_classifier(
    scope: Scope, operator: Operator, container: ModelComponentContainer
) -> None:
    from skl2onnx.common.utils_classifier import get_label_classes

    model, g = operator.raw_operator, _Graph(scope, operator, container)
    labels, proba = (output.full_name for output in operator.outputs)
    scores = _raw_scores(g, operator)
    if model.n_outputs_ == 1:  # one column for each class, here too
        scores = g("Concat", g("Neg", scores), scores, axis=1)
    if container.get_options(model, dict(raw_scores=False))["raw_scores"]:
        g("Identity", scores, output=proba)
    elif model.out_activation_ == "softmax":
        g("Softmax", scores, axis=1, output=proba)
    else:
        g("Sigmoid", scores, output=proba)
    if model._is_multilabel:
        g.cast(g("Greater", scores, 0.0), np.int64, output=labels)
    else:
        classes = get_label_classes(scope, model)
        classes = classes if classes.dtype.kind in "OU" else classes.astype(np.int64)
        g("Gather", classes, g("ArgMax", scores, axis=1, keepdims=0), output=labels)


def _convert_regressor(
    scope: Scope, operator: Operator, container: ModelComponentContainer
) -> None:
    model, g = operator.raw_operator, _Graph(scope, operator, container)
    scores, output = _raw_scores(g, operator), operator.outputs[0].full_name
    if model.out_activation_ == "exp":
        g("Exp", scores, output=output)
        return
    if not hasattr(model, "target_scale_"):  # log hazards
        g("Identity", scores, output=output)
        return
    # in float64 in every graph: y may be far from zero, beside its spread
    wide = _Graph(scope, operator, container, np.float64)
    scaled = wide("Mul", wide.cast(scores, np.float64), model.target_scale_)
    shifted = wide("Add", scaled, model.target_offset_)
    if model.out_activation_ == "sort":
        shifted = wide.sorted(shifted, model.n_outputs_)
    g.cast(shifted, g.dtype, output=output)
