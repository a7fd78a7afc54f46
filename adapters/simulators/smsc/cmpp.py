"""CMPP 2.0 and 3.0, the ISMG's side (QB-GF-028-2003)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import ClassVar

from adapters.session.cmpp import FLOW_CONTROL, CmppServer, ServerSettings
from adapters.simulators.smsc.dialect import Codec, Codes, Dialect, Welcome
from adapters.simulators.smsc.messages import Breach, Mo, Parcel, Submission
from adapters.simulators.smsc.reading import Kind, PduReading, add_content
from adapters.simulators.smsc.rules import check_fields, is_smpp_time
from adapters.simulators.smsc.settings import Account, SmscSettings
from adapters.simulators.smsc.tally import BY_SERVICE, Tally
from adapters.wire import cmpp
from adapters.wire.cmpp import (
    NO_MSG_ID,
    ActiveTest,
    Cancel,
    CancelResp,
    Connect,
    ConnectResp,
    Deliver,
    DeliverResp,
    MsgId,
    Pdu,
    Query,
    QueryResp,
    Submit,
    SubmitResp,
    Terminate,
    Unknown,
    Version,
    command_of,
    decode,
    encode,
    format_msg_id,
    parse_msg_id,
)
from adapters.wire.errors import WireError
from adapters.wire.longmessage import ASCII_MESSAGE_BYTES, Segment
from adapters.wire.report import Report, decode_cmpp_report, encode_cmpp_report

FREE = "01"
_CANCEL_FAILED = 1
_REFUSED_LOGIN = 5
_VERSION_TOO_HIGH = 4
_KINDS: dict[type, Kind] = {
    Connect: Kind.LOGIN,
    ConnectResp: Kind.LOGIN_ANSWER,
    Submit: Kind.SUBMIT,
    SubmitResp: Kind.SUBMIT_ANSWER,
    Deliver: Kind.MO,
    DeliverResp: Kind.RECEIPT,
    ActiveTest: Kind.ACTIVE_TEST,
    Terminate: Kind.TERMINATE,
    Unknown: Kind.UNDEFINED,
}
_LEGAL: dict[str, Callable[[Submit], bool]] = {
    "fee_user_type": lambda pdu: pdu.fee_user_type <= 3,
    "tp_udhi": lambda pdu: pdu.tp_udhi <= 1,
    "valid_time": lambda pdu: is_smpp_time(pdu.valid_time),
    "at_time": lambda pdu: is_smpp_time(pdu.at_time),
}


class CmppMsgIds:
    """Makes Msg_Ids: the time to the second, the gateway's code, and a number that counts up (and wraps)."""

    def __init__(self, gateway_code: int) -> None:
        self._gateway_code = gateway_code
        self._next = 0

    def continue_after(self, msg_id: bytes) -> None:
        """Continue after a number of an earlier life."""
        self._next = (parse_msg_id(msg_id).sequence + 1) % 65536

    def make(self, time: datetime, *, gateway_offset: int = 0) -> bytes:
        """Make an id; `time` in the gateway's zone, `gateway_offset` names a neighbour gateway."""
        gateway = (self._gateway_code + gateway_offset) % (1 << 22)
        sequence, self._next = self._next, (self._next + 1) % 65536
        return format_msg_id(MsgId(time.month, time.day, time.hour, time.minute, time.second, gateway, sequence))


