"""What the agent is shown of an outcome: the result, the state in plain language, what still waits for whom."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from adapters.carrier.base import CarrierData
from adapters.carrier.contract import find_question, name_disposition, name_reason, name_value, read_time
from adapters.carrier.templates import Renderer, TemplateError
from adapters.wire.answer import Answer, ItemAnswer, Result, find_result
from adapters.wire.chinatime import CHINA, format_seconds
from adapters.wire.dialect import MAX_ITEMS, MAX_SENTENCE_CHARS
from adapters.wire.order import Verb
from optout.kit.config import ConfigError, ConfigReason
from optout.v1 import types_pb2

STATUS_TEMPLATE = "status"
"""The notice whose words describe a subscriber's state."""


def make_renderer(data: CarrierData) -> Renderer:
    """Make the renderer of a carrier's words; raises `ConfigError` if its `status` notice needs what is not known."""
    renderer = Renderer(data.notices)
    try:
        unknown = renderer.needs(STATUS_TEMPLATE) - describe_state(types_pb2.Subscription()).keys()
    except TemplateError:
        raise ConfigError(ConfigReason.MISSING, f"notices.templates.{STATUS_TEMPLATE}") from None
    if unknown:
        raise ConfigError(
            ConfigReason.BAD_VALUE, f"notices.templates.{STATUS_TEMPLATE}", f"{min(unknown)} is not known"
        )
    return renderer


def write_answer(outcome: types_pb2.Outcome, verb: Verb, renderer: Renderer) -> Answer:
    """Write the answer of a committed outcome. A question that was answered is done, whatever the state."""
    result = find_result(name_disposition(outcome.disposition).upper(), name_reason(outcome.reason))
    if verb is Verb.QUERY and result is Result.ALREADY_SO:
        result = Result.DONE
    if not outcome.HasField("subscription"):
        return Answer(result=result, items=_write_items(outcome))
    subscription = outcome.subscription
    limitations = "；".join(dict.fromkeys(found.limitation for found in outcome.items if found.limitation))
    text = renderer.render(STATUS_TEMPLATE, {**describe_state(subscription), "limitations": limitations})
    return Answer(
        result=result,
        state=name_value(types_pb2.EnrolmentState, subscription.state),
        state_text=text[:MAX_SENTENCE_CHARS],
        confirm_by=_confirm_by(outcome),
        items=_write_items(outcome),
    )


def describe_state(subscription: types_pb2.Subscription) -> Mapping[str, str]:
    """Write a subscription as the parameters of the `status` notice."""
    preferences = subscription.preferences
    service = next((effect for effect in subscription.effects if effect.item.kind == types_pb2.ITEM_KIND_SERVICE), None)
    by_ms = read_time(service.effective_by) if service is not None and service.HasField("effective_by") else None
    question = find_question(subscription)
    expire_time = _awaited(subscription)
    return {
        "state": name_value(types_pb2.EnrolmentState, subscription.state),
        "categories": ",".join(preferences.refused_categories),
        "segments": ",".join(map(_name_segment, preferences.refused_segments)),
        "treatment": name_value(types_pb2.Treatment, preferences.treatment) or "reject",
        "stranger_policy": name_value(types_pb2.StrangerPolicy, preferences.stranger_policy) or "allow",
        "effect": "" if service is None else name_value(types_pb2.EffectState, service.state),
        "effective_by": "" if by_ms is None else _minute(by_ms),
        "reject_count": str(len(preferences.reject_list)),
        "allow_count": str(len(preferences.allow_list)),
        "quiet_hours": ",".join(map(_name_window, preferences.quiet_hours)),
        "confirm_by": "" if expire_time is None else _minute(read_time(expire_time)),
        "guardian": "" if question is None else question.number,
        "limitations": "",
    }


def _confirm_by(outcome: types_pb2.Outcome) -> str:
    """Until when somebody's word is awaited: the subscriber's, or that of whom the subscriber asked to be guarded."""
    if outcome.HasField("confirm_by"):
        return format_seconds(read_time(outcome.confirm_by))
    expire_time = _awaited(outcome.subscription)
    return "" if expire_time is None else format_seconds(read_time(expire_time))


def _awaited(subscription: types_pb2.Subscription) -> Timestamp | None:
    if subscription.HasField("pending"):
        return subscription.pending.expire_time
    question = find_question(subscription)
    return None if question is None else question.expire_time


def _write_items(outcome: types_pb2.Outcome) -> tuple[ItemAnswer, ...]:
    return tuple(
        ItemAnswer(
            _name_item(found.item),
            find_result(name_disposition(found.disposition).upper(), name_reason(found.reason)),
        )
        for found in outcome.items[:MAX_ITEMS]
    )


def _name_item(item: types_pb2.Item) -> str:
    kind = name_value(types_pb2.ItemKind, item.kind)
    return f"{kind}:{item.value}" if item.value else kind


def _name_segment(segment: types_pb2.Segment) -> str:
    return segment.prefix or name_value(types_pb2.SegmentKind, segment.kind)


def _name_window(window: types_pb2.QuietWindow) -> str:
    start, end = divmod(window.start_minute, 60), divmod(window.end_minute, 60)
    days = name_value(types_pb2.DayType, window.days)
    return f"{days} {start[0]:02}:{start[1]:02}-{end[0]:02}:{end[1]:02}"


def _minute(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC).astimezone(CHINA):%Y-%m-%d %H:%M}"
