"""TableEncoder: what each column becomes, from first principles."""

import pickle
import re
from itertools import pairwise

import numpy as np
import pandas as pd
import polars as pl
import pytest
from _layouts import read_only, unaligned
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from skreg_mlp import RegularizedMLPRegressor, TableEncoder
from skreg_mlp._objective.coding import CodedMatrix
from skreg_mlp.encoding._encoder import coded, keeping

RNG = np.random.default_rng(0)
N = 200
SINGLE = np.finfo(np.float32).eps

NUMBERS = {
    "normal": RNG.standard_normal(N),
    "skewed": np.exp(3 * RNG.standard_normal(N)),
    "counts": RNG.poisson(1.5, N).astype(float),
    "far": 1.7e9 + 10 * RNG.standard_normal(N),
    "tiny": 1e-200 * RNG.standard_normal(N),
    "mostly zero": np.where(RNG.random(N) < 0.9, 0, RNG.random(N)),
    "missing": np.where(RNG.random(N) < 0.2, np.nan, RNG.standard_normal(N)),
    "two": (RNG.random(N) < 0.3).astype(float),
    "two and missing": np.where(RNG.random(N) < 0.2, np.nan, RNG.integers(0, 2, N)),
}
BINS = [0, 1, 2, 7, 16, 300]


@parametrize_with_checks([TableEncoder(), TableEncoder(n_bins=0), TableEncoder(2)])
def test_estimator_checks(estimator, check):
    check(estimator)


def mixed_frame(n=N, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.uniform(18, 90, n),
            "children": rng.poisson(1.2, n),
            "city": rng.choice(["Ulm", "Rome", "Oslo", "Bern"], n, p=[0.5, 0.3, 0.19, 0.01]),
            "smoker": rng.random(n) < 0.3,
            "grade": pd.Categorical(rng.choice([1, 2, 3], n)),
        }
    )
    frame.loc[rng.random(n) < 0.1, "age"] = np.nan
    frame.loc[rng.random(n) < 0.1, "city"] = None
    return frame


def outputs_of(encoder, X, column=0):
    """Names and values of the outputs of one column."""
    mine = encoder.groups_ == column
    return encoder.get_feature_names_out()[mine].tolist(), encoder.transform(X)[:, mine]


def quantile(x, share):
    """The smallest value that at least this share of the sorted values does not exceed."""
    ordered = np.sort(x)
    return ordered[max(int(np.ceil(share * len(x) - 1e-9)), 1) - 1]


def by_hand(x, n_bins):
    """Outputs of a column with more than two numbers, as the documentation states them."""
    seen = x[~np.isnan(x)]
    center = quantile(seen, 0.5)
    unit = (quantile(seen, 0.75) - quantile(seen, 0.25)) / 1.349
    if unit == 0:
        unit = np.sqrt(np.mean(np.square((seen - seen.mean()) / np.abs(seen).max())))
        unit *= np.abs(seen).max()
    z = (x - center) / unit
    columns = [z / np.sqrt(1 + (z / 3) ** 2)]
    edges = np.unique([quantile(seen, t / n_bins) for t in range(n_bins + 1)]) if n_bins else []
    for low, high in pairwise(edges):
        columns.append(np.clip((x - low) / (high - low), 0, 1))
    centered = [np.where(np.isnan(x), 0, c - np.nanmean(c)) for c in columns]
    if np.isnan(x).any():
        centered.append(np.isnan(x) - np.isnan(x).mean())
    return np.column_stack(centered)


# --------------------------------------------------------------------------------------------
# Numbers
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("n_bins", BINS)
@pytest.mark.parametrize("name", [name for name in NUMBERS if not name.startswith("two")])
def test_numbers_are_what_the_formulas_say(name, n_bins):
    x = NUMBERS[name][:, None]
    got = TableEncoder(n_bins).fit_transform(x)
    assert got.dtype == np.float32
    expected = by_hand(x[:, 0], n_bins)
    assert got.shape == expected.shape
    assert_allclose(got, expected, atol=8 * SINGLE, rtol=8 * SINGLE)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("n_bins", BINS)
