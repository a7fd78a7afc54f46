"""The packets of CMPP 2.0 and 3.0 as values (China Mobile QB-GF-028-2003, chapters 6 and 7).

Names are the specification's in snake_case. Times stay the strings they are on the wire. What 2.0 lacks (the
``*_type`` flags) is 0 there.
"""

from dataclasses import dataclass, field
from enum import IntEnum

NO_MSG_ID = bytes(8)
RESPONSE_BIT = 0x80000000


class Version(IntEnum):
    """The two layouts; the value is what CONNECT offers (high nibble major, low nibble minor)."""

    V20 = 0x20
    V30 = 0x30

    @property
    def label(self) -> str:
        """``"2.0"`` or ``"3.0"``."""
        return f"{self >> 4}.{self & 0xF}"


class Command(IntEnum):
    """Every command id of the specification; a response has the high bit of its request set."""

    CONNECT = 0x1
    TERMINATE = 0x2
    SUBMIT = 0x4
    DELIVER = 0x5
    QUERY = 0x6
    CANCEL = 0x7
    ACTIVE_TEST = 0x8
    FWD = 0x9
    MT_ROUTE = 0x10
    MO_ROUTE = 0x11
    GET_MT_ROUTE = 0x12
    MT_ROUTE_UPDATE = 0x13
    MO_ROUTE_UPDATE = 0x14
    PUSH_MT_ROUTE_UPDATE = 0x15
    PUSH_MO_ROUTE_UPDATE = 0x16
    GET_MO_ROUTE = 0x17
    CONNECT_RESP = RESPONSE_BIT | 0x1
    TERMINATE_RESP = RESPONSE_BIT | 0x2
    SUBMIT_RESP = RESPONSE_BIT | 0x4
    DELIVER_RESP = RESPONSE_BIT | 0x5
    QUERY_RESP = RESPONSE_BIT | 0x6
    CANCEL_RESP = RESPONSE_BIT | 0x7
    ACTIVE_TEST_RESP = RESPONSE_BIT | 0x8
    FWD_RESP = RESPONSE_BIT | 0x9
    MT_ROUTE_RESP = RESPONSE_BIT | 0x10
    MO_ROUTE_RESP = RESPONSE_BIT | 0x11
    GET_MT_ROUTE_RESP = RESPONSE_BIT | 0x12
    MT_ROUTE_UPDATE_RESP = RESPONSE_BIT | 0x13
    MO_ROUTE_UPDATE_RESP = RESPONSE_BIT | 0x14
    PUSH_MT_ROUTE_UPDATE_RESP = RESPONSE_BIT | 0x15
    PUSH_MO_ROUTE_UPDATE_RESP = RESPONSE_BIT | 0x16
    GET_MO_ROUTE_RESP = RESPONSE_BIT | 0x17


@dataclass(frozen=True, slots=True)
class Connect:
    """CONNECT: log in. ``timestamp`` is MMDDHHMMSS as a number, ``version`` the byte offered."""

    sequence: int
    source_addr: str
    authenticator: bytes = field(repr=False)
    version: int
    timestamp: int


@dataclass(frozen=True, slots=True)
class ConnectResp:
    """CONNECT_RESP: status 0 ok, 1 structure, 2 source, 3 authentication, 4 version too high, 5+ other."""

    sequence: int
    status: int
    authenticator_ismg: bytes = field(repr=False)
    version: int


@dataclass(frozen=True, slots=True)
class Terminate:
    """TERMINATE: end the session in good order."""

    sequence: int


@dataclass(frozen=True, slots=True)
class TerminateResp:
    """TERMINATE_RESP."""

    sequence: int


