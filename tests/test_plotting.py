"""The displays: what their artists show is what the models hold, and no text covers another."""

import pickle
import subprocess
import sys
from types import SimpleNamespace

import matplotlib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, TransformerMixin, is_classifier
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import skreg_mlp
from skreg_mlp import (
    AlphaSelectionDisplay,
    FeatureEffectDisplay,
    KnockoffDisplay,
    KnockoffSelection,
    LossCurveDisplay,
    NetworkDisplay,
    RegularizationPathDisplay,
    RegularizedMLPClassifier,
    RegularizedMLPRegressor,
    RegularizedMLPRegressorCV,
    TableEncoder,
    regularization_path,
)
from skreg_mlp._plotting._texts import short_names
from skreg_mlp.penalties import L1, Penalty

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex, to_rgba_array
from matplotlib.text import Text

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
ALPHAS = np.geomspace(1e-3, 1, 25)


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


# --------------------------------------------------------------------------------------------
# Models whose weights are known
# --------------------------------------------------------------------------------------------
class FittedCV(BaseEstimator):
    """What the displays read of a CV estimator: a path of shrinking random weights."""

    def __init__(self, sizes=(30, 8, 1), scoring="loss", unit=1.0):
        self.sizes, self.scoring, self.unit = sizes, scoring, unit

    def fit(self, X=None, y=None):
        rng = np.random.default_rng(0)
        full = [rng.standard_normal(shape) for shape in zip(self.sizes, self.sizes[1:])]
        full[0] *= np.linspace(1, 0.1, self.sizes[0])[:, None]
        coefs = [
            [self.unit * np.sign(W) * np.maximum(np.abs(W) - 4 * a, 0) for W in full]
            for a in ALPHAS
        ]
        self.path_ = SimpleNamespace(
            alphas=ALPHAS,
            coefs=coefs,
            selected_features=np.array([connected(Ws)[0] for Ws in coefs]),
            feature_names=None,
        )
        self.coefs_, self.n_nonzero_ = coefs[8], 30
        self.alphas_, self.n_splits_ = ALPHAS, 4
        loss = 0.3 + (np.log10(ALPHAS) + 2) ** 2
        scores = self.unit * (-loss + 0.1 * rng.standard_normal((4, 25)))
        self.cv_results_ = {f"split{k}_test_score": row for k, row in enumerate(scores)}
        self.cv_results_["mean_test_score"] = scores.mean(axis=0)
        self.cv_results_["std_test_score"] = scores.std(axis=0)
        self.alpha_min_, self.alpha_1se_, self.alpha_ = ALPHAS[8], ALPHAS[10], ALPHAS[10]
        self.n_nonzero_path_ = np.array([sum(np.count_nonzero(W) for W in Ws) for Ws in coefs])
        return self


def connected(coefs):
    """Masks of the inputs and outputs that are joined, by a product over all paths."""
    paths = np.linalg.multi_dot([np.eye(len(coefs[0])), *[(W != 0).astype(float) for W in coefs]])
    return paths.any(axis=1), paths.any(axis=0)


def names_of(n_features):
    return [
        f"a_rather_long_name_of_column {j} of a table, with its unit__category"
        for j in range(n_features)
    ]


def named(model, weights):
    """`model` with the given weights, as though it had been fitted."""
    model.coefs_ = [np.asarray(W, dtype=float) for W in weights]
    return model


