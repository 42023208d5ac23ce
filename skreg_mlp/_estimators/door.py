"""Where `fit` enters: what a user gives, read, checked and made into objects, once.

Everything behind this door (`_training`, `_solvers`, `_objective`) sees `Settings`, `Targets` and
arrays, never an estimator.
"""

from __future__ import annotations

import copy
import inspect
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from sklearn.base import is_classifier
from sklearn.metrics import check_scoring
from sklearn.utils import check_X_y
from sklearn.utils.validation import validate_data

from skreg_mlp import _validation as validation
from skreg_mlp._estimators.encoders import encoded, fitted_encoder
from skreg_mlp._estimators.partitioned import read_partitions
from skreg_mlp._estimators.survival import SurvivalNetwork, read_survival
from skreg_mlp._estimators.tasks import Classification, Regression, Survival
from skreg_mlp._objective.activations import ACTIVATIONS, KINKED, STEEPEST
from skreg_mlp._objective.cluster import in_memory, is_collection
from skreg_mlp._objective.cox import Cox
from skreg_mlp._objective.losses import regression_loss
from skreg_mlp._objective.partitions import Partitions, columns_of
from skreg_mlp._training.entry import Entry, Rows
from skreg_mlp._training.settings import Settings
from skreg_mlp.encoding._table import given_columns
from skreg_mlp.penalties._convex import factor_of_groups
from skreg_mlp.penalties._names import PENALTIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import DTypeLike
    from sklearn.base import BaseEstimator

    from skreg_mlp._typing import Floats, Ints
    from skreg_mlp.penalties import Penalty

# parameters that training reads as they are
AS_GIVEN = (
    "solver", "learning_rate_init", "momentum", "nesterovs_momentum", "beta_1", "beta_2", "epsilon",
    "max_iter", "max_fun", "tol", "certify",
)  # fmt: skip


def enter(
    estimator: BaseEstimator,
    X: Any,
    y: Any,
    sample_weight: Any,
    validation_data: tuple[Any, Any, Any] = (None, None, None),
    *,
    reset: bool = True,
    dtype: DTypeLike | None = None,
) -> Entry:
    """Check parameters and data of a fit; `validation_data` are X, y and weights, or None each.

    `reset` says that this is the first X the estimator sees, `dtype` what X is to become (None:
    float32 stays as it is, anything else becomes float64).
    """
    rows = enter_rows(estimator, X, y, sample_weight, reset=reset, dtype=dtype)
    held_out = read_validation(estimator, *validation_data)
    if held_out is not None and isinstance(held_out.X, Partitions) > isinstance(rows.X, Partitions):
        raise ValueError(
            "X_val is a Dask collection, and X is in memory: pass X_val.compute(), or both as "
            "collections."
        )
    return entry_of(estimator, rows, held_out, dtype=dtype)


def enter_rows(
    estimator: BaseEstimator,
    X: Any,
    y: Any,
    sample_weight: Any,
    *,
    reset: bool = True,
    dtype: DTypeLike | None = None,
) -> Rows:
    """Check parameters and training data: see `enter`."""
    validation.check_parameters(estimator)
    rows = read_rows(estimator, X, y, sample_weight, reset=reset, dtype=dtype)
    if reset and estimator.encoder is None:
        X = rows.X
        if isinstance(X, Partitions):
            X = X.sample(validation.SCALE_ROWS)[0]
        validation.warn_if_unscaled(X)
    return rows


