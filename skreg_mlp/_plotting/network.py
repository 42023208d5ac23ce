"""The network that is left: nodes, and a line for each non-zero weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from skreg_mlp._objective.network import dense, reaching
from skreg_mlp._plotting._display import (
    BLACK,
    BLUE,
    ESTIMATORS,
    GAP,
    GRAY,
    LONGEST_NAME,
    VERMILION,
    Display,
    check_names,
    feature_names_of,
    names_seen,
    network_of,
    points,
    short,
    widest,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from matplotlib.axes import Axes
    from matplotlib.collections import LineCollection
    from sklearn.base import BaseEstimator
    from typing_extensions import Self

    from skreg_mlp._typing import Floats, Ints, Mask


LONGEST_ENCODED = 32  # characters of the name of an encoded column: it ends in what tells it apart
MOST_OF_AXES = 0.4  # the width of the names on each side, as a share
GROUP_GAP = 0.8  # between inputs of different columns, in steps between neighbors


@dataclass(kw_only=True, repr=False, eq=False)
class NetworkDisplay(Display):
    """What is left of a network: its inputs, units and non-zero weights.

    Only what lies on a path of non-zero weights from an input to an output is drawn. Blue weights
    are positive, vermilion ones negative; the width of a line is relative to the largest weight of
    its layer.

    Parameters
    ----------
    coefs : list of ndarray of shape (fan_in, fan_out)
    feature_names, output_names : list of str
    max_units : int, default=20
        Largest number of inputs, of units of each layer, and of outputs drawn: those with the
        largest norm of incoming and outgoing weights. The title says so.

    groups : array-like of int, optional
        With an encoder, the column of X that each input comes from. Inputs of one column are drawn
        side by side, on a gray band.

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
    max_units: int = 20
    groups: Sequence[int] | Ints | None = None

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        *,
        feature_names: Iterable[str] | None = None,
        class_names: Iterable[str] | None = None,
        max_units: int = 20,
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
            One per class, by default ``classes_``, or one per target of a regressor. The one output
            for two classes has the name of the second, whose probability it gives.
        max_units : int, default=20
            Largest number of nodes of a layer that are drawn.
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
        n_outputs = coefs[-1].shape[1]
        targets = ["output"] if n_outputs == 1 else [f"target {k}" for k in range(n_outputs)]
        default = getattr(network, "classes_", targets)
        names = check_names(class_names, len(default), "class_names", default)
        columns = _columns_read(network, coefs[0].shape[0])
        n_features = getattr(network, "n_features_in_", len(columns))
        given = feature_names_of(feature_names, network, n_features, names_seen(estimator))
        encoded = getattr(network, "encoder_", None) is not None
        return cls(
            coefs=coefs,
            feature_names=_input_names(network, columns, given),
            output_names=names[-n_outputs:],
            max_units=max_units,
            groups=columns if encoded else None,
        ).plot(ax)

    def _draw(self, ax: Any) -> None:
        used = _used(self.coefs)
        drawn = _largest(self.coefs, used, self.max_units)
        matrices = [W[np.ix_(a, b)] for W, a, b in zip(self.coefs, drawn, drawn[1:])]
        groups = None if self.groups is None else np.asarray(self.groups)[drawn[0]]
        heights = [1 - position for position in _positions(matrices, groups)]
        ax.set_axis_off()
        ax.set_title(_summary(used, drawn, self.groups), fontsize="medium")
        if groups is not None:
            _join(ax, heights[0], groups)
        self.edges_: LineCollection = _draw_edges(ax, matrices, heights)
        for layer, at in enumerate(heights):
            ax.scatter(np.full(len(at), layer), at, s=30, color=BLACK, zorder=3)
        ax.set_ylim(0, 1)
        self._label(ax, drawn, heights)

    def _label(self, ax: Any, drawn: list[Any], heights: list[Floats]) -> None:
        """Names of the inputs on the left and of the outputs on the right, with room for both."""
        n_layers, room = len(self.coefs), points(ax)
        steps = [np.diff(np.sort(at)).min(initial=1) for at in (heights[0], heights[-1])]
        style = dict(fontsize=min(10, 0.7 * room[1] * min(steps)), va="center", parse_math=False)
        longest = LONGEST_NAME if self.groups is None else LONGEST_ENCODED
        shares = [0, 0]
        for side, names, layer in ((0, self.feature_names, 0), (1, self.output_names, n_layers)):
            texts = [
                ax.annotate(
                    short(names[k], longest), (layer, at), ((2 * side - 1) * GAP, 0), **style,
                    textcoords="offset points", ha=("right", "left")[side],
                )
                for k, at in zip(drawn[layer], heights[layer])
            ]  # fmt: skip
            shares[side] = min(MOST_OF_AXES, (_shrunk(texts, ax, room[0]) + 1.5 * GAP) / room[0])
        width = n_layers / (1 - sum(shares))
        ax.set_xlim(-shares[0] * width, n_layers + shares[1] * width)
        if not len(drawn[0]):
            remark = "no input has a path to an output:\npredictions are constant"
            ax.text(0.3, 0.5, remark, transform=ax.transAxes, ha="center", va="center")


