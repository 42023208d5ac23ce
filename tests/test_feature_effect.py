"""Effects of columns on predictions: what is drawn is what scikit-learn or a sum by hand says."""

import functools

import matplotlib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.inspection import partial_dependence
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler
from test_plotting import (
    LABELS,
    X,
    assert_contrast,
    assert_legible,
    closed_figures,
    encoded_network,
)

from skreg_mlp import (
    FeatureEffectDisplay,
    RegularizedMLPClassifier,
    RegularizedMLPRegressor,
)
from skreg_mlp._plotting._effects import Averages, spread_rows

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
__all__ = ["closed_figures"]  # a fixture of every test


def effect_of(display, name):
    """Grid and averages of the panel of a column."""
    (effect,) = (e for e in display.effects if [grid.name for grid in e.grids] == [name])
    return effect.grids[0], effect.average


def predicted_with(model, frame, **values):
    """Average prediction with the same value in all rows of some columns, by hand."""
    frame = frame.copy()
    for name, value in values.items():
        frame[name] = pd.Series([value] * len(frame), dtype=frame[name].dtype, index=frame.index)
    return model.predict(frame).mean()


def test_the_effect_in_a_linear_model_is_its_coefficient():
    model = RegularizedMLPRegressor((), penalty="l1", alpha=0.01).fit(X, X @ [1, -2, 0, 0.5])
    display = FeatureEffectDisplay.from_estimator(model, X, features=range(4))
    unit = model.target_scale_[0]
    for j, effect in enumerate(display.effects):
        x = effect.grids[0].values
        expected = display.mean + unit * model.coefs_[0][j, 0] * (x - X[:, j].mean())
        assert_allclose(effect.average, expected, rtol=1e-10)


def test_known_additive_effects_are_found_up_to_a_constant():
    rng = np.random.default_rng(0)
    data = rng.uniform(-2, 2, (1500, 3))
    shapes = [np.abs, lambda x: np.sin(2 * x), np.zeros_like]
    y = sum(shape(data[:, j]) for j, shape in enumerate(shapes))
    model = RegularizedMLPRegressor((), penalty="group_l1", alpha=1e-3, encoder="table")
    display = FeatureEffectDisplay.from_estimator(model.fit(data, y), data, features=range(3))
    for shape, effect in zip(shapes, display.effects):
        error = effect.average - shape(effect.grids[0].values)
        assert np.ptp(error) < 0.15 < 0.1 * np.ptp(y)


@pytest.mark.parametrize("as_given", [csr_matrix, np.ndarray.tolist, np.asfortranarray])
def test_other_arrays_have_the_effects_of_dense_ones(as_given):
    data = np.where(np.abs(X) < 0.7, 0, X)
    model = RegularizedMLPRegressor((3,), max_iter=20, random_state=0).fit(data, X[:, 0])
    dense = FeatureEffectDisplay.from_estimator(model, data, features=[0, (1, 2)])
    other = FeatureEffectDisplay.from_estimator(model, as_given(data), features=[0, (1, 2)])
    for a, b in zip(dense.effects, other.effects):
        assert_allclose(a.average, b.average, rtol=1e-12)


@pytest.mark.parametrize("pruned", [False, True])
def test_the_effect_of_an_unselected_column_is_exactly_flat(pruned):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(100, 3)), columns=list("abc")).assign(d=list("uv") * 50)
    model = RegularizedMLPRegressor((), penalty="group_l1", alpha=0.1, encoder="table")
    model.fit(frame, frame["b"] ** 2)
    assert list(np.flatnonzero(model.selected_features_)) == [1]
    model = model.prune() if pruned else model
    display = FeatureEffectDisplay.from_estimator(model, frame, features=list("abcd"))
    for name in "acd":
        assert_array_equal(effect_of(display, name)[1], display.mean)
    assert np.ptp(effect_of(display, "b")[1]) > 0.3
    default = FeatureEffectDisplay.from_estimator(model, frame)
    assert [effect.grids[0].name for effect in default.effects] == ["b"]


