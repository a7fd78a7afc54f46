"""The second story: one subscriber of each carrier, through each channel that carrier really has, in three columns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from gateway.cli.demo.carriers import CARRIERS
from gateway.cli.demo.stage import CarrierStage, Stage, demand, until
from gateway.cli.paper import columns, table
from optout.sim.v1 import crm_pb2, smsc_pb2, wechat_pb2
from optout.v1 import types_pb2

NOT_THERE = "does not exist"
DONE = "done"
USER = "oDemoSubscriber0000000000000"
NUISANCE = "13700137001"
CATEGORIES = {"1": "loan", "5": "education"}
"""What the chat's digits mean, as far as they are used here; `[account] categories` of each carrier has them all."""
CONSENT = ("consent", "yes")
NOTICE = {"notice_version": "2026-11", "consent": "given"}
OPEN = types_pb2.ENROLMENT_STATE_OPEN


@dataclass(frozen=True, slots=True)
class Played:
    """One cell: what came of it, and what was seen."""

    result: str
    seen: Sequence[str]


Play = Callable[[Stage, CarrierStage], Awaitable[Played]]


async def by_sms(stage: Stage, place: CarrierStage) -> Played:
    """KTFSR to the service code. China Unicom has no such code: the text is answered with how to open, and no more."""
    number, carrier = place.carrier.subscriber, place.carrier
    after = await place.text(number, "KTFSR")
    if carrier.id == "unicom":
        help_text = await place.arrived(number, after, "10010")
        return Played(NOT_THERE, [f"{number} ▸ 10010  KTFSR", help_text])
    if carrier.id == "mobile":
        already = await place.arrived(number, after, "此前已开通")
        return Played(DONE, [f"{number} ▸ 10086  KTFSR", already])
    opened = await place.arrived(number, after, "已开通")
    demand(opened.startswith("【天翼防骚扰服务提醒】"), "the confirming SMS of China Telecom is not signed")
    return Played(DONE, [f"{number} ▸ 10001  KTFSR", opened])


async def by_hotline(stage: Stage, place: CarrierStage) -> Played:
    """An agent books in the carrier's CRM: open where that is still to be done, and refuse insurance."""
    answers = []
    if (await _state(stage, place)) != OPEN:
        answers.append(await _book(place, "open", **NOTICE))
    answers.append(await _book(place, "set_categories", refuse=["insurance"]))
    return await _holds(stage, place, "insurance", [_agent(place), *(answer.state_text for answer in answers[-1:])])


async def by_hall(stage: Stage, place: CarrierStage) -> Played:
    """A clerk books with the identity document on the counter: one more private number is refused."""
    fields = {"desk": "hall", "proof": "identity_document", "booked_by": "clerk-17", "mandate": "COUNTER/2026"}
    answer = await _book(place, "edit_reject_list", add=[NUISANCE], **fields)
    wishes = (await stage.subscription(place.carrier.subscriber)).preferences
    demand(f"+86{NUISANCE}" in wishes.reject_list, "the registry does not hold what was asked at the counter")
    return Played(DONE, ["hall, identity document seen", answer.state_text])


async def by_account(stage: Stage, place: CarrierStage) -> Played:
    """The WeChat account: bind the number by one-tap login on its page, then say in the chat what is refused."""
    page = await stage.bind(place, USER, place.carrier.subscriber, CONSENT)
    demand(page.status == 200, f"the settings page of {place.carrier.id} answered {page.status}: {page.message}")
    refused = (await stage.subscription(place.carrier.subscriber)).preferences.refused_categories
    digit, category = next((digit, code) for digit, code in CATEGORIES.items() if code not in refused)
    after = await place.chat(USER, f"拒接{digit}")
    outcome = await place.heard(after, "成功")
    return await _holds(stage, place, category, [f"page: {page.message}", f"chat ▸ 拒接{digit}", outcome])


CHANNELS: tuple[tuple[str, Play], ...] = (
    ("SMS", by_sms),
    ("hotline agent", by_hotline),
    ("WeChat account", by_account),
    ("business hall", by_hall),
)


