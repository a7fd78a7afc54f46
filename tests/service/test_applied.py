"""Effects in the registry: reported, answered, repeated, out of order, overdue; each an entry, each told once."""

import asyncio
from dataclasses import dataclass, field, replace

import pytest

from gateway.domain.capability import Capabilities, Enforcement, ItemCapability
from gateway.domain.codec import read_subscriber
from gateway.domain.effects import SERVICE, EffectState
from gateway.domain.errors import Reason, RefusedError
from gateway.domain.instruction import (
    Channel,
    ChooseNotices,
    ExpectedEffect,
    Item,
    ItemKind,
    Open,
    Precondition,
    SetRefusedCategories,
)
from gateway.domain.knowledge import ReportedEffect
from gateway.domain.preferences import Medium, NoticeChoice
from gateway.service.applied import AppliedBook
from gateway.service.dispatch import CarrierCallError, CarrierDispatcher
from gateway.service.outbox import OutboxSealer
from gateway.service.reconcile import Overdue, Reconciler
from gateway.service.views import AppliedReport
from gateway.store.rows import OWN_QUEUE, OutboxKind, OutboxState
from gateway.tlog.leaf import LeafType, decode_leaf
from tests.domain.samples import FRIEND, OWN
from tests.service.house import MOBILE, PLATFORM, TELECOM, House, open_house

S = EffectState
DAY_S = 86_400
FULL = {kind: (ItemCapability(ExpectedEffect.FULL),) for kind in ItemKind}
DECLARED = Capabilities("mobile", "1", Enforcement.PLATFORM, FULL, effect_delay_s=DAY_S)
LOAN = Item(ItemKind.CATEGORY, "loan")
APPLIED = (ReportedEffect(SERVICE, S.APPLIED),)


def told(house: House, id: str = "r1", effects=APPLIED, **changes) -> AppliedReport:  # noqa: A002 - the field's name
    report = AppliedReport(id, OWN, Medium.VOICE, 1, effects, house.clock.now_ms())
    return replace(report, **changes)


async def leg_of(house: House):
    return (await house.registry.get(MOBILE, OWN, Medium.VOICE))[0].subscriber.voice


async def open_it(house: House) -> None:
    await house.submit(Open(), channel=Channel.HOTLINE)


async def test_opening_when_the_platform_reports_then_it_is_applied_logged_and_told_once():
    async with open_house(DECLARED) as house:
        await open_it(house)
        assert (await leg_of(house)).effects.word is S.ACCEPTED
        revisions = {await house.registry.report_applied(MOBILE, told(house)) for _ in range(3)}
        assert revisions == {2}
        assert (await leg_of(house)).effects.word is S.APPLIED
        assert [notice.template for notice in await house.notices()] == ["opened", "effect"]
        payload = (await house.payloads())[-1]
        assert (payload["kind"], payload["version"], payload["prev"]) == ("applied", 1, 0)
        assert read_subscriber(payload["after"]).voice == await leg_of(house)


async def test_report_when_it_teaches_nothing_then_it_is_an_entry_and_nobody_is_told():
    async with open_house(DECLARED) as house:
        await open_it(house)
        await house.registry.report_applied(MOBILE, told(house))
        assert await house.registry.report_applied(MOBILE, told(house, "r2")) == 3
        leaf = decode_leaf((await house.store.entries(2, 1))[0].leaf)
        assert leaf.type is LeafType.STATEMENT
        assert len(await house.notices()) == 2


async def test_report_when_an_id_comes_with_other_content_then_it_is_refused():
    async with open_house(DECLARED) as house:
        await open_it(house)
        await house.registry.report_applied(MOBILE, told(house))
        for other in (told(house, effects=(ReportedEffect(SERVICE, S.DEGRADED),)), told(house, number=FRIEND)):
            with pytest.raises(RefusedError) as refusal:
                await house.registry.report_applied(MOBILE, other)
            assert refusal.value.reason is Reason.ID_REUSED


async def test_report_when_it_is_about_a_version_before_a_change_then_the_change_is_still_awaited():
    async with open_house(DECLARED) as house:
        await open_it(house)
        await house.submit(SetRefusedCategories(refuse=("loan",)))
        await house.registry.report_applied(MOBILE, told(house, effects=(*APPLIED, ReportedEffect(LOAN, S.DEGRADED))))
        effects = (await leg_of(house)).effects
        assert (effects.service.state, effects.of(LOAN).state) == (S.APPLIED, S.ACCEPTED)
        await house.registry.report_applied(MOBILE, told(house, "r2", version=2))
        assert (await leg_of(house)).effects.word is S.APPLIED


