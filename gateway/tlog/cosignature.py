"""Cosignatures (C2SP tlog-cosignature, version 1): a witness says that it saw this checkpoint at this time.

The signature is ``u64 time | 64-byte Ed25519 signature`` over::

    cosignature/v1
    time <seconds since 1970>
    <the checkpoint's text>
"""

import struct
from dataclasses import dataclass
from typing import ClassVar

from gateway.tlog.note import (
    KEY_READERS,
    Ed25519Secret,
    KeyReader,
    Note,
    NoteError,
    SignatureLine,
    Verifier,
    check_name,
    ed25519_public,
    verify_ed25519,
)

_TIME = struct.Struct(">Q")
_MAX_TIME_S = 2**63 - 1


@dataclass(frozen=True, slots=True)
class CosignatureKey:
    """A witness's public key for version 1 cosignatures, 32 bytes."""

    algorithm: ClassVar[bytes] = b"\x04"
    data: bytes

    def __post_init__(self) -> None:
        ed25519_public(self.data)

    def encode(self) -> bytes:
        """Write the 32 bytes."""
        return self.data

    def verify(self, text: bytes, signature: bytes) -> bool:
        """Tell whether the cosignature holds, for the time that it bears."""
        if len(signature) < _TIME.size:
            return False
        time_s = read_time_s(signature)
        return time_s <= _MAX_TIME_S and verify_ed25519(self.data, _message(text, time_s), signature[_TIME.size :])


@dataclass(frozen=True, slots=True, repr=False)
class Cosigner:
    """A witness's name and secret key (the 32-byte seed). A witness needs a key of its own for each role it plays."""

    name: str
    secret: Ed25519Secret

    def __post_init__(self) -> None:
        check_name(self.name)

    def __repr__(self) -> str:
        return f"Cosigner({self.name!r})"

    def verifier(self) -> Verifier:
        """Give the public side."""
        return Verifier(self.name, CosignatureKey(self.secret.public().data))

    def cosign(self, text: str, time_s: int) -> SignatureLine:
        """Sign a checkpoint's text as seen at `time_s`, Unix seconds."""
        if not 0 <= time_s <= _MAX_TIME_S:
            raise NoteError("FORMAT")
        signature = self.secret.sign(_message(text.encode(), time_s))
        return SignatureLine(self.name, self.verifier().key_id, _TIME.pack(time_s) + signature)


COSIGNER_READERS: dict[bytes, KeyReader] = {CosignatureKey.algorithm: CosignatureKey}
"""The algorithms of witnesses."""

ALL_READERS: dict[bytes, KeyReader] = {**KEY_READERS, **COSIGNER_READERS}


def read_time_s(signature: bytes) -> int:
    """Give the time that a cosignature bears, Unix seconds. Raises `NoteError` (FORMAT)."""
    if len(signature) < _TIME.size:
        raise NoteError("FORMAT")
    return int(_TIME.unpack_from(signature)[0])


def find_cosignature(note: Note, verifier: Verifier) -> int | None:
    """Give the time of a witness's cosignature on a note; None if there is none that holds."""
    text = note.text.encode()
    for line in note.signatures:
        if verifier.matches(line) and verifier.key.verify(text, line.signature):
            return read_time_s(line.signature)
    return None


def _message(text: bytes, time_s: int) -> bytes:
    return f"cosignature/v1\ntime {time_s}\n".encode() + text
