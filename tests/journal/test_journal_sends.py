"""Sending: N, S, R and D of the contract, on every engine."""

from __future__ import annotations

import pytest

from adapters.journal.base import Journal
from adapters.journal.rows import Origin, Progress, Prompt, ReportMatch
from tests.journal.engines import (
    ACCOUNT,
    HOUR,
    NUMBER,
    OTHER,
    T0,
    Engine,
    make_msg_id,
    make_notice,
    make_report,
    part,
)

ID = make_msg_id(1)


async def told(journal: Journal) -> list[tuple[str, Progress, str]]:
    return [(owed.notice_id, owed.progress, owed.code) for owed in await journal.deliveries(100)]


async def claim_keys(journal: Journal, now_ms: int = T0, account: str = ACCOUNT) -> list[tuple[str, int]]:
    return [(send.key.notice_id, send.key.part) for send in await journal.claim(account, 100, now_ms)]


async def test_notice_when_added_then_its_parts_are_claimed_once_as_they_were_given(journal: Journal) -> None:
    notice = make_notice(parts=2)
    assert await journal.add_notice(notice) == (2, True)
    sends = await journal.claim(ACCOUNT, 10, T0)
    assert [(send.key.part, send.parts, send.attempt) for send in sends] == [(1, 2, 1), (2, 2, 1)]
    assert {(send.number, send.link_tag) for send in sends} == {(NUMBER, b"LINK-1")}
    assert tuple(send.body for send in sends) == notice.bodies
    assert await journal.claim(ACCOUNT, 10, T0 + HOUR) == []


async def test_notice_when_added_twice_then_the_first_stands(journal: Journal) -> None:
    await journal.add_notice(make_notice(parts=2))
    assert await journal.add_notice(make_notice(parts=3, number=OTHER)) == (2, False)
    assert {send.number for send in await journal.claim(ACCOUNT, 10, T0)} == {NUMBER}


async def test_claim_when_limited_then_oldest_first_and_parts_in_order(journal: Journal) -> None:
    for name in ("n-9", "n-1", "n-5"):
        await journal.add_notice(make_notice(name, parts=2))
    assert [(s.key.notice_id, s.key.part) for s in await journal.claim(ACCOUNT, 3, T0)] == [
        ("n-9", 1),
        ("n-9", 2),
        ("n-1", 1),
    ]
    assert await claim_keys(journal) == [("n-1", 2), ("n-5", 1), ("n-5", 2)]


async def test_claim_when_a_notice_names_an_account_then_only_that_one_gets_it(journal: Journal) -> None:
    await journal.add_notice(make_notice("n-1", account="777777"))
    await journal.add_notice(make_notice("n-2"))
    assert await claim_keys(journal) == [("n-2", 1)]
    assert await claim_keys(journal, account="777777") == [("n-1", 1)]


async def test_recover_when_an_account_is_gone_then_its_parts_go_anywhere(journal: Journal) -> None:
    await journal.add_notice(make_notice(account="777777"))
    await journal.recover([ACCOUNT], T0)
    assert await claim_keys(journal) == [("n-1", 1)]


async def test_give_back_when_a_part_never_left_then_it_is_claimed_again_as_the_same_attempt(journal: Journal) -> None:
    await journal.add_notice(make_notice())
    for _ in range(10):
        [send] = await journal.claim(ACCOUNT, 10, T0)
        assert send.attempt == 1
        await journal.give_back(send.key)


async def test_lose_when_no_report_comes_then_the_part_is_sent_again_after_the_grace(journal: Journal) -> None:
    await journal.add_notice(make_notice())
    await journal.claim(ACCOUNT, 10, T0)
    await journal.lose(part(), 7, T0 + 10)
    assert await claim_keys(journal, T0 + 1_009) == []
    [send] = await journal.claim(ACCOUNT, 10, T0 + 1_010)
    assert send.attempt == 2


async def test_lose_when_a_report_came_without_an_answer_then_it_decides_and_nothing_is_sent(journal: Journal) -> None:
    await journal.add_notice(make_notice())
    await journal.claim(ACCOUNT, 10, T0)
    assert await journal.take_report(make_report(ID), T0 + 5) is ReportMatch.PARKED
    await journal.lose(part(), 7, T0 + 10)
    assert await claim_keys(journal, T0 + 1_010) == []
    assert await told(journal) == [("n-1", Progress.DELIVERED, "DELIVRD")]


