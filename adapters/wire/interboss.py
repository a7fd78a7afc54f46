"""China Mobile's InterBOSS: an order and its reply, each as two XML documents in one form.

``multipart/form-data`` with the parts ``xmlhead`` (who asks what of whom, under which serial) and ``xmlbody``
(``SvcCont``, whose text is a document of the business itself, in CDATA: ``dialect``). The envelope's
elements are the field's own; the business and activity codes of this service are not public, so they are settings.
A head may hold more elements than are named here, since carriers add to it; they are left alone.

Reading goes in two steps, so that whatever is wrong inside is still answered in kind: ``open_envelope`` yields the
head, without which there is nobody to answer, and ``read_order`` the order.
"""

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final
from xml.etree.ElementTree import Element

from adapters.wire.answer import Answer, Response, RspType, make_response
from adapters.wire.dialect import RSP_CODES, STANDARD, Dialect
from adapters.wire.elements import Code, Leaf, Table, Text, Time, build_table, read_table, serialize
from adapters.wire.errors import WireError
from adapters.wire.interboss_order import parse_answer, parse_order, write_answer, write_order
from adapters.wire.markup import parse_document, wrap_cdata
from adapters.wire.multipart import parse_form, write_form
from adapters.wire.order import Order

__all__ = [
    "MAX_BODY_BYTES",
    "RSP_CODES",
    "Action",
    "Envelope",
    "Head",
    "InterbossError",
    "Response",
    "Route",
    "RspType",
    "SnReserve",
    "make_response",
    "open_envelope",
    "read_answer",
    "read_order",
    "write_request",
    "write_response",
]

MAX_BODY_BYTES: Final = 128 * 1024
_MAX_PART_BYTES = 64 * 1024
_PARTS = ("xmlhead", "xmlbody")
_ROOT = "InterBOSS"


class InterbossError(WireError):
    """An envelope, or the order in it, that is refused. ``reason`` is stable, ``field`` an element's path.

    Reasons, besides those of ``multipart``, ``markup``, ``elements`` and ``check_order``:
        ``not_a_request``     a reply where a request is expected
        ``not_a_reply``       a request where a reply is expected, or a reply without its ``Response``
        ``wrong_route``       routed by another number than the order's
    """


class Action(StrEnum):
    """Which way an envelope goes."""

    REQUEST = "request"
    REPLY = "reply"


class Route(StrEnum):
    """What ``RouteValue`` is."""

    DOMAIN = "domain"
    NUMBER = "number"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SnReserve:
    """What the carrier's network of service nodes adds for itself; echoed and otherwise not looked at."""

    trans_id_c: str = ""
    conv_id: str = ""
    cut_off_day: str = ""
    osn_time: str = ""
    osn_duns: str = ""
    hsn_duns: str = ""
    msg_sender: str = ""
    msg_receiver: str = ""
    priority: str = ""
    service_level: str = ""
    svc_cont_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Head:
    """Who asks what of whom. ``trans_id_o`` is the originator's serial: the idempotency key.

    Times are ``yyyyMMddHHmmss``, China time. ``route_value`` is the subscriber's number where ``route`` says so.
    ``trans_id_h``, its time and ``response`` are the answerer's, absent from requests.
    """

    version: str = "0100"
    test: bool = False
    bip_code: str
    activity_code: str
    action: Action = Action.REQUEST
    orig_domain: str
    route: Route = Route.DOMAIN
    home_domain: str
    route_value: str = ""
    session_id: str
    trans_id_o: str
    trans_id_o_time: str
    trans_id_h: str = ""
    trans_id_h_time: str = ""
    sn_reserve: SnReserve = SnReserve()
    response: Response | None = None

    def __repr__(self) -> str:
        """Show the codes; the number in the route stays out."""
        return (
            f"Head(bip_code={self.bip_code!r}, activity_code={self.activity_code!r}, action={self.action.value!r}, …)"
        )


@dataclass(frozen=True, slots=True, repr=False)
class Envelope:
    """A head that was read, and a body that was not yet."""

    head: Head
    body: bytes


_CODE = Text(re.compile(r"[0-9A-Za-z_]{1,16}"))
_SERIAL = Text(re.compile(r"[!-~]{1,64}"))
_PRINTABLE = Text(re.compile(r"[ -~]{1,64}"))
_NUMBER = re.compile(r"\+?[0-9]{3,20}")

_HEAD: Table = (
    Leaf("version", "Version", Text(re.compile("0100"))),
    Leaf("test", "TestFlag", Code({"0": False, "1": True})),
    Leaf("bip_code", "BIPType/BIPCode", _CODE),
    Leaf("activity_code", "BIPType/ActivityCode", _CODE),
    Leaf("action", "BIPType/ActionCode", Code({"0": Action.REQUEST, "1": Action.REPLY})),
    Leaf("orig_domain", "RoutingInfo/OrigDomain", _CODE),
    Leaf("route", "RoutingInfo/RouteType", Code({"00": Route.DOMAIN, "01": Route.NUMBER})),
    Leaf("home_domain", "RoutingInfo/Routing/HomeDomain", _CODE),
    Leaf("route_value", "RoutingInfo/Routing/RouteValue", _PRINTABLE, ""),
    Leaf("session_id", "TransInfo/SessionID", _SERIAL),
    Leaf("trans_id_o", "TransInfo/TransIDO", _SERIAL),
    Leaf("trans_id_o_time", "TransInfo/TransIDOTime", Time()),
    Leaf("trans_id_h", "TransInfo/TransIDH", _SERIAL, ""),
    Leaf("trans_id_h_time", "TransInfo/TransIDHTime", Time(), ""),
)
_RESERVE: Table = (
    Leaf("trans_id_c", "SNReserve/TransIDC", _PRINTABLE, ""),
    Leaf("conv_id", "SNReserve/ConvID", _PRINTABLE, ""),
    Leaf("cut_off_day", "SNReserve/CutOffDay", _PRINTABLE, ""),
    Leaf("osn_time", "SNReserve/OSNTime", _PRINTABLE, ""),
    Leaf("osn_duns", "SNReserve/OSNDUNS", _PRINTABLE, ""),
    Leaf("hsn_duns", "SNReserve/HSNDUNS", _PRINTABLE, ""),
    Leaf("msg_sender", "SNReserve/MsgSender", _PRINTABLE, ""),
    Leaf("msg_receiver", "SNReserve/MsgReceiver", _PRINTABLE, ""),
    Leaf("priority", "SNReserve/Priority", _PRINTABLE, ""),
    Leaf("service_level", "SNReserve/ServiceLevel", _PRINTABLE, ""),
    Leaf("svc_cont_type", "SNReserve/SvcContType", _PRINTABLE, ""),
)
_SVC_CONT: Table = (Leaf("svc_cont", "SvcCont", Text(re.compile(r".+", re.DOTALL))),)


