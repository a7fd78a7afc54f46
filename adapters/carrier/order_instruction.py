"""From what a CRM booked to the common message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from adapters.carrier.base import ConsentData, OrderData
from adapters.carrier.contract import write_notice, write_segment, write_time
from adapters.wire.order import Consent, Desk, Order, Proof, Verb, Window
from optout.kit.number import parse_number, parse_subscriber
from optout.v1 import types_pb2

_CHANNELS = {Desk.HOTLINE: types_pb2.CHANNEL_HOTLINE, Desk.HALL: types_pb2.CHANNEL_HALL}
_PROOFS = {Proof.AGENT: types_pb2.PROOF_AGENT, Proof.IDENTITY_DOCUMENT: types_pb2.PROOF_IDENTITY_DOCUMENT}
_CONSENTS = {
    Consent.NOT_ASKED: types_pb2.CONSENT_UNSPECIFIED,
    Consent.GIVEN: types_pb2.CONSENT_GIVEN,
    Consent.WITHHELD: types_pb2.CONSENT_WITHHELD,
}


@dataclass(frozen=True, slots=True)
class Booking:
    """An order that is believed, and what it came with.

    `digest` is SHA-256 of the bytes in which it first came, `received_ms` is when that was.
    """

    source: str
    serial: str
    order: Order = field(repr=False)
    digest: bytes
    received_ms: int


def find_notice(data: OrderData, order: Order) -> ConsentData | None:
    """Return the notice that was read out, if it is one of the carrier's."""
    return next((notice for notice in data.notices if notice.version == order.notice_version), None)


def make_instruction(
    booking: Booking, carrier: str, data: OrderData, opening: types_pb2.Preferences
) -> types_pb2.Instruction:
    """Build the instruction. Raises `NumberError` and `ValueError` for what is no number, segment or window."""
    order = booking.order
    instruction = types_pb2.Instruction(
        instruction_id=booking.serial,
        carrier=carrier,
        channel=_CHANNELS[order.desk],
        reference=types_pb2.CarrierReference(account=booking.source, id=booking.serial),
        number=parse_subscriber(order.number),
        medium=types_pb2.Medium.Value(f"MEDIUM_{order.medium.name}"),
        received_time=write_time(booking.received_ms),
        evidence=_write_evidence(booking, find_notice(data, order)),
    )
    if order.verb is Verb.OPEN:
        instruction.open.defaults.CopyFrom(opening)
    else:
        _ACTIONS[order.verb](instruction, order)
    return instruction


def _write_evidence(booking: Booking, notice: ConsentData | None) -> types_pb2.Evidence:
    order = booking.order
    evidence = types_pb2.Evidence(
        booked_by=order.booked_by,
        mandate=order.mandate,
        original_digest=booking.digest,
        notice_version=order.notice_version,
        separate_consent=_CONSENTS[order.consent],
        proofs=[_PROOFS[order.proof]],
    )
    if notice is not None:
        evidence.MergeFrom(write_notice(notice))
    return evidence


def _set_categories(instruction: types_pb2.Instruction, order: Order) -> None:
    action = instruction.set_refused_categories
    action.refuse.extend(order.refuse)
    action.accept.extend(order.accept)
    action.replace = order.replace


def _edit_list(instruction: types_pb2.Instruction, order: Order) -> None:
    is_reject = order.verb is Verb.EDIT_REJECT_LIST
    action = instruction.edit_reject_list if is_reject else instruction.edit_allow_list
    action.add.extend(map(parse_number, order.add))
    action.remove.extend(map(parse_number, order.remove))


def _set_segments(instruction: types_pb2.Instruction, order: Order) -> None:
    instruction.set_refused_segments.SetInParent()
    instruction.set_refused_segments.segments.extend(map(write_segment, order.segments))


def _choose_treatment(instruction: types_pb2.Instruction, order: Order) -> None:
    action = instruction.choose_treatment
    if order.treatment is not None:
        action.treatment = types_pb2.Treatment.Value(f"TREATMENT_{order.treatment.name}")
    if order.strangers is not None:
        action.stranger_policy = types_pb2.StrangerPolicy.Value(f"STRANGER_POLICY_{order.strangers.name}")


def _choose_notices(instruction: types_pb2.Instruction, order: Order) -> None:
    notices = instruction.choose_notices.notices
    notices.at_night = order.at_night
    if order.interception is not None:
        notices.interception = types_pb2.InterceptionNotice.Value(f"INTERCEPTION_NOTICE_{order.interception.name}")


def _set_quiet_hours(instruction: types_pb2.Instruction, order: Order) -> None:
    instruction.set_quiet_hours.SetInParent()
    instruction.set_quiet_hours.windows.extend(map(_write_window, order.quiet_hours))


def _write_window(window: Window) -> types_pb2.QuietWindow:
    days = types_pb2.DayType.Value(f"DAY_TYPE_{window.days.name}")
    return types_pb2.QuietWindow(days=days, start_minute=window.start_minute, end_minute=window.end_minute)


def _ask_guardian(instruction: types_pb2.Instruction, order: Order) -> None:
    instruction.ask_guardian.ward = parse_subscriber(order.party)
    if order.scope is not None:
        instruction.ask_guardian.scope = types_pb2.GuardianScope.Value(f"GUARDIAN_SCOPE_{order.scope.name}")


def _end_guardian(instruction: types_pb2.Instruction, order: Order) -> None:
    instruction.end_guardian.party = parse_subscriber(order.party) if order.party else ""


def _act_for_ward(instruction: types_pb2.Instruction, order: Order) -> None:
    instruction.act_for_ward.ward = parse_subscriber(order.party)
    instruction.act_for_ward.preset = order.preset


_ACTIONS: Mapping[Verb, Callable[[types_pb2.Instruction, Order], None]] = {
    Verb.CANCEL: lambda instruction, _: instruction.cancel.SetInParent(),
    Verb.ERASE: lambda instruction, _: instruction.erase.SetInParent(),
    Verb.CONFIRM: lambda instruction, _: instruction.confirm.SetInParent(),
    Verb.QUERY: lambda instruction, _: instruction.query.SetInParent(),
    Verb.SET_CATEGORIES: _set_categories,
    Verb.EDIT_REJECT_LIST: _edit_list,
    Verb.EDIT_ALLOW_LIST: _edit_list,
    Verb.SET_SEGMENTS: _set_segments,
    Verb.CHOOSE_TREATMENT: _choose_treatment,
    Verb.CHOOSE_NOTICES: _choose_notices,
    Verb.SET_QUIET_HOURS: _set_quiet_hours,
    Verb.ASK_GUARDIAN: _ask_guardian,
    Verb.END_GUARDIAN: _end_guardian,
    Verb.ACT_FOR_WARD: _act_for_ward,
}
