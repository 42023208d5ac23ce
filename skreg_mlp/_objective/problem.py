"""The objective: network, data, loss and penalties as one function of the flat vector.

    F(theta) = sum_i s_i loss(y_i, f_theta(x_i)) / sum_i s_i + sum_l penalty_l(W_l)

A batch of b rows estimates the first term by sum_B s_i loss_i / (b mean(s)), the mean being that
of all rows: the penalty never changes with the batch size, and a batch of zero weights is no
special case. Passes over all rows go block by block, so that memory does not grow with the data.
"""

from math import ceil

import numpy as np

from skreg_mlp._objective.network import Network, Workspace, reaching
from skreg_mlp._objective.penalized import Penalties

FEWEST_ROWS, BLOCK_ROWS = 256, 1024  # of a pass over all rows at a time: each block costs calls
BLOCK_BYTES = 2**18  # of the values of a layer in a block, which then stay in the cache
WORTH_CUTTING = 0.7  # of its parameters: what part of a network must be left to train that alone
STEEPNESS_ROWS = 1024  # that say how steep the loss is: it is for a warning, not for the fit


def _block_rows(network, X):
    """How many rows of X to take at a time."""
    if not isinstance(X, np.ndarray):  # to take rows of CSR arrays is dear, however few
        return BLOCK_ROWS
    in_cache = BLOCK_BYTES // (network.dtype.itemsize * max(1, *network.sizes[1:]))
    return min(max(in_cache, FEWEST_ROWS), BLOCK_ROWS)


