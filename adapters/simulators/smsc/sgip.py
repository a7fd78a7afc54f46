"""SGIP 1.2 and 1.3, the SMG's side in both directions (China Unicom SGIP): SPs dial to submit, the SMG to deliver."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from dataclasses import replace
from datetime import datetime
from typing import ClassVar

from adapters.session.errors import LinkStateError
from adapters.session.settings import LinkSettings
from adapters.session.sgip import BUSY, DialSettings, ListenSettings, SgipCaller, SgipNumbers, SgipServer
from adapters.session.sgip import SgipDialect as Edition
from adapters.session.sgip.results import SEQUENCE
from adapters.simulators.smsc.dialect import Codec, Codes, Dialect, FarEnd, Welcome
from adapters.simulators.smsc.messages import Breach, Parcel, StatusReport, Submission
from adapters.simulators.smsc.reading import Kind, PduReading, add_content
from adapters.simulators.smsc.rules import check_fields, is_smpp_time
from adapters.simulators.smsc.settings import Account, CallBack, SmscSettings
from adapters.simulators.smsc.tally import Tally
from adapters.wire import sgip
from adapters.wire.longmessage import ASCII_MESSAGE_BYTES, Segment
from adapters.wire.sgip import (
    SEQUENCE_BYTES,
    SP_PAYS,
    Bind,
    BindResp,
    Deliver,
    DeliverResp,
    Pdu,
    Report,
    ReportResp,
    Sequence,
    Submit,
    SubmitResp,
    Unbind,
    Unknown,
    UserRptResp,
    command_of,
    decode,
    encode,
)
from adapters.wire.sgip_address import COUNTRY_CODE, add_country_code

FREE = 1
_FLOW_LIMIT = 33
_FLOW_CONTROL = {Edition.V12: BUSY, Edition.V13: _FLOW_LIMIT}
_SERIALS = 1 << 32
_MOBILE_DIGITS = 11
_KINDS: dict[type, Kind] = {
    Bind: Kind.LOGIN,
    BindResp: Kind.LOGIN_ANSWER,
    Submit: Kind.SUBMIT,
    SubmitResp: Kind.SUBMIT_ANSWER,
    Deliver: Kind.MO,
    Report: Kind.REPORT,
    DeliverResp: Kind.RECEIPT,
    ReportResp: Kind.RECEIPT,
    Unbind: Kind.TERMINATE,
    Unknown: Kind.UNDEFINED,
}
_LEGAL: dict[str, Callable[[Submit], bool]] = {
    "agent_flag": lambda pdu: pdu.agent_flag <= 1,
    "mo_relate_to_mt_flag": lambda pdu: pdu.mo_relate_to_mt_flag <= 3,
    "priority": lambda pdu: pdu.priority <= 9,
    "expire_time": lambda pdu: is_smpp_time(pdu.expire_time),
    "schedule_time": lambda pdu: is_smpp_time(pdu.schedule_time),
    "report_flag": lambda pdu: pdu.report_flag <= 3,
    "tp_udhi": lambda pdu: pdu.tp_udhi <= 1,
    "message_type": lambda pdu: pdu.message_type == 0,
}
# 1.3, error 40: system feedback is not an SP's to send.
_LEGAL_13 = _LEGAL | {"mo_relate_to_mt_flag": lambda pdu: pdu.mo_relate_to_mt_flag <= 2}

_DELIVERED, _WAITING, _FAILED = 0, 1, 2
_STATES = {"DELIVRD": _DELIVERED, "ACCEPTD": _WAITING}
_STATS = {state: stat for stat, state in _STATES.items()}
# ErrorCode of what other protocols say in words: unreachable, user off, unknown user …
_ERRORS = {"UNDELIV": 21, "EXPIRED": 25, "UNKNOWN": 29, "REJECTD": 30, "DELETED": 28}
_SYSTEM_FAILURE = 32
_ERROR_PREFIX = "ERR:"


class SgipMsgIds:
    """Makes sequence numbers for messages: the SMG's node, the time to the second, and a serial."""

    def __init__(self, node: int) -> None:
        self._node = node
        self._next = 0

    def continue_after(self, msg_id: bytes) -> None:
        """Continue after a number of an earlier life; those of SPs are none of ours."""
        sequence = Sequence.from_bytes(msg_id)
        if sequence.node == self._node:
            self._next = (sequence.serial + 1) % _SERIALS

    def make(self, time: datetime, *, gateway_offset: int = 0) -> bytes:
        """Make a number; `time` in the gateway's zone, `gateway_offset` names a neighbour gateway."""
        serial, self._next = self._next, (self._next + 1) % _SERIALS
        return Sequence(self._node + gateway_offset, int(time.strftime("%m%d%H%M%S")), serial).to_bytes()