# --------------------------------------------------------------------------------------------
# Texts
# --------------------------------------------------------------------------------------------
def drawn_texts(figure):
    """Texts drawn, those of ticks and legends included, with their boxes, lines left out.

    matplotlib also keeps labels of ticks outside the limits, which it does not draw.
    """
    drawn, draw = [], Text.draw

    def record(text, *args):
        drawn.append(text)
        draw(text, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", record)
        figure.canvas.draw()
    kept = [text for text in drawn if text.get_visible() and text.get_text().strip()]
    return [(text, Text.get_window_extent(text)) for text in kept]


def drawn_data(ax):
    """Points in pixels along all lines, edges of bars and centers of dots; marks left out."""
    lines = [line.get_xydata() for line in ax.lines if line.get_transform() == ax.transData]
    lines += [bar.get_path().transformed(bar.get_patch_transform()).vertices for bar in ax.patches]
    for collection in ax.collections:
        if isinstance(collection, LineCollection):
            lines += collection.get_segments()
        elif isinstance(collection, PathCollection):
            lines.append(np.asarray(collection.get_offsets()))
    lines = [ax.transData.transform(line) for line in lines if len(line)]
    share = np.linspace(0, 1, 10)[:, None, None]
    parts = [line + share * (np.vstack([line[1:], line[-1:]]) - line) for line in lines]
    return np.concatenate([part.reshape(-1, 2) for part in parts] or [np.empty((0, 2))])


def assert_legible(figure):
    """No text covers another, or data, or leaves the figure; no legend covers data.

    Returns the texts.
    """
    boxes = drawn_texts(figure)
    texts = [text for text, _ in boxes]
    assert len(boxes) > 3
    for k, (text, box) in enumerate(boxes):
        where = (text.get_text(), box, figure.bbox)
        assert box.x0 >= -1 and box.x1 <= figure.bbox.x1 + 1, where
        assert box.y0 >= -1 and box.y1 <= figure.bbox.y1 + 1, where
        for other, other_box in boxes[k + 1 :]:
            assert not box.padded(-1).overlaps(other_box.padded(-1)), (text, other)
    legends = [ax.get_legend() for ax in figure.axes if ax.get_legend()]
    boxes += [(legend, legend.get_window_extent()) for legend in legends]
    for ax in figure.axes:
        points = drawn_data(ax)
        for text, box in boxes:
            box = box.padded(-1)
            inside = ((points > [box.x0, box.y0]) & (points < [box.x1, box.y1])).all(axis=1)
            assert not inside.any(), text
    return texts


def assert_contrast(figure, texts):
    """Texts and data stand out from the background, by the ratio of luminances of WCAG."""
    (paper,) = luminances([figure.get_facecolor()])
    colors = [text.get_color() for text in texts]
    colors += [line.get_color() for ax in figure.axes for line in ax.lines]
    for ax in figure.axes:
        for collection in ax.collections:
            colors += [*collection.get_edgecolors()]
    for light in luminances(colors):
        ratio = (max(light, paper) + 0.05) / (min(light, paper) + 0.05)
        assert ratio > 2


def luminances(colors):
    red_green_blue = to_rgba_array(colors)[:, :3]
    linear = np.where(red_green_blue < 0.04, red_green_blue / 12.92,
                      ((red_green_blue + 0.055) / 1.055) ** 2.4)  # fmt: skip
    return linear @ [0.2126, 0.7152, 0.0722]


def a_path(model, names, ax):
    return RegularizationPathDisplay.from_estimator(model, feature_names=names, ax=ax)


def a_choice(model, names, ax):
    return AlphaSelectionDisplay.from_estimator(model, ax=ax)


def a_network(model, names, ax):
    return NetworkDisplay.from_estimator(model, feature_names=names, ax=ax)


def a_fit(model, names, ax):
    loss = 1e6 + 1e6 * 0.8 ** np.arange(40)
    scores = -loss - 1e5 if len(names) == 50 else list(1 - 1e-6 * loss)
    scoring = "loss" if len(names) == 50 else "neg_mean_squared_error"
    return LossCurveDisplay(
        loss_curve=loss, objective_curve=1.1 * loss, validation_scores=scores, scoring=scoring
    ).plot(ax)


def a_selection(model, names, ax):
    statistics = 1e6 * np.random.default_rng(0).normal(size=len(names))
    return KnockoffDisplay(
        statistics=statistics, threshold=1.5e6, feature_names=names, statistic_name="W"
    ).plot(ax)


@pytest.mark.parametrize(
    "n_features, figsize, style",
    [
        (5, None, "dark_background"),
        (5, (3, 3), "default"),
        (50, (3, 3), "dark_background"),
        (500, None, "default"),
        (500, (3, 3), "dark_background"),
    ],
)
@pytest.mark.parametrize("draw", [a_path, a_choice, a_network, a_fit, a_selection])
def test_no_text_covers_another_or_data(draw, n_features, figsize, style):
    hidden = {5: (3, 3, 3, 3, 3), 50: (8, 6)}.get(n_features, ())
    scoring = "neg_mean_absolute_percentage_error" if n_features == 50 else "loss"
    model = FittedCV((n_features, *hidden, 1), scoring, unit=1e6).fit()
    with plt.style.context(style):
        ax = figsize and plt.subplots(figsize=figsize, layout="constrained")[1]
        display = draw(model, names_of(n_features), ax)
        assert_contrast(display.figure_, assert_legible(display.figure_))
        if draw in (a_path, a_network):  # which have a title or an axis there
            display.ax_.set_title("A title of the user's", fontsize="small")
            assert_legible(display.figure_)


def test_small_axes_of_the_users_own():
    figure, axes = plt.subplots(1, 5, figsize=(16, 3.5), layout="constrained")
    model = FittedCV().fit()
    for ax, draw in zip(axes, (a_path, a_choice, a_network, a_fit, a_selection)):
        shown = draw(model, names_of(30), ax)
        assert shown.ax_ is ax and shown.figure_ is figure
    assert_legible(figure)


def some_effects(model, names, ax):
    network, frame, _ = encoded_network(3)
    return FeatureEffectDisplay.from_estimator(network, frame, features=[0, (0, 1)], n_grid=4)


@pytest.mark.parametrize("draw", [a_path, a_choice, a_network, a_fit, a_selection, some_effects])
def test_a_display_can_be_pickled_after_its_plot(draw):
    display = draw(FittedCV().fit(), names_of(30), None)
    again = pickle.loads(pickle.dumps(display))
    figures = (display.figure_, again.figure_)
    texts, texts_again = ([text.get_text() for text, _ in drawn_texts(f)] for f in figures)
    assert texts == texts_again != []


def losses_of_a_unit(model, names, ax):
    loss = model.unit * np.linspace(1, 0, 9)
    return LossCurveDisplay(loss_curve=loss, objective_curve=loss + 1).plot(ax)


@pytest.mark.parametrize("draw", [a_path, a_choice, losses_of_a_unit])
def test_axes_that_share_a_range_show_the_data_of_both(draw):
    _, axes = plt.subplots(1, 2, sharey=True, layout="constrained")
    for ax, unit in zip(axes, (1.0, 50.0)):
        draw(FittedCV(unit=unit).fit(), names_of(30), ax)
    for ax in axes:
        low, high = ax.get_ylim()
        drawn = [line.get_ydata() for line in ax.lines if line.get_transform() == ax.transData]
        assert low < np.concatenate(drawn).min() and np.concatenate(drawn).max() < high


def test_knockoffs_in_axes_that_share_a_range():
    _, axes = plt.subplots(2, 1, sharex=True, layout="constrained")
    for ax, unit in zip(axes, (1.0, 50.0)):
        KnockoffDisplay(
            statistics=unit * np.array([1.0, -0.5]), threshold=np.inf, feature_names=["a", "b"],
            statistic_name="W",
        ).plot(ax)  # fmt: skip
    for ax in axes:
        ticks = ax.get_xticks()
        assert ax.get_xlim()[0] < -25 <= ticks.min() and 40 <= ticks.max() < ax.get_xlim()[1]


@pytest.mark.parametrize("largest", [1e-7, 0.02, 99.0, 123456.0, 5e6, 1e19])
def test_no_power_of_ten_is_written_beside_an_axis(largest):
    display = LossCurveDisplay(loss_curve=[largest, 0], objective_curve=[largest, 0]).plot()
    display.figure_.canvas.draw()
    assert not display.ax_.yaxis.get_offset_text().get_visible()
    label = display.ax_.get_ylabel()
    unit = float(label.removeprefix("Loss (").removesuffix(")")) if "(" in label else 1
    ticks = [
        text.get_text().replace("\N{MINUS SIGN}", "-") for text in display.ax_.get_yticklabels()
    ]
    assert_allclose(
        unit * np.array(ticks, dtype=float), display.ax_.get_yticks(), atol=1e-9 * largest
    )
    assert max(map(len, ticks)) <= 6


def test_names_that_differ_in_the_middle_are_told_apart():
    names = [f"the concentration of substance {j} in the blood of a patient" for j in (7, 12, 13)]
    shown = short_names([*names, "age", "age"], 20)
    assert len({*shown}) == 4 and max(map(len, shown)) <= 20
    assert all(str(j) in text for j, text in zip((7, 12, 13), shown))


def test_names_are_shortened_in_the_middle_and_never_read_as_formulas():
    model = named(LinearRegression().fit(np.eye(2), [0, 1]), [[[1], [2]]])
    names = ["cost in $\\frac$", "the_first_part_of_a_name__the_last_part"]
    display = NetworkDisplay.from_estimator(model, feature_names=names)
    display.figure_.canvas.draw()
    texts = [text.get_text() for text in display.ax_.texts]
    assert texts[0] == names[0]
    start, end = texts[1].split("…")
    assert names[1].startswith(start) and names[1].endswith(end) and len(texts[1]) == 24
    path = FittedCV((2, 1)).fit().path_
    RegularizationPathDisplay.from_path(path, feature_names=names).figure_.canvas.draw()


# --------------------------------------------------------------------------------------------
# Path
# --------------------------------------------------------------------------------------------
def vertical_lines(ax):
    """Places of the lines drawn from bottom to top."""
    lines = [line for line in ax.get_lines() if list(line.get_ydata()) == [0, 1]]
    return [line.get_xdata()[0] for line in lines]


def top_axis(ax):
    (top,) = ax.child_axes
    ticks = zip(top.get_xticks(), top.get_xticklabels())
    return {float(at): label.get_text() for at, label in ticks}


def test_a_linear_path_shows_the_coefficients():
    model = FittedCV((30, 1)).fit()
    display = RegularizationPathDisplay.from_path(model.path_, alpha=0.02)
    lines = np.array([line.get_ydata() for line in display.lines_])
    assert_array_equal(lines, np.array([coefs[0][:, 0] for coefs in model.path_.coefs]).T)
    assert lines.min() < 0
    assert all(np.array_equal(line.get_xdata(), ALPHAS) for line in display.lines_)
    assert vertical_lines(display.ax_) == [0.02]
    assert display.ax_.get_xscale() == "log"


@pytest.mark.parametrize("sizes", [(30, 8, 1), (6, 5, 4, 3), (30, 3)])
def test_a_path_shows_norms_of_what_is_connected(sizes):
    model = FittedCV(sizes).fit()
    display = RegularizationPathDisplay.from_estimator(model)
    for k, coefs in enumerate(model.path_.coefs):
        inputs, _ = connected(coefs)
        for j, line in enumerate(display.lines_):
            norm = np.sqrt(np.sum(coefs[0][j] ** 2)) if inputs[j] else 0
            assert line.get_ydata()[k] == pytest.approx(norm, rel=1e-12, abs=0)
    assert vertical_lines(display.ax_) == [model.alpha_]


def test_norms_of_disconnected_features_are_zero():
    coefs = [[np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([[0.0], [1.0]])]] * 2
    path = SimpleNamespace(
        alphas=np.array([0.1, 1]),
        coefs=coefs,
        selected_features=np.array([[False, True]] * 2),
        feature_names=None,
    )
    lines = RegularizationPathDisplay.from_path(path).lines_
    assert_array_equal([line.get_ydata() for line in lines], [[0, 0], [2, 2]])


def test_the_top_axis_counts_the_features():
    model = FittedCV().fit()
    ticks = top_axis(RegularizationPathDisplay.from_estimator(model).ax_)
    counts = model.path_.selected_features.sum(axis=1)
    assert len(ticks) >= 4
    for alpha, label in ticks.items():
        assert label == str(counts[list(ALPHAS).index(alpha)])
    weights = top_axis(AlphaSelectionDisplay.from_estimator(model).ax_)
    assert weights[ALPHAS[0]] == str(sum((W != 0).sum() for W in model.path_.coefs[0]))


def test_the_largest_features_are_named_at_their_lines():
    model = FittedCV((30, 1)).fit()
    display = RegularizationPathDisplay.from_estimator(model)
    size = np.mean([np.abs(coefs[0][:, 0]) for coefs in model.path_.coefs], axis=0)
    expected = {f"x{j}": j for j in np.argsort(size)[-10:]}
    assert {text.get_text() for text in display.ax_.texts} == set(expected)
    heights = []
    for text in display.ax_.texts:
        line = display.lines_[expected[text.get_text()]]
        assert text.xy == (ALPHAS[0], line.get_ydata()[0])
        assert to_hex(text.arrow_patch.get_edgecolor()) == to_hex(line.get_color())
        heights.append((line.get_ydata()[0], text.get_position()[1]))
    assert sorted(heights) == sorted(heights, key=lambda pair: pair[1])


def test_an_alpha_of_zero_is_left_out():
    path = FittedCV((5, 1)).fit().path_
    path.alphas = np.concatenate([[0], ALPHAS[1:]])
    display = RegularizationPathDisplay.from_path(path)
    display.figure_.canvas.draw()
    assert min(top_axis(display.ax_)) == ALPHAS[1] == display.ax_.texts[0].xy[0]
    path.alphas = 0 * ALPHAS
    with pytest.raises(ValueError, match="No alpha is above zero"):
        RegularizationPathDisplay.from_path(path)


# --------------------------------------------------------------------------------------------
# Selection of alpha
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("scoring, sign", [("loss", -1), ("r2", 1), (len, 1)])
def test_alpha_selection(scoring, sign):
    model = FittedCV(scoring=scoring).fit()
    display = AlphaSelectionDisplay.from_estimator(model)
    points, _, (bars,) = display.errorbar_
    splits = np.array([model.cv_results_[f"split{k}_test_score"] for k in range(4)])
    assert_allclose(points.get_ydata(), sign * splits.mean(axis=0))
    ends = np.array(bars.get_segments())
    assert_allclose(ends[:, 1, 1] - ends[:, 0, 1], 2 * splits.std(axis=0, ddof=1) / 2)
    assert_allclose(ends[:, 0, 0], ALPHAS)
    name = "len" if scoring is len else scoring
    assert display.ax_.get_ylabel() == f"Cross-validated {name}"
    assert vertical_lines(display.ax_) == [model.alpha_min_, model.alpha_1se_]
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert labels == ["best: alpha = 0.01", "1 SE, chosen (30 weights): alpha = 0.0178"]


def test_the_count_at_the_chosen_alpha_is_that_of_the_network_that_predicts():
    model = RegularizedMLPRegressorCV((3,), relaxed=True, alphas=5, cv=2, max_iter=20)
    model.fit(X, X[:, 0] + X[:, 2])
    model.coefs_[0][0] = 0  # the last steps may do so
    n_used = sum(np.count_nonzero(W) for W in model.coefs_)
    assert n_used < model.n_nonzero_path_[model.best_index_]
    legend = AlphaSelectionDisplay.from_estimator(model).ax_.get_legend()
    labels = [text.get_text() for text in legend.get_texts()]
    assert any(f"chosen ({n_used} weights): alpha = " in label for label in labels)


# --------------------------------------------------------------------------------------------
# Curves of a fit
# --------------------------------------------------------------------------------------------
RNG = np.random.default_rng(1)
X = RNG.standard_normal((80, 4))
LABELS = (X[:, 0] > 0).astype(int)


def curves(display):
    axes = {display.ax_, display.score_ax_}
    return {line.get_label(): line for ax in axes for line in ax.get_lines()}


class ProxOnly(Penalty):
    """A user's penalty, with which lbfgs cannot train: it has no `terms`."""

    def value(self, W):
        return self.alpha * float(np.abs(W).sum())

    def prox(self, V, step):
        return L1(self.alpha).prox(V, step)


@pytest.mark.parametrize(
    "model, y, step",
    [
        (RegularizedMLPClassifier((5,), max_iter=12, alpha=0.01), LABELS, "Epoch"),
        (RegularizedMLPRegressor((5,), max_iter=9, penalty="l1", solver="sgd"), X[:, :2], "Epoch"),
        (RegularizedMLPClassifier((), penalty="l1", alpha=0.01), LABELS, "Iteration"),
        (RegularizedMLPRegressor((5,), solver="lbfgs", max_iter=12), X[:, 0], "Iteration"),
        (RegularizedMLPRegressor((), penalty=ProxOnly(), max_iter=12), X[:, 0], "Epoch"),
    ],
)
def test_loss_curves(model, y, step):
    display = LossCurveDisplay.from_estimator(model.fit(X, y))
    drawn = curves(display)
    assert set(drawn) == {"Objective", "Training loss"}
    assert_array_equal(drawn["Objective"].get_ydata(), model.objective_curve_)
    assert_array_equal(drawn["Training loss"].get_ydata(), model.loss_curve_)
    assert_array_equal(drawn["Objective"].get_xdata(), 1 + np.arange(model.n_iter_))
    assert display.ax_.get_xlabel() == step


@pytest.mark.parametrize(
    "solver, step", [("lbfgs", "Iteration"), ("adam", "Epoch"), ("sgd", "Epoch")]
)
@pytest.mark.parametrize("asked", ["auto", "lbfgs", "adam"])
@pytest.mark.parametrize("hidden", [(), (2,)])
def test_the_step_is_that_of_the_solver_that_ran(hidden, asked, solver, step):
    model = RegularizedMLPRegressor(hidden, solver=asked, max_iter=2).fit(X, X[:, 0])
    model.solver_ = solver
    assert LossCurveDisplay.from_estimator(model).step_name == step


@pytest.mark.parametrize("scoring", ["loss", "accuracy"])
def test_validation_curve(scoring):
    model = RegularizedMLPClassifier(
        max_iter=30, early_stopping=True, scoring=scoring, random_state=0, learning_rate_init=0.03
    ).fit(X, LABELS)
    display = LossCurveDisplay.from_estimator(model)
    drawn, sign = curves(display), -1 if scoring == "loss" else 1
    scores = sign * np.array(model.validation_scores_)
    assert_allclose(drawn[f"Validation {scoring}"].get_ydata(), scores)
    epoch = model.validation_scores_.index(model.best_validation_score_) + 1
    best = drawn[f"Best: epoch {epoch}"]
    assert (best.get_xdata()[0], best.get_ydata()[0]) == (epoch, scores[epoch - 1])
    assert (display.score_ax_ is display.ax_) == (scoring == "loss")


@pytest.mark.parametrize("target_scale", ["std", None])
def test_a_validation_loss_in_another_unit_has_its_own_axis(target_scale):
    model = RegularizedMLPRegressor(
        (), solver="adam", max_iter=3, early_stopping=True, target_scale=target_scale
    )
    chain = make_pipeline(StandardScaler(), model).fit(X, 1e3 * X[:, 0])
    display = LossCurveDisplay.from_estimator(chain)
    assert_allclose(
        curves(display)["Validation loss"].get_ydata(), -np.array(model.validation_scores_)
    )
    assert (display.score_ax_ is display.ax_) == (target_scale is None)


@pytest.mark.parametrize("hidden", [(), (2,)])
def test_loss_curve_of_partial_fit_counts_all_calls(monkeypatch, hidden):
    monkeypatch.setattr("skreg_mlp._estimators.training.LOSS_CURVE_CALLS", 3)
    model = RegularizedMLPRegressor(hidden)
    for _ in range(5):
        model.partial_fit(X, X[:, 0])
    display = LossCurveDisplay.from_estimator(model)
    assert_array_equal(curves(display)["Objective"].get_xdata(), [3, 4, 5])
    assert display.ax_.get_xlabel() == "Epoch"


def test_loss_curve_without_an_iteration():
    model = RegularizedMLPRegressor((), warm_start=True).fit(X, X[:, 0]).fit(X, X[:, 0])
    assert model.n_iter_ == 0
    LossCurveDisplay.from_estimator(model).figure_.canvas.draw()


# --------------------------------------------------------------------------------------------
# Networks
# --------------------------------------------------------------------------------------------
def edges(display):
    """(x, sign, width) of each line, and its ends."""
    collection = display.edges_
    signs = {"#0072b2": 1, "#d55e00": -1, "#999999": 0}
    colors = [signs[to_hex(c)] for c in collection.get_colors()]
    return collection.get_segments(), colors, collection.get_linewidths()


@pytest.mark.parametrize("hidden", [(), (7,), (6, 5)])
@pytest.mark.parametrize("n_targets", [1, 3])
@pytest.mark.parametrize("sparse", [False, True])
def test_one_line_per_nonzero_weight(hidden, n_targets, sparse):
    y = X[:, :n_targets] + X[:, 1:2] ** 2
    model = RegularizedMLPRegressor(
        hidden, penalty="l1", alpha=0.03 if hidden else 0.2, solver="lbfgs", max_iter=100,
        activation="tanh", random_state=0,
    ).fit(X, y.squeeze())  # fmt: skip
    assert 0 < model.n_nonzero_ < sum(W.size for W in model.coefs_)
    weights = np.concatenate([W[W != 0] for W in model.coefs_])
    selected = model.selected_features_
    if sparse:
        model.coefs_ = [csr_matrix(W) for W in model.coefs_]
    display = NetworkDisplay.from_estimator(model)
    lines, signs, _ = edges(display)
    assert len(lines) == len(weights)
    assert signs.count(1) == (weights > 0).sum()
    names = [text.get_text() for text in display.ax_.texts]
    outputs = ["output"] if n_targets == 1 else ["target 0", "target 1", "target 2"]
    assert sorted(names) == sorted([f"x{j}" for j in np.flatnonzero(selected)] + outputs)
    assert display.ax_.get_title().startswith(f"{selected.sum()} of 4 inputs")


def test_a_pruned_network_keeps_the_names_of_its_inputs():
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 4)), columns=list("abcd"))
    model = RegularizedMLPRegressor((), penalty="l1", alpha=0.3).fit(X, X["b"] - 2 * X["d"])
    for display in map(NetworkDisplay.from_estimator, (model, model.prune())):
        assert [text.get_text() for text in display.ax_.texts] == ["b", "d", "output"]
    display = NetworkDisplay.from_estimator(model.prune(), feature_names="wxyz")
    assert [text.get_text() for text in display.ax_.texts] == ["x", "z", "output"]


