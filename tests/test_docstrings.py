"""Public docstrings: their form, and that they say what signatures, fits and plots do."""

import ast
import builtins
import dataclasses
import doctest
import inspect
import re
from pathlib import Path

import numpy as np
import pytest
from numpydoc.docscrape import NumpyDocString
from numpydoc.hooks.validate_docstrings import parse_config
from numpydoc.validate import validate

import skreg_mlp
from skreg_mlp import (
    AlphaSelectionDisplay,
    KnockoffDisplay,
    KnockoffSelection,
    LossCurveDisplay,
    NetworkDisplay,
    PathSelection,
    RegularizationPath,
    RegularizationPathDisplay,
    RegularizedMLPClassifier,
    RegularizedMLPClassifierCV,
    RegularizedMLPCox,
    RegularizedMLPCoxCV,
    RegularizedMLPRegressor,
    RegularizedMLPRegressorCV,
    StabilitySelection,
    onnx,
    penalties,
    survival_target,
)
from skreg_mlp._estimators.docstrings import documented as completed

CHECKS = parse_config(Path(__file__).parents[1])["checks"]
PUBLIC = {
    f"{module.__name__}.{name}": getattr(module, name)
    for module in (skreg_mlp, onnx, penalties)
    for name in module.__all__
}
ESTIMATORS = [
    RegularizedMLPClassifier,
    RegularizedMLPRegressor,
    RegularizedMLPCox,
    RegularizedMLPClassifierCV,
    RegularizedMLPRegressorCV,
    RegularizedMLPCoxCV,
]


def is_ours(member):
    function = member.fget if isinstance(member, property) else member
    return callable(function) and str(getattr(function, "__module__", "")).startswith("skreg_mlp")


MEMBERS = {  # methods and properties, inherited ones too
    f"{path}.{name}": member
    for path, cls in PUBLIC.items()
    if inspect.isclass(cls)
    for name, member in inspect.getmembers(cls)
    if not name.startswith("_") and is_ours(member)
}
ALL = {**PUBLIC, **MEMBERS}


def documented(obj, section):
    """Names in a section of a docstring."""
    entries = NumpyDocString(inspect.getdoc(obj))[section]
    return [name.strip() for entry in entries for name in entry.name.split(",")]


def examples(obj):
    return doctest.DocTestParser().get_examples(inspect.getdoc(obj))


# --------------------------------------------------------------------------------------------
# Form
# --------------------------------------------------------------------------------------------
def test_the_walk_finds_what_is_public():
    expected = {
        "skreg_mlp.RegularizedMLPClassifier.fit",
        "skreg_mlp.RegularizedMLPClassifier.partial_fit",
        "skreg_mlp.RegularizedMLPRegressorCV.selected_features_",
        "skreg_mlp.NetworkDisplay.from_estimator",
        "skreg_mlp.penalties.GroupMCP.prox",
    }
    assert expected <= set(MEMBERS)
    assert not {name for name in MEMBERS if name.endswith(".set_params")}
    assert "skreg_mlp.RegularizedMLPClassifier.score" not in MEMBERS  # it is scikit-learn's


@pytest.mark.parametrize("name", ALL)
def test_form(name):
    obj = ALL[name]
    assert inspect.getdoc(obj), "no docstring, of its own or inherited"
    if obj.__doc__:
        assert not [error for error in validate(name)["errors"] if error[0] in CHECKS]
        assert not re.search(r"\bas in\b|\{inherited\}", obj.__doc__, re.I), "say it here"


# --------------------------------------------------------------------------------------------
# Parameters, whose names and order are checked with the form
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("cls", ESTIMATORS)
def test_documented_defaults_are_those_of_the_signature(cls):
    entries = NumpyDocString(inspect.getdoc(cls))["Parameters"]
    stated = {}
    for entry in entries:
        values = entry.type.partition("default=")[2] or "None"  # "optional"
        values = ast.literal_eval(f"[{values}]" if "," in entry.name else f"[({values})]")
        stated |= zip(entry.name.split(", "), values, strict=True)
    assert stated == {name: p.default for name, p in inspect.signature(cls).parameters.items()}


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_docstrings_speak_of_methods_that_there_are(cls):
    assert hasattr(cls, "partial_fit") or "partial_fit" not in inspect.getdoc(cls)


