"""A whole adapter beside its carrier's platform: an order arrives there, and readiness says whether it is heard of."""

from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from adapters import mobile, unicom
from adapters.carrier.settings import OrdersConfig, OrderSourceConfig, PlatformConfig
from adapters.simulators.platform import PlatformFilter, PlatformPath, PlatformSettings, PlatformSimulator
from adapters.testing.recording_gateway import RecordingGateway
from optout.kit.config import ConfigError
from optout.v1 import carrier_pb2, carrier_pb2_grpc, types_pb2
from tests.carrier.fake_gateway import FakeGateway
from tests.carrier.running import make_config, running_adapter, write_secret
from tests.carrier.waiting import wait_until

NUMBER, SECRET = "+8613000130000", "platform-secret"
AS_GATEWAY = (("x-optout-party", "gateway/gateway"),)
ORDERS = OrdersConfig("127.0.0.1:0", sources=(OrderSourceConfig("CRM1"),))


async def test_order_when_the_carrier_has_a_platform_then_accepted_and_carried_to_it(
    tmp_path: Path,
) -> None:
    gateway = RecordingGateway()
    await gateway.start()
    platform = PlatformSimulator(PlatformSettings(SECRET))
    await platform.start()
    secret = write_secret(tmp_path / "platform.secret", SECRET)
    orders = replace(ORDERS, sources=(OrderSourceConfig("CRM1", secret),))
    config = replace(
        make_config(tmp_path, gateway_port=gateway.port),
        links=(),
        orders=orders,
        platform=PlatformConfig(platform.url, secret, poll_s=0.02),
    )
    subscription = types_pb2.Subscription(
        number=NUMBER, epoch=1, version=1, medium=types_pb2.MEDIUM_VOICE, state=types_pb2.ENROLMENT_STATE_OPEN
    )
    async with running_adapter(config, carrier=unicom.CARRIER) as running:
        async with grpc.aio.insecure_channel(running.addresses.grpc) as channel:
            stub = carrier_pb2_grpc.CarrierServiceStub(channel)
            request = carrier_pb2.ApplyRequest(order_id="o-1", subscription=subscription)
            answer = await stub.Apply(request, metadata=AS_GATEWAY)
        assert {effect.state for effect in answer.effects} == {types_pb2.EFFECT_STATE_ACCEPTED}
        await platform.wait_for(PlatformFilter(path=PlatformPath.PROVISION, number=NUMBER))
        status, text = await running.get("/readyz")
        assert (status, '"platform": true' in text) == (200, True)
        await wait_until(lambda: gateway.applied)
        assert gateway.applied[0].number == NUMBER
        await platform.stop()
    await gateway.stop()
    platform.assert_clean()


async def test_adapter_when_the_platform_secret_is_missing_then_does_not_start(
    tmp_path: Path, gateway: FakeGateway
) -> None:
    platform = PlatformConfig("http://127.0.0.1:1", tmp_path / "nowhere")
    config = replace(make_config(tmp_path, gateway_port=gateway.port), links=(), orders=ORDERS, platform=platform)
    with pytest.raises(ConfigError, match="nowhere"):
        async with running_adapter(config, carrier=mobile.CARRIER):
            pass


async def test_adapter_when_its_carrier_enforces_by_a_platform_that_is_nowhere_then_does_not_start(
    tmp_path: Path, gateway: FakeGateway
) -> None:
    signed = OrdersConfig(
        "127.0.0.1:0", sources=(OrderSourceConfig("CRM1", write_secret(tmp_path / "crm.secret", "shared")),)
    )
    config = replace(make_config(tmp_path, gateway_port=gateway.port), links=(), orders=signed)
    with pytest.raises(ConfigError, match=r"platform\.url"):
        async with running_adapter(config, carrier=unicom.CARRIER):
            pass
