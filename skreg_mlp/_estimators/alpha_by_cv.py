"""Choosing alpha by cross-validation: a path for each fold, a path for all rows, a choice."""

from __future__ import annotations

import copy
import warnings
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from scipy.stats import rankdata
from sklearn import get_config
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import check_cv
from sklearn.utils import check_random_state
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.parallel import Parallel, delayed

from skreg_mlp._estimators.door import enter_rows, entry_of
from skreg_mlp._estimators.encoders import choices
from skreg_mlp._estimators.fitted import FittedNetwork
from skreg_mlp._estimators.path import (
    follow,
    joined,
    new_path,
    new_walk,
    trace,
    warn_if_unfinished,
)
from skreg_mlp._estimators.survival import labels_of
from skreg_mlp._estimators.training import (
    explained,
    fitted_attributes,
    warn_if_diverged,
    warn_if_empty,
)
from skreg_mlp._solvers.result import History, NonFiniteError
from skreg_mlp._training.fit import minimize
from skreg_mlp._training.progress import CallbackSupportMixin, run_subtask, with_callbacks
from skreg_mlp._training.walk import final_settings
from skreg_mlp.encoding._table import take_columns
from skreg_mlp.penalties import L2
from skreg_mlp.penalties._convex import ByRows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike
    from typing_extensions import Self

    from skreg_mlp._estimators.path import RegularizationPath, Single, SingleT
    from skreg_mlp._objective.problem import Problem
    from skreg_mlp._solvers.result import Result
    from skreg_mlp._training.entry import Entry
    from skreg_mlp._training.entry import Rows as ValidRows
    from skreg_mlp._training.grid import Grid
    from skreg_mlp._training.walk import Walk
    from skreg_mlp._typing import Floats, Ints, Mask, Rows
    from skreg_mlp.penalties import Penalty

FINAL_SHARE = 0.1  # of the epochs of the path: small steps at the chosen alpha
LEAST_RISE = 1e-4  # of the best score over that of the largest alpha, in a decade: less is none


# --------------------------------------------------------------------------------------------
# One task for each fold, and one for all rows
# --------------------------------------------------------------------------------------------
class _Fold(NamedTuple):
    """Score, seconds of fitting and of scoring at each alpha, and the network at the least one."""

    figures: Floats
    lowest: Floats


def _all_rows(
    estimator: SingleT, rows: ValidRows, grid: Grid, start: Floats | None = None
) -> RegularizationPath[SingleT]:
    """The path on all rows, from a network that another one ended with, or from its own start."""
    entry = entry_of(estimator, rows)
    entry, walk = new_walk(estimator, entry)
    if start is not None:
        walk.go_on(start)
    return trace(estimator, entry, walk, grid)


@with_callbacks
def _one_fold(
    estimator: Single,
    rows: ValidRows,
    grid: Grid,
    split: tuple[Ints, Ints],
    label: str | None,
    start: Floats | None = None,
) -> _Fold:
    """The scores of a path on the rows left out."""
    train, test = split
    entry = entry_of(estimator, rows, train=train)
    entry, walk = new_walk(estimator, entry, train)
    figures = []
    if start is not None:
        walk.go_on(start)
    score_theta = entry.score(walk.problem, walk.targets, test)
    assert score_theta is not None
    before, lowest = perf_counter(), walk.theta
    with walk.threads():
        for alpha in follow(estimator, entry, walk, grid, certify=False):
            trained = perf_counter()
            score = score_theta(walk.theta)
            scored = perf_counter()
            figures.append((score, trained - before, scored - trained))
            before = scored
            if alpha == grid.alphas.min():
                lowest = walk.theta.copy()
    if label is not None:
        best = max(score for score, *_ in figures)
        print(f"{label}   {len(figures)} alphas   best score {best:#.6g}", flush=True)
    return _Fold(np.array(figures), lowest)


class _Start(NamedTuple):
    """A network at its start on all rows, and the grid that it is to follow."""

    single: Single
    entry: Entry
    walk: Walk
    grid: Grid


def _aligned(figures: Floats, n_alphas: int) -> Floats:
    """Rows for exactly `n_alphas`: a network that is empty stays so, at no cost."""
    missing = max(n_alphas - len(figures), 0)
    rest = np.repeat(figures[-1:] * (1, 0, 0), missing, axis=0)
    return np.concatenate([figures, rest])[:n_alphas]


def _stacked(folds: list[_Fold], n_alphas: int) -> Floats:
    """Figures of all folds at exactly `n_alphas`: an array (n_splits, n_alphas, 3)."""
    return np.stack([_aligned(fold.figures, n_alphas) for fold in folds])


