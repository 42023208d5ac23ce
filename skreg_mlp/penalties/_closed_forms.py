"""Closed forms: solutions of the proximal problems, as free functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from skreg_mlp._typing import Floats, Ints


def soft_threshold(v: Floats, threshold: float | Floats) -> Floats:
    """Solve min_w 1/2 (w - v)^2 + threshold abs(w), element by element.

    Parameters
    ----------
    v : ndarray
    threshold : float or ndarray that broadcasts to the shape of v
        At least 0.

    Returns
    -------
    ndarray of the shape and dtype of v
        Equal to sign(v) max(abs(v) - threshold, 0); a zero is positive.

    References
    ----------
    Donoho and Johnstone (1994), Ideal spatial adaptation by wavelet shrinkage.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg_mlp.penalties import soft_threshold
    >>> soft_threshold(np.array([2.0, -0.25, -1.0]), 0.5)
    array([ 1.5,  0. , -0.5])
    """
    clipped = np.negative(threshold, out=np.empty_like(v))
    np.maximum(clipped, v, out=clipped)
    np.minimum(clipped, threshold, out=clipped)
    return np.subtract(v, clipped, out=clipped)


def group_sums(values: Floats, groups: Ints | None) -> Floats:
    """Sum `values` (n_rows, n_columns) over each group of rows."""
    sums = values.sum(axis=1)
    if groups is None:
        return sums
    return np.bincount(groups, weights=sums).astype(values.dtype, copy=False)


def to_rows(per_group: Floats, groups: Ints | None) -> Floats:
    """Hand each row the value of its group, as a column."""
    return (per_group if groups is None else per_group[groups])[:, None]


def group_norms(V: Floats, groups: Ints | None) -> Floats:
    return np.sqrt(group_sums(V * V, groups))


def group_soft_threshold(
    V: Floats, step: float | Floats, strength: Floats, groups: Ints | None = None
) -> Floats:
    """Solve min_W 1/2 sum_i (w_i - v_i)^2 / step_i + sum_g strength_g norm2(W_g).

    Parameters
    ----------
    V : ndarray of shape (n_rows, n_columns)
    step : float, or ndarray of shape (n_rows, 1) equal within each group, or of the shape of V
        With one step per group the solution is the block soft-threshold
        V_g max(0, 1 - step strength_g / norm2(V_g)). With one step per weight it is
        w_i = q v_i / (q + strength_g step_i), q the root of
        sum_i v_i^2 / (q + strength_g step_i)^2 = 1, found by Newton's method on one over the
        root of that sum, which is concave in q: from 0 the iterates rise to the root.
    strength : ndarray of shape (n_groups,)
        At least 0.
    groups : ndarray of int of shape (n_rows,), optional
        The group of each row; by default every row is a group.

    Returns
    -------
    ndarray of the shape and dtype of V

    References
    ----------
    Yuan and Lin (2006), Model selection and estimation in regression with grouped variables, for
    one step per group.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg_mlp.penalties import group_soft_threshold
    >>> group_soft_threshold(np.array([[3.0, 4.0], [0.6, 0.8]]), 1.0, np.array([2.5, 2.5]))
    array([[1.5, 2. ],
           [0. , 0. ]])
    """
    strength = to_rows(np.asarray(strength, dtype=V.dtype), groups)
    several = V.shape[1] > 1 or groups is not None  # weights in a group
    if several and np.ndim(step) == 2 and np.shape(step)[1] == V.shape[1]:
        return _group_soft_threshold_diagonal(V, step * strength, groups)
    norms = to_rows(group_norms(V, groups), groups)
    threshold = np.asarray(step * strength, dtype=V.dtype)
    alive = norms > threshold
    shrink = np.divide(threshold, norms, out=np.ones_like(norms), where=alive)
    return V * (1 - shrink)


def _group_soft_threshold_diagonal(V: Floats, threshold: Floats, groups: Ints | None) -> Floats:
    ratio = np.divide(V, threshold, out=np.full_like(V, np.inf), where=threshold > 0)
    ratio[V == 0] = 0
    alive = group_sums(ratio * ratio, groups) > 1
    if not alive.any():
        return np.zeros_like(V)
    # with the largest step for all the root would be lower, and in closed form
    largest = threshold.max(axis=1)
    if groups is not None:
        rows, largest = largest, np.zeros(len(alive), dtype=V.dtype)
        np.maximum.at(largest, groups, rows)
    q = np.maximum(group_norms(V, groups) - largest, 0)
    tolerance = 4 * np.finfo(V.dtype).eps
    for _ in range(100):
        scale = to_rows(q, groups) + threshold
        terms = np.divide(V, scale, out=np.zeros_like(V), where=scale > 0) ** 2
        squared = group_sums(terms, groups)
        slope = group_sums(np.divide(terms, scale, out=np.zeros_like(V), where=scale > 0), groups)
        gain = np.divide(squared * (np.sqrt(squared) - 1), slope, out=np.zeros_like(q), where=alive)
        q += gain
        if np.all(np.abs(gain) <= tolerance * q):
            break
    q_rows = to_rows(q, groups)
    shrunk = np.divide(q_rows, q_rows + threshold, out=np.zeros_like(V), where=q_rows > 0)
    return V * shrunk