def test_levels_are_averages_by_hand_in_the_order_of_their_effects():
    model, frame, _ = encoded_network(3)
    level = frame.columns[1]
    display = FeatureEffectDisplay.from_estimator(model, frame)
    grid, average = effect_of(display, level)
    expected = [predicted_with(model, frame, **{level: value}) for value in grid.values]
    assert_allclose(average, expected, rtol=1e-12)
    assert set(grid.values) == set(frame[level]) and (np.diff(average) >= 0).all()
    assert_allclose(grid.shares, [(frame[level] == value).mean() for value in grid.values])
    assert not grid.numeric and grid.missing == 0
    panel = display.axes_[[e.grids[0].name for e in display.effects].index(level)]
    texts = [text.get_text() for text in panel.get_xticklabels()]
    assert [text[:3] for text in texts] == [value[:3] for value in grid.values]


def ordered_of(kind, labels, categories):
    if kind == "Enum":
        polars = pytest.importorskip("polars")
        return polars.DataFrame({"size": polars.Series(labels, dtype=polars.Enum(categories))})
    dtype = pd.CategoricalDtype(categories, ordered=kind == "ordered")
    return pd.DataFrame({"size": pd.Series(labels, dtype=dtype)})


@pytest.mark.parametrize(
    "kind, expected", [("ordered", "SML"), ("Enum", "SML"), ("unordered", "LSM")]
)
def test_ordered_categories_keep_their_order(kind, expected):
    labels = np.array(list("SML"))[np.arange(90) % 3]
    frame, y = ordered_of(kind, labels, [*"SMLX"]), (labels == "M") - 1.0 * (labels == "L")
    model = RegularizedMLPRegressor((), alpha=1e-6, encoder="table", solver="lbfgs").fit(frame, y)
    display = FeatureEffectDisplay.from_estimator(model, frame)
    grid, average = effect_of(display, "size")
    assert list(grid.values) == [*expected]
    assert_allclose(average, [dict(S=0, M=1, L=-1)[size] for size in expected], atol=1e-3)
    assert_allclose(grid.shares, 1 / 3)


@pytest.mark.parametrize("kind", ["income", "counts", "many zeros"])
def test_a_skewed_column_does_not_squeeze_its_curve(kind):
    rng = np.random.default_rng(0)
    income = rng.lognormal(1, 1.2, 1000)
    shown = {"counts": np.floor(income), "many zeros": income * (rng.random(1000) < 0.1)}
    x = shown.get(kind, income)
    x[:3] = 1e4
    model = RegularizedMLPRegressor((), encoder="table", max_iter=20).fit(x[:, None], np.log1p(x))
    display = FeatureEffectDisplay.from_estimator(model, x[:, None])
    low, high = display.axes_[0].get_xlim()
    assert 6 * np.quantile(x[x > 0], 0.75) > high - low
    assert display.effects[0].grids[0].shares.sum() > 0.95  # of all rows


def test_numbers_without_long_tails_are_all_shown():
    years = np.arange(1980, 2010).repeat(3)
    few = np.where(np.arange(90) < 89, np.arange(90) % 9, 1000)
    data = np.c_[years, few]
    model = RegularizedMLPRegressor((), encoder="table", max_iter=20).fit(data, years)
    for effect in FeatureEffectDisplay.from_estimator(model, data, features=[0, 1]).effects:
        assert effect.grids[0].shares.sum() == pytest.approx(1)


def diamonds(panel):
    """Where the marks of missing values are."""
    return [c.get_offsets()[0] for c in panel.collections if len(c.get_paths()) == 1
            and len(c.get_offsets()) == 1 and len(c.get_paths()[0].vertices) == 5]  # fmt: skip


