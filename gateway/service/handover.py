"""A number's hand-over from one carrier to another: who is told what, and what a report of having switched off means.

The carrier that lost the number gets an order to switch off, without the wishes, which are no longer its business. The
gaining carrier gets the whole state if its own platform enforces it, at once or when it is heard of, and the subscriber
a notice through it. A switch-off that is not reported in time is told again, and alarmed: `gateway.service.timers`.
"""

from __future__ import annotations

from gateway.domain.capability import Capabilities, Enforcement
from gateway.domain.notices import notice_of_port
from gateway.domain.number_life import SwitchOff
from gateway.domain.porting import Step
from gateway.domain.preferences import Medium
from gateway.domain.subscription import Subscriber
from gateway.service.outbox import Origin, OutboxSealer, Task, Timer
from gateway.service.wakes import wake_for_effects
from gateway.store.rows import OutboxRow


def hand_over_rows(
    sealer: OutboxSealer, origin: Origin, before: Subscriber, step: Step, gaining: Capabilities | None
) -> tuple[OutboxRow, ...]:
    """All that an event gives rise to."""
    after = step.successor or step.after
    rows = [row for told in step.told_off for row in switch_off_rows(sealer, origin, after, told)]
    gains = step.successor is None and after.carrier not in {"", before.carrier}
    if gains and after.ever_on and after.erasure is None:
        if gaining is not None and gaining.enforcement is Enforcement.PLATFORM:
            rows.append(sealer.apply_row(after, Medium.VOICE, origin.label, origin.key, origin.index, origin.now_ms))
        wake = wake_for_effects(after.voice, Medium.VOICE, origin.now_ms)
        if wake is not None and after.voice.effects != before.voice.effects:
            rows.append(sealer.wake_row(wake, origin.label, origin.key, origin.index))
        rows += sealer.unasked_rows(origin, after, notice_of_port(after))
    return tuple(rows)


def switch_off_rows(
    sealer: OutboxSealer, origin: Origin, state: Subscriber, told: SwitchOff
) -> tuple[OutboxRow, OutboxRow]:
    """The order to switch off, and the reminder to look whether it was reported.

    A carrier that serves the number again, for the next holder, is told that holder's state: off or on, it replaces
    what the carrier holds of the one before.
    """
    detail = {"carrier": told.carrier, "version": told.version}
    timer = Timer(Task.SWITCH_OFF_DUE, state.number, told.due_ms, told.carrier, detail)
    if state.refusing and state.carrier == told.carrier:
        order = sealer.apply_row(state, Medium.VOICE, origin.label, origin.key, origin.index, origin.now_ms)
    else:
        order = sealer.switch_off_row(origin, state, told.carrier)
    return order, sealer.timer_row(origin, timer)