def _shrunk(texts: list[Any], ax: Any, room: float) -> float:
    """The width of the widest of `texts`, whose font is made small enough for their part of it."""
    width, most = widest(texts, ax), MOST_OF_AXES * room - 1.5 * GAP
    if width > most:
        for text in texts:
            text.set_fontsize(text.get_fontsize() * max(most, 1) / width)
    return min(width, most)


def _columns_read(network: Any, n_inputs: int) -> Ints:
    """The column of X behind each input: encoders make several of one, and pruning drops some."""
    features = network._features() if hasattr(network, "_features") else None
    return np.arange(n_inputs) if features is None else np.asarray(features)


def _input_names(network: Any, columns: Ints, given: list[str]) -> list[str]:
    """A name for each input, from the encoder where it tells them, with the names `given` of X."""
    names = [given[j] for j in columns]
    try:
        made = network.encoder_.get_feature_names_out()
    except AttributeError:  # no encoder, or one without names
        return names
    if hasattr(network, "_inputs"):  # of a pruned network, or of a path over a wide table
        made = made[network._inputs]
    known = feature_names_of(None, network, len(given))
    parts = zip(names, (known[j] for j in columns), made)
    return [name + str(text).removeprefix(start) if text.startswith(start) else str(text)
            for name, start, text in parts]  # fmt: skip


def _used(coefs: Sequence[Floats]) -> list[Mask]:
    """Masks of the nodes of each layer on a path from an input to an output, and all outputs."""
    reached = [np.ones(coefs[0].shape[0], dtype=bool)]
    for W in coefs:
        reached.append((W[reached[-1]] != 0).any(axis=0))
    alive = reaching(coefs)
    return [a & b for a, b in zip(reached[:-1], alive[:-1])] + [alive[-1]]


def _largest(coefs: Sequence[Floats], used: list[Mask], max_units: int) -> list[Ints]:
    """Indices of the used nodes of each layer, of at most `max_units` those of largest norm."""
    drawn: list[Ints] = []
    for layer, mask in enumerate(used):
        incoming = np.linalg.norm(coefs[layer - 1], axis=0) if layer else 0
        outgoing = np.linalg.norm(coefs[layer], axis=1) if layer < len(coefs) else 0
        size = np.where(mask, np.hypot(incoming, outgoing), -1)
        drawn.append(np.sort(np.argsort(-size, kind="stable")[: min(mask.sum(), max_units)]))
    return drawn


