"""The rows of a fit: X, y and weights, handed out in batches."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy import sparse

from skreg_mlp._kernels import fused, usable
from skreg_mlp._objective.coding import BLOCK_ROWS, SMALL_COPY, CodedMatrix
from skreg_mlp._objective.network import gather_columns

BLOCK_ENTRIES = 2**22  # of X in a few copies, however many columns
LARGE = 2**30  # bytes of a dense X, above which its rows are shuffled block by block
BLOCK_BYTES = 2**19  # of X read at a time, which a disk does as fast as it can
SHUFFLED_BYTES = 2**27  # of the blocks whose rows are shuffled together

# Columns left of X are copied where they are few of a small X, else gathered for each batch.
FEW_COLUMNS = 0.25  # of all


def largest_magnitude(values):
    """max abs(values) of a dense or CSR array, without a temporary of its size."""
    if hasattr(values, "bound"):
        return values.bound
    values = values.data if sparse.issparse(values) else values
    with np.errstate(invalid="ignore"):  # nan is found by those who ask
        return max(-float(values.min()), float(values.max())) if values.size else 0.0


@fused
def take_rows(X, rows, out):
    """Copy the rows of `X` with indices `rows` into `out`."""
    np.take(X, rows, axis=0, out=out, mode="clip")  # "raise" would gather into a second buffer


class _Rows:
    """Rows of a dense array: a slice is a view, rows picked by index are copied into one buffer."""

    def __init__(self, values):
        self._values, self._usable = values, usable(values)
        self._buffer = np.empty((0, *values.shape[1:]), dtype=values.dtype)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return np.ascontiguousarray(self._values[index])
        if len(self._buffer) < len(index):
            self._buffer = np.empty((len(index), *self._values.shape[1:]), self._values.dtype)
        buffer = self._buffer[: len(index)]
        if self._usable:
            take_rows(self._values, index, buffer)
        else:  # np.take would first copy all of X
            buffer[...] = self._values[index]
        return buffer


class _Columns:
    """Some columns of the rows that another hands out."""

    def __init__(self, rows, kept, dtype):
        self._rows, self._kept = rows, kept
        self._buffer = np.empty((0, len(kept)), dtype=dtype)

    def __getitem__(self, index):
        block = self._rows[index]
        if len(self._buffer) < len(block):
            self._buffer = np.empty((len(block), len(self._kept)), self._buffer.dtype)
        return gather_columns(block, self._kept, self._buffer[: len(block)])


def part_of(values, weight, rows):
    """Targets and weights of some rows (None: of all)."""
    if rows is None:
        return values, weight
    return values[rows], None if weight is None else weight[rows]


class Data:
    """Rows of X (dense, CSR or coded), y and sample weights, gathered by slice or by index.

    `subset` restricts the data to some rows of X, `kept` to some of its columns, without a copy.
    ``in_memory`` says whether rows can be picked here.
    """

    in_memory = True

    def __init__(self, X, y, sample_weight=None, subset=None, kept=None):
        y = np.require(y, X.dtype if y.dtype.kind == "f" else np.int64, ["C", "A"])
        self.X, self.y, self.sample_weight = X, y, sample_weight
        self.subset = None if subset is None else np.asarray(subset, dtype=np.int64)
        self._kept = kept
        self.n_rows = X.shape[0] if subset is None else len(subset)
        self.n_columns = X.shape[1] if kept is None else len(kept)
        weights = self.training_targets()[1]
        self.mean_weight = 1.0 if weights is None else float(weights.mean(dtype=np.float64))
        self.total_weight = self.mean_weight * self.n_rows
        self._X_rows, self._y_rows = _Rows(X) if isinstance(X, np.ndarray) else X, _Rows(y)
        if kept is not None:
            self._X_rows = _Columns(self._X_rows, kept, X.dtype)

    def __len__(self):
        return self.n_rows

    def columns(self, kept):
        """The same rows with the columns `kept` alone.

        These are copied where they are few, and X is not so large that they might not fit.
        """
        kept = kept if self._kept is None else self._kept[kept]
        if not isinstance(self.X, np.ndarray):
            X = self.X[:, kept] if sparse.issparse(self.X) else self.X.columns(kept)
            return Data(X, self.y, self.sample_weight, self.subset)
        size = len(kept) * self.X.shape[0] * self.X.itemsize
        many = len(kept) > FEW_COLUMNS * self.X.shape[1] or self.X.nbytes > LARGE
        if size > SMALL_COPY and many:
            return Data(self.X, self.y, self.sample_weight, self.subset, kept)
        return Data(np.take(self.X, kept, axis=1), self.y, self.sample_weight, self.subset)

    def order(self):
        """The order of the rows in an epoch: see `Order`."""
        size = block_rows(self.X)
        if size is None:
            return Order(self)
        starts = range(0, self.n_rows, size)
        blocks = [slice(start, min(start + size, self.n_rows)) for start in starts]
        return BlockOrder(self, blocks, SHUFFLED_BYTES // BLOCK_BYTES)

    def held(self, blocks):
        """The rows in `blocks`, slices, copied into memory: weighed as rows of all these."""
        ends = np.cumsum([0] + [rows.stop - rows.start for rows in blocks])
        X = np.empty((ends[-1], self.n_columns), dtype=self.X.dtype)
        for rows, start, end in zip(blocks, ends, ends[1:]):
            X[start:end] = self._X_rows[self._index(rows)]
        index = self._index(np.concatenate([np.arange(rows.start, rows.stop) for rows in blocks]))
        return self._part(X, *part_of(self.y, self.sample_weight, index))

    def _part(self, X, y, weight):
        """Some of these rows, in memory, that are weighed as such."""
        part = Data(X, y, weight)
        part.mean_weight = self.mean_weight
        return part

    # -- sums over all rows, none left out -------------------------------------------------------
    def cross(self, values):
        """X^T values."""
        return np.asarray(self.X.T @ values)

    def means(self):
        """Weighted means of the columns; 0 for a CSR matrix, which centered would be dense."""
        if sparse.issparse(self.X):
            return 0.0
        weight = np.ones(self.n_rows) if self.sample_weight is None else self.sample_weight
        share = weight.astype(np.float64) / self.total_weight
        return sum(share[rows] @ X for rows, X in self._pieces()).astype(self.X.dtype)

    def magnitudes(self, values, means):
        """sum_i abs(x_ij - means_j) abs(values_ic), for each column j of X and c of `values`."""
        total = 0.0
        for rows, X in self._pieces():
            X = X if sparse.issparse(X) else X - means
            total = total + abs(X).T @ np.abs(values[rows])
        return np.asarray(total)

    def _pieces(self):
        """Slices of all rows, and their X."""
        step, coded = max(1, BLOCK_ENTRIES // self.n_columns), isinstance(self.X, CodedMatrix)
        for start in range(0, self.n_rows, step := min(step, BLOCK_ROWS)):
            rows = slice(start, start + step)
            yield rows, self.X.block(rows).toarray() if coded else self.X[rows]

    def _index(self, rows):
        """Rows of X, given rows of these data."""
        return rows if self.subset is None else self.subset[rows]

    def training_targets(self):
        """y and the sample weights of all rows in use."""
        return part_of(self.y, self.sample_weight, self.subset)

    def loss_targets(self):
        """y and the loss weights of all rows in use, out of a mean over them."""
        y, weight = self.training_targets()
        scale = 1.0 / self.total_weight
        return y, scale if weight is None else weight.astype(np.float64) * scale

    def rows(self, index, n_rows):
        """X, y and the loss weights of the rows `index`, out of a mean over `n_rows` rows.

        They are valid until the next call.
        """
        index = self._index(index)
        scale = 1.0 / (n_rows * self.mean_weight)
        weight = scale if self.sample_weight is None else self.sample_weight[index] * scale
        return self._X_rows[index], self._y_rows[index], weight


def block_rows(X):
    """How many neighboring rows of `X` are read at a time; None where it is not large."""
    if not isinstance(X, np.ndarray) or X.nbytes <= LARGE:
        return None
    return max(1, BLOCK_BYTES // (X.shape[1] * X.itemsize))


class Order:
    """The rows of an epoch in memory, in the order of the epoch before, shuffled."""

    def __init__(self, data):
        self._data, self._order = data, np.arange(data.n_rows, dtype=np.int64)

    def parts(self, rng):
        """Data in memory, and the order of their rows, until each row has been met once.

        They are shuffled by `rng` (None: never).
        """
        if rng is not None:
            rng.shuffle(self._order)
        yield self._data, self._order


class BlockOrder:
    """The same of data that may be larger than memory, such as a memory-mapped file.

    Blocks of neighboring rows are read in random order, some hundreds of them at a time, and what
    was read together is shuffled: a disk reads blocks a hundred times as fast as single rows.
    """

    def __init__(self, data, blocks, together):
        self._data, self._blocks, self._together = data, list(blocks), together

    def parts(self, rng):
        """See `Order.parts`. The next blocks are read while these are in use."""
        blocks = self._blocks
        if rng is not None:
            blocks = [blocks[k] for k in rng.permutation(len(blocks))]
        groups = [blocks[k : k + self._together] for k in range(0, len(blocks), self._together)]
        for part in ahead(self._data.held, groups):
            order = np.arange(part.n_rows, dtype=np.int64)
            if rng is not None:
                rng.shuffle(order)
            yield part, order


def ahead(load, sources):
    """`load` each of `sources`, in a thread that is one ahead of whoever uses what was loaded."""
    with ThreadPoolExecutor(1) as thread:
        pending = None
        for source in sources:
            following = thread.submit(load, source)
            if pending is not None:
                yield pending.result()
            pending = following
        if pending is not None:
            yield pending.result()
