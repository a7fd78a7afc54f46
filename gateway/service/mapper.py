"""The state map in a process of its own, so that hashing it never holds up a checkpoint or a call.

The process holds the map as the last EPOCH has it, and a draft of what came since. Requests go one at a time over a
pipe; whoever waits for an answer does so in a thread.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from threading import Lock
from typing import Any

from gateway.tlog.statemap import MapDraft, MapProof, Record, StateMap

_SOON_S = 2.0


class MapperError(Exception):
    """The process ended or did not answer in time; the map has to be built again."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Subjects' new records, and the labels that the map is to forget."""

    records: tuple[Record, ...] = ()
    gone: tuple[bytes, ...] = ()


class Mapper:
    """The map, as its own process keeps it. ``timeout_s`` bounds every answer. Safe to use from several threads."""

    def __init__(self, bits: int, *, timeout_s: float = 60.0) -> None:
        self.bits = bits
        self._timeout_s = timeout_s
        self._lock = Lock()
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, bits), name="state-map", daemon=True)
        self._process.start()
        other.close()

    def put(self, changes: Changes) -> None:
        """Take changes into the draft."""
        self._ask("put", changes)

    def draft_root(self, changes: Changes) -> bytes:
        """The root that the draft would have with these changes as well. Asked while the store waits: soon or not."""
        root: bytes = self._ask("draft_root", changes, _SOON_S)
        return root

    def apply(self, changes: Changes) -> bytes:
        """Take in last changes and make the draft the map; gives its root."""
        root: bytes = self._ask("apply", changes)
        return root

    def prove(self, label: bytes) -> MapProof:
        """Prove what the map, not the draft, says of a label."""
        proof: MapProof = self._ask("prove", label)
        return proof

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._pipe.close()
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _ask(self, question: str, value: Any, timeout_s: float | None = None) -> Any:
        with self._lock:
            try:
                self._pipe.send((question, value))
                if not self._pipe.poll(timeout_s or self._timeout_s):
                    # A late answer would be taken for that of the next question.
                    self._process.kill()
                    raise MapperError("no answer in time")
                return self._pipe.recv()
            except (OSError, EOFError) as error:
                raise MapperError("the process ended") from error


class _Desk:
    """What the process does with each question."""

    def __init__(self, bits: int) -> None:
        self._map = StateMap(bits)
        self._draft = MapDraft(self._map)

    def put(self, changes: Changes) -> None:
        self._draft.put(changes.records, changes.gone)

    def draft_root(self, changes: Changes) -> bytes:
        return self._draft.root_with(changes.records, changes.gone)

    def apply(self, changes: Changes) -> bytes:
        self._draft.put(changes.records, changes.gone)
        self._draft.apply()
        return self._map.root()

    def prove(self, label: bytes) -> MapProof:
        return self._map.prove(label)


def _serve(pipe: Connection, bits: int) -> None:
    # The parent decides when it ends; a terminal's interrupt goes to the whole group.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    desk = _Desk(bits)
    while True:
        try:
            question, value = pipe.recv()
        except (EOFError, OSError):
            return
        pipe.send(getattr(desk, question)(value))


def merge_changes(parts: Sequence[Changes]) -> Changes:
    """Sum changes up: of a label the last word counts."""
    last: dict[bytes, Record | None] = {}
    for part in parts:
        last.update({record.label: record for record in part.records})
        last.update(dict.fromkeys(part.gone))
    records = tuple(record for record in last.values() if record is not None)
    return Changes(records, tuple(label for label, record in last.items() if record is None))
