"""Features that a sparse network selects again and again on halves of the rows."""

from __future__ import annotations

import copy
import warnings
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from skreg_mlp._estimators.door import check_has_zeros, enter
from skreg_mlp._estimators.path import check_single
from skreg_mlp._estimators.survival import labels_of
from skreg_mlp._training.entry import Rows as ValidRows
from skreg_mlp._training.progress import run_subtask, with_callbacks
from skreg_mlp._validation import UNSCALED, check_parameters, check_values
from skreg_mlp.encoding._table import take_columns
from skreg_mlp.selection._common import Selector, always_kept, follow_features, tag_like

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike
    from typing_extensions import Self

    from skreg_mlp._estimators.path import Single
    from skreg_mlp._typing import Array, Floats, Ints, Mask, Numbers, Rows


# --------------------------------------------------------------------------------------------
# Bounds on false selections
# --------------------------------------------------------------------------------------------
def markov_factor(threshold: float) -> float:
    """Largest P(F >= threshold) / p^2, where F is the share of the halves that select a feature.

    p is the mean of its probabilities to be selected on one half and on the other. With S the share
    of the pairs whose two halves both select it, F >= threshold implies S >= 2 threshold - 1; the
    halves of a pair being disjoint, E S <= p^2, and Markov's inequality does the rest (Shah and
    Samworth, 2013, Theorem 1).
    """
    return 1 / (2 * threshold - 1)


def unimodal_factor(threshold: float, n_pairs: int, p: float) -> float:
    """The same for a unimodal distribution of S on {0, 1 / n_pairs, ..., 1}; inf where unknown.

    With little mass above 0 the worst one mixes 0 with a uniform distribution from 0 to twice the
    limit, or to 1 (Shah and Samworth, 2013, Theorem 2).
    """
    level, unit = 2 * threshold - 1, 1 / n_pairs
    least = min(2 * p**2, unit + 1.5 * p**2)
    if p**2 > 1 / 3 or threshold < 0.5 + unit or level <= least:
        return np.inf
    if level <= 0.5:
        return 1 / (2 * level - unit)
    return 2 * (1 - level + unit) / (1 + unit)


# --------------------------------------------------------------------------------------------
# One half of the rows
# --------------------------------------------------------------------------------------------
def _labels(y: Array, classifier: bool) -> Ints:
    """Classes of the rows, each with a member for both halves, or one class for all of them."""
    if y.dtype == bool and not classifier:  # whether there was an event
        return y.astype(int)
    if not classifier or (y.ndim == 2 and y.shape[1] > 1):
        return np.zeros(len(y), dtype=int)
    classes, labels, counts = np.unique(y, return_inverse=True, return_counts=True)
    if len(y) > 1 and counts.min() < 2:
        raise ValueError(
            "y needs 2 members of every class, one for each half of StabilitySelection, but the "
            f"class {classes.tolist()[counts.argmin()]!r} has 1: drop the class, or merge it with "
            "another."
        )
    return labels.ravel()


def _halves(labels: Ints, rng: np.random.RandomState) -> tuple[Ints, Ints]:
    """Two disjoint random halves of all rows, which differ by one row at most in every class."""
    order = rng.permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    return order[::2], order[1::2]


class Selected(NamedTuple):
    """Mask of the features that a half of the rows selects, and the warnings on the way."""

    mask: Mask
    caught: list[Warning]


@with_callbacks
def _first_within(
    estimator: Single, rows: ValidRows, max_features: int, alphas: int | Numbers, eps: float
) -> Mask:
    """Selected features of the first network on a path that has at most `max_features`."""
    for _, walk, alive in follow_features(estimator, rows, alphas, eps):
        selected = alive | always_kept(estimator)
        walk.done = selected.sum() <= max_features
    if not walk.done:
        raise ValueError(
            f"A path ended at alpha={walk.alpha:.3g} with {selected.sum()} features, more than "
            f"max_features={max_features}: give larger alphas, scale the data, or raise max_iter "
            "or learning_rate_init."
        )
    return selected


def _select(
    estimator: Single,
    rows: ValidRows,
    half: Ints,
    max_features: int | None,
    alphas: int | Numbers,
    eps: float,
    label: str | None,
) -> Selected:
    """What `estimator` selects on a half of the rows."""
    part = rows.part(half)
    if part.weight is not None and not part.weight.any():
        raise ValueError(
            "sample_weight is zero for every row of one half: give more rows a positive weight, or "
            "leave the others out."
        )
    caught: list[warnings.WarningMessage] = []
    if max_features is None:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            warnings.filterwarnings("ignore", UNSCALED)  # told of all rows
            selected = estimator.fit(*part).selected_features_ | always_kept(estimator)
    else:
        selected = _first_within(estimator, part, max_features, alphas, eps)
    if label is not None:
        print(f"{label}   {selected.sum()} features", flush=True)
    return Selected(selected, [w.message for w in caught if isinstance(w.message, Warning)])


