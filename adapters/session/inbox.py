"""What the peer sent and the caller has not answered yet: bounded, and aware of copies."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from enum import Enum


class Admission(Enum):
    """What became of a request at the door."""

    NEW = "new"
    COPY = "copy"
    FULL = "in_hand_full"
    CLASH = "sequence_reused"
    """Another message under the handle of one in hand: an answer to one would pass for an answer to both."""


@dataclass(frozen=True, slots=True)
class Held:
    """A message in the caller's hands: every copy of it, by handle and sequence, the first one first."""

    identity: Hashable
    handles: list[Hashable]
    sequences: list[int]


class Inbox:
    """Messages in hand, found by handle (what an answer names) and by identity (what makes it the same message)."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._copies = 0
        self._by_handle: dict[Hashable, Held] = {}
        self._by_identity: dict[Hashable, Held] = {}

    def __len__(self) -> int:
        return len(self._by_identity)

    @property
    def is_full(self) -> bool:
        """Whether the next message, new or copy, would be turned away."""
        return self._copies >= self._limit

    def find(self, identity: Hashable) -> Held | None:
        """Return the message in hand that this is a copy of."""
        return self._by_identity.get(identity)

    def admit(self, handle: Hashable, identity: Hashable, sequence: int) -> Admission:
        """Take a message in, or say why not. A copy is remembered, so that it is answered with the first."""
        if self.is_full:
            return Admission.FULL
        held = self._by_identity.get(identity)
        holder = self._by_handle.get(handle)
        if holder is not None and holder is not held:
            return Admission.CLASH
        self._copies += 1
        if held is not None:
            held.sequences.append(sequence)
            held.handles.append(handle)
            self._by_handle[handle] = held
            return Admission.COPY
        held = Held(identity, [handle], [sequence])
        self._by_handle[handle] = held
        self._by_identity[identity] = held
        return Admission.NEW

    def settle(self, handle: Hashable) -> list[int]:
        """Take a message out and return the sequence of every copy; empty when it is not in hand."""
        held = self._by_handle.get(handle)
        if held is None:
            return []
        for copy in held.handles:
            self._by_handle.pop(copy, None)
        del self._by_identity[held.identity]
        self._copies -= len(held.sequences)
        return held.sequences

    def clear(self) -> None:
        """Forget everything in hand: the link it could be answered on is gone."""
        self._by_handle.clear()
        self._by_identity.clear()
        self._copies = 0
