"""One entry before the judge, and what must follow from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import Enum, auto
from typing import Any

from gateway.domain.codec import Map
from gateway.domain.policy import GATEWAY_ACTOR, Policy
from gateway.domain.subscription import Subscriber
from gateway.service.judge.memory import Memory, Sequel
from gateway.tlog.leaf import LeafType
from optout.kit.number import PhoneNumber
from optout.kit.values import dataclass


class WrongError(Exception):
    """What is wrong with an entry, as a sentence without personal data."""


@dataclass(slots=True)
class Case:
    """An entry to be decided again. ``holder`` is the state before it; None for an entry about nobody.

    ``is_first`` tells that it begins its subject: then ``holder`` is the state from which that begins.
    """

    index: int
    time_ms: int
    payload: Mapping[str, Any]
    label: bytes
    holder: Subscriber | None
    is_first: bool
    memory: Memory

    @property
    def policy(self) -> Policy:
        """The policy in force. Raises WrongError before the first."""
        try:
            return self.memory.policy_at(self.time_ms)
        except LookupError:
            raise WrongError("no policy is in force") from None

    @property
    def subject(self) -> Subscriber:
        """The state before it. Raises WrongError if it is about nobody."""
        if self.holder is None:
            raise WrongError("it is about nobody")
        return self.holder


@dataclass(frozen=True, slots=True)
class Ruling:
    """What must stand in an entry: its actor, its content beside what every payload holds, and the state after it.

    ``after`` is the state before, the same object, if nothing changes; None if it is about nobody. ``sequel`` is
    what the same unit of work wrote right behind it.
    """

    content: Map
    after: Subscriber | None = None
    actor: int = GATEWAY_ACTOR
    sequel: Sequel | None = None


class About(Enum):
    """Whom a kind of entry concerns."""

    SUBJECT = auto()
    NOBODY = auto()
    EITHER = auto()


Rule = Callable[[Case], Iterator[Ruling]]
"""Decides again. Where more than one ruling is right, such as before and after a declaration was heard, it gives each
in turn. Raises WrongError, and RefusedError for what the registry would have refused."""

Heed = Callable[[Case], None]
"""Remembers what later entries depend on."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the judge's table: how a kind of entry is decided again, and what is remembered of it.

    ``begins`` finds the number in a payload that may begin a subject; ``by_number`` tells that it concerns whoever
    holds the number then, and no earlier holder.
    """

    rule: Rule
    about: About = About.SUBJECT
    leaf_type: LeafType = LeafType.STATEMENT
    begins: Callable[[Mapping[str, Any]], PhoneNumber] | None = None
    heed: Heed | None = None
    by_number: bool = False