class StabilitySelection(Selector):
    """Select the features that a sparse network selects again and again on halves of the rows.

    The rows are split into two halves, by class for a classifier, `n_pairs` times over. Each half
    selects features by itself, and a feature is kept if at least a share `threshold` of all
    ``2 * n_pairs`` halves select it. How many of those are to be expected by mere chance is bounded
    without any assumption on the data but that its rows are independent draws.

    Parameters
    ----------
    estimator : RegularizedMLPClassifier, RegularizedMLPRegressor or RegularizedMLPCox
        Its parameters, with a penalty that selects features, such as "group_l1"; it is not changed.

    max_features : int or None, default=None
        Features to be selected on each half, at most: those of the first network with so few on
        the `regularization_path` from dense to sparse. It bounds the false selections, see Notes.
        None: the features that ``estimator.fit`` selects at its own alpha.

    alphas : int or array-like of shape (n_alphas,), default=100
        How many alphas, on a geometric grid up to the `alpha_max` of the half, or the alphas
        themselves. Used with `max_features` only.

    eps : float, default=1e-3
        First alpha of that grid, as a share of the `alpha_max` of the convex penalty with the same
        slope at zero (which, for all but the concave penalties, is `alpha_max`).

    n_pairs : int, default=50
        Number of pairs of halves.

    threshold : float, default=0.75
        Share of the halves that a feature must be selected on, above 0.5 and at most 1. It is read
        when features are selected: ``set_params(threshold=...)`` needs no new `fit`. Meinshausen
        and Buehlmann recommend 0.6 to 0.9; at the default the unimodal bound is
        ``max_features ** 2 / n_features``, nearly.

    n_jobs : int, default=None
        Halves at a time, by joblib: None is 1 unless in a `joblib.parallel_config` context, -1 all
        processors. The result does not depend on it.

    random_state : int, RandomState instance or None, default=None
        Seed of the halves and of all networks, whatever the ``random_state`` of `estimator`.

    verbose : int, default=0
        1 prints a line after each half. The networks themselves are silent.

    Attributes
    ----------
    selection_frequencies_ : ndarray of shape (`n_features_in_`,)
        Share of the halves that selected each feature.

    n_selected_ : float
        Mean number of features selected on one half.

    expected_false_selections_ : float
        ``expected_false_selections()``: the bound at `threshold`, without assumptions.

    n_features_in_ : int
        Number of features seen in `fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, where X has string names for all of them.

    See Also
    --------
    sklearn.feature_selection.SelectFromModel : What one network selects.
    regularization_path : The path that is followed on each half.

    Notes
    -----
    Let q be `max_features`, or the mean number selected on a half where that is None, and p the
    number of features. Count the features that are kept although one half selects them with a
    probability of at most q / p, no better than drawing q at random: their expected number is at
    most ``q ** 2 / ((2 * threshold - 1) * p)``. Meinshausen and Buehlmann gave this bound for all
    noise features, if these are exchangeable and the selection is no worse than random; Shah and
    Samworth need neither for the features counted here. It holds as it stands with
    ``max_features=q``; otherwise q is itself an estimate.

    A small `max_features` makes the bound small: ``sqrt(n * p)`` allows for about n false ones.

    References
    ----------
    Meinshausen and Buehlmann (2010), Stability selection; Shah and Samworth (2013), Variable
    selection with error control: another look at stability selection.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg_mlp import RegularizedMLPRegressor, StabilitySelection
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((200, 20))
    >>> y = X[:, 0] - X[:, 1] + 0.5 * rng.standard_normal(200)
    >>> lasso = RegularizedMLPRegressor((), penalty="l1")
    >>> selector = StabilitySelection(
    ...     lasso, max_features=4, alphas=20, n_pairs=10, random_state=0
    ... ).fit(X, y)
    >>> selector.get_support(indices=True)
    array([0, 1])
    >>> selector.transform(X).shape
    (200, 2)
    >>> selector.expected_false_selections_
    1.6
    >>> round(selector.expected_false_selections(assumption="unimodal"), 2)
    0.89
    """

    selection_frequencies_: Floats
    n_selected_: float
    n_features_in_: int
    feature_names_in_: Array

    def __init__(
        self,
        estimator: Single,
        *,
        max_features: int | None = None,
        alphas: int | Numbers = 100,
        eps: float = 1e-3,
        n_pairs: int = 50,
        threshold: float = 0.75,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.estimator = estimator
        self.max_features = max_features
        self.alphas = alphas
        self.eps = eps
        self.n_pairs = n_pairs
        self.threshold = threshold
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Rows, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Count how often each feature is selected.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights of the rows in the losses; the halves are drawn without regard to
            them.

        Returns
        -------
        Self
            The fitted selector.

        Raises
        ------
        TypeError
            ``estimator`` is of another class.
        ValueError
            A parameter or the data is outside its range, a class has a single member, or a path
            ends before `max_features` is reached.

        Warns
        -----
        ConvergenceWarning
            Without `max_features`, some fits warned of something: the first is quoted.
        UserWarning
            No half selects a feature.
        """
        check_single(self.estimator)
        check_parameters(self)
        work, single = copy.copy(self), clone(self.estimator).set_params(verbose=0)
        if self.max_features is not None:
            single.set_params(early_stopping=False, warm_start=False)
            check_has_zeros(single, f"max_features={self.max_features}")
        rows = enter(single, X, y, sample_weight).rows
        take_columns(work, single)
        work._check_shape(rows.X)
        halves = work._select_on_halves(single, rows)
        masks = [half.mask for half in halves]
        work.selection_frequencies_ = np.mean(masks, axis=0)
        work.n_selected_ = float(np.sum(masks) / len(masks))
        self.__dict__ = work.__dict__
        self._warn(halves)
        return self

    def _warn(self, halves: list[Selected]) -> None:
        """Say once what there is to say of all halves."""
        caught = [half.caught[0] for half in halves if half.caught]
        if not self.n_selected_:
            warnings.warn(
                f"{len(halves)} of {len(halves)} halves selected no feature at all: X does not "
                "tell y, the grid has too few alphas, or the networks were not trained. Scale X, "
                "raise alphas, max_iter or learning_rate_init, or lower tol or eps.",
                UserWarning,
                stacklevel=3,
            )
        elif caught:
            warnings.warn(
                f"{len(caught)} of {len(halves)} halves warned; the first says: {caught[0]}",
                type(caught[0]),
                stacklevel=3,
            )

    def _check_shape(self, X: Any) -> None:
        n_samples, n_features = X.shape
        if n_samples < 2:
            raise ValueError(
                f"X must have at least 2 rows, one for each half; got n_samples={n_samples}."
            )
        if self.max_features is not None and self.max_features > n_features:
            raise ValueError(
                f"max_features must be at most the number of features, n_features={n_features}; "
                f"got {self.max_features}."
            )

    @with_callbacks
    def _select_on_halves(self, single: Single, rows: ValidRows) -> list[Selected]:
        """What each half selects, two after two."""
        rng = check_random_state(self.random_state)
        labels = _labels(labels_of(rows.y), is_classifier(single))
        context = self._init_callback_context(max_subtasks=2 * self.n_pairs)
        told = dict(estimator=self, X=rows.X, y=rows.y)
        context.call_on_fit_task_begin(**told)
        tasks, n_halves = [], 2 * self.n_pairs
        halves = (half for _ in range(self.n_pairs) for half in _halves(labels, rng))
        for number, half in enumerate(halves, 1):
            seeded = copy.copy(single).set_params(random_state=rng.randint(2**31 - 1))
            label = f"half {number}/{n_halves}" if self.verbose else None
            args = rows, half, self.max_features, self.alphas, self.eps, label
            subcontext = context.subcontext(task_name="half")
            tasks.append(delayed(run_subtask)(_select, seeded, subcontext, *args))
        halves_done = Parallel(n_jobs=rows.jobs(self.n_jobs))(tasks)
        context.call_on_fit_task_end(**told, reconstruction_attributes={})
        return halves_done

    def expected_false_selections(
        self, threshold: float | None = None, assumption: str = "none"
    ) -> float:
        """Bound on the expected number of features kept by chance.

        Parameters
        ----------
        threshold : float, optional
            Another threshold than that of the selector.
        assumption : {"none", "unimodal"}, default="none"
            "unimodal" assumes that, for a feature that is selected on a half with a probability of
            at most q / p, the number of pairs whose two halves both select it has a unimodal
            distribution. The bound is then about half as large, or less. Where Theorem 2 of Shah
            and Samworth says nothing (many features selected, low threshold) it is that of "none".

        Returns
        -------
        float

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            A parameter is outside its range.
        """
        check_is_fitted(self)
        threshold = self.threshold if threshold is None else threshold
        check_values(threshold=threshold, assumption=assumption)
        n_features = self.n_features_in_
        q = self.n_selected_ if self.max_features is None else self.max_features
        factor = markov_factor(threshold)
        if assumption == "unimodal":
            factor = min(factor, unimodal_factor(threshold, self.n_pairs, q / n_features))
        return float(factor * q**2 / n_features)

    @property
    def expected_false_selections_(self) -> float:
        """Bound of `expected_false_selections` at ``threshold``, without assumptions."""
        return self.expected_false_selections()

    def _get_support_mask(self) -> Mask:
        check_is_fitted(self)
        check_values(threshold=self.threshold)
        return self.selection_frequencies_ >= self.threshold

    def __sklearn_tags__(self) -> Any:
        return tag_like(super().__sklearn_tags__(), self.estimator)
