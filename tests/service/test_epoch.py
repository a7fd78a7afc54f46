"""EPOCH entries: each root is that of the naive fold at its index, whatever is written meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest

from gateway.domain.errors import RefusedError
from gateway.domain.instruction import Cancel, Open, Query
from gateway.service.epoch import EpochCadence, Epochs
from gateway.service.gate import Gate, GatedStore
from gateway.service.mapper import Changes, Mapper, MapperError, merge_changes
from gateway.store.rows import NO_SUBJECT
from gateway.tlog.leaf import EpochLeaf, LeafType, decode_leaf
from gateway.tlog.statemap import Record, StateMap
from optout.kit.number import parse_number
from tests.service.house import House, open_house

CADENCE = EpochCadence(every_s=60, every_entries=30, follow_s=1, bits=6)
NUMBERS = [parse_number(f"138001380{n:02d}") for n in range(20)]


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with open_house() as made:
        yield made


@pytest.fixture
async def epochs(house: House) -> AsyncIterator[Epochs]:
    made = Epochs(house.store, house.recorder, house.clock, CADENCE)
    yield made
    await made.close()


async def check_epochs(house: House) -> list[int]:
    """Every EPOCH's root is that of a map folded from the entries before it; gives their indexes."""
    state_map, found = StateMap(CADENCE.bits), []
    for row in await house.store.entries(0, 10_000):
        leaf = decode_leaf(row.leaf)
        if isinstance(leaf, EpochLeaf):
            assert (leaf.covers, leaf.flags) == (row.index, CADENCE.bits)
            assert leaf.map_root == state_map.root()
            found.append(row.index)
        elif row.label != NO_SUBJECT:
            payload = house.recorder.open(row)
            assert payload is not None
            state_map.put([Record(row.label, row.index, payload["version"])])
    return found


async def write(house: House, rounds: int) -> None:
    for number in NUMBERS[:rounds]:
        for action in (Open(), Query(), Cancel()):
            await house.submit(action, number=number)


async def test_epoch_when_logged_between_changes_then_its_root_is_the_fold_s(house: House, epochs: Epochs) -> None:
    await write(house, 3)
    await epochs.load()
    await epochs.log_epoch()
    await write(house, 5)
    await epochs.log_epoch()
    await epochs.log_epoch()
    assert len(await check_epochs(house)) == 3


async def test_epoch_when_others_write_at_the_same_moment_then_it_covers_what_came_before(
    house: House, epochs: Epochs
) -> None:
    await epochs.load()
    for _ in range(4):
        await asyncio.gather(write(house, 4), epochs.log_epoch(), write(house, 7))
    assert len(await check_epochs(house)) == 4


async def test_proof_when_the_log_has_gone_on_then_it_is_of_the_last_epoch(house: House, epochs: Epochs) -> None:
    await write(house, 2)
    await epochs.load()
    assert await epochs.prove(house.recorder.vault.label(NUMBERS[0], 1)) is None
    index = await epochs.log_epoch()
    await write(house, 4)
    leaf = decode_leaf((await house.store.entries(index, 1))[0].leaf)
    assert isinstance(leaf, EpochLeaf)
    for number, is_there in ((NUMBERS[1], True), (NUMBERS[3], False)):
        label = house.recorder.vault.label(number, 1)
        found = await epochs.prove(label)
        assert found is not None
        assert found[0] == index
        assert (found[1].verify(label, leaf.map_root) is not None) is is_there


async def test_run_when_time_passes_or_many_entries_come_then_epochs_are_logged(house: House, epochs: Epochs) -> None:
    task = asyncio.create_task(epochs.run())
    async with asyncio.timeout(60):
        await pass_time(house, 59)
        assert await check_epochs(house) == []
        await pass_time(house, 3)
        assert len(await check_epochs(house)) == 1
        await write(house, 12)
        await pass_time(house, 3)
        assert len(await check_epochs(house)) == 2
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def pass_time(house: House, seconds: int) -> None:
    """Second by second, each once the work of the one before is done: part of it is another process's."""
    for _ in range(seconds):
        await until_asleep(house)
        await house.clock.elapse(1)
    await until_asleep(house)


async def until_asleep(house: House) -> None:
    while house.clock.sleepers() == 0:
        await asyncio.sleep(0.001)


async def test_run_when_the_map_s_process_is_killed_then_it_is_built_again(house: House, epochs: Epochs) -> None:
    await write(house, 2)
    await epochs.load()
    await epochs.log_epoch()
    await epochs.close()
    task = asyncio.create_task(epochs.run())
    async with asyncio.timeout(30):
        while epochs.last is None:
            await asyncio.sleep(0.01)
        first = epochs.last
        assert epochs._mapper is not None
        os.kill(epochs._mapper._process.pid or 0, signal.SIGKILL)
        await write(house, 3)
        while epochs.last in {None, first}:
            await house.clock.elapse(1)
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(await check_epochs(house)) == 3


async def test_epoch_when_the_registry_is_read_only_then_none_is_logged(house: House) -> None:
    gate = Gate()
    epochs = Epochs(GatedStore(house.store, gate), house.recorder, house.clock, CADENCE)  # type: ignore[arg-type]
    await epochs.load()
    gate.shut("FENCE_AHEAD")
    with pytest.raises(RefusedError):
        await epochs.log_epoch()
    await epochs.close()
    assert await house.store.last_of_type(LeafType.EPOCH) is None


def test_changes_when_merged_then_the_last_word_counts() -> None:
    one, two = Record(b"a" * 32, 1, 1), Record(b"a" * 32, 2, 2)
    assert merge_changes([Changes((one,)), Changes((two,))]) == Changes((two,))
    assert merge_changes([Changes((one,)), Changes(gone=(one.label,))]) == Changes((), (one.label,))
    assert merge_changes([Changes(gone=(one.label,)), Changes((one,))]) == Changes((one,))


def test_mapper_when_its_process_is_gone_then_it_says_so() -> None:
    mapper = Mapper(2)
    mapper.put(Changes())
    mapper._process.kill()
    mapper._process.join()
    with pytest.raises(MapperError):
        mapper.prove(bytes(32))
    mapper.close()
