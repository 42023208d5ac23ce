"""The encoder of tables: values, ramps, levels and what is missing."""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skreg_mlp._objective.cluster import in_memory, is_collection, lazy
from skreg_mlp._objective.coding import DTYPE, CodedMatrix, Coding
from skreg_mlp._objective.losses import quantile_of_sorted
from skreg_mlp._objective.partitions import partitioned
from skreg_mlp._validation import check_parameters, check_weights
from skreg_mlp.encoding._table import Table, column_names, given_columns, read_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike
    from typing_extensions import Self

    from skreg_mlp._typing import Array, Floats, Ints
    from skreg_mlp.encoding._table import Levels

SAMPLED_ROWS = 200_000  # at most, of a table that is not in memory
IQR_OF_NORMAL = 1.349  # the distance of its quartiles in standard deviations


class Column(NamedTuple):
    """How one column is encoded: see `Coding`, whose entries for it these are.

    ``outputs`` has names of the outputs that the states add, None where they add none. A column of
    levels has ``states``, the state of each of its levels and of missing; others have ``edges``.
    """

    edges: list[float]
    outputs: list[str | None]
    value: str | None = None
    center: float = 0.0
    unit: float = np.inf
    states: list[int] | None = None

    @property
    def names(self) -> list[str]:
        """Those of all outputs, in order."""
        return [name for name in (self.value, *self.outputs) if name is not None]


NOTHING = Column([0.0], [None, None])  # of a column that does not vary, or is not needed


