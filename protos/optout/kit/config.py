"""Configuration: one tree of frozen dataclasses, filled from defaults, a TOML file, the environment and flags.

Later sources win: default < file < environment < flag. A field's *key* is its path, ``section.field``: in the
file a table and a key, in the environment ``OPTOUT_SECTION_FIELD``, among flags the dotted key itself.

Field types: ``str``, ``int``, ``float``, ``bool``, ``Path``, an ``Enum`` (by value), ``tuple[T, ...]``,
``Mapping[str, T]``, a nested dataclass, and any of these ``| None``. Elements of a tuple or a mapping may be
dataclasses. In the environment and in flags given as text a tuple is written with commas, and nothing at all
means None where None is allowed. Mappings, and tuples of dataclasses, come from the file only. No number is below 0.
A section without default is filled from its own fields' defaults.

A key nobody knows is an error that names the nearest known one. Errors name keys, never values: a value may be a
secret in the wrong place. Secrets themselves are files, see `read_secret`.
"""

import dataclasses
import difflib
import math
import os
import stat
import tomllib
import types
from collections.abc import Collection, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

ENV_PREFIX = "OPTOUT_"
FILE_VARIABLE = "OPTOUT_CONFIG"
"""Names the file itself, so it is no field of any tree."""

_MAX_SECRET_BYTES = 64 * 1024
_Tree = TypeVar("_Tree")


class ConfigReason(Enum):
    """What is wrong with the configuration."""

    UNKNOWN_KEY = "UNKNOWN_KEY"
    MISSING = "MISSING"
    BAD_TYPE = "BAD_TYPE"
    BAD_VALUE = "BAD_VALUE"
    FILE_UNREADABLE = "FILE_UNREADABLE"
    FILE_NOT_TOML = "FILE_NOT_TOML"
    SECRET_UNREADABLE = "SECRET_UNREADABLE"  # noqa: S105 - a reason, no password
    SECRET_EXPOSED = "SECRET_EXPOSED"  # noqa: S105 - a reason, no password
    SECRET_EMPTY = "SECRET_EMPTY"  # noqa: S105 - a reason, no password


class ConfigError(ValueError):
    """The configuration was refused: `reason`, the `key` (or file) it is about, and a `hint` for whoever wrote it."""

    def __init__(self, reason: ConfigReason, key: str, hint: str = "") -> None:
        super().__init__(f"{reason.value}: {key}" + (f" ({hint})" if hint else ""))
        self.reason = reason
        self.key = key
        self.hint = hint


class _Text(str):
    """A value from a source that knows nothing but text."""

    __slots__ = ()


def load(
    cls: type[_Tree],
    *,
    file: Path | None = None,
    env: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
    ignored_env: Collection[str] = (FILE_VARIABLE,),
) -> _Tree:
    """Fill the dataclass `cls`; raises `ConfigError`.

    Of `env` only ``OPTOUT_…`` is looked at, without the names in `ignored_env`. A flag that is None was not given.
    """
    table = _read_file(file) if file else {}
    leaves = dict(_iter_leaves(cls, ()))
    variables = _name_variables(leaves)
    for name, text in (env or {}).items():
        if name.startswith(ENV_PREFIX) and name not in ignored_env:
            _put(table, variables.get(name) or _refuse_unknown(name, variables), _Text(text))
    keys = {".".join(path): path for path in leaves}
    for key, value in (flags or {}).items():
        if value is not None:
            path = keys.get(key) or _refuse_unknown(key, keys)
            _put(table, path, _Text(value) if type(value) is str else value)
    return _build(cls, table, ())


def require_positive(tree: object, *names: str) -> None:
    """Refuse fields that are 0 or less, for a ``__post_init__``; None is left alone. Raises ValueError."""
    for name in names:
        value = getattr(tree, name)
        if value is not None and value <= 0:
            raise ValueError(f"{name} is above 0")


