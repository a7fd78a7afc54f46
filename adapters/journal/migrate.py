"""Bringing a journal's schema up to date, one numbered file after the other, each in a transaction of its own."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from importlib import resources

from adapters.journal.errors import JournalSchemaError

_NAME = re.compile(r"(\d{4})_\w+\.sql", re.ASCII)
APPLICATION_ID = 0x4F504A31
"""Marks the file as ours ("OPJ1")."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema; `version` counts from 1."""

    version: int
    name: str
    script: str


def load_migrations() -> list[Migration]:
    """Return the migrations shipped with this program, in order."""
    folder = resources.files("adapters.journal") / "migrations"
    found = [(match, entry) for entry in folder.iterdir() if (match := _NAME.fullmatch(entry.name))]
    steps = [Migration(int(match[1]), entry.name, entry.read_text(encoding="utf-8")) for match, entry in found]
    return sorted(steps, key=lambda step: step.version)


def migrate(connection: sqlite3.Connection, now_ms: int) -> int:
    """Apply what is missing; return the schema's version.

    Raises `JournalSchemaError` if the file is newer than this program or belongs to another one.
    """
    steps = load_migrations()
    application_id = int(connection.execute("PRAGMA application_id").fetchone()[0])
    is_empty = connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None
    if application_id != APPLICATION_ID and not is_empty:
        raise JournalSchemaError("the file is not a journal")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_ms INTEGER)"
    )
    present = int(connection.execute("SELECT coalesce(max(version), 0) FROM migrations").fetchone()[0])
    if present > steps[-1].version:
        raise JournalSchemaError(f"the journal has schema {present}, this program knows {steps[-1].version}")
    for step in steps[present:]:
        _apply(connection, step, now_ms)
    return steps[-1].version


def _apply(connection: sqlite3.Connection, step: Migration, now_ms: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in step.script.split(";\n"):
            if statement.strip():
                connection.execute(statement)
        connection.execute("INSERT INTO migrations VALUES (?, ?, ?)", (step.version, step.name, now_ms))
        connection.execute("COMMIT")
    except sqlite3.Error:
        connection.execute("ROLLBACK")
        raise
