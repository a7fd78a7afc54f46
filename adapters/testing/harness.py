"""Simulators for the length of a test: started before the block, stopped after it, and clean at its end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc

from adapters.simulators.control import ControlServer, SmscControl
from adapters.simulators.control import smsc as control
from adapters.simulators.fake_carrier import FakeCarrier, FakeCarrierSettings
from adapters.simulators.smsc import Account, SmscSettings, SmscSimulator
from optout.sim.v1 import smsc_pb2_grpc

SP_ID = "901234"
SP_SECRET = "simulators only"  # noqa: S105 - so it does

QUICK = SmscSettings((Account(SP_ID, SP_SECRET),), resend_s=0.5, keepalive_s=30.0)
"""One account, service code 10086; what is not acknowledged comes again after 0.5 s."""


@asynccontextmanager
async def smsc_simulator(settings: SmscSettings = QUICK, *, clean: bool = True) -> AsyncIterator[SmscSimulator]:
    """Run an SMS gateway simulator on loopback.

    At the end of the block raises `ViolationsError` if its client broke a rule, unless `clean` is false.
    """
    simulator = SmscSimulator(settings)
    await simulator.start()
    try:
        yield simulator
        if clean:
            simulator.assert_clean()
    finally:
        await simulator.stop(drain_s=0.2)


@asynccontextmanager
async def smsc_control(simulator: SmscSimulator) -> AsyncIterator[smsc_pb2_grpc.SmscServiceAsyncStub]:
    """Steer a simulator over gRPC, as from another process."""
    server = ControlServer(SmscControl(simulator).add_to, control.SERVICE)
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            yield smsc_pb2_grpc.SmscServiceStub(channel)
    finally:
        await server.stop()


@asynccontextmanager
async def fake_carrier(
    settings: FakeCarrierSettings | str = "mobile", *, clean: bool = True
) -> AsyncIterator[FakeCarrier]:
    """Run a fake carrier, named or described by its settings, on a free port.

    At the end of the block raises `ViolationsError` if the gateway broke a rule, unless `clean` is false.
    """
    if isinstance(settings, str):
        settings = FakeCarrierSettings(settings)
    carrier = FakeCarrier(settings)
    await carrier.start()
    try:
        yield carrier
        if clean:
            carrier.assert_clean()
    finally:
        await carrier.stop()
