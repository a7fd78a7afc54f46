"""Sealing what is personal, and finding it again without opening it.

One key of 32 bytes gives two: one for AES-256-GCM, one for keyed hashes (HKDF-SHA256, RFC 5869). A sealed value is
version 1 (one byte), nonce (12), ciphertext and tag; it opens only in the place it was sealed for.
"""

from __future__ import annotations

import hmac
import os
import re
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from adapters.journal.errors import JournalKeyError

KEY_BYTES = 32
_LOOKUP_BYTES = 16
_NONCE_BYTES = 12
_VERSION = b"\x01"
_HEX_KEY = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)


def parse_key(text: str) -> bytes:
    """Read a key file's text: 64 hexadecimal digits, as `openssl rand -hex 32` writes. Raises `JournalKeyError`."""
    if not _HEX_KEY.fullmatch(text.strip()):
        raise JournalKeyError("a journal key is 64 hexadecimal digits")
    return bytes.fromhex(text.strip())


class Seal:
    """Seals values and hashes look-ups under one key. Raises `JournalKeyError` for a key of another length."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise JournalKeyError("a journal key is 32 bytes")
        self._cipher = AESGCM(_derive(key, b"seal"))
        self._lookup_key = _derive(key, b"lookup")

    def seal(self, plain: bytes, place: str) -> bytes:
        """Encrypt and authenticate `plain` for `place`."""
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, plain, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """Undo `seal`. Raises `JournalKeyError` if it was sealed elsewhere, under another key, or was changed."""
        nonce, secret = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            if sealed[:1] != _VERSION:
                raise InvalidTag
            return self._cipher.decrypt(nonce, secret, place.encode())
        except (InvalidTag, ValueError) as error:
            raise JournalKeyError("a sealed value does not open") from error

    def lookup(self, kind: str, value: str | bytes) -> bytes:
        """Hash `value`, 16 bytes; the same value under another `kind` looks different."""
        raw = value.encode() if isinstance(value, str) else value
        return hmac.digest(self._lookup_key, kind.encode() + b"\x00" + raw, sha256)[:_LOOKUP_BYTES]

    @property
    def fingerprint(self) -> bytes:
        """Tells whether two seals have the same key, and nothing else about it."""
        return self.lookup("fingerprint", b"journal")


def _derive(key: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=b"optout journal " + purpose).derive(key)
