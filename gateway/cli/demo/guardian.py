"""The story of a guardian: a son at China Mobile, a mother at China Telecom, one registry between their carriers."""

from __future__ import annotations

from collections.abc import Callable

import grpc

from gateway.cli.connection import explain
from gateway.cli.demo.stage import PATIENCE_S, CarrierStage, Stage, demand, until
from gateway.cli.paper import two_columns
from optout.sim.v1 import smsc_pb2
from optout.v1 import registry_pb2, screening_pb2, types_pb2

SON = "13800138010"
MOTHER = "13300133010"
LOAN_LINE = "01059990000"
HERS = ("贷款", "保险", "证券", "教育", "名单", "拦截")
"""Words that would tell the son how his mother's service stands."""

Say = Callable[[str], None]


async def play(stage: Stage, say: Say) -> None:
    """Play everything. Raises DeviationError or StageError."""
    for chapter in (_ask, _agree, _act, _look, _revoke):
        await chapter(stage, say)


def _show(say: Say, title: str, left: list[str], right: list[str]) -> None:
    say(f"━━ {title}")
    for line in two_columns(left, right):
        say(line)
    say("")


def _places(stage: Stage) -> tuple[CarrierStage, CarrierStage]:
    return stage.carriers["mobile"], stage.carriers["telecom"]


async def _ask(stage: Stage, say: Say) -> None:
    mobile, telecom = _places(stage)
    before = await telecom.now()
    after = await mobile.text(SON, f"SQJH{MOTHER}")
    told = await mobile.arrived(SON, after, "守护申请")
    question = await telecom.arrived(MOTHER, before, "申请做您的守护人")
    demand(SON in question, "the mother is not told who asks")
    after = await mobile.text(SON, f"JHSZ{MOTHER}")
    early = await mobile.arrived(SON, after, "未能代为设置")
    closed = await stage.subscription(MOTHER)
    demand(closed.state == types_pb2.ENROLMENT_STATE_CLOSED, "something was done before she agreed")
    _show(
        say,
        "A son at China Mobile asks to guard his mother, who is China Telecom's: her own carrier asks her",
        [f"{SON} ▸ 10086  SQJH{MOTHER}", f"  {told}", f"{SON} ▸ 10086  JHSZ{MOTHER}", f"  {early}"],
        [f"10001 ▸ {MOTHER}", f"  {question}"],
    )


async def _agree(stage: Stage, say: Say) -> None:
    mobile, telecom = _places(stage)
    before = await mobile.now()
    after = await telecom.text(MOTHER, "Y")
    agreed = await telecom.arrived(MOTHER, after, "您已同意")
    told = await mobile.arrived(SON, before, "同意由您守护")
    opened = await stage.subscription(MOTHER)
    demand(opened.state == types_pb2.ENROLMENT_STATE_OPEN, "her word did not open the service")
    demand(not opened.preferences.refused_categories, "her word set more than she was asked")
    _show(say, "She agrees with one word", [f"10086 ▸ {SON}", f"  {told}"], [f"{MOTHER} ▸ 10001  Y", f"  {agreed}"])


async def _act(stage: Stage, say: Say) -> None:
    mobile, telecom = _places(stage)
    before = await telecom.now()
    after = await mobile.text(SON, f"JHSZ{MOTHER}")
    done = await mobile.arrived(SON, after, "已按您的要求")
    alert = await telecom.arrived(MOTHER, before, "长辈守护")
    demand("QXJH" in alert, "the alert does not say how to revoke")
    wishes = (await stage.subscription(MOTHER)).preferences
    demand("loan" in wishes.refused_categories, "the preset for elders was not applied")
    demand(wishes.stranger_policy == types_pb2.STRANGER_POLICY_ASSISTANT, "strangers still ring")
    call = screening_pb2.ScreenRequest(caller=LOAN_LINE, called=MOTHER, ingress=screening_pb2.INGRESS_DOMESTIC)
    answer = await until(
        lambda: stage.switch.Screen(call, timeout=PATIENCE_S),
        lambda seen: seen.verdict == screening_pb2.VERDICT_REFUSE,
        "a loan marketer's call to her is refused",
    )
    rule = screening_pb2.DecidingRule.Name(answer.rule).removeprefix("DECIDING_RULE_")
    _show(
        say,
        "The preset for elders, over the son's carrier; she is told of every change",
        [f"{SON} ▸ 10086  JHSZ{MOTHER}", f"  {done}"],
        [f"10001 ▸ {MOTHER}", f"  {alert}", f"{LOAN_LINE} ☎ {MOTHER}  refused by {rule}"],
    )


