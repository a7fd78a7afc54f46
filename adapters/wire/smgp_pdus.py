"""The packets of SMGP 3.0 as values (China Telecom SMGP V3.0.3, chapter 6).

Names are the specification's in snake_case. Times stay the strings they are on the wire. What a 1.3 peer lacks
(FixedFee) is empty there.
"""

from dataclasses import dataclass, field
from enum import IntEnum

from adapters.wire.tlv import NO_TLVS, Tag, Tlvs

MSG_ID_BYTES = 10
NO_MSG_ID = bytes(MSG_ID_BYTES)
NO_RESERVE = bytes(8)
RESPONSE_BIT = 0x80000000
# MsgType of a message to a subscriber.
MT = 6


class Version(IntEnum):
    """The two layouts; the value is what Login offers (high nibble major, low nibble minor)."""

    V13 = 0x13
    V30 = 0x30

    @property
    def label(self) -> str:
        """``"1.3"`` or ``"3.0"``."""
        return f"{self >> 4}.{self & 0xF}"


class LoginMode(IntEnum):
    """Which way messages go on a connection, as the SP sees it."""

    SEND = 0
    RECEIVE = 1
    BOTH = 2


class Command(IntEnum):
    """Every command id of the specification; a response has the high bit of its request set."""

    LOGIN = 0x1
    SUBMIT = 0x2
    DELIVER = 0x3
    ACTIVE_TEST = 0x4
    FORWARD = 0x5
    EXIT = 0x6
    QUERY = 0x7
    QUERY_TE_ROUTE = 0x8
    QUERY_SP_ROUTE = 0x9
    PAYMENT_REQUEST = 0xA
    PAYMENT_AFFIRM = 0xB
    QUERY_USER_STATE = 0xC
    GET_ALL_TE_ROUTE = 0xD
    GET_ALL_SP_ROUTE = 0xE
    UPDATE_TE_ROUTE = 0xF
    UPDATE_SP_ROUTE = 0x10
    PUSH_UPDATE_TE_ROUTE = 0x11
    PUSH_UPDATE_SP_ROUTE = 0x12
    LOGIN_RESP = RESPONSE_BIT | 0x1
    SUBMIT_RESP = RESPONSE_BIT | 0x2
    DELIVER_RESP = RESPONSE_BIT | 0x3
    ACTIVE_TEST_RESP = RESPONSE_BIT | 0x4
    FORWARD_RESP = RESPONSE_BIT | 0x5
    EXIT_RESP = RESPONSE_BIT | 0x6
    QUERY_RESP = RESPONSE_BIT | 0x7
    QUERY_TE_ROUTE_RESP = RESPONSE_BIT | 0x8
    QUERY_SP_ROUTE_RESP = RESPONSE_BIT | 0x9
    PAYMENT_REQUEST_RESP = RESPONSE_BIT | 0xA
    PAYMENT_AFFIRM_RESP = RESPONSE_BIT | 0xB
    QUERY_USER_STATE_RESP = RESPONSE_BIT | 0xC
    GET_ALL_TE_ROUTE_RESP = RESPONSE_BIT | 0xD
    GET_ALL_SP_ROUTE_RESP = RESPONSE_BIT | 0xE
    UPDATE_TE_ROUTE_RESP = RESPONSE_BIT | 0xF
    UPDATE_SP_ROUTE_RESP = RESPONSE_BIT | 0x10
    PUSH_UPDATE_TE_ROUTE_RESP = RESPONSE_BIT | 0x11
    PUSH_UPDATE_SP_ROUTE_RESP = RESPONSE_BIT | 0x12


@dataclass(frozen=True, slots=True)
class Login:
    """Login: ``timestamp`` is MMDDHHMMSS as a number, ``client_version`` the byte offered."""

    sequence: int
    client_id: str
    authenticator_client: bytes = field(repr=False)
    login_mode: int
    timestamp: int
    client_version: int


@dataclass(frozen=True, slots=True)
class LoginResp:
    """Login_Resp: status 0 ok, 1 busy, 2 too many connections, 20 address, 21 authentication, 22 version."""

    sequence: int
    status: int
    authenticator_server: bytes = field(repr=False)
    server_version: int


