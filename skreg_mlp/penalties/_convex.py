"""Convex penalties."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from skreg_mlp.penalties._closed_forms import (
    group_norms,
    group_soft_threshold,
    group_sums,
    soft_threshold,
    to_rows,
)
from skreg_mlp.penalties._contract import Penalty, Terms, cut

if TYPE_CHECKING:
    from typing_extensions import Self

    from skreg_mlp._typing import Floats, Ints


class OfWeights(Penalty):
    """Mixin: a sum over single weights, alpha being a number or an array that broadcasts to W."""

    elementwise: ClassVar[bool] = True

    def on(
        self,
        alpha: float,
        shape: tuple[int, int],
        groups: Ints | None = None,
        factor: Floats | None = None,
    ) -> Self:
        return self._bound(alpha if factor is None else alpha * factor[:, None], shape)

    def restricted(self, rows: Ints, columns: Ints) -> Penalty:
        if not self.sliceable:
            return super().restricted(rows, columns)
        return self._with(cut(self.alpha, rows, columns), (len(rows), len(columns)))


def total(values: Floats) -> float:
    """Sum in float64: strengths and groups may be beyond float32."""
    return float(np.sum(values, dtype=np.float64))


@dataclass(frozen=True)
class L2(OfWeights):
    """Ridge, or weight decay: alpha / 2 sum w^2.

    Parameters
    ----------
    alpha : float, or ndarray that broadcasts to (fan_in, fan_out), default=1.0
        As an array, one for each weight.
    shape : tuple of int, optional
        Shape of the matrix it is bound to.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg_mlp.penalties import L2
    >>> L2(alpha=1.0).prox(np.array([[2.0, -0.5, -1.0]]), step=1.0)
    array([[ 1.  , -0.25, -0.5 ]])
    """

    alpha: float | Floats = 1.0  # type: ignore[assignment]
    smooth: ClassVar[bool] = True
    sliceable: ClassVar[bool] = True

    def value(self, W: Floats) -> float:
        if np.ndim(self.alpha):
            return 0.5 * total(self.alpha * np.square(W, dtype=np.float64))
        return 0.5 * float(self.alpha) * float(np.vdot(W, W))

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        return V / (1 + np.asarray(step * self.alpha, dtype=V.dtype))

    def subgradient(self, W: Floats, gradient: Floats) -> Floats:
        return gradient + np.asarray(self.alpha, dtype=W.dtype) * W

    def terms(self, shape: tuple[int, int]) -> Terms:
        return Terms(l2=self.alpha)


@dataclass(frozen=True)
class L1(OfWeights):
    """Lasso: alpha sum abs(w)  (Tibshirani, 1996).

    Parameters
    ----------
    alpha : float, or ndarray that broadcasts to (fan_in, fan_out), default=1.0
        As an array, one for each weight.
    shape : tuple of int, optional
        Shape of the matrix it is bound to.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg_mlp.penalties import L1
    >>> L1(alpha=0.5).prox(np.array([[2.0, -0.25, -1.0]]), step=1.0)
    array([[ 1.5,  0. , -0.5]])
    """

    alpha: float | Floats = 1.0  # type: ignore[assignment]
    sliceable: ClassVar[bool] = True

    def value(self, W: Floats) -> float:
        if np.ndim(self.alpha):
            return total(self.alpha * np.abs(W))
        return float(self.alpha) * float(np.abs(W).sum())

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        return soft_threshold(V, step * self.alpha)

    def subgradient(self, W: Floats, gradient: Floats) -> Floats:
        alpha = np.asarray(self.alpha, dtype=W.dtype)
        return np.where(W == 0, soft_threshold(gradient, alpha), gradient + alpha * np.sign(W))

    def least_cost(self, n_columns: int) -> float:
        return 1.0

    def terms(self, shape: tuple[int, int]) -> Terms:
        return Terms(l1=self.alpha)


def _check_l1_ratio(l1_ratio: float) -> None:
    if not 0 <= l1_ratio <= 1:
        raise ValueError(f"l1_ratio must be between 0 and 1; got {l1_ratio!r}.")


@dataclass(frozen=True)
class ElasticNet(OfWeights):
    """Elastic net: alpha (l1_ratio sum abs(w) + (1 - l1_ratio) / 2 sum w^2).

    Drops single weights, and shrinks those of correlated inputs alike (Zou and Hastie, 2005).

    Parameters
    ----------
    alpha : float, or ndarray that broadcasts to (fan_in, fan_out), default=1.0
    l1_ratio : float, default=0.5
        Between 0 (ridge) and 1 (lasso); ValueError otherwise.
    shape : tuple of int, optional
        Shape of the matrix it is bound to.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg_mlp.penalties import ElasticNet
    >>> ElasticNet(alpha=1.0, l1_ratio=0.5).prox(np.array([[2.0, -0.25, -1.25]]), step=1.0)
    array([[ 1. ,  0. , -0.5]])
    """

    alpha: float | Floats = 1.0  # type: ignore[assignment]
    l1_ratio: float = 0.5
    sliceable: ClassVar[bool] = True

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


class OfGroups(Penalty):
    """Mixin: a sum over groups of rows, alpha being a number or one for each group.

    ``groups`` and ``sizes`` (None: computed from W) are fields of the classes it is mixed into. A
    restricted group keeps the size of the whole one.
    """

    groups: Ints | None
    sizes: Floats | None
    grouped: ClassVar[bool] = True

    def on(
        self,
        alpha: float,
        shape: tuple[int, int],
        groups: Ints | None = None,
        factor: Floats | None = None,
    ) -> Self:
        strengths: Any = alpha
        if factor is not None:
            strengths = alpha * (factor if groups is None else factor_of_groups(factor, groups))
        return self._bound(strengths, shape, groups=groups, sizes=None)

    def restricted(self, rows: Ints, columns: Ints) -> Penalty:
        if not self.sliceable:
            return super().restricted(rows, columns)
        kept, groups = rows, None
        if self.groups is not None:
            kept, groups = np.unique(self.groups[rows], return_inverse=True)
        alpha = self.alpha[kept] if isinstance(self.alpha, np.ndarray) else self.alpha
        sizes = self._sizes(self._known_shape())[kept]
        return self._with(alpha, (len(rows), len(columns)), groups=groups, sizes=sizes)

    def _sizes(self, shape: tuple[int, ...]) -> Floats:
        """Number of weights of each group, in the whole matrix."""
        if self.sizes is not None:
            return self.sizes
        rows = np.ones(shape[0]) if self.groups is None else np.bincount(self.groups)
        return np.multiply(rows, float(shape[1]))

    def share(self, squares: Floats) -> None:
        n_rows = 1 if self.groups is None else np.bincount(self.groups)
        means = group_sums(squares, self.groups) / (n_rows * squares.shape[1])
        squares[...] = to_rows(means, self.groups)

    def least_cost(self, n_columns: int) -> float:
        return np.sqrt(n_columns).item()


def factor_of_groups(factor: Floats, groups: Ints) -> Floats:
    """One factor for each group, from those of its rows, which must be equal."""
    first = np.unique(groups, return_index=True)[1]
    if not np.array_equal(factor[first][groups], factor):
        raise ValueError(
            "penalty_factor must be equal for all features of one group of feature_groups, which "
            f"is kept or dropped as a whole; got {factor.tolist()}."
        )
    return factor[first]


@dataclass(frozen=True)
class GroupL1(OfGroups):
    """Group lasso on the rows of W: alpha sum_g sqrt(size_g) norm2(W_g)  (Yuan and Lin, 2006).

    A group is one row of W, the outgoing weights of one input or hidden unit, or several rows:
    it is kept or dropped as a whole.

    Parameters
    ----------
    alpha : float or ndarray of shape (n_groups,), default=1.0
    groups : ndarray of int of shape (fan_in,), optional
        The group of each row, 0 to n_groups - 1; by default every row is a group. An estimator
        takes them for groups of its features, like its ``feature_groups``.
    shape : tuple of int, optional
        Shape of the matrix it is bound to.
    sizes : ndarray of shape (n_groups,), optional
        Size of each group; by default that in W.

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
    sizes: Floats | None = field(default=None, compare=False, repr=False, kw_only=True)
    shares_step: ClassVar[bool] = True
    sliceable: ClassVar[bool] = True

    def _strength(self, shape: tuple[int, ...]) -> Floats:
        return self.alpha * np.sqrt(self._sizes(shape))

    def value(self, W: Floats) -> float:
        return float(np.dot(self._strength(W.shape), group_norms(W, self.groups)))

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        return group_soft_threshold(V, step, self._strength(V.shape), self.groups)

    def subgradient(self, W: Floats, gradient: Floats) -> Floats:
        norms = to_rows(group_norms(W, self.groups), self.groups)
        strength = to_rows(self._strength(W.shape), self.groups).astype(W.dtype)
        direction = np.divide(W, norms, out=np.zeros_like(W), where=norms > 0)
        at_zero = group_soft_threshold(gradient, 1.0, self._strength(W.shape), self.groups)
        return np.where(norms > 0, gradient + strength * direction, at_zero)

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
    alpha : float or ndarray of shape (n_groups,), default=1.0
    groups : ndarray of int of shape (fan_in,), optional
        The group of each row, 0 to n_groups - 1; by default every row is a group. An estimator
        takes them for groups of its features, like its ``feature_groups``.
    l1_ratio : float, default=0.5
        Between 0 (group lasso) and 1 (lasso); ValueError otherwise.
    shape : tuple of int, optional
        Shape of the matrix it is bound to.
    sizes : ndarray of shape (n_groups,), optional
        Size of each group; by default that in W.

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
    sliceable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check_l1_ratio(self.l1_ratio)

    @property
    def _parts(self) -> tuple[L1, GroupL1]:
        lasso: Any = self.alpha * self.l1_ratio
        if np.ndim(lasso):
            lasso = to_rows(lasso, self.groups)
        group = GroupL1(self.alpha * (1 - self.l1_ratio), self.groups, sizes=self.sizes)
        return L1(lasso), group

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