async def play(stage: Stage, say: Callable[[str], None]) -> None:
    """Play every channel of every carrier, and show what exists. Raises DeviationError or StageError."""
    say("━━ Three carriers, one registry: the same service by every channel that each of them really has\n")
    for line in columns([[carrier.name, f"{carrier.protocol} · {carrier.envelope}"] for carrier in CARRIERS]):
        say(line)
    say("")
    rows = []
    for title, channel in CHANNELS:
        played = [await channel(stage, stage.carriers[carrier.id]) for carrier in CARRIERS]
        say(f"── {title}")
        for line in columns([list(cell.seen) for cell in played]):
            say(line)
        say("")
        rows.append((title, *(cell.result for cell in played)))
    for line in table(("channel", *(carrier.name for carrier in CARRIERS)), rows):
        say(line)
    say("")


async def check(stage: Stage, say: Callable[[str], None]) -> None:
    """Every simulator asserts what it was sent: above all that no subscriber pays, and that every answer was right."""
    for place in stage.carriers.values():
        gateway = await _settled(place)
        crm = await place.crm.GetState(crm_pb2.CrmServiceGetStateRequest())
        wechat = await place.wechat.GetState(wechat_pb2.WechatServiceGetStateRequest())
        broken = [violation.rule for state in (gateway, crm, wechat) for violation in state.violations]
        demand(not broken, f"the systems of {place.carrier.id} saw violations: {', '.join(broken)}")
        reached = await _reached(place)
        demand(reached, f"a channel of {place.carrier.id} was not reached over its own protocol")
    say("Every text was acknowledged and free of charge, every order and callback answered as its system expects.")


async def _settled(place: CarrierStage) -> smsc_pb2.SmscServiceGetStateResponse:
    """The SMS gateway's state once all that it delivered is acknowledged: a report may still be on its way."""

    async def look() -> smsc_pb2.SmscServiceGetStateResponse:
        return await place.smsc.GetState(smsc_pb2.SmscServiceGetStateRequest())

    what = f"nothing at the SMS gateway of {place.carrier.id} waits for an acknowledgement"
    return await until(look, lambda state: not state.unacknowledged, what)


async def _reached(place: CarrierStage) -> bool:
    """Whether the histories hold what went over each channel's own protocol."""
    texts = smsc_pb2.SmscFilter(event=smsc_pb2.SMSC_EVENT_MO_ACKNOWLEDGED, number=place.carrier.subscriber)
    sms = await place.smsc.ListHistory(smsc_pb2.SmscServiceListHistoryRequest(filter=texts))
    crm = await place.crm.ListHistory(
        crm_pb2.CrmServiceListHistoryRequest(filter=crm_pb2.CrmFilter(number=place.carrier.subscriber, result="done"))
    )
    said = wechat_pb2.WechatFilter(openid=USER, text_contains="成功")
    wechat = await place.wechat.ListHistory(wechat_pb2.WechatServiceListHistoryRequest(filter=said))
    return bool(sms.entries and crm.entries and wechat.entries)


async def _book(place: CarrierStage, verb: str, **fields: object) -> crm_pb2.CrmAnswer:
    answer = await place.book(verb, place.carrier.subscriber, **fields)
    demand(answer.result == "done", f"an order at {place.carrier.id} was answered {answer.result}")
    return answer


async def _state(stage: Stage, place: CarrierStage) -> types_pb2.EnrolmentState.ValueType:
    """Where the subscriber stands; closed if the registry never heard of the number."""
    try:
        return (await stage.subscription(place.carrier.subscriber)).state
    except Exception as error:
        demand("NOT_FOUND" in str(error), "the registry could not be asked")
        return types_pb2.ENROLMENT_STATE_CLOSED


async def _holds(stage: Stage, place: CarrierStage, category: str, seen: Sequence[str]) -> Played:
    subscription = await stage.subscription(place.carrier.subscriber)
    wishes = subscription.preferences.refused_categories
    demand(subscription.carrier == place.carrier.id, f"{subscription.carrier} is said to serve the number")
    demand(category in wishes, f"the registry does not hold what was asked at {place.carrier.id}")
    return Played(DONE, [*seen, f"registry: {', '.join(wishes)}"])


def _agent(place: CarrierStage) -> str:
    return f"agent on {place.carrier.agents} ▸ {place.carrier.envelope}"
