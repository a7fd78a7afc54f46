"""Screening: answers from memory. The index follows the log; no question touches the store."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.domain.decision import Answer, Question, screen
from gateway.domain.errors import Reason, RefusedError
from gateway.domain.policy import Policy
from gateway.domain.preferences import Medium
from gateway.domain.serving import check_served
from gateway.domain.subscription import Subscriber
from gateway.service.access import Caller, require_role, screened_carrier
from gateway.service.books import PolicyBook
from gateway.service.feed import Feed
from gateway.service.record import Recorder
from gateway.service.roster import DEVELOPMENT, Roster
from gateway.service.rules import catch_up
from gateway.service.views import FeedRange
from gateway.store.base import Store
from gateway.store.rows import Label
from optout.kit.identity import Role
from optout.kit.number import PhoneNumber

PAGE_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Call:
    """A question, and of a forwarded call the party originally called."""

    question: Question
    redirecting: PhoneNumber | None = None


@dataclass(frozen=True, slots=True)
class Screened:
    """An answer, the policy version it was found under and the revision it holds at."""

    answer: Answer
    policy_version: str
    revision: int


class SubscriberIndex:
    """Every subscriber by number, as of one revision."""

    def __init__(self) -> None:
        self._by_number: dict[PhoneNumber, Subscriber] = {}
        self._leaving: set[PhoneNumber] = set()
        self.revision = 0

    def find(self, number: PhoneNumber) -> Subscriber | None:
        """The number's present holder, if the registry knows one."""
        return self._by_number.get(number)

    def put(self, subscribers: Iterable[Subscriber]) -> None:
        """Take in rows; an older holder of a number never replaces a newer one, nor an older state a newer.

        A first holder of whom nothing was ever wished takes no room: a baseline holds a hundred million of those.
        """
        for row in subscribers:
            if row.epoch == 1 and row.is_blank:
                continue
            held = self._by_number.get(row.number)
            if held is None or (held.epoch, held.version) <= (row.epoch, row.version):
                self._by_number[row.number] = row
                if _leaves_at_ms(row) is not None:
                    self._leaving.add(row.number)

    def follow(self, feed_range: FeedRange) -> None:
        """Apply one range of the feed. ValueError if it does not join what the index has seen."""
        if feed_range.after_revision > self.revision:
            raise ValueError("the feed has a gap")
        self.put(view.subscriber for view in feed_range.views)
        if feed_range.erased:
            self._forget(feed_range.time_ms)
        self.revision = max(self.revision, feed_range.revision)

    def _forget(self, now_ms: int) -> None:
        """Drop those whose time was up when somebody was erased: nothing is refused for them, nor may they be known."""
        for number in tuple(self._leaving):
            row = self._by_number.get(number)
            leaves_ms = None if row is None else _leaves_at_ms(row)
            if leaves_ms is None or leaves_ms <= now_ms:
                self._leaving.discard(number)
            if leaves_ms is not None and leaves_ms <= now_ms:
                del self._by_number[number]


def _leaves_at_ms(row: Subscriber) -> int | None:
    """From when on a row is good for nothing: erased by then, or of a number closed for long."""
    return row.life.frozen_until_ms if row.erasure is None else row.erasure.erase_by_ms


class ScreeningService:
    """Answers questions about calls. Call ``load`` before the first and keep ``run`` running."""

    def __init__(self, store: Store, recorder: Recorder, policies: PolicyBook, roster: Roster = DEVELOPMENT) -> None:
        self._store = store
        self._recorder = recorder
        self._policies = policies
        self._roster = roster
        self._feed = Feed(store, recorder)
        self.index = SubscriberIndex()

    async def load(self) -> None:
        """Read every subscriber once. Rows read after the first page may be newer: the feed brings the rest."""
        after, revision = Label(b""), 0
        while True:
            rows, head = await self._store.subjects(carrier=None, state=None, after=after, limit=PAGE_ROWS)
            revision = revision or head.size
            self.index.put(self._recorder.read_state(row).state for row in rows)
            if len(rows) < PAGE_ROWS:
                break
            after = rows[-1].label
            await asyncio.sleep(0)
        self.index.revision = revision

    async def run(self) -> None:
        """Follow the log until cancelled."""
        async for feed_range in self._feed.follow(self.index.revision, None):
            if feed_range.touches_rules:
                await catch_up(self._store, self._recorder, self._policies)
            self.index.follow(feed_range)

    async def lag(self) -> int:
        """How many entries the index is behind the log."""
        return (await self._store.head()).size - self.index.revision

    def screen(self, caller: Caller, question: Question, redirecting: PhoneNumber | None) -> Screened:
        """Decide one call. Of a forwarded call the originally called party's wishes count.

        Raises RefusedError (ROLE_NOT_ALLOWED, NOT_SERVED).
        """
        require_role(caller, Role.SCREENER, Role.CARRIER, Role.PLATFORM)
        if caller.role is Role.PLATFORM:
            self._require_own_line(caller, question)
        elif (carrier := screened_carrier(caller, self._roster)) is not None:
            subscriber = self.index.find(redirecting or question.called)
            if subscriber is not None:
                check_served(subscriber.carrier, carrier)
        return self.decide(Call(question, redirecting), self._policies.current)

    def decide(self, call: Call, policy: Policy) -> Screened:
        """Decide one call under a policy, whoever asks."""
        subscriber = self.index.find(call.redirecting or call.question.called)
        leg = None if subscriber is None else subscriber.leg(Medium.VOICE)
        answer = screen(call.question, leg, policy, self._policies.lines)
        return Screened(answer, policy.version, self.index.revision)

    def _require_own_line(self, caller: Caller, question: Question) -> None:
        lines = () if question.caller is None else self._policies.lines.find(question.caller, question.time_ms)
        if all(line.holder != caller.party for line in lines):
            raise RefusedError(Reason.ROLE_NOT_ALLOWED, "a platform asks about calls from its own lines alone")
