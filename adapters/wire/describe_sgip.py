"""An SGIP packet as a JSON-ready dict, for people and scripts (``optout pdu decode sgip HEX``).

Every packet has ``command`` (its name in the specification), ``command_id`` (hex), ``sequence`` (node, time,
serial), ``total_length`` (bytes) and ``version`` (always ``"1.2"``, whose layouts 1.3 leaves as they are: no packet
tells the two apart). Its fields follow in the order of the wire:

=================  ==================================================================================
command            fields
=================  ==================================================================================
BIND               login_type, login_name, login_password, reserve
BIND_RESP          result, reserve
UNBIND             none
UNBIND_RESP        surplus
SUBMIT             sp_number, charge_number, user_count, user_numbers, corp_id, service_type, fee_type,
                   fee_value, given_value, agent_flag, mo_relate_to_mt_flag, priority, expire_time,
                   schedule_time, report_flag, tp_pid, tp_udhi, message_coding, message_type, message_length,
                   message_content, reserve; then the content as ``describe_content`` says
SUBMIT_RESP        result, reserve
DELIVER            user_number, sp_number, tp_pid, tp_udhi, message_coding, message_length,
                   message_content, reserve; then the content as ``describe_content`` says
DELIVER_RESP       result, reserve
REPORT             submit_sequence_number (node, time, serial), report_type, user_number, state,
                   error_code, reserve, outcome (``delivered``, ``accepted`` or ``failed``)
REPORT_RESP        result, reserve
USERRPT            sp_number, user_number, user_condition, reserve
USERRPT_RESP       result, reserve
all others         body
=================  ==================================================================================

``message_content``, ``surplus`` and ``body`` are hex; ``time`` is MMDDhhmmss as a number; ``reserve`` is text
without its padding. The password is shown, as the packet holds it in clear text: mind where the output goes.
"""

from adapters.wire import sgip
from adapters.wire.describe_content import describe_content
from adapters.wire.errors import WireError
from adapters.wire.fields import Json
from adapters.wire.sgip_pdus import Command, Deliver, Pdu, Report, Submit, Unknown
from adapters.wire.sgip_tables import LAYOUTS, describe_sequence


def describe_sgip(frame: bytes) -> dict[str, Json]:
    """Decode one whole frame and show it as the module describes.

    Raises ``WireError`` as ``sgip.decode`` does, and ``unknown_command`` for a command id SGIP does not define.
    """
    pdu = sgip.decode(frame)
    command = _name_command(sgip.command_of(pdu))
    return {
        "command": command.name,
        "command_id": f"{command:08x}",
        "sequence": describe_sequence(pdu.sequence),
        "total_length": len(frame),
        "version": "1.2",
        **_describe_fields(pdu),
    }


def _name_command(command_id: int) -> Command:
    try:
        return Command(command_id)
    except ValueError:
        raise WireError("unknown_command", "command_id") from None


def _describe_fields(pdu: Pdu) -> dict[str, Json]:
    if isinstance(pdu, Unknown):
        return {"body": pdu.body.hex()}
    shown = LAYOUTS[sgip.command_of(pdu)].describe(pdu)
    if isinstance(pdu, Report):
        return {**shown, "outcome": str(pdu.outcome)}
    if isinstance(pdu, Submit | Deliver):
        return {**shown, **describe_content(pdu.tp_udhi, pdu.message_coding, pdu.message_content)}
    return shown