def test_a_missing_value_has_an_effect_of_its_own():
    model, frame, _ = encoded_network(3)
    frame.iloc[::5, 1] = None  # a level that was not seen
    display = FeatureEffectDisplay.from_estimator(model, frame, features=list(frame.columns))
    for panel, effect, name in zip(display.axes_, display.effects, frame.columns):
        (grid,) = effect.grids
        assert grid.missing == pytest.approx(frame[name].isna().mean())
        if grid.missing == 0:
            assert len(effect.average) == len(grid.values) and not diamonds(panel)
            continue
        expected = predicted_with(model, frame, **{name: None if grid.numeric is False else np.nan})
        assert effect.average[-1] == pytest.approx(expected, rel=1e-12)
        (at,) = diamonds(panel)
        assert at[1] == effect.average[-1] and panel.get_xlim()[0] < at[0] < panel.get_xlim()[1]
        if grid.numeric:
            assert at[0] > grid.values[-1]
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert legend == ["mean", "distribution", "missing"]


def test_curves_show_the_averages_around_the_mean():
    model, frame, _ = encoded_network(3)
    display = FeatureEffectDisplay.from_estimator(model, frame, features=[0, 2])
    assert display.mean == pytest.approx(model.predict(frame).mean(), rel=1e-12)
    for panel, effect in zip(display.axes_, display.effects):
        (lines,) = (c for c in panel.collections if hasattr(c, "get_segments") and
                    len(c.get_segments()) > 5)  # fmt: skip
        ends = np.array(lines.get_segments())
        drawn = {tuple(point) for point in ends.reshape(-1, 2)}
        assert drawn >= {
            *zip(effect.grids[0].values, effect.average[: len(effect.grids[0].values)])
        }
        blue = [to_hex(color) == "#0072b2" for color in lines.get_colors()]
        assert_array_equal(blue, ends[:, :, 1].mean(axis=1) > display.mean)
        assert panel.get_lines()[0].get_ydata()[0] == display.mean
        assert panel.get_ylim() == display.axes_[0].get_ylim()


def test_a_map_is_the_average_over_the_rows_at_each_pair_of_values():
    model, frame, _ = encoded_network(3)
    _, level, missing = frame.columns
    display = FeatureEffectDisplay.from_estimator(
        model, frame, features=[(missing, level), (0, 2)], n_grid=3
    )
    for panel, effect in zip(display.axes_, display.effects):
        first, second = effect.grids
        values = [[*grid.values, *[np.nan] * bool(grid.missing)] for grid in effect.grids]
        expected = [
            [predicted_with(model, frame, **{first.name: a, second.name: b}) for b in values[1]]
            for a in values[0]
        ]
        assert_allclose(effect.average, expected, rtol=1e-12)
        (mesh,) = panel.collections
        drawn = mesh.get_array().reshape(mesh.get_coordinates().shape[0] - 1, -1)
        assert_array_equal(np.sort(drawn.compressed()), np.sort(effect.average.ravel()))
        assert_allclose(mesh.norm(display.mean), 0.5)
        assert (panel.get_xlabel()[:5], panel.get_ylabel()[:5]) == (first.name[:5], second.name[:5])
    texts = [text.get_text() for text in display.axes_[0].get_xticklabels()]
    assert texts[-1] == "missing"


def test_levels_of_a_map_keep_their_rows():
    frame = pd.DataFrame({"a": list("uvw") * 20, "b": [0.0, 1.0] * 30})
    y = frame["a"].map({"u": 2, "v": 0, "w": 1}) * frame["b"]
    model = RegularizedMLPRegressor(
        (8,), activation="tanh", solver="lbfgs", alpha=1e-6, encoder="table", random_state=0
    )
    display = FeatureEffectDisplay.from_estimator(model.fit(frame, y), frame, features=[("b", "a")])
    (effect,) = display.effects
    assert list(effect.grids[1].values) == ["v", "w", "u"]
    assert_allclose(effect.average, [[0, 0, 0], [0, 1, 2]], atol=0.05)
    (mesh,) = display.axes_[0].collections
    assert_array_equal(mesh.get_array(), effect.average.T)


def test_frames_and_arrays_have_the_same_effects():
    model, frame, y = encoded_network(3)
    polars = pytest.importorskip("polars")
    pairs = [*range(3), (0, 1)]
    reference = FeatureEffectDisplay.from_estimator(model, frame, features=pairs, n_grid=6)
    tables = [
        frame.astype({frame.columns[1]: "category"}),
        frame.convert_dtypes(),
        polars.from_pandas(frame),
        frame.to_numpy(dtype=object),
    ]
    for other in tables:
        twin = clone(model).fit(other, y)
        display = FeatureEffectDisplay.from_estimator(twin, other, features=pairs, n_grid=6)
        for a, b in zip(reference.effects, display.effects):
            assert_allclose(a.average, b.average, rtol=1e-6)
            assert [list(g.values) for g in a.grids] == [list(g.values) for g in b.grids]


