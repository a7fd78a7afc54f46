"""Reports of calls: each an entry, none twice, no innocent number, told as chosen, and the log folds to the tally."""

from dataclasses import replace

import pytest

from gateway.domain.errors import Reason, RefusedError
from gateway.domain.instruction import Channel, ChooseNotices, Open, Query
from gateway.domain.interception import Interception, InterceptionAction
from gateway.domain.notice_rules import NO_TALLY, Fate, close_summary, read_tally, take_call, write_tally
from gateway.domain.policy import DecidingRule
from gateway.domain.preferences import InterceptionNotice, NoticeChoice
from gateway.service.interceptions import InterceptionBook, InterceptionReport
from gateway.service.reconcile import Reconciler
from gateway.service.roster import NATIONAL
from gateway.service.summaries import Summarised
from gateway.store.rows import NO_SUBJECT, OWN_QUEUE
from gateway.tlog.leaf import LeafType, decode_leaf
from gateway.tlog.opening import encode_payload
from optout.kit.redact import find_numbers
from tests.domain.samples import FRIEND, NUISANCE, OWN
from tests.service.house import (
    INSTITUTE,
    MOBILE,
    MOBILES_SCREENER,
    PLATFORM,
    ROSTER,
    SCREENER,
    TELECOM,
    TELECOMS_SCREENER,
    House,
    open_house,
)

A = InterceptionAction
EACH, DAILY, NONE = InterceptionNotice.EACH, InterceptionNotice.DAILY, InterceptionNotice.NONE


def told(house: House, id: str = "c1", action=A.REFUSED, called=OWN, caller=NUISANCE, **changes):  # noqa: A002
    rule = changes.pop("rule", DecidingRule.PERSONAL_REJECT)
    return InterceptionReport(id, Interception(action, called, caller, house.clock.now_ms(), rule, **changes), 1)


def book(house: House) -> InterceptionBook:
    roster = replace(ROSTER, screeners={**ROSTER.screeners, "other": NATIONAL})
    return InterceptionBook(house.store, house.recorder, house.policies, roster)


async def open_it(house: House, often=EACH, *, at_night=False) -> None:
    await house.submit(Open(), channel=Channel.HOTLINE)
    await house.submit(ChooseNotices(NoticeChoice(often, at_night)), channel=Channel.HOTLINE)


async def waiting(house: House):
    """The notices of calls that wait, with their due times."""
    orders = {order.id: order for order in await house.notices()}
    rows = await house.store.due("mobile", 2**62, 10_000)
    return [(row, orders[row.id]) for row in rows if row.id in orders and "intercepted" in orders[row.id].template]


async def test_call_when_refused_and_each_is_wanted_then_it_is_logged_and_told_at_once():
    async with open_house() as house:
        await open_it(house)
        reported = await book(house).take(SCREENER, told(house))
        assert (reported.revision, reported.fate) == (3, Fate.TOLD)
        ((row, notice),) = await waiting(house)
        assert (notice.template, notice.parameters["number"]) == ("intercepted", NUISANCE)
        assert row.due_ms == house.clock.now_ms()
        payload = (await house.payloads())[-1]
        assert (payload["kind"], payload["version"], payload["call"]["caller"]) == ("interception", 2, NUISANCE)
        entry = (await house.store.entries(2, 1))[0]
        assert decode_leaf(entry.leaf).type is LeafType.STATEMENT
        assert NUISANCE.encode() not in entry.sealed_opening


async def test_report_when_repeated_then_it_is_taken_in_once_and_other_content_is_refused():
    async with open_house() as house:
        await open_it(house)
        first = await book(house).take(SCREENER, told(house))
        again = await book(house).take(SCREENER, told(house))
        assert (again.revision, again.is_repeated, again.fate) == (first.revision, True, None)
        assert len(await waiting(house)) == 1
        for other in (told(house, caller=FRIEND), told(house, action=A.ASSISTANT), told(house, called=FRIEND)):
            with pytest.raises(RefusedError) as refusal:
                await book(house).take(SCREENER, other)
            assert refusal.value.reason is Reason.ID_REUSED
        assert not (await book(house).take(replace(SCREENER, party="other"), told(house))).is_repeated


