"""Every kind of message, as WeChat's guide shows it and as hypothesis makes it up."""

from typing import Any

import pytest
from hypothesis import given

from adapters.wire import wechat
from adapters.wire.wechat import WechatError, parse_message, write_message
from tests.wire.wechat_samples import OFFICIAL, OPENID, TIMESTAMP, TO_USER, make_text, messages, wrap_event

HEAD: dict[str, Any] = {"to_user": TO_USER, "from_user": OPENID, "create_time_s": int(TIMESTAMP)}
LOCATION = "<Event>LOCATION</Event><Latitude>23.1</Latitude><Longitude>113.3</Longitude><Precision>119</Precision>"
POPUP = """<Event><![CDATA[subscribe_msg_popup_event]]></Event><SubscribeMsgPopupEvent>
<List><TemplateId>T1</TemplateId><SubscribeStatusString>accept</SubscribeStatusString><PopupScene>2</PopupScene></List>
<List><TemplateId>T2</TemplateId><SubscribeStatusString>reject</SubscribeStatusString><PopupScene>2</PopupScene></List>
</SubscribeMsgPopupEvent>"""
CHANGE = """<Event>subscribe_msg_change_event</Event><SubscribeMsgChangeEvent><List><TemplateId>T1</TemplateId>
<SubscribeStatusString>reject</SubscribeStatusString></List></SubscribeMsgChangeEvent>"""
SENT = """<Event>subscribe_msg_sent_event</Event><SubscribeMsgSentEvent><List><TemplateId>T1</TemplateId>
<MsgID>1864323726461255680</MsgID><ErrorCode>43101</ErrorCode><ErrorStatus>user refuse</ErrorStatus></List>
</SubscribeMsgSentEvent>"""
FINISH = "<Event>TEMPLATESENDJOBFINISH</Event><MsgID>200163836</MsgID><Status><![CDATA[{}]]></Status>"
EVENTS = [
    (
        "<Event>subscribe</Event><EventKey>qrscene_hall7</EventKey><Ticket>TICKET</Ticket>",
        wechat.Subscribe(**HEAD, event_key="qrscene_hall7", ticket="TICKET"),
    ),
    ("<Event>subscribe</Event><EventKey><![CDATA[]]></EventKey>", wechat.Subscribe(**HEAD)),
    ("<Event>unsubscribe</Event>", wechat.Unsubscribe(**HEAD)),
    ("<Event>SCAN</Event><EventKey>hall7</EventKey>", wechat.Scan(**HEAD, event_key="hall7")),
    ("<Event>CLICK</Event><EventKey>open</EventKey>", wechat.Click(**HEAD, event_key="open")),
    (
        "<Event>VIEW</Event><EventKey><![CDATA[https://example.com/?a=1&b=2]]></EventKey><MenuId>1</MenuId>",
        wechat.View(**HEAD, event_key="https://example.com/?a=1&b=2"),
    ),
    (LOCATION, wechat.Location(**HEAD)),
    (FINISH.format("success"), wechat.TemplateSent(**HEAD, msg_id="200163836", status="success")),
    (
        POPUP,
        wechat.SubscriptionPopup(
            **HEAD, items=(wechat.TemplateChoice("T1", "accept", "2"), wechat.TemplateChoice("T2", "reject", "2"))
        ),
    ),
    (CHANGE, wechat.SubscriptionChange(**HEAD, items=(wechat.TemplateChoice("T1", "reject"),))),
    (
        SENT,
        wechat.SubscriptionSent(
            **HEAD, items=(wechat.TemplateFate("T1", "1864323726461255680", 43101, "user refuse"),)
        ),
    ),
    (
        "<Event>MASSSENDJOBFINISH</Event><MsgID>1</MsgID>",
        wechat.UnknownMessage(**HEAD, msg_type="event", event="MASSSENDJOBFINISH", texts=(("MsgID", "1"),)),
    ),
]


@pytest.mark.parametrize(("inner", "expected"), EVENTS, ids=lambda value: getattr(value, "EVENT", None) or "")
def test_parse_when_event_is_as_published_then_gives_its_type(inner: str, expected: wechat.Message) -> None:
    message = parse_message(wrap_event(inner))
    assert message == expected
    assert type(message) is type(expected)


def test_parse_when_message_is_the_official_sample_then_gives_its_text() -> None:
    message = parse_message(OFFICIAL["plaintext"].encode())
    assert message == wechat.TextMessage(
        to_user=TO_USER,
        from_user=OPENID,
        create_time_s=1409735668,
        msg_id="6054768590064713728",
        content="abcdteT",
    )
    assert message.dedupe_key == "msg:6054768590064713728"


