"""Estimators that choose the strength of their penalty by cross-validation."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from math import ceil
from time import perf_counter
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from scipy.stats import rankdata
from sklearn import get_config
from sklearn.model_selection import check_cv
from sklearn.utils import check_random_state
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.parallel import Parallel, delayed

from skreg_mlp import _validation
from skreg_mlp._alphas import alpha_grid, layer_alphas
from skreg_mlp._base import BaseRegularizedMLP, fitted_attributes, restored_on_error
from skreg_mlp._callbacks import with_callbacks
from skreg_mlp._estimators import RegularizedMLPClassifier, RegularizedMLPRegressor
from skreg_mlp._path import trace, warn_if_unfinished
from skreg_mlp._setup import build_penalties, solver_name
from skreg_mlp._solvers._result import History
from skreg_mlp._tasks import MLPClassification, MLPRegression
from skreg_mlp._walk import Walk, n_epochs
from skreg_mlp.penalties import L2, Terms

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from numpy.typing import ArrayLike
    from typing_extensions import Self

    from skreg_mlp._alphas import Grid
    from skreg_mlp._estimators import Single, SingleT
    from skreg_mlp._path import RegularizationPath
    from skreg_mlp._typing import CrossValidator, Floats, Ints, Mask, Numbers, Rows, Scorer
    from skreg_mlp.penalties import Penalty

FINAL_SHARE = 0.1  # of the epochs of the path: small steps at the chosen alpha


@dataclass(frozen=True)
class OnSupport(L2):
    """alpha / 2 sum w^2 over the weights in `support`, the others held at zero."""

    alpha: float | Floats = 1.0  # type: ignore[assignment]
    support: Mask | bool = True
    smooth: ClassVar[bool] = False
    elementwise: ClassVar[bool] = False

    def value(self, W: Floats) -> float:
        # in float64: a strength may be beyond float32
        return 0.5 * float(np.sum(self.alpha * np.square(W, dtype=np.float64)))

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        return np.where(self.support, super().prox(V, step), 0)

    def subgradient(self, W: Floats, gradient: Floats) -> Floats:
        return np.where(self.support, super().subgradient(W, gradient), 0)

    def terms(self, shape: tuple[int, int]) -> Terms:
        # held by a slope that dwarfs every gradient
        slope = np.sqrt(np.finfo(np.float64).max)
        return Terms(l1=np.where(self.support, 0.0, slope), l2=self.alpha)


# --------------------------------------------------------------------------------------------
# One task for each fold, and one for all rows
# --------------------------------------------------------------------------------------------
def run_subtask(task: Callable[..., Any], estimator: Single, context: Any, *args: Any) -> Any:
    """Run `task(estimator, *args)` as a subtask of the fit that `context` belongs to."""
    with context.propagate_callback_context(estimator):
        context.call_on_fit_task_begin(estimator=estimator)
        result = task(estimator, *args)
        context.call_on_fit_task_end(estimator=estimator)
    return result


def _all_rows(
    estimator: SingleT, X: Any, y: Any, sample_weight: Floats | None, grid: Grid
) -> RegularizationPath[SingleT]:
    return trace(estimator, Walk(estimator, X, y, sample_weight), grid)


@with_callbacks
def _one_fold(
    estimator: Single,
    X: Any,
    y: Any,
    sample_weight: Floats | None,
    grid: Grid,
    split: tuple[Ints, Ints],
) -> Floats:
    """Score, seconds of fitting and of scoring at each alpha: an array (n_visited, 3)."""
    walk, figures = Walk(estimator, X, y, sample_weight, split=split), []
    start = perf_counter()
    for _ in walk.follow(grid, certify=False):
        trained = perf_counter()
        score = walk.score(walk.theta)
        scored = perf_counter()
        figures.append((score, trained - start, scored - trained))
        start = scored
    return np.array(figures)


def _aligned(figures: Floats, n_alphas: int) -> Floats:
    """Rows for exactly `n_alphas`: a network that is empty stays so, at no cost."""
    missing = max(n_alphas - len(figures), 0)
    rest = np.repeat(figures[-1:] * (1, 0, 0), missing, axis=0)
    return np.concatenate([figures, rest])[:n_alphas]


def _cv_results(alphas: Floats, figures: Floats) -> dict[str, Any]:
    """``cv_results_`` in scikit-learn's layout, from figures (n_splits, n_alphas, 3)."""
    scores, fit_times, score_times = np.moveaxis(figures, -1, 0)
    results: dict[str, Any] = {"params": [{"alpha": float(alpha)} for alpha in alphas]}
    results["param_alpha"] = np.ma.array(alphas, mask=False)
    for name, values in (("fit_time", fit_times), ("score_time", score_times)):
        results[f"mean_{name}"], results[f"std_{name}"] = values.mean(axis=0), values.std(axis=0)
    for k, values in enumerate(scores):
        results[f"split{k}_test_score"] = values
    mean = results["mean_test_score"] = scores.mean(axis=0)
    results["std_test_score"] = scores.std(axis=0)
    results["rank_test_score"] = rankdata(-mean, method="min").astype(np.int32)
    return results


