"""What subscribers and carriers ask for: instructions, number events, contests, decided again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from gateway.domain.codec import read_instruction, read_subscriber, write_verdict
from gateway.domain.number_life import NumberEvent, NumberLife, read_event, write_event
from gateway.domain.orders import take_order
from gateway.domain.porting import Follows, contest, gaining_carrier, take_event, take_on
from gateway.domain.subscription import ServiceBasis, Subscriber
from gateway.service.claims import view_claim
from gateway.service.judge.case import Case, Ruling, WrongError
from gateway.service.judge.guardians import findings
from gateway.service.judge.memory import Sequel
from gateway.service.number_events import KIND, SCHEDULED
from gateway.service.numbers import speak_for
from gateway.service.submission import content_digest
from optout.kit.number import PhoneNumber


def number_in_instruction(payload: Mapping[str, Any]) -> PhoneNumber:
    """Whose the instruction is."""
    return PhoneNumber(payload["instruction"]["number"])


def number_in_event(payload: Mapping[str, Any]) -> PhoneNumber:
    """Which number the event is about."""
    return PhoneNumber(payload["event"]["number"])


def judge_instruction(case: Case) -> Iterator[Ruling]:
    """The outcome and the state that follow from the instruction under the policy in force."""
    written, policy = case.payload["instruction"], case.policy
    instruction = read_instruction(written)
    if instruction.number != case.subject.number:
        raise WrongError("the instruction is another number's")
    digest, actor = content_digest(written).hex(), policy.actor(instruction.carrier)
    found = findings(instruction, case.payload["verdict"])
    for declared, finding in product(case.memory.declared(instruction.carrier), found):
        step = take_order(case.subject, instruction, policy, declared, case.index + 1, case.time_ms, finding)
        content = {
            "instruction": written,
            "digest": digest,
            "verdict": write_verdict(step.verdict),
            "policy": policy.version,
        }
        yield Ruling(content, step.own.after, actor)


def judge_event(case: Case) -> Iterator[Ruling]:
    """What follows from the event, which is put off until it holds."""
    event, policy, holder = read_event(case.payload["event"]), case.policy, case.subject
    if event.number != holder.number:
        raise WrongError("the event is another number's")
    actor, written = policy.actor(event.reporter), write_event(event)
    told_before = event_key(event) in case.memory.scheduled
    if not told_before and speak_for(event.reporter, event, policy) != event:
        raise WrongError("the reporter may not say that of a number")
    if event.effective_ms > case.time_ms:
        yield Ruling({"event": written, "follows": SCHEDULED, "epoch": holder.epoch}, holder, actor)
        return
    if case.is_first and case.payload["follows"] == Follows.NEW_EPOCH.value:
        yield _begin_heir(case, event, actor)
        return
    step = take_event(holder, event, case.time_ms, policy.retention.frozen_days, unheard=case.is_first)
    content = {"event": written, "follows": step.follows.value, "epoch": step.epoch}
    if step.reason is not None:
        content["reason"] = step.reason.value
    for gaining in case.memory.declared((step.successor or step.after).carrier):
        taken = take_on(holder, step, gaining, case.time_ms)
        heir = taken.successor
        sequel = None if heir is None else Sequel(KIND, heir, actor, content, begins=True)
        yield Ruling(content, taken.after, actor, sequel)


def _begin_heir(case: Case, event: NumberEvent, actor: int) -> Ruling:
    """A number's new holder whose predecessor's openings are gone.

    Its epoch and who has still to switch off are believed; that it inherits nothing is not.
    """
    told = read_subscriber(case.payload["after"])
    if told.epoch < 2:
        raise WrongError("a new epoch is not the first")
    life = NumberLife(since_ms=event.effective_ms, kind=event.kind, switch_offs=told.life.switch_offs)
    heir = Subscriber(event.number, told.epoch, gaining_carrier(event), ServiceBasis.EVENT, version=1, life=life)
    content = {"event": write_event(event), "follows": Follows.NEW_EPOCH.value, "epoch": told.epoch}
    return Ruling(content, heir, actor)


def heed_event(case: Case) -> None:
    """Remember an event that was told beforehand, and forget it once it was taken in."""
    key = event_key(read_event(case.payload["event"]))
    if case.payload["follows"] == SCHEDULED:
        case.memory.scheduled.add(key)
    else:
        case.memory.scheduled.discard(key)


def event_key(event: NumberEvent) -> str:
    """One party's name for one event."""
    return f"{event.reporter}\x00{event.id}"


def judge_contest(case: Case) -> Iterator[Ruling]:
    """A claim that stands, contested by the carrier that the prefix names."""
    claim, payload = view_claim(case.subject), case.payload
    if claim is None or claim.revision != payload["claim"]:
        raise WrongError("there is no such claim to contest")
    content = {"request": payload["request"], "claim": claim.revision, "ground": payload["ground"]}
    yield Ruling(content, contest(case.subject), case.policy.actor(claim.prefix_carrier))
