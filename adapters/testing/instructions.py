"""Instructions as a well-behaved carrier makes them."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

from optout.v1 import types_pb2

_numbers = itertools.count(1)

Action = (
    types_pb2.OpenAction
    | types_pb2.ConfirmAction
    | types_pb2.CancelAction
    | types_pb2.QueryAction
    | types_pb2.SetRefusedCategoriesAction
    | types_pb2.EditRejectListAction
    | types_pb2.EditAllowListAction
    | types_pb2.SetRefusedSegmentsAction
    | types_pb2.ChooseTreatmentAction
    | types_pb2.ChooseNoticesAction
    | types_pb2.SetQuietHoursAction
)


def make_instruction(
    number: str,
    action: Action,
    *,
    carrier: str = "mobile",
    instruction_id: str = "",
    channel: types_pb2.Channel.ValueType = types_pb2.CHANNEL_SMS,
    received: datetime | None = None,
) -> types_pb2.Instruction:
    """Make an instruction about voice calls, proven by the SIM; without an id it gets one nobody else has."""
    identity = instruction_id or f"i-{next(_numbers):016x}"
    instruction = types_pb2.Instruction(
        instruction_id=identity,
        carrier=carrier,
        channel=channel,
        reference=types_pb2.CarrierReference(account="901234", id=identity),
        number=number,
        medium=types_pb2.MEDIUM_VOICE,
        evidence=types_pb2.Evidence(proofs=[types_pb2.PROOF_SIM]),
    )
    instruction.received_time.FromDatetime(received or datetime.now(UTC))
    field = next(
        field
        for field in types_pb2.Instruction.DESCRIPTOR.oneofs_by_name["action"].fields
        if field.message_type is action.DESCRIPTOR
    )
    getattr(instruction, field.name).CopyFrom(action)
    return instruction