def read_rows(
    estimator: BaseEstimator,
    X: Any,
    y: Any,
    sample_weight: Any,
    *,
    reset: bool,
    name: str = "X",
    dtype: DTypeLike | None = None,
) -> Rows:
    """Validated X and y, and checked sample weights: see `enter`."""
    survival, numeric = isinstance(estimator, SurvivalNetwork), not is_classifier(estimator)
    suffix = name.removeprefix("X")
    if reset:
        estimator._target_names = _target_names(y)
    # the y of survival analysis is a structured array, which scikit-learn does not read
    given = dict(y="no_validation") if survival else dict(y=y, multi_output=True, y_numeric=numeric)
    y, sample_weight = in_memory(y), in_memory(sample_weight)
    if numeric and not survival:
        _refuse_text(estimator, y)
    checks: dict[str, Any] = dict(reset=reset, dtype=dtype)
    if isinstance(X, Partitions):  # which have been read before
        estimator.n_features_in_ = X.shape[1]
    elif is_collection(X):
        with _remedies():
            X = read_partitions(estimator, X, **checks)
    elif estimator.encoder is None:
        # a copy in C order speeds training up, but a memory map must not be copied
        order = None if isinstance(X, np.memmap) else "C"
        checks.update(dtype=dtype or (np.float64, np.float32), accept_sparse="csr", order=order)
        with _remedies():
            checked = validate_data(estimator, X, **checks, **given)
        X, y = (checked, y) if survival else checked
    else:
        X = given_columns(estimator, X, reset=reset)
    if estimator.encoder is None:
        validation.check_magnitude(X, X.dtype, name, "StandardScaler")
    if not survival and (isinstance(X, Partitions) or estimator.encoder is not None):
        y = check_X_y(np.zeros((len(X), 1)), y, multi_output=True, y_numeric=numeric)[1]
    y = read_survival(y, X.shape[0], f"y{suffix}") if survival else _plain(y, numeric)
    narrow = X.dtype if estimator.encoder is None else np.float64
    name = f"sample_weight{suffix}"
    return Rows(X, y, validation.check_weights(sample_weight, X.shape[0], narrow, name))


def _refuse_text(estimator: BaseEstimator, y: Any) -> None:
    """Say of a y of strings that it is y, which scikit-learn does not."""
    if sparse.issparse(y) or (values := np.asarray(y)).dtype.kind not in "OUST":
        return
    try:
        values.astype(np.float64)
    except ValueError as error:
        classifier = type(estimator).__name__.replace("Regressor", "Classifier")
        raise ValueError(
            f"y must hold numbers in a {type(estimator).__name__} ({error}). For classes take "
            f"{classifier}."
        ) from None
    except TypeError:  # scikit-learn says what is wrong
        pass


def _target_names(y: Any) -> list[str] | None:
    """Names of the columns of y, for displays; None where it has none."""
    own = y.name if hasattr(y, "to_frame") else None  # a Dask array has a name that says nothing
    names = getattr(y, "columns", [own])
    return [*names] if all(isinstance(name, str) and name for name in names) else None


def _plain(y: Any, numeric: bool) -> Any:
    """Validated y as a dense array of native numbers or labels."""
    y = y.toarray() if sparse.issparse(y) else y
    if numeric:
        y = y.astype(np.float64, copy=False)
        validation.check_magnitude(y, y.dtype, "y", "TransformedTargetRegressor")
    elif not y.dtype.isnative:  # whose kind scikit-learn 1.6 does not recognize
        y = y.astype(y.dtype.newbyteorder("="))
    return y


@contextmanager
def _remedies() -> Iterator[None]:
    """Add what to do to what scikit-learn says of an X that is not of numbers."""
    try:
        yield
    except ValueError as error:
        text = str(error)
        if "could not convert string" not in text and "Input X contains NaN" not in text:
            raise
        remedy = "encoder='table' takes strings, categories and missing values."
        raise ValueError(f"{text}\n{remedy}") from None


def read_validation(
    estimator: BaseEstimator, X_val: Any, y_val: Any, sample_weight_val: Any
) -> Rows | None:
    """The validation data, checked like the training data, or None."""
    if (X_val is None) != (y_val is None):
        missing = "y_val" if y_val is None else "X_val"
        raise ValueError(f"X_val and y_val go together; {missing} is missing.")
    if X_val is None:
        return None
    return read_rows(estimator, X_val, y_val, sample_weight_val, reset=False, name="X_val")