def standard_errors(results: Mapping[str, Any], n_splits: int) -> Floats:
    """Standard errors of the mean scores: std / sqrt(n_splits - 1), 0 for a single split."""
    return results["std_test_score"] / np.sqrt(max(n_splits - 1, 1))


def _select(results: Mapping[str, Any], n_splits: int) -> tuple[int, int]:
    """Indices of the best alpha, the largest of equals, and of the largest within one error."""
    mean = results["mean_test_score"]
    best = len(mean) - 1 - int(np.argmax(mean[::-1]))
    error = standard_errors(results, n_splits)[best]
    return best, int(np.flatnonzero(mean >= mean[best] - error)[-1])


class _AlphaByCV(BaseRegularizedMLP):
    """What the two estimators share: a path for each fold, a path for all rows, a choice."""

    _estimator: ClassVar[type[Single]]
    alpha_: float
    alpha_min_: float
    alpha_1se_: float
    alphas_: Floats
    cv_results_: dict[str, Any]
    best_index_: int
    best_score_: float
    n_splits_: int
    n_nonzero_path_: Ints

    def fit(  # type: ignore[override]
        self, X: Rows, y: ArrayLike, sample_weight: ArrayLike | None = None, **params: Any
    ) -> Self:
        """Choose alpha by cross-validation and fit the network on all rows.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights of the rows, in training and in scores.
        **params : dict
            Parameters of the splitter, such as ``groups``: under
            ``enable_metadata_routing=True`` those requested from `cv`, otherwise only ``groups``.

        Returns
        -------
        Self
            The fitted estimator.

        Raises
        ------
        ValueError
            A parameter or the data is outside its range, or the loss stopped being finite; the
            estimator is then left as it was.
        TypeError
            `params` holds something else than ``groups``, without metadata routing.

        Warns
        -----
        ConvergenceWarning
            Solver "lbfgs" did not reach ``tol`` at some alphas.
        UserWarning
            The columns of X differ in scale, or every weight is zero at the alpha chosen.
        """
        _validation.check_parameters(self)
        with restored_on_error(self):
            X, y, sample_weight = self._read(X, y, sample_weight, reset=True)
            _validation.warn_if_unscaled(X)
            splits = self._splits(X, y, params)
            walk = self._choose(X, y, sample_weight, splits)
            warn_if_unfinished(walk, self.path_)
            self._warn_if_empty_choice()
        return self

    def _warn_if_empty_choice(self) -> None:
        remedy = "selection='min' or " if self.selection == "1se" else ""
        self._warn_if_empty(
            f"the folds chose alpha_={self.alpha_:.3g} with penalty={self.penalty!r}, which leaves "
            f"the null model. Try {remedy}another penalty, and scale X and y; or X does not tell y."
        )

    def _splits(self, X: Any, y: Any, params: dict[str, Any]) -> list[tuple[Ints, Ints]]:
        if get_config()["enable_metadata_routing"]:
            params = process_routing(self, "fit", **params).splitter.split
        elif unknown := sorted(set(params) - {"groups"}):
            raise TypeError(
                f"fit() got unexpected arguments {unknown}: pass groups, or enable metadata "
                "routing with sklearn.set_config(enable_metadata_routing=True)."
            )
        cv = check_cv(self.cv, y, classifier=hasattr(self, "class_weight"))
        return list(cv.split(X, y, **params))

    def _single(self, seed: int) -> Single:
        """The estimator of one alpha with these parameters, as if it had seen this data."""
        single = self._estimator()
        names = single.get_params(deep=False)
        given = self.get_params(deep=False).items()
        single.set_params(**{name: value for name, value in given if name in names})
        single.set_params(random_state=seed)
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self, name):
                setattr(single, name, getattr(self, name))
        return single

    @with_callbacks
    def _choose(
        self, X: Any, y: Any, sample_weight: Floats | None, splits: Sequence[tuple[Ints, Ints]]
    ) -> Walk:
        """Follow all paths, choose, and finish there; returns the walk on all rows."""
        rng = check_random_state(self.random_state)
        seeds = rng.randint(2**31 - 1, size=len(splits) + 1).tolist()
        context = self._init_callback_context(max_subtasks=len(seeds))
        told = dict(estimator=self, X=X, y=y)
        context.call_on_fit_task_begin(**told)
        contexts = [context.subcontext(task_name="path") for _ in seeds]
        walk = Walk(self._single(seeds[-1]), X, y, sample_weight)
        grid = alpha_grid(walk.estimator, walk.problem, self.alphas, self.eps)
        rows = X, y, sample_weight, grid
        # the path on all rows is the longest task: it goes first
        tasks = [delayed(run_subtask)(_all_rows, walk.estimator, contexts[-1], *rows)]
        for seed, task_context, split in zip(seeds, contexts, splits):
            single = self._single(seed).set_params(verbose=0)
            tasks.append(delayed(run_subtask)(_one_fold, single, task_context, *rows, split))
        self.path_, *folds = Parallel(n_jobs=self.n_jobs, verbose=11 if self.verbose else 0)(tasks)
        figures = np.stack([_aligned(fold, len(self.path_)) for fold in folds])
        self._report_choice(figures)
        self._finish(walk)
        context.call_on_fit_task_end(**told, reconstruction_attributes={})
        return walk

    def _report_choice(self, figures: Floats) -> None:
        """Set the attributes that say what was chosen and why."""
        self.n_splits_, self.alphas_ = len(figures), self.path_.alphas
        self.cv_results_ = _cv_results(self.alphas_, figures)
        best, one_se = _select(self.cv_results_, self.n_splits_)
        self.alpha_min_, self.alpha_1se_ = float(self.alphas_[best]), float(self.alphas_[one_se])
        self.best_index_ = best if self.selection == "min" else one_se
        self.alpha_ = float(self.alphas_[self.best_index_])
        self.best_score_ = float(self.cv_results_["mean_test_score"][self.best_index_])
        self.n_nonzero_path_ = self.path_.n_nonzero

    def _finish(self, walk: Walk) -> None:
        """Small steps at the chosen alpha, or without the sparse penalty on the support."""
        estimator, problem, index = copy.copy(walk.estimator), walk.problem, self.best_index_
        coefs = self.path_.coefs[index]
        penalties = build_penalties(estimator, problem, layer_alphas(estimator, self.alpha_))
        theta = problem.network.pack(coefs, self.path_.intercepts[index])
        if solver_name(estimator, problem) != "lbfgs":
            epochs = ceil(FINAL_SHARE * n_epochs(estimator, problem.n_rows))
            estimator.set_params(max_iter=epochs, n_iter_no_change=np.inf, learning_rate="cosine")
        for stage in ("full", "support"):
            if stage == "support":
                coefs = problem.network.coefs(theta)
                penalties = [_relaxed(penalty, W) for penalty, W in zip(penalties, coefs)]
            problem.set_penalties(penalties)
            start, history = theta.copy(), History()
            result, _ = estimator._minimize(problem, theta, history, walk.rng)
            problem.compact(theta)
            if problem.is_empty(theta) and not problem.is_empty(start):
                theta[...] = start  # no fold has judged an empty network
            if stage == self.refit:
                break
        self.__dict__.update(fitted_attributes(problem, walk.targets, result, history))
        if result.interrupted:
            raise KeyboardInterrupt

    def get_metadata_routing(self) -> MetadataRouter:
        """Where parameters of `fit` go: ``sample_weight`` here, others to the splitter.

        Returns
        -------
        MetadataRouter
        """
        split = MethodMapping().add(caller="fit", callee="split")
        router = MetadataRouter(owner=self).add_self_request(self)
        return router.add(splitter=check_cv(self.cv), method_mapping=split)


