"""Activations: the value and its derivative side by side.

An entry of `ACTIVATIONS` is a function ``f(z, bias, slope)`` that overwrites ``z`` with
f(z + bias), ``bias`` being a row or None, and, where ``slope`` is an array (training) rather than
None (prediction), fills it with the derivative. Backpropagation is then one multiplication by
``slope``, whatever the activation. Below, the bias is already added.
"""

from functools import wraps

import numpy as np
from scipy.special import expit, ndtr

from skreg_mlp._kernels import fused

LEAKY_SLOPE = 0.01
KINKED = ("relu", "leaky_relu")
STEEPEST = {"logistic": 0.25, "silu": 1.0999, "gelu": 1.1290}  # largest slope, where not 1


def identity(z, slope):
    if slope is not None:
        slope.fill(1)


def logistic(z, slope):
    expit(z, out=z)
    if slope is not None:
        np.subtract(1, z, out=slope)
        slope *= z


def tanh(z, slope):
    np.tanh(z, out=z)
    if slope is not None:
        np.multiply(z, z, out=slope)
        np.subtract(1, slope, out=slope)


def relu(z, slope):
    if slope is None:
        np.maximum(z, np.zeros_like(z), out=z)  # vectorised, as it is not against the scalar 0
    else:
        np.greater(z, 0, out=slope)
        np.maximum(z, 0, out=z)


def leaky_relu(z, slope):
    slope = np.empty_like(z) if slope is None else slope
    np.greater(z, 0, out=slope)
    slope *= 1 - LEAKY_SLOPE
    slope += LEAKY_SLOPE
    z *= slope


def elu(z, slope):
    slope = np.empty_like(z) if slope is None else slope
    np.minimum(z, 0, out=slope)
    np.expm1(slope, out=slope)
    np.maximum(z, 0, out=z)
    z += slope
    slope += 1


def softplus(z, slope):
    if slope is not None:
        expit(z, out=slope)
    np.logaddexp(0, z, out=z)


def silu(z, slope):
    gate = expit(z)
    z *= gate
    if slope is not None:
        # (z s(z))' = s + h (1 - s), and not h + s (1 - h), which cancels where z is large
        np.subtract(1, gate, out=slope)
        slope *= z
        slope += gate


def gelu(z, slope):
    """z times the standard normal distribution function: the exact form, not the tanh fit."""
    below = ndtr(z)
    if slope is not None:
        np.multiply(z, z, out=slope)
        slope *= -0.5
        np.exp(slope, out=slope)
        slope *= 1 / np.sqrt(2 * np.pi).item()
        slope *= z
        slope += below
    z *= below


def _biased(f):
    @wraps(f)
    def activation(z, bias, slope):
        if bias is not None:
            z += bias
        f(z, slope)

    return activation


ACTIVATIONS = {
    f.__name__: fused(_biased(f))
    for f in (identity, logistic, tanh, relu, leaky_relu, elu, softplus, silu, gelu)
}