def entry_of(
    estimator: Any,
    rows: Rows,
    held_out: Rows | None = None,
    train: Ints | None = None,
    dtype: DTypeLike | None = None,
) -> Entry:
    """The entry of data that have been read before.

    An encoder is fitted on the rows `train` (None: all); the weights for what it encodes are to
    have the `dtype` (None: that of X).
    """
    encoder, encode, features = None, None, None
    X = rows.X
    if estimator.encoder is not None:
        encoder = fitted_encoder(estimator, *rows, train)
        encode, features = partial(encoded, encoder), np.asarray(encoder.groups_)
        X = encode(X)
        X = X if dtype is None else X.astype(dtype)
    factor, columns = _factor(estimator, rows.X.shape[1], features)
    settings = read_settings(estimator, rows.X.shape[1], factor, columns, features)
    by_loss = isinstance(estimator.scoring, str) and estimator.scoring == "loss"
    return Entry(
        settings,
        read_task(estimator),
        rows,
        X if columns is None else columns_of(X, columns),
        columns,
        held_out,
        scorer=None if by_loss else partial(scorer_of, estimator),
        n_inputs=X.shape[1],
        encode=encode,
        features=features,
        encoder=encoder,
    )


def scorer_of(estimator: Any) -> Callable[[dict[str, Any], Rows], float]:
    """A function that scores a view of the estimator with other fitted attributes."""
    scoring, view = estimator.scoring, copy.copy(estimator)
    if isinstance(estimator, SurvivalNetwork) and scoring == "concordance":
        scoring = None  # its own score
    scorer = check_scoring(estimator, scoring)
    view.__dict__.pop("_inputs", None)
    if estimator.encoder is None:  # whose rows are an array
        view.__dict__.pop("feature_names_in_", None)
    takes_weights = _takes_weights(scorer)

    def score(attributes: dict[str, Any], rows: Rows) -> float:
        view.__dict__.update(attributes)
        weighted = takes_weights and rows.weight is not None
        weights = {"sample_weight": rows.weight} if weighted else {}
        remedy = (
            "use a scorer that is finite there, or scoring='loss'; where the fit diverges, lower "
            f"learning_rate_init={estimator.learning_rate_init!r}."
        )
        try:
            value = scorer(view, rows.X, rows.y, **weights)
        except ValueError as error:  # metrics refuse predictions that are not finite
            raise ValueError(
                f"scoring={estimator.scoring!r} failed on the validation data ({error}): {remedy}"
            ) from error
        number = np.ndim(value) == 0 and np.asarray(value).dtype.kind in "fiub"
        if not (number and np.isfinite(value)):
            raise ValueError(
                f"scoring={estimator.scoring!r} gave {value!r} on the validation data: {remedy}"
            )
        return float(value)

    return score


def _takes_weights(scorer: Callable[..., float]) -> bool:
    """Whether a scorer has a parameter for weights; one of the user's own may have none."""
    try:
        parameters = inspect.signature(scorer).parameters.values()
    except ValueError:  # a built-in without a signature
        return False
    return any(p.name == "sample_weight" or p.kind is p.VAR_KEYWORD for p in parameters)


def read_task(estimator: Any) -> Classification | Regression | Survival:
    """What the estimator makes of y."""
    if isinstance(estimator, SurvivalNetwork):
        return Survival(Cox(estimator.ties))
    if is_classifier(estimator):
        return Classification(estimator.class_weight)
    names = ("quantile", "huber_delta", "power")
    loss = regression_loss(estimator.loss, **{name: getattr(estimator, name) for name in names})
    return Regression(loss, scaled=estimator.target_scale is not None)


