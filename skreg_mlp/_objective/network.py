"""The network as a function of one flat vector: layout, initialization, forward, backpropagation.

theta = [W_1, ..., W_D, b_1, ..., b_D], each W_l in C order with shape (fan_in, fan_out). The
layers are views of theta, so a solver moves every weight with one vector operation, and gradients
are written straight into the views of a vector laid out alike.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy import sparse

from skreg_mlp._kernels import fused, usable
from skreg_mlp._objective.activations import ACTIVATIONS

identity = ACTIVATIONS["identity"]


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
        self.slices = self.weight_slices + (self._intercept_slices if intercepts else [])
        self.n_parameters = int(ends[-1]) if intercepts else self.n_weights
        self._seen = []

    def coefs(self, theta):
        """Weight matrices as views of `theta`."""
        return [theta[s].reshape(shape) for s, shape in zip(self.weight_slices, self.shapes)]

    def biases(self, theta):
        """Intercepts as views of `theta` (None for each layer in a network without)."""
        if not self.intercepts:
            return [None] * len(self.shapes)
        return [theta[s] for s in self._intercept_slices]

    def layers(self, theta):
        """Weights and intercepts of every layer as views of `theta`.

        Those of the last three vectors are kept: a solver's iterate, its gradient, and the gradient
        of a block of rows.
        """
        for known, layers in self._seen:
            if known is theta:
                return layers
        layers = list(zip(self.coefs(theta), self.biases(theta)))
        self._seen = [(theta, layers), *self._seen[:2]]
        return layers

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

    def pack(self, coefs, intercepts):
        """Lay given weights and intercepts out as one new vector."""
        theta = np.empty(self.n_parameters, dtype=self.dtype)
        for view, values in zip(self.coefs(theta), coefs):
            view[...] = dense(values)
        if self.intercepts:
            for view, values in zip(self.biases(theta), intercepts):
                view[...] = values
        return theta

    def initialize(self, rng, null_scores, gain):
        """Start at the null model plus small random hidden layers (Glorot and Bengio, 2010).

        The last intercepts are `null_scores`. Hidden weights and intercepts are uniform in
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
        if self.intercepts:
            self.biases(theta)[-1][...] = null_scores
        return theta

    def forward(self, X, theta, workspace):
        """Raw scores (n_rows, n_outputs) of the rows of `X`, left in `workspace`."""
        buffers = workspace.rows(X.shape[0])
        return forward(X, self.layers(theta), self.activation, buffers.values, buffers.slopes)

    def backward(self, X, theta, workspace, gradient):
        """Write the gradient for the rows of the last forward pass into `gradient`.

        The last of the workspace's deltas must hold the gradient with respect to the raw scores.
        """
        values, slopes, deltas = workspace.rows(X.shape[0])
        layers, gradients = self.layers(theta), self.layers(gradient)
        chain(deltas[-1], None, gradients[-1][1])
        for layer in range(len(layers) - 1, -1, -1):
            W, delta = layers[layer][0], deltas[layer]
            _product((values[layer - 1] if layer else X).T, delta, gradients[layer][0])
            if layer:
                below = deltas[layer - 1], slopes[layer - 1], gradients[layer - 1][1]
                if W.shape[1] == 1:
                    outer_chain(delta, W, *below)
                else:
                    np.dot(delta, W.T, out=below[0])
                    chain(*below)

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
                self.activation(value, None, None)
                biases[layer + 1] += value @ coefs[layer + 1][constant]
                coefs[layer + 1][constant] = 0
        for layer in range(len(coefs) - 2, -1, -1):
            dead = ~coefs[layer + 1].any(axis=1)
            coefs[layer][:, dead] = 0
            if self.intercepts:
                biases[layer][dead] = 0


class Buffers(NamedTuple):
    """Of every layer: its values, the slopes of its activation (but of the last), its deltas.

    Deltas of hidden layers take the place of their values, which nothing reads any more by then.
    """

    values: list
    slopes: list
    deltas: list


class Workspace:
    """Every buffer of a training pass over up to `n_rows` rows, allocated once."""

    def __init__(self, network, n_rows):
        def buffers(sizes):
            return [np.empty((n_rows, size), dtype=network.dtype) for size in sizes]

        sizes = network.sizes[1:]
        self.n_rows, values = n_rows, buffers(sizes)
        deltas = values[:-1] + buffers(sizes[-1:])
        self._all = Buffers(values, buffers(sizes[:-1]), deltas)
        self._parts = {n_rows: self._all}

    def rows(self, n_rows):
        """The first `n_rows` rows of all buffers."""
        part = self._parts.get(n_rows)
        if part is None:
            part = Buffers(*([buffer[:n_rows] for buffer in buffers] for buffers in self._all))
            self._parts[n_rows] = part
        return part