@pytest.mark.parametrize("hidden", [(), (5,)])
@pytest.mark.parametrize("labels", [LABELS, np.arange(80) % 3, None])
def test_effects_are_partial_dependences_of_scikit_learn(hidden, labels):
    data = np.c_[X[:, :2], np.round(X[:, 2])]  # few values: the grid of both
    if labels is None:
        model = RegularizedMLPRegressor(hidden, max_iter=20).fit(data, data @ [1, 2, 3])
    else:
        model = RegularizedMLPClassifier(hidden, max_iter=20).fit(data, labels)
    expected = partial_dependence(model, data, [2])["average"]
    targets = [None] if len(expected) == 1 else model.classes_
    for target, average in zip(targets, expected):
        display = FeatureEffectDisplay.from_estimator(model, data, features=2, target=target)
        assert_allclose(display.effects[0].average, average, rtol=1e-9, atol=1e-15)
        assert_array_equal(display.effects[0].grids[0].values, np.unique(data[:, 2]))


def test_targets():
    three = RegularizedMLPClassifier((), max_iter=20).fit(
        X, np.array(list("uvw"))[np.arange(80) % 3]
    )
    display = FeatureEffectDisplay.from_estimator(three, X, target="w")
    assert display.ax_.get_ylabel() == "Probability of w"
    assert display.mean == pytest.approx(three.predict_proba(X)[:, 2].mean())
    two = RegularizedMLPClassifier((), max_iter=20).fit(X, np.where(LABELS, "yes", "no"))
    display = FeatureEffectDisplay.from_estimator(two, X)
    assert display.ax_.get_ylabel() == "Probability of yes"
    other = FeatureEffectDisplay.from_estimator(two, X, target="no")
    assert_allclose(display.effects[0].average, 1 - other.effects[0].average, atol=1e-12)
    many = RegularizedMLPRegressor((), max_iter=20).fit(X, X[:, :2])
    display = FeatureEffectDisplay.from_estimator(many, X, target=1)
    assert display.prediction_name == "Prediction of target 1"
    assert display.mean == pytest.approx(many.predict(X)[:, 1].mean())
    labels = RegularizedMLPClassifier((), max_iter=20).fit(X, (X[:, :2] > 0).astype(int))
    display = FeatureEffectDisplay.from_estimator(labels, X, target=0)
    assert display.mean == pytest.approx(labels.predict_proba(X)[:, 0].mean())
    for model in (three, many, labels):
        with pytest.raises(ValueError, match=r"target is needed, one .*: give"):
            FeatureEffectDisplay.from_estimator(model, X)
        for wrong in ("x", 7, -1, [0]):
            with pytest.raises(ValueError, match=r"target=.* is not among"):
                FeatureEffectDisplay.from_estimator(model, X, target=wrong)


def test_the_largest_columns_are_drawn_by_default():
    rng = np.random.default_rng(0)
    data, weights = rng.normal(size=(100, 20)), np.arange(20)
    network = RegularizedMLPRegressor((), penalty="l1", alpha=1e-3)
    y = data @ weights
    expected = [f"x{j}" for j in range(19, 7, -1)]
    for model in (
        network,
        make_pipeline(StandardScaler(), network),
        GridSearchCV(network, {}, cv=2),
    ):
        display = FeatureEffectDisplay.from_estimator(model.fit(data, y), data, n_grid=5)
        names = [effect.grids[0].name for effect in display.effects]
        assert len(names) == 12 and set(names[:8]) <= set(expected)
    network.set_params(alpha=0.2)
    model = make_pipeline(StandardScaler(), network).fit(data, y)
    n_selected = network.fit(StandardScaler().fit_transform(data), y).n_selected_features_
    display = FeatureEffectDisplay.from_estimator(model, data, n_grid=5)
    assert 0 < len(display.effects) == n_selected < 12


