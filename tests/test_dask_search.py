"""The search for what is silently wrong, on rows that lie in partitions.

The same draws as in test_search.py enter as Dask collections, with partitions of any sizes, and all
that must hold for a fit in memory must hold for them: computed by hand from the rows in memory.
"""

import dataclasses
from itertools import pairwise

import numpy as np
import pandas
import pytest
import test_search
from scipy import sparse
from test_search import check, search

from skreg_mlp._training import grid, walk

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")

DRAWS = 4  # of each entry, in the suite
FEW_STEPS = 10  # of a stochastic solver along a path: Dask takes milliseconds for each
MAX_FUN = {"max_fun": 30}  # evaluations of lbfgs, where a draw says nothing else
PARTITIONED = ["fit", "warm_start", "partial_fit", "path", "cv", "selection", "path_selection"]


@pytest.fixture(autouse=True)
def in_this_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


@pytest.fixture(autouse=True)
def short_paths(monkeypatch):
    monkeypatch.setattr(walk, "MIN_STEPS", FEW_STEPS)
    monkeypatch.setattr(walk, "MIN_JOINT_STEPS", FEW_STEPS)
    monkeypatch.setattr(grid, "N_BELOW", 2)


def in_partitions(X):
    """X as a Dask collection of a few partitions, one of which may be empty."""
    if hasattr(X, "get_column"):  # polars has no such collection
        X = X.to_pandas()
    if isinstance(X, pandas.DataFrame):
        return dd.from_pandas(X, npartitions=min(3, len(X)), sort=False)
    if sparse.issparse(X):
        parts = (X.tocsr()[a:b] for a, b in ends(X.shape[0]))
        wrapped = [
            da.from_delayed(dask.delayed(part), part.shape, meta=np.empty((0, 0), X.dtype))
            for part in parts
        ]
        return da.concatenate(wrapped)
    X = np.asarray(X)
    if X.ndim != 2:
        return X
    return da.from_array(X, chunks=(tuple(b - a for a, b in ends(len(X))), -1))


def ends(n):
    """Where partitions of n rows begin and end."""
    places = [0, n // 7, n // 7, n // 2, n]
    return list(pairwise(places))


@pytest.mark.parametrize("entry", PARTITIONED)
def test_what_holds_for_every_draw(entry, monkeypatch):
    search_in_partitions(entry, DRAWS, 0, monkeypatch)


def search_in_partitions(entry, n_draws, start, monkeypatch):
    plain = getattr(test_search, entry)

    def on_partitions(case, estimator, X, y, weight):
        options = {k: v for k, v in case.options.items() if k != "validation"}
        return plain(dataclasses.replace(case, options=options), estimator, in_partitions(X), y,
                     weight)  # fmt: skip

    def checked(case):
        # calls on some of the rows: those of a frame cannot be picked
        table, in_calls = case.table, entry == "partial_fit"
        is_frame = table.layout in ("pandas", "polars") or table.columns == "mixed"
        if not (in_calls and (is_frame or case.options.get("calls", 1) > 1)):
            check(dataclasses.replace(case, params={**MAX_FUN, **case.params}))

    monkeypatch.setattr(test_search, entry, on_partitions)
    search(checked, entry, n_draws, start)
