"""The network as a function of one flat vector: layout, initialisation, forward, backpropagation.

theta = [W_1, ..., W_D, b_1, ..., b_D], each W_l in C order with shape (fan_in, fan_out). The
layers are views of theta, so a solver moves every weight with one vector operation, and gradients
are written straight into the views of a vector laid out alike.
"""

from itertools import pairwise

import numpy as np
from scipy import sparse


class Network:
    """Layout of theta for layers of `sizes` = (n_features, hidden..., n_outputs)."""

    def __init__(self, sizes, activation, dtype, *, intercepts=True):
        self.sizes = tuple(sizes)
        self.activation = activation
        self.dtype = np.dtype(dtype)
        self.intercepts = intercepts
        self.shapes = list(pairwise(self.sizes))
        ends = np.cumsum([0] + [rows * columns for rows, columns in self.shapes])
        self.weight_slices = [slice(int(a), int(b)) for a, b in pairwise(ends)]
        self.n_weights = int(ends[-1])
        ends = self.n_weights + np.cumsum((0, *self.sizes[1:]))
        self._intercept_slices = [slice(int(a), int(b)) for a, b in pairwise(ends)]
        self.n_parameters = int(ends[-1]) if intercepts else self.n_weights

    def coefs(self, theta):
        """Weight matrices as views of `theta`."""
        return [theta[s].reshape(shape) for s, shape in zip(self.weight_slices, self.shapes)]

    def biases(self, theta):
        """Intercepts as views of `theta` (None for each layer in a network without)."""
        if not self.intercepts:
            return [None] * len(self.shapes)
        return [theta[s] for s in self._intercept_slices]

    def places(self, units):
        """Places in theta of the part of the network made of `units`, one index array a layer."""
        offsets = [s.start for s in self.weight_slices]
        places = [
            (offset + rows[:, None] * shape[1] + columns).ravel()
            for offset, shape, rows, columns in zip(offsets, self.shapes, units, units[1:])
        ]
        if self.intercepts:
            places += [s.start + kept for s, kept in zip(self._intercept_slices, units[1:])]
        return np.concatenate(places)

    def units(self, output_unit):
        """Natural scale of each parameter: `output_unit` in the last layer, 1 below it."""
        units = np.ones(self.n_parameters, dtype=self.dtype)
        self.coefs(units)[-1][...] = output_unit
        if self.intercepts:
            self.biases(units)[-1][...] = output_unit
        return units

    def typical_weights(self, output_unit):
        """Root mean square weight of each layer of a random start (see `initialize`), relu's."""
        weights = np.sqrt([2 / sum(shape) for shape in self.shapes])
        weights[-1] *= output_unit
        return weights

    def pack(self, coefs, intercepts):
        """Lay given weights and intercepts out as one new vector."""
        theta = np.empty(self.n_parameters, dtype=self.dtype)
        for view, values in zip(self.coefs(theta), coefs):
            view[...] = dense(values)
        if self.intercepts:
            for view, values in zip(self.biases(theta), intercepts):
                view[...] = values
        return theta

    def initialize(self, rng, null_scores, spread, gain):
        """Start at the null model plus small random hidden layers (Glorot and Bengio, 2010).

        The last intercepts are `null_scores`, the last weights are scaled by `spread`, the spread
        of the targets. Hidden weights and intercepts are uniform in
        +- sqrt(gain / (fan_in + fan_out)). Without hidden layers every weight starts at zero:
        the problem is convex and the null model is where its path begins.
        """
        theta = np.zeros(self.n_parameters, dtype=self.dtype)
        if len(self.shapes) > 1:
            for W, b in zip(self.coefs(theta), self.biases(theta)):
                bound = np.sqrt(gain / sum(W.shape))
                W[...] = rng.uniform(-bound, bound, W.shape)
                if b is not None:
                    b[...] = rng.uniform(-bound, bound, b.shape)
            self.coefs(theta)[-1][...] *= spread
        if self.intercepts:
            self.biases(theta)[-1][...] = null_scores
        return theta

    def forward(self, X, theta, workspace):
        """Raw scores (n_rows, n_outputs) of the rows of `X`, left in `workspace`."""
        return forward(X, self.coefs(theta), self.biases(theta), self.activation, workspace)

    def backward(self, X, theta, workspace, gradient):
        """Write the gradient for the rows of the last forward pass into `gradient`.

        `workspace.deltas[-1]` must hold the gradient with respect to the raw scores.
        """
        coefs, n_rows = self.coefs(theta), X.shape[0]
        ones = workspace.ones[:n_rows]
        gradients = list(zip(self.coefs(gradient), self.biases(gradient)))
        for layer in range(len(coefs) - 1, -1, -1):
            W_gradient, b_gradient = gradients[layer]
            delta = workspace.deltas[layer][:n_rows]
            inputs = workspace.values[layer - 1][:n_rows] if layer else X
            _product(inputs.T, delta, W_gradient)
            if b_gradient is not None:
                np.dot(ones, delta, out=b_gradient)
            if layer:
                below = workspace.deltas[layer - 1][:n_rows]
                np.dot(delta, coefs[layer].T, out=below)
                below *= workspace.slopes[layer - 1][:n_rows]

    def compact(self, theta):
        """Zero what cannot matter, in place, without changing the function.

        A constant unit (no incoming weight) moves its value into the next intercepts and loses its
        outgoing weights; a dead unit (no outgoing weight) loses its incoming weights and its
        intercept. The sum of any penalty that grows with abs(w) never rises.
        """
        coefs, biases = self.coefs(theta), self.biases(theta)
        for layer in range(len(coefs) - 1):
            if self.intercepts:
                constant = ~coefs[layer].any(axis=0)
                value = biases[layer][constant].copy()
                self.activation(value, None)
                biases[layer + 1] += value @ coefs[layer + 1][constant]
                coefs[layer + 1][constant] = 0
        for layer in range(len(coefs) - 2, -1, -1):
            dead = ~coefs[layer + 1].any(axis=1)
            coefs[layer][:, dead] = 0
            if self.intercepts:
                biases[layer][dead] = 0


