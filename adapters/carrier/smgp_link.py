"""The SMS channel's link over SMGP 3.0 (China Telecom SMGP V3.0.3)."""

from __future__ import annotations

from adapters.carrier.base import SmgpData
from adapters.carrier.settings import LinkConfig
from adapters.carrier.sms_link import LinkEvent, LinkParts, MoReceived, OutgoingSms, ReportReceived
from adapters.carrier.stream_link import (
    Handle,
    StreamLink,
    digest_fields,
    make_link_settings,
    read_number,
    write_number,
)
from adapters.journal.rows import SmsBody
from adapters.session.smgp import ClientSettings, ServerCheck, SmgpClient
from adapters.wire.errors import WireError
from adapters.wire.report import Outcome
from adapters.wire.smgp import MT, Deliver, Submit, Version
from adapters.wire.smgp_report import SmgpReport, decode_smgp_report
from adapters.wire.tlv import Tag, Tlvs, make_tlvs
from adapters.wire.udh import starts_like_concat

_VERSIONS = {"1.3": Version.V13, "3.0": Version.V30}
_REPORT = 1
_NO_ERROR = ("", "000")


class SmgpLink(StreamLink[SmgpClient]):
    """One account's link; see `adapters.carrier.sms_link.SmsLink`."""

    def __init__(self, parts: LinkParts, data: SmgpData) -> None:
        settings = _read_settings(parts.config, parts.secret)
        super().__init__(parts, lambda: SmgpClient(settings))
        self._data = data

    def make_submit(self, message: OutgoingSms) -> Submit:
        """Write a message as the carrier wants to see it."""
        data, body = self._data, message.body
        return Submit(
            sequence=0,
            msg_type=MT,
            need_report=data.need_report,
            priority=data.priority,
            service_id=self._config.service_id or data.service_id,
            fee_type=data.fee_type,
            fee_code=data.fee_code,
            fixed_fee=data.fixed_fee,
            msg_format=body.msg_fmt,
            src_term_id=data.code_prefix + self._code,
            dest_term_ids=(write_number(message.number, country_code=data.country_code),),
            msg_content=body.content,
            tlvs=_make_tlvs(message),
        )

    def _read_deliver(self, pdu: Deliver, handle: Handle) -> LinkEvent | None:
        if pdu.is_report == _REPORT:
            return _read_report(pdu, handle)
        is_unannounced = self._config.smgp.udh_without_udhi and starts_like_concat(pdu.msg_content)
        tp_udhi = 1 if pdu.tp_udhi or is_unannounced else 0
        body = SmsBody(pdu.msg_format, tp_udhi, pdu.msg_content)
        link_tag = (pdu.tlvs.find(Tag.LINK_ID) or b"").rstrip(b"\0")
        destination = self._read_code(pdu.dest_term_id)
        return MoReceived(pdu.msg_id, pdu.src_term_id, destination, body, digest_deliver(pdu), link_tag, handle)

    def _read_code(self, address: str) -> str:
        """Return the code in an SP's address, which bears a prefix on some links and on others none."""
        code = address.removeprefix(self._data.code_prefix)
        return code if code.startswith(self._code) else address


def digest_deliver(pdu: Deliver) -> bytes:
    """Digest what makes a Deliver the same message again: its ids, addresses and content, not its sequence."""
    return digest_fields(
        pdu.msg_id,
        pdu.dest_term_id.encode(),
        pdu.src_term_id.encode(),
        bytes((pdu.tp_udhi & 0xFF, pdu.msg_format)),
        pdu.msg_content,
    )


def _make_tlvs(message: OutgoingSms) -> Tlvs:
    values: dict[Tag, int | str | bytes] = {}
    if message.body.tp_udhi:
        values[Tag.TP_UDHI] = message.body.tp_udhi
    if message.link_tag:
        values[Tag.LINK_ID] = message.link_tag
    if message.parts > 1:
        values |= {Tag.PK_TOTAL: message.parts, Tag.PK_NUMBER: message.part}
    return make_tlvs(values)


def _read_report(pdu: Deliver, handle: Handle) -> ReportReceived | None:
    try:
        report = decode_smgp_report(pdu.msg_content)
    except WireError:
        return None
    if report.outcome is Outcome.ACCEPTED:
        return None
    number = read_number(pdu.src_term_id)
    return ReportReceived(report.msg_id, number, report.outcome is Outcome.DELIVERED, _name_outcome(report), handle)


def _name_outcome(report: SmgpReport) -> str:
    return report.stat if report.err in _NO_ERROR else f"{report.stat}:{report.err}"


def _read_settings(config: LinkConfig, secret: str) -> ClientSettings:
    return ClientSettings(
        client_id=config.account,
        secret=secret,
        version=_VERSIONS[config.smgp.version.value],
        pad_client_id=config.smgp.digest_pad_client_id,
        server_check=ServerCheck(config.server_auth_check.value),
        link=make_link_settings(config),
    )