def _relaxed(penalty: Penalty | None, W: Any) -> OnSupport:
    """The l2 part of a penalty, on the support of W."""
    terms = None if penalty is None else penalty.majorize(W).terms(W.shape)
    return OnSupport(0.0 if terms is None else terms.l2, W != 0)


class RegularizedMLPClassifierCV(_AlphaByCV, MLPClassification):
    """Classifier that chooses the strength of its penalty by cross-validation.

    A network is followed from dense to empty, alpha rising, in each fold and on all rows; the alpha
    of the best scores on the folds left out then picks the network on the last path. That costs as
    much as a few fits, not one for each alpha and fold.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(100,)
        Units of each hidden layer; ``()`` is penalised logistic regression.

    alphas : int or array-like of shape (n_alphas,), default=50
        How many alphas, on a geometric grid up to `alpha_max`, or the alphas themselves.

    eps : float, default=1e-3
        First alpha of that grid, as in `regularization_path`.

    cv : int, splitter or iterable of splits, default=None
        As in scikit-learn; None is 5 folds, stratified.

    scoring : str or callable, default="loss"
        Score on the fold left out: minus the loss, the name of a scikit-learn scorer, or
        ``scorer(estimator, X, y)``. Higher is better.

    selection : {"min", "1se"}, default="min"
        The alpha of the best mean score, or the largest alpha whose mean score is within one
        standard error of it: the smallest network that is not clearly worse.

    refit : {"full", "support"}, default="full"
        How the final network is trained on all rows, from the one on their own path: with the
        penalty at ``alpha_``; or relaxed, without its sparse part, on the weights left there.

    n_jobs : int, default=None
        Paths followed at a time, one for each fold and one for all rows, by joblib: None is 1
        unless in a `joblib.parallel_config` context, -1 all processors.

    activation, penalty, l1_ratio, feature_groups : as in RegularizedMLPClassifier
        The default penalty is "l1".

    alpha_scaling, class_weight : as in RegularizedMLPClassifier

    solver, batch_size, learning_rate_init : as in RegularizedMLPClassifier
        The default of learning_rate_init is 1e-2. At each alpha of a path the rate falls to a
        tenth, in the end at the chosen one to zero.

    momentum, nesterovs_momentum, beta_1, beta_2, epsilon : as in RegularizedMLPClassifier

    max_iter, max_fun, tol, shuffle, random_state, verbose : as in regularization_path
        For "adam" and "sgd", max_iter epochs are spread over a path.

    Attributes
    ----------
    alpha_ : float
        The chosen alpha.

    alpha_min_, alpha_1se_ : float
        The choices of both rules.

    alphas_ : ndarray of shape (n_alphas,)
        Alphas of the path, increasing, up to the first that empties the network.

    cv_results_ : dict
        In the layout of GridSearchCV: "params", "param_alpha", "split0_test_score" and so on,
        "mean_test_score", "std_test_score", "rank_test_score" and times in seconds.

    best_index_, best_score_ : int, float
        Index of ``alpha_`` and its mean score.

    n_splits_ : int
        Number of folds.

    path_ : RegularizationPath
        The path on all rows; `prune`, `to_sparse` and `to_dense` leave it behind.

    n_nonzero_path_ : ndarray of shape (n_alphas,)
        Non-zero weights along it.

    coefs_, intercepts_, n_layers_, n_outputs_, out_activation_ : as in RegularizedMLPClassifier
    classes_, n_features_in_, feature_names_in_ : as in RegularizedMLPClassifier
    loss_, objective_, stationarity_, best_loss_, n_iter_, t_ : as in RegularizedMLPClassifier
    loss_curve_, objective_curve_ : as in RegularizedMLPClassifier
    validation_scores_, best_validation_score_ : as in RegularizedMLPClassifier
    n_nonzero_, sparsity_, selected_features_, n_selected_features_ : as in RegularizedMLPClassifier
    feature_importances_ : as in RegularizedMLPClassifier
        Those of the final network, the curves of its last small steps. There are no validation
        scores: the two are None.

    See Also
    --------
    RegularizedMLPClassifier : One alpha.
    regularization_path : The path without a choice.
    AlphaSelectionDisplay : Draws scores and choice.

    References
    ----------
    Breiman, Friedman, Olshen and Stone (1984), Classification and regression trees, for the rule of
    one standard error; Meinshausen (2007), Relaxed lasso.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skreg_mlp import RegularizedMLPClassifierCV
    >>> X, y = load_iris(return_X_y=True)
    >>> X = StandardScaler().fit_transform(X)
    >>> mlp = RegularizedMLPClassifierCV(
    ...     (20,), alphas=30, selection="1se", random_state=0
    ... ).fit(X, y)
    >>> bool(mlp.score(X, y) > 0.9), bool(mlp.sparsity_ > 0.5)
    (True, True)
    """

    _estimator = RegularizedMLPClassifier
    path_: RegularizationPath[RegularizedMLPClassifier]

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        *,
        alphas: int | Numbers = 50,
        eps: float = 1e-3,
        cv: CrossValidator | None = None,
        scoring: str | Scorer = "loss",
        selection: str = "min",
        refit: str = "full",
        n_jobs: int | None = None,
        activation: str = "relu",
        penalty: str | Penalty | None = "l1",
        l1_ratio: float = 0.5,
        feature_groups: ArrayLike | None = None,
        alpha_scaling: str = "mean",
        class_weight: Mapping[Any, float] | str | None = None,
        solver: str = "auto",
        batch_size: int | str = "auto",
        learning_rate_init: float = 1e-2,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        max_iter: int = 200,
        max_fun: int = 15000,
        tol: float = 1e-4,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.alphas = alphas
        self.eps = eps
        self.cv = cv
        self.scoring = scoring
        self.selection = selection
        self.refit = refit
        self.n_jobs = n_jobs
        self.activation = activation
        self.penalty = penalty
        self.l1_ratio = l1_ratio
        self.feature_groups = feature_groups
        self.alpha_scaling = alpha_scaling
        self.class_weight = class_weight
        self.solver = solver
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.max_iter = max_iter
        self.max_fun = max_fun
        self.tol = tol
        self.shuffle = shuffle
        self.random_state = random_state
        self.verbose = verbose


