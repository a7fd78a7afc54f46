"""The running account channel and other people's WeChat libraries: their callbacks are taken, its replies are read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from adapters.wire import wechat
from adapters.wire.wechat import CallbackQuery
from tests.carrier.account_rig import AccountRig, open_account
from tests.interop.wechat_peers import Peer, Wechatpy, running_wechat_crypto
from tests.wire.wechat_samples import NONCE, NOW_MS, TIMESTAMP, TO_USER, make_text, wrap_event

pytestmark = pytest.mark.interop

MENU_TAP = wrap_event("<Event><![CDATA[CLICK]]></Event><EventKey><![CDATA[query]]></EventKey>").decode()


@pytest.fixture(scope="module", params=["wechatpy", "wechat-crypto"])
def peer(request: pytest.FixtureRequest) -> Iterator[Peer]:
    if request.param == "wechatpy":
        yield Wechatpy()
        return
    with running_wechat_crypto() as node:
        yield node


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[AccountRig]:
    async with open_account(tmp_path) as made:
        # The peers sign with the time of the samples.
        made.clock.ahead_s = (NOW_MS - made.clock.now_ms()) / 1000
        yield made


async def post(rig: AccountRig, encrypted: str, signature: str) -> tuple[int, bytes]:
    body = f"<xml><ToUserName><![CDATA[{TO_USER}]]></ToUserName><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>"
    query = CallbackQuery(TIMESTAMP, NONCE, signature, "aes")
    async with rig.http.post(f"{rig.url}/wechat", params=asdict(query), data=body.encode()) as answer:
        return answer.status, await answer.read()


def cut(body: bytes, name: str) -> str:
    found = body.decode().partition(f"<{name}>")[2].partition(f"</{name}>")[0]
    return found.removeprefix("<![CDATA[").removesuffix("]]>")


@pytest.mark.parametrize("xml", [MENU_TAP, wechat.write_message(make_text("关闭")).decode()], ids=["tap", "text"])
async def test_callback_when_peer_made_it_then_running_channel_answers_what_peer_reads(
    rig: AccountRig, peer: Peer, xml: str
) -> None:
    status, body = await post(rig, *peer.seal(xml))
    assert status == 200
    reply = peer.open(*(cut(body, name) for name in ("Encrypt", "MsgSignature", "TimeStamp", "Nonce")))
    assert reply is not None
    assert "请先绑定手机号" in reply


async def test_callback_when_a_bit_of_it_is_flipped_then_running_channel_refuses_it(
    rig: AccountRig, peer: Peer
) -> None:
    encrypted, signature = peer.seal(MENU_TAP)
    for at in range(0, len(encrypted), 5):
        forged = encrypted[:at] + chr(ord(encrypted[at]) ^ 1) + encrypted[at + 1 :]
        assert (await post(rig, forged, signature))[0] == 403
    for at in range(len(signature)):
        forged = signature[:at] + chr(ord(signature[at]) ^ 1) + signature[at + 1 :]
        assert (await post(rig, encrypted, forged))[0] == 403
    assert (await post(rig, encrypted, signature))[0] == 200


async def test_reply_when_a_bit_of_it_is_flipped_then_peer_refuses_it(rig: AccountRig, peer: Peer) -> None:
    _, body = await post(rig, *peer.seal(MENU_TAP))
    encrypted, *proof = (cut(body, name) for name in ("Encrypt", "MsgSignature", "TimeStamp", "Nonce"))
    for at in range(0, len(encrypted), 11):
        forged = encrypted[:at] + chr(ord(encrypted[at]) ^ 1) + encrypted[at + 1 :]
        assert peer.open(forged, *proof) is None
