"""The tree shows the architecture: what each folder may import, and how long things may be."""

import ast
from pathlib import Path

import pytest

import skreg_mlp

PACKAGE = Path(skreg_mlp.__file__).parent
# A module imports from its own folder and from those before it, never from those after it.
FOLDERS = [
    "_typing", "_kernels", "penalties", "_objective", "_solvers", "_training", "_validation",
    "encoding", "_estimators", "selection", "_plotting", "onnx", "_versions", "__init__",
]  # fmt: skip
CORE = FOLDERS[: FOLDERS.index("_training")]  # numbers only
LONGEST_FILE, LONGEST_FUNCTION = 500, 40  # lines that are neither blank nor documentation


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        yield path.relative_to(PACKAGE).with_suffix("").parts, tree


def imported(tree):
    """Dotted names of all modules that a file imports, at its top or inside a function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_imports_point_one_way():
    seen = set()
    for parts, tree in modules():
        assert parts[0] in FOLDERS, f"{parts[0]} has no place in the order of imports"
        for name in imported(tree):
            package, *rest = name.split(".")
            if package != "skreg_mlp" or not rest or rest[0] not in FOLDERS:
                continue
            above = FOLDERS.index(rest[0]) > FOLDERS.index(parts[0])
            assert not above or rest[0] == parts[0], (parts, name)
            seen.add((parts[0], rest[0]))
    assert ("_estimators", "_training") in seen and ("_training", "_objective") in seen


def test_modules_of_a_folder_do_not_import_each_other_in_a_circle():
    """Within a folder too: the modules can be put in an order."""
    names = {".".join(["skreg_mlp", *parts]): parts for parts, _ in modules()}
    needs = {
        name: {other for other in imported(tree) if other in names and other != name}
        for name, (_, tree) in zip(names, modules())
    }
    while needs:
        leaves = {name for name, others in needs.items() if not others & needs.keys()}
        assert leaves, f"a circle among {sorted(needs)}"
        needs = {name: others for name, others in needs.items() if name not in leaves}


def test_the_numerical_core_knows_nothing_of_scikit_learn():
    seen = set()
    for parts, tree in modules():
        if parts[0] in CORE:
            seen.add(parts[0])
            assert not {name for name in imported(tree) if name.split(".")[0] == "sklearn"}, parts
    assert set(CORE) == seen


def test_nothing_below_the_door_knows_an_estimator():
    """Training takes settings and arrays; who trains is no business of it."""
    for parts, tree in modules():
        if parts[0] in (*CORE, "_training") and parts != ("_training", "progress"):
            words = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
            words |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
            assert "estimator" not in words, parts


def test_solvers_know_nothing_of_networks():
    for parts, tree in modules():
        if parts[0] == "_solvers":
            inside = {name for name in imported(tree) if name.startswith("skreg_mlp")}
            known = ("skreg_mlp._solvers", "skreg_mlp._kernels")
            assert all(name.startswith(known) for name in inside), parts


def documented_lines(tree):
    """Numbers of the lines that docstrings take."""
    lines = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list) or not body or not isinstance(body[0], ast.Expr):
            continue
        if isinstance(body[0].value, ast.Constant) and isinstance(body[0].value.value, str):
            lines |= set(range(body[0].lineno, body[0].end_lineno + 1))
    return lines


def logic(path, tree):
    """Numbers of the lines of code."""
    text = path.read_text(encoding="utf-8").splitlines()
    full = {k for k, line in enumerate(text, 1) if line.strip() and line.strip()[0] != "#"}
    return full - documented_lines(tree)


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.name)
def test_files_and_functions_fit_in_a_view(path):
    """Constructors store each parameter by name, as scikit-learn asks, and may be longer."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    lines = logic(path, tree)
    assert len(lines) <= LONGEST_FILE
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name != "__init__":
            own = {k for k in lines if node.body[0].lineno <= k <= node.end_lineno}
            assert len(own) <= LONGEST_FUNCTION, f"{node.name}: {len(own)} lines"
