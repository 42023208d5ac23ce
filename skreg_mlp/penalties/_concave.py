"""Concave penalties: the slope falls as a weight grows, so what matters is shrunk less."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from skreg_mlp.penalties._closed_forms import group_norms
from skreg_mlp.penalties._contract import Penalty
from skreg_mlp.penalties._convex import L1, GroupL1, OfGroups, OfWeights, total

if TYPE_CHECKING:
    from typing_extensions import Self

    from skreg_mlp._typing import Floats, Ints

SCALE_OF_LOG_SUM = 0.1  # of a layer's typical weight at the start: the default scale of `LogSum`


@dataclass(frozen=True)
class ConcavePenalty(OfWeights):
    """Sum over all weights of rho(abs(w)), rho increasing and concave with slope alpha at zero.

    Solvers never see it: they minimize its majorant, a weighted lasso that touches it at the
    current weights, and renew that majorant as they go. This is local linear approximation (Zou
    and Li, 2008). Each majorant is convex, so no step is too long for it in any metric, and the
    objective never rises from one to the next. A subclass gives ``height`` and ``slope``.

    Parameters
    ----------
    alpha : float, default=1.0
        Strength; an estimator replaces it, in a copy, by its own.
    shape : tuple of int, optional
        Shape of the matrix it is bound to.

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
        return total(self.height(np.abs(W)))

    def majorize(self, W: Floats) -> Penalty:
        """Weighted lasso with the value, up to a constant, and the subgradients of this one at W.

        Parameters
        ----------
        W : ndarray of shape (fan_in, fan_out)

        Returns
        -------
        Penalty
        """
        return L1(self.slope(np.abs(W)), shape=self.shape)

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
    shape : tuple of int, optional
        Shape of the matrix it is bound to.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg_mlp.penalties import MCP
    >>> MCP(alpha=1.0, gamma=3.0).slope(np.array([0.0, 1.5, 3.0, 9.0]))
    array([1. , 0.5, 0. , 0. ])
    """

    gamma: float = 3.0
    sliceable: ClassVar[bool] = True

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
    shape : tuple of int, optional
        Shape of the matrix it is bound to.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg_mlp.penalties import SCAD
    >>> SCAD(alpha=1.0, a=3.0).slope(np.array([0.0, 1.0, 2.0, 3.0]))
    array([1. , 1. , 0.5, 0. ])
    """

    a: float = 3.7
    sliceable: ClassVar[bool] = True

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
        random start, which depends on the sizes of the layer. ValueError where it is not above 0.
    shape : tuple of int, optional
        Shape of the matrix it is bound to.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg_mlp.penalties import LogSum
    >>> LogSum(alpha=1.0, scale=0.1).slope(np.array([0.0, 0.1, 0.9]))
    array([1. , 0.5, 0.1])
    """

    scale: float | None = None
    sliceable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.scale is not None and not self.scale > 0:
            raise ValueError(f"scale must be above 0, or None; got {self.scale!r}.")

    def _bound(self, alpha: Any, shape: tuple[int, int], **constants: Any) -> Self:
        # root mean square of the uniform weights that relu's start draws (Glorot and Bengio, 2010)
        typical = np.sqrt(2 / sum(shape)).item()
        scale = SCALE_OF_LOG_SUM * typical if self.scale is None else self.scale
        return super()._bound(alpha, shape, scale=scale, **constants)

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
class _OfGroups(OfGroups, ConcavePenalty):
    """Mixin: rho of the root mean square weight of each group, times the size of the group.

    With rho(x) = alpha x this is `GroupL1`.
    """

    groups: Ints | None = field(default=None, compare=False)
    sizes: Floats | None = field(default=None, compare=False, repr=False, kw_only=True)
    elementwise: ClassVar[bool] = False

    def _magnitudes(self, W: Floats) -> tuple[Floats, Floats]:
        sizes = self._sizes(W.shape)
        return group_norms(W, self.groups) / np.sqrt(sizes), sizes

    def value(self, W: Floats) -> float:
        magnitudes, sizes = self._magnitudes(W)
        return float(np.dot(sizes, self.height(magnitudes)))

    def majorize(self, W: Floats) -> Penalty:
        slope = self.slope(self._magnitudes(W)[0])
        return GroupL1(slope, self.groups, sizes=self.sizes, shape=self.shape)


@dataclass(frozen=True)
class GroupMCP(_OfGroups, MCP):
    """`MCP` of the root mean square weight of each group of `GroupL1`, times its size.

    Parameters
    ----------
    alpha : float, default=1.0
    gamma : float, default=3.0
        Above 1, ValueError otherwise; at infinity the penalty is `GroupL1`.
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
    >>> from skreg_mlp.penalties import GroupMCP
    >>> W = np.array([[3.0, 3.0], [0.5, 0.5]])
    >>> GroupMCP(alpha=1.0, gamma=2.0).majorize(W).prox(W, step=1.0).round(4)
    array([[3., 3.],
           [0., 0.]])
    """

    sliceable: ClassVar[bool] = True


@dataclass(frozen=True)
class GroupSCAD(_OfGroups, SCAD):
    """`SCAD` of the root mean square weight of each group of `GroupL1`, times its size.

    Parameters
    ----------
    alpha : float, default=1.0
    a : float, default=3.7
        Above 2; ValueError otherwise.
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
    >>> from skreg_mlp.penalties import GroupSCAD
    >>> W = np.array([[4.0, 4.0], [0.5, 0.5]])
    >>> GroupSCAD(alpha=1.0).majorize(W).prox(W, step=1.0).round(4)
    array([[4., 4.],
           [0., 0.]])
    """

    sliceable: ClassVar[bool] = True


@dataclass(frozen=True)
class GroupLogSum(_OfGroups, LogSum):
    """`LogSum` of the root mean square weight of each group of `GroupL1`, times its size.

    The penalty to select features with: along a path it drops what does not matter early, and
    hardly shrinks what does.

    Parameters
    ----------
    alpha : float, default=1.0
    scale : float, optional
        Magnitude at which the slope, alpha / (1 + x / scale), has halved. By default an estimator
        sets it, in a copy and for each layer, to a tenth of the typical weight of the layer's
        random start, which depends on the sizes of the layer. ValueError where it is not above 0.
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
    >>> from skreg_mlp.penalties import GroupLogSum
    >>> W = np.array([[4.0, 4.0], [0.5, 0.5]])
    >>> GroupLogSum(alpha=1.0, scale=1.0).majorize(W).prox(W, step=1.0).round(4)
    array([[3.8, 3.8],
           [0. , 0. ]])
    """

    sliceable: ClassVar[bool] = True
