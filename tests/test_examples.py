"""Every example runs to its end, without a warning."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import skreg_mlp

EXAMPLES = Path(__file__).parents[1] / "examples"
LONG = {"quickstart.py", "regression.py"}  # minutes
SCRIPTS = sorted(path.name for path in EXAMPLES.glob("*.py") if path.name not in LONG)


@pytest.mark.parametrize("name", SCRIPTS)
def test_example_runs(name, tmp_path):
    package = str(Path(skreg_mlp.__file__).parents[1])  # the one under test, installed or not
    environment = os.environ | {
        "MPLBACKEND": "Agg",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPATH": package,
    }
    # where there is a screen, matplotlib says of plt.show() that this backend shows nothing
    command = [sys.executable, "-W", "error", "-W", "ignore:FigureCanvasAgg", str(EXAMPLES / name)]
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout and not done.stderr
