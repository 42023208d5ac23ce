"""Dask collections at the door: read and checked partition by partition, predicted lazily."""

from __future__ import annotations

from functools import partial, wraps
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, validate_data

from skreg_mlp._objective.cluster import (
    each,
    is_collection,
    lazily,
    opened,
    results,
    shared,
)
from skreg_mlp._objective.data import largest_magnitude
from skreg_mlp._objective.partitions import Partitions, rows_of, stacked
from skreg_mlp.encoding._table import given_columns

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from numpy.typing import DTypeLike

    from skreg_mlp._typing import Ints

    F = TypeVar("F", bound=Callable[..., Any])

SAMPLED_ROWS = 200_000  # at most, that an encoder is fitted on
NUMBERS = (np.float64, np.float32)


# --------------------------------------------------------------------------------------------
# Reading
# --------------------------------------------------------------------------------------------
def read_partitions(
    estimator: Any, X: Any, *, reset: bool, dtype: DTypeLike | None = None
) -> Partitions:
    """The table of a Dask collection, each partition checked once.

    Without an encoder its partitions become arrays of numbers of one dtype; with one they stay as
    they are.
    """
    tasks, n_columns = opened(X)
    raw = estimator.encoder is not None
    facts = results(each(_length if raw else partial(_facts, dtype), tasks))
    lengths, kinds, bounds = zip(*facts)
    kept = [k for k, length in enumerate(lengths) if length]
    if not kept:
        raise ValueError("X has no rows: Found array with 0 sample(s).")
    head = results(each(rows_of, [tasks[kept[0]]], common=(np.arange(1),)))[0]
    if raw:
        given_columns(estimator, head, reset=reset)
    else:
        checks: dict[str, Any] = dict(accept_sparse="csr", dtype=NUMBERS)
        validate_data(estimator, head, reset=reset, **checks)
    narrow = all(kinds[k] == np.float32 for k in kept)
    chosen = np.dtype(dtype or (np.float32 if narrow else np.float64))
    table = [tasks[k] for k in kept]
    table = table if raw else each(partial(_numbers, chosen), table)
    return Partitions(table, [lengths[k] for k in kept], n_columns, chosen, max(bounds))


def _length(table: Any) -> tuple[int, Any, float]:
    return len(table), np.float64, np.nan


def _facts(dtype: DTypeLike | None, table: Any) -> tuple[int, Any, float]:
    """Number of rows, dtype and largest magnitude of a partition, which must be finite numbers."""
    if not table.shape[0]:
        return 0, np.float32, 0.0
    X = check_array(table, accept_sparse="csr", dtype=dtype or NUMBERS, input_name="X")
    return X.shape[0], X.dtype, largest_magnitude(X)


def _numbers(dtype: DTypeLike, table: Any) -> Any:
    """A checked partition as an array, without a copy where it is one already."""
    if sparse.issparse(table):
        return table.tocsr().astype(dtype, copy=False)
    return np.require(np.asarray(table), dtype, ["C", "A"])


def in_memory(values: Any) -> Any:
    """y or sample weights, whose rows are here even where those of X are not."""
    return np.asarray(values.compute()) if is_collection(values) else values


def eager(X: Any) -> Any:
    """A table of partitions, of which predictions are computed at once; other X as they are."""
    if not is_collection(X):
        return X
    tasks, n_columns = opened(X)
    lengths = results(each(len, tasks))
    tasks, lengths = zip(*[pair for pair in zip(tasks, lengths) if pair[1]])
    return Partitions(tasks, lengths, n_columns, np.float64)


def sample(X: Any, rows: Ints | None = None, size: int = SAMPLED_ROWS) -> tuple[Any, Ints]:
    """Some rows of the partitions, in memory, and their numbers; all `rows` if they are so few.

    They are drawn at random, by a seed of their own, so that they depend on nothing else.
    """
    rows = np.arange(len(X)) if rows is None else np.sort(rows)
    if len(rows) > size:
        rows = np.sort(np.random.default_rng(0).choice(rows, size, replace=False))
    parts = X.fetched(rows)
    if not hasattr(parts[0], "iloc"):
        return stacked(parts), rows
    from pandas import concat  # type: ignore[import-untyped]

    return concat(parts, ignore_index=True), rows


# --------------------------------------------------------------------------------------------
# Predicting
# --------------------------------------------------------------------------------------------
def lazy(method: F) -> F:
    """A method of X that maps over the partitions of a Dask collection, when it is computed."""

    @wraps(method)
    def mapped(self: Any, X: Any, *args: Any, **kwargs: Any) -> Any:
        if not is_collection(X):
            return method(self, X, *args, **kwargs)
        check_is_fitted(self)
        return lazily(partial(_called, method.__name__, args, kwargs), X, self)

    return mapped  # type: ignore[return-value]


def _called(name: str, args: Any, kwargs: Any, table: Any, model: Any) -> Any:
    return getattr(model, name)(table, *args, **kwargs)


def scores_of(model: Any, X: Partitions) -> Any:
    """Raw scores of a fitted network for the rows of all partitions, in memory."""
    return np.concatenate(results(each(_raw_scores, X.tasks, common=(shared(model),))))


def _raw_scores(table: Any, model: Any) -> Any:
    return model._raw_scores(table)
