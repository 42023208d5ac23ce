"""Work on Dask collections: tasks for each partition, sums up a tree, and workers that vanish.

Nothing is imported from Dask before a collection of it is seen. Without a distributed client the
tasks run where Dask's present scheduler runs them, by default in threads of this process.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial, wraps
from time import monotonic
from typing import Any, TypeVar, cast

import numpy as np

F = TypeVar("F", bound=Callable[..., Any])


BRANCHES = 8  # of the tree that adds up: how many results one task adds
PATIENCE = 20.0  # seconds without any worker, after which the work is given up
POLL = 1.0  # seconds between two looks at the workers


class ClusterError(RuntimeError):
    """The cluster could not do its work: no worker is left, or one died again and again."""


def is_collection(X):
    """Whether `X` is a Dask array or data frame."""
    return hasattr(X, "dask") and hasattr(X, "to_delayed")


def opened(X):
    """Tasks for the partitions of a Dask array or data frame of two dimensions, and its width."""
    if len(X.shape) != 2:
        raise ValueError(
            f"X is a Dask collection of {len(X.shape)} dimension(s): Expected 2D array, one row "
            "for each sample and one column for each feature."
        )
    if hasattr(X, "rechunk"):  # an array: rows must not be cut in two
        X = X.rechunk({1: -1})
        return X.to_delayed().ravel().tolist(), X.shape[1]
    return X.to_delayed(), len(X.columns)


def in_memory(values: Any) -> Any:
    """y or sample weights, whose rows are here even where those of X are not."""
    return np.asarray(values.compute()) if is_collection(values) else values


def lazy(method: F) -> F:
    """A method of X that is mapped over the partitions of a Dask collection, once computed."""

    @wraps(method)
    def mapped(self: Any, X: Any, *args: Any, **kwargs: Any) -> Any:
        if not is_collection(X):
            return method(self, X, *args, **kwargs)
        return lazily(partial(_called, method.__name__, args, kwargs), X, self)

    return cast(F, mapped)


def _called(name, args, kwargs, table, owner):
    return getattr(owner, name)(table, *args, **kwargs)


def lazily(function, X, *common):
    """A Dask array of what ``function(table, *common)`` makes of each partition of `X`, its rows.

    What it will look like is found on a row of the types of `X`.
    """
    import dask.array as da

    tasks = opened(X)[0]
    if hasattr(X, "rechunk"):
        lengths, example = X.chunks[0], np.zeros((1, X.shape[1]), X.dtype)
    else:
        from dask.dataframe.utils import meta_nonempty

        lengths, example = [np.nan] * len(tasks), meta_nonempty(X._meta)
    empty = np.asarray(function(example, *common))[:0]
    tasks = each(partial(_unless_empty, function, empty), tasks, common=map(shared, common))
    parts = [
        da.from_delayed(task, (length, *empty.shape[1:]), meta=empty)
        for task, length in zip(tasks, lengths)
    ]
    return da.concatenate(parts)


def _unless_empty(function, empty, table, *common):
    return function(table, *common) if table.shape[0] else empty


def shared(value):
    """A value that many tasks need, sent once."""
    from dask import delayed

    return delayed(value, pure=False, traverse=False)


def each(function, *columns, common=()):
    """Tasks ``function(*values, *common)``, one for each row of the `columns` of values."""
    from dask import delayed

    task, common = delayed(function, pure=False), list(common)
    return [task(*values, *common) for values in zip(*columns)]


def summed(tasks):
    """A task that adds up what `tasks` give: tuples of numbers and arrays, or None."""
    from dask import delayed

    add = delayed(_sum, pure=False)
    while len(tasks) > 1:
        tasks = [add(tasks[k : k + BRANCHES]) for k in range(0, len(tasks), BRANCHES)]
    return tasks[0]


def _sum(parts):
    parts = [part for part in parts if part is not None]
    return tuple(sum(values[1:], start=values[0]) for values in zip(*parts)) or None


def held(tasks):
    """The same tasks, whose results workers keep: of values that every pass needs."""
    import dask

    client = _client()
    if client is None:
        return list(dask.persist(*tasks))
    with _of_any_size():
        return list(client.persist(tasks))


def results(tasks):
    """What `tasks` give, a list.

    Raises
    ------
    ClusterError
        No worker is left, or a task brought down one worker after another.
    """
    import dask

    client = _client()
    if client is None:
        return list(dask.compute(*tasks))
    with _of_any_size():
        futures = client.compute(tasks)
    try:
        _wait(client, futures)
        return [future.result() for future in futures]
    except _failures() as error:
        raise ClusterError(
            f"The Dask cluster gave up ({type(error).__name__}: {error}). If a worker ran out of "
            "memory, make the partitions smaller; if it was stopped, start it again and fit anew."
        ) from error
    finally:
        client.cancel(futures)  # after an interrupt they would go on


@contextmanager
def _of_any_size():
    """Send tasks that hold weights of a network, or the y of a partition, without a warning."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
        yield


def _client():
    """The distributed client that computes, or None."""
    from dask.base import get_scheduler

    client = getattr(get_scheduler(), "__self__", None)
    return client if hasattr(client, "scheduler_info") else None


def _failures():
    """Errors of the cluster itself, not of the tasks."""
    from distributed import CancelledError, KilledWorker
    from distributed.comm import CommClosedError

    return CancelledError, KilledWorker, CommClosedError


def _wait(client, futures):
    """Wait for all of `futures`, as long as there is a worker that may do them."""
    from distributed import TimeoutError as NotYet
    from distributed import wait

    seen = monotonic()
    while True:
        try:
            wait(futures, timeout=POLL)
            return
        except NotYet:
            pass
        if _has_workers(client):
            seen = monotonic()
        elif monotonic() - seen > PATIENCE:
            raise ClusterError(
                f"The Dask cluster has had no worker for {PATIENCE:g} s: start workers, and fit "
                "anew."
            )


def _has_workers(client):
    """Whether the scheduler answers, and has workers."""
    try:
        return client.status == "running" and bool(client.nthreads())
    except (OSError, TimeoutError):
        return False
