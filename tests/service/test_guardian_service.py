"""Guardianship over a store: two chains in one unit, reminders to the other side, alarms to the ward, and privacy."""

from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from gateway.domain.capability import Capabilities, Enforcement
from gateway.domain.codec import read_subscriber, write_subscriber
from gateway.domain.errors import Reason
from gateway.domain.instruction import (
    ActForWard,
    ApplyPreset,
    AskGuardian,
    Cancel,
    Channel,
    Confirm,
    Disposition,
    EditList,
    EndGuardian,
    Open,
    Query,
)
from gateway.domain.subscription import EnrolmentState
from gateway.domain.ties import NO_TIES, GuardianScope, GuardianState
from gateway.service.outbox import REGISTRY
from gateway.store.keys import SqliteKeyStore
from gateway.store.memory import MemoryKeyStore, MemoryStore
from gateway.store.sqlite import SqliteStore
from gateway.tlog.leaf import LeafType, decode_leaf
from optout.kit.clock import FakeClock
from optout.kit.number import parse_number
from tests.domain.samples import NOON_MS, NUISANCE, OWN
from tests.service.house import INSTITUTE, TELECOM, house_over, open_house
from tests.service.life import K, orders_of, report, rows_of, state_of

MOTHER = parse_number("13300133000")
ASK = AskGuardian(MOTHER, GuardianScope.PRESETS)
ELDER = ActForWard(MOTHER, ApplyPreset("elder"))
DAY_S = 86_400


@asynccontextmanager
async def house_on(engine, folder):
    """A house over one of the engines."""
    clock = FakeClock(NOON_MS)
    keys = MemoryKeyStore() if engine == "memory" else SqliteKeyStore(folder / "keys.sqlite", bytes(32))
    store = (
        MemoryStore(keys, clock=clock)
        if engine == "memory"
        else SqliteStore(folder / "registry.sqlite", keys, clock=clock)
    )
    try:
        yield house_over(store, keys, clock)
    finally:
        await store.close()


async def mother(house, action, **fields):
    return await house.submit(action, number=MOTHER, carrier="telecom", **fields)


async def agreed(house, ask=ASK):
    await house.submit(ask)
    await mother(house, Confirm())
    await house.timers.ring()


async def templates(house, carrier):
    return [notice.template for notice in await house.notices(carrier)]


async def replay(house):
    """Every subject's chain from its first entry: back-pointers, states fit, and end in the stored ones."""
    chains: dict[str, tuple[int, dict]] = {}
    for index, payload in enumerate(await house.payloads()):
        last, state = chains.get(payload["label"], (2**64 - 1, {}))
        assert payload["prev"] == last
        chains[payload["label"]] = (index, payload.get("after", state))
    for _, state in chains.values():
        holder = read_subscriber(state)
        if holder.life.ended:
            continue
        assert write_subscriber(await state_of(house, holder.number)) == state


@pytest.mark.parametrize("engine", ["memory", "sqlite"])
async def test_guardian_when_asked_agreed_acting_and_revoked_then_every_step_is_told_and_chained(engine, tmp_path):
    async with house_on(engine, tmp_path) as house:
        asked = await house.submit(ASK)
        assert asked.verdict.disposition is Disposition.NEEDS_CONFIRMATION
        assert await templates(house, "telecom") == ["guardian_asked"]
        assert await templates(house, "mobile") == ["ward_asked"]
        await mother(house, Confirm())
        assert (await state_of(house)).ties.wards[0].expire_ms == asked.verdict.confirm_by_ms
        await house.timers.ring()
        assert (await state_of(house)).ties.wards[0].expire_ms > NOON_MS + 364 * DAY_S * 1000
        done = await house.submit(ELDER)
        assert done.verdict.disposition is Disposition.DONE
        assert (await state_of(house, MOTHER)).voice.preferences.refused_categories
        await mother(house, EndGuardian())
        refused = await house.submit(ELDER)
        assert refused.verdict.reason is Reason.NOT_GUARDIAN
        await house.timers.ring()
        assert (await state_of(house)).ties.wards == ()
        assert await templates(house, "telecom") == [
            "guardian_asked", "guardian_agreed", "guardian_changed", "guardian_ended",
        ]  # fmt: skip
        assert Counter(await templates(house, "mobile")) == Counter(
            ["ward_asked", "ward_agreed", "ward_changed", "refused", "ward_ended"]
        )
        await replay(house)


