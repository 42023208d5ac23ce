"""Dask collections at the door: read and checked partition by partition."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
from scipy import sparse
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from skreg_mlp._objective.cluster import (
    each,
    in_memory,
    is_collection,
    opened,
    results,
    shared,
)
from skreg_mlp._objective.data import largest_magnitude
from skreg_mlp._objective.partitions import Partitions, partitioned
from skreg_mlp.encoding._table import given_columns

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

F = TypeVar("F", bound=Callable[..., Any])
NUMBERS = (np.float64, np.float32)


def read_partitions(
    estimator: Any, X: Any, *, reset: bool, dtype: DTypeLike | None = None
) -> Partitions:
    """The table of a Dask collection, each partition checked once.

    Without an encoder its partitions become arrays of numbers of one dtype; with one they stay as
    they are.
    """
    if estimator.encoder is not None:
        table = partitioned(X)
        given_columns(estimator, table.fetched(np.arange(1))[0], reset=reset)
        return table
    tasks, n_columns = opened(X)
    facts = results(each(partial(_facts, dtype), tasks))
    parts = [(task, *own) for task, own in zip(tasks, facts) if own[0]]
    if not parts:
        raise ValueError("Found array with 0 sample(s): X has no rows.")
    tasks, lengths, kinds, bounds = zip(*parts)
    narrow = np.float32 if all(kind == np.float32 for kind in kinds) else np.float64
    raw = Partitions(tasks, lengths, n_columns, dtype or narrow)
    first = raw.fetched(np.arange(1))[0]  # as it was given: a frame has names
    validate_data(estimator, first, reset=reset, accept_sparse="csr", dtype=NUMBERS)
    return raw.map(partial(_numbers, raw.dtype), n_columns, raw.dtype, max(bounds))


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


def eager(score: F) -> F:
    """A score of X, y and weights that takes Dask collections, and computes predictions at once."""

    @wraps(score)
    def computed(self: Any, X: Any, y: Any, sample_weight: Any = None) -> Any:
        X = partitioned(X) if is_collection(X) else X
        return score(self, X, in_memory(y), in_memory(sample_weight))

    return cast(F, computed)


def scores_of(model: Any, X: Partitions) -> Any:
    """Raw scores of a fitted network for the rows of all partitions, in memory."""
    return np.concatenate(results(each(_raw_scores, X.tasks, common=(shared(model),))))


def _raw_scores(table: Any, model: Any) -> Any:
    return model._raw_scores(table)
