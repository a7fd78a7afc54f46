"""An SMGP packet as a JSON-ready dict, for people and scripts (``optout pdu decode smgp HEX``).

Every packet has ``command`` (its name in the specification), ``command_id`` (hex), ``sequence``,
``total_length`` (bytes) and ``version`` (``"1.3"`` for a Submit without FixedFee and a Login that offers it; where
both versions share the layout, the one asked for; else ``"3.0"``). Its fields follow in the order of the wire:

=================  ==================================================================================
command            fields
=================  ==================================================================================
LOGIN              client_id, authenticator_client, login_mode, timestamp, client_version
LOGIN_RESP         status, authenticator_server, server_version
SUBMIT             msg_type, need_report, priority, service_id, fee_type, fee_code, fixed_fee (3.0),
                   msg_format, valid_time, at_time, src_term_id, charge_term_id, dest_term_id_count,
                   dest_term_ids, msg_length, msg_content, reserve, tlvs, junk; then the content (below)
SUBMIT_RESP        msg_id, msg_id_parts, status
DELIVER            msg_id, msg_id_parts, is_report, msg_format, recv_time, src_term_id, dest_term_id,
                   msg_length, msg_content, reserve, tlvs, junk; then the content, or the report if is_report
                   is 1 (below)
DELIVER_RESP       msg_id, msg_id_parts, status
QUERY              query_time, query_type, query_code
QUERY_RESP         query_time, query_type, query_code, mt_tl_msg, mt_tl_usr, mt_scs, mt_wt, mt_fl, mo_scs,
                   mo_wt, mo_fl, reserve
ACTIVE_TEST        none
ACTIVE_TEST_RESP   none
EXIT               none
EXIT_RESP          none
all others         body
=================  ==================================================================================

``msg_id``, ``authenticator_client``, ``authenticator_server``, ``msg_content``, ``reserve``, ``junk`` and
``body`` are hex. ``tlvs`` is a list of: tag (number), name (as in the specification, null if unknown), value
(hex); ``junk`` is what follows the last of them. All else is as the specification has it, text or number.

msg_id_parts: gateway, time (MMDDHHMM), sequence; all of them digits. Null if the id is not BCD.

The content of a message: tp_udhi (0 without the parameter), udh_unannounced (true if the content starts like the
header of a long message but TP_udhi does not say so), then as ``describe_content`` says.

report: msg_id, msg_id_parts, sub, dlvrd, submit_date, done_date, stat, outcome (``delivered``, ``accepted`` or
``failed``), err, text (GB18030, U+FFFD for what is no text).
"""

from dataclasses import asdict

from adapters.wire import smgp
from adapters.wire.describe_content import describe_content
from adapters.wire.errors import WireError
from adapters.wire.fields import Json
from adapters.wire.smgp_pdus import Command, Deliver, Pdu, Submit, Unknown, Version
from adapters.wire.smgp_report import decode_smgp_report
from adapters.wire.smgp_tables import LAYOUTS
from adapters.wire.udh import starts_like_concat


def describe_smgp(frame: bytes, version: Version | None = None) -> dict[str, Json]:
    """Decode one whole frame and show it as the module describes; ``version`` as in ``smgp.decode``.

    Raises ``WireError`` as ``smgp.decode`` and ``decode_smgp_report`` do, and ``unknown_command`` for a command
    id SMGP does not define.
    """
    decoded = smgp.decode_with_version(frame, version)
    pdu, shown_version = decoded.pdu, decoded.version or version or Version.V30
    command = _name_command(smgp.command_of(pdu))
    return {
        "command": command.name,
        "command_id": f"{command:08x}",
        "sequence": pdu.sequence,
        "total_length": len(frame),
        "version": shown_version.label,
        **_describe_fields(pdu, shown_version),
        **_describe_message(pdu),
    }


def _name_command(command_id: int) -> Command:
    try:
        return Command(command_id)
    except ValueError:
        raise WireError("unknown_command", "command_id") from None


def _describe_fields(pdu: Pdu, version: Version) -> dict[str, Json]:
    if isinstance(pdu, Unknown):
        return {"body": pdu.body.hex()}
    shown: dict[str, Json] = {}
    for name, value in LAYOUTS[smgp.command_of(pdu)][version].describe(pdu).items():
        shown[name] = value
        if name == "msg_id" and isinstance(value, str):
            shown["msg_id_parts"] = _describe_msg_id(bytes.fromhex(value))
    return shown


def _describe_msg_id(raw: bytes) -> Json:
    parts = smgp.parse_msg_id(raw)
    return asdict(parts) if parts else None


def _describe_message(pdu: Pdu) -> dict[str, Json]:
    if isinstance(pdu, Deliver) and pdu.is_report == 1:
        return {"report": _describe_report(pdu.msg_content)}
    if isinstance(pdu, Deliver | Submit):
        return {
            "tp_udhi": pdu.tp_udhi,
            "udh_unannounced": not pdu.tp_udhi and starts_like_concat(pdu.msg_content),
            **describe_content(pdu.tp_udhi, pdu.msg_format, pdu.msg_content),
        }
    return {}


def _describe_report(content: bytes) -> dict[str, Json]:
    report = decode_smgp_report(content)
    return {
        "msg_id": report.msg_id.hex(),
        "msg_id_parts": _describe_msg_id(report.msg_id),
        "sub": report.sub,
        "dlvrd": report.dlvrd,
        "submit_date": report.submit_date,
        "done_date": report.done_date,
        "stat": report.stat,
        "outcome": str(report.outcome),
        "err": report.err,
        "text": report.text.decode("gb18030", errors="replace"),
    }