async def test_question_when_put_then_both_entries_are_of_one_unit_and_name_each_other():
    async with open_house() as house:
        outcome = await house.submit(ASK)
        first, second = await house.payloads()
        assert (first["kind"], second["kind"]) == ("instruction", "guardian")
        assert (second["cause"], second["by"]) == (outcome.revision - 1, OWN)
        assert first["label"] != second["label"]
        times = {decode_leaf(row.leaf).accept_time_ms for row in await house.store.entries(0, 9)}
        assert len(times) == 1


async def test_question_when_repeated_by_the_carrier_then_she_is_asked_once():
    async with open_house() as house:
        instruction = house.instruction(ASK)
        first = await house.registry.submit(replace(TELECOM, party="mobile"), instruction)
        again = await house.registry.submit(replace(TELECOM, party="mobile"), instruction)
        assert (again.replayed, again.verdict) == (True, first.verdict)
        assert await templates(house, "telecom") == ["guardian_asked"]


async def test_question_when_asked_of_a_number_never_heard_of_then_its_carrier_is_no_more_settled_than_before():
    async with open_house() as house:
        await house.submit(ASK)
        # Her number was ported before the registry began: the carrier that serves her claims it with her first order.
        outcome = await house.submit(Cancel(), number=MOTHER, carrier="unicom")
        assert outcome.view.subscriber.carrier == "unicom"
        assert outcome.view.subscriber.ties.question(NOON_MS) is not None


@pytest.mark.parametrize("caller", ["mobile", "telecom", "institute"])
async def test_ties_when_looked_at_then_the_wards_own_carrier_alone_sees_them(caller):
    async with open_house() as house:
        await agreed(house)
        who = {"institute": INSTITUTE, "telecom": TELECOM, "mobile": replace(TELECOM, party="mobile")}[caller]
        head = await house.store.head()
        watched = await anext(house.registry.watch(who, 0))
        snapshot = [part async for part in house.registry.snapshot(who, head.size)]
        page = await house.registry.list(who, carrier="", state=None, page_token="", page_size=100)
        shown = [*watched.views, *(view for part in snapshot for view in part.views), *page.views]
        hers = [view.subscriber for view in shown if view.subscriber.number == MOTHER]
        assert len(hers) == (0 if caller == "mobile" else 3)
        assert {bool(holder.ties.guardians) for holder in hers} <= {caller == "telecom"}
        if caller == "institute":
            assert all(view.subscriber.ties == NO_TIES for view in shown)


async def test_guardian_when_acting_then_the_outcome_and_the_entry_tell_nothing_of_the_ward():
    async with open_house() as house:
        await mother(house, Open(), channel=Channel.HOTLINE)
        await mother(house, EditList(allow=False, add=(NUISANCE,)))
        await agreed(house, AskGuardian(MOTHER, GuardianScope.SETTINGS))
        first = await house.submit(ActForWard(MOTHER, EditList(allow=False, remove=(NUISANCE,))))
        second = await house.submit(ActForWard(MOTHER, EditList(allow=False, remove=(NUISANCE,))))
        assert first.verdict == second.verdict
        assert first.verdict.items == ()
        assert {one.view.subscriber.number for one in (first, second)} == {OWN}
        assert (await state_of(house, MOTHER)).voice.preferences.reject_list == ()


async def test_guardian_when_the_wards_platform_enforces_then_the_order_goes_there_as_for_her_own_change():
    async with open_house() as house:
        house.capabilities.put(
            Capabilities("telecom", "1", Enforcement.PLATFORM, templates=frozenset({"guardian_asked"}))
        )
        await agreed(house)
        await house.submit(ELDER)
        opened, changed = await orders_of(house, "telecom")
        assert opened.subscriber.voice.state is EnrolmentState.OPEN
        assert changed.subscriber.voice.preferences.refused_categories
        assert not await orders_of(house, "mobile")


async def test_guardianship_when_its_time_is_over_then_both_are_told_by_the_clock_alone():
    async with open_house() as house:
        await agreed(house, AskGuardian(MOTHER, GuardianScope.PRESETS, NOON_MS + 10 * DAY_S * 1000))
        house.clock.advance(10 * DAY_S)
        assert (await house.submit(ELDER)).verdict.reason is Reason.NOT_GUARDIAN
        while await house.timers.ring():
            pass
        assert (await state_of(house)).ties.wards == ()
        assert (await state_of(house, MOTHER)).ties.guardians == ()
        assert [one.parameters["cause"] for one in (await house.notices("telecom"))[-1:]] == ["expired"]
        assert (await house.notices("mobile"))[-1].parameters == {"ward": MOTHER, "cause": "expired"}
        await replay(house)


