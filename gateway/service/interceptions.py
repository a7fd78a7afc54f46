"""What switches did with calls: each report is an entry.

Nobody's innocent call is logged with its number: the caller stands in the sealed opening of the called subscriber, and
only if the call did not ring. A call let through because no answer came in time, and one to a number without a
subscriber, is an entry about nobody, without numbers.

The subscriber's tally of what was told stands in each of these entries, after the call. It is no part of the
subscriber's state, so a call changes no version and carries no list along; what it was is found by walking back.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256

from gateway.domain.codec import Map
from gateway.domain.errors import Reason, RefusedError
from gateway.domain.interception import Interception, InterceptionAction
from gateway.domain.interception_notice import tell_call
from gateway.domain.notice_rules import NO_TALLY, Fate, Tally, read_tally, take_call, write_tally
from gateway.domain.policy import Policy
from gateway.domain.preferences import Medium
from gateway.domain.serving import check_served
from gateway.service.access import Caller, require_role, screened_carrier
from gateway.service.books import PolicyBook
from gateway.service.outbox import OutboxSealer, Wake, WakeKind
from gateway.service.record import PAYLOAD_VERSION, Recorder
from gateway.service.roster import DEVELOPMENT, Roster
from gateway.service.rules import RULES, policy_seen
from gateway.service.subjects import Subject, Subjects
from gateway.service.submission import ANSWER_LIFE_MS
from gateway.store.base import Decision, Reads, Store, View
from gateway.store.rows import NO_SUBJECT, AnswerRow, OutboxRow
from gateway.tlog.leaf import LeafType, decode_leaf
from gateway.tlog.opening import NO_PREVIOUS
from optout.kit.identity import Role

TALLY_LIFE_MS = 7 * 24 * 3600 * 1000
"""How far back a tally is looked for: what was told before concerns nobody any more."""


@dataclass(frozen=True, slots=True)
class InterceptionReport:
    """One call, under the reporting party's own ``id``; ``revision`` is that of the answer it acted on, 0 if none."""

    id: str
    call: Interception
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Reported:
    """A report taken in. ``fate`` is None for a call that rang; ``is_repeated`` if it was taken in before."""

    revision: int
    fate: Fate | None = None
    is_repeated: bool = False


class InterceptionBook:
    """Takes in what switches did."""

    def __init__(self, store: Store, recorder: Recorder, policies: PolicyBook, roster: Roster = DEVELOPMENT) -> None:
        self._store = store
        self._recorder = recorder
        self._policies = policies
        self._roster = roster

    async def take(self, caller: Caller, report: InterceptionReport) -> Reported:
        """Record one report, durably.

        Raises RefusedError (ROLE_NOT_ALLOWED, NOT_SERVED for another carrier's subscriber, ID_REUSED) and StoreError.
        """
        require_role(caller, Role.SCREENER, Role.CARRIER)
        carrier = screened_carrier(caller, self._roster)
        result = await self._store.commit(InterceptionUnit(caller, carrier, report, self._recorder, self._policies))
        if isinstance(result, RefusedError):
            raise result
        return result


