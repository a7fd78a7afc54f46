"""The registry's own reminders: what it has to do at a time, without anybody asking.

Reminders are outbox rows of nobody but the registry, written by the entry that gives rise to them, so that none is
lost; each is heeded by one unit that also settles its row, so that none is heeded twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from gateway.domain.enrolment import drop_aside, end_question
from gateway.domain.number_life import SwitchOff, read_event
from gateway.domain.policy import GATEWAY_ACTOR
from gateway.domain.porting import SWITCH_OFF_WITHIN_MS
from gateway.domain.preferences import Medium
from gateway.domain.subscription import Leg
from gateway.service.eraser import Eraser
from gateway.service.guardians import heed_news, lapse
from gateway.service.handover import switch_off_rows
from gateway.service.number_events import NumberEventUnit, settled
from gateway.service.outbox import REGISTRY, Origin, Task, Timer
from gateway.service.registrar import Registrar
from gateway.service.restriction import alarm_unconfirmed
from gateway.service.subjects import Subject
from gateway.store.base import Decision, Reads, Store, View
from gateway.store.rows import OutboxChange, OutboxRow, OutboxState
from gateway.store.vault import SealError
from optout.kit.clock import Clock

log = logging.getLogger(__name__)

Alarm = Callable[[str], None]
"""Called with the carrier that has not reported in time."""

BATCH_ROWS = 128
POLL_S = 1.0


class ReminderUnit:
    """Heeds a reminder about the holder of a number whom it is for; another holder is none of its business."""

    def __init__(self, timer: Timer, row: OutboxRow, registrar: Registrar) -> None:
        self._timer = timer
        self._row = row
        self._registrar = registrar
        self._number_key = registrar.subjects.number_key(timer.number)

    @property
    def reads(self) -> Reads:
        """The number's holder, and the reminder."""
        return Reads(numbers=(self._number_key,), outbox=(self._row.id,))

    def decide(self, view: View) -> Decision[bool]:
        """Heed it; the result says whether there was anything to do."""
        row = view.outbox_row(self._row.id)
        if row is None or row.state is not OutboxState.READY or row.due_ms > view.time_ms:
            # The log's time may be behind the clock's, if that has stepped back: then it rings again.
            return Decision(False)
        subject = self._registrar.subjects.find(view, self._timer.number)
        # News is kept with whom it comes from, and says itself whom it is for.
        is_meant = self._timer.task is Task.GUARDIAN_NEWS or (subject is not None and subject.label == row.label)
        if subject is not None and is_meant:
            done = _HEED[self._timer.task](view, subject, self._timer, self._registrar)
            if done is not None:
                return replace(done, outbox_changes=(settled(row),))
        return Decision(False, outbox_changes=(settled(row),))


def end_in_leg(
    kind: str, end: Callable[[Leg, int], Leg], view: View, subject: Subject, timer: Timer, registrar: Registrar
) -> Decision[bool] | None:
    """End what a leg held for a time only, by an entry of this kind; None if there is nothing to end."""
    medium = Medium(timer.detail["medium"])
    leg = subject.state.leg(medium)
    after = end(leg, view.time_ms)
    if after is leg:
        return None
    state, content = subject.state.with_leg(medium, after), {"medium": medium.value}
    written = registrar.subjects.write(view, subject, state, kind, GATEWAY_ACTOR, content)
    return Decision(True, entries=(written.entry,), subjects=(written.row,))


def alarm_switch_off(view: View, subject: Subject, timer: Timer, registrar: Registrar) -> Decision[bool] | None:
    """Record that a carrier has not reported a switch-off in time, and tell it again; None if it has."""
    carrier, version = timer.detail["carrier"], timer.detail["version"]
    if all((one.carrier, one.version) != (carrier, version) for one in subject.state.life.switch_offs):
        return None
    content = {"carrier": carrier, "told_at_version": version}
    written = registrar.subjects.write(view, subject, subject.state, "switch_off_overdue", GATEWAY_ACTOR, content)
    told = SwitchOff(carrier, version, view.time_ms + SWITCH_OFF_WITHIN_MS)
    origin = Origin(subject.label, None, written.index, view.time_ms)
    rows = switch_off_rows(registrar.sealer, origin, subject.state, told)
    return Decision(True, entries=(written.entry,), subjects=(written.row,), outbox=rows)


Heed = Callable[[View, Subject, Timer, Registrar], Decision[bool] | None]
_HEED: dict[Task, Heed] = {
    Task.DROP_ASIDE: partial(end_in_leg, "aside_dropped", drop_aside),
    Task.END_QUESTION: partial(end_in_leg, "question_ended", end_question),
    Task.SWITCH_OFF_DUE: alarm_switch_off,
    Task.GUARDIANS_DUE: lapse,
    Task.GUARDIAN_NEWS: heed_news,
    Task.ERASURE_UNCONFIRMED: alarm_unconfirmed,
}


@dataclass(frozen=True, slots=True)
class Timers:
    """Heeds reminders as they come due.

    ``alarm`` hears of overdue switch-offs, ``alarm_erasure`` of carriers that do not report that they erased.
    """

    store: Store
    registrar: Registrar
    clock: Clock
    eraser: Eraser
    alarm: Alarm = lambda _: None
    alarm_erasure: Alarm = lambda _: None

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            if await self.ring() < BATCH_ROWS:
                await self.clock.sleep(POLL_S)

    async def ring(self) -> int:
        """Heed what is due, some of it at most; returns how many reminders that were."""
        rows = await self.store.due(REGISTRY, self.clock.now_ms(), BATCH_ROWS)
        for row in rows:
            await self._heed(row)
        await self.eraser.finish()
        return len(rows)

    async def _heed(self, row: OutboxRow) -> None:
        try:
            timer = self.registrar.sealer.open_timer(row)
            done = await self._commit(timer, row)
        except SealError as error:
            # Whom it is about has been erased.
            dead = OutboxChange(row.id, row.state, OutboxState.DEAD, row.due_ms, row.attempts, f"SEAL_{error.reason}")
            await self.store.change_outbox((dead,))
            return
        if done and timer.task is Task.SWITCH_OFF_DUE:
            carrier = timer.detail["carrier"]
            log.warning("switch-off overdue", extra={"carrier": carrier, "order": row.id})
            self.alarm(carrier)
        if done and timer.task is Task.ERASURE_UNCONFIRMED:
            carrier = timer.detail["carrier"]
            log.warning("erasure not confirmed", extra={"carrier": carrier, "order": row.id})
            self.alarm_erasure(carrier)

    async def _commit(self, timer: Timer, row: OutboxRow) -> bool:
        if timer.task is Task.ERASE:
            return await self.eraser.erase(timer, row)
        if timer.task is not Task.TAKE_EVENT:
            return await self.store.commit(ReminderUnit(timer, row, self.registrar))
        event, party = read_event(timer.detail["event"]), timer.detail["party"]
        await self.store.commit(NumberEventUnit(event, party, self.registrar, row))
        return True