class TableEncoder(TransformerMixin, BaseEstimator):
    """Encode the columns of a table for a network: numbers, categories and missing values.

    A column of numbers becomes its value, robustly scaled, and ramps between its quantiles, so that
    a network can bend its effect without a hidden unit for each bend. A column of strings, or of a
    categorical dtype, becomes one indicator for each level. Missing values get an indicator. Every
    output is centered at its weighted mean over the training rows.

    Parameters
    ----------
    n_bins : int, default=16
        Largest number of ramps of a column; 0 leaves its value alone. A ramp is
        ``clip((x - low) / (high - low), 0, 1)`` between neighbors among the quantiles of the column
        at the shares 0, 1 / n_bins, ..., 1; there are fewer ramps where quantiles are equal.

    min_frequency : float, default=0.005
        Share of the rows, by weight, below which a level is rare. Rare levels share one indicator.

    max_categories : int or None, default=None
        Largest number of levels of a column with an indicator of their own: the most frequent ones.
        The others are rare.

    Attributes
    ----------
    groups_ : ndarray of int of shape (n_features_out,)
        For each output the input column that it comes from. A column that does not vary has none.
    categories_ : list of (list or None)
        For each input column its levels in the training rows, sorted, or None for numbers.
    n_features_in_ : int
        Number of input columns.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the input columns, where X has string names for all of them.

    See Also
    --------
    RegularizedMLPClassifier : Takes an encoder as ``encoder``, and never stores what it encodes.

    Notes
    -----
    The value of a column with more than two different numbers is z / sqrt(1 + (z / 3)^2), where z
    is (x - median) / (IQR / 1.349), or is divided by the standard deviation where the IQR is 0. A
    column of two numbers becomes an indicator of the larger one, linear between them. Quantiles
    invert the weighted distribution function: an integer weight is as good as repeated rows.

    Where a number is missing, its indicator is on and all other outputs of the column are 0, which
    is their mean. A column without missing values in the training rows has no such indicator: a
    missing value is then encoded as the mean alone. Missing is a level of its own among levels. A
    level that was not seen in the training rows counts as rare; where there are no rare ones, no
    indicator is on.

    References
    ----------
    Gorishniy, Rubachev and Babenko (2022), On embeddings for numerical features in tabular deep
    learning, section 3.2, for ramps (piecewise linear encoding).

    Examples
    --------
    >>> import numpy as np
    >>> from skreg_mlp import TableEncoder
    >>> X = np.array([[1.0, "S"], [2.0, "M"], [np.nan, "S"], [4.0, "M"]], dtype=object)
    >>> encoder = TableEncoder(n_bins=2).fit(X)
    >>> encoder.get_feature_names_out(["size", "letter"]).tolist()
    ['size', 'size 1 to 2', 'size 2 to 4', 'size missing', 'letter=M', 'letter=S']
    >>> encoder.groups_
    array([0, 0, 0, 0, 1, 1])
    >>> encoder.transform(X)[:, 1].round(2)
    array([-0.67,  0.33,  0.  ,  0.33], dtype=float32)
    """

    groups_: Ints
    categories_: list[Levels]
    n_features_in_: int
    feature_names_in_: Array

    def __init__(
        self,
        n_bins: int = 16,
        *,
        min_frequency: float = 0.005,
        max_categories: int | None = None,
    ) -> None:
        self.n_bins = n_bins
        self.min_frequency = min_frequency
        self.max_categories = max_categories

    def fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Learn quantiles, levels and means of the columns.

        Parameters
        ----------
        X : array-like, data frame or Dask collection of shape (n_samples, n_features)
            Numbers, strings, categories, booleans and missing values (nan, None, NA). Of a Dask
            collection at most 200,000 rows, drawn at random, are looked at.
        y : None
            Not used.
        sample_weight : array-like of shape (n_samples,), optional
            Non-negative weights of the rows.

        Returns
        -------
        Self
            The fitted encoder.

        Raises
        ------
        TypeError
            X is sparse, or a column mixes strings and numbers.
        ValueError
            A parameter is outside its range, X holds infinite values or dates, or no column varies.
        """
        check_parameters(self)
        sample_weight = in_memory(sample_weight)
        if is_collection(X):
            X, rows = (parts := partitioned(X)).sample(SAMPLED_ROWS)
            weight = check_weights(sample_weight, len(parts), np.float64)
            sample_weight = weight if weight is None else weight[rows]
        X = given_columns(self, X, reset=True)
        table = read_table(X, self._names())
        weight = check_weights(sample_weight, len(table.X), np.float64)
        return self._fit(table, weight)

    @lazy
    def transform(self, X: Any) -> Floats:
        """Encode the columns of X.

        Parameters
        ----------
        X : array-like, data frame or Dask collection of shape (n_samples, n_features)

        Returns
        -------
        ndarray of float32 of shape (n_samples, n_features_out)
            A Dask array for a Dask collection.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            X has other columns than in `fit`, a column another type, or infinite values.
        """
        check_is_fitted(self)
        return coded(self, given_columns(self, X, reset=False)).toarray()

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> Array:
        """Name the outputs, after the column and what they tell of it.

        Parameters
        ----------
        input_features : array-like of shape (`n_features_in_`,), optional
            Names of the input columns; by default those of `fit`, or else x0, x1 and so on.

        Returns
        -------
        ndarray of shape (n_features_out,)

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            `input_features` has another length, or differs from the names of `fit`.
        """
        check_is_fitted(self)
        given = None if input_features is None else np.asarray(input_features, dtype=object)
        known = getattr(self, "feature_names_in_", None)
        if given is not None and known is not None and not np.array_equal(known, given):
            raise ValueError("input_features is not equal to feature_names_in_.")
        if given is not None and given.shape != (self.n_features_in_,):
            raise ValueError(
                f"input_features should have length equal to number of features "
                f"({self.n_features_in_}), got {len(given)}."
            )
        names = self._names() if given is None else given.tolist()
        parts = zip(self._columns, names)
        return np.array(
            [f"{name}{part}" for column, name in parts for part in column.names], object
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.string = tags.input_tags.categorical = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    # -- reading ----------------------------------------------------------------------------------
    def _read(self, X: Any) -> Table:
        """X of the columns of `fit` as a table, of those that are still read."""
        used = [bool(column.names) for column in self._columns]
        return read_table(X, self._names(), self.categories_, used)

    def _names(self) -> list[str]:
        return column_names(getattr(self, "feature_names_in_", None), self.n_features_in_)

    # -- fitting ----------------------------------------------------------------------------------
    def _fit(self, table: Table, weight: Floats | None) -> Self:
        """Fit to a table whose number and names of columns are known."""
        if weight is not None and not weight.all():
            table, weight = table[weight > 0], weight[weight > 0]
        fitted: list[Column] = []
        categories: list[Levels] = []
        for k, levels in enumerate(table.levels):
            x = table.X[:, k]
            if levels is None:
                fitted.append(self._numeric(x, weight))
                categories.append(None)
            else:
                column, seen = self._categorical(x, levels, weight)
                fitted.append(column)
                categories.append(seen)
        groups = np.repeat(np.arange(len(fitted)), [len(column.names) for column in fitted])
        if not len(groups):
            raise ValueError(
                f"No column of X varies over its n_samples={len(table.X)} rows: there is nothing "
                "to encode."
            )
        self._columns, self.categories_, self.groups_ = fitted, categories, groups
        self._means = np.zeros(len(groups))
        self._center(table, weight)
        return self

    def _numeric(self, x: Floats, weight: Floats | None) -> Column:
        observed = ~np.isnan(x)
        missing = " missing" if not observed.all() else None
        if missing:
            x, weight = x[observed], None if weight is None else weight[observed]
        order = np.argsort(x) if weight is not None else None
        x = np.sort(x) if order is None else x[order]
        weight = None if weight is None else weight[order]
        different = _distinct(x)
        if len(different) < 2:
            return NOTHING if not len(different) else Column([different[0]], [None, missing])
        if len(different) == 2:
            return Column(different.tolist(), [None, "", missing])
        x = x.astype(np.float64)
        low, center, high = quantile_of_sorted(x, [0.25, 0.5, 0.75], weight)
        unit = (high - low) / IQR_OF_NORMAL or _deviation(x, weight)
        shares = np.arange(self.n_bins + 1) / max(self.n_bins, 1)
        edges = _distinct(quantile_of_sorted(x, shares, weight))
        outputs = [None, *_ramp_names(edges), missing]
        return Column(edges.tolist(), outputs, "", float(center), float(unit))

    def _categorical(
        self, codes: Floats, levels: list[Any], weight: Floats | None
    ) -> tuple[Column, list[Any]]:
        """The column, and the levels that there are."""
        places = np.where(np.isnan(codes), len(levels), codes).astype(int)
        counts = np.bincount(places, weight, minlength=len(levels) + 1)
        seen = np.flatnonzero(counts > 0)
        common = seen[counts[seen] >= self.min_frequency * counts.sum()]
        if self.max_categories is not None and len(common) > self.max_categories:
            by_count = np.argsort(-counts[common], kind="stable")
            common = np.sort(common[by_count[: self.max_categories]])
        rare = len(common) < len(seen)
        if len(seen) < 2:  # it does not vary
            common, rare = common[:0], False
        states = np.full(len(levels) + 1, len(common))
        states[common] = np.arange(len(common))
        names = [f"={level}" for level in levels] + [" missing"]
        outputs = [*(names[place] for place in common), " other" if rare else None]
        kept = [level for level, count in zip(levels, counts) if count > 0]
        of_kept = [int(s) for s, count in zip(states, counts) if count > 0]
        of_missing = int(states[-1])
        if counts[-1] > 0:
            of_kept.pop()
        column = Column([0.0] * len(outputs), outputs, states=[*of_kept, of_missing])
        return column, kept

    def _center(self, table: Table, weight: Floats | None) -> None:
        """Measure the means of the outputs where their columns are observed."""
        weight = np.ones(len(table.X)) if weight is None else weight / weight.mean()
        means = (self._coded(table).T @ weight[:, None])[:, 0] / weight.sum()
        for column, own in zip(self._columns, _parts(self)):
            if column.states is None and column.outputs[-1] is not None:
                of_column = means[own]
                of_column[:-1] /= 1 - of_column[-1]  # of the rows where it is observed
        self._means = means

    # -- encoding ---------------------------------------------------------------------------------
    def _coded(self, table: Table) -> CodedMatrix:
        """The encoded columns of a table, as a matrix that is not stored."""
        return CodedMatrix(table.X, self._coding(table.levels))

    def _coding(self, levels: Sequence[Levels]) -> Coding:
        """How columns whose levels have these codes are encoded."""
        columns = self._columns
        lengths = np.array([len(column.outputs) for column in columns])
        valued = np.array([column.value is not None for column in columns])
        named = np.array([name is not None for column in columns for name in column.outputs], bool)
        starts = np.array([part.start for part in _parts(self)])
        # outputs follow one another, in each column its value first
        outputs = np.where(named, np.cumsum(named) - 1 + np.repeat(np.cumsum(valued), lengths), -1)
        means = np.append(self._means, 0.0)  # the last is that of no output
        values = np.where(valued, starts, -1)
        codes = [_state_of_code(*of_column) for of_column in zip(columns, levels, self.categories_)]
        whole = Coding(
            columns=np.arange(len(columns)),
            numeric=np.array([int(column.states is None) for column in columns]),
            centers=np.array([column.center for column in columns]),
            units=np.array([column.unit for column in columns]),
            value_means=means[values],
            value_outputs=values,
            starts=_offsets(lengths),
            edges=np.array([e for c in columns for e in _padded(c.edges, len(c.outputs))]),
            outputs=outputs,
            means=means[outputs].astype(DTYPE),
            code_starts=_offsets([len(of_column) for of_column in codes]),
            codes=np.concatenate(codes),
            n_outputs=len(self.groups_),
        )
        return whole.keeping(np.arange(len(self.groups_)))  # columns that do not vary are not read


def coded(encoder: TableEncoder, X: Any) -> CodedMatrix:
    """What a fitted encoder makes of X, whose columns are known, as a matrix that is not stored."""
    return encoder._coded(encoder._read(X))


def keeping(encoder: TableEncoder, kept: Ints) -> TableEncoder:
    """A copy of a fitted encoder with some of its outputs, which reads no more than it needs."""
    other = copy.copy(encoder)
    other.groups_, other._means = encoder.groups_[kept], encoder._means[kept]
    left = np.isin(np.arange(len(encoder.groups_)), kept)
    other._columns, other.categories_ = [], []
    for column, levels, part in zip(encoder._columns, encoder.categories_, _parts(encoder)):
        own = iter(left[part])
        if not left[part].any():
            column, levels = NOTHING, None
        else:
            value = column.value if column.value is not None and next(own) else None
            outputs = [name if name is not None and next(own) else None for name in column.outputs]
            column = column._replace(value=value, outputs=outputs)
        other._columns.append(column)
        other.categories_.append(levels)
    return other


def of_columns(encoder: TableEncoder, columns: Ints) -> TableEncoder:
    """The encoder of a table whose k-th column is the column ``columns[k]`` of that of `encoder`.

    A table as `read_table` makes it: levels are codes.
    """
    other = copy.copy(encoder)
    other.__dict__.pop("feature_names_in_", None)
    parts = _parts(encoder)
    own = [parts[column] for column in columns]
    other.n_features_in_ = len(columns)
    other._columns = [encoder._columns[column] for column in columns]
    known = [encoder.categories_[column] for column in columns]
    other.categories_ = [levels and list(range(len(levels))) for levels in known]
    other.groups_ = np.repeat(np.arange(len(columns)), [part.stop - part.start for part in own])
    other._means = np.concatenate([encoder._means[part] for part in own])
    return other


def fit_on(encoder: TableEncoder, X: Any, weight: Floats | None, rows: Ints | None) -> TableEncoder:
    """Fit on some rows of X (None: all), given their weights; the columns of X are known."""
    table = read_table(X, encoder._names())
    return encoder._fit(table if rows is None else table[rows], weight)


def _parts(encoder: TableEncoder) -> list[slice]:
    """The outputs of each column."""
    ends = np.searchsorted(encoder.groups_, np.arange(len(encoder._columns) + 1)).tolist()
    return [slice(*limits) for limits in pairwise(ends)]


def _offsets(lengths: Sequence[int] | Ints) -> Ints:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _distinct(x: Floats) -> Floats:
    """Each value of a sorted x once."""
    first = np.ones(len(x), dtype=bool)
    np.not_equal(x[1:], x[:-1], out=first[1:])
    return x[first]


def _padded(values: list[float], length: int) -> list[float]:
    return values + [0.0] * (length - len(values))


def _state_of_code(column: Column, of_table: Levels, seen: Levels) -> Ints:
    """The state of each code of a table, then of an unknown level, then of missing."""
    other = len(column.outputs) - 1
    if column.states is None or of_table is None or seen is None:
        return np.full(2, other)
    states = dict(zip(seen, column.states))
    found = [states.get(level, other) for level in of_table]
    return np.array([*found, other, column.states[-1]])


def _deviation(x: Floats, weight: Floats | None) -> float:
    away = x - np.average(x, weights=weight)
    largest = np.abs(away).max()  # the squares of tiny numbers would be zero
    return float(largest * np.sqrt(np.average((away / largest) ** 2, weights=weight)))


def _ramp_names(edges: Floats) -> list[str]:
    """From where to where each ramp goes, in as few digits as tell the edges apart."""
    for digits in range(3, 18):
        texts = [f"{edge:.{digits}g}" for edge in edges]
        if len(set(texts)) == len(texts):
            break
    return [f" {low} to {high}" for low, high in pairwise(texts)]
