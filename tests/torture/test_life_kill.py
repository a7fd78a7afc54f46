"""kill -9 of a gateway, an adapter or a platform while numbers are ported, given up, given out again and provisioned.

What must hold: whatever was acknowledged is in the log exactly once; the causes in the log explain the final state; no
wish of an old holder is ever the new one's, in the registry or at a platform; a number is on at no carrier without the
state saying so. ``SEED=7 make torture`` plays another course of events.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import grpc
import pytest

from adapters.wire.order import Consent, Desk, Order, Proof, Verb
from gateway.domain.instruction import Channel, Instruction, Open, Query, UndoCancel
from gateway.domain.number_life import NumberEvent, NumberEventKind
from gateway.domain.preferences import Medium
from gateway.service.books import CapabilityBook, PolicyBook
from gateway.service.record import Recorder
from gateway.store.keys import SqliteKeyStore
from gateway.store.rows import OutboxKind, OutboxState
from gateway.store.secret_files import read_secrets
from gateway.store.sqlite import SqliteStore
from gateway.store.sqlite_reader import SqliteReadEngine
from gateway.store.vault import Vault
from optout.kit.clock import SystemClock
from optout.kit.identity import Identity, Role
from optout.kit.number import PhoneNumber, parse_number
from optout.kit.redact import find_numbers
from optout.sim.v1 import platform_pb2, platform_pb2_grpc
from optout.v1 import types_pb2
from tests.domain.samples import PROOFS, default_lines, default_policy
from tests.e2e.federation import Process, read_ledger
from tests.e2e.nation import CARRIERS, Nation
from tests.service.house import furnish
from tests.torture.callers import Callers, open_callers
from tests.torture.checks import check_answers, check_log, epoch_of, read_told, tag

SEED = int(os.environ.get("SEED", "1"))
NUMBERS = 8
STEPS = 2
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
FROM_MS = 946_684_800_000
"""Numbers' events are told of a past in which there is room for many freezes of 90 days: from 2000 on."""
SETTLED_WITHIN_S = 240.0
K = NumberEventKind
AT_THE_DESK: dict[str, Any] = {
    "desk": Desk.HALL,
    "booked_by": "clerk-1",
    "mandate": "counter-1",
    "proof": Proof.IDENTITY_DOCUMENT,
    "notice_version": "2026-11",
    "consent": Consent.GIVEN,
}
REFUSING = {types_pb2.ENROLMENT_STATE_OPEN, types_pb2.ENROLMENT_STATE_PENDING_CANCEL}


