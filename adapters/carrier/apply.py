"""What an order comes to, item by item, as far as it is known when the order is taken.

Where the carrier's switches ask the gateway, an accepted change is in effect at once: applied or degraded. Where the
carrier's own platform enforces, it is accepted, and facts follow. Unsupported items are said so at once in both cases,
never dropped silently.
"""

from __future__ import annotations

from collections.abc import Iterator

from adapters.carrier.base import CapabilityData
from adapters.carrier.contract import write_time
from optout.v1 import carrier_pb2, types_pb2

_STATES = {
    "full": types_pb2.EFFECT_STATE_APPLIED,
    "degraded": types_pb2.EFFECT_STATE_DEGRADED,
    "unsupported": types_pb2.EFFECT_STATE_UNSUPPORTED,
}


def list_effects(
    request: carrier_pb2.ApplyRequest, declared: CapabilityData, now_ms: int, *, by_platform: bool
) -> list[types_pb2.Effect]:
    """Say of every item of the subscription what is known of its effect; switched off, of the service alone."""
    service = types_pb2.Item(kind=types_pb2.ITEM_KIND_SERVICE)
    items = [service] if request.switch_off else [service, *_list_items(request.subscription.preferences)]
    return [_tell(item, declared, now_ms, by_platform=by_platform) for item in items]


def _tell(item: types_pb2.Item, declared: CapabilityData, now_ms: int, *, by_platform: bool) -> types_pb2.Effect:
    effect = _find_effect(declared, item)
    expected = types_pb2.ExpectedEffect.Value(f"EXPECTED_EFFECT_{effect.upper()}")
    if by_platform and effect != "unsupported":
        return types_pb2.Effect(item=item, state=types_pb2.EFFECT_STATE_ACCEPTED, expected=expected)
    return types_pb2.Effect(item=item, state=_STATES[effect], expected=expected, report_time=write_time(now_ms))


def _find_effect(declared: CapabilityData, item: types_pb2.Item) -> str:
    """What is declared of an item: by what names its value, else by what holds for all. The gateway forecasts alike."""
    kind = types_pb2.ItemKind.Name(item.kind).removeprefix("ITEM_KIND_").lower()
    of_kind = [known for known in declared.items if known.kind == kind]
    named = [known.effect for known in of_kind if item.value in known.values]
    return next(iter([*named, *(known.effect for known in of_kind if not known.values)]), "unsupported")


def _list_items(preferences: types_pb2.Preferences) -> Iterator[types_pb2.Item]:
    for category in preferences.refused_categories:
        yield types_pb2.Item(kind=types_pb2.ITEM_KIND_CATEGORY, value=category)
    for number in preferences.reject_list:
        yield types_pb2.Item(kind=types_pb2.ITEM_KIND_REJECT_NUMBER, value=number)
    for number in preferences.allow_list:
        yield types_pb2.Item(kind=types_pb2.ITEM_KIND_ALLOW_NUMBER, value=number)
    for segment in preferences.refused_segments:
        kind = types_pb2.SegmentKind.Name(segment.kind).removeprefix("SEGMENT_KIND_").lower()
        yield types_pb2.Item(kind=types_pb2.ITEM_KIND_SEGMENT, value=segment.prefix or kind)
    if preferences.treatment:
        name = types_pb2.Treatment.Name(preferences.treatment).removeprefix("TREATMENT_").lower()
        yield types_pb2.Item(kind=types_pb2.ITEM_KIND_TREATMENT, value=name)
    if preferences.stranger_policy:
        name = types_pb2.StrangerPolicy.Name(preferences.stranger_policy).removeprefix("STRANGER_POLICY_").lower()
        yield types_pb2.Item(kind=types_pb2.ITEM_KIND_STRANGER_POLICY, value=name)
    if preferences.HasField("notices"):
        yield types_pb2.Item(kind=types_pb2.ITEM_KIND_NOTICES)
    if preferences.quiet_hours:
        yield types_pb2.Item(kind=types_pb2.ITEM_KIND_QUIET_HOURS)
