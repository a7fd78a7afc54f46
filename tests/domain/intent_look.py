"""What the registry holds, as the model of `intent_model` sees it."""

from __future__ import annotations

from dataclasses import replace

from gateway.domain.enrolment import settle
from gateway.domain.subscription import EnrolmentState, Leg
from tests.domain.intent_model import Intent, Question


def look(leg: Leg, now_ms: int) -> Intent:
    """A leg at a time."""
    told, _ = settle(leg, now_ms)
    wished = frozenset(told.preferences.refused_categories)
    found = Intent(wished if told.refusing else None)
    if told.pending is not None:
        opens = told.pending.target is EnrolmentState.OPEN
        found = replace(found, asked=Question(opens, told.pending.expire_ms, wished if opens else frozenset()))
    if told.undo is not None:
        found = replace(found, aside=(frozenset(told.undo.preferences.refused_categories), told.undo.until_ms))
    return found
