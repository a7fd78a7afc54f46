"""Subjects: finding whom an order or a report is about, and writing what became of that state.

Whatever concerns a subscriber is written in the same way: one entry chained to the subject's entry before it, the whole
state in the opening if it changed, and the subject's row, sealed anew. Units add their answers and outbox rows.
"""

from __future__ import annotations

from gateway.domain.codec import Map, write_subscriber
from gateway.domain.porting import begin_unheard
from gateway.domain.preferences import Medium
from gateway.domain.subscription import Subscriber
from gateway.service.record import Known, Recorder
from gateway.store.base import View
from gateway.store.rows import Label, NewEntry, NewKey, NumberKey, NumberRow, SubjectRow
from gateway.tlog.leaf import LeafType
from optout.kit.number import PhoneNumber, hint_carrier
from optout.kit.values import dataclass, replace


def claims_of(prefix_carrier: str) -> str:
    """The mark of numbers that somebody else claims and whose prefix is this carrier's."""
    return f"claims:{prefix_carrier}"


def claim_mark(state: Subscriber) -> str:
    """The mark under which a number stands: on the list of the carrier that may contest the claim to it, if any."""
    hint = hint_carrier(state.number)
    return claims_of(hint) if state.life.claim is not None and hint is not None else ""


def standing_of(state: Subscriber) -> tuple[str, str, str]:
    """How a number stands: who serves it, on what ground, and who may contest that."""
    return state.carrier, state.basis, claim_mark(state)


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom something is about: a subject that is known, or one that begins with it and has a new ``key``."""

    label: Label
    state: Subscriber
    known: Known | None
    key: NewKey | None

    @property
    def key_bytes(self) -> bytes | None:
        """The key to seal under, if it is new."""
        return None if self.key is None else self.key.key


@dataclass(frozen=True, slots=True)
class Written:
    """What a unit adds to its decision for one subject: ``index`` is the entry's own."""

    index: int
    entry: NewEntry
    row: SubjectRow
    numbers: tuple[NumberRow, ...]
    keys: tuple[NewKey, ...]


class Subjects:
    """Finds subjects in a view, and writes their entries and rows."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def number_key(self, number: PhoneNumber) -> NumberKey:
        """Name a number, for ``Reads``."""
        return self._recorder.vault.number_key(number)

    def find(self, view: View, number: PhoneNumber) -> Subject | None:
        """The number's present holder; None if the number was never heard of. It must be among the unit's reads."""
        return self.holder(view, self.number_key(number))

    def holder(self, view: View, key: NumberKey) -> Subject | None:
        """The same for a number that the caller has named already."""
        found = view.number(key)
        if found is None:
            return None
        known = self._recorder.read_state(found[1])
        return Subject(known.row.label, known.state, known, None)

    def known(self, view: View, label: Label) -> Subject | None:
        """A subject by its label, whoever holds the number now; None if there is none. It must be among the reads."""
        row = view.subject(label)
        if row is None:
            return None
        known = self._recorder.read_state(row)
        return Subject(label, known.state, known, None)

    def begin(self, view: View, number: PhoneNumber) -> Subject:
        """The first holder of a number never heard of, as its prefix alone has it; after an erasure the next one.

        The number must be among the unit's reads.
        """
        erased = view.erased_epoch(self.number_key(number))
        return self.begin_state(replace(begin_unheard(number), epoch=erased + 1))

    def begin_state(self, state: Subscriber) -> Subject:
        """A holder whom nothing was written about yet, with a fresh key."""
        label = self._recorder.vault.label(state.number, state.epoch)
        return Subject(label, state, None, self._recorder.vault.new_key(label))

    def write(
        self, view: View, subject: Subject, after: Subscriber, kind: str, actor: int, content: Map, *, place: int = 0
    ) -> Written:
        """Write one entry of ``kind`` and the state ``after`` it; the same object as before means nothing changed.

        ``place`` counts the entries that the same unit wrote before this one. Who serves the number is written anew
        when that changed, or when the subject is new.
        """
        index = view.next_index + place
        fresh, changed = subject.known is None, after is not subject.state or subject.known is None
        payload = self._recorder.chain(kind, subject.label, subject.known)
        payload |= {"version": after.version, **content}
        written = write_subscriber(after) if changed else None
        if written is not None:
            payload["after"] = written
        leaf_type = LeafType.CHANGE if changed else LeafType.STATEMENT
        before = subject.state
        moved = fresh or standing_of(after) != standing_of(before)
        return Written(
            index,
            self._recorder.entry(leaf_type, actor, subject.label, payload, subject.key_bytes),
            self._row(subject, after, index, written),
            (self._number_row(subject.label, after, view.time_ms),) if moved else (),
            (subject.key,) if subject.key is not None else (),
        )

    def _number_row(self, label: Label, state: Subscriber, now_ms: int) -> NumberRow:
        key = self.number_key(state.number)
        return NumberRow(key, label, state.epoch, state.carrier, state.basis.value, now_ms, claim_mark(state))

    def _row(self, subject: Subject, after: Subscriber, index: int, written: Map | None) -> SubjectRow:
        if written is None and subject.known is not None:
            return replace(subject.known.row, last_index=index)
        written = written or write_subscriber(after)
        return SubjectRow(
            subject.label,
            self.number_key(after.number) if subject.known is None else subject.known.row.number_key,
            after.epoch,
            after.carrier,
            after.leg(Medium.VOICE).state.value,
            after.version,
            index,
            self._recorder.seal_state(subject.label, subject.key_bytes, after, written),
        )