def _positions(
    matrices: Sequence[Floats], groups: Ints | None = None, n_sweeps: int = 4
) -> list[Floats]:
    """Positions in (0, 1) of the nodes of each layer that make few lines cross.

    Each layer is sorted by the barycenters of its neighbors, from the outputs to the inputs and
    back (Sugiyama, Tagawa and Toda, 1981); the outputs stay in their order. Inputs of one of
    `groups` stay together, in their order, with a gap to the next group.
    """
    strengths = [np.abs(W) for W in matrices]
    sizes = [len(W) for W in strengths] + [strengths[-1].shape[1]]
    positions: list[Floats] = [(np.arange(size) + 0.5) / size for size in sizes]
    owners = [np.arange(size) for size in sizes]  # every node on its own, but for inputs in groups
    if groups is not None:
        owners[0] = np.unique(groups, return_inverse=True)[1]

    def sort(layer: int, weights: Floats, neighbors: Floats) -> None:
        owner = owners[layer]
        total = np.bincount(owner, weights.sum(axis=1))
        pull = np.bincount(owner, weights @ neighbors)
        stay = np.bincount(owner, positions[layer]) / np.bincount(owner)
        center = np.where(total > 0, pull, stay) / np.where(total > 0, total, 1)
        order = np.lexsort((owner, center[owner]))
        slots = np.arange(len(order)) + 0.5
        if layer == 0 and groups is not None:
            slots += GROUP_GAP * np.cumsum(np.diff(owner[order], prepend=owner[order[:1]]) != 0)
        positions[layer][order] = slots / (slots[-1:] + 0.5)

    for _ in range(n_sweeps):
        for layer in range(1, len(matrices)):
            sort(layer, strengths[layer - 1].T, positions[layer - 1])
        for layer in reversed(range(len(matrices))):
            sort(layer, strengths[layer], positions[layer + 1])
    return positions


def _join(ax: Any, heights: Floats, groups: Ints) -> None:
    """A band behind the inputs of each column that has several."""
    for group in np.unique(groups):
        own = heights[groups == group]
        if len(own) > 1:
            band = dict(color=GRAY, alpha=0.5, linewidth=7, solid_capstyle="round", zorder=0.5)
            ax.plot([0, 0], [own.min(), own.max()], **band)


def _summary(used: list[Mask], drawn: list[Ints], groups: Sequence[int] | Ints | None) -> str:
    """How many inputs and units are left and, where not all of these are drawn, how many are."""
    counts = [f"{mask.sum()} of {mask.size}" for mask in used]
    text = f"{counts[0]} inputs"
    if groups is not None:
        n_columns = len(np.unique(np.asarray(groups)[used[0]]))
        text = f"{n_columns} column{'s' * (n_columns != 1)}: {counts[0]} encoded inputs"
    if len(counts) > 2:
        text += f", {' and '.join(counts[1:-1])} units"
    names = ["inputs", *["units"] * (len(used) - 2), "outputs"]
    fewer = [
        f"{len(kept)} {name}"
        for kept, mask, name in zip(drawn, used, names)
        if len(kept) < mask.sum()
    ]
    return f"{text}\n(drawn: the {', '.join(fewer)} of largest norm)" if fewer else text


def _draw_edges(ax: Any, matrices: Sequence[Floats], heights: Sequence[Floats]) -> LineCollection:
    """One line per non-zero weight, the large ones on top, and a legend of the two signs."""
    from matplotlib.collections import LineCollection
    from matplotlib.lines import Line2D

    edges = []
    for layer, W in enumerate(matrices):
        for i, j in np.argwhere(W):
            line = ((layer, heights[layer][i]), (layer + 1, heights[layer + 1][j]))
            edges.append((abs(W[i, j]) / np.abs(W).max(), line, BLUE if W[i, j] > 0 else VERMILION))
    edges.sort(key=lambda edge: edge[0])
    size, lines, colors = zip(*edges) if edges else ((), (), ())
    widths = 0.3 + 3.2 * np.array(size)
    collection = ax.add_collection(LineCollection(lines, colors=colors, linewidths=widths))
    if edges:
        signs = ((BLUE, "positive weight"), (VERMILION, "negative weight"))
        handles = [Line2D([], [], color=color, label=name) for color, name in signs]
        place = dict(loc="upper center", bbox_to_anchor=(0.5, 0), ncol=2, frameon=False)
        ax.legend(handles=handles, fontsize="small", **place)
    return collection