@dataclass(frozen=True, slots=True, repr=False)
class Submit:
    """SUBMIT: a message to 1..99 subscribers. ``fee_type`` "01" is free; ``fee_code`` is in fen.

    ``msg_content`` includes the user data header when ``tp_udhi`` is 1, at most 255 bytes. ``link_id`` is 8
    bytes in 2.0 (Reserve), 20 in 3.0, without its padding.
    """

    sequence: int
    msg_id: bytes = NO_MSG_ID
    pk_total: int = 1
    pk_number: int = 1
    registered_delivery: int = 0
    msg_level: int = 0
    service_id: str = ""
    fee_user_type: int = 0
    fee_terminal_id: str = ""
    fee_terminal_type: int = 0
    tp_pid: int = 0
    tp_udhi: int = 0
    msg_fmt: int = 0
    msg_src: str = ""
    fee_type: str = "01"
    fee_code: str = ""
    valid_time: str = ""
    at_time: str = ""
    src_id: str = ""
    dest_terminal_ids: tuple[str, ...] = ()
    dest_terminal_type: int = 0
    msg_content: bytes = b""
    link_id: bytes = b""

    def __repr__(self) -> str:
        """Numbers and content are personal data, so only what identifies the packet is shown."""
        return f"Submit(sequence={self.sequence}, pk={self.pk_number}/{self.pk_total}, …)"


@dataclass(frozen=True, slots=True)
class SubmitResp:
    """SUBMIT_RESP: result 0 ok, 3 duplicate sequence, 8 flow control, others permanent."""

    sequence: int
    msg_id: bytes
    result: int


@dataclass(frozen=True, slots=True, repr=False)
class Deliver:
    """DELIVER: a subscriber's message to ``dest_id``, or a status report if ``registered_delivery`` is 1."""

    sequence: int
    msg_id: bytes = NO_MSG_ID
    dest_id: str = ""
    service_id: str = ""
    tp_pid: int = 0
    tp_udhi: int = 0
    msg_fmt: int = 0
    src_terminal_id: str = ""
    src_terminal_type: int = 0
    registered_delivery: int = 0
    msg_content: bytes = b""
    link_id: bytes = b""

    def __repr__(self) -> str:
        """Numbers and content are personal data, so only what identifies the packet is shown."""
        return f"Deliver(sequence={self.sequence}, msg_id={self.msg_id.hex()}, …)"


@dataclass(frozen=True, slots=True)
class DeliverResp:
    """DELIVER_RESP: result codes as in SUBMIT_RESP."""

    sequence: int
    msg_id: bytes
    result: int


@dataclass(frozen=True, slots=True)
class Query:
    """QUERY: counters of one day; ``time`` YYYYMMDD, ``query_type`` 0 totals, 1 by service code."""

    sequence: int
    time: str
    query_type: int
    query_code: str
    reserve: bytes = b""


@dataclass(frozen=True, slots=True)
class QueryResp:
    """QUERY_RESP: messages, users, successes, waiting and failures of MT; successes, waiting, failures of MO."""

    sequence: int
    time: str
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


@dataclass(frozen=True, slots=True)
class Cancel:
    """CANCEL: withdraw the message of that id."""

    sequence: int
    msg_id: bytes


@dataclass(frozen=True, slots=True)
class CancelResp:
    """CANCEL_RESP: ``success_id`` 0 withdrawn, 1 not."""

    sequence: int
    success_id: int


@dataclass(frozen=True, slots=True)
class ActiveTest:
    """ACTIVE_TEST: keep-alive, from either side."""

    sequence: int


@dataclass(frozen=True, slots=True)
class ActiveTestResp:
    """ACTIVE_TEST_RESP."""

    sequence: int
    reserved: int = 0


@dataclass(frozen=True, slots=True, repr=False)
class Unknown:
    """A packet whose body is not decoded here: FWD, the routing commands, or an id nobody defined."""

    sequence: int
    command_id: int
    body: bytes

    def __repr__(self) -> str:
        """The body may hold numbers, so only its length is shown."""
        return f"Unknown(sequence={self.sequence}, command_id={self.command_id:#010x}, {len(self.body)} bytes)"


Pdu = (
    Connect
    | ConnectResp
    | Terminate
    | TerminateResp
    | Submit
    | SubmitResp
    | Deliver
    | DeliverResp
    | Query
    | QueryResp
    | Cancel
    | CancelResp
    | ActiveTest
    | ActiveTestResp
    | Unknown
)
