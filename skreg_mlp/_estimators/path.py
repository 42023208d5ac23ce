"""The regularization path: one network followed from dense to empty while alpha rises."""

from __future__ import annotations

import copy
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skreg_mlp._estimators.cox import RegularizedMLPCox
from skreg_mlp._estimators.door import enter
from skreg_mlp._estimators.single import RegularizedMLPClassifier, RegularizedMLPRegressor
from skreg_mlp._estimators.training import (
    DIVERGED,
    explained,
    generator,
    task_data,
)
from skreg_mlp._objective.network import selected_inputs
from skreg_mlp._solvers.result import NonFiniteError
from skreg_mlp._training.entry import fitted_weights, of_features
from skreg_mlp._training.grid import alpha_grid, grid_ends
from skreg_mlp._training.progress import Tasks, print_line, with_callbacks
from skreg_mlp._training.screen import candidates
from skreg_mlp._training.settings import relative
from skreg_mlp._training.walk import Walk
from skreg_mlp._validation import check_values

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from numpy.typing import ArrayLike

    from skreg_mlp._objective.targets import Targets
    from skreg_mlp._training.entry import Entry
    from skreg_mlp._training.grid import Grid
    from skreg_mlp._typing import Array, Floats, Ints, Mask, Numbers, Rows

Single: TypeAlias = RegularizedMLPClassifier | RegularizedMLPRegressor | RegularizedMLPCox
SingleT = TypeVar("SingleT", bound=Single)


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
        Penalized and plain mean training loss, and the largest entry of the least-norm subgradient.
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
    _baselines: list[Floats | None]
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

    def to_estimator(self, index: int) -> SingleT:
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
        fitted.alpha = layer_alphas(fitted.alpha, float(self.alphas[index]))
        fitted.coefs_, fitted.intercepts_ = self.coefs[index], self.intercepts[index]
        fitted.loss_, fitted.objective_ = float(self.loss[index]), float(self.objective[index])
        fitted.stationarity_ = float(self.stationarity[index])
        if self._baselines[index] is not None:
            fitted.cum_baseline_hazard_ = self._baselines[index]
        return fitted


def layer_alphas(given: Any, alpha: float) -> float | list[float]:
    """`alpha` for every layer; where an estimator has one each, those scaled to that largest."""
    return alpha if np.ndim(given) == 0 else (alpha * relative(given)).tolist()


# --------------------------------------------------------------------------------------------
# Following a network, with what an estimator tells on the way
# --------------------------------------------------------------------------------------------
def new_walk(estimator: Single, entry: Entry, rows: Ints | None = None) -> tuple[Entry, Walk]:
    """A network of `estimator` at its start, to be trained on `rows` of the entry (None: all).

    And the entry of what it reads: of a wide table the candidates.
    """
    targets, rng = entry.targets(rows), generator(estimator.random_state)
    with explaining(estimator, entry):
        inputs = candidates(entry, targets, rows)
    entry = entry if inputs is None else entry.of_inputs(inputs)
    problem = entry.problem(targets, rows)
    wide = len(np.unique(entry.sources)) > problem.n_rows
    return entry, Walk(entry.settings, problem, targets, rng, guarded=wide)


def new_path(
    estimator: Single, entry: Entry, alphas: int | Numbers, eps: float
) -> tuple[Entry, Walk, Grid]:
    """What `new_walk` gives on all rows, and the grid that the network is to follow."""
    entry, walk = new_walk(estimator, entry)
    with explaining(estimator, entry):
        return entry, walk, alpha_grid(entry.settings, walk.problem, alphas, eps)


@contextmanager
def explaining(estimator: Single, entry: Entry) -> Iterator[None]:
    """Tell what a user can do where numbers stop being finite."""
    try:
        yield
    except NonFiniteError as error:
        raise explained(error, estimator, entry) from None


def fitted_point(entry: Entry, walk: Walk) -> dict[str, Any]:
    """Fitted attributes of the network at the present alpha, with copies of its weights."""
    figures = dict(zip(("loss_", "objective_", "stationarity_"), walk.figures))
    weights = fitted_weights(entry, walk.problem, walk.targets, walk.theta)
    return dict(weights, solver_=walk.solver_name, **figures)


def follow(
    estimator: Single, entry: Entry, walk: Walk, grid: Grid, *, certify: bool
) -> Iterator[float]:
    """Let a walk follow a grid: see `Walk.follow`. Callbacks see one task for each alpha."""
    context = estimator._init_callback_context(max_subtasks=len(grid.alphas))
    told = dict(estimator=estimator, **task_data(*entry.rows))
    context.call_on_fit_task_begin(**told)
    tasks = Tasks(context, name="alpha", **told)
    attributes = partial(fitted_point, entry, walk)
    with explaining(estimator, entry):
        yield from walk.follow(grid, certify=certify, tasks=tasks, attributes=attributes)
    context.call_on_fit_task_end(**told, reconstruction_attributes={})


