"""The second story: one subscriber of each carrier, through each channel that carrier really has, in three columns."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from adapters.carrier.base import AccountOpening
from adapters.testing.browser import Page, PageBrowser
from gateway.cli.demo.carriers import CARRIERS
from gateway.cli.demo.stage import CarrierStage, Stage, demand, until
from gateway.cli.paper import columns, table
from optout.sim.v1 import crm_pb2, login_pb2, smsc_pb2, wechat_pb2
from optout.v1 import types_pb2

NOT_THERE = "does not exist"
DONE = "done"
USER = "oDemoSubscriber0000000000000"
NUISANCE = "13700137001"
WISH = "拒接1"
"""No loans: what the chat's digits mean stands in `[account] categories` of each carrier."""
SIGNATURE = "【天翼防骚扰服务提醒】"
APP_USER = "13800138004"
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
    demand(opened.startswith(SIGNATURE), "the confirming SMS of China Telecom is not signed")
    return Played(DONE, [f"{number} ▸ 10001  KTFSR", opened])


async def by_hotline(stage: Stage, place: CarrierStage) -> Played:
    """An agent books in the carrier's CRM: open where that is still to be done, and refuse insurance."""
    answers = []
    if await _state(stage, place.carrier.subscriber) != OPEN:
        answers.append(await _book(place, "open", **NOTICE))
    answers.append(await _book(place, "set_categories", refuse=["insurance"]))
    seen = [f"agent on {place.carrier.agents} ▸ {place.carrier.envelope}", answers[-1].state_text]
    return await _holds(stage, place, place.carrier.subscriber, "insurance", seen)


async def by_hall(stage: Stage, place: CarrierStage) -> Played:
    """A clerk books with the identity document on the counter: one more private number is refused."""
    fields = {"desk": "hall", "proof": "identity_document", "booked_by": "clerk-17", "mandate": "COUNTER/2026"}
    answer = await _book(place, "edit_reject_list", add=[NUISANCE], **fields)
    wishes = (await stage.subscription(place.carrier.subscriber)).preferences
    demand(f"+86{NUISANCE}" in wishes.reject_list, "the registry does not hold what was asked at the counter")
    return Played(DONE, ["hall, identity document seen", answer.state_text])


async def by_account(stage: Stage, place: CarrierStage) -> Played:
    """The WeChat account, by somebody who comes by it alone: open as it lets one, then refuse loans in the chat."""
    async with place.browser(USER) as browser:
        seen = await _ACCOUNT_OPENS[place.carrier.account_data.opening](stage, place, browser)
    after = await place.chat(USER, WISH)
    outcome = await place.heard(after, "成功")
    return await _holds(stage, place, place.carrier.account_user, "loan", [*seen, f"chat ▸ {WISH}", outcome])


async def _open_by_login(stage: Stage, place: CarrierStage, browser: PageBrowser) -> list[str]:
    """One-tap login with the consent ticked opens at once, and a signed text confirms it."""
    number, after = place.carrier.account_user, await place.now()
    page = _loaded(await stage.log_in(place, browser, number, CONSENT))
    demand("已开通" in page.message, f"one tap opened nothing: {page.message}")
    told = await place.arrived(number, after, "已开通")
    demand(told.startswith(SIGNATURE), "the confirming SMS of China Telecom is not signed")
    return [f"page ▸ one-tap login: {page.message}", told]


async def _open_by_page(stage: Stage, place: CarrierStage, browser: PageBrowser) -> list[str]:
    """Through the menu to the page: bind, read what is agreed to, open."""
    number, after = place.carrier.account_user, await place.now()
    bound = _loaded(await stage.log_in(place, browser, number))
    way = "智能消息 → 手机管家"
    demand(way in bound.text, "the page does not say where in the menu it is")
    demand(await _state(stage, number) != OPEN, "binding a number opened the service")
    opened = _loaded(await browser.submit(bound, "open", CONSENT))
    demand("已开通" in opened.message, f"the page opened nothing: {opened.message}")
    await place.arrived(number, after, "已开通")
    return [f"menu ▸ {way}", f"page ▸ bind: {bound.message}", f"page ▸ open: {opened.message}"]


async def _open_elsewhere(stage: Stage, place: CarrierStage, browser: PageBrowser) -> list[str]:
    """The account opens nothing: it tells how, and the subscriber does so by text."""
    number = place.carrier.account_user
    bound = _loaded(await stage.log_in(place, browser, number))
    told = await place.heard(await place.chat(USER, WISH), "KTFSR")
    for text, answer in (("KTFSR", "同意请于"), ("Y", "已开通")):
        await place.arrived(number, await place.text(number, text), answer)
    texts = f"{number} ▸ {place.carrier.service_code}  KTFSR, Y"
    return [f"page ▸ bind: {bound.message}", f"chat ▸ {WISH}", told, texts]


def _loaded(page: Page) -> Page:
    demand(page.status == 200, f"a settings page answered {page.status}: {page.message}")
    return page


_ACCOUNT_OPENS: Mapping[AccountOpening, Callable[[Stage, CarrierStage, PageBrowser], Awaitable[list[str]]]] = {
    AccountOpening.LOGIN: _open_by_login,
    AccountOpening.PAGE: _open_by_page,
    AccountOpening.ELSEWHERE: _open_elsewhere,
}


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
    await _by_app(stage, say)
    for line in table(("channel", *(carrier.name for carrier in CARRIERS)), rows):
        say(line)
    say("")


