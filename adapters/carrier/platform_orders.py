"""Between the contract and a carrier's interception platform: orders out, facts and stopped calls back."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.carrier.base import PlatformData
from adapters.carrier.contract import write_time
from adapters.wire.platform import Act, AppliedEvent, Force, ItemForce, StoppedEvent, Wanted
from optout.v1 import carrier_pb2, registry_pb2, screening_pb2, types_pb2

_FORCES: Mapping[Force, types_pb2.EffectState.ValueType] = {
    Force.APPLIED: types_pb2.EFFECT_STATE_APPLIED,
    Force.DEGRADED: types_pb2.EFFECT_STATE_DEGRADED,
    Force.UNSUPPORTED: types_pb2.EFFECT_STATE_UNSUPPORTED,
}
_ON = (types_pb2.ENROLMENT_STATE_OPEN, types_pb2.ENROLMENT_STATE_PENDING_CANCEL)


def make_wanted(request: carrier_pb2.ApplyRequest) -> Wanted:
    """Write what the platform has to hold after an order; switched off, nothing but that."""
    subscription, wishes = request.subscription, request.subscription.preferences
    order, number = request.order_id, subscription.number
    if request.switch_off or subscription.state not in _ON:
        return Wanted(order, number, subscription.epoch, subscription.version, on=False)
    return Wanted(
        order,
        number,
        subscription.epoch,
        subscription.version,
        on=True,
        categories=tuple(wishes.refused_categories),
        reject=tuple(wishes.reject_list),
        allow=tuple(wishes.allow_list),
        segments=tuple(
            segment.prefix or _word(types_pb2.SegmentKind, segment.kind) for segment in wishes.refused_segments
        ),
        treatment=_word(types_pb2.Treatment, wishes.treatment or types_pb2.TREATMENT_REJECT),
        strangers=_word(types_pb2.StrangerPolicy, wishes.stranger_policy or types_pb2.STRANGER_POLICY_ALLOW),
        quiet=tuple(_write_window(window) for window in wishes.quiet_hours),
    )


def read_applied(log: str, event: AppliedEvent, data: PlatformData) -> registry_pb2.ReportAppliedRequest:
    """Make the report of one fact; its id is the event's place in the platform's log, so it is the same ever after."""
    return registry_pb2.ReportAppliedRequest(
        report_id=f"{log}-{event.place}",
        number=event.number,
        medium=types_pb2.MEDIUM_VOICE,
        version=event.version,
        epoch=event.epoch,
        effects=[_read_force(item, event.at_ms, data) for item in event.items],
        report_time=write_time(event.at_ms),
        switched_off=event.off,
    )


def read_stopped(log: str, event: StoppedEvent) -> screening_pb2.ReportInterceptionsRequest:
    """Make the report of one call. A rule of the platform's that the contract does not know is left out."""
    return screening_pb2.ReportInterceptionsRequest(
        report_id=f"{log}-{event.place}",
        action=_ACTS[event.act],
        called=event.called,
        caller=event.caller,
        call_time=write_time(event.at_ms),
        rule=_RULES.get(event.rule, screening_pb2.DECIDING_RULE_UNSPECIFIED),
        category=event.category,
        presentation_withheld=event.withheld,
    )


_RULES = {name.removeprefix("DECIDING_RULE_").lower(): value for name, value in screening_pb2.DecidingRule.items()}
_KINDS = {name.removeprefix("ITEM_KIND_").lower(): value for name, value in types_pb2.ItemKind.items()}
_ACTS: Mapping[Act, screening_pb2.InterceptionAction.ValueType] = {
    Act.REFUSED: screening_pb2.INTERCEPTION_ACTION_REFUSED,
    Act.ASSISTANT: screening_pb2.INTERCEPTION_ACTION_ASSISTANT,
    Act.CHALLENGE_FAILED: screening_pb2.INTERCEPTION_ACTION_CHALLENGE_FAILED,
    Act.CHALLENGE_PASSED: screening_pb2.INTERCEPTION_ACTION_CHALLENGE_PASSED,
}


def _read_force(item: ItemForce, at_ms: int, data: PlatformData) -> types_pb2.Effect:
    kind, _, value = item.item.partition(":")
    effect = types_pb2.Effect(
        item=types_pb2.Item(kind=_KINDS.get(kind, types_pb2.ITEM_KIND_UNSPECIFIED), value=value),
        state=_FORCES[item.force],
        report_time=write_time(at_ms),
    )
    if item.lack:
        effect.precondition.code = item.lack
        effect.precondition.remedy = data.remedies.get(item.lack, "")
    return effect


def _write_window(window: types_pb2.QuietWindow) -> str:
    start, end = divmod(window.start_minute, 60), divmod(window.end_minute, 60)
    return f"{_word(types_pb2.DayType, window.days)} {start[0]:02}:{start[1]:02}-{end[0]:02}:{end[1]:02}"


_PREFIXES = {
    types_pb2.SegmentKind: "SEGMENT_KIND_",
    types_pb2.Treatment: "TREATMENT_",
    types_pb2.StrangerPolicy: "STRANGER_POLICY_",
    types_pb2.DayType: "DAY_TYPE_",
}


def _word(enum: object, value: int) -> str:
    """An enum's value as the lower-case word that the platform and the log use."""
    return str(enum.Name(value)).removeprefix(_PREFIXES[enum]).lower()  # type: ignore[attr-defined, index]
