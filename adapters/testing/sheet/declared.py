"""What a carrier declares: who it is, what it can do, what is on from the first moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from adapters.carrier.apply import list_effects
from adapters.carrier.base import Carrier, CarrierData
from adapters.carrier.contract import name_value, write_capabilities, write_opening, write_segment
from adapters.carrier.platform_orders import read_applied
from adapters.testing.sheet.form import Sheet
from adapters.testing.sheet.idle import list_idle, list_mismatches
from adapters.wire.platform import AppliedEvent, Force, ItemForce
from optout.v1 import carrier_pb2, types_pb2

USED = "data: nothing in it is idle, and each channel has what it needs"
_LACKS = ("VOLTE_OFF", "newer_than_us")


def observe_declared(carrier: Carrier) -> Sheet:
    """Tell everything that the gateway hears without asking for anything."""
    data = carrier.data
    return {
        "declares: who it is": {
            "id": data.id,
            "name": data.name,
            "name_en": data.name_en,
            "service_code": data.service_code,
            "agents": data.agents,
            "wording": data.notices.version,
        },
        "declares: capabilities": _list_capabilities(data),
        "declares: opening": _describe_opening(data),
        "carries out: a full subscription": _carry_out(data),
        "explains: what its platform finds unmet": {lack: _read_remedy(data, lack) for lack in _list_lacks(data)},
        USED: dict.fromkeys(sorted({*list_idle(data), *list_mismatches(carrier)}), "is wrong"),
    }


def _list_capabilities(data: CarrierData) -> Mapping[str, str]:
    declared = write_capabilities(data)
    lines = {
        "carrier": declared.carrier,
        "version": declared.version,
        "enforcement": name_value(carrier_pb2.Enforcement, declared.enforcement),
        "effect_delay": f"{declared.effect_delay.seconds} s",
        "channels": ", ".join(name_value(types_pb2.Channel, channel) for channel in declared.channels),
        "media": ", ".join(name_value(types_pb2.Medium, medium) for medium in declared.media),
        "templates": ", ".join(declared.templates),
    }
    for item in declared.items:
        effect = name_value(types_pb2.ExpectedEffect, item.effect)
        limits = [f"cap {item.cap}"] if item.cap else []
        lines[name_value(types_pb2.ItemKind, item.kind)] = ", ".join(
            [effect, *limits, *item.values, *([item.limitation] if item.limitation else [])]
        )
    return lines


def _describe_opening(data: CarrierData) -> Mapping[str, str]:
    opening = write_opening(data.opening)
    return {
        "categories": ", ".join(opening.refused_categories),
        "segments": ", ".join(
            name_value(types_pb2.SegmentKind, segment.kind) + segment.prefix for segment in opening.refused_segments
        ),
        "treatment": name_value(types_pb2.Treatment, opening.treatment),
        "strangers": name_value(types_pb2.StrangerPolicy, opening.stranger_policy),
        "interception": name_value(types_pb2.InterceptionNotice, opening.notices.interception),
    }


def _carry_out(data: CarrierData) -> Mapping[str, str]:
    """Say what is told at once of each kind of item, where the carrier enforces as its data say."""
    request = carrier_pb2.ApplyRequest(order_id="o-1")
    wishes = request.subscription.preferences
    wishes.refused_categories.append("loan")
    wishes.reject_list.append("+864001234567")
    wishes.allow_list.append("+8695588")
    wishes.refused_segments.append(write_segment("400"))
    wishes.treatment = types_pb2.TREATMENT_ASSISTANT
    wishes.stranger_policy = types_pb2.STRANGER_POLICY_CHALLENGE
    wishes.notices.at_night = True
    wishes.quiet_hours.add(days=types_pb2.DAY_TYPE_WEEKDAY, start_minute=60, end_minute=120)
    by_platform = data.capabilities.enforcement == "platform"
    effects = list_effects(request, data.capabilities, 0, by_platform=by_platform)
    return {
        name_value(types_pb2.ItemKind, effect.item.kind): name_value(types_pb2.EffectState, effect.state)
        for effect in effects
    }


def _list_lacks(data: CarrierData) -> Iterable[str]:
    return dict.fromkeys((*_LACKS, *data.platform.remedies))


def _read_remedy(data: CarrierData, lack: str) -> str:
    items = (ItemForce("service", Force.DEGRADED, lack),)
    event = AppliedEvent(1, "o-1", "+8613800138000", 1, 1, 0, items)
    return read_applied("log", event, data.platform).effects[0].precondition.remedy