async def test_question_when_unanswered_then_the_asker_alone_hears_and_she_is_left_in_peace():
    async with open_house() as house:
        await house.submit(ASK)
        house.clock.advance(DAY_S)
        assert (await mother(house, Confirm())).verdict.reason is Reason.NOTHING_PENDING
        while await house.timers.ring():
            pass
        assert await templates(house, "telecom") == ["guardian_asked", "refused"]
        assert (await house.notices("mobile"))[-1].parameters["cause"] == "unanswered"
        assert (await state_of(house, MOTHER)).ties.guardians == ()


async def test_question_when_she_opens_by_herself_then_her_word_opens_and_makes_nobody_guardian():
    """The ward is China Mobile's here, where opening by text waits for a second word."""
    async with open_house() as house:
        await mother(house, AskGuardian(OWN, GuardianScope.PRESETS))
        assert (await house.submit(Open())).verdict.disposition is Disposition.NEEDS_CONFIRMATION
        await house.submit(Confirm())
        state = await state_of(house)
        assert (state.voice.state, state.ties.guardians) == (EnrolmentState.OPEN, ())
        await house.timers.ring()
        assert (await house.notices("telecom"))[-1].parameters["cause"] == "unanswered"


async def test_question_when_she_waits_for_her_own_opening_then_it_is_not_put():
    async with open_house() as house:
        await house.submit(Open())
        outcome = await mother(house, AskGuardian(OWN, GuardianScope.PRESETS))
        assert outcome.verdict.reason is Reason.WARD_NOT_ASKABLE
        assert await templates(house, "mobile") == ["confirm_open"]
        (_, second) = await house.payloads()
        assert second["kind"] == "instruction"


async def test_ward_when_her_number_is_ported_then_her_guardian_goes_along_and_alerts_come_through_the_new_carrier():
    async with open_house() as house:
        await agreed(house)
        await report(house, K.PORTED_IN, "unicom", number=MOTHER, counterpart="telecom")
        assert (await house.submit(ELDER)).verdict.disposition is Disposition.DONE
        assert await templates(house, "unicom") == ["ported", "guardian_changed"]


@pytest.mark.parametrize("leaves", [MOTHER, OWN], ids=["the ward's", "the guardian's"])
async def test_number_when_closed_then_the_other_side_is_told_and_the_next_holder_is_tied_to_nobody(leaves):
    async with open_house() as house:
        carrier, other = ("telecom", "mobile") if leaves == MOTHER else ("mobile", "telecom")
        await agreed(house)
        await report(house, K.CLOSED, carrier, number=leaves)
        while await house.timers.ring():
            pass
        assert (await state_of(house)).ties.wards == ()
        assert (await state_of(house, MOTHER)).ties.guardians == ()
        assert (await house.notices(other))[-1].parameters["cause"] == "gone"
        house.clock.advance(91 * DAY_S)
        await report(house, K.REASSIGNED, carrier, number=leaves)
        assert (await house.submit(ELDER)).verdict.reason is Reason.NOT_GUARDIAN
        await replay(house)


async def test_guardian_when_the_number_is_reassigned_and_nobody_was_told_yet_then_the_new_holder_is_refused():
    async with open_house() as house:
        await report(house, K.BASELINE, counterpart="mobile", effective_ms=NOON_MS - 400 * DAY_S * 1000)
        await agreed(house)
        await report(house, K.REASSIGNED, "mobile")
        (guardian,) = (await state_of(house, MOTHER)).ties.guardians
        assert guardian.state is GuardianState.ACTIVE
        assert (await house.submit(ELDER)).verdict.reason is Reason.NOT_GUARDIAN


async def test_news_when_the_guardians_number_went_to_somebody_else_then_the_new_holder_hears_nothing():
    async with open_house() as house:
        await report(house, K.BASELINE, counterpart="mobile", effective_ms=NOON_MS - 400 * DAY_S * 1000)
        await house.submit(ASK)
        await mother(house, Confirm())
        await report(house, K.REASSIGNED, "mobile")
        while await house.timers.ring():
            pass
        state = await state_of(house)
        assert (state.epoch, state.ties) == (2, NO_TIES)
        assert await templates(house, "mobile") == ["ward_asked"]


async def test_refused_act_when_recorded_then_the_ward_has_no_entry_of_it():
    async with open_house() as house:
        await mother(house, Query())
        await house.submit(ELDER)
        assert [payload["kind"] for payload in await house.payloads()] == ["instruction", "instruction"]
        rows = await house.store.entries(0, 9)
        assert decode_leaf(rows[1].leaf).type is LeafType.CHANGE
        assert not [row for row in await rows_of(house, REGISTRY) if row.index == 1]
