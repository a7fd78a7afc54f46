"""The WeChat simulator: what it sends, resends, serves and blames, by itself and steered over gRPC."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import grpc
import pytest
from aiohttp import web
from google.protobuf.duration_pb2 import Duration

from adapters.simulators.control.server import ControlServer
from adapters.simulators.control.wechat import SERVICE, WechatControl
from adapters.simulators.faults import FaultPlan
from adapters.simulators.history import ViolationsError
from adapters.simulators.loopback import NotLoopbackError
from adapters.simulators.wechat import (
    EntryFilter,
    Happening,
    Operation,
    WechatFault,
    WechatSettings,
    WechatSimulator,
)
from adapters.transport.http import HttpFace
from adapters.wire import wechat
from adapters.wire.wechat import CallbackQuery, Message, ReplayWindow
from optout.kit.clock import SystemClock
from optout.sim.v1 import fault_pb2, wechat_pb2, wechat_pb2_grpc
from tests.wire.wechat_samples import OFFICIAL, RANDOM

APP_ID, TOKEN, KEY, SECRET = "wx2c2769f8efd9abc2", "spamtest", OFFICIAL["encoding_aes_key"], "secret"
USER, NAME = "oUser-1", "gh_optout0000"
ACCOUNT = wechat.make_account(APP_ID, TOKEN, KEY)
hastily = pytest.mark.parametrize("scene", [1.0], indirect=True, ids=["hastily"])
"""Waits for an answer no longer than a second, for what goes unanswered."""


@dataclass
class Server:
    """An account's server that answers as told, and remembers what it was sent."""

    answer: Callable[[Message], bytes] = lambda _: wechat.SUCCESS
    status: int = 200
    delay_s: float = 0.0
    messages: list[Message] = field(default_factory=list)
    queries: list[CallbackQuery] = field(default_factory=list)

    async def receive(self, request: web.Request) -> web.Response:
        query = CallbackQuery(**dict(request.query))
        self.queries.append(query)
        window = ReplayWindow(window_ms=10**9)
        message = wechat.open_callback(ACCOUNT, query, await request.read(), window, SystemClock().now_ms())
        self.messages.append(message)
        await asyncio.sleep(self.delay_s)
        return web.Response(body=self.answer(message), status=self.status)


@dataclass
class Scene:
    """Simulator and server."""

    server: Server
    simulator: WechatSimulator
    http: aiohttp.ClientSession

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.simulator.port}"

    async def post(self, path: str, body: Any, token: str = "") -> dict[str, Any]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with self.http.post(self.url + path, data=data, params={"access_token": token}) as answer:
            found: dict[str, Any] = await answer.json()
            return found

    async def get_token(self, **changes: Any) -> dict[str, Any]:
        body = {"grant_type": "client_credential", "appid": APP_ID, "secret": SECRET} | changes
        return await self.post("/cgi-bin/stable_token", body)


@pytest.fixture
async def scene(request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    limit_s = getattr(request, "param", 30.0)
    server = Server()
    face = HttpFace("127.0.0.1:0", [web.post("/callback", server.receive)])
    address = await face.start()
    settings = WechatSettings(
        APP_ID, TOKEN, KEY, SECRET, f"http://{address}/callback", templates=("T1",), answer_limit_s=limit_s
    )
    simulator = WechatSimulator(settings)
    await simulator.start()
    async with aiohttp.ClientSession() as http:
        yield Scene(server, simulator, http)
    await simulator.stop()
    await face.stop()


def reply(message: Message, text: str, **changes: str) -> bytes:
    fields = {"to_user": message.from_user, "from_user": message.to_user, "content": text} | changes
    xml = wechat.write_reply(wechat.TextReply(create_time_s=1, **fields))
    return wechat.seal_reply(ACCOUNT, xml, timestamp="1", nonce="n", random=RANDOM)


async def test_user_when_acts_then_server_gets_it_sealed_and_user_sees_the_reply(scene: Scene) -> None:
    scene.server.answer = lambda message: reply(message, "好的")
    scene.simulator.say(USER, "KTFSR")
    scene.simulator.click(USER, "open")
    scene.simulator.subscribe(USER, "qrscene_1")
    entries = await scene.simulator.wait_for(EntryFilter(Happening.CALLBACK_ANSWERED, USER, "好的"), count=3)
    assert {entry.attempt for entry in entries} == {1}
    kinds = {type(message) for message in scene.server.messages}
    assert kinds == {wechat.TextMessage, wechat.Click, wechat.Subscribe}
    scene.simulator.check()


@hastily
async def test_callback_when_server_is_slow_or_fails_then_three_attempts_signed_anew(scene: Scene) -> None:
    scene.server.delay_s = 2
    scene.simulator.click(USER, "open")
    await scene.simulator.wait_for(EntryFilter(Happening.OUT_OF_SERVICE, USER))
    assert len(scene.server.messages) == 3
    assert len({query.nonce for query in scene.server.queries}) == 3
    assert len({message.dedupe_key for message in scene.server.messages}) == 1
    failed = scene.simulator.find(EntryFilter(Happening.CALLBACK_FAILED))
    assert [entry.attempt for entry in failed] == [1, 2, 3]


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        (lambda message: "已收到".encode(), "reply_not_sealed"),
        (lambda message: wechat.write_reply(wechat.TextReply(USER, NAME, 1, "x")), "reply_not_sealed"),
        (lambda message: reply(message, "x")[:-60] + b"</xml>", "reply_malformed"),
        (lambda message: reply(message, "x").replace(b"<Nonce><![CDATA[n", b"<Nonce><![CDATA[m"), "reply_malformed"),
        (lambda message: reply(message, "x", to_user="oOther"), "reply_to_other_user"),
    ],
    ids=["bare text", "plain xml", "cut", "unsigned", "other user"],
)
async def test_reply_when_it_breaks_a_rule_then_is_blamed(
    scene: Scene, answer: Callable[[Message], bytes], rule: str
) -> None:
    scene.server.answer = answer
    scene.simulator.click(USER, "open")
    await scene.simulator.wait_for(EntryFilter(Happening.CALLBACK_ANSWERED))
    assert [broken for _, broken in scene.simulator.violations] == [rule]
    with pytest.raises(ViolationsError):
        scene.simulator.check()


