"""China Unicom's UNI_BSS: an order and its reply as JSON, with a token over the head.

``UNI_BSS_HEAD`` says who asks, when and under which serial; ``UNI_BSS_BODY`` holds one member, named after the
interface: ``<API>_REQ`` or ``<API>_RSP``, the business in the spelling ``OPR_CODE`` (``dialect``). ``TOKEN`` is the
lower-case hex MD5 of every other field of the head, sorted by name, each as name and value joined, and the app's
secret at the end. The carrier chose MD5, and the token covers the head alone: whoever can change a body on its way can
change the order, so the way itself has to be safe (TLS).

The interface's name for this service is not public, so it is a setting. A head may hold more fields than are named
here; they count for the token and are otherwise left alone.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final
from xml.etree.ElementTree import Element, SubElement

from adapters.wire.answer import Answer, Result
from adapters.wire.chinatime import parse_digits
from adapters.wire.dialect import SENTENCE, Dialect, spell_snake
from adapters.wire.elements import Code, Kind, Leaf, Table, Text, build_table, find_only, read_table
from adapters.wire.errors import WireError
from adapters.wire.jsontree import choose_media, parse_tree, write_tree
from adapters.wire.markup import read_text
from adapters.wire.order import Order
from adapters.wire.proof import check_fresh
from adapters.wire.proof import check_token as check_same

MAX_BODY_BYTES: Final = 64 * 1024
STANDARD: Final = Dialect(spell=spell_snake)
_HEAD_TAG, _BODY_TAG, _ATTACHED_TAG = "UNI_BSS_HEAD", "UNI_BSS_BODY", "UNI_BSS_ATTACHED"
_TYPE = "application/json; charset=UTF-8"
_MEDIA = {"application/json": None}

HEAD_CODES: Final = {
    Result.MALFORMED: "20001",
    Result.BAD_SIGNATURE: "20002",
    Result.UNAVAILABLE: "10001",
}
"""The head's own codes: ``00000`` says that the body was read and has the answer, whatever that is."""
_ACCEPTED = "00000"


class UniBssError(WireError):
    """An envelope, or the order in it, that is refused. ``reason`` is stable, ``field`` an element's path.

    Reasons, besides those of ``jsontree``, ``elements``, ``proof`` and ``check_order``:
        ``other_interface``   the body is not of the interface that was expected
        ``other_code``        a reply whose head and body contradict each other
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Who asks, when, under which serial. ``trans_id`` is the idempotency key: 17 digits of time and 6 more.

    ``timestamp`` is ``yyyy-MM-dd HH:mm:ss SSS``, China time.
    """

    app_id: str
    timestamp: str
    trans_id: str
    token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyHead:
    """Which request is answered, when, and whether its body was read."""

    app_id: str
    timestamp: str
    trans_id: str
    resp_code: str
    resp_desc: str


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """A head that was read, every field of it for the token, and a body that was not yet."""

    head: Head
    fields: tuple[tuple[str, str], ...]
    body: Element


@dataclass(frozen=True, slots=True)
class _Timestamp(Kind):
    """A time that exists, ``yyyy-MM-dd HH:mm:ss SSS``."""

    def read(self, text: str) -> str:
        read_timestamp(text)
        return text


@dataclass(frozen=True, slots=True)
class _TransId(Kind):
    """``yyyyMMddHHmmssSSS`` and six digits more."""

    def read(self, text: str) -> str:
        if not re.fullmatch(r"[0-9]{23}", text):
            raise ValueError("not 23 digits")
        parse_digits(text[:17])
        return text


_APP_ID = Text(re.compile(r"[0-9A-Za-z_-]{1,32}"))
_IDENTITY: Table = (
    Leaf("app_id", "APP_ID", _APP_ID),
    Leaf("timestamp", "TIMESTAMP", _Timestamp()),
    Leaf("trans_id", "TRANS_ID", _TransId()),
)
_HEAD: Table = (*_IDENTITY, Leaf("token", "TOKEN", Text(re.compile(r"[!-~]{1,64}")), ""))
_RESP_DESC = Leaf("resp_desc", "RESP_DESC", SENTENCE, "")
_REPLY_HEAD: Table = (
    *_IDENTITY,
    Leaf("resp_code", "RESP_CODE", Code({code: code for code in (_ACCEPTED, *HEAD_CODES.values())})),
    _RESP_DESC,
)


def write_timestamp(digits: str) -> str:
    """Write 17 digits of time as ``yyyy-MM-dd HH:mm:ss SSS``."""
    return re.sub(r"(....)(..)(..)(..)(..)(..)(...)", r"\1-\2-\3 \4:\5:\6 \7", digits)


