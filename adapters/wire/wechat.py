"""WeChat official accounts: callbacks in safe mode, and the replies to them.

The order of work on a callback is the order of trust: size, shape of the query, signature, age, decryption,
parsing, and last whether it was let in before, so that only a good callback is remembered.

A signature does not say which of timestamp and nonce is which, so a callback kept back until its nonce reads as
the present time would pass once more. Whoever books it must therefore keep each ``dedupe_key`` for longer than
the window lasts.

Source: WeChat official accounts, "access guide", "passive replies", "message encryption and decryption".
"""

import hmac
import re
from dataclasses import dataclass
from typing import Final

from adapters.wire.elements import Digits, Leaf, Table, Text, read_table
from adapters.wire.markup import check_text, parse_document, wrap_cdata
from adapters.wire.wechat_crypto import (
    RANDOM_BYTES,
    Account,
    WechatError,
    check_signature,
    decrypt,
    encrypt,
    make_account,
    sign,
)
from adapters.wire.wechat_messages import (
    MAX_BODY_BYTES,
    Click,
    Location,
    Message,
    Scan,
    Subscribe,
    SubscriptionChange,
    SubscriptionPopup,
    SubscriptionSent,
    TemplateChoice,
    TemplateFate,
    TemplateSent,
    TextMessage,
    UnknownMessage,
    Unsubscribe,
    View,
    parse_message,
    write_message,
)
from adapters.wire.wechat_replay import WINDOW_MS, ReplayWindow, check_age

__all__ = [
    "MAX_BODY_BYTES",
    "MAX_REPLY_TEXT_BYTES",
    "RANDOM_BYTES",
    "SUCCESS",
    "WINDOW_MS",
    "Account",
    "CallbackQuery",
    "Click",
    "Location",
    "Message",
    "ReplayWindow",
    "Scan",
    "Subscribe",
    "SubscriptionChange",
    "SubscriptionPopup",
    "SubscriptionSent",
    "TemplateChoice",
    "TemplateFate",
    "TemplateSent",
    "TextMessage",
    "TextReply",
    "UnknownMessage",
    "Unsubscribe",
    "UrlQuery",
    "View",
    "WechatError",
    "make_account",
    "open_callback",
    "open_reply",
    "parse_message",
    "parse_reply",
    "seal_callback",
    "seal_reply",
    "sign",
    "verify_url",
    "write_message",
    "write_reply",
]

MAX_REPLY_TEXT_BYTES: Final = 2048
SUCCESS: Final = b"success"
"""The whole body, as it is, of an answer that shows the user nothing."""

_TIMESTAMP = re.compile(r"[0-9]{1,10}")
_NONCE = re.compile(r"[0-9A-Za-z_-]{1,64}")
_ECHO = re.compile(r"[0-9A-Za-z_+/=-]{1,256}")
_ANY = Text(re.compile(r".*", re.DOTALL))


@dataclass(frozen=True, slots=True, repr=False)
class UrlQuery:
    """The query of the GET by which WeChat asks whether the URL is ours."""

    signature: str
    timestamp: str
    nonce: str
    echostr: str


@dataclass(frozen=True, slots=True, repr=False)
class CallbackQuery:
    """The query of a callback; what was absent is empty. ``signature`` and ``openid`` are checked if present."""

    timestamp: str
    nonce: str
    msg_signature: str
    encrypt_type: str = ""
    signature: str = ""
    openid: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class TextReply:
    """A reply that shows the user a text."""

    to_user: str
    from_user: str
    create_time_s: int
    content: str


def verify_url(account: Account, query: UrlQuery, now_ms: int, window_ms: int = WINDOW_MS) -> str:
    """Return what to answer, as the whole body, when WeChat asks whether the URL is ours.

    ``echostr`` is not signed, so it is echoed only if it can harm no browser. Raises ``WechatError``:
    ``bad_query``, ``bad_signature``, ``stale_timestamp``.
    """
    _check_query(query.timestamp, query.nonce)
    if not _ECHO.fullmatch(query.echostr):
        raise WechatError("bad_query", "echostr")
    check_signature(query.signature, account.token, query.timestamp, query.nonce)
    check_age(query.timestamp, now_ms, window_ms)
    return query.echostr


def open_callback(account: Account, query: CallbackQuery, body: bytes, window: ReplayWindow, now_ms: int) -> Message:
    """Prove, decrypt and read a callback, and remember it in ``window``.

    Raises ``WechatError`` with any reason its class lists but those of sealing.
    """
    _check_query(query.timestamp, query.nonce)
    if query.encrypt_type != "aes":
        raise WechatError("not_encrypted")
    if query.signature:
        check_signature(query.signature, account.token, query.timestamp, query.nonce)
    envelope = _read_envelope(body)
    _check_copies(envelope, query)
    check_signature(query.msg_signature, account.token, query.timestamp, query.nonce, envelope["encrypt"])
    check_age(query.timestamp, now_ms, window.window_ms)
    message = parse_message(decrypt(account, envelope["encrypt"]))
    _check_names(envelope, query, message)
    window.admit(query.timestamp, query.nonce, now_ms)
    return message


