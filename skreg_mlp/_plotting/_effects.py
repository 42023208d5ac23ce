"""Effects of columns on the predictions of a fitted estimator, as numbers.

A value is put into a column by taking it from a row that has it: so it keeps the type of the
column, whether X is an array or a frame of pandas or polars.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_array

from skreg_mlp._objective.losses import quantile_of_sorted
from skreg_mlp._objective.partitions import rows_of
from skreg_mlp.encoding._table import is_frame, read_table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from skreg_mlp._typing import Array, Floats, Ints, Mask
    from skreg_mlp.encoding._table import Levels

FEW = 10  # different numbers that are all shown, and drawn as points, too
TAILS = 0.05  # share of the rows in each tail of a column
BEYOND = 0.25  # how far into both tails a grid goes, as a share of what is between them
N_BINS = 12  # of a histogram
GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class Grid:
    """The values of one column at which its effect is computed.

    Parameters
    ----------
    name : str
    values : ndarray of shape (n_values,)
        Increasing numbers, or levels. Missing is not among them, and comes after the last one.
    numeric : bool
    ordered : bool
        Whether the values are in an order of their own, as numbers and ordered categories are.
    shares : ndarray of shape (n_values,) or (n_bins,)
        Share of the rows at each value or, where there are `edges`, in each bin.
    edges : ndarray of shape (n_bins + 1,) or None
        Of the bins of a histogram; None where each value has its share.
    missing : float
        Share of the rows where the value is missing, 0 if it never is.
    """

    name: str
    values: Array
    numeric: bool
    ordered: bool
    shares: Floats
    edges: Floats | None = None
    missing: float = 0.0

    def __len__(self) -> int:
        return len(self.values) + bool(self.missing)


@dataclass(frozen=True)
class Effect:
    """Average prediction at each value of a column, or at each pair of values of two columns.

    Parameters
    ----------
    grids : tuple of one or two Grid
    average : ndarray of shape (len(grid),) or (len(first grid), len(second grid))
    """

    grids: tuple[Grid, ...]
    average: Floats

    @property
    def spread(self) -> float:
        """Difference of the largest and the smallest average."""
        return float(np.ptp(self.average))


# --------------------------------------------------------------------------------------------
# Tables
# --------------------------------------------------------------------------------------------
def as_table(X: Any) -> Any:
    """A frame, an array or a CSR matrix of two dimensions."""
    if is_frame(X):
        return X
    return check_array(X, dtype=None, ensure_all_finite=False, accept_sparse="csr")


def spread_rows(n_rows: int, n_kept: int) -> Ints:
    """`n_kept` of the rows, or all if there are no more.

    It is one row from each of `n_kept` stretches of about equal length. Where in its stretch
    follows multiples of the golden ratio, which no period in the order of the rows can match.
    """
    if n_rows <= n_kept:
        return np.arange(n_rows)
    starts = np.arange(n_kept + 1) * n_rows // n_kept
    place = np.arange(n_kept) * GOLDEN % 1
    return starts[:-1] + (place * np.diff(starts)).astype(int)


def with_value(X: Any, whole: Any, column: int, row: int) -> Any:
    """A copy of X whose `column` holds in all rows what it holds in one `row` of the `whole`."""
    rows = np.full(X.shape[0], row)
    if hasattr(X, "iloc"):
        copy = X.copy(deep=False)
        copy.isetitem(column, whole.iloc[:, column].array.take(rows))
        return copy
    if is_frame(X):
        return X.with_columns(whole[:, column][rows])
    copy = X.tolil() if sparse.issparse(X) else X.copy()
    copy[:, column] = whole[row, column]
    return copy.tocsr() if sparse.issparse(X) else copy


def read_column(X: Any, column: int, name: str) -> tuple[Any, Levels, bool]:
    """A column as numbers, nan where missing: its values (levels are None), or codes of levels.

    The last says whether they have an order of their own, which codes then follow.
    """
    one = X.iloc[:, [column]] if hasattr(X, "iloc") else X[:, [column]]
    own = _ordered_levels(one)
    known = None if own is None else [own]
    table = read_table(one.toarray() if sparse.issparse(one) else one, [name], known)
    levels = table.levels[0]
    return table.X[:, 0].astype(np.float64), levels, levels is None or own is not None


def _ordered_levels(one: Any) -> Levels:
    """The categories of a frame of one column, where pandas or polars know their order."""
    for dtype in one.dtypes if is_frame(one) else ():
        if getattr(dtype, "ordered", False) or type(dtype).__name__ == "Enum":
            return [*dtype.categories]
    return None


# --------------------------------------------------------------------------------------------
# Grids
# --------------------------------------------------------------------------------------------
def grid_of(
    X: Any, column: int, name: str, n_grid: int, weight: Floats | None
) -> tuple[Grid, list[int]]:
    """The grid of a column, and a row of X for each of its values (missing comes last)."""
    values, levels, ordered = read_column(X, column, name)
    weight = np.ones(len(values)) if weight is None else weight
    total = weight.sum()
    absent = np.isnan(values)
    rows = np.flatnonzero(~absent)
    rows = rows[np.argsort(values[rows], kind="stable")]
    if levels is None:
        rows = rows[_central(values[rows], weight[rows])]
    shares: Floats = weight[rows]
    edges: Floats | None = None
    chosen, first = np.unique(values[rows], return_index=True)
    shares = np.add.reduceat(shares, first) if len(first) else shares
    if levels is not None:
        largest = np.sort(np.argsort(-shares, kind="stable")[:n_grid])
        chosen, first, shares = chosen[largest], first[largest], shares[largest]
    elif len(chosen) > n_grid:
        chosen = _quantiles(values[rows], chosen, weight[rows], n_grid)
        first = np.searchsorted(values[rows], chosen)
        shares, edges = np.histogram(values[rows], N_BINS, weights=weight[rows])
    shown: Any = chosen
    if levels is not None:
        shown = np.array([levels[int(code)] for code in chosen], dtype=object)
    missing = float(weight[absent].sum() / total)
    at = [*rows[first].tolist(), *np.flatnonzero(absent)[:1].tolist()]
    return Grid(name, shown, levels is None, ordered, shares / total, edges, missing), at


def _central(x: Floats, weight: Floats) -> Mask:
    """Which of sorted `x` lie between its tails, or not far beyond; all where few are different.

    A column may be zero in most rows: without its most frequent number, the tails are others.
    """
    different, place = np.unique(x, return_inverse=True)
    if len(different) <= FEW:
        return np.ones(len(x), dtype=bool)
    others = x != different[np.bincount(place, weight).argmax()]
    parts = ((x, weight), (x[others], weight[others]))
    tails = [quantile_of_sorted(part, [TAILS, 1 - TAILS], of_part) for part, of_part in parts]
    low, high = np.min(tails), np.max(tails)
    room = BEYOND * (high - low)
    return (x >= low - room) & (x <= high + room)


def _quantiles(x: Floats, different: Floats, weight: Floats, n_grid: int) -> Floats:
    """Quantiles of sorted `x`; where most of them are equal, some `different` values as well."""
    chosen = np.unique(quantile_of_sorted(x, np.linspace(0, 1, n_grid), weight))
    if len(chosen) > n_grid / 2:
        return chosen
    asked = np.linspace(0, 1, n_grid - len(chosen))
    return np.union1d(chosen, quantile_of_sorted(different, asked))


# --------------------------------------------------------------------------------------------
# Effects
# --------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Averages:
    """Averages of predictions over rows of X, some of whose columns are given one value.

    Grids come from all rows of `X`, averages from the `rows` of it.
    """

    predict: Callable[[Any], Floats]
    X: Any
    weight: Floats | None
    names: Sequence[str]
    rows: Ints

    def of_rows(self, X: Any) -> float:
        weight = None if self.weight is None else self.weight[self.rows]
        predictions = np.asarray(self.predict(X), dtype=np.float64)  # float32 would round the mean
        return float(np.average(predictions, weights=weight))

    def as_given(self) -> float:
        """The average with X as it is."""
        return self.of_rows(rows_of(self.X, self.rows))

    def effect(self, columns: tuple[int, ...], n_grid: int) -> Effect:
        """The effect of one column, or the joint effect of two; unordered levels by effect."""
        found = [grid_of(self.X, j, self.names[j], n_grid, self.weight) for j in columns]
        grids, places = [grid for grid, _ in found], [rows for _, rows in found]
        average = np.empty([len(rows) for rows in places])
        part = rows_of(self.X, self.rows)
        for index in np.ndindex(average.shape):
            table = part
            for column, rows, k in zip(columns, places, index):
                table = with_value(table, self.X, column, rows[k])
            average[index] = self.of_rows(table)
        return _sorted_levels(grids, average)


def _sorted_levels(grids: list[Grid], average: Floats) -> Effect:
    """The effect with unordered levels of its columns from the lowest average to the highest."""
    sorted_grids = []
    for axis, grid in enumerate(grids):
        if not grid.ordered:
            means = average.mean(axis=1 - axis) if average.ndim == 2 else average
            order = np.argsort(means[: len(grid.values)], kind="stable")
            last = np.arange(len(order), len(grid))
            average = np.take(average, [*order, *last], axis=axis)
            grid = replace(grid, values=grid.values[order], shares=grid.shares[order])
        sorted_grids.append(grid)
    return Effect(tuple(sorted_grids), average)
