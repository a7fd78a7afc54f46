"""What log and witness say to each other (C2SP tlog-witness v1.0.0, ``add-checkpoint``), and how a witness judges.

The request::

    old <size of the checkpoint that the witness cosigned last>
    <consistency proof, a base64 hash a line>
    <empty line>
    <signed checkpoint>

A witness keeps one checkpoint for each origin, the largest it cosigned, and cosigns only what continues it.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from gateway.tlog.checkpoint import Checkpoint, CheckpointError
from gateway.tlog.hashing import empty_root
from gateway.tlog.note import MAX_NOTE_BYTES, Note, NoteError, Verifier, decode_base64, decode_note, open_note
from gateway.tlog.proof import MAX_PROOF_HASHES, ProofError, verify_consistency

SIZE_TYPE = "text/x.tlog.size"
"""The media type of a 409's body: the size that the witness cosigned last, and a newline."""

MAX_REQUEST_BYTES = 2 * MAX_NOTE_BYTES


class Status(IntEnum):
    """How a witness answers, as HTTP status codes."""

    OK = 200
    BAD_REQUEST = 400
    """No request of this form, or an old size above the checkpoint's."""
    FORBIDDEN = 403
    """No known key of the log signed."""
    NOT_FOUND = 404
    """The witness does not know this log."""
    CONFLICT = 409
    """The old size is not what the witness cosigned last, or another root of that size is shown."""
    UNPROCESSABLE = 422
    """The proof does not verify."""


class RequestError(ValueError):
    """A request is not of its form; `reason` is FORMAT, OLD_SIZE, PROOF or NOTE."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A request: the size that the log thinks the witness is at, the proof from there, and the checkpoint."""

    old_size: int
    proof: tuple[bytes, ...]
    note: Note

    def checkpoint(self) -> Checkpoint:
        """Read the checkpoint's head; what the log adds to it is cosigned with it, unread. Raises `CheckpointError`."""
        return Checkpoint.from_text(self.note.text, may_be_extended=True)

    def encode(self) -> bytes:
        """Write the body."""
        hashes = "".join(f"{base64.b64encode(each).decode()}\n" for each in self.proof)
        return f"old {self.old_size}\n{hashes}\n{self.note.encode()}".encode()


def decode_request(body: bytes) -> AddCheckpoint:
    """Read a request's body. Raises `RequestError`."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise RequestError("FORMAT") from None
    head, separator, note = text.partition("\n\n")
    old, *hashes = head.split("\n")
    if not separator or not old.startswith("old "):
        raise RequestError("FORMAT")
    if len(hashes) >= MAX_PROOF_HASHES:
        raise RequestError("PROOF")
    try:
        proof = tuple(decode_base64(line) for line in hashes)
    except NoteError:
        raise RequestError("PROOF") from None
    try:
        return AddCheckpoint(read_size(old.removeprefix("old ")), proof, decode_note(note))
    except NoteError:
        raise RequestError("NOTE") from None


def read_size(text: str) -> int:
    """Read a size in decimal, in its one form. Raises `RequestError` (OLD_SIZE)."""
    if not (text.isascii() and text.isdigit()) or len(text) > 20 or (len(text) > 1 and text[0] == "0"):
        raise RequestError("OLD_SIZE")
    return int(text)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a witness makes of a request.

    `status` is 200 if `checkpoint` is to be kept and then cosigned. On 409 `size` is the one to answer with.
    """

    status: Status
    checkpoint: Checkpoint | None = None
    size: int = 0


def judge(request: AddCheckpoint, logs: Mapping[str, Sequence[Verifier]], known: Checkpoint | None) -> Judgement:
    """Judge a request by the known logs' keys (by origin) and the checkpoint that was cosigned last for its origin."""
    try:
        checkpoint = request.checkpoint()
    except CheckpointError:
        return Judgement(Status.BAD_REQUEST)
    if checkpoint.origin not in logs:
        return Judgement(Status.NOT_FOUND)
    try:
        open_note(request.note, logs[checkpoint.origin])
    except NoteError:
        return Judgement(Status.FORBIDDEN)
    if request.old_size > checkpoint.size:
        return Judgement(Status.BAD_REQUEST)
    if not checkpoint.size and checkpoint.root != empty_root():
        return Judgement(Status.UNPROCESSABLE)
    known_size = known.size if known is not None else 0
    if request.old_size != known_size:
        return Judgement(Status.CONFLICT, size=known_size)
    if known is None:
        return Judgement(Status.UNPROCESSABLE if request.proof else Status.OK, checkpoint)
    if known.size == checkpoint.size and known.root != checkpoint.root:
        return Judgement(Status.CONFLICT, size=known_size)
    try:
        verify_consistency(known.size, checkpoint.size, request.proof, known.root, checkpoint.root)
    except ProofError:
        return Judgement(Status.UNPROCESSABLE)
    return Judgement(Status.OK, checkpoint)