async def _look(stage: Stage, say: Say) -> None:
    """Her carrier sees who acts for her; his sees nothing of her, and neither does he."""
    hers = await _read(stage, "telecom")
    demand([one.number for one in hers.guardians] == [f"+86{SON}"], "her own carrier does not see her guardian")
    refusal = ""
    try:
        await _read(stage, "mobile")
    except grpc.aio.AioRpcError as error:
        refusal = explain(error).partition(":")[0]
    demand(refusal == "NOT_SERVED", f"the son's carrier got {refusal or 'her subscription'}")
    demand(not (await stage.subscription(MOTHER)).guardians, "somebody else sees who acts for her")
    texts = await _texts(stage.carriers["mobile"], SON)
    told = [text for text in texts if any(word in text for word in HERS)]
    demand(not told, "the son was told how his mother's service stands")
    _show(
        say,
        "He never sees her calls, her lists or her state",
        ["mobile ▸ GetSubscription of hers", f"  {refusal}", f"{len(texts)} texts on his phone, none about her calls"],
        ["telecom ▸ GetSubscription of hers", f"  guardian {types_pb2.GuardianState.Name(hers.guardians[0].state)}"],
    )


async def _revoke(stage: Stage, say: Say) -> None:
    mobile, telecom = _places(stage)
    before = await mobile.now()
    after = await telecom.text(MOTHER, "QXJH")
    ended = await telecom.arrived(MOTHER, after, "守护已结束")
    told = await mobile.arrived(SON, before, "守护已结束")
    after = await mobile.text(SON, f"JHSZ{MOTHER}")
    refused = await mobile.arrived(SON, after, "未能代为设置")
    demand(not (await _read(stage, "telecom")).guardians, "she still has a guardian")
    kept = (await stage.subscription(MOTHER)).preferences
    demand("loan" in kept.refused_categories, "her settings went with the guardian")
    _show(
        say,
        "One word of hers ends it, at once; what is set stays hers",
        [f"10086 ▸ {SON}", f"  {told}", f"{SON} ▸ 10086  JHSZ{MOTHER}", f"  {refused}"],
        [f"{MOTHER} ▸ 10001  QXJH", f"  {ended}"],
    )
    for place, number, texts in ((mobile, SON, 4), (telecom, MOTHER, 2)):
        await _until_taken(place, number, texts)


async def _until_taken(place: CarrierStage, number: str, texts: int) -> None:
    """Wait until so many texts of a phone are acknowledged, and no more: an answer may arrive before that."""
    taken = smsc_pb2.SmscFilter(event=smsc_pb2.SMSC_EVENT_MO_ACKNOWLEDGED, number=number)
    request = smsc_pb2.SmscServiceListHistoryRequest(filter=taken)
    seen = await until(
        lambda: place.smsc.ListHistory(request, timeout=PATIENCE_S),
        lambda seen: len(seen.entries) >= texts,
        f"{texts} texts reached {place.carrier.id}",
    )
    demand(len(seen.entries) == texts, f"{len(seen.entries)} texts reached {place.carrier.id}, not {texts}")


async def _read(stage: Stage, carrier: str) -> types_pb2.Subscription:
    request = registry_pb2.GetSubscriptionRequest(number=MOTHER, medium=types_pb2.MEDIUM_VOICE)
    return (await stage.registries[carrier].GetSubscription(request, timeout=PATIENCE_S)).subscription


async def _texts(place: CarrierStage, number: str) -> list[str]:
    arrived = smsc_pb2.SmscFilter(event=smsc_pb2.SMSC_EVENT_ARRIVED, number=number)
    seen = await place.smsc.ListHistory(smsc_pb2.SmscServiceListHistoryRequest(filter=arrived))
    return [entry.text for entry in seen.entries]
