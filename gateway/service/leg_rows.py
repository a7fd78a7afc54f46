"""What a change of a leg gives rise to besides notices: an order to its carrier's platform, reminders and a look."""

from __future__ import annotations

from gateway.domain.capability import Capabilities, Enforcement
from gateway.domain.preferences import Medium
from gateway.domain.subscription import Subscriber
from gateway.service.outbox import Origin, OutboxSealer, Task, Timer
from gateway.service.wakes import wake_for_effects
from gateway.store.rows import OutboxRow


def reminder_rows(
    sealer: OutboxSealer, origin: Origin, before: Subscriber, after: Subscriber, medium: Medium
) -> tuple[OutboxRow, ...]:
    """The reminders of what a leg holds for a time only: what lies aside, and a question that waits for a word."""
    old, new, due = before.leg(medium), after.leg(medium), {}
    if new.undo is not None and new.undo != old.undo:
        due[Task.DROP_ASIDE] = new.undo.until_ms
    if new.pending is not None and new.pending != old.pending:
        due[Task.END_QUESTION] = new.pending.expire_ms
    detail = {"medium": medium.value}
    timers = (Timer(task, after.number, due_ms, medium.value, detail) for task, due_ms in due.items())
    return tuple(sealer.timer_row(origin, timer) for timer in timers)


def leg_rows(
    sealer: OutboxSealer,
    origin: Origin,
    before: Subscriber,
    after: Subscriber,
    medium: Medium,
    capabilities: Capabilities | None,
) -> tuple[OutboxRow, ...]:
    """The rows of a leg of which something is to be carried out; none where nothing is."""
    leg = after.leg(medium)
    if leg.effects == before.leg(medium).effects:
        return ()
    rows: tuple[OutboxRow, ...] = ()
    # The order to erase, which goes to every carrier whatever it enforces, switches off as well.
    is_told = after.erasure is not None and before.erasure is None
    if not is_told and capabilities is not None and capabilities.enforcement is Enforcement.PLATFORM:
        rows = (sealer.apply_row(after, medium, origin.label, origin.key, origin.index, origin.now_ms),)
    wake = wake_for_effects(leg, medium, origin.now_ms)
    return rows if wake is None else (*rows, sealer.wake_row(wake, origin.label, origin.key, origin.index))
