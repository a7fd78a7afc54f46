"""Callbacks from query and body to message, replies back, and every way in which one may be forged."""

from collections.abc import Iterator
from dataclasses import fields, replace

import pytest
from hypothesis import given

from adapters.wire import wechat
from adapters.wire.wechat import CallbackQuery, ReplayWindow, UrlQuery, WechatError
from tests.wire.wechat_samples import (
    ACCOUNT,
    NONCE,
    NOW_MS,
    OFFICIAL,
    OPENID,
    RANDOM,
    TIMESTAMP,
    TO_USER,
    make_text,
    messages,
    open_at,
    seal,
    texts,
)

QUERY, BODY = seal(wechat.write_message(make_text()))
REPLY = wechat.TextReply(OPENID, TO_USER, int(TIMESTAMP), "已收到")


def reason_of(query: CallbackQuery, body: bytes, now_ms: int = NOW_MS) -> str:
    with pytest.raises(WechatError) as refused:
        open_at(query, body, now_ms=now_ms)
    return refused.value.reason


def test_open_when_callback_is_the_official_sample_then_gives_its_message() -> None:
    query = CallbackQuery(TIMESTAMP, NONCE, OFFICIAL["msg_signature"], "aes", OFFICIAL["plain_signature"], OPENID)
    body = f"<xml><ToUserName>{TO_USER}</ToUserName><Encrypt><![CDATA[{OFFICIAL['encrypt']}]]></Encrypt></xml>"
    message = open_at(query, body.encode())
    assert isinstance(message, wechat.TextMessage)
    assert message.content == "abcdteT"


@given(messages())
def test_open_when_callback_was_sealed_here_then_gives_its_message(message: wechat.Message) -> None:
    query, body = wechat.seal_callback(
        ACCOUNT,
        wechat.write_message(message),
        to_user=message.to_user,
        openid=message.from_user,
        timestamp=TIMESTAMP,
        nonce=NONCE,
        random=RANDOM,
    )
    assert open_at(query, body) == message


def flip_bits(data: bytes) -> Iterator[bytes]:
    for at in range(len(data)):
        for bit in range(8):
            yield data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


def test_open_when_any_bit_of_the_body_is_flipped_then_refuses() -> None:
    assert open_at(QUERY, BODY) == make_text()
    for forged in flip_bits(BODY):
        reason_of(QUERY, forged)


@pytest.mark.parametrize("name", [field.name for field in fields(CallbackQuery)])
def test_open_when_any_bit_of_the_query_is_flipped_then_refuses(name: str) -> None:
    value = getattr(QUERY, name)
    assert value
    for forged in flip_bits(value.encode()):
        reason_of(replace(QUERY, **{name: forged.decode("latin-1")}), BODY)


def test_open_when_it_comes_again_then_refuses() -> None:
    window = ReplayWindow()
    open_at(QUERY, BODY, window=window)
    with pytest.raises(WechatError, match="replayed_nonce"):
        open_at(QUERY, BODY, window=window)


def test_open_when_it_is_refused_then_remembers_nothing() -> None:
    window = ReplayWindow()
    with pytest.raises(WechatError, match="bad_signature"):
        open_at(replace(QUERY, msg_signature="0" * 40), BODY, window=window)
    assert window.known_count == 0
    open_at(QUERY, BODY, window=window)


@pytest.mark.parametrize("drift_ms", [-300_001, 300_001])
def test_open_when_it_is_stale_then_refuses(drift_ms: int) -> None:
    assert reason_of(QUERY, BODY, NOW_MS + drift_ms) == "stale_timestamp"


def test_open_when_signed_but_hostile_inside_then_refuses_after_decrypting() -> None:
    bomb = b'<!DOCTYPE xml [<!ENTITY a "aa">]><xml>&a;</xml>'
    assert reason_of(*seal(bomb)) == "dtd_forbidden"
    assert reason_of(*seal(b"\xff\xfe")) == "wrong_charset"
    assert reason_of(*seal(b"")) == "not_xml"


def test_open_when_unsigned_and_hostile_then_is_not_decrypted() -> None:
    query, body = seal(b"not xml at all")
    assert reason_of(replace(query, msg_signature="0" * 40), body) == "bad_signature"


PLAIN = b"<xml><ToUserName>t</ToUserName><MsgType>text</MsgType></xml>"
ENCRYPTED = BODY.partition(b"<xml>")[2]


