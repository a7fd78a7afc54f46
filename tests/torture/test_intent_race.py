"""Two channels, sometimes three, race for one subscriber, over their real protocols, at three carriers at once.

What must come of it stands in `docs/intent.md`. The log alone says who was first: the model of that page, run over it,
must come to the registry's state at every entry, and every channel must have heard what its entry says, once. Much
is delivered twice, at once or rounds later.
``SEED=7 make torture`` plays another course of events.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.cli.demo.stage import Stage, open_stage
from optout.sim.v1 import crm_pb2, smsc_pb2, wechat_pb2
from tests.torture.intent_log import Told, confirmed, explain
from tests.torture.intent_rig import Heard, Players, Subscriber, read_phone, until_still

SEED = int(os.environ.get("SEED", "1"))
EACH = 3
"""Subscribers of each carrier; they keep what earlier rounds left."""
PROGRESS = "新进展"
"""Of a platform's report, not of an instruction."""


@dataclass
class Played:
    """What happened over all rounds: how often each channel was first, and how many texts agreed to a question."""

    first: Counter[str] = field(default_factory=Counter)
    agreed: int = 0


async def play(folder: Path, seed: int, rounds: int) -> Played:
    """Race so many rounds, and hold the log against the model and against what everybody heard."""
    phones: dict[str, list[str]] = {}
    async with open_stage(folder) as stage:
        players = Players(stage, random.Random(seed))
        lanes = [
            [await players.enrol(place, f"{place.carrier.subscriber[:9]}{seed % 10}{which}") for which in range(EACH)]
            for place in stage.carriers.values()
        ]
        numbers = range(rounds)
        await asyncio.gather(*(race(players, lane, numbers[start :: len(lanes)]) for start, lane in enumerate(lanes)))
        everybody = [subscriber for lane in lanes for subscriber in lane]

        async def look() -> list[int]:
            return [len(await read_phone(subscriber)) for subscriber in everybody]

        await until_still(stage, look)
        for subscriber in everybody:
            phones[subscriber.number] = await read_phone(subscriber)
        await check_systems(stage)
    told, played = explain(folder), Played()
    for subscriber in everybody:
        entries = told.get(f"+86{subscriber.number}", [])
        check_channels(subscriber.heard, entries)
        check_phone(phones[subscriber.number], entries)
        played.first += count_first(subscriber.heard, entries)
        played.agreed += confirmed(entries)
    return played


async def race(players: Players, lane: list[Subscriber], rounds: range) -> None:
    """One carrier's rounds, one after the other."""
    for round_ in rounds:
        await players.race(players.chance.choice(lane), round_)


async def check_systems(stage: Stage) -> None:
    """No carrier's system saw a rule broken."""
    for place in stage.carriers.values():
        texts = await place.smsc.GetState(smsc_pb2.SmscServiceGetStateRequest())
        orders = await place.crm.GetState(crm_pb2.CrmServiceGetStateRequest())
        chats = await place.wechat.GetState(wechat_pb2.WechatServiceGetStateRequest())
        assert [violation.rule for state in (texts, orders, chats) for violation in state.violations] == []
        assert not texts.unacknowledged


def check_channels(heard: list[Heard], entries: list[Told]) -> None:
    """Every instruction sent has one entry, however often it was sent, and its channel heard what that entry says."""
    found = Counter((one.instruction.channel.value, one.instruction.id) for one in entries)
    assert set(found.values()) <= {1}
    by_id = {(one.instruction.channel.value, one.instruction.id): one for one in entries}
    for one in heard:
        entry = by_id.get((one.channel, one.id))
        if entry is None:
            assert one.shared, f"round {one.round}: {one.channel} has no entry"
        elif one.channel == "app":
            assert one.told == entry.chat(), f"round {one.round}"
        elif one.told is not None:
            assert one.told == entry.answer(), f"round {one.round}"


def check_phone(shown: list[str], entries: list[Told]) -> None:
    """The phone shows what the entries gave rise to, each once."""
    expected = Counter(text for entry in entries for text in entry.notices)
    assert Counter(text for text in shown if PROGRESS not in text) == expected


def count_first(heard: list[Heard], entries: list[Told]) -> Counter[str]:
    """Count, by channel, the rounds whose first entry is its."""
    places = {(one.instruction.channel.value, one.instruction.id): place for place, one in enumerate(entries)}
    rounds: dict[int, tuple[int, str]] = {}
    for one in heard:
        place = places.get((one.channel, one.id))
        if place is not None:
            rounds[one.round] = min(rounds.get(one.round, (place, one.channel)), (place, one.channel))
    return Counter(channel for _, channel in rounds.values())


@pytest.mark.timeout(300)
async def test_channels_when_they_race_for_one_subscriber_then_the_log_explains_what_all_heard(tmp_path: Path) -> None:
    await play(tmp_path, SEED, 10)


@pytest.mark.torture
@pytest.mark.timeout(600)
async def test_channels_when_they_race_200_rounds_then_the_log_explains_what_all_heard(tmp_path: Path) -> None:
    played = await play(tmp_path, SEED, 200)
    assert set(played.first) == {"sms", "hotline", "hall", "app"}
    assert played.agreed > 0