def test_ramps_fall_from_one_to_zero_and_are_as_many_as_there_are_steps(name, n_bins):
    x = NUMBERS[name][:, None]
    encoder = TableEncoder(n_bins).fit(x)
    names, values = outputs_of(encoder, x)
    ramps = np.array([" to " in name for name in names])
    k = len(np.unique(x[~np.isnan(x)]))
    assert ramps.sum() <= min(n_bins, k - 1)
    seen = values[~np.isnan(x[:, 0])][:, ramps].astype(np.float64)
    plain = seen - seen.min(axis=0, initial=0)  # each ramp is 0 somewhere, and 1 elsewhere
    assert_allclose(plain.max(axis=0, initial=0), 1 if ramps.any() else 0, atol=4 * SINGLE)
    assert (np.diff(plain, axis=1) <= 4 * SINGLE).all()


@pytest.mark.parametrize("name", ["two", "two and missing"])
def test_two_numbers_are_an_indicator(name):
    x = NUMBERS[name][:, None] * 5 - 2
    names, values = outputs_of(TableEncoder().fit(x), x)
    seen = ~np.isnan(x[:, 0])
    assert names == (["x0"] if seen.all() else ["x0", "x0 missing"])
    share = (x[seen, 0] == 3).mean()
    assert_allclose(values[seen, 0], (x[seen, 0] == 3) - share, atol=2 * SINGLE)
    assert_array_equal(values[~seen, 0], 0)


@pytest.mark.parametrize("n_bins", BINS[1:])
@pytest.mark.parametrize("transform", [np.exp, np.cbrt, lambda x: 3 * x - 7])
def test_monotone_transforms_change_ramps_between_the_edges_only(transform, n_bins):
    x = NUMBERS["normal"]
    edges = np.unique([quantile(x, t / n_bins) for t in range(n_bins + 1)])[:, None]
    one = TableEncoder(n_bins).fit(x[:, None]).transform(edges)[:, 1:]
    other = TableEncoder(n_bins).fit(transform(x)[:, None]).transform(transform(edges))[:, 1:]
    for ramps in (one, other):
        assert_allclose(ramps - ramps[0], np.tri(*ramps.shape, k=-1), atol=4 * SINGLE)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_far_out_are_bounded_and_never_nan(dtype):
    x = NUMBERS["normal"][:, None].astype(dtype)
    encoder = TableEncoder(4).fit(x)
    largest = np.finfo(dtype).max / 5
    far = np.array([[largest], [-largest], [np.finfo(dtype).tiny], [0]], dtype=dtype)
    values = encoder.transform(far)
    assert np.isfinite(values).all()
    assert np.abs(values[:, 0]).max() <= 3.5
    assert_allclose(values[0, 1:] - values[1, 1:], 1, atol=4 * SINGLE)


@pytest.mark.parametrize("values", [np.full(5, 3.0), np.full(5, np.nan)])
def test_a_column_that_does_not_vary_has_no_output_and_is_not_read(values):
    X = np.column_stack([np.arange(5.0), values])
    encoder = TableEncoder(2).fit(X)
    assert_array_equal(np.unique(encoder.groups_), [0])
    X[:, 1] = np.inf
    assert_array_equal(encoder.transform(X), encoder.fit(X[:, :1]).transform(X[:, :1]))


def test_a_number_that_is_there_or_not():
    x = np.where(np.arange(10) < 3, np.nan, 7.0)[:, None]
    names, values = outputs_of(TableEncoder().fit(x), x)
    assert names == ["x0 missing"]
    assert_allclose(values[:, 0], (np.arange(10) < 3) - 0.3, atol=SINGLE)


def test_missing_without_having_been_seen_is_the_mean():
    x = NUMBERS["normal"][:, None]
    encoder = TableEncoder(3).fit(x)
    assert_array_equal(encoder.transform([[np.nan]]), np.zeros((1, 4)))


# --------------------------------------------------------------------------------------------
# Levels
# --------------------------------------------------------------------------------------------
LEVELS = np.array(list("aaaaaaaabbbbbcccd"), dtype=object)[:, None]  # 8, 5, 3, 1 of 17