@pytest.mark.parametrize(
    ("caller", "changes", "reason"),
    [
        (TELECOM, {}, Reason.NOT_SERVED),
        (TELECOM, {"switched_off": True}, Reason.NOT_SERVED),
        (PLATFORM, {}, Reason.ROLE_NOT_ALLOWED),
        (MOBILE, {"number": FRIEND}, Reason.NOT_FOUND),
        (MOBILE, {"version": 2}, Reason.INVALID_FIELD),
    ],
)
async def test_report_when_it_cannot_be_then_it_is_refused_and_nothing_is_written(caller, changes, reason):
    async with open_house(DECLARED) as house:
        await open_it(house)
        with pytest.raises(RefusedError) as refusal:
            await house.registry.report_applied(caller, told(house, **changes))
        assert refusal.value.reason is reason
        assert (await house.store.head()).size == 1


async def test_precondition_when_reported_then_it_stands_in_state_notice_and_later_outcomes():
    async with open_house(DECLARED) as house:
        await open_it(house)
        lacking = Precondition("VOLTE_OFF", "请发送KTVOLTE到10086开通VoLTE")
        await house.registry.report_applied(
            MOBILE, told(house, effects=(ReportedEffect(SERVICE, S.ACCEPTED, lacking),))
        )
        assert (await leg_of(house)).effects.service.precondition == lacking
        assert (await house.notices())[-1].parameters["precondition"] == "VOLTE_OFF"
        outcome = await house.submit(SetRefusedCategories(refuse=("loan",)), id="s1", channel=Channel.HOTLINE)
        assert outcome.verdict.items[0].precondition == lacking
        again = await house.submit(SetRefusedCategories(refuse=("loan",)), id="s1", channel=Channel.HOTLINE)
        assert again.verdict == outcome.verdict


# ------------------------------------------------------------------------------------------------ answers to orders


@dataclass
class Platform:
    """A carrier's adapter that answers orders with effects, and may lose answers."""

    effects: tuple[ReportedEffect, ...] = APPLIED
    lost: int = 0
    orders: list[str] = field(default_factory=list)

    async def capabilities(self) -> Capabilities:
        return DECLARED

    async def notify(self, order) -> None:
        return None

    async def apply(self, order) -> tuple[ReportedEffect, ...]:
        self.orders.append(order.id)
        if self.lost:
            self.lost -= 1
            raise CarrierCallError("LINK_DOWN", retryable=True)
        return self.effects


async def send_all(house: House, port: Platform) -> None:
    """One round over everything that is due; a link that says later is asked again."""
    applied = AppliedBook(house.store, house.recorder, house.policies)
    work = CarrierDispatcher("mobile", port, house.store, house.recorder, house.capabilities, applied, house.clock)
    for _ in range(port.lost + 1):
        try:
            await work.send(await house.store.due("mobile", house.clock.now_ms(), 100))
        except CarrierCallError:
            continue


async def test_order_when_answered_with_facts_then_they_are_recorded_and_told():
    async with open_house(DECLARED) as house:
        await open_it(house)
        await send_all(house, Platform())
        assert (await leg_of(house)).effects.word is S.APPLIED
        assert (await house.payloads())[-1]["report"]["order"].startswith("a-")
        assert [notice.template for notice in await house.notices()] == ["effect"]


async def test_order_when_applied_and_the_answer_was_lost_then_it_is_repeated_and_recorded_once():
    async with open_house(DECLARED) as house:
        await open_it(house)
        port = Platform(lost=2)
        await send_all(house, port)
        assert len(port.orders) == 3
        assert len(set(port.orders)) == 1
        assert [payload["kind"] for payload in await house.payloads()] == ["instruction", "applied"]


async def test_order_when_its_answer_was_recorded_but_not_that_it_was_sent_then_the_second_answer_changes_nothing():
    async with open_house(DECLARED) as house:
        await open_it(house)
        applied = AppliedBook(house.store, house.recorder, house.policies)
        (order,) = [row for row in await house.store.due("mobile", 2**50, 9) if row.kind is OutboxKind.APPLY]
        sealer = OutboxSealer(house.recorder.vault)
        for effects in (APPLIED, (ReportedEffect(SERVICE, S.DEGRADED),)):
            await applied.take_answer(sealer.open_apply(order), effects, house.clock.now_ms())
        assert (await house.store.head()).size == 2
        assert (await leg_of(house)).effects.word is S.APPLIED


async def test_order_when_its_answer_says_nothing_then_nothing_is_written():
    async with open_house(DECLARED) as house:
        await open_it(house)
        await send_all(house, Platform(effects=()))
        assert (await house.store.head()).size == 1


# ------------------------------------------------------------------------------------------------ overdue


