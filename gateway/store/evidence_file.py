"""Reading what was kept of refusals, from a gateway's publications or a witness's books, also while they are in use."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from gateway.store.base import SchemaError
from gateway.store.migrate import Schema, read_version
from gateway.store.sqlite_files import connect_reader

_SELECTS = {
    Schema.PUBLICATION: "SELECT witness, status, request, response, time_ms FROM evidence ORDER BY id",
    Schema.WITNESS: "SELECT origin, status, request, x'', time_s * 1000 FROM evidence ORDER BY id",
}


@dataclass(frozen=True, slots=True)
class Kept:
    """A refused request: by whom or, in a witness's books, of which log; how, when (Unix ms), and all bytes."""

    name: str
    status: int
    request: bytes
    response: bytes
    time_ms: int


def read_evidence(path: Path) -> Sequence[Kept]:
    """Everything kept in a file, oldest first. Raises SchemaError if it is of neither kind."""
    try:
        with closing(connect_reader(path)) as connection:
            select = _SELECTS[_find_schema(connection)]
            return [Kept(*row) for row in connection.execute(select)]
    except sqlite3.Error as error:
        raise SchemaError("the file cannot be read") from error


def _find_schema(connection: sqlite3.Connection) -> Schema:
    for schema in _SELECTS:
        try:
            if read_version(connection, schema):
                return schema
        except SchemaError:
            continue
    raise SchemaError("no publications and no witness's books")
