"""The objective: network, data, loss and penalty as one function of the flat vector.

    F(theta) = sum_i s_i loss(y_i, f_theta(x_i)) / sum_i s_i + sum_l penalty_l(W_l)

A batch of b rows estimates the first term by sum_B s_i loss_i / (b mean(s)), the mean being that
of all rows: the penalty never changes with the batch size, and a batch of zero weights is no
special case. Passes over all rows go block by block, so that memory does not grow with the data.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy import sparse

from skreg_mlp._kernels import compiled, fused
from skreg_mlp._network import Network, Workspace, reaching

BLOCK_ROWS = 512
PIECE = 16384  # weights: what is copied at a time where a whole layer would be too much
WORTH_CUTTING = 0.7  # of its parameters: what part of a network must be left to train that alone


@fused
def take_rows(X, rows, out):
    """Copy the rows of `X` with indices `rows` into `out`."""
    np.take(X, rows, axis=0, out=out, mode="clip")  # "raise" would gather into a second buffer


class _Rows:
    """Rows of a dense array: a slice is a view, rows picked by index are copied into one buffer."""

    def __init__(self, values):
        self._values = values
        self._buffer = np.empty((0, *values.shape[1:]), dtype=values.dtype)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return np.ascontiguousarray(self._values[index])
        if len(self._buffer) < len(index):
            self._buffer = np.empty((len(index), *self._values.shape[1:]), self._values.dtype)
        buffer = self._buffer[: len(index)]
        if self._values.flags.c_contiguous:
            take_rows(self._values, index, buffer)
        else:  # np.take would first copy all of X
            buffer[...] = self._values[index]
        return buffer


class Data:
    """Rows of X (dense or CSR), y and sample weights, gathered by slice or by index.

    `subset` restricts the data to some rows of X without a copy of X.
    """

    def __init__(self, X, y, sample_weight=None, subset=None):
        y = np.ascontiguousarray(y, dtype=X.dtype if y.dtype.kind == "f" else np.int64)
        self.X, self.y, self.sample_weight = X, y, sample_weight
        self.subset = None if subset is None else np.asarray(subset, dtype=np.int64)
        self.n_rows = X.shape[0] if subset is None else len(subset)
        weights = self.training_targets()[1]
        self.mean_weight = 1.0 if weights is None else float(weights.mean(dtype=np.float64))
        self.total_weight = self.mean_weight * self.n_rows
        self._X_rows, self._y_rows = X if sparse.issparse(X) else _Rows(X), _Rows(y)

    def columns(self, kept):
        """The same rows with the columns `kept` of X alone, copied."""
        X = self.X[:, kept] if sparse.issparse(self.X) else np.take(self.X, kept, axis=1)
        return Data(X, self.y, self.sample_weight, self.subset)

    def training_targets(self):
        """y and the sample weights of all rows in use."""
        rows = slice(None) if self.subset is None else self.subset
        return self.y[rows], None if self.sample_weight is None else self.sample_weight[rows]

    def rows(self, index, n_rows):
        """X, y and the loss weights of the rows `index`, out of a mean over `n_rows` rows.

        They are valid until the next call.
        """
        index = index if self.subset is None else self.subset[index]
        scale = 1.0 / (n_rows * self.mean_weight)
        weight = scale if self.sample_weight is None else self.sample_weight[index] * scale
        return self._X_rows[index], self._y_rows[index], weight


@dataclass(frozen=True)
class PenaltyBlock:
    """A penalty and the part of theta it acts on, seen as a matrix of `shape`."""

    penalty: object
    where: slice
    shape: tuple

    def view(self, theta):
        return theta[self.where].reshape(self.shape)

    def pieces(self, *vectors):
        """Views as float64 copies: of some rows at a time where each weight is by itself."""
        rows, columns = self.shape
        step = max(1, PIECE // max(columns, 1)) if self.penalty.elementwise else max(rows, 1)
        for start in range(0, rows, step):
            yield [self.view(v)[start : start + step].astype(np.float64) for v in vectors]


class RowTerms(NamedTuple):
    """A part of theta from `start` on, and a penalty on it, as the compiled steps read it.

    ``l1`` is a number or an array of as many numbers, ``strength`` the group penalty of each row,
    whose weights share their steps (None: no groups, and the part is one row); ``unit`` is the
    natural scale of these parameters.
    """

    start: int
    n_rows: int
    n_columns: int
    l1: float | np.ndarray = 0.0
    l2: float = 0.0
    strength: np.ndarray | None = None
    unit: float = 1.0

    def joined(self, other):
        """Both in one, or None where one loop does not do for both."""
        plain = self.n_rows == other.n_rows == 1 and not np.ndim(self.l1) and not np.ndim(other.l1)
        if not plain or self[3:] != other[3:]:
            return None
        return self._replace(n_columns=self.n_columns + other.n_columns)


def _row_terms(block, dtype):
    """A block as `RowTerms`, or None where its penalty has no such form."""
    penalty, terms = block.penalty, block.penalty.terms(block.shape)
    grouped = terms is not None and terms.groups is not None
    rows = not grouped or np.array_equal(terms.groups, np.arange(block.shape[0]))
    if terms is None or np.ndim(terms.l2) or not rows or grouped != penalty.shares_step:
        return None
    if grouped and np.ndim(terms.l1):
        return None
    l1, strength, shape = terms.l1, terms.strength, block.shape
    if not grouped or shape[1] == 1:  # of a single weight the norm is the magnitude
        l1, strength, shape = l1 + (strength if grouped else 0.0), None, (1, shape[0] * shape[1])
    return RowTerms(
        block.where.start,
        *shape,
        np.ravel(l1).astype(dtype) if np.ndim(l1) else float(l1),
        float(terms.l2),
        None if strength is None else strength.astype(dtype),
    )


@dataclass(frozen=True)
class FlatTerms:
    """The penalty of all of theta as data: arrays of the length of theta (see `Terms`).

    ``group`` is -1 where no group term acts; ``strength`` has one entry a group.
    """

    l1: np.ndarray
    l2: np.ndarray
    group: np.ndarray
    strength: np.ndarray


class Problem:
    """What a solver sees: a smooth loss, a penalty with a prox, and their certificate.

    ``units`` (None: all 1) is the natural scale of each parameter, ``loss_unit`` that of the loss
    and ``gradient_units`` their quotient: solvers whose steps are not invariant to them take their
    steps in these units. ``scratch``, a vector like theta, is free until the next evaluation.
    """

    def __init__(
        self, network, loss, data, penalties=(), *, batch_rows=1, output_unit=1.0, loss_unit=1.0
    ):
        self.network, self.loss, self.data = network, loss, data
        self.output_unit, self._batch_rows = output_unit, batch_rows
        self.units = network.units(output_unit) if output_unit != 1 else None
        self.loss_unit = loss_unit
        self.gradient_units = loss_unit if self.units is None else loss_unit / self.units
        self.set_penalties(penalties)
        self.n_rows = data.n_rows
        self.convex = len(network.shapes) == 1
        rows = min(self.n_rows, max(batch_rows, BLOCK_ROWS))
        self._workspace = Workspace(network, rows)
        self.scratch = np.empty(network.n_parameters, dtype=network.dtype)

    # -- a part of the network ------------------------------------------------------------------
    def live_units(self, theta):
        """Inputs and units that matter in a compacted `theta`: one index array for each layer.

        Groups stay whole: units only go where penalties act on single weights, and the inputs of a
        group go together.
        """
        network, first = self.network, self.blocks[0].penalty
        alive = reaching(network.coefs(theta))
        if not all(block.penalty.elementwise for block in self.blocks):
            alive[1:] = [np.ones(size, dtype=bool) for size in network.sizes[1:]]
        groups = getattr(first, "groups", None)
        if groups is not None:
            alive[0] = np.isin(groups, groups[alive[0]])
        return [np.flatnonzero(mask) for mask in alive]

    def supporting(self, support):
        """The problem of what can matter while weights outside the mask `support` are zero.

        Returns it without penalties, and the places of its parameters in theta; the problem itself
        where little would be gained. Elsewhere the gradient with respect to `support` is zero.
        """
        units = [np.flatnonzero(mask) for mask in reaching(self.network.coefs(support))]
        where = self.network.places(units)
        if len(where) > WORTH_CUTTING * self.network.n_parameters:
            return self, slice(None)
        return self.part(units), where

    def part(self, units):
        """The problem of the part of the network made of `units`, without penalties."""
        network = self.network
        sizes = [len(kept) for kept in units]
        whole = len(units[0]) == network.sizes[0]
        return Problem(
            Network(sizes, network.activation, network.dtype, intercepts=network.intercepts),
            self.loss,
            self.data if whole else self.data.columns(units[0]),
            batch_rows=self._batch_rows,
            output_unit=self.output_unit,
            loss_unit=self.loss_unit,
        )

    # -- the loss -----------------------------------------------------------------------------
    def loss_and_gradient(self, theta, gradient):
        """Mean loss over all rows; its gradient is written into `gradient`."""
        step = self._workspace.n_rows
        total = self.batch_loss_and_gradient(theta, slice(0, step), gradient, self.n_rows)
        for start in range(step, self.n_rows, step):
            rows = slice(start, start + step)
            total += self.batch_loss_and_gradient(theta, rows, self.scratch, self.n_rows)
            gradient += self.scratch
        return total

    def batch_loss_and_gradient(self, theta, rows, gradient, n_rows):
        """Part of the rows `rows` in a mean over `n_rows` rows, with its gradient."""
        X, y, weight = self.data.rows(rows, n_rows)
        raw = self.network.forward(X, theta, self._workspace)
        delta = self._workspace.rows(X.shape[0]).deltas[-1]
        value = self.loss.value_and_gradient(raw, y, weight, delta)
        self.network.backward(X, theta, self._workspace, gradient)
        return value

    def mean_loss(self, theta, data):
        """Mean loss at `theta` over other rows than those of the problem."""
        total, step = 0.0, self._workspace.n_rows
        for start in range(0, data.n_rows, step):
            X, y, weight = data.rows(slice(start, start + step), data.n_rows)
            raw = self.network.forward(X, theta, self._workspace)
            total += self.loss.value_and_gradient(raw, y, weight, np.empty_like(raw))
        return total

    # -- the penalty --------------------------------------------------------------------------
    def set_penalties(self, penalties):
        """Penalise each layer by one of `penalties`, None for not at all."""
        layers = zip(penalties, self.network.weight_slices, self.network.shapes)
        self.blocks = [PenaltyBlock(p, where, shape) for p, where, shape in layers if p is not None]
        self.sparse = any(not block.penalty.smooth for block in self.blocks)
        self._majorize(np.zeros(self.network.n_parameters))
        pairs = zip(self.blocks, self._majorants)
        self.concave = any(block.penalty is not majorant.penalty for block, majorant in pairs)

    def majorize(self, theta):
        """Let `prox`, `share`, `row_terms` and `terms` be those of the majorant that touches here.

        A convex penalty is its own majorant. The subgradients at `theta` are those of the penalty.
        """
        if self.concave:
            self._majorize(theta)

    def _majorize(self, theta):
        self._majorants = [
            replace(block, penalty=block.penalty.majorize(block.view(theta)))
            for block in self.blocks
        ]
        with np.errstate(over="ignore"):  # beyond float32 a strength is infinite
            self.row_terms = self._row_terms() if compiled else None

    def _row_terms(self):
        """The majorant as a list of `RowTerms` that covers theta, or None: see `_row_terms`."""
        found = {b.where.start: _row_terms(b, self.network.dtype) for b in self._majorants}
        if None in found.values():
            return None
        parts = []
        for where in self.network.slices:
            free = RowTerms(where.start, 1, where.stop - where.start)
            unit = 1.0 if self.units is None else float(self.units[where.start])
            part = found.get(where.start, free)._replace(unit=unit)
            joined = parts[-1].joined(part) if parts else None
            parts[-1:] = [joined] if joined else [*parts[-1:], part]
        return parts

    def compact(self, theta):
        """Zero what cannot matter, in place, where penalties ask for zeros: see `Network.compact`.

        Under a concave group penalty that shrinks groups, and the slope of what is left rises.
        """
        if self.sparse:
            self.network.compact(theta)

    def is_empty(self, theta):
        """Whether every weight is zero."""
        return not theta[: self.network.n_weights].any()

    def penalty_value(self, theta):
        return sum(float(block.penalty.value(block.view(theta))) for block in self.blocks)

    def prox(self, theta, step):
        """Apply every prox in place; `step` is a number or an array of the length of theta."""
        for block in self._majorants:
            view, penalty = block.view(theta), block.penalty
            block_step = block.view(step) if np.ndim(step) else step
            if np.ndim(step) and penalty.shares_step:
                block_step = block_step[:, :1]
            view[...] = penalty.prox(view, block_step)

    def share(self, squares):
        """Average `squares`, in place, over weights that must share one step."""
        for block in self._majorants:
            if block.penalty.shares_step:
                block.penalty.share(block.view(squares))

    def subgradient(self, theta, gradient):
        """Least-norm element of the subdifferential of F, given the gradient of the loss."""
        result = gradient.copy()
        for block in self.blocks:
            block.view(result)[...] = block.penalty.subgradient(
                block.view(theta), block.view(gradient)
            )
        return result

    def terms(self):
        """The majorant as `FlatTerms`, or None where one of the penalties has no such form."""
        n = self.network.n_parameters
        l1, l2, group, strengths = np.zeros(n), np.zeros(n), np.full(n, -1), []
        for block in self._majorants:
            terms = block.penalty.terms(block.shape)
            if terms is None:
                return None
            block.view(l1)[...] = terms.l1
            block.view(l2)[...] = terms.l2
            if terms.groups is not None:
                offset, acts = sum(map(len, strengths)), terms.strength[terms.groups] > 0
                block.view(group)[...] = np.where(acts, terms.groups + offset, -1)[:, None]
                strengths.append(terms.strength)
        strength = np.concatenate(strengths) if strengths else np.empty(0)
        return FlatTerms(l1, l2, group, strength)

    # -- both ---------------------------------------------------------------------------------
    def certificate(self, theta):
        """Mean loss, objective and largest entry of the least-norm subgradient at `theta`."""
        gradient = np.empty_like(theta)
        loss = self.loss_and_gradient(theta, gradient)
        largest = penalty = 0.0
        for block in self.blocks:
            for W, slope in block.pieces(theta, gradient):
                residual = block.penalty.subgradient(W, slope)
                largest = np.maximum(largest, np.abs(residual).max(initial=0))
                penalty += float(block.penalty.value(W))
            block.view(gradient)[...] = 0
        return loss, loss + penalty, float(np.maximum(largest, np.abs(gradient).max()))

    def steepness(self, theta):
        """Largest entry of the gradient of the loss at `theta`."""
        gradient = np.empty_like(theta)
        self.loss_and_gradient(theta, gradient)
        return float(np.abs(gradient).max())
