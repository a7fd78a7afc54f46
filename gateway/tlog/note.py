"""Signed notes (C2SP signed-note v1.0.0): text, and lines of signatures over it.

::

    text, whose lines end in a newline
    <empty line>
    — <key name> base64(4-byte key id ‖ signature)

An algorithm is two small classes, `VerificationKey` and `SigningKey`, and a row in `KEY_READERS`: nothing else of the
log knows which one it is. A name and such a key make a `Verifier` or a `Signer`.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar, Protocol, Self, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

K = TypeVar("K")

KEY_ID_BYTES = 4
MAX_SIGNATURES = 64
MAX_NOTE_BYTES = 1 << 20

# No white space, no plus, and no half a character, which UTF-8 cannot write.
_NAME = re.compile(r"[^\s+\ud800-\udfff]+")
_DASH = "\N{EM DASH} "
_SECRET = "PRIVATE+KEY+"  # noqa: S105 - the form's first words, not a secret


class NoteError(ValueError):
    """A note or a key was refused.

    `reason` is TEXT, FORMAT, NAME, KEY, KEY_ID, ALGORITHM, TOO_LONG, SIGNATURE (a known key's does not hold) or
    UNSIGNED (no known key signed it).
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class VerificationKey(Protocol):
    """One public key of one algorithm."""

    algorithm: ClassVar[bytes]
    """The signature type: one byte, or 0xff and a longer identifier."""

    def encode(self) -> bytes:
        """Write the key, without the algorithm."""

    def verify(self, text: bytes, signature: bytes) -> bool:
        """Tell whether `signature` is this key's over a note's text."""


class SigningKey(Protocol):
    """One secret key of one algorithm."""

    def public(self) -> VerificationKey:
        """Give the public key."""

    def encode(self) -> bytes:
        """Write the secret key, without the algorithm."""

    def sign(self, text: bytes) -> bytes:
        """Sign a note's text."""


@dataclass(frozen=True, slots=True)
class SignatureLine:
    """One signature: whose it says it is, and its bytes."""

    name: str
    key_id: bytes
    signature: bytes

    def __post_init__(self) -> None:
        check_name(self.name)
        if len(self.key_id) != KEY_ID_BYTES or not self.signature:
            raise NoteError("FORMAT")

    def encode(self) -> str:
        """Write the line, newline included."""
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.signature).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text, ending in a newline, and its signatures. Nothing of it is to be believed before `open_note`."""

    text: str
    signatures: tuple[SignatureLine, ...] = ()

    def __post_init__(self) -> None:
        _check_text(self.text)
        if len(self.signatures) > MAX_SIGNATURES:
            raise NoteError("TOO_LONG")

    def encode(self) -> str:
        """Write the note. Raises `NoteError` (UNSIGNED) if it has no signature."""
        if not self.signatures:
            raise NoteError("UNSIGNED")
        return f"{self.text}\n{''.join(line.encode() for line in self.signatures)}"

    def add(self, *lines: SignatureLine) -> Self:
        """Add signatures; of one key the newest counts."""
        new = {(line.name, line.key_id) for line in lines}
        kept = (line for line in self.signatures if (line.name, line.key_id) not in new)
        return type(self)(self.text, (*kept, *lines))


@dataclass(frozen=True, slots=True)
class Verifier:
    """A name and the public key that signs under it."""

    name: str
    key: VerificationKey

    def __post_init__(self) -> None:
        check_name(self.name)

    @property
    def key_id(self) -> bytes:
        """The 4 bytes that stand before the key's signatures."""
        return sha256(f"{self.name}\n".encode() + self.key.algorithm + self.key.encode()).digest()[:KEY_ID_BYTES]

    def encode(self) -> str:
        """Write the vkey: ``name+id+key``."""
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(self.key.algorithm + self.key.encode()).decode()}"

    def matches(self, line: SignatureLine) -> bool:
        """Tell whether a line says it is this key's."""
        return line.name == self.name and line.key_id == self.key_id


@dataclass(frozen=True, slots=True, repr=False)
class Signer:
    """A name and the secret key that signs under it. Its `repr` does not show the key."""

    name: str
    key: SigningKey

    def __post_init__(self) -> None:
        check_name(self.name)

    def __repr__(self) -> str:
        return f"Signer({self.name!r})"

    def verifier(self) -> Verifier:
        """Give the public side."""
        return Verifier(self.name, self.key.public())

    def sign(self, text: str) -> SignatureLine:
        """Sign a note's text."""
        return SignatureLine(self.name, self.verifier().key_id, self.key.sign(text.encode()))

    def encode(self) -> str:
        """Write the skey, which is a secret: ``PRIVATE+KEY+name+id+key``."""
        algorithm = self.key.public().algorithm
        secret = base64.b64encode(algorithm + self.key.encode()).decode()
        return f"{_SECRET}{self.name}+{self.verifier().key_id.hex()}+{secret}"


def decode_lines(data: str) -> tuple[SignatureLine, ...]:
    """Read signature lines alone, as a witness answers them. Raises `NoteError` (FORMAT, NAME, TOO_LONG)."""
    if data and not data.endswith("\n"):
        raise NoteError("FORMAT")
    lines = data.split("\n")[:-1]
    if len(lines) > MAX_SIGNATURES:
        raise NoteError("TOO_LONG")
    return tuple(_decode_line(line) for line in lines)


