"""Callbacks of wechatpy and wechat-crypto are accepted here, ours there, and neither with a bit flipped."""

from collections.abc import Iterator

import pytest

from adapters.wire import wechat
from adapters.wire.wechat import CallbackQuery, UrlQuery, WechatError
from tests.interop.wechat_peers import Peer, Wechatpy, running_wechat_crypto
from tests.wire.wechat_samples import (
    ACCOUNT,
    NONCE,
    NOW_MS,
    OPENID,
    RANDOM,
    TIMESTAMP,
    TO_USER,
    make_text,
    open_at,
    seal,
    wrap_event,
)

pytestmark = pytest.mark.interop

MENU_TAP = wrap_event("<Event><![CDATA[CLICK]]></Event><EventKey><![CDATA[open]]></EventKey>").decode()
CONTENTS = ["KTFSR", "关闭骚扰电话拒接 ]]> & <b>", "", *("中" * size for size in range(1, 12))]


@pytest.fixture(scope="module", params=["wechatpy", "wechat-crypto"])
def peer(request: pytest.FixtureRequest) -> Iterator[Peer]:
    if request.param == "wechatpy":
        yield Wechatpy()
        return
    with running_wechat_crypto() as node:
        yield node


def flip_bits(text: str) -> Iterator[str]:
    for at, character in enumerate(text):
        for bit in range(8):
            yield text[:at] + chr(ord(character) ^ 1 << bit) + text[at + 1 :]


def post(encrypted: str, signature: str) -> tuple[CallbackQuery, bytes]:
    """What WeChat would post around another implementation's ciphertext."""
    body = f"<xml><ToUserName><![CDATA[{TO_USER}]]></ToUserName><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>"
    return CallbackQuery(TIMESTAMP, NONCE, signature, "aes"), body.encode("utf-8", "surrogatepass")


def take_apart(body: bytes) -> str:
    return body.partition(b"<Encrypt><![CDATA[")[2].partition(b"]]>")[0].decode()


@pytest.mark.parametrize("content", CONTENTS)
def test_callback_when_peer_made_it_then_is_accepted(peer: Peer, content: str) -> None:
    xml = wechat.write_message(make_text(content)).decode()
    assert open_at(*post(*peer.seal(xml))) == make_text(content)


def test_callback_when_peer_made_it_of_a_menu_tap_then_is_accepted(peer: Peer) -> None:
    message = open_at(*post(*peer.seal(MENU_TAP)))
    assert isinstance(message, wechat.Click)
    assert message.event_key == "open"


@pytest.mark.parametrize("content", CONTENTS)
def test_callback_when_made_here_then_peer_accepts_it(peer: Peer, content: str) -> None:
    xml = wechat.write_message(make_text(content))
    query, body = seal(xml)
    assert peer.open(take_apart(body), query.msg_signature) == xml.decode()


@pytest.mark.parametrize("content", CONTENTS)
def test_reply_when_made_here_then_peer_accepts_it(peer: Peer, content: str) -> None:
    reply = wechat.write_reply(wechat.TextReply(OPENID, TO_USER, int(TIMESTAMP), content))
    sealed = wechat.seal_reply(ACCOUNT, reply, timestamp=TIMESTAMP, nonce=NONCE, random=RANDOM)
    signature = sealed.partition(b"<MsgSignature><![CDATA[")[2].partition(b"]]>")[0].decode()
    assert peer.open(take_apart(sealed), signature) == reply.decode()


def test_callback_when_peer_made_it_and_a_bit_is_flipped_then_is_refused(peer: Peer) -> None:
    encrypted, signature = peer.seal(MENU_TAP)
    forgeries = [(forged, signature) for forged in flip_bits(encrypted)]
    forgeries += [(encrypted, forged) for forged in flip_bits(signature)]
    for forgery in forgeries:
        with pytest.raises(WechatError):
            open_at(*post(*forgery))


def test_callback_when_made_here_and_a_bit_is_flipped_then_peer_refuses_it(peer: Peer) -> None:
    query, body = seal(MENU_TAP.encode())
    encrypted = take_apart(body)
    assert [forged for forged in flip_bits(encrypted) if peer.open(forged, query.msg_signature) is not None] == []
    assert [forged for forged in flip_bits(query.msg_signature) if peer.open(encrypted, forged) is not None] == []


def test_callback_when_wechatpy_wrote_the_whole_body_then_is_accepted() -> None:
    body = Wechatpy().write_body(MENU_TAP)
    signature = body.partition(b"<MsgSignature><![CDATA[")[2].partition(b"]]>")[0].decode()
    assert isinstance(open_at(CallbackQuery(TIMESTAMP, NONCE, signature, "aes"), body), wechat.Click)


def test_callback_when_body_goes_whole_to_wechatpy_then_it_reads_the_text() -> None:
    query, body = seal(wechat.write_message(make_text("关闭")))
    message = Wechatpy().read_body(body, query.msg_signature)
    assert (message.type, message.content, message.source) == ("text", "关闭", OPENID)
    assert str(message.id) == make_text().msg_id


def test_reply_when_wechatpy_made_it_then_is_read_here() -> None:
    reply = wechat.parse_reply(wechat.open_reply(ACCOUNT, Wechatpy().write_reply("已收到")))
    assert reply == wechat.TextReply(OPENID, TO_USER, int(TIMESTAMP), "已收到")


def test_url_when_signed_here_then_wechatpy_agrees() -> None:
    signature = wechat.sign(ACCOUNT.token, TIMESTAMP, NONCE)
    assert Wechatpy().takes_url(signature)
    assert not Wechatpy().takes_url(signature[::-1])
    assert wechat.verify_url(ACCOUNT, UrlQuery(signature, TIMESTAMP, NONCE, "echo"), NOW_MS) == "echo"