async def test_call_when_its_caller_withheld_the_number_then_neither_notice_nor_log_holds_it():
    async with open_house() as house:
        await open_it(house)
        assert (await book(house).take(SCREENER, told(house, withheld=True))).fate is Fate.TOLD
        ((_, notice),) = await waiting(house)
        assert (notice.template, notice.parameters["number"], notice.parameters["withheld"]) == (
            "intercepted",
            "",
            "yes",
        )
        payload = (await house.payloads())[-1]
        assert payload["call"]["withheld"] is True
        assert NUISANCE not in str(payload)
        assert (await book(house).take(SCREENER, told(house, withheld=True))).is_repeated
        with pytest.raises(RefusedError) as refusal:
            await book(house).take(SCREENER, told(house))
        assert refusal.value.reason is Reason.ID_REUSED


@pytest.mark.parametrize("action", [A.CHALLENGE_PASSED, A.FAILED_OPEN])
async def test_call_that_rang_when_reported_then_the_callers_number_is_nowhere(action):
    async with open_house() as house:
        await open_it(house)
        reported = await book(house).take(SCREENER, told(house, action=action))
        assert reported.fate is None
        payload = (await house.payloads())[-1]
        assert "caller" not in payload["call"]
        assert NUISANCE not in str(payload)
        assert await waiting(house) == []
        if action is A.FAILED_OPEN:
            (entry,) = await house.store.entries(2, 1)
            assert entry.label == NO_SUBJECT
            assert not find_numbers(entry.sealed_opening.decode("utf-8", "replace"))


async def test_call_to_a_number_without_subscription_when_reported_then_it_is_counted_without_numbers():
    async with open_house() as house:
        reported = await book(house).take(SCREENER, told(house, rule=DecidingRule.SYSTEM_REJECT))
        assert reported.fate is Fate.UNREGISTERED
        (payload,) = await house.payloads()
        assert not find_numbers(str(payload["call"]))
        assert payload["call"]["rule"] == "system_reject"


@pytest.mark.parametrize(
    ("caller", "reason"),
    [
        (TELECOM, Reason.NOT_SERVED),
        (TELECOMS_SCREENER, Reason.NOT_SERVED),
        (replace(SCREENER, party="stranger"), Reason.ROLE_NOT_ALLOWED),
        (PLATFORM, Reason.ROLE_NOT_ALLOWED),
        (INSTITUTE, Reason.ROLE_NOT_ALLOWED),
    ],
)
async def test_report_when_the_party_may_not_then_it_is_refused(caller, reason):
    async with open_house() as house:
        await open_it(house)
        with pytest.raises(RefusedError) as refusal:
            await book(house).take(caller, told(house))
        assert refusal.value.reason is reason
        assert (await house.store.head()).size == 2


async def test_own_carrier_when_it_reports_then_the_entry_is_its_own():
    async with open_house() as house:
        await open_it(house)
        await book(house).take(MOBILE, told(house))
        (entry,) = await house.store.entries(2, 1)
        assert decode_leaf(entry.leaf).actor == house.policies.actor("mobile")


async def test_screener_of_one_carrier_when_it_reports_then_its_carriers_subscribers_alone():
    async with open_house() as house:
        await open_it(house)
        assert (await book(house).take(MOBILES_SCREENER, told(house))).fate is Fate.TOLD
        assert (await house.payloads())[-1]["call"]["reporter"] == "screener/edge-mobile"
        strange = await book(house).take(TELECOMS_SCREENER, told(house, called=FRIEND))
        assert strange.fate is Fate.UNREGISTERED


