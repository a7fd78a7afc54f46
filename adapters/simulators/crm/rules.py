"""What an adapter may answer: each rule has a name, and every reply is held against all of them.

=====================  =======================================================================================
rule                   broken by
=====================  =======================================================================================
http_status            another status than 200 for a request with a head that can be read
reply_unreadable       a reply that is not of the envelope, or with a code the carrier does not have
serial_not_echoed      a reply under another serial than the request's
reply_without_text     a reply with no sentence for the agent
answer_changed         a repeated order that gets another answer than the first that was not "later"
reuse_taken            another order under a serial that was answered, and any result but "serial reused"
spoilt_taken           a request with a wrong signature, time, service or body, and a result that says it was booked
booked_without_state   a booked order whose reply does not say how the subscriber stands now
pending_without_time   a reply that says a confirmation is awaited, and not until when
=====================  =======================================================================================
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from adapters.simulators.crm.entries import Booking, Spoil
from adapters.simulators.crm.tongues import Reply
from adapters.wire.answer import Answer, Result, Retry
from adapters.wire.order import Order

_BOOKED = frozenset({Result.DONE, Result.ALREADY_SO, Result.NEEDS_CONFIRMATION})
_SPOILT = {
    Spoil.SIGNATURE: frozenset({Result.BAD_SIGNATURE}),
    Spoil.STALE: frozenset({Result.BAD_SIGNATURE}),
    Spoil.SERVICE: frozenset({Result.MALFORMED}),
    Spoil.BODY: frozenset({Result.MALFORMED}),
}


@dataclass(slots=True)
class Ledger:
    """What this CRM was told of each serial: the order that holds it, and the first answer that is to stay."""

    _held: dict[str, tuple[Order, Answer]] = field(default_factory=dict)

    def check(self, booking: Booking, serial: str, reply: Reply) -> Iterator[str]:
        """Yield the rules that a reply breaks, and remember what it says."""
        answer = reply.answer
        if reply.serial != serial:
            yield "serial_not_echoed"
        if not reply.sentence:
            yield "reply_without_text"
        if booking.spoil is not Spoil.NOTHING:
            if answer.result not in _SPOILT[booking.spoil]:
                yield "spoilt_taken"
            return
        if answer.result in _BOOKED and not (answer.state and answer.state_text):
            yield "booked_without_state"
        if answer.state.startswith("pending_") and not answer.confirm_by:
            yield "pending_without_time"
        yield from self._check_serial(booking.order, serial, answer)

    def clear(self) -> None:
        """Forget every serial."""
        self._held.clear()

    def _check_serial(self, order: Order, serial: str, answer: Answer) -> Iterator[str]:
        if answer.retry is Retry.LATER:
            return
        if serial not in self._held:
            if answer.result is not Result.SERIAL_REUSED:
                self._held[serial] = order, answer
            return
        held, first = self._held[serial]
        if held != order:
            if answer.result is not Result.SERIAL_REUSED:
                yield "reuse_taken"
        elif answer != first:
            yield "answer_changed"
