"""The simulators as processes: configuration in, ports out, until told to stop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest

from adapters.simulators.loopback import NotLoopbackError
from adapters.simulators.process import FakeCarrierConfig, Ports, SmscConfig, run_fake_carrier, run_smsc
from adapters.testing.raw import raw_sp
from adapters.wire.cmpp import Version
from optout.kit.config import ConfigError, ConfigReason, load
from optout.sim.v1 import fake_carrier_pb2, fake_carrier_pb2_grpc, smsc_pb2, smsc_pb2_grpc
from optout.v1 import carrier_pb2, carrier_pb2_grpc
from tests.simulators.speech import SGIP, SMGP, Speech, dialling, listening

FREE_PORTS = {"port": 0, "control_port": 0}


def smsc_config(folder: Path, **flags: object) -> SmscConfig:
    secret = folder / "secret"
    secret.write_text("shared\n")
    secret.chmod(0o600)
    file = folder / "smsc.toml"
    file.write_text(
        f'state_file = "{folder / "state.jsonl"}"\n'
        "[[accounts]]\n"
        'sp_id = "901234"\n'
        f'secret_file = "{secret}"\n'
        'version = "2.0"\n'
    )
    return load(SmscConfig, file=file, flags=FREE_PORTS | flags)


@asynccontextmanager
async def running(run: object, config: object) -> AsyncIterator[Ports]:
    ports: asyncio.Future[Ports] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    task = asyncio.create_task(run(config, ready=ports.set_result, stop=stop))  # type: ignore[operator]
    try:
        async with asyncio.timeout(30):
            yield await ports
    finally:
        stop.set()
        await task


async def test_smsc_when_run_then_serves_sps_and_control_until_stopped(tmp_path: Path) -> None:
    async with running(run_smsc, smsc_config(tmp_path)) as ports:
        async with raw_sp(ports.port, Version.V20) as sp:
            assert (await sp.login("901234", "shared")).status == 0
            async with grpc.aio.insecure_channel(f"127.0.0.1:{ports.control_port}") as channel:
                stub = smsc_pb2_grpc.SmscServiceStub(channel)
                state = await stub.GetState(smsc_pb2.SmscServiceGetStateRequest())
                assert (state.port, state.links[0].version) == (ports.port, 0x20)
        async with raw_sp(ports.port) as sp:
            assert (await sp.login("901234", "shared")).status == 4
    assert (tmp_path / "state.jsonl").exists()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", ports.port)


@pytest.mark.parametrize("speech", [SMGP, SGIP], ids=["smgp", "sgip"])
async def test_smsc_when_another_protocol_is_configured_then_speaks_that(speech: Speech, tmp_path: Path) -> None:
    async with listening() as ear:
        call_back = f"[accounts.call_back]\nport = {ear.port}\n" if speech is SGIP else ""
        secret = tmp_path / "secret"
        secret.write_text("shared\n")
        secret.chmod(0o600)
        file = tmp_path / "smsc.toml"
        file.write_text(
            f'protocol = "{speech.protocol.value}"\nnode = 131101\n[[accounts]]\nsp_id = "901234"\n'
            f'secret_file = "{secret}"\nservice_code = "10086"\n{call_back}'
        )
        config = load(SmscConfig, file=file, flags=FREE_PORTS)
        async with running(run_smsc, config) as ports, dialling(speech, ports.port, ear) as sp:
            assert speech.result_of(await sp.log_in("901234", "shared")) == 0
            async with grpc.aio.insecure_channel(f"127.0.0.1:{ports.control_port}") as channel:
                stub = smsc_pb2_grpc.SmscServiceStub(channel)
                request = smsc_pb2.SmscServiceSendMoRequest(text="KTFSR")
                setattr(request, "from", "13800138000")
                await stub.SendMo(request)
                await sp.take_delivery()
                await stub.WaitFor(smsc_pb2.SmscServiceWaitForRequest(settled=True))
                state = await stub.GetState(smsc_pb2.SmscServiceGetStateRequest())
                assert state.protocol == speech.protocol.value


async def test_smsc_when_secret_is_missing_or_control_is_not_local_then_does_not_start(tmp_path: Path) -> None:
    config = smsc_config(tmp_path, control_host="0.0.0.0")
    with pytest.raises(NotLoopbackError):
        await run_smsc(config, ready=print, stop=asyncio.Event())
    (tmp_path / "secret").unlink()
    with pytest.raises(ConfigError) as caught:
        await run_smsc(config, ready=print, stop=asyncio.Event())
    assert caught.value.reason is ConfigReason.SECRET_UNREADABLE


async def test_fake_carrier_when_run_then_serves_its_control_until_stopped(tmp_path: Path) -> None:
    file = tmp_path / "carrier.toml"
    file.write_text('carrier = "unicom"\nenforcement = "platform"\n[gateway]\ntarget = "127.0.0.1:1"\n')
    config = load(FakeCarrierConfig, file=file, flags=FREE_PORTS)
    async with running(run_fake_carrier, config) as ports:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{ports.control_port}") as channel:
            stub = fake_carrier_pb2_grpc.FakeCarrierServiceStub(channel)
            state = await stub.GetState(fake_carrier_pb2.FakeCarrierServiceGetStateRequest())
            assert (state.carrier, state.port) == ("unicom", ports.port)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{ports.port}") as channel:
            answer = await carrier_pb2_grpc.CarrierServiceStub(channel).GetCapabilities(
                carrier_pb2.GetCapabilitiesRequest()
            )
            assert answer.enforcement == carrier_pb2.ENFORCEMENT_PLATFORM
