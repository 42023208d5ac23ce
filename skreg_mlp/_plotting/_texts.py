"""Texts that find room: names cut to fit, legends above the data, numbers of any size.

All is measured in points before it is drawn, in the layout that the figure has then.
"""

from __future__ import annotations

import re
import sys
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from matplotlib.legend import Legend
    from matplotlib.text import Text

    from skreg_mlp._typing import Floats

LONGEST_NAME = 24  # characters of a name that are shown
SHORTEST_NAME = 4
FONT, LINE_HEIGHT = 8, 11  # of names, in points
LEFT_BY_OTHERS = 0.85  # of axes, by the labels of those beside them
LEGEND_GAP = 6  # points below a legend, and beside it
MOST_LEGEND = 0.6  # of the height of axes


def ink() -> Any:
    """The color of texts in the style in use, which contrasts with its background."""
    from matplotlib import rcParams

    return rcParams["text.color"]


# --------------------------------------------------------------------------------------------
# Names
# --------------------------------------------------------------------------------------------
def short(name: str, length: int = LONGEST_NAME) -> str:
    """`name` on one line, with its middle left out where it is long: both ends tell names apart."""
    name, length = " ".join(name.split()), max(length, SHORTEST_NAME)
    if len(name) <= length:
        return name
    tail = length // 2
    return f"{name[: length - tail - 1]}…{name[len(name) - tail :]}"


def short_names(names: Sequence[str], length: int = LONGEST_NAME) -> list[str]:
    """The same of several names: those that would look alike show the part that differs."""
    texts = [short(name, length) for name in names]
    for text in {text for text in texts if texts.count(text) > 1}:
        alike = [k for k, other in enumerate(texts) if other == text]
        whole = [" ".join(names[k].split()) for k in alike]
        if len({*whole}) == 1:
            continue
        start = next(n for n, letters in enumerate(zip_longest(*whole)) if len({*letters}) > 1)
        start = len(re.sub(r"[^\W_]*$", "", whole[0][:start]))  # of the word or number
        for k, name in zip(alike, whole):
            texts[k] = f"{text[: length // 3]}…{name[start:]}"[:length]
    return texts


def fit_names(texts: Sequence[Text], names: Sequence[str], ax: Any, width: float) -> float:
    """Let `texts` show `names`, cut to a `width` in points; returns the width of the widest."""
    length = LONGEST_NAME
    while True:
        for text, shown in zip(texts, short_names(names, length)):
            text.set_text(shown)
        taken = widest(texts, ax)
        if taken <= width or length <= SHORTEST_NAME:
            return taken
        length = max(SHORTEST_NAME, min(length - 1, int(length * width / taken)))


def points(ax: Any) -> Floats:
    """Width and height of `ax` in points, after the layout of its figure.

    Where other axes are to be filled later, their labels will take a part of both.
    """
    layout = ax.figure.canvas.figure.get_layout_engine()
    if layout is not None:
        layout.execute(ax.figure.canvas.figure)
    size = np.array([ax.bbox.width, ax.bbox.height]) * 72 / ax.figure.dpi
    return size if len(ax.figure.axes) == 1 else LEFT_BY_OTHERS * size


def widest(texts: Iterable[Text], ax: Any) -> float:
    """Width in points of the widest of `texts`, without the lines of annotations."""
    from matplotlib.text import Text

    widths = [Text.get_window_extent(text).width for text in texts]
    return max(widths, default=0) * 72 / ax.figure.dpi


def shrink(texts: Sequence[Text], ax: Any, width: float) -> None:
    """Make `texts` small enough for a `width` in points."""
    for _ in range(3):  # widths of small letters are whole pixels, so they shrink in steps
        share = width / max(1, widest(texts, ax))
        for text in texts if share < 1 else ():
            text.set_fontsize(float(text.get_fontsize()) * share)


# --------------------------------------------------------------------------------------------
# Legends and numbers
# --------------------------------------------------------------------------------------------
def legend_above(
    handles: Sequence[Any], room: Floats, *axes: Any, title: str | None = None
) -> float:
    """A legend at the top of `axes`, twins or one, whose vertical ranges grow to make room for it.

    They have the width and height `room` in points. Returns the share of the height that it takes.
    """
    ax = axes[-1]  # which is drawn last
    place: dict[str, Any] = dict(loc="upper center", borderaxespad=0.2)
    if ax.axison:  # a frame hides the lines of alphas behind it
        place |= dict(frameon=True, framealpha=1, edgecolor="none")
    else:
        place["frameon"] = False
    legend = fit_legend(
        ax, handles, 0.97 * room[0] - LEGEND_GAP, title=title, title_fontsize="small", **place
    )
    share = float(min(MOST_LEGEND, (_size(legend)[1] + LEGEND_GAP) / room[1]))
    for of_one in axes:
        low, high = of_one.get_ylim()
        # what is drawn later, here or in axes that share the range, still widens it
        of_one.set_ylim(low, low + (high - low) / (1 - share), auto=None)
    return share


def fit_legend(
    ax: Any, handles: Sequence[Any], width: float, fewest: int = 1, **kwargs: Any
) -> Legend:
    """A legend of at most this width: as many columns as fit, a smaller font if need be."""
    style = dict(handles=handles, columnspacing=1.2, handlelength=1.8, **kwargs)
    for n_columns in range(len(handles), fewest - 1, -1):
        legend = ax.legend(ncol=n_columns, fontsize=FONT, **style)
        taken = _size(legend)[0]
        if taken <= width:
            return legend
    return ax.legend(ncol=fewest, fontsize=FONT * width / taken, **style)


def _size(legend: Legend) -> Floats:
    """Width and height in points."""
    box = legend.get_window_extent()
    return np.array([box.width, box.height]) * 72 / legend.figure.dpi


def power_of(numbers: Iterable[float]) -> int:
    """The power of ten, a multiple of three, in which numbers are short; 0 if they are anyway."""
    largest = max(map(abs, numbers))
    if 1e-3 <= largest < 1e5 or not 0 < largest < np.inf:
        return 0
    return 3 * int(np.floor(np.log10(largest) / 3))


def in_power(label: str, power: int, length: int = sys.maxsize) -> str:
    """The label of an axis with numbers in units of a power of ten, in so many characters."""
    unit = f" (1e{power})" if power else ""
    return short(label, length - len(unit)) + unit


def name_numbers(axis: Any, label: str, **kwargs: Any) -> None:
    """Label an axis with numbers, and write large ones in a power of ten that the label tells.

    matplotlib writes the power beside the axis, over what is there. A label that is longer than the
    axis gets a smaller font.
    """
    from matplotlib.ticker import ScalarFormatter

    power = power_of(axis.get_view_interval())
    numbers = ScalarFormatter(useOffset=False)
    numbers.set_scientific(bool(power))
    numbers.set_powerlimits((power, power))
    axis.set_major_formatter(numbers)
    axis.get_offset_text().set_visible(False)
    text, room = axis.set_label_text(in_power(label, power), **kwargs), axis.axes.bbox
    space = room.width if axis.axis_name == "x" else room.height
    share = float(space / max(1, *text.get_window_extent().size))
    text.set_fontsize(text.get_fontsize() * min(1.0, share))