class Course:
    """One course of events: what is done to the numbers, and to the processes."""

    def __init__(self, nation: Nation, callers: Callers, chance: random.Random) -> None:
        self.nation = nation
        self.callers = callers
        self.chance = chance
        self.numbers = [parse_number(f"138{place:08}") for place in range(NUMBERS)]
        self.times = dict.fromkeys(self.numbers, FROM_MS)
        self.serial = 0

    async def play_round(self) -> None:
        """Things happen to three numbers; meanwhile one process dies at a random moment and comes back."""
        places = self.chance.sample(range(NUMBERS), k=3)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._kill(self._choose_victim(), self.chance.uniform(0, 0.3)))
            for place in places:
                tasks.create_task(self._steps(place, random.Random(self.chance.getrandbits(64))))
        for place in places:
            await self.check_now(self.numbers[place])

    def _choose_victim(self) -> Process:
        nation = self.nation
        kind = self.chance.choice(([nation.gateway], nation.adapters.values(), nation.platforms.values()))
        return self.chance.choice([*kind])

    async def _kill(self, victim: Process, after_s: float) -> None:
        await asyncio.sleep(after_s)
        victim.kill()
        await asyncio.to_thread(victim.start)

    async def _steps(self, place: int, chance: random.Random) -> None:
        for _ in range(STEPS):
            number = self.numbers[place]
            state = await self.callers.state(number)
            served, epoch = ("mobile", 1) if state is None else (state.carrier, state.epoch)
            likely = served if served and chance.random() < 0.75 else chance.choice(CARRIERS)
            if chance.random() < 0.6:
                await self._order(place, likely, epoch, chance)
            else:
                frozen = state is not None and state.HasField("frozen_until")
                await self._happen(number, likely, chance, frozen=frozen)

    def _id(self) -> str:
        self.serial += 1
        return f"k{self.serial}"

    async def _order(self, place: int, carrier: str, epoch: int, chance: random.Random) -> None:
        """At the carrier's desk, or over its own link to the gateway."""
        number = self.numbers[place]
        if chance.random() < 0.2:
            own, action = self._id(), chance.choice((Open(), Query(), UndoCancel(), UndoCancel()))
            now_ms, proof = SystemClock().now_ms(), PROOFS[Channel.HALL]
            await self.callers.submit(
                Instruction(own, carrier, Channel.HALL, "CRM2", own, number, Medium.VOICE, now_ms, action, proof)
            )
            return
        verb = chance.choice((Verb.OPEN, Verb.OPEN, Verb.EDIT_REJECT_LIST, Verb.EDIT_REJECT_LIST, Verb.CANCEL))
        add = (tag(place, epoch),) if verb is Verb.EDIT_REJECT_LIST else ()
        await self.callers.book(carrier, Order(verb=verb, number=number, add=add, **AT_THE_DESK))

    async def _happen(self, number: PhoneNumber, likely: str, chance: random.Random, *, frozen: bool) -> None:
        """An event of the number's life, told in the past."""
        kind = chance.choice((K.PORTED_IN, K.PORTED_IN, K.PORTED_OUT, K.BASELINE, K.CLOSED, K.REASSIGNED))
        kind = K.REASSIGNED if frozen and chance.random() < 0.8 else kind
        reporter = chance.choice(CARRIERS) if kind is K.PORTED_IN else likely
        operator = kind is K.BASELINE or chance.random() < 0.2
        others = [name for name in CARRIERS if name != reporter]
        self.times[number] += 91 * DAY_MS if kind is K.REASSIGNED else chance.randrange(HOUR_MS, 3 * DAY_MS)
        effective_ms = self.times[number] - chance.choice((0, 0, 0, 0, 30 * DAY_MS))
        named = operator or chance.random() < 0.5
        event = NumberEvent(self._id(), kind, number, effective_ms, counterpart=chance.choice(others) if named else "")
        caller = Identity(Role.OPERATOR, "operator-a") if operator else Identity(Role.CARRIER, reporter)
        await self.callers.report(caller, event)

    async def check_now(self, number: PhoneNumber) -> bool:
        """What must hold at every moment; true if moreover nothing is on its way any more for this number.

        The state is read first: what platforms do and report only takes carriers off the list of those waited for.
        """
        state, held = await self.callers.state(number), await self.callers.held(number)
        if state is None:
            return not held
        assert {epoch_of(refused) for refused in state.preferences.reject_list} <= {state.epoch}
        serving = "" if state.HasField("frozen_until") else state.carrier
        on_at = {name: wanted for name, wanted in held.items() if wanted.on}
        for name, wanted in on_at.items():
            assert {epoch_of(refused) for refused in wanted.reject} <= {wanted.epoch}, "wishes of an old holder"
            said = name in state.not_yet_off or (name == serving and wanted.epoch == state.epoch)
            assert said, "a number is on at a carrier and the state does not say so"
        wants = {serving} - {""} if state.state in REFUSING else set()
        return not state.not_yet_off and on_at.keys() == wants

    async def settle(self) -> None:
        """Wait until everything is carried out, reported and handed on."""
        deadline = time.monotonic() + SETTLED_WITHIN_S
        while restless := await self._restless():
            assert time.monotonic() < deadline, f"the nation does not come to rest: {restless}"
            await asyncio.sleep(0.2)

    async def _restless(self) -> list[str]:
        places = [f"{place}" for place, number in enumerate(self.numbers) if not await self.check_now(number)]
        return self._waiting() + places

    def _waiting(self) -> list[str]:
        reader = SqliteReadEngine(self.nation.folder / "registry.sqlite")
        try:
            rows = reader.outbox(OutboxState.READY, 100_000)
            now_ms, told = SystemClock().now_ms(), {OutboxKind.NOTIFY, OutboxKind.APPLY}
            # At night some notices wait for the morning.
            return [f"{row.id} {row.reason}" for row in rows if row.kind in told and row.due_ms <= now_ms]
        finally:
            reader.close()

    def check_platforms(self) -> None:
        """No adapter ever asked its platform for something that breaks a rule."""
        for ports in self.nation.ports.values():
            with grpc.insecure_channel(f"127.0.0.1:{ports.control}") as channel:
                stub = platform_pb2_grpc.PlatformServiceStub(channel)
                assert not stub.GetState(platform_pb2.PlatformServiceGetStateRequest(), timeout=10).violations


