"""Entries and their openings in a file, downloaded once, so that a replay runs without the registry at hand.

The file is ``optout.v1/export`` and a newline, then blocks, each ``u8 kind | u32 length | content | 32 bytes``, the
last being the SHA-256 of the block's chain: the digest before, kind, length and content. A block of kind 1 holds
entries in order, one of kind 2 a signed checkpoint. Whatever is cut off or changed is known; a block that a crash left
unfinished is dropped when the download goes on.

It holds personal data: mode 0600. What an ERASE entry that comes later accounts for is dropped from it.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from gateway.service.audit_file import AuditError
from gateway.tlog.leaf import LeafType
from gateway.tlog.shown import Shown, decode_shown, encode_shown

MAGIC = b"optout.v1/export\n"
ENTRIES, NOTE = 1, 2
MAX_BLOCK = 1 << 28
_BLOCK = struct.Struct(">BI")
_DIGEST = 32
_BLOCK_ENTRIES = 1000


class ExportFile:
    """Reads an export. Raises AuditError (STATE) where it is not as it was written."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def entries(self, first: int, size: int) -> Iterator[Shown]:
        """The entries from an index up to a size, in order and without gaps."""
        expected = first
        for kind, content in self._blocks():
            if kind != ENTRIES or expected >= size:
                continue
            for shown in decode_shown(content):
                if shown.index < expected:
                    continue
                if shown.index != expected or expected >= size:
                    break
                expected += 1
                yield shown
        if expected < size:
            raise AuditError("STATE", f"the export ends at entry {expected}, and {size} are needed: export again")

    def notes(self) -> list[str]:
        """The checkpoints it holds, as they were downloaded."""
        return [content.decode("utf-8", "replace") for kind, content in self._blocks() if kind == NOTE]

    def checkpoint(self) -> bytes:
        """The newest of them, as a tile source gives it. KeyError if there is none."""
        notes = self.notes()
        if not notes:
            raise KeyError("checkpoint")
        return notes[-1].encode()

    def _blocks(self) -> Iterator[tuple[int, bytes]]:
        try:
            with self.path.open("rb") as file:
                for kind, content, _, _ in _read_blocks(file):
                    yield kind, content
        except OSError as error:
            raise AuditError("STATE", f"the export cannot be read: {type(error).__name__}") from None


class ExportWriter:
    """Goes on with an export, or begins one. `size` is how many entries it holds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self.mended = False
        self._erased: set[bytes] = set()
        self._digest = sha256(MAGIC).digest()
        try:
            self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
        except OSError as error:
            raise AuditError("STATE", f"the export cannot be opened: {type(error).__name__}") from None
        try:
            self._resume()
            os.fchmod(self._file.fileno(), 0o600)
        except AuditError:
            self._file.close()
            raise
        except OSError as error:
            self._file.close()
            raise AuditError("STATE", f"the export cannot be written: {type(error).__name__}") from None

    def append(self, entries: Sequence[Shown]) -> None:
        """Add the entries that come next. AuditError (STATE) if they do not follow."""
        if any(shown.index != self.size + at for at, shown in enumerate(entries)):
            raise AuditError("STATE", f"entry {self.size} was to come next, and another one did")
        self._write(ENTRIES, b"".join(map(encode_shown, entries)))
        self.size += len(entries)
        self._erased.update(_erasures(entries))

    def add_note(self, note: str) -> None:
        """Add a signed checkpoint."""
        self._write(NOTE, note.encode())

    def finish(self) -> int:
        """Make it durable; drop the openings of whoever was erased meanwhile, and tell how many."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return _forget(self.path, self._erased) if self._erased else 0

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file; what is whole of it serves the next time."""
        self._file.close()

    def _resume(self) -> None:
        """Read up to the last whole block, and cut off what a crash left behind it."""
        end = 0
        try:
            for kind, content, digest, ends in _read_blocks(self._file):
                self._digest, end = digest, ends
                if kind == ENTRIES:
                    for shown in decode_shown(content):
                        self.size = shown.index + 1
        except _UnfinishedError as error:
            self.mended, end = True, error.end
        if not end:
            self._file.seek(0)
            self._file.truncate()
            self._file.write(MAGIC)
        self._file.seek(max(end, len(MAGIC)))
        self._file.truncate()

    def _write(self, kind: int, content: bytes) -> None:
        head = _BLOCK.pack(kind, len(content))
        self._digest = _chain(self._digest, head, content)
        self._file.write(head + content + self._digest)


class _UnfinishedError(AuditError):
    """The last block is not whole; `end` is where the last whole one ends, 0 if there is not even a beginning."""

    def __init__(self, end: int) -> None:
        super().__init__("STATE", "the export is torn at its end; run the export again to mend it")
        self.end = end


def _read_blocks(file: BinaryIO) -> Iterator[tuple[int, bytes, bytes, int]]:
    """Kind, content, digest, and where the block ends."""
    magic = file.read(len(MAGIC))
    if magic != MAGIC:
        if not MAGIC.startswith(magic):
            raise AuditError("STATE", "this file is no export")
        raise _UnfinishedError(0)
    digest, end = sha256(MAGIC).digest(), len(MAGIC)
    while head := file.read(_BLOCK.size):
        if len(head) < _BLOCK.size:
            raise _UnfinishedError(end)
        kind, length = _BLOCK.unpack(head)
        if length > MAX_BLOCK or kind not in {ENTRIES, NOTE}:
            raise AuditError("STATE", f"the export is damaged at byte {end}")
        content, found = file.read(length), file.read(_DIGEST)
        if len(found) < _DIGEST:
            raise _UnfinishedError(end)
        digest = _chain(digest, head, content)
        if digest != found:
            raise AuditError("STATE", f"the export is damaged at byte {end}")
        end += _BLOCK.size + length + _DIGEST
        yield kind, content, digest, end


def _chain(before: bytes, head: bytes, content: bytes) -> bytes:
    """The digest of a block behind that of the one before it."""
    digest = sha256(before + head)
    # Not joined to the rest first: a block is a megabyte, and would be copied.
    digest.update(content)
    return digest.digest()


def _erasures(entries: Iterable[Shown]) -> Iterator[bytes]:
    """Whom ERASE entries are about."""
    for shown in entries:
        if shown.opening is not None and shown.leaf[1:2] == bytes([LeafType.ERASE]):
            with suppress(ValueError, KeyError, TypeError):
                yield bytes.fromhex(json.loads(shown.opening.payload)["label"])


def _forget(path: Path, labels: set[bytes]) -> int:
    """Write the file anew without the openings of some subjects."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    dropped = 0
    with ExportWriter(draft) as writer:
        # Copied block by block: checkpoints stay where they were.
        for kind, content in ExportFile(path)._blocks():
            if kind == NOTE:
                writer.add_note(content.decode())
                continue
            kept = [_close(shown, labels) for shown in decode_shown(content)]
            dropped += sum(closed for _, closed in kept)
            writer.append([shown for shown, _ in kept])
        writer._erased.clear()
        writer.finish()
    draft.replace(path)
    return dropped


def _close(shown: Shown, labels: set[bytes]) -> tuple[Shown, bool]:
    if shown.opening is None or shown.label not in labels:
        return shown, False
    return replace(shown, opening=None), True
