"""Bringing a database's schema up to date: numbered files, one after the other, each in a transaction of its own.

The files of one kind of database lie in ``migrations/<kind>``. A database says how far it is in its table
``schema_version``; whose it is, in SQLite's application id.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from importlib import resources

from gateway.store.base import SchemaError

_NAME = re.compile(r"(\d{4})_\w+\.sql", re.ASCII)


class Schema(Enum):
    """The kinds of database, by folder and application id ("OPG" and a letter)."""

    REGISTRY = ("sqlite", 0x4F504752)
    KEYS = ("sqlite_keys", 0x4F50474B)
    FENCE = ("sqlite_fence", 0x4F504746)
    PUBLICATION = ("sqlite_publication", 0x4F504750)
    WITNESS = ("sqlite_witness", 0x4F504757)

    @property
    def folder(self) -> str:
        """The folder of its migrations."""
        return self.value[0]

    @property
    def application_id(self) -> int:
        """What marks a file as one of these."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Migration:
    """One step; ``version`` counts from 1."""

    version: int
    script: str


def load_migrations(schema: Schema) -> list[Migration]:
    """Give the steps of this program, in order."""
    folder = resources.files("gateway.store") / "migrations" / schema.folder
    found = [(match, entry) for entry in folder.iterdir() if (match := _NAME.fullmatch(entry.name))]
    return sorted(
        (Migration(int(match[1]), entry.read_text()) for match, entry in found), key=lambda step: step.version
    )


def read_version(connection: sqlite3.Connection, schema: Schema) -> int:
    """Tell how far a database is; 0 if it is empty. Raises SchemaError if it is not of this kind."""
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
        return 0
    if connection.execute("PRAGMA application_id").fetchone() != (schema.application_id,):
        raise SchemaError("the file is another program's")
    (version,) = connection.execute("SELECT max(version) FROM schema_version").fetchone()
    return int(version)


def migrate(connection: sqlite3.Connection, schema: Schema) -> int:
    """Apply the steps that are missing and give the version reached.

    Raises SchemaError if the database is newer than this program or not of this kind.
    """
    steps = load_migrations(schema)
    present, newest = read_version(connection, schema), steps[-1].version
    if present > newest:
        raise SchemaError(f"the file has schema version {present}, this program knows {newest}")
    for step in steps[present:]:
        _apply(connection, schema, step)
    return newest


def _apply(connection: sqlite3.Connection, schema: Schema, step: Migration) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if step.version == 1:
            connection.execute(f"PRAGMA application_id = {schema.application_id}")
            connection.execute("CREATE TABLE schema_version (version BIGINT NOT NULL PRIMARY KEY)")
        for statement in split_statements(step.script):
            connection.execute(statement)
        connection.execute("INSERT INTO schema_version (version) VALUES (?)", (step.version,))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def split_statements(script: str) -> Iterator[str]:
    """Split at the semicolons that end a statement."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        raise SchemaError("a migration ends within a statement")
