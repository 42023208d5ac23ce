"""The statistics of a selection by knockoffs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from skreg_mlp._plotting._display import (
    BLUE,
    GAP,
    GRAY,
    VERMILION,
    Display,
    feature_names_of,
    names_seen,
    network_of,
)
from skreg_mlp._plotting._texts import (
    FONT,
    LINE_HEIGHT,
    fit_names,
    legend_above,
    name_numbers,
    points,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from matplotlib.axes import Axes
    from matplotlib.container import BarContainer
    from sklearn.base import BaseEstimator
    from typing_extensions import Self

    from skreg_mlp._typing import Floats, Ints

BAR_HEIGHT, MARGIN = 0.22, 1.1  # inches: of a bar with its name, and of what is around all bars
MOST_BARS = 30
LEGEND_LINES = 3  # what the legend takes of the height, at most, in lines of names
MOST_OF_AXES = 0.45  # the width of the names, as a share


@dataclass(kw_only=True, repr=False, eq=False)
class KnockoffDisplay(Display):
    """The statistics of a `KnockoffSelection`, the largest first, with the threshold.

    A bar to the right is a feature that stays on the path longer than its knockoff, one to the left
    a feature whose knockoff stays longer. What is at the threshold or beyond is selected. The bars
    to the left beyond minus the threshold tell how many of the selected ones are false, about.

    Parameters
    ----------
    statistics : ndarray of shape (n_features,)
        W of one draw, or the e-values of several.

    threshold : float
        The least statistic that is selected; inf where none is.

    feature_names : list of str
    statistic_name : str
        Label of the horizontal axis.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    bars_ : matplotlib BarContainer
        Of at most 30 features, if there is room for their names: those of the largest absolute
        statistics that are not 0.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg_mlp import KnockoffDisplay
    >>> display = KnockoffDisplay(
    ...     statistics=np.array([0.3, -0.1, 0.2, 0.0]), threshold=0.2,
    ...     feature_names=["age", "height", "weight", "day"], statistic_name="W",
    ... ).plot()
    >>> [text.get_text() for text in display.ax_.get_yticklabels()]
    ['age', 'weight', 'height']
    """

    statistics: Floats
    threshold: float
    feature_names: Sequence[str]
    statistic_name: str

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        *,
        feature_names: Iterable[str] | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw a fitted selector.

        Parameters
        ----------
        estimator : KnockoffSelection
            Or a Pipeline with one as its last step.
        feature_names : sequence of str, optional
            By default ``feature_names_in_``, else those that the steps of a Pipeline before the
            selector make, else "x0", "x1" and so on.
        ax : matplotlib Axes, optional

        Returns
        -------
        KnockoffDisplay

        Raises
        ------
        NotFittedError
            The selector is not fitted.
        TypeError
            It is of another class.
        ValueError
            Not one of `feature_names` for each feature.
        """
        selector = network_of(
            estimator, cls, ("draws_", "threshold_"), "a fitted KnockoffSelection"
        )
        one = len(selector.draws_) == 1
        return cls(
            statistics=selector.statistics_,
            threshold=selector.threshold_,
            feature_names=feature_names_of(
                feature_names, selector, selector.n_features_in_, names_seen(estimator)
            ),
            statistic_name="Last alpha (left: of the knockoff)" if one else "e-value",
        ).plot(ax)

    def _shown(self, n_bars: int = MOST_BARS) -> Ints:
        """Indices of the features with a bar, the largest statistic first."""
        size = np.abs(self.statistics)
        largest = np.argsort(-size, kind="stable")[:n_bars]
        largest = largest[size[largest] > 0]
        return largest[np.argsort(-self.statistics[largest], kind="stable")]

    def _size(self) -> tuple[float, float]:
        return 6.4, MARGIN + BAR_HEIGHT * max(len(self._shown()), 6)

    def _draw(self, ax: Any) -> None:
        from matplotlib.patches import Patch

        t = self.threshold
        n_selected = int((np.asarray(self.statistics) >= t).sum())
        ax.set_title(f"{n_selected} of {len(self.statistics)} selected", fontsize="medium")
        ax.set_xlabel(self.statistic_name)
        room = points(ax)
        n_lines = int(room[1] // LINE_HEIGHT) - LEGEND_LINES
        shown = self._shown(min(max(n_lines, 1), MOST_BARS))
        values, places = np.asarray(self.statistics)[shown], np.arange(len(shown))
        colors = [BLUE if value >= t else VERMILION if value <= -t else GRAY for value in values]
        self.bars_: BarContainer = ax.barh(places, values, color=colors)
        ax.axvline(0, color=GRAY, linewidth=0.8)
        if np.isfinite(t):
            ax.axvline(t, color=BLUE, linestyle="--", linewidth=1.3)
            if values.min(initial=0) < 0:
                ax.axvline(-t, color=VERMILION, linestyle=":", linewidth=1.3)
        name_numbers(ax.xaxis, self.statistic_name)
        _name_bars(ax, places, [self.feature_names[k] for k in shown], room[0])
        ax.set_ylim(max(len(shown), 1) - 0.5, -0.5)
        kinds = ((BLUE, "selected"), (VERMILION, "estimate of the false ones"))
        handles = [Patch(color=color, label=kind) for color, kind in kinds if color in colors]
        if handles:
            legend_above(handles, room, ax)


def _name_bars(ax: Any, places: Ints, names: list[str], width: float) -> None:
    """Names on the left, within the axes, which have the `width` in points."""
    from matplotlib.ticker import AutoLocator

    ax.set_yticks(places, names, fontsize=FONT, parse_math=False)
    labels = ax.get_yticklabels()
    of_names = fit_names(labels, names, ax, MOST_OF_AXES * width)
    ax.set_yticklabels([label.get_text() for label in labels])
    ax.tick_params(axis="y", left=False, pad=-of_names - GAP)
    share = (of_names + 2 * GAP) / width
    left, right = ax.get_xlim()
    limits = right - (right - left) / (1 - share), right
    ax.set_xlim(limits, auto=None)
    ax.xaxis.set_major_locator(AutoLocator())  # not that of axes which share the range
    ax.set_xticks([tick for tick in ax.get_xticks() if left <= tick <= right])  # none below names
    ax.set_xlim(limits, auto=None)
