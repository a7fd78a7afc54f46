"""What a carrier takes: each text to its service code, each text and menu entry of its account, as it reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from adapters.carrier.account.flow import Flow, Plan
from adapters.carrier.account.instructions import write_shown
from adapters.carrier.account.view import PageFacts, PageView
from adapters.carrier.base import AccountData, Carrier, CarrierData, CommandRule, ConsentData, SmsData
from adapters.carrier.commands import Command, CommandContext, CommandTable, Help, Reading, parse_command
from adapters.carrier.contract import write_notice
from adapters.carrier.notices import NoticeWriter
from adapters.journal.account import Binding, ConsentPrompt
from adapters.testing.browser import Page
from adapters.testing.sheet.form import Sheet
from adapters.wire.wechat import Click, Message, Subscribe, TextMessage

NUMBER: Final = "4001234567"
_SUBSCRIBER: Final = "+8613800138000"
_DIGITS: Final = "0123456789"
_BLOGS: Final = ("KTFSR", "QXFSR", "CXFSR", "CSFZ", "LJDB", "TD")
"""Texts that somebody sends to any carrier, whatever it takes."""
_USER: Final = "oUser"
_BOUND: Final = Binding(_USER, _SUBSCRIBER, "one_tap_login", 0)
_PROMPT: Final = ConsentPrompt("2026-11", "00" * 32, 10**15)
_URL: Final = "https://account.example/account"


Reader = Callable[[str, bool], str]
"""Reads a text, as an answer to a question or not, and says what it brings."""


def observe_texts(carrier: Carrier) -> Sheet:
    """Read texts to the service code."""
    sms = carrier.data.sms
    if sms is None:
        return {}
    table = CommandTable(sms)
    rows = {
        f"takes: {text}": _read_text(
            text, lambda text, asked: _write(parse_command(table, text, CommandContext(asked)))
        )
        for text in _list_texts(sms.commands, (*_BLOGS, *sms.explained, *sms.help_texts))
    }
    if sms.terms is not None:
        rows["rests on: what opens at once"] = _describe_terms(sms.terms)
    return {**rows, "tells: refusals of a text": _list_refusals(carrier.data, sms)}


def observe_account(carrier: Carrier) -> Sheet:
    """Read texts and menu entries of the account, and what its page offers."""
    account = carrier.data.account
    if account is None:
        return {}
    flow = Flow(account, _URL)
    said = _list_said(flow, account)
    names = {text: name for name, text in said.items()}

    def read(text: str, asked: bool) -> str:
        return _describe(flow.plan(_make_text(text), _BOUND, _PROMPT if asked else None), names)

    texts = _list_texts(account.commands, (*_BLOGS, *account.explained))
    return {
        **{f"chat takes: {text}": _read_text(text, read) for text in texts},
        "chat takes: the menu": {
            key: _describe(flow.plan(_make_click(key), _BOUND, None), names)
            for key in dict.fromkeys(("open", "close", "query", *account.menu))
        },
        "chat says: at once": said,
        "account: consent": _describe_consent(account),
        "account: page": _describe_page(carrier.data, account),
    }


def _list_texts(rules: Sequence[CommandRule], more: Iterable[str]) -> Iterable[str]:
    return dict.fromkeys([*(text for rule in rules for text in rule.texts), *more])


def _read_text(text: str, read: Reader) -> Mapping[str, str]:
    """Read a text alone, as an answer, and with everything that may follow it; digits that mean nothing left out."""
    wrong = read(f"{text}妈妈", False)
    digits = {f"with {digit}": read(f"{text}{digit}", False) for digit in _DIGITS}
    return {
        "alone": read(text, False),
        "as an answer": read(text, True),
        **{name: said for name, said in digits.items() if said != wrong},
        "with a number": read(f"{text} {NUMBER}", False),
        "with a word": wrong,
    }


def _write(reading: Reading) -> str:
    match reading:
        case Command(verb=verb):
            number = str(reading.number).removeprefix("+86") if reading.number else ""
            return " ".join(filter(None, (verb.value, *reading.categories, number, reading.preset)))
        case Help(template=template):
            return f"told: {template}"
        case _:
            return "not ours"


def _list_refusals(data: CarrierData, sms: SmsData) -> Mapping[str, str]:
    writer = NoticeWriter(data.notices)
    return {
        reason: writer.say(sms.refusal_template, {"action": "open", "reason": reason}) for reason in sms.refusal_notices
    }


# The account


def _make_text(text: str) -> Message:
    return TextMessage(to_user="gh_1", from_user=_USER, create_time_s=1, msg_id="1", content=text)


def _make_click(key: str) -> Message:
    return Click(to_user="gh_1", from_user=_USER, create_time_s=1, event_key=key)


def _list_said(flow: Flow, account: AccountData) -> Mapping[str, str]:
    """Bring about each reply: who follows, taps without a number, taps with one, opens, types what nobody knows."""
    follow = Subscribe(to_user="gh_1", from_user=_USER, create_time_s=1, event_key="")
    query = next((key for key, verb in account.menu.items() if verb.value == "query"), "")
    opening = next((key for key, verb in account.menu.items() if verb.value == "open"), "")
    plans = {
        "welcome": flow.plan(follow, None, None),
        "bind_first": flow.plan(_make_click(query), None, None),
        "received": flow.plan(_make_click(query), _BOUND, None),
        "help": flow.plan(_make_text("?"), _BOUND, None),
    }
    opened = flow.plan(_make_click(opening), _BOUND, None)
    plans |= {"consent": opened} if opened.asks_consent else {}
    for text, name in account.explained.items():
        plans.setdefault(name, flow.plan(_make_text(text), _BOUND, None))
    return {name: plan.reply for name, plan in plans.items()}


def _describe(plan: Plan, names: Mapping[str, str]) -> str:
    said = [names.get(plan.reply, plan.reply)] if plan.reply else []
    return " ".join([*said, *(["asks for consent"] if plan.asks_consent else []), *_describe_work(plan)])


def _describe_work(plan: Plan) -> Iterable[str]:
    work = plan.work
    if work is None:
        return []
    entry = str(work["entry"]).removeprefix("+86")
    told = [
        f"do {work['verb']}",
        *work["categories"],
        entry,
        work["preset"],
        *(["on consent"] if work["notice"] else []),
    ]
    return filter(None, told)


def _describe_terms(terms: ConsentData) -> Mapping[str, str]:
    shown = write_notice(terms)
    return {
        "version": shown.notice_version,
        "text": terms.text,
        "recipients": ", ".join(shown.recipients),
        "purposes": ", ".join(shown.purposes),
    }


def _describe_consent(account: AccountData) -> Mapping[str, str]:
    consent = account.consent
    shown = write_shown(consent, consent.version, b"", is_given=True)
    return {
        "version": shown.version,
        "text": consent.text,
        "recipients": ", ".join(shown.recipients),
        "purposes": ", ".join(shown.purposes),
        "before opening elsewhere": account.how_to_open,
    }


def _describe_page(data: CarrierData, account: AccountData) -> Mapping[str, str]:
    """Say what the page offers to somebody whose number it knows, and to somebody else."""
    view = PageView(data, account)
    closed, unbound = (view.render(PageFacts("t" * 64, "s" * 32, binding=binding)) for binding in (_BOUND, None))
    return {
        "title": closed.partition("<title>")[2].partition("</title>")[0],
        "the way there": closed.partition("</h1>\n<p>")[2].partition("</p>")[0],
        "offers before a number is bound": _list_offers(unbound, account),
        "offers before the service is open": _list_offers(closed, account),
        "words": " ".join(
            f"{code}={word}" for table in _PAGE_TABLES for code, word in data.notices.words[table].items()
        ),
    }


_PAGE_TABLES: Final = ("category", "segment", "treatment", "stranger_policy", "day")


def _list_offers(text: str, account: AccountData) -> str:
    offers = list(Page(200, text, {}, "").forms)
    shown = [
        *(["how to open"] if account.how_to_open in text else []),
        *(["consent"] if 'name="consent"' in text else []),
    ]
    return ", ".join([*offers, *shown])
