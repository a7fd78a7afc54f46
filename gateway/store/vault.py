"""What is done with keys: naming numbers and subjects by keyed hashes, and sealing under a subject's key.

Names are HMAC-SHA256 under the *label key*, one secret of the whole registry. Without it nobody can try numbers
against stored names; with another one every number would seem unknown, so the vault leaves a fingerprint of it in
the key store and refuses to start over a different one.

Sealed bytes are ``u8 format | 12-byte nonce | ciphertext | 16-byte tag``: AES-256-GCM under the subject's key, with
the purpose and the label as associated data, so that nothing sealed can be passed off as something else.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable, Iterable
from hashlib import sha256
from threading import Lock
from typing import TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.store.base import KeyRefusedError, KeyStore
from gateway.store.randomness import random_bytes
from gateway.store.rows import Label, NewKey, NumberKey
from optout.kit.number import PhoneNumber

T = TypeVar("T")

KEY_BYTES = 32

_NUMBER_DOMAIN = b"optout.v1/store/number\x00"
_LABEL_DOMAIN = b"optout.v1/store/label\x00"
_CONTENT_DOMAIN = b"optout.v1/store/content\x00"
_FINGERPRINT_DOMAIN = b"optout.v1/store/label-key\x00"
# No keyed hash is all zeros but by a chance of 2^-256.
_FINGERPRINT_LABEL = Label(bytes(32))

_AES_256_GCM = b"\x01"
_NONCE_BYTES = 12
_TAG_BYTES = 16
_CLEAR_AT = 1 + _NONCE_BYTES


class SealError(Exception):
    """Sealed bytes cannot be read, or nothing can be sealed.

    ``reason`` is KEY_MISSING (destroyed or never made), TAMPERED (wrong key, purpose, label or bytes) or FORMAT.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class LabelKeyError(Exception):
    """The label key is not the one this registry was begun with, or not of 32 bytes: LABEL_KEY_CHANGED, LENGTH."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Vault:
    """Names and seals. Safe to use from several threads: the writer's decisions and the readers share one.

    ``max_ciphers`` bounds how many subjects' ciphers are kept at hand.
    """

    def __init__(self, keys: KeyStore, label_key: bytes, *, max_ciphers: int = 65_536) -> None:
        if len(label_key) != KEY_BYTES:
            raise LabelKeyError("LENGTH")
        self._keys = keys
        self._label_key = label_key
        # Begun once and copied. Unlike `hmac.digest`, a copy does not let go of the interpreter's lock, which under
        # load costs an event loop many times the hash: it gets the lock back only when the writer's thread has had its
        # turn.
        self._number_hash = hmac.new(label_key, _NUMBER_DOMAIN, "sha256")
        self._label_hash = hmac.new(label_key, _LABEL_DOMAIN, "sha256")
        self._content_hash = hmac.new(label_key, _CONTENT_DOMAIN, "sha256")
        self._max_ciphers = max_ciphers
        self._ciphers: dict[Label, AESGCM] = {}
        self._fresh: dict[Label, bytes] = {}
        self._forgetful: list[Callable[[Iterable[Label]], None]] = []
        self._lock = Lock()
        self._check_label_key()

    def number_key(self, number: PhoneNumber) -> NumberKey:
        """Name a number."""
        return NumberKey(_finish(self._number_hash, number.encode()))

    def label(self, number: PhoneNumber, epoch: int) -> Label:
        """Name one holder of a number; ``epoch`` counts the holders (u64)."""
        return Label(_finish(self._label_hash, number.encode() + b"\x00" + epoch.to_bytes(8, "big")))

    def content_digest(self, content: bytes) -> bytes:
        """Name a content that may hold numbers: equal ones equally, and without the key nothing can be tried out."""
        return _finish(self._content_hash, content)

    def new_key(self, label: Label) -> NewKey:
        """Give a new subject's key, to be put in the decision that begins the subject.

        If an earlier attempt left a key behind (kept before its batch failed), it is that one: a key is never
        replaced, and what was sealed under it stays readable.
        """
        with self._lock:
            held = self._keys.get((label,)).get(label)
            if held is None:
                held = self._fresh.setdefault(label, os.urandom(KEY_BYTES))
                _drop_oldest(self._fresh, self._max_ciphers)
        return NewKey(label, held)

    def seal(self, label: Label, key: bytes | None, purpose: str, clear: bytes) -> bytes:
        """Seal for a subject. ``key`` is the new subject's, None for the one that is held.

        Raises SealError (KEY_MISSING).
        """
        cipher = self._cipher(label) if key is None else AESGCM(key)
        nonce = random_bytes(_NONCE_BYTES)
        return _AES_256_GCM + nonce + cipher.encrypt(nonce, clear, purpose.encode() + b"\x00" + label)

    def unseal(self, label: Label, purpose: str, sealed: bytes) -> bytes:
        """Read what was sealed for a subject and this purpose. Raises SealError."""
        if len(sealed) < _CLEAR_AT + _TAG_BYTES or sealed[:1] != _AES_256_GCM:
            raise SealError("FORMAT")
        cipher = self._cipher(label)
        try:
            return cipher.decrypt(sealed[1:_CLEAR_AT], sealed[_CLEAR_AT:], purpose.encode() + b"\x00" + label)
        except InvalidTag:
            raise SealError("TAMPERED") from None

    def call_on_destroy(self, forget: Callable[[Iterable[Label]], None]) -> None:
        """Have somebody who keeps what was unsealed told of subjects whose keys are destroyed."""
        self._forgetful.append(forget)

    def destroy(self, labels: Iterable[Label]) -> None:
        """Destroy subjects' keys (K3), here and in the key store, and have everybody forget what was sealed."""
        gone = tuple(labels)
        with self._lock:
            self._keys.destroy(gone)
            for label in gone:
                self._ciphers.pop(label, None)
                self._fresh.pop(label, None)
        for forget in self._forgetful:
            forget(gone)

    def _cipher(self, label: Label) -> AESGCM:
        cipher = self._ciphers.get(label)
        if cipher is not None:
            return cipher
        with self._lock:
            held = self._keys.get((label,)).get(label)
            if held is None:
                return self._fresh_cipher(label)
            # A key drawn here but never kept gives way to the one another writer kept.
            self._fresh.pop(label, None)
            cipher = self._ciphers[label] = AESGCM(held)
            _drop_oldest(self._ciphers, self._max_ciphers)
            return cipher

    def _fresh_cipher(self, label: Label) -> AESGCM:
        # Within one batch a unit may need the key that a unit before it drew and the key store has not seen yet.
        fresh = self._fresh.get(label)
        if fresh is None:
            raise SealError("KEY_MISSING")
        return AESGCM(fresh)

    def _check_label_key(self) -> None:
        fingerprint = sha256(_FINGERPRINT_DOMAIN + self._label_key).digest()
        try:
            self._keys.put((NewKey(_FINGERPRINT_LABEL, fingerprint),))
        except KeyRefusedError:
            raise LabelKeyError("LABEL_KEY_CHANGED") from None


def _finish(begun: hmac.HMAC, data: bytes) -> bytes:
    keyed = begun.copy()
    keyed.update(data)
    return keyed.digest()


def _drop_oldest(held: dict[Label, T], at_most: int) -> None:
    while len(held) > at_most:
        del held[next(iter(held))]
