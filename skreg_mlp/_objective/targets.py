"""y as the loss reads it: encoded, and in units that make the unit of y irrelevant.

For the losses of a location (squared error, huber, quantile) the objective is stated on
(y - offset) / scale, one offset and one scale for each output, in float64. Multiplying y by c > 0
then multiplies predictions by c and changes nothing else, and y far from 0 loses no digits where
the network computes in float32. The loss in the units of y itself is ``raw_loss``: scores on
validation data are stated in it, because the scales of two folds differ.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from skreg_mlp._objective.data import part_of
from skreg_mlp._objective.losses import null_loss, with_width

ROUNDING = 8 * np.finfo(np.float64).eps  # of the largest value: a spread below it is none
OFFSET_SHARE = 2.0**-12  # of the spread: what the rounding of values may take away


def resolves(dtype, largest, spread):
    """Whether `dtype` tells values of that spread apart, as far from zero as `largest`."""
    return largest * np.finfo(dtype).eps <= OFFSET_SHARE * spread


class Scale(NamedTuple):
    """Offset and scale of each output; ``known`` says for which of them y has varied so far.

    Where it has not, y has no unit: the loss is stated with the scale 1, and predictions are the
    offset, whatever the scores (``factor`` is 0). So the unit of a constant does not matter either.
    """

    offset: np.ndarray
    scale: np.ndarray
    known: np.ndarray | bool = True

    @property
    def factor(self):
        """What scores are multiplied by for predictions: the scale, or 0 where y is constant."""
        return np.where(self.known, self.scale, 0.0)

    @classmethod
    def of(cls, loss, y, weight, *, scaled=True):
        """The offset that minimizes the loss and the spread about it; 0 and 1 if not `scaled`."""
        n_outputs = y.shape[1]
        if not (loss.equivariant and scaled):
            return cls(np.zeros(n_outputs), np.ones(n_outputs), np.ones(n_outputs, dtype=bool))
        counted = y if weight is None else y[weight > 0]
        varies = counted.max(axis=0) > counted.min(axis=0)  # the mean of equal numbers is rounded
        offset = np.where(varies, loss.null_scores(y, weight), counted[0])
        spread = np.where(varies, loss.spread(y, weight), 0.0)
        known = spread > ROUNDING * np.abs(counted).max(axis=0)
        return cls(offset, np.where(known, spread, 1.0), known)

    def completed(self, other):
        """This one, or `other` for the outputs that have not varied yet.

        Where both are of constants, two different ones have varied after all: calls of partial_fit
        may bring one row each.
        """
        change = np.abs(other.offset - self.offset)
        largest = np.maximum(np.abs(other.offset), np.abs(self.offset))
        differ = ~(self.known | other.known) & (change > ROUNDING * largest)
        offset = np.where(differ, (self.offset + other.offset) / 2, other.offset)
        scale = np.where(differ, change / 2, other.scale)
        offset = np.where(self.known, self.offset, offset)
        scale = np.where(self.known, self.scale, scale)
        return Scale(offset, scale, self.known | other.known | differ)

    def applied(self, y):
        return (y - self.offset) / self.scale

    def undone(self, raw):
        """Raw scores in units of y, in their own dtype unless that is too coarse at the offset."""
        factor = self.factor
        values = raw.astype(np.float64) * factor + self.offset
        if raw.dtype == np.float64:
            return values
        fits = resolves(raw.dtype, np.abs(self.offset), factor) | (factor == 0)
        return values.astype(raw.dtype) if np.all(fits) else values


@dataclass(frozen=True)
class Targets:
    """Encoded y, its loss, and what must be remembered to decode predictions.

    ``null_loss`` is the mean loss of the best constant scores, ``loss_unit`` that by which the loss
    exceeds the loss of targets of unit spread, ``raw_loss_unit`` the same in the units of y.
    """

    values: np.ndarray
    loss: Any
    n_outputs: int
    out_activation: str
    null_loss: float
    classes: np.ndarray | None = None  # of classification
    scale: Scale | None = None  # of regression
    clock: tuple[np.ndarray, np.ndarray | None] | None = None  # of survival: times, strata
    loss_unit: float = 1.0
    raw_loss_unit: float = 1.0
    n_columns: int | None = None  # of y as it was given, where it is not that of `values`

    @property
    def raw_loss(self):
        """The loss in the units of y, and by what to multiply y and by what scores (or None)."""
        if self.scale is None or not self.loss.equivariant:
            return self.loss, None
        return self.loss.in_units(self.scale.scale), (self.scale.scale, self.scale.factor)

    @property
    def units(self):
        """What later calls of partial_fit must not measure anew: one chunk may be constant."""
        width = getattr(self.loss, "width", None)
        return dict(self.scale._asdict(), width=width, loss_unit=self.loss_unit)


def regression_targets(values, weight, loss, *, scaled, rows=None, units=None):
    """Targets of `values` (n_rows, n_outputs), measured on `rows` (None: on all).

    `units` are those of an earlier call, kept for all outputs that they know.
    """
    part, part_weight = part_of(values, weight, rows)
    scale = Scale.of(loss, part, part_weight, scaled=scaled)
    before = None
    if units is not None:
        before = Scale(*(units[name] for name in Scale._fields))
        scale = before.completed(scale)
    part = scale.applied(part)
    loss = with_width(loss, part, part_weight)
    null = null_loss(loss, part, part_weight)
    loss_unit = _unit(null, values.shape[1])
    if before is not None and np.array_equal(scale.known, before.known):
        loss_unit = units["loss_unit"]
        loss = loss if units["width"] is None else replace(loss, width=units["width"])
    raw_loss_unit = loss_unit
    if loss.equivariant:
        raw_null = null_loss(loss.in_units(scale.scale), part * scale.scale, part_weight)
        raw_loss_unit = _unit(raw_null, values.shape[1])
    return Targets(
        scale.applied(values), loss, values.shape[1], loss.out_activation, null,
        scale=scale, loss_unit=loss_unit, raw_loss_unit=raw_loss_unit,
    )  # fmt: skip


def _unit(null, n_outputs):
    """Twice the null model's loss, per output: the variance, for the squared error."""
    return 2 * null / n_outputs if null > 0 else 1.0
