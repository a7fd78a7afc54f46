"""An auditor's own word that it replayed a log up to a checkpoint: a signed note under a key that signs nothing else.

::

    optout.v1/replayed
    <origin>
    <size>
    <root>

Whoever replays the log later, when some of it has been erased, can rest on it where it can no longer see for itself.
"""

from collections.abc import Iterable

from gateway.tlog.checkpoint import Checkpoint, CheckpointError
from gateway.tlog.note import Note, NoteError, Signer, Verifier, decode_note, open_note

FORMAT = "optout.v1/replayed\n"


def vouch(checkpoint: Checkpoint, signer: Signer) -> Note:
    """Sign that the log was replayed up to a checkpoint, and held."""
    text = FORMAT + checkpoint.text()
    return Note(text, (signer.sign(text),))


def read_vouch(data: bytes, verifiers: Iterable[Verifier]) -> Checkpoint:
    """Read such a note, if one of these signed it. Raises `NoteError`."""
    note = decode_note(data)
    open_note(note, verifiers)
    if not note.text.startswith(FORMAT):
        raise NoteError("TEXT")
    try:
        return Checkpoint.from_text(note.text.removeprefix(FORMAT))
    except CheckpointError:
        raise NoteError("TEXT") from None
