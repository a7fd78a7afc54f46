"""The third story: what a national service owes.

A cancellation taken back, effects that are known and not assumed, numbers that move and change hands, and rules that
nobody can change alone.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from gateway.cli.applied import find_remedies, make_report
from gateway.cli.demo.carriers import MOBILE, TELECOM
from gateway.cli.demo.stage import PATIENCE_S, CarrierStage, Stage, demand, until
from gateway.cli.paper import two_columns
from optout.kit.number import PhoneNumber, mask
from optout.sim.v1 import platform_pb2
from optout.v1 import number_pb2, policy_pb2, screening_pb2, types_pb2

LOAN_LINE = "01059990000"
FRIEND = "13900139000"
EMPTY_NUMBER = "13800138777"
DAY_S = 86_400

State = types_pb2.EnrolmentState
Say = Callable[[str], None]


def _show(say: Say, title: str, left: Iterable[str], right: Iterable[str]) -> None:
    say(f"━━ {title}")
    for line in two_columns(list(left), list(right)):
        say(line)
    say("")


def _tell(subscription: types_pb2.Subscription) -> list[str]:
    state = State.Name(subscription.state).removeprefix("ENROLMENT_STATE_")
    lines = [f"registry  {mask(PhoneNumber(subscription.number))} epoch {subscription.epoch} · {subscription.carrier}"]
    lines.append(f"  state {state}")
    if subscription.preferences.refused_categories:
        lines.append(f"  refuses {', '.join(subscription.preferences.refused_categories)}")
    if subscription.not_yet_off:
        lines.append(f"  not yet off at {', '.join(subscription.not_yet_off)}")
    if subscription.effects:
        lines.append(f"  effect {_word(subscription)}")
    return lines


def _word(subscription: types_pb2.Subscription) -> str:
    return types_pb2.EffectState.Name(subscription.effects[0].state).removeprefix("EFFECT_STATE_")


# ------------------------------------------------------------------------------------------------ a cancellation


async def _undo(stage: Stage, say: Say) -> None:
    place = stage.carriers["mobile"]
    number = MOBILE.subscriber
    before = await stage.subscription(number)
    after = await place.now()
    answer = await place.book("cancel", number)
    demand(answer.result == "done", f"the agent's cancellation was answered {answer.result}")
    told = await place.arrived(number, after, "HFFSR")
    closed = await stage.subscription(number)
    demand(closed.state == State.ENROLMENT_STATE_CLOSED, "the service is not closed")
    demand(not closed.preferences.refused_categories, "a closed service holds wishes")
    _show(
        say,
        "Somebody talks the subscriber into having it closed by the agent: the subscriber's own phone is told",
        [f"agent on {place.carrier.agents} ▸ cancel", f"{place.carrier.service_code} ▸ {number}", f"  {told}"],
        _tell(closed),
    )
    after = await place.text(number, "HFFSR")
    told = await place.arrived(number, after, "已开通")
    again = await stage.subscription(number)
    demand(again.preferences == before.preferences, "the wishes did not come back as they were")
    _show(say, "One word brings everything back", [f"{number} ▸ 10086  HFFSR", f"  {told}"], _tell(again))


# ------------------------------------------------------------------------------------------------ effects


async def _effects(stage: Stage, say: Say) -> None:
    """China Unicom's own platform carries it out, late, and reports; the state says what is known."""
    number = "13000130001"
    place = stage.carriers["unicom"]
    await stage.platform.SetDelay(platform_pb2.PlatformServiceSetDelayRequest(delay=Duration(seconds=DAY_S)))
    await stage.platform.SetVolte(platform_pb2.PlatformServiceSetVolteRequest(number=number, on=False))
    await _open_by_agent(place, number)
    first = await stage.subscription(number)
    demand(_word(first) == "ACCEPTED", f"nothing was reported yet, and the state says {_word(first)}")
    await stage.platform.SetDelay(platform_pb2.PlatformServiceSetDelayRequest(delay=Duration()))
    degraded = await _until_effect(stage, number, "DEGRADED")
    lack = next(effect.precondition for effect in degraded.effects if effect.precondition.code)
    demand(lack.code == "VOLTE_OFF", "the platform's condition did not come back")
    await stage.platform.SetVolte(platform_pb2.PlatformServiceSetVolteRequest(number=number, on=True))
    applied = await _until_effect(stage, number, "APPLIED")
    _show(
        say,
        "Accepted is not in effect: China Unicom's platform reports what it really did",
        [
            "agent on 10010 ▸ open, refuse loans",
            f"  {_word(first)}: effective by {first.effects[0].effective_by.ToDatetime():%Y-%m-%d %H:%M} UTC",
            f"  {_word(degraded)}: {lack.code} {lack.remedy}",
            f"  {_word(applied)}: after VoLTE was switched on",
        ],
        _tell(applied),
    )


