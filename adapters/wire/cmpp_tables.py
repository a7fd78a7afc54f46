"""The packet tables of CMPP: QB-GF-028-2003 chapters 6 and 7, with the widths of 2.0 and 3.0 side by side."""

from adapters.wire import cmpp_pdus as pdus
from adapters.wire.cmpp_pdus import Command, Pdu, Version
from adapters.wire.fields import (
    ABSENT,
    Content,
    Field,
    Flag,
    Layout,
    Octets,
    PaddedOctets,
    Repeat,
    Text,
    Uint,
    lay_out,
)

EDITIONS = (Version.V20, Version.V30)

# Where a width is a pair, it is (2.0, 3.0).
TERMINAL_ID = (21, 32)
ONLY_IN_30 = (ABSENT, 1)
STATUS = (1, 4)
LINK_ID = (8, 20)

CONNECT: tuple[Field, ...] = (
    Text("source_addr", 6),
    Octets("authenticator", 16),
    Uint("version", 1),
    Uint("timestamp", 4),
)
CONNECT_RESP: tuple[Field, ...] = (
    Uint("status", STATUS),
    Octets("authenticator_ismg", 16),
    Uint("version", 1),
)
SUBMIT: tuple[Field, ...] = (
    Octets("msg_id", 8),
    Uint("pk_total", 1),
    Uint("pk_number", 1),
    Uint("registered_delivery", 1),
    Uint("msg_level", 1),
    Text("service_id", 10),
    Uint("fee_user_type", 1),
    Text("fee_terminal_id", TERMINAL_ID),
    Flag("fee_terminal_type", ONLY_IN_30),
    Uint("tp_pid", 1),
    Uint("tp_udhi", 1),
    Uint("msg_fmt", 1),
    Text("msg_src", 6),
    Text("fee_type", 2),
    Text("fee_code", 6),
    Text("valid_time", 17),
    Text("at_time", 17),
    Text("src_id", 21),
    Repeat("dest_terminal_ids", TERMINAL_ID, "dest_usr_tl", least=1, most=99),
    Flag("dest_terminal_type", ONLY_IN_30),
    Content("msg_content", 1, "msg_length"),
    PaddedOctets("link_id", LINK_ID),
)
DELIVER: tuple[Field, ...] = (
    Octets("msg_id", 8),
    Text("dest_id", 21),
    Text("service_id", 10),
    Uint("tp_pid", 1),
    Uint("tp_udhi", 1),
    Uint("msg_fmt", 1),
    Text("src_terminal_id", TERMINAL_ID),
    Flag("src_terminal_type", ONLY_IN_30),
    Flag("registered_delivery", 1),
    Content("msg_content", 1, "msg_length"),
    PaddedOctets("link_id", LINK_ID),
)
# SUBMIT_RESP and DELIVER_RESP.
RESULT: tuple[Field, ...] = (Octets("msg_id", 8), Uint("result", STATUS))
QUERY_KEY: tuple[Field, ...] = (Text("time", 8), Uint("query_type", 1), Text("query_code", 10))
QUERY: tuple[Field, ...] = (*QUERY_KEY, PaddedOctets("reserve", 8))
QUERY_RESP: tuple[Field, ...] = (
    *QUERY_KEY,
    Uint("mt_tl_msg", 4),
    Uint("mt_tl_usr", 4),
    Uint("mt_scs", 4),
    Uint("mt_wt", 4),
    Uint("mt_fl", 4),
    Uint("mo_scs", 4),
    Uint("mo_wt", 4),
    Uint("mo_fl", 4),
)
CANCEL: tuple[Field, ...] = (Octets("msg_id", 8),)
CANCEL_RESP: tuple[Field, ...] = (Uint("success_id", STATUS),)
ACTIVE_TEST_RESP: tuple[Field, ...] = (Uint("reserved", 1),)
# The content of a status report, 60 bytes in 2.0 and 71 in 3.0.
REPORT: tuple[Field, ...] = (
    Octets("msg_id", 8),
    Text("stat", 7),
    Text("submit_time", 10),
    Text("done_time", 10),
    Text("dest_terminal_id", TERMINAL_ID),
    Uint("smsc_sequence", 4),
)

PACKETS: tuple[tuple[Command, type[Pdu], tuple[Field, ...]], ...] = (
    (Command.CONNECT, pdus.Connect, CONNECT),
    (Command.CONNECT_RESP, pdus.ConnectResp, CONNECT_RESP),
    (Command.TERMINATE, pdus.Terminate, ()),
    (Command.TERMINATE_RESP, pdus.TerminateResp, ()),
    (Command.SUBMIT, pdus.Submit, SUBMIT),
    (Command.SUBMIT_RESP, pdus.SubmitResp, RESULT),
    (Command.DELIVER, pdus.Deliver, DELIVER),
    (Command.DELIVER_RESP, pdus.DeliverResp, RESULT),
    (Command.QUERY, pdus.Query, QUERY),
    (Command.QUERY_RESP, pdus.QueryResp, QUERY_RESP),
    (Command.CANCEL, pdus.Cancel, CANCEL),
    (Command.CANCEL_RESP, pdus.CancelResp, CANCEL_RESP),
    (Command.ACTIVE_TEST, pdus.ActiveTest, ()),
    (Command.ACTIVE_TEST_RESP, pdus.ActiveTestResp, ACTIVE_TEST_RESP),
)

Layouts = dict[Version, Layout]


def lay_out_editions(fields: tuple[Field, ...]) -> Layouts:
    """Fix a table to both versions."""
    return {version: lay_out(fields, edition) for edition, version in enumerate(EDITIONS)}


PDU_TYPES: dict[int, type[Pdu]] = {command: pdu_type for command, pdu_type, _ in PACKETS}
COMMANDS: dict[type[Pdu], Command] = {pdu_type: command for command, pdu_type, _ in PACKETS}
LAYOUTS: dict[int, Layouts] = {command: lay_out_editions(fields) for command, _, fields in PACKETS}
REPORT_LAYOUTS: Layouts = lay_out_editions(REPORT)