@with_callbacks
def trace(estimator: SingleT, entry: Entry, walk: Walk, grid: Grid) -> RegularizationPath[SingleT]:
    """The whole path of `estimator`, which becomes its template."""
    points = []
    score_theta = entry.score(walk.problem, walk.targets)
    with walk.threads():
        for alpha in follow(estimator, entry, walk, grid, certify=True):
            score = None if score_theta is None else score_theta(walk.theta)
            points.append((alpha, fitted_point(entry, walk), score))
            if estimator.verbose:
                _report(points[-1], len(points), grid.n_planned)
    estimator.__dict__.update(points[-1][1])
    if walk.targets.scale is not None:
        estimator._units = walk.targets.units  # partial_fit goes on in them
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
        np.array([_selected(template, layers) for layers in coefs]),
        None if scores[0] is None else np.array(scores),
        getattr(template, "feature_names_in_", None),
        [network.get("cum_baseline_hazard_") for network in networks],
        template,
    )


def _selected(template: Single, layers: list[Floats]) -> Mask:
    """Mask of the features that one network of a path reads."""
    return of_features(selected_inputs(layers), template._features(), template.n_features_in_)


def joined(
    below: RegularizationPath[SingleT], above: RegularizationPath[SingleT]
) -> RegularizationPath[SingleT]:
    """One path of two, the first of which was followed downwards from the start of the other."""
    parts: dict[str, Any] = {}
    for field in fields(above):
        low, high = getattr(below, field.name), getattr(above, field.name)
        if isinstance(high, list):
            parts[field.name] = [*reversed(low), *high]
        elif field.name not in ("feature_names", "_template") and high is not None:
            parts[field.name] = np.concatenate([low[::-1], high])
    return replace(above, **parts)


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
    at most. Once less than a third of the network is left, ten iterations of L-BFGS on all rows
    follow at each alpha, for penalties that lbfgs takes. Their networks are near a stationary
    point, not at one, as ``stationarity`` says; a rate of 0.01 suits a path better than the default
    of the estimators.

    On a table with more columns than rows, a network that fits all rows is unstable. An alpha whose
    epochs raised the objective by more than a tenth is then done again at half the rate, which
    stays. The number of weights may rise from one alpha to the next, as that of a lasso may: a zero
    is stationary at one alpha and not at another, and a few epochs leave weights on their way.

    A table is wide if the network would have more than 50 inputs for each row. A network with
    hidden layers then begins with candidates, two inputs a row or ten features: those that a model
    without hidden layers, additive in what an encoder makes of the columns, takes in first while
    the strength of a concave group penalty falls. It looks at all columns once at each alpha. Path
    and certificate are those of a network that reads nothing else; ``coefs`` have a row for each
    input that is a candidate. What acts in combination alone, such as the two columns of an XOR,
    may be missed.

    Parameters
    ----------
    estimator : RegularizedMLPClassifier or RegularizedMLPRegressor
        Its parameters; it is not changed, and its ``alpha`` is not used, except that several, one
        per layer, keep their ratios. ``early_stopping`` and ``warm_start`` do not apply.
    X : array-like, CSR matrix or Dask collection of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
    alphas : int or array-like of shape (n_alphas,), default=100
        How many alphas, on a geometric grid up to `alpha_max`, or the alphas themselves. The CV
        estimators take 50: scores change slowly from one alpha to the next, while a path is to show
        at which alpha a feature leaves.
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
        Solver "lbfgs" did not reach ``tol`` at some alphas, a network diverged, or weights are left
        at the last alpha of a grid that was to leave none.

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
    >>> X = StandardScaler().fit_transform(X)
    >>> mlp = RegularizedMLPRegressor(
    ...     (10,), penalty="group_log_sum", learning_rate_init=0.01, random_state=0
    ... )
    >>> path = regularization_path(mlp, X, y)
    >>> int(path.n_nonzero[0]), int(path.n_nonzero[-1])
    (110, 0)
    >>> path.to_estimator(path.first_within(3)).n_selected_features_ <= 3
    True
    """
    check_single(estimator)
    check_values(alphas=alphas, eps=eps)
    estimator = clone(estimator).set_params(early_stopping=False, warm_start=False)
    entry = enter(estimator, X, y, sample_weight, (X_val, y_val, sample_weight_val))
    path, targets = follow_all(estimator, entry, alphas, eps)
    warn_if_unfinished(path, targets, alphas)
    return path


def follow_all(
    estimator: SingleT, entry: Entry, alphas: int | Numbers, eps: float
) -> tuple[RegularizationPath[SingleT], Targets]:
    """The whole path of `estimator`, which becomes its template, and the targets."""
    entry, walk, grid = new_path(estimator, entry, alphas, eps)
    return trace(estimator, entry, walk, grid), walk.targets


def alpha_max(
    estimator: Single, X: Rows, y: ArrayLike, sample_weight: ArrayLike | None = None
) -> float:
    """Strength of the penalty above which nothing is left: the top of the grid of a path.

    Without hidden layers it is the classical one: the least alpha at which the model with every
    weight at zero is optimal. Just below it the first weight (or group) is non-zero.

    With hidden layers the zero network is a local minimum at *any* alpha > 0 of a sparse penalty.
    What is returned is an alpha above which it is the *global* minimum; a warm-started path is
    usually empty at half of it. With D weight matrices under l1, activations of slope at most 1, L0
    the loss of the null model and q the largest over inputs j and outputs c of mean_i
    abs(delta_ic) abs(x_ij - mean_j) (mean_j is 0 for CSR matrices, which makes the bound larger),
    delta being the gradient of the loss at the null model, it is
    L0^(1 - 1/D) q^(1/D) / D: layers of norm1 p_l lower the loss by q p_1 ... p_D at most, and by no
    more than L0, at the cost alpha (p_1 + ... + p_D). Group penalties divide q by the square roots
    of the widths, "elasticnet" by l1_ratio^D; a concave penalty needs more, as far as its slope
    falls.

    Parameters
    ----------
    estimator : RegularizedMLPClassifier or RegularizedMLPRegressor
        Where its ``alpha`` is a list, one per layer, the ratios are kept and the result is the
        largest of them. "l2" zeros nothing: it gets the value of "l1".
    X : array-like, CSR matrix or Dask collection of shape (n_samples, n_features)
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
    sample_weight : array-like of shape (n_samples,), optional

    Returns
    -------
    float
        In the units of ``alpha``, under the ``alpha_scaling`` of the estimator.

    Raises
    ------
    TypeError
        `estimator` is of another class.
    ValueError
        A parameter or the data is outside its range, a layer is unpenalized, or the penalty is one
        of your own without ``least_cost``.

    References
    ----------
    Friedman, Hastie and Tibshirani (2010), Regularization paths for generalized linear models via
    coordinate descent.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skreg_mlp import RegularizedMLPRegressor, alpha_max
    >>> X, y = load_diabetes(return_X_y=True, scaled=True)
    >>> alpha = alpha_max(RegularizedMLPRegressor((), penalty="l1"), X, y)
    >>> round(alpha, 4)
    0.0279
    >>> RegularizedMLPRegressor((), penalty="l1", alpha=alpha).fit(X, y).n_nonzero_
    0
    """
    check_single(estimator)
    estimator = clone(estimator)
    entry = enter(estimator, X, y, sample_weight)
    return float(grid_ends(entry.settings, entry.problem(entry.targets()))[1])


def check_single(estimator: object) -> None:
    """Raise TypeError unless `estimator` is one of those that take a single alpha."""
    if not isinstance(estimator, Single):
        raise TypeError(
            "estimator must be a RegularizedMLPClassifier, RegularizedMLPRegressor or "
            f"RegularizedMLPCox; got {type(estimator).__name__}. Apply the other steps of a "
            "pipeline to X first."
        )


def n_searched(alphas: int | Numbers) -> int:
    """How many alphas are to be found: 0 where they are given; one is that which leaves nothing."""
    return 0 if np.ndim(alphas) or alphas == 1 else int(alphas)  # type: ignore[arg-type]


def warn_if_unfinished(
    path: RegularizationPath[Any], targets: Targets, alphas: int | Numbers
) -> None:
    """Warn where lbfgs, which certifies its answers, left alphas above its tolerance.

    And where a grid that was to be found, from `alphas`, holds nothing or empties nothing, or where
    networks are far worse than a constant.
    """
    template, n_alphas = path._template, n_searched(alphas)
    above = path.stationarity > template.tol
    if above.any() and template.solver_ == "lbfgs":
        warnings.warn(
            f"{above.sum()} of {len(path)} alphas ended with a stationarity of up to "
            f"{path.stationarity.max():.2g}, above tol={template.tol:g}: raise max_iter or tol, "
            "or scale the data.",
            ConvergenceWarning,
            stacklevel=3,
        )
    if n_alphas and not path.n_nonzero[0] and targets.null_loss > 0:
        warnings.warn(
            f"The network is empty from the first alpha on, {path.alphas[0]:.3g}: X does not tell "
            "y, or the network was not trained. Lower eps or alphas, scale X, raise max_iter or "
            "learning_rate_init.",
            UserWarning,
            stacklevel=3,
        )
    # of a sparse penalty: the grid of another has no continuation, which is as long again
    if n_alphas and path.n_nonzero[-1] and len(path) == 2 * n_alphas:
        warnings.warn(
            f"{path.n_nonzero[-1]} weights are left at the last alpha, {path.alphas[-1]:.3g}: the "
            "networks were trained too little to follow alpha, or large weights cost nothing more "
            "(mcp, scad). Raise learning_rate_init or max_iter, center and scale X, or give alphas "
            "as an array.",
            ConvergenceWarning,
            stacklevel=3,
        )
    lost = path.loss > DIVERGED * targets.null_loss
    if targets.null_loss > 0 and lost.any():
        warnings.warn(
            f"{lost.sum()} of {len(path)} networks diverged: their loss, up to "
            f"{path.loss.max():.3g}, is more than {DIVERGED:g} times that of a constant "
            f"prediction, {targets.null_loss:.3g}. Lower learning_rate_init="
            f"{template.learning_rate_init!r} or scale X.",
            ConvergenceWarning,
            stacklevel=3,
        )
