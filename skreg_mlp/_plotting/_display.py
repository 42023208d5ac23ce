"""What the displays share: their base class, colors, names, checks and the axis of alphas.

The colors are those of Okabe and Ito (2008), Color universal design, which readers with any kind of
color vision tell apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.utils.validation import check_is_fitted

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.text import Annotation
    from sklearn.base import BaseEstimator
    from typing_extensions import Self

    from skreg_mlp._typing import Array, Floats, Scorer

BLUE, VERMILION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
BLACK, GRAY = "#000000", "#999999"
COLORS = (BLUE, VERMILION, GREEN, "#CC79A7", ORANGE, "#56B4E9", BLACK)
LONGEST_NAME = 24  # characters of a name that are shown
TICK_WIDTH = 45  # points of the top axis for each number on it
GAP = 8  # points between a name and what it names
ESTIMATORS = "a fitted RegularizedMLPClassifier or RegularizedMLPRegressor"
CV_ESTIMATORS = "a fitted RegularizedMLPClassifierCV or RegularizedMLPRegressorCV"


def check_offers(
    estimator: BaseEstimator, display: type[Display], attributes: Iterable[str], needed: str
) -> None:
    """Refuse an estimator that is not fitted or lacks one of `attributes`."""
    check_is_fitted(estimator)
    missing = [name for name in attributes if not hasattr(estimator, name)]
    if missing:
        raise TypeError(
            f"{display.__name__}.from_estimator needs {needed}; this {type(estimator).__name__} "
            f"has no {missing[0]}. Of a Pipeline, pass the last step."
        )


def check_names(
    names: Iterable[object] | None, n_expected: int, parameter: str, default: Iterable[object]
) -> list[str]:
    """`names` as strings, one for each of `n_expected`; `default` where they are None."""
    texts = [str(name) for name in (default if names is None else names)]
    if len(texts) != n_expected:
        raise ValueError(f"{parameter} has {len(texts)} entries, but {n_expected} are needed.")
    return texts


def feature_names_of(
    names: Iterable[object] | None, estimator: BaseEstimator | None, n_features: int
) -> list[str]:
    default = getattr(estimator, "feature_names_in_", [f"x{j}" for j in range(n_features)])
    return check_names(names, n_features, "feature_names", default)


def short(name: str) -> str:
    """`name` on one line, with its middle left out where it is long: both ends tell names apart."""
    name = " ".join(name.split())
    if len(name) <= LONGEST_NAME:
        return name
    tail = LONGEST_NAME // 2
    return f"{name[: LONGEST_NAME - tail - 1]}…{name[-tail:]}"


def points(ax: Any) -> Floats:
    """Width and height of `ax` in points, after the layout of its figure."""
    ax.figure.canvas.figure.draw_without_rendering()
    return np.array([ax.bbox.width, ax.bbox.height]) * 72 / ax.figure.dpi


def widest(texts: Iterable[Annotation], ax: Any) -> float:
    """Width in points of the widest of `texts`, annotations, without their lines."""
    from matplotlib.text import Text

    widths = [Text.get_window_extent(text).width for text in texts]
    return max(widths, default=0) * 72 / ax.figure.dpi


def alpha_axis(ax: Any, alphas: Floats, counts: Array, label: str) -> None:
    """alpha on a log axis, and `counts` along the top where there is room for them."""
    ax.set_xscale("log", nonpositive="mask")
    ax.set_xlabel("alpha")
    shown = np.flatnonzero(alphas > 0)
    position = np.log(alphas[shown])
    step = np.ptp(position) / max(1, ax.bbox.width * 72 / ax.figure.dpi // TICK_WIDTH)
    ticks: list[Any] = []
    for k, at in zip(shown, position):
        if not ticks or at - np.log(alphas[ticks[-1]]) >= step:
            ticks.append(k)
    top = ax.secondary_xaxis("top")
    top.set_xticks(alphas[ticks], [str(int(counts[k])) for k in ticks])
    top.tick_params(axis="x", which="minor", top=False, labeltop=False)
    top.set_xlabel(label)


def mark_alphas(ax: Any, marks: Iterable[tuple[str, float | None]], place: str = "best") -> None:
    """A vertical line at each alpha of `marks`, pairs of name and alpha, with all its names."""
    names: dict[float, list[str]] = {}
    for name, alpha in marks:
        if alpha is not None:
            names.setdefault(float(alpha), []).append(name)
    styles = (("--", BLACK), (":", VERMILION), ("-.", GREEN))
    for (alpha, of_alpha), (style, color) in zip(names.items(), styles):
        label = f"{', '.join(of_alpha)}: alpha = {alpha:.3g}"
        ax.axvline(alpha, linestyle=style, color=color, linewidth=1.3, label=label)
    if names:
        ax.legend(loc=place, fontsize="small")


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

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            By default those of a new figure.

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
                f'{type(self).__name__}.plot needs matplotlib: pip install "skreg_mlp[plot]".'
            ) from error
        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        figure: Any = ax.figure
        self.ax_, self.figure_ = ax, figure
        self._draw(ax)
        return self
