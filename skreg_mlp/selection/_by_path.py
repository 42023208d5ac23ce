"""The features that stay longest on one path."""

from __future__ import annotations

import copy
import warnings
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from skreg_mlp._estimators.alpha_by_cv import routes_to_folds
from skreg_mlp._estimators.cox import RegularizedMLPCox
from skreg_mlp._estimators.cross_validation import (
    RegularizedMLPClassifierCV,
    RegularizedMLPCoxCV,
    RegularizedMLPRegressorCV,
)
from skreg_mlp._estimators.door import check_has_zeros, enter
from skreg_mlp._estimators.path import check_single, follow_all, warn_if_unfinished
from skreg_mlp._estimators.single import RegularizedMLPClassifier, RegularizedMLPRegressor
from skreg_mlp._training.progress import run_subtask, with_callbacks
from skreg_mlp._validation import check_parameters
from skreg_mlp.encoding._table import take_columns
from skreg_mlp.selection._common import Selector, always_kept, tag_like

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike
    from sklearn.utils.metadata_routing import MetadataRouter
    from typing_extensions import Self

    from skreg_mlp._estimators.path import RegularizationPath, Single
    from skreg_mlp._typing import Array, CrossValidator, Ints, Mask, Numbers, Rows

BY_FOLDS = {
    RegularizedMLPClassifier: RegularizedMLPClassifierCV,
    RegularizedMLPRegressor: RegularizedMLPRegressorCV,
    RegularizedMLPCox: RegularizedMLPCoxCV,
}


def ranking(path: RegularizationPath[Any], kept: Any) -> Ints:
    """Rank of each feature: 1 for that which stays longest, the mask `kept` before all others.

    Among those that leave at the same alpha the larger one before it stays longer. What is never
    alive, and exact ties, share the least rank.
    """
    alive = path.selected_features
    last = np.where(alive.any(axis=0), len(path) - 1 - np.argmax(alive[::-1], axis=0), -1)
    size = np.zeros(len(last))
    for index in np.unique(last[last >= 0]).tolist():
        leaving = last == index
        size[leaving] = path.to_estimator(index).feature_importances_[leaving]
    keys = np.array([np.broadcast_to(kept, last.shape), last, size])
    order = np.lexsort(-keys[::-1])
    differs = (np.diff(keys[:, order], axis=1) != 0).any(axis=0)
    places = np.concatenate([[0], np.where(differs, np.arange(1, len(order)), 0)])
    ranks = np.empty(len(order), dtype=int)
    ranks[order] = 1 + np.maximum.accumulate(places)
    return ranks


