"""What is in force just now: the rules, and what each carrier has declared. Read by every decision."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gateway.domain.capability import Capabilities
from gateway.domain.lines import Directory, Line
from gateway.domain.policy import GATEWAY_ACTOR, Policy
from gateway.domain.rules import Rules, rules_of
from gateway.service.record import PAYLOAD_VERSION, Recorder
from gateway.store.base import Decision, Reads, View
from gateway.store.rows import NO_SUBJECT
from gateway.tlog.leaf import LeafType
from optout.kit.clock import Clock, SystemClock

NOTHING = Reads()


class PolicyBook:
    """The rules in force: the policy and the directory of lines, as far as the log was read.

    It begins with what it is given, or with nothing; whoever follows the log brings it forward.
    """

    def __init__(self, policy: Policy | None = None, lines: Iterable[Line] = (), clock: Clock | None = None) -> None:
        self._rules = Rules() if policy is None else rules_of(policy, lines)
        self._clock = clock or SystemClock()

    @property
    def rules(self) -> Rules:
        """Everything that was published and declared. May be read from any thread."""
        return self._rules

    @property
    def current(self) -> Policy:
        """The policy in force at this moment. LookupError before the first."""
        return self._rules.policy_at(self._clock.now_ms())

    @property
    def lines(self) -> Directory:
        """The directory of lines."""
        return self._rules.directory

    def advance(self, rules: Rules) -> None:
        """Take in what was read further on; what is behind the present is left aside."""
        if rules.last_index > self._rules.last_index:
            self._rules = rules

    def actor(self, party: str) -> int:
        """The number under which a party's entries stand in the log now; units ask the policy that they see."""
        return self.current.actor(party)


class CapabilityBook:
    """What carriers have declared. A carrier that was never heard is missing."""

    def __init__(self) -> None:
        self._declared: dict[str, Capabilities] = {}
        self._revisions: dict[str, int] = {}

    def get(self, carrier: str) -> Capabilities | None:
        """The carrier's declaration, if it was heard."""
        return self._declared.get(carrier)

    def revision(self, carrier: str) -> int:
        """The revision of its entry; 0 if it was never heard."""
        return self._revisions.get(carrier, 0)

    def put(self, capabilities: Capabilities, revision: int = 0) -> None:
        """Take in a declaration, which must stand in the log by now, and the revision of its entry there."""
        self._declared[capabilities.carrier] = capabilities
        self._revisions[capabilities.carrier] = revision


@dataclass(frozen=True, slots=True)
class PublicationUnit:
    """Appends something that concerns nobody in particular, such as a carrier's capabilities."""

    recorder: Recorder
    leaf_type: LeafType
    kind: str
    content: dict[str, Any]

    @property
    def reads(self) -> Reads:
        """Nothing: it depends on nothing that stands in the store."""
        return NOTHING

    def decide(self, view: View) -> Decision[int]:
        """Append it; the result is its revision."""
        payload = {"v": PAYLOAD_VERSION, "kind": self.kind, "label": "", **self.content}
        entry = self.recorder.entry(self.leaf_type, GATEWAY_ACTOR, NO_SUBJECT, payload)
        return Decision(view.next_index + 1, entries=(entry,))