def test_lines_join_the_right_nodes():
    W, V = np.array([[2.0, 0.0], [-1.0, 0.0], [0.0, 4.0]]), np.array([[1.0, -3.0], [0.0, 1.0]])
    model = named(RegularizedMLPClassifier((2,)), [W, V])
    model.classes_ = np.array(["no", "yes"])
    display = NetworkDisplay.from_estimator(model, feature_names="abc")
    at = {text.get_text(): text.xy for text in display.ax_.texts}
    lines, signs, widths = edges(display)
    first = {tuple(ends[0]): of for ends, *of in zip(lines, signs, widths) if ends[0][0] == 0}
    assert {name: first[at[name]][0] for name in "abc"} == {"a": 1, "b": -1, "c": 1}
    assert first[at["b"]][1] < first[at["a"]][1] < first[at["c"]][1]
    ends = {tuple(line[1]) for line in lines if line[0][0] == 1}
    assert ends == {at["no"], at["yes"]}
    assert display.ax_.get_title() == "3 of 3 inputs, 2 of 2 units"


def crossings(display):
    lines = np.array(display.edges_.get_segments())
    pairs = [(a, b) for k, a in enumerate(lines) for b in lines[k + 1 :] if a[0, 0] == b[0, 0]]
    return sum((a[0, 1] - b[0, 1]) * (a[1, 1] - b[1, 1]) < 0 for a, b in pairs)


