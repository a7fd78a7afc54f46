"""The packet tables of SGIP: chapter 4 of the specification of 1.2, which 1.3 leaves as it is."""

from dataclasses import dataclass
from typing import ClassVar

from adapters.wire import sgip_pdus as pdus
from adapters.wire.fields import (
    REST,
    Content,
    Field,
    Json,
    Layout,
    PaddedOctets,
    Repeat,
    Text,
    Uint,
    Width,
    lay_out,
    take,
)
from adapters.wire.sgip_pdus import SEQUENCE_BYTES, Command, Pdu, Sequence


@dataclass(frozen=True, slots=True)
class SequenceField(Field):
    """A sequence number inside a body; shown as node, time and serial."""

    width: Width = SEQUENCE_BYTES

    def read(self, body: bytes, offset: int, width: int) -> tuple[Sequence, int]:
        """Take the 12 bytes."""
        return Sequence.from_bytes(take(body, offset, width, self.name)), offset + width

    def write(self, value: Sequence, width: int) -> bytes:
        """Refuse with ``field_out_of_bounds`` what 32 bits cannot hold."""
        return value.to_bytes()

    def describe(self, value: Sequence) -> dict[str, Json]:
        """Show the parts."""
        return {self.name: describe_sequence(value)}


@dataclass(frozen=True, slots=True)
class Surplus(Field):
    """What a peer sends after a packet that is over; shown as hex."""

    width: Width = REST

    absent: ClassVar[bytes] = b""

    def read(self, body: bytes, offset: int, width: int) -> tuple[bytes, int]:
        """Take everything that is left."""
        return body[offset:], len(body)

    def write(self, value: bytes, width: int) -> bytes:
        """Write what was read."""
        return value

    def describe(self, value: bytes) -> dict[str, Json]:
        """Show hex."""
        return {self.name: value.hex()}


def describe_sequence(sequence: Sequence) -> dict[str, Json]:
    """Return the parts of a sequence number, ready for JSON."""
    return {"node": sequence.node, "time": sequence.time, "serial": sequence.serial}


NUMBER = 21
RESERVE = PaddedOctets("reserve", 8)

BIND: tuple[Field, ...] = (
    Uint("login_type", 1),
    Text("login_name", 16),
    Text("login_password", 16),
    RESERVE,
)
# Every response but Unbind_Resp.
RESULT: tuple[Field, ...] = (Uint("result", 1), RESERVE)
SUBMIT: tuple[Field, ...] = (
    Text("sp_number", NUMBER),
    Text("charge_number", NUMBER),
    Repeat("user_numbers", NUMBER, "user_count", least=1, most=100),
    Text("corp_id", 5),
    Text("service_type", 10),
    Uint("fee_type", 1),
    Text("fee_value", 6),
    Text("given_value", 6),
    Uint("agent_flag", 1),
    Uint("mo_relate_to_mt_flag", 1),
    Uint("priority", 1),
    Text("expire_time", 16),
    Text("schedule_time", 16),
    Uint("report_flag", 1),
    Uint("tp_pid", 1),
    Uint("tp_udhi", 1),
    Uint("message_coding", 1),
    Uint("message_type", 1),
    Content("message_content", 4, "message_length"),
    RESERVE,
)
DELIVER: tuple[Field, ...] = (
    Text("user_number", NUMBER),
    Text("sp_number", NUMBER),
    Uint("tp_pid", 1),
    Uint("tp_udhi", 1),
    Uint("message_coding", 1),
    Content("message_content", 4, "message_length"),
    RESERVE,
)
REPORT: tuple[Field, ...] = (
    SequenceField("submit_sequence_number"),
    Uint("report_type", 1),
    Text("user_number", NUMBER),
    Uint("state", 1),
    Uint("error_code", 1),
    RESERVE,
)
USER_RPT: tuple[Field, ...] = (
    Text("sp_number", NUMBER),
    Text("user_number", NUMBER),
    Uint("user_condition", 1),
    RESERVE,
)

PACKETS: tuple[tuple[Command, type[Pdu], tuple[Field, ...]], ...] = (
    (Command.BIND, pdus.Bind, BIND),
    (Command.BIND_RESP, pdus.BindResp, RESULT),
    (Command.UNBIND, pdus.Unbind, ()),
    (Command.UNBIND_RESP, pdus.UnbindResp, (Surplus("surplus"),)),
    (Command.SUBMIT, pdus.Submit, SUBMIT),
    (Command.SUBMIT_RESP, pdus.SubmitResp, RESULT),
    (Command.DELIVER, pdus.Deliver, DELIVER),
    (Command.DELIVER_RESP, pdus.DeliverResp, RESULT),
    (Command.REPORT, pdus.Report, REPORT),
    (Command.REPORT_RESP, pdus.ReportResp, RESULT),
    (Command.USERRPT, pdus.UserRpt, USER_RPT),
    (Command.USERRPT_RESP, pdus.UserRptResp, RESULT),
)

PDU_TYPES: dict[int, type[Pdu]] = {command: pdu_type for command, pdu_type, _ in PACKETS}
COMMANDS: dict[type[Pdu], Command] = {pdu_type: command for command, pdu_type, _ in PACKETS}
LAYOUTS: dict[int, Layout] = {command: lay_out(fields, 0) for command, _, fields in PACKETS}
