"""The second stage of an erasure: when the retention of consent evidence ends, nothing is left that could be read.

In this order, so that a kill at any step leaves something that begins again where it stopped:

1. One commit holds the ERASE entry and removes the subject's openings, outbox rows, state and number from the registry.
2. The subject's key is destroyed, here and in the key store: what copies of the registry still hold is unreadable.
3. What was deleted is overwritten in the registry's files, too.
4. The erasure is marked as finished.

Who asked for it is erased, and who has no number any more: it was closed, or given to somebody else.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

from gateway.domain.erasure import DAY_MS, has_no_number
from gateway.domain.policy import GATEWAY_ACTOR
from gateway.domain.subscription import Subscriber
from gateway.service.outbox import Origin, OutboxSealer, Task, Timer, outbox_ids_of
from gateway.service.record import PAYLOAD_VERSION, Recorder
from gateway.store.base import Decision, Reads, Store, View
from gateway.store.rows import NO_SUBJECT, Erased, Label, OutboxChange, OutboxRow, OutboxState, SubjectRow
from gateway.tlog.leaf import LeafType
from gateway.tlog.opening import NO_PREVIOUS

log = logging.getLogger(__name__)

KIND = "erase"
ASKED, GONE = "asked", "number_gone"


def erase_timer(state: Subscriber, revision: int, now_ms: int, consent_days: int) -> Timer:
    """The reminder to erase a holder who has no number any more since the entry of ``revision``."""
    detail = {"cause": GONE, "restricted": revision}
    return Timer(Task.ERASE, state.number, now_ms + consent_days * DAY_MS, detail=detail)


def gone_rows(
    sealer: OutboxSealer, origin: Origin, before: Subscriber, after: Subscriber, consent_days: int
) -> tuple[OutboxRow, ...]:
    """The reminder that a number event gives rise to, if the holder ``before`` it has no number ``after`` it."""
    if has_no_number(before) or not has_no_number(after):
        return ()
    return (sealer.timer_row(origin, erase_timer(after, origin.index + 1, origin.now_ms, consent_days)),)


class EraseUnit:
    """Erases the subject under whose label a reminder stands, whoever holds the number now. True if it did."""

    def __init__(self, timer: Timer, row: OutboxRow, recorder: Recorder) -> None:
        self._timer = timer
        self._row = row
        self._recorder = recorder

    @property
    def reads(self) -> Reads:
        """The subject, and the reminder."""
        return Reads(subjects=(self._row.label,), outbox=(self._row.id,))

    def decide(self, view: View) -> Decision[bool]:
        """Erase, unless it was done before or its reason is gone; an early reminder waits."""
        row = view.outbox_row(self._row.id)
        if row is None or row.state is not OutboxState.READY or row.due_ms > view.time_ms:
            return Decision(False)
        subject = view.subject(row.label)
        state = None if subject is None else self._recorder.read_state(subject).state
        if subject is None or state is None or not self._has_reason(state):
            settled = OutboxChange(row.id, OutboxState.READY, OutboxState.SETTLED, row.due_ms, row.attempts + 1)
            return Decision(False, outbox_changes=(settled,))
        return self._erase(view, subject, state)

    def _has_reason(self, state: Subscriber) -> bool:
        asked = self._timer.detail.get("cause", ASKED) == ASKED
        return state.erasure is not None if asked else has_no_number(state)

    def _erase(self, view: View, subject: SubjectRow, state: Subscriber) -> Decision[bool]:
        chain, last_change = self._walk(view, subject)
        erasure, detail = state.erasure, self._timer.detail
        restricted = detail.get("restricted", 0 if erasure is None else erasure.revision)
        # Nothing here may depend on the number: this opening is in clear, and stays.
        payload = {
            "v": PAYLOAD_VERSION,
            "kind": KIND,
            "label": subject.label.hex(),
            "cause": detail.get("cause", ASKED),
            "restricted": restricted,
            "row": last_change + 1,
            "entries": len(chain),
            "unconfirmed": [] if erasure is None else list(erasure.unconfirmed),
        }
        entry = self._recorder.entry(LeafType.ERASE, GATEWAY_ACTOR, NO_SUBJECT, payload)
        ids = tuple(span for index in chain for span in outbox_ids_of(index))
        erased = Erased(subject.label, subject.number_key, subject.epoch, view.next_index, chain, ids)
        return Decision(True, entries=(entry,), erased=(erased,))

    def _walk(self, view: View, subject: SubjectRow) -> tuple[tuple[int, ...], int]:
        """The indexes of all the subject's entries, and of its latest change."""
        index, chain, last_change = subject.last_index, [], NO_PREVIOUS
        while index != NO_PREVIOUS:
            chain.append(index)
            payload = self._recorder.open(view.entry(index))
            if payload is None:
                break
            if "after" in payload and last_change == NO_PREVIOUS:
                last_change = index
            index = payload["prev"]
        return tuple(chain), last_change


@dataclass(frozen=True, slots=True)
class FinishUnit:
    """Marks erasures as finished."""

    labels: tuple[Label, ...]
    reads: Reads = field(default_factory=Reads)

    def decide(self, view: View) -> Decision[None]:
        """Mark them."""
        return Decision(None, destroyed=self.labels)


class Eraser:
    """Carries erasures through; what a kill left half done is finished first. ``erased`` counts those it finished."""

    def __init__(self, store: Store, recorder: Recorder) -> None:
        self._store = store
        self._recorder = recorder
        # Unless somebody has looked, an earlier process may have left something.
        self._unfinished = True
        self.erased = 0

    async def erase(self, timer: Timer, row: OutboxRow) -> bool:
        """Carry out a reminder. Raises StoreError."""
        self._unfinished = True
        return await self._store.commit(EraseUnit(timer, row, self._recorder))

    async def finish(self) -> None:
        """Destroy the keys of all who were erased. Raises StoreError; begin again with it at any time."""
        if not self._unfinished:
            return
        labels = tuple(await self._store.unfinished_erasures())
        if labels:
            await asyncio.to_thread(self._recorder.vault.destroy, labels)
            if not await self._store.scrub():
                return
            await self._store.commit(FinishUnit(labels))
            self.erased += len(labels)
            log.info("erased", extra={"subscribers": len(labels)})
        self._unfinished = False
