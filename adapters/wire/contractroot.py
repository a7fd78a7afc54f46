"""China Telecom's ContractRoot: an order and its reply as one tree, written in XML or in JSON.

``TcpCont`` says who asks what of whom, under which serial; ``SvcCont`` holds the business (``dialect``). The elements
are the field's own; the codes of this service are not public, so they are settings. What ``SrcSysSign`` holds is not
public either: here it is an HMAC-SHA256, in lower-case hex, under a secret that both sides know, over the elements of
``TcpCont`` but itself and of the order, each as ``name=value`` in the order in which this module writes them, joined by
line feeds (which no value can hold). It covers values and not bytes, so both writings of one order bear one sign.

Reading goes in steps, so that whatever is wrong inside is still answered in kind: ``open_request`` yields the head,
without which there is nobody to answer, ``read_order`` the order, and ``check_sign`` believes it.
"""

import hashlib
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final
from xml.etree.ElementTree import Element, SubElement

from adapters.wire.answer import Answer, Response, make_response
from adapters.wire.chinatime import parse_digits
from adapters.wire.dialect import STANDARD, Dialect
from adapters.wire.elements import Code, Leaf, Table, Text, Time, build_table, find_only, read_table, serialize
from adapters.wire.errors import WireError
from adapters.wire.jsontree import choose_media, parse_tree, write_tree
from adapters.wire.markup import check_only_elements, parse_document
from adapters.wire.order import Order
from adapters.wire.proof import check_fresh, check_token

MAX_BODY_BYTES: Final = 64 * 1024
_ROOT, _HEAD_TAG, _BODY_TAG = "ContractRoot", "TcpCont", "SvcCont"


class ContractRootError(WireError):
    """An envelope, or the order in it, that is refused. ``reason`` is stable, ``field`` an element's path.

    Reasons, besides those of ``markup``, ``jsontree``, ``elements``, ``proof`` and ``check_order``:
        ``foreign_serial``    a TransactionID that is not of the system that sends it
        ``not_a_reply``       a reply without its ``Response``
    """


class Format(StrEnum):
    """How the tree is written."""

    XML = "xml"
    JSON = "json"


