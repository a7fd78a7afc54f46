"""When a subscriber is told what was not asked just now.

* A confirmation, a cancellation and the answer to a text never wait; nothing here concerns them.
* At night everything else waits for the morning, unless the subscriber wants notices at night too.
* Of calls that did not ring a subscriber hears as chosen: of none, of each, or once a day of all.
* Who wants to hear of each gets so many notices a day, counted on the day they go out; further calls are folded into
  one summary, so that a storm of calls is no storm of texts.
* A summary goes out at the next summary time after its first call, and tells how many there were.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from enum import StrEnum
from typing import Any

from gateway.domain.interception import Interception
from gateway.domain.policy import NoticeRules
from gateway.domain.preferences import InterceptionNotice, NoticeChoice
from optout.kit.values import dataclass

MINUTE_MS = 60_000
DAY_MS = 1440 * MINUTE_MS
CHINA_OFFSET_MS = 8 * 60 * MINUTE_MS
"""China Standard Time is UTC+8, without daylight saving."""


def find_time(rules: NoticeRules, choice: NoticeChoice, now_ms: int) -> int:
    """When a notice of now may go out (Unix ms): now, or at the end of the night."""
    if choice.at_night or not is_night(rules, now_ms):
        return now_ms
    return next_time(rules.night_end_minute, now_ms)


def is_night(rules: NoticeRules, now_ms: int) -> bool:
    """True in the hours in which notices wait."""
    minute, start, end = _minute_ofday_of(now_ms), rules.night_start_minute, rules.night_end_minute
    return start <= minute < end if start <= end else minute >= start or minute < end


def next_time(minute: int, now_ms: int) -> int:
    """The next instant after now at which a day in China is so many minutes old (Unix ms)."""
    time_ms = day_of(now_ms) * DAY_MS - CHINA_OFFSET_MS + minute * MINUTE_MS
    return time_ms if time_ms > now_ms else time_ms + DAY_MS


# ------------------------------------------------------------------------------------------------ refused calls


class Fate(StrEnum):
    """What becomes of one call that did not ring, as far as the subscriber hears of it."""

    TOLD = "told"
    FOLDED = "folded"
    UNWANTED = "unwanted"
    UNREGISTERED = "unregistered"


@dataclass(frozen=True, slots=True)
class Tally:
    """What a subscriber was told of calls, and what waits to be told.

    ``told`` counts the notices that go out on ``day`` (days since 1970, China time). ``folded`` calls wait for the
    summary at ``summary_ms``, the first of them from ``since_ms``; both are 0 if none waits. ``rules`` and
    ``categories`` are what decided about these, sorted.
    """

    day: int = 0
    told: int = 0
    folded: int = 0
    since_ms: int = 0
    summary_ms: int = 0
    rules: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()


NO_TALLY = Tally()


_TALLY_NAMES = tuple(field.name for field in fields(Tally))


def take_call(
    tally: Tally, call: Interception, choice: NoticeChoice, rules: NoticeRules, now_ms: int
) -> tuple[Tally, Fate, int]:
    """The tally after a call that did not ring, what becomes of it, and when its notice goes out (0: it has none)."""
    if choice.interception is InterceptionNotice.NONE:
        return tally, Fate.UNWANTED, 0
    due_ms = find_time(rules, choice, now_ms)
    day = day_of(due_ms)
    told = tally.told if day <= tally.day else 0
    is_single = choice.interception is InterceptionNotice.EACH and day >= tally.day
    if is_single and told < rules.interceptions_per_day:
        return replace(tally, day=day, told=told + 1), Fate.TOLD, due_ms
    return _fold(tally, call, choice, rules, now_ms), Fate.FOLDED, 0


def close_summary(tally: Tally) -> Tally:
    """The tally once its summary was told."""
    return replace(NO_TALLY, day=tally.day, told=tally.told)


def _fold(tally: Tally, call: Interception, choice: NoticeChoice, rules: NoticeRules, now_ms: int) -> Tally:
    summary_ms = tally.summary_ms or find_time(rules, choice, next_time(rules.summary_minute, now_ms))
    return replace(
        tally,
        folded=tally.folded + 1,
        since_ms=min(tally.since_ms or call.call_ms, call.call_ms),
        summary_ms=summary_ms,
        rules=_add(tally.rules, "" if call.rule is None else call.rule.value),
        categories=_add(tally.categories, call.category),
    )


def write_tally(tally: Tally) -> dict[str, Any]:
    """A tally as a map; what is at its default is left out."""
    if tally is NO_TALLY:
        return {}
    given = [(name, getattr(tally, name)) for name in _TALLY_NAMES]
    return {name: list(value) if isinstance(value, tuple) else value for name, value in given if value}


def read_tally(data: Mapping[str, Any]) -> Tally:
    """A tally from its map."""
    if not data:
        return NO_TALLY
    given: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}
    return Tally(**given)


def _add(words: tuple[str, ...], word: str) -> tuple[str, ...]:
    return tuple(sorted({*words, word})) if word else words


def day_of(time_ms: int) -> int:
    """The day of an instant: days since 1970, China time."""
    return (time_ms + CHINA_OFFSET_MS) // DAY_MS


def _minute_ofday_of(time_ms: int) -> int:
    return (time_ms + CHINA_OFFSET_MS) % DAY_MS // MINUTE_MS