@hastily
async def test_reply_when_retry_is_answered_otherwise_then_is_blamed(scene: Scene) -> None:
    replies = iter(("一", "二"))
    scene.server.answer = lambda message: reply(message, next(replies))
    scene.simulator.set_faults(WechatFault(Operation.CALLBACK, FaultPlan(heard=False, count=1)))
    scene.simulator.click(USER, "open")
    [entry] = await scene.simulator.wait_for(EntryFilter(Happening.CALLBACK_ANSWERED))
    assert entry.attempt == 2
    assert [broken for _, broken in scene.simulator.violations] == ["reply_differs"]


async def test_reply_when_callback_was_stale_then_is_blamed(scene: Scene) -> None:
    scene.simulator.click(USER, "open", age_s=400)
    await scene.simulator.wait_for(EntryFilter(Happening.CALLBACK_ANSWERED))
    assert [broken for _, broken in scene.simulator.violations] == ["reply_to_refused"]


async def test_access_token_when_asked_then_the_same_until_forced_and_forced_only_so_often(scene: Scene) -> None:
    first, second = await scene.get_token(), await scene.get_token()
    assert first["access_token"] == second["access_token"]
    assert 7000 < first["expires_in"] <= 7200
    forced = await scene.get_token(force_refresh=True)
    assert forced["access_token"] != first["access_token"]
    assert (await scene.get_token(force_refresh=True))["errcode"] == 45009
    assert scene.simulator.violations[0][1] == "token_forced_too_often"
    assert (await scene.get_token(secret="wrong"))["errcode"] == 40125
    assert (await scene.get_token(appid="wrong"))["errcode"] == 40013
    assert (await scene.get_token(grant_type="x"))["errcode"] == 47001


async def test_message_when_sent_then_only_with_token_to_followers_and_within_bounds(scene: Scene) -> None:
    token = (await scene.get_token())["access_token"]
    body = {"touser": USER, "msgtype": "text", "text": {"content": "已开通"}}
    path = "/cgi-bin/message/custom/send"
    assert (await scene.post(path, body, token))["errcode"] == 43004
    scene.simulator.subscribe(USER)
    assert (await scene.post(path, body, "made-up"))["errcode"] == 40001
    assert (await scene.post(path, body, token))["errcode"] == 0
    assert (await scene.simulator.wait_for_message(USER)).text == "已开通"
    long = {"touser": USER, "msgtype": "text", "text": {"content": "长" * 700}}
    assert (await scene.post(path, long, token))["errcode"] == 45002
    assert (await scene.post(path, b"{", token))["errcode"] == 47001
    path = "/cgi-bin/message/template/send"
    template = {"touser": USER, "template_id": "T1", "data": {"content": {"value": "好"}}}
    assert (await scene.post(path, template, token))["errcode"] == 0
    assert (await scene.post(path, template | {"template_id": "T2"}, token))["errcode"] == 40037
    assert {rule for _, rule in scene.simulator.violations} == {
        "text_too_long",
        "request_malformed",
        "unknown_template",
    }


