"""The first story: a subscriber of China Mobile texts, confirms, refuses; then calls are screened.

Anything else than what a scene says is a deviation and fails the demo.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gateway.cli.demo.carriers import MOBILE
from gateway.cli.demo.stage import Stage, demand
from gateway.cli.paper import table, two_columns
from optout.kit.number import PhoneNumber, mask
from optout.sim.v1 import smsc_pb2
from optout.v1 import registry_pb2, screening_pb2, types_pb2

SUBSCRIBER = MOBILE.subscriber
NUISANCE = "13700137000"
FRIEND = "13900139000"
WITH_ASSISTANT = "13800138001"
WITH_CHALLENGE = "13800138002"
NOBODY = "13800138009"
LOAN_LINE = "01059990000"
FRAUD_LINE = "17099990000"
POLICE = "110"

State = types_pb2.EnrolmentState


@dataclass(frozen=True, slots=True)
class Scene:
    """One text. ``reply`` is a part of the answer, None if there must be none; ``state`` is where it leads."""

    title: str
    text: str
    reply: str | None
    state: State.ValueType
    holds: Callable[[types_pb2.Preferences], bool] = lambda _: True


SCENES = (
    Scene("A subscriber asks for the service", "KTFSR", "同意请于", State.ENROLMENT_STATE_PENDING_OPEN),
    Scene("and confirms", "Y", "已开通", State.ENROLMENT_STATE_OPEN),
    Scene(
        "Loan marketing is refused",
        "KTFSR1",
        "贷款理财",
        State.ENROLMENT_STATE_OPEN,
        lambda wishes: "loan" in wishes.refused_categories,
    ),
    Scene(
        "and one private number",
        f"HMDTJ{NUISANCE}",
        NUISANCE,
        State.ENROLMENT_STATE_OPEN,
        lambda wishes: list(wishes.reject_list) == [f"+86{NUISANCE}"],
    ),
    Scene("The subscriber asks what is on", "CXFSR", "贷款理财", State.ENROLMENT_STATE_OPEN),
    Scene("A text about something else is none of ours: no answer", "KTVOLTE", None, State.ENROLMENT_STATE_OPEN),
    Scene("A wrong code from a blog gets help", "LJDB", "KTFSR", State.ENROLMENT_STATE_OPEN),
)


@dataclass(frozen=True, slots=True)
class Call:
    """One row of the table: who calls whom, and by which rule the switch must be told what."""

    title: str
    called: str
    caller: str
    verdict: str
    rule: str
    ingress: screening_pb2.Ingress.ValueType = screening_pb2.INGRESS_DOMESTIC


CALLS = (
    Call("loan marketing line", SUBSCRIBER, LOAN_LINE, "REFUSE", "CATEGORY"),
    Call("the refused number", SUBSCRIBER, NUISANCE, "REFUSE", "PERSONAL_REJECT"),
    Call("a friend", SUBSCRIBER, FRIEND, "ALLOW", "DEFAULT"),
    Call("the police", SUBSCRIBER, POLICE, "ALLOW", "PROTECTED"),
    Call("a number on the system's list", SUBSCRIBER, FRAUD_LINE, "REFUSE", "SYSTEM_REJECT"),
    Call("loan line, assistant chosen", WITH_ASSISTANT, LOAN_LINE, "ASSISTANT", "CATEGORY"),
    Call("a stranger, check chosen", WITH_CHALLENGE, FRIEND, "CHALLENGE", "STRANGER"),
    Call(
        "a forged 110 from abroad", WITH_CHALLENGE, POLICE, "CHALLENGE", "STRANGER", screening_pb2.INGRESS_INTERNATIONAL
    ),
    Call("loan line to somebody else", NOBODY, LOAN_LINE, "NOT_REGISTERED", "NOT_REGISTERED"),
)


async def play(stage: Stage, say: Callable[[str], None]) -> None:
    """Play everything. Raises DeviationError or StageError."""
    call = CALLS[0]
    answer = await _screen(stage, call)
    demand(answer.verdict == screening_pb2.VERDICT_NOT_REGISTERED, "before opening nothing may be refused")
    say(f"Before: a call from a loan marketer to {_shown(SUBSCRIBER)} rings (NOT_REGISTERED).\n")
    for scene in SCENES:
        await _play_scene(stage, scene, say)
    await _order_by_agent(stage, WITH_ASSISTANT, treatment="assistant")
    await _order_by_agent(stage, WITH_CHALLENGE, strangers="challenge")
    say("━━ Two more subscribers call 10086; the agent books an assistant and a check on strangers.\n")
    await _show_verdicts(stage, say)


async def _play_scene(stage: Stage, scene: Scene, say: Callable[[str], None]) -> None:
    say(f"━━ {scene.title}")
    mobile = stage.carriers["mobile"]
    after = await mobile.text(SUBSCRIBER, scene.text)
    phone = [f"{SUBSCRIBER} ▸ {MOBILE.service_code}", f"  {scene.text}"]
    await mobile.wait_for(smsc_pb2.SMSC_EVENT_MO_ACKNOWLEDGED, SUBSCRIBER, after)
    if scene.reply is not None:
        arrived = await mobile.wait_for(smsc_pb2.SMSC_EVENT_ARRIVED, SUBSCRIBER, after)
        demand(scene.reply in arrived.text, f"the answer to {scene.text!r} lacks {scene.reply!r}: {arrived.text!r}")
        await mobile.wait_for(smsc_pb2.SMSC_EVENT_REPORT_ACKNOWLEDGED, SUBSCRIBER, after)
        phone += [f"{MOBILE.service_code} ▸ {SUBSCRIBER}", *(f"  {line}" for line in arrived.text.split("\n"))]
    found = await stage.find(SUBSCRIBER)
    subscription = found.subscription
    demand(subscription.state == scene.state, f"the registry says {State.Name(subscription.state)}")
    demand(scene.holds(subscription.preferences), "the registry does not hold what was asked")
    for line in two_columns(phone, list(_describe(found))):
        say(line)
    say("")


def _describe(found: registry_pb2.GetSubscriptionResponse) -> Iterator[str]:
    subscription, wishes = found.subscription, found.subscription.preferences
    state = State.Name(subscription.state).removeprefix("ENROLMENT_STATE_")
    yield f"registry  revision {found.revision}"
    yield f"  {_shown(SUBSCRIBER)} epoch {subscription.epoch} · {subscription.carrier} · version {subscription.version}"
    yield f"  state {state}"
    if wishes.refused_categories:
        yield f"  refuses {', '.join(wishes.refused_categories)}"
    if wishes.reject_list:
        yield f"  reject list {', '.join(mask(PhoneNumber(number)) for number in wishes.reject_list)}"


async def _order_by_agent(stage: Stage, number: str, **choice: str) -> None:
    """What an agent on 10086 books in the carrier's CRM: open, refuse loans, then choose."""
    mobile = stage.carriers["mobile"]
    after = await mobile.now()
    for verb, fields in (
        ("open", {"notice_version": "2026-11", "consent": "given"}),
        ("set_categories", {"refuse": ["loan"]}),
        ("choose_treatment", choice),
    ):
        answer = await mobile.book(verb, number, **fields)
        demand(answer.result == "done", f"the agent's order was not carried out: {answer.result}")
    await mobile.wait_for(smsc_pb2.SMSC_EVENT_REPORT_ACKNOWLEDGED, number, after)