def test_panels_come_in_the_order_of_effects_whatever_the_weights():
    rng = np.random.default_rng(0)
    data = rng.normal(size=(300, 3))
    data[:, 1] = data[:, 1] > 0
    waves = 0.7 * np.sin(8 * data[:, 0])  # large weights of many ramps, a small effect
    network = RegularizedMLPRegressor((), penalty="group_l1", alpha=1e-3, encoder="table")
    network.fit(data, waves + 2 * data[:, 1])
    assert network.feature_importances_.argmax() == 0
    effects = FeatureEffectDisplay.from_estimator(network, data).effects
    assert effects[0].grids[0].name == "x1"
    assert np.all(np.diff([effect.spread for effect in effects]) < 0)


@pytest.mark.parametrize("n_columns, n_ranked", [(12, 0), (13, 13)])
def test_columns_that_all_have_a_panel_are_computed_once(monkeypatch, n_columns, n_ranked):
    data = np.random.default_rng(0).normal(size=(300, n_columns))
    model = RegularizedMLPRegressor((), penalty=None).fit(data, data.sum(axis=1))
    calls, effect = [], Averages.effect
    monkeypatch.setattr(Averages, "effect", lambda *args: calls.append(args) or effect(*args))
    FeatureEffectDisplay.from_estimator(model, data)
    assert len(calls) == 12 + n_ranked


def test_the_effects_of_a_pipeline_are_of_its_own_columns():
    frame = pd.DataFrame({"size": list("SML") * 40, "x": np.linspace(-1, 1, 120)})
    frame["day"] = pd.date_range("2020-01-01", periods=120)
    steps = make_column_transformer(
        (OrdinalEncoder(categories=[["S", "M", "L"]]), ["size"]), ("passthrough", ["x"])
    )
    network = RegularizedMLPRegressor((), penalty="l1", alpha=1e-3)
    y = frame["size"].map({"S": 0, "M": 1, "L": 2}) + frame["x"]
    model = make_pipeline(steps, StandardScaler(), network).fit(frame, y)
    display = FeatureEffectDisplay.from_estimator(model, frame)
    assert {effect.grids[0].name for effect in display.effects} == {"size", "x"}
    grid, average = effect_of(display, "size")
    assert list(grid.values) == ["S", "M", "L"]
    assert_allclose(average, [predicted_with(model, frame, size=v) for v in "SML"], rtol=1e-12)
    with pytest.raises(ValueError, match="'day' holds dates"):
        FeatureEffectDisplay.from_estimator(model, frame, features="day")


def test_the_effects_of_a_transformed_target_are_in_its_units():
    data = np.c_[X, X[:, 0] > 0]
    inner = RegularizedMLPRegressor((), max_iter=50)
    model = TransformedTargetRegressor(inner, func=np.log, inverse_func=np.exp)
    model.fit(data, np.exp(data[:, 4]))
    display = FeatureEffectDisplay.from_estimator(model, data, features=4)
    assert display.mean == pytest.approx(model.predict(data).mean())


@pytest.mark.parametrize("n_values", [5, 100])
def test_integer_weights_are_repeated_rows(n_values):
    rng = np.random.default_rng(0)
    data = np.round(rng.normal(size=(150, 3)) * n_values)
    data[::7, 1] = np.nan
    model = RegularizedMLPRegressor((3,), encoder="table", random_state=0, max_iter=20)
    model.fit(data, data[:, 0])
    weight = rng.integers(0, 4, len(data))
    weighted = FeatureEffectDisplay.from_estimator(
        model, data, features=range(3), sample_weight=weight
    )
    repeated = FeatureEffectDisplay.from_estimator(
        model, np.repeat(data, weight, axis=0), features=range(3)
    )
    assert weighted.mean == pytest.approx(repeated.mean)
    for a, b in zip(weighted.effects, repeated.effects):
        assert_array_equal(a.grids[0].values, b.grids[0].values)
        assert_allclose(a.grids[0].shares, b.grids[0].shares)
        assert_allclose(a.average, b.average, rtol=1e-10)


