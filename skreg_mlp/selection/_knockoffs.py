"""Features whose number of false discoveries is under control: model-X knockoffs."""

from __future__ import annotations

import copy
import warnings
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from skreg_mlp._estimators.door import check_has_zeros, enter_rows
from skreg_mlp._estimators.encoders import new_encoder
from skreg_mlp._estimators.path import check_single
from skreg_mlp._objective.cluster import is_collection
from skreg_mlp._objective.network import outgoing_norms
from skreg_mlp._training.entry import Rows as ValidRows
from skreg_mlp._training.progress import run_subtask, with_callbacks
from skreg_mlp._validation import check_finite, check_parameters, check_penalty_factor
from skreg_mlp.encoding._encoder import TableEncoder, of_columns
from skreg_mlp.encoding._table import Table, column_names, is_frame, read_table, take_columns
from skreg_mlp.selection._common import Selector, always_kept, follow_features, tag_like
from skreg_mlp.selection._gaussian import gaussian_knockoffs

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import ArrayLike
    from typing_extensions import Self

    from skreg_mlp._estimators.path import Single
    from skreg_mlp._typing import Array, Floats, Ints, Mask, Numbers, Rows


# --------------------------------------------------------------------------------------------
# From statistics to discoveries
# --------------------------------------------------------------------------------------------
def knockoff_threshold(statistics: Floats, fdr: float, offset: int) -> float:
    """Least t > 0 such that (offset + #{W <= -t}) / #{W >= t} is at most `fdr`; inf if none is.

    Barber and Candes (2015), equations 1.8 and 1.9: `offset` 1 is knockoff+.
    """
    for t in np.unique(np.abs(statistics[statistics != 0])):
        wrong, found = (statistics <= -t).sum(), (statistics >= t).sum()
        if offset + wrong <= fdr * found:
            return float(t)
    return np.inf


def e_values(draws: Floats, fdr: float) -> Floats:
    """Mean over draws of p [W_j >= T] / (1 + #{W <= -T}), T being the threshold of a draw.

    Its expectations over the null features sum to p at most (Ren and Barber, 2024, Theorem 3). The
    threshold of each draw is that of half of `fdr`, as they recommend.
    """
    total = np.zeros(draws.shape[1])
    for statistics in draws:
        t = knockoff_threshold(statistics, fdr / 2, offset=1)
        total += (statistics >= t) * draws.shape[1] / (1 + (statistics <= -t).sum())
    return total / len(draws)


def e_threshold(values: Floats, fdr: float) -> float:
    """Least e-value that is a discovery: the rule of Benjamini and Hochberg for e-values.

    With the k-th largest at least p / (fdr k), the k largest are (Wang and Ramdas, 2022).
    """
    ordered, ranks = np.sort(values)[::-1], np.arange(1, len(values) + 1)
    found = np.flatnonzero(ordered * ranks * fdr >= len(values))
    return float(ordered[found[-1]]) if len(found) else np.inf


# --------------------------------------------------------------------------------------------
# One draw of knockoffs
# --------------------------------------------------------------------------------------------
class _Question(NamedTuple):
    """What a draw is about: the table, its columns to be tested, and those always kept."""

    rows: ValidRows
    table: Table
    tested: Ints
    kept: Ints
    knockoffs: Any


def _in_one_order(X: Floats, other: Floats) -> tuple[Floats, Floats, Mask]:
    """The columns of both such that the first different value of a pair is the smaller one.

    Which of a pair is the knockoff does then not show in the data that are trained on.
    """
    one, two = (np.where(np.isnan(values), np.inf, values) for values in (X, other))
    row, columns = np.argmax(one != two, axis=0), np.arange(X.shape[1])
    swapped = two[row, columns] < one[row, columns]
    return np.where(swapped, other, X), np.where(swapped, X, other), swapped


