"""The life of a policy, from its proposal to the day it is followed or rolled back. Pure.

One operator proposes, another approves the same digest. From its activation time on, which is never before the
approval, it is in force and supersedes the one before. Rolling back ends the one in force and restores the one that it
superseded. A version names one policy for ever.

    status       | approve      activate     supersede    roll back     restore
    -------------+----------------------------------------------------------------
    PROPOSED     | APPROVED
    APPROVED     |              ACTIVE
    ACTIVE       |                           SUPERSEDED   ROLLED_BACK
    SUPERSEDED   |                                                      ACTIVE

Activation and what it supersedes follow from the time alone: the approval's entry holds the activation time, so no
entry of their own is needed for anybody to know what was in force when.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from gateway.domain.policy import Policy


class PolicyStatus(StrEnum):
    """Where a policy stands."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    ACTIVE = "active"
    SUPERSEDED = "superseded"
    ROLLED_BACK = "rolled_back"


class Step(StrEnum):
    """What moves a policy on."""

    APPROVE = "approve"
    ACTIVATE = "activate"
    SUPERSEDE = "supersede"
    ROLL_BACK = "roll_back"
    RESTORE = "restore"


LIFE: Mapping[tuple[PolicyStatus, Step], PolicyStatus] = {
    (PolicyStatus.PROPOSED, Step.APPROVE): PolicyStatus.APPROVED,
    (PolicyStatus.APPROVED, Step.ACTIVATE): PolicyStatus.ACTIVE,
    (PolicyStatus.ACTIVE, Step.SUPERSEDE): PolicyStatus.SUPERSEDED,
    (PolicyStatus.ACTIVE, Step.ROLL_BACK): PolicyStatus.ROLLED_BACK,
    (PolicyStatus.SUPERSEDED, Step.RESTORE): PolicyStatus.ACTIVE,
}
"""Every step that there is; any other is a mistake of the program, and a KeyError."""


@dataclass(frozen=True, slots=True)
class Signature:
    """Who put its name under a policy, and when (Unix ms).

    ``signature`` is a detached one in hex, empty if the certificate alone spoke.
    """

    party: str
    time_ms: int
    signature: str = ""


@dataclass(frozen=True, slots=True)
class PolicyRecord:
    """A policy with its history.

    ``activation_ms`` is when it shall be, or was last, put in force; ``revision`` is that of the entry that brought it
    to its status, or that fixed the time at which it came to it.
    """

    policy: Policy
    status: PolicyStatus
    signatures: tuple[Signature, ...]
    activation_ms: int
    revision: int
    rollback: Rollback | None = None

    def move(self, step: Step, **changes: object) -> PolicyRecord:
        """The record after a step of `LIFE`."""
        return replace(self, status=LIFE[self.status, step], **changes)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Adopted:
    """A policy taken from a file, at once and without signers."""

    policy: Policy


@dataclass(frozen=True, slots=True)
class Proposed:
    """A policy proposed by one operator."""

    policy: Policy
    party: str
    activation_ms: int
    signature: str = ""


@dataclass(frozen=True, slots=True)
class Approved:
    """A proposal approved by a second operator."""

    version: str
    party: str
    signature: str = ""


@dataclass(frozen=True, slots=True)
class Rollback:
    """The policy in force given up for the one before."""

    version: str
    party: str
    reason: str


Event = Adopted | Proposed | Approved | Rollback


@dataclass(frozen=True, slots=True)
class Publications:
    """Every policy there ever was, as of one instant.

    ``records`` are in order of proposal. ``reigns`` are the versions that came into force and were not rolled back,
    the present one last. ``waiting`` are approved versions in the order in which they will come into force.
    """

    records: Mapping[str, PolicyRecord] = field(default_factory=dict)
    reigns: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()

    @property
    def current(self) -> PolicyRecord | None:
        """The policy in force; None before the first."""
        return self.records[self.reigns[-1]] if self.reigns else None

    @property
    def next_ms(self) -> int | None:
        """When the next approved policy comes into force, if one waits."""
        return self.records[self.waiting[0]].activation_ms if self.waiting else None

    @property
    def signed(self) -> bool:
        """True once two operators have brought a policy about."""
        return any(len(record.signatures) > 1 for record in self.records.values())

    def at(self, time_ms: int) -> Publications:
        """How things stand at a later instant: what waits and is due has come into force."""
        state = self
        while (due_ms := state.next_ms) is not None and due_ms <= time_ms:
            state = state._activate(state.waiting[0])
        return state

    def apply(self, event: Event, time_ms: int, revision: int) -> Publications:
        """How things stand after an event that was accepted at ``time_ms`` by the entry of ``revision``."""
        state = self.at(time_ms)
        match event:
            case Adopted(policy):
                record = PolicyRecord(policy, PolicyStatus.APPROVED, (), time_ms, revision)
                return state._put(record, waiting=(policy.version, *state.waiting))._activate(policy.version)
            case Proposed(policy, party, activation_ms, signature):
                signatures = (Signature(party, time_ms, signature),)
                return state._put(PolicyRecord(policy, PolicyStatus.PROPOSED, signatures, activation_ms, revision))
            case Approved(version, party, signature):
                return state._approve(version, Signature(party, time_ms, signature), revision).at(time_ms)
            case Rollback():
                return state._roll_back(event, time_ms, revision)

    def _put(
        self, *records: PolicyRecord, reigns: tuple[str, ...] | None = None, waiting: tuple[str, ...] | None = None
    ) -> Publications:
        known = {**self.records, **{record.policy.version: record for record in records}}
        return Publications(
            known, self.reigns if reigns is None else reigns, self.waiting if waiting is None else waiting
        )

    def _approve(self, version: str, signature: Signature, revision: int) -> Publications:
        record = self.records[version]
        approved = record.move(
            Step.APPROVE,
            signatures=(*record.signatures, signature),
            activation_ms=max(record.activation_ms, signature.time_ms),
            revision=revision,
        )
        known = {**self.records, version: approved}
        # Of two that come into force at the same instant the one approved later is the later one.
        waiting = sorted((*self.waiting, version), key=lambda each: known[each].activation_ms)
        return self._put(approved, waiting=tuple(waiting))

    def _activate(self, version: str) -> Publications:
        before = self.current
        moved = [self.records[version].move(Step.ACTIVATE)]
        if before is not None:
            moved.append(before.move(Step.SUPERSEDE, revision=moved[0].revision))
        waiting = tuple(each for each in self.waiting if each != version)
        return self._put(*moved, reigns=(*self.reigns, version), waiting=waiting)

    def _roll_back(self, event: Rollback, time_ms: int, revision: int) -> Publications:
        left, restored = self.records[event.version], self.records[self.reigns[-2]]
        return self._put(
            left.move(Step.ROLL_BACK, revision=revision, rollback=event),
            restored.move(Step.RESTORE, revision=revision, activation_ms=time_ms),
            reigns=self.reigns[:-1],
        )


NO_POLICY = Publications()