def _cv_results(alphas: Floats, figures: Floats) -> dict[str, Any]:
    """``cv_results_`` in scikit-learn's layout, from figures (n_splits, n_alphas, 3)."""
    scores, fit_times, score_times = np.moveaxis(figures, -1, 0)
    results: dict[str, Any] = {"params": [{"alpha": float(alpha)} for alpha in alphas]}
    results["param_alpha"] = np.ma.array(alphas, mask=False)
    for name, values in (("fit_time", fit_times), ("score_time", score_times)):
        results[f"mean_{name}"], results[f"std_{name}"] = values.mean(axis=0), values.std(axis=0)
    for k, values in enumerate(scores):
        results[f"split{k}_test_score"] = values
    # where folds diverge, scores are as large as numbers get, or larger
    with np.errstate(over="ignore", invalid="ignore"):
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


class AlphaByCV(CallbackSupportMixin, FittedNetwork):
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
    encoder_scores_: dict[int, float] | None

    def fit(
        self, X: Rows, y: ArrayLike, sample_weight: ArrayLike | None = None, **params: Any
    ) -> Self:
        """Choose alpha by cross-validation and fit the network on all rows.

        Parameters
        ----------
        X : array-like, CSR matrix or Dask collection of shape (n_samples, n_features)
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
            Solver "lbfgs" did not reach ``tol`` at some alphas, or the best score is that of the
            least alpha and still rises there.
        UserWarning
            The columns of X differ in scale, or every weight is zero at the alpha chosen.
        """
        work = copy.copy(self)
        work.__dict__.pop("_inputs", None)  # of a path over a wide table
        rows = enter_rows(work, X, y, sample_weight)
        walk, interrupted = work._choose(rows, work._splits(rows, params))
        self.__dict__ = work.__dict__
        if interrupted:
            raise KeyboardInterrupt
        warn_if_unfinished(self.path_, walk.targets, self.alphas)
        warn_if_diverged(self, walk.targets, stacklevel=2)
        self._warn_if_empty_choice()
        if self._at_lower_edge():
            warnings.warn(
                f"The best score is that of the least alpha, {self.alphas_[0]:.3g}: below it there "
                "may be a better one. Give smaller alphas, or a larger network.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def _warn_if_empty_choice(self) -> None:
        remedy = "selection='min' or " if self.selection == "1se" else ""
        why = (
            f"the folds chose alpha_={self.alpha_:.3g} with penalty={self.penalty!r}, which leaves "
            f"the null model. Try {remedy}another penalty, and scale X; or X does not tell y."
        )
        warn_if_empty(self, why, stacklevel=3)

    def _splits(self, rows: ValidRows, params: dict[str, Any]) -> list[tuple[Ints, Ints]]:
        if get_config()["enable_metadata_routing"]:
            params = process_routing(self, "fit", **params).splitter.split
        elif unknown := sorted(set(params) - {"groups"}):
            raise TypeError(
                f"fit() got unexpected arguments {unknown}: pass groups, or enable metadata "
                "routing with sklearn.set_config(enable_metadata_routing=True)."
            )
        labels = labels_of(rows.y)  # y, or events, which are classes to a splitter
        cv = check_cv(self.cv, labels, classifier=is_classifier(self) or labels is not rows.y)
        try:
            splits = cv.split(rows.X, labels, **params)
            return [(np.sort(train), np.sort(test)) for train, test in splits]
        except ValueError as error:
            raise ValueError(f"cv={self.cv!r} cannot split X and y: {error}") from error

    def _single(self, seed: int, encoder: Any) -> Single:
        """The estimator of one alpha with these parameters, as if it had seen this data."""
        single = self._estimator()
        names = single.get_params(deep=False)
        given = self.get_params(deep=False).items()
        single.set_params(**{name: value for name, value in given if name in names})
        single.set_params(random_state=seed, encoder=encoder)
        take_columns(single, self)
        single._target_names = self._target_names
        return single

    @with_callbacks
    def _choose(self, rows: ValidRows, splits: Sequence[tuple[Ints, Ints]]) -> tuple[Walk, bool]:
        """Follow all paths, choose, and finish there.

        Returns a walk on all rows, and whether the last steps were interrupted.
        """
        rng = check_random_state(self.random_state)
        seeds = rng.randint(2**31 - 1, size=len(splits) + 1).tolist()
        starts = [self._start(encoder, rows, seeds[-1]) for encoder in choices(self.encoder)]
        context = self._init_callback_context(max_subtasks=len(seeds) * len(starts))
        told = dict(estimator=self, X=rows.X, y=rows.y)
        context.call_on_fit_task_begin(**told)
        tasks = []
        for start in starts:  # the path on all rows is the longest task: it goes first
            own = context.subcontext(task_name="path")
            tasks.append(delayed(run_subtask)(_all_rows, start.single, own, rows, start.grid))
        for start in starts:
            for fold, (seed, split) in enumerate(zip(seeds, splits), 1):
                label = f"fold {fold}/{len(splits)}" if self.verbose else None
                quiet = self._single(seed, start.single.encoder).set_params(verbose=0)
                own = context.subcontext(task_name="path")
                args = rows, start.grid, split, label
                tasks.append(delayed(run_subtask)(_one_fold, quiet, own, *args))
        results = Parallel(n_jobs=rows.jobs(self.n_jobs))(tasks)
        paths, folds = results[: len(starts)], results[len(starts) :]
        folds = [folds[k : k + len(splits)] for k in range(0, len(folds), len(splits))]
        figures = [_stacked(of_start, len(path)) for of_start, path in zip(folds, paths)]
        best = self._best_encoder(starts, figures)
        self.path_ = paths[best]
        self._report_choice(figures[best])
        self._go_down(starts[best], folds[best], rows, splits, seeds)
        interrupted = self._finish(starts[best].entry, starts[best].walk)
        if not interrupted:
            context.call_on_fit_task_end(**told, reconstruction_attributes={})
        return starts[best].walk, interrupted

    def _start(self, encoder: Any, rows: ValidRows, seed: int) -> _Start:
        """A network on all rows that has this encoder."""
        single = self._single(seed, encoder)
        return _Start(single, *new_path(single, entry_of(single, rows), self.alphas, self.eps))

    def _go_down(
        self,
        start: _Start,
        folds: list[_Fold],
        rows: ValidRows,
        splits: Sequence[tuple[Ints, Ints]],
        seeds: list[int],
    ) -> None:
        """Extend path and scores below the grid until the best score is no longer at its edge."""
        figures = _stacked(folds, len(self.path_))
        while self._at_lower_edge() and (grid := start.grid.below(self.path_.alphas[0])):
            lowest = start.entry.pack(
                start.walk.problem.network, self.path_.coefs[0], self.path_.intercepts[0]
            )
            again = self._single(seeds[-1], start.single.encoder)
            tasks = [delayed(_all_rows)(again, rows, grid, lowest)]
            for seed, split, fold in zip(seeds, splits, folds):
                quiet = self._single(seed, start.single.encoder).set_params(verbose=0)
                tasks.append(delayed(_one_fold)(quiet, rows, grid, split, None, fold.lowest))
            path, *folds = Parallel(n_jobs=rows.jobs(self.n_jobs))(tasks)
            self.path_ = joined(path, self.path_)
            figures = np.concatenate([_stacked(folds, len(path))[:, ::-1], figures], axis=1)
            self._report_choice(figures)

    def _at_lower_edge(self) -> bool:
        """Whether the best score is that of the least of several alphas, and still rises there.

        Where classes are separable, or y has no noise, it rises for ever, but by less and less.
        """
        if len(self.alphas_) == 1 or self.alpha_min_ > self.alphas_[0]:
            return False
        scores = self.cv_results_["mean_test_score"]
        last_decade = scores[self.alphas_ <= 10.01 * self.alphas_[0]]  # an extension is one
        return scores[0] - last_decade[-1] > LEAST_RISE * (scores[0] - scores[-1])

    def _best_encoder(self, starts: list[_Start], figures: list[Floats]) -> int:
        """Index of the encoder with the best mean score at any alpha, the first of equals."""
        scores = [float(values[..., 0].mean(axis=0).max()) for values in figures]
        self.encoder_scores_ = None
        if len(starts) > 1:
            bins = [start.single.encoder.n_bins for start in starts]
            self.encoder_scores_ = dict(zip(bins, scores))
        return int(np.argmax(scores))

    def _report_choice(self, figures: Floats) -> None:
        """Set the attributes that say what was chosen and why."""
        self.n_splits_, self.alphas_ = len(figures), self.path_.alphas
        self.cv_results_ = _cv_results(self.alphas_, figures)
        if not np.isfinite(self.cv_results_["mean_test_score"]).any():
            raise ValueError(
                "At every alpha the loss on the rows that a fold leaves out is not finite: scale "
                f"X, with StandardScaler, or lower learning_rate_init={self.learning_rate_init!r}."
            )
        best, one_se = _select(self.cv_results_, self.n_splits_)
        self.alpha_min_, self.alpha_1se_ = float(self.alphas_[best]), float(self.alphas_[one_se])
        self.best_index_ = best if self.selection == "min" else one_se
        self.alpha_ = float(self.alphas_[self.best_index_])
        self.best_score_ = float(self.cv_results_["mean_test_score"][self.best_index_])
        self.n_nonzero_path_ = self.path_.n_nonzero

    def _finish(self, entry: Entry, walk: Walk) -> bool:
        """Small steps at the chosen alpha on all rows; returns whether they were interrupted.

        ``relaxed``, they only move the weights that the path left, and are followed by others
        without the sparse part of the penalty.
        """
        problem, index = walk.problem, self.best_index_
        walk.alpha = self.alpha_
        coefs, intercepts = self.path_.coefs[index], self.path_.intercepts[index]
        walk.theta = theta = entry.pack(problem.network, coefs, intercepts)
        penalties = walk.penalties()
        try:
            with walk.threads():
                if self.relaxed:
                    problem.fixed = _zeros(problem, theta)
                result, history = _small_steps(walk, penalties)
                if self.relaxed and not result.interrupted:
                    problem.fixed = _zeros(problem, theta)
                    parts = zip(penalties, problem.network.coefs(theta))
                    result, history = _small_steps(walk, [_ridge_part(p, W) for p, W in parts])
                attributes = fitted_attributes(entry, problem, walk.targets, result, history)
        except NonFiniteError as error:
            raise explained(error, self, entry) from None
        self.__dict__.update(attributes)
        return result.interrupted

    def get_metadata_routing(self) -> MetadataRouter:
        """Where parameters of `fit` go: ``sample_weight`` here, others to the splitter.

        Returns
        -------
        MetadataRouter
        """
        return routes_to_folds(self)


def routes_to_folds(owner: Any) -> MetadataRouter:
    """Metadata of `fit` for an estimator with folds: weights for itself, others to the splitter."""
    split = MethodMapping().add(caller="fit", callee="split")
    router = MetadataRouter(owner=owner).add_self_request(owner)
    return router.add(splitter=check_cv(owner.cv), method_mapping=split)


def _small_steps(walk: Walk, penalties: list[Penalty | None]) -> tuple[Result, History]:
    """The last steps of a walk's network.

    A fresh optimizer moves every weight by about its rate. On few rows, or under a concave penalty,
    that may lead away from the minimum that the folds have judged: where the objective rises or
    nothing is left, the steps are taken again without the weights that were zero, and undone if
    that does not help.
    """
    problem, start, fixed = walk.problem, walk.theta.copy(), walk.problem.fixed
    problem.penalize(penalties)
    settings, descends = walk.settings, walk.settings.solver_name(problem) == "lbfgs"
    if not descends:
        settings = final_settings(settings, problem.n_rows, FINAL_SHARE)
    limit = np.inf if descends else problem.certificate(start)[1]
    was_empty = problem.is_empty(start)
    for held in (fixed, _zeros(problem, start)):
        problem.fixed, history = held, History()
        result, _ = minimize(settings, problem, walk.theta, history, walk.rng)
        problem.compact(walk.theta)
        lost = problem.is_empty(walk.theta) and not was_empty
        with np.errstate(all="ignore"):  # what has diverged is not lower
            lower = descends or problem.certificate(walk.theta)[1] <= limit
        if result.interrupted or (lower and not lost):
            break
        walk.theta[...] = start
    problem.fixed = fixed
    result.evaluation = None  # of gradients where weights were held
    return result, history


def _zeros(problem: Problem, theta: Floats) -> Mask:
    """The weights, not the intercepts, that are zero, and what is held at zero anyway."""
    zeros = theta == 0
    zeros[problem.network.n_weights :] = False
    return zeros if problem.fixed is None else zeros | problem.fixed


def _ridge_part(penalty: Penalty | None, W: Floats) -> Penalty | None:
    """The l2 part of a penalty on W."""
    strength = _ridge_strength(penalty, W)
    return L2(strength) if strength.any() else None


def _ridge_strength(penalty: Penalty | None, W: Floats) -> Floats:
    """That of each weight, 0 for a penalty that offers no terms."""
    strength = np.zeros(W.shape)
    if isinstance(penalty, ByRows):  # inputs that are always kept, and others
        for rows, own in penalty.parts:
            strength[rows] = _ridge_strength(own, W[rows])
    elif penalty is not None and (terms := penalty.majorize(W).terms(W.shape)) is not None:
        strength[...] = terms.l2
    return strength