def _made(question: _Question, seed: int) -> Floats:
    """Knockoffs as numbers, or codes of levels, of all columns of the table."""
    made, table = question.knockoffs, question.table
    if isinstance(made, str):
        used = np.sort(np.concatenate([question.tested, question.kept]))
        other, rng = table.X.copy(), np.random.default_rng(seed)
        other[:, used] = gaussian_knockoffs(table.X[:, used], np.isin(used, question.tested), rng)
        return other
    if callable(made):
        made = made(question.rows.X, seed)
    made = made if is_frame(made) else np.asarray(made)
    if made.shape != table.shape:
        raise ValueError(
            f"knockoffs must have the shape of X, {table.shape}; got {made.shape}: one knockoff of "
            "each value."
        )
    names = [f"{k} of knockoffs" for k in range(table.shape[1])]
    values = read_table(made, names, table.levels).X.astype(table.X.dtype, copy=False)
    if not np.isnan(table.X).any():
        check_finite(values, "KnockoffSelection")
    return values


def _paired(single: Single, question: _Question, seed: int) -> tuple[Single, ValidRows, Ints, Ints]:
    """An estimator of tested columns, their knockoffs and those kept, in random order; its data.

    And for each tested column the place where it is, and where its knockoff is.
    """
    X, tested, kept = question.table.X, question.tested, question.kept
    other = _made(question, seed)
    one, two, swapped = _in_one_order(X[:, tested], other[:, tested])
    whole = np.concatenate([one, two, X[:, kept]], axis=1)
    columns = np.concatenate([tested, tested, kept])
    order = np.random.default_rng(seed).permutation(len(columns))
    place = np.argsort(order)
    of_one, of_two = place[: len(tested)], place[len(tested) : 2 * len(tested)]
    paired = copy.copy(single).set_params(random_state=seed)
    if single.encoder is not None:
        # one encoder for both of a pair: other bins would tell them apart
        stacked = Table(np.concatenate([X, other]), question.table.levels)
        weight = question.rows.weight
        both = None if weight is None else np.concatenate([weight, weight])
        encoder = of_columns(new_encoder(single)._fit(stacked, both), columns[order])
        paired.set_params(encoder=FrozenEstimator(encoder))
    if single.penalty_factor is not None:
        factor = np.asarray(single.penalty_factor, dtype=float)
        paired.set_params(penalty_factor=factor[columns[order]])
    paired.__dict__.pop("feature_names_in_", None)
    paired.n_features_in_ = len(columns)
    rows = question.rows._replace(X=np.ascontiguousarray(whole[:, order]))
    places = np.where(swapped, of_two, of_one), np.where(swapped, of_one, of_two)
    return paired, rows, *places


@with_callbacks
def _last_alive(
    estimator: Single, rows: ValidRows, alphas: int | Numbers, eps: float
) -> tuple[Floats, Floats]:
    """For each column the last alpha at which it is alive, 0 if at none, and its weights' norm."""
    last, size = np.zeros((2, rows.X.shape[1]))
    for entry, walk, alive in follow_features(estimator, rows, alphas, eps):
        first = walk.problem.network.coefs(walk.theta)[0]
        norms = outgoing_norms(first, entry.sources, len(last))
        last[alive], size[alive] = walk.alpha, norms[alive]
    return last, size


def _statistics(
    single: Single, question: _Question, seed: int, alphas: int | Numbers, eps: float
) -> Floats:
    """For each tested column the last alpha of it and its knockoff, negative for the knockoff."""
    paired, rows, own, knockoff = _paired(single, question, seed)
    last, size = _last_alive(paired, rows, alphas, eps)
    longer, larger = (_which(values[own], values[knockoff]) for values in (last, size))
    return np.where(longer != 0, longer, larger) * np.maximum(last[own], last[knockoff])


def _which(one: Floats, other: Floats) -> Ints:
    """1 where the one is larger, -1 where the other is, 0 where they are equal, infinite too."""
    return (one > other).astype(int) - (one < other)


