"""What waits in the outbox: the sealed content of its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Any

from gateway.domain.codec import Map, read_subscriber, write_subscriber
from gateway.domain.instruction import Instruction
from gateway.domain.notices import Notice
from gateway.domain.preferences import Medium
from gateway.domain.subscription import Subscriber
from gateway.store.rows import OWN_QUEUE, Label, OutboxKind, OutboxRow
from gateway.store.vault import Vault
from gateway.tlog.opening import decode_payload, encode_typed
from optout.kit.number import PhoneNumber
from optout.kit.values import dataclass, replace

OUTBOX_PURPOSE = "outbox"
REGISTRY = "@registry"
"""Whose rows are the registry's own; no party can be called that."""
NOTICE_LIFE_MS = 24 * 3600 * 1000
"""How long a notice is worth sending, unless it says otherwise itself."""
ORDER_LIFE_MS = 48 * 3600 * 1000
"""How long an order to a carrier's platform is tried before it goes to the dead letters."""
NEVER_MS = 2**53
"""When a reminder or a wake expires: it is good for nothing but its time."""


@dataclass(frozen=True, slots=True)
class NoticeOrder:
    """A notice to be sent. ``account`` and ``reference`` name the carrier's message that it answers, if any."""

    id: str
    number: PhoneNumber
    template: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    account: str = ""
    reference: str = ""
    expire_ms: int = 0


@dataclass(frozen=True, slots=True)
class ApplyOrder:
    """A state to be carried out by a carrier's platform; ``switch_off`` if the carrier lost the number."""

    id: str
    subscriber: Subscriber
    medium: Medium
    revision: int
    switch_off: bool = False


class Task(StrEnum):
    """What the registry reminds itself of."""

    DROP_ASIDE = "drop_aside"
    """What a cancellation put aside can no longer be taken back."""
    END_QUESTION = "end_question"
    """The time for a second word is over."""
    TAKE_EVENT = "take_event"
    """A number event that was told beforehand holds now."""
    SWITCH_OFF_DUE = "switch_off_due"
    """A carrier that lost a number should have reported that it switched it off."""
    ERASURE_UNCONFIRMED = "erasure_unconfirmed"
    """Carriers should have reported that they erased what they held."""
    ERASE = "erase"
    """The retention of consent evidence has ended: the key is to be destroyed."""
    GUARDIANS_DUE = "guardians_due"
    """A guardian's time, or a question's, is over."""
    GUARDIAN_NEWS = "guardian_news"
    """The other side of a guardianship has to learn something."""


@dataclass(frozen=True, slots=True)
class Timer:
    """A reminder about one number, due at ``due_ms``; ``key`` and ``detail`` are the task's own.

    ``index`` is that of the entry that gave rise to it, once it is taken out of the outbox.
    """

    task: Task
    number: PhoneNumber
    due_ms: int
    key: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    index: int = 0


@dataclass(frozen=True, slots=True)
class Origin:
    """The entry that rows come from: its index and time, the subject's label, and the subject's key if it is new."""

    label: Label
    key: bytes | None
    index: int
    now_ms: int


class WakeKind(StrEnum):
    """What is to be looked at when a time comes."""

    EFFECTS = "effects"
    SUMMARY = "summary"


@dataclass(frozen=True, slots=True)
class Wake:
    """A time (Unix ms) at which the gateway looks at a subject's leg again, whatever becomes of it in between."""

    kind: WakeKind
    medium: Medium
    due_ms: int


def outbox_ids_of(index: int) -> tuple[tuple[str, str], ...]:
    """All ids of rows that the entry at ``index`` may have given rise to: ranges, first and beyond last."""
    return tuple((f"{kind}-{index:016x}", f"{kind}-{index:016x}.") for kind in ("a", "n", "t", "w"))


