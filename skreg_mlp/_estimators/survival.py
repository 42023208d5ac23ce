"""Times to an event: the y of survival analysis, the curves that are predicted, and their score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import column_or_1d
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from skreg_mlp import _validation as validation
from skreg_mlp._estimators.fitted import FittedNetwork
from skreg_mlp._estimators.partitioned import eager
from skreg_mlp._objective.cluster import is_collection, lazy

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from skreg_mlp._typing import Array, Floats, Ints, Rows

REMEDY = "make it with skreg_mlp.survival_target(event, time)"


# --------------------------------------------------------------------------------------------
# y
# --------------------------------------------------------------------------------------------
def survival_target(event: ArrayLike, time: ArrayLike, *, strata: ArrayLike | None = None) -> Array:
    """Events, times and strata as the one y that `RegularizedMLPCox` takes.

    It is the structured array that scikit-survival has as well, so that its data sets and metrics
    go together with these estimators. Being one array, it is cut into folds like any y.

    Parameters
    ----------
    event : array-like of shape (n_samples,)
        Whether the event was observed: True or 1. Otherwise the row is censored: nothing is known
        after its time.
    time : array-like of shape (n_samples,)
        Time of the event or of censoring, at least 0.
    strata : array-like of shape (n_samples,), optional
        A label for each row. Rows of different strata have baseline hazards of their own, and are
        never compared with each other. scikit-survival's metrics take no y with strata.

    Returns
    -------
    ndarray of shape (n_samples,)
        With the fields "event" (bool), "time" (float) and, where there are strata, "stratum".

    Raises
    ------
    ValueError
        The lengths differ, an event is neither true nor false, or a time is negative or not finite.

    Examples
    --------
    >>> from skreg_mlp import survival_target
    >>> y = survival_target(event=[1, 0, 1], time=[5.0, 8.0, 2.5])
    >>> y["time"], y["event"]
    (array([5. , 8. , 2.5]), array([ True, False,  True]))
    """
    parts = {"event": np.asarray(event), "time": np.asarray(time)}
    if strata is not None:
        parts["stratum"] = np.asarray(strata)
    for name, values in parts.items():
        if values.ndim != 1:
            raise ValueError(f"{name} must have one dimension; got shape {values.shape}.")
    check_consistent_length(*parts.values())
    return _structured(list(parts.values()), "y")


def read_survival(y: Any, n_rows: int, name: str = "y") -> Array:
    """A checked copy of y, with fields "event", "time" and perhaps "stratum"."""
    if y is None:
        raise ValueError("This estimator requires y to be passed, but the target y is None.")
    y = np.asarray(y)
    fields = y.dtype.names
    if fields is None or len(fields) not in (2, 3) or y.ndim != 1:
        raise ValueError(
            f"{name} must be a structured array of one dimension: whether the event was observed, "
            f"the time and, where there are strata, a label; got dtype {y.dtype} and shape "
            f"{y.shape}. {REMEDY[0].upper()}{REMEDY[1:]}."
        )
    if len(y) != n_rows:
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: X has {n_rows} rows, "
            f"{name} has {len(y)}."
        )
    return _structured([y[field] for field in fields], name)


def _structured(parts: list[Array], name: str) -> Array:
    event, time, *strata = parts
    if not (event.dtype.kind in "biuf" and np.isin(event, (0, 1)).all()):
        raise ValueError(
            f"The first field of {name} says whether the event was observed, True or False; got "
            f"dtype {event.dtype} with values {np.unique(event)[:5].tolist()}: {REMEDY}."
        )
    if time.dtype.kind not in "iuf":
        raise ValueError(f"The times of {name} must be numbers; got dtype {time.dtype}: {REMEDY}.")
    times = time.astype(np.float64)
    if not np.isfinite(times).all():
        raise ValueError(f"Input {name} contains NaN or infinity among its times: drop these rows.")
    if (times < 0).any():
        raise ValueError(f"{name} has negative times, {times.min():g} being the least: a time is "
                         "counted from when the row came under observation.")  # fmt: skip
    kinds: list[Any] = [("event", bool), ("time", np.float64)]
    if strata:
        kinds.append(("stratum", strata[0].dtype))
    y = np.empty(len(event), dtype=kinds)
    y["event"], y["time"] = event.astype(bool), times
    if strata:
        y["stratum"] = strata[0]
    return y


def labels_of(y: Any) -> Any:
    """What folds and halves are drawn by: y, or whether there was an event."""
    return y if y.dtype.names is None else y["event"]


def strata_of(y: Array) -> tuple[Ints, Array | None]:
    """Code of the stratum of each row, and the labels; all 0 and None where y has no strata."""
    if "stratum" not in (y.dtype.names or ()):
        return np.zeros(len(y), dtype=int), None
    labels, codes = np.unique(y["stratum"], return_inverse=True)
    return codes, labels


def _rows_of_each(codes: Ints) -> list[Ints]:
    """The rows of each code that occurs, in the order of the codes."""
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)


# --------------------------------------------------------------------------------------------
# Harrell's C
# --------------------------------------------------------------------------------------------
def concordance(y: Array, risk: Floats, weight: Floats | None) -> float:
    """Share of the comparable pairs of rows whose order in time the risk tells, ties being half.

    A pair is comparable if both are of one stratum and the earlier one has the event; at one time,
    an event comes before what is censored. It counts with the product of the two weights.
    """
    weight = np.ones(len(y)) if weight is None else weight.astype(np.float64)
    told = pairs = 0.0
    for rows in _rows_of_each(strata_of(y)[0]):
        place = np.unique(_keys(y["time"][rows], ~y["event"][rows]), return_inverse=True)[1]
        rank = np.unique(risk[rows], return_inverse=True)[1]
        below, later = _lower_and_later(place, rank, weight[rows])
        of_events = weight[rows] * y["event"][rows]
        told += of_events @ below
        pairs += of_events @ later
    if not pairs > 0:
        raise ValueError(
            "No two rows can be compared: y needs an event that comes before the time of another "
            "row of its stratum."
        )
    return float(told / pairs)


def _keys(time: Floats, censored: Array) -> Array:
    """Sortable by time, and events first."""
    keys = np.empty(len(time), dtype=[("time", np.float64), ("censored", bool)])
    keys["time"], keys["censored"] = time, censored
    return keys


def _lower_and_later(place: Ints, rank: Ints, weight: Floats) -> tuple[Floats, Floats]:
    """For each row the weight of the rows at later places: of lower rank, and of any.

    Half of that of equal rank counts as lower.

    Two places differ in a highest bit. For each bit, rows that agree above it are sorted by rank,
    and running sums over those with the bit set serve those without it: O(n log n) for each bit.
    """
    by_rank = np.argsort(rank, kind="stable")
    lower: Floats = np.zeros(len(place))
    for bit in range(int(place.max()).bit_length()):
        block = place >> (bit + 1)
        order = by_rank[np.argsort(block[by_rank], kind="stable")]
        later = place[order] >> bit & 1 == 1
        sums = np.concatenate([[0.0], np.cumsum(np.where(later, weight[order], 0.0))])
        new_block = np.diff(block[order], prepend=-1) != 0
        new_tie = new_block | (np.diff(rank[order], prepend=-1) != 0)
        starts = np.flatnonzero(new_tie)
        of_row = np.cumsum(new_tie) - 1
        ends = np.append(starts[1:], len(place))
        first = np.flatnonzero(new_block)[np.cumsum(new_block) - 1]
        found = (sums[starts] + sums[ends])[of_row] / 2 - sums[first]
        lower[order] += np.where(later, 0.0, found)
    totals = np.bincount(place, weight).astype(np.float64)
    after = np.cumsum(totals[::-1])[::-1] - totals
    return lower, after[place]


# --------------------------------------------------------------------------------------------
# Predictions
# --------------------------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class StepFunction:
    """A curve that changes at the times `x` and is constant between them.

    Parameters
    ----------
    x : ndarray of shape (n_steps,)
        Increasing times; the last one is where observation ends.
    y : ndarray of shape (n_steps,)
        The values from each of them on.
    before : float
        The value before the first one.
    """

    x: Floats
    y: Floats
    before: float

    def __call__(self, times: ArrayLike) -> Floats:
        """Values at `times`, of the shape of these.

        Parameters
        ----------
        times : float or array-like
            Between 0 and the last time that was observed.

        Returns
        -------
        float or ndarray

        Raises
        ------
        ValueError
            A time is negative, or later than the last one observed: nothing is known there.
        """
        times = np.asarray(times, dtype=np.float64)
        last = self.x[-1]
        if not ((times >= 0) & (times <= last)).all():
            raise ValueError(
                f"times must be between 0 and {last:g}, the last time that was observed in "
                f"training; got values from {times.min():g} to {times.max():g}."
            )
        values = np.append(self.y, self.before)  # the place before the first is the last
        return values[np.searchsorted(self.x, times, side="right") - 1]


def _times(base: Floats, factor: Any) -> Floats:
    """A baseline times a factor that may be infinite, 0 before the first event."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where(base > 0, base * factor, 0.0)