def open_envelope(content_type: str, body: bytes, dialect: Dialect = STANDARD) -> Envelope:
    """Cut an envelope, of at most ``MAX_BODY_BYTES``, in two and read its head.

    Raises ``InterbossError``: the reasons of ``multipart``, and of ``markup`` and ``elements`` for the head.
    """
    parts = parse_form(content_type, body, _PARTS, MAX_BODY_BYTES, InterbossError)
    return Envelope(_read_head(parts["xmlhead"], dialect), parts["xmlbody"])


def read_order(envelope: Envelope, dialect: Dialect = STANDARD) -> Order:
    """Read the order in a request.

    Raises ``InterbossError``: ``not_a_request``, ``wrong_route``, and the reasons of ``markup``, ``elements`` and
    ``check_order``.
    """
    if envelope.head.action is not Action.REQUEST:
        raise InterbossError("not_a_request")
    order = parse_order(_read_content(envelope.body), _MAX_PART_BYTES, InterbossError, dialect)
    if envelope.head.route is Route.NUMBER and envelope.head.route_value != order.number:
        raise InterbossError("wrong_route", "RoutingInfo/Routing/RouteValue")
    return order


def read_answer(envelope: Envelope, dialect: Dialect = STANDARD) -> Answer:
    """Read the answer in a reply, as a CRM does.

    Raises ``InterbossError``: ``not_a_reply`` and the reasons of ``markup`` and ``elements``.
    """
    response = envelope.head.response
    if envelope.head.action is not Action.REPLY or response is None:
        raise InterbossError("not_a_reply")
    return parse_answer(_read_content(envelope.body), response.rsp_code, _MAX_PART_BYTES, InterbossError, dialect)


def write_request(head: Head, order: Order, boundary: str, dialect: Dialect = STANDARD) -> tuple[str, bytes]:
    """Write a request as a CRM does; return its Content-Type and body.

    Raises ``InterbossError`` for what could not be read back, and ``boundary_in_content``.
    """
    return _write(head, write_order(order, InterbossError, dialect), boundary, dialect)


def write_response(
    request: Head,
    answer: Answer,
    *,
    rsp_desc: str,
    trans_id_h: str,
    trans_id_h_time: str,
    boundary: str,
    dialect: Dialect = STANDARD,
) -> tuple[str, bytes]:
    """Write the reply to a request: its own head, our serial and its time, and the answer.

    Return its Content-Type and body. Raises as ``write_request``.
    """
    head = replace(
        request,
        action=Action.REPLY,
        trans_id_h=trans_id_h,
        trans_id_h_time=trans_id_h_time,
        response=make_response(answer.result, rsp_desc),
    )
    return _write(head, write_answer(answer, InterbossError, dialect), boundary, dialect)


def _read_head(document: bytes, dialect: Dialect) -> Head:
    root = _parse(document)
    values = read_table(root, _HEAD, InterbossError)
    reserve = SnReserve(**read_table(root, _RESERVE, InterbossError))
    response = dialect.read_response(root, InterbossError)
    return _check_route(Head(**values, sn_reserve=reserve, response=response))


def _check_route(head: Head) -> Head:
    if head.route is Route.NUMBER and not _NUMBER.fullmatch(head.route_value):
        raise InterbossError("malformed_element", "RoutingInfo/Routing/RouteValue")
    return head


def _read_content(body: bytes) -> bytes:
    content: str = read_table(_parse(body), _SVC_CONT, InterbossError, strict=True)["svc_cont"]
    return content.strip(" \t\r\n").encode()


def _parse(document: bytes) -> Element:
    root = parse_document(document, _MAX_PART_BYTES, InterbossError)
    if root.tag != _ROOT:
        raise InterbossError("unexpected_element")
    return root


def _write(head: Head, content: str, boundary: str, dialect: Dialect) -> tuple[str, bytes]:
    root = Element(_ROOT)
    build_table(root, _HEAD, _check_route(head), InterbossError)
    build_table(root, _RESERVE, head.sn_reserve, InterbossError)
    if head.response is not None:
        dialect.build_response(root, head.response, InterbossError)
    body = f'<?xml version="1.0" encoding="UTF-8"?><{_ROOT}><SvcCont>{wrap_cdata(content)}</SvcCont></{_ROOT}>'
    return write_form({"xmlhead": serialize(root).encode(), "xmlbody": body.encode()}, boundary, InterbossError)
