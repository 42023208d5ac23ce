"""What solvers, paths and estimators ask of a penalty, whoever wrote it."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from typing_extensions import Self

    from skreg_mlp._typing import Floats, Ints


def cut(values: Any, rows: Ints, columns: Ints) -> Any:
    """A number as it is; an array that broadcasts to a matrix, cut down to rows and columns."""
    if np.ndim(values) == 0:
        return values
    values = np.asarray(values)
    values = values[rows] if values.shape[0] > 1 else values
    return values[:, columns] if values.shape[1] > 1 else values


class Terms(NamedTuple):
    """A penalty as data: sum l1 abs(w) + 1/2 sum l2 w^2 + sum_g strength_g norm2(W_g).

    Every term is at least 0.

    Parameters
    ----------
    l1, l2 : float, or ndarray that broadcasts to (fan_in, fan_out), default=0.0
        Weights of the first two terms.
    groups : ndarray of int of shape (fan_in,), optional
        The group of each row of the matrix, 0 to n_groups - 1, or -1 for a row in no group.
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

    def restricted(self, rows: Ints, columns: Ints) -> Terms:
        """The same terms of the submatrix of some rows and columns.

        Parameters
        ----------
        rows, columns : ndarray of int
            Indices of those left.

        Returns
        -------
        Terms
        """
        groups = None if self.groups is None else self.groups[rows]
        l1, l2 = (cut(values, rows, columns) for values in (self.l1, self.l2))
        return Terms(l1, l2, groups, self.strength)


