"""SM2 signatures with SM3 (GB/T 32918.2, GB/T 32905) as one more algorithm of signed notes.

A checkpoint may carry such a line beside the Ed25519 one, under the log's name; who does not know the algorithm passes
it over. The signature type is 0xff, for algorithms that have no number of their own, and the identifier that follows
it. The signature is the DER sequence of r and s over the note's text, for the signer's default distinguishing id; so

::

    openssl dgst -sm3 -sigopt distid:1234567812345678 -verify public.pem -signature signature text

verifies it. ``gmssl-pyx`` does the arithmetic; it is the extra ``sm``, imported only where such a key is used.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from gateway.tlog.note import KEY_READERS, SECRET_READERS, KeyReader, NoteError, SecretReader

SECRET_BYTES = 32
PUBLIC_BYTES = 64

DISTINGUISHING_ID = b"1234567812345678"
"""What GB/T 35276 and OpenSSL's manual name where nothing else was agreed."""

_SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200") + b"\x04"
"""DER up to the point: a SubjectPublicKeyInfo on the curve 1.2.156.10197.1.301."""


@dataclass(frozen=True, slots=True)
class Sm2Key:
    """A public key: the point's coordinates, 32 bytes each."""

    algorithm: ClassVar[bytes] = b"\xffoptout.v1/sm2-with-sm3:"
    data: bytes

    def __post_init__(self) -> None:
        if len(self.data) != PUBLIC_BYTES:
            raise NoteError("KEY")

    def encode(self) -> bytes:
        """Write the 64 bytes."""
        return self.data

    def subject_public_key_info(self) -> bytes:
        """Write the key as other programs read it (DER)."""
        return _SPKI + self.data

    def verify(self, text: bytes, signature: bytes) -> bool:
        """Tell whether the signature holds. Raises `NoteError` (ALGORITHM) without the extra ``sm``."""
        gmssl = _gmssl()
        try:
            return bool(gmssl.sm2_verify(self.data, text, signature, DISTINGUISHING_ID))
        except gmssl.GmsslInnerError:
            return False


@dataclass(frozen=True, slots=True, repr=False)
class Sm2Secret:
    """A secret key: the 32-byte scalar, and its public key, which is kept beside it."""

    scalar: bytes
    key: Sm2Key

    def __post_init__(self) -> None:
        if len(self.scalar) != SECRET_BYTES:
            raise NoteError("KEY")

    def public(self) -> Sm2Key:
        """Give the public key."""
        return self.key

    def encode(self) -> bytes:
        """Write scalar and public key: 96 bytes."""
        return self.scalar + self.key.data

    def sign(self, text: bytes) -> bytes:
        """Sign the text: some 70 bytes, other ones each time. Raises `NoteError` (ALGORITHM, KEY)."""
        gmssl = _gmssl()
        try:
            return bytes(gmssl.sm2_sign(self.scalar, self.key.data, text, DISTINGUISHING_ID))
        except gmssl.GmsslInnerError:
            raise NoteError("KEY") from None


def make_sm2_secret() -> Sm2Secret:
    """Make a new key. Raises `NoteError` (ALGORITHM) without the extra ``sm``."""
    public, scalar = _gmssl().sm2_key_generate()
    return Sm2Secret(scalar, Sm2Key(public))


def read_sm2_secret(data: bytes) -> Sm2Secret:
    """Read 96 bytes. Raises `NoteError` (KEY) also if the two halves do not belong together."""
    secret = Sm2Secret(data[:SECRET_BYTES], Sm2Key(data[SECRET_BYTES:]))
    if not secret.key.verify(b"", secret.sign(b"")):
        raise NoteError("KEY")
    return secret


SM2_KEY_READERS: Mapping[bytes, KeyReader] = {**KEY_READERS, Sm2Key.algorithm: Sm2Key}
SM2_SECRET_READERS: Mapping[bytes, SecretReader] = {**SECRET_READERS, Sm2Key.algorithm: read_sm2_secret}


def _gmssl() -> Any:
    try:
        return importlib.import_module("gmssl_pyx")
    except ImportError:
        raise NoteError("ALGORITHM") from None
