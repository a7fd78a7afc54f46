"""Who calls: the party that the peer's certificate names, if the federation knows it and has not sent it away."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Protocol

from gateway.domain.errors import Reason, RefusedError
from gateway.service.access import Caller
from gateway.service.books import PolicyBook
from gateway.service.roster import Roster
from optout.kit.identity import Identity, IdentityError, Role, parse_identity
from optout.kit.tls import DenyList

PARTY_METADATA = "x-optout-party"
"""Metadata that names the party, ``role/party``, where there are no certificates (``--insecure-dev``)."""

KnowsParty = Callable[[Caller], bool]


class Peer(Protocol):
    """What of a gRPC context tells who is there."""

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """What the handshake found out."""

    def invocation_metadata(self) -> Iterable[tuple[str, str | bytes]] | None:
        """The metadata sent by the caller."""


class Identifier(Protocol):
    """A way to tell who calls."""

    def identify(self, peer: Peer) -> Caller:
        """The caller. RefusedError (UNKNOWN_PARTY, CERTIFICATE_DENIED)."""


class CertificateIdentifier:
    """Takes the party from the certificate's alternative names, after a look at the deny list."""

    def __init__(self, knows_party: KnowsParty, deny_list: DenyList | None = None) -> None:
        self._knows_party = knows_party
        self._deny_list = deny_list

    def identify(self, peer: Peer) -> Caller:
        """The caller whom the certificate names."""
        found = peer.auth_context()
        certificate = b"".join(found.get("x509_pem_cert", ()))
        if self._deny_list is not None and self._deny_list.is_denied(certificate):
            raise RefusedError(Reason.CERTIFICATE_DENIED, "the certificate has been withdrawn")
        try:
            identity = _read_identity(tuple(found.get("x509_subject_alternative_name", ())))
        except IdentityError as error:
            raise RefusedError(Reason.UNKNOWN_PARTY, error.reason.value) from None
        return _admit(identity, self._knows_party)


class MetadataIdentifier:
    """Believes what the caller says of itself: for development on one machine."""

    def __init__(self, knows_party: KnowsParty) -> None:
        self._knows_party = knows_party

    def identify(self, peer: Peer) -> Caller:
        """The caller whom the metadata names."""
        metadata = dict(peer.invocation_metadata() or ())
        role, _, party = str(metadata.get(PARTY_METADATA, "")).partition("/")
        try:
            identity = Identity(Role(role), party)
        except ValueError:
            raise RefusedError(Reason.UNKNOWN_PARTY, f"no party in metadata {PARTY_METADATA}") from None
        return _admit(identity, self._knows_party)


@lru_cache(maxsize=1024)
def _read_identity(names: tuple[bytes, ...]) -> Identity:
    """Who a certificate's alternative names say it is; a connection asks the same again with every call."""
    return parse_identity(name.decode("utf-8", "replace") for name in names)


def _admit(identity: Identity, knows_party: KnowsParty) -> Caller:
    if not knows_party(identity):
        raise RefusedError(Reason.UNKNOWN_PARTY, "the federation does not know this party")
    return identity


def known_party(policies: PolicyBook, roster: Roster) -> KnowsParty:
    """Know the carriers that the policy in force names, everybody on the roster, and gateways.

    A gateway's certificate opens nothing here that is not open to everybody.
    """

    def knows(caller: Caller) -> bool:
        match caller.role:
            case Role.CARRIER:
                return policies.current.knows_carrier(caller.party)
            case Role.GATEWAY:
                return True
            case _:
                return roster.knows(caller)

    return knows


def is_loopback(address: str) -> bool:
    """True if nobody beyond this machine can reach a listener on ``host:port`` or ``unix:path``."""
    if address.startswith("unix:"):
        return True
    host = address.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
