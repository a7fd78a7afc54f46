"""The fence on an SQLite file of its own."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from threading import Lock

from gateway.store.fence import START, FenceForeignError, FenceMovedError, FencePost, FenceUnknownError
from gateway.store.migrate import Schema, migrate
from gateway.store.sqlite_files import make_private_file

_BEGIN = "INSERT INTO fence (id, origin, size, root) SELECT 1, ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM fence)"


class SqliteFence:
    """A fence in an SQLite file of its own: no write-ahead log, so that the file alone is the truth.

    Several signers may have it open; the move is one transaction. Raises FenceForeignError, SchemaError, and
    FenceUnknownError if the file cannot be opened.
    """

    def __init__(self, path: Path, origin: str) -> None:
        make_private_file(path)
        self._lock = Lock()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._connection.execute("PRAGMA journal_mode = DELETE")
            self._connection.execute("PRAGMA synchronous = FULL")
            migrate(self._connection, Schema.FENCE)
            self._connection.execute(_BEGIN, (origin, START.size, START.root))
            (found,) = self._connection.execute("SELECT origin FROM fence WHERE id = 1").fetchone()
            if found != origin:
                raise FenceForeignError("the fence belongs to another log")
        except sqlite3.Error as error:
            self.close()
            raise FenceUnknownError("the fence cannot be opened") from error
        except BaseException:
            self.close()
            raise

    def read(self) -> FencePost:
        """Where the fence stands."""
        with self._lock:
            try:
                size, root = self._connection.execute("SELECT size, root FROM fence WHERE id = 1").fetchone()
            except sqlite3.Error as error:
                raise FenceUnknownError("the fence cannot be read") from error
        return FencePost(size, root)

    def advance(self, old: FencePost, new: FencePost) -> None:
        """Move the fence."""
        update = "UPDATE fence SET size = ?, root = ? WHERE id = 1 AND size = ? AND root = ?"
        with self._lock:
            try:
                # One statement is one transaction: durable when it returns.
                count = self._connection.execute(update, (new.size, new.root, old.size, old.root)).rowcount
            except sqlite3.Error as error:
                raise FenceUnknownError("the fence may have moved") from error
        if count != 1:
            raise FenceMovedError("the fence stands elsewhere")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