@pytest.mark.parametrize(
    ("number", "arrived_ms"), [(OTHER, T0 + 5), (NUMBER, T0 - 1)], ids=["another-number", "before-it-was-sent"]
)
async def test_lose_when_the_parked_report_is_not_its_own_then_it_is_sent_again(
    journal: Journal, number: str, arrived_ms: int
) -> None:
    await journal.take_report(make_report(ID, number), arrived_ms)
    await journal.add_notice(make_notice())
    await journal.claim(ACCOUNT, 10, T0)
    await journal.lose(part(), 7, T0 + 10)
    assert await claim_keys(journal, T0 + 1_010) == [("n-1", 1)]


async def test_claim_when_attempts_are_used_up_then_unknown_and_told(journal: Journal) -> None:
    await journal.add_notice(make_notice())
    now_ms = T0
    for attempt in (1, 2, 3):
        [send] = await journal.claim(ACCOUNT, 10, now_ms)
        assert send.attempt == attempt
        await journal.lose(part(), attempt, now_ms)
        now_ms += 2_000
    assert await claim_keys(journal, now_ms) == []
    assert await told(journal) == [("n-1", Progress.UNKNOWN, "")]


async def test_notice_when_expired_before_it_was_sent_then_failed_as_expired(journal: Journal) -> None:
    await journal.add_notice(make_notice(parts=2, expire_ms=T0 + 10))
    assert await claim_keys(journal, T0 + 10) == []
    await journal.sweep(T0 + 9)
    assert await told(journal) == []
    await journal.sweep(T0 + 10)
    assert await told(journal) == [("n-1", Progress.FAILED, "EXPIRED")]


async def test_notice_when_expired_while_its_answer_is_lost_then_unknown_not_failed(journal: Journal) -> None:
    await journal.add_notice(make_notice(expire_ms=T0 + 500))
    await journal.claim(ACCOUNT, 10, T0)
    await journal.lose(part(), 1, T0 + 10)
    await journal.sweep(T0 + 2_000)
    assert await claim_keys(journal, T0 + 2_000) == []
    assert await told(journal) == [("n-1", Progress.UNKNOWN, "")]


async def test_refuse_when_one_part_fails_then_the_queued_ones_fail_with_it(journal: Journal) -> None:
    await journal.add_notice(make_notice(parts=3))
    await journal.claim(ACCOUNT, 1, T0)
    await journal.refuse(part(1), 1, "RESULT:13", T0)
    assert await claim_keys(journal) == []
    assert await told(journal) == [("n-1", Progress.FAILED, "RESULT:13")]


async def test_notice_when_accepted_and_delivered_then_told_once_each(journal: Journal) -> None:
    await journal.add_notice(make_notice(parts=2))
    await journal.claim(ACCOUNT, 10, T0)
    await journal.accept(part(1), ACCOUNT, 1, make_msg_id(1), T0)
    assert await told(journal) == []
    await journal.accept(part(2), ACCOUNT, 2, make_msg_id(2), T0)
    assert await told(journal) == [("n-1", Progress.SENT, "")]
    for serial in (2, 1, 1, 2):
        await journal.take_report(make_report(make_msg_id(serial)), T0 + 50)
    owed = await journal.deliveries(10)
    assert [(row.report_id, row.progress, row.parts) for row in owed] == [
        ("n-1/sent", Progress.SENT, 2),
        ("n-1/delivered", Progress.DELIVERED, 2),
    ]


async def test_report_when_it_comes_before_the_answer_then_applied_by_the_answer(journal: Journal) -> None:
    await journal.add_notice(make_notice())
    await journal.claim(ACCOUNT, 10, T0)
    assert await journal.take_report(make_report(ID), T0) is ReportMatch.PARKED
    assert await journal.take_report(make_report(ID), T0) is ReportMatch.REPEATED
    await journal.accept(part(), ACCOUNT, 1, ID, T0 + 1)
    assert await told(journal) == [("n-1", Progress.DELIVERED, "DELIVRD")]
    assert (await journal.backlog()).parked == 0


async def test_report_when_it_contradicts_an_earlier_one_then_the_first_stands(journal: Journal) -> None:
    await journal.add_notice(make_notice())
    await journal.claim(ACCOUNT, 10, T0)
    await journal.accept(part(), ACCOUNT, 1, ID, T0)
    failed = make_report(ID, delivered=False, code="MK:0012")
    assert await journal.take_report(failed, T0 + 1) is ReportMatch.APPLIED
    assert await journal.take_report(make_report(ID), T0 + 2) is ReportMatch.REPEATED
    assert (await told(journal))[-1] == ("n-1", Progress.FAILED, "MK:0012")


async def test_report_when_parked_for_48_hours_then_dropped(journal: Journal) -> None:
    await journal.take_report(make_report(ID), T0)
    await journal.sweep(T0 + 48 * HOUR - 1)
    assert (await journal.backlog()).parked == 1
    await journal.sweep(T0 + 48 * HOUR)
    assert (await journal.backlog()).parked == 0


