"""What a fitted network makes of each column: partial dependence, with the distribution below."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import is_classifier

from skreg_mlp._estimators.survival import SurvivalNetwork
from skreg_mlp._objective.partitions import rows_of
from skreg_mlp._plotting._arrangement import Arrangement, largest_arrangement, new_size
from skreg_mlp._plotting._display import (
    ESTIMATORS,
    GRAY,
    Display,
    network_of,
    output_names_of,
    sees_all_columns,
)
from skreg_mlp._plotting._effects import Averages, as_table, read_column, spread_rows
from skreg_mlp._plotting._panels import (
    CHARACTER,
    draw_effect,
    draw_map,
    with_strip,
)
from skreg_mlp._plotting._texts import (
    fit_legend,
    fit_names,
    in_power,
    ink,
    points,
    short,
)
from skreg_mlp._validation import check_weights
from skreg_mlp.encoding._table import column_names, is_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike
    from sklearn.base import BaseEstimator
    from typing_extensions import Self

    from skreg_mlp._plotting._effects import Effect, Grid
    from skreg_mlp._typing import Floats, Ints, Rows

    Features = Sequence[str | int | tuple[str | int, str | int]] | str | int

MOST_SHOWN = 12  # columns by default
PAIR_GRID = 16  # largest number of values of a column of a pair
RANK_GRID, RANK_ROWS = 5, 200  # to find the columns with the largest effects behind other steps
LONGEST_PREDICTION = 46  # characters of what is predicted


@dataclass(kw_only=True, repr=False, eq=False)
class FeatureEffectDisplay(Display):
    """Effect of each column of X on the prediction, with the distribution of the column below it.

    The effect of a value is the average prediction over the rows of X with this value in the
    column: the partial dependence. Numbers are drawn as a curve, levels as stems, a missing value
    as a diamond; blue is above the mean prediction, vermilion below. All panels share one vertical
    axis, so that steep curves are strong effects. The joint effect of two columns is a map. Gray
    bars show how many rows there are: averages over few rows, or over combinations of values that
    do not occur, say little. Small axes show the first panels only, as many as can be read.

    A curve goes from the 5 % to the 95 % quantile of its column and at most a quarter of this range
    beyond both, because a few large incomes or prices would take most of the panel. Numbers farther
    out are not shown. Where a column is mostly one number, such as zero, the quantiles of the
    others count as well. Ten different numbers or fewer are all shown. Levels are in the order of
    their effects; ordered categories of pandas and an Enum of polars keep their own order.

    Parameters
    ----------
    effects : list of Effect
        One for each panel. An Effect has ``average``, an array of the average predictions at the
        values of one column, or at the pairs of values of two; and ``grids``, one or two tuples of
        these values. A grid has a ``name``, ``values`` (numbers or levels), ``numeric``, and
        ``shares``, the share of the rows at each value or, if there are ``edges``, in each bin of a
        histogram; ``missing`` is the share of the rows without a value, whose average comes last.

    mean : float
        Average prediction with X as it is.

    prediction_name : str
        Label of the vertical axis.

    Attributes
    ----------
    ax_, figure_ : matplotlib Axes and Figure
        The axes hold the panels, and the label and the legend that these share.
    axes_ : list of matplotlib Axes
        The panels that are drawn, in the order of `effects`.

    See Also
    --------
    NetworkDisplay : Draw the weights.
    sklearn.inspection.partial_dependence : The same averages of numbers, for any estimator.

    Notes
    -----
    An effect is what the network computes, not what would happen if someone changed the column.
    Where columns depend on each other, predictions at values that do not occur together are
    averaged as well. Opposite effects in different rows cancel: a column that matters only
    together with another may look flat, and shows in the map of both.

    References
    ----------
    Friedman (2001), Greedy function approximation: a gradient boosting machine, section 8.2.

    Examples
    --------
    >>> import numpy as np
    >>> from skreg_mlp import FeatureEffectDisplay, RegularizedMLPRegressor
    >>> X = np.random.default_rng(0).uniform(-1, 1, (200, 3))
    >>> model = RegularizedMLPRegressor((), encoder="table", penalty="group_l1", alpha=0.05)
    >>> model = model.fit(X, np.abs(X[:, 1]))
    >>> display = FeatureEffectDisplay.from_estimator(model, X)
    >>> [effect.grids[0].name for effect in display.effects]
    ['x1']
    """

    effects: Sequence[Effect]
    mean: float
    prediction_name: str = "Prediction"

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: Rows,
        *,
        features: Features | None = None,
        target: object = None,
        n_grid: int = 32,
        max_rows: int = 1000,
        sample_weight: ArrayLike | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Compute and draw the effects of columns on the predictions of a fitted estimator.

        Parameters
        ----------
        estimator : RegularizedMLPClassifier or RegularizedMLPRegressor
            Or a CV estimator, or a Pipeline, a search or a TransformedTargetRegressor with one of
            these inside.
        X : array-like, CSR matrix or data frame of shape (n_samples, n_features)
            What `estimator` takes, such as its training data. Effects are of these columns.
        features : list of str, int or pair of them, optional
            Names or indices of columns; of a pair the joint effect is drawn. By default the
            selected columns of largest effect (highest minus lowest average), 12 at most. If a
            Pipeline has steps before the network, they are those of all columns that have an
            effect, without columns of dates.
        target : object, optional
            The class whose probability is drawn, or the index of an output of a regressor. By
            default the second of two classes, or the only output; needed if there are more.
        n_grid : int, default=32
            Largest number of values of a column, at least 2. All that are to be shown if there are
            no more; otherwise quantiles of these numbers, or the most frequent levels. Where most
            quantiles are equal, some of the other numbers come in. A pair takes at most 16 values
            of each.
        max_rows : int, default=1000
            Largest number of rows over which predictions are averaged. Of more rows, one is taken
            from each of `max_rows` stretches of equal length, at places that follow multiples of
            the golden ratio, so that the choice is always the same. Grids and distributions come
            from all rows.
        sample_weight : array-like of shape (n_samples,), optional
            Weights of the rows in averages, quantiles and shares.
        ax : matplotlib Axes, optional
            Divided into panels. By default those of a new figure, larger for more panels.

        Returns
        -------
        FeatureEffectDisplay

        Raises
        ------
        NotFittedError
            The estimator is not fitted.
        TypeError
            There is no network in it.
        ValueError
            A feature, the target, X or a number is not what was expected.
        """
        network = network_of(estimator, cls, ("coefs_", "feature_importances_"), ESTIMATORS)
        _check_counts(n_grid=(n_grid, 2), max_rows=(max_rows, 1))
        table, weight = _weighted_rows(as_table(X), sample_weight)
        rows = spread_rows(table.shape[0], max_rows)
        predict, name = _response(estimator, network, rows_of(table, rows), target)
        averages = Averages(predict, table, weight, _names(table, estimator), rows)
        if features is not None:
            columns = _asked(features, averages.names)
        else:
            known = sees_all_columns(estimator)
            selected = np.flatnonzero(network.feature_importances_) if known else None
            columns = _of_largest_effect(averages, n_grid, selected)
        effects = [
            averages.effect(of_panel, n_grid if len(of_panel) == 1 else min(n_grid, PAIR_GRID))
            for of_panel in columns
        ]
        if features is None:
            effects.sort(key=lambda effect: -effect.spread)
        return cls(effects=effects, mean=averages.as_given(), prediction_name=name).plot(ax)

    def _size(self) -> tuple[float, float] | None:
        return new_size(self.effects)

    def _draw(self, ax: Any) -> None:
        ax.set(frame_on=False, xticks=[], yticks=[])
        self.axes_: list[Axes] = []
        if not self.effects:
            remark = "no column has an effect:\npredictions are constant"
            ax.text(0.5, 0.5, remark, transform=ax.transAxes, ha="center", va="center")
            return
        where = largest_arrangement(self.effects, points(ax), self.mean)
        self._explain(ax, where)
        where = largest_arrangement(where.effects, points(ax), self.mean)  # beside the texts
        self._explain(ax, where)
        titles = []
        for k, effect in enumerate(where.effects):
            panel = ax.inset_axes(where.box(k))
            self.axes_.append(panel)
            if len(effect.grids) == 1:
                draw_effect(panel, effect, self.mean)
                panel.set_ylim(*with_strip(*where.limits))
                title = dict(fontsize=where.font, loc="left", pad=1.5 * where.tick)
                titles.append(panel.set_title("", parse_math=False, **title))
            else:
                mesh = draw_map(panel, effect, where.color_limits)
                self._explain_map(ax.inset_axes(where.bar_box(k)), mesh, where)
                _name_axes(panel, effect.grids, where)
            below, beside = where.below[k], where.beside[k]
            panel.set_xticks(below.places, below.texts, rotation=90 * below.upright)
            panel.set_yticks(beside.places, beside.texts)
            panel.tick_params(labelsize=where.font, length=where.tick, pad=where.tick)
            panel.tick_params(axis="y", labelleft=where.has_numbers(k))
            for label in (*panel.get_xticklabels(), *panel.get_yticklabels()):
                label.set_parse_math(False)
        names = [effect.grids[0].name for effect in where.effects if len(effect.grids) == 1]
        fit_names(titles, names, ax, where.width)

    def _explain(self, ax: Any, where: Arrangement) -> None:
        """What the panels share: the label of their vertical axes, and a legend."""
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        curves = [effect.grids[0] for effect in where.effects if len(effect.grids) == 1]
        handles: list[Any] = []
        if curves:
            label = ax.set_ylabel("", parse_math=False)
            letters = int(where.room[1] / (CHARACTER * label.get_fontsize()))
            longest = min(LONGEST_PREDICTION, letters)
            label.set_text(in_power(self.prediction_name, where.power, longest))
            handles = [
                Line2D([], [], color=ink(), linewidth=0.8, linestyle="--", label="mean"),
                Patch(color=GRAY, alpha=0.6, linewidth=0, label="distribution"),
            ]
        if any(grid.missing for grid in curves):
            style: dict[str, Any] = dict(color=ink(), markerfacecolor="none", markersize=5)
            handles.append(Line2D([], [], linestyle="none", marker="D", label="missing", **style))
        if left_out := len(self.effects) - len(where.effects):
            handles.append(Line2D([], [], linestyle="none", label=f"+{left_out} more"))
        if handles:
            place = dict(loc="upper center", bbox_to_anchor=(0.5, 0), frameon=False)
            fit_legend(ax, handles, where.room[0], fewest=len(handles), **place)

    def _explain_map(self, bar_ax: Any, mesh: Any, where: Arrangement) -> None:
        """The bar of colors, in its axes."""
        bar = bar_ax.figure.colorbar(mesh, cax=bar_ax)
        bar.set_ticks(where.color_ticks.places, labels=where.color_ticks.texts)
        bar.ax.tick_params(labelsize=where.font, length=where.tick, pad=where.tick)
        bar.outline.set_visible(False)
        longest = int(where.height / (CHARACTER * where.font))
        name = self.prediction_name
        if len(in_power(name, where.power)) > longest:  # "minutes", not "Prediction of minutes"
            name = name.partition(" of ")[2] or name
        name = in_power(name, where.power, longest)
        bar.set_label(name, fontsize=where.font, labelpad=where.tick, parse_math=False)


