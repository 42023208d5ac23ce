"""What the Python blocks of README.md and docs/ print is what the text block below them says."""

import contextlib
import io
import re

import pytest
from sybil import Document, Example, Lexeme, Region, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.integration.pytest import SybilItem

BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n+```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)
run = PythonEvaluator()


def blocks(document: Document):
    for match in BLOCK.finditer(document.text):
        source = Lexeme(match[1], offset=match.start(1), line_offset=0)
        yield Region(match.start(), match.end(), source, evaluate, {"printed": match[2] or ""})


def evaluate(example: Example):
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        run(example)
    assert printed.getvalue() == example.region.lexemes["printed"]


pytest_collect_file = Sybil(parsers=[blocks], patterns=["*.md"]).pytest()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """The blocks of one page run in order on one worker (--dist loadgroup)."""
    for item in items:
        if isinstance(item, SybilItem):
            item.add_marker(pytest.mark.xdist_group(item.path.name))
