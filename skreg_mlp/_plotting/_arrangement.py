"""Where panels go within the axes that they share, so that no text covers another.

Everything is measured in points before it is drawn: so it holds under every layout of the figure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from skreg_mlp._plotting._panels import (
    CHARACTER,
    LINE,
    Ticks,
    centered_limits,
    limits_of,
    round_numbers,
    texts_of,
    ticks_below,
    ticks_beside,
)
from skreg_mlp._plotting._texts import power_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from skreg_mlp._plotting._effects import Effect
    from skreg_mlp._typing import Floats

WIDE, HIGH = 2.2, 2.0  # inches of a panel with its texts, in a new figure
WIDE_MAP, HIGH_MAP = 3.4, 2.6
SMALLEST_FONT, READABLE_FONT, LARGEST_FONT = 1, 5, 8
READABLE_SIZE = 3  # of a panel without its texts, in sizes of the font
LETTERS, LINES = 13, 9  # of a panel, for which the font is to be small enough
GAP = 0.75  # between a panel and what is beside it, in sizes of the font
TICK = 0.25  # length of a tick, and from it to its text, in sizes of the font
BAR = 7  # points: the width of a bar of colors
LONGEST_LABEL = 0.3  # names of levels beside or below a panel, as a share of it and its texts


def new_size(effects: Sequence[Effect]) -> tuple[float, float] | None:
    """Width and height in inches of a figure of its own; None: the usual one."""
    n = len(effects)
    if n < 2:
        return None
    n_columns = next(k for k in (n if n < 4 else 2, 3, 4, 6) if n <= k * k or k == 6)
    n_rows = -(-n // n_columns)
    width, height = _shape(effects)
    return 0.6 + width * n_columns, 0.5 + height * n_rows


def _shape(effects: Sequence[Effect]) -> tuple[float, float]:
    """A good width and height of a panel with its texts, in inches."""
    has_maps = any(len(effect.grids) == 2 for effect in effects)
    return (WIDE_MAP, HIGH_MAP) if has_maps else (WIDE, HIGH)


class Arrangement:
    """Boxes and ticks of panels in `room`, the width and height of their axes in points.

    Curves have the vertical `limits`, colors of maps the `color_limits`, both with the `mean`. The
    numbers of both are in units of ten to the `power`.
    """

    def __init__(self, effects: Sequence[Effect], room: Floats, mean: float) -> None:
        self.effects, self.room, n = effects, room, len(effects)
        curves, maps = ([e.average for e in effects if len(e.grids) == k] for k in (1, 2))
        self.limits, self.color_limits = limits_of(curves, mean), centered_limits(maps, mean)
        self.power = power_of([*self.limits, *self.color_limits])
        self.across = _n_across(n, room / _shape(effects))
        self.down = -(-n // self.across)
        pitch = room / (self.across, self.down)
        self.font = font_of(pitch)
        self.gap, self.tick = GAP * self.font, TICK * self.font
        n_ticks = int(np.clip(pitch[1] / (3 * self.font), 1, 5))
        self.limits_ticks = _round_ticks(self.limits, n_ticks, self.power)
        self.color_ticks = _round_ticks(self.color_limits, n_ticks, self.power)
        self.beside = [self._beside(effect, pitch) for effect in effects]
        sides = np.array([self._sides(k) for k in range(n)])
        self.sides = np.array([sides[c :: self.across].max(axis=0) for c in range(self.across)])
        self.width = max(1.0, (room[0] - self.sides.sum()) / self.across)
        self.below = [
            ticks_below(
                effect.grids[0],
                self.width,
                LONGEST_LABEL * pitch[1],
                self.font,
                in_map=len(effect.grids) == 2,
            )
            for effect in effects
        ]
        bottoms = [self._bottom(k) for k in range(n)]
        self.bottoms = [max(bottoms[r * self.across :][: self.across]) for r in range(self.down)]
        self.top = 1.5 * self.gap + LINE * self.font  # a title given later takes a little
        self.height = max(1.0, (room[1] - sum(self.bottoms)) / self.down - self.top)

    @property
    def readable(self) -> bool:
        """Whether texts are large enough, and the panels larger than these."""
        smallest = READABLE_SIZE * self.font
        return self.font >= READABLE_FONT and min(self.width, self.height) >= smallest

    def has_numbers(self, k: int) -> bool:
        """Whether a panel has numbers on its left, or shares those of the panel there."""
        return k % self.across == 0 or 2 in (len(e.grids) for e in self.effects[k - 1 : k + 1])

    def box(self, k: int) -> tuple[float, float, float, float]:
        """Left, bottom, width and height of a panel, as shares of the axes."""
        row, column = divmod(k, self.across)
        left = self.sides[:column].sum() + self.sides[column, 0] + column * self.width
        top = (row + 1) * self.top + row * self.height + sum(self.bottoms[:row])
        width, height = self.room
        bottom = height - top - self.height
        return left / width, bottom / height, self.width / width, self.height / height

    def bar_box(self, k: int) -> tuple[float, float, float, float]:
        """The same of the bar of colors beside a map."""
        left, bottom, width, height = self.box(k)
        return left + width + self.gap / self.room[0], bottom, BAR / self.room[0], height

    def _beside(self, effect: Effect, pitch: Floats) -> Ticks:
        if len(effect.grids) == 1:
            return self.limits_ticks
        longest, height = LONGEST_LABEL * pitch[0], 0.6 * pitch[1]  # of the panel, about
        return ticks_beside(effect.grids[1], height, longest, self.font)

    def _sides(self, k: int) -> tuple[float, float]:
        """Points that the texts of a panel take on its left and right."""
        left = self.gap + (self.beside[k].size(self.font)[0] if self.has_numbers(k) else 0)
        if len(self.effects[k].grids) == 1:
            return left, self.gap
        label = LINE * self.font + self.gap
        return left + label, BAR + 3 * self.gap + self.color_ticks.size(self.font)[0] + label

    def _bottom(self, k: int) -> float:
        """Points that the texts of a panel take below it."""
        n_labels = len(self.effects[k].grids) - 1
        return self.gap + self.below[k].size(self.font)[1] + n_labels * LINE * self.font


def largest_arrangement(effects: Sequence[Effect], room: Floats, mean: float) -> Arrangement:
    """An arrangement of the first effects, as many as can be read."""
    for n in range(len(effects), 1, -1):
        where = Arrangement(effects[:n], room, mean)
        if where.readable:
            return where
    return Arrangement(effects[:1], room, mean)


def font_of(pitch: Floats) -> float:
    """Size of the font in panels which, with their texts, have this width and height in points."""
    largest = min(pitch[0] / (CHARACTER * LETTERS), pitch[1] / (LINE * LINES))
    return float(np.clip(largest, SMALLEST_FONT, LARGEST_FONT))


def _n_across(n_panels: int, room: Floats) -> int:
    """How many panels side by side become largest; `room` is in widths and heights of a panel."""
    across = np.arange(1, n_panels + 1)
    down = -(-n_panels // across)
    size = np.minimum(room[0] / across, room[1] / down)
    return int(across[size.argmax()])


def _round_ticks(limits: tuple[float, float], n_ticks: int, power: int) -> Ticks:
    places = round_numbers(*limits, n_ticks)
    return Ticks(places, texts_of(places / 10.0**power))