_MEDIA = {"text/xml": Format.XML, "application/xml": Format.XML, "application/json": Format.JSON}
_TYPE_OF = {Format.XML: "text/xml; charset=UTF-8", Format.JSON: "application/json; charset=UTF-8"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Who asks what of whom. ``transaction_id`` is the originator's serial: the idempotency key.

    It begins with ``src_sys_id`` and the day. ``req_time`` is ``yyyyMMddHHmmss``, China time.
    """

    transaction_id: str
    bus_code: str
    service_code: str
    service_contract_ver: str
    service_level: str = "1"
    src_org_id: str
    src_sys_id: str
    src_sys_sign: str = ""
    dst_org_id: str
    dst_sys_id: str
    req_time: str


@dataclass(frozen=True, slots=True)
class ReplyHead:
    """Which request is answered, when, and how."""

    transaction_id: str
    rsp_time: str
    response: Response


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """A head that was read, and a body that was not yet."""

    head: Head
    format: Format
    body: Element


_CODE = Text(re.compile(r"[0-9A-Za-z_.-]{1,32}"))
_SERIAL = Text(re.compile(r"[0-9A-Za-z]{1,64}"))
_REQUEST, _REPLY = (Leaf("action", "ActionCode", Text(re.compile(code))) for code in "01")
_HEAD: Table = (
    Leaf("transaction_id", "TransactionID", _SERIAL),
    Leaf("bus_code", "BusCode", _CODE),
    Leaf("service_code", "ServiceCode", _CODE),
    Leaf("service_contract_ver", "ServiceContractVer", _CODE),
    Leaf("service_level", "ServiceLevel", Code({str(level): str(level) for level in range(10)}), "1"),
    Leaf("src_org_id", "SrcOrgID", _CODE),
    Leaf("src_sys_id", "SrcSysID", _SERIAL),
    Leaf("dst_org_id", "DstOrgID", _CODE),
    Leaf("dst_sys_id", "DstSysID", _CODE),
    Leaf("req_time", "ReqTime", Time()),
)
_SIGN: Table = (Leaf("src_sys_sign", "SrcSysSign", Text(re.compile(r"[!-~]{1,128}")), ""),)
_REPLY_HEAD: Table = (
    Leaf("transaction_id", "TransactionID", _SERIAL),
    Leaf("rsp_time", "RspTime", Time()),
)


def open_request(content_type: str, body: bytes) -> Request:
    """Read the head of a request of at most ``MAX_BODY_BYTES``.

    Raises ``ContractRootError``: ``foreign_serial``, and the reasons of ``markup``, ``jsontree`` and ``elements``.
    """
    form = choose_media(content_type, _MEDIA, ContractRootError)
    head, content = _open(form, body)
    read_table(head, (_REQUEST,), ContractRootError)
    values = read_table(head, (*_HEAD, *_SIGN), ContractRootError)
    return Request(_check_serial(Head(**values)), form, content)


def read_order(request: Request, dialect: Dialect = STANDARD) -> Order:
    """Read the order in a request; raises ``ContractRootError``: the reasons of ``elements`` and ``check_order``."""
    return dialect.read_order(_only_child(request.body), ContractRootError)


def check_sign(head: Head, order: Order, secret: str, now_ms: int, window_ms: int, dialect: Dialect = STANDARD) -> None:
    """Believe that a request is of now and of one who knows the secret.

    Raises ``ContractRootError``: ``stale_timestamp``, ``wrong_token``.
    """
    check_token(head.src_sys_sign, compute_sign(head, order, secret, dialect), ContractRootError)
    check_fresh(parse_digits(head.req_time), now_ms, window_ms, ContractRootError)


def compute_sign(head: Head, order: Order, secret: str, dialect: Dialect = STANDARD) -> str:
    """Compute ``SrcSysSign`` as the module's text says. Raises ``ContractRootError`` for what cannot be written."""
    tree = Element(_HEAD_TAG)
    build_table(tree, _HEAD, head, ContractRootError)
    leaves = [*_leaves(tree), *_leaves(dialect.build_order(order, ContractRootError))]
    text = "\n".join(f"{name}={value}" for name, value in leaves)
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def write_request(
    head: Head, order: Order, secret: str, form: Format, dialect: Dialect = STANDARD
) -> tuple[str, bytes]:
    """Write a request as a CRM does, signed; return its Content-Type and body.

    Raises ``ContractRootError`` for what could not be read back.
    """
    signed = replace(_check_serial(head), src_sys_sign=compute_sign(head, order, secret, dialect))
    return write_signed(signed, order, form, dialect)


def write_signed(head: Head, order: Order, form: Format, dialect: Dialect = STANDARD) -> tuple[str, bytes]:
    """The same for a head that bears its sign already, whatever that is."""
    tree = Element(_HEAD_TAG)
    SubElement(tree, _REQUEST.path).text = "0"
    build_table(tree, (*_HEAD, *_SIGN), head, ContractRootError)
    return _write(tree, dialect.build_order(order, ContractRootError), form, dialect)


def write_response(
    request: Request, answer: Answer, *, rsp_desc: str, rsp_time: str, dialect: Dialect = STANDARD
) -> tuple[str, bytes]:
    """Write the reply to a request, in the request's own format; return its Content-Type and body.

    Raises ``ContractRootError`` for what could not be read back.
    """
    head = ReplyHead(request.head.transaction_id, rsp_time, make_response(answer.result, rsp_desc))
    tree = Element(_HEAD_TAG)
    SubElement(tree, _REPLY.path).text = "1"
    build_table(tree, _REPLY_HEAD, head, ContractRootError)
    dialect.build_response(tree, head.response, ContractRootError)
    return _write(tree, dialect.build_answer(answer, ContractRootError), request.format, dialect)


def read_response(content_type: str, body: bytes, dialect: Dialect = STANDARD) -> tuple[ReplyHead, Answer]:
    """Read a reply, as a CRM does.

    Raises ``ContractRootError``: ``not_a_reply``, and the reasons of ``markup``, ``jsontree`` and ``elements``.
    """
    head, content = _open(choose_media(content_type, _MEDIA, ContractRootError), body)
    read_table(head, (_REPLY,), ContractRootError)
    response = dialect.read_response(head, ContractRootError)
    if response is None:
        raise ContractRootError("not_a_reply")
    values = read_table(head, _REPLY_HEAD, ContractRootError)
    answer = dialect.read_answer(_only_child(content), response.rsp_code, ContractRootError)
    return ReplyHead(**values, response=response), answer


def _open(form: Format, body: bytes) -> tuple[Element, Element]:
    root = _parse_xml(body) if form is Format.XML else _parse_json(body)
    check_only_elements(root, ContractRootError)
    head, content = (find_only(root, tag, ContractRootError) for tag in (_HEAD_TAG, _BODY_TAG))
    if len(root) != 2:
        raise ContractRootError("unexpected_element")
    return head, content


def _parse_xml(body: bytes) -> Element:
    root = parse_document(body, MAX_BODY_BYTES, ContractRootError)
    if root.tag != _ROOT:
        raise ContractRootError("unexpected_element")
    return root


def _parse_json(body: bytes) -> Element:
    top = parse_tree(body, MAX_BODY_BYTES, ContractRootError)
    root = find_only(top, _ROOT, ContractRootError)
    if len(top) != 1:
        raise ContractRootError("unexpected_element")
    return root


def _only_child(content: Element) -> Element:
    check_only_elements(content, ContractRootError)
    if len(content) != 1:
        raise ContractRootError("unexpected_element" if len(content) else "missing_element", _BODY_TAG)
    return content[0]


def _check_serial(head: Head) -> Head:
    rest = head.transaction_id.removeprefix(head.src_sys_id)
    try:
        parse_digits(rest[:8] + "000000")
    except ValueError:
        raise ContractRootError("foreign_serial", "TransactionID") from None
    if not head.transaction_id.startswith(head.src_sys_id) or len(rest) == 8:
        raise ContractRootError("foreign_serial", "TransactionID")
    return head


def _leaves(tree: Element) -> Iterator[tuple[str, str]]:
    return ((child.tag, child.text or "") for child in tree)


def _write(head: Element, content: Element, form: Format, dialect: Dialect) -> tuple[str, bytes]:
    root = Element(_ROOT)
    root.append(head)
    SubElement(root, _BODY_TAG).append(content)
    if form is Format.XML:
        return _TYPE_OF[form], serialize(root).encode()
    top = Element("json")
    top.append(root)
    return _TYPE_OF[form], write_tree(top, dialect.repeated).encode()