class Smg(SgipServer):
    """A connection that an SP made."""

    @property
    def version(self) -> int | None:
        """SGIP tells none."""
        return None


class GivenNumbers(SgipNumbers):
    """Numbers a message as it was numbered when the phone sent it, on whatever connection it goes."""

    def __init__(self, node: int) -> None:
        # Bind and Unbind keep to the upper half of the serials, out of the messages' way.
        super().__init__(node, first_serial=_SERIALS // 2)
        self.given: int | None = None

    def take(self, in_use: Container[int], now: float) -> int:
        """Return the number given, once, else a new one."""
        given, self.given = self.given, None
        return super().take(in_use, now) if given is None else given


class SmgCaller(SgipCaller):
    """A connection to an SP's listener, for one account's messages and reports."""

    def __init__(self, settings: DialSettings, account: str) -> None:
        self._given = GivenNumbers(settings.node)
        super().__init__(settings, self._given)
        self.account = account

    @property
    def version(self) -> int | None:
        """SGIP tells none."""
        return None

    def deliver(self, pdu: Deliver | Report, token: object, now: float) -> int:
        """As `Deliverer.deliver`, under the packet's own number; `LinkStateError` while that is outstanding."""
        number = int(pdu.sequence)
        if number in self.link.window:
            raise LinkStateError("number_outstanding")
        self._given.given = number
        return super().deliver(pdu, token, now)


class SgipDialect(Dialect):
    """The packets of both editions are the same; codes and one rule differ."""

    codec: ClassVar[Codec] = sgip
    versions = frozenset()
    msg_id_bytes = SEQUENCE_BYTES
    ascii_bytes = ASCII_MESSAGE_BYTES
    window = 32
    rests = True

    def __init__(self, settings: SmscSettings) -> None:
        self._settings = settings
        self._legal = _LEGAL_13 if settings.edition is Edition.V13 else _LEGAL
        self.codes = Codes(_FLOW_CONTROL[settings.edition], login_refused=BUSY, sequence_reused=SEQUENCE)

    def make_server(self, welcome: Welcome) -> Smg:
        """Make the session of an SP that dialled."""
        accounts = {account.sp_id: account.secret for account in self._settings.accounts}
        return Smg(ListenSettings(self._settings.node, accounts, welcome.judge, welcome.link))

    def make_caller(self, account: Account, call_back: CallBack, link: LinkSettings) -> FarEnd:
        """Make the session of a connection to an SP."""
        name, password = call_back.login_name or account.sp_id, call_back.login_password or account.secret
        dial = DialSettings(self._settings.node, name, password, self._settings.edition, link)
        return SmgCaller(dial, account.sp_id)

    def decode(self, frame: bytes, version: int | None) -> Pdu:
        """Decode a frame."""
        del version
        return decode(frame)

    def restate_login(self, pdu: BindResp, layout: int, *, version: int | None = None, proof: bytes = b"") -> bytes:
        """Encode a Bind_Resp, which names no version and proves nothing."""
        del layout, version, proof
        return encode(pdu)

    def read(self, pdu: Pdu) -> PduReading:
        """Break a PDU out."""
        kind = _KINDS.get(type(pdu), Kind.OTHER)
        reading = PduReading(self.name_command(command_of(pdu)), pdu.sequence.serial, kind)
        match pdu:
            case Bind():
                return replace(reading, account=pdu.login_name)
            case BindResp():
                return replace(reading, result=pdu.result)
            case SubmitResp() | DeliverResp() | ReportResp() | UserRptResp():
                return replace(reading, msg_id=pdu.sequence.to_bytes(), result=pdu.result)
            case Submit():
                return _read_submit(reading, pdu)
            case Deliver():
                segment = Segment(pdu.tp_udhi, pdu.message_coding, pdu.message_content)
                read = replace(add_content(reading, segment), msg_id=pdu.sequence.to_bytes())
                return replace(read, number=pdu.user_number, service_code=pdu.sp_number)
            case Report():
                subject = pdu.submit_sequence_number.to_bytes()
                return replace(reading, msg_id=subject, number=pdu.user_number, stat=_read_state(pdu))
            case _:
                return reading

    # What SPs send

    def read_submit(self, pdu: Submit) -> Submission:
        """Return what a Submit asks for."""
        return Submission(
            numbers=pdu.user_numbers,
            service_code=pdu.sp_number,
            service_id=pdu.service_type,
            wants_report=pdu.report_flag == 1,
            segment=Segment(pdu.tp_udhi, pdu.message_coding, pdu.message_content),
        )

    def check_own(self, pdu: Submit, account: Account) -> Iterator[Breach]:
        """The SP pays, FeeType is 1, the fees are nothing, CorpId is the account's; numbers have 86 in front."""
        if pdu.charge_number != SP_PAYS:
            yield Breach("paid_submit", "charge_number is not 21 zeros")
        if pdu.fee_type != FREE:
            yield Breach("paid_submit", f"fee_type {pdu.fee_type}")
        if pdu.fee_value.strip("0") or pdu.given_value.strip("0"):
            yield Breach("fee_code_not_zero", f"fee_value {pdu.fee_value!r}, given_value {pdu.given_value!r}")
        if account.corp_id and pdu.corp_id != account.corp_id:
            yield Breach("wrong_msg_src", "corp_id is not the account's")
        if not all(number.startswith(COUNTRY_CODE) for number in pdu.user_numbers):
            yield Breach("bad_destination", "without 86")
        yield from check_fields(pdu, self._legal)

    def name_submit(self, pdu: Submit, make: Callable[[], bytes]) -> bytes:
        """A message is known by the number that the SP gave it."""
        del make
        return pdu.sequence.to_bytes()

    def answer_request(self, pdu: Pdu, account: str, tally: Tally) -> Pdu | None:
        """SPs ask for nothing else."""
        del pdu, account, tally
        return None

    # What SPs get

    def make_msg_ids(self) -> SgipMsgIds:
        """Numbers of the configured node."""
        return SgipMsgIds(self._settings.node)

    def lay_out(self, parcel: Parcel, version: int | None) -> Deliver | Report:
        """The number of either is the parcel's id."""
        del version
        sequence, number = Sequence.from_bytes(parcel.msg_id), _write_number(parcel.number)
        if isinstance(parcel, StatusReport):
            state = _STATES.get(parcel.stat, _FAILED)
            error = _write_error(parcel.stat) if state == _FAILED else 0
            subject = Sequence.from_bytes(parcel.subject)
            return Report(sequence, subject, user_number=number, state=state, error_code=error)
        return Deliver(
            sequence,
            user_number=number,
            sp_number=parcel.service_code,
            tp_udhi=parcel.segment.tp_udhi,
            message_coding=parcel.segment.msg_fmt,
            message_content=parcel.segment.content,
        )


def _write_number(number: str) -> str:
    """Put 86 in front of a mobile number as people write it; anything else goes as it is."""
    is_mobile = number.isdecimal() and number.startswith("1") and len(number) == _MOBILE_DIGITS
    return add_country_code(number) if is_mobile else number


def _write_error(stat: str) -> int:
    code = stat.removeprefix(_ERROR_PREFIX)
    if code != stat and code.isdecimal():
        return min(int(code), 255)
    return _ERRORS.get(stat, _SYSTEM_FAILURE)


def _read_state(report: Report) -> str:
    return _STATS.get(report.state, f"{_ERROR_PREFIX}{report.error_code:03d}")


def _read_submit(reading: PduReading, pdu: Submit) -> PduReading:
    return replace(
        add_content(reading, Segment(pdu.tp_udhi, pdu.message_coding, pdu.message_content)),
        msg_id=pdu.sequence.to_bytes(),
        number=pdu.user_numbers[0] if pdu.user_numbers else "",
        service_code=pdu.sp_number,
        fee_type=str(pdu.fee_type),
    )
