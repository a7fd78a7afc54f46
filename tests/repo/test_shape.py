"""Taste that can be measured: short files, short functions, no cycles, pure rooms that are pure, no loose ends."""

import ast
import graphlib
import re
from collections.abc import Iterator

import pytest

from tests.repo.tree import is_generated, list_files, list_python_files, name_of, parse, shipped_modules

MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 60
PURE_ROOMS = ("gateway.domain", "gateway.tlog", "adapters.wire", "adapters.session")
IMPURE_FUNCTIONS = {"open", "print", "input"}
IMPURE_METHODS = {"now", "utcnow", "today", "urandom", "read_text", "read_bytes", "write_text", "write_bytes"}
# Written in halves so that this file does not find itself.
PROMISES = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b|NotImplemented" r"Error")
SKIPS = re.compile(
    r"\b(?:pytest|unittest)\.(?:mark\.)?(?:skip|xfail|importorskip)|@(?:skip|xfail)\b|collect_ig" r"nore"
)
FOREIGN_HOSTS = re.compile(r"pypi\.or" r"g|pythonhos" r"ted|registry\.npm" r"js|deb\.debi" r"an|proxy\.gola" r"ng")


def lines_of(node: ast.AST) -> int:
    return (getattr(node, "end_lineno", 0) or 0) - getattr(node, "lineno", 0) + 1


def functions_of(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_python_file_when_counted_then_has_at_most_500_lines() -> None:
    counts = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in list_python_files()}
    assert len(counts) > 50
    assert {name: count for name, count in counts.items() if count > MAX_FILE_LINES} == {}


def test_function_when_counted_then_has_at_most_60_lines() -> None:
    long = [
        f"{name_of(path)}:{function.lineno} {function.name} has {lines_of(function)} lines"
        for path in list_python_files()
        for function in functions_of(parse(path))
        if lines_of(function) > MAX_FUNCTION_LINES
    ]
    assert long == []


def is_type_checking(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def imports_at_load(body: list[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    """Imports that run when the module is loaded; those for type checkers and those inside functions do not."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If | ast.Try) and not is_type_checking(node):
            yield from imports_at_load(node.body)
            yield from imports_at_load(node.orelse)


def modules_imported(node: ast.Import | ast.ImportFrom, known: set[str]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name in known)
        return
    for alias in node.names:
        inner = f"{node.module}.{alias.name}"
        if inner in known or node.module in known:
            yield inner if inner in known else str(node.module)


def test_modules_when_imports_are_followed_then_no_cycle() -> None:
    modules = shipped_modules()
    known = set(modules)
    graph = {
        name: {found for node in imports_at_load(parse(path).body) for found in modules_imported(node, known)}
        for name, path in modules.items()
    }
    assert sum(map(len, graph.values())) > 50
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" imports ".join(error.args[1]))


def impure_calls(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in IMPURE_FUNCTIONS:
                yield f"line {node.lineno}: {name}"
            case ast.Call(func=ast.Attribute(attr=name)) if name in IMPURE_METHODS:
                yield f"line {node.lineno}: {name}"


def test_pure_room_when_searched_then_asks_no_clock_and_opens_no_file() -> None:
    pure = {name: path for name, path in shipped_modules().items() if name.startswith(PURE_ROOMS)}
    assert len(pure) > 20
    assert {name: calls for name, path in pure.items() if (calls := list(impure_calls(parse(path))))} == {}


def texts_matching(pattern: re.Pattern[str]) -> list[str]:
    found = []
    for path in list_files():
        if not is_generated(path) and path.suffix not in {".pcap", ".sqlite"}:
            text = path.read_text(encoding="utf-8", errors="replace")
            found += [f"{name_of(path)}: {match[0]}" for match in pattern.finditer(text)]
    return found


def test_file_when_searched_then_makes_no_promise() -> None:
    assert texts_matching(PROMISES) == []


def test_tests_when_searched_then_none_is_skipped() -> None:
    assert texts_matching(SKIPS) == []


def test_file_when_searched_then_names_no_package_registry() -> None:
    assert texts_matching(FOREIGN_HOSTS) == []


def test_module_when_named_then_says_what_it_holds() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
    names = [name for name in shipped_modules() if vague & set(name.split("."))]
    assert names == []
