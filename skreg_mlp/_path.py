"""The regularisation path: one network followed from dense to empty while alpha rises."""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skreg_mlp import _validation
from skreg_mlp._alphas import alpha_grid, check_single, layer_alphas
from skreg_mlp._callbacks import print_line, with_callbacks
from skreg_mlp._estimators import SingleT
from skreg_mlp._network import selected_inputs
from skreg_mlp._setup import solver_name
from skreg_mlp._walk import Walk

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike

    from skreg_mlp._alphas import Grid
    from skreg_mlp._typing import Array, Floats, Ints, Mask, Numbers, Rows


@dataclass(frozen=True)
class RegularizationPath(Generic[SingleT]):  # numpydoc ignore=PR01
    """Networks along the strength of the penalty, from the smallest alpha to an empty network.

    Attributes
    ----------
    alphas : ndarray of shape (n_alphas,)
        Increasing. The grid may have gone on: the path ends with the first empty network.
    coefs : list of list of ndarray
        Weight matrices of each network, of shape (fan_in, fan_out).
    intercepts : list of list of ndarray
        Intercepts of each network.
    objective, loss, stationarity : ndarray of shape (n_alphas,)
        Penalised and plain mean training loss, and the largest entry of the least-norm subgradient.
    n_nonzero : ndarray of shape (n_alphas,)
        Number of non-zero weights.
    selected_features : ndarray of bool of shape (n_alphas, n_features)
        Whether a feature has a non-zero path to an output.
    validation_scores : ndarray of shape (n_alphas,) or None
        Scores on the validation data, higher is better; minus the loss by default.
    feature_names : ndarray of shape (n_features,) or None
        Names of the columns, where X has string names for all of them.

    See Also
    --------
    regularization_path : Follows a network, and returns this.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skreg_mlp import RegularizedMLPClassifier, regularization_path
    >>> X, y = load_iris(return_X_y=True)
    >>> lasso = RegularizedMLPClassifier((), penalty="group_l1", max_iter=1000)
    >>> path = regularization_path(lasso, StandardScaler().fit_transform(X), y, alphas=5, eps=0.01)
    >>> path
    RegularizationPath(5 alphas from 0.00323 to 0.323: 12 to 0 weights, 4 to 0 features)
    >>> path.selected_features[3]
    array([False,  True,  True,  True])
    """

    alphas: Floats
    coefs: list[list[Floats]]
    intercepts: list[list[Floats]]
    objective: Floats
    loss: Floats
    stationarity: Floats
    n_nonzero: Ints
    selected_features: Mask
    validation_scores: Floats | None
    feature_names: Array | None
    _template: SingleT

    def __len__(self) -> int:
        return len(self.alphas)

    def __repr__(self) -> str:
        counts = self.selected_features.sum(axis=1)
        return (
            f"RegularizationPath({len(self)} alphas from {self.alphas[0]:.3g} to "
            f"{self.alphas[-1]:.3g}: {self.n_nonzero[0]} to {self.n_nonzero[-1]} weights, "
            f"{counts[0]} to {counts[-1]} features)"
        )

    def first_within(self, max_features: int) -> int:
        """Index of the first network on the path with at most `max_features` selected features.

        Parameters
        ----------
        max_features : int

        Returns
        -------
        int

        Raises
        ------
        ValueError
            No network on the path has so few.
        """
        within = np.flatnonzero(self.selected_features.sum(axis=1) <= max_features)
        if not len(within):
            raise ValueError(
                f"No network on the path has at most max_features={max_features} features; the "
                f"last has {self.selected_features[-1].sum()}: give larger alphas."
            )
        return int(within[0])

    def estimator(self, index: int) -> SingleT:
        """The network at ``alphas[index]``, as a fitted estimator.

        Parameters
        ----------
        index : int

        Returns
        -------
        RegularizedMLPClassifier or RegularizedMLPRegressor
            It shares its weights with the path.

        Raises
        ------
        IndexError
            There is no such alpha.
        """
        fitted = copy.copy(self._template)
        fitted.alpha = layer_alphas(fitted, self.alphas[index])
        fitted.coefs_, fitted.intercepts_ = self.coefs[index], self.intercepts[index]
        fitted.loss_, fitted.objective_ = float(self.loss[index]), float(self.objective[index])
        fitted.stationarity_ = float(self.stationarity[index])
        return fitted


@with_callbacks
def trace(estimator: SingleT, walk: Walk, grid: Grid) -> RegularizationPath[SingleT]:
    """`RegularizationPath` of a validated estimator, ready to walk along a grid."""
    points = []
    for alpha in walk.follow(grid, certify=True):
        score = None if walk.score is None else walk.score(walk.theta)
        points.append((alpha, walk.attributes(), score))
        if estimator.verbose:
            _report(points[-1], len(points), grid.n_planned)
    estimator.__dict__.update(points[-1][1])
    return _collect(points, estimator)


def _collect(points: list[tuple[Any, ...]], template: SingleT) -> RegularizationPath[SingleT]:
    alphas, networks, scores = zip(*points)
    coefs = [network["coefs_"] for network in networks]
    return RegularizationPath(
        np.array(alphas),
        coefs,
        [network["intercepts_"] for network in networks],
        np.array([network["objective_"] for network in networks]),
        np.array([network["loss_"] for network in networks]),
        np.array([network["stationarity_"] for network in networks]),
        np.array([sum(np.count_nonzero(W) for W in layers) for layers in coefs]),
        np.array([selected_inputs(layers) for layers in coefs]),
        None if scores[0] is None else np.array(scores),
        getattr(template, "feature_names_in_", None),
        template,
    )


