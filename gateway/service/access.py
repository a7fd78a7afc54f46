"""Who asks, and whether they may."""

from __future__ import annotations

from gateway.domain.errors import Reason, RefusedError
from gateway.domain.subscription import Subscriber
from gateway.domain.ties import NO_TIES
from gateway.service.roster import Roster
from optout.kit.identity import Identity, Role

Caller = Identity
"""A party in its role, as its certificate names it. For carriers ``party`` is the carrier's id."""

READS_EVERYTHING = frozenset({Role.INSTITUTE, Role.OPERATOR, Role.GATEWAY})
"""Roles that see all carriers' subscribers."""


def not_served() -> RefusedError:
    """The refusal of a carrier that asks for another's subscriber."""
    return RefusedError(Reason.NOT_SERVED, "another carrier serves this number")


def seen_by(state: Subscriber, carrier: str | None) -> Subscriber:
    """A subscriber as ``carrier`` may see it: whole, or without wishes if another one serves the number.

    Who sees everybody (None) sees wishes, and not who acts for whom: that is the serving carrier's alone.
    """
    if carrier is None:
        return state.with_ties(NO_TIES)
    return state if state.carrier == carrier else state.without_wishes()


def require_role(caller: Caller, *roles: Role) -> None:
    """Refuse callers of any other role: RefusedError(ROLE_NOT_ALLOWED)."""
    if caller.role not in roles:
        raise RefusedError(Reason.ROLE_NOT_ALLOWED, "this role may not do that")


def visible_carrier(caller: Caller) -> str | None:
    """The one carrier whose subscribers the caller may see; None means all of them. RefusedError(ROLE_NOT_ALLOWED)."""
    if caller.role in READS_EVERYTHING:
        return None
    require_role(caller, Role.CARRIER)
    return caller.party


def screened_carrier(caller: Caller, roster: Roster) -> str | None:
    """The one carrier for whose subscribers the caller may screen; None means all. RefusedError(ROLE_NOT_ALLOWED)."""
    if caller.role is not Role.SCREENER:
        return visible_carrier(caller)
    if not roster.knows(caller):
        raise RefusedError(Reason.ROLE_NOT_ALLOWED, "no screener on the roster")
    return roster.scope(caller)
