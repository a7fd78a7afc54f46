"""What arrives in a WeChat callback, typed: texts, menu taps, arrivals and departures, fates of notices.

A message is one flat XML document; each kind's elements are one table below, for reading (the channel) and for
writing (the simulator). Coordinates of LOCATION events are personal data nobody here needs, so they are not read.
Source: WeChat official accounts, "receiving messages", "event pushes", "subscription notices".
"""

import hashlib
import re
from dataclasses import dataclass, fields
from typing import Any, ClassVar
from xml.etree.ElementTree import Element, SubElement

from adapters.wire.elements import Digits, Leaf, Table, Text, build_table, read_table, serialize
from adapters.wire.markup import check_only_elements, check_text, parse_document, read_text
from adapters.wire.wechat_crypto import WechatError

MAX_BODY_BYTES = 64 * 1024
_MAX_ITEMS = 32

_NAME = Text(re.compile(r"[0-9A-Za-z_@.-]{1,64}"))
_WORD = Text(re.compile(r"[0-9A-Za-z_]{1,64}"))
_ID = Text(re.compile(r"[0-9]{1,20}"))
_ANY = Text(re.compile(r".*", re.DOTALL))
_SECONDS = Digits(10)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Message:
    """What every callback says. ``from_user`` is the user's id with this account, personal data as a number is.

    ``create_time_s`` is Unix seconds. Reprs show nothing but the type.
    """

    to_user: str
    from_user: str
    create_time_s: int

    TYPE: ClassVar[str] = "event"
    EVENT: ClassVar[str] = ""
    TABLE: ClassVar[Table] = ()

    def __repr__(self) -> str:
        """Keep users and contents out."""
        return f"{type(self).__name__}(…)"

    @property
    def dedupe_key(self) -> str:
        """The same for every delivery of one message, no other's, at most 128 printable ASCII characters.

        ``msg:`` and the MsgId where there is one; for events ``event:`` and a digest of sender, time, event and
        whatever tells two events of one second apart.
        """
        if message_id := self._message_id():
            return f"msg:{message_id}"
        parts = (self.from_user, str(self.create_time_s), self.EVENT, *self._distinguish())
        return f"event:{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()}"

    def _message_id(self) -> str:
        return ""

    def _distinguish(self) -> tuple[str, ...]:
        return ()


_HEAD: Table = (
    Leaf("to_user", "ToUserName", _NAME),
    Leaf("from_user", "FromUserName", _NAME),
    Leaf("create_time_s", "CreateTime", _SECONDS),
)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TextMessage(Message):
    """A text typed into the account's chat."""

    msg_id: str
    content: str

    TYPE: ClassVar[str] = "text"
    TABLE: ClassVar[Table] = (Leaf("content", "Content", _ANY, default=""), Leaf("msg_id", "MsgId", _ID))

    def _message_id(self) -> str:
        return self.msg_id


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _KeyedEvent(Message):
    event_key: str = ""

    TABLE: ClassVar[Table] = (Leaf("event_key", "EventKey", _ANY, default=""),)

    def _distinguish(self) -> tuple[str, ...]:
        return (self.event_key,)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Subscribe(_KeyedEvent):
    """A user follows the account; ``event_key`` is ``qrscene_…`` if by scanning a code."""

    ticket: str = ""

    EVENT: ClassVar[str] = "subscribe"
    TABLE: ClassVar[Table] = (*_KeyedEvent.TABLE, Leaf("ticket", "Ticket", _ANY, default=""))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Unsubscribe(_KeyedEvent):
    """A user leaves. That closes nothing: it only ends what may be sent."""

    EVENT: ClassVar[str] = "unsubscribe"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Scan(Subscribe):
    """A follower scans a code; ``event_key`` is its scene."""

    EVENT: ClassVar[str] = "SCAN"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Click(_KeyedEvent):
    """A menu entry that answers; ``event_key`` is its key, such as ``open``."""

    EVENT: ClassVar[str] = "CLICK"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class View(_KeyedEvent):
    """A menu entry that leads to a page; ``event_key`` is the URL. No reply is shown."""

    EVENT: ClassVar[str] = "VIEW"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Location(Message):
    """The user's phone told where it is; we do not read where."""

    EVENT: ClassVar[str] = "LOCATION"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TemplateSent(Message):
    """What became of a template message. ``msg_id`` is what the sending call returned."""

    msg_id: str
    status: str

    EVENT: ClassVar[str] = "TEMPLATESENDJOBFINISH"
    TABLE: ClassVar[Table] = (Leaf("msg_id", "MsgID", _ID), Leaf("status", "Status", _ANY))

    @property
    def failure(self) -> str:
        """Why it failed (``user block``, ``system failed`` …), empty if it was delivered."""
        return "" if self.status == "success" else self.status.removeprefix("failed:").strip() or "unknown"

    def _distinguish(self) -> tuple[str, ...]:
        return (self.msg_id,)


@dataclass(frozen=True, slots=True)
class TemplateChoice:
    """What a user decided about one template: ``status`` is ``accept`` or ``reject``."""

    template_id: str
    status: str
    scene: str = ""

    TABLE: ClassVar[Table] = (
        Leaf("template_id", "TemplateId", _ANY),
        Leaf("status", "SubscribeStatusString", _WORD),
        Leaf("scene", "PopupScene", _WORD, default=""),
    )


