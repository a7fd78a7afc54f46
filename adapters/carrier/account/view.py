"""The settings page as text: what is known of a subscriber, laid into the templates of `adapters/carrier/pages`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from importlib import resources
from typing import Any, Final

from google.protobuf.message import Message
from jinja2 import Environment, PackageLoader, StrictUndefined

from adapters.carrier.account.actions import UNDERSTOOD
from adapters.carrier.account.words import name_state
from adapters.carrier.base import SPARE_WORD, AccountData, CarrierData
from adapters.carrier.contract import name_value
from adapters.carrier.notices import CHINA_TIME
from adapters.journal.account import Binding
from optout.kit.number import NumberError, national_form, parse_number
from optout.v1 import types_pb2

FOLDER: Final = "pages"
_WINDOWS: Final = 2
_BADGES: Final = {"open": "open", "pending_open": "pending", "pending_cancel": "pending"}
_STRONG_PROOF: Final = "sms_code"
"""What a guardian's steps and an erasure take: more than a one-tap login, which can be stolen."""


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What a page shows: who looks at it, whose state, and what was just done or refused."""

    form_token: str = field(repr=False)
    serial: str
    binding: Binding | None = None
    subscription: types_pb2.Subscription | None = field(default=None, repr=False)
    message: str = field(default="", repr=False)
    is_error: bool = False
    is_known: bool = True
    """False if the state could not be asked for."""
    has_login: bool = True
    is_erasing: bool = False
    """True for the warning before everything is erased."""


class PageView:
    """Renders one carrier's page. Every value is escaped; an unknown name is an error, not an empty place."""

    def __init__(self, data: CarrierData, account: AccountData) -> None:
        self._account = account
        self._words = {
            table: {code: word for code, word in words.items() if code != SPARE_WORD}
            for table, words in data.notices.words.items()
        }
        environment = Environment(
            loader=PackageLoader("adapters.carrier", FOLDER), autoescape=True, undefined=StrictUndefined
        )
        environment.filters["word"] = lambda code, table: self._words[table].get(code, code)
        self._template = environment.get_template("page.html")
        environment.filters["text"] = lambda code, table: self._texts[table].get(code, "")
        self._texts: Mapping[str, Mapping[str, str]] = tomllib.loads(read_page_file("words.toml"))
        self.style = read_page_file("style.css")
        self.consent_digest = sha256(account.consent.text.encode()).hexdigest()

    def say(self, table: str, code: str) -> str:
        """Return the words of `reasons` or `done`."""
        return self._texts[table][code]

    def render(self, facts: PageFacts) -> str:
        """Write the page."""
        state = self._find_state(facts)
        subscription = facts.subscription or types_pb2.Subscription()
        return self._template.render(
            account=self._account,
            words=self._words,
            form_token=facts.form_token,
            serial=facts.serial,
            message=facts.message,
            is_error=facts.is_error,
            has_login=facts.has_login,
            state=state,
            state_word=self._words["state"].get(state, state),
            badge=_BADGES.get(state, ""),
            number="" if facts.binding is None else mask(facts.binding.number),
            is_proved=is_proved(facts.binding),
            is_registered=facts.subscription is not None,
            is_erasing=facts.is_erasing,
            confirm_by=_write_moment(subscription.pending, "expire_time"),
            undo_until=_write_moment(subscription, "undo_until"),
            restricted=_write_day(subscription.erasure, "restrict_time"),
            erase_by=_write_day(subscription.erasure, "erase_by"),
            guardians=[_read_guardian(one) for one in subscription.guardians],
            wards=[{**_write_entry(one.number), "until": _write_day(one, "expire_time")} for one in subscription.wards],
            consent_digest=self.consent_digest,
            understood=UNDERSTOOD,
            preferences=subscription.preferences,
            **_read_preferences(subscription.preferences),
        )

    def _find_state(self, facts: PageFacts) -> str:
        if not facts.is_known:
            return "error"
        if facts.subscription is None:
            return "closed"
        return name_state(facts.subscription.state) or "closed"


def read_page_file(name: str) -> str:
    """Read a file of the page's folder."""
    return (resources.files("adapters.carrier") / FOLDER / name).read_text(encoding="utf-8")


def mask(number: str) -> str:
    """Write a number so that its holder knows it and nobody behind them does."""
    national = write_national(number)
    return f"{national[:3]}****{national[-4:]}" if len(national) > 7 else national


def write_national(number: str) -> str:
    """Write a number as people in China do."""
    try:
        return national_form(parse_number(number))
    except NumberError:
        return number


def is_proved(binding: Binding | None) -> bool:
    """Whether a number is known by more than a one-tap login."""
    return binding is not None and binding.proof == _STRONG_PROOF


def _write_moment(message: Message, field: str) -> str:
    if not message.HasField(field):
        return ""
    moment = getattr(message, field).ToDatetime(tzinfo=CHINA_TIME)
    return f"{moment.month}月{moment.day}日{moment:%H:%M}"


def _write_day(message: Message, field: str) -> str:
    if not message.HasField(field):
        return ""
    day = getattr(message, field).ToDatetime(tzinfo=CHINA_TIME)
    return f"{day.year}年{day.month}月{day.day}日"


def _read_guardian(one: types_pb2.Guardian) -> dict[str, Any]:
    return {
        **_write_entry(one.number),
        "scope": name_value(types_pb2.GuardianScope, one.scope),
        "is_asking": one.state == types_pb2.GUARDIAN_STATE_PENDING,
        "until": _write_day(one, "expire_time"),
        "answer_by": _write_moment(one, "expire_time"),
    }


def _read_preferences(preferences: types_pb2.Preferences) -> dict[str, Any]:
    segments = [_name(types_pb2.SegmentKind, "SEGMENT_KIND_", segment.kind) for segment in preferences.refused_segments]
    windows = [
        {
            "days": _name(types_pb2.DayType, "DAY_TYPE_", window.days),
            "start": _write_minute(window.start_minute),
            "end": _write_minute(window.end_minute),
        }
        for window in preferences.quiet_hours
    ]
    empty = {"days": "", "start": "", "end": ""}
    return {
        "reject_list": list(map(_write_entry, preferences.reject_list)),
        "allow_list": list(map(_write_entry, preferences.allow_list)),
        "segments": segments,
        "custom": [segment.prefix for segment in preferences.refused_segments if segment.prefix],
        "treatment": _name(types_pb2.Treatment, "TREATMENT_", preferences.treatment),
        "stranger_policy": _name(types_pb2.StrangerPolicy, "STRANGER_POLICY_", preferences.stranger_policy),
        "interception": _name(types_pb2.InterceptionNotice, "INTERCEPTION_NOTICE_", preferences.notices.interception),
        "windows": windows + [empty] * max(_WINDOWS - len(windows), 1),
    }


def _write_entry(number: str) -> dict[str, str]:
    return {"number": number, "shown": write_national(number)}


def _write_minute(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _name(enum: Any, prefix: str, value: int) -> str:
    return str(enum.Name(value)).removeprefix(prefix).lower()
