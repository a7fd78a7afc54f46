"""One law for every history: the two engines never tell apart, and the gateway never hears less than before."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.journal import rules
from adapters.journal.base import Journal
from adapters.journal.memory import MemoryJournal
from adapters.journal.rows import SendState
from adapters.journal.rules import Step
from adapters.journal.sqlite import open_journal
from tests.journal.engines import ACCOUNT, KEY, NUMBER, OTHER, T0, WAITS, make_msg_id, make_notice, make_report, part

names = st.sampled_from(["n-1", "n-2"])
parts = st.integers(1, 2)
serials = st.integers(1, 4)
steps = st.one_of(
    st.tuples(st.just("add"), names, parts, st.sampled_from([NUMBER, OTHER])),
    st.tuples(st.just("claim"), st.integers(1, 3)),
    st.tuples(st.sampled_from(["give_back", "lose", "refuse", "give_up"]), names, parts),
    st.tuples(st.just("accept"), names, parts, serials),
    st.tuples(st.just("report"), serials, st.sampled_from([NUMBER, OTHER]), st.booleans()),
    st.tuples(st.just("sweep")),
    st.tuples(st.just("wait"), st.sampled_from([100, 5_000, 90_000_000])),
)


async def play(journal: Journal, step: tuple, now_ms: int) -> object:  # type: ignore[type-arg]
    match step:
        case ("add", name, count, number):
            return await journal.add_notice(make_notice(name, number, count, expire_ms=now_ms + 50_000_000))
        case ("claim", limit):
            return await journal.claim(ACCOUNT, limit, now_ms)
        case ("give_back", name, number):
            return await journal.give_back(part(number, name))
        case ("lose", name, number):
            return await journal.lose(part(number, name), 1, now_ms)
        case ("refuse", name, number):
            return await journal.refuse(part(number, name), 1, "RESULT:9", now_ms)
        case ("give_up", name, number):
            return await journal.give_up(part(number, name), 1, now_ms)
        case ("accept", name, number, serial):
            return await journal.accept(part(number, name), ACCOUNT, 1, make_msg_id(serial), now_ms)
        case ("report", serial, number, delivered):
            return await journal.take_report(make_report(make_msg_id(serial), number, delivered=delivered), now_ms)
        case _:
            return await journal.sweep(now_ms)


@settings(max_examples=40, deadline=None)
@given(st.lists(steps, max_size=25))
def test_history_when_played_on_both_engines_then_same_answers_and_growing_knowledge(history: list) -> None:  # type: ignore[type-arg]
    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            engines: list[Journal] = [
                MemoryJournal(WAITS),
                open_journal(Path(folder) / "journal.sqlite", KEY, WAITS, T0),
            ]
            now_ms = T0
            for step in history:
                now_ms += step[1] if step[0] == "wait" else 1
                first, second = [await play(journal, step, now_ms) for journal in engines]
                assert first == second
                assert await engines[0].backlog() == await engines[1].backlog()
            first_owed, second_owed = [await journal.deliveries(100) for journal in engines]
            assert first_owed == second_owed
            for name in ("n-1", "n-2"):
                heard = [row.progress for row in first_owed if row.notice_id == name]
                assert all(rules.is_news(*pair) for pair in zip([None, *heard], heard, strict=False))
            for journal in engines:
                await journal.close()

    asyncio.run(run())


@given(st.lists(st.sampled_from(list(Step))))
def test_part_when_final_then_nothing_moves_it(history: list[Step]) -> None:
    state = SendState.QUEUED
    for step in history:
        after = rules.advance(state, step) or state
        if state in (SendState.DELIVERED, SendState.FAILED):
            assert after is state
        if state is SendState.ACCEPTED:
            assert after is not SendState.QUEUED
        state = after