def read_settings(
    estimator: Any,
    n_features: int,
    factor: Floats | None,
    columns: Ints | None,
    features: Ints | None,
) -> Settings:
    """The parameters of an estimator for X of `n_features` columns.

    `features` and `columns` are as in an `Entry`, `factor` is that of the inputs read.
    """
    params = estimator.get_params(deep=False)
    hidden = np.atleast_1d(np.asarray(params["hidden_layer_sizes"], dtype=int)).tolist()
    activation, batch_size = params["activation"], params.get("batch_size", np.inf)
    penalty = _penalty(params["penalty"], params["l1_ratio"])
    groups = _groups(params["feature_groups"], penalty, params["penalty"], n_features)
    if groups is not None and params["penalty_factor"] is not None:
        factor_of_groups(np.asarray(params["penalty_factor"], dtype=np.float64), groups)
    if features is not None and penalty is not None and penalty.grouped:
        groups = features if groups is None else groups[features]
    if groups is not None:
        # a feature that the network does not read, or that the encoder makes nothing of, is none
        groups = np.unique(groups if columns is None else groups[columns], return_inverse=True)[1]
    return Settings(
        hidden=tuple(hidden),
        activation=ACTIVATIONS[activation],
        kinked=activation in KINKED,
        gain=2.0 if activation == "logistic" else 6.0,
        steepest=STEEPEST.get(activation, 1.0),
        penalty=penalty,
        alphas=validation.check_layer_alphas(params.get("alpha", 1.0), len(hidden) + 1),
        groups=groups,
        factor=factor,
        alpha_per_sum=params["alpha_scaling"] == "sum",
        batch_size=None if batch_size == "auto" else batch_size,
        learning_rate=params.get("learning_rate", "cosine"),
        power_t=params.get("power_t", 0.5),
        n_iter_no_change=params.get("n_iter_no_change", np.inf),
        early_stopping=params.get("early_stopping", False),
        shuffle=params.get("shuffle", False),
        **{name: params[name] for name in AS_GIVEN},
    )


def _penalty(given: Penalty | str | None, l1_ratio: float) -> Penalty | None:
    if not isinstance(given, str):
        return given
    constants: dict[str, Any] = {"l1_ratio": l1_ratio}
    has_ratio = given in ("elasticnet", "sparse_group_l1")
    return PENALTIES[given](**constants if has_ratio else {})


def check_has_zeros(estimator: Any, asked: str) -> None:
    """Raise ValueError for a penalty that keeps every feature, saying what `asked` for fewer."""
    validation.check_parameters(estimator)
    penalty = _penalty(estimator.penalty, estimator.l1_ratio)
    if penalty is None or penalty.smooth:
        raise ValueError(
            f"penalty={estimator.penalty!r} never drops a feature, and {asked} asks for it: choose "
            "another penalty, such as 'group_l1'."
        )


def _groups(given: Any, penalty: Any, name: Any, n_features: int) -> Ints | None:
    """Groups of the features: those of `feature_groups`, or those that a penalty came with."""
    grouped = penalty is not None and penalty.grouped
    own = getattr(penalty, "groups", None) if grouped else None
    if given is not None and not grouped:
        raise ValueError(
            f"feature_groups needs a group penalty, but penalty={name!r}: use 'group_l1' or "
            "another whose name has 'group', or leave feature_groups=None."
        )
    if given is not None and own is not None:
        raise ValueError(
            f"feature_groups and penalty={name!r} both have groups of the features: give one."
        )
    if given is None and own is None:
        return None
    parameter = "feature_groups" if own is None else "groups of the penalty"
    return validation.check_feature_groups(own if given is None else given, n_features, parameter)


def _factor(
    estimator: Any, n_features: int, features: Ints | None
) -> tuple[Floats | None, Ints | None]:
    """Finite penalty factors of inputs, and the inputs they belong to (None: all)."""
    if estimator.penalty_factor is None:
        return None, None
    factor = validation.check_penalty_factor(estimator.penalty_factor, n_features)
    if estimator.penalty is None:
        raise ValueError("penalty_factor multiplies a penalty, but penalty=None: leave one out.")
    factor = factor if features is None else factor[features]
    columns = np.flatnonzero(np.isfinite(factor))
    if not len(columns):
        raise ValueError("penalty_factor is inf for every feature that varies: leave one in.")
    all_one = (factor[columns] == 1).all()
    return None if all_one else factor[columns], columns if len(columns) < len(factor) else None
