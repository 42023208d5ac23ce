"""The rows of a fit: X, y and weights, handed out in batches."""

import numpy as np
from scipy import sparse

from skreg_mlp._kernels import fused, usable
from skreg_mlp._objective.coding import SMALL_COPY, CodedMatrix
from skreg_mlp._objective.network import gather_columns

# Columns left of X are copied where they are few or small, else gathered for each batch.
FEW_COLUMNS = 0.25  # of all


def largest_magnitude(values):
    """max abs(values) of a dense or CSR array, without a temporary of its size."""
    if isinstance(values, CodedMatrix):
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


class Data:
    """Rows of X (dense, CSR or coded), y and sample weights, gathered by slice or by index.

    `subset` restricts the data to some rows of X, `kept` to some of its columns, without a copy.
    """

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

    def columns(self, kept):
        """The same rows with the columns `kept` alone; these are copied where they are few."""
        kept = kept if self._kept is None else self._kept[kept]
        if not isinstance(self.X, np.ndarray):
            X = self.X[:, kept] if sparse.issparse(self.X) else self.X.columns(kept)
            return Data(X, self.y, self.sample_weight, self.subset)
        size = len(kept) * self.X.shape[0] * self.X.itemsize
        if size > SMALL_COPY and len(kept) > FEW_COLUMNS * self.X.shape[1]:
            return Data(self.X, self.y, self.sample_weight, self.subset, kept)
        return Data(np.take(self.X, kept, axis=1), self.y, self.sample_weight, self.subset)

    def training_targets(self):
        """y and the sample weights of all rows in use."""
        rows = slice(None) if self.subset is None else self.subset
        return self.y[rows], None if self.sample_weight is None else self.sample_weight[rows]

    def loss_targets(self):
        """y and the loss weights of all rows in use, out of a mean over them."""
        y, weight = self.training_targets()
        scale = 1.0 / self.total_weight
        return y, scale if weight is None else weight.astype(np.float64) * scale

    def rows(self, index, n_rows):
        """X, y and the loss weights of the rows `index`, out of a mean over `n_rows` rows.

        They are valid until the next call.
        """
        index = index if self.subset is None else self.subset[index]
        scale = 1.0 / (n_rows * self.mean_weight)
        weight = scale if self.sample_weight is None else self.sample_weight[index] * scale
        return self._X_rows[index], self._y_rows[index], weight
