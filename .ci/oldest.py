"""Print the lower bounds of pyproject.toml, of the package and of its extra `test`, as pins."""

import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    from pip._vendor import tomli as tomllib

text = Path(__file__).parents[1].joinpath("pyproject.toml").read_text(encoding="utf-8")
project = tomllib.loads(text)["project"]
for requirement in project["dependencies"] + project["optional-dependencies"]["test"]:
    if ">=" in requirement:
        print(requirement.replace(">=", "=="))
