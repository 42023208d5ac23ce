"""Print the lower bounds of pyproject.toml, of the package and of its extra `test`, as pins."""

import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    from pip._vendor import tomli as tomllib

text = Path(__file__).parents[1].joinpath("pyproject.toml").read_text(encoding="utf-8")
project = tomllib.loads(text)["project"]
ours = project["name"] + "["


def requirements(extra):
    """Those of an extra, and of the extras that it names."""
    for requirement in project["optional-dependencies"][extra]:
        if requirement.startswith(ours):
            for other in requirement[len(ours) : -1].split(","):
                yield from requirements(other)
        else:
            yield requirement


for requirement in [*project["dependencies"], *requirements("test")]:
    if ">=" in requirement:
        name, version = requirement.split(">=")
        print(f"{name.partition('[')[0]}=={version}")  # pip allows no extras in constraints
