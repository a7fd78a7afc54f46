"""Stories that a registry's log can tell: each plays on a registry, and together they have every kind of entry."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from gateway.domain.capability import ItemCapability
from gateway.domain.effects import SERVICE, EffectState
from gateway.domain.errors import RefusedError
from gateway.domain.instruction import (
    ActForWard,
    Action,
    ApplyPreset,
    AskGuardian,
    Cancel,
    Channel,
    ChooseNotices,
    Confirm,
    Consent,
    EditList,
    EndGuardian,
    Erase,
    ExpectedEffect,
    Item,
    ItemKind,
    Open,
    Precondition,
    Query,
    SetRefusedCategories,
    UndoCancel,
)
from gateway.domain.interception import Interception, InterceptionAction
from gateway.domain.knowledge import ReportedEffect
from gateway.domain.lines import Line
from gateway.domain.policy import DecidingRule
from gateway.domain.preferences import InterceptionNotice, Medium, NoticeChoice, Preferences
from gateway.domain.ties import GuardianScope
from gateway.service.claims import Contest
from gateway.service.eraser import Eraser
from gateway.service.interceptions import InterceptionReport
from gateway.service.look import Look, LookUnit
from gateway.service.operations import ReplayUnit
from gateway.service.retention import KeptDays, Retention
from gateway.service.views import AppliedReport, DeliveryReport, DeliveryState
from gateway.store.memory import MemoryKeyStore, MemoryStore
from gateway.store.rows import Label, OutboxChange, OutboxState
from gateway.tlog.replay import Shown
from optout.kit.clock import FakeClock
from optout.kit.number import parse_number
from tests.audit.registry import FIRST, A, Registry, furnish_registry, open_log, open_registry, platform
from tests.audit.shown_log import show, with_epoch
from tests.domain.samples import FRIEND, LOAN_LINE, NOON_MS, NUISANCE, OWN
from tests.service.house import MOBILE, SCREENER, TELECOM
from tests.service.life import K, report
from tests.torture.rig import CARRIERS, Rig

S = EffectState
THIRD = parse_number("13600136000")


async def orders(registry: Registry) -> None:
    """Every action, some of it refused, over several channels, before and after declarations."""
    house = registry.house
    await house.submit(Open(), channel=Channel.HOTLINE)
    await house.submit(Open(), number=FRIEND)
    await registry.declare(platform("mobile"))
    await house.submit(SetRefusedCategories(refuse=("loan", "astrology")))
    house.clock.advance(1.0)
    await house.submit(Confirm(), number=FRIEND)
    await house.submit(Confirm(), number=FRIEND)
    await house.submit(EditList(allow=False, add=(NUISANCE, OWN)))
    await house.submit(Query())
    await house.submit(Open(), number=THIRD, medium=Medium.MESSAGE)
    await house.submit(Cancel(), number=FRIEND)
    await house.submit(UndoCancel(), number=FRIEND)
    await registry.declare(platform("mobile", "2", 3600))
    await house.submit(Cancel())
    await house.submit(Open())
    house.clock.advance(90_000)
    await house.submit(Confirm())
    await house.timers.ring()
    untold = house.instruction(Open(), number=THIRD, channel=Channel.HOTLINE)
    untold = replace(untold, evidence=replace(untold.evidence, separate_consent=Consent.NOT_ASKED))
    await house.registry.submit(MOBILE, untold)
    await house.submit(Open(Preferences(refused_categories=("loan",))), number=THIRD)
    short = {ItemKind.REJECT_NUMBER: (ItemCapability(ExpectedEffect.FULL, cap=1),)}
    await registry.declare(replace(platform("unicom"), items=short))
    theirs = {"number": parse_number("13000130000"), "carrier": "unicom", "channel": Channel.HOTLINE}
    for action in (Open(), EditList(allow=False, add=(NUISANCE,)), EditList(allow=False, add=(FRIEND,))):
        await house.submit(action, **theirs)


async def effects(registry: Registry) -> None:
    """What carriers report, answer, lack, and leave overdue; a carrier heard late."""
    house = registry.house
    await house.submit(Open(), channel=Channel.HOTLINE)
    await registry.declare(platform("mobile"))
    house.clock.advance(61)
    await registry.reconciler.look()
    await house.submit(SetRefusedCategories(refuse=("loan",)))
    lacking = ReportedEffect(Item(ItemKind.CATEGORY, "loan"), S.DEGRADED, Precondition("VOLTE_OFF", "KTVOLTE"))
    for place, told in enumerate(((ReportedEffect(SERVICE, S.APPLIED),), (lacking,), (lacking,))):
        applied = AppliedReport(f"r{place}", OWN, Medium.VOICE, 2, told, house.clock.now_ms())
        await house.registry.report_applied(MOBILE, applied)
    await house.submit(EditList(allow=True, add=(FRIEND,)))
    house.clock.advance(86_400)
    await registry.reconciler.look()
    (first, *_) = await house.notices()
    for state in (DeliveryState.SENT, DeliveryState.DELIVERED):
        delivery = DeliveryReport(state.value, first.id, state, "DELIVRD", house.clock.now_ms(), 1)
        await house.registry.report_delivery(MOBILE, delivery)


async def numbers(registry: Registry) -> None:
    """Claims and contests, ports told beforehand, closings, new holders, and switch-offs that are late."""
    house = registry.house
    for carrier in ("mobile", "telecom"):
        await registry.declare(platform(carrier))
    await house.submit(Open(), channel=Channel.HOTLINE)
    await house.submit(Open(), number=FRIEND, carrier="telecom", channel=Channel.HOTLINE)
    await house.numbers.contest(MOBILE, Contest("c1", "", FRIEND, house.policies.rules.last_index + 5))
    await house.submit(Query(), number=FRIEND, carrier="telecom")
    await report(house, K.BASELINE, number=FRIEND, counterpart="telecom")
    await report(house, K.PORTED_IN, "telecom", effective_ms=house.clock.now_ms() + 60_000)
    house.clock.advance(61)
    await house.timers.ring()
    with pytest.raises(RefusedError):
        await house.submit(Query())
    house.clock.advance(86_401)
    await house.timers.ring()
    off = AppliedReport("off", OWN, Medium.VOICE, 9, (), house.clock.now_ms(), switched_off=True)
    await house.registry.report_applied(MOBILE, replace(off, version=2))
    await report(house, K.CLOSED, "telecom")
    await house.submit(Open(), carrier="telecom", channel=Channel.HOTLINE)
    house.clock.advance(91 * 86_400)
    await report(house, K.REASSIGNED, "telecom")
    await report(house, K.CLOSED, "mobile")
    await house.submit(Open(), carrier="telecom", channel=Channel.HOTLINE)
    told = (ReportedEffect(SERVICE, S.APPLIED),)
    applied = AppliedReport("new", OWN, Medium.VOICE, 2, told, house.clock.now_ms())
    await house.registry.report_applied(TELECOM, applied)
    await report(house, K.REASSIGNED, number=parse_number("13500135000"), counterpart="unicom")
    await house.submit(EditList(allow=False, add=(NUISANCE,)), number=THIRD, carrier="unicom", channel=Channel.HOTLINE)
    await house.submit(Query(), number=THIRD, carrier="unicom", channel=Channel.HOTLINE)


async def calls(registry: Registry) -> None:
    """Calls told at once, folded, unwanted, unregistered or let through; summaries; a tally that is forgotten."""
    house = registry.house
    await house.submit(Open(), channel=Channel.HOTLINE)
    for choice in (InterceptionNotice.EACH, InterceptionNotice.DAILY, InterceptionNotice.NONE):
        await house.submit(ChooseNotices(NoticeChoice(choice, at_night=False)), channel=Channel.HOTLINE)
        for place in range(8):
            await registry.calls.take(SCREENER, told_call(registry, f"{choice}{place}"))
        await registry.calls.take(MOBILE, told_call(registry, f"{choice}m", InterceptionAction.CHALLENGE_PASSED))
        await registry.calls.take(SCREENER, told_call(registry, f"{choice}f", InterceptionAction.FAILED_OPEN))
        house.clock.advance(9 * 3600)
        await registry.reconciler.look()
    await registry.calls.take(SCREENER, replace(told_call(registry, "nobody"), id="nobody2"))
    await registry.calls.take(SCREENER, told_call(registry, "unknown", called=FRIEND))
    house.clock.advance(8 * 86_400)
    await house.submit(ChooseNotices(NoticeChoice(InterceptionNotice.EACH)), channel=Channel.HOTLINE)
    await registry.calls.take(SCREENER, told_call(registry, "late"))
    await registry.calls.take(SCREENER, told_call(registry, "withheld", withheld=True))


def told_call(
    registry: Registry, name: str, action=InterceptionAction.REFUSED, called=OWN, **changes
) -> InterceptionReport:
    now_ms = registry.house.clock.now_ms()
    call = Interception(action, called, NUISANCE, now_ms, DecidingRule.CATEGORY, "loan", **changes)
    return InterceptionReport(name, call, 1)


async def rules(registry: Registry) -> None:
    """Policies published, approved for later, rolled back; lines declared and withdrawn; orders under each of them."""
    house = registry.house
    line = Line("95188001", False, "harbour-voice", "mobile", "loan")
    await registry.policy.declare(MOBILE, "l1", line, withdraw=False)
    await registry.publish("2", list_cap=1)
    await house.submit(Open(), channel=Channel.HOTLINE)
    await house.submit(EditList(allow=False, add=(NUISANCE, FRIEND)))
    await registry.publish("3", house.clock.now_ms() + 30_000, list_cap=2)
    await house.submit(EditList(allow=False, add=(FRIEND,)))
    house.clock.advance(30)
    await house.submit(EditList(allow=False, add=(FRIEND,)))
    await registry.policy.roll_back(A, "3", "worse")
    await house.submit(EditList(allow=False, add=(LOAN_LINE,)))
    await registry.policy.declare(MOBILE, "l2", replace(line, category="education"), withdraw=False)
    await registry.policy.declare(MOBILE, "l3", replace(line, category="education"), withdraw=True)
    members = tuple(each for each in FIRST.carriers if each.carrier != "unicom")
    await registry.publish("4", carriers=members)


async def hands(registry: Registry) -> None:
    """Looks at openings, and orders put back by hand."""
    house = registry.house
    await house.submit(Open(), channel=Channel.HOTLINE)
    label = house.recorder.vault.label(OWN, 1)
    look = Look("institute", "case-7", "entries", {"first": 0, "limit": 5})
    await house.store.commit(LookUnit(look, house.recorder, 0))
    await house.store.commit(LookUnit(Look("institute", "case-7", "subject", {}), house.recorder, 0, Label(label)))
    await house.store.commit(
        LookUnit(Look("institute", "case-7", "state", {"as_of": 5}), house.recorder, 0, Label(label))
    )
    (row, *_) = await house.store.due("mobile", 2**62, 1)
    given_up = OutboxChange(row.id, OutboxState.READY, OutboxState.DEAD, row.due_ms, 1, "LINK_DOWN")
    await house.store.change_outbox((given_up,))
    await house.store.commit(ReplayUnit("operator-a", (row.id,), "link mended", house.recorder))


async def guardians(registry: Registry) -> None:
    """Guardians asked for, agreed to, acting, refused, ended by either side, by time, and with a number."""
    house, ward = registry.house, parse_number("13300133000")
    presets, whole = AskGuardian(ward, GuardianScope.PRESETS), AskGuardian(ward, GuardianScope.SETTINGS)
    elder, loans = (ActForWard(ward, change) for change in (ApplyPreset("elder"), SetRefusedCategories(("loan",))))

    async def hers(*actions: Action) -> None:
        for action in actions:
            await house.submit(action, number=ward, carrier="telecom")
            await house.timers.ring()

    async def his(*actions: Action) -> None:
        for action in actions:
            await house.submit(action)

    await his(presets, elder, presets, AskGuardian(OWN, GuardianScope.PRESETS))
    await hers(Confirm(opens=True), Confirm(guardian=True))
    await registry.declare(replace(platform("telecom"), templates=frozenset({"guardian_asked"})))
    await his(elder, elder, loans, ActForWard(ward, ApplyPreset("teen")))
    await hers(Cancel())
    await his(elder)
    await hers(Open(), EndGuardian(), EndGuardian())
    await his(loans, whole)
    await hers(Confirm())
    act = SetRefusedCategories(refuse=("insurance", "astrology"))
    await his(ActForWard(ward, act), ActForWard(ward, EditList(allow=False, add=(ward,))), EndGuardian(ward))
    await his(EndGuardian(ward), whole, whole)
    house.clock.advance(86_400)
    await house.timers.ring()
    await house.timers.ring()
    await hers(AskGuardian(OWN, GuardianScope.PRESETS, house.clock.now_ms() + 86_400_000))
    await his(Open(), Confirm())
    await house.timers.ring()
    await hers(AskGuardian(OWN, GuardianScope.PRESETS, house.clock.now_ms() + 86_400_000))
    await his(Confirm())
    house.clock.advance(86_400)
    await house.timers.ring()
    await his(presets)
    await hers(Confirm())
    await report(house, K.CLOSED, "mobile")
    await house.timers.ring()


async def erasures(registry: Registry) -> None:
    """Two who ask to be erased, one of them a guardian, and what became of it in a month; nobody is erased yet."""
    house = registry.house
    await registry.declare(platform("telecom"))
    for number in (OWN, FRIEND):
        await house.submit(Open(), channel=Channel.HOTLINE, number=number)
    await house.submit(AskGuardian(OWN, GuardianScope.SETTINGS), number=FRIEND)
    await house.submit(Confirm())
    await report(house, K.PORTED_IN, "telecom", counterpart="mobile")
    await house.submit(Erase(), channel=Channel.HALL, carrier="telecom")
    await house.submit(Erase(), channel=Channel.HALL, carrier="telecom")
    await house.submit(Open(), channel=Channel.HOTLINE, carrier="telecom")
    await house.submit(Query(), carrier="telecom")
    told = AppliedReport("e-1", OWN, Medium.VOICE, 1, (), house.clock.now_ms(), switched_off=True, erased=True)
    await house.registry.report_applied(MOBILE, told)
    await house.timers.ring()
    await house.submit(Erase(), channel=Channel.HALL, number=FRIEND, medium=Medium.MESSAGE)
    await house.timers.ring()
    for _ in range(2):
        house.clock.advance(86_400)
        await house.timers.ring()
    house.clock.advance(30 * 86_400)
    eraser = Eraser(house.store, house.recorder)
    await Retention(house.store, house.recorder, house.policies, eraser, house.clock, KeptDays(30, 30)).enforce()


STORIES = {story.__name__: story for story in (orders, effects, numbers, calls, rules, hands, guardians, erasures)}


@asynccontextmanager
async def told(*names: str) -> AsyncIterator[list[Shown]]:
    """The log of some stories, one after the other."""
    async with open_registry() as registry:
        for name in names:
            await STORIES[name](registry)
        yield await registry.log()


async def play(seed: int, rounds: int) -> list[Shown]:
    """Random lives of numbers, commits that fail, and platforms that carry out or do not."""
    chance, clock, keys = random.Random(seed), FakeClock(NOON_MS), MemoryKeyStore()
    async with MemoryStore(keys, clock=clock) as store:
        house = await open_log(store, clock, keys)
        rig, registry = Rig(house, chance, 6, guardians=True, erases=True), furnish_registry(house)
        for name in CARRIERS:
            declared = house.capabilities.get(name)
            assert declared is not None
            await registry.declare(declared)
        for _ in range(rounds):
            places = chance.sample(range(6), k=3)
            await asyncio.gather(*(rig.step(place) for place in places))
            if chance.random() < 0.4:
                await rig.meanwhile()
        return with_epoch(await show(house))
