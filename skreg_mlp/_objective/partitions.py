"""Rows that lie in the partitions of a Dask collection: the objective is a sum over them.

Each pass sends the weights of the network to the partitions; their part of the loss and of its
gradient is computed where they are held, or read from files, and comes back up a tree. y and the
sample weights of all rows are in memory here, and those of each partition are sent once.

Stochastic solvers take another way: partitions come here in random order, one ahead of the steps on
their batches.
"""

import copy
from functools import partial
from itertools import pairwise

import numpy as np
from scipy import sparse

from skreg_mlp._objective.cluster import each, held, opened, results, shared, summed
from skreg_mlp._objective.coding import CodedMatrix
from skreg_mlp._objective.data import SHUFFLED_BYTES, BlockOrder, Data
from skreg_mlp._objective.network import Network
from skreg_mlp._objective.problem import Problem


class Partitions:
    """A table whose rows lie in partitions, here their tasks.

    Parameters
    ----------
    tasks : list of Delayed
        Each gives the rows of one partition: an array, a CSR array or a data frame.
    lengths : list of int
        How many rows each of them has.
    n_columns, dtype, bound : int, dtype, float
        Of the table; `bound` is its largest magnitude.
    """

    def __init__(self, tasks, lengths, n_columns, dtype, bound=np.nan):
        self.tasks, self.lengths = tasks, list(lengths)
        self.starts = np.cumsum([0, *self.lengths])
        self.shape = int(self.starts[-1]), n_columns
        self.dtype, self.bound = np.dtype(dtype), bound

    def __len__(self):
        return self.shape[0]

    def __getitem__(self, rows):
        """The rows of an index array, which must increase: partitions follow one another."""
        if np.any(np.diff(rows) < 0):
            raise IndexError("rows of partitions are taken in order")
        tasks, own = self._holding(rows)
        return self._like(each(rows_of, tasks, own), map(len, own))

    def columns(self, kept):
        """Some columns."""
        tasks = each(columns_of, self.tasks, common=(shared(kept),))
        return self._like(tasks, self.lengths, len(kept))

    def map(self, function, n_columns, dtype, bound=np.nan):
        """The table that `function` makes of each partition, row by row."""
        return Partitions(each(function, self.tasks), self.lengths, n_columns, dtype, bound)

    def _like(self, tasks, lengths, n_columns=None):
        n_columns = self.shape[1] if n_columns is None else n_columns
        return Partitions(tasks, lengths, n_columns, self.dtype, self.bound)

    def spread(self, rows):
        """For each partition the rows of it that are among `rows`, and their places there.

        `rows` is an index array, or None for all.
        """
        if rows is None:
            return [(slice(None), slice(a, b)) for a, b in pairwise(self.starts)]
        order = np.argsort(rows, kind="stable")
        ends = np.searchsorted(rows[order], self.starts)
        places = [order[a:b] for a, b in pairwise(ends)]
        return [(rows[own] - start, own) for own, start in zip(places, self.starts)]

    def fetched(self, rows):
        """The rows of an index array, in memory, partition by partition."""
        return results(each(rows_of, *self._holding(rows)))

    def sample(self, size, rows=None):
        """Some of `rows` (None: of all) in memory, and their numbers; all if they are so few.

        They are drawn at random, with a seed of their own, so that they depend on nothing else.
        """
        rows = np.arange(len(self)) if rows is None else np.sort(rows)
        if len(rows) > size:
            rows = np.sort(np.random.default_rng(0).choice(rows, size, replace=False))
        return stacked(self.fetched(rows)), rows

    def _holding(self, rows):
        """The partitions that hold any of the rows, and which rows of theirs."""
        own = [(task, local) for task, (local, _) in zip(self.tasks, self.spread(rows))]
        return zip(*[pair for pair in own if len(pair[1])])


def partitioned(X):
    """A Dask collection as it is, without the partitions that are empty."""
    tasks, n_columns = opened(X)
    lengths = results(each(len, tasks))
    parts = [(task, length) for task, length in zip(tasks, lengths) if length]
    if not parts:
        raise ValueError("Found array with 0 sample(s): X has no rows.")
    return Partitions(*zip(*parts), n_columns, np.float64)


def rows_of(table, rows):
    """Some rows of an array or a data frame."""
    return getattr(table, "iloc", table)[rows]


