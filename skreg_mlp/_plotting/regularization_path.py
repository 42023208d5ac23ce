"""The weights along a path of alphas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.isotonic import isotonic_regression

from skreg_mlp._objective.network import dense, outgoing_norms
from skreg_mlp._plotting._display import (
    COLORS,
    CV_ESTIMATORS,
    GAP,
    GRAY,
    Display,
    alpha_axis,
    feature_names_of,
    mark_alphas,
    names_seen,
    network_of,
    number_alphas,
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
    from matplotlib.lines import Line2D
    from sklearn.base import BaseEstimator
    from typing_extensions import Self

    from skreg_mlp._estimators.path import RegularizationPath
    from skreg_mlp._typing import Floats, Ints

MOST_LABELS = 10  # names of features along a path
MOST_OF_AXES = 0.55  # the width of the names and the lines to them, as a share


@dataclass(kw_only=True, repr=False, eq=False)
class RegularizationPathDisplay(Display):
    """Weights along a path of alphas, with the number of selected features along the top.

    For a linear model with one output, one line per coefficient. Otherwise, and with an encoder,
    one line per feature: the Euclidean norm of its outgoing weights, zero where the feature has no
    path to an output. The weights of a feature are those of all columns that the encoder makes of
    it. The ten features that are largest on average over the path have a color and a name.

    Parameters
    ----------
    alphas : ndarray of shape (n_alphas,)
        Increasing. An alpha of zero has no place on the log axis and is not drawn.

    weights : ndarray of shape (n_alphas, n_features)
        What is drawn, in the units of the weights.

    n_selected : ndarray of shape (n_alphas,)
        Number of selected features.

    feature_names : list of str
    weight_name : str
        Label of the vertical axis.

    alpha : float, optional
        The chosen one, to be marked.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    lines_ : list of matplotlib Line2D
        One per feature.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg_mlp import RegularizationPathDisplay
    >>> display = RegularizationPathDisplay(
    ...     alphas=np.array([0.01, 0.1, 1.0]),
    ...     weights=np.array([[2.0, -1.0], [1.5, -0.3], [0.4, 0.0]]),
    ...     n_selected=np.array([2, 2, 1]),
    ...     feature_names=["age", "income"], weight_name="Coefficient", alpha=0.1,
    ... ).plot()
    >>> len(display.lines_)
    2
    """

    alphas: Floats
    weights: Floats
    n_selected: Ints
    feature_names: Sequence[str]
    weight_name: str
    alpha: float | None = None

    @classmethod
    def from_path(
        cls,
        path: RegularizationPath[Any],
        *,
        feature_names: Iterable[str] | None = None,
        alpha: float | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw what `regularization_path` returned.

        Parameters
        ----------
        path : RegularizationPath
        feature_names : sequence of str, optional
            By default those of the path, else "x0", "x1" and so on.
        alpha : float, optional
            The chosen one, to be marked.
        ax : matplotlib Axes, optional

        Returns
        -------
        RegularizationPathDisplay

        Raises
        ------
        ValueError
            Not one of `feature_names` for each feature.
        """
        first, features = [dense(coefs[0]) for coefs in path.coefs], _features_of(path)
        names = path.feature_names if feature_names is None else feature_names
        if len(path.coefs[0]) == 1 and first[0].shape[1] == 1 and features is None:
            weight_name, weights = "Coefficient", np.array([W[:, 0] for W in first])
        else:
            weight_name = "Norm of outgoing weights"
            n_features = path.selected_features.shape[1]
            norms = np.array([outgoing_norms(W, features, n_features) for W in first])
            weights = np.where(path.selected_features, norms, 0)
        return cls(
            alphas=np.asarray(path.alphas),
            weights=weights,
            n_selected=np.sum(path.selected_features, axis=1),
            feature_names=feature_names_of(names, None, weights.shape[1]),
            weight_name=weight_name,
            alpha=alpha,
        ).plot(ax)

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        *,
        feature_names: Iterable[str] | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the path of a fitted CV estimator, with the alpha that it chose.

        Parameters
        ----------
        estimator : RegularizedMLPClassifierCV or RegularizedMLPRegressorCV
            Or a Pipeline with one as its last step, a search with one as its ``best_estimator_``,
            or a TransformedTargetRegressor with one as its ``regressor_``.
        feature_names : sequence of str, optional
            By default ``feature_names_in_``, else those that the steps of a Pipeline before the
            estimator make, else "x0", "x1" and so on.
        ax : matplotlib Axes, optional

        Returns
        -------
        RegularizationPathDisplay

        Raises
        ------
        NotFittedError
            The estimator is not fitted.
        TypeError
            There is no such estimator in it.
        ValueError
            Not one of `feature_names` for each feature.
        """
        network = network_of(estimator, cls, ("path_", "alpha_"), CV_ESTIMATORS)
        path, seen = network.path_, names_seen(estimator)
        names = feature_names_of(feature_names, network, path.selected_features.shape[1], seen)
        return cls.from_path(path, feature_names=names, alpha=network.alpha_, ax=ax)

    def _draw(self, ax: Any) -> None:
        self.lines_: list[Line2D] = ax.plot(self.alphas, self.weights, color=GRAY, linewidth=0.7)
        top = alpha_axis(ax, self.alphas, self.n_selected, "Selected features")
        name_numbers(ax.yaxis, self.weight_name)
        marks = mark_alphas(ax, [("chosen", self.alpha)])
        room, start = points(ax), int(np.argmax(self.alphas > 0))
        free = 1 - (legend_above(marks, room, ax) if marks else 0)
        largest = self._largest(min(MOST_LABELS, int(free * room[1] // LINE_HEIGHT)))
        largest = largest[np.argsort(self.weights[start, largest], kind="stable")]  # upwards
        colors = [COLORS[k % len(COLORS)] for k in range(len(largest))]
        for k, (feature, color) in enumerate(zip(largest, colors)):
            style = "-" if k < len(COLORS) else "--"  # no two lines alike
            self.lines_[feature].set(color=color, linewidth=1.6, linestyle=style, zorder=3)
        if len(largest):
            names = [self.feature_names[feature] for feature in largest]
            starts = self.weights[start, largest]
            _label_starts(ax, room, free, self.alphas[start], starts, names, colors)
            number_alphas(ax, top, self.alphas, self.n_selected)

    def _largest(self, n_features: int) -> Ints:
        """At most `n_features` that are largest on average over the path, none that is zero."""
        size = np.abs(self.weights).mean(axis=0)
        largest = np.argsort(-size, kind="stable")[:n_features]
        return largest[size[largest] > 0]


def _features_of(path: RegularizationPath[Any]) -> Ints | None:
    """The column of X of each input of the networks, where an encoder made the inputs."""
    template = getattr(path, "_template", None)
    return None if template is None else template._features()


def _label_starts(
    ax: Any, room: Floats, free: float, x: float, y: Floats, names: list[str], colors: list[str]
) -> None:
    """Write each name to the left of the start (x, y) of its line, none over another.

    Names take the `free` share of the height, from the bottom. Their heights solve least squares
    under a least distance of neighbors: isotonic regression.
    """
    texts = []
    for start, color in zip(y, colors):
        leader = dict(arrowstyle="-", color=color, linewidth=1.2, relpos=(1, 0.5), shrinkB=0)
        text = ax.annotate(
            "", (x, start), (0, 0), textcoords="axes fraction", arrowprops=leader,
            ha="right", va="center", fontsize=FONT, parse_math=False,
        )  # fmt: skip
        texts.append(text)
    width, height = room
    gaps = 3.5 * GAP  # on both sides of a name, and the line to it
    share = (fit_names(texts, names, ax, MOST_OF_AXES * width - gaps) + gaps) / width
    left, right = np.log(x), np.log(ax.get_xlim()[1])
    ax.set_xlim(np.exp(left - (right - left) * share / (1 - share)), np.exp(right))
    wanted = (ax.transData - ax.transAxes).transform([(x, start) for start in y])[:, 1]
    line = LINE_HEIGHT / height
    spread = line * (np.arange(len(y)) + 0.5)
    lowest_of_last = free - line * len(y)
    heights = spread + isotonic_regression(wanted - spread, y_min=0, y_max=lowest_of_last)
    for text, at in zip(texts, heights):
        text.set_position((share - 2.5 * GAP / width, at))
