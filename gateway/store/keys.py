"""The key store on an SQLite file of its own, so that a copy of the registry is worth nothing without it.

Keys are wrapped: AES-256-GCM under the master key, with the label as associated data, as ``12-byte nonce |
ciphertext | 16-byte tag``. A destroyed key leaves its label behind without the key, as a mark that no other key may
ever take its place. What is overwritten is really overwritten (``secure_delete``), and the file of recent changes is
emptied after every destruction.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.store.base import KeyRefusedError, StoreClosedError, StoreUnavailableError
from gateway.store.lookup import select_in
from gateway.store.migrate import Schema, migrate
from gateway.store.rows import Label, NewKey
from gateway.store.sqlite_files import (
    Connect,
    FileLock,
    connect_reader,
    connect_writer,
    make_private_file,
    sync_folder,
)

_log = logging.getLogger(__name__)

_DAY_MS = 86_400_000
_NONCE_BYTES = 12
_DOMAIN = b"optout.v1/store/key\x00"
_CHECK_LABEL = Label(b"")
_COPY_NAME = re.compile(r"keys-(\d{13,})\.sqlite", re.ASCII)

_SELECT = "SELECT label, wrapped FROM subject_keys WHERE label"
_INSERT = "INSERT INTO subject_keys (label, wrapped) VALUES (?, ?)"
_DESTROY = "UPDATE subject_keys SET wrapped = NULL WHERE label = ?"


class MasterKeyError(Exception):
    """The master key cannot open this key store: ``reason`` is LENGTH, MASTER_KEY_CHANGED or DAMAGED (one key)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SqliteKeyStore:
    """A `gateway.store.base.KeyStore`; may be used from several threads.

    Raises StoreLockedError, SchemaError and MasterKeyError on opening; StoreUnavailableError if the file fails, after
    which it is opened anew. Copies are kept for ``backup_days``.
    """

    def __init__(
        self, path: Path, master_key: bytes, *, backup_days: int = 30, connect: Connect = connect_writer
    ) -> None:
        if len(master_key) != 32:
            raise MasterKeyError("LENGTH")
        self._path = path
        self._master = AESGCM(master_key)
        self._keep_ms = backup_days * _DAY_MS
        self._connect = connect
        self._writing = Lock()
        self._reading = Lock()
        self._copying = Lock()
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None
        self._is_closed = False
        self._lock = FileLock(path)
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    def put(self, keys: Iterable[NewKey]) -> None:
        """Keep new keys, all or none; durable on return."""
        new = {key.label: key.key for key in keys}
        with self._transaction() as connection:
            held = dict(select_in(connection, _SELECT, tuple(new)))
            refused = frozenset(
                label
                for label, wrapped in held.items()
                if wrapped is None or self._unwrap(label, wrapped) != new[label]
            )
            if refused:
                raise KeyRefusedError(refused)
            rows = [(label, self._wrap(label, key)) for label, key in new.items() if label not in held]
            connection.executemany(_INSERT, rows)

    def get(self, labels: Iterable[Label]) -> Mapping[Label, bytes]:
        """Find keys."""
        with self._reading:
            if self._is_closed:
                raise StoreClosedError("the key store is closed")
            try:
                if self._reader is None:
                    self._reader = connect_reader(self._path)
                rows = list(select_in(self._reader, _SELECT, tuple(labels)))
            except sqlite3.Error as error:
                raise StoreUnavailableError("the key store cannot be read") from error
        return {label: self._unwrap(label, wrapped) for label, wrapped in rows if wrapped is not None}

    def destroy(self, labels: Iterable[Label]) -> None:
        """Destroy keys; waits for a copy that is being made."""
        gone = tuple(dict.fromkeys(labels))
        with self._copying:
            with self._transaction() as connection:
                held = dict(select_in(connection, _SELECT, gone))
                connection.executemany(_DESTROY, [(label,) for label in gone if label in held])
                connection.executemany(_INSERT, [(label, None) for label in gone if label not in held])
            with self._writing, self._reading:
                self._empty_wal()

    def backup(self, folder: Path, now_ms: int) -> Path:
        """Write a complete copy named by the time, and remove copies past their retention.

        A copy is opened like any key store, with the same master key. Keys can be put while it is made. Raises
        StoreUnavailableError if the folder takes no copy.
        """
        with self._copying:
            try:
                return self._copy(folder, now_ms)
            except (OSError, sqlite3.Error) as error:
                raise StoreUnavailableError("the key store cannot be copied") from error

    def _copy(self, folder: Path, now_ms: int) -> Path:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path, unfinished = folder / f"keys-{now_ms:013d}.sqlite", folder / "unfinished.sqlite"
        unfinished.unlink(missing_ok=True)
        make_private_file(unfinished)
        with contextlib.closing(connect_reader(self._path)) as connection:
            # Unlike a page by page copy this leaves no free pages, where something might linger.
            connection.execute("VACUUM INTO ?", (str(unfinished),))
        _sync_file(unfinished)
        unfinished.rename(path)
        for old in list_backups(folder, before_ms=now_ms - self._keep_ms):
            old.unlink()
        sync_folder(folder)
        return path

    def close(self) -> None:
        """Let go of the files; a second call does nothing."""
        with self._copying, self._writing, self._reading:
            if self._is_closed:
                return
            self._is_closed = True
            for connection in (self._reader, self._writer):
                if connection is not None:
                    connection.close()
            self._lock.release()

    def _prepare(self) -> None:
        with self._writing:
            self._writer = connection = self._connect(self._path)
            migrate(connection, Schema.KEYS)
            # Completes a destruction that was cut short between its commit and this.
            self._empty_wal()
            row = connection.execute("SELECT wrapped FROM master_check WHERE id = 1").fetchone()
            if row is None:
                known = self._wrap(_CHECK_LABEL, bytes(32))
                connection.execute("INSERT INTO master_check (id, wrapped) VALUES (1, ?)", (known,))
                return
        try:
            self._unwrap(_CHECK_LABEL, row[0])
        except MasterKeyError:
            raise MasterKeyError("MASTER_KEY_CHANGED") from None

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._writing:
            if self._is_closed:
                raise StoreClosedError("the key store is closed")
            try:
                if self._writer is None:
                    self._writer = self._connect(self._path)
                self._writer.execute("BEGIN IMMEDIATE")
                yield self._writer
                self._writer.execute("COMMIT")
            except sqlite3.Error as error:
                self._discard()
                raise StoreUnavailableError("the key store cannot be written") from error
            except BaseException:
                self._discard()
                raise

    def _discard(self) -> None:
        # Closing forgets what was not committed, and a new connection believes the file alone.
        held, self._writer = self._writer, None
        try:
            if held is not None:
                held.close()
        except sqlite3.Error as error:
            _log.warning("closing a connection failed: %s", type(error).__name__)

    def _empty_wal(self) -> None:
        if self._writer is None:
            raise StoreUnavailableError("the key store cannot be written")
        try:
            (is_busy, _, _) = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error as error:
            raise StoreUnavailableError("the key store cannot be written") from error
        if is_busy:
            raise StoreUnavailableError("the key store is being read by another process")

    def _wrap(self, label: Label, key: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._master.encrypt(nonce, key, _DOMAIN + label)

    def _unwrap(self, label: Label, wrapped: bytes) -> bytes:
        try:
            return self._master.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], _DOMAIN + label)
        except InvalidTag:
            raise MasterKeyError("DAMAGED") from None


def list_backups(folder: Path, *, before_ms: int | None = None) -> list[Path]:
    """List the copies in a folder, oldest first; only those made before a time if it is given."""
    copies = sorted((int(match[1]), path) for path in folder.iterdir() if (match := _COPY_NAME.fullmatch(path.name)))
    return [path for made_ms, path in copies if before_ms is None or made_ms < before_ms]


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