@fused
def chain(delta, slope, sums):
    """Multiply `delta` by `slope` in place and write its column sums into `sums`, None: neither."""
    if slope is not None:
        delta *= slope
    if sums is not None:
        np.dot(np.ones(len(delta), delta.dtype), delta, out=sums)


@fused
def outer_chain(delta, weights, below, slope, sums):
    """Let `below` be the product of two vectors, and `chain` it."""
    np.multiply(delta, weights.T, out=below)
    chain(below, slope, sums)


def dense(A):
    """`A`, a new array where it is sparse."""
    return A.toarray() if sparse.issparse(A) else A


@fused
def take_columns(X, columns, out):
    """Copy the columns of `X` with indices `columns` into `out`."""
    np.take(X, columns, axis=1, out=out, mode="clip")  # "raise" would gather into a second buffer


def gather_columns(X, columns, out):
    """Columns of `X`, in `out` where that is the cheapest way."""
    if not (isinstance(X, np.ndarray) and usable(X) and usable(columns)):
        return X[:, columns]
    take_columns(X, columns, out)
    return out


def readable(values, dtype):
    """An array of this type as compiled loops read it, at once where it is one already."""
    if isinstance(values, np.ndarray) and values.dtype == dtype and usable(values):
        return values
    return np.require(values, dtype, "CA")


@fused
def sparse_product(X, starts, columns, weights, out):
    """Write the product of X and weights in CSR arrays into `out`."""
    out[...] = X @ sparse.csr_array((weights, columns, starts), (X.shape[1], out.shape[1]))


def _product(A, B, out):
    """A @ B into `out`. A is dense, sparse or coded; B is dense or, in predictions, CSR."""
    if isinstance(A, np.ndarray) and isinstance(B, np.ndarray):
        return np.dot(A, B, out=out)
    if hasattr(A, "into"):  # encoded rows
        if isinstance(B, np.ndarray):
            return A.into(B, out)
        A = A.toarray(B.dtype)
    if not isinstance(A, np.ndarray):
        out[...] = dense(A @ B)
    else:
        starts, columns = readable(B.indptr, np.int32), readable(B.indices, np.int32)
        sparse_product(readable(A, B.dtype), starts, columns, readable(B.data, B.dtype), out)
    return out


def forward(X, layers, activation, buffers=None, slopes=None):
    """Raw scores (n_rows, n_outputs) of the rows of `X`; in `buffers` where they are given."""
    if buffers is None:
        buffers = [np.empty((X.shape[0], W.shape[1]), W.dtype) for W, _ in layers]
    values, last = X, len(layers) - 1
    for layer, (W, b) in enumerate(layers):
        values = _product(values, W, buffers[layer])
        if layer < last:
            activation(values, b, slopes and slopes[layer])
        else:
            identity(values, b, None)
    return values


def laid_out(values, places, n):
    """Values of n rows of which `places` have these and the others zeros."""
    whole = np.zeros((n, *values.shape[1:]), dtype=values.dtype)
    whole[places] = values
    return whole


def reaching(coefs):
    """Masks of the nodes of each layer with a non-zero path to an output; weights dense or CSR."""
    alive = [np.ones(coefs[-1].shape[1], dtype=bool)]
    for W in reversed(coefs):
        alive.insert(0, (W != 0) @ alive[0])
    return alive


def selected_inputs(coefs):
    """Mask of the inputs with a non-zero path to an output."""
    return reaching(coefs)[0]


def outgoing_norms(W, features=None, n_features=0):
    """Euclidean norms of the outgoing weights of inputs, whose weights are the rows of W.

    With `features`, the feature of each input, those of `n_features` features.
    """
    largest = np.abs(W).max(axis=1, initial=0)  # the squares of tiny weights would be zero
    shares = np.divide(W.T, largest, out=np.zeros_like(W.T), where=largest > 0)
    norms = largest * np.linalg.norm(shares, axis=0)
    if features is None:
        return norms
    of_features = np.zeros(n_features, dtype=norms.dtype)
    np.hypot.at(of_features, features, norms)
    return of_features