async def _condition(stage: Stage, say: Say) -> None:
    """China Mobile's switches ask the gateway: in effect at once, unless its network finds that a line lacks VoLTE."""
    number = "13800138005"
    place, network = stage.carriers["mobile"], stage.registries["mobile"]
    await _open_by_agent(place, number)
    seen = [f"agent on {place.carrier.agents} ▸ open, refuse loans", f"  {_word(await stage.subscription(number))}"]
    for lack, word, told in (("VOLTE_OFF", "DEGRADED", "KTVOLTE"), ("", "APPLIED", "已生效")):
        after = await place.now()
        report = make_report(await stage.subscription(number), lack, find_remedies("mobile"))
        async for answer in network.ReportApplied(iter([report]), timeout=PATIENCE_S):
            demand(not answer.HasField("refusal"), f"the network's report was not taken in: {answer.refusal.message}")
        known = await _until_effect(stage, number, word)
        text = await place.arrived(number, after, told)
        seen += [f"network ▸ {lack or 'VoLTE is on'}: {word}", f"{place.carrier.service_code} ▸ {number}", f"  {text}"]
    title = "China Mobile's network finds a line without VoLTE: the remedy is told, and that it helped"
    _show(say, title, seen, _tell(known))


async def _until_effect(stage: Stage, number: str, word: str) -> types_pb2.Subscription:
    return await until(
        lambda: stage.subscription(number),
        lambda seen: {effect.state for effect in seen.effects} == {types_pb2.EffectState.Value(f"EFFECT_STATE_{word}")},
        f"the effect of everything asked for is {word}",
    )


async def _open_by_agent(place: CarrierStage, number: str) -> None:
    for verb, fields in (
        ("open", {"notice_version": "2026-11", "consent": "given"}),
        ("set_categories", {"refuse": ["loan"]}),
        ("choose_notices", {"interception": "each", "at_night": True}),
    ):
        answer = await place.book(verb, number, **fields)
        demand(answer.result == "done", f"an order at {place.carrier.id} was answered {answer.result}")


async def _interception(stage: Stage, say: Say) -> None:
    number = "13000130001"
    place = stage.carriers["unicom"]
    after = await place.now()
    call = platform_pb2.PlatformServiceCallRequest(called=number, caller=LOAN_LINE)
    answer = await stage.platform.Call(call, timeout=PATIENCE_S)
    demand((answer.act, answer.rule) == ("refused", "category"), f"the platform did {answer.act or 'nothing'}")
    rang = await stage.platform.Call(platform_pb2.PlatformServiceCallRequest(called=number, caller=FRIEND))
    demand(not rang.act, "a friend's call was stopped")
    told = await place.arrived(number, after, "为您拦截")
    _show(
        say,
        "A loan marketer calls: the platform stops it, reports it, and the subscriber hears of it as chosen",
        [f"{LOAN_LINE} ☎ {number}  refused", f"{place.carrier.service_code} ▸ {number}", f"  {told}"],
        [f"platform: {answer.act} by {answer.rule}", "a friend's call rings, and nobody writes it down"],
    )


# ------------------------------------------------------------------------------------------------ numbers


async def _port(stage: Stage, say: Say) -> None:
    """China Mobile's subscriber takes the number along to China Telecom."""
    number, gaining = MOBILE.subscriber, stage.carriers["telecom"]
    before = await stage.subscription(number)
    after = await gaining.now()
    await _report(stage, "telecom", number_pb2.NUMBER_EVENT_KIND_PORTED_IN, number, counterpart="mobile")
    moved = await stage.subscription(number)
    demand(moved.carrier == "telecom", "the number did not move")
    demand(moved.preferences == before.preferences, "the wishes did not move with their holder")
    told = await gaining.arrived(number, after, "转入")
    done = await until(
        lambda: stage.subscription(number), lambda seen: not seen.not_yet_off, "China Mobile switched the number off"
    )
    waited = list(moved.not_yet_off) or ["mobile (reported at once)"]
    _show(
        say,
        "The number is ported from China Mobile to China Telecom: the wishes go along",
        [f"{gaining.carrier.service_code} ▸ {number}", f"  {told}"],
        [*_tell(done), f"  was waited for: {', '.join(waited)}"],
    )
    after = await stage.carriers["mobile"].text(number, "CXFSR")
    refused = await stage.carriers["mobile"].arrived(number, after, "其他运营商")
    _show(say, "An order through the old carrier is refused", [f"{number} ▸ 10086  CXFSR", f"  {refused}"], [])


