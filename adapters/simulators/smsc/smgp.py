"""SMGP 3.0 and 1.3, the SMGW's side (China Telecom SMGP V3.0.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import ClassVar

from adapters.session.smgp import BUSY, ServerSettings, SmgpServer
from adapters.simulators.smsc.dialect import Codec, Codes, Dialect, FarEnd, Welcome
from adapters.simulators.smsc.messages import Breach, Mo, Parcel, StatusReport, Submission
from adapters.simulators.smsc.reading import Kind, PduReading, add_content
from adapters.simulators.smsc.rules import check_fields, is_smpp_time
from adapters.simulators.smsc.settings import Account, SmscSettings
from adapters.simulators.smsc.tally import BY_SERVICE, Tally
from adapters.wire import smgp
from adapters.wire.errors import WireError
from adapters.wire.longmessage import MESSAGE_BYTES, Segment
from adapters.wire.smgp import (
    MT,
    NO_MSG_ID,
    NO_RESERVE,
    ActiveTest,
    Deliver,
    DeliverResp,
    Exit,
    Login,
    LoginMode,
    LoginResp,
    MsgId,
    Pdu,
    Query,
    QueryResp,
    Submit,
    SubmitResp,
    Unknown,
    Version,
    command_of,
    decode,
    encode,
    format_msg_id,
    parse_msg_id,
)
from adapters.wire.smgp_report import SmgpReport, decode_smgp_report, encode_smgp_report
from adapters.wire.tlv import Tag, make_tlvs

FREE = "00"
_AUTHENTICATION = 21
_TOO_MANY_CONNECTIONS = 2
_VERSION = 22
_KINDS: dict[type, Kind] = {
    Login: Kind.LOGIN,
    LoginResp: Kind.LOGIN_ANSWER,
    Submit: Kind.SUBMIT,
    SubmitResp: Kind.SUBMIT_ANSWER,
    Deliver: Kind.MO,
    DeliverResp: Kind.RECEIPT,
    ActiveTest: Kind.ACTIVE_TEST,
    Exit: Kind.TERMINATE,
    Unknown: Kind.UNDEFINED,
}
_LEGAL: dict[str, Callable[[Submit], bool]] = {
    "msg_type": lambda pdu: pdu.msg_type == MT,
    "need_report": lambda pdu: pdu.need_report <= 1,
    "priority": lambda pdu: pdu.priority <= 3,
    "tp_udhi": lambda pdu: pdu.tp_udhi <= 1,
    "valid_time": lambda pdu: is_smpp_time(pdu.valid_time),
    "at_time": lambda pdu: is_smpp_time(pdu.at_time),
}
# Stat and err go together (6.2.8); of the codes that mean one stat, the plainest.
_ERRORS = {"DELIVRD": "000", "EXPIRED": "001", "UNDELIV": "006", "REJECTD": "005"}
_UNKNOWN_ERROR = "999"


class SmgpMsgIds:
    """Makes MsgIDs: the gateway's code, the time to the minute, and a number that counts up (and wraps)."""

    def __init__(self, gateway_code: int) -> None:
        self._gateway_code = gateway_code
        self._next = 0

    def continue_after(self, msg_id: bytes) -> None:
        """Continue after a number of an earlier life; ids given by hand need not hold any."""
        parsed = parse_msg_id(msg_id)
        if parsed is not None:
            self._next = (int(parsed.sequence) + 1) % 1_000_000

    def make(self, time: datetime, *, gateway_offset: int = 0) -> bytes:
        """Make an id; `time` in the gateway's zone, `gateway_offset` names a neighbour gateway."""
        gateway = (self._gateway_code + gateway_offset) % 1_000_000
        sequence, self._next = self._next, (self._next + 1) % 1_000_000
        return format_msg_id(MsgId(f"{gateway:06d}", time.strftime("%m%d%H%M"), f"{sequence:06d}"))