# --------------------------------------------------------------------------------------------
# What was asked for
# --------------------------------------------------------------------------------------------
def _check_counts(**counts: tuple[Any, int]) -> None:
    for name, (value, least) in counts.items():
        if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
            raise ValueError(f"{name} must be an integer of at least {least}; got {value!r}.")


def _weighted_rows(X: Any, sample_weight: ArrayLike | None) -> tuple[Any, Floats | None]:
    """The rows of X with a weight, and their weights."""
    weight = check_weights(sample_weight, X.shape[0], np.float64)
    if weight is None or weight.all():
        return X, weight
    rows = np.flatnonzero(weight)
    return rows_of(X, rows), weight[rows]


def _names(X: Any, estimator: Any) -> list[str]:
    """Names of the columns of X: its own, or those that the estimator was fitted with."""
    known = X.columns if is_frame(X) else getattr(estimator, "feature_names_in_", None)
    return column_names(known, X.shape[1])


def _asked(features: Any, names: Sequence[str]) -> list[tuple[int, ...]]:
    """Indices of the columns of each panel."""
    features = [features] if isinstance(features, (str, Integral)) else list(features)
    panels = []
    for feature in features:
        asked = feature if isinstance(feature, (tuple, list)) else (feature,)
        columns = tuple(_index(name, names) for name in asked)
        if len(columns) not in (1, 2) or len({*columns}) < len(columns):
            raise ValueError(
                f"features has {feature!r}: give a column, or a pair of two different columns."
            )
        panels.append(columns)
    if not panels:
        raise ValueError("features is empty: give at least one column, or None for a choice.")
    return panels


