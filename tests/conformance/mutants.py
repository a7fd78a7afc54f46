"""Every mistake of one value that can be planted in a carrier's data: changed, left out, misspelt, swapped."""

from __future__ import annotations

import copy
import json
import pathlib
import random
import re
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any

from adapters.carrier.base import Carrier, CarrierData
from optout.kit.config import load

Path = tuple[str | int, ...]
_HOLE = re.compile(r"\{\w+\}")


@dataclass(frozen=True)
class Mistake:
    """One mistake: where, and what stands there now, or that nothing does."""

    path: Path
    what: str
    data: dict[str, Any]

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.path))} {self.what}"

    @property
    def section(self) -> str:
        """The section it stands in: `notices.templates` is one."""
        names = [str(part) for part in self.path[:-1] if isinstance(part, str)]
        return ".".join(names[:2])

    def plant(self, carrier: Carrier) -> Carrier:
        """The carrier with this mistake. Raises `ConfigError` if the data cannot be read any more."""
        with tempfile.NamedTemporaryFile("w", suffix=".toml", encoding="utf-8") as file:
            file.writelines(f"{json.dumps(key)} = {_write(value)}\n" for key, value in self.data.items())
            file.flush()
            return replace(carrier, data=load(CarrierData, file=pathlib.Path(file.name)))


def list_mistakes(package: str) -> Iterator[Mistake]:
    """Plant each mistake in turn, in the order of the file."""
    data = tomllib.loads((resources.files(package) / "data.toml").read_text(encoding="utf-8"))
    for path, value in _walk(data, ()):
        for what, other in _spoil(value):
            yield Mistake(path, what, _change(data, path, other))
        if isinstance(path[-1], str):
            yield Mistake(path, "is left out", _leave_out(data, path))
            yield Mistake(path, "is misspelt", _rename(data, path))
        else:
            yield Mistake(path, "is left out", _leave_out(data, path))
    for path, value in _walk_tables(data, ()):
        for one, two in zip(list(value), list(value)[1:], strict=False):
            if not isinstance(value[one], dict | list) and type(value[one]) is type(value[two]):
                yield Mistake((*path, one), f"is swapped with {two}", _swap(data, (*path, one), (*path, two)))


def choose(mistakes: list[Mistake], seed: int, per_section: int) -> list[Mistake]:
    """Choose so many of each section."""
    rng = random.Random(seed)
    sections: dict[str, list[Mistake]] = {}
    for mistake in mistakes:
        sections.setdefault(mistake.section, []).append(mistake)
    return [one for found in sections.values() for one in rng.sample(found, min(per_section, len(found)))]


def _walk(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _walk(inner, (*path, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _walk(inner, (*path, place))
    else:
        yield path, value


def _walk_tables(value: Any, path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    if isinstance(value, dict):
        yield path, value
        for key, inner in value.items():
            yield from _walk_tables(inner, (*path, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _walk_tables(inner, (*path, place))


def _spoil(value: Any) -> Iterator[tuple[str, Any]]:
    """Other values of the same type."""
    if isinstance(value, bool):
        yield "is turned around", not value
    elif isinstance(value, int):
        yield "is one more", value + 1
    else:
        yield "is longer", f"{value}X"
        yield "is empty", ""
        if len(value) > 1 and value[-1] != value[-2]:
            yield "has its end swapped", value[:-2] + value[-1] + value[-2]
        if hole := _HOLE.search(value):
            yield "lacks a placeholder", value.replace(hole[0], "", 1)


def _write(value: Any) -> str:
    """Write a value of TOML in one line."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{json.dumps(key)} = {_write(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_write, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _change(data: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(data)
    _find(changed, path[:-1])[path[-1]] = value
    return changed


def _leave_out(data: dict[str, Any], path: Path) -> dict[str, Any]:
    changed = copy.deepcopy(data)
    del _find(changed, path[:-1])[path[-1]]
    return changed


def _rename(data: dict[str, Any], path: Path) -> dict[str, Any]:
    changed = copy.deepcopy(data)
    table = _find(changed, path[:-1])
    table[f"{path[-1]}x"] = table.pop(path[-1])
    return changed


def _swap(data: dict[str, Any], one: Path, two: Path) -> dict[str, Any]:
    changed = copy.deepcopy(data)
    table = _find(changed, one[:-1])
    table[one[-1]], table[two[-1]] = table[two[-1]], table[one[-1]]
    return changed


def _find(data: Any, path: Path) -> Any:
    for part in path:
        data = data[part]
    return data
