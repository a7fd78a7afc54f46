"""The packets of SGIP 1.2 as values (China Unicom SGIP, chapter 4); 1.3 has the same layouts.

Names are the specification's in snake_case; ``mo_relate_to_mt_flag`` is its MorelatetoMTFlag. Times stay the
strings they are on the wire, ``yymmddhhmmsstnnp``.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Self

from adapters.wire.errors import WireError
from adapters.wire.report import Outcome

SEQUENCE_BYTES = 12
RESPONSE_BIT = 0x80000000
# As ChargeNumber: the SP pays.
SP_PAYS = "0" * 21


@dataclass(frozen=True, slots=True, order=True)
class Sequence:
    """The 12 bytes that number a request and name a message: Submit_Resp gives no id, Report repeats this.

    ``node`` is the sender's, ``time`` is MMDDhhmmss as a number, ``serial`` runs from 0 to 2³²-1 in a circle.
    """

    node: int
    time: int
    serial: int

    def to_bytes(self) -> bytes:
        """Return the 12 bytes; raise ``WireError`` (``field_out_of_bounds``) for a part above 32 bits."""
        try:
            return b"".join(part.to_bytes(4, "big") for part in (self.node, self.time, self.serial))
        except OverflowError:
            raise WireError("field_out_of_bounds", "sequence") from None

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read 12 bytes; raise ``WireError`` (``wrong_width``) for any other number of them."""
        if len(raw) != SEQUENCE_BYTES:
            raise WireError("wrong_width", "sequence")
        return cls(*(int.from_bytes(raw[at : at + 4], "big") for at in range(0, SEQUENCE_BYTES, 4)))

    def __int__(self) -> int:
        """Return the 12 bytes as one number, as a link counts them."""
        return int.from_bytes(self.to_bytes(), "big")

    @classmethod
    def from_int(cls, number: int) -> Self:
        """Read one number of 96 bits."""
        return cls.from_bytes(number.to_bytes(SEQUENCE_BYTES, "big"))


class LoginType(IntEnum):
    """Who dials whom, and what for."""

    SP_TO_SMG = 1
    SMG_TO_SP = 2
    SMG_TO_SMG = 3
    SMG_TO_GNS = 4
    GNS_TO_SMG = 5
    GNS_TO_GNS = 6
    TEST = 11


class Command(IntEnum):
    """Every command id of the specification; a response has the high bit of its request set."""

    BIND = 0x1
    UNBIND = 0x2
    SUBMIT = 0x3
    DELIVER = 0x4
    REPORT = 0x5
    ADDSP = 0x6
    MODIFYSP = 0x7
    DELETESP = 0x8
    QUERYROUTE = 0x9
    ADDTELESEG = 0xA
    MODIFYTELESEG = 0xB
    DELETETELESEG = 0xC
    ADDSMG = 0xD
    MODIFYSMG = 0xE
    DELETESMG = 0xF
    CHECKUSER = 0x10
    USERRPT = 0x11
    TRACE = 0x1000
    BIND_RESP = RESPONSE_BIT | 0x1
    UNBIND_RESP = RESPONSE_BIT | 0x2
    SUBMIT_RESP = RESPONSE_BIT | 0x3
    DELIVER_RESP = RESPONSE_BIT | 0x4
    REPORT_RESP = RESPONSE_BIT | 0x5
    ADDSP_RESP = RESPONSE_BIT | 0x6
    MODIFYSP_RESP = RESPONSE_BIT | 0x7
    DELETESP_RESP = RESPONSE_BIT | 0x8
    QUERYROUTE_RESP = RESPONSE_BIT | 0x9
    ADDTELESEG_RESP = RESPONSE_BIT | 0xA
    MODIFYTELESEG_RESP = RESPONSE_BIT | 0xB
    DELETETELESEG_RESP = RESPONSE_BIT | 0xC
    ADDSMG_RESP = RESPONSE_BIT | 0xD
    MODIFYSMG_RESP = RESPONSE_BIT | 0xE
    DELETESMG_RESP = RESPONSE_BIT | 0xF
    CHECKUSER_RESP = RESPONSE_BIT | 0x10
    USERRPT_RESP = RESPONSE_BIT | 0x11
    TRACE_RESP = RESPONSE_BIT | 0x1000


@dataclass(frozen=True, slots=True)
class Bind:
    """Bind: log in, with name and password in clear text."""

    sequence: Sequence
    login_type: int
    login_name: str
    login_password: str = field(repr=False)
    reserve: bytes = b""


@dataclass(frozen=True, slots=True)
class BindResp:
    """Bind_Resp: result 0 ok, 1 name or password, 2 repeated, 3 too many connections, 4 login type."""

    sequence: Sequence
    result: int
    reserve: bytes = b""


