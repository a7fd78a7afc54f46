"""The settings page as text: what is known of a subscriber, laid into the templates of `adapters/carrier/pages`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from importlib import resources
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from adapters.carrier.account.words import name_state
from adapters.carrier.base import SPARE_WORD, AccountData, CarrierData
from adapters.carrier.notices import CHINA_TIME
from adapters.journal.account import Binding
from optout.kit.number import NumberError, national_form, parse_number
from optout.v1 import types_pb2

FOLDER: Final = "pages"
_WINDOWS: Final = 2
_BADGES: Final = {"open": "open", "pending_open": "pending", "pending_cancel": "pending"}
_NOTHING: Final = types_pb2.Preferences()


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
        self._texts: Mapping[str, Mapping[str, str]] = tomllib.loads(read_page_file("words.toml"))
        self.style = read_page_file("style.css")
        self.consent_digest = sha256(account.consent.text.encode()).hexdigest()

    def say(self, table: str, code: str) -> str:
        """Return the words of `reasons` or `done`."""
        return self._texts[table][code]

    def render(self, facts: PageFacts) -> str:
        """Write the page."""
        state = self._find_state(facts)
        preferences = facts.subscription.preferences if facts.subscription is not None else _NOTHING
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
            proof="" if facts.binding is None else facts.binding.proof,
            confirm_by=_write_confirm_by(facts.subscription),
            consent_digest=self.consent_digest,
            preferences=preferences,
            **_read_preferences(preferences),
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


def _write_confirm_by(subscription: types_pb2.Subscription | None) -> str:
    if subscription is None or not subscription.HasField("pending"):
        return ""
    moment = subscription.pending.expire_time.ToDatetime(tzinfo=CHINA_TIME)
    return f"{moment.month}月{moment.day}日{moment:%H:%M}"


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
        "reject_list": _write_entries(preferences.reject_list),
        "allow_list": _write_entries(preferences.allow_list),
        "segments": segments,
        "custom": [segment.prefix for segment in preferences.refused_segments if segment.prefix],
        "treatment": _name(types_pb2.Treatment, "TREATMENT_", preferences.treatment),
        "stranger_policy": _name(types_pb2.StrangerPolicy, "STRANGER_POLICY_", preferences.stranger_policy),
        "interception": _name(types_pb2.InterceptionNotice, "INTERCEPTION_NOTICE_", preferences.notices.interception),
        "windows": windows + [empty] * max(_WINDOWS - len(windows), 1),
    }


def _write_entries(numbers: Any) -> list[dict[str, str]]:
    return [{"number": number, "shown": write_national(number)} for number in numbers]


def _write_minute(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _name(enum: Any, prefix: str, value: int) -> str:
    return str(enum.Name(value)).removeprefix(prefix).lower()