class CmppDialect(Dialect):
    """Follows its client's version unless the settings name one."""

    codec: ClassVar[Codec] = cmpp
    versions = frozenset(int(version) for version in Version)
    msg_id_bytes = len(NO_MSG_ID)
    ascii_bytes = ASCII_MESSAGE_BYTES
    codes = Codes(FLOW_CONTROL, _REFUSED_LOGIN, _VERSION_TOO_HIGH)

    def __init__(self, settings: SmscSettings) -> None:
        self._settings = settings

    def make_server(self, welcome: Welcome) -> CmppServer:
        """Make an ISMG's session."""
        settings = self._settings
        return CmppServer(
            ServerSettings(
                accounts={account.sp_id: account.secret for account in settings.accounts},
                version=None if settings.version is None else Version(settings.version),
                judge_login=welcome.judge,
                link=welcome.link,
            )
        )

    def decode(self, frame: bytes, version: int | None) -> Pdu:
        """Decode a frame of either version."""
        return decode(frame, None if version is None else Version(version))

    def restate_login(self, pdu: ConnectResp, layout: int, *, version: int | None = None, proof: bytes = b"") -> bytes:
        """Encode a CONNECT_RESP."""
        named = pdu.version if version is None else version
        told = replace(pdu, version=named, authenticator_ismg=proof or pdu.authenticator_ismg)
        return encode(told, Version(layout))

    def read(self, pdu: Pdu) -> PduReading:
        """Break a PDU out."""
        reading = PduReading(self.name_command(command_of(pdu)), pdu.sequence, _KINDS.get(type(pdu), Kind.OTHER))
        match pdu:
            case Connect():
                return replace(reading, account=pdu.source_addr, version=pdu.version)
            case ConnectResp():
                return replace(reading, result=pdu.status, version=pdu.version)
            case SubmitResp() | DeliverResp():
                return replace(reading, msg_id=_name(pdu.msg_id), handle=pdu.msg_id, result=pdu.result)
            case Submit():
                return _read_submit(reading, pdu)
            case Deliver():
                return _read_deliver(reading, pdu)
            case _:
                return reading

    # What SPs send

    def read_submit(self, pdu: Submit) -> Submission:
        """Return what a SUBMIT asks for."""
        return Submission(
            numbers=pdu.dest_terminal_ids,
            service_code=pdu.src_id,
            service_id=pdu.service_id,
            wants_report=pdu.registered_delivery == 1,
            segment=Segment(pdu.tp_udhi, pdu.msg_fmt, pdu.msg_content),
            numbering=(pdu.pk_total, pdu.pk_number),
        )

    def check_own(self, pdu: Submit, account: Account) -> Iterator[Breach]:
        """FeeType is "01", FeeCode nothing, Msg_src the account."""
        if pdu.fee_type != FREE:
            yield Breach("paid_submit", f"fee_type {pdu.fee_type!r}")
        if pdu.fee_code.strip("0"):
            yield Breach("fee_code_not_zero", f"fee_code {pdu.fee_code!r}")
        if pdu.msg_src != account.sp_id:
            yield Breach("wrong_msg_src", "msg_src is not the account")
        yield from check_fields(pdu, _LEGAL)

    def name_submit(self, pdu: Submit, make: Callable[[], bytes]) -> bytes:
        """The gateway gives the Msg_Id."""
        del pdu
        return make()

    def answer_request(self, pdu: Pdu, account: str, tally: Tally) -> Pdu | None:
        """Answer QUERY, and CANCEL: messages reach phones at once, so that nothing is ever left to cancel."""
        if isinstance(pdu, Query):
            sums = tally.add_up(pdu.time, account, pdu.query_code if pdu.query_type == BY_SERVICE else None)
            return QueryResp(pdu.sequence, pdu.time, pdu.query_type, pdu.query_code, **sums)
        return CancelResp(pdu.sequence, _CANCEL_FAILED) if isinstance(pdu, Cancel) else None

    # What SPs get

    def make_msg_ids(self) -> CmppMsgIds:
        """Ids that name the configured gateway."""
        return CmppMsgIds(self._settings.gateway_code)

    def lay_out(self, parcel: Parcel, version: int | None) -> Deliver:
        """A report's content has a layout of its own in each version."""
        if isinstance(parcel, Mo):
            return Deliver(
                0,
                msg_id=parcel.msg_id,
                dest_id=parcel.service_code,
                service_id=parcel.service_id,
                tp_udhi=parcel.segment.tp_udhi,
                msg_fmt=parcel.segment.msg_fmt,
                src_terminal_id=parcel.number,
                msg_content=parcel.segment.content,
                link_id=parcel.link_id,
            )
        minute = parcel.stamp[2:12]
        report = Report(parcel.subject, parcel.stat, minute, minute, parcel.number, 1, "3.0")
        layout = Version.V20 if parcel.old_layout else Version(version or Version.V30)
        return Deliver(
            0,
            msg_id=parcel.msg_id,
            dest_id=parcel.service_code,
            service_id=parcel.service_id,
            src_terminal_id=parcel.number,
            registered_delivery=1,
            msg_content=encode_cmpp_report(report, layout),
        )


def _name(msg_id: bytes) -> bytes:
    return b"" if msg_id == NO_MSG_ID else msg_id


def _read_submit(reading: PduReading, pdu: Submit) -> PduReading:
    read = add_content(reading, Segment(pdu.tp_udhi, pdu.msg_fmt, pdu.msg_content))
    return replace(
        read,
        msg_id=_name(pdu.msg_id),
        number=pdu.dest_terminal_ids[0] if pdu.dest_terminal_ids else "",
        service_code=pdu.src_id,
        pk_number=pdu.pk_number,
        pk_total=pdu.pk_total,
        fee_type=pdu.fee_type,
    )


def _read_deliver(reading: PduReading, pdu: Deliver) -> PduReading:
    if pdu.registered_delivery == 1:
        reading = replace(reading, kind=Kind.REPORT, handle=pdu.msg_id)
        try:
            report = decode_cmpp_report(pdu.msg_content)
        except WireError:
            return replace(reading, msg_id=_name(pdu.msg_id), number=pdu.src_terminal_id, service_code=pdu.dest_id)
        return replace(reading, msg_id=report.msg_id, number=report.dest_terminal_id, stat=report.stat)
    read = add_content(reading, Segment(pdu.tp_udhi, pdu.msg_fmt, pdu.msg_content))
    return replace(
        read, msg_id=_name(pdu.msg_id), handle=pdu.msg_id, number=pdu.src_terminal_id, service_code=pdu.dest_id
    )
