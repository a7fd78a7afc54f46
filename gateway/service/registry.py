"""The registry: submit, look up, list, follow, and take in reports."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, TypeVar

from gateway.domain.codec import read_subscriber, read_verdict
from gateway.domain.errors import Reason, RefusedError
from gateway.domain.instruction import Instruction
from gateway.domain.preferences import Medium
from gateway.domain.serving import check_served
from gateway.domain.subscription import EnrolmentState
from gateway.service.access import Caller, not_served, require_role, screened_carrier, seen_by, visible_carrier
from gateway.service.applied import AppliedBook
from gateway.service.books import CapabilityBook, PolicyBook
from gateway.service.delivery import DeliveryUnit
from gateway.service.feed import Feed
from gateway.service.hearing import DEAF, Hearing
from gateway.service.record import Recorder
from gateway.service.registrar import Registrar
from gateway.service.roster import DEVELOPMENT, Roster
from gateway.service.snapshot import Snapshots
from gateway.service.submission import Repeated, SubmissionUnit, settled
from gateway.service.views import (
    AppliedReport,
    DeliveryReport,
    FeedRange,
    Outcome,
    Page,
    SnapshotPart,
    SubscriptionView,
)
from gateway.store.base import Store
from gateway.store.rows import Label, SubjectRow
from gateway.tlog.leaf import decode_leaf
from optout.kit.identity import Role
from optout.kit.number import PhoneNumber

Part = TypeVar("Part", FeedRange, SnapshotPart)
READERS = (Role.CARRIER, Role.INSTITUTE, Role.OPERATOR)


class RegistryService:
    """Use cases of the registry. Every method takes the caller and refuses what it may not do."""

    def __init__(
        self,
        store: Store,
        recorder: Recorder,
        policies: PolicyBook,
        capabilities: CapabilityBook,
        roster: Roster = DEVELOPMENT,
        hearing: Hearing = DEAF,
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._policies = policies
        self._registrar = Registrar(recorder, policies, capabilities)
        self._roster = roster
        self._feed = Feed(store, recorder)
        self._snapshots = Snapshots(store, recorder)
        self._hearing = hearing
        self._applied = AppliedBook(store, recorder, policies, hearing)

    async def submit(self, caller: Caller, instruction: Instruction) -> Outcome:
        """Carry out one instruction; returns once it is durable.

        Raises RefusedError (ROLE_NOT_ALLOWED, WRONG_CARRIER, NOT_SERVED, ID_REUSED) and StoreError.
        """
        require_role(caller, Role.CARRIER)
        if instruction.carrier != caller.party:
            raise RefusedError(Reason.WRONG_CARRIER, "a carrier acts for itself alone", field="carrier")
        if not self._policies.current.knows_carrier(caller.party):
            raise RefusedError(Reason.WRONG_CARRIER, "the federation does not know this carrier")
        result = await self._store.commit(SubmissionUnit(instruction, self._registrar))
        if isinstance(result, Repeated):
            result = await self._first_answer(instruction, result.index)
        if isinstance(result, RefusedError):
            raise result
        return result

    async def _first_answer(self, instruction: Instruction, index: int) -> Outcome | RefusedError:
        """The answer that the entry at ``index`` holds, with the state as it stood then."""
        payload, time_ms = await self._read_entry(index)
        verdict = read_verdict(payload["verdict"])
        if verdict.reason is Reason.NOT_SERVED:
            return not_served()
        # A subject's first entry always holds its state, so that walking back comes to an end.
        while "after" not in payload:
            payload, _ = await self._read_entry(payload["prev"])
        told = settled(read_subscriber(payload["after"]), instruction.medium, time_ms)
        state = seen_by(told, instruction.carrier)
        view = SubscriptionView(state, instruction.medium, index + 1)
        return Outcome(instruction.id, verdict, view, index + 1, replayed=True)

    async def _read_entry(self, index: int) -> tuple[dict[str, Any], int]:
        """What an entry holds, and when it was accepted."""
        (row,) = await self._store.entries(index, 1)
        payload = self._recorder.open(row)
        if payload is None:
            raise RefusedError(Reason.ERASED, "the first answer has been erased")
        return payload, decode_leaf(row.leaf).accept_time_ms

    async def get(self, caller: Caller, number: PhoneNumber, medium: Medium) -> tuple[SubscriptionView, int]:
        """One subscriber's state and the revision at which it was read.

        Raises RefusedError (ROLE_NOT_ALLOWED, NOT_FOUND, NOT_SERVED).
        """
        require_role(caller, *READERS)
        head = await self._store.head()
        found = await self._store.number(self._recorder.vault.number_key(number))
        if found is None:
            raise RefusedError(Reason.NOT_FOUND, "the registry does not know this number")
        visible = visible_carrier(caller)
        if visible is not None:
            check_served(found[0].carrier, visible)
        view = self._view(found[1], medium, visible)
        return view, max(head.size, view.revision)

    async def list(
        self, caller: Caller, *, carrier: str, state: EnrolmentState | None, page_token: str, page_size: int
    ) -> Page:
        """A page of subscribers that the caller may see. Raises RefusedError (INVALID_PAGE_TOKEN among others)."""
        require_role(caller, *READERS)
        visible = visible_carrier(caller)
        if visible is not None and carrier not in {"", visible}:
            raise RefusedError(Reason.ROLE_NOT_ALLOWED, "a carrier lists its own subscribers alone", field="carrier")
        wanted = visible or carrier or None
        after = _read_page_token(page_token)
        rows, head = await self._store.subjects(
            carrier=wanted, state=None if state is None else state.value, after=after, limit=page_size
        )
        token = rows[-1].label.hex() if len(rows) == page_size else ""
        return Page(tuple(self._view(row, Medium.VOICE, visible) for row in rows), token, head.size)

    async def report_delivery(self, caller: Caller, report: DeliveryReport) -> int:
        """Record what became of a notice; returns the revision of its entry.

        Raises RefusedError (NOT_FOUND for a notice that this carrier never got, ID_REUSED).
        """
        require_role(caller, Role.CARRIER)
        row = await self._store.outbox_row(report.notice_id)
        if row is None or row.carrier != caller.party:
            raise RefusedError(Reason.NOT_FOUND, "no such notice")
        result = await self._store.commit(DeliveryUnit(report, row, self._recorder, self._policies))
        if isinstance(result, RefusedError):
            raise result
        if result.is_new:
            self._hearing.delivery(caller.party, report)
        return result.revision

    async def report_applied(self, caller: Caller, report: AppliedReport) -> int:
        """Record what a carrier's network carried out; returns the revision of its entry.

        Raises RefusedError (NOT_FOUND, NOT_SERVED, INVALID_FIELD, EVENT_CONFLICT, ID_REUSED).
        """
        require_role(caller, Role.CARRIER)
        return await self._applied.take(caller.party, report)

    def watch(self, caller: Caller, after_revision: int) -> AsyncIterator[FeedRange]:
        """Follow the log from a revision on, seeing what the caller may see."""
        require_role(caller, *READERS, Role.SCREENER)
        ranges = self._feed.follow(after_revision, screened_carrier(caller, self._roster))
        return _for_screening(ranges) if caller.role is Role.SCREENER else ranges

    def snapshot(self, caller: Caller, revision: int) -> AsyncIterator[SnapshotPart]:
        """All rows that the caller may see as they stood at a revision; 0 means the newest."""
        require_role(caller, *READERS, Role.SCREENER)
        parts = self._snapshots.read(revision, screened_carrier(caller, self._roster))
        return _for_screening(parts) if caller.role is Role.SCREENER else parts

    def _view(self, row: SubjectRow, medium: Medium, carrier: str | None) -> SubscriptionView:
        known = self._recorder.read_state(row)
        return SubscriptionView(seen_by(known.state, carrier), medium, row.last_index + 1)


async def _for_screening(parts: AsyncIterator[Part]) -> AsyncIterator[Part]:
    """What a screener sees of a feed or a snapshot: all that screening needs, and nothing of who acts for whom."""
    async for part in parts:
        yield part.for_screening()


def _read_page_token(token: str) -> Label:
    try:
        label = bytes.fromhex(token)
    except ValueError:
        label = b"?"
    if len(label) not in {0, 32}:
        raise RefusedError(Reason.INVALID_PAGE_TOKEN, "not a page token of this service", field="page_token")
    return Label(label)
