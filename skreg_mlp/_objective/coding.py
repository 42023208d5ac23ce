"""The encoded columns of a table: a matrix that is never stored and hardly multiplied.

A column of the table is always in one of its *states*, or a share f of the way to the next: the
edges of its ramps, then missing; or its levels, then all others. What it adds to the first layer is
linear between states,

    (1 - f) T_s + f T_{s + 1} + value w,    T_s = (encoded state s) W,

and as ramps are a prefix of ones, T runs along the edges as a sum of rows of W. A row of the table
costs three vectors a column, however many ramps there are, and its gradient is scattered likewise.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from skreg_mlp._kernels import fused

BEND = 3.0  # the magnitude that a value tends to, far from the median
BLOCK_ROWS = 512  # that are copied or decoded at a time
FEW_OUTPUTS = 5  # for each column: as many are multiplied faster as an array
SMALL_COPY = 2**25  # bytes that a copy of columns may take, however many they are
DTYPE = np.dtype(np.float32)  # of encoded values; weights and their products may be wider


@dataclass(frozen=True)
class Coding:
    """How the columns of a table become outputs, in arrays that the compiled loops read.

    There are p columns, those numbered ``columns`` in the table. Column k has the states
    ``starts[k]`` to ``starts[k + 1]``. State s adds 1 to the output ``outputs[s]`` (-1: to none),
    whose mean ``means[s]`` is subtracted wherever the column is observed.

    Where ``numeric[k]`` is 1, all states but the last are at ``edges`` of ramps and have what the
    states before them add, too; the last is a missing value, for which all outputs but its own are
    0. The output ``value_outputs[k]`` (-1: none) is the value, moved by ``centers[k]``, divided by
    ``units[k]``, bent, and moved by ``value_means[k]``. Where it is 0, the table holds codes of
    levels, and ``codes[code_starts[k] + code]`` is their state; the last two codes stand for levels
    that are not known, and for missing.
    """

    columns: np.ndarray
    numeric: np.ndarray
    centers: np.ndarray
    units: np.ndarray
    value_means: np.ndarray
    value_outputs: np.ndarray
    starts: np.ndarray
    edges: np.ndarray
    outputs: np.ndarray
    means: np.ndarray
    code_starts: np.ndarray
    codes: np.ndarray
    n_outputs: int

    def __len__(self):
        return len(self.columns)

    @cached_property
    def most_states(self):
        return int(np.diff(self.starts).max(initial=0))

    @cached_property
    def tables(self):
        """For each column its outputs but the value, and what each state adds to them."""
        return [self._table(k) for k in range(len(self))]

    def _table(self, k):
        states = slice(self.starts[k], self.starts[k + 1])
        outputs, means = self.outputs[states], self.means[states]
        adds = np.eye(len(outputs))
        if self.numeric[k]:
            adds[:-1] = np.tri(len(outputs))[:-1]
        observed = adds - means
        if self.numeric[k]:  # missing: nothing but its own output
            observed[-1] = adds[-1] * (1 - means)
        kept = outputs >= 0
        return outputs[kept], observed[:, kept].astype(DTYPE)

    def keeping(self, kept):
        """The same with the outputs `kept` alone, renumbered."""
        place = np.full(self.n_outputs + 1, -1)  # the last entry is that of no output
        place[kept] = np.arange(len(kept))
        outputs, value_outputs = place[self.outputs], place[self.value_outputs]
        of_column = np.repeat(np.arange(len(self)), np.diff(self.starts))
        left = np.bincount(of_column[outputs >= 0], minlength=len(self))
        used = np.flatnonzero((value_outputs >= 0) | (left > 0))
        states, starts = _of_parts(self.starts, used)
        codes, code_starts = _of_parts(self.code_starts, used)
        by_column = ("columns", "numeric", "centers", "units", "value_means")
        return replace(
            self,
            **{name: getattr(self, name)[used] for name in by_column},
            value_outputs=value_outputs[used],
            starts=starts,
            edges=self.edges[states],
            outputs=outputs[states],
            means=self.means[states],
            code_starts=code_starts,
            codes=self.codes[codes],
            n_outputs=len(kept),
        )


def _of_parts(starts, used):
    """Indices of the items of some parts, and where these parts start among them."""
    lengths = np.diff(starts)[used]
    new = np.concatenate([[0], np.cumsum(lengths)])
    return np.arange(new[-1]) + np.repeat(starts[used] - new[:-1], lengths), new


def bent(z):
    """z / sqrt(1 + (z / 3)^2): z near 0, and never beyond 3."""
    z = np.clip(z, -1e8, 1e8)  # whose squares are finite, and which nothing tells from more
    return z / np.sqrt(1 + (z / BEND) ** 2)


# --------------------------------------------------------------------------------------------
# Encoding
# --------------------------------------------------------------------------------------------
@fused
def encode(X, index, coding, rows, ends, fractions, values):
    """Encode some rows of X: see `CodedBlock` for what is written."""
    for k in range(len(coding)):
        x, first, last = X[index, coding.columns[k]], coding.starts[k], coding.starts[k + 1] - 1
        way, value = np.zeros((2, len(x)), dtype=X.dtype)
        missing = np.isnan(x)
        if coding.numeric[k]:
            edges = coding.edges[first:last].astype(X.dtype)
            states = np.searchsorted(edges[1:], x, side="right")
            inside = ~missing & (states < len(edges) - 1) & (x > edges[0])
            low, high = edges[states[inside]], edges[states[inside] + 1]
            way[inside] = (x[inside] - low) / (high - low)
            value[~missing] = bent((x[~missing] - coding.centers[k]) / coding.units[k])
            value[~missing] -= coding.value_means[k]
            states[missing] = last - first
        else:
            codes = coding.codes[coding.code_starts[k] : coding.code_starts[k + 1]]
            known = np.where((x >= 0) & (x < len(codes) - 2), x, len(codes) - 2)
            states = codes[np.where(missing, len(codes) - 1, known).astype(int)]
        rows[k] = np.argsort(states, kind="stable")
        ends[first : last + 1] = np.cumsum(np.bincount(states, minlength=last + 1 - first))
        fractions[k], values[k] = way[rows[k]], value[rows[k]]


@fused
def decode(block, out):
    """Write the encoded columns of a block into `out`."""
    coding = block.coding
    for k, (outputs, table) in enumerate(coding.tables):
        ends = block.ends[coding.starts[k] : coding.starts[k + 1]]
        states = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=0))
        following = np.minimum(states + 1, len(table) - 1)
        steps = block.fractions[k, :, None] * (table[following] - table[states])
        out[block.rows[k, :, None], outputs] = table[states] + steps
        if coding.value_outputs[k] >= 0:
            out[block.rows[k], coding.value_outputs[k]] = block.values[k]


@fused
def coded_product(block, W, scratch, out):
    """Write the product of an encoded block of rows and W into `out`."""
    np.dot(block.toarray(W.dtype), W, out=out)


@fused
def coded_gradient(block, delta, scratch, out):
    """Write the product of the transpose of an encoded block of rows and `delta` into `out`."""
    np.dot(block.toarray(delta.dtype).T, delta, out=out)


class CodedBlock:
    """Some rows of a table, encoded, column by column and sorted by their states.

    ``rows[k]`` are the rows in the order of their states in column k, of which state s has those up
    to ``ends[s]``; ``fractions[k]`` are their ways to the next state, ``values[k]`` their values.
    """

    def __init__(self, coding, rows, ends, fractions, values):
        self.coding, self.rows, self.ends = coding, rows, ends
        self.fractions, self.values = fractions, values
        self.shape = rows.shape[1], coding.n_outputs

    def toarray(self, dtype=DTYPE):
        """Encoded columns as an array (n_rows, n_outputs)."""
        out = np.empty(self.shape, dtype)
        decode(self, out)
        return out

    def into(self, W, out):
        """Write the product with W into `out`."""
        coded_product(self, W, self._scratch(W), out)
        return out

    def _scratch(self, W):
        return np.empty((self.coding.most_states + 2, W.shape[1]), W.dtype)

    @property
    def T(self):
        return _Transposed(self)


class _Transposed:
    """The transpose of a block, to be multiplied."""

    def __init__(self, block):
        self._block, self.shape = block, block.shape[::-1]

    def into(self, delta, out):
        coded_gradient(self._block, delta, self._block._scratch(delta), out)
        return out


class CodedMatrix:
    """The rows of a table as a network reads them: picked by index or slice, they are encoded.

    `X` is an array of numbers, with nan for missing values and codes for levels; `dtype` is that of
    the weights (None: as X).
    """

    def __init__(self, X, coding, dtype=None):
        self.X, self.coding, self.dtype = X, coding, np.dtype(dtype or X.dtype)
        self.shape = X.shape[0], coding.n_outputs
        self._few = coding.n_outputs <= FEW_OUTPUTS * len(coding)
        self.worth_storing = self._few and np.prod(self.shape) * self.dtype.itemsize <= SMALL_COPY
        self._length, self._buffers = 0, []

    def __getitem__(self, index):
        """The rows as a block, or as an array where that is cheap; valid until the next call."""
        block = self.block(index)
        return block.toarray(self.dtype) if self._few else block

    def block(self, index):
        """The rows in a block, which is valid until the next call."""
        if isinstance(index, slice):
            index = np.arange(*index.indices(self.shape[0]), dtype=np.int64)
        n, coding = len(index), self.coding
        if self._length < n:
            size = len(coding) * n
            self._buffers = [np.empty(size, dtype) for dtype in (np.int64, DTYPE, DTYPE)]
            self._length, self._ends = n, np.empty(coding.starts[-1], np.int64)
        size = len(coding) * n
        rows, *others = (buffer[:size].reshape(len(coding), n) for buffer in self._buffers)
        encode(self.X, index, coding, rows, self._ends, *others)
        return CodedBlock(coding, rows, self._ends, *others)

    @property
    def bound(self):
        """No entry is larger: values and their mean are at most BEND."""
        return 2 * BEND

    def columns(self, kept):
        """The same rows with the outputs `kept` alone."""
        return CodedMatrix(self.X, self.coding.keeping(kept), self.dtype)

    def part(self, rows):
        """Some of the rows."""
        return CodedMatrix(self.X[rows], self.coding, self.dtype)

    def below(self, others):
        """These rows, and those of other matrices with the same columns."""
        X = np.concatenate([self.X, *(other.X for other in others)])
        return CodedMatrix(X, self.coding, self.dtype)

    def astype(self, dtype):
        """The same rows for weights of another type."""
        return CodedMatrix(self.X, self.coding, dtype)

    @property
    def T(self):
        return _TransposedMatrix(self)

    def blocks(self):
        """Slices of all rows, and the rows in each."""
        for start in range(0, self.shape[0], BLOCK_ROWS):
            rows = slice(start, start + BLOCK_ROWS)
            yield rows, self.block(rows)

    def toarray(self, dtype=DTYPE):
        """All rows encoded: as much memory as the outputs take."""
        out = np.empty(self.shape, dtype)
        for rows, block in self.blocks():
            decode(block, out[rows])
        return out


class _TransposedMatrix:
    """The transpose of all rows, to be multiplied."""

    def __init__(self, matrix):
        self._matrix, self.shape = matrix, matrix.shape[::-1]

    def __matmul__(self, delta):
        total = np.zeros((self.shape[0], delta.shape[1]))
        for rows, block in self._matrix.blocks():
            of_rows = np.ascontiguousarray(delta[rows], dtype=np.float64)
            total += block.T.into(of_rows, np.empty_like(total))
        return total
