"""The three carriers' accounts: each opens where it does in life, by its own login, in words that can be written."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from adapters import mobile, telecom, unicom
from adapters.carrier import login_camara, login_cmpassport
from adapters.carrier.account.flow import Flow, read_command, write_work
from adapters.carrier.account.view import PageFacts, PageView
from adapters.carrier.account.words import OutcomeWords
from adapters.carrier.base import AccountData, AccountOpening, Carrier, Verb
from adapters.carrier.commands import Command
from adapters.journal.account import Binding, ConsentPrompt
from adapters.wire import wechat
from optout.v1 import errors_pb2, types_pb2
from tests.carrier.account_rig import NUMBER, USER

CARRIERS = {carrier.id: carrier for carrier in (telecom.CARRIER, mobile.CARRIER, unicom.CARRIER)}
OPENINGS = {
    "telecom": (AccountOpening.LOGIN, "天翼防骚扰", "智能拦截设置", login_camara.make_login),
    "mobile": (AccountOpening.ELSEWHERE, "中国移动高频骚扰电话防护", "骚扰拦截设置", login_cmpassport.make_login),
    "unicom": (AccountOpening.PAGE, "联通助理", "手机管家", login_camara.make_login),
}
BOUND = Binding(USER, NUMBER, "one_tap_login", 0)
PROMPT = ConsentPrompt("2026-11", "00" * 32, 10**15)
PEOPLE = ("erase", "ask_guardian", "end_guardian", "act_for_ward")
HEAD = {"to_user": "gh_1", "from_user": USER, "create_time_s": 1}


def account_of(carrier: Carrier) -> AccountData:
    assert carrier.data.account is not None
    return carrier.data.account


@pytest.mark.parametrize("name", CARRIERS)
def test_account_when_read_then_is_the_carriers_own_and_its_channel_is_declared(name: str) -> None:
    carrier = CARRIERS[name]
    account = account_of(carrier)
    opening, title, step, make_login = OPENINGS[name]
    assert (account.opening, account.name, carrier.make_login) == (opening, title, make_login)
    assert step in account.path
    assert "app" in carrier.data.capabilities.channels
    assert set(account.menu.values()) == {Verb.OPEN, Verb.CANCEL, Verb.QUERY}


@pytest.mark.parametrize("name", CARRIERS)
def test_chat_when_open_is_tapped_then_as_the_carrier_opens(name: str) -> None:
    flow = Flow(account_of(CARRIERS[name]), "https://x.example/account")
    plan = flow.plan(wechat.Click(**HEAD, event_key="open"), BOUND, None)
    agreed = flow.plan(wechat.TextMessage(**HEAD, msg_id="1", content="同意"), BOUND, PROMPT)
    unasked = flow.plan(wechat.TextMessage(**HEAD, msg_id="1", content="同意"), BOUND, None)
    if name == "mobile":
        assert plan.work is not None
        assert plan.work["verb"] == "refuse_category"
    else:
        assert plan.asks_consent
        assert plan.work is None
        assert agreed.work is not None
        assert (agreed.work["verb"], agreed.work["notice"]) == ("open", ["2026-11", "00" * 32])
    assert unasked.work is None


GUARDIAN = "13300133000"
WISHES = [
    ("恢复", {"verb": "undo"}),
    ("确认删除", {"verb": "erase"}),
    (f"申请守护{GUARDIAN}", {"verb": "ask_guardian", "entry": f"+86{GUARDIAN}"}),
    (f"长辈守护 {GUARDIAN}", {"verb": "act_for_ward", "entry": f"+86{GUARDIAN}", "preset": "elder"}),
    ("解除守护", {"verb": "end_guardian", "entry": ""}),
    (f"解除守护{GUARDIAN}", {"verb": "end_guardian", "entry": f"+86{GUARDIAN}"}),
]


@pytest.mark.parametrize("name", CARRIERS)
@pytest.mark.parametrize(("text", "work"), WISHES, ids=[work["verb"] for _, work in WISHES])
def test_chat_when_a_guardian_or_an_erasure_is_wished_for_then_carried_out(
    name: str, text: str, work: dict[str, str]
) -> None:
    flow = Flow(account_of(CARRIERS[name]), "https://x.example/account")
    plan = flow.plan(wechat.TextMessage(**HEAD, msg_id="1", content=text), BOUND, None)
    assert plan.work is not None
    assert plan.work.items() >= work.items()
    assert write_work(read_command(plan.work), BOUND, None) == plan.work


@pytest.mark.parametrize("name", CARRIERS)
def test_chat_when_the_sms_channel_has_a_verb_then_the_account_knows_its_texts_too(name: str) -> None:
    data = CARRIERS[name].data
    assert data.sms is not None
    account = account_of(CARRIERS[name])
    texts = {(rule.verb, rule.argument): set(rule.texts) for rule in account.commands}
    for rule in data.sms.commands:
        if rule.verb in (Verb.UNDO, Verb.ERASE, Verb.ASK_GUARDIAN, Verb.ACT_FOR_WARD, Verb.END_GUARDIAN):
            assert set(rule.texts) <= texts[rule.verb, rule.argument]
    assert set(data.sms.explained) <= set(account.explained)


@pytest.mark.parametrize("name", CARRIERS)
@pytest.mark.parametrize("text", ["删除", "确认删除 1", "申请守护妈妈"], ids=["one step", "goes on", "no number"])
def test_chat_when_an_erasure_is_not_wished_for_in_two_steps_then_explained_and_nothing_done(
    name: str, text: str
) -> None:
    account = account_of(CARRIERS[name])
    flow = Flow(account, "https://x.example/account")
    plan = flow.plan(wechat.TextMessage(**HEAD, msg_id="1", content=text), BOUND, None)
    assert (plan.work, plan.reply) == (None, flow._say("erase" if text == "删除" else "help"))


def test_work_when_an_older_version_wrote_it_then_it_is_read() -> None:
    work = write_work(Command(Verb.QUERY), BOUND, None)
    del work["preset"]
    assert read_command(work) == Command(Verb.QUERY)


@pytest.mark.parametrize("name", CARRIERS)
def test_replies_when_written_then_short_enough_and_without_a_gap(name: str) -> None:
    account = account_of(CARRIERS[name])
    flow = Flow(account, "https://x.example/account")
    assert set(account.replies) == {"welcome", "received", "bind_first", "consent", "help", "erase"}
    for reply in account.replies:
        text = flow._say(reply)
        assert "{" not in text
        assert len(text.encode()) <= wechat.MAX_REPLY_TEXT_BYTES


@pytest.mark.parametrize("name", CARRIERS)
def test_outcomes_when_any_then_written_in_words(name: str) -> None:
    carrier = CARRIERS[name]
    words = OutcomeWords(carrier.data, account_of(carrier))
    actions = ("open", "cancel", "undo_cancel", "query", "set_refused_categories", "choose_notices", *PEOPLE)
    states = (0, *types_pb2.EnrolmentState.values())
    for action, disposition, state in itertools.product(actions, (1, 2, 3, 4), states):
        outcome = types_pb2.Outcome(disposition=disposition)  # type: ignore[arg-type]
        outcome.subscription.state = state  # type: ignore[assignment]
        outcome.confirm_by.seconds = 1_795_716_421
        if disposition == types_pb2.DISPOSITION_REFUSED:
            outcome.reason = errors_pb2.ERROR_REASON_NOT_OPEN
        text = words.write(action, outcome)
        assert text or (action, disposition, state) == ("query", 2, 0)
        assert "{" not in text
        assert (account_of(carrier).how_to_open in text) is (disposition == types_pb2.DISPOSITION_REFUSED)
    for reason in (*errors_pb2.ErrorReason.keys(), "GATEWAY_UNAVAILABLE"):
        assert words.write_refusal("open", reason.removeprefix("ERROR_REASON_"))


@pytest.mark.parametrize("name", CARRIERS)
@pytest.mark.parametrize("state", ["closed", "pending_open", "open", "pending_cancel", "restricted"])
def test_page_when_in_any_state_then_written(name: str, state: str) -> None:
    carrier = CARRIERS[name]
    view = PageView(carrier.data, account_of(carrier))
    subscription = types_pb2.Subscription(state=types_pb2.EnrolmentState.Value(f"ENROLMENT_STATE_{state.upper()}"))
    subscription.pending.expire_time.seconds = 1_795_716_421
    facts = PageFacts("t" * 64, "s" * 32, BOUND, subscription)
    text = view.render(facts)
    assert carrier.data.notices.words["state"][state] in text
    assert ("免费开通" in text) is (state in ("closed", "pending_open") and name != "mobile")
    assert 'action="/account/bind"' in view.render(replace(facts, binding=None))
