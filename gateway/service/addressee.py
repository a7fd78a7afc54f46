"""Whether what waits in the outbox may still be sent: a number can move, or change hands, while a row waits."""

from __future__ import annotations

from gateway.domain.errors import Reason
from gateway.store.rows import NumberRow, OutboxRow, SubjectRow


def misdirected(
    row: OutboxRow,
    found: tuple[NumberRow, SubjectRow] | None,
    *,
    must_serve: bool = False,
    restricted_since: int = 0,
) -> Reason | None:
    """Why a row must not be sent, seen who holds and serves its number by now; None if it may.

    What was meant for one holder of a number never reaches the next (NOT_FOUND: that subscriber is no more). A notice
    goes on to its subscriber through whichever carrier began; with ``must_serve`` the carrier must serve the number
    still, since it would learn the wishes (NOT_SERVED). Of whom use was restricted by the entry of revision
    ``restricted_since`` (0: it is not) nothing is used that comes from before (RESTRICTED).
    """
    if found is None or found[0].label != row.label:
        return Reason.NOT_FOUND
    if row.index + 1 < restricted_since:
        return Reason.RESTRICTED
    return Reason.NOT_SERVED if must_serve and found[0].carrier != row.carrier else None