def test_parse_when_kind_is_unknown_then_is_kept() -> None:
    inner = b"<MsgType>image</MsgType><PicUrl>u</PicUrl><MsgId>7</MsgId><Nested><A>1</A></Nested>"
    message = parse_message(wrap_event("").replace(b"<MsgType>event</MsgType>", inner))
    assert message == wechat.UnknownMessage(**HEAD, msg_type="image", msg_id="7", texts=(("PicUrl", "u"),))
    assert message.dedupe_key == "msg:7"


@given(messages())
def test_parse_when_message_was_written_here_then_gives_it_back(message: wechat.Message) -> None:
    assert parse_message(write_message(message)) == message


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        ("success", ""),
        ("failed:user block", "user block"),
        ("failed: system failed", "system failed"),
        ("failed:", "unknown"),
    ],
)
def test_template_sent_when_status_is_given_then_tells_why_it_failed(status: str, failure: str) -> None:
    message = parse_message(wrap_event(FINISH.format(status)))
    assert isinstance(message, wechat.TemplateSent)
    assert message.failure == failure


def test_dedupe_key_when_event_is_sent_again_then_is_the_same_and_no_other_events() -> None:
    keys = [parse_message(wrap_event(inner)).dedupe_key for inner, _ in EVENTS]
    assert keys == [parse_message(wrap_event(inner)).dedupe_key for inner, _ in EVENTS]
    assert len(set(keys)) == len(keys)
    assert all(len(key) <= 128 and key.isascii() and OPENID not in key for key in keys)


def test_dedupe_key_when_two_notices_end_in_one_second_then_tells_them_apart() -> None:
    first, second = (wrap_event(FINISH.format("success").replace("200163836", number)) for number in ("1", "2"))
    assert parse_message(first).dedupe_key != parse_message(second).dedupe_key


DOCTYPE = b'<!DOCTYPE xml [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
EXTERNAL = b'<!DOCTYPE xml [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
GOOD = write_message(make_text("关闭"))


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        (DOCTYPE + GOOD.replace("关闭".encode(), b"&b;"), "dtd_forbidden"),
        (EXTERNAL + GOOD.replace("关闭".encode(), b"&x;"), "dtd_forbidden"),
        (b"<!DOCTYPE xml>" + GOOD, "dtd_forbidden"),
        (GOOD.replace("关闭".encode(), b"&undeclared;"), "not_xml"),
        (b'<?xml version="1.0" encoding="GBK"?>' + GOOD, "wrong_charset"),
        (b'<?xml version="1.0" encoding="UTF-8"?>' + GOOD.decode().encode("gbk"), "wrong_charset"),
        (GOOD.decode().encode("utf-16"), "wrong_charset"),
        (b"", "not_xml"),
        (b"KTFSR", "not_xml"),
        (GOOD[:-1], "not_xml"),
        (GOOD + GOOD, "not_xml"),
        (b"<xml/>", "missing_element"),
        (b"<message/>", "unexpected_element"),
        (GOOD.replace(b"</xml>", b"<MsgId>1</MsgId></xml>"), "duplicate_element"),
        (GOOD.replace(b"<MsgId>", b"<MsgId>x"), "malformed_element"),
        (GOOD.replace(b"<MsgId>", b"<MsgId><b/>"), "unexpected_element"),
        (GOOD.replace(b"</MsgId>", b"</MsgId>x"), "unexpected_text"),
        (GOOD.replace(b"<CreateTime>", b"<CreateTime>-"), "malformed_element"),
        (b"<xml>" + b"x" * 65536 + b"</xml>", "too_large"),
        (wrap_event("<Event>subscribe_msg_sent_event</Event>"), "missing_element"),
        (wrap_event(SENT + SENT.partition("</Event>")[2]), "duplicate_element"),
        (wrap_event(POPUP.replace("<List>", "<List><TemplateId>x</TemplateId>")), "duplicate_element"),
        (wrap_event(CHANGE.replace("</SubscribeMsg", "<List/>" * 33 + "</SubscribeMsg")), "too_many_elements"),
    ],
)
def test_parse_when_xml_is_hostile_or_broken_then_names_why(xml: bytes, reason: str) -> None:
    with pytest.raises(WechatError) as refused:
        parse_message(xml)
    assert refused.value.reason == reason


def test_parse_when_elements_are_nested_without_end_then_refuses() -> None:
    with pytest.raises(WechatError, match="missing_element"):
        parse_message(b"<xml>" + b"<a>" * 9000 + b"</a>" * 9000 + b"</xml>")


def test_parse_when_it_begins_with_a_byte_order_mark_then_reads_on() -> None:
    assert parse_message(b"\xef\xbb\xbf" + GOOD) == make_text("关闭")


def test_write_when_text_cannot_stand_in_xml_then_refuses() -> None:
    for content in ("\x00", "\ud800", "\x0b"):
        with pytest.raises(WechatError, match="text_not_xml"):
            write_message(make_text(content))


@given(messages())
def test_message_when_shown_then_says_nothing_of_its_user(message: wechat.Message) -> None:
    assert repr(message) == f"{type(message).__name__}(…)"
