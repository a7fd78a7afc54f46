"""The interception platform simulator: rules, faults, a kill, and steering over gRPC."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from adapters.simulators.control import ControlServer, PlatformControl
from adapters.simulators.control.platform import SERVICE
from adapters.simulators.history import ViolationsError
from adapters.simulators.loopback import NotLoopbackError
from adapters.simulators.platform import PlatformSettings, PlatformSimulator
from adapters.transport.platform import PlatformClient, PlatformRefusedError, PlatformUnreachableError
from adapters.wire.platform import Taken, Wanted, write_wanted
from optout.sim.v1 import fault_pb2, platform_pb2, platform_pb2_grpc

NUMBER = "+8613800138000"
SECRET = "s3"


def wanted(order: str = "o-1", version: int = 1, **fields: Any) -> Wanted:
    return Wanted(order, NUMBER, 1, version, **({"on": True, "categories": ("loan",)} | fields))


@pytest.fixture
async def simulator() -> AsyncIterator[PlatformSimulator]:
    running = PlatformSimulator(PlatformSettings(SECRET, lines={"95199": "loan"}))
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def client(simulator: PlatformSimulator) -> AsyncIterator[PlatformClient]:
    asking = PlatformClient(simulator.url, SECRET, timeout_s=30.0)
    yield asking
    await asking.close()


@pytest.fixture
async def control(simulator: PlatformSimulator) -> AsyncIterator[Any]:
    server = ControlServer(PlatformControl(simulator).add_to, SERVICE)
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield platform_pb2_grpc.PlatformServiceStub(channel)
    await server.stop()


async def test_order_when_repeated_or_stale_then_said_so(client: PlatformClient) -> None:
    assert await client.provision(write_wanted(wanted("o-1", 2))) is Taken.NEW
    assert await client.provision(write_wanted(wanted("o-1", 2))) is Taken.KNOWN
    assert await client.provision(write_wanted(wanted("o-2", 1))) is Taken.STALE


async def test_delay_when_shortened_then_the_newest_order_that_waits_takes_effect(
    simulator: PlatformSimulator, client: PlatformClient
) -> None:
    simulator.set_delay(3600)
    for version in (1, 2):
        await client.provision(write_wanted(wanted(f"o-{version}", version)))
    assert simulator.book.events == []
    simulator.set_delay(0)
    await simulator.wait_for(_applied())
    assert [event.order for event in simulator.book.events] == ["o-2"]


async def test_order_when_its_id_was_used_for_another_then_refused_and_noted(
    simulator: PlatformSimulator, client: PlatformClient
) -> None:
    await client.provision(write_wanted(wanted("o-1", 1)))
    with pytest.raises(PlatformRefusedError):
        await client.provision(write_wanted(wanted("o-1", 2)))
    with pytest.raises(ViolationsError, match="order_reused"):
        simulator.assert_clean()


async def test_order_when_it_breaks_rules_then_taken_and_noted(
    simulator: PlatformSimulator, client: PlatformClient
) -> None:
    await client.provision(write_wanted(wanted(on=False)))
    await client.provision(write_wanted(Wanted("o-2", "10086", 1, 1, on=False)))
    assert [rule for _, rule in simulator.violations] == ["off_with_wishes", "number_not_canonical"]


async def test_secret_when_wrong_then_nothing_is_done(simulator: PlatformSimulator) -> None:
    client = PlatformClient(simulator.url, "other")
    with pytest.raises(PlatformUnreachableError, match="HTTP_401"):
        await client.provision(write_wanted(wanted()))
    await client.close()
    assert simulator.last_index == 0


@pytest.mark.parametrize("path", ["nothing", "applied"])
async def test_path_when_unknown_then_not_found(simulator: PlatformSimulator, path: str) -> None:
    headers = {"Authorization": f"Bearer {SECRET}"}
    async with aiohttp.ClientSession(headers=headers) as session, session.post(f"{simulator.url}/{path}") as answer:
        assert answer.status == 404


async def test_platform_when_killed_and_started_then_it_goes_on_where_it_was(tmp_path: Path) -> None:
    settings = PlatformSettings(SECRET, state_file=tmp_path / "platform.jsonl")
    first = PlatformSimulator(replace(settings, apply_delay_s=3600))
    await first.start()
    client = PlatformClient(first.url, SECRET)
    await client.provision(write_wanted(wanted()))
    await client.close()
    await first.stop()
    assert first.book.events == []
    with (tmp_path / "platform.jsonl").open("ab") as file:
        file.write(b'{"order": "cut sho')
    second = PlatformSimulator(settings)
    await second.start()
    assert second.book.log == first.book.log
    await second.wait_for(_applied())
    await second.stop()
    third = PlatformSimulator(settings)
    await third.start()
    assert (len(third.book.events), third.book.in_force[NUMBER].version) == (1, 1)
    await third.stop()


def _applied() -> Any:
    from adapters.simulators.platform import PlatformFilter, PlatformPath

    return PlatformFilter(PlatformPath.APPLIED)


def test_platform_when_told_to_listen_to_others_then_refused() -> None:
    with pytest.raises(NotLoopbackError):
        PlatformSettings(SECRET, host="0.0.0.0")


async def test_control_when_steered_then_the_platform_does_so(
    client: PlatformClient, control: Any, simulator: PlatformSimulator
) -> None:
    pb = platform_pb2
    await control.SetDelay(pb.PlatformServiceSetDelayRequest(delay=Duration(nanos=1_000_000)))
    await control.SetVolte(pb.PlatformServiceSetVolteRequest(number="13800138000", on=False))
    fault = pb.PlatformFault(
        path=pb.PLATFORM_PATH_PROVISION, plan=fault_pb2.FaultPlan(name="no", applied=False, heard=True, count=1)
    )
    await control.SetFaults(pb.PlatformServiceSetFaultsRequest(faults=[fault]))
    with pytest.raises(PlatformUnreachableError, match="HTTP_503"):
        await client.provision(write_wanted(wanted()))
    await client.provision(write_wanted(wanted()))
    chosen = pb.PlatformFilter(path=pb.PLATFORM_PATH_APPLIED, number="13800138000", version=1)
    found = await control.WaitFor(pb.PlatformServiceWaitForRequest(filter=chosen))
    assert found.entries[0].order == "o-1"
    call = await control.Call(pb.PlatformServiceCallRequest(called="13800138000", caller="95199000"))
    assert (call.act, call.rule) == ("refused", "category")
    assert not simulator.book.events[-1].withheld
    await control.Call(pb.PlatformServiceCallRequest(called="13800138000", caller="95199000", withheld=True))
    assert simulator.book.events[-1].withheld
    held = await control.GetHeld(pb.PlatformServiceGetHeldRequest(number="13800138000"))
    assert (held.on, held.version, list(held.categories)) == (True, 1, ["loan"])
    state = await control.GetState(pb.PlatformServiceGetStateRequest())
    assert (state.events, state.waiting, list(state.violations)) == (3, 0, [])
    assert state.faults[0].used_up
    history = await control.ListHistory(pb.PlatformServiceListHistoryRequest())
    assert [entry.result for entry in history.entries] == ["", "new", "", "refused", "refused"]
    await control.Reset(pb.PlatformServiceResetRequest())
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await control.GetHeld(pb.PlatformServiceGetHeldRequest(number="13800138000"))
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_control_when_asked_nonsense_then_refused(control: Any) -> None:
    pb = platform_pb2
    bad = pb.PlatformFault(path=pb.PLATFORM_PATH_APPLIED, plan=fault_pb2.FaultPlan())
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await control.SetFaults(pb.PlatformServiceSetFaultsRequest(faults=[bad]))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await control.WaitFor(pb.PlatformServiceWaitForRequest(timeout=Duration(nanos=10_000_000)))
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
