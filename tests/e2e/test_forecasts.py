"""The first order after a start hears what its carrier has declared: it was asked before, or the log remembers."""

import asyncio
from pathlib import Path

import grpc
import pytest

from adapters.simulators.fake_carrier import FakeCarrierSettings
from adapters.testing import fake_carrier, make_instruction
from gateway.cli import gateway_process
from gateway.cli.gateway_process import GatewayPorts, run_gateway
from gateway.config import CarrierLinkConfig, GatewayConfig, GrpcConfig, HttpConfig, StoreConfig
from gateway.store.secret_files import make_secrets
from optout.v1 import registry_pb2, registry_pb2_grpc, types_pb2
from tests.e2e.serving import serving

_AS_TELECOM = (("x-optout-party", "carrier/telecom"),)


async def open_first(ports: GatewayPorts, number: str) -> types_pb2.Subscription:
    """Open the service for a number, as the first thing that happens at a gateway."""
    instruction = make_instruction(number, types_pb2.OpenAction(), carrier="telecom", channel=types_pb2.CHANNEL_APP)
    evidence = types_pb2.Evidence(proofs=[types_pb2.PROOF_SMS_CODE], notice_version="1", notice_digest=bytes(32))
    evidence.separate_consent = types_pb2.CONSENT_GIVEN
    instruction.evidence.CopyFrom(evidence)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{ports.grpc}") as channel:
        stub = registry_pb2_grpc.RegistryServiceStub(channel)
        answer = await stub.Submit(registry_pb2.SubmitRequest(instruction=instruction), metadata=_AS_TELECOM)
    return answer.outcome.subscription


async def test_first_order_when_a_gateway_starts_anew_then_its_forecast_is_what_the_carrier_declared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A slow machine's carrier needs longer than its moment to answer the first question.
    monkeypatch.setattr(gateway_process, "FIRST_ANSWER_S", 30.0)
    make_secrets(tmp_path / "secrets")
    store = StoreConfig(path=tmp_path / "registry.sqlite", keys=tmp_path / "keys.sqlite", secrets=tmp_path / "secrets")
    grpc_config = GrpcConfig(listen="127.0.0.1:0", insecure_dev=True, drain_s=0.2)
    async with asyncio.timeout(60), fake_carrier(FakeCarrierSettings("telecom")) as carrier:
        links = {"telecom": CarrierLinkConfig(f"127.0.0.1:{carrier.port}")}
        config = GatewayConfig(grpc=grpc_config, http=HttpConfig(listen=""), store=store, carriers=links)
        for place in range(2):
            async with serving(lambda stop, ready: run_gateway(config, stop=stop, ready=ready)) as ports:
                subscription = await open_first(ports, f"+8613300133{place:03}")
            expected = {effect.expected for effect in subscription.effects}
            assert expected == {types_pb2.EXPECTED_EFFECT_FULL}, f"start {place}"
            # The second gateway has nobody to ask.
            await carrier.stop()