class Smgw(SmgpServer):
    """Knows which way messages go on its connection, and answers a wrong secret as it is told to."""

    def __init__(self, settings: ServerSettings, bad_secret_status: int) -> None:
        super().__init__(settings)
        self.login_mode = int(LoginMode.BOTH)
        self._bad_secret_status = bad_secret_status

    def _on_login(self, pdu: Login, now: float) -> None:
        if self.link.awaits_login:
            self.login_mode = pdu.login_mode
        super()._on_login(pdu, now)

    def _reject_login(self, sequence: int, peer: str, status: int) -> None:
        super()._reject_login(sequence, peer, self._bad_secret_status if status == _AUTHENTICATION else status)


class SmgpDialect(Dialect):
    """Follows its client's version unless the settings name one."""

    codec: ClassVar[Codec] = smgp
    versions = frozenset(int(version) for version in Version)
    msg_id_bytes = len(NO_MSG_ID)
    ascii_bytes = MESSAGE_BYTES
    writes_gb = True
    codes = Codes(BUSY, _TOO_MANY_CONNECTIONS, _VERSION)

    def __init__(self, settings: SmscSettings) -> None:
        self._settings = settings

    def make_server(self, welcome: Welcome) -> Smgw:
        """Make an SMGW's session."""
        settings = self._settings
        server = ServerSettings(
            accounts={account.sp_id: account.secret for account in settings.accounts},
            version=None if settings.version is None else Version(settings.version),
            judge_login=welcome.judge,
            link=welcome.link,
        )
        return Smgw(server, settings.bad_secret_status or _AUTHENTICATION)

    def takes_deliveries(self, session: FarEnd) -> bool:
        """Not where the client logged in to send alone."""
        return isinstance(session, Smgw) and session.login_mode != LoginMode.SEND

    def decode(self, frame: bytes, version: int | None) -> Pdu:
        """Decode a frame of either version."""
        return decode(frame, None if version is None else Version(version))

    def restate_login(self, pdu: LoginResp, layout: int, *, version: int | None = None, proof: bytes = b"") -> bytes:
        """Encode a Login_Resp."""
        named = pdu.server_version if version is None else version
        told = replace(pdu, server_version=named, authenticator_server=proof or pdu.authenticator_server)
        return encode(told, Version(layout))

    def read(self, pdu: Pdu) -> PduReading:
        """Break a PDU out."""
        reading = PduReading(self.name_command(command_of(pdu)), pdu.sequence, _KINDS.get(type(pdu), Kind.OTHER))
        match pdu:
            case Login():
                return replace(reading, account=pdu.client_id, version=pdu.client_version)
            case LoginResp():
                return replace(reading, result=pdu.status, version=pdu.server_version)
            case SubmitResp() | DeliverResp():
                return replace(reading, msg_id=_name(pdu.msg_id), handle=pdu.msg_id, result=pdu.status)
            case Submit():
                return replace(_read_submit(reading, pdu), service_code=self._read_code(pdu.src_term_id))
            case Deliver():
                return replace(_read_deliver(reading, pdu), service_code=self._read_code(pdu.dest_term_id))
            case _:
                return reading

    # What SPs send

    def read_submit(self, pdu: Submit) -> Submission:
        """Return what a Submit asks for."""
        total, number = pdu.tlvs.number(Tag.PK_TOTAL), pdu.tlvs.number(Tag.PK_NUMBER)
        return Submission(
            numbers=pdu.dest_term_ids,
            service_code=self._read_code(pdu.src_term_id),
            service_id=pdu.service_id,
            wants_report=pdu.need_report == 1,
            segment=Segment(pdu.tp_udhi, pdu.msg_format, pdu.msg_content),
            numbering=(total, number) if total or number else None,
        )

    def check_own(self, pdu: Submit, account: Account) -> Iterator[Breach]:
        """FeeType is "00", FeeCode and FixedFee nothing, MsgSrc the account where it is told."""
        if pdu.fee_type != FREE:
            yield Breach("paid_submit", f"fee_type {pdu.fee_type!r}")
        if pdu.fee_code.strip("0") or pdu.fixed_fee.strip("0"):
            yield Breach("fee_code_not_zero", f"fee_code {pdu.fee_code!r}, fixed_fee {pdu.fixed_fee!r}")
        if not pdu.src_term_id.startswith(self._settings.code_prefix):
            yield Breach("wrong_src_id", f"the sender's code lacks its {self._settings.code_prefix}")
        if pdu.tlvs.text(Tag.MSG_SRC) not in ("", account.sp_id):
            yield Breach("wrong_msg_src", "MsgSrc is not the account")
        yield from check_fields(pdu, _LEGAL)

    def name_submit(self, pdu: Submit, make: Callable[[], bytes]) -> bytes:
        """The gateway gives the MsgID."""
        del pdu
        return make()

    def answer_request(self, pdu: Pdu, account: str, tally: Tally) -> Pdu | None:
        """Answer Query."""
        if not isinstance(pdu, Query):
            return None
        sums = tally.add_up(pdu.query_time, account, pdu.query_code if pdu.query_type == BY_SERVICE else None)
        return QueryResp(pdu.sequence, pdu.query_time, pdu.query_type, pdu.query_code, reserve=NO_RESERVE, **sums)

    def _read_code(self, address: str) -> str:
        return address.removeprefix(self._settings.code_prefix)

    # What SPs get

    def make_msg_ids(self) -> SmgpMsgIds:
        """Ids that name the configured gateway."""
        return SmgpMsgIds(self._settings.gateway_code)

    def lay_out(self, parcel: Parcel, version: int | None) -> Deliver:
        """Both versions have the same Deliver."""
        del version
        deliver = Deliver(
            0,
            msg_id=parcel.msg_id,
            recv_time=parcel.stamp,
            src_term_id=parcel.number,
            dest_term_id=self._settings.code_prefix + parcel.service_code,
        )
        if isinstance(parcel, StatusReport):
            return replace(deliver, is_report=1, msg_content=_write_report(parcel))
        return replace(
            deliver,
            msg_format=parcel.segment.msg_fmt,
            msg_content=parcel.segment.content,
            tlvs=make_tlvs(_parameters(parcel)),
        )