@pytest.mark.parametrize(
    "params, names",
    [
        ({}, "=a =b =c =d"),
        ({"min_frequency": 0.1}, "=a =b =c other"),
        ({"min_frequency": 0.2}, "=a =b other"),
        ({"max_categories": 3}, "=a =b =c other"),
        ({"max_categories": 1}, "=a other"),
    ],
)
def test_rare_levels_share_an_indicator(params, names):
    encoder = TableEncoder(**params).fit(LEVELS)
    own, values = outputs_of(encoder, LEVELS)
    assert own == [f"x0{name}" if name[0] == "=" else f"x0 {name}" for name in names.split()]
    assert encoder.categories_ == [list("abcd")]
    common = [name[1:] for name in names.split() if name[0] == "="]
    groups = [common.index(v) if v in common else len(common) for v in LEVELS[:, 0]]
    indicators = np.eye(len(own))[groups]
    assert_allclose(values, indicators - indicators.mean(axis=0), atol=2 * SINGLE)


def test_an_unseen_level_counts_as_rare():
    X = np.array([["e"], ["d"]], dtype=object)
    with_rare = TableEncoder(min_frequency=0.1).fit(LEVELS).transform(X)
    assert_array_equal(*with_rare)
    without = TableEncoder().fit(LEVELS).transform(X)
    assert_allclose(without[0], -np.array([8, 5, 3, 1]) / 17, atol=SINGLE)


def test_missing_is_a_level_of_its_own():
    X = np.where(np.arange(17)[:, None] % 4 == 0, None, LEVELS)
    names, values = outputs_of(TableEncoder().fit(X), X)
    assert names[-1] == "x0 missing"
    missing = np.array([v is None for v in X[:, 0]])
    assert_allclose(values[:, -1], missing - missing.mean(), atol=SINGLE)
    assert_array_equal((values > 0).sum(axis=1), 1)


def test_missing_that_was_not_seen_counts_as_rare():
    encoder = TableEncoder(min_frequency=0.1).fit(LEVELS)
    assert_array_equal(*encoder.transform(np.array([[None], ["d"]], dtype=object)))


# --------------------------------------------------------------------------------------------
# What holds for every table
# --------------------------------------------------------------------------------------------
PARAMS = [{}, {"n_bins": 3, "min_frequency": 0.05}, {"n_bins": 0, "max_categories": 2}]


@pytest.mark.parametrize("params", PARAMS)
def test_outputs_are_centered(params):
    frame = mixed_frame()
    weight = RNG.random(N)
    for w in (None, weight):
        values = TableEncoder(**params).fit(frame, sample_weight=w).transform(frame)
        assert np.abs(np.average(values, axis=0, weights=w)).max() < 1e-6


@pytest.mark.parametrize("params", PARAMS)
def test_weights_are_repeated_rows(params):
    frame, weight = mixed_frame(), RNG.integers(0, 4, N)
    repeated = frame.iloc[np.repeat(np.arange(N), weight)]
    one = TableEncoder(**params).fit(frame, sample_weight=weight)
    other = TableEncoder(**params).fit(repeated)
    assert one.get_feature_names_out().tolist() == other.get_feature_names_out().tolist()
    assert_allclose(one.transform(frame), other.transform(frame), atol=2 * SINGLE)
    scaled = TableEncoder(**params).fit(frame, sample_weight=1e-5 * weight)
    assert_allclose(one.transform(frame), scaled.transform(frame), atol=2 * SINGLE)


@pytest.mark.parametrize("params", PARAMS)
def test_rows_do_not_depend_on_each_other(params):
    frame, order = mixed_frame(), RNG.permutation(N)
    encoder = TableEncoder(**params).fit(frame)
    values = encoder.transform(frame)
    permuted = TableEncoder(**params).fit(frame.iloc[order])
    assert_allclose(permuted.transform(frame), values, atol=2 * SINGLE)
    for row in range(0, N, 37):
        assert_array_equal(encoder.transform(frame.iloc[[row]])[0], values[row])


def test_groups_and_names_belong_to_the_columns():
    frame = mixed_frame()
    encoder = TableEncoder(4).fit(frame)
    names = encoder.get_feature_names_out()
    assert len(set(names)) == len(names) == len(encoder.groups_)
    for name, group in zip(names, encoder.groups_):
        assert name.startswith(frame.columns[group])
    assert "age 18" in names[1] and "smoker" in names and "grade=2" in names
    pandas_out = clone(encoder).set_output(transform="pandas").fit_transform(frame)
    assert pandas_out.columns.tolist() == names.tolist()
    assert_array_equal(pandas_out, encoder.transform(frame))


def test_names_tell_close_edges_apart():
    x = (1 + 1e-9 * np.arange(100.0))[:, None]
    names, _ = outputs_of(TableEncoder(8).fit(x), x)
    assert len(set(names)) == 9