def read_timestamp(text: str) -> int:
    """Read ``yyyy-MM-dd HH:mm:ss SSS`` as Unix milliseconds; raises ``ValueError``."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} [0-9]{3}", text):
        raise ValueError("not a timestamp")
    return parse_digits(re.sub(r"[- :]", "", text))


def open_request(content_type: str, body: bytes) -> Request:
    """Read the head of a request of at most ``MAX_BODY_BYTES``.

    Raises ``UniBssError``: the reasons of ``jsontree`` and ``elements``.
    """
    head, content = _open(content_type, body)
    values = read_table(head, _HEAD, UniBssError)
    fields = tuple((child.tag, read_text(child, UniBssError)) for child in head)
    return Request(Head(**values), fields, content)


def check_token(request: Request, secret: str, now_ms: int, window_ms: int) -> None:
    """Believe that a request is of now and of one who knows the secret.

    Raises ``UniBssError``: ``wrong_token``, ``stale_timestamp``.
    """
    check_same(request.head.token, compute_token(request.fields, secret), UniBssError)
    check_fresh(read_timestamp(request.head.timestamp), now_ms, window_ms, UniBssError)


def compute_token(fields: Iterable[tuple[str, str]], secret: str) -> str:
    """Compute ``TOKEN`` over a head's fields; one named so is left out."""
    text = "".join(f"{name}{value}" for name, value in sorted(fields) if name != "TOKEN")
    return hashlib.md5(f"{text}{secret}".encode(), usedforsecurity=False).hexdigest()


def read_order(request: Request, api: str, dialect: Dialect = STANDARD) -> Order:
    """Read the order in a request to the interface ``api``.

    Raises ``UniBssError``: ``other_interface``, and the reasons of ``elements`` and ``check_order``.
    """
    return dialect.read_order(_open_business(request.body, f"{api}_REQ", dialect.order_tag), UniBssError)


def write_request(head: Head, order: Order, secret: str, api: str, dialect: Dialect = STANDARD) -> tuple[str, bytes]:
    """Write a request as a CRM does, with its token; return its Content-Type and body.

    Raises ``UniBssError`` for what could not be read back.
    """
    fields = [(leaf.path, getattr(head, leaf.name)) for leaf in _IDENTITY]
    return write_signed(replace(head, token=compute_token(fields, secret)), order, api, dialect)


def write_signed(head: Head, order: Order, api: str, dialect: Dialect = STANDARD) -> tuple[str, bytes]:
    """The same for a head that bears its token already, whatever that is."""
    tree = Element(_HEAD_TAG)
    build_table(tree, _HEAD, head, UniBssError)
    business = dialect.build_order(order, UniBssError)
    business.tag = f"{api}_REQ"
    return _write(tree, business, dialect)


def write_response(
    request: Request, answer: Answer, *, resp_desc: str, timestamp: str, api: str, dialect: Dialect = STANDARD
) -> tuple[str, bytes]:
    """Write the reply to a request; return its Content-Type and body.

    Raises ``UniBssError`` for what could not be read back.
    """
    head = request.head
    code = HEAD_CODES.get(answer.result, _ACCEPTED)
    reply = ReplyHead(
        app_id=head.app_id, timestamp=timestamp, trans_id=head.trans_id, resp_code=code, resp_desc=resp_desc
    )
    tree = Element(_HEAD_TAG)
    build_table(tree, _REPLY_HEAD, reply, UniBssError)
    business = Element(f"{api}_RSP")
    build_table(business, _response_table(dialect), _Said(answer.result, resp_desc), UniBssError)
    business.extend(dialect.build_answer(answer, UniBssError))
    return _write(tree, business, dialect)


def read_response(
    content_type: str, body: bytes, api: str, dialect: Dialect = STANDARD
) -> tuple[ReplyHead, Answer, str]:
    """Read a reply, as a CRM does: its head, the answer, and the sentence for people.

    Raises ``UniBssError``: ``other_interface``, ``other_code``, and the reasons of ``jsontree`` and ``elements``.
    """
    head, content = _open(content_type, body)
    reply = ReplyHead(**read_table(head, _REPLY_HEAD, UniBssError))
    business = _open_business(content, f"{api}_RSP", dialect.answer_tag)
    table = _response_table(dialect)
    said = _Said(**read_table(business, table, UniBssError))
    for leaf in table:
        for element in business.findall(leaf.path):
            business.remove(element)
    if reply.resp_code != HEAD_CODES.get(said.result, _ACCEPTED):
        raise UniBssError("other_code")
    return reply, dialect.read_answer(business, said.result, UniBssError), said.resp_desc


@dataclass(frozen=True, slots=True)
class _Said:
    """The answer in a word, as the body says it."""

    result: Result
    resp_desc: str


def _response_table(dialect: Dialect) -> Table:
    return (Leaf("result", "RESP_CODE", dialect.result), _RESP_DESC)


def _open(content_type: str, body: bytes) -> tuple[Element, Element]:
    choose_media(content_type, _MEDIA, UniBssError)
    root = parse_tree(body, MAX_BODY_BYTES, UniBssError)
    if any(child.tag not in {_HEAD_TAG, _BODY_TAG, _ATTACHED_TAG} for child in root):
        raise UniBssError("unexpected_element")
    return find_only(root, _HEAD_TAG, UniBssError), find_only(root, _BODY_TAG, UniBssError)


def _open_business(content: Element, name: str, tag: str) -> Element:
    """Return the one member of a body as an element of the dialect's own name, which UNI_BSS does without."""
    if [child.tag for child in content] != [name]:
        raise UniBssError("other_interface")
    business = Element(tag)
    business.text = content[0].text
    business.extend(content[0])
    return business


def _write(head: Element, business: Element, dialect: Dialect) -> tuple[str, bytes]:
    root = Element("json")
    root.append(head)
    SubElement(root, _BODY_TAG).append(business)
    SubElement(SubElement(root, _ATTACHED_TAG), "MEDIA_INFO")
    return _TYPE, write_tree(root, dialect.repeated).encode()
