"""Cross-channel intent as `docs/intent.md` tells it: one subscriber, one instruction after the other, in log order.

Written from the page and not from the code. It knows wishes as one set of refused categories, and nothing of proof but
whether a channel's word is weak (a one-tap login alone), whether the carrier asks for a second one, and whether the
subscriber was told.
"""

from __future__ import annotations

from dataclasses import dataclass

DAY_MS = 86_400_000
Wishes = frozenset[str]


@dataclass(frozen=True)
class Said:
    """What reached the log. ``asks``: this channel needs a second word; ``opens``: which question a word answers.

    ``told``: a notice was shown, and agreed to by itself where the channel can ask.
    """

    verb: str
    wishes: Wishes = frozenset()
    asks: bool = False
    weak: bool = False
    opens: bool | None = None
    told: bool = True


@dataclass(frozen=True)
class Question:
    """A question put to the subscriber: to open with these wishes, or to close."""

    opens: bool
    until_ms: int
    wishes: Wishes = frozenset()


@dataclass(frozen=True)
class Intent:
    """Where a subscriber stands: what is carried out (None: off), what is asked, what lies aside until when."""

    on: Wishes | None = None
    asked: Question | None = None
    aside: tuple[Wishes, int] | None = None

    @property
    def state(self) -> str:
        """The word that every channel uses for it."""
        if self.asked is not None:
            return "pending_open" if self.asked.opens else "pending_cancel"
        return "closed" if self.on is None else "open"

    def at(self, now_ms: int) -> Intent:
        """The same at a later time: questions and what lies aside end by themselves."""
        asked = None if self.asked is not None and now_ms >= self.asked.until_ms else self.asked
        aside = None if self.aside is not None and now_ms >= self.aside[1] else self.aside
        return Intent(self.on, asked, aside)


def hear(before: Intent, said: Said, now_ms: int) -> tuple[Intent, str]:
    """One instruction: where the subscriber stands then, and what the channel is told."""
    now = before.at(now_ms)
    after, answer = _hear(now, said, now_ms, late=now.asked != before.asked)
    return (after if answer in {"done", "needs_confirmation"} else before), answer


def _hear(now: Intent, said: Said, now_ms: int, *, late: bool) -> tuple[Intent, str]:
    match said.verb:
        case "open":
            return _open(now, said, now_ms)
        case "confirm":
            return _agree(now, said, now_ms, late=late)
        case "cancel":
            return _cancel(now, said, now_ms)
        case "undo":
            return (Intent(now.aside[0]), "done") if now.aside is not None else _stay(now, "NOTHING_TO_UNDO")
        case "refuse" if now.on is None:
            return now, "NOT_OPEN"
        case "refuse" if said.wishes - now.on:
            return Intent(now.on | said.wishes, now.asked), "done"
        case _:
            return now, "already_so"


def _open(now: Intent, said: Said, now_ms: int) -> tuple[Intent, str]:
    if now.on is not None:
        return _stay(now, "already_so")
    if said.asks:
        return Intent(None, Question(True, now_ms + DAY_MS, said.wishes), now.aside), "needs_confirmation"
    return (Intent(said.wishes), "done") if said.told else (now, "PROOF_REQUIRED")


def _cancel(now: Intent, said: Said, now_ms: int) -> tuple[Intent, str]:
    if now.on is None:
        return (Intent(aside=now.aside), "done") if now.asked else (now, "already_so")
    if said.asks or said.weak:
        return Intent(now.on, Question(False, now_ms + DAY_MS)), "needs_confirmation"
    return Intent(aside=(now.on, now_ms + DAY_MS)), "done"


def _stay(now: Intent, otherwise: str) -> tuple[Intent, str]:
    """Whoever opens, or takes back, while a closing waits for its word, stays."""
    return (Intent(now.on), "done") if now.on is not None and now.asked is not None else (now, otherwise)


def _agree(now: Intent, said: Said, now_ms: int, *, late: bool) -> tuple[Intent, str]:
    if now.asked is None:
        return now, "CONFIRMATION_EXPIRED" if late else "NOTHING_PENDING"
    if said.opens not in {None, now.asked.opens}:
        return now, "NOTHING_PENDING"
    if now.asked.opens:
        return Intent(now.asked.wishes), "done"
    if said.weak or now.on is None:
        return now, "PROOF_REQUIRED"
    return Intent(aside=(now.on, now_ms + DAY_MS)), "done"
