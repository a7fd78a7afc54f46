"""What the log shows of itself beside its tiles: gauges of publication and witnesses."""

import asyncio

from gateway.service.tree import LogTree
from gateway.telemetry import Telemetry
from gateway.web.tiles import LogFace
from tests.service.logroom import LogRoom, SmallWitness, Some


def series(face: LogFace) -> dict[str, float]:
    telemetry = Telemetry()
    face.sample(telemetry)
    lines = (line.rsplit(" ", 1) for line in telemetry.write().decode().splitlines() if line.startswith("optout_log"))
    return {name: float(value) for name, value in lines}


async def test_gauges_when_a_witness_does_not_answer_then_its_size_stands_still_and_its_age_grows() -> None:
    room = LogRoom()
    room.witnesses = [SmallWitness(f"w{n}", n, room.clock) for n in range(1, 5)]
    signer = await room.start()
    face = LogFace(signer, LogTree(room.store, room.publication), room.gate, room.clock)
    room.clock.advance(5)
    assert series(face)['optout_log_witness_age_seconds{witness="w2"}'] == 5.0
    await room.store.commit(Some(3))
    await signer.step()
    async with asyncio.timeout(30):
        # Three suffice for the checkpoint; the fourth may still be at it.
        while signer.cosigned["w2"].size < 3:
            await asyncio.sleep(0)
    room.witnesses[1].is_down = True
    room.clock.advance(100)
    await room.store.commit(Some(4))
    await signer.step()
    shown = series(face)
    assert [shown[f'optout_log_witness_size{{witness="w{n}"}}'] for n in (1, 2)] == [7.0, 3.0]
    assert [shown[f'optout_log_witness_age_seconds{{witness="w{n}"}}'] for n in (1, 2)] == [0.0, 100.0]
    assert shown["optout_log_published_size"] == 7.0


async def test_gauges_when_a_witness_refuses_then_that_is_counted_and_an_alarm() -> None:
    room = LogRoom()
    room.witnesses = [SmallWitness(f"w{n}", n, room.clock) for n in range(1, 5)]
    signer = await room.start()
    await room.store.commit(Some(3))
    await signer.step()
    lost = LogRoom(witnesses=room.witnesses)
    other = await lost.start()
    shown = series(LogFace(other, LogTree(lost.store, lost.publication), lost.gate, lost.clock))
    assert shown['optout_log_witness_conflicts{alarm="WITNESS_AHEAD",witness="w1"}'] == 1.0
    assert shown['optout_log_alarms{alarm="WITNESS_AHEAD"}'] == 1.0
