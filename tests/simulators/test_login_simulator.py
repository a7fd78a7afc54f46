"""The number-login simulator: its rules, and steering over gRPC; tests/carrier/test_account_login.py has the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from adapters.simulators.control.login import SERVICE, LoginControl
from adapters.simulators.control.server import ControlServer
from adapters.simulators.faults import FaultPlan
from adapters.simulators.history import ViolationsError
from adapters.simulators.login import (
    EntryFilter,
    Happening,
    LoginApp,
    LoginFault,
    LoginSettings,
    LoginSimulator,
)
from adapters.simulators.login.exchanges import CMPASSPORT_PATH
from adapters.wire.camara import CORRELATOR, PHONE_PATH
from adapters.wire.cmpassport import LoginRequest, decode_response, encode_request, make_request, sign_md5
from optout.kit.clock import SystemClock
from optout.sim.v1 import fault_pb2, login_pb2, login_pb2_grpc

APP, KEY, NUMBER, NATIONAL = "300011999999", "shared", "+8613800138000", "13800138000"


@pytest.fixture
async def simulator() -> AsyncIterator[LoginSimulator]:
    made = LoginSimulator(LoginSettings((LoginApp("mobile", APP, KEY), LoginApp("telecom", "t"))))
    await made.start()
    yield made
    await made.stop()


def ask(token: str, msg_id: str = "m1", **changes: str) -> LoginRequest:
    request = make_request(APP, KEY, token, msg_id=msg_id, now_ms=SystemClock().now_ms())
    changed = replace(request, **changes)
    return changed if "sign" in changes else replace(changed, sign=sign_md5(changed, KEY))


async def post(simulator: LoginSimulator, body: bytes) -> bytes:
    async with (
        aiohttp.ClientSession() as http,
        http.post(simulator.url + CMPASSPORT_PATH, data=body) as answer,
    ):
        return await answer.read()


async def test_exchange_when_msgid_comes_again_then_refused_and_blamed(simulator: LoginSimulator) -> None:
    tokens = [simulator.issue_token("mobile", APP, NUMBER) for _ in range(2)]
    first = decode_response(await post(simulator, encode_request(ask(tokens[0]))), "m1")
    again = decode_response(await post(simulator, encode_request(ask(tokens[1]))), "m1")
    assert (first.msisdn, again.result_code) == (NATIONAL, "103107")
    assert [rule for _, rule in simulator.violations] == ["msgid_reused"]
    assert simulator.good_tokens == 1
    with pytest.raises(ViolationsError):
        simulator.check()


@pytest.mark.parametrize(
    ("changes", "code", "rule"),
    [
        ({"sign": "0" * 32}, "103101", "bad_signature"),
        ({"version": "1.0"}, "103414", "malformed_request"),
        ({"system_time": "20200101000000000"}, "103505", "clock_skew"),
        ({"app_id": "300011777777"}, "103119", "unknown_app"),
    ],
    ids=["sign", "version", "time", "app"],
)
async def test_exchange_when_request_breaks_a_rule_then_refused_and_blamed(
    simulator: LoginSimulator, changes: dict[str, str], code: str, rule: str
) -> None:
    request = ask(simulator.issue_token("mobile", APP, NUMBER), **changes)
    assert decode_response(await post(simulator, encode_request(request)), "m1").result_code == code
    assert [broken for _, broken in simulator.violations] == [rule]


async def test_exchange_when_body_is_no_request_then_refused_and_blamed(simulator: LoginSimulator) -> None:
    assert b"103414" in await post(simulator, b"{")
    assert [rule for _, rule in simulator.violations] == ["malformed_request"]


async def test_camara_when_correlator_is_missing_then_blamed_and_echoed_when_there(simulator: LoginSimulator) -> None:
    url = f"{simulator.url}/telecom{PHONE_PATH}"
    async with aiohttp.ClientSession() as http:
        for headers in ({}, {CORRELATOR: "c1"}):
            token = simulator.issue_token("telecom", "t", NUMBER)
            async with http.get(url, headers={"Authorization": f"Bearer {token}", **headers}) as answer:
                assert (await answer.json())["devicePhoneNumber"] == NUMBER
                assert answer.headers.get(CORRELATOR) == headers.get(CORRELATOR)
    assert [rule for _, rule in simulator.violations] == ["missing_correlator"]


def test_setting_when_it_cannot_happen_then_refused() -> None:
    with pytest.raises(ValueError, match="code"):
        LoginFault(FaultPlan(), code="no such")
    with pytest.raises(ValueError, match="http_status"):
        LoginFault(FaultPlan(), http_status=700)


async def test_control_when_called_then_issues_waits_lists_faults_and_resets(simulator: LoginSimulator) -> None:
    control = ControlServer(LoginControl(simulator).add_to, SERVICE)
    await control.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{control.port}") as channel:
        stub = login_pb2_grpc.LoginServiceStub(channel)
        wanted = login_pb2.LoginServiceIssueTokenRequest(
            carrier="mobile", app_id=APP, number=NUMBER, life=Duration(seconds=5)
        )
        token = (await stub.IssueToken(wanted)).token
        await stub.SetFaults(
            login_pb2.LoginServiceSetFaultsRequest(
                faults=[login_pb2.LoginFault(plan=fault_pb2.FaultPlan(count=1), code="103911")]
            )
        )
        await post(simulator, encode_request(ask(token, "m1")))
        await post(simulator, encode_request(ask(token, "m2")))
        waited = await stub.WaitFor(
            login_pb2.LoginServiceWaitForRequest(filter=login_pb2.LoginFilter(event=login_pb2.LOGIN_EVENT_EXCHANGED))
        )
        assert [entry.number for entry in waited.entries] == [NUMBER]
        refused = login_pb2.LoginFilter(code="103911")
        listed = await stub.ListHistory(login_pb2.LoginServiceListHistoryRequest(filter=refused))
        assert [entry.carrier for entry in listed.entries] == ["mobile"]
        state = await stub.GetState(login_pb2.LoginServiceGetStateRequest())
        assert (state.port, state.good_tokens, list(state.violations)) == (simulator.port, 0, [])
        await stub.Reset(login_pb2.LoginServiceResetRequest())
        assert simulator.find(EntryFilter(Happening.ISSUED)) == []
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.IssueToken(login_pb2.LoginServiceIssueTokenRequest(carrier="mobile", app_id="x", number=NUMBER))
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    await control.stop()
