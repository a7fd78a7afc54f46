"""Mutual TLS for gRPC: credentials that follow their files, and a list of certificates no longer welcome.

A server asks its files on every new connection, so a renewed certificate is served at once and open connections
stay. gRPC has no such thing for clients: a client asks a `CertificateWatcher` and builds a new channel when told.
Neither does it check revocation, so servers look up the caller's serial number in a `DenyList` on every call.

Identity is in `optout.kit.identity`; a development authority in `optout.kit.certificates`.
"""

import logging
import threading
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from optout.kit.config import ConfigError, read_secret_bytes
from optout.kit.identity import Identity, IdentityError, IdentityReason, Role, parse_identity

__all__ = [
    "CertificateWatcher",
    "DenyList",
    "Identity",
    "IdentityError",
    "IdentityReason",
    "KeyMaterial",
    "Role",
    "TlsError",
    "TlsFiles",
    "TlsReason",
    "channel_credentials",
    "channel_options",
    "parse_identity",
    "read_material",
    "server_credentials",
]

_log = logging.getLogger(__name__)


class TlsReason(Enum):
    """Why certificates, keys or a deny list cannot be used."""

    UNREADABLE = "UNREADABLE"
    KEY_EXPOSED = "KEY_EXPOSED"
    NOT_PEM = "NOT_PEM"
    KEY_MISMATCH = "KEY_MISMATCH"
    """The key is not the certificate's: a renewal caught half-way, or a mistake."""
    NOT_A_SERIAL = "NOT_A_SERIAL"


class TlsError(ValueError):
    """TLS files were refused: `reason`, and the `file` it is about."""

    def __init__(self, reason: TlsReason, file: Path) -> None:
        super().__init__(f"{reason.value}: {file}")
        self.reason = reason
        self.file = file


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where a party's certificate chain, private key and trusted authorities lie, all PEM."""

    cert: Path
    key: Path
    ca: Path


@dataclass(frozen=True, slots=True, repr=False)
class KeyMaterial:
    """What the files held, checked to belong together."""

    cert: bytes
    key: bytes
    ca: bytes


def read_material(files: TlsFiles) -> KeyMaterial:
    """Read the three files; raises `TlsError` unless key and certificate are a pair."""
    cert, ca = (_read_certificates(path) for path in (files.cert, files.ca))
    try:
        key = read_secret_bytes(files.key)
    except ConfigError as error:
        exposed = error.reason.value == "SECRET_EXPOSED"
        raise TlsError(TlsReason.KEY_EXPOSED if exposed else TlsReason.UNREADABLE, files.key) from None
    try:
        public = load_pem_private_key(key, password=None).public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise TlsError(TlsReason.NOT_PEM, files.key) from None
    if public != x509.load_pem_x509_certificates(cert)[0].public_key():
        raise TlsError(TlsReason.KEY_MISMATCH, files.key)
    return KeyMaterial(cert, key, ca)


class CertificateWatcher:
    """Tells when a party's TLS files have changed. Safe to poll from several threads.

    Files caught half-way through a renewal (a key that is not yet the certificate's) do not count as changed; they
    are looked at again on the next poll, and what was read before stays `current`.
    """

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._lock = threading.Lock()
        self._seen = _stamp(files.cert, files.key, files.ca)
        self._current = read_material(files)

    @property
    def current(self) -> KeyMaterial:
        """What was last read in one piece."""
        return self._current

    def poll(self) -> KeyMaterial | None:
        """Give the new material if the files changed since the last poll, else None."""
        with self._lock:
            stamp = _stamp(self._files.cert, self._files.key, self._files.ca)
            if stamp == self._seen:
                return None
            try:
                material = read_material(self._files)
            except TlsError as error:
                _log.warning("tls files not taken", extra={"reason": error.reason.value, "file": error.file.name})
                return None
            self._seen = stamp
            if material == self._current:
                return None
            self._current = material
            return material


def server_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """Serve with `files`, re-read on every new connection, and demand a client certificate of their authority.

    Raises `TlsError` when the files are unfit now; when they become unfit later, the last good ones stay.
    """
    watcher = CertificateWatcher(files)

    def fetch() -> grpc.ServerCertificateConfiguration | None:
        material = watcher.poll()
        return _configuration(material) if material else None

    return grpc.dynamic_ssl_server_credentials(
        _configuration(watcher.current),
        fetch,  # type: ignore[arg-type]  # the stub does not know that None means unchanged
        require_client_authentication=True,
    )


def channel_credentials(source: TlsFiles | KeyMaterial) -> grpc.ChannelCredentials:
    """Present a party's certificate, and trust servers of its authority; raises `TlsError`."""
    material = read_material(source) if isinstance(source, TlsFiles) else source
    return grpc.ssl_channel_credentials(material.ca, material.key, material.cert)


def channel_options(peer: Identity) -> list[tuple[str, str]]:
    """Give the channel options that make gRPC refuse any server but `peer`, whatever host it runs on."""
    return [("grpc.ssl_target_name_override", peer.server_name)]


class DenyList:
    """Serial numbers of certificates that are refused though they have not expired.

    The file has one serial number a line, hexadecimal, colons allowed; ``#`` starts a comment. It is read again when
    it changes; a later version that cannot be read or parsed is reported and the last good one stays in force.
    Raises `TlsError` (UNREADABLE, NOT_A_SERIAL) when made.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen = _stamp(file)
        self._serials = _read_serials(file)

    def is_denied(self, pem: bytes) -> bool:
        """Tell whether a certificate (PEM, as gRPC's ``x509_pem_cert`` gives it) is on the list.

        Something that is no certificate is denied.
        """
        self._follow()
        try:
            return _serial_of(pem) in self._serials
        except ValueError:
            return True

    def _follow(self) -> None:
        stamp = _stamp(self._file)
        if stamp == self._seen:
            return
        self._seen = stamp
        try:
            self._serials = _read_serials(self._file)
        except TlsError as error:
            _log.error("deny list not taken", extra={"reason": error.reason.value, "file": self._file.name})


@lru_cache(maxsize=1024)
def _serial_of(pem: bytes) -> int:
    return x509.load_pem_x509_certificate(pem).serial_number


def _read_serials(file: Path) -> frozenset[int]:
    try:
        lines = file.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        raise TlsError(TlsReason.UNREADABLE, file) from None
    texts = (line.partition("#")[0].strip().replace(":", "") for line in lines)
    try:
        return frozenset(int(text, 16) for text in texts if text)
    except ValueError:
        raise TlsError(TlsReason.NOT_A_SERIAL, file) from None


def _configuration(material: KeyMaterial) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(material.key, material.cert)], material.ca)


def _read_certificates(path: Path) -> bytes:
    try:
        pem = path.read_bytes()
    except OSError:
        raise TlsError(TlsReason.UNREADABLE, path) from None
    try:
        x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise TlsError(TlsReason.NOT_PEM, path) from None
    return pem


def _stamp(*paths: Path) -> tuple[tuple[int, int, int], ...]:
    """Describe the files' present versions without reading them; an absent one is all zeros."""
    stamps = []
    for path in paths:
        try:
            status = path.stat()
            stamps.append((status.st_ino, status.st_mtime_ns, status.st_size))
        except OSError:
            stamps.append((0, 0, 0))
    return tuple(stamps)
