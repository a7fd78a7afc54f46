"""Who is on the other end: role and party, as a certificate's subject alternative name states them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

TRUST_DOMAIN = "optout"
_SCHEME = "spiffe://"
_PARTY = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


class Role(Enum):
    """What a party may do; the value is its part of the URI."""

    CARRIER = "carrier"
    """Submits and reads for the subscribers it serves; serves `CarrierService`."""
    SCREENER = "screener"
    """Reads what screening needs, for one carrier or nationally."""
    PLATFORM = "platform"
    """A voice-call platform: asks, never writes."""
    INSTITUTE = "institute"
    """Audits: reads, never writes."""
    OPERATOR = "operator"
    """Publishes policy, taxonomy and system lists."""
    WITNESS = "witness"
    """Cosigns checkpoints."""
    GATEWAY = "gateway"
    """The gateway itself, and the only client an adapter accepts."""


class IdentityReason(Enum):
    """Why a certificate names nobody we know."""

    NO_IDENTITY = "NO_IDENTITY"
    SEVERAL_IDENTITIES = "SEVERAL_IDENTITIES"
    WRONG_TRUST_DOMAIN = "WRONG_TRUST_DOMAIN"
    UNKNOWN_ROLE = "UNKNOWN_ROLE"
    BAD_PARTY = "BAD_PARTY"


class IdentityError(ValueError):
    """A certificate's names were refused; `reason` says why."""

    def __init__(self, reason: IdentityReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Identity:
    """A party in its role. `party` is a DNS label: lower-case letters, digits, inner hyphens, at most 63.

    Raises `IdentityError` (BAD_PARTY).
    """

    role: Role
    party: str

    def __post_init__(self) -> None:
        if not _PARTY.fullmatch(self.party):
            raise IdentityError(IdentityReason.BAD_PARTY)

    @property
    def uri(self) -> str:
        """The URI its certificates carry: ``spiffe://optout/<role>/<party>``."""
        return f"{_SCHEME}{TRUST_DOMAIN}/{self.role.value}/{self.party}"

    @property
    def server_name(self) -> str:
        """The DNS name its server certificates carry, wherever it listens.

        A client that demands this name talks to this party and to no other whose certificate is also good for
        the same host.
        """
        return f"{self.party}.{self.role.value}.{TRUST_DOMAIN}.internal"

    def __str__(self) -> str:
        return f"{self.role.value}/{self.party}"


def parse_identity(sans: Iterable[str]) -> Identity:
    """Find the one identity among a certificate's alternative names (URIs, DNS names, addresses).

    Raises `IdentityError`.
    """
    uris = [san for san in sans if san.startswith(_SCHEME)]
    if not uris:
        raise IdentityError(IdentityReason.NO_IDENTITY)
    if len(uris) > 1:
        raise IdentityError(IdentityReason.SEVERAL_IDENTITIES)
    domain, _, path = uris[0].removeprefix(_SCHEME).partition("/")
    if domain != TRUST_DOMAIN:
        raise IdentityError(IdentityReason.WRONG_TRUST_DOMAIN)
    role, _, party = path.partition("/")
    if role not in {known.value for known in Role}:
        raise IdentityError(IdentityReason.UNKNOWN_ROLE)
    return Identity(Role(role), party)