class Workspace:
    """Every buffer of a training pass over up to `n_rows` rows, allocated once."""

    def __init__(self, network, n_rows):
        def buffers(sizes):
            return [np.empty((n_rows, size), dtype=network.dtype) for size in sizes]

        self.n_rows = n_rows
        self.values = buffers(network.sizes[1:])
        self.slopes = buffers(network.sizes[1:-1])
        self.deltas = buffers(network.sizes[1:])
        self.ones = np.ones(n_rows, dtype=network.dtype)


def dense(A):
    """`A`, a new array where it is sparse."""
    return A.toarray() if sparse.issparse(A) else A


def gather_columns(X, columns):
    """Columns of `X`, in the layout that costs least."""
    if isinstance(X, np.ndarray) and X.flags.c_contiguous:
        return X.take(columns, axis=1, mode="clip")  # "raise" would gather into a second buffer
    return X[:, columns]


def _product(A, B, out):
    """A @ B into `out` (None: a new array, dense), A dense or sparse; B too without `out`."""
    if out is None:
        return dense(A @ B)
    if isinstance(A, np.ndarray):
        return np.dot(A, B, out=out)
    out[...] = A @ B
    return out


def forward(X, coefs, intercepts, activation, workspace=None):
    """Raw scores (n_rows, n_outputs) of the rows of `X`; in `workspace` where one is given."""
    values, n_rows, last = X, X.shape[0], len(coefs) - 1
    for layer, (W, b) in enumerate(zip(coefs, intercepts)):
        values = _product(values, W, workspace and workspace.values[layer][:n_rows])
        if b is not None:
            values += b
        if layer < last:
            activation(values, workspace and workspace.slopes[layer][:n_rows])
    return values


def selected_inputs(coefs):
    """Mask of the inputs with a non-zero path to an output, for dense or CSR weights."""
    alive = np.ones(coefs[-1].shape[1], dtype=bool)
    for W in reversed(coefs):
        alive = (W != 0) @ alive
    return alive
