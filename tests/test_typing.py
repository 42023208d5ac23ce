"""Types: complete on what is public, right in a user's program, and free at run time."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest
from mypy import api
from test_docstrings import ALL

ROOT = Path(__file__).parents[1]

PROGRAM = """
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import assert_type

import skreg_mlp as s
from skreg_mlp.penalties import L1, Penalty, Terms, soft_threshold

Floats = NDArray[np.floating]
X, y = np.zeros((9, 3)), np.zeros(9)

classifier = s.RegularizedMLPClassifier((5,), alpha=[1, 2], feature_groups=["a", "a", "b"])
assert_type(classifier.fit(X, y, X_val=[[1, 2, 3]], y_val=["a"]), s.RegularizedMLPClassifier)
assert_type(classifier.partial_fit(X, y, classes=[0, 1]), s.RegularizedMLPClassifier)
assert_type(classifier.fit(X, y).predict(X), NDArray[Any])
assert_type(classifier.predict_proba(X), Floats)
assert_type(classifier.classes_, NDArray[Any])
assert_type(classifier.intercepts_, list[Floats])
assert_type(classifier.loss_curve_, list[float])
assert_type(classifier.selected_features_, NDArray[np.bool_])
assert_type(classifier.prune().to_sparse().score(X, y), float)

regressor = s.RegularizedMLPRegressor(penalty=L1(), n_iter_no_change=np.inf, random_state=0)
assert_type(regressor.fit(X, y).predict(X), Floats)
assert_type(s.alpha_max(regressor, X, y), float)

path = s.regularization_path(regressor, X, y, alphas=[0.1, 1])
assert_type(path.alphas, Floats)
assert_type(path.coefs, list[list[Floats]])
assert_type(path.to_estimator(path.first_within(2)), s.RegularizedMLPRegressor)

chosen = s.RegularizedMLPClassifierCV(alphas=np.geomspace(1, 9), cv=[([0, 1], [2])])
assert_type(chosen.fit(X, y, groups=y), s.RegularizedMLPClassifierCV)
assert_type(chosen.alpha_, float)
assert_type(chosen.path_.to_estimator(0), s.RegularizedMLPClassifier)

selector = s.StabilitySelection(regressor, max_features=2)
assert_type(selector.fit(X, y), s.StabilitySelection)
assert_type(selector.expected_false_selections(0.6), float)

display = s.RegularizationPathDisplay.from_estimator(chosen)
assert_type(display.plot(), s.RegularizationPathDisplay)
s.NetworkDisplay.from_estimator(regressor, feature_names=["a", "b", "c"])


class Mine(Penalty):
    def value(self, W: Floats) -> float:
        return self.alpha * float(abs(W).sum())

    def prox(self, V: Floats, step: float | Floats) -> Floats:
        return soft_threshold(V, step * self.alpha)


class Child(s.RegularizedMLPRegressor):
    pass


assert_type(Mine(2.0).terms((3, 1)), Terms | None)
assert_type(Child(penalty=Mine()).fit(X, y), Child)
assert_type(s.regularization_path(Child(), X, y).to_estimator(0), Child)

# mistakes that are found: fewer than could be, for scikit-learn's base classes have no types
s.RegularizedMLPRegressor(alhpa=1)  # type: ignore[call-arg]
s.RegularizedMLPRegressor(penalty=1)  # type: ignore[arg-type]
classifier.fit(X)  # type: ignore[call-arg]
"""


def test_a_program_passes_mypy_at_its_strictest(monkeypatch, tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    monkeypatch.setenv("MYPYPATH", str(ROOT))
    silent = "--follow-imports=silent"  # of the package only what the program sees
    options = ["--config-file", "", "--strict", silent, "--cache-dir", str(ROOT / ".mypy_cache")]
    out, err, status = api.run([*options, str(tmp_path / "program.py")])
    assert status == 0, out + err


@pytest.mark.parametrize("name", ALL)
def test_signatures_are_complete(name):
    obj = getattr(ALL[name], "fget", ALL[name])  # of a property
    signature = inspect.signature(obj)
    types = [p.annotation for p in signature.parameters.values() if p.name != "self"]
    if not inspect.isclass(obj):
        types.append(signature.return_annotation)
    assert inspect.Parameter.empty not in types


def test_types_cost_no_import():
    program = "import sys, skreg_mlp.penalties; assert 'skreg_mlp._typing' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
