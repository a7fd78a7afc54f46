"""The rows that stores keep: opaque to the engine, whose business is only to keep them together.

Personal data stands in ``sealed`` fields alone (AES-GCM under the subject's key); everything else may be read by
whoever can read the file. See ADR-0004 (sealing) and ADR-0002 (one entry per instruction).
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import NewType

from optout.kit.values import dataclass

NumberKey = NewType("NumberKey", bytes)
"""Keyed hash of a number: 32 bytes. Finds the number's present holder."""

Label = NewType("Label", bytes)
"""Keyed hash of a number and its epoch: 32 bytes. Names one subject, that is, one holder of one number."""

Place = tuple[int, NumberKey]
"""Where a number stands on the list of its mark: ``since_ms`` and its key."""

NO_SUBJECT = Label(b"")
"""The label of entries that concern nobody in particular, such as a policy. Their openings are not sealed."""


OWN_QUEUE = ":gateway"
"""Stands for the carrier in rows that the gateway addresses to itself; no party can have this name."""


class OutboxKind(StrEnum):
    """What an outbox row asks of the carrier, or with WAKE, at its time, of the gateway itself."""

    NOTIFY = "notify"
    APPLY = "apply"
    TIMER = "timer"
    """Nothing: the registry itself has something to do at the time when the row is due."""
    WAKE = "wake"


class OutboxState(IntEnum):
    """Where an outbox row stands. READY rows are sent when due; the others rest."""

    READY = 0
    SENT = 1
    """The carrier's adapter took it durably; what became of it follows as a report."""
    SETTLED = 2
    """Reported as delivered, applied or finally failed."""
    DEAD = 3
    """Given up with a reason; visible, and replayed only by hand."""


@dataclass(frozen=True, slots=True)
class NumberRow:
    """Who holds a number now, and who serves it. ``since_ms`` is Unix time in ms of the latest change of either.

    ``mark`` puts the number on one list by that name, such as a carrier's claims to look at; empty for none.
    """

    number_key: NumberKey
    label: Label
    epoch: int
    carrier: str
    basis: str
    since_ms: int
    mark: str = ""


@dataclass(frozen=True, slots=True)
class SubjectRow:
    """One subject's present state: a cache of the fold of its entries.

    ``last_index`` is the index of its latest entry, ``version`` the number of changes so far, ``state`` the enrolment
    state's name (for lists), ``sealed`` the whole state.
    """

    label: Label
    number_key: NumberKey
    epoch: int
    carrier: str
    state: str
    version: int
    last_index: int
    sealed: bytes


@dataclass(frozen=True, slots=True)
class NewEntry:
    """An entry to be appended to the log.

    ``commitment`` is the leaf's 32 bytes over salt and payload; ``sealed_opening`` is salt and payload, sealed under
    the subject's key, or in clear for ``NO_SUBJECT``. The engine makes the leaf, since it alone knows the time.
    An EPOCH's ``commitment`` is the map's root, it covers the entries before it, and it has no opening (empty bytes).
    """

    type: int
    actor: int
    flags: int
    label: Label
    commitment: bytes
    sealed_opening: bytes


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One entry as stored: ``leaf`` is the 48-byte leaf (56 for an EPOCH).

    ``sealed_opening`` is None once erased, and for an EPOCH, which hides nothing.
    """

    index: int
    leaf: bytes
    label: Label
    sealed_opening: bytes | None


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """The first answer under an idempotency key: which entry holds it, and of what content it was the answer."""

    key: bytes
    digest: bytes
    index: int
    expire_ms: int


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """Something a carrier must be asked to do. ``id`` is unique for ever and names it to the carrier."""

    id: str
    carrier: str
    kind: OutboxKind
    label: Label
    index: int
    due_ms: int
    expire_ms: int
    sealed: bytes
    state: OutboxState = OutboxState.READY
    attempts: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class OutboxChange:
    """A change to one outbox row. Applied only if the row is in ``expected`` state.

    ``expire_ms`` is a new time to live; None leaves the row's own.
    """

    id: str
    expected: OutboxState
    state: OutboxState
    due_ms: int
    attempts: int
    reason: str = ""
    expire_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Erased:
    """A subject to be erased by the ERASE entry at ``index``: what of it goes with that entry's commit.

    ``openings`` are the indexes of the subject's entries, ``outbox`` ranges of outbox ids, first and beyond last.
    """

    label: Label
    number_key: NumberKey
    epoch: int
    index: int
    openings: tuple[int, ...] = ()
    outbox: tuple[tuple[str, str], ...] = ()

    def takes(self, outbox_id: str) -> bool:
        """Whether an outbox row goes with it."""
        return any(first <= outbox_id < beyond for first, beyond in self.outbox)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A subject's fresh 32-byte key, to be durable before the entry that it seals."""

    label: Label
    key: bytes


@dataclass(frozen=True, slots=True)
class HeadRow:
    """The log's head: ``size`` entries, ``root`` (32 bytes), the compact range's bytes, and the latest accept time."""

    size: int
    root: bytes
    compact_range: bytes
    time_ms: int
