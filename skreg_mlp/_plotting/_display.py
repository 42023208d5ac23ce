"""What the displays share: their base class, colors, names, checks and the axis of alphas.

The colors are those of Okabe and Ito (2008), Color universal design, which readers with any kind of
color vision tell apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skreg_mlp._estimators.survival import SurvivalNetwork
from skreg_mlp._plotting._texts import ink
from skreg_mlp.encoding._table import column_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.lines import Line2D
    from typing_extensions import Self

    from skreg_mlp._typing import Array, Floats, Scorer

BLUE, VERMILION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
GRAY = "#999999"
COLORS = (BLUE, VERMILION, GREEN, "#CC79A7", ORANGE, "#56B4E9")  # on white and on black
DIGIT, TICK_GAP, POWER_WIDTH = 7, 12, 30  # points: a digit, between numbers, a power of ten
GAP = 8  # points between a name and what it names
ESTIMATORS = "a fitted RegularizedMLPClassifier or RegularizedMLPRegressor"
CV_ESTIMATORS = "a fitted RegularizedMLPClassifierCV or RegularizedMLPRegressorCV"
INNER = ("best_estimator_", "regressor_")  # of a search, and of a TransformedTargetRegressor


def network_of(
    estimator: Any, display: type[Display], attributes: Iterable[str], needed: str
) -> Any:
    """The fitted network inside Pipelines, searches and transformed targets, in any order.

    It has all of `attributes`, or TypeError says what was found in its place and what is `needed`.
    """
    layers = list(_layers(estimator))
    network = layers[-1]
    if hasattr(network, "fit") and not isinstance(network, type):
        check_is_fitted(network)
    missing = [name for name in attributes if not hasattr(network, name)]
    if missing:
        within = " in a ".join(_class_name(layer) for layer in reversed(layers))
        raise TypeError(
            f"{display.__name__}.from_estimator needs {needed}, alone, as the last step of a "
            "Pipeline, or in a search that refits or a TransformedTargetRegressor. Got a "
            f"{within}, without the attribute {missing[0]}."
        )
    return network


def sees_all_columns(estimator: Any) -> bool:
    """Whether the columns of X are those that the network inside is given."""
    steps = (layer.steps for layer in _layers(estimator) if isinstance(layer, Pipeline))
    return all(len(of_pipeline) == 1 for of_pipeline in steps)


def names_seen(estimator: Any) -> Array | None:
    """Names of the columns that the steps before a network hand to it; None where not known."""
    names = None
    for layer in _layers(estimator):
        if isinstance(layer, Pipeline) and len(layer.steps) > 1:
            try:
                names = layer[:-1].get_feature_names_out(names)
            except (AttributeError, ValueError):  # a step without names, or that knows others
                names = None
    return names


def _layers(estimator: Any) -> Iterator[Any]:
    """`estimator`, what it holds, and so on to the innermost."""
    inner = estimator
    while inner is not None:
        yield inner
        if isinstance(inner, Pipeline):
            inner = inner.steps[-1][1]
        elif isinstance(inner, FrozenEstimator):
            inner = inner.estimator
        else:
            inner = next((getattr(inner, name) for name in INNER if hasattr(inner, name)), None)


def _class_name(given: Any) -> str:
    return repr(given) if isinstance(given, (str, type)) else type(given).__name__


def check_names(
    names: Iterable[object] | None, n_expected: int, parameter: str, default: Iterable[object]
) -> list[str]:
    """`names` as strings, one for each of `n_expected`; `default` where they are None."""
    texts = [str(name) for name in (default if names is None else names)]
    if len(texts) != n_expected:
        raise ValueError(f"{parameter} has {len(texts)} entries, but {n_expected} are needed.")
    return texts


def feature_names_of(
    names: Iterable[object] | None,
    network: Any,
    n_features: int,
    seen: Sequence[object] | Array | None = None,
) -> list[str]:
    """`names`, or those that a network knows, or those `seen` before it, or else x0, x1, ..."""
    default = column_names(getattr(network, "feature_names_in_", seen), n_features)
    return check_names(names, n_features, "feature_names", default)


def output_names_of(network: Any) -> list[str]:
    """Names of the classes, quantiles or targets, from the names that y had in `fit` if any."""
    known, n_outputs = getattr(network, "_target_names", None) or [], network.coefs_[-1].shape[1]
    classes = getattr(network, "classes_", None)
    if len(known) == n_outputs and (classes is None or n_outputs > 1):
        return known
    if classes is not None:
        texts = isinstance(classes[0], str) or not known  # a number says little without a name
        return [str(name) if texts else f"{known[0]}={name}" for name in classes]
    if isinstance(network, SurvivalNetwork):
        return ["log hazard"]
    if getattr(network, "out_activation_", None) == "sort":
        return [f"quantile {level:g}" for level in np.ravel(network.quantile)]
    return ["output"] if n_outputs == 1 else [f"target {k}" for k in range(n_outputs)]


def alpha_axis(ax: Any, alphas: Floats, counts: Array, label: str) -> Any:
    """alpha on a log axis, and an axis of `counts` along the top, which is returned."""
    if not (alphas > 0).any():
        raise ValueError("No alpha is above zero, and the axis of alphas is logarithmic.")
    ax.set_xscale("log", nonpositive="mask")
    ax.set_xlabel("alpha")
    top = ax.secondary_xaxis("top", functions=(_same, _same))  # by default lambdas, not pickled
    top.set_xlabel(label)
    top.tick_params(axis="x", which="minor", top=False, labeltop=False)
    number_alphas(ax, top, alphas, counts)
    return top


def _same(alpha: Any) -> Any:
    return alpha


def number_alphas(ax: Any, top: Any, alphas: Floats, counts: Array) -> None:
    """Powers of ten on the axis of alphas, and `counts` on the axis `top`, where there is room."""
    from matplotlib.ticker import NullFormatter

    positive = np.flatnonzero(alphas > 0)
    position = np.log10(alphas[positive])
    left, right = np.log10(ax.get_xlim())
    unit = ax.bbox.width * 72 / ax.figure.dpi / (right - left)  # points of a power of ten
    powers = np.arange(np.ceil(position[0]), position[-1] + 1e-9)
    if len(powers):
        ax.set_xticks(10 ** powers[:: int(np.ceil(POWER_WIDTH / unit))])
    else:
        ends = alphas[positive[[0, -1]]]
        ax.set_xticks(ends, [f"{alpha:.2g}" for alpha in ends])
    minor = ax.get_xticks(minor=True)
    ax.set_xticks(minor[(minor >= alphas[positive[0]]) & (minor <= alphas[-1])], minor=True)
    ax.xaxis.set_minor_formatter(NullFormatter())
    texts = [str(int(count)) for count in counts]
    step = DIGIT * max(map(len, texts)) + TICK_GAP
    shown: list[Any] = []
    for k in positive:
        if not shown or unit * np.log10(alphas[k] / alphas[shown[-1]]) >= step:
            shown.append(k)
    top.set_xticks(alphas[shown], [texts[k] for k in shown])


def mark_alphas(ax: Any, marks: Iterable[tuple[str, float | None]]) -> list[Line2D]:
    """A vertical line at each alpha of `marks`, pairs of name and alpha, with all its names."""
    names: dict[float, list[str]] = {}
    for name, alpha in marks:
        if alpha is not None:
            names.setdefault(float(alpha), []).append(name)
    styles = (("--", ink()), (":", VERMILION), ("-.", GREEN))
    lines = []
    for (alpha, of_alpha), (style, color) in zip(names.items(), styles):
        label = f"{', '.join(of_alpha)}: alpha = {alpha:.3g}"
        lines.append(ax.axvline(alpha, linestyle=style, color=color, linewidth=1.3, label=label))
    return lines


def is_loss(scoring: str | Scorer) -> bool:
    return isinstance(scoring, str) and scoring == "loss"


def scoring_name(scoring: str | Scorer) -> str:
    name = scoring if isinstance(scoring, str) else getattr(scoring, "__name__", "score")
    return name.replace("_", " ")


class Display:
    """A dataclass of numbers, whose `_draw` draws them."""

    ax_: Axes
    figure_: Figure | SubFigure

    def _draw(self, ax: Any) -> None:
        raise NotImplementedError

    def _size(self) -> tuple[float, float] | None:
        """Width and height of a new figure in inches; None is the default of matplotlib."""
        return None

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            By default those of a new figure. A figure of your own has room for names and labels
            with ``layout="constrained"``.

        Returns
        -------
        Self
            With the attributes of the class set.

        Raises
        ------
        ImportError
            matplotlib is not installed.
        """
        try:
            import matplotlib.pyplot as plt
        except ImportError as error:
            raise ImportError(
                f"{type(self).__name__}.plot needs matplotlib: pip install matplotlib."
            ) from error
        if ax is None:
            _, ax = plt.subplots(figsize=self._size(), layout="constrained")
        figure: Any = ax.figure
        self.ax_, self.figure_ = ax, figure
        self._draw(ax)
        return self
