"""A registry whose commits fail with two bits, three carriers' platforms, and subscribers who do anything.

Everybody repeats until heard, as in life. One step concerns one number; steps of several numbers run together.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from gateway.domain.capability import Capabilities, Enforcement
from gateway.domain.effects import SERVICE, EffectState
from gateway.domain.errors import RefusedError
from gateway.domain.instruction import (
    ActForWard,
    Action,
    ApplyPreset,
    AskGuardian,
    Cancel,
    Channel,
    Confirm,
    EditList,
    EndGuardian,
    Open,
    Query,
    SetRefusedCategories,
    UndoCancel,
)
from gateway.domain.knowledge import ReportedEffect
from gateway.domain.number_life import NumberEvent, NumberEventKind
from gateway.domain.preferences import Medium
from gateway.domain.subscription import Subscriber
from gateway.domain.ties import GuardianScope
from gateway.service.applied import AppliedBook
from gateway.service.claims import Contest
from gateway.service.dispatch import CarrierCallError, CarrierDispatcher
from gateway.service.eraser import Eraser
from gateway.service.number_events import settled
from gateway.service.numbers import NumberService
from gateway.service.outbox import ApplyOrder, NoticeOrder, Timer
from gateway.service.registrar import Registrar
from gateway.service.registry import RegistryService
from gateway.service.timers import Timers
from gateway.service.views import AppliedReport
from gateway.store.base import Store, StoreError
from gateway.store.rows import OutboxRow
from gateway.testing.faulty_store import APPLIED_NOT_HEARD, NOT_APPLIED, FaultyStore
from optout.kit.clock import FakeClock
from optout.kit.identity import Identity, Role
from optout.kit.number import PhoneNumber, hint_carrier, parse_number
from tests.service.house import House
from tests.torture.checks import tag

CARRIERS = ("mobile", "telecom", "unicom")
OPERATOR = Identity(Role.OPERATOR, "operator-a")
K = NumberEventKind
IN_FORCE = (ReportedEffect(SERVICE, EffectState.APPLIED),)
DAY_S = 86_400
SETTLED_WITHIN_DAYS = 60
T = TypeVar("T")


def declared_by(carrier: str) -> Capabilities:
    """What a carrier declares: a platform of its own, and that it can put a guardian's question."""
    return Capabilities(carrier, "1", Enforcement.PLATFORM, templates=frozenset({"guardian_asked"}))


@dataclass
class Platform:
    """A carrier's own platform: carries out the newest order, and owes a report of everything that it carried out."""

    carrier: str
    misdirected: Callable[[NoticeOrder | ApplyOrder], Awaitable[None]]
    chance: random.Random
    clock: FakeClock
    newest: dict[PhoneNumber, tuple[int, int]] = field(default_factory=dict)
    on: set[PhoneNumber] = field(default_factory=set)
    owed: list[AppliedReport] = field(default_factory=list)
    done: int = 0

    async def capabilities(self) -> Capabilities:
        return declared_by(self.carrier)

    async def notify(self, order: NoticeOrder) -> None:
        await self.misdirected(order)
        self._fail()

    async def apply(self, order: ApplyOrder) -> None:
        await self.misdirected(order)
        applied = self.chance.random() < 0.9
        if applied:
            self._carry_out(order)
        self._fail(certain=not applied)

    def _carry_out(self, order: ApplyOrder) -> None:
        state, age = order.subscriber, (order.subscriber.epoch, order.subscriber.version)
        if self.newest.get(state.number, (0, 0)) > age:
            return
        self.newest[state.number] = age
        off = order.switch_off or not state.refusing
        (self.on.discard if off else self.on.add)(state.number)
        self.done += 1
        name, now_ms = f"{self.carrier}-{self.done}", self.clock.now_ms()
        self.owed.append(
            AppliedReport(name, state.number, Medium.VOICE, age[1], IN_FORCE, now_ms, switched_off=off, epoch=age[0])
        )

    def _fail(self, *, certain: bool = False) -> None:
        if certain or self.chance.random() < 0.1:
            raise CarrierCallError("LINK_DOWN", retryable=True)