@dataclass(frozen=True, slots=True, repr=False)
class Submit:
    """Submit: a message to 1..100 subscribers; fees are in fen, ``src_term_id`` is "118" and the SP's code.

    ``msg_content`` includes the user data header when the parameter TP_udhi is 1, at most 255 bytes. In a
    packet without FixedFee (1.3) ``fixed_fee`` is empty.
    """

    sequence: int
    msg_type: int = MT
    need_report: int = 0
    priority: int = 0
    service_id: str = ""
    fee_type: str = "00"
    fee_code: str = ""
    fixed_fee: str = ""
    msg_format: int = 0
    valid_time: str = ""
    at_time: str = ""
    src_term_id: str = ""
    charge_term_id: str = ""
    dest_term_ids: tuple[str, ...] = ()
    msg_content: bytes = b""
    reserve: bytes = NO_RESERVE
    tlvs: Tlvs = NO_TLVS

    @property
    def tp_udhi(self) -> int:
        """Whether a user data header is announced; 0 where the parameter is missing."""
        return self.tlvs.number(Tag.TP_UDHI)

    def __repr__(self) -> str:
        """Numbers and content are personal data, so only what identifies the packet is shown."""
        return f"Submit(sequence={self.sequence}, …)"


@dataclass(frozen=True, slots=True)
class SubmitResp:
    """Submit_Resp: ``msg_id`` is 10 opaque bytes; status 0 ok, 1 busy, 12 duplicate sequence."""

    sequence: int
    msg_id: bytes
    status: int


@dataclass(frozen=True, slots=True, repr=False)
class Deliver:
    """Deliver: a subscriber's message to ``dest_term_id``, or a status report if ``is_report`` is 1."""

    sequence: int
    msg_id: bytes = NO_MSG_ID
    is_report: int = 0
    msg_format: int = 0
    recv_time: str = ""
    src_term_id: str = ""
    dest_term_id: str = ""
    msg_content: bytes = b""
    reserve: bytes = NO_RESERVE
    tlvs: Tlvs = NO_TLVS

    @property
    def tp_udhi(self) -> int:
        """Whether a user data header is announced; 0 where the parameter is missing."""
        return self.tlvs.number(Tag.TP_UDHI)

    def __repr__(self) -> str:
        """Numbers and content are personal data, so only what identifies the packet is shown."""
        return f"Deliver(sequence={self.sequence}, msg_id={self.msg_id.hex()}, …)"


@dataclass(frozen=True, slots=True)
class DeliverResp:
    """Deliver_Resp: status codes as in Submit_Resp."""

    sequence: int
    msg_id: bytes
    status: int


@dataclass(frozen=True, slots=True)
class Query:
    """Query: counters of one day; ``query_time`` YYYYMMDD, ``query_type`` 0 totals, 1 by service."""

    sequence: int
    query_time: str
    query_type: int
    query_code: str


@dataclass(frozen=True, slots=True)
class QueryResp:
    """Query_Resp: messages, users, successes, waiting and failures of MT; successes, waiting, failures of MO."""

    sequence: int
    query_time: str
    query_type: int
    query_code: str
    mt_tl_msg: int
    mt_tl_usr: int
    mt_scs: int
    mt_wt: int
    mt_fl: int
    mo_scs: int
    mo_wt: int
    mo_fl: int
    reserve: bytes = NO_RESERVE


@dataclass(frozen=True, slots=True)
class ActiveTest:
    """Active_Test: keep-alive, from either side."""

    sequence: int


@dataclass(frozen=True, slots=True)
class ActiveTestResp:
    """Active_Test_Resp."""

    sequence: int


@dataclass(frozen=True, slots=True)
class Exit:
    """Exit: end the session in good order."""

    sequence: int


@dataclass(frozen=True, slots=True)
class ExitResp:
    """Exit_Resp."""

    sequence: int


@dataclass(frozen=True, slots=True, repr=False)
class Unknown:
    """A packet whose body is not decoded here: Forward, routing, prepaid, or an id nobody defined."""

    sequence: int
    command_id: int
    body: bytes

    def __repr__(self) -> str:
        """The body may hold numbers, so only its length is shown."""
        return f"Unknown(sequence={self.sequence}, command_id={self.command_id:#010x}, {len(self.body)} bytes)"


Pdu = (
    Login
    | LoginResp
    | Submit
    | SubmitResp
    | Deliver
    | DeliverResp
    | Query
    | QueryResp
    | ActiveTest
    | ActiveTestResp
    | Exit
    | ExitResp
    | Unknown
)
