"""Operators' offline keys: who keeps one must sign with it what it publishes, besides showing its certificate."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from gateway.domain.errors import Reason, RefusedError

SIGNATURE_BYTES = 64


class OperatorKeyError(ValueError):
    """A file is no PEM file of an Ed25519 public key."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"NO_OPERATOR_KEY: {path}")
        self.path = path


class OperatorKeys:
    """The public keys, by party."""

    def __init__(self, keys: Mapping[str, Ed25519PublicKey] | None = None) -> None:
        self._keys = keys or {}

    def check(self, party: str, digest: str, signature: str) -> None:
        """Demand a good detached signature of the digest (both hex) of a party that keeps a key.

        RefusedError (PROOF_REQUIRED). Of a party that keeps none nothing is demanded, and nothing can be checked.
        """
        key = self._keys.get(party)
        if key is None:
            return
        try:
            key.verify(bytes.fromhex(signature), bytes.fromhex(digest))
        except InvalidSignature:
            detail = "not this operator's signature of the digest" if signature else "this operator signs the digest"
            raise RefusedError(Reason.PROOF_REQUIRED, detail, field="signature") from None


def read_operator_keys(files: Mapping[str, Path]) -> OperatorKeys:
    """The keys from PEM files, by party. Raises OperatorKeyError and OSError."""
    return OperatorKeys({party: _read_key(path) for party, path in files.items()})


def _read_key(path: Path) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(path.read_bytes())
    except (ValueError, UnsupportedAlgorithm):
        raise OperatorKeyError(path) from None
    if not isinstance(key, Ed25519PublicKey):
        raise OperatorKeyError(path)
    return key