def test_grids_are_quantiles_and_levels_the_most_frequent():
    rng = np.random.default_rng(0)
    zeros = np.where(rng.random(1000) < 0.99, 0, rng.gamma(2, size=1000))
    levels = np.array([f"level {k:02d}" for k in range(40)])[
        np.minimum(rng.geometric(0.1, 1000) - 1, 39)
    ]
    frame = pd.DataFrame({"x": rng.normal(size=1000) ** 3, "zeros": zeros, "levels": levels})
    model = RegularizedMLPRegressor((), encoder="table").fit(frame, frame["x"])
    display = FeatureEffectDisplay.from_estimator(model, frame, features=[0, 1, 2], n_grid=10)
    x, zeros, levels = (effect.grids[0] for effect in display.effects)
    low, high = np.quantile(frame["x"], [0.05, 0.95], method="inverted_cdf")
    room = (high - low) / 4
    central = frame["x"][frame["x"].between(low - room, high + room)]
    assert_array_equal(x.values, np.quantile(central, np.linspace(0, 1, 10), method="inverted_cdf"))
    assert x.shares.sum() == pytest.approx(len(central) / 1000)
    assert zeros.values[0] == 0 and len(zeros.values) >= 8 and zeros.values[-1] > 3
    assert set(levels.values) == set(frame["levels"].value_counts().index[:10])


@pytest.mark.parametrize("n_rows, n_kept", [(10, 10), (11, 10), (1999, 1000), (24000, 1000)])
def test_rows_are_spread_over_the_table_and_follow_no_period(n_rows, n_kept):
    rows = spread_rows(n_rows, n_kept)
    assert len(np.unique(rows)) == len(rows) == n_kept
    assert (np.diff(rows) > 0).all() and rows[-1] < n_rows
    assert (np.abs(rows - np.arange(n_kept) * n_rows / n_kept) <= n_rows / n_kept).all()
    if n_rows >= 24 * n_kept:
        counts = np.bincount(rows % 24)
        assert counts.min() > 0.8 * n_kept / 24 and counts.max() < 1.2 * n_kept / 24


def test_many_rows_are_averaged_over_some_of_them():
    rng = np.random.default_rng(0)
    data = rng.normal(size=(5000, 2))
    model = RegularizedMLPRegressor((4,), max_iter=5, random_state=0).fit(data, data[:, 0] ** 2)
    rows = spread_rows(5000, 1000)
    display = FeatureEffectDisplay.from_estimator(model, data, features=0)
    assert display.mean == pytest.approx(model.predict(data[rows]).mean())
    whole = FeatureEffectDisplay.from_estimator(model, data, features=0, max_rows=5000)
    assert_array_equal(whole.effects[0].grids[0].values, display.effects[0].grids[0].values)
    assert_allclose(whole.effects[0].average, display.effects[0].average, atol=0.1)
    again = FeatureEffectDisplay.from_estimator(model, data, features=0)
    assert_array_equal(again.effects[0].average, display.effects[0].average)


def test_effects_of_a_constant_network():
    model = RegularizedMLPRegressor((), penalty="l1", alpha=10.0).fit(X, X[:, 0])
    display = FeatureEffectDisplay.from_estimator(model, X)
    assert display.axes_ == [] and "no column" in display.ax_.texts[0].get_text()
    flat = FeatureEffectDisplay.from_estimator(model, X, features=[0, (1, 2)])
    assert all(np.ptp(effect.average) == 0 for effect in flat.effects)
    assert_legible(flat.figure_)


def test_effects_of_columns_with_few_values_or_none():
    model, frame, _ = encoded_network(3)
    frame = frame.assign(**{frame.columns[0]: 1.5, frame.columns[2]: np.nan})
    display = FeatureEffectDisplay.from_estimator(model, frame, features=[0, 2, (0, 2)])
    assert [len(effect.average) for effect in display.effects] == [1, 1, 1]
    assert display.effects[1].grids[0].missing == 1
    assert_legible(display.figure_)