def test_it_can_be_pickled_and_cloned():
    frame = mixed_frame()
    encoder = TableEncoder(3, min_frequency=0.1).fit(frame)
    other = pickle.loads(pickle.dumps(encoder))
    assert_array_equal(other.transform(frame), encoder.transform(frame))
    assert clone(encoder).get_params() == encoder.get_params()


# --------------------------------------------------------------------------------------------
# Arrays and frames
# --------------------------------------------------------------------------------------------
def test_the_kind_of_frame_does_not_matter():
    frame = mixed_frame().astype({"smoker": float, "grade": str})
    as_array = frame.astype(object).where(frame.notna(), None).to_numpy()
    nullable = frame.convert_dtypes()
    as_polars = pl.DataFrame({name: as_array[:, k].tolist() for k, name in enumerate(frame)})
    expected = TableEncoder(5).fit_transform(frame)
    for X in (as_array, nullable, as_polars, nullable.astype({"city": "category"})):
        assert_array_equal(TableEncoder(5).fit_transform(X), expected)
    fitted = TableEncoder(5).fit(frame)
    for X in (nullable, as_polars):
        assert_array_equal(fitted.transform(X), expected)


def test_polars_dtypes():
    frame = pl.DataFrame(
        {
            "a": pl.Series([1, None, 3, 4], dtype=pl.Int16),
            "b": pl.Series([True, None, False, True]),
            "c": pl.Series(["x", None, "y", "x"], dtype=pl.Categorical),
            "d": pl.Series(["u", "v", "u", "v"], dtype=pl.Enum(["v", "u"])),
            "e": pl.Series([0.5, float("nan"), None, 1.5], dtype=pl.Float32),
        }
    )
    names = TableEncoder(0).fit(frame).get_feature_names_out().tolist()
    levels = ["c=x", "c=y", "c missing", "d=u", "d=v"]
    assert names == ["a", "a missing", "b", "b missing", *levels, "e", "e missing"]


def test_narrow_numbers_stay_narrow_and_far_ones_keep_their_digits():
    x = NUMBERS["far"][:, None]
    assert_allclose(TableEncoder().fit_transform(x), by_hand(x[:, 0], 16), atol=8 * SINGLE)
    narrow = NUMBERS["normal"][:, None].astype(np.float32)
    for X in (narrow, pd.DataFrame(narrow)):
        assert TableEncoder().fit(X)._read(X).X.dtype == np.float32


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "layout", [np.asfortranarray, unaligned, read_only, lambda X: X[::-1][::-1]]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_layout_in_memory(layout, dtype):
    X = np.random.default_rng(0).standard_normal((40, 3)).astype(dtype)
    expected = TableEncoder(4).fit_transform(X)
    assert_array_equal(TableEncoder(4).fit_transform(layout(X)), expected)
    inside = RegularizedMLPRegressor((2,), encoder=TableEncoder(4), max_iter=2, random_state=0)
    given, other = inside.fit(X, X[:, 0]).predict(X), inside.fit(layout(X), X[:, 0])
    assert_array_equal(other.predict(layout(X)), given)


@pytest.mark.parametrize("order", ["C", "F"])
def test_inputs_are_left_alone(order):
    X = np.array(RNG.standard_normal((30, 3)), order=order)
    X[0, 0] = np.nan
    before = X.copy()
    X.flags.writeable = False
    encoder = TableEncoder().fit(X)
    encoder.transform(X)
    assert_array_equal(X, before)