def _index(feature: Any, names: Sequence[str]) -> int:
    is_index = isinstance(feature, Integral) and not isinstance(feature, bool)
    if is_index and 0 <= feature < len(names):
        return int(feature)
    if isinstance(feature, str) and feature in names:
        return list(names).index(feature)
    raise ValueError(
        f"features has {feature!r}, which is no column of X: give an index from 0 to "
        f"{len(names) - 1}, or one of the names {_listed(names)}."
    )


def _listed(values: Sequence[Any]) -> str:
    """At most ten values, in words for an error."""
    shown = ", ".join(repr(value) for value in values[:10])
    return f"{shown}, ..." if len(values) > 10 else shown


def _response(
    estimator: Any, network: Any, X: Any, target: Any
) -> tuple[Callable[[Any], Floats], str]:
    """The function of X whose averages are drawn, and its name."""
    classify = is_classifier(estimator)
    function = estimator.predict_proba if classify else estimator.predict
    shape = function(X).shape
    n_outputs = network.n_outputs_ if classify else np.prod(shape[1:], dtype=int)
    choices = np.asarray(estimator.classes_ if classify else np.arange(n_outputs)).tolist()
    if target is None and n_outputs > 1:
        kind = "class, or label," if classify else "output"
        raise ValueError(f"target is needed, one {kind} of {n_outputs}: give {_listed(choices)}.")
    if target is None:
        target = choices[-1]
    if not np.ndim(target) == 0 or target not in choices:
        raise ValueError(f"target={target!r} is not among {_listed(choices)}: give one of these.")
    place = choices.index(target)
    names = output_names_of(network)
    if classify:
        return lambda X: function(X)[:, place], f"Probability of {names[place]}"
    if isinstance(network, SurvivalNetwork):
        return function, "Log hazard"
    if len(shape) == 1:
        return function, "Prediction" if names == ["output"] else f"Prediction of {names[0]}"
    several = network.out_activation_ == "sort"
    name = names[place].capitalize() if several else f"Prediction of {names[place]}"
    return lambda X: function(X)[:, place], name


