"""Guardianship in the log: what one subscriber's instruction writes about another, in the same unit or by a reminder.

The instruction's entry stands in its sender's chain. Where it changes the other party, whose number it names, a second
entry of kind ``guardian`` follows in that one's chain, with ``cause``, the index of the first; both are in one unit of
work, so neither is without the other. Where the other party is known to the state alone, as the guardian is when the
ward agrees or revokes, a reminder in the outbox, written in the same transaction, makes that entry a moment later
(``guardian_news``): what counts is what stands at the ward, and that is done by then.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, TypeVar

from gateway.domain.enrolment import Circumstances
from gateway.domain.guardian_notices import Ending
from gateway.domain.guardians import (
    Finding,
    Found,
    News,
    Party,
    Side,
    Who,
    find,
    lapse_guardians,
    learn,
    other_party,
    part_with,
)
from gateway.domain.instruction import Instruction
from gateway.domain.policy import GATEWAY_ACTOR, Policy
from gateway.domain.subscription import Subscriber
from gateway.service.leg_rows import leg_rows
from gateway.service.outbox import Origin, OutboxSealer, Task, Timer
from gateway.service.registrar import Registrar
from gateway.service.subjects import Subject
from gateway.store.base import Decision, View
from gateway.store.rows import NumberKey, OutboxRow
from optout.kit.number import PhoneNumber
from optout.kit.values import dataclass, replace

KIND, NEWS_KIND, LAPSE_KIND = "guardian", "guardian_news", "guardians_lapsed"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class There:
    """What was found at the other party, what becomes of it if the sender may, and its subject."""

    finding: Finding
    side: Side | None
    subject: Subject


def look_there(instruction: Instruction, epoch: int, other: Party, policy: Policy, now_ms: int) -> Found:
    """What the other party makes of an instruction of the sender's ``epoch``."""
    around = Circumstances(
        instruction.number, instruction.channel, instruction.evidence, policy, instruction.carrier, now_ms
    )
    return find(instruction.action, Who(instruction.number, epoch), other, around, instruction.medium)


def write_cause(instruction: Instruction, cause: int) -> dict[str, Any]:
    """What the other party's entry says of the instruction that it follows from."""
    return {"cause": cause, "by": instruction.number}


class GuardianDesk:
    """What a unit needs to carry out one instruction about a guardianship."""

    def __init__(self, registrar: Registrar, instruction: Instruction) -> None:
        self._registrar = registrar
        self._instruction = instruction
        self._subjects = registrar.subjects
        self._party = other_party(instruction.action)

    @property
    def keys(self) -> tuple[NumberKey, ...]:
        """The other party's number, for ``Reads``."""
        return () if self._party is None else (self._subjects.number_key(self._party),)

    def find(self, view: View, sender: Subject, policy: Policy) -> There | None:
        """What is found at the other party; None if the instruction names none."""
        if self._party is None:
            return None
        subject = self._subjects.find(view, self._party) or self._subjects.begin(view, self._party)
        other = Party(subject.state, self._registrar.capabilities.get(subject.state.carrier))
        finding, side = look_there(self._instruction, sender.state.epoch, other, policy, view.time_ms)
        return There(finding, side, subject)

    def add_other(self, view: View, there: There, decision: Decision[T]) -> Decision[T]:
        """The decision about the sender, with what is written about the other party."""
        side, subject, instruction = there.side, there.subject, self._instruction
        if side is None:
            return decision
        content = write_cause(instruction, view.next_index)
        actor = self._registrar.policies.actor(instruction.carrier)
        written = self._subjects.write(view, subject, side.after, KIND, actor, content, place=1)
        origin = Origin(subject.label, subject.key_bytes, written.index, view.time_ms)
        capabilities = self._registrar.capabilities.get(side.after.carrier)
        sealer = self._registrar.sealer
        rows = (
            *side_rows(sealer, origin, side),
            *leg_rows(sealer, origin, subject.state, side.after, instruction.medium, capabilities),
        )
        return replace(
            decision,
            entries=(*decision.entries, written.entry),
            numbers=(*decision.numbers, *written.numbers),
            subjects=(*decision.subjects, written.row),
            outbox=(*decision.outbox, *rows),
            keys=(*decision.keys, *written.keys),
        )


def side_rows(sealer: OutboxSealer, origin: Origin, side: Side) -> tuple[OutboxRow, ...]:
    """What is told to a party that asked nothing just now, and when its guardians are looked at again."""
    told = sealer.unasked_rows(origin, side.after, side.notices or ())
    return (*told, *due_rows(sealer, origin, side))


def due_rows(sealer: OutboxSealer, origin: Origin, side: Side) -> tuple[OutboxRow, ...]:
    """The reminder of a guardian, or a question, whose time will be over."""
    if side.due_ms is None:
        return ()
    return (sealer.timer_row(origin, Timer(Task.GUARDIANS_DUE, side.after.number, side.due_ms)),)


def news_rows(sealer: OutboxSealer, origin: Origin, news: Iterable[News]) -> tuple[OutboxRow, ...]:
    """Reminders, due at once, to tell others what the entry at the origin means for them.

    They are sealed with the subject whose entry it is; another holder of the other's number is none of their business.
    """
    return tuple(
        sealer.timer_row(
            origin, Timer(Task.GUARDIAN_NEWS, one.to, origin.now_ms, str(place), {"news": write_news(one)})
        )
        for place, one in enumerate(news)
    )


def write_news(news: News) -> dict[str, Any]:
    """News as a map; what is at its default is left out."""
    return {name: value for name, value in asdict(news).items() if value}


def read_news(data: dict[str, Any]) -> News:
    """News from its map."""
    numbers = {name: PhoneNumber(data[name]) for name in ("to", "about")}
    cause = {"cause": Ending(data["cause"])} if "cause" in data else {}
    return News(**{**data, **numbers, **cause})


def heed_news(view: View, subject: Subject, timer: Timer, registrar: Registrar) -> Decision[bool] | None:
    """Let the other party know; None if it teaches nothing."""
    side = learn(subject.state, read_news(timer.detail["news"]))
    if side.after is subject.state and not side.notices:
        return None
    content = {"news": timer.detail["news"], "cause": timer.index}
    return _write_side(view, subject, side, NEWS_KIND, content, registrar)


def lapse(view: View, subject: Subject, timer: Timer, registrar: Registrar) -> Decision[bool] | None:
    """Let guardians go whose time is over; None if there are none."""
    side, news = lapse_guardians(subject.state, view.time_ms)
    if side.after is subject.state:
        return None
    decision = _write_side(view, subject, side, LAPSE_KIND, {}, registrar)
    origin = Origin(subject.label, None, view.next_index, view.time_ms)
    return replace(decision, outbox=(*decision.outbox, *news_rows(registrar.sealer, origin, news)))


def _write_side(
    view: View, subject: Subject, side: Side, kind: str, content: dict[str, Any], registrar: Registrar
) -> Decision[bool]:
    written = registrar.subjects.write(view, subject, side.after, kind, GATEWAY_ACTOR, content)
    origin = Origin(subject.label, None, written.index, view.time_ms)
    rows = side_rows(registrar.sealer, origin, side)
    return Decision(True, entries=(written.entry,), subjects=(written.row,), outbox=rows)


def parting_rows(sealer: OutboxSealer, origin: Origin, before: Subscriber, after: Subscriber) -> tuple[OutboxRow, ...]:
    """The reminders for everybody tied to a holder who gave the number up."""
    return news_rows(sealer, origin, part_with(before)) if after.ties != before.ties else ()
