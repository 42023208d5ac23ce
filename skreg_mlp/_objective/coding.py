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
BLOCK_ROWS = 512
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
        """For each column its outputs, the value first, and what each state adds to the others."""
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
        used = np.flatnonzero(
            [
                value_outputs[k] >= 0 or (outputs[self.starts[k] : self.starts[k + 1]] >= 0).any()
                for k in range(len(self))
            ]
        )
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
    parts = [np.arange(starts[k], starts[k + 1]) for k in used]
    lengths = np.array([len(part) for part in parts], dtype=np.int64)
    items = np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)
    return items, np.concatenate([[0], np.cumsum(lengths)])


def bent(z):
    """z / sqrt(1 + (z / 3)^2): z near 0, and never beyond 3."""
    z = np.clip(z, -1e8, 1e8)  # whose squares are finite, and which nothing tells from more
    return z / np.sqrt(1 + (z / BEND) ** 2)


# --------------------------------------------------------------------------------------------
# Encoding
# --------------------------------------------------------------------------------------------
@fused
def encode(X, rows, coding, states, fractions, values):
    """Write the states of the columns in some `rows` of X, the way to the next, and the values."""
    for k in range(len(coding)):
        x, first, last = X[rows, coding.columns[k]], coding.starts[k], coding.starts[k + 1] - 1
        fractions[:, k] = values[:, k] = 0
        missing = np.isnan(x)
        if not coding.numeric[k]:
            codes = coding.codes[coding.code_starts[k] : coding.code_starts[k + 1]]
            known = np.where((x >= 0) & (x < len(codes) - 2), x, len(codes) - 2)
            states[:, k] = first + codes[np.where(missing, len(codes) - 1, known).astype(int)]
            continue
        edges = coding.edges[first:last]
        x = x.astype(np.float64)
        at = np.searchsorted(edges[1:], x, side="right")
        inside = ~missing & (at < len(edges) - 1) & (x > edges[0])
        low, high = edges[at[inside]], edges[at[inside] + 1]
        fractions[inside, k] = (x[inside] - low) / (high - low)
        states[:, k] = np.where(missing, last, first + at)
        value = bent((x - coding.centers[k]) / coding.units[k]) - coding.value_means[k]
        values[:, k] = np.where(missing, 0, value)


@fused
def coded_product(block, W, scratch, out):
    """Write the product of an encoded block of rows and W into `out`."""
    np.dot(block.toarray(), W, out=out)


@fused
def coded_gradient(block, delta, scratch, out):
    """Write the product of the transpose of an encoded block of rows and `delta` into `out`."""
    np.dot(block.toarray().T, delta, out=out)


class CodedBlock:
    """Some rows of a table, encoded."""

    def __init__(self, coding, states, fractions, values):
        self.coding, self.states, self.fractions, self.values = coding, states, fractions, values
        self.shape = len(states), coding.n_outputs

    def toarray(self):
        """Encoded columns as an array (n_rows, n_outputs)."""
        out, coding = np.zeros(self.shape, DTYPE), self.coding
        for k, (outputs, table) in enumerate(coding.tables):
            at, f = self.states[:, k] - coding.starts[k], self.fractions[:, k, None]
            following = np.minimum(at + 1, len(table) - 1)
            out[:, outputs] = table[at] + f * (table[following] - table[at])
            if coding.value_outputs[k] >= 0:
                out[:, coding.value_outputs[k]] = self.values[:, k]
        return out

    def into(self, W, out):
        """Write the product with W into `out`."""
        coded_product(self, W, self._scratch(W), out)
        return out

    def _scratch(self, W):
        return np.empty((self.coding.most_states + 1, W.shape[1]), W.dtype)

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
        self._buffers = [np.empty((0, len(coding)), dtype) for dtype in (np.int64, DTYPE, DTYPE)]

    def __getitem__(self, index):
        """The rows in a block, which is valid until the next call."""
        if isinstance(index, slice):
            index = np.arange(*index.indices(self.shape[0]), dtype=np.int64)
        if len(self._buffers[0]) < len(index):
            shape = len(index), len(self.coding)
            self._buffers = [np.empty(shape, buffer.dtype) for buffer in self._buffers]
        block = [buffer[: len(index)] for buffer in self._buffers]
        encode(self.X, index, self.coding, *block)
        return CodedBlock(self.coding, *block)

    @property
    def bound(self):
        """No entry is larger: values and their mean are at most BEND."""
        return 2 * BEND

    def columns(self, kept):
        """The same rows with the outputs `kept` alone."""
        return CodedMatrix(self.X, self.coding.keeping(kept), self.dtype)

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
            yield rows, self[rows]

    def toarray(self):
        """All rows encoded: as much memory as the outputs take."""
        out = np.empty(self.shape, DTYPE)
        for rows, block in self.blocks():
            out[rows] = block.toarray()
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