async def _reassign(stage: Stage, say: Say) -> None:
    """A number closed long ago is given to somebody else, who inherits nothing."""
    number, place = EMPTY_NUMBER, stage.carriers["mobile"]
    await _report(
        stage, "operator-a", number_pb2.NUMBER_EVENT_KIND_BASELINE, number, days_ago=400, counterpart="mobile"
    )
    await _open_by_agent(place, number)
    old = await stage.subscription(number)
    await _report(stage, "mobile", number_pb2.NUMBER_EVENT_KIND_CLOSED, number, days_ago=200)
    await _report(stage, "mobile", number_pb2.NUMBER_EVENT_KIND_REASSIGNED, number)
    found = await stage.find(number)
    new = found.subscription
    demand((new.epoch, old.epoch) == (2, 1), "no new epoch began")
    demand(new.state == State.ENROLMENT_STATE_CLOSED, "the new holder has the old holder's service")
    demand(not new.preferences.refused_categories, "the new holder has the old holder's wishes")
    verdict = await _screen(stage, number, revision=found.revision)
    demand(verdict.verdict != screening_pb2.VERDICT_REFUSE, "the new holder's calls are refused by the old one's wish")
    _show(say, "A number is given to somebody else: a new epoch, empty", _tell(old), _tell(new))


async def _report(
    stage: Stage,
    party: str,
    kind: number_pb2.NumberEventKind.ValueType,
    number: str,
    *,
    days_ago: int = 0,
    counterpart: str = "",
) -> None:
    event = number_pb2.NumberEvent(
        event_id=uuid.uuid4().hex,
        kind=kind,
        number=number,
        effective_time=Timestamp(seconds=int(time.time()) - days_ago * DAY_S),
        counterpart=counterpart,
    )
    call = stage.numbers[party].ReportNumberEvents(
        iter([number_pb2.ReportNumberEventsRequest(event=event)]), timeout=PATIENCE_S
    )
    async for answer in call:
        demand(not answer.reason, f"a number event was not taken in: {answer.message}")


# ------------------------------------------------------------------------------------------------ rules


async def _policy(stage: Stage, say: Say) -> None:
    """A new rule: proposed by one operator, approved by another, in force at once, and taken back in one call."""
    first, second = stage.operators
    now = (await first.GetPolicy(policy_pb2.GetPolicyRequest(), timeout=PATIENCE_S)).record.policy
    policy = policy_pb2.Policy()
    policy.CopyFrom(now)
    policy.version = "demo-1"
    redress = "https://redress.example/"
    entry = policy.system_list.add(number=f"+86{FRIEND}", reason="涉嫌诈骗", redress_contact=redress)
    entry.evidence_digest = bytes(range(32))
    entry.expire_time.seconds = int(time.time()) + DAY_S
    proposal = policy_pb2.ProposePolicyRequest(policy=policy, activation_time=Timestamp(seconds=int(time.time())))
    record = (await first.ProposePolicy(proposal, timeout=PATIENCE_S)).record
    approval = policy_pb2.ApprovePolicyRequest(version="demo-1", digest=record.signatures[0].digest)
    alone = await _refusal(first.ApprovePolicy(approval, timeout=PATIENCE_S))
    demand("SECOND_SIGNER_REQUIRED" in alone, f"one operator alone got {alone or 'through'}")
    await second.ApprovePolicy(approval, timeout=PATIENCE_S)
    active = await _until_policy(stage, "demo-1")
    demand(active.sip_code == 608, "the new rule does not decide")
    began = time.monotonic()
    await second.RollbackPolicy(
        policy_pb2.RollbackPolicyRequest(version="demo-1", reason="the demo takes it back"), timeout=PATIENCE_S
    )
    back = await _until_policy(stage, now.version)
    took_s = time.monotonic() - began
    demand(back.verdict != screening_pb2.VERDICT_REFUSE, "the rule is still in force")
    _show(
        say,
        "Rules change by two signatures, and are taken back by one call",
        [
            "operator-a ▸ propose demo-1",
            f"operator-a ▸ approve demo-1  {alone}",
            "operator-b ▸ approve demo-1  in force",
            f"operator-b ▸ rollback demo-1  seen by switches after {took_s * 1000:.0f} ms",
        ],
        [
            f"{FRIEND} ☎: {active.sip_code} under {active.policy_version}",
            f"{FRIEND} ☎: rings under {back.policy_version}",
        ],
    )


CHAPTERS = (_undo, _effects, _condition, _interception, _port, _reassign, _policy)


async def play(stage: Stage, say: Say) -> None:
    """Play everything. Raises DeviationError or StageError."""
    for chapter in CHAPTERS:
        await chapter(stage, say)


async def _refusal(call: object) -> str:
    import grpc

    from gateway.cli.connection import explain

    try:
        await call  # type: ignore[misc]
    except grpc.aio.AioRpcError as error:
        return explain(error).partition(":")[0]
    return ""


async def _until_policy(stage: Stage, version: str) -> screening_pb2.ScreenResponse:
    return await until(
        lambda: _screen(stage, TELECOM.subscriber, FRIEND),
        lambda seen: seen.policy_version == version,
        f"policy {version} is in force",
    )


async def _screen(
    stage: Stage, called: str, caller: str = LOAN_LINE, revision: int = 0
) -> screening_pb2.ScreenResponse:
    request = screening_pb2.ScreenRequest(
        caller=caller,
        called=called,
        ingress=screening_pb2.INGRESS_DOMESTIC,
        caller_trust=screening_pb2.CALLER_TRUST_VERIFIED,
    )
    return await stage.screen(request, revision)
