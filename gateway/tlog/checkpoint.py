"""Checkpoints (C2SP tlog-checkpoint): a log's name, size and root, as the text of a signed note.

Exactly three lines: origin, size, root. Extension lines, which no auditor could check, are neither written nor read;
only a witness lets another's log have them, since it vouches for the first three alone.
"""

import base64
from dataclasses import dataclass
from typing import Self

from gateway.tlog.compact import MAX_SIZE
from gateway.tlog.hashing import HASH_BYTES
from gateway.tlog.note import Note, NoteError, check_name, decode_base64


class CheckpointError(ValueError):
    """A text is no checkpoint; `reason` is ORIGIN, SIZE, ROOT or LINES."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The log `origin` as it stood with `size` entries and the root hash `root`. Raises `CheckpointError`."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        try:
            check_name(self.origin)
        except NoteError:
            raise CheckpointError("ORIGIN") from None
        if not 0 <= self.size <= MAX_SIZE:
            raise CheckpointError("SIZE")
        if len(self.root) != HASH_BYTES:
            raise CheckpointError("ROOT")

    def text(self) -> str:
        """Write the three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    def unsigned(self) -> Note:
        """Give the note that waits for signatures."""
        return Note(self.text())

    @classmethod
    def from_text(cls, text: str, *, may_be_extended: bool = False) -> Self:
        """Read the three lines, in the one form they are written in. Raises `CheckpointError`.

        What a log that `may_be_extended` adds, lines that are not empty, is passed over.
        """
        *lines, end = text.split("\n")
        if end or len(lines) < 3 or not all(lines[3:]) or (lines[3:] and not may_be_extended):
            raise CheckpointError("LINES")
        origin, size, root = lines[:3]
        if not (size.isascii() and size.isdigit()) or len(size) > 20 or (len(size) > 1 and size[0] == "0"):
            raise CheckpointError("SIZE")
        try:
            return cls(origin, int(size), decode_base64(root))
        except NoteError:
            raise CheckpointError("ROOT") from None
