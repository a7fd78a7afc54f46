"""The roster: the parties that a gateway knows, and how much of the federation each screener screens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from optout.kit.identity import Identity, Role

NATIONAL = ""
"""The scope of a screener that screens for every carrier."""


@dataclass(frozen=True, slots=True)
class Roster:
    """Everybody but carriers, whom the policy names, and the gateway.

    ``screeners`` says for each the one carrier whose subscribers it screens for, or ``NATIONAL``. The defaults are
    those whom ``optout certs`` makes certificates for. Raises IdentityError for a party that no certificate could name.
    """

    operators: tuple[str, ...] = ("operator-a", "operator-b")
    institutes: tuple[str, ...] = ("institute",)
    platforms: tuple[str, ...] = ()
    witnesses: tuple[str, ...] = ()
    screeners: Mapping[str, str] = field(default_factory=lambda: {"switch": NATIONAL})

    def __post_init__(self) -> None:
        for carrier in set(self.screeners.values()) - {NATIONAL}:
            Identity(Role.CARRIER, carrier)
        tuple(self.parties())

    def parties(self) -> Iterator[Identity]:
        """Everybody on it."""
        for role in _LISTS:
            yield from (Identity(role, party) for party in self._listed(role))

    def knows(self, party: Identity) -> bool:
        """True if it is on the roster. KeyError for a carrier or a gateway."""
        return party.party in self._listed(party.role)

    def scope(self, screener: Identity) -> str | None:
        """The one carrier whose subscribers a screener screens for; None for everybody's. KeyError if it is unknown."""
        return self.screeners[screener.party] or None

    def _listed(self, role: Role) -> tuple[str, ...]:
        return tuple(getattr(self, _LISTS[role]))


_LISTS: Mapping[Role, str] = {
    Role.SCREENER: "screeners",
    Role.INSTITUTE: "institutes",
    Role.OPERATOR: "operators",
    Role.PLATFORM: "platforms",
    Role.WITNESS: "witnesses",
}

DEVELOPMENT = Roster()
"""Whom a gateway knows unless its configuration says otherwise."""