async def _by_app(stage: Stage, say: Callable[[str], None]) -> None:
    """China Mobile's own app books by signed JSON; what somebody else signed is not even looked at."""
    place = stage.carriers["mobile"]
    shown = place.carrier.account_data.consent
    order = {
        "number": APP_USER,
        "proof": "one_tap_login",
        "action": "open",
        "notice_version": shown.version,
        "notice_digest": shown.digest.hex(),
        "consent": True,
    }
    forged = await stage.book_by_app(place, order, is_forged=True)
    demand(forged == (401, {"reason": "bad_signature"}), f"a forged booking was answered {forged[0]}")
    after = await place.now()
    status, answer = await stage.book_by_app(place, order)
    demand((status, answer.get("state")) == (200, "open"), f"the app's booking was answered {status}")
    await place.arrived(APP_USER, after, "已开通")
    demand((await stage.subscription(APP_USER)).state == OPEN, "the registry does not hold what the app booked")
    say("── the carrier's own app, a signed request, shown for China Mobile")
    say(f"POST /app/bookings, signed by somebody else: {forged[0]} {forged[1]['reason']}")
    say(f"POST /app/bookings, signed by the app:       {status} {answer['disposition']}, {answer['text']}\n")


async def check(stage: Stage, say: Callable[[str], None]) -> None:
    """Every simulator asserts what it was sent: above all that no subscriber pays, and that every answer was right."""
    for place in stage.carriers.values():
        gateway = await _settled(place)
        crm = await place.crm.GetState(crm_pb2.CrmServiceGetStateRequest())
        wechat = await place.wechat.GetState(wechat_pb2.WechatServiceGetStateRequest())
        broken = [violation.rule for state in (gateway, crm, wechat) for violation in state.violations]
        demand(not broken, f"the systems of {place.carrier.id} saw violations: {', '.join(broken)}")
        missed = await _list_missed(stage, place)
        demand(not missed, f"not reached over its own protocol at {place.carrier.id}: {', '.join(missed)}")
    login = await stage.login.GetState(login_pb2.LoginServiceGetStateRequest())
    demand(not login.violations, "the number logins saw violations")
    say("Every text was acknowledged and free of charge, every order and callback answered as its system expects.")


async def _settled(place: CarrierStage) -> smsc_pb2.SmscServiceGetStateResponse:
    """The SMS gateway's state once all that it delivered is acknowledged: a report may still be on its way."""

    async def look() -> smsc_pb2.SmscServiceGetStateResponse:
        return await place.smsc.GetState(smsc_pb2.SmscServiceGetStateRequest())

    what = f"nothing at the SMS gateway of {place.carrier.id} waits for an acknowledgement"
    return await until(look, lambda state: not state.unacknowledged, what)


async def _list_missed(stage: Stage, place: CarrierStage) -> list[str]:
    """The channels of which the histories hold nothing that went over their own protocol."""
    number = place.carrier.subscriber
    texts = smsc_pb2.SmscFilter(event=smsc_pb2.SMSC_EVENT_MO_ACKNOWLEDGED, number=number)
    sms = await place.smsc.ListHistory(smsc_pb2.SmscServiceListHistoryRequest(filter=texts))
    found = {"SMS": len(sms.entries)}
    for desk in ("hotline", "hall"):
        booked = crm_pb2.CrmFilter(number=number, desk=desk, result="done")
        orders = await place.crm.ListHistory(crm_pb2.CrmServiceListHistoryRequest(filter=booked))
        found[desk] = len(orders.entries)
    said = wechat_pb2.WechatFilter(openid=USER, text_contains="成功")
    chat = await place.wechat.ListHistory(wechat_pb2.WechatServiceListHistoryRequest(filter=said))
    found["WeChat account"] = len(chat.entries)
    asked = login_pb2.LoginFilter(event=login_pb2.LOGIN_EVENT_EXCHANGED, carrier=place.carrier.id)
    logins = await stage.login.ListHistory(login_pb2.LoginServiceListHistoryRequest(filter=asked))
    found["one-tap login"] = len(logins.entries)
    return [channel for channel, count in found.items() if not count]


async def _book(place: CarrierStage, verb: str, **fields: object) -> crm_pb2.CrmAnswer:
    answer = await place.book(verb, place.carrier.subscriber, **fields)
    demand(answer.result == "done", f"an order at {place.carrier.id} was answered {answer.result}")
    return answer


async def _state(stage: Stage, number: str) -> types_pb2.EnrolmentState.ValueType:
    """Where a subscriber stands; closed if the registry never heard of the number."""
    try:
        return (await stage.subscription(number)).state
    except Exception as error:
        demand("NOT_FOUND" in str(error), "the registry could not be asked")
        return types_pb2.ENROLMENT_STATE_CLOSED


async def _holds(stage: Stage, place: CarrierStage, number: str, category: str, seen: Sequence[str]) -> Played:
    subscription = await stage.subscription(number)
    wishes = subscription.preferences.refused_categories
    demand(subscription.carrier == place.carrier.id, f"{subscription.carrier} is said to serve the number")
    demand(category in wishes, f"the registry does not hold what was asked at {place.carrier.id}")
    return Played(DONE, [*seen, f"registry: {', '.join(wishes)}"])
