"""What must hold for any bytes that reach the WeChat codec; shared by the fuzz target and the tests.

The first byte of an input chooses the check, the second an option of it, the rest is what a peer sent.
"""

import base64
from collections.abc import Callable, Iterator

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from adapters.wire import wechat
from adapters.wire.wechat import WechatError
from adapters.wire.wechat_crypto import decrypt
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
    open_at,
    seal,
    wrap_event,
)

QUERY, BODY = seal(wechat.write_message(make_text()))


def check(data: bytes) -> None:
    """Run the check that ``data`` chooses; raises whatever it finds wrong."""
    if len(data) < 2:
        return
    CHECKS[data[0] % len(CHECKS)](data[1], data[2:])


def check_body(option: int, body: bytes) -> None:
    """Only WechatError escapes, and no body but the signed one passes."""
    try:
        message = open_at(QUERY, body)
    except WechatError:
        return
    assert message == make_text()


def check_message(option: int, xml: bytes) -> None:
    """Sealed with our key it may still be anything; what is refused bare is refused sealed; the rest survives."""
    try:
        message = wechat.parse_message(xml)
    except WechatError as refusal:
        assert refuse_sealed(xml) == refusal.reason  # noqa: PT017
        return
    assert wechat.parse_message(wechat.write_message(message)) == message
    assert message.dedupe_key.isascii()
    assert len(message.dedupe_key) <= 128


def refuse_sealed(xml: bytes) -> str:
    try:
        open_at(*seal(xml))
    except WechatError as refusal:
        return refusal.reason
    return "accepted"


def check_plaintext(option: int, plain: bytes) -> None:
    """Whatever the cipher yields is unpacked within its bounds."""
    plain = plain[: len(plain) // 32 * 32]
    cipher = Cipher(algorithms.AES(ACCOUNT.aes_key), modes.CBC(ACCOUNT.aes_key[:16])).encryptor()
    try:
        message = decrypt(ACCOUNT, base64.b64encode(cipher.update(plain) + cipher.finalize()).decode())
    except WechatError:
        return
    assert plain[20 : 20 + len(message)] == message


def check_reply(option: int, data: bytes) -> None:
    """A reply that is no reply is refused, sealed or not."""
    for read in (lambda: wechat.parse_reply(data), lambda: wechat.open_reply(ACCOUNT, data)):
        try:
            read()
        except WechatError:
            continue


def check_content(option: int, data: bytes) -> None:
    """Any text that a reply can carry arrives as it was."""
    reply = wechat.TextReply(OPENID, TO_USER, NOW_MS // 1000, data.decode("utf-8", "surrogateescape"))
    try:
        written = wechat.write_reply(reply)
    except WechatError as error:
        assert error.reason in {"text_too_long", "text_not_xml"}  # noqa: PT017
        return
    sealed = wechat.seal_reply(ACCOUNT, written, timestamp=TIMESTAMP, nonce=NONCE, random=RANDOM)
    assert wechat.parse_reply(wechat.open_reply(ACCOUNT, sealed)) == reply


def check_window(option: int, data: bytes) -> None:
    """The window stays bounded, and lets nothing in twice that it knows."""
    window, now_ms = wechat.ReplayWindow(max_nonces=5), NOW_MS
    for step in data:
        now_ms += step % 8 * 20_000
        timestamp, nonce = str(now_ms // 1000), str(step // 16)
        try:
            window.admit(timestamp, nonce, now_ms)
        except WechatError:
            continue
        assert window.known_count <= 5
        try:
            window.admit(timestamp, nonce, now_ms)
        except WechatError as error:
            assert error.reason == "replayed_nonce"  # noqa: PT017
        else:
            raise AssertionError("let in twice")


CHECKS: tuple[Callable[[int, bytes], None], ...] = (
    check_body,
    check_message,
    check_plaintext,
    check_reply,
    check_content,
    check_window,
)


def make_seeds() -> Iterator[tuple[str, bytes]]:
    """Name and bytes of at least one input per check."""
    reply = wechat.write_reply(wechat.TextReply(OPENID, TO_USER, int(TIMESTAMP), "已收到"))
    events = {
        "click": "<Event>CLICK</Event><EventKey>open</EventKey>",
        "location": "<Event>LOCATION</Event><Latitude>1</Latitude>",
        "finish": "<Event>TEMPLATESENDJOBFINISH</Event><MsgID>1</MsgID><Status>success</Status>",
        "sent": (
            "<Event>subscribe_msg_sent_event</Event><SubscribeMsgSentEvent><List><TemplateId>T</TemplateId>"
            "<MsgID>1</MsgID><ErrorCode>0</ErrorCode></List></SubscribeMsgSentEvent>"
        ),
    }
    inputs: list[tuple[str, Callable[[int, bytes], None], bytes]] = [
        ("body", check_body, BODY),
        ("official", check_message, OFFICIAL["plaintext"].encode()),
        *((name, check_message, wrap_event(inner)) for name, inner in events.items()),
        ("plaintext", check_plaintext, (RANDOM + bytes(4) + ACCOUNT.app_id.encode()).ljust(64, b"\x1a")),
        ("reply", check_reply, reply),
        ("sealed", check_reply, wechat.seal_reply(ACCOUNT, reply, timestamp=TIMESTAMP, nonce=NONCE, random=RANDOM)),
        ("content", check_content, "关闭 ]]> & <b>\r\n".encode()),
        ("window", check_window, bytes(range(0, 256, 7))),
    ]
    for name, check_it, data in inputs:
        yield name, bytes((CHECKS.index(check_it), 0)) + data
