"""What the signer publishes and must not forget: signed notes, refusals by witnesses, and hashes of full tiles.

P1  ``put_note`` returns only after the note is durable; ``latest`` gives the one of the largest size.
P2  A second text for a size that has one is refused with ``NoteConflictError``; the same text with more signatures
replaces the first.
P3  ``thin`` drops notes that are neither the latest nor asked to be kept.
P4  ``add_evidence`` keeps what a witness refused and said, as it was, for ever: the first and the last time that it
answered so, and no more than ``MAX_EVIDENCE`` rows of one witness, however long it goes on.
P5  ``put_hashes`` keeps hashes of full level 0 tiles in order; they can always be made again from the leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.store.base import StoreError

MAX_EVIDENCE = 1000


@dataclass(frozen=True, slots=True)
class NoteRow:
    """A signed checkpoint: its tree's size, its text, the whole note, and when it was signed (Unix ms)."""

    size: int
    text: str
    note: str
    time_ms: int


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """A witness's refusal: its name, the HTTP status, what was sent and what came back, and when (Unix ms)."""

    witness: str
    status: int
    request: bytes
    response: bytes
    time_ms: int

    @property
    def answer(self) -> tuple[str, int, bytes]:
        """Who said what: of equal answers the first and the last are kept."""
        return self.witness, self.status, self.response


class NoteConflictError(StoreError):
    """A note of this size was stored before, with another text. This must never happen."""

    reason = "NOTE_CONFLICT"


class PublicationError(StoreError):
    """The file of publications failed; what was given may be stored or not."""

    reason = "PUBLICATION_UNAVAILABLE"


class Publication(Protocol):
    """See the module's sentences. The methods block for as long as one small transaction takes."""

    def put_note(self, row: NoteRow) -> None:
        """Keep a note (P1, P2)."""

    def latest(self) -> NoteRow | None:
        """The note of the largest size."""

    def notes(self, after_size: int, limit: int) -> Sequence[NoteRow]:
        """Kept notes of sizes above one, smallest first."""

    def thin(self, size: int) -> None:
        """Drop the note of a size, unless it is the latest (P3)."""

    def add_evidence(self, row: EvidenceRow) -> None:
        """Keep a refusal (P4)."""

    def evidence(self) -> Sequence[EvidenceRow]:
        """The refusals that were kept, oldest first."""

    def put_hashes(self, first: int, hashes: Sequence[bytes]) -> None:
        """Keep hashes of full tiles from index ``first`` on; what stood there or beyond goes (P5)."""

    def hashes(self) -> Sequence[bytes]:
        """All of them, in order."""

    def close(self) -> None:
        """Let go of the file."""


class MemoryPublication:
    """Publications for a registry in memory."""

    def __init__(self) -> None:
        self._notes: dict[int, NoteRow] = {}
        self._evidence: list[EvidenceRow] = []
        self._hashes: list[bytes] = []

    def put_note(self, row: NoteRow) -> None:
        """Keep a note."""
        if self._notes.get(row.size, row).text != row.text:
            raise NoteConflictError("two texts for one size")
        self._notes[row.size] = row

    def latest(self) -> NoteRow | None:
        """The note of the largest size."""
        return self._notes[max(self._notes)] if self._notes else None

    def notes(self, after_size: int, limit: int) -> Sequence[NoteRow]:
        """Kept notes."""
        return [self._notes[size] for size in sorted(self._notes) if size > after_size][:limit]

    def thin(self, size: int) -> None:
        """Drop a note."""
        if self._notes and size != max(self._notes):
            self._notes.pop(size, None)

    def add_evidence(self, row: EvidenceRow) -> None:
        """Keep a refusal."""
        alike = [each for each in self._evidence if each.answer == row.answer]
        for repeated in alike[1:]:
            self._evidence.remove(repeated)
        if sum(each.witness == row.witness for each in self._evidence) < MAX_EVIDENCE:
            self._evidence.append(row)

    def evidence(self) -> Sequence[EvidenceRow]:
        """All refusals."""
        return list(self._evidence)

    def put_hashes(self, first: int, hashes: Sequence[bytes]) -> None:
        """Keep hashes."""
        self._hashes[first:] = hashes

    def hashes(self) -> Sequence[bytes]:
        """All hashes."""
        return list(self._hashes)

    def close(self) -> None:
        """Nothing is held."""
