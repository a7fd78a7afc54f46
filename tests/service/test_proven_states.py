"""What the registry proves of a number at any time is what a naive fold of its log gives, whoever held the number."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.domain.errors import RefusedError
from gateway.domain.instruction import Cancel, Channel, Erase, Open, Query, SetRefusedCategories
from gateway.domain.preferences import Preferences
from gateway.service.audit import AuditService, LogRooms
from gateway.service.mapper import _Desk
from gateway.store.rows import EntryRow
from gateway.tlog.asof import Answer, decode_as_of, verify_as_of
from gateway.tlog.leaf import LeafType, decode_leaf
from optout.kit.number import PhoneNumber
from tests.domain.samples import FRIEND, OWN
from tests.service.house import INSTITUTE, LOG_KEY, House, open_house
from tests.service.life import DAY_S, K, report, tell

CASE = "MIIT-2026/0173"
KEEP_S = 184 * DAY_S
"""Longer than anything of a former holder is kept, and than a number is frozen."""


class NearMapper(_Desk):
    """The map in the test's own process: a process for each example would cost a second."""

    def __init__(self, bits: int) -> None:
        super().__init__(bits)
        self.bits = bits

    def close(self) -> None:
        """Nothing is held."""


@dataclass(frozen=True)
class Stood:
    """What stood for a number: an answer and, if there is one, the state."""

    answer: Answer
    after: Any = None


class NaiveLog:
    """All entries with their openings, read from the first to the last for every question."""

    def __init__(self, house: House, rows: list[EntryRow]) -> None:
        self._house = house
        self._entries = [(decode_leaf(row.leaf), row.label.hex(), house.recorder.open(row) or {}) for row in rows]
        self._erased = {payload["label"] for _, _, payload in self._entries if payload.get("kind") == "erase"}
        self.times_ms = [leaf.accept_time_ms for leaf, _, _ in self._entries]

    def ask(self, number: PhoneNumber, time_ms: int) -> Stood:
        """Of the latest holder of whom something was written by then, the last state that was."""
        last = max(at for at, (leaf, _, _) in enumerate(self._entries) if leaf.type is LeafType.EPOCH)
        if self.times_ms[last] <= time_ms:
            return Stood(Answer.TOO_RECENT)
        stood = Stood(Answer.ABSENT)
        for epoch in range(1, 20):
            label = self._house.recorder.vault.label(number, epoch).hex()
            mine = [
                (leaf, payload)
                for leaf, whose, payload in self._entries[:last]
                if label in {whose, payload.get("label")}
            ]
            states = [p["after"] for leaf, p in mine if leaf.accept_time_ms <= time_ms and "after" in p]
            if mine and label in self._erased:
                stood = Stood(Answer.ERASED)
            elif states:
                stood = Stood(Answer.PRESENT, states[-1])
            elif mine and epoch == 1:
                stood = Stood(Answer.NONE_YET)
        return stood


@dataclass
class Archive:
    """A house whose log is signed, and what the institute is shown of it."""

    house: House
    rooms: LogRooms
    audit: AuditService

    async def log_epoch(self) -> None:
        await self.rooms.epochs.log_epoch()

    async def check(self) -> list[Answer]:
        """Ask about both numbers at every time at which anything was written, and beside it; gives the answers."""
        await self.rooms.signer.step()
        naive = NaiveLog(self.house, list(await self.house.store.entries(0, 10_000)))
        asked = sorted({0, *naive.times_ms, *(time_ms - 1 for time_ms in naive.times_ms)})
        answers = []
        for number in (OWN, FRIEND):
            for time_ms in asked:
                expected = naive.ask(number, time_ms)
                proof, _ = await self.audit.state(INSTITUTE, number, time_ms, CASE)
                shown = verify_as_of(decode_as_of(proof.encode()), LOG_KEY.verifier())
                after = None if shown.payload is None else shown.payload["after"]
                assert Stood(shown.answer, after) == expected
                answers.append(shown.answer)
        return answers


@asynccontextmanager
async def open_archive() -> AsyncIterator[Archive]:
    with mock.patch("gateway.service.epoch.Mapper", NearMapper):
        async with open_house() as house:
            rooms = house.log_rooms()
            await rooms.signer.start()
            await rooms.epochs.load()
            try:
                yield Archive(house, rooms, AuditService(house.store, house.recorder, house.policies, rooms))
            finally:
                await rooms.epochs.close()


async def change_hands(house: House, number: PhoneNumber) -> None:
    house.clock.advance(100 * DAY_S)
    await report(house, K.REASSIGNED, number=number, counterpart="mobile")


async def move(house: House, number: PhoneNumber) -> None:
    await report(house, K.PORTED_IN, "telecom", number=number, counterpart="mobile")


async def report_late(house: House, number: PhoneNumber) -> None:
    """A carrier reports about the number's first holder, whoever has it now; refused if there was none."""
    if number == OWN:
        await tell(house, "mobile", 1, epoch=1)


async def wait_long(house: House, _: PhoneNumber) -> None:
    house.clock.advance(KEEP_S)
    await house.timers.ring()


STEPS = st.sampled_from(
    [
        Open(Preferences(refused_categories=("loan",))),
        SetRefusedCategories(refuse=("insurance",)),
        Query(),
        Cancel(),
        Erase(),
        change_hands,
        move,
        report_late,
        wait_long,
    ]
)


async def play(archive: Archive, step: Any, number: PhoneNumber) -> None:
    """A step, which may be refused; a wish goes to both carriers, as one of them serves the number."""
    if step == "epoch":
        await archive.log_epoch()
        return
    for carrier in ("mobile", "telecom"):
        with contextlib.suppress(RefusedError):
            if callable(step):
                await step(archive.house, number)
                return
            await archive.house.submit(step, number=number, channel=Channel.HALL, carrier=carrier)


OPEN, ERASE = Open(), Erase()
EPOCH = ("epoch", OWN, 1)


def moves(most: int) -> st.SearchStrategy[list[tuple[Any, PhoneNumber, int]]]:
    step = st.tuples(STEPS, st.sampled_from([OWN, FRIEND]), st.sampled_from([0, 1, DAY_S]))
    return st.lists(step | st.just(EPOCH), max_size=most)


@settings(max_examples=60)
@given(moves(14), moves(5))
@example([(OPEN, OWN, 1), (change_hands, OWN, 1), (OPEN, OWN, 1)], [])
@example([(OPEN, OWN, 1), (ERASE, OWN, 1), (wait_long, OWN, 1), (OPEN, OWN, 1)], [])
@example([(OPEN, FRIEND, 1)], [(OPEN, OWN, 1), (ERASE, OWN, 1), (wait_long, OWN, 1)])
async def test_states_when_asked_at_every_time_then_they_are_the_naive_fold_s(before, after) -> None:
    async with open_archive() as archive:
        for step, number, wait_s in [*before, EPOCH, *after]:
            await play(archive, step, number)
            archive.house.clock.advance(wait_s)
        await archive.check()


async def test_states_when_numbers_change_hands_and_holders_are_erased_then_every_answer_is_given() -> None:
    """That the law above is about something."""
    async with open_archive() as archive:
        answers: list[Answer] = []
        for step, number in ((OPEN, OWN), (change_hands, OWN), (OPEN, OWN), (ERASE, OWN), (OPEN, FRIEND)):
            await play(archive, step, number)
            archive.house.clock.advance(1)
            await archive.log_epoch()
            answers += await archive.check()
        await play(archive, wait_long, OWN)
        answers += await archive.check()
        assert set(answers) == set(Answer)
