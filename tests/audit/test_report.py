"""The report: what a small history comes to, what always balances, and that no number gets into it."""

from __future__ import annotations

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.capability import Capabilities, Enforcement
from gateway.domain.effects import SERVICE, EffectState
from gateway.domain.instruction import Cancel, Channel, Confirm, Open, Query, SetRefusedCategories
from gateway.domain.knowledge import ReportedEffect
from gateway.domain.number_life import NumberEvent, NumberEventKind
from gateway.domain.preferences import Medium
from gateway.service.applied import AppliedBook
from gateway.service.report import Heading, Report, Table, Told, day_of, write_csv, write_page
from gateway.service.views import AppliedReport
from gateway.tlog.leaf import decode_leaf
from tests.domain.samples import FRIEND, NOON_MS, OWN
from tests.service.house import OPERATOR, House, open_house

DAY_S = 24 * 3600
TODAY = day_of(NOON_MS)


async def told(house: House) -> list[Told]:
    rows = await house.store.entries(0, 100_000)
    return [Told(row.index, decode_leaf(row.leaf).accept_time_ms, house.recorder.open(row)) for row in rows]


def fold(entries: list[Told], since_ms: int = 0, until_ms: int | None = None, **listed: int) -> dict[str, Table]:
    report = Report(since_ms, until_ms)
    for entry in entries:
        report.take(entry)
    return {table.name: table for table in report.tables(listed or None)}


async def play(house: House) -> None:
    """Two subscribers: one opens at the hotline, refuses loans and moves; one confirms by SMS and cancels."""
    await house.submit(Open(), channel=Channel.HOTLINE)
    await house.submit(SetRefusedCategories(refuse=("loan",)), channel=Channel.HOTLINE)
    await house.submit(Open(), number=FRIEND)
    house.clock.advance(3.0)
    await house.submit(Confirm(), number=FRIEND)
    await house.submit(SetRefusedCategories(refuse=("astrology",)), number=FRIEND)
    house.clock.advance(DAY_S)
    await house.submit(Cancel(), number=FRIEND)
    await house.submit(Query())
    moved = NumberEvent("e1", NumberEventKind.PORTED_IN, OWN, house.clock.now_ms(), "", "telecom")
    await house.numbers.report_event(OPERATOR, moved)


async def test_report_when_folded_then_each_day_tells_what_was_on_by_carrier_channel_and_category() -> None:
    async with open_house() as house:
        await play(house)
        found = fold(await told(house))["subscriptions"]
        tomorrow = day_of(house.clock.now_ms())
        assert found.total("carrier", "channel", day=TODAY, category="*") == {
            ("mobile", "hotline"): 1,
            ("mobile", "sms"): 1,
        }
        assert found.total("carrier", "channel", day=tomorrow, category="*") == {("telecom", "hotline"): 1}
        assert found.total("carrier", day=tomorrow, category="loan") == {("telecom",): 1}


async def test_report_when_folded_then_requests_and_movements_have_their_causes() -> None:
    async with open_house() as house:
        await play(house)
        found = fold(await told(house))
        assert found["requests"].total("action", "reason", disposition="refused") == {
            ("set_categories", "UNKNOWN_CATEGORY"): 1
        }
        assert found["requests"].total("action", disposition="done", channel="sms")[("confirm",)] == 1
        assert found["movements"].total("cause", "carrier", "direction") == {
            ("confirm", "mobile", "came"): 1,
            ("cancel", "mobile", "went"): 1,
            ("open", "mobile", "came"): 1,
            ("ported_in", "mobile", "went"): 1,
            ("ported_in", "telecom", "came"): 1,
        }


async def test_report_when_a_time_is_asked_for_then_only_that_is_counted_and_what_was_on_before_is_known() -> None:
    async with open_house() as house:
        await play(house)
        entries = await told(house)
        since_ms = NOON_MS + DAY_S * 1000 - 60_000
        found = fold(entries, since_ms)
        assert found["requests"].total("action") == {("cancel",): 1, ("query",): 1}
        assert found["movements"].total("cause") == {("cancel",): 1, ("ported_in",): 2}
        assert set(found["balance"].total("holds", of="left")) == {("yes",)}
        early = fold(entries, until_ms=since_ms)
        assert early["movements"].total("direction") == {("came",): 2}


async def test_report_when_a_network_answers_later_then_the_time_to_effect_is_from_the_request() -> None:
    async with open_house(Capabilities("mobile", "1", Enforcement.PLATFORM)) as house:
        await house.submit(Open(), channel=Channel.HOTLINE)
        waiting = fold(await told(house))["times"]
        assert waiting.total("step") == {("accepted",): 1, ("awaited",): 1}
        house.clock.advance(90.0)
        book = AppliedBook(house.store, house.recorder, house.policies)
        effects = (ReportedEffect(SERVICE, EffectState.APPLIED),)
        await book.take("mobile", AppliedReport("r1", OWN, Medium.VOICE, 1, effects, house.clock.now_ms()))
        found = fold(await told(house))
        assert found["times"].total("step", of="p50_ms") == {("accepted",): 0, ("in_effect",): 90_000}
        assert found["effects"].total("effect") == {("applied",): 1}


async def test_report_when_the_registry_lists_another_number_then_the_balance_says_no() -> None:
    async with open_house() as house:
        await play(house)
        entries = await told(house)
        assert fold(entries, telecom=1)["balance"].total("equation", of="left", holds="no") == {}
        assert fold(entries, telecom=2)["balance"].total("equation", of="right", holds="no") == {
            ("on_now_is_what_the_registry_lists",): 2
        }


async def test_report_when_written_then_no_number_is_in_it_and_it_reads_back() -> None:
    async with open_house() as house:
        await play(house)
        tables = list(fold(await told(house)).values())
        heading = Heading("registry.example", 9, "00" * 32, TODAY, TODAY, TODAY, is_verified=False)
        page = write_page(heading, tables, {"mobile": "中国移动", "loan": "<贷款>"})
        files = [write_csv(table) for table in tables]
        for written in (page.encode(), *files):
            assert OWN.removeprefix("+86").encode() not in written
            assert FRIEND.removeprefix("+86").encode() not in written
        assert "&lt;贷款&gt;" in page
        assert "中国移动" in page
        assert "prove nothing" in page
        for table, data in zip(tables, files, strict=True):
            lines = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
            assert lines == [list(table.columns), *([str(cell) for cell in row] for row in table.rows)]


STEPS = st.lists(
    st.tuples(
        st.sampled_from([Open(), Confirm(), Cancel(), SetRefusedCategories(refuse=("loan", "insurance"))]),
        st.sampled_from([OWN, FRIEND]),
        st.sampled_from([Channel.SMS, Channel.HOTLINE]),
        st.sampled_from([0, 60, DAY_S]),
    ),
    max_size=25,
)


@given(STEPS)
async def test_report_when_any_history_is_folded_then_it_balances_with_what_the_registry_holds(steps) -> None:
    async with open_house() as house:
        for action, number, channel, wait_s in steps:
            await house.submit(action, number=number, channel=channel)
            house.clock.advance(wait_s)
        on = 0
        for number in (OWN, FRIEND):
            found = await house.store.number(house.recorder.vault.number_key(number))
            on += found is not None and house.recorder.read_state(found[1]).state.voice.refusing
        balance = fold(await told(house), mobile=on)["balance"]
        assert balance.total("equation", of="left", holds="no") == {}
