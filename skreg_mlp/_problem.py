"""The objective: network, data, loss and penalty as one function of the flat vector.

    F(theta) = sum_i s_i loss(y_i, f_theta(x_i)) / sum_i s_i + sum_l penalty_l(W_l)

A batch of b rows estimates the first term by sum_B s_i loss_i / (b mean(s)), the mean being that
of all rows: the penalty never changes with the batch size, and a batch of zero weights is no
special case. Passes over all rows go block by block, so that memory does not grow with the data.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from skreg_mlp._network import Network, Workspace

BLOCK_ROWS = 4096
PIECE = 16384  # weights


class Data:
    """Rows of X (dense or CSR), y and sample weights, gathered by slice or by index.

    A slice of a dense C-ordered X is a view; rows picked by index are copied into one buffer.
    `subset` restricts the data to some rows of X without a copy of X.
    """

    def __init__(self, X, y, sample_weight=None, subset=None):
        y = y.astype(X.dtype, copy=False) if y.dtype.kind == "f" else y
        self.X, self.y, self.sample_weight, self.subset = X, y, sample_weight, subset
        self.n_rows = X.shape[0] if subset is None else len(subset)
        weights = self.training_targets()[1]
        self.mean_weight = 1.0 if weights is None else float(weights.mean(dtype=np.float64))
        self.total_weight = self.mean_weight * self.n_rows
        self._sparse = sparse.issparse(X)
        self._buffer = np.empty((0, X.shape[1]), dtype=X.dtype)

    def columns(self, kept):
        """The same rows with the columns `kept` of X alone, copied."""
        X = self.X[:, kept] if self._sparse else np.take(self.X, kept, axis=1)
        return Data(X, self.y, self.sample_weight, self.subset)

    def training_targets(self):
        """y and the sample weights of all rows in use."""
        rows = slice(None) if self.subset is None else self.subset
        return self.y[rows], None if self.sample_weight is None else self.sample_weight[rows]

    def rows(self, index, n_rows):
        """X, y and the loss weights of the rows `index`, out of a mean over `n_rows` rows."""
        index = index if self.subset is None else self.subset[index]
        scale = 1.0 / (n_rows * self.mean_weight)
        weight = scale if self.sample_weight is None else self.sample_weight[index] * scale
        return self._gather(index), self.y[index], weight

    def _gather(self, index):
        if self._sparse:
            return self.X[index]
        if isinstance(index, slice):
            return np.ascontiguousarray(self.X[index])
        if len(self._buffer) < len(index):
            self._buffer = np.empty((len(index), self.X.shape[1]), dtype=self.X.dtype)
        buffer = self._buffer[: len(index)]
        if self.X.flags.c_contiguous:
            np.take(self.X, index, axis=0, out=buffer, mode="clip")
        else:  # np.take would first copy all of X
            buffer[...] = self.X[index]
        return buffer


@dataclass(frozen=True)
class PenaltyBlock:
    """A penalty and the part of theta it acts on, seen as a matrix of `shape`."""

    penalty: object
    where: slice
    shape: tuple

    def view(self, theta):
        return theta[self.where].reshape(self.shape)


def penalty_blocks(network, penalties):
    """Blocks for one penalty a layer (None: unpenalised); equal elementwise ones become one."""
    first = penalties[0] if penalties else None
    if getattr(first, "elementwise", False) and all(p == first for p in penalties):
        return [PenaltyBlock(first, slice(0, network.n_weights), (1, network.n_weights))]
    layers = zip(penalties, network.weight_slices, network.shapes)
    return [PenaltyBlock(p, where, shape) for p, where, shape in layers if p is not None]


def _prox_in_pieces(penalty, values, step):
    """Apply an elementwise prox in place, in pieces whose temporaries stay in the cache."""
    for start in range(0, len(values), PIECE):
        piece = values[None, start : start + PIECE]
        piece[...] = penalty.prox(
            piece, step[None, start : start + PIECE] if len(step) > 1 else step[0]
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
    steps in these units.
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
        self._block_gradient = np.empty(network.n_parameters, dtype=network.dtype)

    # -- a part of the network ------------------------------------------------------------------
    def live_units(self, theta):
        """Inputs and units that matter in a compacted `theta`: one index array for each layer.

        Groups stay whole: units only go where penalties act on single weights, and the inputs of a
        group go together.
        """
        network, first = self.network, self.blocks[0].penalty
        coefs = network.coefs(theta)
        alive = [W.any(axis=1) for W in coefs] + [np.ones(network.sizes[-1], dtype=bool)]
        if not all(block.penalty.elementwise for block in self.blocks):
            alive[1:] = [np.ones(size, dtype=bool) for size in network.sizes[1:]]
        groups = getattr(first, "groups", None)
        if groups is not None:
            alive[0] = np.isin(groups, groups[alive[0]])
        return [np.flatnonzero(mask) for mask in alive]

    def part(self, units):
        """The problem of the part of the network made of `units`, without penalties."""
        network = self.network
        sizes = [len(kept) for kept in units]
        return Problem(
            Network(sizes, network.activation, network.dtype, intercepts=network.intercepts),
            self.loss,
            self.data.columns(units[0]),
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
            total += self.batch_loss_and_gradient(theta, rows, self._block_gradient, self.n_rows)
            gradient += self._block_gradient
        return total

    def batch_loss_and_gradient(self, theta, rows, gradient, n_rows):
        """Part of the rows `rows` in a mean over `n_rows` rows, with its gradient."""
        X, y, weight = self.data.rows(rows, n_rows)
        raw = self.network.forward(X, theta, self._workspace)
        delta = self._workspace.deltas[-1][: X.shape[0]]
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
        self.blocks = penalty_blocks(self.network, penalties)
        self.majorize(np.zeros(self.network.n_parameters))
        pairs = zip(self.blocks, self._majorants)
        self.concave = any(block.penalty is not majorant.penalty for block, majorant in pairs)
        self.sparse = any(not block.penalty.smooth for block in self.blocks)

    def majorize(self, theta):
        """Let `prox`, `share` and `terms` be those of the convex majorant that touches at `theta`.

        A convex penalty is its own majorant. The subgradients at `theta` are those of the penalty.
        """
        self._majorants = [
            replace(block, penalty=block.penalty.majorize(block.view(theta)))
            for block in self.blocks
        ]

    def compact(self, theta):
        """Zero what cannot matter, in place, where penalties ask for zeros: see `Network.compact`.

        Under a concave group penalty that shrinks groups, and the slope of what is left rises.
        """
        if self.sparse:
            self.network.compact(theta)

    def penalty_value(self, theta):
        return sum(float(block.penalty.value(block.view(theta))) for block in self.blocks)

    def prox(self, theta, step):
        """Apply every prox in place; `step` is a number or an array of the length of theta."""
        for block in self._majorants:
            view, penalty = block.view(theta), block.penalty
            block_step = block.view(step) if np.ndim(step) else step
            if penalty.elementwise and not np.ndim(penalty.alpha):
                _prox_in_pieces(penalty, theta[block.where], np.ravel(block_step))
                continue
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
        theta, gradient = theta.astype(np.float64), gradient.astype(np.float64)
        residual = self.subgradient(theta, gradient)
        return loss, loss + self.penalty_value(theta), float(np.abs(residual).max())

    def steepness(self, theta):
        """Largest entry of the gradient of the loss at `theta`."""
        gradient = np.empty_like(theta)
        self.loss_and_gradient(theta, gradient)
        return float(np.abs(gradient).max())