@dataclass(frozen=True, slots=True)
class Unbind:
    """Unbind: end the session in good order."""

    sequence: Sequence


@dataclass(frozen=True, slots=True)
class UnbindResp:
    """Unbind_Resp; it has no body, but some peers send one, kept as ``surplus``."""

    sequence: Sequence
    surplus: bytes = b""


@dataclass(frozen=True, slots=True, repr=False)
class Submit:
    """Submit: a message to 1..100 subscribers, each with "86" in front; values are in fen.

    ``message_content`` includes the user data header when ``tp_udhi`` is 1.
    """

    sequence: Sequence
    sp_number: str = ""
    charge_number: str = SP_PAYS
    user_numbers: tuple[str, ...] = ()
    corp_id: str = ""
    service_type: str = ""
    fee_type: int = 1
    fee_value: str = "0"
    given_value: str = "0"
    agent_flag: int = 0
    mo_relate_to_mt_flag: int = 2
    priority: int = 0
    expire_time: str = ""
    schedule_time: str = ""
    report_flag: int = 1
    tp_pid: int = 0
    tp_udhi: int = 0
    message_coding: int = 0
    message_type: int = 0
    message_content: bytes = b""
    reserve: bytes = b""

    def __repr__(self) -> str:
        """Numbers and content are personal data, so only what identifies the packet is shown."""
        return f"Submit(sequence={self.sequence}, …)"


@dataclass(frozen=True, slots=True)
class SubmitResp:
    """Submit_Resp: result codes by dialect, see ``adapters.session.sgip.results``."""

    sequence: Sequence
    result: int
    reserve: bytes = b""


@dataclass(frozen=True, slots=True, repr=False)
class Deliver:
    """Deliver: a subscriber's message to ``sp_number``."""

    sequence: Sequence
    user_number: str = ""
    sp_number: str = ""
    tp_pid: int = 0
    tp_udhi: int = 0
    message_coding: int = 0
    message_content: bytes = b""
    reserve: bytes = b""

    def __repr__(self) -> str:
        """Numbers and content are personal data, so only what identifies the packet is shown."""
        return f"Deliver(sequence={self.sequence}, …)"


@dataclass(frozen=True, slots=True)
class DeliverResp:
    """Deliver_Resp."""

    sequence: Sequence
    result: int
    reserve: bytes = b""


_OUTCOMES = {0: Outcome.DELIVERED, 1: Outcome.ACCEPTED}


@dataclass(frozen=True, slots=True, repr=False)
class Report:
    """Report: what became of the message submitted as ``submit_sequence_number``.

    ``report_type`` 0 of a Submit, 1 of a forwarded Deliver; ``state`` 0 delivered, 1 waiting, 2 failed.
    """

    sequence: Sequence
    submit_sequence_number: Sequence
    report_type: int = 0
    user_number: str = ""
    state: int = 0
    error_code: int = 0
    reserve: bytes = b""

    @property
    def outcome(self) -> Outcome:
        """Whatever is neither delivered nor waiting has failed."""
        return _OUTCOMES.get(self.state, Outcome.FAILED)

    def __repr__(self) -> str:
        """The number is personal data, so it is left out."""
        return f"Report(submit={self.submit_sequence_number}, state={self.state}, error_code={self.error_code}, …)"


@dataclass(frozen=True, slots=True)
class ReportResp:
    """Report_Resp."""

    sequence: Sequence
    result: int
    reserve: bytes = b""


@dataclass(frozen=True, slots=True, repr=False)
class UserRpt:
    """UserRpt: the network tells that a subscriber's standing, ``user_condition``, changed."""

    sequence: Sequence
    sp_number: str = ""
    user_number: str = ""
    user_condition: int = 0
    reserve: bytes = b""

    def __repr__(self) -> str:
        """The number is personal data, so it is left out."""
        return f"UserRpt(sequence={self.sequence}, user_condition={self.user_condition}, …)"


@dataclass(frozen=True, slots=True)
class UserRptResp:
    """UserRpt_Resp."""

    sequence: Sequence
    result: int
    reserve: bytes = b""


@dataclass(frozen=True, slots=True, repr=False)
class Unknown:
    """A packet whose body is not decoded here: Trace, routing, or an id nobody defined."""

    sequence: Sequence
    command_id: int
    body: bytes

    def __repr__(self) -> str:
        """The body may hold numbers, so only its length is shown."""
        return f"Unknown(sequence={self.sequence}, command_id={self.command_id:#010x}, {len(self.body)} bytes)"


Request = Submit | Deliver | Report | UserRpt
Response = BindResp | SubmitResp | DeliverResp | ReportResp | UserRptResp
Pdu = Bind | Unbind | UnbindResp | Request | Response | Unknown