@dataclass(frozen=True, slots=True)
class TemplateFate:
    """What became of one subscription message; ``error_code`` 0 is delivered."""

    template_id: str
    msg_id: str
    error_code: int
    error_status: str = ""

    TABLE: ClassVar[Table] = (
        Leaf("template_id", "TemplateId", _ANY),
        Leaf("msg_id", "MsgID", _ID),
        Leaf("error_code", "ErrorCode", Digits(9)),
        Leaf("error_status", "ErrorStatus", _ANY, default=""),
    )


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _ListEvent(Message):
    """An event about several templates at once, listed as ``<GROUP><List>…</List>…</GROUP>``."""

    items: tuple[Any, ...]

    GROUP: ClassVar[str]
    ITEM: ClassVar[type[TemplateChoice] | type[TemplateFate]]

    def _distinguish(self) -> tuple[str, ...]:
        return tuple(str(getattr(item, field.name)) for item in self.items for field in fields(item))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SubscriptionPopup(_ListEvent):
    """The user answered the dialogue that asks for subscription messages."""

    items: tuple[TemplateChoice, ...]

    EVENT: ClassVar[str] = "subscribe_msg_popup_event"
    GROUP: ClassVar[str] = "SubscribeMsgPopupEvent"
    ITEM: ClassVar[type[TemplateChoice] | type[TemplateFate]] = TemplateChoice


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SubscriptionChange(SubscriptionPopup):
    """The user changed what they agreed to, in WeChat's own settings."""

    EVENT: ClassVar[str] = "subscribe_msg_change_event"
    GROUP: ClassVar[str] = "SubscribeMsgChangeEvent"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SubscriptionSent(_ListEvent):
    """What became of subscription messages."""

    items: tuple[TemplateFate, ...]

    EVENT: ClassVar[str] = "subscribe_msg_sent_event"
    GROUP: ClassVar[str] = "SubscribeMsgSentEvent"
    ITEM: ClassVar[type[TemplateChoice] | type[TemplateFate]] = TemplateFate


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class UnknownMessage(Message):
    """Any other kind, to be acknowledged and counted: its type, its event, its texts by element name."""

    msg_type: str
    event: str = ""
    msg_id: str = ""
    texts: tuple[tuple[str, str], ...] = ()

    TABLE: ClassVar[Table] = (
        Leaf("msg_type", "MsgType", _WORD),
        Leaf("event", "Event", _WORD, default=""),
        Leaf("msg_id", "MsgId", _ID, default=""),
    )

    def _message_id(self) -> str:
        return self.msg_id

    def _distinguish(self) -> tuple[str, ...]:
        return (self.msg_type, self.event, *(part for pair in self.texts for part in pair))


_EVENTS: dict[str, type[Message]] = {
    kind.EVENT: kind
    for kind in (
        Subscribe,
        Unsubscribe,
        Scan,
        Click,
        View,
        Location,
        TemplateSent,
        SubscriptionPopup,
        SubscriptionChange,
        SubscriptionSent,
    )
}
_HEAD_TAGS = {"ToUserName", "FromUserName", "CreateTime", "MsgType", "Event", "MsgId"}


def parse_message(xml: bytes) -> Message:
    """Read a decrypted callback; elements a kind does not name are left alone, as WeChat adds to them.

    Raises ``WechatError``: the reasons of ``markup`` and ``elements``.
    """
    root = parse_document(xml, MAX_BODY_BYTES, WechatError)
    if root.tag != "xml":
        raise WechatError("unexpected_element")
    head = read_table(root, _HEAD, WechatError)
    shape = read_table(root, UnknownMessage.TABLE, WechatError)
    kind = TextMessage if shape["msg_type"] == "text" else _EVENTS.get(shape["event"])
    if kind is None or shape["msg_type"] not in {"text", "event"}:
        return UnknownMessage(**head, **shape, texts=_collect_texts(root))
    values = read_table(root, kind.TABLE, WechatError)
    if issubclass(kind, _ListEvent):
        values["items"] = _read_items(root, kind)
    return kind(**head, **values)


def write_message(message: Message) -> bytes:
    """Write a message as WeChat would before encrypting it; raises ``WechatError`` as ``elements`` does."""
    root = Element("xml")
    build_table(root, _HEAD, message, WechatError)
    if isinstance(message, UnknownMessage):
        build_table(root, message.TABLE, message, WechatError)
        for tag, text in message.texts:
            SubElement(root, tag).text = check_text(text, WechatError)
        return serialize(root, declaration=False).encode()
    SubElement(root, "MsgType").text = message.TYPE
    if message.EVENT:
        SubElement(root, "Event").text = message.EVENT
    build_table(root, message.TABLE, message, WechatError)
    if isinstance(message, _ListEvent):
        group = SubElement(root, message.GROUP)
        for item in message.items:
            build_table(SubElement(group, "List"), item.TABLE, item, WechatError)
    return serialize(root, declaration=False).encode()


def _read_items(root: Element, kind: type[_ListEvent]) -> tuple[Any, ...]:
    groups = root.findall(kind.GROUP)
    if len(groups) != 1:
        raise WechatError("duplicate_element" if groups else "missing_element", kind.GROUP)
    check_only_elements(groups[0], WechatError)
    lists = groups[0].findall("List")
    if len(lists) > _MAX_ITEMS:
        raise WechatError("too_many_elements", kind.GROUP)
    return tuple(kind.ITEM(**read_table(item, kind.ITEM.TABLE, WechatError)) for item in lists)


def _collect_texts(root: Element) -> tuple[tuple[str, str], ...]:
    plain = (child for child in root if child.tag not in _HEAD_TAGS and not len(child))
    return tuple((child.tag, read_text(child, WechatError)) for child in plain)