def read_secret(path: Path) -> str:
    """Read a secret from its own file, without the line end that editors add.

    Raises `ConfigError`: SECRET_UNREADABLE (also when it is not UTF-8 or beyond 64 KiB), SECRET_EXPOSED when everybody
    on the machine may read or write it, SECRET_EMPTY.
    """
    try:
        secret = read_secret_bytes(path).decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise ConfigError(ConfigReason.SECRET_UNREADABLE, str(path), "not UTF-8") from None
    if not secret:
        raise ConfigError(ConfigReason.SECRET_EMPTY, str(path))
    return secret


def read_secret_bytes(path: Path) -> bytes:
    """Read a secret as it stands, with the checks and errors of `read_secret`."""
    try:
        with path.open("rb") as source:
            mode = os.fstat(source.fileno()).st_mode
            if stat.S_ISREG(mode) and mode & stat.S_IRWXO:
                raise ConfigError(ConfigReason.SECRET_EXPOSED, str(path), "chmod o= it")
            secret = source.read(_MAX_SECRET_BYTES + 1)
    except OSError as error:
        raise ConfigError(ConfigReason.SECRET_UNREADABLE, str(path), error.strerror or "") from None
    if len(secret) > _MAX_SECRET_BYTES:
        raise ConfigError(ConfigReason.SECRET_UNREADABLE, str(path), "larger than 64 KiB")
    if not secret:
        raise ConfigError(ConfigReason.SECRET_EMPTY, str(path))
    return secret


def _read_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(ConfigReason.FILE_UNREADABLE, str(file), error.strerror or "") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        place = str(error) if isinstance(error, tomllib.TOMLDecodeError) else "not UTF-8"
        raise ConfigError(ConfigReason.FILE_NOT_TOML, str(file), place) from None


_Path = tuple[str, ...]


def _iter_leaves(cls: type, path: _Path) -> Iterator[tuple[_Path, Any]]:
    """Yield every field that text can set, with its type."""
    for field, kind in _iter_fields(cls):
        inner, _ = _split_optional(kind)
        if dataclasses.is_dataclass(inner) and isinstance(inner, type):
            yield from _iter_leaves(inner, (*path, field.name))
        elif get_origin(inner) is not Mapping and not _holds_dataclasses(inner):
            yield (*path, field.name), kind


def _iter_fields(cls: Any) -> Iterator[tuple[dataclasses.Field[Any], Any]]:
    hints = get_type_hints(cls)
    for field in dataclasses.fields(cls):
        if field.init:
            yield field, hints[field.name]


def _split_optional(kind: Any) -> tuple[Any, bool]:
    """Split ``T | None`` into T and whether None is allowed."""
    if get_origin(kind) not in {Union, types.UnionType}:
        return kind, False
    members = [member for member in get_args(kind) if member is not types.NoneType]
    if len(members) != 1:
        raise TypeError("a field has one type, or one type and None")
    return members[0], True


def _holds_dataclasses(kind: Any) -> bool:
    return get_origin(kind) is tuple and dataclasses.is_dataclass(get_args(kind)[0])


def _name_variables(leaves: Collection[_Path]) -> dict[str, _Path]:
    variables = {ENV_PREFIX + "_".join(path).upper(): path for path in leaves}
    if len(variables) != len(leaves):
        raise TypeError("two fields share one environment variable")
    return variables


def _refuse_unknown(key: str, known: Collection[str]) -> _Path:
    nearest = difflib.get_close_matches(key, known, n=1, cutoff=0)
    raise ConfigError(
        ConfigReason.UNKNOWN_KEY, key, f"the nearest known key is {nearest[0]}" if nearest else ""
    ) from None


def _put(table: dict[str, Any], path: _Path, value: Any) -> None:
    for depth, name in enumerate(path[:-1], start=1):
        table = table.setdefault(name, {})
        if not isinstance(table, dict):
            raise ConfigError(ConfigReason.BAD_TYPE, ".".join(path[:depth]), "a section is expected")
    table[path[-1]] = value


