"""The repository as the tests of this folder see it: its tracked and new files, and its modules as syntax trees."""

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = {"gateway": ROOT / "gateway", "adapters": ROOT / "adapters", "optout": ROOT / "protos" / "optout"}


@cache
def list_files() -> tuple[Path, ...]:
    """Every file that is committed or would be: what git ignores is left out."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    return tuple(path for name in sorted(filter(None, names)) if (path := ROOT / name).is_file())


@cache
def list_python_files() -> tuple[Path, ...]:
    """Every Python file that people write."""
    return tuple(path for path in list_files() if path.suffix == ".py" and not is_generated(path))


@cache
def parse(path: Path) -> ast.Module:
    """One file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def is_generated(path: Path) -> bool:
    """True for what protoc writes."""
    return "_pb2" in path.name


def name_of(path: Path) -> str:
    """A path as messages name it."""
    return path.relative_to(ROOT).as_posix()


@cache
def shipped_modules() -> dict[str, Path]:
    """Every shipped module that people write, by its dotted name."""
    modules = {}
    for path in list_python_files():
        for package, folder in SHIPPED.items():
            if path.is_relative_to(folder):
                parts = [package, *path.relative_to(folder).with_suffix("").parts]
                modules[".".join(parts).removesuffix(".__init__")] = path
    return modules
