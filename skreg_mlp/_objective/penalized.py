"""The penalties of all weight matrices, as one function of theta."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from skreg_mlp._kernels import compiled
from skreg_mlp.penalties import Terms

PIECE = 16384  # weights: what is looked at at a time where a whole layer would be too much


@dataclass(frozen=True)
class Block:
    """A penalty and the part of theta it acts on, seen as a matrix of `shape`."""

    penalty: object
    where: slice
    shape: tuple

    def view(self, theta):
        return theta[self.where].reshape(self.shape)

    def pieces(self, *vectors):
        """The penalty and views as float64 copies: of some rows at a time, where it allows that."""
        (rows, columns), penalty = self.shape, self.penalty
        step = max(1, PIECE // max(columns, 1))
        if step >= rows or not (penalty.elementwise and penalty.sliceable):
            yield penalty, [self.view(v).astype(np.float64) for v in vectors]
            return
        for start in range(0, rows, step):
            part = slice(start, start + step)
            piece = penalty.restricted(np.arange(rows)[part], np.arange(columns))
            yield piece, [self.view(v)[part].astype(np.float64) for v in vectors]


class Step(NamedTuple):
    """A part of theta and the terms of a penalty on it, as the compiled steps read them.

    ``l1`` and ``l2`` are numbers or arrays of as many numbers as there are weights, ``strength``
    the group penalty of each row, whose weights share their steps (None: no groups).
    """

    start: int
    n_rows: int
    n_columns: int
    l1: float | np.ndarray = 0.0
    l2: float | np.ndarray = 0.0
    strength: np.ndarray | None = None

    def joined(self, other):
        """Both in one, or None where one loop does not do for both."""
        numbers = [v for part in (self, other) for v in (part.l1, part.l2)]
        plain = self.n_rows == other.n_rows == 1 and not any(map(np.ndim, numbers))
        if not plain or self[3:] != other[3:]:
            return None
        return self._replace(n_columns=self.n_columns + other.n_columns)


def _of_rows(terms):
    """Strength of the group of each row, 0 for a row in none."""
    strength, inside = np.zeros(len(terms.groups)), terms.groups >= 0
    strength[inside] = terms.strength[terms.groups[inside]]
    return strength


def _step(block, dtype):
    """A block as the compiled steps read it, or None where its terms are not those of rows."""
    (n_rows, n_columns), penalty = block.shape, block.penalty
    terms = penalty.terms(block.shape)
    grouped = terms is not None and terms.groups is not None
    if terms is None or grouped != penalty.shares_step:
        return None
    strength = None
    if grouped:
        inside = terms.groups >= 0
        if np.bincount(terms.groups[inside]).max(initial=0) > 1:
            return None  # a group of several rows
        strength = _of_rows(terms).astype(dtype)

    def flat(values):
        if np.ndim(values) == 0:
            return float(values)
        return np.broadcast_to(values, block.shape).astype(dtype).ravel()

    return Step(block.where.start, n_rows, n_columns, flat(terms.l1), flat(terms.l2), strength)


def _as_weights(step):
    """One row of all weights: a norm of a single weight is its magnitude."""
    l1 = step.l1 if step.strength is None else step.l1 + step.strength
    return step._replace(n_rows=1, n_columns=step.n_rows * step.n_columns, l1=l1, strength=None)


class Penalties:
    """sum_l penalty_l(W_l): value, prox, subgradient, and the same as data.

    A concave penalty is replaced, but in its value and subgradient, by its majorant at the point of
    the last `majorize`.
    """

    def __init__(self, network, penalties=()):
        layers = zip(penalties, network.weight_slices, network.shapes)
        self._network = network
        self.blocks = [
            Block(p, where, shape)
            for p, where, shape in layers
            if p is not None and where.stop > where.start  # a part may have lost all of a layer
        ]
        self.sparse = any(not block.penalty.smooth for block in self.blocks)
        self._majorize(np.zeros(network.n_parameters))
        pairs = zip(self.blocks, self._majorants)
        self.concave = any(block.penalty is not majorant.penalty for block, majorant in pairs)

    def majorize(self, theta):
        """Let `prox`, `share`, `steps` and `terms` be those of the majorant that touches here.

        A convex penalty is its own majorant. The subgradients at `theta` are those of the penalty.
        """
        if self.concave:
            self._majorize(theta)

    def _majorize(self, theta):
        self._majorants = [
            replace(block, penalty=block.penalty.majorize(block.view(theta)))
            for block in self.blocks
        ]
        self.__dict__.pop("steps", None)  # those of another majorant

    def value(self, theta):
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

    @property
    def offer_terms(self):
        """Whether every penalty can be written as `Terms`."""
        return all(block.penalty.terms(block.shape) is not None for block in self._majorants)

    def terms(self):
        """The majorant as the `Terms` of theta, a matrix of one column, arrays throughout.

        None where one of the penalties has no such form.
        """
        n = self._network.n_parameters
        l1, l2, group, strengths = np.zeros(n), np.zeros(n), np.full(n, -1), []
        for block in self._majorants:
            terms = block.penalty.terms(block.shape)
            if terms is None:
                return None
            block.view(l1)[...] = terms.l1
            block.view(l2)[...] = terms.l2
            if terms.groups is not None:
                acts = _of_rows(terms) > 0
                numbers = terms.groups + sum(map(len, strengths))
                block.view(group)[...] = np.where(acts, numbers, -1)[:, None]
                strengths.append(terms.strength)
        strength = np.concatenate(strengths) if strengths else np.empty(0)
        return Terms(l1, l2, group, strength)

    @cached_property
    def steps(self):
        """The majorant as a list of `Step` that covers theta, or None where numpy must do."""
        network, found = self._network, {}
        if compiled is None:
            return None
        for block in self._majorants:
            with np.errstate(over="ignore"):  # beyond float32 a strength is infinite
                step = _step(block, network.dtype)
            if step is None:
                return None
            if step.strength is None or step.n_columns == 1:
                step = _as_weights(step)
            found[block.where.start] = step
        steps = []
        for where in network.slices:
            free = Step(where.start, 1, where.stop - where.start)
            step = found.get(where.start, free)
            joined = steps[-1].joined(step) if steps else None
            steps[-1:] = [joined] if joined else [*steps[-1:], step]
        return steps
