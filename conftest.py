"""What the Python blocks of README.md and docs/ print is what the text block below them says."""

import contextlib
import io
import re
import shutil
import tempfile
from pathlib import Path

import pytest
from sybil import Document, Example, Region, Sybil

# large and not in the extra `test`, or new in scikit-learn 1.9
NOT_TESTED_EVERYWHERE = {"mapie", "shap", "sklearn.callback"}
TABLES = Path(__file__).parent / "examples"  # what blocks may read: its CSV files
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n+```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)


def page(document: Document):
    """All blocks of a page as one test: they share their names, and one worker of pytest-xdist."""
    if blocks := list(BLOCK.finditer(document.text)):
        yield Region(blocks[0].start(), blocks[-1].end(), blocks, evaluate)


def evaluate(example: Example):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)  # for what blocks write
        Path("examples").mkdir()
        for table in TABLES.glob("*.csv"):
            shutil.copy(table, "examples")
        run(example)


def run(example: Example):
    for block in example.parsed:
        lines_before = example.document.text.count("\n", 0, block.start(1))
        code = compile("\n" * lines_before + block[1], example.path, "exec")
        try:
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                exec(code, example.namespace)
        except ModuleNotFoundError as error:
            if error.name in NOT_TESTED_EVERYWHERE:
                pytest.skip(f"{error}, in {example.path}:{lines_before}")
            raise
        assert printed.getvalue() == (block[2] or ""), f"{example.path}:{lines_before}"


pytest_collect_file = Sybil(parsers=[page], patterns=["*.md"]).pytest()