def _of_largest_effect(
    averages: Averages, n_grid: int, selected: Ints | None
) -> list[tuple[int, ...]]:
    """The columns of largest effect among those `selected`, found on few values and rows.

    Where it is not known what is selected, they are the columns that have an effect.
    """
    if selected is not None and len(selected) <= MOST_SHOWN:  # all have a panel
        return [(j,) for j in selected.tolist()]
    kept = averages.rows[spread_rows(len(averages.rows), RANK_ROWS)]
    few = replace(
        averages,
        X=rows_of(averages.X, kept),
        weight=None if averages.weight is None else averages.weight[kept],
        rows=np.arange(len(kept)),
    )
    spreads = np.zeros(len(averages.names))
    for j in range(len(spreads)) if selected is None else selected.tolist():
        try:
            read_column(few.X, j, averages.names[j])
        except (TypeError, ValueError):  # such as dates, which have no grid
            continue
        spreads[j] = few.effect((j,), min(n_grid, RANK_GRID)).spread
    order = np.argsort(-spreads, kind="stable")
    if selected is None:
        order = order[spreads[order] > 1e-12 * max(abs(averages.as_given()), spreads.max())]
    else:
        order = order[np.isin(order, selected)]
    return [(int(j),) for j in order[:MOST_SHOWN]]


# --------------------------------------------------------------------------------------------
# Names in panels
# --------------------------------------------------------------------------------------------
def _name_axes(panel: Any, grids: Sequence[Grid], where: Arrangement) -> None:
    """The names of the two columns of a map."""
    style = dict(fontsize=where.font, labelpad=where.tick, parse_math=False)
    for grid, size, label in zip(
        grids, (where.width, where.height), (panel.set_xlabel, panel.set_ylabel)
    ):
        label(short(grid.name, int(size / (CHARACTER * where.font))), **style)
