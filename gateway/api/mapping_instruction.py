"""The common message, wire → domain."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from gateway.api.fields import (
    check_count,
    invalid,
    missing,
    read_digest,
    read_enum,
    read_number,
    read_text,
    read_time,
    require_id,
    require_text,
)
from gateway.api.mapping_enums import (
    CHANNEL,
    CONSENT,
    ENROLMENT_STATE,
    GUARDIAN_SCOPE,
    MEDIUM,
    PROOF,
    STRANGER_POLICY,
    TREATMENT,
)
from gateway.api.mapping_preferences import (
    MAX_ELEMENTS,
    read_defaults,
    read_notices,
    read_numbers,
    read_segments,
    read_windows,
    read_words,
)
from gateway.domain.errors import Reason, RefusedError
from gateway.domain.instruction import (
    ActForWard,
    Action,
    ApplyPreset,
    AskGuardian,
    Cancel,
    ChooseNotices,
    ChooseTreatment,
    Confirm,
    Consent,
    EditList,
    EndGuardian,
    Erase,
    Evidence,
    Instruction,
    Open,
    Proof,
    Query,
    SetQuietHours,
    SetRefusedCategories,
    SetRefusedSegments,
    UndoCancel,
)
from gateway.domain.preferences import Medium
from gateway.domain.subscription import EnrolmentState
from optout.kit.number import parse_subscriber
from optout.v1 import types_pb2

MAX_ACCOUNT_CHARS = 64
MAX_REFERENCE_CHARS = 128
MAX_PARTY_CHARS = 63
MAX_NOTICE_WORDS = 32
MAX_PRESET_CHARS = 32


def read_instruction(message: types_pb2.Instruction, field: str = "instruction") -> Instruction:
    """Read one instruction, checking every field. Raises RefusedError."""
    instruction_id = require_id(message.instruction_id, f"{field}.instruction_id")
    channel = CHANNEL.decode(message.channel)
    if channel is None:
        raise RefusedError(Reason.INVALID_CHANNEL, "the channel is missing or unknown", field=f"{field}.channel")
    if not message.HasField("reference"):
        raise missing(f"{field}.reference")
    if not message.HasField("received_time"):
        raise missing(f"{field}.received_time")
    return Instruction(
        id=instruction_id,
        carrier=require_text(message.carrier, f"{field}.carrier", MAX_PARTY_CHARS),
        channel=channel,
        account=require_text(message.reference.account, f"{field}.reference.account", MAX_ACCOUNT_CHARS),
        reference=require_text(message.reference.id, f"{field}.reference.id", MAX_REFERENCE_CHARS),
        number=read_number(message.number, f"{field}.number", parse_subscriber),
        medium=read_medium(message.medium, f"{field}.medium"),
        received_ms=read_time(message.received_time, f"{field}.received_time"),
        action=_read_action(message, field),
        evidence=_read_evidence(message.evidence, f"{field}.evidence"),
    )


def read_medium(value: types_pb2.Medium.ValueType, field: str) -> Medium:
    """A medium that has to be given. RefusedError (INVALID_MEDIUM)."""
    medium = MEDIUM.decode(value)
    if medium is None:
        raise RefusedError(Reason.INVALID_MEDIUM, "the medium is missing or unknown", field=field)
    return medium


def _read_evidence(message: types_pb2.Evidence, field: str) -> Evidence:
    return Evidence(
        booked_by=read_text(message.booked_by, f"{field}.booked_by", 64),
        mandate=read_text(message.mandate, f"{field}.mandate", 128),
        original_digest=read_digest(message.original_digest, f"{field}.original_digest"),
        notice_version=read_text(message.notice_version, f"{field}.notice_version", 64),
        notice_digest=read_digest(message.notice_digest, f"{field}.notice_digest"),
        separate_consent=read_enum(CONSENT, message.separate_consent, f"{field}.separate_consent", Consent.NOT_ASKED),
        recipients=_read_notice_words(message.recipients, f"{field}.recipients"),
        purposes=_read_notice_words(message.purposes, f"{field}.purposes"),
        proofs=_read_proofs(message.proofs, f"{field}.proofs"),
    )


def _read_notice_words(values: Collection[str], field: str) -> tuple[str, ...]:
    check_count(values, field, MAX_NOTICE_WORDS)
    return tuple(require_text(word, f"{field}[{place}]", 128) for place, word in enumerate(values))


def _read_proofs(values: Collection[types_pb2.Proof.ValueType], field: str) -> tuple[Proof, ...]:
    """Proofs, each once; UNSPECIFIED proves nothing."""
    check_count(values, field, MAX_ELEMENTS)
    proofs: dict[Proof, None] = {}
    for place, value in enumerate(values):
        proof = PROOF.decode(value)
        if proof is not None:
            proofs[proof] = None
        elif value != types_pb2.PROOF_UNSPECIFIED:
            raise invalid(f"{field}[{place}]", "unknown value")
    return tuple(proofs)


def _read_action(message: types_pb2.Instruction, field: str) -> Action:
    kind = message.WhichOneof("action")
    if kind is None:
        raise missing(f"{field}.action")
    return _ACTIONS[kind](getattr(message, kind), f"{field}.{kind}")


def _read_open(message: types_pb2.OpenAction, field: str) -> Open:
    return Open(read_defaults(message.defaults, f"{field}.defaults") if message.HasField("defaults") else None)


def _read_categories(message: types_pb2.SetRefusedCategoriesAction, field: str) -> SetRefusedCategories:
    refuse = read_words(message.refuse, f"{field}.refuse")
    return SetRefusedCategories(refuse, read_words(message.accept, f"{field}.accept"), message.replace)


def _read_edit(
    message: types_pb2.EditRejectListAction | types_pb2.EditAllowListAction, field: str, *, allow: bool
) -> EditList:
    add = read_numbers(message.add, f"{field}.add", MAX_ELEMENTS)
    return EditList(allow, add, read_numbers(message.remove, f"{field}.remove", MAX_ELEMENTS))


def _read_treatment(message: types_pb2.ChooseTreatmentAction, field: str) -> ChooseTreatment:
    """UNSPECIFIED leaves things as they are; a value that the contract does not know is refused."""
    treatment, strangers = TREATMENT.decode(message.treatment), STRANGER_POLICY.decode(message.stranger_policy)
    if treatment is None and message.treatment:
        raise invalid(f"{field}.treatment", "unknown value")
    if strangers is None and message.stranger_policy:
        raise invalid(f"{field}.stranger_policy", "unknown value")
    return ChooseTreatment(treatment, strangers)


def _read_notice_choice(message: types_pb2.ChooseNoticesAction, field: str) -> ChooseNotices:
    if not message.HasField("notices"):
        raise missing(f"{field}.notices")
    return ChooseNotices(read_notices(message.notices, f"{field}.notices"))


def _read_ask(message: types_pb2.AskGuardianAction, field: str) -> AskGuardian:
    ward = read_number(message.ward, f"{field}.ward", parse_subscriber)
    scope = GUARDIAN_SCOPE.decode(message.scope)
    if scope is None:
        raise invalid(f"{field}.scope", "the scope is missing or unknown")
    has_end = message.HasField("expire_time")
    return AskGuardian(ward, scope, read_time(message.expire_time, f"{field}.expire_time") if has_end else None)


def _read_end(message: types_pb2.EndGuardianAction, field: str) -> EndGuardian:
    return EndGuardian(read_number(message.party, f"{field}.party", parse_subscriber) if message.party else None)


def _read_act(message: types_pb2.ActForWardAction, field: str) -> ActForWard:
    ward, kind = read_number(message.ward, f"{field}.ward", parse_subscriber), message.WhichOneof("change")
    if kind is None:
        raise missing(f"{field}.change")
    if kind == "preset":
        return ActForWard(ward, ApplyPreset(require_text(message.preset, f"{field}.preset", MAX_PRESET_CHARS)))
    change: Any = _ACTIONS[kind](getattr(message, kind), f"{field}.{kind}")
    return ActForWard(ward, change)


def _read_confirm(message: types_pb2.ConfirmAction, field: str) -> Confirm:
    target = ENROLMENT_STATE.decode(message.target)
    if target not in {None, EnrolmentState.OPEN, EnrolmentState.CLOSED} or (target is None and message.target):
        raise invalid(f"{field}.target", "a question leads to OPEN or CLOSED")
    if message.guardian and target is not None:
        raise invalid(f"{field}.guardian", "one question is answered, a guardian's or one's own")
    return Confirm(None if target is None else target is EnrolmentState.OPEN, message.guardian)


_ACTIONS: dict[str, Callable[[Any, str], Action]] = {
    "open": _read_open,
    "confirm": _read_confirm,
    "cancel": lambda message, field: Cancel(),
    "query": lambda message, field: Query(),
    "undo_cancel": lambda message, field: UndoCancel(),
    "erase": lambda message, field: Erase(),
    "set_refused_categories": _read_categories,
    "edit_reject_list": lambda message, field: _read_edit(message, field, allow=False),
    "edit_allow_list": lambda message, field: _read_edit(message, field, allow=True),
    "set_refused_segments": lambda message, field: SetRefusedSegments(
        read_segments(message.segments, f"{field}.segments")
    ),
    "choose_treatment": _read_treatment,
    "choose_notices": _read_notice_choice,
    "set_quiet_hours": lambda message, field: SetQuietHours(read_windows(message.windows, f"{field}.windows")),
    "ask_guardian": _read_ask,
    "end_guardian": _read_end,
    "act_for_ward": _read_act,
}
