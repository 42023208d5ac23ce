"""Losses: value and gradient on the raw scores of the last layer.

Every loss is a frozen object with

* ``value_and_gradient(raw, y, weight, delta)``: the weighted sum of the losses of the rows, and
  its gradient with respect to ``raw`` written into ``delta``. ``raw`` and ``delta`` have shape
  (n_rows, n_outputs); ``weight`` is a number or an array of shape (n_rows,), already divided by
  whatever makes the sum a mean.
* ``null_scores(y, weight)``: the constant scores that minimize (nearly, for huber) the loss, shape
  (n_outputs,): where the intercepts of the last layer start.

* ``additive``: whether the loss is a sum over rows, of which a part may be evaluated. Where it is
  not (see `cox`), ``on(y, weight)`` binds it to all rows, and the result has
  ``value_and_gradient(raw, delta)``.

and, for regression,

* ``out_activation``: the name of the inverse link.
* ``check(y)``: raises ValueError where ``y`` is outside the range of the loss.
* ``equivariant``: whether the loss of (y - offset) / scale is that of y in other units, so that
  the unit of y need not matter; ``spread(y, weight)`` is then the natural scale of each output,
  and ``in_units(scale)`` this loss for y and raw scores multiplied by ``scale``.

Losses are never negative, and zero where the prediction is perfect: poisson, gamma and tweedie are
half their deviance.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit, log_expit, xlogy

from skreg_mlp._kernels import fused

LARGE_WEIGHT = 1e100  # of a row: sums of its products with y might overflow


def _weighted(losses, weight, delta):
    """Sum `losses` (n_rows, n_outputs) under `weight`, and weight the rows of `delta`."""
    if np.ndim(weight) == 0:
        delta *= weight
        return weight * float(np.sum(losses, dtype=np.float64))
    delta *= weight[:, None]
    return float(np.dot(weight, losses.sum(axis=1)))


def _mean(y, weight):
    """Weighted mean of each column, in float64: a sum of many float32 weights loses the last."""
    if weight is None:
        return y.mean(axis=0, dtype=np.float64)
    weight = weight.astype(np.float64, copy=False)
    largest = weight.max()
    if largest > LARGE_WEIGHT:  # times y they would overflow
        weight = weight / largest
    return (weight @ y) / weight.sum()


def _deviation(y, weight):
    """Weighted standard deviation of each column, of values of any size."""
    deviations = y - _mean(y, weight)
    largest = np.abs(deviations).max(axis=0)
    relative = np.divide(deviations, largest, out=np.zeros_like(deviations), where=largest > 0)
    return largest * np.sqrt(_mean(relative * relative, weight))


def weighted_quantile(y, quantile, weight=None):
    """Smallest value of each column of `y` that reaches the share `quantile` of the weight.

    `quantile` is one share, or one for each column.
    """
    columns = []
    for column, share in zip(y.T, np.broadcast_to(quantile, y.shape[1])):
        order = np.argsort(column)
        sorted_weight = None if weight is None else weight[order]
        columns.append(quantile_of_sorted(column[order], share, sorted_weight))
    return np.array(columns, dtype=y.dtype)


def quantile_of_sorted(y, quantile, weight=None):
    """The same for one sorted column; `quantile` may be an array."""
    reached = np.arange(1.0, len(y) + 1) if weight is None else np.cumsum(weight, dtype=np.float64)
    shares = np.asarray(quantile) * (1 - 1e-12)  # a sum of weights that should reach it does
    return y[np.searchsorted(reached, shares * reached[-1])]


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


class _SumOverRows:
    additive = True


# --------------------------------------------------------------------------------------------
# Classification
# --------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class BinaryLogLoss(_SumOverRows):
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
class MultinomialLogLoss(_SumOverRows):
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
class _IdentityLink(_SumOverRows):
    out_activation = "identity"
    equivariant = True

    def check(self, y):
        """Any y will do."""

    def spread(self, y, weight):
        """Interquartile range, as long as a standard deviation on normal y: outliers count little.

        Where half of y is one value it is zero, and the standard deviation takes its place.
        """
        high, low = (weighted_quantile(y, q, weight) for q in (0.75, 0.25))
        return np.where(high > low, (high - low) / 1.349, _deviation(y, weight))


@dataclass(frozen=True)
class SquaredError(_IdentityLink):
    """(y - f)^2 / 2."""

    def value_and_gradient(self, raw, y, weight, delta):
        return squared_error(raw, y, weight, delta)

    def null_scores(self, y, weight):
        return _mean(y, weight)

    def spread(self, y, weight):
        return _deviation(y, weight)

    def in_units(self, scale):
        return self


@dataclass(frozen=True)
class Huber(_IdentityLink):
    """r^2 / 2 for abs(r) <= delta, delta abs(r) - delta^2 / 2 beyond; r = f - y.

    `delta` is a number, or one for each output.
    """

    delta: float | np.ndarray

    def value_and_gradient(self, raw, y, weight, delta):
        residual, limit = raw - y, np.asarray(self.delta, dtype=raw.dtype)
        np.clip(residual, -limit, limit, out=delta)
        # with c the clipped residual both branches read c (r - c / 2)
        return _weighted(delta * (residual - 0.5 * delta), weight, delta)

    def null_scores(self, y, weight):
        return weighted_quantile(y, 0.5, weight)

    def in_units(self, scale):
        return Huber(self.delta * scale)


@dataclass(frozen=True)
class Quantile(_IdentityLink):
    """Pinball loss of `quantile`, smoothed over `width` (one per output, in units of y).

    With e = y - f the pinball loss is max(q e, (q - 1) e). Its Moreau envelope of parameter
    `width` is e^2 / (2 width) between (q - 1) width and q width and the pinball loss less a
    constant outside; it never exceeds the pinball loss and lies at most
    width max(q, 1 - q)^2 / 2 below it. `quantile` is a number, or one for each output: with several
    quantiles of one target, y has a column of it for each.
    """

    quantile: float | np.ndarray
    width: np.ndarray

    def value_and_gradient(self, raw, y, weight, delta):
        width = np.asarray(self.width, dtype=raw.dtype)
        quantile = np.asarray(self.quantile, dtype=raw.dtype)
        error = y - raw
        np.divide(error, width, out=delta)
        np.clip(delta, quantile - 1, quantile, out=delta)
        # with c the slope of the envelope, its value is c (e - width c / 2)
        losses = delta * (error - 0.5 * width * delta)
        np.negative(delta, out=delta)
        return _weighted(losses, weight, delta)

    def null_scores(self, y, weight):
        return weighted_quantile(y, self.quantile, weight)

    def in_units(self, scale):
        return replace(self, width=self.width * scale)


class _LogLink(_SumOverRows):
    out_activation = "exp"
    equivariant = False

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


@dataclass(frozen=True)
class Tweedie(_LogLink):
    """Half the Tweedie deviance with log link, mu = exp(f), for a power p between 1 and 2:

    y^(2-p) / ((1-p)(2-p)) - y mu^(1-p) / (1-p) + mu^(2-p) / (2-p).
    """

    power: float

    def check(self, y):
        if y.min() < 0:
            raise ValueError(
                f"loss='tweedie' needs y >= 0; got a smallest value of {y.min():g}. Use "
                "loss='squared_error' or 'huber' for targets of any sign."
            )

    def value_and_gradient(self, raw, y, weight, delta):
        p = self.power
        mean = np.exp((2 - p) * raw)
        delta[...] = 0
        np.exp((1 - p) * raw, out=delta, where=y > 0)  # which may be infinite, and 0 times that nan
        delta *= y
        losses = mean / (2 - p) + delta / (p - 1) - y ** (2 - p) / ((p - 1) * (2 - p))
        np.subtract(mean, delta, out=delta)
        return _weighted(losses, weight, delta)


REGRESSION_LOSSES = ("squared_error", "huber", "poisson", "gamma", "tweedie", "quantile")
QUANTILE_WIDTH = 1e-3


def regression_loss(name, *, quantile, huber_delta, power):
    """The loss called `name`, bound to its constants; `with_width` completes "quantile"."""
    return {
        "squared_error": SquaredError(),
        "huber": Huber(huber_delta),
        "poisson": Poisson(),
        "gamma": Gamma(),
        "tweedie": Tweedie(power),
        "quantile": Quantile(np.array(quantile) if np.ndim(quantile) else quantile, np.ones(1)),
    }[name]


def with_width(loss, y, weight):
    """The quantile loss rounded off over a width that suits `y`; any other loss as it is.

    The width is QUANTILE_WIDTH times the mean absolute deviation of each output from its quantile
    (or 1 for a constant output), so that it follows the units of y.
    """
    if not isinstance(loss, Quantile):
        return loss
    spread = _mean(np.abs(y - loss.null_scores(y, weight)), weight)
    return replace(loss, width=QUANTILE_WIDTH * np.where(spread > 0, spread, 1.0))


def null_loss(loss, y, weight):
    """Mean loss of the best constant scores."""
    scores = np.asarray(loss.null_scores(y, weight), dtype=np.float64)
    raw = np.tile(scores, (len(y), 1))
    share = 1 / len(y)
    if weight is not None:
        weight = weight.astype(np.float64, copy=False)
        share = weight / weight.sum()
    return max(loss.value_and_gradient(raw, y, share, np.empty_like(raw)), 0.0)
