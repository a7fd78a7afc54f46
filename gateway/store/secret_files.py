"""The registry's secrets, each in a file of its own.

``label.key`` names numbers and subjects; lost, the registry can no longer be searched. ``master.key`` wraps
subjects' keys; lost, nothing sealed can be read. Both are 32 random bytes, written as 64 hexadecimal digits.
``log.key`` signs the log and names it; it is a signed note's key (``PRIVATE+KEY+name+id+key``). Operators make and keep
them their own way; `make_secrets` serves development and the demo.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gateway.store.sqlite_files import sync_folder
from gateway.store.vault import KEY_BYTES
from gateway.tlog.note import SECRET_READERS, Ed25519Secret, NoteError, SecretReader, Signer, parse_skey
from optout.kit.config import read_secret

LABEL_KEY_FILE = "label.key"
MASTER_KEY_FILE = "master.key"
LOG_KEY_FILE = "log.key"
SM2_KEY_FILE = "log.sm2.key"
DEVELOPMENT_ORIGIN = "registry.optout.internal/log"


class SecretKeyError(Exception):
    """A secret file does not hold a key: ``reason`` is NOT_A_KEY. The text names the file, not its content."""

    reason = "NOT_A_KEY"


@dataclass(frozen=True, slots=True, repr=False)
class Secrets:
    """Both keys, of 32 bytes each. Its ``repr`` shows neither."""

    label_key: bytes
    master_key: bytes


def read_key(path: Path) -> bytes:
    """Read one key. Raises SecretKeyError, and optout.kit.config.ConfigError if the file is no proper secret."""
    text = read_secret(path)
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise SecretKeyError(f"{path} does not hold {2 * KEY_BYTES} hexadecimal digits")
    return key


def read_secrets(folder: Path) -> Secrets:
    """Read both keys. Raises like `read_key`."""
    return Secrets(read_key(folder / LABEL_KEY_FILE), read_key(folder / MASTER_KEY_FILE))


def read_signer(path: Path, readers: Mapping[bytes, SecretReader] = SECRET_READERS) -> Signer:
    """Read the key that signs a log or, of a witness, its checkpoints. Raises like `read_key`."""
    try:
        return parse_skey(read_secret(path), readers)
    except NoteError as error:
        raise SecretKeyError(f"{path} does not hold a signing key ({error.reason})") from None


def make_secrets(folder: Path, origin: str = DEVELOPMENT_ORIGIN) -> Secrets:
    """Make the files that are missing, for their owner's eyes only, and read both. What is there is never replaced.

    ``origin`` is the name of the log.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in (LABEL_KEY_FILE, MASTER_KEY_FILE):
        make_secret_file(folder / name, os.urandom(KEY_BYTES).hex())
    make_secret_file(folder / LOG_KEY_FILE, Signer(origin, Ed25519Secret(os.urandom(KEY_BYTES))).encode())
    sync_folder(folder)
    return read_secrets(folder)


def make_secret_file(path: Path, text: str) -> None:
    """Make a secret file of one line, unless it is there."""
    if path.exists():
        return
    # Linked into place when it is complete: a crash leaves no half a key, a race no second one.
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    try:
        os.write(descriptor, text.encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        os.link(unfinished, path)
    except FileExistsError:
        return
    finally:
        unfinished.unlink()