def columns_of(X, columns):
    """Some columns of X, dense ones in C order: batches are read row by row."""
    if isinstance(X, (CodedMatrix, Partitions)):
        return X.columns(columns)
    return X[:, columns] if sparse.issparse(X) else np.take(X, columns, axis=1)


class PartitionedData(Data):
    """Data whose X are `Partitions`."""

    in_memory = False

    def __init__(self, X, y, sample_weight=None, subset=None):
        super().__init__(X, y, sample_weight, subset)
        self._places = X.spread(self.subset)
        starts, rows = X.starts, [None] * len(X.tasks)
        if self.subset is not None:
            rows = [local for local, _ in self._places]
        weights = [None] * len(X.tasks)
        if self.sample_weight is not None:
            weights = np.split(self.sample_weight, starts[1:-1])
        # y, weights and rows in use of each partition, that workers keep
        self._own = held(
            [shared(own) for own in zip(np.split(self.y, starts[1:-1]), weights, rows)]
        )

    def columns(self, kept):
        """The same rows with the columns `kept` alone."""
        other = copy.copy(self)
        other.X, other.n_columns = self.X.columns(kept), len(kept)
        return other

    def _tasks(self, function, *common, values=None):
        """Tasks ``function(data, *common)``, one for each partition; see `total`."""
        common = [shared(value) for value in common]
        of_rows = [None] * len(self._own)
        if values is not None:
            of_rows = [values[places] for _, places in self._places]
        return each(partial(_on_part, function), self.X.tasks, self._own, of_rows, common=common)

    def total(self, function, *common, values=None):
        """The sum over the partitions of ``function(data, *common)``, tuples.

        With `values`, an array of one row for each row in use, it is ``function(data, own,
        *common)``, `own` being those of the rows in that partition.
        """
        return results([summed(self._tasks(function, *common, values=values))])[0]

    def rowwise(self, function, *common, out):
        """Write what ``function(data, *common)`` gives for rows, those of a partition, to `out`."""
        for (_, places), part in zip(self._places, results(self._tasks(function, *common))):
            if part is not None:
                out[places] = part
        return out

    # -- sums that the grid of alphas needs ------------------------------------------------------
    def cross(self, values):
        """See `Data.cross`."""
        return self.total(_cross, values=values)[0]

    def means(self):
        """See `Data.means`."""
        return np.asarray(self.total(_means, self.total_weight)[0], self.X.dtype)

    def magnitudes(self, values, means):
        """See `Data.magnitudes`."""
        return self.total(_magnitudes, means, values=values)[0]

    # -- batches ---------------------------------------------------------------------------------
    def order(self):
        """The order of partitions in an epoch: as many are shuffled together as are read so."""
        of_row = max(self.n_columns, 1) * self.X.dtype.itemsize  # all inputs may have died
        together = max(1, SHUFFLED_BYTES // (max(self.X.lengths) * of_row))
        used = [k for k, length in enumerate(self._lengths()) if length]
        return BlockOrder(self, used, together)

    def _lengths(self):
        """How many rows of each partition are in use."""
        if self.subset is None:
            return self.X.lengths
        return [len(places) for _, places in self._places]

    def held(self, numbers):
        """The rows in use of some partitions, each of which has any, in memory."""
        columns = [[of_all[k] for k in numbers] for of_all in (self.X.tasks, self._own)]
        parts = results(each(partial(_on_part, _in_use), *columns, [None] * len(numbers)))
        X, y, weight = zip(*parts)
        weight = None if self.sample_weight is None else np.concatenate(weight)
        return self._part(stacked(X), np.concatenate(y), weight)


def _on_part(function, X, own, values, *common):
    """What a function gives of the rows of one partition in use; None where there are none."""
    y, weight, rows = own
    if not len(y if rows is None else rows):
        return None
    # what has come over a network may lie anywhere, and the compiled loops ask for aligned memory
    common = [np.require(v, requirements="A") if isinstance(v, np.ndarray) else v for v in common]
    with np.errstate(all="ignore"):
        data = Data(X, y, weight, rows)
        return function(data, *common) if values is None else function(data, values, *common)


def _in_use(data):
    """X, y and weights of the rows in use."""
    X = data.X
    if data.subset is not None:
        X = X.part(data.subset) if isinstance(X, CodedMatrix) else X[data.subset]
    return X, *data.training_targets()


def stacked(parts):
    """Arrays, CSR arrays, coded matrices or data frames, one below the other."""
    if hasattr(parts[0], "iloc"):
        from pandas import concat  # type: ignore[import-untyped]

        return concat(parts, ignore_index=True)
    coded = [isinstance(part, CodedMatrix) for part in parts]
    if all(coded):
        return parts[0].below(parts[1:])
    if any(coded):  # small ones are stored
        parts = [part.toarray(part.dtype) if hasattr(part, "coding") else part for part in parts]
    return sparse.vstack(parts, "csr") if sparse.issparse(parts[0]) else np.concatenate(parts)


def _cross(data, values):
    return (data.cross(values),)


def _means(data, total_weight):
    if not data.total_weight:
        return None
    return (data.means() * (data.total_weight / total_weight),)


def _magnitudes(data, values, means):
    return (data.magnitudes(values, means),)


class PartitionedProblem(Problem):
    """The objective whose rows lie in partitions: see `Problem`."""

    def loss_and_gradient(self, theta, gradient):
        """Mean loss over all rows; its gradient is written into `gradient`."""
        if self.joint is not None:
            return self._joint_loss_and_gradient(theta, gradient)
        value, total = self._total(_loss_and_gradient, theta, self.data.total_weight)
        gradient[...] = total
        if self.fixed is not None:
            gradient[self.fixed] = 0
        return value

    def _total(self, function, *values, **of_rows):
        return self.data.total(function, self._model, *values, **of_rows)

    @property
    def _model(self):
        """What a partition needs to know beside theta."""
        network = self.network
        layout = network.sizes, network.activation, network.dtype, network.intercepts
        return layout, self.loss

    def pull_back(self, theta, delta, gradient, *, known=False):
        """See `Problem.pull_back`."""
        gradient[...] = self._total(_pull_back, theta, values=delta)[0]

    def scores(self, theta, data=None):
        """Raw scores of all rows (or those of other `data`), an array (n_rows, n_outputs)."""
        data = self.data if data is None else data
        if not isinstance(data, PartitionedData):
            return super().scores(theta, data)
        out = np.empty((data.n_rows, self.network.sizes[-1]), dtype=self.network.dtype)
        return data.rowwise(_scores, self._model, theta, out=out)

    def mean_loss(self, theta, data, loss=None, factors=None):
        """See `Problem.mean_loss`."""
        if not isinstance(data, PartitionedData):
            return super().mean_loss(theta, data, loss, factors)
        given = self._model, theta, loss, factors, data.total_weight
        return float(data.total(_mean_loss, *given)[0])


def _problem(data, model):
    """The problem of one partition."""
    (sizes, activation, dtype, intercepts), loss = model
    network = Network(sizes, activation, dtype, intercepts=intercepts)
    # a loss of all rows together is known where these are
    return Problem(network, loss, data, joint=None if loss.additive else loss)


def _loss_and_gradient(data, model, theta, total_weight):
    """Share of one partition in the mean loss, and in its gradient."""
    if not data.total_weight:
        return None
    gradient, share = np.empty_like(theta), data.total_weight / total_weight
    value = _problem(data, model).loss_and_gradient(theta, gradient)
    return value * share, gradient.astype(np.float64) * share


def _pull_back(data, delta, model, theta):
    gradient = np.empty_like(theta)
    _problem(data, model).pull_back(theta, delta, gradient)
    return (gradient.astype(np.float64),)


def _scores(data, model, theta):
    return _problem(data, model).scores(theta)


def _mean_loss(data, model, theta, loss, factors, total_weight):
    if not data.total_weight:
        return None
    share = data.total_weight / total_weight
    return (_problem(data, model).mean_loss(theta, data, loss, factors) * share,)


# --------------------------------------------------------------------------------------------
# Rows in memory or in partitions
# --------------------------------------------------------------------------------------------
def data_of(X, y, sample_weight=None, subset=None):
    """The rows of a fit, wherever they are."""
    kind = PartitionedData if isinstance(X, Partitions) else Data
    return kind(X, y, sample_weight, subset)


def problem_on(data):
    """The class of a problem on these data."""
    return PartitionedProblem if isinstance(data, PartitionedData) else Problem
