"""Small panels side by side: curves, levels and maps of effects, with their axes and legends."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from skreg_mlp._plotting._display import BLUE, GRAY, VERMILION
from skreg_mlp._plotting._effects import FEW
from skreg_mlp._plotting._texts import ink, short_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skreg_mlp._plotting._effects import Effect, Grid
    from skreg_mlp._typing import Array, Floats, Ints

STRIP = 0.16  # share of the height of a panel that the distribution takes
PAD = 0.1  # around the effects, as a share of their range
MISSING = 0.14  # how far right of the largest number missing is drawn, as a share of their range
CHARACTER, LINE = 0.62, 1.3  # width of a character and height of a line, in sizes of the font
OVERHANG = 5  # points by which a number may stick out of its panel
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
    def few(self) -> Floats | None:
        """Numbers, where each has its share and they can be told apart."""
        each = self.grid.numeric and self.grid.edges is None
        return self.numbers if each and len(self.numbers) <= FEW else None

    @property
    def limits(self) -> tuple[float, float]:
        """Ends of the axis of a curve."""
        first, last = min(self.at[0], self.edges[0]), max(self.at[-1], self.edges[-1])
        margin = (0.03 if self.few is None else 0.06) * (last - first)
        return first - margin, last + margin


# --------------------------------------------------------------------------------------------
# Effects
# --------------------------------------------------------------------------------------------
def draw_effect(ax: Any, effect: Effect, mean: float) -> None:
    """The effect of one column around the `mean`, blue above it and vermilion below."""
    scale = Scale(effect.grids[0])
    grid, n = effect.grids[0], len(effect.grids[0].values)
    ax.axhline(mean, color=ink(), linewidth=0.8, linestyle="--", zorder=1)
    x, y = scale.at[:n], effect.average[:n]
    if grid.numeric:
        _draw_curve(ax, x, y, mean)
    else:
        _draw_stems(ax, x, y, mean)
    if not grid.numeric or scale.few is not None:
        ax.scatter(x, y, s=14, c=_colors(y - mean), zorder=3)
    if grid.missing:
        _draw_stems(ax, scale.at[n:], effect.average[n:], mean)
        style = dict(
            marker="D",
            facecolors=[ax.get_facecolor()],
            edgecolors=_colors(effect.average[n:] - mean),
        )
        ax.scatter(scale.at[n:], effect.average[n:], s=22, linewidths=1.4, zorder=3, **style)
    _draw_strip(ax, scale)
    ax.set_xlim(*scale.limits)


def _colors(differences: Floats) -> Array:
    return np.array([GRAY, BLUE, VERMILION])[np.sign(differences).astype(int)]


def _draw_curve(ax: Any, x: Floats, y: Floats, mean: float) -> None:
    """A line that changes its color where it crosses the mean, and what lies between the two."""
    from matplotlib.collections import LineCollection

    above = y > mean
    k = np.flatnonzero(above[1:] != above[:-1])
    crossings = x[k] + (mean - y[k]) / (y[k + 1] - y[k]) * (x[k + 1] - x[k])
    x, y = np.insert(x, k + 1, crossings), np.insert(y, k + 1, mean)
    lines = np.stack([np.c_[x[:-1], y[:-1]], np.c_[x[1:], y[1:]]], axis=1)
    colors = _colors((y[1:] + y[:-1]) / 2 - mean)
    ax.add_collection(LineCollection([*lines], colors=colors, linewidths=1.8, capstyle="round"))
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


def with_strip(low: float, high: float) -> tuple[float, float]:
    """Limits of the vertical axis, with room for the distribution below `low`."""
    return low - STRIP / (1 - STRIP) * (high - low), high


# --------------------------------------------------------------------------------------------
# Joint effects
# --------------------------------------------------------------------------------------------
def centered_limits(averages: Sequence[Floats], mean: float) -> tuple[float, float]:
    """Ends of the scale of colors of all maps, as far below the mean as above it."""
    reach = max((float(np.abs(average - mean).max()) for average in averages), default=0.0)
    reach = reach if reach > 1e-9 * abs(mean) else 0.1 * abs(mean) or 1.0
    return mean - reach, mean + reach


def draw_map(ax: Any, effect: Effect, limits: tuple[float, float]) -> Any:
    """The joint effect of two columns as colors; the mean has that of the background."""
    from matplotlib.colors import LinearSegmentedColormap, Normalize, to_rgba

    x, y = (Scale(grid) for grid in effect.grids)
    padded = np.pad(effect.average, ((0, 1), (0, 1)), constant_values=np.nan)  # at -1
    colors = LinearSegmentedColormap.from_list("effect", [VERMILION, ax.get_facecolor(), BLUE])
    norm = Normalize(*limits)
    values = np.ma.masked_invalid(padded[np.ix_(x.cells, y.cells)].T)
    ax.set_facecolor(to_rgba(GRAY, 0.4))  # between numbers and missing
    return ax.pcolormesh(x.edges, y.edges, values, cmap=colors, norm=norm)


# --------------------------------------------------------------------------------------------
# Ticks
# --------------------------------------------------------------------------------------------
class Ticks(NamedTuple):
    """Where ticks are and what they say; `upright` texts run from bottom to top."""

    places: Floats
    texts: list[str]
    upright: bool = False

    def size(self, font: float) -> tuple[float, float]:
        """Width and height of the largest text in points."""
        longest = CHARACTER * font * max(map(len, self.texts), default=0)
        return (LINE * font, longest) if self.upright else (longest, LINE * font)


def texts_of(numbers: Floats) -> list[str]:
    """Round numbers in six digits, or in as many as tell them apart."""
    texts: list[str] = []
    for digits in range(6, 17):
        texts = [f"{number:.{digits}g}".replace("-", "\N{MINUS SIGN}") for number in numbers]
        if len({*texts}) == len({*numbers.tolist()}):
            break
    return texts


def round_numbers(low: float, high: float, n_ticks: int) -> Floats:
    """About `n_ticks` round numbers from `low` to `high`."""
    from matplotlib.ticker import MaxNLocator

    numbers = np.asarray(MaxNLocator(n_ticks, steps=[1, 2, 5, 10]).tick_values(low, high))
    numbers = np.where(np.abs(numbers) < 1e-9 * (high - low), 0, numbers)
    return numbers[(numbers >= low) & (numbers <= high)]


def ticks_below(grid: Grid, width: float, longest: float, font: float, *, in_map: bool) -> Ticks:
    """Numbers, or levels, upright and `longest` at most where they do not fit side by side."""
    scale = Scale(grid)
    low, high = (scale.edges[0], scale.edges[-1]) if in_map else scale.limits
    per_unit, character = width / (high - low), CHARACTER * font
    if grid.numeric:
        return _numbers(scale, (low, high), per_unit, character, in_map=in_map)
    texts = _levels(grid, LONGEST_LEVEL)
    if _fit(scale.at * per_unit, texts, character):
        return Ticks(scale.at, texts)
    shown, texts = _every(len(grid), width / (LINE * font)), _levels(grid, _letters(longest, font))
    return Ticks(scale.at[shown], [texts[k] for k in shown], upright=True)


def ticks_beside(grid: Grid, height: float, longest: float, font: float) -> Ticks:
    """Numbers, or levels of at most the `longest` width, on the left of a map of this height."""
    scale = Scale(grid)
    ends = scale.edges[0], scale.edges[-1]
    if grid.numeric:
        per_unit = height / (ends[1] - ends[0])
        return _numbers(scale, ends, per_unit, LINE * font, in_map=True, stacked=True)
    shown, texts = _every(len(grid), height / (LINE * font)), _levels(grid, _letters(longest, font))
    return Ticks(scale.at[shown], [texts[k] for k in shown])


def _letters(longest: float, font: float) -> int:
    """How many characters of a level fit into a length."""
    return int(np.clip(longest / (CHARACTER * font), SHORTEST_LEVEL, LONGEST_LEVEL))


def _levels(grid: Grid, longest: int) -> list[str]:
    texts = short_names([str(level) for level in grid.values], longest)
    return [*texts, "missing"] if grid.missing else texts


def _numbers(
    scale: Scale,
    ends: tuple[float, float],
    per_unit: float,
    size: float,
    *,
    in_map: bool,
    stacked: bool = False,
) -> Ticks:
    """As many round numbers as fit and, in a map, missing, which a curve has a mark for.

    `size` is the width of a character or, of numbers `stacked` on a vertical axis, the height of a
    line.
    """
    numbers, over = scale.numbers, OVERHANG / per_unit
    missing = scale.at[len(numbers) :] if in_map else scale.at[:0]
    named = ["missing"] * len(missing)
    low, high = ends[0] - over, ends[1] + over
    if len(missing):
        high = missing[0] - (1 if stacked else 1 + len(named[0]) / 2) * size / per_unit
    choices = [] if scale.few is None else [scale.few]
    if len(numbers):
        choices += [round_numbers(numbers[0], numbers[-1], n_ticks) for n_ticks in (5, 4, 3, 2, 1)]
    for places in choices:
        texts = texts_of(places)
        half = np.array([0 if stacked else len(text) / 2 for text in texts]) * size / per_unit
        inside = (places - half >= low) & (places + half <= high)
        places, texts = places[inside], [text for text, kept in zip(texts, inside) if kept]
        if _fit(places * per_unit, ["x"] * len(texts) if stacked else texts, size):
            return Ticks(np.append(places, missing), [*texts, *named])
    return Ticks(missing, named)


def _fit(at: Floats, texts: list[str], size: float) -> bool:
    """Whether centered texts have a space between them."""
    widths = [size * (len(text) + 1) for text in texts]
    needed = [(a + b) / 2 for a, b in pairwise(widths)]
    return bool(np.all(np.diff(at) >= needed))


def _every(n: int, n_fitting: float) -> Ints:
    """Indices of all of n, or of every second, third and so on; always the last, often missing."""
    step = -(-n // max(1, int(n_fitting)))
    return np.arange((n - 1) % step, n, step)