def test_a_planar_network_is_drawn_without_crossings():
    inputs, units = np.random.default_rng(2).permuted([np.arange(12), np.arange(12)], axis=1)
    W, V = np.eye(12)[inputs][:, units], np.zeros((12, 3))
    V[np.arange(12), np.argsort(units) % 3] = 1
    names = [f"x{j}" for j in range(12)]
    display = NetworkDisplay(coefs=[W, V], feature_names=names, output_names=list("abc")).plot()
    assert crossings(display) == 0


def test_what_leads_nowhere_is_not_drawn():
    W, V = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]), np.array([[0.0], [5.0], [1.0]])
    display = NetworkDisplay.from_estimator(named(RegularizedMLPRegressor(), [W, V]))
    assert len(edges(display)[0]) == 2
    assert display.ax_.get_title() == "1 of 2 inputs, 1 of 3 units"
    assert [text.get_text() for text in display.ax_.texts] == ["x1", "output"]


def test_large_networks_show_their_largest_nodes_and_count_the_others():
    W = np.outer(np.arange(1, 101.0), np.ones(70))
    V = np.arange(1, 71.0)[:, None]
    model = named(RegularizedMLPRegressor(), [W, V])
    display = NetworkDisplay.from_estimator(model, ax=plt.subplots(figsize=(3, 3))[1])
    assert display.ax_.get_title() == "100 of 100 inputs, 70 of 70 units"
    *names, more, output, more_units = [text.get_text() for text in display.ax_.texts]
    assert output == "output" and {*names} == {f"x{j}" for j in range(100 - len(names), 100)}
    assert more == f"+{100 - len(names)} more"
    n_units = 70 - int(more_units)
    assert 5 < len(names) == n_units < 20
    assert len(edges(display)[0]) == len(names) * n_units + n_units