class KnockoffSelection(Selector):
    """Select features such that the expected share of false ones among them is bounded.

    Each feature gets a knockoff: a column that is related to the others as the feature is, made
    without looking at y. A network is trained on features and knockoffs together, and followed from
    dense to empty. A feature that matters stays longer than its knockoff; of two that do not
    matter, either may stay longer. So the knockoffs that outlive their features tell how many false
    features are among those that outlive their knockoffs, whatever the network is.

    Parameters
    ----------
    estimator : RegularizedMLPClassifier, RegularizedMLPRegressor or RegularizedMLPCox
        Its parameters, with a penalty that selects features, such as "group_log_sum"; it is not
        changed. A ``learning_rate_init`` of 0.01 suits a path. Its encoder may be "table" or a
        `TableEncoder`; a feature and its knockoff then share one set of bins.

    fdr : float, default=0.1
        Bound on the false discovery rate: the expected share of features among those selected that
        are independent of y given all others. It is read when features are selected:
        ``set_params(fdr=...)`` needs no new `fit`.

    knockoffs : "gaussian", array-like or callable, default="gaussian"
        "gaussian" makes them from a Gaussian copula with the marginal distributions of the columns,
        which must be numbers without missing values. Otherwise a table of the shape and kind of X,
        or a function ``knockoffs(X, seed)`` that makes one.

    offset : {0, 1}, default=1
        1 is knockoff+, which controls the false discovery rate. It selects at least 1 / `fdr`
        features or none. 0 selects more where few features matter, and controls a rate with 1 /
        `fdr` added to the number of features selected.

    n_draws : int, default=1
        Number of draws of knockoffs, each with a path. Several are combined by e-values, which
        makes the selection depend less on chance, and somewhat smaller.

    alphas : int or array-like of shape (n_alphas,), default=100
        How many alphas, on a geometric grid up to `alpha_max`, or the alphas themselves.

    eps : float, default=1e-3
        First alpha of that grid, as a share of the `alpha_max` of the convex penalty with the same
        slope at zero (which, for all but the concave penalties, is `alpha_max`).

    n_jobs : int, default=None
        Draws at a time, by joblib: None is 1 unless in a `joblib.parallel_config` context, -1 all
        processors. The result does not depend on it.

    random_state : int, RandomState instance or None, default=None
        Seed of the knockoffs and of all networks, whatever the ``random_state`` of `estimator`.

    verbose : int, default=0
        1 prints a line after each draw. The networks themselves are silent.

    Attributes
    ----------
    draws_ : ndarray of shape (n_draws, `n_features_in_`)
        The statistic W of each feature in each draw: the last alpha at which it or its knockoff is
        alive, positive where the feature stays longer, negative where the knockoff does. Where both
        leave at one alpha, the larger outgoing weights before it decide. It is 0 for a feature that
        is not tested, because its penalty factor is 0 or inf, or it does not vary.

    statistics_ : ndarray of shape (`n_features_in_`,)
        W with one draw, the e-values with several.

    threshold_ : float
        A feature is selected if its statistic is at least as large; inf where none is.

    n_features_in_ : int
        Number of features seen in `fit`.

    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, where X has string names for all of them.

    See Also
    --------
    StabilitySelection : Bounds the number of false features, with no model of X.
    PathSelection : As many features as one asks for, or as cross-validation says.

    Notes
    -----
    The bound assumes that rows are independent draws and that the knockoffs are right: swapping a
    feature with its knockoff must leave the distribution of all columns as it is. Gaussian ones are
    right if the columns, each transformed to a normal distribution, are jointly normal, and their
    correlation is known; here it is estimated and shrunk. The rate is a mean over repeated
    experiments: the share of false features in one selection may be larger. A feature that is all
    but a copy of another has little power.

    An input of ``penalty_factor`` 0 is always selected and not tested. It has no knockoff, and
    those of the others are made given its values. One of factor inf does not exist.

    References
    ----------
    Barber and Candes (2015), Controlling the false discovery rate via knockoffs; Candes, Fan,
    Janson and Lv (2018), Panning for gold: model-X knockoffs for high dimensional controlled
    variable selection; Spector and Janson (2022), Powerful knockoffs via minimizing
    reconstructability; Ren and Barber (2024), Derandomised knockoffs: leveraging e-values for false
    discovery rate control.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg_mlp import KnockoffSelection, RegularizedMLPRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((300, 30))
    >>> y = X[:, :12].sum(axis=1) + rng.standard_normal(300)
    >>> lasso = RegularizedMLPRegressor((), penalty="l1")
    >>> selector = KnockoffSelection(lasso, fdr=0.1, random_state=1).fit(X, y)
    >>> selector.get_support(indices=True)
    array([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 24])
    """

    draws_: Floats
    n_features_in_: int
    feature_names_in_: Array

    def __init__(
        self,
        estimator: Single,
        *,
        fdr: float = 0.1,
        knockoffs: Any = "gaussian",
        offset: int = 1,
        n_draws: int = 1,
        alphas: int | Numbers = 100,
        eps: float = 1e-3,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.estimator = estimator
        self.fdr = fdr
        self.knockoffs = knockoffs
        self.offset = offset
        self.n_draws = n_draws
        self.alphas = alphas
        self.eps = eps
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Rows, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Make knockoffs, and see which features outlive theirs.

        Parameters
        ----------
        X : array-like or data frame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights of the rows in the loss; the knockoffs do not depend on them.

        Returns
        -------
        Self
            The fitted selector.

        Raises
        ------
        TypeError
            ``estimator`` is of another class, or X is sparse.
        ValueError
            A parameter or the data is outside its range, the penalty drops no feature, or there are
            no Gaussian knockoffs of X.

        Warns
        -----
        UserWarning
            No feature is selected.
        """
        check_single(self.estimator)
        check_parameters(self)
        self._check_draws()
        single = clone(self.estimator)
        single.set_params(verbose=0, early_stopping=False, warm_start=False)
        check_has_zeros(single, "KnockoffSelection")
        _check_pairs(single)
        if sparse.issparse(X):
            raise TypeError("X is sparse, and its knockoffs would not be: pass a dense array.")
        if is_collection(X):
            raise ValueError(
                "KnockoffSelection makes knockoffs of all rows together, in memory: pass "
                "X.compute() for a Dask collection that fits there, or choose PathSelection."
            )
        work, rows = copy.copy(self), enter_rows(single, X, y, sample_weight)
        question = _question(single, rows, self.knockoffs)
        take_columns(work, single)
        of_draws = work._draw(single, question)
        work.draws_ = np.zeros((self.n_draws, work.n_features_in_))
        work.draws_[:, question.tested] = of_draws
        self.__dict__ = work.__dict__
        self._warn_if_none()
        return self

    def _check_draws(self) -> None:
        if self.n_draws > 1 and not self.offset:
            raise ValueError("offset=0 gives no e-values, which n_draws > 1 needs: set offset=1.")
        fixed = not isinstance(self.knockoffs, str) and not callable(self.knockoffs)
        if self.n_draws > 1 and fixed:
            raise ValueError(
                f"n_draws={self.n_draws} needs as many knockoffs, and an array is one of them: "
                "pass a function."
            )

    @with_callbacks
    def _draw(self, single: Single, question: _Question) -> list[Floats]:
        """Statistics of the tested features in each draw."""
        rng = check_random_state(self.random_state)
        context = self._init_callback_context(max_subtasks=self.n_draws)
        told = dict(estimator=self, X=question.rows.X, y=question.rows.y)
        context.call_on_fit_task_begin(**told)
        tasks = []
        for seed in rng.randint(2**31 - 1, size=self.n_draws).tolist():
            own = context.subcontext(task_name="draw")
            args = copy.copy(single), own, question, seed, self.alphas, self.eps
            tasks.append(delayed(run_subtask)(_statistics, *args))
        draws = []
        for statistics in Parallel(n_jobs=self.n_jobs, return_as="generator")(tasks):
            draws.append(statistics)
            if self.verbose:
                longer, all_of_them = (statistics > 0).sum(), len(statistics)
                text = f"{longer} of {all_of_them} features outlive their knockoffs"
                print(f"draw {len(draws)}/{self.n_draws}   {text}", flush=True)
        context.call_on_fit_task_end(**told, reconstruction_attributes={})
        return draws

    def _warn_if_none(self) -> None:
        if (self.statistics_ >= self.threshold_).any():
            return
        least = int(np.ceil(1 / self.fdr - 1e-9))
        why = f"with fdr={self.fdr} and offset=1 it is {least} of them or more, or none"
        advice = f": {why}. Raise fdr, or set offset=0" if self.offset else ""
        warnings.warn(
            f"No feature is selected{advice}. X may not tell y, or the network was trained too "
            "little: raise max_iter or learning_rate_init of the estimator.",
            UserWarning,
            stacklevel=3,
        )

    @property
    def statistics_(self) -> Floats:
        """W with one draw, e-values with several."""
        check_is_fitted(self, "draws_")
        check_parameters(self)
        if len(self.draws_) == 1:
            return self.draws_[0]
        return e_values(self.draws_, self.fdr)

    @property
    def threshold_(self) -> float:
        """Least statistic of a feature that is selected, inf where none is."""
        statistics = self.statistics_
        if len(self.draws_) == 1:
            return knockoff_threshold(statistics, self.fdr, self.offset)
        return e_threshold(statistics, self.fdr)

    def _get_support_mask(self) -> Mask:
        return (self.statistics_ >= self.threshold_) | always_kept(self.estimator)

    def __sklearn_tags__(self) -> Any:
        tags = tag_like(super().__sklearn_tags__(), self.estimator)
        given = tags.input_tags
        given.sparse = False
        if isinstance(self.knockoffs, str):  # Gaussian ones are of numbers
            given.allow_nan = given.string = given.categorical = False
        return tags


def _check_pairs(single: Single) -> None:
    """Refuse what would tell a feature from its knockoff."""
    if single.feature_groups is not None or getattr(single.penalty, "groups", None) is not None:
        raise ValueError(
            "feature_groups cannot be tested by knockoffs, which belong to single features: leave "
            "feature_groups=None."
        )
    encoder = single.encoder
    if not (encoder is None or encoder == "table" or isinstance(encoder, TableEncoder)):
        raise ValueError(
            f"encoder={encoder!r} may tell a feature from its knockoff: use None, 'table' or a "
            "TableEncoder, which encodes both alike."
        )


def _question(single: Single, rows: ValidRows, knockoffs: Any) -> _Question:
    """The table and its columns, checked."""
    n_samples, n_features = rows.X.shape
    if n_samples < 2:
        raise ValueError(f"X must have at least 2 rows; got n_samples={n_samples}.")
    factor = np.ones(n_features)
    if single.penalty_factor is not None:
        factor = check_penalty_factor(single.penalty_factor, n_features)
    tested, kept = np.flatnonzero((factor > 0) & (factor < np.inf)), np.flatnonzero(factor == 0)
    if not len(tested):
        raise ValueError("penalty_factor leaves no feature to be tested: give one a factor of 1.")
    names = column_names(getattr(single, "feature_names_in_", None), n_features)
    table = Table(rows.X, [None] * n_features)
    if single.encoder is not None:
        table = read_table(rows.X, names)
    if isinstance(knockoffs, str):
        used = np.concatenate([tested, kept])
        strange = [k for k in used if table.levels[k] is not None or np.isnan(table.X[:, k]).any()]
        if strange:
            raise ValueError(
                "knockoffs='gaussian' needs numbers without missing values, and column "
                f"{names[strange[0]]!r} has others: pass knockoffs of your own, an array or a "
                "function, or leave the column out by an infinite penalty_factor."
            )
    return _Question(rows, table, tested, kept, knockoffs)
