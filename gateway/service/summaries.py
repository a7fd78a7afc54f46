"""Summaries of calls that did not ring, told when their time has come."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.domain.interception_notice import tell_summary
from gateway.domain.notice_rules import Tally, close_summary, write_tally
from gateway.domain.policy import GATEWAY_ACTOR
from gateway.domain.preferences import InterceptionNotice, Medium
from gateway.service.books import PolicyBook
from gateway.service.interceptions import find_tally
from gateway.service.outbox import OutboxSealer
from gateway.service.record import Recorder
from gateway.service.subjects import Subject, Subjects
from gateway.service.telling import Telling
from gateway.service.wakes import find_wake, settle_wake
from gateway.store.base import Decision, Reads, View
from gateway.store.rows import OutboxRow


@dataclass(frozen=True, slots=True)
class Summarised:
    """A summary whose time came: of so many calls, and whether the subscriber still wanted to hear of them."""

    calls: int
    is_told: bool


@dataclass(frozen=True, slots=True)
class SummaryWake:
    """Tells one subscriber's summary, if it is still the one that the wake was set for."""

    row: OutboxRow
    medium: Medium
    recorder: Recorder
    policies: PolicyBook

    @property
    def reads(self) -> Reads:
        """The subscriber, and the wake itself."""
        return Reads(subjects=(self.row.label,), outbox=(self.row.id,))

    def decide(self, view: View) -> Decision[Summarised | None]:
        """Tell it, and begin the tally anew."""
        row, subjects = find_wake(view, self.row), Subjects(self.recorder)
        subject = None if row is None else subjects.known(view, self.row.label)
        if row is None or subject is None:
            return Decision(None)
        tally = find_tally(view, self.recorder, subject)
        if tally.summary_ms != row.due_ms:
            return Decision(None, outbox_changes=(settle_wake(row, "GONE"),))
        leg = subject.state.leg(self.medium)
        summarised = Summarised(tally.folded, leg.preferences.notices.interception is not InterceptionNotice.NONE)
        content = {"calls": tally.folded, "told": summarised.is_told, "tally": write_tally(close_summary(tally))}
        written = subjects.write(view, subject, subject.state, "summary", GATEWAY_ACTOR, content)
        return Decision(
            summarised,
            entries=(written.entry,),
            subjects=(written.row,),
            outbox=self._tell(view, subject, tally) if summarised.is_told else (),
            outbox_changes=(settle_wake(row, ""),),
        )

    def _tell(self, view: View, subject: Subject, tally: Tally) -> tuple[OutboxRow, ...]:
        telling = Telling(OutboxSealer(self.recorder.vault), self.policies.current)
        leg, notices = subject.state.leg(self.medium), (tell_summary(tally),)
        return telling.rows(notices, subject.state, leg, subject.label, view.next_index, view.time_ms)