async def _show_verdicts(stage: Stage, say: Callable[[str], None]) -> None:
    rows = []
    booked = (await stage.find(WITH_CHALLENGE)).revision
    for call in CALLS:
        answer = await _screen(stage, call, booked)
        verdict = screening_pb2.Verdict.Name(answer.verdict).removeprefix("VERDICT_")
        rule = screening_pb2.DecidingRule.Name(answer.rule).removeprefix("DECIDING_RULE_")
        demand((verdict, rule) == (call.verdict, call.rule), f"{call.title}: {verdict} by {rule}")
        codes = f"{answer.sip_code}/{answer.q850_cause}" if answer.sip_code else ""
        rows.append((call.title, _shown(call.called), _shown(call.caller), verdict, rule, codes, answer.reason))
    head = ("call from", "to", "caller", "verdict", "rule", "SIP/Q.850", "reason")
    for line in table(head, rows):
        say(line)
    say(f"policy {answer.policy_version}, revision {answer.revision}\n")


async def _screen(stage: Stage, call: Call, revision: int = 0) -> screening_pb2.ScreenResponse:
    request = screening_pb2.ScreenRequest(
        caller=call.caller,
        called=call.called,
        ingress=call.ingress,
        caller_trust=screening_pb2.CALLER_TRUST_VERIFIED,
    )
    return await stage.screen(request, revision)


def _shown(number: str) -> str:
    return mask(PhoneNumber(f"+86{number.lstrip('0')}")) if len(number) > 5 else number
