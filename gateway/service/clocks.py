"""Holding the times of entries against witnesses: over every checkpoint that was kept, each itself checked first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from gateway.service.audit_file import AuditError
from gateway.service.verify import check_note, root_at
from gateway.tlog.note import NoteError, Verifier, decode_note
from gateway.tlog.policy import Policy
from gateway.tlog.tile import WIDTH, TileError, TileReader
from gateway.tlog.times import LIARS, NOTHING, SLACK_S, Witnessed, look_at_times
from gateway.tlog.walk import Finding, Flaw

_TIME = slice(8, 16)
"""Where every leaf has its time; the walk before has looked at the rest."""


@dataclass(frozen=True, slots=True)
class Bounded:
    """How many checkpoints were looked at, how many bound times, the last of those, and what is wrong."""

    notes: int
    bounding: int
    last: Witnessed
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class ClockCheck:
    """Whose signatures count, and how far clocks may differ: ``liars`` of each checkpoint's witnesses, ``slack_s``."""

    log: Verifier
    policy: Policy
    slack_s: int = SLACK_S
    liars: int = LIARS

    def look(self, reader: TileReader, notes: Iterable[str], since: Witnessed | None = None) -> Bounded:
        """Look at kept checkpoints in order of size, from ``since`` on. Raises AuditError (ROOT, UNREACHABLE)."""
        older = since or NOTHING
        count = bounding = 0
        findings: list[Finding] = []
        time_of = _times(reader)
        for text in notes:
            found = self._read(reader, text, findings)
            if found is None:
                continue
            count += 1
            if len(found.times_s) <= self.liars or found.size < older.size:
                continue
            bounding += 1
            findings += look_at_times(older, found, time_of, slack_s=self.slack_s, liars=self.liars)
            older = found
        return Bounded(count, bounding, older, tuple(findings))

    def _read(self, reader: TileReader, text: str, findings: list[Finding]) -> Witnessed | None:
        """A checkpoint of this very tree; one that the log signed over another is a finding, and tells no times."""
        try:
            note, checkpoint = check_note(decode_note(text), self.log)
        except (AuditError, NoteError) as error:
            findings.append(Finding(0, Flaw.NOTE, f"a kept checkpoint is not the log's: {error.reason}"))
            return None
        if checkpoint.size > reader.size:
            return None
        if root_at(reader, checkpoint.size) != checkpoint.root:
            findings.append(Finding(checkpoint.size, Flaw.FORK, "the log signed another history of this size"))
            return None
        return Witnessed(checkpoint.size, tuple(sorted(self.policy.cosignatures(note).values())))


def _times(reader: TileReader) -> Callable[[int], int]:
    @lru_cache(maxsize=64)
    def bundle(index: int) -> tuple[bytes, ...]:
        try:
            return reader.entries(index)
        except TileError as error:
            raise AuditError("ROOT", f"the entries are not those of the signed root: {error}") from None
        except (OSError, KeyError) as error:
            raise AuditError("UNREACHABLE", f"a bundle is missing: {type(error).__name__}") from None

    def time_of(index: int) -> int:
        return int.from_bytes(bundle(index // WIDTH)[index % WIDTH][_TIME], "big")

    return time_of
