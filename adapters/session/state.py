"""The states of a link and the steps between them.

Rules:

1. A link is born CONNECTING and ends CLOSED. It never comes back: a new connection is a new session.
2. BINDING lasts from the open connection until the login has been accepted *and* the link was still open `settle_s`
   later; a peer that accepts and hangs up has not accepted. A request from the peer ends the wait early.
3. Requests of our own go out in BOUND only. Answers, to the peer's requests and from it, count in DRAINING as well.
4. DRAINING is entered once, by our wish or by the peer's TERMINATE. What never left comes back as unsent at
   once, what is outstanding is waited for; then TERMINATE is sent, or answered, and the link closes. It also
   closes when time is up.
5. An active test is answered in every state but CLOSED, ahead of everything else that waits to be written.
6. On the way to CLOSED every outstanding token is reported; `LinkClosed` comes last, exactly once.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from adapters.session.errors import LinkStateError


class LinkState(Enum):
    """Where a link is in its life."""

    CONNECTING = "connecting"
    BINDING = "binding"
    BOUND = "bound"
    DRAINING = "draining"
    CLOSED = "closed"


class Step(Enum):
    """What moves a link on."""

    OPEN = "open"
    BIND = "bind"
    DRAIN = "drain"
    CLOSE = "close"


TRANSITIONS: Final[dict[tuple[LinkState, Step], LinkState]] = {
    (LinkState.CONNECTING, Step.OPEN): LinkState.BINDING,
    (LinkState.BINDING, Step.BIND): LinkState.BOUND,
    (LinkState.BOUND, Step.DRAIN): LinkState.DRAINING,
    (LinkState.CONNECTING, Step.CLOSE): LinkState.CLOSED,
    (LinkState.BINDING, Step.CLOSE): LinkState.CLOSED,
    (LinkState.BOUND, Step.CLOSE): LinkState.CLOSED,
    (LinkState.DRAINING, Step.CLOSE): LinkState.CLOSED,
}


def advance(state: LinkState, step: Step) -> LinkState:
    """Return the state after `step`; raise `LinkStateError("illegal_step")` where the table has none."""
    try:
        return TRANSITIONS[state, step]
    except KeyError:
        raise LinkStateError("illegal_step") from None
