"""The regularisation path: one network followed from dense to empty while alpha rises."""

import copy
import warnings
from dataclasses import dataclass
from itertools import chain, repeat
from math import ceil

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from skreg_mlp import _validation
from skreg_mlp._alphas import alpha_grid
from skreg_mlp._base import fitted_weights
from skreg_mlp._callbacks import Tasks, print_line, with_callbacks
from skreg_mlp._network import selected_inputs
from skreg_mlp._setup import batch_rows, build_penalties, solver_name
from skreg_mlp._solvers import _lbfgs
from skreg_mlp._solvers._result import History, NonFiniteError

MIN_STEPS = 1000  # of a stochastic solver along a path, however few the rows
DENSE_SHARE = 0.3  # of them: how many more at the first alpha, where training starts


@dataclass(frozen=True)
class RegularizationPath:
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
    """

    alphas: np.ndarray
    coefs: list
    intercepts: list
    objective: np.ndarray
    loss: np.ndarray
    stationarity: np.ndarray
    n_nonzero: np.ndarray
    selected_features: np.ndarray
    validation_scores: np.ndarray | None
    _template: object

    def __len__(self):
        return len(self.alphas)

    def estimator(self, index):
        """The network at ``alphas[index]``, as a fitted estimator.

        Parameters
        ----------
        index : int

        Returns
        -------
        RegularizedMLPClassifier or RegularizedMLPRegressor
        """
        fitted = copy.copy(self._template)
        fitted.alpha = layer_alphas(fitted, self.alphas[index])
        fitted.coefs_, fitted.intercepts_ = self.coefs[index], self.intercepts[index]
        fitted.loss_, fitted.objective_ = float(self.loss[index]), float(self.objective[index])
        fitted.stationarity_ = float(self.stationarity[index])
        return fitted


def layer_alphas(estimator, alpha):
    """`alpha` for every layer; where the estimator has one each, these scaled to that largest."""
    if np.ndim(estimator.alpha) == 0:
        return float(alpha)
    ratios = np.asarray(estimator.alpha, dtype=np.float64)
    return (alpha * ratios / ratios.max()).tolist()


# --------------------------------------------------------------------------------------------
# Following a path
# --------------------------------------------------------------------------------------------
class Walk:
    """A network that is being followed along a grid of alphas.

    ``theta`` is the network at the present alpha; ``certificate`` its mean loss, objective and
    stationarity; ``score`` scores it on validation data (None: there are none), which are those
    `given` or the second of the two arrays of rows in `split`.
    """

    def __init__(self, estimator, X, y, sample_weight, *, given=None, split=None):
        self.estimator, self.X, self.y, self.rng = estimator, X, y, estimator._rng()
        self.problem, self.targets, self.score = estimator._prepare(
            X, y, sample_weight, given, self.rng, split
        )
        self.theta = estimator._start(self.problem, self.targets, self.rng, warm=False)
        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        self.told = dict(estimator=estimator, X=X, y=y, metadata=metadata)
        self.done = False

    def follow(self, grid, *, certify):
        """Train at one alpha after another; yields each, and ends after the first empty network.

        Whoever follows may set ``done`` to end it with the present alpha.

        `certify` drops what only the noise of batches keeps alive and computes the certificate
        after each alpha, at the cost of three passes over the data.
        """
        problem, theta, estimator = self.problem, self.theta, self.estimator
        train = _trainer(estimator, problem, theta, grid.n_planned, self.rng, settle=certify)
        context = estimator._init_callback_context(max_subtasks=len(grid.alphas))
        context.call_on_fit_task_begin(**self.told)
        tasks = Tasks(context, name="alpha", **self.told)
        try:
            for self.alpha in grid.alphas:
                tasks.begin()
                strengths = layer_alphas(estimator, self.alpha)
                problem.set_penalties(build_penalties(estimator, problem, strengths))
                with np.errstate(all="ignore"):  # non-finite values are caught as such
                    train()
                    if problem.sparse:
                        problem.network.compact(theta)
                    self.certificate = problem.certificate(theta) if certify else (0.0,) * 3
                if not np.isfinite(self.certificate[1]):
                    raise NonFiniteError(0)
                yield self.alpha
                empty = not self.theta[: problem.network.n_weights].any()
                if tasks.end(self.attributes) or empty or self.done:
                    break
        except NonFiniteError as error:
            raise ValueError(estimator._explain(error, self.X, self.y)) from None
        context.call_on_fit_task_end(**self.told, reconstruction_attributes={})

    def attributes(self):
        """Fitted attributes of the network at the present alpha, with copies of its weights."""
        figures = dict(zip(("loss_", "objective_", "stationarity_"), self.certificate))
        return fitted_weights(self.problem.network, self.targets, self.theta) | figures


def _trainer(estimator, problem, theta, n_alphas, rng, settle):
    """A function that trains `theta` at the problem's present alpha, keeping the solver's state."""
    name = solver_name(estimator, problem)
    if name == "lbfgs":
        limits = dict(tol=estimator.tol, max_iter=estimator.max_iter, max_fun=estimator.max_fun)

        def solve():
            if _lbfgs.minimize(problem, theta, History(), **limits).interrupted:
                raise KeyboardInterrupt

        return solve
    rate, shuffle = estimator.learning_rate_init, rng if estimator.shuffle else None
    trainer = estimator._trainer(name, problem, theta, continued=False)
    in_all = n_epochs(estimator, problem.n_rows)
    plan = chain([ceil(in_all * (DENSE_SHARE + 1 / n_alphas))], repeat(ceil(in_all / n_alphas)))

    def train():
        for epoch in range(next(plan)):
            if not np.isfinite(trainer.epoch(lambda time: rate, rng=shuffle)):
                raise NonFiniteError(epoch + 1)
        if settle and problem.sparse:
            trainer.settle(rate)

    return train


def n_epochs(estimator, n_rows):
    """Epochs of a stochastic solver along a whole path, the first alpha's start not counted."""
    return max(estimator.max_iter, ceil(MIN_STEPS / ceil(n_rows / batch_rows(estimator, n_rows))))


