"""What the judge remembers of the entries before: the rules, declarations, who holds which number, tallies of calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.domain.capability import Capabilities
from gateway.domain.capability_codec import read_capabilities, write_capabilities
from gateway.domain.codec import Map, read_subscriber, write_subscriber
from gateway.domain.notice_rules import NO_TALLY, Tally, read_tally, write_tally
from gateway.domain.policy import Policy
from gateway.domain.rules import RuleEntry, Rules
from gateway.domain.rules_codec import read_rule_change
from gateway.domain.subscription import Subscriber
from gateway.service.interceptions import TALLY_LIFE_MS
from optout.kit.number import PhoneNumber

LAYOUT = 1
NOT_HEARD: tuple[Capabilities | None, ...] = (None,)


class JudgeStateError(ValueError):
    """Bytes that are no memory of a judge of this version."""


@dataclass(frozen=True, slots=True)
class Sequel:
    """An entry that one unit of work wrote right behind another: about ``state``'s number, with that state after it.

    ``begins`` tells that it is the first of a new holder of the number.
    """

    kind: str
    state: Subscriber
    actor: int
    content: Map
    begins: bool = False


@dataclass(slots=True)
class Memory:
    """Everything that deciding an entry again needs, besides its subject's state.

    ``holders`` are the numbers' present subjects. ``since`` has for each subject of a later epoch since when its
    number has stood as it does (Unix ms), and ``scheduled`` the events that were told beforehand. ``sequel`` is what
    must stand at an index. ``adopted`` are index and time of the latest entry of an adoption: lines of the file follow
    right behind. ``cause`` is the latest instruction, if it was about somebody else: index, instruction, verdict, the
    sender's epoch. ``lost`` are subjects of which an opening is gone since the last dump, ``has_erased`` tells that any
    was erased, and ``unseen`` is the index of the latest entry whose opening is gone.
    """

    rules: Rules = field(default_factory=Rules)
    rule_entries: list[tuple[int, int, Mapping[str, Any]]] = field(default_factory=list)
    holders: dict[str, bytes] = field(default_factory=dict)
    tallies: dict[bytes, tuple[int, Tally]] = field(default_factory=dict)
    since: dict[bytes, int] = field(default_factory=dict)
    scheduled: set[str] = field(default_factory=set)
    sequel: tuple[int, Sequel] | None = None
    adopted: tuple[int, int] | None = None
    cause: tuple[int, Map, Map, int] | None = None
    lost: set[bytes] = field(default_factory=set)
    has_erased: bool = False
    unseen: int = -1
    last_ms: int = 0
    _declared: dict[str, tuple[Capabilities | None, ...]] = field(default_factory=dict)
    _policy: Policy | None = None
    _policy_until_ms: int = 0

    def policy_at(self, time_ms: int) -> Policy:
        """The policy in force at a time that never steps back. LookupError before the first."""
        if self._policy is None or time_ms >= self._policy_until_ms:
            publications = self.rules.publications.at(time_ms)
            self._policy = self.rules.policy_at(time_ms)
            self._policy_until_ms = publications.next_ms or 2**63
        return self._policy

    def take_rules(self, index: int, time_ms: int, payload: Mapping[str, Any]) -> None:
        """Take in an entry about the rules; one that cannot be is left aside."""
        self.rules = self.rules.fold([RuleEntry(index, time_ms, read_rule_change(payload))])
        self.rule_entries.append((index, time_ms, payload))
        self._policy = None

    def declared(self, carrier: str) -> tuple[Capabilities | None, ...]:
        """What a decision may have been made by: the carrier's declaration, the one before it, or none.

        A gateway decides by what it has heard, which after a start is nothing, and around a declaration the one before.
        """
        return self._declared.get(carrier, NOT_HEARD)

    def declare(self, declared: Capabilities) -> None:
        """Take in a declaration."""
        before = self.declared(declared.carrier)[0]
        self._declared[declared.carrier] = (declared, before, None) if before is not None else (declared, None)

    def tally(self, label: bytes, time_ms: int) -> Tally:
        """What a subject was told of calls, as the registry finds it: for some days, then it begins anew."""
        found = self.tallies.get(label)
        return NO_TALLY if found is None or found[0] < time_ms - TALLY_LIFE_MS else found[1]

    def lose(self, label: bytes) -> None:
        """What a subject is, or whose its number is by now, is no longer known: an opening is gone."""
        self.lost.add(label)
        self.tallies.pop(label, None)

    def forget(self, label: bytes) -> None:
        """Forget a subject that was erased."""
        self.has_erased = True
        self.lose(label)
        self.since.pop(label, None)

    def holder_of(self, number: PhoneNumber) -> bytes | None:
        """The number's present subject; None if nobody is known to hold it."""
        found = self.holders.get(number)
        return None if found in self.lost else found

    def dump(self) -> bytes:
        """The memory as bytes; what will not be needed again is left out."""
        dead_ms = self.last_ms - TALLY_LIFE_MS
        return orjson.dumps(
            {
                "layout": LAYOUT,
                "rules": self.rule_entries,
                "declared": {
                    carrier: [None if each is None else write_capabilities(each) for each in known]
                    for carrier, known in self._declared.items()
                },
                "holders": {number: label.hex() for number, label in self.holders.items() if label not in self.lost},
                "tallies": {
                    label.hex(): [time_ms, write_tally(tally)]
                    for label, (time_ms, tally) in self.tallies.items()
                    if time_ms >= dead_ms
                },
                "since": {label.hex(): time_ms for label, time_ms in self.since.items()},
                "scheduled": sorted(self.scheduled),
                "sequel": None if self.sequel is None else _write_sequel(*self.sequel),
                "adopted": self.adopted,
                "cause": self.cause,
                "has_erased": self.has_erased,
                "unseen": self.unseen,
                "last_ms": self.last_ms,
            }
        )


def _write_sequel(index: int, one: Sequel) -> list[Any]:
    return [index, one.kind, write_subscriber(one.state), one.actor, one.content, one.begins]


def _read_sequel(data: list[Any]) -> tuple[int, Sequel]:
    index, kind, state, actor, content, begins = data
    return index, Sequel(kind, read_subscriber(state), actor, content, begins)


def load_memory(data: bytes) -> Memory:
    """The memory from its bytes. Raises JudgeStateError."""
    try:
        return _read(orjson.loads(data))
    except (orjson.JSONDecodeError, LookupError, TypeError, ValueError, AttributeError):
        raise JudgeStateError("no memory of a judge") from None


def _read(given: Map) -> Memory:
    if given["layout"] != LAYOUT:
        raise JudgeStateError("another layout")
    memory = Memory(
        holders={number: bytes.fromhex(label) for number, label in given["holders"].items()},
        tallies={
            bytes.fromhex(label): (time_ms, read_tally(tally)) for label, (time_ms, tally) in given["tallies"].items()
        },
        since={bytes.fromhex(label): time_ms for label, time_ms in given["since"].items()},
        scheduled=set(given["scheduled"]),
        sequel=None if given["sequel"] is None else _read_sequel(given["sequel"]),
        adopted=None if given["adopted"] is None else tuple(given["adopted"]),
        cause=None if given["cause"] is None else tuple(given["cause"]),
        has_erased=given["has_erased"],
        unseen=given["unseen"],
        last_ms=given["last_ms"],
        _declared={
            carrier: tuple(None if each is None else read_capabilities(each) for each in known)
            for carrier, known in given["declared"].items()
        },
    )
    for index, time_ms, payload in given["rules"]:
        memory.take_rules(index, time_ms, payload)
    return memory