class ByRows(Penalty):
    """One penalty on some rows of a matrix, another on the rest.

    Parameters
    ----------
    parts : sequence of (ndarray of int, Penalty)
        Rows, all of them in one part or another, and the penalty of the submatrix they make.
    shape : tuple of int
        Shape of the whole matrix.
    """

    def __init__(self, parts: Any, shape: tuple[int, int]) -> None:
        super().__init__(shape=shape)
        penalties = [penalty for _, penalty in parts]
        vars(self).update(
            parts=tuple(parts),
            smooth=all(penalty.smooth for penalty in penalties),
            elementwise=all(penalty.elementwise for penalty in penalties),
            shares_step=any(penalty.shares_step for penalty in penalties),
        )

    parts: tuple[tuple[Ints, Penalty], ...]

    def restricted(self, rows: Ints, columns: Ints) -> Penalty:
        parts, place = [], np.empty(self._known_shape()[0], dtype=int)
        for own, penalty in self.parts:
            place[...] = -1
            place[own] = np.arange(len(own))
            left = np.flatnonzero(place[rows] >= 0)
            parts.append((left, penalty.restricted(place[rows[left]], columns)))
        return ByRows(parts, (len(rows), len(columns)))

    def value(self, W: Floats) -> float:
        return sum(penalty.value(W[rows]) for rows, penalty in self.parts)

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        result = np.empty_like(V)
        for rows, penalty in self.parts:
            own = step[rows] if isinstance(step, np.ndarray) else step
            result[rows] = penalty.prox(V[rows], own)
        return result

    def subgradient(self, W: Floats, gradient: Floats) -> Floats:
        result = np.empty_like(W)
        for rows, penalty in self.parts:
            result[rows] = penalty.subgradient(W[rows], gradient[rows])
        return result

    def majorize(self, W: Floats) -> Penalty:
        majorants = [(rows, penalty.majorize(W[rows])) for rows, penalty in self.parts]
        pairs = zip(majorants, self.parts)
        if all(majorant is penalty for (_, majorant), (_, penalty) in pairs):
            return self
        return ByRows(majorants, self._known_shape())

    def share(self, squares: Floats) -> None:
        for rows, penalty in self.parts:
            block = squares[rows]
            if penalty.shares_step:
                penalty.share(block)
            elif self.shares_step:  # a prox of the whole sees one step for each row
                block[...] = block.mean(axis=1, keepdims=True)
            squares[rows] = block

    def least_cost(self, n_columns: int) -> float | None:
        costs = [p.least_cost(n_columns) for _, p in self.parts if not p.smooth]
        return None if None in costs else min(costs, default=None)  # type: ignore[type-var]

    def alpha_above(self, alpha: float, loss: float) -> float:
        return max(p.alpha_above(alpha, loss) for _, p in self.parts if not p.smooth)

    def terms(self, shape: tuple[int, int]) -> Terms | None:
        l1, l2 = np.zeros(shape), np.zeros(shape)
        groups, strengths = np.full(shape[0], -1), []  # type: Ints, list[Floats]
        for rows, penalty in self.parts:
            terms = penalty.terms((len(rows), shape[1]))
            if terms is None:
                return None
            l1[rows], l2[rows] = terms.l1, terms.l2
            if terms.groups is not None and terms.strength is not None:
                n_before = sum(map(len, strengths))
                groups[rows] = np.where(terms.groups < 0, -1, terms.groups + n_before)
                strengths.append(terms.strength)
        if not strengths:
            return Terms(l1, l2)
        return Terms(l1, l2, groups, np.concatenate(strengths))