class Keeper(Eraser):
    """Erases nobody, for a model that tells whole lives from the log."""

    async def erase(self, timer: Timer, row: OutboxRow) -> bool:
        """Let the reminder go."""
        await self._store.change_outbox((settled(row),))
        return False


class Rig:
    """The services over one faulty store, and what plays on them."""

    def __init__(
        self, house: House, chance: random.Random, numbers: int, *, guardians: bool = False, erases: bool = False
    ) -> None:
        self.guardians = guardians
        self.chance = chance
        self.house = house
        self.clock: FakeClock = house.clock
        self.store: Store = house.store
        self.faulty = FaultyStore(house.store)
        self.registrar = Registrar(house.recorder, house.policies, house.capabilities)
        self.registry = RegistryService(self.faulty, house.recorder, house.policies, house.capabilities)
        self.numbers = NumberService(self.faulty, self.registrar)
        eraser = (Eraser if erases else Keeper)(self.faulty, house.recorder)
        self.timers = Timers(self.faulty, self.registrar, house.clock, eraser)
        self.subscribers = [parse_number(f"138{place:08}") for place in range(numbers)]
        self.platforms = {name: Platform(name, self._check_addressee, chance, house.clock) for name in CARRIERS}
        self.applied = AppliedBook(self.faulty, house.recorder, house.policies)
        self.dispatchers = {
            name: CarrierDispatcher(
                name, port, self.faulty, house.recorder, house.capabilities, self.applied, house.clock
            )
            for name, port in self.platforms.items()
        }
        for name in CARRIERS:
            house.capabilities.put(declared_by(name))
        self.serial = 0
        self.answers: dict[str, int] = {}

    async def heard(self, call: Callable[[], Awaitable[T]]) -> T | RefusedError:
        """Repeat until the store says what became of it."""
        while True:
            if self.chance.random() < 0.2:
                self.faulty.script.append(self.chance.choice((NOT_APPLIED, APPLIED_NOT_HEARD)))
            try:
                return await call()
            except StoreError:
                continue
            except RefusedError as refusal:
                return refusal

    async def state(self, number: PhoneNumber) -> Subscriber | None:
        """The number's present holder."""
        found = await self.store.number(self.house.recorder.vault.number_key(number))
        return None if found is None else self.house.recorder.read_state(found[1]).state

    def on_at(self, number: PhoneNumber) -> dict[str, int]:
        """The carriers at which a number is on, and for which holder's epoch."""
        return {name: each.newest[number][0] for name, each in self.platforms.items() if number in each.on}

    async def step(self, place: int) -> None:
        """Something happens to one number."""
        number = self.subscribers[place]
        state = await self.state(number)
        served = state.carrier if state is not None and state.carrier else hint_carrier(number) or ""
        likely = served if self.chance.random() < 0.7 else self.chance.choice(CARRIERS)
        what = self.chance.random()
        if what < 0.6:
            await self._order(place, likely, state.epoch if state is not None else 1)
        elif what < 0.9:
            await self._event(number, likely, served)
        elif state is not None and state.life.claim is not None:
            contest = Contest(self._id(), "", number, state.life.claim.revision)
            await self.heard(lambda: self.numbers.contest(Identity(Role.CARRIER, "mobile"), contest))

    def _id(self) -> str:
        self.serial += 1
        return f"s{self.serial}"

    async def _order(self, place: int, carrier: str, epoch: int) -> None:
        edit = EditList(allow=False, add=(tag(place, epoch),))
        actions: list[Action] = [Open(), edit, edit, Cancel(), UndoCancel(), Confirm(), Query()]
        if self.guardians:
            actions += self._guardianship()
        channel = self.chance.choice((Channel.HALL, Channel.SMS))
        instruction = self.house.instruction(
            self.chance.choice(actions), number=self.subscribers[place], carrier=carrier, channel=channel, id=self._id()
        )
        await self.heard(lambda: self.registry.submit(Identity(Role.CARRIER, carrier), instruction))

    def _guardianship(self) -> list[Action]:
        """Something between the number and another one, which may be itself."""
        other = self.chance.choice(self.subscribers)
        scope = self.chance.choice(list(GuardianScope))
        until_ms = self.chance.choice((None, self.clock.now_ms() + 10 * DAY_S * 1000))
        change = self.chance.choice((ApplyPreset("elder"), SetRefusedCategories(refuse=("loan",))))
        ends = EndGuardian(self.chance.choice((None, other)))
        return [AskGuardian(other, scope, until_ms), ActForWard(other, change), Confirm(), ends]

    async def _event(self, number: PhoneNumber, likely: str, served: str) -> None:
        kind = self.chance.choice((K.BASELINE, K.PORTED_IN, K.PORTED_IN, K.PORTED_OUT, K.CLOSED, K.REASSIGNED))
        other = self.chance.choice([name for name in CARRIERS if name != served] if kind is K.PORTED_OUT else CARRIERS)
        reporter = self.chance.choice(CARRIERS) if kind is K.PORTED_IN else likely
        operator = kind is K.BASELINE or self.chance.random() < 0.2
        shift_ms = self.chance.choice((0, 0, 0, -60_000, -86_400_000, 60_000, 3_600_000))
        event = NumberEvent(
            self._id(),
            kind,
            number,
            self.clock.now_ms() + shift_ms,
            counterpart=other if operator or (other != reporter and self.chance.random() < 0.5) else "",
        )
        caller = OPERATOR if operator else Identity(Role.CARRIER, reporter)
        answer = await self.heard(lambda: self.numbers.report_event(caller, event))
        if not isinstance(answer, RefusedError):
            self.answers[event.id] = answer.revision

    async def meanwhile(self) -> None:
        """Time goes by, carriers carry out and report, reminders come due."""
        self.clock.advance(self.chance.choice((0.5, 5, 5, 60, 60, 3600, 3600, 90_000, 92 * 86_400)))
        await self.heard(self.timers.ring)
        for name in CARRIERS:
            if self.chance.random() < 0.5:
                await self.deliver(name)
            await self.report(name)

    async def settle(self) -> None:
        """Nothing happens any more, and time goes by until everything is carried out and reported."""
        for _ in range(SETTLED_WITHIN_DAYS):
            self.clock.advance(DAY_S)
            while await self.heard(self.timers.ring):
                pass
            for name in CARRIERS:
                while await self.store.due(name, self.clock.now_ms(), 1):
                    await self.deliver(name)
                while self.platforms[name].owed:
                    await self.report(name)
            states = [await self.state(number) for number in self.subscribers]
            if not any(state is not None and state.life.switch_offs for state in states):
                return
        raise AssertionError("a carrier is waited for without end")

    async def deliver(self, name: str) -> None:
        """Carry a carrier's rows; a link that fails leaves the rest for later."""
        rows = await self.store.due(name, self.clock.now_ms(), 64)
        with suppress(CarrierCallError):
            await self.dispatchers[name].send(rows)

    async def report(self, name: str) -> None:
        """Some of the reports that a platform owes; a report may come twice."""
        platform = self.platforms[name]
        for owed in self.chance.sample(platform.owed, k=(len(platform.owed) + 1) // 2):
            await self.heard(lambda owed=owed: self.applied.take(name, owed))  # type: ignore[misc]
            if self.chance.random() < 0.9:
                platform.owed.remove(owed)

    async def _check_addressee(self, order: NoticeOrder | ApplyOrder) -> None:
        """What is handed to a carrier is about the number's present holder."""
        row = await self.store.outbox_row(order.id)
        number = order.number if isinstance(order, NoticeOrder) else order.subscriber.number
        found = await self.store.number(self.house.recorder.vault.number_key(number))
        assert row is not None
        assert found is not None
        assert row.label == found[0].label, "something meant for an old holder was sent"
