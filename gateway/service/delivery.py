"""What carriers report about notices: each report is an entry of its own, chained to the subscriber's others."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from hashlib import sha256

from gateway.domain.errors import Reason, RefusedError
from gateway.service.books import PolicyBook
from gateway.service.hearing import Taken
from gateway.service.record import Recorder
from gateway.service.rules import RULES, policy_seen
from gateway.service.submission import ANSWER_LIFE_MS
from gateway.service.views import DeliveryReport, DeliveryState
from gateway.store.base import Decision, Reads, View
from gateway.store.rows import AnswerRow, OutboxChange, OutboxRow, OutboxState
from gateway.tlog.leaf import LeafType

_FINAL = frozenset({DeliveryState.DELIVERED, DeliveryState.FAILED, DeliveryState.UNKNOWN})


@dataclass(frozen=True, slots=True)
class DeliveryUnit:
    """Records one report about the notice in ``row``. The result says where, or is the refusal."""

    report: DeliveryReport
    row: OutboxRow
    recorder: Recorder
    policies: PolicyBook

    @property
    def reads(self) -> Reads:
        """The subscriber, the notice, the answer if there was one, and the rules."""
        return Reads(subjects=(self.row.label,), answers=(self._key,), outbox=(self.row.id,), types=RULES)

    def decide(self, view: View) -> Decision[Taken | RefusedError]:
        """Record it, or find that it was recorded before."""
        report, digest = self.report, self._digest
        first = view.answer(self._key)
        if first is not None:
            reused = RefusedError(Reason.ID_REUSED, "this report id was used for something else")
            return Decision(Taken(first.index + 1, is_new=False) if first.digest == digest else reused)
        subject, row = view.subject(self.row.label), view.outbox_row(self.row.id)
        if subject is None or row is None:
            return Decision(RefusedError(Reason.NOT_FOUND, "no such notice"))
        payload = self.recorder.chain("delivery", subject.label, self.recorder.read_state(subject))
        payload |= {
            "carrier": self.row.carrier,
            "notice": report.notice_id,
            "state": report.state.value,
            "code": report.code,
            "reported": report.report_ms,
            "parts": report.parts,
        }
        index, actor = view.next_index, policy_seen(view, self.policies, self.recorder).actor(self.row.carrier)
        return Decision(
            Taken(index + 1, is_new=True),
            entries=(self.recorder.entry(LeafType.STATEMENT, actor, subject.label, payload),),
            subjects=(replace(subject, last_index=index),),
            answers=(AnswerRow(self._key, digest, index, view.time_ms + ANSWER_LIFE_MS),),
            outbox_changes=self._changes(row),
        )

    def _changes(self, row: OutboxRow) -> tuple[OutboxChange, ...]:
        """A final report settles the notice, also one that overtook the answer to its sending."""
        if self.report.state not in _FINAL or row.state is OutboxState.SETTLED:
            return ()
        reason = f"{self.report.state.value}:{self.report.code}" if self.report.code else self.report.state.value
        return (OutboxChange(row.id, row.state, OutboxState.SETTLED, row.due_ms, row.attempts, reason),)

    @property
    def _key(self) -> bytes:
        return sha256(f"delivery\x00{self.row.carrier}\x00{self.report.id}".encode()).digest()

    @property
    def _digest(self) -> bytes:
        report = self.report
        content = [report.notice_id, report.state.value, report.code, report.parts]
        return sha256(json.dumps(content).encode()).digest()
