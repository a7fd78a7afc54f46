"""The first stage of an erasure: who is told that every use has stopped, and what becomes of what was under way.

The subscriber gets one notice with both dates, and no other from then on but answers to texts. Every carrier that
serves or served the number gets an order of its own to erase what it holds; who does not report within a day that it
did is told again, and alarmed. What waits in the outbox from before is not sent any more (`gateway.service.addressee`).
"""

from __future__ import annotations

from gateway.domain.erasure import CONFIRM_WITHIN_MS
from gateway.domain.instruction import Disposition, Verdict
from gateway.domain.notices import Notice, notice_of_erasure
from gateway.domain.policy import GATEWAY_ACTOR
from gateway.domain.subscription import Subscriber
from gateway.service.outbox import Origin, OutboxSealer, Task, Timer
from gateway.service.registrar import Registrar
from gateway.service.subjects import Subject
from gateway.store.base import Decision, View
from gateway.store.rows import OutboxRow


def notices_seen(notices: tuple[Notice, ...], state: Subscriber, verdict: Verdict) -> tuple[Notice, ...]:
    """What an answer says to whom use is restricted for: both dates, in place of wishes that are no more."""
    if state.erasure is None or verdict.disposition is Disposition.REFUSED or not notices:
        return notices
    return (notice_of_erasure(state.erasure),)


def restriction_rows(
    sealer: OutboxSealer, origin: Origin, before: Subscriber, state: Subscriber
) -> tuple[OutboxRow, ...]:
    """Orders to all who hold anything, and the reminders of both dates; nothing if it was so before, or is not."""
    erasure = state.erasure
    if erasure is None or before.erasure is not None:
        return ()
    orders = (row for carrier in erasure.unconfirmed for row in _order_rows(sealer, origin, state, carrier))
    return (*orders, sealer.timer_row(origin, Timer(Task.ERASE, state.number, erasure.erase_by_ms)))


def alarm_unconfirmed(view: View, subject: Subject, timer: Timer, registrar: Registrar) -> Decision[bool] | None:
    """Record that a carrier has not reported that it erased what it held, and tell it again; None if it has."""
    erasure, carrier = subject.state.erasure, timer.detail["carrier"]
    if erasure is None or carrier not in erasure.unconfirmed:
        return None
    content = {"carrier": carrier}
    written = registrar.subjects.write(view, subject, subject.state, "erasure_unconfirmed", GATEWAY_ACTOR, content)
    origin = Origin(subject.label, None, written.index, view.time_ms)
    rows = _order_rows(registrar.sealer, origin, subject.state, carrier)
    return Decision(True, entries=(written.entry,), subjects=(written.row,), outbox=rows)


def _order_rows(sealer: OutboxSealer, origin: Origin, state: Subscriber, carrier: str) -> tuple[OutboxRow, OutboxRow]:
    due_ms, detail = origin.now_ms + CONFIRM_WITHIN_MS, {"carrier": carrier}
    timer = Timer(Task.ERASURE_UNCONFIRMED, state.number, due_ms, carrier, detail)
    return sealer.erasure_row(origin, state, carrier), sealer.timer_row(origin, timer)