async def test_accepted_part_when_never_reported_then_unknown_after_48_hours(journal: Journal) -> None:
    await journal.add_notice(make_notice())
    await journal.claim(ACCOUNT, 10, T0)
    await journal.accept(part(), ACCOUNT, 1, ID, T0)
    await journal.sweep(T0 + 48 * HOUR)
    assert [row.progress for row in await journal.deliveries(10)] == [Progress.SENT, Progress.UNKNOWN]


async def test_give_up_when_a_late_report_comes_then_it_still_decides(journal: Journal) -> None:
    await journal.add_notice(make_notice())
    await journal.claim(ACCOUNT, 10, T0)
    await journal.give_up(part(), 1, T0 + 180_000)
    assert await told(journal) == [("n-1", Progress.UNKNOWN, "")]
    await journal.take_report(make_report(ID), T0 + HOUR)
    await journal.sweep(T0 + HOUR + 1)
    assert [row.progress for row in await journal.deliveries(10)] == [Progress.UNKNOWN, Progress.DELIVERED]
    assert await claim_keys(journal, T0 + 2 * HOUR) == []


async def test_local_notice_when_delivered_then_nobody_is_owed(journal: Journal) -> None:
    await journal.add_notice(make_notice(origin=Origin.LOCAL))
    await journal.claim(ACCOUNT, 10, T0)
    await journal.accept(part(), ACCOUNT, 1, ID, T0)
    await journal.take_report(make_report(ID), T0)
    assert await told(journal) == []


async def test_deliveries_when_dropped_then_gone_and_never_owed_again(journal: Journal) -> None:
    await journal.add_notice(make_notice())
    await journal.claim(ACCOUNT, 10, T0)
    await journal.accept(part(), ACCOUNT, 1, ID, T0)
    await journal.drop_deliveries(["n-1/sent"])
    await journal.accept(part(), ACCOUNT, 1, ID, T0)
    assert await told(journal) == []


async def test_steps_on_a_part_that_does_not_exist_then_nothing_happens(journal: Journal) -> None:
    key = part(1, "n-404")
    await journal.give_back(key)
    await journal.lose(key, 1, T0)
    await journal.accept(key, ACCOUNT, 1, ID, T0)
    await journal.refuse(key, 1, "X", T0)
    await journal.give_up(key, 1, T0)
    assert await told(journal) == []


async def test_kill_at_every_step_when_reopened_then_nothing_is_lost_or_doubled(engine: Engine) -> None:
    journal = engine.open()
    await journal.add_notice(make_notice(), Prompt(NUMBER, T0 + HOUR, "2026-1", b"d" * 32))
    journal = engine.kill_and_open(journal)
    assert await journal.add_notice(make_notice()) == (1, False)
    assert await journal.find_prompt(NUMBER, T0) is not None

    [send] = await journal.claim(ACCOUNT, 10, T0)
    journal = engine.kill_and_open(journal)
    assert await claim_keys(journal, T0 + 10 * HOUR) == []
    assert await journal.recover([ACCOUNT], T0 + 100) == 1
    assert await claim_keys(journal, T0 + 1_099) == []
    [again] = await journal.claim(ACCOUNT, 10, T0 + 1_100)
    assert (again.body, again.number, again.attempt) == (send.body, send.number, 2)

    await journal.accept(part(), ACCOUNT, 1, ID, T0 + 1_200)
    journal = engine.kill_and_open(journal)
    assert await journal.recover([ACCOUNT], T0 + 1_300) == 0
    assert await claim_keys(journal, T0 + 2 * HOUR) == []
    assert await told(journal) == [("n-1", Progress.SENT, "")]

    await journal.take_report(make_report(ID), T0 + 2_000)
    journal = engine.kill_and_open(journal)
    assert [row.report_id for row in await journal.deliveries(10)] == ["n-1/sent", "n-1/delivered"]
    await journal.drop_deliveries(["n-1/sent", "n-1/delivered"])
    journal = engine.kill_and_open(journal)
    assert await journal.deliveries(10) == []
    assert await journal.take_report(make_report(ID), T0 + 3_000) is ReportMatch.REPEATED


async def test_kill_after_a_parked_report_when_reopened_then_it_answers_for_the_lost_response(engine: Engine) -> None:
    journal = engine.open()
    await journal.add_notice(make_notice())
    await journal.claim(ACCOUNT, 10, T0)
    await journal.take_report(make_report(ID), T0 + 5)
    journal = engine.kill_and_open(journal)
    await journal.recover([ACCOUNT], T0 + 10)
    assert await claim_keys(journal, T0 + 5_000) == []
    assert await told(journal) == [("n-1", Progress.DELIVERED, "DELIVRD")]