@pytest.mark.parametrize("shapes", [[(3, 1)], [(3, 4), (4, 2)], [(3, 4), (4, 5), (5, 2)]])
def test_null_model(shapes):
    model = named(RegularizedMLPRegressor(), [np.zeros(shape) for shape in shapes])
    display = NetworkDisplay.from_estimator(model)
    display.figure_.canvas.draw()
    assert len(edges(display)[0]) == 0
    assert display.ax_.get_title().startswith("0 of 3 inputs")
    assert "no input" in display.ax_.texts[-1].get_text()


@pytest.mark.parametrize(
    "y, class_names, expected",
    [
        (LABELS, None, ["1"]),
        (LABELS, ["ill", "well"], ["well"]),
        (np.arange(80) % 3, None, ["0", "1", "2"]),
        (np.c_[LABELS, 1 - LABELS], ["first", "second"], ["first", "second"]),
    ],
)
def test_names_of_outputs(y, class_names, expected):
    model = RegularizedMLPClassifier((3,), max_iter=2).fit(X, y)
    display = NetworkDisplay.from_estimator(model, class_names=class_names)
    assert [text.get_text() for text in display.ax_.texts][4:] == expected


@pytest.mark.parametrize(
    "model, y, expected",
    [
        (RegularizedMLPRegressor(), pd.Series(X[:, 0], name="price"), ["price"]),
        (RegularizedMLPRegressor(), pd.Series(X[:, 0]), ["output"]),
        (RegularizedMLPRegressor(), pd.DataFrame(X[:, :2], columns=["a", "b"]), ["a", "b"]),
        (RegularizedMLPClassifier(), pd.Series(LABELS, name="sold"), ["sold=1"]),
        (
            RegularizedMLPClassifier(),
            pd.Series(LABELS, name="sold").map({0: "no", 1: "yes"}),
            ["yes"],
        ),
        (RegularizedMLPClassifier(), pd.DataFrame({"u": LABELS, "v": 1 - LABELS}), ["u", "v"]),
        (
            RegularizedMLPRegressor(loss="quantile", quantile=[0.1, 0.9]),
            pd.Series(X[:, 0], name="price"),
            ["quantile 0.1", "quantile 0.9"],
        ),
        (
            RegularizedMLPRegressorCV((), alphas=2, cv=2),
            pd.Series(X[:, 0], name="price"),
            ["price"],
        ),
    ],
)
def test_outputs_have_the_names_of_y(model, y, expected):
    model = model.set_params(max_iter=2).fit(X, y)
    assert NetworkDisplay.from_estimator(model).output_names == expected
    if hasattr(model, "prune"):
        assert NetworkDisplay.from_estimator(model.prune()).output_names == expected
    if hasattr(model, "path_"):
        on_path = model.path_.to_estimator(0)
        assert NetworkDisplay.from_estimator(on_path).output_names == expected
    target = 1 if is_classifier(model) else len(expected) - 1
    if len(expected) == 1 and is_classifier(model):
        target = model.classes_[1]
    effects = FeatureEffectDisplay.from_estimator(model, X, features=0, target=target, n_grid=2)
    name = "prediction" if expected == ["output"] else expected[-1]
    assert effects.prediction_name.lower().endswith(name)