@pytest.mark.parametrize(
    "kwargs, message",
    [
        (dict(features=["a"]), "features has 'a', which is no column of X: give an index from 0"),
        (dict(features=[4]), "features has 4, which is no column"),
        (dict(features=-1), "features has -1, which is no column"),
        (dict(features=[(0, 1, 2)]), "a pair of two different columns"),
        (dict(features=[(1, 1)]), "a pair of two different columns"),
        (dict(features=[]), "features is empty"),
        (dict(target=1), "target=1 is not among 0"),
        (dict(n_grid=1), "n_grid must be an integer of at least 2; got 1"),
        (dict(max_rows=0), "max_rows must be an integer of at least 1; got 0"),
        (dict(max_rows=2.5), "max_rows must be an integer"),
        (dict(sample_weight=[1, 2]), "one weight per row"),
    ],
)
def test_errors_of_effects(kwargs, message):
    model = RegularizedMLPRegressor((), max_iter=5).fit(X, X[:, 0])
    with pytest.raises(ValueError, match=message):
        FeatureEffectDisplay.from_estimator(model, X, **kwargs)


def test_effects_need_the_columns_of_the_fit():
    model = RegularizedMLPRegressor((), max_iter=5).fit(X, X[:, 0])
    with pytest.raises(ValueError, match=r"X has 3 features, but .* is expecting 4"):
        FeatureEffectDisplay.from_estimator(model, X[:, :3])


@functools.cache
def shown_effects(n_columns, which):
    """Numbers of a display with some columns of a table, all of them, or pairs."""
    model, frame, _ = encoded_network(n_columns, hidden=())
    features = {
        "default": None,
        "all": list(range(n_columns)),
        "pairs": [0, (0, 1), (1, 2), (2, 0)],
    }
    display = FeatureEffectDisplay.from_estimator(model, frame, features=features[which], n_grid=5)
    return display.effects, display.mean


@pytest.mark.parametrize(
    "n_columns, features, figsize, style",
    [
        (3, "default", (3, 3), "default"),
        (3, "pairs", None, "dark_background"),
        (15, "default", None, "dark_background"),
        (15, "default", (3, 3), "dark_background"),
        (15, "all", (4, 3), "default"),
        (15, "pairs", (3, 3), "default"),
    ],
)
def test_no_text_of_effects_covers_another(n_columns, features, figsize, style):
    effects, mean = shown_effects(n_columns, features)
    with plt.style.context(style):
        ax = figsize and plt.subplots(figsize=figsize, layout="constrained")[1]
        name = "Prediction of the price of a flat in millions of dollars"
        display = FeatureEffectDisplay(effects=effects, mean=mean, prediction_name=name).plot(ax)
        assert_contrast(display.figure_, assert_legible(display.figure_))
    left_out = len(effects) - len(display.axes_)
    legend = display.ax_.get_legend()
    assert left_out == 0 if figsize is None else len(display.axes_) > 0
    assert (f"+{left_out} more" in [text.get_text() for text in legend.get_texts()]) == (
        left_out > 0
    )
    assert all(label.get_fontsize() >= 5 for ax in display.axes_ for label in ax.get_xticklabels())


def test_effects_in_axes_of_the_users_own():
    model, frame, _ = encoded_network(3)
    figure, axes = plt.subplots(2, 2, figsize=(9, 7), layout="constrained")
    for ax, features in zip(axes.flat, (None, [0], [(0, 1)], [1, (1, 2)])):
        shown = FeatureEffectDisplay.from_estimator(model, frame, features=features, ax=ax)
        assert shown.ax_ is ax and shown.figure_ is figure
    assert_legible(figure)
    loose = plt.figure().add_axes((0.15, 0.15, 0.7, 0.7))
    assert_legible(FeatureEffectDisplay.from_estimator(model, frame, ax=loose).figure_)


def test_documented_attributes_of_effects_are_those_of_a_plot():
    model, frame, _ = encoded_network(3)
    display = FeatureEffectDisplay.from_estimator(model, frame)
    assert {name for name in vars(display) if name.endswith("_")} == {"ax_", "figure_", "axes_"}
