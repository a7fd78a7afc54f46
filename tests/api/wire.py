"""Requests for tests of the gRPC edge: the domain's instructions written as a carrier would write them."""

from __future__ import annotations

from gateway.api.fields import write_time
from gateway.api.mapping_enums import (
    CHANNEL,
    CONSENT,
    DAY_TYPE,
    GUARDIAN_SCOPE,
    INTERCEPTION_NOTICE,
    MEDIUM,
    PROOF,
    SEGMENT_KIND,
    STRANGER_POLICY,
    TREATMENT,
)
from gateway.api.mapping_preferences import write_preferences
from gateway.domain import instruction as rules
from optout.v1 import registry_pb2
from optout.v1 import types_pb2 as pb


def write_instruction(given: rules.Instruction) -> pb.Instruction:
    """An instruction for the wire."""
    evidence = given.evidence
    message = pb.Instruction(
        instruction_id=given.id,
        carrier=given.carrier,
        channel=CHANNEL.encode(given.channel),
        reference=pb.CarrierReference(account=given.account, id=given.reference),
        number=given.number,
        medium=MEDIUM.encode(given.medium),
        received_time=write_time(given.received_ms),
        evidence=pb.Evidence(
            booked_by=evidence.booked_by,
            mandate=evidence.mandate,
            original_digest=bytes.fromhex(evidence.original_digest),
            notice_version=evidence.notice_version,
            notice_digest=bytes.fromhex(evidence.notice_digest),
            separate_consent=CONSENT.encode(evidence.separate_consent),
            recipients=evidence.recipients,
            purposes=evidence.purposes,
            proofs=map(PROOF.encode, evidence.proofs),
        ),
    )
    name, action = write_action(given.action)
    getattr(message, name).CopyFrom(action)
    return message


def _write_open(action):
    return pb.OpenAction(defaults=action.defaults and write_preferences(action.defaults))


def _write_segments(action):
    segments = [pb.Segment(kind=SEGMENT_KIND.encode(one.kind), prefix=one.prefix) for one in action.segments]
    return pb.SetRefusedSegmentsAction(segments=segments)


def _write_treatment(action):
    return pb.ChooseTreatmentAction(
        treatment=action.treatment and TREATMENT.encode(action.treatment),
        stranger_policy=action.stranger_policy and STRANGER_POLICY.encode(action.stranger_policy),
    )


def _write_notices(action):
    often = INTERCEPTION_NOTICE.encode(action.notices.interception)
    return pb.ChooseNoticesAction(notices=pb.NoticeChoice(interception=often, at_night=action.notices.at_night))


def _write_windows(action):
    windows = [
        pb.QuietWindow(days=DAY_TYPE.encode(one.days), start_minute=one.start_minute, end_minute=one.end_minute)
        for one in action.windows
    ]
    return pb.SetQuietHoursAction(windows=windows)


def _write_ask(action):
    message = pb.AskGuardianAction(ward=action.ward, scope=GUARDIAN_SCOPE.encode(action.scope))
    if action.until_ms is not None:
        message.expire_time.CopyFrom(write_time(action.until_ms))
    return message


def _write_act(action):
    message = pb.ActForWardAction(ward=action.ward)
    if isinstance(action.change, rules.ApplyPreset):
        message.preset = action.change.name
    else:
        name, change = write_action(action.change)
        getattr(message, name).CopyFrom(change)
    return message


_ACTIONS = {
    rules.Open: ("open", _write_open),
    rules.Confirm: (
        "confirm",
        lambda action: pb.ConfirmAction(target={None: 0, False: 1, True: 3}[action.opens], guardian=action.guardian),
    ),
    rules.Cancel: ("cancel", lambda action: pb.CancelAction()),
    rules.UndoCancel: ("undo_cancel", lambda action: pb.UndoCancelAction()),
    rules.Query: ("query", lambda action: pb.QueryAction()),
    rules.SetRefusedCategories: (
        "set_refused_categories",
        lambda action: pb.SetRefusedCategoriesAction(
            refuse=action.refuse, accept=action.accept, replace=action.replace
        ),
    ),
    rules.SetRefusedSegments: ("set_refused_segments", _write_segments),
    rules.ChooseTreatment: ("choose_treatment", _write_treatment),
    rules.ChooseNotices: ("choose_notices", _write_notices),
    rules.SetQuietHours: ("set_quiet_hours", _write_windows),
    rules.AskGuardian: ("ask_guardian", _write_ask),
    rules.EndGuardian: ("end_guardian", lambda action: pb.EndGuardianAction(party=action.party)),
    rules.ActForWard: ("act_for_ward", _write_act),
}


def write_action(action):
    """The field of Instruction.action that is set, and its message."""
    if isinstance(action, rules.EditList):
        name = "edit_allow_list" if action.allow else "edit_reject_list"
        message = pb.EditAllowListAction if action.allow else pb.EditRejectListAction
        return name, message(add=action.add, remove=action.remove)
    name, write = _ACTIONS[type(action)]
    return name, write(action)


def delivery(notice: str, /, **changes: object) -> registry_pb2.ReportDeliveryRequest:
    """A report that a notice arrived."""
    fields = {
        "report_id": f"r-{notice}",
        "notice_id": notice,
        "state": registry_pb2.DELIVERY_STATE_DELIVERED,
        "code": "DELIVRD",
        "report_time": write_time(1_790_000_000_000),
        "parts": 1,
    }
    return registry_pb2.ReportDeliveryRequest(**fields | changes)
