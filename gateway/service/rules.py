"""The rules and the log: how changes of them are written, found again, and seen by every unit that depends on them.

Entries about the rules are of the leaf type POLICY and concern nobody in particular, so their openings are in clear.
Each holds ``prev``, the index of the one before it (``NO_PREVIOUS`` for the first): a unit finds what was logged since
the book was last brought forward, entries of its own batch included, by walking back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.domain.policy import GATEWAY_ACTOR, Policy
from gateway.domain.rules import RuleChange, RuleEntry, Rules
from gateway.domain.rules_codec import read_rule_change, write_rule_change
from gateway.service.books import PolicyBook
from gateway.service.record import PAYLOAD_VERSION, Recorder
from gateway.store.base import Decision, Reads, Store, View
from gateway.store.rows import NO_SUBJECT, EntryRow, NewEntry
from gateway.tlog.leaf import LeafType, decode_leaf
from gateway.tlog.opening import NO_PREVIOUS

RULES = (LeafType.POLICY,)
"""What a unit names in its ``Reads`` if it depends on the rules."""

PAGE_ENTRIES = 1000


async def catch_up(store: Store, recorder: Recorder, book: PolicyBook) -> None:
    """Bring the book forward to the end of the log."""
    book.advance(await read_rules(store, recorder, book.rules))


async def read_rules(store: Store, recorder: Recorder, known: Rules) -> Rules:
    """Fold what the log says about the rules beyond what is known of it."""
    while True:
        rows = await store.entries_of_type(LeafType.POLICY, known.last_index + 1, PAGE_ENTRIES)
        known = known.fold([_read_entry(recorder, row)[0] for row in rows])
        if len(rows) < PAGE_ENTRIES:
            return known


def rules_seen(view: View, book: PolicyBook, recorder: Recorder) -> Rules:
    """The rules as they stand where a unit decides. It must have named `RULES` in its reads."""
    known, index = book.rules, view.last_of_type(LeafType.POLICY)
    newer: list[RuleEntry] = []
    while index is not None and index > known.last_index:
        entry, index = _read_entry(recorder, view.entry(index))
        newer.append(entry)
    return known.fold(reversed(newer)) if newer else known


def policy_seen(view: View, book: PolicyBook, recorder: Recorder) -> Policy:
    """The policy in force at the accept time of a unit's batch. It must have named `RULES` in its reads."""
    return rules_seen(view, book, recorder).policy_at(view.time_ms)


def _read_entry(recorder: Recorder, row: EntryRow) -> tuple[RuleEntry, int | None]:
    """What an entry says, and the index of the one before it."""
    payload = recorder.open(row)
    time_ms = decode_leaf(row.leaf).accept_time_ms
    if payload is None:
        return RuleEntry(row.index, time_ms, None), None
    before = payload.get("prev", NO_PREVIOUS)
    return RuleEntry(row.index, time_ms, read_rule_change(payload)), None if before == NO_PREVIOUS else before


def write_entries(
    view: View, recorder: Recorder, changes: Sequence[RuleChange], actor: int = GATEWAY_ACTOR
) -> tuple[NewEntry, ...]:
    """The entries of changes that a unit makes, chained to those before them."""
    before = view.last_of_type(LeafType.POLICY)
    entries = []
    for place, change in enumerate(changes):
        prev = NO_PREVIOUS if before is None else before
        payload = {"v": PAYLOAD_VERSION, "label": "", "prev": prev, **write_rule_change(change)}
        entries.append(recorder.entry(LeafType.POLICY, actor, NO_SUBJECT, payload))
        before = view.next_index + place
    return tuple(entries)


Choose = Callable[[Rules, int], Sequence[RuleChange]]
"""Decides what changes, from the rules and the accept time; nothing if it was all said before. Raises RefusedError."""


@dataclass(frozen=True, slots=True)
class RuleUnit:
    """Changes the rules, one request after the other. The result is the rules after it, as of its accept time."""

    book: PolicyBook
    recorder: Recorder
    choose: Choose

    @property
    def reads(self) -> Reads:
        """The latest entry about the rules."""
        return Reads(types=RULES)

    def decide(self, view: View) -> Decision[Rules]:
        """Decide and record."""
        rules = rules_seen(view, self.book, self.recorder)
        changes = self.choose(rules, view.time_ms)
        after = rules.fold(
            RuleEntry(view.next_index + place, view.time_ms, change) for place, change in enumerate(changes)
        )
        return Decision(after, entries=write_entries(view, self.recorder, changes))