@with_callbacks
def trace(estimator, walk, grid):
    """`RegularizationPath` of a validated estimator, ready to walk along a grid."""
    points = []
    for alpha in walk.follow(grid, certify=True):
        score = None if walk.score is None else walk.score(walk.theta)
        points.append((alpha, walk.attributes(), score))
        if estimator.verbose:
            _report(points[-1], len(points), grid.n_planned)
    vars(estimator).update(points[-1][1])
    return _collect(points, estimator)


def _collect(points, template):
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
        template,
    )


def _report(point, done, n_alphas):
    """Print one line for the network at one alpha."""
    alpha, network, score = point
    label = f"alpha {done:>{len(str(n_alphas))}}/{n_alphas} {alpha:9.3e}"
    print_line(label, network, score)


def regularization_path(
    estimator,
    X,
    y,
    *,
    alphas=100,
    eps=1e-3,
    sample_weight=None,
    X_val=None,
    y_val=None,
    sample_weight_val=None,
):
    """Follow a network from dense to empty while the strength of its penalty rises.

    The network is trained at the smallest alpha and warm-started upwards: from zero weights no
    solver moves a network with hidden layers, and what survives the rising penalty is what matters.
    Solver "lbfgs" brings every network to ``tol`` within ``max_iter`` iterations; "adam" and "sgd"
    keep their rate at ``learning_rate_init`` and spread ``max_iter`` epochs (or 1000 steps, if that
    is more) evenly over the alphas, after a third as many at the first one.

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
    >>> first_with_three = path.selected_features.sum(axis=1).tolist().index(3)
    >>> path.estimator(first_with_three).n_selected_features_
    3
    """
    estimator = clone(estimator).set_params(early_stopping=False, warm_start=False)
    _validation.check_parameters(estimator)
    _validation.check_values(alphas=alphas, eps=eps)
    X, y, sample_weight = estimator._read(X, y, sample_weight, reset=True)
    _validation.warn_if_unscaled(X)
    given = estimator._read_validation(X_val, y_val, sample_weight_val)
    walk = Walk(estimator, X, y, sample_weight, given=given)
    path = trace(estimator, walk, alpha_grid(estimator, walk.problem, alphas, eps))
    warn_if_unfinished(estimator, path)
    return path


def warn_if_unfinished(estimator, path):
    """Warn where a certified solver left alphas above its tolerance."""
    certified = estimator.solver == "lbfgs" or (
        estimator.solver == "auto" and len(path.coefs[0]) == 1
    )
    above = path.stationarity > estimator.tol
    if certified and above.any():
        warnings.warn(
            f"{above.sum()} of {len(path)} alphas ended with a stationarity of up to "
            f"{path.stationarity.max():.2g}, above tol={estimator.tol:g}: raise max_iter or tol, "
            "or scale the data.",
            ConvergenceWarning,
            stacklevel=3,
        )
