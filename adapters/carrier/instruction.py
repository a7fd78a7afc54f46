"""From what a subscriber wrote to the common message."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from adapters.carrier.base import CarrierData, TemplateData, Verb
from adapters.carrier.commands import Command
from adapters.carrier.contract import write_notice, write_time
from adapters.carrier.notices import CONFIRM_OPEN, GUARDIAN_QUESTION, OPENING
from adapters.journal.rows import Prompt
from optout.kit.number import PhoneNumber
from optout.v1 import types_pb2

_REFERENCE_TAG = "."


@dataclass(frozen=True, slots=True)
class Text:
    """A whole text of a subscriber: one message, or the parts of a long one put together.

    `msg_id` is that of the only or first part, `digest` covers all of them, `link_tag` is what a reply carries back.
    """

    account: str
    msg_id: bytes
    number: PhoneNumber = field(repr=False)
    text: str = field(repr=False)
    digest: bytes
    received_ms: int
    link_tag: bytes = b""

    @property
    def id(self) -> str:
        """The message id as the contract writes it."""
        return self.msg_id.hex()


def make_instruction(
    command: Command, text: Text, data: CarrierData, opening: types_pb2.Preferences, prompt: Prompt | None = None
) -> types_pb2.Instruction:
    """Build the instruction; `prompt` is the question that a confirmation answers."""
    instruction = types_pb2.Instruction(
        instruction_id=text.id,
        carrier=data.id,
        channel=types_pb2.CHANNEL_SMS,
        reference=types_pb2.CarrierReference(account=text.account, id=make_reference(text)),
        number=text.number,
        medium=types_pb2.MEDIUM_VOICE,
        received_time=write_time(text.received_ms),
        evidence=_write_evidence(command, text, data, prompt),
    )
    set_action(instruction, command, opening)
    if command.verb is Verb.CONFIRM and prompt is not None and prompt.target:
        _name_question(instruction.confirm, prompt.target)
    return instruction


def _write_evidence(command: Command, text: Text, data: CarrierData, prompt: Prompt | None) -> types_pb2.Evidence:
    """Write what a text rests on: the question it answers, or of one that opens the terms published beside it."""
    evidence = types_pb2.Evidence(original_digest=text.digest, proofs=[types_pb2.PROOF_SIM])
    terms = None if data.sms is None else data.sms.terms
    if command.verb is Verb.OPEN and terms is not None:
        evidence.MergeFrom(write_notice(terms))
    if command.verb is Verb.CONFIRM and prompt is not None:
        evidence.notice_version = prompt.notice_version
        evidence.notice_digest = prompt.notice_digest
        # What an earlier wording named is not known any more.
        if prompt.target == OPENING and prompt.notice_version == data.notices.version:
            _write_consent(evidence, data.notices.templates[CONFIRM_OPEN])
    return evidence


def _write_consent(evidence: types_pb2.Evidence, question: TemplateData) -> None:
    if question.recipients:
        evidence.separate_consent = types_pb2.CONSENT_GIVEN
        evidence.recipients.extend(question.recipients)
        evidence.purposes.extend(question.purposes)


def _name_question(confirm: types_pb2.ConfirmAction, target: str) -> None:
    if target == GUARDIAN_QUESTION:
        confirm.guardian = True
    else:
        confirm.target = types_pb2.EnrolmentState.Value(f"ENROLMENT_STATE_{target.upper()}")


def set_action(instruction: types_pb2.Instruction, command: Command, opening: types_pb2.Preferences) -> None:
    """Set the one action that a command stands for, whatever the channel."""
    match command.verb:
        case Verb.OPEN:
            instruction.open.defaults.CopyFrom(opening)
        case Verb.CONFIRM:
            instruction.confirm.SetInParent()
        case Verb.CANCEL:
            instruction.cancel.SetInParent()
        case Verb.UNDO:
            instruction.undo_cancel.SetInParent()
        case Verb.ERASE:
            instruction.erase.SetInParent()
        case Verb.QUERY:
            instruction.query.SetInParent()
        case Verb.REFUSE_CATEGORY:
            instruction.set_refused_categories.refuse.extend(command.categories)
        case Verb.ACCEPT_CATEGORY:
            instruction.set_refused_categories.accept.extend(command.categories)
        case Verb.ASK_GUARDIAN | Verb.ACT_FOR_WARD | Verb.END_GUARDIAN:
            _set_guardianship(instruction, command)
        case _:
            _LIST_EDITS[command.verb](instruction, str(command.number))


def _set_guardianship(instruction: types_pb2.Instruction, command: Command) -> None:
    """Presets are all that a text asks to be trusted with; for more an agent explains it."""
    number = command.number or ""
    if command.verb is Verb.END_GUARDIAN:
        instruction.end_guardian.party = number
    elif command.verb is Verb.ACT_FOR_WARD:
        instruction.act_for_ward.ward = number
        instruction.act_for_ward.preset = command.preset
    else:
        instruction.ask_guardian.ward = number
        instruction.ask_guardian.scope = types_pb2.GUARDIAN_SCOPE_PRESETS


_LIST_EDITS: dict[Verb, Callable[[types_pb2.Instruction, str], None]] = {
    Verb.REJECT_ADD: lambda instruction, number: instruction.edit_reject_list.add.append(number),
    Verb.REJECT_REMOVE: lambda instruction, number: instruction.edit_reject_list.remove.append(number),
    Verb.ALLOW_ADD: lambda instruction, number: instruction.edit_allow_list.add.append(number),
    Verb.ALLOW_REMOVE: lambda instruction, number: instruction.edit_allow_list.remove.append(number),
}


def make_reference(text: Text) -> str:
    """Write the carrier's reference: the message id, and after a dot what a reply has to carry back, if anything."""
    return f"{text.id}{_REFERENCE_TAG}{text.link_tag.hex()}" if text.link_tag else text.id


def read_link_tag(reference: str) -> bytes:
    """Take out of a reference what a reply has to carry back; empty if it has nothing, or is not one of ours."""
    _, _, tag = reference.partition(_REFERENCE_TAG)
    try:
        return bytes.fromhex(tag)
    except ValueError:
        return b""