ONES = pd.DataFrame({"when": pd.to_datetime(["2020-01-01", "2020-01-02"])})
ERRORS = {
    "sparse": (sparse.csr_array(np.eye(3)), TypeError, "encoder=None"),
    "infinite": (np.array([[1.0], [np.inf]]), ValueError, "infinity .*x0"),
    "infinite object": (np.array([["a", 1.0], ["b", -np.inf]], object), ValueError, "infinity"),
    "dates": (ONES, ValueError, "'when' holds dates"),
    "dates as objects": (ONES.assign(when=ONES["when"].dt.date), ValueError, "'when' holds dates"),
    "periods": (ONES.assign(when=ONES["when"].dt.to_period("M")), ValueError, "'when' holds dates"),
    "dates in polars": (pl.from_pandas(ONES), ValueError, "'when' holds dates"),
    "mixed": (np.array([["a"], [1.0]], object), TypeError, "x0.* holds float, str"),
    "constant": (np.ones((4, 2)), ValueError, "No column of X varies"),
    "complex": (np.array([[1j], [2.0]]), ValueError, "[Cc]omplex"),
    "no rows": (np.empty((0, 2)), ValueError, "minimum of 1"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_of_fit(case):
    X, kind, text = ERRORS[case]
    with pytest.raises(kind, match=text):
        TableEncoder().fit(X)


@pytest.mark.parametrize(
    "params", [{"n_bins": -1}, {"n_bins": 2.0}, {"min_frequency": 1}, {"max_categories": 0}]
)
def test_errors_of_parameters(params):
    (name,) = params
    with pytest.raises(ValueError, match=f"{name} must be"):
        TableEncoder(**params).fit(np.eye(3))


def test_columns_must_keep_their_kind():
    """Numbers in a column of strings would all be unknown levels, in silence."""
    frame = mixed_frame()
    encoder = TableEncoder().fit(frame)
    for name, value in (("city", 3), ("age", "old")):
        wrong = frame.astype({name: object})
        wrong.loc[3, name] = value
        with pytest.raises(ValueError, match=f"{name!r}.*{re.escape(repr(value))}"):
            encoder.transform(wrong)
    with pytest.raises(ValueError, match="feature names"):
        encoder.transform(frame.rename(columns={"city": "town"}))


# --------------------------------------------------------------------------------------------
# The matrix that is not stored
# --------------------------------------------------------------------------------------------
def all_kinds():
    """A table of many columns of all kinds, missing values in them."""
    numbers = np.column_stack(list(NUMBERS.values()))
    frame = pd.concat([pd.DataFrame(numbers), mixed_frame()], axis=1)
    frame.columns = frame.columns.astype(str)
    return frame


@pytest.mark.parametrize("n_bins", [0, 5])
@pytest.mark.parametrize("width", [1, 7, 100])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_are_those_of_the_columns(dtype, width, n_bins):
    frame = all_kinds()
    encoder = TableEncoder(n_bins).fit(frame)
    whole, rng = coded(encoder, frame), np.random.default_rng(1)
    rows = rng.integers(0, N, 50)
    n_outputs = len(encoder.groups_)
    some = np.sort(rng.choice(n_outputs, n_outputs // 3, replace=False))
    for matrix, kept in ((whole, np.arange(n_outputs)), (whole.columns(some), some)):
        stored = encoder.transform(frame)[:, kept].astype(np.float64)
        assert isinstance(matrix, CodedMatrix)
        assert_array_equal(matrix.toarray(), stored)
        W = rng.standard_normal((len(kept), width)).astype(dtype)
        delta = rng.standard_normal((len(rows), width)).astype(dtype)
        tol = dict(rtol=0, atol=20 * SINGLE * len(kept) ** 0.5)
        out = np.full((len(rows), width), np.nan, dtype)
        matrix.block(rows).into(W, out)
        assert_allclose(out, stored[rows] @ W, **tol)
        gradient = np.full(W.shape, np.nan, dtype)
        matrix.block(rows).T.into(delta, gradient)
        assert_allclose(gradient, stored[rows].T @ delta, **tol)
        total = matrix.T @ np.ones((N, 1))
        assert_allclose(total[:, 0], stored.sum(axis=0), atol=N * SINGLE)


def test_an_encoder_of_some_outputs():
    frame = all_kinds()
    encoder = TableEncoder(3).fit(frame)
    kept = np.sort(np.random.default_rng(2).choice(len(encoder.groups_), 12, replace=False))
    part = keeping(encoder, kept)
    assert_array_equal(part.groups_, encoder.groups_[kept])
    assert_array_equal(part.get_feature_names_out(), encoder.get_feature_names_out()[kept])
    assert_array_equal(part.transform(frame), encoder.transform(frame)[:, kept])
    strange = frame.copy()
    for name in np.setdiff1d(frame.columns, frame.columns[np.unique(part.groups_)]):
        strange[name] = "anything"
    assert_array_equal(part.transform(strange), encoder.transform(frame)[:, kept])
    again = keeping(part, np.arange(0, 12, 2))
    assert_array_equal(again.transform(strange), encoder.transform(frame)[:, kept[::2]])