# --------------------------------------------------------------------------------------------
# Networks inside other estimators
# --------------------------------------------------------------------------------------------
def wrapped(network):
    """The network as it is, in a Pipeline, a search, transformed targets, and in all of them."""
    nested = GridSearchCV(make_pipeline(StandardScaler(), network), {}, cv=2)
    return [
        network,
        make_pipeline(network),
        make_pipeline(StandardScaler(), network),
        GridSearchCV(network, {"alpha": [0.01]}, cv=2),
        nested,
        TransformedTargetRegressor(nested),
        make_pipeline(StandardScaler(), TransformedTargetRegressor(make_pipeline(nested))),
    ]


@pytest.mark.parametrize("k", range(7))
def test_displays_find_the_network_inside(k):
    frame = pd.DataFrame(X, columns=list("abcd"))
    single = wrapped(RegularizedMLPRegressor((), penalty="l1", alpha=0.01))[k]
    single.fit(frame, X[:, 1])
    assert NetworkDisplay.from_estimator(single).feature_names == list("abcd")
    assert LossCurveDisplay.from_estimator(single).step_name == "Iteration"
    effects = FeatureEffectDisplay.from_estimator(single, frame).effects
    assert effects[0].grids[0].name == "b"
    if k != 3:  # a CV estimator has no alpha to search
        chosen = wrapped(RegularizedMLPRegressorCV((), penalty="l1", alphas=[0.01, 0.1], cv=2))[k]
        display = RegularizationPathDisplay.from_estimator(chosen.fit(frame, X[:, 1]))
        assert display.feature_names == list("abcd")
        assert len(AlphaSelectionDisplay.from_estimator(chosen).scores) == 2