async def test_storm_when_each_is_wanted_then_five_texts_and_one_summary_in_the_evening():
    async with open_house() as house:
        await open_it(house)
        fates = [(await book(house).take(SCREENER, told(house, f"c{place}"))).fate for place in range(40)]
        assert (fates.count(Fate.TOLD), fates.count(Fate.FOLDED)) == (5, 35)
        assert len(await waiting(house)) == 5
        wakes = [row.id for row in await house.store.due(OWN_QUEUE, 2**62, 99)]
        assert len([wake for wake in wakes if wake.endswith("summary")]) == 1
        summaries: list[Summarised] = []
        work = Reconciler(
            house.store,
            house.recorder,
            house.policies,
            house.capabilities,
            house.clock,
            on_summary=summaries.append,
        )
        house.clock.advance(8 * 3600)
        await work.look()
        assert summaries == [Summarised(35, is_told=True)]
        _, notice = (await waiting(house))[-1]
        assert (notice.template, notice.parameters["count"]) == ("intercepted_daily", "35")
        house.clock.advance(24 * 3600)
        await work.look()
        assert len(summaries) == 1
        assert (await book(house).take(SCREENER, told(house, "next"))).fate is Fate.TOLD


async def test_summary_when_no_longer_wanted_then_it_is_closed_and_not_told():
    async with open_house() as house:
        await open_it(house, DAILY)
        await book(house).take(SCREENER, told(house))
        await house.submit(ChooseNotices(NoticeChoice(NONE)), channel=Channel.HOTLINE)
        summaries: list[Summarised] = []
        work = Reconciler(
            house.store,
            house.recorder,
            house.policies,
            house.capabilities,
            house.clock,
            on_summary=summaries.append,
        )
        house.clock.advance(8 * 3600)
        await work.look()
        assert summaries == [Summarised(1, is_told=False)]
        assert await waiting(house) == []


@pytest.mark.parametrize(("at_night", "hours"), [(False, 9), (True, 0)])
async def test_call_at_night_when_each_is_wanted_then_the_text_waits_unless_wanted_at_night(at_night, hours):
    async with open_house() as house:
        await open_it(house, at_night=at_night)
        house.clock.advance(11 * 3600)
        await book(house).take(SCREENER, told(house))
        ((row, _),) = await waiting(house)
        assert row.due_ms - house.clock.now_ms() == hours * 3_600_000
        assert row.expire_ms > row.due_ms


async def test_tally_when_other_entries_lie_between_then_it_is_found_and_after_a_week_forgotten():
    async with open_house() as house:
        await open_it(house)
        for place in range(5):
            await book(house).take(SCREENER, told(house, f"c{place}"))
            await house.submit(Query())
        assert (await book(house).take(SCREENER, told(house, "more"))).fate is Fate.FOLDED
        house.clock.advance(8 * 86_400)
        assert (await book(house).take(SCREENER, told(house, "later"))).fate is Fate.TOLD
        tally = read_tally((await house.payloads())[-1]["tally"])
        assert (tally.told, tally.folded) == (1, 0)


async def test_entries_when_folded_then_they_give_each_tally_and_the_state_is_untouched():
    async with open_house() as house:
        await open_it(house, DAILY)
        work = Reconciler(house.store, house.recorder, house.policies, house.capabilities, house.clock)
        for place in range(12):
            await book(house).take(SCREENER, told(house, f"c{place}", category="loan" if place % 2 else ""))
            house.clock.advance(3 * 3600)
            await work.look()
        choice, rules, tally = NoticeChoice(DAILY), house.policies.current.notices, NO_TALLY
        seen = 0
        for index, payload in enumerate(await house.payloads()):
            if "tally" not in payload:
                continue
            time_ms = decode_leaf((await house.store.entries(index, 1))[0].leaf).accept_time_ms
            if payload["kind"] == "summary":
                assert payload["calls"] == tally.folded
                tally = close_summary(tally)
            else:
                data = payload["call"]
                call = Interception(A(data["action"]), OWN, data["caller"], data["at"], DecidingRule(data["rule"]))
                tally, fate, _ = take_call(tally, replace(call, category=data["category"]), choice, rules, time_ms)
                assert payload["fate"] == fate.value
            assert encode_payload(write_tally(tally)) == encode_payload(payload["tally"])
            assert "after" not in payload
            seen += 1
        assert seen > 12
