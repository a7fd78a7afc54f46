"""What carriers' networks carried out: each report, and each answer to an order, is an entry of its own."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from hashlib import sha256

from gateway.domain.codec import Map
from gateway.domain.effect_notice import tell_effect
from gateway.domain.errors import Reason, RefusedError
from gateway.domain.knowledge import ReportedEffect
from gateway.domain.subscription import Subscriber
from gateway.service.books import PolicyBook
from gateway.service.hearing import DEAF, Hearing, Taken
from gateway.service.outbox import ApplyOrder, OutboxSealer
from gateway.service.record import Recorder
from gateway.service.reports import take_report, write_report
from gateway.service.rules import RULES, policy_seen
from gateway.service.subjects import Subject, Subjects
from gateway.service.submission import ANSWER_LIFE_MS
from gateway.service.telling import Telling
from gateway.service.views import AppliedReport
from gateway.store.base import Decision, Reads, Store, View
from gateway.store.rows import AnswerRow

log = logging.getLogger(__name__)


class AppliedBook:
    """Takes in what carriers say of effects."""

    def __init__(self, store: Store, recorder: Recorder, policies: PolicyBook, hearing: Hearing = DEAF) -> None:
        self._store = store
        self._recorder = recorder
        self._policies = policies
        self._hearing = hearing

    async def take(self, carrier: str, applied: AppliedReport) -> int:
        """Record a report; returns the revision of its entry, the first one's if it was repeated.

        Raises RefusedError (NOT_FOUND, NOT_SERVED, INVALID_FIELD, EVENT_CONFLICT, ID_REUSED) and StoreError.
        """
        result = await self._store.commit(AppliedUnit(carrier, applied, self._recorder, self._policies))
        if isinstance(result, RefusedError):
            raise result
        if result.is_new:
            self._hearing.applied(carrier, applied)
        return result.revision

    async def take_answer(self, order: ApplyOrder, effects: tuple[ReportedEffect, ...], now_ms: int) -> None:
        """Record what a carrier's adapter answered to an order; an answer that says nothing is none. Raises StoreError.

        The order may have lost its object on the way, such as a number that another carrier serves by now.
        """
        state = order.subscriber
        if not effects or order.switch_off:
            return
        answer = AppliedReport(
            "", state.number, order.medium, state.version, effects, now_ms, order=order.id, epoch=state.epoch
        )
        try:
            await self.take(state.carrier, answer)
        except RefusedError as refusal:
            log.warning("answer to an order not taken in", extra={"order": order.id, "reason": refusal.reason.value})


@dataclass(frozen=True, slots=True)
class AppliedUnit:
    """Records one report. The result says where, or is the refusal."""

    carrier: str
    report: AppliedReport
    recorder: Recorder
    policies: PolicyBook

    @property
    def reads(self) -> Reads:
        """The number's holder, the answer if there was one, and the rules."""
        return Reads(numbers=(self._subjects.number_key(self.report.number),), answers=(self._key,), types=RULES)

    def decide(self, view: View) -> Decision[Taken | RefusedError]:
        """Record it, or find that it was recorded before."""
        content = write_report(self.report)
        digest = self.recorder.vault.content_digest(json.dumps([self.report.number, content]).encode())
        first = view.answer(self._key)
        if first is not None:
            reused = RefusedError(Reason.ID_REUSED, "this report id was used for something else")
            # An order asked for twice may be answered with what is known by then.
            same = self.report.order or first.digest == digest
            return Decision(Taken(first.index + 1, is_new=False) if same else reused)
        subject = self._subjects.find(view, self.report.number)
        if subject is None:
            return Decision(RefusedError(Reason.NOT_FOUND, "the registry does not know this number"))
        try:
            found = view.number(self._subjects.number_key(self.report.number))
            after = take_report(subject.state, self.carrier, self.report, 0 if found is None else found[0].since_ms)
        except RefusedError as refusal:
            return Decision(refusal)
        return self._record(view, subject, after, content, digest)

    def _record(
        self, view: View, subject: Subject, after: Subscriber, content: Map, digest: bytes
    ) -> Decision[Taken | RefusedError]:
        policy, medium = policy_seen(view, self.policies, self.recorder), self.report.medium
        told = {"carrier": self.carrier, "report": content}
        written = self._subjects.write(view, subject, after, "applied", policy.actor(self.carrier), told)
        leg = after.leg(medium)
        notices = tell_effect(subject.state.leg(medium), leg)
        telling = Telling(OutboxSealer(self.recorder.vault), policy)
        return Decision(
            Taken(written.index + 1, is_new=True),
            entries=(written.entry,),
            numbers=written.numbers,
            subjects=(written.row,),
            answers=(AnswerRow(self._key, digest, written.index, view.time_ms + ANSWER_LIFE_MS),),
            outbox=telling.rows(notices, after, leg, subject.label, written.index, view.time_ms),
        )

    @property
    def _subjects(self) -> Subjects:
        return Subjects(self.recorder)

    @property
    def _key(self) -> bytes:
        source, name = ("answer", self.report.order) if self.report.order else ("report", self.report.id)
        return sha256(f"applied\x00{source}\x00{self.carrier}\x00{name}".encode()).digest()
