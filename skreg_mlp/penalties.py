"""Penalties on a weight matrix: value, proximal operator and certificate of stationarity.

Each penalty is a frozen dataclass that binds the constants of a closed form. The strength
``alpha`` of an instance handed to an estimator is ignored: the estimator's own ``alpha`` is bound
to a copy, so that a grid search over ``alpha`` works whatever the penalty.

To write your own, subclass `Penalty` and give it ``value`` and ``prox``; it then trains with the
solvers "adam" and "sgd". With ``terms`` as well it trains with "lbfgs". A concave one is a subclass
of `ConcavePenalty`, with ``height`` and ``slope``, and trains with every solver.

>>> import numpy as np
>>> from skreg_mlp.penalties import L1
>>> L1(alpha=0.5).prox(np.array([[2.0, -0.25, -1.0]]), step=1.0)
array([[ 1.5,  0. , -0.5]])
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, NamedTuple, TypeVar

import numpy as np

if TYPE_CHECKING:
    from skreg_mlp._typing import Array, Floats, Ints

    P = TypeVar("P", bound="Penalty")

__all__ = [
    "L1",
    "L2",
    "MCP",
    "SCAD",
    "ConcavePenalty",
    "ElasticNet",
    "GroupL1",
    "GroupLogSum",
    "GroupMCP",
    "GroupSCAD",
    "LogSum",
    "Penalty",
    "SparseGroupL1",
    "Terms",
    "group_soft_threshold",
    "soft_threshold",
]


class Terms(NamedTuple):
    """A penalty as data: sum l1 abs(w) + 1/2 sum l2 w^2 + sum_g strength_g norm2(W_g).

    Every term is at least 0.

    Parameters
    ----------
    l1, l2 : float or ndarray of shape (fan_in, fan_out), default=0.0
        Weights of the first two terms.
    groups : ndarray of int of shape (fan_in,), optional
        The group of each row of the matrix, 0 to n_groups - 1.
    strength : ndarray of shape (n_groups,), optional
        Weight of each group; None: no group term.

    Examples
    --------
    >>> from skreg_mlp.penalties import ElasticNet
    >>> ElasticNet(alpha=2.0, l1_ratio=0.25).terms((5, 3))
    Terms(l1=0.5, l2=1.5, groups=None, strength=None)
    """

    l1: float | Floats = 0.0
    l2: float | Floats = 0.0
    groups: Ints | None = None
    strength: Floats | None = None


# --------------------------------------------------------------------------------------------
# Closed forms
# --------------------------------------------------------------------------------------------
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


def _group_sums(values: Floats, groups: Ints | None) -> Floats:
    """Sum `values` (n_rows, n_columns) over each group of rows."""
    sums = values.sum(axis=1)
    if groups is None:
        return sums
    return np.bincount(groups, weights=sums).astype(values.dtype, copy=False)


def _to_rows(per_group: Floats, groups: Ints | None) -> Floats:
    """Hand each row the value of its group, as a column."""
    return (per_group if groups is None else per_group[groups])[:, None]


def _group_norms(V: Floats, groups: Ints | None) -> Floats:
    return np.sqrt(_group_sums(V * V, groups))


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
    strength = _to_rows(np.asarray(strength, dtype=V.dtype), groups)
    if np.ndim(step) == 2 and np.shape(step)[1] == V.shape[1] > 1:
        return _group_soft_threshold_diagonal(V, step * strength, groups)
    norms = _to_rows(_group_norms(V, groups), groups)
    threshold = np.asarray(step * strength, dtype=V.dtype)
    alive = norms > threshold
    shrink = np.divide(threshold, norms, out=np.ones_like(norms), where=alive)
    return V * (1 - shrink)


def _group_soft_threshold_diagonal(V: Floats, threshold: Floats, groups: Ints | None) -> Floats:
    ratio = np.divide(V, threshold, out=np.full_like(V, np.inf), where=threshold > 0)
    ratio[V == 0] = 0
    alive = _group_sums(ratio * ratio, groups) > 1
    if not alive.any():
        return np.zeros_like(V)
    # with the largest step for all the root would be lower, and in closed form
    largest = threshold.max(axis=1)
    if groups is not None:
        rows, largest = largest, np.zeros(len(alive), dtype=V.dtype)
        np.maximum.at(largest, groups, rows)
    q = np.maximum(_group_norms(V, groups) - largest, 0)
    tolerance = 4 * np.finfo(V.dtype).eps
    for _ in range(100):
        scale = _to_rows(q, groups) + threshold
        terms = np.divide(V, scale, out=np.zeros_like(V), where=scale > 0) ** 2
        squared = _group_sums(terms, groups)
        slope = _group_sums(np.divide(terms, scale, out=np.zeros_like(V), where=scale > 0), groups)
        gain = np.divide(squared * (np.sqrt(squared) - 1), slope, out=np.zeros_like(q), where=alive)
        q += gain
        if np.all(np.abs(gain) <= tolerance * q):
            break
    q_rows = _to_rows(q, groups)
    shrunk = np.divide(q_rows, q_rows + threshold, out=np.zeros_like(V), where=q_rows > 0)
    return V * shrunk


# --------------------------------------------------------------------------------------------
# Penalties
# --------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Penalty:
    """Base class of the penalties of one weight matrix W of shape (fan_in, fan_out).

    Row j of W holds the outgoing weights of input (or hidden unit) j.

    Parameters
    ----------
    alpha : float, default=1.0
        Strength; an estimator replaces it, in a copy, by its own.

    Notes
    -----
    A subclass says what it is by three class variables, all False by default. ``smooth``: no kink
    at zero, hence no exact zeros. ``elementwise``: a sum over single weights, so that several
    matrices of one alpha can be treated as one. ``shares_step``: an adaptive solver gives one step
    to all the weights that `share` averages over, and hands `prox` its first column.

    Examples
    --------
    A lasso that lets the first of the inputs off:

    >>> import numpy as np
    >>> from skreg_mlp import RegularizedMLPRegressor
    >>> from skreg_mlp.penalties import Penalty, soft_threshold
    >>> class ButTheFirst(Penalty):
    ...     def value(self, W):
    ...         return self.alpha * float(abs(W[1:]).sum())
    ...
    ...     def prox(self, V, step):
    ...         threshold = np.broadcast_to(step * self.alpha, V.shape).copy()
    ...         threshold[0] = 0
    ...         return soft_threshold(V, threshold)
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((100, 5))
    >>> mlp = RegularizedMLPRegressor((), penalty=ButTheFirst(), alpha=9.0, learning_rate_init=0.1)
    >>> mlp.fit(X, X.sum(axis=1)).selected_features_
    array([ True, False, False, False, False])
    """

    alpha: float = 1.0
    smooth: ClassVar[bool] = False
    elementwise: ClassVar[bool] = False
    shares_step: ClassVar[bool] = False

    def value(self, W: Floats) -> float:
        """Penalty of W, alpha included.

        Parameters
        ----------
        W : ndarray of shape (fan_in, fan_out)

        Returns
        -------
        float
        """
        raise NotImplementedError

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        """Solve min_W 1/2 sum_i (w_i - v_i)^2 / step_i + value(W).

        Parameters
        ----------
        V : ndarray of shape (fan_in, fan_out)
        step : float, ndarray of shape (fan_in, 1) or of the shape of V

        Returns
        -------
        ndarray of the shape of V
        """
        raise NotImplementedError

    def subgradient(self, W: Floats, gradient: Floats) -> Floats:
        """Element of least norm of gradient + the subdifferential of the penalty at W.

        It is zero exactly where W is stationary. The default is the residual of a proximal
        gradient step of length one, which is zero at the same W.

        Parameters
        ----------
        W, gradient : ndarray of shape (fan_in, fan_out)

        Returns
        -------
        ndarray of the shape of W
        """
        return W - self.prox(W - gradient, 1.0)

    def majorize(self, W: Floats) -> Penalty:
        """Convex penalty that touches this one at W, up to a constant, and is nowhere below it.

        Parameters
        ----------
        W : ndarray of shape (fan_in, fan_out)

        Returns
        -------
        Penalty
            By default, and for a convex penalty, this one.
        """
        return self

    def alpha_max(self, gradient: Floats) -> float:
        """Least alpha at which W = 0 is stationary.

        Parameters
        ----------
        gradient : ndarray of shape (fan_in, fan_out)
            That of the loss at W = 0.

        Returns
        -------
        float
            Found by bisection, to the last bit; inf where W = 0 is stationary at no alpha.
        """
        zero, high = np.zeros_like(gradient), float(np.abs(gradient).max())

        def stays(alpha: float) -> bool:
            return not bind(self, alpha).subgradient(zero, gradient).any()

        while high > 0 and not stays(high):
            if high > np.finfo(gradient.dtype).max / 4:
                return np.inf
            high *= 2
        low = 0.0
        while low < (middle := low + (high - low) / 2) < high:
            low, high = (low, middle) if stays(middle) else (middle, high)
        return high

    def alpha_above(self, alpha: float, loss: float) -> float:
        """An alpha at which, up to the height `loss`, the penalty is above its tangent of `alpha`.

        The tangent is the one at zero. It tells where a grid of alphas may end.

        Parameters
        ----------
        alpha : float
            Slope of the tangent.
        loss : float
            Height from which on the penalty costs more than the null model.

        Returns
        -------
        float
            By default `alpha`: a convex penalty is above its tangent everywhere.
        """
        return alpha

    def least_cost(self, n_columns: int) -> float | None:
        """Find c such that the tangent at zero is at least alpha c sum_j norm2(W_j).

        Parameters
        ----------
        n_columns : int
            Of W, or 1 where its columns are to be looked at one by one.

        Returns
        -------
        float or None
            None where no such c is known: an automatic grid of alphas is then refused.
        """
        return None

    def share(self, squares: Floats) -> None:
        """Average `squares` in place over the weights that share one step.

        By default none do.

        Parameters
        ----------
        squares : ndarray of shape (fan_in, fan_out)
            The running means of the squared gradient of an adaptive solver.
        """

    def terms(self, shape: tuple[int, int]) -> Terms | None:
        """Write the penalty as data, which solver "lbfgs" needs.

        Parameters
        ----------
        shape : tuple of int
            That of W, (fan_in, fan_out).

        Returns
        -------
        Terms or None
            By default None: the penalty has no such form.
        """
        return None


@dataclass(frozen=True)
class L2(Penalty):
    """Ridge, or weight decay: alpha / 2 sum w^2.

    Parameters
    ----------
    alpha : float, default=1.0

    Examples
    --------
    >>> import numpy as np
    >>> from skreg_mlp.penalties import L2
    >>> L2(alpha=1.0).prox(np.array([[2.0, -0.5, -1.0]]), step=1.0)
    array([[ 1.  , -0.25, -0.5 ]])
    """

    smooth: ClassVar[bool] = True
    elementwise: ClassVar[bool] = True

    def value(self, W: Floats) -> float:
        return 0.5 * self.alpha * float(np.vdot(W, W))

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        return V / (1 + step * self.alpha)

    def subgradient(self, W: Floats, gradient: Floats) -> Floats:
        return gradient + self.alpha * W

    def terms(self, shape: tuple[int, int]) -> Terms:
        return Terms(l2=self.alpha)


@dataclass(frozen=True)
class L1(Penalty):
    """Lasso: alpha sum abs(w)  (Tibshirani, 1996).

    Parameters
    ----------
    alpha : float or ndarray of shape (fan_in, fan_out), default=1.0
        As an array, one for each weight.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg_mlp.penalties import L1
    >>> L1(alpha=0.5).prox(np.array([[2.0, -0.25, -1.0]]), step=1.0)
    array([[ 1.5,  0. , -0.5]])
    """

    alpha: float | Floats = 1.0  # type: ignore[assignment]

    elementwise: ClassVar[bool] = True

    def value(self, W: Floats) -> float:
        if np.ndim(self.alpha):
            return float(np.vdot(self.alpha, np.abs(W)))
        return float(self.alpha * float(np.abs(W).sum()))

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        return soft_threshold(V, step * self.alpha)

    def subgradient(self, W: Floats, gradient: Floats) -> Floats:
        return np.where(
            W == 0, soft_threshold(gradient, self.alpha), gradient + self.alpha * np.sign(W)
        )

    def least_cost(self, n_columns: int) -> float:
        return 1.0

    def terms(self, shape: tuple[int, int]) -> Terms:
        return Terms(l1=self.alpha)


def _check_l1_ratio(l1_ratio: float) -> None:
    if not 0 <= l1_ratio <= 1:
        raise ValueError(f"l1_ratio must be between 0 and 1; got {l1_ratio!r}.")


@dataclass(frozen=True)
class ElasticNet(Penalty):
    """Elastic net: alpha (l1_ratio sum abs(w) + (1 - l1_ratio) / 2 sum w^2).

    Drops single weights, and shrinks those of correlated inputs alike (Zou and Hastie, 2005).

    Parameters
    ----------
    alpha : float, default=1.0
    l1_ratio : float, default=0.5
        Between 0 (ridge) and 1 (lasso); ValueError otherwise.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg_mlp.penalties import ElasticNet
    >>> ElasticNet(alpha=1.0, l1_ratio=0.5).prox(np.array([[2.0, -0.25, -1.25]]), step=1.0)
    array([[ 1. ,  0. , -0.5]])
    """

    l1_ratio: float = 0.5
    elementwise: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check_l1_ratio(self.l1_ratio)

    @property
    def _parts(self) -> tuple[L1, L2]:
        return L1(self.alpha * self.l1_ratio), L2(self.alpha * (1 - self.l1_ratio))

    def value(self, W: Floats) -> float:
        lasso, ridge = self._parts
        return lasso.value(W) + ridge.value(W)

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        lasso, ridge = self._parts
        return ridge.prox(lasso.prox(V, step), step)

    def subgradient(self, W: Floats, gradient: Floats) -> Floats:
        lasso, ridge = self._parts
        return lasso.subgradient(W, ridge.subgradient(W, gradient))

    def least_cost(self, n_columns: int) -> float:
        return self.l1_ratio

    def terms(self, shape: tuple[int, int]) -> Terms:
        return Terms(l1=self.alpha * self.l1_ratio, l2=self.alpha * (1 - self.l1_ratio))


@dataclass(frozen=True)
class GroupL1(Penalty):
    """Group lasso on the rows of W: alpha sum_g sqrt(size_g) norm2(W_g)  (Yuan and Lin, 2006).

    A group is one row of W, the outgoing weights of one input or hidden unit, or several rows:
    it is kept or dropped as a whole.

    Parameters
    ----------
    alpha : float or ndarray of shape (n_groups,), default=1.0
    groups : ndarray of int of shape (fan_in,), optional
        The group of each row, 0 to n_groups - 1; by default every row is a group. An estimator
        sets it, in a copy, from its ``feature_groups``.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg_mlp.penalties import GroupL1
    >>> W = np.array([[3.0, 4.0], [0.6, 0.8]])
    >>> round(GroupL1(alpha=1.0).value(W), 4)
    8.4853
    >>> GroupL1(alpha=1.0).prox(W, step=1.0).round(4)
    array([[2.1515, 2.8686],
           [0.    , 0.    ]])
    """

    alpha: float | Floats = 1.0  # type: ignore[assignment]
    groups: Ints | None = field(default=None, compare=False)
    shares_step: ClassVar[bool] = True

    def _strength(self, shape: tuple[int, ...]) -> Floats:
        rows = np.ones(shape[0]) if self.groups is None else np.bincount(self.groups)
        return self.alpha * np.sqrt(rows * shape[1])

    def value(self, W: Floats) -> float:
        return float(np.dot(self._strength(W.shape), _group_norms(W, self.groups)))

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        return group_soft_threshold(V, step, self._strength(V.shape), self.groups)

    def subgradient(self, W: Floats, gradient: Floats) -> Floats:
        norms = _to_rows(_group_norms(W, self.groups), self.groups)
        strength = _to_rows(self._strength(W.shape), self.groups).astype(W.dtype)
        direction = np.divide(W, norms, out=np.zeros_like(W), where=norms > 0)
        at_zero = group_soft_threshold(gradient, 1.0, self._strength(W.shape), self.groups)
        return np.where(norms > 0, gradient + strength * direction, at_zero)

    def least_cost(self, n_columns: int) -> float:
        return np.sqrt(n_columns).item()

    def share(self, squares: Floats) -> None:
        n_rows = 1 if self.groups is None else np.bincount(self.groups)
        means = _group_sums(squares, self.groups) / (n_rows * squares.shape[1])
        squares[...] = _to_rows(means, self.groups)

    def terms(self, shape: tuple[int, int]) -> Terms:
        groups = np.arange(shape[0]) if self.groups is None else self.groups
        return Terms(groups=groups, strength=self._strength(shape))


@dataclass(frozen=True)
class SparseGroupL1(GroupL1):
    """Sparse group lasso: a share l1_ratio of `L1` and the rest of `GroupL1`, times alpha.

    Drops whole groups and single weights of those it keeps (Simon, Friedman, Hastie and
    Tibshirani, 2013).

    Parameters
    ----------
    alpha : float, default=1.0
    groups : ndarray of int of shape (fan_in,), optional
        As in `GroupL1`.
    l1_ratio : float, default=0.5
        Between 0 (group lasso) and 1 (lasso); ValueError otherwise.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg_mlp.penalties import SparseGroupL1
    >>> W = np.array([[3.0, 0.4], [0.6, 0.8]])
    >>> SparseGroupL1(alpha=1.0, l1_ratio=0.5).prox(W, step=1.0).round(4)
    array([[1.7929, 0.    ],
           [0.    , 0.    ]])
    """

    l1_ratio: float = 0.5

    def __post_init__(self) -> None:
        _check_l1_ratio(self.l1_ratio)

    @property
    def _parts(self) -> tuple[L1, GroupL1]:
        group = GroupL1(self.alpha * (1 - self.l1_ratio), self.groups)
        return L1(self.alpha * self.l1_ratio), group

    def value(self, W: Floats) -> float:
        lasso, group = self._parts
        return lasso.value(W) + group.value(W)

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        lasso, group = self._parts
        return group.prox(lasso.prox(V, step), step)

    def subgradient(self, W: Floats, gradient: Floats) -> Floats:
        lasso, group = self._parts
        return group.subgradient(W, lasso.subgradient(W, gradient))

    def least_cost(self, n_columns: int) -> float:
        return self.l1_ratio + (1 - self.l1_ratio) * super().least_cost(n_columns)

    def terms(self, shape: tuple[int, int]) -> Terms:
        lasso, group = self._parts
        return group.terms(shape)._replace(l1=lasso.alpha)


# --------------------------------------------------------------------------------------------
# Concave penalties: the slope falls as a weight grows, so what matters is shrunk less
# --------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class ConcavePenalty(Penalty):
    """Sum over all weights of rho(abs(w)), rho increasing and concave with slope alpha at zero.

    Solvers never see it: they minimise its majorant, a weighted lasso that touches it at the
    current weights, and renew that majorant as they go. This is local linear approximation (Zou
    and Li, 2008). Each majorant is convex, so no step is too long for it in any metric, and the
    objective never rises from one to the next. A subclass gives ``height`` and ``slope``.

    Parameters
    ----------
    alpha : float, default=1.0
        Strength; an estimator replaces it, in a copy, by its own.

    Examples
    --------
    Your own, here alpha x / (1 + x):

    >>> import numpy as np
    >>> from skreg_mlp.penalties import ConcavePenalty
    >>> class Fraction(ConcavePenalty):
    ...     def height(self, x):
    ...         return self.alpha * x / (1 + x)
    ...
    ...     def slope(self, x):
    ...         return self.alpha / (1 + x) ** 2
    >>> Fraction(alpha=1.0).value(np.array([[1.0, -1.0]]))
    1.0
    >>> Fraction(alpha=1.0).majorize(np.array([[1.0, 0.0]]))
    L1(alpha=array([[0.25, 1.  ]]))
    """

    elementwise: ClassVar[bool] = True

    def height(self, x: Floats) -> Floats:
        """Compute rho(x), element by element.

        Parameters
        ----------
        x : ndarray
            Magnitudes, at least 0.

        Returns
        -------
        ndarray of the shape of x
        """
        raise NotImplementedError

    def slope(self, x: Floats) -> Floats:
        """Compute the derivative of `height`, at 0 that from the right.

        Parameters
        ----------
        x : ndarray
            Magnitudes, at least 0.

        Returns
        -------
        ndarray of the shape of x
            Between 0 and alpha, and not rising with x.
        """
        raise NotImplementedError

    def least_cost(self, n_columns: int) -> float:
        return 1.0

    def value(self, W: Floats) -> float:
        return float(self.height(np.abs(W)).sum())

    def majorize(self, W: Floats) -> Penalty:
        """Weighted lasso with the value, up to a constant, and the subgradients of this one at W.

        Parameters
        ----------
        W : ndarray of shape (fan_in, fan_out)

        Returns
        -------
        Penalty
        """
        return L1(self.slope(np.abs(W)))

    def subgradient(self, W: Floats, gradient: Floats) -> Floats:
        return self.majorize(W).subgradient(W, gradient)


@dataclass(frozen=True)
class MCP(ConcavePenalty):
    """Minimax concave penalty: slope max(alpha - x / gamma, 0)  (Zhang, 2010).

    Weights beyond gamma alpha are not shrunk at all.

    Parameters
    ----------
    alpha : float, default=1.0
    gamma : float, default=3.0
        Above 1, ValueError otherwise; the lasso is its limit at infinity.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg_mlp.penalties import MCP
    >>> MCP(alpha=1.0, gamma=3.0).slope(np.array([0.0, 1.5, 3.0, 9.0]))
    array([1. , 0.5, 0. , 0. ])
    """

    gamma: float = 3.0

    def __post_init__(self) -> None:
        if not self.gamma > 1:
            raise ValueError(f"gamma must be above 1; got {self.gamma!r}.")

    def height(self, x: Floats) -> Floats:
        x = np.minimum(x, self.gamma * self.alpha)
        return self.alpha * x - x * x / (2 * self.gamma)

    def slope(self, x: Floats) -> Floats:
        return np.maximum(self.alpha - x / self.gamma, 0)

    def alpha_above(self, alpha: float, loss: float) -> float:
        # the chord up to the flat part has slope alpha / 2; the flat part is that high
        return max(2 * alpha, np.sqrt(2 * loss / self.gamma).item())


@dataclass(frozen=True)
class SCAD(ConcavePenalty):
    """Smoothly clipped absolute deviation  (Fan and Li, 2001).

    Slope alpha up to x = alpha, then falling linearly to 0 at a alpha.

    Parameters
    ----------
    alpha : float, default=1.0
    a : float, default=3.7
        Above 2; ValueError otherwise.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg_mlp.penalties import SCAD
    >>> SCAD(alpha=1.0, a=3.0).slope(np.array([0.0, 1.0, 2.0, 3.0]))
    array([1. , 1. , 0.5, 0. ])
    """

    a: float = 3.7

    def __post_init__(self) -> None:
        if not self.a > 2:
            raise ValueError(f"a must be above 2; got {self.a!r}.")

    def height(self, x: Floats) -> Floats:
        bent = np.clip(x - self.alpha, 0, (self.a - 1) * self.alpha)
        return self.alpha * (np.minimum(x, self.alpha) + bent) - bent * bent / (2 * (self.a - 1))

    def slope(self, x: Floats) -> Floats:
        return np.clip((self.a * self.alpha - x) / (self.a - 1), 0, self.alpha)

    def alpha_above(self, alpha: float, loss: float) -> float:
        chord = (self.a + 1) / (2 * self.a)
        return max(alpha / chord, np.sqrt(2 * loss / (self.a + 1)).item())


@dataclass(frozen=True)
class LogSum(ConcavePenalty):
    """Logarithm, alpha scale log(1 + x / scale)  (Candes, Wakin and Boyd, 2008).

    Parameters
    ----------
    alpha : float, default=1.0
    scale : float, optional
        Magnitude at which the slope, alpha / (1 + x / scale), has halved. By default an estimator
        sets it, in a copy and for each layer, to a tenth of the typical weight of the layer's
        random start, which depends on the sizes of the layers (and, in the last, the spread of y).
        ValueError where it is not above 0.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg_mlp.penalties import LogSum
    >>> LogSum(alpha=1.0, scale=0.1).slope(np.array([0.0, 0.1, 0.9]))
    array([1. , 0.5, 0.1])
    """

    scale: float | None = None

    def __post_init__(self) -> None:
        if self.scale is not None and not self.scale > 0:
            raise ValueError(f"scale must be above 0, or None; got {self.scale!r}.")

    @property
    def _scale(self) -> float:
        if self.scale is None:
            raise ValueError("scale is not set: give one, or leave it to an estimator.")
        return self.scale

    def height(self, x: Floats) -> Floats:
        return self.alpha * self._scale * np.log1p(x / self._scale)

    def slope(self, x: Floats) -> Floats:
        return self.alpha / (1 + x / self._scale)

    def alpha_above(self, alpha: float, loss: float) -> float:
        return loss / (self._scale * np.log1p(loss / (alpha * self._scale)).item())


@dataclass(frozen=True)
class _OfGroups(ConcavePenalty):
    """Mixin: rho of the root mean square weight of each group, times the size of the group.

    With rho(x) = alpha x this is `GroupL1`.
    """

    groups: Ints | None = field(default=None, compare=False)
    elementwise: ClassVar[bool] = False

    def _magnitudes(self, W: Floats) -> tuple[Floats, Array]:
        rows = np.ones(len(W)) if self.groups is None else np.bincount(self.groups)
        sizes = rows * W.shape[1]
        return _group_norms(W, self.groups) / np.sqrt(sizes), sizes

    def value(self, W: Floats) -> float:
        magnitudes, sizes = self._magnitudes(W)
        return float(np.dot(sizes, self.height(magnitudes)))

    def least_cost(self, n_columns: int) -> float:
        return np.sqrt(n_columns).item()

    def majorize(self, W: Floats) -> Penalty:
        return GroupL1(self.slope(self._magnitudes(W)[0]), self.groups)


@dataclass(frozen=True)
class GroupMCP(_OfGroups, MCP):
    """`MCP` of the root mean square weight of each group of `GroupL1`, times its size.

    Parameters
    ----------
    alpha : float, default=1.0
    gamma : float, default=3.0
        As in `MCP`.
    groups : ndarray of int of shape (fan_in,), optional
        As in `GroupL1`.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg_mlp.penalties import GroupMCP
    >>> W = np.array([[3.0, 3.0], [0.5, 0.5]])
    >>> GroupMCP(alpha=1.0, gamma=2.0).majorize(W).prox(W, step=1.0).round(4)
    array([[3., 3.],
           [0., 0.]])
    """


@dataclass(frozen=True)
class GroupSCAD(_OfGroups, SCAD):
    """`SCAD` of the root mean square weight of each group of `GroupL1`, times its size.

    Parameters
    ----------
    alpha : float, default=1.0
    a : float, default=3.7
        As in `SCAD`.
    groups : ndarray of int of shape (fan_in,), optional
        As in `GroupL1`.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg_mlp.penalties import GroupSCAD
    >>> W = np.array([[4.0, 4.0], [0.5, 0.5]])
    >>> GroupSCAD(alpha=1.0).majorize(W).prox(W, step=1.0).round(4)
    array([[4., 4.],
           [0., 0.]])
    """


@dataclass(frozen=True)
class GroupLogSum(_OfGroups, LogSum):
    """`LogSum` of the root mean square weight of each group of `GroupL1`, times its size.

    The penalty to select features with: along a path it drops what does not matter early, and
    hardly shrinks what does.

    Parameters
    ----------
    alpha : float, default=1.0
    scale : float, optional
        As in `LogSum`.
    groups : ndarray of int of shape (fan_in,), optional
        As in `GroupL1`.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg_mlp.penalties import GroupLogSum
    >>> W = np.array([[4.0, 4.0], [0.5, 0.5]])
    >>> GroupLogSum(alpha=1.0, scale=1.0).majorize(W).prox(W, step=1.0).round(4)
    array([[3.8, 3.8],
           [0. , 0. ]])
    """


PENALTIES: dict[str, type[Penalty]] = {
    "l2": L2,
    "l1": L1,
    "elasticnet": ElasticNet,
    "group_l1": GroupL1,
    "sparse_group_l1": SparseGroupL1,
    "mcp": MCP,
    "scad": SCAD,
    "log_sum": LogSum,
    "group_mcp": GroupMCP,
    "group_scad": GroupSCAD,
    "group_log_sum": GroupLogSum,
}


def bind(
    penalty: P, alpha: float | Floats, groups: Ints | None = None, scale: float | None = None
) -> P:
    """Copy `penalty`, its strength set to `alpha`; row groups and a missing scale where given."""
    bound = copy.copy(penalty)
    object.__setattr__(bound, "alpha", alpha)
    if groups is not None:
        object.__setattr__(bound, "groups", groups)
    if getattr(bound, "scale", 0) is None:
        object.__setattr__(bound, "scale", scale)
    return bound