@dataclass(frozen=True, slots=True)
class InterceptionUnit:
    """Records one report, of ``carrier``'s subscribers alone if one is given. The result is what came of it."""

    caller: Caller
    carrier: str | None
    report: InterceptionReport
    recorder: Recorder
    policies: PolicyBook

    @property
    def reads(self) -> Reads:
        """The called number's holder, the answer if there was one, and the rules."""
        key = Subjects(self.recorder).number_key(self.report.call.called)
        return Reads(numbers=(key,), answers=(self._key,), types=RULES)

    def decide(self, view: View) -> Decision[Reported | RefusedError]:
        """Record it, or find that it was recorded before."""
        first = view.answer(self._key)
        if first is not None:
            reused = RefusedError(Reason.ID_REUSED, "this report id was used for something else")
            same = first.digest == self._digest
            return Decision(Reported(first.index + 1, is_repeated=True) if same else reused)
        call = self.report.call
        subject = Subjects(self.recorder).find(view, call.called)
        if subject is not None and self.carrier is not None:
            try:
                check_served(subject.state.carrier, self.carrier)
            except RefusedError as refusal:
                return Decision(refusal)
        if subject is None or call.action is InterceptionAction.FAILED_OPEN:
            return self._record_nobodys(view)
        return self._record(view, subject)

    def _record_nobodys(self, view: View) -> Decision[Reported | RefusedError]:
        """An entry about nobody in particular: its opening is not sealed, so nothing personal is in it."""
        call, index = self.report.call, view.next_index
        content = {"action": call.action.value, "rule": _rule(call), "reporter": self._reporter}
        payload = {"v": PAYLOAD_VERSION, "kind": "interception", "label": "", "call": content}
        actor = self._actor(self._policy(view))
        entry = self.recorder.entry(LeafType.STATEMENT, actor, NO_SUBJECT, payload)
        fate = Fate.UNREGISTERED if call.is_stopped else None
        return Decision(Reported(index + 1, fate), entries=(entry,), answers=(self._answer(view, index),))

    def _record(self, view: View, subject: Subject) -> Decision[Reported | RefusedError]:
        call, leg, policy = self.report.call, subject.state.leg(Medium.VOICE), self._policy(view)
        content: Map = {"call": self._describe()}
        before, after, fate, due_ms = NO_TALLY, NO_TALLY, None, 0
        if call.is_stopped:
            before, rules = find_tally(view, self.recorder, subject), policy.notices
            after, fate, due_ms = take_call(before, call, leg.preferences.notices, rules, view.time_ms)
            content |= {"fate": fate.value, "tally": write_tally(after)}
        subjects, actor = Subjects(self.recorder), self._actor(policy)
        written = subjects.write(view, subject, subject.state, "interception", actor, content)
        rows = self._tell(subject, written.index, fate, due_ms)
        if after.summary_ms != before.summary_ms:
            wake = Wake(WakeKind.SUMMARY, Medium.VOICE, after.summary_ms)
            rows = (*rows, OutboxSealer(self.recorder.vault).wake_row(wake, subject.label, None, written.index))
        return Decision(
            Reported(written.index + 1, fate),
            entries=(written.entry,),
            subjects=(written.row,),
            answers=(self._answer(view, written.index),),
            outbox=rows,
        )

    def _tell(self, subject: Subject, index: int, fate: Fate | None, due_ms: int) -> tuple[OutboxRow, ...]:
        if fate is not Fate.TOLD:
            return ()
        notices = (tell_call(self.report.call),)
        return OutboxSealer(self.recorder.vault).told_rows(notices, subject.state, subject.label, index, due_ms)

    def _describe(self) -> Map:
        call = self.report.call
        described = {
            "action": call.action.value,
            "at": call.call_ms,
            "rule": _rule(call),
            "category": call.category,
            "revision": self.report.revision,
            "reporter": self._reporter,
        }
        if call.is_stopped and call.withheld:
            described["withheld"] = True
        elif call.is_stopped and call.caller is not None:
            described["caller"] = call.caller
        return described

    def _answer(self, view: View, index: int) -> AnswerRow:
        return AnswerRow(self._key, self._digest, index, view.time_ms + ANSWER_LIFE_MS)

    @property
    def _reporter(self) -> str:
        return f"{self.caller.role.value}/{self.caller.party}"

    def _policy(self, view: View) -> Policy:
        return policy_seen(view, self.policies, self.recorder)

    def _actor(self, policy: Policy) -> int:
        return policy.actor(self.caller.party if self.caller.role is Role.CARRIER else "")

    @property
    def _key(self) -> bytes:
        return sha256(f"interception\x00{self._reporter}\x00{self.report.id}".encode()).digest()

    @property
    def _digest(self) -> bytes:
        call = self.report.call
        content: list[object] = [call.action.value, call.called, call.caller, call.call_ms, _rule(call), call.category]
        # Where it is not withheld, digests are those of the time before anybody could say so.
        content += [True] if call.withheld else []
        return self.recorder.vault.content_digest(json.dumps(content).encode())


def find_tally(view: View, recorder: Recorder, subject: Subject) -> Tally:
    """The tally after the subject's latest entry that has one: walk back, for some days at most."""
    index = NO_PREVIOUS if subject.known is None else subject.known.row.last_index
    while index != NO_PREVIOUS:
        entry = view.entry(index)
        payload = recorder.open(entry)
        if payload is None or decode_leaf(entry.leaf).accept_time_ms < view.time_ms - TALLY_LIFE_MS:
            break
        if "tally" in payload:
            return read_tally(payload["tally"])
        index = payload["prev"]
    return NO_TALLY


def _rule(call: Interception) -> str:
    return "" if call.rule is None else call.rule.value
