"""The objective and its certificate, written anew: plain numpy in float64, from the formulas.

Nothing here is taken from the package but what the fitted estimator says: its weights, its
parameters and the units of its targets.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special
from scipy.stats import norm

from skreg_mlp.penalties._names import PENALTIES

KINKED = ("relu", "leaky_relu")

# value and derivative of each activation
ACTIVATIONS = {
    "identity": lambda z: (z, np.ones_like(z)),
    "logistic": lambda z: (special.expit(z), special.expit(z) * special.expit(-z)),
    "tanh": lambda z: (np.tanh(z), 1 - np.tanh(z) ** 2),
    "relu": lambda z: (np.maximum(z, 0), 1.0 * (z > 0)),
    "leaky_relu": lambda z: (np.where(z > 0, z, 0.01 * z), np.where(z > 0, 1.0, 0.01)),
    "elu": lambda z: (
        np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
        np.exp(np.minimum(z, 0)),
    ),
    "softplus": lambda z: (np.logaddexp(0, z), special.expit(z)),
    "silu": lambda z: (
        z * special.expit(z),
        special.expit(z) * (1 + z * special.expit(-z)),
    ),
    "gelu": lambda z: (z * norm.cdf(z), norm.cdf(z) + z * norm.pdf(z)),
}


# --------------------------------------------------------------------------------------------
# Losses
# --------------------------------------------------------------------------------------------
def quantile_of(y, q, weight):
    """Smallest value that reaches the share q of the weight."""
    order = np.argsort(y)
    reached = np.cumsum(weight[order])
    return y[order][np.argmax(reached >= q * reached[-1] * (1 - 1e-12))]


def pinball_width(y, q, weight):
    """Over how much the pinball loss is rounded off, for each output."""
    off = [
        np.average(np.abs(column - quantile_of(column, level, weight)), weights=weight)
        for column, level in zip(y.T, np.broadcast_to(q, y.shape[1]))
    ]
    return 1e-3 * np.where(np.array(off) > 0, off, 1.0)


def losses_of(loss, params, y, f, width):
    """Loss of each row and output, and its derivative in the scores f."""
    if loss == "squared_error":
        return (f - y) ** 2 / 2, f - y
    if loss == "huber":
        delta = params["huber_delta"]
        return special.huber(delta, f - y), np.clip(f - y, -delta, delta)
    if loss == "quantile":
        q, e = np.asarray(params["quantile"]), y - f
        # the Moreau envelope: a parabola between two lines
        line = np.maximum(q * e, (q - 1) * e)
        c = np.clip(e / width, q - 1, q)
        return np.where(c == e / width, e**2 / (2 * width), line - width * c**2 / 2), -c
    if loss == "poisson":
        return np.exp(f) - y * f + special.xlogy(y, y) - y, np.exp(f) - y
    if loss == "gamma":
        return f + y * np.exp(-f) - np.log(y) - 1, 1 - y * np.exp(-f)
    if loss == "tweedie":
        p = params["power"]
        least = y ** (2 - p) / ((1 - p) * (2 - p))
        parts = np.exp((2 - p) * f), y * np.exp((1 - p) * f)
        return least - parts[1] / (1 - p) + parts[0] / (2 - p), parts[0] - parts[1]
    if loss == "binary":
        return np.logaddexp(0, np.where(y > 0, -f, f)), special.expit(f) - y
    log_proba = special.log_softmax(f, axis=1)
    return -y * log_proba, special.softmax(f, axis=1) - y


def partial_likelihood(f, y, weight, ties):
    """Minus its logarithm, less the least value, and its gradient; y: strata, times, events.

    Event by event, with the whole risk set of each: nothing is sorted or accumulated.
    """
    value, gradient = 0.0, np.zeros(len(f))
    stratum, time, event = y.T
    for k in np.flatnonzero((event > 0) & (weight > 0)):
        here = (stratum == stratum[k]) & (weight > 0)
        tied = np.flatnonzero(here & (time == time[k]) & (event > 0))
        place = np.flatnonzero(tied == k)[0]
        own = np.where(here & (time >= time[k]), weight, 0.0)
        w = weight[k]
        if ties == "efron":
            own[tied] *= 1 - place / len(tied)
            w = weight[tied].mean()
        total = special.logsumexp(f, b=own)
        value += w * total - weight[k] * f[k]
        value -= w * np.log(own[tied].sum())  # of scores that tell the ties from all others
        gradient += np.where(own > 0, w * own * np.exp(f - total), 0)
        gradient[k] -= weight[k]
    return value, gradient


# --------------------------------------------------------------------------------------------
# Penalties: a ridge, a sum over weights and a sum over groups of rho(magnitude)
# --------------------------------------------------------------------------------------------
# kind of rho, and the shares of ridge, weights and groups in alpha, for an l1_ratio r
SHARES = {
    "l2": ("l1", lambda r: (1, 0, 0)),
    "l1": ("l1", lambda r: (0, 1, 0)),
    "elasticnet": ("l1", lambda r: (1 - r, r, 0)),
    "group_l1": ("l1", lambda r: (0, 0, 1)),
    "sparse_group_l1": ("l1", lambda r: (0, r, 1 - r)),
    **{kind: (kind, lambda r: (0, 1, 0)) for kind in ("mcp", "scad", "log_sum")},
    **{f"group_{kind}": (kind, lambda r: (0, 0, 1)) for kind in ("mcp", "scad", "log_sum")},
}


def rho(kind, x, a, constants, shape):
    """Height and slope at the magnitude x."""
    if kind == "mcp":
        gamma = constants.get("gamma", 3.0)
        height = np.where(x > gamma * a, gamma * a**2 / 2, a * x - x**2 / (2 * gamma))
        return height, np.maximum(a - x / gamma, 0)
    if kind == "scad":
        b = constants.get("a", 3.7)
        bent = (2 * a * b * x - x**2 - a**2) / (2 * (b - 1))
        flat = a**2 * (b + 1) / 2 + 0 * x
        height = np.select([x <= a, x <= b * a], [a * x, bent], flat)
        return height, np.select([x <= a, x <= b * a], [a + 0 * x, (b * a - x) / (b - 1)], 0 * x)
    if kind == "log_sum":
        scale = constants.get("scale") or 0.1 * np.sqrt(2 / sum(shape))
        return a * scale * np.log1p(x / scale), a / (1 + x / scale)
    return a * x, a + 0 * x


def soft(v, threshold):
    return np.sign(v) * np.maximum(np.abs(v) - threshold, 0)


@dataclass
class LayerPenalty:
    """Penalty of one matrix: strength a of each row, its group, and the ridge of kept inputs."""

    name: str
    constants: dict
    a: np.ndarray
    groups: np.ndarray
    ridge: np.ndarray

    def __call__(self, W, gradient):
        """Value, and element of least norm of gradient + subdifferential."""
        kind, shares = SHARES[self.name]
        ridge, single, grouped = shares(self.constants["l1_ratio"])
        strength = (self.ridge + ridge * self.a)[:, None]
        value, residual = np.sum(strength * W**2) / 2, gradient + strength * W
        if single:
            a = single * self.a[:, None]
            height, slope = rho(kind, np.abs(W), a, self.constants, W.shape)
            value += height.sum()
            away = residual + slope * np.sign(W)
            residual = np.where(W == 0, soft(residual, slope), away)
        for g in np.unique(self.groups) if grouped else ():
            rows = self.groups == g
            block, size = W[rows], rows.sum() * W.shape[1]
            length, a = np.linalg.norm(block), grouped * self.a[rows][0]
            height, slope = rho(kind, length / np.sqrt(size), a, self.constants, W.shape)
            value += size * height
            pull = np.sqrt(size) * slope
            if length > 0:
                residual[rows] += pull * block / length
            else:
                steepness = np.linalg.norm(residual[rows])
                residual[rows] *= max(0, 1 - pull / steepness) if steepness > 0 else 0
        return value, residual


@dataclass
class OwnPenalty:
    """A weighted lasso that offers no subgradient: its residual is that of a proximal step."""

    a: np.ndarray
    ridge: np.ndarray

    def __call__(self, W, gradient):
        ridge = self.ridge[:, None]
        residual = np.where(ridge > 0, gradient + ridge * W, W - soft(W - gradient, self.a))
        return np.sum(self.a * np.abs(W)) + np.sum(ridge * W**2) / 2, residual


# --------------------------------------------------------------------------------------------
# The objective
# --------------------------------------------------------------------------------------------
@dataclass
class Figures:
    loss: float
    objective: float
    stationarity: float
    penalty: float
    scores: np.ndarray
    nearest_kink: float

    def __iter__(self):
        return iter((self.loss, self.objective, self.stationarity))


class ByHand:
    """The objective that a fitted estimator claims to have minimized.

    `X`, `y` and `weight` are plain arrays: y numbers, or indices of classes. `relaxed` says that
    the sparse part of the penalty has gone, with its zeros kept.
    """

    def __init__(self, model, X, y, weight, *, relaxed=False):
        self.model, self.params, self.relaxed = model, model.get_params(), relaxed
        self.dtype = model.coefs_[0].dtype
        self.features = None
        if model.encoder_ is not None:  # encoded values are rounded to float32
            self.dtype, self.features = np.dtype(np.float32), model.encoder_.groups_
        if hasattr(model, "_inputs"):  # of a wide table: its first layer has rows for candidates
            X, every = X[:, model._inputs], np.arange(X.shape[1])
            self.features = (every if self.features is None else self.features)[model._inputs]
        self.X = X.astype(self.dtype).astype(np.float64)
        weight = np.ones(len(X)) if weight is None else weight.astype(self.dtype).astype(float)
        self.loss, self.y, self.weight = self._task(y, weight)
        self.width = None
        if self.loss == "quantile":
            self.width = pinball_width(self.y, self.params["quantile"], self.weight)
        self.theta = [np.asarray(W, np.float64) for W in (*model.coefs_, *model.intercepts_)]
        self.penalties = self._penalties()

    def _task(self, y, weight):
        """Name of the loss, targets as it reads them, weights in the loss."""
        model = self.model
        if hasattr(model, "baseline_times_"):
            return "cox", y, weight
        if hasattr(model, "target_scale_"):
            scale = np.where(model.target_scale_ > 0, model.target_scale_, 1)  # 0 for a constant
            return self.params["loss"], (y - model.target_offset_) / scale, weight
        if y.ndim == 2:
            return "binary", y, weight
        per_class = self.params["class_weight"]
        counts = np.bincount(y, weights=weight, minlength=len(model.classes_))
        if per_class == "balanced":
            present = np.maximum(counts, 1e-300)
            weight = (
                weight * np.where(counts > 0, counts.sum() / (counts > 0).sum() / present, 0)[y]
            )
        elif per_class is not None:
            weight = weight * np.array([per_class.get(c, 1.0) for c in model.classes_.tolist()])[y]
        if len(model.classes_) == 2:
            return "binary", y[:, None], weight
        return "multinomial", np.eye(len(model.classes_))[y], weight

    # -- penalties ------------------------------------------------------------------------------
    def _penalties(self):
        params, depth = self.params, len(self.model.coefs_)
        alphas = np.broadcast_to(params.get("alpha", getattr(self.model, "alpha_", 0)), depth)
        if params["alpha_scaling"] == "sum":
            alphas = alphas / self.weight.sum()
        return [self._penalty(layer, alpha) for layer, alpha in enumerate(alphas)]

    def _penalty(self, layer, alpha):
        """Of one weight matrix, all of whose rows have finite factors."""
        params, W = self.params, self.theta[layer][self.rows(layer)]
        penalty, constants = params["penalty"], {"l1_ratio": params["l1_ratio"]}
        factor, ridge, groups = np.ones(len(W)), np.zeros(len(W)), np.arange(len(W))
        if layer == 0 and self.features is not None:
            groups = self.features[self.rows(0)]
        if layer == 0 and params["penalty_factor"] is not None:
            factor = self.of_inputs(params["penalty_factor"])[self.rows(0)]
            if len(self.model.coefs_) > 1:
                ridge = alpha * (factor == 0)
        if penalty is None or alpha == 0:
            return LayerPenalty("l1", constants, 0 * factor, groups, 0 * ridge)
        if hasattr(penalty, "weights"):
            return OwnPenalty(alpha * factor[:, None] * penalty.weights(W.shape), ridge)
        if not isinstance(penalty, str) and type(penalty) not in PENALTIES.values():
            return OwnPenalty(np.broadcast_to(alpha * factor[:, None], W.shape), ridge)
        name, given = penalty, params["feature_groups"]
        if not isinstance(penalty, str):
            name = next(name for name, kind in PENALTIES.items() if kind is type(penalty))
            constants.update(vars(penalty))
            given = getattr(penalty, "groups", None)
        if layer == 0 and given is not None:
            groups = self.of_inputs(given)[self.rows(0)]
        return LayerPenalty(name, constants, alpha * factor, groups, ridge)

    def rows(self, layer):
        """The rows of a weight matrix that are part of the network."""
        factor = self.params["penalty_factor"]
        if layer or factor is None:
            return slice(None)
        return np.isfinite(self.of_inputs(factor))

    def of_inputs(self, values):
        """Values of the columns of X, one for each input of the network."""
        return np.asarray(values) if self.features is None else np.asarray(values)[self.features]

    # -- the objective --------------------------------------------------------------------------
    @np.errstate(all="ignore")  # what is not finite is compared as such
    def __call__(self, theta=None, X=None, y=None, weight=None):
        """Figures at these weights, or at others or for other data."""
        theta = self.theta if theta is None else theta
        X, y = self.X if X is None else X, self.y if y is None else y
        weight = self.weight if weight is None else weight
        depth = len(theta) // 2
        coefs, intercepts = theta[:depth], theta[depth:]
        activation = ACTIVATIONS[self.params["activation"]]
        values, slopes, nearest_kink = [X], [], np.inf
        for layer, (W, b) in enumerate(zip(coefs, intercepts)):
            z = values[-1] @ W + b
            if layer < depth - 1:
                live = coefs[layer + 1].any(axis=1)
                nearest_kink = min(nearest_kink, np.abs(z[:, live]).min(initial=np.inf))
                z, slope = activation(z)
                slopes.append(slope)
            values.append(z)
        loss, delta = self._loss(values[-1], y, weight / weight.sum())
        gradients = []
        for layer in range(depth)[::-1]:
            gradients.append((values[layer].T @ delta, delta.sum(axis=0)))
            if layer:
                delta = delta @ coefs[layer].T * slopes[layer - 1]
        penalty, stationarity = 0.0, 0.0
        for layer, (slope, of_intercept) in enumerate(reversed(gradients)):
            rows = self.rows(layer)
            value, residual = self._penalized(layer, coefs[layer][rows], slope[rows])
            penalty += float(value)
            entries = np.abs([*residual.ravel(), *of_intercept])
            stationarity = max(stationarity, entries.max())
        figures = loss, loss + penalty, float(stationarity), penalty
        return Figures(*figures, values[-1], nearest_kink)

    def _loss(self, f, y, share):
        """Mean loss and its gradient in the scores."""
        if self.loss == "cox":
            value, gradient = partial_likelihood(f[:, 0], y, share, self.params["ties"])
            return float(value), gradient[:, None]
        losses, delta = losses_of(self.loss, self.params, y, f, self.width)
        share = share[:, None]
        loss = float(np.sum(np.where(share > 0, share * losses, 0)))
        return loss, np.where(share > 0, share * delta, 0)

    def _penalized(self, layer, W, gradient):
        penalty = self.penalties[layer]
        if not self.relaxed:
            return penalty(W, gradient)
        ridge = penalty.ridge
        if isinstance(penalty, LayerPenalty):
            ridge = ridge + penalty.a * SHARES[penalty.name][1](penalty.constants["l1_ratio"])[0]
        residual = np.where(W == 0, 0, gradient + ridge[:, None] * W)
        return np.sum(ridge[:, None] * W**2) / 2, residual

    @np.errstate(all="ignore")
    def terms(self, figures):
        """Size of the largest terms of the loss: a deviance is a small difference of some."""
        f, y = np.abs(figures.scores), self.y if self.loss != "cox" else np.ones(1)
        largest = np.exp(f if self.loss in ("poisson", "gamma", "tweedie") else 0 * f) + f
        return np.max(largest * (1 + np.abs(y)) * (self.weight[:, None] > 0))

    @np.errstate(all="ignore")
    def slack(self, figures, seed=0):
        """By how much rounding in the dtype of the weights may move the figures and the scores.

        Measured, not bounded: the same formulas where every number has moved by one rounding.
        """
        rng, eps = np.random.default_rng(seed), np.finfo(self.dtype).eps

        def rounded(values):
            return values * (1 + eps * rng.uniform(-1, 1, np.shape(values)))

        y = self.y if self.loss != "cox" else np.ones(1)  # times that are tied stay so
        moved = [
            self(
                [rounded(part) for part in self.theta],
                rounded(self.X),
                rounded(y) if self.loss != "cox" else self.y,
                rounded(self.weight),
            )
            for _ in range(3)
        ]
        off = np.max([np.abs(np.subtract(list(other), list(figures))) for other in moved], axis=0)
        scores = [np.abs(other.scores - figures.scores).max() for other in moved]
        off[:2] += eps * self.terms(figures)
        # a gradient that vanishes is a sum of terms like these
        terms = np.abs(self.X).mean(axis=0).max()
        if self.loss == "cox":  # exponentials as exact as their scores, whose sum may be zero
            terms = (1 + np.abs(figures.scores).max()) * max(1, terms)
        off[2] += eps * terms
        # beyond the range of floats anything may come of a rounding
        return tuple(np.clip(np.nan_to_num(o, nan=1e300), 0, 1e300) for o in (off, np.max(scores)))

    @property
    def exact(self):
        """Whether the certificate is the subgradient of least norm, not a residual."""
        return all(isinstance(penalty, LayerPenalty) for penalty in self.penalties)

    @property
    def convex(self):
        return len(self.penalties) == 1 and SHARES[self.penalties[0].name][0] == "l1"