def test_a_docstring_is_completed_from_shared_texts():
    """What the class says wins; without docstrings nothing happens."""

    class Shown:
        """Summary.

        Parameters
        ----------
        a : int
            {inherited} More.

        Notes
        -----
        Last.
        """

        def __init__(self, b, a):
            pass

    class Silent:
        pass

    first = "Parameters\n----------\na : str\n    Of a.\nc : int"
    second = "Parameters\n----------\nb : int\n    Of b.\n\nAttributes\n----------\nx_ : int"
    assert completed(first, second)(Silent).__doc__ is None
    assert completed(first, second)(Shown).__doc__ == (
        "Summary.\n\nParameters\n----------\nb : int\n    Of b.\n\na : int\n    Of a. More.\n\n"
        "Attributes\n----------\nx_ : int\n\nNotes\n-----\nLast.\n"
    )


# --------------------------------------------------------------------------------------------
# Examples: the test command runs them
# --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", PUBLIC)
def test_examples_check_something(name):
    found = examples(PUBLIC[name])
    assert any(example.want for example in found)
    assert not any(doctest.SKIP in example.options for example in found)


@pytest.mark.parametrize("name", ALL)
def test_examples_can_be_pasted(name):
    """They import every name that they use."""
    nodes = list(ast.walk(ast.parse("".join(e.source for e in examples(ALL[name])))))
    bound = {
        alias.asname or alias.name.split(".")[0]
        for node in nodes
        for alias in getattr(node, "names", ())
    }
    bound |= {node.name for node in nodes if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
    bound |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    names = [node for node in nodes if isinstance(node, ast.Name)]
    bound |= {node.id for node in names if isinstance(node.ctx, ast.Store)}
    assert {node.id for node in names} <= bound | set(dir(builtins))


# --------------------------------------------------------------------------------------------
# Attributes
# --------------------------------------------------------------------------------------------
def attributes(obj):
    """Attributes of an object with a name like those that a fit sets."""
    names = {*vars(obj), *(name for name in dir(type(obj)) if is_property(type(obj), name))}
    return {name for name in names if name.endswith("_") and not name.startswith("_")}


def is_property(cls, name):
    return isinstance(inspect.getattr_static(cls, name), property)


@pytest.fixture(scope="module")
def fit():
    """Function that fits an estimator to a frame of a few rows."""
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    X = pandas.DataFrame(rng.standard_normal((40, 3)), columns=["a", "b", "c"])
    y = (X["a"] > 0).astype(int)
    times = survival_target(event=y, time=rng.random(40))
    return lambda estimator: estimator.fit(X, times if hasattr(estimator, "ties") else y)


@pytest.mark.parametrize("cls", ESTIMATORS)
def test_documented_attributes_are_those_of_a_fit(fit, cls):
    kwargs = dict(alphas=3, cv=2) if cls.__name__.endswith("CV") else {}
    assert attributes(fit(cls((), **kwargs))) == set(documented(cls, "Attributes"))


LASSO = RegularizedMLPRegressor((), penalty="l1")


@pytest.mark.filterwarnings("ignore:No feature is selected:UserWarning")
@pytest.mark.parametrize(
    "selector",
    [
        StabilitySelection(LASSO, max_features=1, alphas=5, n_pairs=2),
        PathSelection(LASSO, max_features=1, alphas=5),
        KnockoffSelection(LASSO, alphas=5),
    ],
    ids=lambda selector: type(selector).__name__,
)
def test_documented_attributes_of_selectors(fit, selector):
    assert attributes(fit(selector)) == set(documented(type(selector), "Attributes"))


@pytest.mark.filterwarnings("ignore:No feature is selected:UserWarning")
def test_documented_attributes_are_those_of_a_plot(fit):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    single = fit(RegularizedMLPRegressor(()))
    chosen = fit(RegularizedMLPRegressorCV((), alphas=3, cv=2))
    for cls, estimator in (
        (AlphaSelectionDisplay, chosen),
        (LossCurveDisplay, single),
        (NetworkDisplay, single),
        (RegularizationPathDisplay, chosen),
        (KnockoffDisplay, fit(KnockoffSelection(LASSO, alphas=5))),
    ):
        display = cls.from_estimator(estimator)
        assert attributes(display) == set(documented(cls, "Attributes"))
        matplotlib.pyplot.close(display.figure_)


def test_documented_attributes_of_a_path_are_its_fields():
    """Its parameters too, since it is not for users to construct."""
    fields = [field.name for field in dataclasses.fields(RegularizationPath)]
    public = [name for name in fields if not name.startswith("_")]
    assert documented(RegularizationPath, "Attributes") == public
