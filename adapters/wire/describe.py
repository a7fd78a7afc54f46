"""A packet as a JSON-ready dict, for people and scripts (``optout pdu decode cmpp HEX``).

Every packet has ``command`` (its name in the specification), ``command_id`` (hex), ``sequence``,
``total_length`` (bytes) and ``version`` (``"2.0"`` or ``"3.0"``; where both share the layout, the one asked for, and
null if none was). Its fields follow in the order of the wire; those marked 3.0 are missing in 2.0:

=================  ==================================================================================
command            fields
=================  ==================================================================================
CONNECT            source_addr, authenticator, offered_version, timestamp
CONNECT_RESP       status, authenticator_ismg, offered_version
SUBMIT             msg_id, msg_id_parts, pk_total, pk_number, registered_delivery, msg_level, service_id,
                   fee_user_type, fee_terminal_id, fee_terminal_type (3.0), tp_pid, tp_udhi, msg_fmt,
                   msg_src, fee_type, fee_code, valid_time, at_time, src_id, dest_usr_tl,
                   dest_terminal_ids, dest_terminal_type (3.0), msg_length, msg_content, link_id; then the
                   content (below)
SUBMIT_RESP        msg_id, msg_id_parts, result
DELIVER            msg_id, msg_id_parts, dest_id, service_id, tp_pid, tp_udhi, msg_fmt, src_terminal_id,
                   src_terminal_type (3.0), registered_delivery, msg_length, msg_content, link_id; then the
                   content, or the report if registered_delivery is 1 (below)
DELIVER_RESP       msg_id, msg_id_parts, result
QUERY              time, query_type, query_code, reserve
QUERY_RESP         time, query_type, query_code, mt_tl_msg, mt_tl_usr, mt_scs, mt_wt, mt_fl, mo_scs, mo_wt,
                   mo_fl
CANCEL             msg_id, msg_id_parts
CANCEL_RESP        success_id
ACTIVE_TEST        none
ACTIVE_TEST_RESP   reserved
TERMINATE          none
TERMINATE_RESP     none
FWD, routing       body
=================  ==================================================================================

``msg_id``, ``authenticator``, ``authenticator_ismg``, ``msg_content`` and ``body`` are hex; ``offered_version``
is the Version byte as a number; ``link_id`` is text without its padding (Reserve in 2.0). Names ending in
``_id``, ``_code``, ``_time``, ``_type`` and the rest are as the specification has them, text or number.

msg_id_parts: month, day, hour, minute, second, gateway, sequence.

The content of a message is shown as ``describe_content`` says.

report: layout (``"2.0"`` or ``"3.0"``), msg_id, msg_id_parts, stat, outcome (``delivered``, ``accepted`` or
``failed``), submit_time, done_time, dest_terminal_id, smsc_sequence.
"""

from dataclasses import asdict

from adapters.wire import cmpp
from adapters.wire.cmpp_pdus import Command, Connect, ConnectResp, Deliver, Pdu, Submit, Unknown, Version
from adapters.wire.cmpp_tables import LAYOUTS, REPORT_LAYOUTS
from adapters.wire.describe_content import describe_content
from adapters.wire.errors import WireError
from adapters.wire.fields import Json
from adapters.wire.report import decode_cmpp_report

_VERSION_OF_LABEL = {version.label: version for version in Version}


def describe_cmpp(frame: bytes, version: Version | None = None) -> dict[str, Json]:
    """Decode one whole frame and show it as the module describes; ``version`` as in ``cmpp.decode``.

    Raises ``WireError`` as ``cmpp.decode`` does, ``unknown_command`` for a command id CMPP does not define,
    and ``report_length`` for a status report that is in neither layout.
    """
    decoded = cmpp.decode_with_version(frame, version)
    pdu, shown_version = decoded.pdu, decoded.version or version
    command = _name_command(cmpp.command_of(pdu))
    return {
        "command": command.name,
        "command_id": f"{command:08x}",
        "sequence": pdu.sequence,
        "total_length": len(frame),
        "version": shown_version.label if shown_version else None,
        **_describe_fields(pdu, decoded.version or Version.V30),
        **_describe_content(pdu),
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
    for name, value in LAYOUTS[cmpp.command_of(pdu)][version].describe(pdu).items():
        if name == "version" and isinstance(pdu, Connect | ConnectResp):
            shown["offered_version"] = value
        else:
            shown[name] = value
        if name == "msg_id" and isinstance(value, str):
            shown["msg_id_parts"] = _describe_msg_id(value)
    return shown


def _describe_msg_id(hex_id: str) -> dict[str, Json]:
    return asdict(cmpp.parse_msg_id(bytes.fromhex(hex_id)))


def _describe_content(pdu: Pdu) -> dict[str, Json]:
    if isinstance(pdu, Deliver) and pdu.registered_delivery == 1:
        return {"report": _describe_report(pdu.msg_content)}
    if isinstance(pdu, Deliver | Submit):
        return describe_content(pdu.tp_udhi, pdu.msg_fmt, pdu.msg_content)
    return {}


def _describe_report(content: bytes) -> dict[str, Json]:
    report = decode_cmpp_report(content)
    fields = REPORT_LAYOUTS[_VERSION_OF_LABEL[report.layout]].describe(report)
    return {
        "layout": report.layout,
        "msg_id": fields.pop("msg_id"),
        "msg_id_parts": _describe_msg_id(report.msg_id.hex()),
        "stat": fields.pop("stat"),
        "outcome": str(report.outcome),
        **fields,
    }
