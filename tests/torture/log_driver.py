"""A registry with its signer on SQLite files, as a process that kills itself with SIGKILL before its nth step.

Steps are every SQL statement of every file (each insert, commit, read-back, move of the fence, note) and every
signature, before it is made and after. What the world could know by then was written to a file:
``acknowledged``, ``signed`` (a signature exists) and ``published``. At the end it says how many ``steps`` there were.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
import random
import signal
import sqlite3
from pathlib import Path
from typing import Any

from gateway.service.gate import Gate
from gateway.service.signer import LogParts, LogSigner
from gateway.service.tree import LogTree
from gateway.store.memory import MemoryKeyStore
from gateway.store.sqlite import SqliteStore
from gateway.store.sqlite_fence import SqliteFence
from gateway.store.sqlite_publication import SqlitePublication
from gateway.tlog.note import Signer
from optout.kit.clock import SystemClock
from tests.service.logroom import SIGNER, Some

_count = itertools.count(1)
_connect = sqlite3.connect


class Kill:
    """Counts steps, and ends the process before the one that was named; 0 names none."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.steps = 0

    def step(self, _: object = None) -> None:
        self.steps = next(_count)
        if self.steps == self.at:
            os.kill(os.getpid(), signal.SIGKILL)

    def connect(self, *args: Any, **options: Any) -> sqlite3.Connection:
        connection = _connect(*args, **options)
        connection.set_trace_callback(self.step)
        return connection


class WatchedKey:
    """The log's key, whose signatures are told as soon as they exist."""

    def __init__(self, kill: Kill) -> None:
        self._kill = kill

    def public(self):
        return SIGNER.key.public()

    def encode(self) -> bytes:
        return SIGNER.key.encode()

    def sign(self, text: bytes) -> bytes:
        self._kill.step()
        signature = SIGNER.key.sign(text)
        tell("signed", base64.b64encode(text).decode())
        self._kill.step()
        return signature


def tell(*words: object) -> None:
    """Out of the process at once: what was told stays told."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


async def live(folder: Path, kill: Kill, chance: random.Random) -> None:
    """Some life: writes and checkpoints, beginning with either, so that a retry is of the same size or another."""
    store = SqliteStore(folder / "registry.sqlite", MemoryKeyStore())
    fence = SqliteFence(folder / "registry.fence", SIGNER.name)
    publication = SqlitePublication(folder / "registry.log")
    gate = Gate()
    parts = LogParts(store, LogTree(store, publication), fence, publication, [Signer(SIGNER.name, WatchedKey(kill))])
    signer = LogSigner(parts, SystemClock(), gate)
    await signer.start()
    for alarm in gate.alarms:
        tell("alarm", alarm)
    for number in range(3):
        if number or chance.random() < 0.5:
            count = chance.choice((1, 7, 300))
            last = await store.commit(Some(count, mark=chance.randrange(1 << 16)))
            for row in await store.entries(last - count + 1, count):
                tell("acknowledged", row.index, row.leaf.hex())
        await signer.step()
        assert signer.published is not None
        tell("published", base64.b64encode(signer.published.note.text.encode()).decode())
        kill.step()
    await store.close()
    publication.close()
    fence.close()


def main(folder: Path, kill_at: int, seed: int, output: Path) -> None:
    """Live once, in a process of its own; what is told goes to a file."""
    os.dup2(os.open(output, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), 1)
    kill = Kill(kill_at)
    sqlite3.connect = kill.connect  # type: ignore[assignment]
    asyncio.run(live(folder, kill, random.Random(seed)))
    tell("steps", kill.steps)