def decode_note(data: str | bytes) -> Note:
    """Read a note without believing it. Raises `NoteError`."""
    if len(data) > MAX_NOTE_BYTES:
        raise NoteError("TOO_LONG")
    try:
        text = data if isinstance(data, str) else data.decode()
        # A text may hold half a character, such as JSON lets pass: no bytes could have been signed for that.
        text.encode()
    except UnicodeError:
        raise NoteError("TEXT") from None
    body, separator, lines = text.rpartition("\n\n")
    if not separator or not lines:
        raise NoteError("FORMAT")
    return Note(f"{body}\n", decode_lines(lines))


def open_note(note: Note, verifiers: Iterable[Verifier]) -> tuple[Verifier, ...]:
    """Check a note's signatures by known keys and tell whose they are.

    Unknown keys are ignored. Raises `NoteError`: SIGNATURE if a known key's signature does not hold, UNSIGNED if no
    known key signed.
    """
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    found: dict[tuple[str, bytes], Verifier] = {}
    text = note.text.encode()
    for line in note.signatures:
        verifier = known.get((line.name, line.key_id))
        if verifier is None:
            continue
        if not verifier.key.verify(text, line.signature):
            raise NoteError("SIGNATURE")
        found[line.name, line.key_id] = verifier
    if not found:
        raise NoteError("UNSIGNED")
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class Ed25519Key:
    """A public key for plain Ed25519 signatures over the text (RFC 8032), 32 bytes."""

    algorithm: ClassVar[bytes] = b"\x01"
    data: bytes

    def __post_init__(self) -> None:
        ed25519_public(self.data)

    def encode(self) -> bytes:
        """Write the 32 bytes."""
        return self.data

    def verify(self, text: bytes, signature: bytes) -> bool:
        """Tell whether the signature holds."""
        return verify_ed25519(self.data, text, signature)


@dataclass(frozen=True, slots=True, repr=False)
class Ed25519Secret:
    """A secret key for plain Ed25519 signatures: the 32-byte seed."""

    seed: bytes

    def __post_init__(self) -> None:
        ed25519_secret(self.seed)

    def public(self) -> Ed25519Key:
        """Give the public key."""
        return Ed25519Key(ed25519_secret(self.seed).public_key().public_bytes_raw())

    def encode(self) -> bytes:
        """Write the seed."""
        return self.seed

    def sign(self, text: bytes) -> bytes:
        """Sign the text: 64 bytes."""
        return ed25519_secret(self.seed).sign(text)


KeyReader = Callable[[bytes], VerificationKey]
SecretReader = Callable[[bytes], SigningKey]

KEY_READERS: Mapping[bytes, KeyReader] = {Ed25519Key.algorithm: Ed25519Key}
SECRET_READERS: Mapping[bytes, SecretReader] = {Ed25519Key.algorithm: Ed25519Secret}


def parse_vkey(text: str, readers: Mapping[bytes, KeyReader] = KEY_READERS) -> Verifier:
    """Read a vkey. Raises `NoteError` (FORMAT, NAME, KEY, KEY_ID, ALGORITHM)."""
    name, key_id, data = _split_key(text)
    verifier = Verifier(name, _read_key(data, readers))
    if verifier.key_id.hex() != key_id:
        raise NoteError("KEY_ID")
    return verifier


def parse_skey(text: str, readers: Mapping[bytes, SecretReader] = SECRET_READERS) -> Signer:
    """Read an skey. Raises `NoteError`, whose text never holds the key."""
    if not text.startswith(_SECRET):
        raise NoteError("FORMAT")
    name, key_id, data = _split_key(text.removeprefix(_SECRET))
    signer = Signer(name, _read_key(data, readers))
    if signer.verifier().key_id.hex() != key_id:
        raise NoteError("KEY_ID")
    return signer


def check_name(name: str) -> None:
    """Refuse what cannot be a key's name: NoteError (NAME)."""
    if not _NAME.fullmatch(name) or any(character < " " for character in name):
        raise NoteError("NAME")


def ed25519_public(data: bytes) -> Ed25519PublicKey:
    """Read 32 bytes as a public key. Raises `NoteError` (KEY)."""
    try:
        return Ed25519PublicKey.from_public_bytes(data)
    except ValueError:
        raise NoteError("KEY") from None


def ed25519_secret(seed: bytes) -> Ed25519PrivateKey:
    """Read a 32-byte seed as a secret key. Raises `NoteError` (KEY)."""
    try:
        return Ed25519PrivateKey.from_private_bytes(seed)
    except ValueError:
        raise NoteError("KEY") from None


def verify_ed25519(public: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether an Ed25519 signature holds."""
    try:
        ed25519_public(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def decode_base64(text: str) -> bytes:
    """Read standard base64 in its one form. Raises `NoteError` (FORMAT)."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteError("FORMAT") from None
    if base64.b64encode(data).decode() != text:
        raise NoteError("FORMAT")
    return data


def _read_key(data: bytes, readers: Mapping[bytes, Callable[[bytes], K]]) -> K:
    for algorithm, read in readers.items():
        if data.startswith(algorithm):
            return read(data[len(algorithm) :])
    raise NoteError("ALGORITHM")


def _split_key(text: str) -> tuple[str, str, bytes]:
    parts = text.split("+", 2)
    if len(parts) != 3:
        raise NoteError("FORMAT")
    name, key_id, data = parts
    return name, key_id, decode_base64(data)


def _decode_line(line: str) -> SignatureLine:
    name, space, data = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space:
        raise NoteError("FORMAT")
    content = decode_base64(data)
    return SignatureLine(name, content[:KEY_ID_BYTES], content[KEY_ID_BYTES:])


def _check_text(text: str) -> None:
    if not text.endswith("\n") or any(character < " " and character != "\n" for character in text):
        raise NoteError("TEXT")