@dataclass(frozen=True)
class Penalty:
    """Base class of the penalties of one weight matrix W of shape (fan_in, fan_out).

    Row j of W holds the outgoing weights of input (or hidden unit) j. A penalty of W = 0 is 0.

    Parameters
    ----------
    alpha : float, default=1.0
        Strength; an estimator replaces it, in a copy, by its own (see `on`).
    shape : tuple of int, optional
        Shape of the matrix it is bound to; set by `on`.

    Notes
    -----
    A subclass says what it can do by class variables, all False by default.

    ``smooth``
        It has no kink at zero, hence leaves no exact zeros.
    ``elementwise``
        It is a sum over single weights, so that rows can be looked at one after another.
    ``grouped``
        It acts on groups of rows, and `on` takes ``groups``.
    ``shares_step``
        An adaptive solver gives one step to all the weights that `share` averages over, and hands
        `prox` its first column.
    ``sliceable``
        `restricted` is the same class on fewer weights. Each class says so for itself: a subclass
        may hold constants that its parent does not know how to cut.

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
    shape: tuple[int, int] | None = field(default=None, kw_only=True, repr=False, compare=False)
    smooth: ClassVar[bool] = False
    elementwise: ClassVar[bool] = False
    grouped: ClassVar[bool] = False
    shares_step: ClassVar[bool] = False
    sliceable: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.sliceable = vars(cls).get("sliceable", False)

    # -- binding ----------------------------------------------------------------------------------
    def on(
        self,
        alpha: float,
        shape: tuple[int, int],
        groups: Ints | None = None,
        factor: Floats | None = None,
    ) -> Self:
        """Bind a copy to one weight matrix.

        Parameters
        ----------
        alpha : float
            Strength, above 0.
        shape : tuple of int
            That of the matrix, (fan_in, fan_out).
        groups : ndarray of int of shape (fan_in,), optional
            The group of each row, for the matrix of the inputs; penalties without groups ignore it.
        factor : ndarray of shape (fan_in,), optional
            By what to multiply alpha in each row, above 0 or 0: ``penalty_factor``.

        Returns
        -------
        Penalty

        Raises
        ------
        ValueError
            There is a factor, and this class does not say what it means: a penalty of your own
            takes factors if it overrides this method.
        """
        if factor is not None:
            raise ValueError(
                f"penalty_factor does not know what to multiply in penalty={self!r}: override `on` "
                f"in {type(self).__name__}, or leave penalty_factor=None."
            )
        return self._bound(alpha, shape)

    def _bound(self, alpha: Any, shape: tuple[int, int], **constants: Any) -> Self:
        """A copy with other constants, of a penalty whose alpha is a number."""
        if np.ndim(self.alpha):
            raise ValueError(
                f"penalty={type(self).__name__}(alpha=array) has one strength for each weight, and "
                "the estimator's own alpha would replace them: use penalty_factor for one factor "
                "for each feature, or subclass skreg_mlp.penalties.Penalty and keep the weights in "
                "an attribute of another name."
            )
        return self._with(alpha, shape, **constants)

    def _with(self, alpha: Any, shape: tuple[int, int], **constants: Any) -> Self:
        """A copy with other constants: frozen for whoever holds one, built here."""
        other = copy.copy(self)
        vars(other).update(alpha=alpha, shape=tuple(shape), **constants)
        return other

    def restricted(self, rows: Ints, columns: Ints) -> Penalty:
        """The same penalty of a submatrix, the rest of W being zero; groups keep their size.

        Parameters
        ----------
        rows, columns : ndarray of int
            Indices of those left.

        Returns
        -------
        Penalty
            By default one that lays the submatrix into a matrix of zeros of the whole ``shape``,
            which is right for any penalty under which zeros stay zero.

        Raises
        ------
        ValueError
            The penalty is not bound to a shape.
        """
        return Embedded(self, self._known_shape(), rows, columns)

    def _known_shape(self) -> tuple[int, int]:
        if self.shape is None:
            name = type(self).__name__
            raise ValueError(f"{name} is not bound to a matrix: call its `on` first.")
        return self.shape

    # -- closed forms -----------------------------------------------------------------------------
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

    # -- where a grid of alphas may end -----------------------------------------------------------
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


class Embedded(Penalty):
    """A penalty of a submatrix by way of the whole: what it lacks is filled with zeros.

    The restriction of any penalty, for those that do not know a faster one.
    """

    def __init__(
        self, whole: Penalty, whole_shape: tuple[int, int], rows: Ints, columns: Ints
    ) -> None:
        super().__init__(shape=(len(rows), len(columns)))
        parts = dict(whole=whole, whole_shape=whole_shape, rows=rows, columns=columns)
        can = {name: getattr(whole, name) for name in ("smooth", "elementwise", "shares_step")}
        vars(self).update(parts, **can)

    whole: Penalty
    whole_shape: tuple[int, int]
    rows: Ints
    columns: Ints

    @property
    def _places(self) -> Any:
        return np.ix_(self.rows, self.columns)

    def _filled(self, W: Floats, rest: float = 0.0) -> Floats:
        whole = np.full(self.whole_shape, rest, dtype=W.dtype)
        whole[self._places] = W
        return whole

    def restricted(self, rows: Ints, columns: Ints) -> Penalty:
        return Embedded(self.whole, self.whole_shape, self.rows[rows], self.columns[columns])

    def value(self, W: Floats) -> float:
        return self.whole.value(self._filled(W))

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        if np.ndim(step):
            by_rows = np.shape(step)[1] == 1 and self.shares_step
            step = self._filled(np.broadcast_to(step, V.shape), rest=1.0)
            step = step[:, self.columns[:1]] if by_rows else step
        return self.whole.prox(self._filled(V), step)[self._places]

    def subgradient(self, W: Floats, gradient: Floats) -> Floats:
        return self.whole.subgradient(self._filled(W), self._filled(gradient))[self._places]

    def majorize(self, W: Floats) -> Penalty:
        majorant = self.whole.majorize(self._filled(W))
        if majorant is self.whole:
            return self
        return Embedded(majorant, self.whole_shape, self.rows, self.columns)

    def share(self, squares: Floats) -> None:
        whole = self._filled(squares)
        self.whole.share(whole)
        squares[...] = whole[self._places]

    def terms(self, shape: tuple[int, int]) -> Terms | None:
        terms = self.whole.terms(self.whole_shape)
        return None if terms is None else terms.restricted(self.rows, self.columns)
