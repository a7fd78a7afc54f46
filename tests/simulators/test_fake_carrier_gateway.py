"""The fake carrier as a client of a gateway: what it submits and reports, in the clear and under its certificate."""

import asyncio
from pathlib import Path

import grpc
import pytest

from adapters.simulators.fake_carrier import (
    CarrierFilter,
    FakeCarrierSettings,
    GatewayError,
    GatewayLink,
    Method,
)
from adapters.testing import fake_carrier, make_instruction
from optout.kit.certificates import make_development_ca
from optout.kit.identity import Identity, Role
from optout.kit.tls import channel_credentials, channel_options, server_credentials
from optout.v1 import carrier_pb2_grpc, registry_pb2, types_pb2
from tests.simulators.gateways import NUMBER, calling, listening_registry, notice, order


async def test_submit_when_in_the_clear_then_names_its_party_and_brings_the_outcome_back() -> None:
    async with listening_registry() as (registry, target):
        settings = FakeCarrierSettings("telecom", gateway=GatewayLink(target))
        async with fake_carrier(settings) as carrier:
            instruction = make_instruction(NUMBER, types_pb2.OpenAction(), carrier="", instruction_id="i-1")
            outcome = await carrier.submit(instruction)
            assert (outcome.instruction_id, outcome.revision) == ("i-1", 7)
            assert (registry.party, registry.instructions[0].carrier) == ("carrier/telecom", "telecom")
            assert registry.instructions[0].WhichOneof("action") == "open"
            (entry,) = carrier.find(CarrierFilter(Method.SUBMIT, id="i-1", number=NUMBER))
            assert (entry.applied, entry.code) == (True, 0)


async def test_submit_when_the_gateway_refuses_then_raises_and_writes_its_reason_down() -> None:
    async with listening_registry() as (_, target):
        settings = FakeCarrierSettings("telecom", gateway=GatewayLink(target))
        async with fake_carrier(settings) as carrier:
            with pytest.raises(grpc.aio.AioRpcError):
                await carrier.submit(make_instruction(NUMBER, types_pb2.ConfirmAction(), carrier="unicom"))
            (entry,) = carrier.history
            assert (entry.applied, entry.reason) == (False, "WRONG_CARRIER")


async def test_submit_when_there_is_no_gateway_then_says_so() -> None:
    async with fake_carrier() as carrier:
        with pytest.raises(GatewayError, match="no_gateway"):
            await carrier.submit(make_instruction(NUMBER, types_pb2.QueryAction()))


async def test_reports_when_made_by_itself_then_follow_notices_and_orders_once_and_until_heard() -> None:
    async with listening_registry() as (registry, target):
        registry.unavailable = 1
        settings = FakeCarrierSettings("mobile", gateway=GatewayLink(target), reports_by_itself=True)
        async with fake_carrier(settings) as carrier, calling(carrier) as stub:
            for _ in range(2):
                await stub.Notify(notice())
            async with asyncio.timeout(30):
                await registry.heard.wait()
            registry.heard.clear()
            await stub.Apply(order())
            async with asyncio.timeout(30):
                await registry.heard.wait()
        assert [(one.notice_id, one.state, one.code) for one in registry.deliveries] == [
            ("n-1", registry_pb2.DELIVERY_STATE_DELIVERED, "DELIVRD")
        ]
        (report,) = registry.applied
        assert (report.number, report.version) == (NUMBER, 1)
        assert {effect.state for effect in report.effects} == {types_pb2.EFFECT_STATE_APPLIED}


async def test_carriers_when_tls_is_on_then_each_shows_its_own_certificate(tmp_path: Path) -> None:
    gateway, mobile, unicom = (
        Identity(Role.GATEWAY, "gateway"),
        Identity(Role.CARRIER, "mobile"),
        Identity(Role.CARRIER, "unicom"),
    )
    files = make_development_ca(tmp_path, [gateway, mobile, unicom])
    async with listening_registry(server_credentials(files[gateway])) as (registry, target):
        settings = FakeCarrierSettings("mobile", tls=files[mobile], gateway=GatewayLink(target))
        async with fake_carrier(settings) as carrier:
            await carrier.submit(make_instruction(NUMBER, types_pb2.OpenAction()))
            assert len(registry.instructions) == 1
            for identity, reached in ((mobile, True), (unicom, False)):
                channel = grpc.aio.secure_channel(
                    f"127.0.0.1:{carrier.port}", channel_credentials(files[gateway]), channel_options(identity)
                )
                async with channel:
                    stub = carrier_pb2_grpc.CarrierServiceStub(channel)
                    call = stub.Notify(notice(f"n-{identity.party}"), timeout=5)
                    if reached:
                        await call
                    else:
                        with pytest.raises(grpc.aio.AioRpcError):
                            await call
            assert [one.notice_id for one in carrier.notices] == ["n-mobile"]
