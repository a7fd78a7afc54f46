"""Erasure: how a subscriber's wish to be erased changes everything at once, and what is left to be done later.

The rules:

* It cannot be taken back. So no second word is asked for it: where closing needs one, it is refused with
  PROOF_REQUIRED, and the subscriber goes where the proof is better.
* It concerns the whole subscriber: both media, whichever was named, become RESTRICTED in one version. From then on
  nothing can be set, opened, confirmed or undone; the state can be asked for, and the wish repeated.
* Guardianships end, on either side, and the others are told.
* Wishes, what lay aside and what was pending are dropped. What they were stays in the log's openings, for proof alone,
  until the retention of consent evidence ends: then the subject's key is destroyed, and the state map forgets it.
* Whoever serves or served the number has to erase what it holds and to report that it did.
* Whoever holds the number after that is somebody else to the registry: a new epoch, which knows nothing of this one.
"""

from __future__ import annotations

from gateway.domain.capability import Capabilities
from gateway.domain.enrolment import Circumstances, cancel_needs_word, missing_proof
from gateway.domain.errors import Reason
from gateway.domain.instruction import Disposition, Item, ItemKind, ItemOutcome, Verdict
from gateway.domain.knowledge import begin
from gateway.domain.policy import MIN_CONSENT_DAYS
from gateway.domain.subscription import EnrolmentState, Erasure, Leg, Subscriber
from gateway.domain.ties import NO_TIES
from optout.kit.values import replace

DAY_MS = 86_400_000
CONFIRM_WITHIN_MS = DAY_MS
"""How long carriers have to report that they erased what they held, before it is asked again and alarmed."""


def decide_erasure(
    holder: Subscriber, around: Circumstances, capabilities: Capabilities | None, revision: int
) -> tuple[Subscriber, Verdict]:
    """Decide a wish to be erased, whose entry has ``revision``; the same object if nothing changed."""
    lack = missing_proof(around.channel, around.evidence)
    if lack is None and holder.erasure is None and cancel_needs_word(around):
        lack = Reason.PROOF_REQUIRED
    if lack is not None:
        return holder, Verdict(Disposition.REFUSED, lack)
    if holder.erasure is not None:
        return holder, Verdict(Disposition.ALREADY_SO, None, (_service(Disposition.ALREADY_SO),))
    days = around.policy.retention.consent_days
    after = restrict(holder, capabilities, revision, around.now_ms, days)
    return after, Verdict(Disposition.DONE, None, (_service(Disposition.DONE),))


def restrict(
    holder: Subscriber, capabilities: Capabilities | None, revision: int, now_ms: int, consent_days: int
) -> Subscriber:
    """The holder with every use stopped, to be erased when the retention of ``consent_days`` ends."""
    version = holder.version + 1

    def stop(leg: Leg) -> Leg:
        stopped = Leg(EnrolmentState.RESTRICTED, open_ms=leg.open_ms, change_ms=now_ms, effects=leg.effects)
        return begin(leg, stopped, version, capabilities, now_ms)

    erasure = Erasure(revision, now_ms, now_ms + consent_days * DAY_MS, list_holders(holder))
    voice, message = stop(holder.voice), stop(holder.message)
    return replace(holder, version=version, voice=voice, message=message, ties=NO_TIES, erasure=erasure)


def list_holders(holder: Subscriber) -> tuple[str, ...]:
    """The carriers that may hold something of this subscriber: who serves the number and who did, sorted."""
    life = holder.life
    waited = (one.carrier for one in life.switch_offs)
    return tuple(sorted({holder.carrier, life.came_from, *life.served, *waited} - {""}))


def confirm_erased(holder: Subscriber, carrier: str) -> Subscriber:
    """The holder once ``carrier`` reported that it erased what it held; the same object if nobody waited for it."""
    erasure = holder.erasure
    if erasure is None or carrier not in erasure.unconfirmed:
        return holder
    left = tuple(one for one in erasure.unconfirmed if one != carrier)
    return replace(holder, version=holder.version + 1, erasure=replace(erasure, unconfirmed=left))


def has_no_number(holder: Subscriber) -> bool:
    """Whether the number is this holder's no more: it was closed, or given to somebody else."""
    return holder.life.ended or holder.life.frozen_until_ms is not None


def may_erase(holder: Subscriber, now_ms: int) -> bool:
    """Whether the key may be destroyed: the holder asked for it or has no number, and the retention is over.

    Whose number is gone is erased after the retention that was in force then, which is never shorter than the law's.
    """
    if holder.erasure is not None and holder.erasure.erase_by_ms <= now_ms:
        return True
    return has_no_number(holder) and holder.life.since_ms + MIN_CONSENT_DAYS * DAY_MS <= now_ms


def _service(disposition: Disposition) -> ItemOutcome:
    return ItemOutcome(Item(ItemKind.SERVICE), disposition, switched_on=False)