class PathSelection(Selector):
    """Select the features that stay longest while the penalty of a network rises.

    One network is followed from dense to empty, by `regularization_path`. The selection is that of
    the first network with at most `max_features` features, or of the one that cross-validation
    chooses.

    Parameters
    ----------
    estimator : RegularizedMLPClassifier, RegularizedMLPRegressor or RegularizedMLPCox
        Its parameters, with a penalty that selects features, such as "group_log_sum"; it is not
        changed. A ``learning_rate_init`` of 0.01 suits a path. With an ``encoder`` X may be a raw
        table, and the features are its columns.

    max_features : int or None, default=None
        Features to be selected, at most. None: as many as `selection` says.

    selection : {"1se", "min"}, default="1se"
        Without `max_features`, the rule of cross-validation: the fewest features within one
        standard error of the best mean score, or those of the best mean score.

    alphas : int or array-like of shape (n_alphas,), default=100
        How many alphas, on a geometric grid up to `alpha_max`, or the alphas themselves.

    eps : float, default=1e-3
        First alpha of that grid, as a share of the `alpha_max` of the convex penalty with the same
        slope at zero (which, for all but the concave penalties, is `alpha_max`).

    cv : int, splitter or iterable of splits, default=None
        Number of folds, a splitter of scikit-learn, or the rows of each fold: pairs of indices to
        train and to test on. None is 5 folds. Used without `max_features` only, like the
        ``scoring`` of `estimator`.

    n_jobs : int, default=None
        Paths followed at a time, where there are folds, by joblib: None is 1 unless in a
        `joblib.parallel_config` context, -1 all processors.

    Attributes
    ----------
    ranking_ : ndarray of int of shape (`n_features_in_`,)
        1 for the feature that stays longest on the path, 2 for the next, and so on. Of those that
        leave at the same alpha, the one with the larger outgoing weights before it comes first.
        Features that were never alive share the last rank. Along a path features hardly ever come
        back; where one does, the selection may differ from the first of the ranking.

    estimator_ : object
        The network that uses the selected features: on the path, or the fitted
        `RegularizedMLPClassifierCV` or `RegularizedMLPRegressorCV`.

    path_ : RegularizationPath
        The path on all rows.

    alpha_ : float
        The alpha of `estimator_`.

    cv_results_ : dict or None
        Scores of the folds at each alpha, in the layout of `GridSearchCV`; None with
        `max_features`.

    n_features_in_ : int
        Number of features seen in `fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, where X has string names for all of them.

    See Also
    --------
    StabilitySelection : Repeats it on halves of the rows, and bounds the false selections.
    RegularizationPathDisplay : Draws the path, by ``from_estimator``.

    Notes
    -----
    An input of ``penalty_factor`` 0 is always selected and counts among `max_features`.

    References
    ----------
    Lemhadri, Ruan, Abraham and Tibshirani (2021), LassoNet: a neural network with feature sparsity,
    for selection along a path from dense to sparse.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg_mlp import PathSelection, RegularizedMLPRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((200, 20))
    >>> y = X[:, 0] * X[:, 1] + X[:, 2] + 0.1 * rng.standard_normal(200)
    >>> mlp = RegularizedMLPRegressor(
    ...     (20,), penalty="group_log_sum", learning_rate_init=0.01, random_state=0
    ... )
    >>> selector = PathSelection(mlp, max_features=3).fit(X, y)
    >>> selector.get_support(indices=True)
    array([0, 1, 2])
    >>> selector.transform(X).shape
    (200, 3)
    """

    ranking_: Ints
    estimator_: Any
    path_: RegularizationPath[Any]
    alpha_: float
    cv_results_: dict[str, Any] | None
    n_features_in_: int
    feature_names_in_: Array

    def __init__(
        self,
        estimator: Single,
        *,
        max_features: int | None = None,
        selection: str = "1se",
        alphas: int | Numbers = 100,
        eps: float = 1e-3,
        cv: CrossValidator | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.estimator = estimator
        self.max_features = max_features
        self.selection = selection
        self.alphas = alphas
        self.eps = eps
        self.cv = cv
        self.n_jobs = n_jobs

    def fit(
        self, X: Rows, y: ArrayLike, sample_weight: ArrayLike | None = None, **params: Any
    ) -> Self:
        """Follow the path, and choose a network on it.

        Parameters
        ----------
        X : array-like, CSR matrix or data frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights of the rows, in training and in scores.
        **params : dict
            Parameters of the splitter, such as ``groups``: under
            ``enable_metadata_routing=True`` those requested from `cv`, otherwise only ``groups``.

        Returns
        -------
        Self
            The fitted selector.

        Raises
        ------
        TypeError
            ``estimator`` is of another class, or `params` holds what no splitter needs.
        ValueError
            A parameter or the data is outside its range, the penalty drops no feature, or no
            network on the path has as few as `max_features`. The selector is left as it was.

        Warns
        -----
        ConvergenceWarning
            Solver "lbfgs" did not reach ``tol`` at some alphas, a network diverged, or weights are
            left at the last alpha of a grid that was to leave none.
        UserWarning
            No feature is selected.
        """
        check_single(self.estimator)
        check_parameters(self)
        single = clone(self.estimator).set_params(early_stopping=False, warm_start=False)
        check_has_zeros(single, "PathSelection")
        work = copy.copy(self)
        if self.max_features is None:
            work._run(_by_cross_validation, _with_folds(self, single), X, y, sample_weight, params)
        elif params:
            raise TypeError(
                f"fit() got unexpected arguments {sorted(params)}: they are for folds, and "
                f"max_features={self.max_features} needs none."
            )
        else:
            limits = self.max_features, self.alphas, self.eps
            work._run(_first_within, single, X, y, sample_weight, *limits)
        self.__dict__ = work.__dict__
        if self.max_features is not None and not self.get_support().any():
            warnings.warn(
                "No feature is selected: from one alpha to the next the path falls from more than "
                f"max_features={self.max_features} features to none. Raise alphas or max_features, "
                "or take penalty='group_l1', which drops fewer at a time.",
                UserWarning,
                stacklevel=2,
            )
        return self

    @with_callbacks
    def _run(self, task: Any, network: Any, X: Any, y: Any, *args: Any) -> None:
        """Fit `network` by `task`, which returns that which selects and its alpha and path."""
        context = self._init_callback_context(max_subtasks=1)
        told = dict(estimator=self, X=X, y=y)
        context.call_on_fit_task_begin(**told)
        own = context.subcontext(task_name="path")
        chosen = run_subtask(task, network, own, X, y, *args)
        self.estimator_, self.alpha_, self.path_ = chosen
        context.call_on_fit_task_end(**told, reconstruction_attributes={})
        self.ranking_ = ranking(self.path_, always_kept(self.estimator_))
        self.cv_results_ = getattr(self.estimator_, "cv_results_", None)
        take_columns(self, self.estimator_)

    def get_metadata_routing(self) -> MetadataRouter:
        """Where parameters of `fit` go: ``sample_weight`` here, others to the splitter.

        Returns
        -------
        MetadataRouter
        """
        return routes_to_folds(self)

    def _get_support_mask(self) -> Mask:
        check_is_fitted(self, "estimator_")
        return self.estimator_.selected_features_ | always_kept(self.estimator_)

    def __sklearn_tags__(self) -> Any:
        return tag_like(super().__sklearn_tags__(), self.estimator)


def _first_within(
    single: Single,
    X: Rows,
    y: ArrayLike,
    sample_weight: ArrayLike | None,
    max_features: int,
    alphas: int | Numbers,
    eps: float,
) -> tuple[Single, float, RegularizationPath[Any]]:
    """The first network on a path with at most `max_features` features, its alpha, the path."""
    entry = enter(single, X, y, sample_weight)
    if entry.rows.X.shape[0] < 2:
        raise ValueError("X must have at least 2 rows for a path to choose from; got n_samples=1.")
    path, targets = follow_all(single, entry, alphas, eps)
    warn_if_unfinished(path, targets, alphas)
    counts = (path.selected_features | always_kept(single)).sum(axis=1)
    within = np.flatnonzero(counts <= max_features)
    if not len(within):
        raise ValueError(
            f"No network on the path has at most max_features={max_features} features; the last "
            f"has {counts[-1]}, those of penalty_factor 0 included: raise max_features, or give "
            "larger alphas."
        )
    return path.to_estimator(int(within[0])), float(path.alphas[within[0]]), path


def _by_cross_validation(
    network: Any, X: Rows, y: ArrayLike, sample_weight: ArrayLike | None, params: dict[str, Any]
) -> tuple[Any, float, RegularizationPath[Any]]:
    """The network that folds choose, its alpha and path."""
    network.fit(X, y, sample_weight, **params)
    return network, network.alpha_, network.path_


def _with_folds(selector: PathSelection, single: Single) -> Any:
    """The CV estimator that has the parameters of `single` and the folds of `selector`."""
    if type(single) not in BY_FOLDS:
        raise TypeError(
            f"max_features=None chooses by cross-validation, which knows no {type(single)}: set "
            "max_features, or use the class that it is derived from."
        )
    if np.ndim(single.alpha):
        raise ValueError(
            f"alpha={single.alpha!r} has one strength for each layer, and cross-validation has one "
            "for all: give one number, or set max_features."
        )
    network = BY_FOLDS[type(single)]()
    names = network.get_params(deep=False)
    given = single.get_params(deep=False) | selector.get_params(deep=False)
    return network.set_params(**{name: given[name] for name in names if name in given})
