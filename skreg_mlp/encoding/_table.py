"""Arrays and data frames as tables of numbers: nan is missing, levels have codes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time, timedelta
from numbers import Number
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from skreg_mlp._typing import Array, Floats

    Levels = list[Any] | None

DATES = (
    "make numbers of them, such as the days since a fixed date or the month, or drop the column."
)


@dataclass(frozen=True)
class Table:
    """Columns as numbers: values, or codes of ``levels`` (None: a column of numbers).

    A level that is not among those of its column has the code after the last one; missing is nan.
    """

    X: Floats
    levels: Sequence[Levels]

    @property
    def shape(self) -> tuple[int, int]:
        return self.X.shape[0], self.X.shape[1]

    def __getitem__(self, rows: Any) -> Table:
        return Table(self.X[rows], self.levels)


def read_table(
    X: Any,
    names: Sequence[str],
    known: Sequence[Levels] | None = None,
    used: Sequence[bool] | None = None,
) -> Table:
    """The table of an array or a data frame with columns of these names.

    `known` are the levels of a table read before, whose columns these are. A column that is not
    `used` is not looked at.
    """
    used = [True] * X.shape[1] if used is None else used
    if not is_frame(X) and X.dtype.kind in "fiub" and (known is None or not any(known)):
        X = check_array(X, dtype=(np.float64, np.float32), order="C", ensure_all_finite=False)
        X = np.require(X, requirements="A")  # the compiled loops read no unaligned memory
        _refuse_infinity(X, names, used)
        return Table(X, [None] * X.shape[1])
    columns: list[Floats] = []
    levels: list[Levels] = [None] * X.shape[1] if known is None else list(known)
    for k in range(X.shape[1]):
        if used[k]:
            values, is_category = _column(X, k, names[k])
            if known is None:
                levels[k] = _levels(values, names[k], is_category)
            columns.append(_codes(values, levels[k], names[k]))
        else:
            columns.append(np.zeros(1, np.float32))
    narrow = all(values.dtype == np.float32 for values in columns)
    numbers = np.empty((X.shape[0], len(columns)), dtype=np.float32 if narrow else np.float64)
    for k, values in enumerate(columns):
        numbers[:, k] = values
    _refuse_infinity(numbers, names, used)
    return Table(numbers, levels)


def given_columns(estimator: Any, X: Any, *, reset: bool) -> Any:
    """X as it was given, a frame or an array of any type; its columns are those of `fit`.

    With `reset` this is `fit`, and their number and names are kept.
    """
    if sparse.issparse(X):
        raise TypeError(
            "A sparse X cannot be encoded: leave encoder=None and scale X, for instance with "
            "MaxAbsScaler, or pass a dense array."
        )
    if is_frame(X):
        return validate_data(estimator, X, reset=reset, skip_check_array=True)
    return validate_data(estimator, X, reset=reset, dtype=None, ensure_all_finite=False)


def take_columns(taker: Any, giver: Any) -> None:
    """Give an estimator the number and the names of the columns that another has seen, if any."""
    taker.__dict__.pop("feature_names_in_", None)
    for name in ("n_features_in_", "feature_names_in_"):
        if hasattr(giver, name):
            setattr(taker, name, getattr(giver, name))


def column_names(names: Iterable[object] | None, n_columns: int) -> list[str]:
    """The `names` of columns or, unless all are strings, x0, x1, ..., as scikit-learn has it."""
    known = [] if names is None else list(names)
    if len(known) == n_columns and all(isinstance(name, str) for name in known):
        return [str(name) for name in known]
    return [f"x{k}" for k in range(n_columns)]


def is_frame(X: Any) -> bool:
    """Whether X is a data frame of pandas or polars."""
    return hasattr(X, "columns") and (hasattr(X, "iloc") or hasattr(X, "get_column"))


def _refuse_infinity(X: Floats, names: Sequence[str], used: Sequence[bool]) -> None:
    """Infinite values are no numbers to be scaled, and nothing says what they mean."""
    limit = np.finfo(X.dtype).max / 4  # whose differences are finite
    highest, lowest = np.fmax.reduce(X), np.fmin.reduce(X)  # nan where all is missing
    for k in np.flatnonzero((highest > limit) | (lowest < -limit)).tolist():
        if used[k]:
            raise ValueError(
                f"Input X contains infinity or a value too large for {X.dtype} in column "
                f"{names[k]!r}. Where it stands for a missing value, put nan there."
            )


# --------------------------------------------------------------------------------------------
# Columns of arrays and frames: numbers with nan, or objects with None
# --------------------------------------------------------------------------------------------
def _column(X: Any, k: int, name: str) -> tuple[Array, bool]:
    """Values of column k, and whether it was declared to be a category."""
    if not is_frame(X):
        return _objects(X[:, k]), False
    if hasattr(X, "iloc"):
        return _of_pandas(X.iloc[:, k], name)
    return _of_polars(X[:, k], name)


def _of_pandas(series: Any, name: str) -> tuple[Array, bool]:
    dtype = series.dtype
    kind = getattr(dtype, "kind", "O")
    if kind in "mM":
        raise ValueError(f"Column {name!r} holds dates ({dtype}): {DATES}")
    if kind == "c":
        raise ValueError(f"Complex data not supported: column {name!r} has dtype {dtype}.")
    if kind in "iufb":
        narrow = kind == "f" and getattr(dtype, "itemsize", 8) <= 4
        target = np.float32 if narrow else np.float64
        return series.to_numpy(dtype=target, na_value=np.nan), False
    values = series.to_numpy(dtype=object).copy()
    values[series.isna().to_numpy()] = None
    return values, hasattr(dtype, "categories")


def _of_polars(series: Any, name: str) -> tuple[Array, bool]:
    dtype = series.dtype
    if dtype.is_temporal():
        raise ValueError(f"Column {name!r} holds dates ({dtype}): {DATES}")
    if dtype.is_float() or dtype.is_integer():
        values = series.to_numpy()
        return values if values.dtype == np.float32 else values.astype(np.float64), False
    values = np.empty(len(series), dtype=object)
    values[:] = series.to_list()
    return _objects(values), False


def _objects(values: Array) -> Array:
    """Objects with None for every missing value; an array of numbers stays one."""
    if values.dtype.kind in "fiub":
        return values.astype(np.float64)
    values = values.astype(object)
    values[[_is_missing(value) for value in values]] = None
    return values


def _refuse_dates(kinds: Iterable[type], name: str) -> None:
    """Dates that are objects, such as the days or months that pandas makes of times."""
    for kind in kinds:
        if issubclass(kind, (date, time, timedelta, np.datetime64)) or kind.__name__ == "Period":
            raise ValueError(f"Column {name!r} holds dates ({kind.__name__}): {DATES}")


def _is_missing(value: Any) -> bool:
    if value is None or isinstance(value, (float, np.floating)):
        return value is None or bool(np.isnan(value))
    return type(value).__name__ in ("NAType", "NaTType")  # of pandas, which may not be installed


# --------------------------------------------------------------------------------------------
# Levels and codes
# --------------------------------------------------------------------------------------------
def _levels(values: Array, name: str, is_category: bool) -> Levels:
    """The sorted levels of a column, or None where it holds numbers."""
    if values.dtype.kind == "f":
        return None
    present = {type(value): value for value in values if value is not None}
    _refuse_dates(present, name)
    numeric = all(issubclass(kind, (Number, np.bool_)) for kind in present)
    if numeric and not is_category:  # nothing but missing values, too
        return None
    try:
        levels = sorted({value for value in values if value is not None})
    except TypeError:
        kinds = ", ".join(sorted(kind.__name__ for kind in present))
        raise TypeError(
            f"Each value of a column must be a string or a number, and all of them one or the "
            f"other: argument must be a string or a number, but column {name!r} holds {kinds}."
        ) from None
    return levels


def _codes(values: Array, levels: Levels, name: str) -> Floats:
    """Values as numbers: those they are, or codes of their levels."""
    if levels is None:
        return _numbers(values, name)
    if values.dtype.kind == "f":
        values = _objects(values.astype(object))
    _check_kind(values, levels, name)
    codes: dict[Any, float] = {level: code for code, level in enumerate(levels)}
    codes[None] = np.nan
    found = (codes.get(value, len(levels)) for value in values)
    return np.fromiter(found, dtype=np.float64, count=len(values))


def _numbers(values: Array, name: str) -> Floats:
    if values.dtype.kind == "f":
        return values
    strange = _first(values, lambda value: not isinstance(value, (Number, np.bool_)))
    if strange is not None:
        raise ValueError(
            f"Column {name!r} held numbers in fit and now holds {strange!r}: could not convert "
            "it to a number."
        )
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _check_kind(values: Array, levels: list[Any], name: str) -> None:
    """Numbers are no levels of a column of strings: every one of them would be unknown."""
    if not all(isinstance(level, str) for level in levels):
        return
    strange = _first(values, lambda value: not isinstance(value, str))
    if strange is not None:
        raise ValueError(
            f"Column {name!r} held strings in fit, such as {levels[0]!r}, and now holds "
            f"{strange!r}: give it the type that it had."
        )


def _first(values: Array, test: Any) -> Any:
    return next((value for value in values if value is not None and test(value)), None)
