"""One number event as a unit of work: decided by the table of `gateway.domain.porting`, recorded, and carried on.

Every event that its reporter may report is an entry of the log, the contradicting ones with their reason. One that
holds only later is recorded at once and decided when its time has come.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from gateway.domain.errors import Reason, RefusedError
from gateway.domain.number_life import NumberEvent, write_event
from gateway.domain.policy import Policy
from gateway.domain.porting import Step, take_event, take_on
from gateway.domain.subscription import Subscriber
from gateway.service.eraser import gone_rows
from gateway.service.guardians import parting_rows
from gateway.service.handover import hand_over_rows
from gateway.service.outbox import Origin, Task, Timer
from gateway.service.registrar import Registrar
from gateway.service.rules import RULES, policy_seen
from gateway.service.subjects import Subject, Written
from gateway.service.submission import ANSWER_LIFE_MS
from gateway.store.base import Decision, Reads, View
from gateway.store.rows import AnswerRow, OutboxChange, OutboxRow, OutboxState

KIND = "number_event"
SCHEDULED = "scheduled"


@dataclass(frozen=True, slots=True)
class EventAnswer:
    """What became of an event: its entry's revision, the number's epoch after it, and why it was not taken in.

    ``is_repeated`` if the entry was made before; it is no part of the answer, which is the same each time.
    """

    revision: int
    epoch: int
    reason: Reason | None = None
    is_repeated: bool = field(default=False, compare=False)


Result = EventAnswer | RefusedError


class NumberEventUnit:
    """Takes one event in. ``party`` is who reported it; ``timer`` the reminder of one that was told beforehand."""

    def __init__(self, event: NumberEvent, party: str, registrar: Registrar, timer: OutboxRow | None = None) -> None:
        self._event = event
        self._party = party
        self._registrar = registrar
        self._timer = timer
        self._subjects = registrar.subjects
        self._number_key = self._subjects.number_key(event.number)
        written = json.dumps(write_event(event), sort_keys=True).encode()
        self._digest = registrar.recorder.vault.content_digest(written)
        self._former_digest = sha256(written).digest()
        self._answer_key = sha256(f"{KIND}\x00{party}\x00{event.id}".encode()).digest()

    @property
    def reads(self) -> Reads:
        """The number's holder, and the answer or the reminder."""
        if self._timer is not None:
            return Reads(numbers=(self._number_key,), outbox=(self._timer.id,), types=RULES)
        return Reads(numbers=(self._number_key,), answers=(self._answer_key,), types=RULES)

    def decide(self, view: View) -> Decision[Result]:
        """Take it in, put it off, or find that it was reported before."""
        answered = self._look_back(view)
        if answered is not None:
            return Decision(answered)
        subject = self._subjects.holder(view, self._number_key) or self._subjects.begin(view, self._event.number)
        if self._event.effective_ms > view.time_ms:
            return self._put_off(view, subject)
        policy = self._policy(view)
        days = policy.retention
        step = take_event(subject.state, self._event, view.time_ms, days.frozen_days, unheard=subject.known is None)
        return self._take_in(view, subject, step, days.consent_days)

    def _look_back(self, view: View) -> Result | None:
        """What there is to say without deciding: heeded before, not yet due, or reported before."""
        if self._timer is not None:
            row = view.outbox_row(self._timer.id)
            ready = row is not None and row.state is OutboxState.READY and self._event.effective_ms <= view.time_ms
            return None if ready else EventAnswer(0, 0)
        first = view.answer(self._answer_key)
        return None if first is None else self._answer_again(view, first)

    def _answer_again(self, view: View, first: AnswerRow) -> Result:
        if first.digest not in {self._digest, self._former_digest}:
            return RefusedError(Reason.ID_REUSED, "this event id was used for something else")
        payload = self._registrar.recorder.open(view.entry(first.index)) or {}
        reason = Reason(payload["reason"]) if "reason" in payload else None
        return EventAnswer(first.index + 1, payload.get("epoch", 0), reason, is_repeated=True)

    def _put_off(self, view: View, subject: Subject) -> Decision[Result]:
        content = self._content(SCHEDULED, subject.state.epoch, None)
        written = self._write(view, subject, subject.state, content)
        origin = Origin(subject.label, subject.key_bytes, written.index, view.time_ms)
        detail = {"event": write_event(self._event), "party": self._party}
        timer = Timer(Task.TAKE_EVENT, self._event.number, self._event.effective_ms, detail=detail)
        row = self._registrar.sealer.timer_row(origin, timer)
        return self._decision(view, EventAnswer(written.index + 1, subject.state.epoch), (written,), (row,))

    def _take_in(self, view: View, subject: Subject, step: Step, consent_days: int) -> Decision[Result]:
        before = subject.state
        gaining = self._registrar.capabilities.get((step.successor or step.after).carrier)
        step = take_on(before, step, gaining, view.time_ms)
        content = self._content(step.follows.value, step.epoch, step.reason)
        writtens: tuple[Written, ...] = (self._write(view, subject, step.after, content),)
        leaving = Origin(subject.label, subject.key_bytes, writtens[0].index, view.time_ms)
        farewells = (
            *parting_rows(self._registrar.sealer, leaving, before, step.after),
            *gone_rows(self._registrar.sealer, leaving, before, step.after, consent_days),
        )
        if step.successor is not None:
            # The end of the old holder comes first: the number's row is the heir's alone.
            ended = replace(writtens[0], numbers=())
            subject = self._subjects.begin_state(step.successor)
            writtens = (ended, self._write(view, subject, step.successor, content, place=1))
        index = writtens[-1].index
        origin = Origin(subject.label, subject.key_bytes, index, view.time_ms)
        rows = hand_over_rows(self._registrar.sealer, origin, before, step, gaining)
        return self._decision(view, EventAnswer(index + 1, step.epoch, step.reason), writtens, (*rows, *farewells))

    def _content(self, follows: str, epoch: int, reason: Reason | None) -> dict[str, Any]:
        content = {"event": write_event(self._event), "follows": follows, "epoch": epoch}
        return content if reason is None else content | {"reason": reason.value}

    def _write(
        self, view: View, subject: Subject, after: Subscriber, content: dict[str, Any], *, place: int = 0
    ) -> Written:
        actor = self._policy(view).actor(self._party)
        return self._subjects.write(view, subject, after, KIND, actor, content, place=place)

    def _policy(self, view: View) -> Policy:
        return policy_seen(view, self._registrar.policies, self._registrar.recorder)

    def _decision(
        self, view: View, answer: EventAnswer, writtens: tuple[Written, ...], rows: tuple[OutboxRow, ...]
    ) -> Decision[Result]:
        timer, index = self._timer, answer.revision - 1
        row = AnswerRow(self._answer_key, self._digest, index, view.time_ms + ANSWER_LIFE_MS)
        return Decision(
            answer,
            entries=tuple(written.entry for written in writtens),
            numbers=tuple(number for written in writtens for number in written.numbers),
            subjects=tuple(written.row for written in writtens),
            answers=(row,) if timer is None else (),
            outbox=rows,
            outbox_changes=() if timer is None else (settled(timer),),
            keys=tuple(key for written in writtens for key in written.keys),
        )


def settled(row: OutboxRow) -> OutboxChange:
    """What becomes of a reminder that was heeded."""
    return OutboxChange(row.id, OutboxState.READY, OutboxState.SETTLED, row.due_ms, row.attempts + 1)
