"""The SMS channel's link over CMPP 2.0 or 3.0 (QB-GF-028-2003)."""

from __future__ import annotations

from adapters.carrier.base import CmppData
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
from adapters.session.cmpp import ClientSettings, CmppClient, ServerCheck
from adapters.wire.cmpp import Deliver, Submit, Version
from adapters.wire.errors import WireError
from adapters.wire.report import Outcome, decode_cmpp_report

_VERSIONS = {"2.0": Version.V20, "3.0": Version.V30}
_REPORT = 1


class CmppLink(StreamLink[CmppClient]):
    """One account's link; see `adapters.carrier.sms_link.SmsLink`."""

    def __init__(self, parts: LinkParts, data: CmppData) -> None:
        settings = _read_settings(parts.config, parts.secret)
        super().__init__(parts, lambda: CmppClient(settings))
        self._data = data
        self._has_link_id = settings.version is Version.V30

    def make_submit(self, message: OutgoingSms) -> Submit:
        """Write a message as the carrier wants to see it."""
        data, body = self._data, message.body
        return Submit(
            sequence=0,
            pk_total=message.parts,
            pk_number=message.part,
            registered_delivery=data.registered_delivery,
            msg_level=data.msg_level,
            service_id=self._config.service_id or data.service_id,
            fee_user_type=data.fee_user_type,
            tp_udhi=body.tp_udhi,
            msg_fmt=body.msg_fmt,
            msg_src=self._config.account,
            fee_type=data.fee_type,
            fee_code=data.fee_code,
            src_id=self._code,
            dest_terminal_ids=(write_number(message.number, country_code=data.country_code),),
            msg_content=body.content,
            link_id=message.link_tag if self._has_link_id else b"",
        )

    def _read_deliver(self, pdu: Deliver, handle: Handle) -> LinkEvent | None:
        if pdu.registered_delivery == _REPORT:
            return _read_report(pdu, handle)
        link_tag = pdu.link_id if self._has_link_id else b""
        body = SmsBody(pdu.msg_fmt, pdu.tp_udhi, pdu.msg_content)
        return MoReceived(pdu.msg_id, pdu.src_terminal_id, pdu.dest_id, body, digest_deliver(pdu), link_tag, handle)


def digest_deliver(pdu: Deliver) -> bytes:
    """Digest what makes a DELIVER the same message again: its ids, addresses and content, not its sequence."""
    return digest_fields(
        pdu.msg_id,
        pdu.dest_id.encode(),
        pdu.src_terminal_id.encode(),
        bytes((pdu.tp_udhi, pdu.msg_fmt)),
        pdu.msg_content,
    )


def _read_report(pdu: Deliver, handle: Handle) -> ReportReceived | None:
    try:
        report = decode_cmpp_report(pdu.msg_content)
    except WireError:
        return None
    if report.outcome is Outcome.ACCEPTED:
        return None
    number = read_number(report.dest_terminal_id)
    return ReportReceived(report.msg_id, number, report.outcome is Outcome.DELIVERED, report.stat, handle)


def _read_settings(config: LinkConfig, secret: str) -> ClientSettings:
    return ClientSettings(
        source_addr=config.account,
        secret=secret,
        version=_VERSIONS[config.version.value],
        pad_source=config.pad_source_addr,
        server_check=ServerCheck(config.server_auth_check.value),
        link=make_link_settings(config),
    )
