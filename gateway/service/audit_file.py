"""An auditor's own files: replaced whole, readable by their owner alone, and known as torn when they are."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path


class AuditError(Exception):
    """The audit cannot go on: ``reason`` is a stable code, the text says it in words and holds no personal data.

    NOTE, ORIGIN, POLICY (signatures), SMALLER, FORKED (against the checkpoint kept), ROOT (tiles or entries against the
    signed root), UNBALANCED (an equation of a report), UNREACHABLE, STATE (the auditor's own files), PROCESSES, VOUCH,
    and the reasons for which a gateway refuses to answer.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(reason, text)
        self.reason = reason
        self.text = text

    def __str__(self) -> str:
        return self.text


ACCUSATIONS = frozenset({"SMALLER", "FORKED", "ROOT", "UNBALANCED"})
"""Reasons that say something about the log; the others say that nothing can be said."""


class WholeFile:
    """A file of any content with its digest behind it, replaced in one step."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> bytes | None:
        """Read it; None if there is none yet. Raises AuditError (STATE): a torn memory is never taken for none."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise AuditError("STATE", f"the auditor's file cannot be read: {type(error).__name__}") from None
        body, _, digest = data.rpartition(b"\n")
        if sha256(body).hexdigest().encode() != digest:
            raise AuditError("STATE", "the auditor's file is damaged; move it away to begin anew")
        return body

    def save(self, body: bytes) -> None:
        """Replace it durably. Raises AuditError (STATE)."""
        try:
            replace_durably(self.path, body + b"\n" + sha256(body).hexdigest().encode())
        except OSError as error:
            raise AuditError("STATE", f"the auditor's file cannot be written: {type(error).__name__}") from None


def replace_durably(path: Path, data: bytes) -> None:
    """Write a file beside, for its owner's eyes only, and put it in place when it is complete. Raises OSError."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
