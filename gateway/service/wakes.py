"""Wakes: the gateway's own rows of the outbox, for what falls due by time alone.

A wake is written in the transaction that gives it its reason, so none is lost, and nobody has to search all subscribers
for those whose time has come. When due it is looked at once, in a unit of work that settles it together with whatever
it writes; if its reason has gone by then, nothing else happens.
"""

from __future__ import annotations

from gateway.domain.preferences import Medium
from gateway.domain.subscription import Leg
from gateway.service.outbox import Wake, WakeKind
from gateway.store.base import View
from gateway.store.rows import OutboxChange, OutboxRow, OutboxState

UNHEARD_MS = 60_000
"""How long to wait for the declaration of a carrier that has not been heard yet."""


def wake_for_effects(leg: Leg, medium: Medium, now_ms: int) -> Wake | None:
    """When to look at a leg's effects again: once the first of them is overdue, or the carrier may have been heard."""
    due_ms = leg.effects.due_ms
    if due_ms is None and leg.effects.is_unheard:
        due_ms = now_ms + UNHEARD_MS
    return None if due_ms is None else Wake(WakeKind.EFFECTS, medium, due_ms)


def find_wake(view: View, row: OutboxRow) -> OutboxRow | None:
    """The wake as it stands; None if it was looked at before, or is not due by the log's time.

    It must be among the unit's reads.
    """
    found = view.outbox_row(row.id)
    if found is None or found.state is not OutboxState.READY or found.due_ms > view.time_ms:
        return None
    return found


def settle_wake(row: OutboxRow, reason: str) -> OutboxChange:
    """The wake, looked at; ``reason`` says what came of it."""
    return OutboxChange(row.id, OutboxState.READY, OutboxState.SETTLED, row.due_ms, row.attempts + 1, reason)


def postpone_wake(row: OutboxRow, due_ms: int) -> OutboxChange:
    """The wake, to be looked at again later."""
    return OutboxChange(row.id, OutboxState.READY, OutboxState.READY, due_ms, row.attempts + 1)