def _build(cls: type[_Tree], table: Any, path: _Path) -> _Tree:
    if not isinstance(table, dict):
        raise ConfigError(ConfigReason.BAD_TYPE, ".".join(path), "a section is expected")
    fields = {field.name: (field, kind) for field, kind in _iter_fields(cls)}
    known = {".".join((*path, name)) for name in fields}
    for name in table:
        if name not in fields:
            _refuse_unknown(".".join((*path, name)), known)
    values = {}
    for name, (field, kind) in fields.items():
        here = (*path, name)
        if name in table:
            values[name] = _convert(table[name], kind, here)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            if not dataclasses.is_dataclass(kind):
                raise ConfigError(ConfigReason.MISSING, ".".join(here))
            values[name] = _convert({}, kind, here)
    try:
        return cls(**values)
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError(ConfigReason.BAD_VALUE, ".".join(path) or "configuration", str(error)) from None


def _convert(value: Any, kind: Any, path: _Path) -> Any:
    inner, may_be_none = _split_optional(kind)
    if may_be_none and isinstance(value, _Text) and value == "":
        return None
    if dataclasses.is_dataclass(inner) and isinstance(inner, type):
        return _build(inner, value, path)
    if get_origin(inner) is tuple:
        return _convert_tuple(value, get_args(inner)[0], path)
    if get_origin(inner) is Mapping:
        if not isinstance(value, dict):
            raise ConfigError(ConfigReason.BAD_TYPE, ".".join(path), "a table is expected")
        return {name: _convert(item, get_args(inner)[1], (*path, name)) for name, item in value.items()}
    return _convert_scalar(value, inner, ".".join(path))


def _convert_tuple(value: Any, kind: Any, path: _Path) -> tuple[Any, ...]:
    if isinstance(value, _Text):
        value = [_Text(part.strip()) for part in value.split(",")] if value else []
    if not isinstance(value, list | tuple):
        raise ConfigError(ConfigReason.BAD_TYPE, ".".join(path), "a list is expected")
    return tuple(_convert(item, kind, (*path, str(index))) for index, item in enumerate(value))


_BOOLEANS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def _convert_scalar(value: Any, kind: Any, key: str) -> Any:
    if isinstance(value, _Text):
        return _parse_text(value, kind, key)
    if kind is float and type(value) is int:
        value = float(value)
    if issubclass(kind, Path | Enum) and isinstance(value, str | int) and not isinstance(value, kind):
        return _parse_text(value, kind, key)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ConfigError(ConfigReason.BAD_TYPE, key, f"{kind.__name__} is expected")
    return _check_number(value, key)


def _parse_text(text: Any, kind: Any, key: str) -> Any:
    if kind is bool:
        if text.lower() not in _BOOLEANS:
            raise ConfigError(ConfigReason.BAD_VALUE, key, "true or false is expected")
        return _BOOLEANS[text.lower()]
    if issubclass(kind, Enum):
        for member in kind:
            if str(member.value) == str(text):
                return member
        choices = ", ".join(str(member.value) for member in kind)
        raise ConfigError(ConfigReason.BAD_VALUE, key, f"one of: {choices}")
    if kind is Path and not isinstance(text, str):
        raise ConfigError(ConfigReason.BAD_TYPE, key, "a path is expected")
    try:
        return _check_number(kind(str(text)), key)
    except ConfigError:
        raise
    except ValueError:
        raise ConfigError(ConfigReason.BAD_VALUE, key, f"{kind.__name__} is expected") from None


def _check_number(value: Any, key: str) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(ConfigReason.BAD_VALUE, key, "a finite number is expected")
    if isinstance(value, int | float) and value < 0:
        raise ConfigError(ConfigReason.BAD_VALUE, key, "numbers are never below 0")
    return value
