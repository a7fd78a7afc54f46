"""Dispatch: the outbox, carried to each carrier over its link.

One worker a carrier. Orders of one subscriber go one after the other, those of different subscribers side by side.
What a link says is worth repeating stays READY, and the whole link waits under one back-off; what it refuses for good,
and what is past its time, goes to the dead letters with the reason. A row changes only after the carrier's adapter
has answered, so a kill at any moment repeats an order at worst; adapters know orders by their ids.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential_jitter

from gateway.domain.capability import Capabilities
from gateway.domain.capability_codec import write_capabilities
from gateway.domain.knowledge import ReportedEffect
from gateway.domain.subscription import EnrolmentState
from gateway.service.addressee import misdirected
from gateway.service.applied import AppliedBook
from gateway.service.books import CapabilityBook, PublicationUnit
from gateway.service.declarations import KIND, SAY_AGAIN_ENTRIES
from gateway.service.outbox import ApplyOrder, NoticeOrder, OutboxSealer
from gateway.service.record import Recorder
from gateway.store.base import Store
from gateway.store.rows import OutboxChange, OutboxKind, OutboxRow, OutboxState
from gateway.store.vault import SealError
from gateway.tlog.leaf import LeafType
from optout.kit.clock import Clock
from optout.kit.number import PhoneNumber

log = logging.getLogger(__name__)


class CarrierCallError(Exception):
    """A carrier's adapter did not do as asked. ``retryable`` if the same order may succeed later."""

    def __init__(self, reason: str, *, retryable: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retryable = retryable


class CarrierPort(Protocol):
    """One carrier, as dispatch sees it. Every method raises CarrierCallError."""

    async def capabilities(self) -> Capabilities:
        """Ask what the carrier can do."""

    async def notify(self, order: NoticeOrder) -> None:
        """Have a notice sent. Returns once the adapter holds it durably."""

    async def apply(self, order: ApplyOrder) -> tuple[ReportedEffect, ...]:
        """Have a state carried out. Returns once the adapter holds it durably, with what is known of it at once."""


@dataclass(frozen=True, slots=True)
class DispatchSettings:
    """Times in seconds. ``poll_s`` bounds how late a row that became due by time alone is seen."""

    batch_rows: int = 128
    parallel: int = 16
    poll_s: float = 1.0
    backoff_first_s: float = 0.2
    backoff_most_s: float = 30.0
    capabilities_every_s: float = 300.0
    say_again_entries: int = SAY_AGAIN_ENTRIES


class CarrierDispatcher:
    """Carries one carrier's outbox rows."""

    def __init__(
        self,
        carrier: str,
        port: CarrierPort,
        store: Store,
        recorder: Recorder,
        book: CapabilityBook,
        applied: AppliedBook,
        clock: Clock,
        settings: DispatchSettings = DispatchSettings(),
    ) -> None:
        self.carrier = carrier
        self.link_up = False
        self._port = port
        self._store = store
        self._recorder = recorder
        self._sealer = OutboxSealer(recorder.vault)
        self._book = book
        self._applied = applied
        self._clock = clock
        self._settings = settings
        self._ask_at = 0.0

    async def run(self) -> None:
        """Work until cancelled: step by step, under one back-off for the whole link that a good step resets."""
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(CarrierCallError),
            wait=wait_exponential_jitter(
                multiplier=self._settings.backoff_first_s,
                max=self._settings.backoff_most_s,
                jitter=self._settings.backoff_first_s,
            ),
            sleep=self._clock.sleep,
            before_sleep=self._note_failure,
        )
        while True:
            await retrying(self._step)

    async def _step(self) -> None:
        if self._clock.monotonic() >= self._ask_at or await self._is_far_back():
            await self.ask()
        await self._work()

    async def _work(self) -> None:
        head = await self._store.head()
        rows = await self._store.due(self.carrier, self._clock.now_ms(), self._settings.batch_rows)
        if rows:
            await self.send(rows)
        else:
            await self._store.wait_beyond(head.size, self._settings.poll_s)

    async def ask(self) -> None:
        """Ask what the carrier can do, and have it stand in the log if that is news. Raises CarrierCallError."""
        declared, now = await self._port.capabilities(), self._clock.monotonic()
        if declared.carrier != self.carrier:
            raise CarrierCallError("WRONG_CARRIER", retryable=True)
        self._settle_link()
        if self._book.get(self.carrier) != declared or await self._is_far_back():
            # Nothing is decided by a declaration before it stands in the log.
            unit = PublicationUnit(self._recorder, LeafType.STATEMENT, KIND, write_capabilities(declared))
            self._book.put(declared, await self._store.commit(unit))
        self._ask_at = now + self._settings.capabilities_every_s

    async def _is_far_back(self) -> bool:
        """Whether the declaration in the log would soon not be found again by a gateway that starts."""
        head = await self._store.head()
        return head.size - self._book.revision(self.carrier) > self._settings.say_again_entries

    async def send(self, rows: Sequence[OutboxRow]) -> None:
        """Try each row once. Raises the CarrierCallError of a link that says "later", after recording the rest."""
        by_label = sorted(rows, key=lambda row: row.label)
        groups = [list(group) for _, group in groupby(by_label, key=lambda row: row.label)]
        gate = asyncio.Semaphore(self._settings.parallel)
        done: list[OutboxChange] = []

        async def send_group(group: list[OutboxRow]) -> CarrierCallError | None:
            async with gate:
                for row in group:
                    change, later = await self._attempt(row)
                    done.append(change)
                    if later is not None:
                        return later
            return None

        laters = await asyncio.gather(*(send_group(group) for group in groups))
        await self._store.change_outbox(done)
        stopped = [later for later in laters if later is not None]
        if stopped:
            raise stopped[0]
        self._settle_link()

    async def _attempt(self, row: OutboxRow) -> tuple[OutboxChange, CarrierCallError | None]:
        attempts = row.attempts + 1
        now_ms = self._clock.now_ms()
        if row.expire_ms <= now_ms:
            return _change(row, OutboxState.DEAD, row.attempts, "EXPIRED"), None
        try:
            await self._carry(row)
        except SealError as error:
            return _change(row, OutboxState.DEAD, attempts, f"SEAL_{error.reason}"), None
        except CarrierCallError as error:
            if error.retryable:
                return _change(row, OutboxState.READY, attempts, error.reason), error
            log.warning("order given up", extra={"carrier": self.carrier, "order": row.id, "reason": error.reason})
            return _change(row, OutboxState.DEAD, attempts, error.reason), None
        return _change(row, OutboxState.SENT, attempts, ""), None

    async def _carry(self, row: OutboxRow) -> None:
        if row.kind is OutboxKind.NOTIFY:
            notice = self._sealer.open_notice(row)
            await self._check_addressee(row, notice.number)
            await self._port.notify(notice)
        else:
            order = self._sealer.open_apply(row)
            await self._check_addressee(row, order.subscriber.number, switch_off=order.switch_off)
            effects = await self._port.apply(order)
            await self._applied.take_answer(order, effects, self._clock.now_ms())

    async def _check_addressee(self, row: OutboxRow, number: PhoneNumber, *, switch_off: bool = False) -> None:
        found = await self._store.number(self._recorder.vault.number_key(number))
        since = 0
        # What switches off uses nothing, so it goes on whatever it waited for.
        if not switch_off and found is not None and found[1].state == EnrolmentState.RESTRICTED:
            erasure = self._recorder.read_state(found[1]).state.erasure
            since = 0 if erasure is None else erasure.revision
        must_serve = row.kind is OutboxKind.APPLY and not switch_off
        reason = misdirected(row, found, must_serve=must_serve, restricted_since=since)
        if reason is not None:
            raise CarrierCallError(reason.value, retryable=False)

    def _settle_link(self) -> None:
        if not self.link_up:
            self.link_up = True
            log.info("carrier reached", extra={"carrier": self.carrier})

    def _note_failure(self, state: RetryCallState) -> None:
        if self.link_up or state.attempt_number == 1:
            error = state.outcome.exception() if state.outcome is not None else None
            log.warning("carrier not reached", extra={"carrier": self.carrier, "reason": str(error)})
        self.link_up = False


def _change(row: OutboxRow, state: OutboxState, attempts: int, reason: str) -> OutboxChange:
    return OutboxChange(row.id, OutboxState.READY, state, row.due_ms, attempts, reason)
