"""Effects as plain maps: see `gateway.domain.codec`.

What is known of the service lies flat among the leg's other keys, where the first version of the layout had it; items
that it is not true of follow under ``items``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.domain.effects import Effects, EffectState, Knowledge
from gateway.domain.instruction import ExpectedEffect, Item, ItemKind, Precondition
from optout.kit.values import by_value

Map = dict[str, Any]

EFFECT_STATES, ITEM_KINDS = by_value(EffectState), by_value(ItemKind)
_EXPECTED = by_value(ExpectedEffect)


def write_effects(value: Effects) -> Map:
    """Effects as keys of their leg's map."""
    out = _write_knowledge(value.service)
    if value.items:
        out["items"] = [[item.kind.value, item.value, _write_knowledge(known)] for item, known in value.items]
    return out


def read_effects(data: Mapping[str, Any]) -> Effects:
    """Effects from their leg's map."""
    items = tuple(
        (Item(ITEM_KINDS[kind], value), _read_knowledge(known)) for kind, value, known in data.get("items", ())
    )
    return Effects(_read_knowledge(data), items)


def _write_knowledge(value: Knowledge) -> Map:
    out: Map = {"effect": value.state.value}
    if value.effective_by_ms is not None:
        out["effective_by"] = value.effective_by_ms
    if value.version:
        out["effect_of"] = value.version
    if value.expected is not ExpectedEffect.UNKNOWN:
        out["expected"] = value.expected.value
    if value.report_ms is not None:
        out["reported"] = value.report_ms
    if value.precondition is not None:
        out["lacks"] = write_precondition(value.precondition)
    return out


def _read_knowledge(data: Mapping[str, Any]) -> Knowledge:
    return Knowledge(
        EFFECT_STATES[data["effect"]],
        data.get("effective_by"),
        data.get("effect_of", 0),
        _EXPECTED[data.get("expected", "unknown")],
        data.get("reported"),
        read_precondition(data.get("lacks")),
    )


def write_precondition(value: Precondition) -> list[str]:
    """A precondition as its code and remedy."""
    return [value.code, value.remedy]


def read_precondition(data: list[str] | None) -> Precondition | None:
    """A precondition from its code and remedy."""
    return None if data is None else Precondition(*data)