def test_a_frozen_network_is_found():
    model = RegularizedMLPRegressor((), alpha=0.01).fit(X, X[:, 0])
    display = NetworkDisplay.from_estimator(FrozenEstimator(model))
    assert len(display.feature_names) == 4


class Nameless(TransformerMixin, BaseEstimator):
    """A step that does not name its columns."""

    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return np.asarray(X)


@pytest.mark.filterwarnings("ignore:No feature is selected:UserWarning")
@pytest.mark.parametrize(
    "steps, names",
    [
        ([StandardScaler(), SelectKBest(f_regression, k=2)], ["a", "d"]),
        ([PCA(3)], ["pca0", "pca1", "pca2"]),
        ([StandardScaler().set_output(transform="pandas")], ["a", "b", "c", "d"]),
        ([Nameless()], ["x0", "x1", "x2", "x3"]),
        ([Nameless(), StandardScaler()], ["x0", "x1", "x2", "x3"]),
    ],
)
def test_names_are_those_that_the_steps_before_make(steps, names):
    frame = pd.DataFrame(X, columns=list("abcd"))
    network = RegularizedMLPRegressor((), alpha=0.01)
    model = make_pipeline(*steps, network).fit(frame, X[:, 0] - 2 * X[:, 3])
    nested = make_pipeline(*steps, make_pipeline(FunctionTransformer(
        feature_names_out="one-to-one"), network)).fit(frame, X[:, 0] - 2 * X[:, 3])  # fmt: skip
    assert NetworkDisplay.from_estimator(model).feature_names == names
    assert NetworkDisplay.from_estimator(nested).feature_names == names
    selection = KnockoffSelection(RegularizedMLPRegressor((), penalty="l1"), alphas=5)
    selector = make_pipeline(*steps, selection).fit(frame, X[:, 0] - 2 * X[:, 3])
    assert KnockoffDisplay.from_estimator(selector).feature_names == names
    given = NetworkDisplay.from_estimator(model, feature_names=range(len(names)))
    assert given.feature_names == [str(k) for k in range(len(names))]


@pytest.mark.filterwarnings("ignore:No feature is selected:UserWarning")
@pytest.mark.parametrize("as_given", [pd.DataFrame, np.asarray])
@pytest.mark.parametrize("encoder", [None, "table"])
def test_columns_without_names_have_those_of_scikit_learn(as_given, encoder):
    data, y, expected = as_given(X), X[:, 0] - 2 * X[:, 3], ["x0", "x1", "x2", "x3"]
    network = RegularizedMLPRegressorCV((), alphas=5, cv=2, encoder=encoder).fit(data, y)
    for display in (RegularizationPathDisplay, NetworkDisplay):
        assert display.from_estimator(network).feature_names == expected
    effects = FeatureEffectDisplay.from_estimator(network, data, features=range(4)).effects
    assert [effect.grids[0].name for effect in effects] == expected
    with pytest.raises(ValueError, match="one of the names 'x0', 'x1', 'x2', 'x3'"):
        FeatureEffectDisplay.from_estimator(network, data, features="0")
    selection = KnockoffSelection(RegularizedMLPRegressor((), penalty="l1"), alphas=5)
    assert KnockoffDisplay.from_estimator(selection.fit(data, y)).feature_names == expected
    encoded = TableEncoder(0).fit(data)
    for transformer in (encoded, StandardScaler().fit(data)):
        assert transformer.get_feature_names_out().tolist() == expected
    with pytest.raises(ValueError, match=r"infinity or a .* column 'x1'"):
        encoded.fit(as_given(X * [1, np.inf, 1, 1]))


# --------------------------------------------------------------------------------------------
# Encoders
# --------------------------------------------------------------------------------------------
def table(n_columns=3, n_rows=200):
    """A frame of numbers, levels, and numbers of which some are missing, and a target."""
    rng = np.random.default_rng(0)
    columns, y = {}, rng.normal(0, 0.1, n_rows)
    for j, name in enumerate(names_of(n_columns)):
        if j % 3 == 1:
            levels = np.array(["small", "medium sized", "large", "extra large"])
            codes = rng.integers(len(levels), size=n_rows)
            columns[name], y = levels[codes], y + np.array([0, 2, 1, -1])[codes]
        else:
            x = rng.normal(size=n_rows) * 100 ** (j % 2)
            y = y + np.abs(x) / 100 ** (j % 2)
            x[rng.random(n_rows) < 0.2 * (j % 3 == 2)] = np.nan
            columns[name], y = x, np.where(np.isnan(x), 2, y)
    return pd.DataFrame(columns), y


def encoded_network(n_columns=3, hidden=(4,), **kwargs):
    frame, y = table(n_columns)
    kwargs = dict(dict(encoder=TableEncoder(4), penalty="group_l1", alpha=0.01), **kwargs)
    model = RegularizedMLPRegressor(hidden, random_state=0, max_iter=30, **kwargs)
    return model.fit(frame, y), frame, y


@pytest.mark.parametrize("hidden", [(), (4,)])
def test_a_path_with_an_encoder_has_one_line_per_column(hidden):
    frame, y = table(4)
    model = RegularizedMLPRegressor(
        hidden, penalty="l1", encoder=TableEncoder(4), random_state=0, max_iter=30
    )
    path = regularization_path(model, frame, y, alphas=8)
    display = RegularizationPathDisplay.from_path(path)
    groups = path.to_estimator(0).encoder_.groups_
    assert display.weight_name == "Norm of outgoing weights"
    assert display.feature_names == list(frame.columns)
    for k, coefs in enumerate(path.coefs):
        for j, line in enumerate(display.lines_):
            own = coefs[0][groups == j]
            expected = np.sqrt((own**2).sum()) if path.selected_features[k, j] else 0
            assert line.get_ydata()[k] == pytest.approx(expected, rel=1e-12, abs=0)
    assert (display.weights == 0).any() and (display.weights > 0).any()