def reconciler(house: House, alarms: list[Overdue]) -> Reconciler:
    return Reconciler(house.store, house.recorder, house.policies, house.capabilities, house.clock, alarms.append)


async def test_change_when_not_reported_in_time_then_overdue_alarmed_logged_and_told_once(caplog):
    async with open_house(DECLARED) as house:
        await open_it(house)
        alarms: list[Overdue] = []
        work = reconciler(house, alarms)
        house.clock.advance(DAY_S - 1)
        assert await work.look() == 0
        house.clock.advance(1)
        assert await work.look() == 1
        assert await work.look() == 0
        assert alarms == [Overdue("mobile", 1)]
        assert (await leg_of(house)).effects.word is S.OVERDUE
        payload = (await house.payloads())[-1]
        assert (payload["kind"], payload["overdue"]) == ("lapsed", ["service"])
        assert (await house.notices())[-1].parameters["overdue"] == "service"
        assert "effects overdue" in caplog.text
        assert OWN[3:] not in caplog.text


async def test_change_when_reported_in_time_then_its_wake_settles_and_writes_nothing():
    async with open_house(DECLARED) as house:
        await open_it(house)
        await house.registry.report_applied(MOBILE, told(house))
        alarms: list[Overdue] = []
        house.clock.advance(2 * DAY_S)
        assert await reconciler(house, alarms).look() == 1
        assert (alarms, (await house.store.head()).size) == ([], 2)
        assert [row.kind for row in await house.store.outbox(OutboxState.SETTLED, 9)] == [OutboxKind.WAKE]


async def test_later_change_when_the_earlier_was_reported_then_it_is_overdue_in_its_own_time():
    async with open_house(DECLARED) as house:
        await open_it(house)
        house.clock.advance(3600)
        await house.submit(SetRefusedCategories(refuse=("loan",)))
        await house.registry.report_applied(MOBILE, told(house))
        alarms: list[Overdue] = []
        work = reconciler(house, alarms)
        house.clock.advance(DAY_S - 3600)
        await work.look()
        assert alarms == []
        house.clock.advance(3600)
        await work.look()
        assert alarms == [Overdue("mobile", 1)]
        assert (await leg_of(house)).effects.of(LOAN).state is S.OVERDUE


@pytest.mark.parametrize("enforcement", Enforcement)
async def test_carrier_when_it_was_not_heard_before_the_change_then_the_change_is_carried_out_later(enforcement):
    async with open_house() as house:
        await open_it(house)
        work = reconciler(house, [])
        house.clock.advance(61)
        assert await work.look() == 1
        assert (await house.store.head()).size == 1
        house.capabilities.put(replace(DECLARED, enforcement=enforcement))
        house.clock.advance(61)
        assert await work.look() == 1
        asked = enforcement is Enforcement.PLATFORM
        assert (await leg_of(house)).effects.word is (S.ACCEPTED if asked else S.APPLIED)
        kinds = [row.kind for row in await house.store.due("mobile", 2**50, 9)]
        assert (OutboxKind.APPLY in kinds) is asked
        assert len(await house.store.due(OWN_QUEUE, 2**50, 9)) == asked


async def test_wakes_when_their_subject_was_erased_then_they_settle():
    async with open_house(DECLARED) as house:
        await open_it(house)
        house.recorder.vault.destroy((house.recorder.vault.label(OWN, 1),))
        house.clock.advance(DAY_S)
        work = reconciler(house, [])
        assert (await work.look(), await work.look()) == (1, 0)


async def test_reconciler_when_it_runs_then_it_waits_for_the_clock():
    async with open_house(DECLARED) as house:
        await open_it(house)
        alarms: list[Overdue] = []
        task = asyncio.ensure_future(reconciler(house, alarms).run())
        async with asyncio.timeout(30):
            while not alarms:
                await asyncio.sleep(0)
                house.clock.advance(3600)
        task.cancel()


@pytest.mark.parametrize(("at_night", "waits_h"), [(False, 9), (True, 0)])
async def test_effect_when_known_at_night_then_the_notice_waits_for_the_morning_unless_wanted(at_night, waits_h):
    async with open_house(DECLARED) as house:
        await open_it(house)
        await house.submit(ChooseNotices(NoticeChoice(at_night=at_night)), channel=Channel.HOTLINE)
        house.clock.advance(11 * 3600)  # 23:00
        await house.registry.report_applied(MOBILE, told(house))
        rows = [row for row in await house.store.due("mobile", 2**50, 9) if row.kind is OutboxKind.NOTIFY]
        assert rows[-1].due_ms - house.clock.now_ms() == waits_h * 3_600_000
