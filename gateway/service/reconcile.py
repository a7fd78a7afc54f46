"""Reconciling: what falls due by time alone, looked at once its time has come. See `gateway.service.wakes`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.domain.capability import Enforcement
from gateway.domain.effect_notice import tell_effect
from gateway.domain.effects import EffectState
from gateway.domain.knowledge import hear, lapse, list_news
from gateway.domain.policy import GATEWAY_ACTOR
from gateway.domain.preferences import Medium
from gateway.domain.subscription import Leg, Subscriber
from gateway.service.books import CapabilityBook, PolicyBook
from gateway.service.outbox import OutboxSealer, WakeKind
from gateway.service.record import Recorder
from gateway.service.subjects import Subject, Subjects
from gateway.service.summaries import Summarised, SummaryWake
from gateway.service.telling import Telling
from gateway.service.wakes import find_wake, postpone_wake, settle_wake, wake_for_effects
from gateway.store.base import Decision, Reads, Store, View
from gateway.store.rows import OWN_QUEUE, OutboxChange, OutboxRow
from gateway.store.vault import SealError
from optout.kit.clock import Clock

log = logging.getLogger(__name__)

BATCH_ROWS = 256


@dataclass(frozen=True, slots=True)
class Overdue:
    """What a wake found overdue: so many items of one subscriber of a carrier."""

    carrier: str
    items: int


class Reconciler:
    """Looks at wakes that are due. ``on_overdue`` and ``on_summary`` hear of what they came to."""

    def __init__(
        self,
        store: Store,
        recorder: Recorder,
        policies: PolicyBook,
        capabilities: CapabilityBook,
        clock: Clock,
        on_overdue: Callable[[Overdue], None] = lambda _: None,
        on_summary: Callable[[Summarised], None] = lambda _: None,
        poll_s: float = 1.0,
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._policies = policies
        self._capabilities = capabilities
        self._sealer = OutboxSealer(recorder.vault)
        self._clock = clock
        self._on_overdue = on_overdue
        self._on_summary = on_summary
        self._poll_s = poll_s
        self._looks: dict[WakeKind, Callable[[OutboxRow, Medium], Awaitable[None]]] = {
            WakeKind.EFFECTS: self._look_at_effects,
            WakeKind.SUMMARY: self._look_at_summary,
        }

    async def run(self) -> None:
        """Work until cancelled. Raises StoreError."""
        while True:
            if not await self.look():
                await self._clock.sleep(self._poll_s)

    async def look(self) -> int:
        """Look at the wakes that are due now, some hundred at most; returns how many there were. Raises StoreError."""
        rows = await self._store.due(OWN_QUEUE, self._clock.now_ms(), BATCH_ROWS)
        outcomes = await asyncio.gather(*map(self._look_at, rows), return_exceptions=True)
        for outcome in outcomes:
            if outcome is not None:
                raise outcome
        return len(rows)

    async def _look_at(self, row: OutboxRow) -> None:
        try:
            wake = self._sealer.open_wake(row)
            await self._looks[wake.kind](row, wake.medium)
        except SealError as error:
            # Whom it is about has been erased.
            await self._store.change_outbox((settle_wake(row, f"SEAL_{error.reason}"),))

    async def _look_at_effects(self, row: OutboxRow, medium: Medium) -> None:
        unit = EffectsWake(row, medium, self._recorder, self._policies, self._capabilities)
        overdue = await self._store.commit(unit)
        if overdue is not None:
            log.error("effects overdue", extra={"carrier": overdue.carrier, "items": overdue.items})
            self._on_overdue(overdue)

    async def _look_at_summary(self, row: OutboxRow, medium: Medium) -> None:
        summarised = await self._store.commit(SummaryWake(row, medium, self._recorder, self._policies))
        if summarised is not None:
            self._on_summary(summarised)


@dataclass(frozen=True, slots=True)
class EffectsWake:
    """Looks at one leg's effects: what is past its time is overdue; a carrier heard meanwhile is asked at last."""

    row: OutboxRow
    medium: Medium
    recorder: Recorder
    policies: PolicyBook
    capabilities: CapabilityBook

    @property
    def reads(self) -> Reads:
        """The subject, and the wake itself."""
        return Reads(subjects=(self.row.label,), outbox=(self.row.id,))

    def decide(self, view: View) -> Decision[Overdue | None]:
        """Look, and write what has become known by the time alone."""
        row, subjects = find_wake(view, self.row), Subjects(self.recorder)
        subject = None if row is None else subjects.known(view, self.row.label)
        if row is None or subject is None:
            return Decision(None)
        leg = subject.state.leg(self.medium)
        declared = self.capabilities.get(subject.state.carrier)
        heard = leg if declared is None else hear(leg, declared, view.time_ms)
        after_leg = lapse(heard, view.time_ms)
        change = self._next(row, after_leg, view.time_ms)
        if after_leg is leg:
            return Decision(None, outbox_changes=(change,))
        after = subject.state.with_learned(self.medium, after_leg)
        late = [item for item, known in list_news(leg, after_leg) if known.state is EffectState.OVERDUE]
        content = {"medium": self.medium.value, "overdue": [item.key for item in late]}
        written = subjects.write(view, subject, after, "lapsed", GATEWAY_ACTOR, content)
        return Decision(
            Overdue(after.carrier, len(late)) if late else None,
            entries=(written.entry,),
            subjects=(written.row,),
            outbox=self._orders(view, subject, after, asked=heard is not leg),
            outbox_changes=(change,),
        )

    def _next(self, row: OutboxRow, leg: Leg, now_ms: int) -> OutboxChange:
        """The same wake serves as long as something is awaited."""
        again = wake_for_effects(leg, self.medium, now_ms)
        return settle_wake(row, "") if again is None else postpone_wake(row, again.due_ms)

    def _orders(self, view: View, subject: Subject, after: Subscriber, *, asked: bool) -> tuple[OutboxRow, ...]:
        sealer, index, leg = OutboxSealer(self.recorder.vault), view.next_index, after.leg(self.medium)
        notices = tell_effect(subject.state.leg(self.medium), leg)
        telling = Telling(sealer, self.policies.current)
        rows = telling.rows(notices, after, leg, subject.label, index, view.time_ms)
        declared = self.capabilities.get(after.carrier)
        if asked and declared is not None and declared.enforcement is Enforcement.PLATFORM:
            return (*rows, sealer.apply_row(after, self.medium, subject.label, None, index, view.time_ms))
        return rows