def test_the_path_of_a_cv_estimator_with_an_encoder():
    frame, y = table(3)
    model = RegularizedMLPRegressorCV((), penalty="l1", encoder="table", alphas=5, cv=2)
    display = RegularizationPathDisplay.from_estimator(model.fit(frame, y))
    assert display.weights.shape == (len(model.path_), 3)
    assert_legible(display.figure_)


@pytest.mark.parametrize("pruned", [False, True])
@pytest.mark.parametrize("names", [None, ["age", "size", "wage", "day", "city", "debt"]])
def test_with_an_encoder_a_column_is_one_node(pruned, names):
    model, frame, _ = encoded_network(6, alpha=0.2)
    model = model.prune() if pruned else model
    display = NetworkDisplay.from_estimator(model, feature_names=names)
    names = list(frame.columns) if names is None else names
    assert display.feature_names == names
    selected = np.flatnonzero(model.selected_features_)
    title = f"{len(selected)} of 6 inputs, "
    assert 0 < len(selected) < 6 and display.ax_.get_title().startswith(title)
    assert len(display.ax_.texts) == len(selected) + 1


class Squares(BaseEstimator):
    """A user's encoder: each column, then the square of each, without names."""

    def fit(self, X, y=None):
        self.groups_ = np.tile(np.arange(X.shape[1]), 2)
        return self

    def transform(self, X):
        return np.hstack([X, np.square(X)])


def test_lines_of_a_column_are_norms_with_the_sign_that_all_its_weights_have():
    model = RegularizedMLPRegressor((), alpha=0.1, encoder=Squares()).fit(X, X[:, 0])
    model.coefs_ = [np.array([[3.0], [-3.0], [3.0], [0], [4], [-4], [-4], [0]])]
    display = NetworkDisplay.from_estimator(model)
    lines, signs, widths = edges(display)
    at = {text.get_text(): text.xy[1] for text in display.ax_.texts}
    found = {line[0][1]: sign for line, sign in zip(lines, signs)}
    assert found == {at["x0"]: 1, at["x1"]: -1, at["x2"]: 0}
    assert len({*widths}) == 1
    legend = display.ax_.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == [
        "positive",
        "negative",
        "both signs",
    ]


@pytest.mark.parametrize("n_columns", [3, 60])
def test_no_text_of_an_encoded_network_covers_another(n_columns):
    model, _, _ = encoded_network(n_columns)
    _, ax = plt.subplots(figsize=(4, 3), layout="constrained")
    assert_legible(NetworkDisplay.from_estimator(model, ax=ax).figure_)


# --------------------------------------------------------------------------------------------
# Errors, and matplotlib only where it is needed
# --------------------------------------------------------------------------------------------
DISPLAYS = [RegularizationPathDisplay, AlphaSelectionDisplay, LossCurveDisplay, NetworkDisplay]


def draw(display, estimator, **kwargs):
    """A display of an estimator fitted to the arrays of this file."""
    if display is FeatureEffectDisplay:
        return display.from_estimator(estimator, X, **kwargs)
    return display.from_estimator(estimator, **kwargs)


@pytest.mark.parametrize("display", [*DISPLAYS, FeatureEffectDisplay])
def test_errors(display):
    model = RegularizedMLPRegressor((2,), max_iter=2)
    chain = make_pipeline(StandardScaler(), model)
    search = GridSearchCV(chain, {"regularizedmlpregressor__alpha": [0.1]}, cv=2)
    for unfitted in (model, chain, search, TransformedTargetRegressor(chain)):
        with pytest.raises(NotFittedError):
            draw(display, unfitted)
    linear = make_pipeline(StandardScaler(), LinearRegression()).fit(X, X[:, 0])
    with pytest.raises(TypeError, match=f"{display.__name__}.*a LinearRegression in a Pipeline"):
        draw(display, linear)
    for nothing, named in (
        (make_pipeline(StandardScaler(), "passthrough").fit(X), "'passthrough' in a Pipeline"),
        (search.set_params(refit=False).fit(X, X[:, 0]), "in a search that refits.* GridSearchCV"),
        (RegularizedMLPRegressor, "RegularizedMLPRegressor"),
        ("model", "'model'"),
    ):
        with pytest.raises(TypeError, match=named):
            draw(display, nothing)
    if display in DISPLAYS[:2]:
        with pytest.raises(TypeError, match="needs a fitted RegularizedMLPClassifierCV"):
            display.from_estimator(model.fit(X, X[:, 0]))


@pytest.mark.parametrize("display", [RegularizationPathDisplay, NetworkDisplay])
def test_feature_names(display):
    model = FittedCV((5, 1)).fit()
    with pytest.raises(ValueError, match="feature_names has 2 entries, but 5 are needed"):
        display.from_estimator(model, feature_names=["a", "b"])
    model.feature_names_in_ = np.array(list("abcde"), dtype=object)
    assert display.from_estimator(model).feature_names == list("abcde")
    given = display.from_estimator(model, feature_names=list("vwxyz"))
    assert given.feature_names == list("vwxyz")


def test_class_names():
    model = RegularizedMLPClassifier((3,), max_iter=2).fit(X, LABELS)
    with pytest.raises(ValueError, match="class_names has 1 entries, but 2 are needed"):
        NetworkDisplay.from_estimator(model, class_names=["well"])


def run(code):
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_importing_the_package_does_not_import_matplotlib():
    run("import sys, skreg_mlp; assert 'matplotlib' not in sys.modules")


def test_without_matplotlib_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"NetworkDisplay.plot .*pip install matplotlib"):
        NetworkDisplay.from_estimator(FittedCV().fit())
    assert set(skreg_mlp.__all__) >= {display.__name__ for display in DISPLAYS}
