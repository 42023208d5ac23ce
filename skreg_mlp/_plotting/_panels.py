"""Small panels side by side: curves, levels and maps of effects, with their axes and legends."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from skreg_mlp._plotting._display import BLACK, BLUE, GRAY, VERMILION, short

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skreg_mlp._plotting._effects import Effect, Grid
    from skreg_mlp._typing import Array, Floats, Ints

STRIP = 0.16  # share of the height of a panel that the distribution takes
PAD = 0.06  # around the effects, as a share of their range
MISSING = 0.14  # how far right of the largest number missing is drawn, as a share of their range
FEW = 10  # numbers that are drawn as points, too
CHARACTER, LINE = 0.62, 1.3  # width of a character and height of a line, in sizes of the font
LARGEST_FONT, SMALLEST_FONT = 8, 4
LONGEST_LEVEL, SHORTEST_LEVEL = 14, 4  # characters of a level that are shown


class Scale:
    """Places of the values of a grid along an axis, and edges of cells around them."""

    def __init__(self, grid: Grid) -> None:
        self.grid, n = grid, len(grid.values)
        at = grid.values.astype(float) if grid.numeric else np.arange(n, dtype=float)
        if grid.numeric and n:
            middles = (at[1:] + at[:-1]) / 2
            half = 0.5 if n == 1 else 0.0
            edges = np.array([at[0] - half, *middles, at[-1] + half])
            gap, width = 0.5 * MISSING * (edges[-1] - edges[0]), MISSING * (edges[-1] - edges[0])
        else:
            edges, gap, width = np.arange(n + 1) - 0.5, 0.2, 1.0
        self.numbers = at
        self.cells = np.arange(n)  # -1: nothing
        if grid.missing:
            edges = np.array([*edges, edges[-1] + gap, edges[-1] + gap + width])
            at, self.cells = np.append(at, edges[-2:].mean()), np.array([*self.cells, -1, n])
        self.at, self.edges = at, edges

    @property
    def limits(self) -> tuple[float, float]:
        """Ends of the axis of a curve."""
        first, last = min(self.at[0], self.edges[0]), max(self.at[-1], self.edges[-1])
        margin = 0.03 * (last - first)
        return first - margin, last + margin


# --------------------------------------------------------------------------------------------
# Effects
# --------------------------------------------------------------------------------------------
def draw_effect(ax: Any, effect: Effect, mean: float) -> None:
    """The effect of one column around the `mean`, blue above it and vermilion below."""
    scale = Scale(effect.grids[0])
    grid, n = effect.grids[0], len(effect.grids[0].values)
    ax.axhline(mean, color=BLACK, linewidth=0.8, linestyle="--", zorder=1)
    x, y = scale.at[:n], effect.average[:n]
    if grid.numeric:
        _draw_curve(ax, x, y, mean)
    else:
        _draw_stems(ax, x, y, mean)
    if not grid.numeric or (grid.edges is None and n <= FEW):
        ax.scatter(x, y, s=14, c=_colors(y - mean), zorder=3)
    if grid.missing:
        _draw_stems(ax, scale.at[n:], effect.average[n:], mean)
        style = dict(marker="D", facecolors="white", edgecolors=_colors(effect.average[n:] - mean))
        ax.scatter(scale.at[n:], effect.average[n:], s=22, linewidths=1.4, zorder=3, **style)
    _draw_strip(ax, scale)
    ax.set_xlim(*scale.limits)


def _colors(differences: Floats) -> Array:
    return np.where(np.asarray(differences) >= 0, BLUE, VERMILION)


def _draw_curve(ax: Any, x: Floats, y: Floats, mean: float) -> None:
    """A line that changes its color where it crosses the mean, and what lies between the two."""
    from matplotlib.collections import LineCollection

    above = y > mean
    k = np.flatnonzero(above[1:] != above[:-1])
    crossings = x[k] + (mean - y[k]) / (y[k + 1] - y[k]) * (x[k + 1] - x[k])
    x, y = np.insert(x, k + 1, crossings), np.insert(y, k + 1, mean)
    lines = np.stack([np.c_[x[:-1], y[:-1]], np.c_[x[1:], y[1:]]], axis=1)
    colors = _colors((y[1:] + y[:-1]) / 2 - mean)
    ax.add_collection(LineCollection(lines, colors=colors, linewidths=1.8, capstyle="round"))
    for color, where in ((BLUE, y >= mean), (VERMILION, y <= mean)):
        ax.fill_between(x, y, mean, where=where, color=color, alpha=0.2, linewidth=0)


def _draw_stems(ax: Any, x: Floats, y: Floats, mean: float) -> None:
    ax.vlines(x, mean, y, colors=_colors(y - mean), linewidth=2.5, zorder=2)


def _draw_strip(ax: Any, scale: Scale) -> None:
    """The distribution of the values along the bottom, relative to the fullest bar."""
    grid, edges = scale.grid, scale.grid.edges
    at, shares = scale.numbers, grid.shares
    width = np.full(len(at), 0.7)
    if edges is not None:
        at, width = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    elif grid.numeric:
        width = np.full(len(at), 0.02 * np.ptp(scale.edges))
    fullest = shares.max(initial=0) or 1.0
    if grid.missing:  # which may be most of the rows, and would flatten the rest
        at, shares = np.append(at, scale.at[-1]), np.append(shares, min(grid.missing, fullest))
        width = np.append(width, 0.5 * np.diff(scale.edges)[-1])
    height = 0.85 * STRIP * shares / fullest
    place = ax.get_xaxis_transform()
    ax.bar(at, height, width, color=GRAY, alpha=0.6, linewidth=0, transform=place, zorder=0)


def limits_of(averages: Sequence[Floats], mean: float) -> tuple[float, float]:
    """Range of all averages and their mean, with a margin; a range of no length gets one."""
    values = np.concatenate([[mean], *(average.ravel() for average in averages)])
    low, high = float(values.min()), float(values.max())
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        margin = 0.1 * abs(mean) or 1.0
        return low - margin, high + margin
    margin = PAD * (high - low)
    return low - margin, high + margin


def set_shared_limits(ax: Any, low: float, high: float, n_ticks: int) -> None:
    """Limits with room for the strip below, where ticks would have no meaning."""
    from matplotlib.ticker import MaxNLocator

    ax.set_ylim(low - STRIP / (1 - STRIP) * (high - low), high)
    ticks = np.array(MaxNLocator(n_ticks).tick_values(low, high))
    ticks = ticks[(ticks >= low) & (ticks <= high)]
    ax.set_yticks(ticks, texts_of(ticks))


# --------------------------------------------------------------------------------------------
# Joint effects
# --------------------------------------------------------------------------------------------
def draw_map(ax: Any, effect: Effect, mean: float, reach: float) -> Any:
    """The joint effect of two columns as colors, white at the mean, and `reach` from it at most."""
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    x, y = (Scale(grid) for grid in effect.grids)
    padded = np.pad(effect.average, ((0, 1), (0, 1)), constant_values=np.nan)  # at -1
    colors = LinearSegmentedColormap.from_list("effect", [VERMILION, "white", BLUE])
    norm = Normalize(mean - reach, mean + reach)
    values = np.ma.masked_invalid(padded[np.ix_(x.cells, y.cells)].T)
    mesh = ax.pcolormesh(x.edges, y.edges, values, cmap=colors, norm=norm)
    mesh.set_edgecolor("face")  # no lines between cells in vector graphics
    return mesh


# --------------------------------------------------------------------------------------------
# Ticks
# --------------------------------------------------------------------------------------------
def texts_of(numbers: Floats) -> list[str]:
    """Numbers in as few digits as tell them apart."""
    for digits in range(3, 17):
        texts = [f"{number:.{digits}g}" for number in numbers]
        if len({*texts}) == len({*numbers.tolist()}):
            break
    return texts


def label_x(ax: Any, grid: Grid, room: Floats, font: float, *, in_map: bool = False) -> None:
    """Ticks below: numbers, or levels, upright where they do not fit side by side."""
    scale = Scale(grid)
    low, high = ax.get_xlim()
    at = (scale.at - low) / (high - low) * room[0]
    ax.tick_params(axis="x", labelsize=font, length=2, pad=2)
    if grid.numeric:
        size = CHARACTER * font
        places, texts = _number_ticks(scale, room[0] / (high - low), size, in_map=in_map)
        ax.set_xticks(places, texts)
        return
    texts = level_texts(grid, LONGEST_LEVEL)
    if _fit(at, texts, CHARACTER * font):
        ax.set_xticks(scale.at, texts, parse_math=False)
        return
    longest = int(np.clip(0.4 * room[1] / (CHARACTER * font), SHORTEST_LEVEL, LONGEST_LEVEL))
    shown = _every(len(at), room[0] / (LINE * font))
    texts = level_texts(grid, longest)
    ax.set_xticks(scale.at[shown], [texts[k] for k in shown], rotation=90, parse_math=False)


def label_y(ax: Any, grid: Grid, room: Floats, font: float) -> None:
    """Ticks on the left of a map."""
    scale = Scale(grid)
    ax.tick_params(axis="y", labelsize=font, length=2, pad=2)
    if grid.numeric:
        per_unit = room[1] / np.ptp(scale.edges)
        ax.set_yticks(*_number_ticks(scale, per_unit, LINE * font, in_map=True, lines=True))
        return
    shown, texts = _every(len(grid), room[1] / (LINE * font)), level_texts(grid, LONGEST_LEVEL)
    ax.set_yticks(scale.at[shown], [texts[k] for k in shown], parse_math=False)


def level_texts(grid: Grid, longest: int) -> list[str]:
    texts = [short(str(level), longest) for level in grid.values]
    return [*texts, "missing"] if grid.missing else texts


def _number_ticks(
    scale: Scale, per_unit: float, size: float, *, in_map: bool, lines: bool = False
) -> tuple[Floats, list[str]]:
    """As many round numbers as fit and, in a map, missing.

    `size` is that of a character, or with `lines` of a line. Curves have a mark for missing.
    """
    from matplotlib.ticker import MaxNLocator

    low, high = scale.numbers.min(initial=np.inf), scale.numbers.max(initial=-np.inf)
    missing = scale.at[len(scale.numbers) :] if in_map else scale.at[:0]
    places, texts = np.zeros(0), []
    for n_ticks in (5, 4, 3, 2, 1) if low <= high else ():
        places = np.array(MaxNLocator(n_ticks).tick_values(low, high))
        places = places[(places >= low) & (places <= high)]
        texts = texts_of(places)
        at, named = np.append(places, missing), [*texts, *["missing"] * len(missing)]
        if _fit(at * per_unit, ["x"] * len(at) if lines else named, size):
            break
    return np.append(places, missing), [*texts, *["missing"] * len(missing)]


def _fit(at: Floats, texts: list[str], size: float) -> bool:
    """Whether centered texts have a space between them."""
    widths = [size * (len(text) + 1) for text in texts]
    needed = [(a + b) / 2 for a, b in pairwise(widths)]
    return bool(np.all(np.diff(at) >= needed))


def _every(n: int, n_fitting: float) -> Ints:
    """Indices of all of n, or of as many as fit, the first and the last among them."""
    n_shown = min(n, max(1, int(n_fitting)))
    return np.unique(np.linspace(0, n - 1, n_shown).round().astype(int))
