"""Words of a carrier's data as the contract's enums: `full` is EXPECTED_EFFECT_FULL. Others raise `ValueError`."""

from __future__ import annotations

import re
from typing import Protocol

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.timestamp_pb2 import Timestamp

from adapters.carrier.base import CarrierData, ConsentData, ItemCapability, OpeningData
from optout.kit.number import parse_prefix
from optout.v1 import carrier_pb2, errors_pb2, types_pb2

_SEGMENTS = {
    "400": types_pb2.SEGMENT_KIND_400,
    "95": types_pb2.SEGMENT_KIND_95,
    "overseas": types_pb2.SEGMENT_KIND_OVERSEAS,
    "hk_macao_taiwan": types_pb2.SEGMENT_KIND_HK_MACAO_TAIWAN,
}


def write_time(time_ms: int) -> Timestamp:
    """Write Unix milliseconds."""
    return Timestamp(seconds=time_ms // 1000, nanos=time_ms % 1000 * 1_000_000)


def read_time(time: Timestamp) -> int:
    """Read Unix milliseconds."""
    return time.seconds * 1000 + time.nanos // 1_000_000


def name_reason(reason: int) -> str:
    """Name a reason without its prefix; one that a newer gateway added is its number."""
    value = errors_pb2.ErrorReason.DESCRIPTOR.values_by_number.get(reason)
    return str(reason) if value is None else value.name.removeprefix("ERROR_REASON_")


def name_disposition(disposition: int) -> str:
    """Name a disposition in lower case; one that a newer gateway added is its number."""
    value = types_pb2.Disposition.DESCRIPTOR.values_by_number.get(disposition)
    return str(disposition) if value is None else value.name.removeprefix("DISPOSITION_").lower()


def awaits_word(subscription: types_pb2.Subscription) -> bool:
    """Whether a question, the subscriber's own or a guardian's, waits for the subscriber's word."""
    return subscription.HasField("pending") or find_question(subscription) is not None


def find_question(subscription: types_pb2.Subscription) -> types_pb2.Guardian | None:
    """Find the guardian's question that waits for the subscriber's word."""
    pending = types_pb2.GUARDIAN_STATE_PENDING
    return next((one for one in subscription.guardians if one.state == pending), None)


class WireEnum(Protocol):
    """A generated enum."""

    DESCRIPTOR: EnumDescriptor


def name_value(kind: WireEnum, number: int) -> str:
    """Name a value in lower case without its prefix, `pending_open`; empty for UNSPECIFIED or one not known yet."""
    value = kind.DESCRIPTOR.values_by_number.get(number)
    if not number or value is None:
        return ""
    prefix = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.DESCRIPTOR.name).upper()
    return value.name.removeprefix(f"{prefix}_").lower()


def write_segment(key: str) -> types_pb2.Segment:
    """Write a refused range from its name or, for one of the subscriber's own choice, its prefix.

    Raises `NumberError` for what is neither.
    """
    if key in _SEGMENTS:
        return types_pb2.Segment(kind=_SEGMENTS[key])
    return types_pb2.Segment(kind=types_pb2.SEGMENT_KIND_CUSTOM, prefix=parse_prefix(key))


def write_notice(notice: ConsentData) -> types_pb2.Evidence:
    """Write which notice an order rests on, as the part of its evidence that says so."""
    return types_pb2.Evidence(
        notice_version=notice.version,
        notice_digest=notice.digest,
        recipients=notice.recipients,
        purposes=notice.purposes,
    )


def write_opening(data: OpeningData) -> types_pb2.Preferences:
    """Write what is on from the first moment."""
    unknown = set(data.refused_segments) - _SEGMENTS.keys()
    if unknown:
        raise ValueError(f"unknown segment {min(unknown)}")
    interception = types_pb2.InterceptionNotice.Value(f"INTERCEPTION_NOTICE_{data.interception.upper()}")
    return types_pb2.Preferences(
        refused_categories=data.refused_categories,
        refused_segments=map(write_segment, data.refused_segments),
        treatment=types_pb2.Treatment.Value(f"TREATMENT_{data.treatment.upper()}"),
        stranger_policy=types_pb2.StrangerPolicy.Value(f"STRANGER_POLICY_{data.stranger_policy.upper()}"),
        notices=types_pb2.NoticeChoice(interception=interception),
    )


def write_capabilities(data: CarrierData, *, by_platform: bool = False) -> carrier_pb2.GetCapabilitiesResponse:
    """Write what the carrier declares; where a platform is at work (``by_platform``), that is what enforces."""
    declared = data.capabilities
    enforcement = "platform" if by_platform else declared.enforcement
    templates = sorted(name for name, template in data.notices.templates.items() if not template.local)
    answer = carrier_pb2.GetCapabilitiesResponse(
        carrier=data.id,
        version=declared.version,
        enforcement=carrier_pb2.Enforcement.Value(f"ENFORCEMENT_{enforcement.upper()}"),
        items=[_write_item(item) for item in declared.items],
        channels=[types_pb2.Channel.Value(f"CHANNEL_{channel.upper()}") for channel in declared.channels],
        templates=templates,
        media=[types_pb2.Medium.Value(f"MEDIUM_{medium.upper()}") for medium in declared.media],
    )
    if declared.effect_delay_s:
        answer.effect_delay.seconds = declared.effect_delay_s
    return answer


def _write_item(item: ItemCapability) -> carrier_pb2.ItemCapability:
    return carrier_pb2.ItemCapability(
        kind=types_pb2.ItemKind.Value(f"ITEM_KIND_{item.kind.upper()}"),
        effect=types_pb2.ExpectedEffect.Value(f"EXPECTED_EFFECT_{item.effect.upper()}"),
        values=item.values,
        limitation=item.limitation,
        cap=item.cap,
    )
