"""From what a user of the account wants to the common message, whether by chat, page or app."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from adapters.carrier.base import ConsentData
from adapters.carrier.contract import write_time
from optout.v1 import types_pb2

_PROOFS = {"one_tap_login": types_pb2.PROOF_ONE_TAP_LOGIN, "sms_code": types_pb2.PROOF_SMS_CODE}

SetAction = Callable[[types_pb2.Instruction], None]


@dataclass(frozen=True, slots=True)
class Shown:
    """The notice a user was shown, and whether the separate consent was given; `digest` is SHA-256 of its text."""

    version: str
    digest: bytes
    is_given: bool
    recipients: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """Where a wish comes from: `account` and `id` make its key, `proof` is how the number was known."""

    carrier: str
    account: str
    id: str
    number: str = field(repr=False)
    proof: str
    received_ms: int
    digest: bytes = b""
    shown: Shown | None = None


def make_instruction(source: Source, set_action: SetAction) -> types_pb2.Instruction:
    """Build the instruction; `set_action` sets the one action."""
    evidence = types_pb2.Evidence(original_digest=source.digest, proofs=[_PROOFS[source.proof]])
    if source.shown is not None:
        given = types_pb2.CONSENT_GIVEN if source.shown.is_given else types_pb2.CONSENT_WITHHELD
        evidence.notice_version = source.shown.version
        evidence.notice_digest = source.shown.digest
        evidence.separate_consent = given
        evidence.recipients.extend(source.shown.recipients)
        evidence.purposes.extend(source.shown.purposes)
    instruction = types_pb2.Instruction(
        instruction_id=source.id,
        carrier=source.carrier,
        channel=types_pb2.CHANNEL_APP,
        reference=types_pb2.CarrierReference(account=source.account, id=source.id),
        number=source.number,
        medium=types_pb2.MEDIUM_VOICE,
        received_time=write_time(source.received_ms),
        evidence=evidence,
    )
    set_action(instruction)
    return instruction


def write_shown(data: ConsentData, version: str, digest: bytes, *, is_given: bool) -> Shown:
    """Say what was shown; recipients and purposes are those that the carrier's notice names."""
    return Shown(version, digest, is_given, data.recipients, data.purposes)