class Problem:
    """What a solver sees: a smooth loss, penalties with a prox, and their certificate.

    ``loss_unit`` is the natural scale of the loss: steps that are not invariant to it are divided
    by it. ``fixed``, a mask of theta or None, holds weights at zero: their gradient is zero, so
    that no solver moves them. ``joint`` is the loss of all rows together where it is no sum over
    rows, else None. ``scratch``, a vector like theta, is free until the next evaluation.
    """

    def __init__(
        self,
        network,
        loss,
        data,
        penalties=(),
        *,
        batch_rows=1,
        loss_unit=1.0,
        fixed=None,
        joint=None,
    ):
        self.network, self.loss, self.data = network, loss, data
        self.loss_unit, self.fixed, self._batch_rows = loss_unit, fixed, batch_rows
        self.joint = joint
        if joint is None and not loss.additive:
            self.joint = loss.on(*data.loss_targets())
        self.n_rows = data.n_rows
        self.convex = len(network.shapes) == 1
        block_rows = max(batch_rows, _block_rows(network, data.X))
        self._workspace = Workspace(network, min(self.n_rows, block_rows))
        self.scratch = np.empty(network.n_parameters, dtype=network.dtype)
        self.penalize(penalties)

    def penalize(self, penalties):
        """Penalize each layer by one of `penalties`, bound to its matrix; None for not at all."""
        self.penalties = Penalties(self.network, penalties)

    @property
    def block_rows(self):
        """Rows of the largest products."""
        return self._workspace.n_rows

    # -- a part of the network ------------------------------------------------------------------
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
        return type(self)(
            Network(sizes, network.activation, network.dtype, intercepts=network.intercepts),
            self.loss,
            self.data if whole else self.data.columns(units[0]),
            batch_rows=self._batch_rows,
            loss_unit=self.loss_unit,
            fixed=None if self.fixed is None else self.fixed[network.places(units)],
            joint=self.joint,
        )

    # -- the loss -----------------------------------------------------------------------------
    def loss_and_gradient(self, theta, gradient):
        """Mean loss over all rows; its gradient is written into `gradient`."""
        if self.joint is not None:
            return self._joint_loss_and_gradient(theta, gradient)
        return self._sum_of_batches(theta, self._blocks(self.data), gradient, self.n_rows)

    def _sum_of_batches(self, theta, batches, gradient, n_rows):
        first, *others = batches
        total = self.batch_loss_and_gradient(theta, first, gradient, n_rows)
        for rows in others:
            total += self.batch_loss_and_gradient(theta, rows, self.scratch, n_rows)
            gradient += self.scratch
        return total

    def batch_loss_and_gradient(self, theta, rows, gradient, n_rows, data=None):
        """Part of the rows `rows` in a mean over `n_rows` rows, with its gradient.

        They are rows of the problem, or of a part of its `data` that is held in memory.
        """
        X, y, weight = (data or self.data).rows(rows, n_rows)
        raw = self.network.forward(X, theta, self._workspace)
        delta = self._workspace.rows(X.shape[0]).deltas[-1]
        value = self.loss.value_and_gradient(raw, y, weight, delta)
        self.network.backward(X, theta, self._workspace, gradient)
        if self.fixed is not None:
            gradient[self.fixed] = 0
        return value

    def _joint_loss_and_gradient(self, theta, gradient):
        """The same for a loss that needs the scores of all rows before the gradient of any.

        Values of hidden layers are computed twice where there are several blocks, so that memory
        does not grow with the rows.
        """
        raw = self.scores(theta)
        delta = np.empty_like(raw)
        value = self.joint.value_and_gradient(raw, delta)
        self.pull_back(theta, delta, gradient, known=self.n_rows <= self._workspace.n_rows)
        if self.fixed is not None:
            gradient[self.fixed] = 0
        return value

    def pull_back(self, theta, delta, gradient, *, known=False):
        """Write the gradient into `gradient`, that with respect to the scores being `delta`.

        Where the last forward pass was that of all rows, its values are `known`.
        """
        gradient[...] = 0
        for rows in self._blocks(self.data):
            X = self.data.rows(rows, self.n_rows)[0]
            if not known:
                self.network.forward(X, theta, self._workspace)
            self._workspace.rows(X.shape[0]).deltas[-1][...] = delta[rows]
            self.network.backward(X, theta, self._workspace, self.scratch)
            gradient += self.scratch

    def _blocks(self, rows):
        """Slices of `rows`, as many at a time as the workspace has room for."""
        step = self._workspace.n_rows
        return [slice(start, start + step) for start in range(0, len(rows), step)]

    def scores(self, theta, data=None):
        """Raw scores of all rows (or those of other `data`), an array (n_rows, n_outputs)."""
        data = self.data if data is None else data
        raw = np.empty((data.n_rows, self.network.sizes[-1]), dtype=self.network.dtype)
        for rows in self._blocks(data):
            X = data.rows(rows, data.n_rows)[0]
            raw[rows] = self.network.forward(X, theta, self._workspace)
        return raw

    def mean_loss(self, theta, data, loss=None, factors=None):
        """Mean loss, a sum over rows, at `theta` over other rows than those of the problem.

        Or another `loss`, of y and raw scores times their `factors`: see `Targets.raw_loss`.
        """
        loss, total = loss or self.loss, 0.0
        for rows in self._blocks(data):
            X, y, weight = data.rows(rows, data.n_rows)
            raw = self.network.forward(X, theta, self._workspace)
            if factors is not None:  # in float64, as these are
                y, raw = y * factors[0], raw * factors[1]
                weight = weight.astype(raw.dtype) if np.ndim(weight) else weight
            total += loss.value_and_gradient(raw, y, weight, np.empty_like(raw))
        return total

    # -- both ---------------------------------------------------------------------------------
    def compact(self, theta):
        """Zero what cannot matter, in place, where penalties ask for zeros: see `Network.compact`.

        Under a concave group penalty that shrinks groups, and the slope of what is left rises.
        """
        if self.penalties.sparse:
            self.network.compact(theta)
            if self.fixed is not None:  # the value of a constant unit has moved to an intercept
                theta[self.fixed] = 0

    def null_model(self):
        """Every weight at zero and, without hidden layers, the intercepts that are then best."""
        null_scores = self.loss.null_scores(*self.data.training_targets())
        return self.network.initialize(None, null_scores, 0.0)

    def is_empty(self, theta):
        """Whether every weight is zero."""
        return not theta[: self.network.n_weights].any()

    def subgradient(self, theta, gradient):
        """Least-norm element of the subdifferential of F, given the gradient of the loss."""
        residual = self.penalties.subgradient(theta, gradient)
        if self.fixed is not None:
            residual[self.fixed] = 0
        return residual

    def certificate(self, theta, evaluation=None):
        """Mean loss, objective and largest entry of the least-norm subgradient at `theta`.

        `evaluation` is the loss and its gradient there, where a solver knows them; the gradient is
        overwritten.
        """
        loss, gradient = evaluation or (None, np.empty_like(theta))
        if evaluation is None:
            loss = self.loss_and_gradient(theta, gradient)
        free = None if self.fixed is None else (~self.fixed).astype(theta.dtype)
        largest = penalty = 0.0
        for block in self.penalties.blocks:
            parts = (theta, gradient) if free is None else (theta, gradient, free)
            for piece, (W, slope, *mask) in block.pieces(*parts):
                residual = np.abs(piece.subgradient(W, slope))
                residual = residual * mask[0] if mask else residual
                largest = np.maximum(largest, residual.max(initial=0))
                penalty += float(piece.value(W))
            block.view(gradient)[...] = 0
        return loss, loss + penalty, float(np.maximum(largest, np.abs(gradient).max()))

    def steepness(self, theta):
        """Largest entry of the gradient of the loss at `theta`, as some thousand rows see it."""
        gradient = np.empty_like(theta)
        if self.joint is None and STEEPNESS_ROWS < self.n_rows and self.data.in_memory:
            rows = np.linspace(0, self.n_rows - 1, STEEPNESS_ROWS).astype(np.int64)
            batches = np.array_split(rows, ceil(len(rows) / self._batch_rows))
            self._sum_of_batches(theta, batches, gradient, len(rows))
        else:
            self.loss_and_gradient(theta, gradient)
        return float(np.abs(gradient).max())