@pytest.mark.parametrize(
    ("query", "body", "reason"),
    [
        (replace(QUERY, encrypt_type=""), PLAIN, "not_encrypted"),
        (replace(QUERY, encrypt_type="raw"), BODY, "not_encrypted"),
        (QUERY, PLAIN, "not_encrypted"),
        (QUERY, BODY.replace(b"<xml>", b"<xml><MsgType>text</MsgType>"), "not_safe_mode"),
        (QUERY, b"<xml></xml>", "missing_element"),
        (QUERY, b"<xml><Encrypt></Encrypt></xml>", "bad_signature"),
        (QUERY, b"<xml><Encrypt>QUJD</Encrypt>" + ENCRYPTED, "duplicate_element"),
        (QUERY, BODY.replace(b"<xml>", b"<xml><Content>KTFSR</Content>"), "unexpected_element"),
        (QUERY, b"<!DOCTYPE xml>" + BODY, "dtd_forbidden"),
        (QUERY, b'<?xml version="1.0" encoding="gb2312"?>' + BODY, "wrong_charset"),
        (QUERY, BODY + b" " * 65536, "too_large"),
        (QUERY, b"", "not_xml"),
        (replace(QUERY, openid="somebody_else"), BODY, "wrong_sender"),
        (QUERY, BODY.replace(TO_USER.encode(), b"gh_other"), "wrong_account"),
        (replace(QUERY, signature="0" * 40), BODY, "bad_signature"),
        (replace(QUERY, msg_signature=""), BODY, "bad_signature"),
        (replace(QUERY, timestamp=""), BODY, "bad_query"),
        (replace(QUERY, timestamp="１４０９７３５６６９"), BODY, "bad_query"),
        (replace(QUERY, timestamp="9" * 11), BODY, "bad_query"),
        (replace(QUERY, nonce=""), BODY, "bad_query"),
        (replace(QUERY, nonce="x" * 65), BODY, "bad_query"),
        (replace(QUERY, nonce="\ud800"), BODY, "bad_query"),
        (QUERY, BODY.replace(b"</xml>", b"<Nonce>1</Nonce></xml>"), "bad_signature"),
        (QUERY, BODY.replace(b"</xml>", b"<TimeStamp>1</TimeStamp></xml>"), "bad_signature"),
    ],
)
def test_open_when_callback_is_not_in_safe_mode_or_forged_then_names_why(
    query: CallbackQuery, body: bytes, reason: str
) -> None:
    assert reason_of(query, body) == reason


def test_open_when_meant_for_another_account_then_refuses() -> None:
    query, body = wechat.seal_callback(
        replace(ACCOUNT, app_id="wx0000000000000000"),
        wechat.write_message(make_text()),
        to_user=TO_USER,
        openid=OPENID,
        timestamp=TIMESTAMP,
        nonce=NONCE,
        random=RANDOM,
    )
    assert reason_of(query, body) == "wrong_appid"


def test_open_when_signature_and_openid_are_absent_then_the_message_signature_suffices() -> None:
    assert open_at(replace(QUERY, signature="", openid=""), BODY) == make_text()


def test_verify_url_when_signed_then_echoes() -> None:
    query = UrlQuery(OFFICIAL["plain_signature"], TIMESTAMP, NONCE, "5837397576500011341")
    assert wechat.verify_url(ACCOUNT, query, NOW_MS) == "5837397576500011341"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"signature": "0" * 40}, "bad_signature"),
        ({"timestamp": "1409735670"}, "bad_signature"),
        ({"nonce": "1320562133"}, "bad_signature"),
        ({"nonce": ""}, "bad_query"),
        ({"echostr": ""}, "bad_query"),
        ({"echostr": "<script>alert(1)</script>"}, "bad_query"),
    ],
)
def test_verify_url_when_anything_is_wrong_then_echoes_nothing(change: dict[str, str], reason: str) -> None:
    query = UrlQuery(OFFICIAL["plain_signature"], TIMESTAMP, NONCE, "5837397576500011341")
    with pytest.raises(WechatError) as refused:
        wechat.verify_url(ACCOUNT, replace(query, **change), NOW_MS)
    assert refused.value.reason == reason


def test_verify_url_when_stale_then_refuses() -> None:
    query = UrlQuery(OFFICIAL["plain_signature"], TIMESTAMP, NONCE, "1")
    with pytest.raises(WechatError, match="stale_timestamp"):
        wechat.verify_url(ACCOUNT, query, NOW_MS + 300_001)


@given(texts())
def test_reply_when_sealed_and_opened_then_is_the_same(content: str) -> None:
    reply = replace(REPLY, content=content)
    sealed = wechat.seal_reply(ACCOUNT, wechat.write_reply(reply), timestamp=TIMESTAMP, nonce=NONCE, random=RANDOM)
    assert wechat.parse_reply(wechat.open_reply(ACCOUNT, sealed)) == reply


def test_reply_when_it_says_success_then_can_be_sealed_too() -> None:
    sealed = wechat.seal_reply(ACCOUNT, wechat.SUCCESS, timestamp=TIMESTAMP, nonce=NONCE, random=RANDOM)
    assert wechat.open_reply(ACCOUNT, sealed) == b"success"


def test_reply_when_a_bit_of_its_proof_is_flipped_then_is_refused() -> None:
    sealed = wechat.seal_reply(ACCOUNT, wechat.write_reply(REPLY), timestamp=TIMESTAMP, nonce=NONCE, random=RANDOM)
    for forged in flip_bits(sealed):
        with pytest.raises(WechatError):
            wechat.open_reply(ACCOUNT, forged)


def test_reply_when_longer_than_wechat_shows_then_is_refused() -> None:
    wechat.write_reply(replace(REPLY, content="中" * 682))
    for content in ("中" * 683, "a" * 2049):
        with pytest.raises(WechatError, match="text_too_long"):
            wechat.write_reply(replace(REPLY, content=content))


def test_reply_when_text_cannot_stand_in_xml_then_is_refused() -> None:
    with pytest.raises(WechatError, match="text_not_xml"):
        wechat.write_reply(replace(REPLY, content="\x08"))


def test_error_when_shown_then_holds_no_content() -> None:
    secret = "o_secret_user"
    with pytest.raises(WechatError) as refused:
        open_at(replace(QUERY, openid=secret), BODY)
    assert secret not in repr(refused.value)
    assert secret not in repr(QUERY)