async def check_files(nation: Nation, callers: Callers) -> Counter[str]:
    """What is left once everything has stopped: the log, and nobody's number in anything that was printed.

    Tells what happened how often: what followed from events, and switch-offs that were reported.
    """
    assert read_ledger(nation.folder).root_holds
    secrets, clock = read_secrets(nation.folder / "secrets"), SystemClock()
    keys = SqliteKeyStore(nation.folder / "keys.sqlite", secrets.master_key)
    store = SqliteStore(nation.folder / "registry.sqlite", keys, clock=clock)
    try:
        policies = PolicyBook(default_policy(), default_lines(), clock)
        house = furnish(store, Recorder(Vault(keys, secrets.label_key)), clock, policies, CapabilityBook())
        await check_log(house)
        await check_answers(house, callers.events)
        told = [payload for _, payload in await read_told(house)]
        booked = Counter(each["instruction"]["reference"] for each in told if each["kind"] == "instruction")
        assert booked == Counter(callers.references), "an order was lost, or booked twice"
        events = {each["event"]["id"]: each["follows"] for each in told if each["kind"] == "number_event"}
        assert events.keys() == callers.events.keys()
        off = [each for each in told if each["kind"] == "applied" and each["report"].get("switched_off")]
    finally:
        await store.close()
        keys.close()
    for process in nation.processes:
        assert find_numbers(process.log.read_text(encoding="utf-8", errors="replace")) == [], process.name
    return Counter(events.values()) + Counter(switched_off=len(off))


async def play(folder: Path, rounds: int) -> Counter[str]:
    with Nation(folder) as nation:
        async with open_callers(nation) as callers:
            course = Course(nation, callers, random.Random(SEED))
            for _ in range(rounds):
                await course.play_round()
            await course.settle()
            course.check_platforms()
            for desk in callers.desks.values():
                desk.assert_clean()
        for process in reversed(nation.processes):
            assert process.stop() == 0, process.name
        happened = await check_files(nation, callers)
        deaths = sum(process.starts - 1 for process in nation.processes)
        print(f"seed {SEED}: {deaths} deaths, {len(callers.references)} orders, events: {dict(happened)}")
        return happened


@pytest.mark.timeout(600)
async def test_lives_when_processes_are_killed_at_random_then_the_log_explains_the_state(tmp_path: Path) -> None:
    await play(tmp_path, 10)


@pytest.mark.torture
@pytest.mark.timeout(3000)
async def test_lives_when_killed_in_two_hundred_rounds_then_the_log_explains_the_state(tmp_path: Path) -> None:
    happened = await play(tmp_path, 200)
    assert min(happened[what] for what in ("hand_over", "leave", "freeze", "new_epoch", "switched_off")) > 5
