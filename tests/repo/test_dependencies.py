"""What shipped code imports is what the package asks for."""

import ast
import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Iterator

from tests.repo.tree import ROOT, SHIPPED, parse, shipped_modules


def normalize(name: str) -> str:
    """A distribution's name in the one spelling that package indexes compare (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def declared() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {normalize(re.split(r"[\s<>=!~\[;]", line, maxsplit=1)[0]) for line in project["dependencies"]}


def imported_names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def third_party() -> dict[str, str]:
    """The top-level modules that shipped code imports and Python does not bring, and who imports each."""
    own = set(SHIPPED) | sys.stdlib_module_names
    found = {}
    for module, path in shipped_modules().items():
        for name in imported_names(parse(path)):
            if name.partition(".")[0] not in own:
                found[name.partition(".")[0]] = module
    return found


def test_shipped_code_when_it_imports_a_package_then_the_package_is_declared() -> None:
    providers = importlib.metadata.packages_distributions()
    names = third_party()
    undeclared = {
        name: module for name, module in names.items() if not {normalize(d) for d in providers[name]} & declared()
    }
    assert "grpc" in names
    assert undeclared == {}
