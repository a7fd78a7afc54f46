"""Random lives of numbers over stores that fail with two bits: the log explains the state, and nobody inherits wishes.

``SEED=7 make torture`` plays another course of events.
"""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path

import pytest

from gateway.domain.effects import EffectState
from gateway.store.memory import MemoryKeyStore, MemoryStore
from gateway.store.sqlite import SqliteStore
from optout.kit.clock import FakeClock
from tests.domain.samples import NOON_MS
from tests.service.house import house_over
from tests.torture.checks import check_answers, check_log, check_wishes
from tests.torture.rig import Rig

SEED = int(os.environ.get("SEED", "1"))
NUMBERS = 6


def open_store(engine: str, folder: Path, keys: MemoryKeyStore, clock: FakeClock):
    return MemoryStore(keys, clock=clock) if engine == "memory" else SqliteStore(folder / "r.sqlite", keys, clock=clock)


async def play(engine: str, folder: Path, seed: int, rounds: int) -> None:
    chance, clock, keys = random.Random(seed), FakeClock(NOON_MS), MemoryKeyStore()
    store = open_store(engine, folder, keys, clock)
    try:
        rig = Rig(house_over(store, keys, clock), chance, NUMBERS)
        for _ in range(rounds):
            places = chance.sample(range(NUMBERS), k=3)
            await asyncio.gather(*(rig.step(place) for place in places))
            if chance.random() < 0.4:
                await rig.meanwhile()
            await check_now(rig)
            if chance.random() < 0.03:
                await check_settled(rig)
        await check_settled(rig)
        await check_log(rig.house)
        await check_answers(rig.house, rig.answers)
    finally:
        await store.close()


async def check_now(rig: Rig) -> None:
    """What must hold at every moment."""
    for number in rig.subscribers:
        state = await rig.state(number)
        if state is None:
            continue
        waited = {one.carrier for one in state.life.switch_offs}
        serving = "" if state.life.frozen_until_ms is not None else state.carrier
        for carrier, epoch in rig.on_at(number).items():
            said = carrier in waited or (carrier == serving and epoch == state.epoch)
            assert said, "a number is on at a carrier and the state does not say so"
        check_wishes(state)


async def check_settled(rig: Rig) -> None:
    """Once everything was carried out and reported, what is known of it is so."""
    await rig.settle()
    await check_now(rig)
    for number in rig.subscribers:
        state = await rig.state(number)
        if state is None or state.voice.effects.word is not EffectState.APPLIED:
            continue
        wanted = {state.carrier} - {""} if state.refusing else set()
        assert rig.on_at(number).keys() == wanted, "what is said to be applied is not in force"


@pytest.mark.parametrize("engine", ["memory", "sqlite"])
async def test_lives_when_commits_fail_with_two_bits_then_the_log_explains_the_state(engine, tmp_path):
    await play(engine, tmp_path, SEED, rounds=150)


@pytest.mark.torture
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("engine", ["memory", "sqlite"])
@pytest.mark.parametrize("course", range(10))
async def test_many_lives_when_commits_fail_with_two_bits_then_the_log_explains_the_state(engine, course, tmp_path):
    await play(engine, tmp_path, SEED * 1000 + course, rounds=400)
