"""The packet tables of SMGP: V3.0.3 chapter 6, with FixedFee as the one field that 1.3 lacks."""

from adapters.wire import smgp_pdus as pdus
from adapters.wire.fields import ABSENT, Content, Field, Flag, Layout, Octets, Repeat, Text, Uint, lay_out
from adapters.wire.smgp_pdus import MSG_ID_BYTES, Command, Pdu, Version
from adapters.wire.tlv import TlvTail

EDITIONS = (Version.V13, Version.V30)

# Where a width is a pair, it is (1.3, 3.0).
ONLY_IN_30 = (ABSENT, 6)
TERM_ID = 21

LOGIN: tuple[Field, ...] = (
    Text("client_id", 8),
    Octets("authenticator_client", 16),
    Uint("login_mode", 1),
    Uint("timestamp", 4),
    Uint("client_version", 1),
)
LOGIN_RESP: tuple[Field, ...] = (
    Uint("status", 4),
    Octets("authenticator_server", 16),
    Uint("server_version", 1),
)
SUBMIT: tuple[Field, ...] = (
    Uint("msg_type", 1),
    Uint("need_report", 1),
    Uint("priority", 1),
    Text("service_id", 10),
    Text("fee_type", 2),
    Text("fee_code", 6),
    Text("fixed_fee", ONLY_IN_30),
    Uint("msg_format", 1),
    Text("valid_time", 17),
    Text("at_time", 17),
    Text("src_term_id", TERM_ID),
    Text("charge_term_id", TERM_ID),
    Repeat("dest_term_ids", TERM_ID, "dest_term_id_count", least=1, most=100),
    Content("msg_content", 1, "msg_length"),
    Octets("reserve", 8),
    TlvTail("tlvs"),
)
DELIVER: tuple[Field, ...] = (
    Octets("msg_id", MSG_ID_BYTES),
    Flag("is_report", 1),
    Uint("msg_format", 1),
    Text("recv_time", 14),
    Text("src_term_id", TERM_ID),
    Text("dest_term_id", TERM_ID),
    Content("msg_content", 1, "msg_length"),
    Octets("reserve", 8),
    TlvTail("tlvs"),
)
# Submit_Resp and Deliver_Resp.
RESULT: tuple[Field, ...] = (Octets("msg_id", MSG_ID_BYTES), Uint("status", 4))
QUERY: tuple[Field, ...] = (Text("query_time", 8), Uint("query_type", 1), Text("query_code", 10))
QUERY_RESP: tuple[Field, ...] = (
    *QUERY,
    Uint("mt_tl_msg", 4),
    Uint("mt_tl_usr", 4),
    Uint("mt_scs", 4),
    Uint("mt_wt", 4),
    Uint("mt_fl", 4),
    Uint("mo_scs", 4),
    Uint("mo_wt", 4),
    Uint("mo_fl", 4),
    Octets("reserve", 8),
)

PACKETS: tuple[tuple[Command, type[Pdu], tuple[Field, ...]], ...] = (
    (Command.LOGIN, pdus.Login, LOGIN),
    (Command.LOGIN_RESP, pdus.LoginResp, LOGIN_RESP),
    (Command.SUBMIT, pdus.Submit, SUBMIT),
    (Command.SUBMIT_RESP, pdus.SubmitResp, RESULT),
    (Command.DELIVER, pdus.Deliver, DELIVER),
    (Command.DELIVER_RESP, pdus.DeliverResp, RESULT),
    (Command.ACTIVE_TEST, pdus.ActiveTest, ()),
    (Command.ACTIVE_TEST_RESP, pdus.ActiveTestResp, ()),
    (Command.EXIT, pdus.Exit, ()),
    (Command.EXIT_RESP, pdus.ExitResp, ()),
    (Command.QUERY, pdus.Query, QUERY),
    (Command.QUERY_RESP, pdus.QueryResp, QUERY_RESP),
)

Layouts = dict[Version, Layout]

PDU_TYPES: dict[int, type[Pdu]] = {command: pdu_type for command, pdu_type, _ in PACKETS}
COMMANDS: dict[type[Pdu], Command] = {pdu_type: command for command, pdu_type, _ in PACKETS}
LAYOUTS: dict[int, Layouts] = {
    command: {version: lay_out(fields, edition) for edition, version in enumerate(EDITIONS)}
    for command, _, fields in PACKETS
}
