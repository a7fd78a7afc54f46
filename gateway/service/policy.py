"""Publishing the rules: carriers declare lines; operators propose, approve, preview and roll back policies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from gateway.domain import publishing
from gateway.domain.errors import Reason, RefusedError
from gateway.domain.lines import Line, LineKey
from gateway.domain.policy import Policy
from gateway.domain.publication import Approved, Event, PolicyRecord, Proposed, Publications, Rollback
from gateway.domain.rules import RuleChange, Rules
from gateway.service.access import Caller, require_role
from gateway.service.books import PolicyBook
from gateway.service.line_units import LineUnit
from gateway.service.operator_keys import OperatorKeys
from gateway.service.record import Recorder
from gateway.service.roster import DEVELOPMENT, Roster
from gateway.service.rules import RuleUnit, catch_up
from gateway.service.screening import Call, Screened, ScreeningService
from gateway.store.base import Store, Unit
from optout.kit.clock import Clock, SystemClock
from optout.kit.identity import Identity, Role

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Difference:
    """A question of a sample, by its place, whose answer a policy would change."""

    index: int
    before: Screened
    after: Screened


@dataclass(frozen=True, slots=True)
class LinePage:
    """Lines, and the key behind which the next page begins; None at the end."""

    lines: tuple[Line, ...]
    next_key: LineKey | None


class PolicyService:
    """Use cases of the rules. Every method takes the caller and refuses what it may not do.

    Whatever changes the rules is decided in a unit of work, so that of two requests at once one comes first and the
    other sees what it did.
    """

    def __init__(
        self,
        store: Store,
        recorder: Recorder,
        book: PolicyBook,
        screening: ScreeningService,
        keys: OperatorKeys | None = None,
        clock: Clock | None = None,
        roster: Roster = DEVELOPMENT,
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._book = book
        self._screening = screening
        self._keys = keys or OperatorKeys()
        self._clock = clock or SystemClock()
        self._roster = roster

    async def propose(self, caller: Caller, policy: Policy, activation_ms: int, signature: str) -> PolicyRecord:
        """Propose a policy. Raises RefusedError (ROLE_NOT_ALLOWED, PROOF_REQUIRED, ID_REUSED, INVALID_POLICY)."""
        self._require_signer(caller)
        self._keys.check(caller.party, policy.digest, signature)
        wanted = Proposed(policy, caller.party, activation_ms, signature)
        state = await self._publish(lambda state, now_ms: publishing.propose(state, wanted, now_ms))
        return state.records[policy.version]

    async def approve(self, caller: Caller, version: str, digest: str, signature: str) -> PolicyRecord:
        """Approve what another operator proposed.

        What somebody proposed who has left the roster since wants another proposer.

        Raises RefusedError (ROLE_NOT_ALLOWED, PROOF_REQUIRED, NOT_FOUND, INVALID_FIELD, SECOND_SIGNER_REQUIRED).
        """
        self._require_signer(caller)
        self._keys.check(caller.party, digest, signature)
        wanted = Approved(version, caller.party, signature)

        def choose(state: Publications, now_ms: int) -> Event | None:
            event = publishing.approve(state, wanted, digest)
            if event is not None and not self._counts(state.records[version].signatures[0].party):
                raise RefusedError(Reason.SECOND_SIGNER_REQUIRED, "the proposer is on the roster no more")
            return event

        state = await self._publish(choose)
        return state.records[version]

    async def roll_back(self, caller: Caller, version: str, reason: str) -> PolicyRecord:
        """Leave the policy in force for the one before; returns the one in force then.

        Raises RefusedError (ROLE_NOT_ALLOWED, NOT_FOUND).
        """
        self._require_signer(caller)
        wanted = Rollback(version, caller.party, reason)
        state = await self._publish(lambda state, _: publishing.roll_back(state, wanted))
        return _in_force(state)

    def _require_signer(self, caller: Caller) -> None:
        require_role(caller, Role.OPERATOR)
        if not self._counts(caller.party):
            raise RefusedError(Reason.ROLE_NOT_ALLOWED, "no operator on the roster")

    def _counts(self, party: str) -> bool:
        return self._roster.knows(Identity(Role.OPERATOR, party))

    async def _publish(self, choose: Callable[[Publications, int], Event | None]) -> Publications:
        """Decide on the publications as they stand at the accept time; returns them as they stand after it."""

        def choose_changes(rules: Rules, now_ms: int) -> Sequence[RuleChange]:
            event = choose(rules.publications.at(now_ms), now_ms)
            return () if event is None else (event,)

        rules = await self._commit(RuleUnit(self._book, self._recorder, choose_changes))
        return rules.publications.at(self._clock.now_ms())

    async def declare(self, caller: Caller, request_id: str, line: Line, *, withdraw: bool) -> int:
        """Declare or withdraw one line of the calling carrier; returns the revision of its entry.

        Raises RefusedError (ROLE_NOT_ALLOWED, WRONG_CARRIER, ID_REUSED, NOT_FOUND and those of a line) and
        LineConflictError.
        """
        require_role(caller, Role.CARRIER)
        if line.carrier != caller.party:
            raise RefusedError(Reason.WRONG_CARRIER, "a carrier declares its own lines alone", field="line.carrier")
        return await self._commit(LineUnit(request_id, line, withdraw, self._book, self._recorder))

    async def _commit(self, unit: Unit[T]) -> T:
        result = await self._store.commit(unit)
        await catch_up(self._store, self._recorder, self._book)
        return result

    def get(self, version: str) -> PolicyRecord:
        """A policy by its version, or with no version the one in force. RefusedError (NOT_FOUND)."""
        state = self._publications()
        return _find(state, version) if version else _in_force(state)

    def history(self, before: int | None) -> Iterator[tuple[int, PolicyRecord]]:
        """Policies with their places among all, newest proposal first; only those before a place, if one is given."""
        records = list(self._publications().records.values())[:before]
        return zip(range(len(records) - 1, -1, -1), reversed(records), strict=True)

    def list_lines(self, holder: str, after: LineKey | None, limit: int) -> LinePage:
        """Lines that have not ended, in order of number. A number's lines are never parted between two pages."""
        now_ms = self._clock.now_ms()
        lines = (
            line for line in self._book.lines.after(after) if line.ends_after(now_ms) and holder in {"", line.holder}
        )
        page = list(islice(lines, limit))
        behind = next(lines, None)
        while behind is not None and behind.key == page[-1].key:
            page.append(behind)
            behind = next(lines, None)
        return LinePage(tuple(page), None if behind is None else page[-1].key)

    def preview(self, caller: Caller, version: str, sample: Sequence[Call]) -> list[Difference]:
        """Where the answers to a sample under this policy would differ from those of the one in force.

        Raises RefusedError (ROLE_NOT_ALLOWED, NOT_FOUND).
        """
        require_role(caller, Role.OPERATOR)
        state = self._publications()
        present, wanted = _in_force(state).policy, _find(state, version).policy
        pairs = ((self._screening.decide(call, present), self._screening.decide(call, wanted)) for call in sample)
        return [
            Difference(place, before, after)
            for place, (before, after) in enumerate(pairs)
            if before.answer != after.answer
        ]

    def _publications(self) -> Publications:
        return self._book.rules.publications.at(self._clock.now_ms())


def _find(state: Publications, version: str) -> PolicyRecord:
    record = state.records.get(version)
    if record is None:
        raise RefusedError(Reason.NOT_FOUND, "there is no policy of this version", field="version")
    return record


def _in_force(state: Publications) -> PolicyRecord:
    if state.current is None:
        raise RefusedError(Reason.NOT_FOUND, "no policy is in force", field="version")
    return state.current