class SurvivalNetwork(RegressorMixin, FittedNetwork):
    """Predictions of a proportional hazards model."""

    baseline_times_: Floats
    cum_baseline_hazard_: Floats
    strata_: Array | None
    strata_starts_: Ints

    @lazy
    def predict(self, X: Rows) -> Floats:
        """Logarithm of the hazard of each row, relative to the baseline: higher is earlier.

        Parameters
        ----------
        X : array-like, CSR matrix or Dask collection of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            X has another number of columns than in `fit`, other names of columns, or values that
            are not finite.
        """
        return self._raw_scores(X).ravel()

    def predict_survival_function(
        self, X: Rows, times: ArrayLike | None = None, strata: ArrayLike | None = None
    ) -> Array:
        """Probability to have no event up to a time, exp(-H(t)), H being the cumulative hazard.

        Parameters
        ----------
        X : array-like, CSR matrix or Dask collection of shape (n_samples, n_features)
        times : float or array-like of shape (n_times,), optional
            Where the curves are wanted, at most the last time observed in training.
        strata : array-like of shape (n_samples,), optional
            The stratum of each row, where y had strata in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_times), or (n_samples,) without `times`
            Without `times`, functions of time, as scikit-survival has them.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            X has another number of columns than in `fit`, other names of columns, or values that
            are not finite; a time is outside what was observed; or strata are missing or
            not known.
        """
        return self._curves(X, times, strata, lambda hazard: np.exp(-hazard))

    def predict_cumulative_hazard_function(
        self, X: Rows, times: ArrayLike | None = None, strata: ArrayLike | None = None
    ) -> Array:
        """Cumulative hazard, H(t) = H_0(t) exp(f(x)), with Breslow's baseline H_0.

        Parameters
        ----------
        X : array-like, CSR matrix or Dask collection of shape (n_samples, n_features)
        times : float or array-like of shape (n_times,), optional
            Where the curves are wanted, at most the last time observed in training.
        strata : array-like of shape (n_samples,), optional
            The stratum of each row, where y had strata in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_times), or (n_samples,) without `times`
            Without `times`, functions of time, as scikit-survival has them.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            X has another number of columns than in `fit`, other names of columns, or values that
            are not finite; a time is outside what was observed; or strata are missing or
            not known.
        """
        return self._curves(X, times, strata, lambda hazard: hazard)

    def _curves(self, X: Any, times: Any, strata: Any, transform: Any) -> Array:
        """Curves of all rows, each the same transform of its cumulative hazard."""
        if strata is not None and is_collection(X):
            raise ValueError(
                "strata has one value for each row in memory, and X is a Dask collection: pass "
                "X.compute(), or the rows of one partition after another."
            )
        return self._curves_of_rows(X, times, strata, transform)

    @lazy
    def _curves_of_rows(self, X: Any, times: Any, strata: Any, transform: Any) -> Array:
        with np.errstate(over="ignore"):
            factor = np.exp(self.predict(X).astype(np.float64))
        codes = self._strata_codes(strata, len(factor))
        before = float(transform(np.zeros(1))[0])
        kind: Any = object
        if times is not None:
            times, kind = column_or_1d(np.atleast_1d(times), dtype=np.float64), np.float64
        shape = (len(factor),) if times is None else (len(factor), len(times))
        curves = np.empty(shape, dtype=kind)
        for rows in _rows_of_each(codes):
            code = codes[rows[0]]
            steps = slice(*self.strata_starts_[code : code + 2])
            x, base = self.baseline_times_[steps], self.cum_baseline_hazard_[steps]
            if times is not None:
                at_times = StepFunction(x, base, 0.0)(times)
                curves[rows] = transform(_times(at_times, factor[rows, None]))
                continue
            for i in rows:
                curves[i] = StepFunction(x, transform(_times(base, factor[i])), before)
        return curves

    def _strata_codes(self, strata: Any, n_rows: int) -> Ints:
        if (self.strata_ is None) != (strata is None):
            had = "no strata" if self.strata_ is None else f"{len(self.strata_)} strata"
            raise ValueError(
                f"strata must be given if y had strata in fit, and only then: it had {had}."
            )
        if self.strata_ is None:
            return np.zeros(n_rows, dtype=int)
        strata = np.asarray(strata)
        codes = np.minimum(np.searchsorted(self.strata_, strata), len(self.strata_) - 1)
        if strata.shape != (n_rows,) or not (self.strata_[codes] == strata).all():
            raise ValueError(
                f"strata must hold one of {self.strata_.tolist()[:10]} for each of the {n_rows} "
                f"rows of X; got {strata!r}."
            )
        return codes

    @eager
    def score(self, X: Rows, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return Harrell's C, the share of comparable pairs whose order the predictions tell.

        Two rows are comparable if the earlier time is that of an event, and both are of one
        stratum; equal predictions count half. 0.5 is chance, 1 perfect.

        Parameters
        ----------
        X : array-like, CSR matrix or Dask collection of shape (n_samples, n_features)
        y : structured array of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), optional
            A pair counts with the product of its weights.

        Returns
        -------
        float

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            X has another number of columns than in `fit`, other names of columns, or values that
            are not finite; or no two rows can be compared.

        References
        ----------
        Harrell, Califf, Pryor, Lee and Rosati (1982), Evaluating the yield of medical tests.
        """
        check_is_fitted(self, "coefs_")
        risk = self.predict(X)
        y = read_survival(y, len(risk))
        return concordance(y, risk, validation.check_weights(sample_weight, len(y), np.float64))