class OutboxSealer:
    """Puts orders into rows and takes them out again."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def notice_rows(
        self, notices: tuple[Notice, ...], cause: Instruction, label: Label, key: bytes | None, index: int, now_ms: int
    ) -> tuple[OutboxRow, ...]:
        """One row for each notice that the instruction at ``index`` gives rise to."""
        origin = Origin(label, key, index, now_ms)
        reply = {"number": cause.number, "account": cause.account, "reference": cause.reference}
        return self._notice_rows(origin, cause.carrier, notices, reply)

    def unasked_rows(self, origin: Origin, state: Subscriber, notices: tuple[Notice, ...]) -> tuple[OutboxRow, ...]:
        """One row for each notice that answers nothing, for the carrier that serves the number to send.

        Who asked to be erased is told nothing any more that was not asked just now.
        """
        if state.erasure is not None:
            return ()
        return self._notice_rows(origin, state.carrier, notices, {"number": state.number})

    def told_rows(
        self, notices: tuple[Notice, ...], state: Subscriber, label: Label, index: int, due_ms: int
    ) -> tuple[OutboxRow, ...]:
        """The same for what need not be told at once: sent when due."""
        return self.unasked_rows(Origin(label, None, index, due_ms), state, notices)

    def _notice_rows(
        self, origin: Origin, carrier: str, notices: tuple[Notice, ...], to: Mapping[str, str]
    ) -> tuple[OutboxRow, ...]:
        rows = []
        for place, notice in enumerate(notices):
            content: Map = {"template": notice.template, "parameters": dict(notice.parameters), **to}
            if notice.expire_ms:
                content["until_ms"] = notice.expire_ms
            expire_ms = notice.expire_ms or origin.now_ms + NOTICE_LIFE_MS
            name = f"n-{origin.index:016x}-{place}"
            rows.append(self._row(origin, name, carrier, OutboxKind.NOTIFY, content, expire_ms))
        return tuple(rows)

    def apply_row(
        self, state: Subscriber, medium: Medium, label: Label, key: bytes | None, index: int, now_ms: int
    ) -> OutboxRow:
        """The row that has a carrier's platform carry out a state that the entry at ``index`` brought about."""
        content = {"state": write_subscriber(state), "medium": medium.value}
        origin = Origin(label, key, index, now_ms)
        return self._row(origin, f"a-{index:016x}", state.carrier, OutboxKind.APPLY, content)

    def switch_off_row(self, origin: Origin, state: Subscriber, carrier: str) -> OutboxRow:
        """The row that tells a carrier which lost the number to switch off. It learns nothing of the wishes."""
        content = {
            "state": write_subscriber(state.without_wishes()),
            "medium": Medium.VOICE.value,
            "switch_off": True,
        }
        return self._row(origin, f"a-{origin.index:016x}-off-{carrier}", carrier, OutboxKind.APPLY, content)

    def erasure_row(self, origin: Origin, state: Subscriber, carrier: str) -> OutboxRow:
        """The row that tells a carrier to erase what it holds; who no longer serves the number switches off as well."""
        serves = carrier == state.carrier
        content = {
            "state": write_subscriber(state if serves else state.without_wishes()),
            "medium": Medium.VOICE.value,
            "switch_off": not serves,
        }
        row = self._row(origin, f"a-{origin.index:016x}-erase-{carrier}", carrier, OutboxKind.APPLY, content)
        # After the notice of the same entry, which the carrier is to have before it erases.
        return replace(row, due_ms=row.due_ms + 1)

    def timer_row(self, origin: Origin, timer: Timer) -> OutboxRow:
        """The row by which the registry reminds itself; one entry gives rise to one of each task and key at most."""
        content = {"number": timer.number, "task": timer.task.value, "detail": dict(timer.detail)}
        name = f"t-{origin.index:016x}-{timer.task.value}-{timer.key}"
        row = self._row(origin, name, REGISTRY, OutboxKind.TIMER, content)
        return replace(row, due_ms=timer.due_ms, expire_ms=NEVER_MS)

    def open_timer(self, row: OutboxRow) -> Timer:
        """The reminder in a TIMER row. Raises SealError."""
        content = self._open(row)
        number, detail = PhoneNumber(content["number"]), content["detail"]
        return Timer(Task(content["task"]), number, row.due_ms, detail=detail, index=row.index)

    def wake_row(self, wake: Wake, label: Label, key: bytes | None, index: int) -> OutboxRow:
        """The row that wakes the gateway about a subject; one for each kind and entry."""
        return OutboxRow(
            f"w-{index:016x}-{wake.kind.value}",
            OWN_QUEUE,
            OutboxKind.WAKE,
            label,
            index,
            wake.due_ms,
            NEVER_MS,
            self._seal(label, key, {"kind": wake.kind.value, "medium": wake.medium.value}),
        )

    def open_wake(self, row: OutboxRow) -> Wake:
        """The wake in a WAKE row. Raises SealError."""
        content = self._open(row)
        return Wake(WakeKind(content["kind"]), Medium(content["medium"]), row.due_ms)

    def open_notice(self, row: OutboxRow) -> NoticeOrder:
        """The notice in a NOTIFY row. Raises SealError."""
        content = self._open(row)
        content.pop("until_ms", None)
        return NoticeOrder(id=row.id, expire_ms=row.expire_ms, **content)

    def fresh_expiry(self, row: OutboxRow, now_ms: int) -> int:
        """Until when an order that is tried again is worth carrying out, in Unix ms: never beyond a time that it names.

        A time that is past means that it is not. Raises SealError.
        """
        if row.kind is not OutboxKind.NOTIFY:
            return now_ms + ORDER_LIFE_MS
        until_ms: int = self._open(row).get("until_ms", NEVER_MS)
        return min(now_ms + NOTICE_LIFE_MS, until_ms)

    def open_apply(self, row: OutboxRow) -> ApplyOrder:
        """The order in an APPLY row. Raises SealError."""
        content = self._open(row)
        state, medium = read_subscriber(content["state"]), Medium(content["medium"])
        return ApplyOrder(row.id, state, medium, row.index + 1, content.get("switch_off", False))

    def _row(
        self, origin: Origin, name: str, carrier: str, kind: OutboxKind, content: Map, expire_ms: int = 0
    ) -> OutboxRow:
        """A row due at its origin's time; without ``expire_ms`` it expires as orders do."""
        sealed = self._seal(origin.label, origin.key, content)
        expire_ms = expire_ms or origin.now_ms + ORDER_LIFE_MS
        return OutboxRow(name, carrier, kind, origin.label, origin.index, origin.now_ms, expire_ms, sealed)

    def _seal(self, label: Label, key: bytes | None, content: Map) -> bytes:
        return self._vault.seal(label, key, OUTBOX_PURPOSE, encode_typed(content))

    def _open(self, row: OutboxRow) -> Map:
        return decode_payload(self._vault.unseal(row.label, OUTBOX_PURPOSE, row.sealed))
