"""One instruction decided: who is served after it, and what the subscriber is told. Pure.

The gateway decides with it, and whoever audits the log decides again.
"""

from __future__ import annotations

from gateway.domain.capability import Capabilities
from gateway.domain.enrolment import Circumstances, decide
from gateway.domain.erasure import decide_erasure
from gateway.domain.errors import Reason
from gateway.domain.guardian_orders import Step, take, yield_question
from gateway.domain.guardians import Finding, Party, Side, part_with
from gateway.domain.instruction import Disposition, Erase, Instruction, ItemOutcome, Precondition, Query, Verdict
from gateway.domain.knowledge import begin
from gateway.domain.policy import Policy
from gateway.domain.porting import carried_by, claim_for
from gateway.domain.preferences import Medium
from gateway.domain.serving import judge_order
from gateway.domain.subscription import Leg, Subscriber
from optout.kit.values import replace

_FORECAST = frozenset({Disposition.DONE, Disposition.NEEDS_CONFIRMATION})
OFFERED_MEDIA = frozenset({Medium.VOICE})


def take_order(
    holder: Subscriber,
    instruction: Instruction,
    policy: Policy,
    capabilities: Capabilities | None,
    revision: int,
    now_ms: int,
    finding: Finding | None = None,
) -> Step:
    """What an instruction makes of the number's holder, the same object if nothing changed, and its outcome.

    ``capabilities`` are what its carrier has declared by then, ``revision`` is that of the instruction's entry and
    ``now_ms`` the accept time. ``finding`` is what was found at the other party, of an instruction that has one.
    """
    standing = judge_order(holder, instruction.carrier, asks=isinstance(instruction.action, Query))
    if standing.refusal is not None:
        return _refuse(holder, standing.refusal)
    served = holder
    if standing.claims:
        served = carried_by(claim_for(holder, instruction.carrier, revision, now_ms), capabilities, now_ms)
    around = Circumstances(
        instruction.number, instruction.channel, instruction.evidence, policy, instruction.carrier, now_ms, capabilities
    )
    version = holder.version + 1
    step = _serve(Party(served, capabilities), instruction, around, finding, revision, version)
    if step.verdict.disposition is Disposition.REFUSED:
        return Step(step.verdict, Side(holder, step.own.notices))
    return replace(step, own=replace(step.own, after=_count_once(step.own.after, version)))


def _serve(
    sender: Party, instruction: Instruction, around: Circumstances, finding: Finding | None, revision: int, version: int
) -> Step:
    """The same once the sender is served; ``version`` is the one after the entry, if it changes anything."""
    served, capabilities, now_ms, medium = sender.state, sender.capabilities, around.now_ms, instruction.medium
    if isinstance(instruction.action, Erase):
        after, verdict = decide_erasure(served, around, capabilities, revision)
        return Step(verdict, Side(after, None), news=part_with(served) if after.ties != served.ties else ())
    if medium not in OFFERED_MEDIA or (capabilities is not None and medium not in capabilities.media):
        return _refuse(served, Reason.MEDIUM_NOT_OFFERED)
    leg = served.leg(medium)
    step = take(instruction.action, sender, finding, around, medium)
    if step is not None:
        return replace(step, verdict=_forecast(step.verdict, leg, capabilities, now_ms))
    after_leg, verdict = decide(leg, instruction.action, around)
    verdict = _forecast(verdict, leg, capabilities, now_ms)
    if after_leg is leg:
        return Step(verdict, Side(served, None))
    changed = served.with_leg(medium, begin(leg, after_leg, version, capabilities, now_ms))
    left, news = yield_question(served, changed, now_ms)
    return Step(verdict, Side(left, None), news=news)


def _refuse(holder: Subscriber, reason: Reason) -> Step:
    return Step(Verdict(Disposition.REFUSED, reason), Side(holder, None))


def _count_once(after: Subscriber, version: int) -> Subscriber:
    """One entry is one version, also of an order that claims the number and changes something."""
    return after if after.version <= version else replace(after, version=version)


def _forecast(verdict: Verdict, leg: Leg, capabilities: Capabilities | None, now_ms: int) -> Verdict:
    """The verdict with what may be expected of what was or would be done, and what is known to stand in its way."""
    if not verdict.items:
        return verdict
    # What waits for a second word is in effect at the latest if that comes at the last moment.
    from_ms = now_ms if verdict.confirm_by_ms is None else verdict.confirm_by_ms
    by_ms = None if capabilities is None else capabilities.effective_by(from_ms)
    items = tuple([_expect(item, leg, capabilities, by_ms) for item in verdict.items])
    return Verdict(verdict.disposition, verdict.reason, items, verdict.confirm_by_ms)


def _expect(item: ItemOutcome, leg: Leg, capabilities: Capabilities | None, by_ms: int | None) -> ItemOutcome:
    precondition = _find_precondition(leg, item)
    if capabilities is not None and item.disposition in _FORECAST:
        known = capabilities.find(item.item)
        done = item.item, item.disposition, item.reason, item.switched_on
        return ItemOutcome(*done, known.effect, by_ms, precondition, known.limitation)
    return item if precondition == item.precondition else replace(item, precondition=precondition)


def _find_precondition(leg: Leg, item: ItemOutcome) -> Precondition | None:
    """A condition that is known not to be met for an item, or for the service that it is part of."""
    if item.disposition is Disposition.REFUSED:
        return None
    return leg.effects.of(item.item).precondition or leg.effects.service.precondition
