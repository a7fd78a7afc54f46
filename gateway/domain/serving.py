"""Who may order for a number. A prefix is only a hint; an order over a carrier's own link is a claim; an event decides.

In this order:

* A closed number takes no orders, from nobody, until it is given out again: NUMBER_FROZEN.
* While a claim is contested nobody's order counts, the claimant's and the contesting carrier's alike: CLAIM_CONTESTED.
* The carrier that serves the number may order.
* Where nobody is held to serve it, or the prefix alone speaks and nothing was ever changed over its own link, an order
  is a claim; so is one for a number adrift, but not from the carrier that it left.
* An order that is refused claims nothing, nor does a question about the state: a number is taken by what a subscriber
  has proved to want. So a question is answered where there is nothing to tell, and a number adrift has its wishes.
* Everybody else is refused with NOT_SERVED: against an event, and also against a claim that stands. The carrier that
  the prefix names contests the claim and lets an event decide; its order alone does not.
"""

from __future__ import annotations

from gateway.domain.errors import Reason, RefusedError
from gateway.domain.porting import Phase, phase_of
from gateway.domain.subscription import ServiceBasis, Subscriber
from optout.kit.values import dataclass


def check_served(serving: str, carrier: str) -> None:
    """Refuse what ``carrier`` says or asks of a number that ``serving`` serves: RefusedError(NOT_SERVED)."""
    if serving != carrier:
        raise RefusedError(Reason.NOT_SERVED, "another carrier serves this number")


@dataclass(frozen=True, slots=True)
class Standing:
    """How a carrier stands towards a number: ``refusal`` says why it may not order, ``claims`` that to order claims.

    An order that claims does so if it is not refused.
    """

    refusal: Reason | None = None
    claims: bool = False


def judge_order(holder: Subscriber, carrier: str, *, asks: bool = False) -> Standing:
    """Whether ``carrier`` may order for a number, or with ``asks`` put a question about its state."""
    life = holder.life
    if life.frozen_until_ms is not None:
        return Standing(Reason.NUMBER_FROZEN)
    if life.claim is not None and life.claim.contested:
        return Standing(Reason.CLAIM_CONTESTED)
    if carrier == holder.carrier:
        return Standing()
    untouched = holder.basis is ServiceBasis.PREFIX and holder.version == 0
    adrift = phase_of(holder) is Phase.ADRIFT and carrier != life.came_from
    if asks:
        return Standing() if untouched else Standing(Reason.NOT_SERVED)
    return Standing(claims=True) if untouched or adrift else Standing(Reason.NOT_SERVED)
