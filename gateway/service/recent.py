"""States that were sealed a moment ago, at hand in clear: a subscriber who wrote once tends to write again soon.

What is at hand is a state only together with the sealed bytes that the store gives for it, so it can neither be older
nor newer than what was committed. Nothing of a subscriber stays once the vault has destroyed the key.
"""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock

from gateway.domain.subscription import Subscriber
from gateway.store.rows import Label
from optout.kit.values import dataclass


@dataclass(frozen=True, slots=True)
class Recent:
    """A state, its canonical bytes, and what these were sealed as."""

    sealed: bytes
    state: Subscriber
    clear: bytes


class RecentStates:
    """The latest states that were written, at most one of a subject. May be used from several threads.

    ``max_bytes`` bounds their canonical bytes together; as objects they take some ten times as many.
    """

    def __init__(self, max_bytes: int = 8 * 2**20) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._held: dict[Label, Recent] = {}
        self._lock = Lock()

    def find(self, label: Label, sealed: bytes) -> Recent | None:
        """The subject's state, if it is at hand and was sealed as these bytes."""
        recent = self._held.get(label)
        return recent if recent is not None and recent.sealed == sealed else None

    def put(self, label: Label, recent: Recent) -> None:
        """Keep a state at hand, in place of the subject's state before; those written longest ago give way."""
        with self._lock:
            self._drop(label)
            self._held[label] = recent
            self._bytes += len(recent.clear)
            while self._bytes > self._max_bytes:
                self._drop(next(iter(self._held)))

    def forget(self, labels: Iterable[Label]) -> None:
        """Keep nothing of these subjects."""
        with self._lock:
            for label in labels:
                self._drop(label)

    def _drop(self, label: Label) -> None:
        gone = self._held.pop(label, None)
        if gone is not None:
            self._bytes -= len(gone.clear)
