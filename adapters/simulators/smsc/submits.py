"""The SUBMITs of one link as the wire shows them: which wait for an answer, which come again."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from adapters.simulators.smsc.messages import Breach

_REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Answer:
    """What a SUBMIT that was carried out is answered with, every time it comes."""

    pdu: Any
    msg_id: bytes
    result: int


class Answers:
    """The answers given, by sequence number: of one link, or of all where a number names its message for good."""

    def __init__(self, *, lasting: bool = False) -> None:
        self.lasting = lasting
        self._answers: dict[Hashable, Answer] = {}

    def remember(self, answer: Answer) -> None:
        """Keep the answer for copies to come."""
        self._answers.pop(answer.pdu.sequence, None)
        self._answers[answer.pdu.sequence] = answer
        _trim(self._answers)

    def recall(self, pdu: Any) -> Answer | None:
        """Return the answer given before to this very SUBMIT."""
        answer = self._answers.get(pdu.sequence)
        return answer if answer is not None and answer.pdu == pdu else None

    def is_taken(self, pdu: Any) -> bool:
        """Tell whether this number names another message, and for good."""
        answer = self._answers.get(pdu.sequence)
        return self.lasting and answer is not None and answer.pdu != pdu

    def clear(self) -> None:
        """Forget every answer."""
        self._answers.clear()


class Submits:
    """Knows a resend when it sees one.

    A SUBMIT waits until its answer is on the wire. One that was lost, or whose answer was, counts no longer towards
    the window (nobody here knows when the client gives it up), but the client still owes it its sequence number: the
    same number with other content is `sequence_reused`, the same content with another number is `resend_renumbered`.
    """

    def __init__(self, window: int, answers: Answers) -> None:
        self.answers = answers
        self._window = window
        self._waiting: dict[Hashable, Any] = {}
        self._unheard: dict[Hashable, Any] = {}

    @property
    def waiting(self) -> int:
        """How many wait for an answer."""
        return len(self._waiting)

    def receive(self, pdu: Any, *, lost: bool) -> tuple[bool, list[Breach]]:
        """Note a SUBMIT that came, or was lost on the way; return whether it is a resend, and what it breaks."""
        sequence = pdu.sequence
        known = self._waiting.get(sequence) or self._unheard.get(sequence)
        resend = pdu == known or (known is None and self.answers.recall(pdu) is not None)
        breaches = [] if resend else list(self._check_new(pdu, known))
        (self._unheard if lost else self._waiting)[sequence] = pdu
        if not lost:
            self._unheard.pop(sequence, None)
        if len(self._waiting) > self._window and not resend:
            breaches.append(Breach("window_exceeded", f"{len(self._waiting)} unanswered, window {self._window}"))
        _trim(self._unheard)
        return resend, breaches

    def answered(self, sequence: Hashable) -> None:
        """The answer is on the wire."""
        self._waiting.pop(sequence, None)
        self._unheard.pop(sequence, None)

    def answer_lost(self, sequence: Hashable) -> None:
        """The answer was lost."""
        pdu = self._waiting.pop(sequence, None)
        if pdu is not None:
            self._unheard[sequence] = pdu

    def _check_new(self, pdu: Any, known: Any) -> Iterator[Breach]:
        if known is None and self.answers.is_taken(pdu):
            yield Breach("sequence_reused", "the number of an earlier message came with another message")
        elif known is not None:
            yield Breach("sequence_reused", "the number of a message without an answer came with another message")
        elif any(replace(unheard, sequence=pdu.sequence) == pdu for unheard in self._unheard.values()):
            yield Breach("resend_renumbered", "a message without an answer came again under another number")


def _trim(items: dict[Hashable, Any]) -> None:
    while len(items) > _REMEMBERED:
        del items[next(iter(items))]
