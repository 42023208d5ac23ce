"""Losses: value and gradient on the raw scores of the last layer.

Every loss is a frozen object with

* ``value_and_gradient(raw, y, weight, delta)``: the weighted sum of the losses of the rows, and
  its gradient with respect to ``raw`` written into ``delta``. ``raw`` and ``delta`` have shape
  (n_rows, n_outputs); ``weight`` is a number or an array of shape (n_rows,), already divided by
  whatever makes the sum a mean.
* ``null_scores(y, weight)``: the constant scores that minimise (nearly, for huber) the loss, shape
  (n_outputs,): where the intercepts of the last layer start.
* ``out_activation`` (regression): the name of the inverse link.
* ``check(y)`` (regression): raises ValueError where ``y`` is outside the range of the loss.

Losses are never negative, and zero where the prediction is perfect: poisson and gamma are half
their deviance.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, log_expit, xlogy

from skreg_mlp._kernels import fused


def _weighted(losses, weight, delta):
    """Sum `losses` (n_rows, n_outputs) under `weight`, and weight the rows of `delta`."""
    if np.ndim(weight) == 0:
        delta *= weight
        return weight * float(np.sum(losses, dtype=np.float64))
    delta *= weight[:, None]
    return float(np.dot(weight, losses.sum(axis=1)))


def _mean(y, weight):
    return np.average(y, axis=0, weights=weight)


def weighted_quantile(y, quantile, weight=None):
    """Smallest value of each column of `y` that reaches the share `quantile` of the weight."""
    order = np.argsort(y, axis=0)
    weight = np.ones(len(y)) if weight is None else weight
    reached = np.cumsum(weight[order], axis=0)
    first = np.argmax(reached >= quantile * reached[-1] * (1 - 1e-12), axis=0)
    return np.take_along_axis(y, np.take_along_axis(order, first[None], axis=0), axis=0)[0]


# --------------------------------------------------------------------------------------------
# Closed forms of the losses used most
# --------------------------------------------------------------------------------------------
@fused
def binary_log_loss(raw, y, weight, delta):
    losses = np.logaddexp(0, raw) - y * raw
    expit(raw, out=delta)
    delta -= y
    return _weighted(losses, weight, delta)


@fused
def softmax_log_loss(raw, y, weight, delta):
    rows = np.arange(len(y))
    np.subtract(raw, raw.max(axis=1, keepdims=True), out=delta)
    chosen = delta[rows, y]
    np.exp(delta, out=delta)
    total = delta.sum(axis=1)
    losses = np.log(total) - chosen
    delta /= total[:, None]
    delta[rows, y] -= 1
    return _weighted(losses[:, None], weight, delta)


@fused
def squared_error(raw, y, weight, delta):
    np.subtract(raw, y, out=delta)
    return _weighted(0.5 * delta * delta, weight, delta)


# --------------------------------------------------------------------------------------------
# Classification
# --------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class BinaryLogLoss:
    """Bernoulli deviance / 2 with logit link, summed over columns: y (n_rows, n_outputs) in {0, 1}.

    One column is binary classification, several are multilabel.
    """

    def value_and_gradient(self, raw, y, weight, delta):
        return binary_log_loss(raw, y, weight, delta)

    def null_scores(self, y, weight):
        # a label that is always (or never) present would start at infinity: half a row less
        share = np.clip(_mean(y, weight), 0.5 / (len(y) + 1), 1 - 0.5 / (len(y) + 1))
        return np.log(share) - np.log1p(-share)

    def log_proba(self, raw):
        """log P(y = 1) and log P(y = 0), each of the shape of `raw`."""
        return log_expit(raw), log_expit(-raw)


@dataclass(frozen=True)
class MultinomialLogLoss:
    """Softmax cross-entropy: y (n_rows,) holds class indices, raw has one column per class."""

    n_classes: int

    def value_and_gradient(self, raw, y, weight, delta):
        return softmax_log_loss(raw, y, weight, delta)

    def null_scores(self, y, weight):
        counts = np.bincount(y, weights=weight, minlength=self.n_classes)
        share = np.maximum(counts / counts.sum(), 0.5 / (len(y) + 1))
        return np.log(share) - np.log(share).mean()

    def log_proba(self, raw):
        shifted = raw - raw.max(axis=1, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


# --------------------------------------------------------------------------------------------
# Regression: y (n_rows, n_outputs), losses summed over outputs
# --------------------------------------------------------------------------------------------
class _IdentityLink:
    out_activation = "identity"

    def check(self, y):
        """Any y will do."""


@dataclass(frozen=True)
class SquaredError(_IdentityLink):
    """(y - f)^2 / 2."""

    def value_and_gradient(self, raw, y, weight, delta):
        return squared_error(raw, y, weight, delta)

    def null_scores(self, y, weight):
        return _mean(y, weight)


@dataclass(frozen=True)
class Huber(_IdentityLink):
    """r^2 / 2 for abs(r) <= delta, delta abs(r) - delta^2 / 2 beyond; r = f - y, in units of y."""

    delta: float

    def value_and_gradient(self, raw, y, weight, delta):
        residual = raw - y
        np.clip(residual, -self.delta, self.delta, out=delta)
        # with c the clipped residual both branches read c (r - c / 2)
        return _weighted(delta * (residual - 0.5 * delta), weight, delta)

    def null_scores(self, y, weight):
        return weighted_quantile(y, 0.5, weight)


@dataclass(frozen=True)
class Quantile(_IdentityLink):
    """Pinball loss of `quantile`, smoothed over `width` (one per output, in units of y).

    With e = y - f the pinball loss is max(q e, (q - 1) e). Its Moreau envelope of parameter
    `width` is e^2 / (2 width) between (q - 1) width and q width and the pinball loss less a
    constant outside; it never exceeds the pinball loss and lies at most
    width max(q, 1 - q)^2 / 2 below it.
    """

    quantile: float
    width: np.ndarray

    def value_and_gradient(self, raw, y, weight, delta):
        width = np.asarray(self.width, dtype=raw.dtype)
        error = y - raw
        np.divide(error, width, out=delta)
        np.clip(delta, self.quantile - 1, self.quantile, out=delta)
        # with c the slope of the envelope, its value is c (e - width c / 2)
        losses = delta * (error - 0.5 * width * delta)
        np.negative(delta, out=delta)
        return _weighted(losses, weight, delta)

    def null_scores(self, y, weight):
        return weighted_quantile(y, self.quantile, weight)


class _LogLink:
    out_activation = "exp"

    def null_scores(self, y, weight):
        mean = _mean(y, weight)
        # counts that are all zero would start at minus infinity: half a count instead
        return np.log(np.where(mean > 0, mean, 0.5 / (len(y) + 1)))


@dataclass(frozen=True)
class Poisson(_LogLink):
    """Half the Poisson deviance with log link: exp(f) - y f + y log(y) - y."""

    def check(self, y):
        if y.min() < 0:
            raise ValueError(
                f"loss='poisson' needs y >= 0; got a smallest value of {y.min():g}. Use "
                "loss='squared_error' or 'huber' for targets of any sign."
            )

    def value_and_gradient(self, raw, y, weight, delta):
        np.exp(raw, out=delta)
        losses = delta - y * raw + (xlogy(y, y) - y)
        delta -= y
        return _weighted(losses, weight, delta)


@dataclass(frozen=True)
class Gamma(_LogLink):
    """Half the Gamma deviance with log link: f + y exp(-f) - log(y) - 1."""

    def check(self, y):
        if y.min() <= 0:
            raise ValueError(
                f"loss='gamma' needs y > 0; got a smallest value of {y.min():g}. Use "
                "loss='poisson' for targets with zeros, 'squared_error' or 'huber' for any sign."
            )

    def value_and_gradient(self, raw, y, weight, delta):
        np.negative(raw, out=delta)
        np.exp(delta, out=delta)
        delta *= y
        losses = delta + raw - np.log(y) - 1
        np.subtract(1, delta, out=delta)
        return _weighted(losses, weight, delta)


REGRESSION_LOSSES = ("squared_error", "huber", "poisson", "gamma", "quantile")
QUANTILE_WIDTH = 1e-3


def regression_loss(name, y, weight, *, quantile, huber_delta):
    """The loss called `name`, bound to its constants; `y` only sets the width of "quantile".

    That width is QUANTILE_WIDTH times the mean absolute deviation of each output from its
    quantile (or 1 for a constant output), so that it follows the units of y.
    """
    if name == "quantile":
        centre = weighted_quantile(y, quantile, weight)
        spread = _mean(np.abs(y - centre), weight)
        return Quantile(quantile, QUANTILE_WIDTH * np.where(spread > 0, spread, 1.0))
    return {
        "squared_error": SquaredError(),
        "huber": Huber(huber_delta),
        "poisson": Poisson(),
        "gamma": Gamma(),
    }[name]


def units(loss, y, weight):
    """Natural scales of a regression: the spread of each raw score, and the size of the loss.

    Steps taken in these units make training independent of the units of y. The spread is the
    standard deviation of y under the identity link, 1 under the log link; the loss is measured
    by twice the null model's, per output, which is the variance for the squared error.
    """
    null = np.full(y.shape, loss.null_scores(y, weight), dtype=y.dtype)
    share = 1 / len(y) if weight is None else weight / float(weight.sum(dtype=np.float64))
    null_loss = loss.value_and_gradient(null, y, share, np.empty_like(y))
    loss_unit = 2 * null_loss / y.shape[1]
    spread = np.ones(y.shape[1])
    if loss.out_activation == "identity":
        deviation = np.sqrt(_mean((y - _mean(y, weight)) ** 2, weight))
        spread = np.where(deviation > 0, deviation, 1.0)
    return spread, loss_unit if loss_unit > 0 else 1.0
