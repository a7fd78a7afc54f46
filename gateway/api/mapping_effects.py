"""What is known of effects, domain → wire, and what carriers report of them, wire → domain."""

from __future__ import annotations

from collections.abc import Collection

from gateway.api.fields import check_count, invalid, missing, read_number, read_text, read_time, require_id, write_time
from gateway.api.mapping_enums import EFFECT_STATE, EXPECTED_EFFECT, ITEM_KIND
from gateway.api.mapping_instruction import read_medium
from gateway.domain.effects import EffectState, Knowledge
from gateway.domain.instruction import Item, ItemKind, Precondition
from gateway.domain.knowledge import ReportedEffect
from gateway.domain.subscription import Leg
from gateway.service.views import AppliedReport
from optout.kit.number import parse_subscriber
from optout.v1 import registry_pb2, types_pb2

MAX_EFFECTS = 4096
MAX_VALUE_CHARS = 64
MAX_REMEDY_CHARS = 200
_NUMBERS = frozenset({ItemKind.REJECT_NUMBER, ItemKind.ALLOW_NUMBER})


def write_effects(leg: Leg) -> list[types_pb2.Effect]:
    """What is known of a leg, the service first; nothing of one that asks nothing of the network."""
    if not leg.refusing and leg.effects.word is EffectState.APPLIED:
        return []
    if not leg.refusing and leg.effects.service.version == 0:
        return []
    return [_write_effect(item, known) for item, known in leg.effects]


def _write_effect(item: Item, known: Knowledge) -> types_pb2.Effect:
    return types_pb2.Effect(
        item=write_item(item),
        state=EFFECT_STATE.encode(known.state),
        expected=EXPECTED_EFFECT.encode(known.expected),
        effective_by=None if known.effective_by_ms is None else write_time(known.effective_by_ms),
        report_time=None if known.report_ms is None else write_time(known.report_ms),
        precondition=write_precondition(known.precondition),
    )


def write_item(item: Item) -> types_pb2.Item:
    """One part of a subscription."""
    return types_pb2.Item(kind=ITEM_KIND.encode(item.kind), value=item.value)


def write_precondition(value: Precondition | None) -> types_pb2.Precondition | None:
    """A condition that is not met, if there is one."""
    return None if value is None else types_pb2.Precondition(code=value.code, remedy=value.remedy)


def read_applied_report(message: registry_pb2.ReportAppliedRequest) -> AppliedReport:
    """Read one report, checking every field. Raises RefusedError."""
    report_id = require_id(message.report_id, "report_id")
    if not message.HasField("report_time"):
        raise missing("report_time")
    effects = read_effects(message.effects, "effects")
    if not (effects or message.switched_off or message.erased):
        raise missing("effects")
    return AppliedReport(
        report_id,
        read_number(message.number, "number", parse_subscriber),
        read_medium(message.medium, "medium"),
        message.version,
        effects,
        read_time(message.report_time, "report_time"),
        message.switched_off,
        message.erased,
        epoch=message.epoch,
    )


def read_effects(messages: Collection[types_pb2.Effect], field: str) -> tuple[ReportedEffect, ...]:
    """What a carrier says item by item. Raises RefusedError."""
    check_count(messages, field, MAX_EFFECTS)
    return tuple(_read_effect(message, f"{field}[{place}]") for place, message in enumerate(messages))


def _read_effect(message: types_pb2.Effect, field: str) -> ReportedEffect:
    state = EFFECT_STATE.decode(message.state)
    if state is None or state is EffectState.OVERDUE:
        raise invalid(f"{field}.state", "not accepted, applied, degraded or unsupported")
    lacking = message.precondition if message.HasField("precondition") else None
    return ReportedEffect(
        _read_item(message.item, f"{field}.item"),
        state,
        None if lacking is None else _read_precondition(lacking, f"{field}.precondition"),
    )


def _read_item(message: types_pb2.Item, field: str) -> Item:
    kind = ITEM_KIND.decode(message.kind)
    if kind is None:
        raise invalid(f"{field}.kind", "missing or unknown")
    if kind in _NUMBERS:
        return Item(kind, read_number(message.value, f"{field}.value"))
    return Item(kind, read_text(message.value, f"{field}.value", MAX_VALUE_CHARS))


def _read_precondition(message: types_pb2.Precondition, field: str) -> Precondition:
    code = read_text(message.code, f"{field}.code", MAX_VALUE_CHARS)
    if not code:
        raise missing(f"{field}.code")
    return Precondition(code, read_text(message.remedy, f"{field}.remedy", MAX_REMEDY_CHARS))
