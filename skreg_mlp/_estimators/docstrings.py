"""Docstrings of classes that share parameters and attributes, each described once."""

from __future__ import annotations

import inspect
import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    ClassT = TypeVar("ClassT", bound=type)

INHERITED = "{inherited}"  # in a description: that of the same names in the next text


def documented(*texts: str) -> Callable[[ClassT], ClassT]:
    """Class decorator: complete Parameters and Attributes of a docstring with those of `texts`.

    What the class says itself wins, then what the first text says. Parameters are those of the
    signature, in its order; attributes stand where the last text that has them puts them.
    """

    def decorate(cls: ClassT) -> ClassT:
        if cls.__doc__ is None:  # under python -OO
            return cls
        own, *shared = map(_sections, (cls.__doc__, *texts))
        known = _merged("Parameters", [own, *shared])
        parameters = [known[name] for name in inspect.signature(cls).parameters if name in known]
        attributes = _merged("Attributes", [own, *shared]).values()
        filled = {"Parameters": "\n\n".join(parameters), "Attributes": "\n\n".join(attributes)}
        others = {title: text for title, text in own.items() if title and title not in filled}
        cls.__doc__ = own[""] + "\n".join(
            f"{title}\n{'-' * len(title)}\n{text.strip()}\n"
            for title, text in (filled | others).items()
        )
        return cls

    return decorate


@cache
def _sections(text: str) -> dict[str, str]:
    """The text below each heading; the key of what stands before the first one is ""."""
    first, *others = re.split(r"^(\w.*)\n-+\n", inspect.cleandoc(text), flags=re.MULTILINE)
    return {"": first, **dict(zip(others[::2], others[1::2]))}


def _merged(title: str, texts: list[dict[str, str]]) -> dict[str, str]:
    """The entries of all texts below one heading, by the first name of each."""
    merged: dict[str, str] = {}
    for text in texts:
        for entry in filter(None, re.split(r"\n+(?=\S)", text.get(title, "").strip())):
            name = re.split(r"\W", entry, maxsplit=1)[0]
            if name in merged:  # it moves to the end, where this text has it
                description = entry.partition("\n")[2].strip()
                entry = merged.pop(name).replace(INHERITED, description)
            merged[name] = entry
    return merged
