"""The network that is left: nodes, and a line for each non-zero weight."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from skreg_mlp._objective.network import dense, reaching
from skreg_mlp._plotting._display import (
    BLUE,
    ESTIMATORS,
    GAP,
    GRAY,
    VERMILION,
    Display,
    check_names,
    feature_names_of,
    names_seen,
    network_of,
    output_names_of,
)
from skreg_mlp._plotting._texts import (
    FONT,
    LINE_HEIGHT,
    fit_names,
    ink,
    legend_above,
    points,
    shrink,
    widest,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from matplotlib.axes import Axes
    from matplotlib.collections import LineCollection
    from matplotlib.text import Annotation
    from sklearn.base import BaseEstimator
    from typing_extensions import Self

    from skreg_mlp._typing import Floats, Ints, Mask


MOST_OF_AXES = 0.36  # the width of the names on each side, as a share
WIDEST, CROWDED = (
    3.5,
    0.1,
)  # of a line: points, and share of the height over the root of their number
NODE = 5.5  # points: the diameter of a node


@dataclass(kw_only=True, repr=False, eq=False)
class NetworkDisplay(Display):
    """What is left of a network: its inputs, units and non-zero weights.

    Only what lies on a path of non-zero weights from an input to an output is drawn. Blue weights
    are positive, vermilion ones negative; the width of a line is relative to the largest weight of
    its layer. With an encoder, a column of X is one node: a line is then the norm of the weights of
    all that the encoder makes of the column, gray where these have both signs.

    A layer shows as many nodes as there is room for, those with the largest norm of incoming and
    outgoing weights; "+37 more" tells how many others are used.

    Parameters
    ----------
    coefs : list of ndarray of shape (fan_in, fan_out)
    feature_names, output_names : list of str
    groups : array-like of int, optional
        The index in `feature_names` of each row of ``coefs[0]``; by default, they are in order.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
    edges_ : matplotlib LineCollection
        The weights.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skreg_mlp import NetworkDisplay, RegularizedMLPClassifier
    >>> data = load_iris()
    >>> model = RegularizedMLPClassifier((), penalty="group_l1", alpha=0.1)
    >>> model = model.fit(data.data, data.target)
    >>> display = NetworkDisplay.from_estimator(
    ...     model, feature_names=data.feature_names, class_names=data.target_names
    ... )
    >>> display.ax_.get_title()
    '1 of 4 inputs'
    """

    coefs: Sequence[Floats]
    feature_names: Sequence[str]
    output_names: Sequence[str]
    groups: Sequence[int] | Ints | None = None

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        *,
        feature_names: Iterable[str] | None = None,
        class_names: Iterable[str] | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw the network of a fitted estimator.

        Parameters
        ----------
        estimator : RegularizedMLPClassifier or RegularizedMLPRegressor
            Or a CV estimator, a Pipeline with one of these as its last step, a search with one as
            its ``best_estimator_``, or a TransformedTargetRegressor with one as its ``regressor_``.
        feature_names : sequence of str, optional
            One per column of the X of the network, by default ``feature_names_in_``, else those
            that the steps of a Pipeline before it make, else "x0", "x1" and so on.
        class_names : sequence of str, optional
            One per class, by default ``classes_``, or one per target of a regressor, by default the
            names of y in `fit`. The one output for two classes has the name of the second, whose
            probability it gives.
        ax : matplotlib Axes, optional

        Returns
        -------
        NetworkDisplay

        Raises
        ------
        NotFittedError
            The estimator is not fitted.
        TypeError
            There is no such estimator in it.
        ValueError
            Not one of `feature_names` for each feature, or of `class_names` for each class.
        """
        network = network_of(estimator, cls, ("coefs_",), ESTIMATORS)
        coefs = [dense(W) for W in network.coefs_]
        default = output_names_of(network)
        names = check_names(class_names, len(default), "class_names", default)
        groups = network._features() if hasattr(network, "_features") else None
        n_features = getattr(network, "n_features_in_", len(coefs[0]))
        return cls(
            coefs=coefs,
            feature_names=feature_names_of(
                feature_names, network, n_features, names_seen(estimator)
            ),
            output_names=names[-coefs[-1].shape[1] :],  # of two classes, the second
            groups=groups,
        ).plot(ax)

    def _draw(self, ax: Any) -> None:
        first = _by_column(np.asarray(self.coefs[0]), self.groups, len(self.feature_names))
        layers = [first, *((np.abs(W), np.sign(W)) for W in self.coefs[1:])]
        sizes = [size for size, _ in layers]
        used = _used(sizes)
        ax.set_axis_off()
        ax.set_ylim(0, 1)
        title = ax.set_title(_summary(used), fontsize="medium")
        room = points(ax)
        shrink([title], ax, room[0])
        free = 1 - _explain(ax, room, layers, used)
        drawn = _largest(sizes, used, max(2, int(free * room[1] // LINE_HEIGHT)))
        inner = [np.ix_(a, b) for a, b in pairwise(drawn)]
        layers = [(size[of], sign[of]) for (size, sign), of in zip(layers, inner)]
        left_out = [mask.sum() - len(kept) for mask, kept in zip(used, drawn)]
        heights = [
            1 - position * len(position) / (len(position) + (n > 0))  # a place for what is left out
            for position, n in zip(_positions([size for size, _ in layers]), left_out)
        ]
        self.edges_: LineCollection = _draw_edges(ax, layers, heights, free * room[1])
        for layer, at in enumerate(heights):
            ax.scatter(np.full(len(at), layer), at, s=NODE**2, color=ink(), zorder=3)
        self._label(ax, room[0], drawn, heights, left_out)

    def _label(
        self, ax: Any, width: float, drawn: list[Ints], heights: list[Floats], left_out: list[int]
    ) -> None:
        """Names of the inputs on the left and of the outputs on the right, with room for both."""
        n_layers, shares = len(self.coefs), [0.0, 0.0]
        most = MOST_OF_AXES * width - 1.5 * GAP
        for side, names, layer in ((0, self.feature_names, 0), (1, self.output_names, n_layers)):
            texts = [_write(ax, layer, at, side) for at in heights[layer]]
            taken = fit_names(texts, [names[k] for k in drawn[layer]], ax, most)
            if left_out[layer]:
                more = _write(ax, layer, _below(heights[layer]), side, f"+{left_out[layer]} more")
                shrink([more], ax, most)
                taken = max(taken, widest([more], ax))
            shares[side] = (taken + 1.5 * GAP) / width
        scale = n_layers / (1 - sum(shares))
        ax.set_xlim(-shares[0] * scale, n_layers + shares[1] * scale)
        for layer in range(1, n_layers):
            if left_out[layer]:
                more = _write(ax, layer, _below(heights[layer]), 0.5, f"+{left_out[layer]}")
                shrink([more], ax, 0.7 * width / scale)
        if not len(drawn[0]):
            remark = "no input has a path to an output:\npredictions are constant"
            text = ax.text(0.3, 0.5, remark, transform=ax.transAxes, ha="center", va="center")
            shrink([text], ax, 0.6 * width)


def _by_column(W: Floats, groups: Any, n_columns: int) -> tuple[Floats, Floats]:
    """Norms of the weights of each column, and their sign: 1, -1, or 0 where they have both."""
    rows = np.arange(len(W)) if groups is None else np.asarray(groups)
    norm, total, mass = (np.zeros((n_columns, W.shape[1])) for _ in range(3))
    np.hypot.at(norm, rows, W)
    np.add.at(total, rows, W)
    np.add.at(mass, rows, np.abs(W))
    return norm, np.where(np.abs(total) == mass, np.sign(total), 0)


def _below(heights: Floats) -> float:
    """The height below nodes that are at equal distances from 1 downwards."""
    return 0.5 / (len(heights) + 1)


def _write(ax: Any, layer: int, at: float, side: float, text: str = "") -> Annotation:
    """A text beside a node, on its left (0) or right (1), or in its place (0.5)."""
    return ax.annotate(
        text, (layer, at), ((2 * side - 1) * GAP, 0), textcoords="offset points",
        ha={0: "right", 0.5: "center", 1: "left"}[side], va="center", fontsize=FONT,
        parse_math=False,
    )  # fmt: skip


def _used(coefs: Sequence[Floats]) -> list[Mask]:
    """Masks of the nodes of each layer on a path from an input to an output, and all outputs."""
    reached = [np.ones(coefs[0].shape[0], dtype=bool)]
    for W in coefs:
        reached.append((W[reached[-1]] != 0).any(axis=0))
    alive = reaching(coefs)
    return [a & b for a, b in zip(reached[:-1], alive[:-1])] + [alive[-1]]


def _largest(sizes: Sequence[Floats], used: list[Mask], n_places: int) -> list[Ints]:
    """Indices of the used nodes of each layer; where they are more than `n_places`, the largest.

    Their norms count. One place is then for the number of the others.
    """
    drawn: list[Ints] = []
    for layer, mask in enumerate(used):
        incoming = np.linalg.norm(sizes[layer - 1], axis=0) if layer else 0
        outgoing = np.linalg.norm(sizes[layer], axis=1) if layer < len(sizes) else 0
        size = np.where(mask, np.hypot(incoming, outgoing), -1)
        n_drawn = mask.sum() if mask.sum() <= n_places else n_places - 1
        drawn.append(np.sort(np.argsort(-size, kind="stable")[:n_drawn]))
    return drawn


def _positions(strengths: Sequence[Floats], n_sweeps: int = 4) -> list[Floats]:
    """Positions in (0, 1) of the nodes of each layer that make few lines cross.

    Each layer is sorted by the barycenters of its neighbors, from the outputs to the inputs and
    back (Sugiyama, Tagawa and Toda, 1981); the outputs stay in their order.
    """
    sizes = [len(W) for W in strengths] + [strengths[-1].shape[1]]
    positions: list[Floats] = [(np.arange(size) + 0.5) / size for size in sizes]

    def sort(layer: int, weights: Floats, neighbors: Floats) -> None:
        total = weights.sum(axis=1)
        center = np.where(total > 0, weights @ neighbors, positions[layer])
        order = np.argsort(center / np.where(total > 0, total, 1), kind="stable")
        positions[layer][order] = (np.arange(len(order)) + 0.5) / len(order)

    for _ in range(n_sweeps):
        for layer in range(1, len(strengths)):
            sort(layer, strengths[layer - 1].T, positions[layer - 1])
        for layer in reversed(range(len(strengths))):
            sort(layer, strengths[layer], positions[layer + 1])
    return positions


def _summary(used: list[Mask]) -> str:
    """How many inputs and units are left."""
    counts = [f"{mask.sum()} of {mask.size}" for mask in used]
    text = f"{counts[0]} inputs"
    return f"{text}, {' and '.join(counts[1:-1])} units" if len(counts) > 2 else text


SIGNS = {1: (BLUE, "positive"), -1: (VERMILION, "negative"), 0: (GRAY, "both signs")}


def _explain(ax: Any, room: Floats, layers: Any, used: list[Mask]) -> float:
    """A legend of the signs that are drawn; returns the share of the height that it takes."""
    from matplotlib.lines import Line2D

    signs = {
        int(sign)
        for (size, of_layer), a, b in zip(layers, used, used[1:])
        for sign in np.unique(of_layer[np.ix_(a, b)][size[np.ix_(a, b)] > 0])
    }
    handles = [
        Line2D([], [], color=color, linewidth=2, label=name)
        for sign, (color, name) in SIGNS.items()
        if sign in signs
    ]
    return legend_above(handles, room, ax, title="weights (wider is larger)") if handles else 0


def _draw_edges(ax: Any, layers: Any, heights: Sequence[Floats], height: float) -> LineCollection:
    """One line per non-zero weight, the large ones on top, thinner where there are many."""
    from matplotlib.collections import LineCollection

    edges: list[tuple[float, float, Any, str]] = []
    for layer, (size, sign) in enumerate(layers):
        most = min(WIDEST, CROWDED * height / np.sqrt(np.count_nonzero(size) or 1))
        for i, j in np.argwhere(size):
            line = ((layer, heights[layer][i]), (layer + 1, heights[layer + 1][j]))
            relative = size[i, j] / size.max()
            color = SIGNS[int(sign[i, j])][0]
            edges.append((relative, 0.3 + most * relative, line, color))
    edges.sort(key=lambda edge: edge[0])
    _, widths, lines, colors = zip(*edges) if edges else ((), (), (), ())
    return ax.add_collection(LineCollection(lines, colors=colors, linewidths=widths))