def _report(point: tuple[Any, ...], done: int, n_alphas: int) -> None:
    """Print one line for the network at one alpha."""
    alpha, network, score = point
    label = f"alpha {done:>{len(str(n_alphas))}}/{n_alphas} {alpha:9.3e}"
    print_line(label, network, score)


def regularization_path(
    estimator: SingleT,
    X: Rows,
    y: ArrayLike,
    *,
    alphas: int | Numbers = 100,
    eps: float = 1e-3,
    sample_weight: ArrayLike | None = None,
    X_val: Rows | None = None,
    y_val: ArrayLike | None = None,
    sample_weight_val: ArrayLike | None = None,
) -> RegularizationPath[SingleT]:
    """Follow a network from dense to empty while the strength of its penalty rises.

    The network is trained at the smallest alpha and warm-started upwards: from zero weights no
    solver moves a network with hidden layers, and what survives the rising penalty is what matters.
    Solver "lbfgs" brings every network to ``tol`` within ``max_iter`` iterations. "adam" and "sgd"
    spread ``max_iter`` epochs (or 2000 steps, if that is more) evenly over the alphas, and begin
    with a third as many at the first one; their rate falls from ``learning_rate_init`` to a tenth
    of it at each alpha, and ``batch_size="auto"`` is a tenth of the rows, but 32 at least and 200
    at most. Their networks are near a stationary point, not at one, as ``stationarity`` says; a
    rate of 0.01 suits a path better than the default of the estimators.

    Parameters
    ----------
    estimator : RegularizedMLPClassifier or RegularizedMLPRegressor
        Its parameters; it is not changed, and its ``alpha`` is not used, except that several, one
        per layer, keep their ratios. ``early_stopping`` and ``warm_start`` do not apply.
    X : array-like or CSR matrix of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
    alphas : int or array-like of shape (n_alphas,), default=100
        How many alphas, on a geometric grid up to `alpha_max`, or the alphas themselves.
    eps : float, default=1e-3
        First alpha of that grid, as a share of the `alpha_max` of the convex penalty with the same
        slope at zero (which, for all but the concave penalties, is `alpha_max`).
    sample_weight : array-like of shape (n_samples,), optional
    X_val, y_val, sample_weight_val : array-like, optional
        Validation data, scored at each alpha as the estimator's ``scoring`` says.

    Returns
    -------
    RegularizationPath

    Raises
    ------
    TypeError
        `estimator` is of another class.
    ValueError
        A parameter or the data is outside its range, no grid is known for the penalty, or the loss
        stopped being finite.

    Warns
    -----
    ConvergenceWarning
        Solver "lbfgs" did not reach ``tol`` at some alphas.

    See Also
    --------
    RegularizedMLPClassifierCV, RegularizedMLPRegressorCV : Choose alpha by cross-validation.

    References
    ----------
    Friedman, Hastie and Tibshirani (2010), Regularization paths for generalized linear models via
    coordinate descent; Lemhadri, Ruan, Abraham and Tibshirani (2021), LassoNet: a neural network
    with feature sparsity, for paths from dense to sparse.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skreg_mlp import RegularizedMLPRegressor, regularization_path
    >>> X, y = load_diabetes(return_X_y=True)
    >>> X, y = StandardScaler().fit_transform(X), (y - y.mean()) / y.std()
    >>> mlp = RegularizedMLPRegressor(
    ...     (10,), penalty="group_log_sum", learning_rate_init=0.01, random_state=0
    ... )
    >>> path = regularization_path(mlp, X, y)
    >>> int(path.n_nonzero[0]), int(path.n_nonzero[-1])
    (110, 0)
    >>> path.estimator(path.first_within(3)).n_selected_features_ <= 3
    True
    """
    check_single(estimator)
    estimator = clone(estimator).set_params(early_stopping=False, warm_start=False)
    _validation.check_parameters(estimator)
    _validation.check_values(alphas=alphas, eps=eps)
    X, y, sample_weight = estimator._read(X, y, sample_weight, reset=True)
    _validation.warn_if_unscaled(X)
    given = estimator._read_validation(X_val, y_val, sample_weight_val)
    walk = Walk(estimator, X, y, sample_weight, given=given)
    path = trace(estimator, walk, alpha_grid(estimator, walk.problem, alphas, eps))
    warn_if_unfinished(walk, path)
    return path


def warn_if_unfinished(walk: Walk, path: RegularizationPath[Any]) -> None:
    """Warn where lbfgs, which certifies its answers, left alphas above its tolerance."""
    estimator, above = walk.estimator, path.stationarity > walk.estimator.tol
    if above.any() and solver_name(estimator, walk.problem) == "lbfgs":
        warnings.warn(
            f"{above.sum()} of {len(path)} alphas ended with a stationarity of up to "
            f"{path.stationarity.max():.2g}, above tol={estimator.tol:g}: raise max_iter or tol, "
            "or scale the data.",
            ConvergenceWarning,
            stacklevel=3,
        )
