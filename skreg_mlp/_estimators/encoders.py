"""From the X of a user to the columns that a network reads, where an estimator has an encoder."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_array
from sklearn.utils.validation import has_fit_parameter

from skreg_mlp import _validation as validation
from skreg_mlp._objective.cluster import each, results
from skreg_mlp._objective.data import largest_magnitude, part_of
from skreg_mlp._objective.partitions import Partitions, rows_of
from skreg_mlp.encoding._encoder import SAMPLED_ROWS, TableEncoder, coded, fit_on
from skreg_mlp.encoding._table import given_columns, take_columns

if TYPE_CHECKING:
    from skreg_mlp._typing import Floats, Ints


AUTO_BINS = 0, 16  # of what folds choose from under encoder="auto"


def new_encoder(estimator: Any) -> Any:
    """An encoder that is not fitted, or frozen; None where X is read as it is."""
    given = estimator.encoder
    if isinstance(given, str):
        if given == "auto":
            raise ValueError(
                "encoder='auto' is chosen by folds: use a CV estimator, or encoder='table'."
            )
        return TableEncoder()
    return None if given is None else clone(given)


def choices(encoder: Any) -> list[Any]:
    """The encoders that folds choose from."""
    if isinstance(encoder, str) and encoder == "auto":
        return [TableEncoder(n_bins) for n_bins in AUTO_BINS]
    return [encoder]


def check_chunks(encoder: Any) -> None:
    """Raise AttributeError for an encoder that a call of `partial_fit` would fit on its rows."""
    named = isinstance(encoder, str) and encoder in ("table", "auto")
    fits = named or (hasattr(encoder, "fit") and not isinstance(encoder, type))
    if fits and not isinstance(encoder, FrozenEstimator):
        raise AttributeError(
            f"partial_fit cannot fit encoder={encoder!r} on a part of the rows: fit it first, and "
            "pass encoder=sklearn.frozen.FrozenEstimator(fitted_encoder)."
        )


def fitted_encoder(estimator: Any, X: Any, y: Any, weight: Floats | None, rows: Ints | None) -> Any:
    """The encoder of an estimator, fitted on some of the rows (None: all of them).

    A warm start keeps the one that it has: the weights belong to its columns.
    """
    encoder = new_encoder(estimator)
    if isinstance(encoder, FrozenEstimator):
        return _checked(encoder, estimator)
    kept = getattr(estimator, "encoder_", None) if getattr(estimator, "warm_start", False) else None
    if _alike(kept, encoder):
        if isinstance(kept, TableEncoder):
            given_columns(kept, X, reset=False)  # refuses others than those of the weights
        return kept
    if isinstance(X, Partitions):
        X, seen = X.sample(SAMPLED_ROWS, rows)
        (y, weight), rows = part_of(y, weight, seen), None
    weight = weight if weight is None or rows is None else weight[rows]
    if isinstance(encoder, TableEncoder):
        take_columns(encoder, estimator)
        return fit_on(encoder, X, weight, rows)
    if rows is not None:
        X, y = rows_of(X, rows), y[rows]
    weighted = weight is not None and has_fit_parameter(encoder, "sample_weight")
    encoder.fit(X, y, **({"sample_weight": weight} if weighted else {}))
    return _checked(encoder, estimator)


def _alike(one: Any, other: Any) -> bool:
    """Whether two encoders, fitted or not, are of one class and have the same parameters."""
    return type(one) is type(other) and str(one.get_params()) == str(other.get_params())


def _checked(encoder: Any, estimator: Any) -> Any:
    """A fitted encoder that says where its columns come from."""
    groups = np.asarray(getattr(encoder, "groups_", None))
    of_columns = groups.dtype.kind in "iu" and groups.ndim == 1 and len(groups) > 0
    if not of_columns or groups.min() < 0 or groups.max() >= estimator.n_features_in_:
        raise ValueError(
            f"encoder={estimator.encoder!r} must have an attribute `groups_` after fit, the index "
            f"of an input column (0 to {estimator.n_features_in_ - 1}) for each of its outputs; "
            f"got {getattr(encoder, 'groups_', None)!r}."
        )
    return encoder


def encoded(encoder: Any, X: Any) -> Any:
    """The columns that a fitted encoder makes of X."""
    if isinstance(X, Partitions):
        return _encoded_partitions(encoder, X)
    inner = encoder
    if isinstance(encoder, FrozenEstimator):  # fitted elsewhere, perhaps on other columns
        inner = encoder.estimator
        X = given_columns(inner, X, reset=False) if isinstance(inner, TableEncoder) else X
    if isinstance(inner, TableEncoder):
        matrix = coded(inner, X)
        return matrix.toarray(matrix.dtype) if matrix.worth_storing else matrix
    result = check_array(encoder.transform(X), dtype=(np.float64, np.float32), order="C")
    if result.shape[1] != len(encoder.groups_):
        raise ValueError(
            f"encoder={encoder!r} gave {result.shape[1]} columns, and its groups_ has "
            f"{len(encoder.groups_)}: they must be as many."
        )
    validation.check_magnitude(result, result.dtype, "X, encoded,", "StandardScaler")
    return result


def _encoded_partitions(encoder: Any, X: Partitions) -> Partitions:
    """The same of rows that lie in partitions, and are encoded there."""
    head = encoded(encoder, X.fetched(np.arange(1))[0])
    parts = X.map(partial(_encoded_as, encoder, head.dtype), head.shape[1], head.dtype)
    parts.bound = max(results(each(largest_magnitude, parts.tasks)))
    return parts


def _encoded_as(encoder: Any, dtype: Any, table: Any) -> Any:
    X = encoded(encoder, table)
    return X if X.dtype == dtype else X.astype(dtype)