class RegularizedMLPRegressorCV(_AlphaByCV, MLPRegression):
    """Regressor that chooses the strength of its penalty by cross-validation.

    A network is followed from dense to empty, alpha rising, in each fold and on all rows; the alpha
    of the best scores on the folds left out then picks the network on the last path. That costs as
    much as a few fits, not one for each alpha and fold.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(100,)
        Units of each hidden layer; ``()`` is the penalised linear model.

    loss, quantile, huber_delta : as in RegularizedMLPRegressor

    alphas : int or array-like of shape (n_alphas,), default=50
        How many alphas, on a geometric grid up to `alpha_max`, or the alphas themselves.

    eps : float, default=1e-3
        First alpha of that grid, as in `regularization_path`.

    cv : int, splitter or iterable of splits, default=None
        As in scikit-learn; None is 5 folds.

    scoring : str or callable, default="loss"
        Score on the fold left out: minus the loss, the name of a scikit-learn scorer, or
        ``scorer(estimator, X, y)``. Higher is better.

    selection : {"min", "1se"}, default="min"
        The alpha of the best mean score, or the largest alpha whose mean score is within one
        standard error of it: the smallest network that is not clearly worse.

    refit : {"full", "support"}, default="full"
        How the final network is trained on all rows, from the one on their own path: with the
        penalty at ``alpha_``; or relaxed, without its sparse part, on the weights left there.

    n_jobs : int, default=None
        Paths followed at a time, one for each fold and one for all rows, by joblib: None is 1
        unless in a `joblib.parallel_config` context, -1 all processors.

    activation, penalty, l1_ratio, feature_groups : as in RegularizedMLPRegressor
        The default penalty is "l1".

    alpha_scaling : as in RegularizedMLPRegressor

    solver, batch_size, learning_rate_init : as in RegularizedMLPRegressor
        The default of learning_rate_init is 1e-2. At each alpha of a path the rate falls to a
        tenth, in the end at the chosen one to zero.

    momentum, nesterovs_momentum, beta_1, beta_2, epsilon : as in RegularizedMLPRegressor

    max_iter, max_fun, tol, shuffle, random_state, verbose : as in regularization_path
        For "adam" and "sgd", max_iter epochs are spread over a path.

    Attributes
    ----------
    alpha_ : float
        The chosen alpha.

    alpha_min_, alpha_1se_ : float
        The choices of both rules.

    alphas_ : ndarray of shape (n_alphas,)
        Alphas of the path, increasing, up to the first that empties the network.

    cv_results_ : dict
        In the layout of GridSearchCV: "params", "param_alpha", "split0_test_score" and so on,
        "mean_test_score", "std_test_score", "rank_test_score" and times in seconds.

    best_index_, best_score_ : int, float
        Index of ``alpha_`` and its mean score.

    n_splits_ : int
        Number of folds.

    path_ : RegularizationPath
        The path on all rows; `prune`, `to_sparse` and `to_dense` leave it behind.

    n_nonzero_path_ : ndarray of shape (n_alphas,)
        Non-zero weights along it.

    coefs_, intercepts_, n_layers_, n_outputs_, out_activation_ : as in RegularizedMLPRegressor
    n_features_in_, feature_names_in_ : as in RegularizedMLPRegressor
    loss_, objective_, stationarity_, best_loss_, n_iter_, t_ : as in RegularizedMLPRegressor
    loss_curve_, objective_curve_ : as in RegularizedMLPRegressor
    validation_scores_, best_validation_score_ : as in RegularizedMLPRegressor
    n_nonzero_, sparsity_, selected_features_, n_selected_features_ : as in RegularizedMLPRegressor
    feature_importances_ : as in RegularizedMLPRegressor
        Those of the final network, the curves of its last small steps. There are no validation
        scores: the two are None.

    See Also
    --------
    RegularizedMLPRegressor : One alpha.
    regularization_path : The path without a choice.
    AlphaSelectionDisplay : Draws scores and choice.

    References
    ----------
    Breiman, Friedman, Olshen and Stone (1984), Classification and regression trees, for the rule of
    one standard error; Meinshausen (2007), Relaxed lasso.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skreg_mlp import RegularizedMLPRegressorCV
    >>> X, y = load_diabetes(return_X_y=True)
    >>> X = StandardScaler().fit_transform(X)
    >>> mlp = RegularizedMLPRegressorCV((20,), alphas=30, random_state=0).fit(X, y)
    >>> bool(mlp.score(X, y) > 0.45), mlp.n_selected_features_ <= 10
    (True, True)
    """

    _estimator = RegularizedMLPRegressor
    path_: RegularizationPath[RegularizedMLPRegressor]

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        *,
        loss: str = "squared_error",
        quantile: float = 0.5,
        huber_delta: float = 1.35,
        alphas: int | Numbers = 50,
        eps: float = 1e-3,
        cv: CrossValidator | None = None,
        scoring: str | Scorer = "loss",
        selection: str = "min",
        refit: str = "full",
        n_jobs: int | None = None,
        activation: str = "relu",
        penalty: str | Penalty | None = "l1",
        l1_ratio: float = 0.5,
        feature_groups: ArrayLike | None = None,
        alpha_scaling: str = "mean",
        solver: str = "auto",
        batch_size: int | str = "auto",
        learning_rate_init: float = 1e-2,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        max_iter: int = 200,
        max_fun: int = 15000,
        tol: float = 1e-4,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.loss = loss
        self.quantile = quantile
        self.huber_delta = huber_delta
        self.alphas = alphas
        self.eps = eps
        self.cv = cv
        self.scoring = scoring
        self.selection = selection
        self.refit = refit
        self.n_jobs = n_jobs
        self.activation = activation
        self.penalty = penalty
        self.l1_ratio = l1_ratio
        self.feature_groups = feature_groups
        self.alpha_scaling = alpha_scaling
        self.solver = solver
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.max_iter = max_iter
        self.max_fun = max_fun
        self.tol = tol
        self.shuffle = shuffle
        self.random_state = random_state
        self.verbose = verbose
