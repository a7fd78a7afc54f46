"""One instruction as a unit of work: looked up, decided, recorded; or found to have been answered before.

Every instruction that reaches this point is one entry of the log, whether it changed anything, was refused, or only
asked: the log is what was asked of the registry and what it answered.
"""

from __future__ import annotations

from hashlib import sha256

import orjson

from gateway.domain.codec import Map, name_action, write_instruction, write_verdict
from gateway.domain.enrolment import settle
from gateway.domain.errors import Reason, RefusedError
from gateway.domain.guardian_orders import Step
from gateway.domain.instruction import Channel, Instruction
from gateway.domain.notices import choose_notices
from gateway.domain.orders import take_order
from gateway.domain.policy import Policy
from gateway.domain.preferences import Medium
from gateway.domain.subscription import Leg, Subscriber
from gateway.service.access import not_served, seen_by
from gateway.service.guardians import GuardianDesk, due_rows, news_rows
from gateway.service.leg_rows import leg_rows, reminder_rows
from gateway.service.outbox import Origin
from gateway.service.registrar import Registrar
from gateway.service.restriction import notices_seen, restriction_rows
from gateway.service.rules import RULES, policy_seen
from gateway.service.subjects import Subject
from gateway.service.views import Outcome, SubscriptionView
from gateway.store.base import Decision, Reads, View
from gateway.store.rows import AnswerRow, OutboxRow
from optout.kit.values import dataclass, replace

ANSWER_LIFE_MS = 30 * 24 * 3600 * 1000
"""How long an idempotency key is kept."""


def content_digest(written: Map) -> bytes:
    """SHA-256 over what makes two copies of an instruction the same: subscriber, medium, action, original."""
    original = written["evidence"].get("original_digest", "")
    # Which question a copy of one text answers depends on when it was read.
    action = {"confirm": {}} if "confirm" in written["action"] else written["action"]
    content = [written["number"], written["medium"], action, original]
    return sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).digest()


def answer_key(instruction: Instruction, digest: bytes) -> bytes:
    """The idempotency key: carrier, channel, account and id, and on SMS, whose ids recur, the content as well."""
    parts = [instruction.carrier, instruction.channel.value, instruction.account, instruction.id]
    if instruction.channel is Channel.SMS:
        parts.append(digest.hex())
    return sha256("\x00".join(parts).encode()).digest()


@dataclass(frozen=True, slots=True)
class Repeated:
    """The instruction was answered before, in the entry at ``index``."""

    index: int


Result = Outcome | RefusedError | Repeated
"""What a unit comes to. A RefusedError among them is an answer that was recorded, not a failure of the unit."""


class SubmissionUnit:
    """Decides one instruction."""

    def __init__(self, instruction: Instruction, registrar: Registrar) -> None:
        self._instruction = instruction
        self._registrar = registrar
        self._subjects = registrar.subjects
        self._sealer = registrar.sealer
        self._capabilities = registrar.capabilities.get(instruction.carrier)
        self._desk = GuardianDesk(registrar, instruction)
        self._number_key = self._subjects.number_key(instruction.number)
        self._written = write_instruction(instruction)
        self._digest = content_digest(self._written)
        # What stands beside the log in clear must not tell a number to whoever tries all of them.
        self._named = registrar.recorder.vault.content_digest(self._digest)
        self._answer_key = answer_key(instruction, self._named)
        self._former_key = answer_key(instruction, self._digest)

    @property
    def reads(self) -> Reads:
        """The number's holder, the other party's, the answer if there was one, and the rules."""
        answers = (self._answer_key, self._former_key)
        return Reads(numbers=(self._number_key, *self._desk.keys), answers=answers, types=RULES)

    def decide(self, view: View) -> Decision[Result]:
        """Decide and record, or find the first answer."""
        # Answers of before digests were keyed are still held for their thirty days.
        first = view.answer(self._answer_key) or view.answer(self._former_key)
        if first is not None:
            same = first.digest in {self._named, self._digest}
            return Decision(Repeated(first.index) if same else RefusedError(Reason.ID_REUSED, "another use of this id"))
        instruction = self._instruction
        subject = self._subjects.holder(view, self._number_key) or self._subjects.begin(view, instruction.number)
        policy = policy_seen(view, self._registrar.policies, self._registrar.recorder)
        found = self._desk.find(view, subject, policy)
        step = take_order(
            subject.state,
            instruction,
            policy,
            self._capabilities,
            view.next_index + 1,
            view.time_ms,
            None if found is None else found.finding,
        )
        decision = self._record(view, subject, step, policy)
        return self._desk.add_other(view, found, decision) if found is not None and step.reaches else decision

    def _record(self, view: View, subject: Subject, step: Step, policy: Policy) -> Decision[Result]:
        instruction, after, verdict = self._instruction, step.own.after, step.verdict
        refusal = not_served() if verdict.reason is Reason.NOT_SERVED else None
        content = {
            "instruction": self._written,
            "digest": self._digest.hex(),
            "verdict": write_verdict(verdict),
            "policy": policy.version,
        }
        written = self._subjects.write(view, subject, after, "instruction", policy.actor(instruction.carrier), content)
        index = written.index
        told = seen_by(settled(after, instruction.medium, view.time_ms), instruction.carrier)
        seen = SubscriptionView(told, instruction.medium, index + 1)
        outcome = Outcome(instruction.id, verdict, seen, index + 1)
        return Decision(
            refusal if refusal is not None else outcome,
            entries=(written.entry,),
            numbers=written.numbers,
            subjects=(written.row,),
            answers=(AnswerRow(self._answer_key, self._named, index, view.time_ms + ANSWER_LIFE_MS),),
            outbox=() if refusal is not None else self._outbox(view, subject, step, told.leg(instruction.medium)),
            keys=written.keys,
        )

    def _outbox(self, view: View, subject: Subject, step: Step, told: Leg) -> tuple[OutboxRow, ...]:
        after = step.own.after
        instruction, index, key = self._instruction, view.next_index, subject.key_bytes
        medium = instruction.medium
        notices = step.own.notices
        if notices is None:
            notices = choose_notices(instruction.action, step.verdict, told, instruction.channel)
        notices = notices_seen(notices, after, step.verdict)
        rows = self._sealer.notice_rows(notices, instruction, subject.label, key, index, view.time_ms)
        origin = Origin(subject.label, key, index, view.time_ms)
        rows = (*rows, *reminder_rows(self._sealer, origin, subject.state, after, medium))
        rows = (*rows, *due_rows(self._sealer, origin, step.own), *news_rows(self._sealer, origin, step.news))
        rows = (*rows, *restriction_rows(self._sealer, origin, subject.state, after))
        return (*rows, *leg_rows(self._sealer, origin, subject.state, after, medium, self._capabilities))


def settled(state: Subscriber, medium: Medium, time_ms: int) -> Subscriber:
    """A subscriber as told at a time: a question whose time is up is none, though no entry has said so yet."""
    leg = state.leg(medium)
    told, _ = settle(leg, time_ms)
    if told is leg:
        return state
    return replace(state, voice=told) if medium is Medium.VOICE else replace(state, message=told)


def describe(instruction: Instruction) -> dict[str, str]:
    """What may be said of an instruction in logs and metrics: nothing personal."""
    return {
        "carrier": instruction.carrier,
        "channel": instruction.channel.value,
        "action": name_action(instruction.action),
    }
