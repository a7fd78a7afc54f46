"""The rules as the log tells them: every policy there was, and the directory of lines, folded entry by entry. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.domain.lines import NO_LINES, Directory, Line, LineChange, directory_of
from gateway.domain.policy import Policy
from gateway.domain.publication import NO_POLICY, Adopted, Event, Publications

RuleChange = Event | LineChange


@dataclass(frozen=True, slots=True)
class RuleEntry:
    """One entry about the rules: its index, its accept time, and what it says; None if it changes nothing."""

    index: int
    time_ms: int
    change: RuleChange | None


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds after the entry ``last_index``, the latest about the rules; -1 before the first. It never changes."""

    publications: Publications = NO_POLICY
    directory: Directory = NO_LINES
    last_index: int = -1

    def fold(self, entries: Iterable[RuleEntry]) -> Rules:
        """What holds after further entries, given in the log's order."""
        publications, last_index, last_ms = self.publications, self.last_index, 0
        lines: list[LineChange] = []
        for entry in entries:
            last_index, last_ms = entry.index, entry.time_ms
            if isinstance(entry.change, LineChange):
                lines.append(entry.change)
            elif entry.change is not None:
                publications = publications.apply(entry.change, entry.time_ms, entry.index + 1)
        return Rules(publications, self.directory.apply(lines, last_ms) if lines else self.directory, last_index)

    def policy_at(self, time_ms: int) -> Policy:
        """The policy in force at an instant not before the latest entry. LookupError before the first policy."""
        record = self.publications.at(time_ms).current
        if record is None:
            raise LookupError("no policy is in force")
        return record.policy


def rules_of(policy: Policy, lines: Iterable[Line] = ()) -> Rules:
    """Rules that begin with this policy and these lines, before any entry."""
    return Rules(NO_POLICY.apply(Adopted(policy), 0, 0), directory_of(lines))
