"""Prompts, segments, replies, orders and keeping: P, G, F, O and K1 of the contract, on every engine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.journal.base import Journal
from adapters.journal.errors import JournalClosedError
from adapters.journal.rows import Order, OrderVerdict, Place, Prompt, Retention, Segment
from tests.journal.engines import ACCOUNT, HOUR, NUMBER, OTHER, T0, Engine, make_msg_id, make_notice, make_report, part

DAY = 24 * HOUR
PROMPT = Prompt(NUMBER, T0 + HOUR, "2026-1", b"d" * 32, "n-1", "open")


async def test_prompt_when_open_then_found_until_it_expires(journal: Journal) -> None:
    await journal.add_notice(make_notice(), PROMPT)
    assert await journal.find_prompt(NUMBER, T0 + HOUR - 1) == PROMPT
    assert await journal.find_prompt(NUMBER, T0 + HOUR) is None
    assert await journal.find_prompt(OTHER, T0) is None


async def test_prompt_when_it_ran_out_then_a_late_answer_finds_it_for_a_week(engine: Engine) -> None:
    journal = engine.open()
    await journal.add_notice(make_notice(), PROMPT)
    assert await journal.find_late_prompt(NUMBER, T0 + HOUR - 1) is None
    last = T0 + HOUR + 7 * DAY - 1
    await journal.purge(Retention(), last)
    journal = engine.kill_and_open(journal)
    assert [await journal.find_late_prompt(NUMBER, ms) for ms in (T0 + HOUR, last, last + 1)] == [PROMPT, PROMPT, None]
    assert await journal.find_late_prompt(OTHER, T0 + HOUR) is None
    await journal.close_prompt(PROMPT)
    assert await journal.find_late_prompt(NUMBER, T0 + HOUR) is None


async def test_prompt_when_a_newer_one_is_sent_then_that_one_counts(journal: Journal) -> None:
    newer = Prompt(NUMBER, T0 + 2 * HOUR, "2026-2", b"e" * 32, "n-2", "closed")
    await journal.add_notice(make_notice("n-1"), PROMPT)
    await journal.add_notice(make_notice("n-2"), newer)
    assert await journal.find_prompt(NUMBER, T0 + HOUR) == newer
    await journal.close_prompt(PROMPT)
    assert await journal.find_prompt(NUMBER, T0 + HOUR) == newer


async def test_prompt_when_closed_then_gone(journal: Journal) -> None:
    await journal.add_notice(make_notice(), PROMPT)
    await journal.close_prompt(replace(PROMPT, number=OTHER))
    assert await journal.find_prompt(NUMBER, T0) == PROMPT
    await journal.close_prompt(PROMPT)
    assert await journal.find_prompt(NUMBER, T0) is None


async def test_segments_when_added_twice_then_stored_once_and_forgotten_by_group(engine: Engine) -> None:
    journal = engine.open()
    for group, index, body in [(b"a", 2, b"2"), (b"a", 2, b"other"), (b"b", 1, b"x"), (b"a", 1, b"1")]:
        await journal.add_segment(Segment(group, index, body, T0 + index))
    journal = engine.kill_and_open(journal)
    stored = await journal.segments()
    assert sorted((row.part, row.body) for row in stored) == [(1, b"1"), (1, b"x"), (2, b"2")]
    assert len({row.group for row in stored}) == 2
    await journal.drop_segments(b"a")
    assert [row.body for row in await journal.segments()] == [b"x"]


async def test_reply_when_kept_then_the_first_one_stays(engine: Engine) -> None:
    journal = engine.open()
    assert await journal.first_reply("serial-1") is None
    assert await journal.keep_reply("serial-1", b"first", T0) == b"first"
    assert await journal.keep_reply("serial-1", b"second", T0) == b"first"
    journal = engine.kill_and_open(journal)
    assert await journal.first_reply("serial-1") == b"first"
    assert await journal.first_reply("serial-2") is None


async def test_order_when_repeated_or_older_then_not_taken(journal: Journal) -> None:
    taken = [
        Order("o-1", NUMBER, 1, 5),
        Order("o-1", NUMBER, 1, 5),
        Order("o-2", NUMBER, 1, 4),
        Order("o-3", NUMBER, 1, 6),
        Order("o-4", OTHER, 1, 1),
        Order("o-5", NUMBER, 2, 1),
        Order("o-6", NUMBER, 1, 7),
    ]
    assert [await journal.take_order(order, T0) for order in taken] == [
        OrderVerdict.NEW,
        OrderVerdict.REPLAYED,
        OrderVerdict.STALE,
        OrderVerdict.NEW,
        OrderVerdict.NEW,
        OrderVerdict.NEW,
        OrderVerdict.STALE,
    ]


async def test_purge_when_a_notice_is_finished_and_taken_then_removed_after_its_retention(journal: Journal) -> None:
    await journal.add_notice(make_notice("n-1"))
    await journal.add_notice(make_notice("n-2", expire_ms=T0 + 90 * DAY))
    await journal.claim(ACCOUNT, 1, T0)
    await journal.accept(part(), ACCOUNT, 1, make_msg_id(1), T0)
    await journal.take_report(make_report(make_msg_id(1)), T0)
    assert await journal.purge(Retention(), T0 + 7 * DAY) == 0
    await journal.drop_deliveries(["n-1/sent", "n-1/delivered"])
    assert await journal.purge(Retention(), T0 + 7 * DAY - 1) == 0
    assert await journal.purge(Retention(), T0 + 7 * DAY) == 1
    assert await journal.add_notice(make_notice("n-1")) == (1, True)
    assert (await journal.backlog()).queued == 2


async def test_purge_when_things_are_old_then_removed_and_young_ones_stay(journal: Journal) -> None:
    await journal.add_notice(make_notice(), PROMPT)
    await journal.add_segment(Segment(b"a", 1, b"1", T0))
    await journal.keep_reply("serial", b"reply", T0)
    await journal.take_order(Order("o-1", NUMBER, 1, 5), T0)
    assert await journal.purge(Retention(), T0 + HOUR) == 0
    assert await journal.purge(Retention(), T0 + DAY) == 1
    assert await journal.purge(Retention(), T0 + HOUR + 7 * DAY - 1) == 0
    assert await journal.purge(Retention(), T0 + HOUR + 7 * DAY) == 1
    assert await journal.purge(Retention(), T0 + 30 * DAY) == 2
    assert await journal.first_reply("serial") is None
    assert await journal.take_order(Order("o-1", NUMBER, 1, 5), T0) is OrderVerdict.NEW


async def test_closed_journal_when_called_then_refuses(engine: Engine) -> None:
    journal = engine.open()
    await journal.close()
    with pytest.raises(JournalClosedError):
        await journal.backlog()


async def test_provision_when_orders_follow_each_other_then_only_a_subjects_newest_waits(engine: Engine) -> None:
    journal = engine.open()
    await journal.take_order(Order("o-1", NUMBER, 1, 5), T0, b"five")
    await journal.take_order(Order("o-2", OTHER, 1, 1), T0, b"other")
    await journal.take_order(Order("o-3", NUMBER, 1, 6), T0, b"six")
    await journal.take_order(Order("o-4", NUMBER, 1, 4), T0, b"stale")
    await journal.take_order(Order("o-3", NUMBER, 1, 6), T0, b"repeated")
    journal = engine.kill_and_open(journal)
    assert [(row.order_id, row.body) for row in await journal.provisions(10)] == [("o-2", b"other"), ("o-3", b"six")]
    assert [row.order_id for row in await journal.provisions(1)] == ["o-2"]
    await journal.drop_provision("o-1")
    await journal.drop_provision("o-2")
    assert await journal.purge(Retention(), T0 + 30 * DAY) == 2
    assert [(row.order_id, row.taken_ms) for row in await journal.provisions(10)] == [("o-3", T0)]
    assert await journal.take_order(Order("o-3", NUMBER, 1, 6), T0) is OrderVerdict.REPLAYED


async def test_place_when_moved_then_kept_over_a_kill(engine: Engine) -> None:
    journal = engine.open()
    assert await journal.place("platform") == Place()
    await journal.move_place("platform", Place("a1", 7))
    await journal.move_place("platform", Place("a1", 9))
    journal = engine.kill_and_open(journal)
    assert await journal.place("platform") == Place("a1", 9)
    assert await journal.place("other") == Place()