def seal_callback(
    account: Account, message: bytes, *, to_user: str, openid: str, timestamp: str, nonce: str, random: bytes
) -> tuple[CallbackQuery, bytes]:
    """Make a callback as WeChat does, for simulators and tests: its query and its body.

    Raises ``WechatError`` (``bad_random``).
    """
    encrypted = encrypt(account, message, random)
    inner = f"    <ToUserName>{wrap_cdata(to_user)}</ToUserName>\n    <Encrypt>{wrap_cdata(encrypted)}</Encrypt>\n"
    query = CallbackQuery(
        timestamp=timestamp,
        nonce=nonce,
        msg_signature=sign(account.token, timestamp, nonce, encrypted),
        encrypt_type="aes",
        signature=sign(account.token, timestamp, nonce),
        openid=openid,
    )
    return query, f"<xml>\n{inner}</xml>\n".encode()


def write_reply(reply: TextReply) -> bytes:
    """Write a text reply, to be sealed; raises ``WechatError``: ``text_too_long``, ``text_not_xml``."""
    if len(reply.content.encode("utf-8", "replace")) > MAX_REPLY_TEXT_BYTES:
        raise WechatError("text_too_long")
    content = check_text(reply.content, WechatError)
    return (
        f"<xml><ToUserName>{wrap_cdata(reply.to_user)}</ToUserName>"
        f"<FromUserName>{wrap_cdata(reply.from_user)}</FromUserName>"
        f"<CreateTime>{reply.create_time_s}</CreateTime>"
        f"<MsgType>{wrap_cdata('text')}</MsgType><Content>{wrap_cdata(content)}</Content></xml>"
    ).encode()


def seal_reply(account: Account, reply: bytes, *, timestamp: str, nonce: str, random: bytes) -> bytes:
    """Encrypt and sign a reply: what ``write_reply`` wrote, or ``SUCCESS``.

    Raises ``WechatError`` (``bad_random``).
    """
    encrypted = encrypt(account, reply, random)
    signature = sign(account.token, timestamp, nonce, encrypted)
    return (
        f"<xml><Encrypt>{wrap_cdata(encrypted)}</Encrypt><MsgSignature>{wrap_cdata(signature)}</MsgSignature>"
        f"<TimeStamp>{timestamp}</TimeStamp><Nonce>{wrap_cdata(nonce)}</Nonce></xml>"
    ).encode()


def open_reply(account: Account, body: bytes) -> bytes:
    """Prove and decrypt a sealed reply, as WeChat does; for simulators and tests.

    Raises ``WechatError``: ``bad_signature`` and the reasons of ``markup``, ``elements`` and ``decrypt``.
    """
    envelope = _read_envelope(body)
    parts = envelope["timestamp"], envelope["nonce"], envelope["encrypt"]
    check_signature(envelope["msg_signature"], account.token, *parts)
    return decrypt(account, envelope["encrypt"])


def parse_reply(xml: bytes) -> TextReply:
    """Read a decrypted text reply; for simulators and tests. Raises ``WechatError`` as ``open_reply``."""
    root = parse_document(xml, MAX_BODY_BYTES, WechatError)
    values = read_table(root, _REPLY, WechatError, strict=True)
    del values["msg_type"]
    return TextReply(**values)


_ENVELOPE: Table = (
    Leaf("to_user", "ToUserName", _ANY, default=""),
    Leaf("encrypt", "Encrypt", _ANY, default=""),
    Leaf("msg_signature", "MsgSignature", _ANY, default=""),
    Leaf("timestamp", "TimeStamp", _ANY, default=""),
    Leaf("nonce", "Nonce", _ANY, default=""),
)
_REPLY: Table = (
    Leaf("to_user", "ToUserName", _ANY),
    Leaf("from_user", "FromUserName", _ANY),
    Leaf("create_time_s", "CreateTime", Digits(10)),
    Leaf("msg_type", "MsgType", Text(re.compile("text"))),
    Leaf("content", "Content", _ANY),
)


def _check_query(timestamp: str, nonce: str) -> None:
    if not _TIMESTAMP.fullmatch(timestamp):
        raise WechatError("bad_query", "timestamp")
    if not _NONCE.fullmatch(nonce):
        raise WechatError("bad_query", "nonce")


def _read_envelope(body: bytes) -> dict[str, str]:
    root = parse_document(body, MAX_BODY_BYTES, WechatError)
    if root.tag != "xml":
        raise WechatError("unexpected_element")
    has_plain_message = root.find("MsgType") is not None
    if root.find("Encrypt") is None:
        raise WechatError("not_encrypted" if has_plain_message else "missing_element", "Encrypt")
    if has_plain_message:
        raise WechatError("not_safe_mode")
    return read_table(root, _ENVELOPE, WechatError, strict=True)


def _check_copies(envelope: dict[str, str], query: CallbackQuery) -> None:
    """Some peers repeat the query in the envelope: what is there must agree."""
    for name in ("msg_signature", "timestamp", "nonce"):
        if envelope[name] and not _is_same(envelope[name], getattr(query, name)):
            raise WechatError("bad_signature", name)


def _check_names(envelope: dict[str, str], query: CallbackQuery, message: Message) -> None:
    if envelope["to_user"] and not _is_same(envelope["to_user"], message.to_user):
        raise WechatError("wrong_account")
    if query.openid and not _is_same(query.openid, message.from_user):
        raise WechatError("wrong_sender")


def _is_same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))