async def test_browser_when_authorised_then_code_names_the_visitor_once(scene: Scene) -> None:
    query = {"appid": APP_ID, "redirect_uri": "http://127.0.0.1:1/enter", "state": "s"}
    async with scene.http.get(f"{scene.url}/connect/oauth2/authorize", params=query, allow_redirects=False) as answer:
        assert answer.status == 400
    scene.simulator.set_visitor(USER)
    async with scene.http.get(f"{scene.url}/connect/oauth2/authorize", params=query, allow_redirects=False) as answer:
        location = answer.headers["Location"]
    assert location.endswith("&state=s")
    code = location.partition("code=")[2].partition("&")[0]
    ask = {"appid": APP_ID, "secret": SECRET, "code": code, "grant_type": "authorization_code"}
    for expected in (USER, None):
        async with scene.http.get(f"{scene.url}/sns/oauth2/access_token", params=ask) as answer:
            assert (await answer.json()).get("openid") == expected


@pytest.mark.parametrize(
    "make",
    [
        lambda: WechatFault(Operation.CALLBACK, FaultPlan(), errcode=1),
        lambda: WechatFault(Operation.TOKEN, FaultPlan(), http_status=99),
        lambda: WechatFault(Operation.TOKEN, FaultPlan(), garbage=bytes(5000)),
        lambda: WechatSettings(APP_ID, TOKEN, KEY, SECRET, "http://x", attempts=0),
    ],
    ids=["callback code", "status", "garbage", "attempts"],
)
def test_setting_when_it_cannot_happen_then_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        make()


def test_simulator_when_not_on_loopback_then_refused() -> None:
    with pytest.raises(NotLoopbackError):
        WechatSimulator(WechatSettings(APP_ID, TOKEN, KEY, SECRET, "http://x", host="0.0.0.0"))


@asynccontextmanager
async def steered(simulator: WechatSimulator) -> AsyncIterator[wechat_pb2_grpc.WechatServiceAsyncStub]:
    control = ControlServer(WechatControl(simulator).add_to, SERVICE)
    await control.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{control.port}") as channel:
        yield wechat_pb2_grpc.WechatServiceStub(channel)
    await control.stop()


@hastily
async def test_control_when_called_then_acts_waits_lists_faults_and_resets(scene: Scene) -> None:
    scene.server.answer = lambda message: reply(message, "好的")
    async with steered(scene.simulator) as stub:
        fault = wechat_pb2.WechatFault(
            operation=wechat_pb2.WECHAT_OPERATION_CALLBACK, plan=fault_pb2.FaultPlan(heard=False, count=1)
        )
        await stub.SetFaults(wechat_pb2.WechatServiceSetFaultsRequest(faults=[fault]))
        for action in ({"text": "KTFSR"}, {"click": "open"}, {"view": "http://x"}, {"subscribe": "s"}):
            acted = await stub.Act(wechat_pb2.WechatServiceActRequest(openid=USER, **action))  # type: ignore[arg-type]
        wanted = wechat_pb2.WechatFilter(event=wechat_pb2.WECHAT_EVENT_CALLBACK_ANSWERED, openid=USER)
        waited = await stub.WaitFor(wechat_pb2.WechatServiceWaitForRequest(filter=wanted, count=4))
        assert {entry.text for entry in waited.entries} == {"好的"}
        assert acted.after_index > 0
        listed = await stub.ListHistory(wechat_pb2.WechatServiceListHistoryRequest(filter=wanted, limit=2))
        assert len(listed.entries) == 2
        state = await stub.GetState(wechat_pb2.WechatServiceGetStateRequest())
        assert (state.port, list(state.violations), state.faults[0].struck) == (scene.simulator.port, [], 1)
        await stub.SetVisitor(wechat_pb2.WechatServiceSetVisitorRequest(openid=USER))
        await stub.Act(wechat_pb2.WechatServiceActRequest(openid=USER, unsubscribe=True))
        await stub.Reset(wechat_pb2.WechatServiceResetRequest())
        assert (await stub.GetState(wechat_pb2.WechatServiceGetStateRequest())).last_index <= 2


async def test_control_when_request_makes_no_sense_then_told_so(scene: Scene) -> None:
    async with steered(scene.simulator) as stub:
        for call in (
            stub.Act(wechat_pb2.WechatServiceActRequest(openid=USER)),
            stub.SetFaults(wechat_pb2.WechatServiceSetFaultsRequest(faults=[wechat_pb2.WechatFault()])),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.WaitFor(wechat_pb2.WechatServiceWaitForRequest(timeout=Duration(nanos=1_000_000)))
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