def _name(msg_id: bytes) -> bytes:
    return b"" if msg_id == NO_MSG_ID else msg_id


def _parameters(mo: Mo) -> dict[Tag, int | str | bytes]:
    parameters: dict[Tag, int | str | bytes] = {Tag.TP_PID: 0, Tag.TP_UDHI: mo.segment.tp_udhi}
    return parameters | ({Tag.LINK_ID: mo.link_id} if mo.link_id else {})


def _write_report(report: StatusReport) -> bytes:
    minute, err = report.stamp[2:12], _ERRORS.get(report.stat, _UNKNOWN_ERROR)
    if not report.old_layout:
        return encode_smgp_report(
            SmgpReport(report.subject, submit_date=minute, done_date=minute, stat=report.stat, err=err)
        )
    labelled = f"sub:001 dlvrd:001 submit_date:{minute} done_date:{minute} stat:{report.stat} err:{err} txt:"
    return b"id:" + report.subject + labelled.encode("ascii")


def _read_submit(reading: PduReading, pdu: Submit) -> PduReading:
    return replace(
        add_content(reading, Segment(pdu.tp_udhi, pdu.msg_format, pdu.msg_content)),
        number=pdu.dest_term_ids[0] if pdu.dest_term_ids else "",
        fee_type=pdu.fee_type,
    )


def _read_deliver(reading: PduReading, pdu: Deliver) -> PduReading:
    reading = replace(reading, msg_id=_name(pdu.msg_id), handle=pdu.msg_id, number=pdu.src_term_id)
    if pdu.is_report != 1:
        return add_content(reading, Segment(pdu.tp_udhi, pdu.msg_format, pdu.msg_content))
    reading = replace(reading, kind=Kind.REPORT)
    try:
        report = decode_smgp_report(pdu.msg_content)
    except WireError:
        return reading
    return replace(reading, msg_id=report.msg_id, stat=report.stat)
