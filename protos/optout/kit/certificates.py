"""A certificate authority for development and demonstrations: never for a network anybody relies on."""

import ipaddress
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from optout.kit.identity import Identity, Role
from optout.kit.tls import TlsFiles

LOOPBACK = ("localhost", "127.0.0.1", "::1")

_SERVER_ROLES = frozenset({Role.GATEWAY, Role.CARRIER, Role.WITNESS})
_CLOCK_SKEW = timedelta(minutes=5)


class AuthorityError(ValueError):
    """A development authority cannot be made or continued in a folder.

    `reason` is INCOMPLETE (one of a pair of files is missing), FOREIGN (a certificate there is not of this authority
    or not of this party) or EXPIRED; `file` is the one at fault, which is left as it is.
    """

    def __init__(self, reason: str, file: Path) -> None:
        super().__init__(f"{reason}: {file}")
        self.reason = reason
        self.file = file


def files_of(folder: Path, identity: Identity) -> TlsFiles:
    """Name the files that `make_development_ca` makes for a party."""
    stem = f"{identity.role.value}-{identity.party}"
    return TlsFiles(cert=folder / f"{stem}.pem", key=folder / f"{stem}.key", ca=folder / "ca.pem")


def make_development_ca(
    folder: Path, parties: Iterable[Identity], days: int = 30, hosts: Sequence[str] = LOOPBACK
) -> dict[Identity, TlsFiles]:
    """Make ``ca.pem``, ``ca.key`` and, per party, ``<role>-<party>.pem`` and ``.key``; give the parties' files.

    Keys are on P-256; all files have mode 0600 and the folder, if it is made, 0700. Certificates name the party as a
    URI, and those of roles that serve also its server name and `hosts`. Files that are there and fit are kept, so
    the call can be repeated to add parties; nothing is ever overwritten. Raises `AuthorityError` for files that do
    not fit.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    ca_cert, ca_key = _open_authority(folder, days)
    made = {}
    for identity in parties:
        made[identity] = files = files_of(folder, identity)
        if not _has_pair(files.cert, files.key):
            _issue(files, identity, (ca_cert, ca_key), days, hosts)
        else:
            _check_issued(files, identity, ca_cert)
    return made


def renew_certificate(folder: Path, identity: Identity, days: int = 30, hosts: Sequence[str] = LOOPBACK) -> TlsFiles:
    """Replace a party's key and certificate by new ones of the same authority; raises `AuthorityError`.

    The new files take the old ones' places one after the other, which watchers of the files are made for.
    """
    authority = _open_authority(folder, days)
    files = files_of(folder, identity)
    fresh = TlsFiles(files.cert.with_suffix(".pem.new"), files.key.with_suffix(".key.new"), files.ca)
    for path in (fresh.cert, fresh.key):
        path.unlink(missing_ok=True)
    _issue(fresh, identity, authority, days, hosts)
    fresh.key.replace(files.key)
    fresh.cert.replace(files.cert)
    return files


_Authority = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def _open_authority(folder: Path, days: int) -> _Authority:
    cert_file, key_file = folder / "ca.pem", folder / "ca.key"
    if not _has_pair(cert_file, key_file):
        return _make_authority(cert_file, key_file, days)
    cert = x509.load_pem_x509_certificate(cert_file.read_bytes())
    key = load_pem_private_key(key_file.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != cert.public_key():
        raise AuthorityError("FOREIGN", key_file)
    _check_valid(cert, cert_file)
    return cert, key


def _make_authority(cert_file: Path, key_file: Path, days: int) -> _Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Optout development authority")])
    signs_certificates = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    cert = (
        _start_certificate(name, name, key.public_key(), days)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(signs_certificates, critical=True)
        .sign(key, hashes.SHA256())
    )
    _write_pair(cert_file, key_file, cert, key)
    return cert, key


def _issue(files: TlsFiles, identity: Identity, authority: _Authority, days: int, hosts: Sequence[str]) -> None:
    ca_cert, ca_key = authority
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, str(identity)[:64])])
    usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(identity.uri)]
    if identity.role in _SERVER_ROLES:
        usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
        names += [x509.DNSName(identity.server_name), *map(_name_host, hosts)]
    authority_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    cert = (
        _start_certificate(name, ca_cert.subject, key.public_key(), days)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(authority_key, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    _write_pair(files.cert, files.key, cert, key)


def _start_certificate(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _name_host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _check_issued(files: TlsFiles, identity: Identity, ca_cert: x509.Certificate) -> None:
    cert = x509.load_pem_x509_certificate(files.cert.read_bytes())
    try:
        cert.verify_directly_issued_by(ca_cert)
        sans = cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        raise AuthorityError("FOREIGN", files.cert) from None
    if identity.uri not in sans.get_values_for_type(x509.UniformResourceIdentifier):
        raise AuthorityError("FOREIGN", files.cert)
    _check_valid(cert, files.cert)


def _check_valid(cert: x509.Certificate, file: Path) -> None:
    if cert.not_valid_after_utc <= datetime.now(UTC):
        raise AuthorityError("EXPIRED", file)


def _has_pair(cert_file: Path, key_file: Path) -> bool:
    if cert_file.exists() != key_file.exists():
        raise AuthorityError("INCOMPLETE", key_file if cert_file.exists() else cert_file)
    return cert_file.exists()


def _write_pair(cert_file: Path, key_file: Path, cert: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    _write_new(key_file, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    _write_new(cert_file, cert.public_bytes(Encoding.PEM))


def _write_new(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as target:
        target.write(content)
