"""What a subscriber is told: templates and their parameters. The words are the carrier's (its adapter renders them).

Lists are joined by commas and hold codes, never words. The table of templates and parameters stands in
``docs/notices.md``; adapters declare which templates they can send.

An answer to a text always comes; on the other channels somebody or something answers on the spot, so only changes of
the subscriber's state are told by notice.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import field
from datetime import UTC, datetime

from gateway.domain.codec import name_action
from gateway.domain.decision import CHINA_TIME
from gateway.domain.instruction import (
    Action,
    Channel,
    Disposition,
    ItemOutcome,
    Open,
    Query,
    Settings,
    Verdict,
)
from gateway.domain.preferences import Preferences, QuietWindow
from gateway.domain.subscription import EnrolmentState, Erasure, Leg, Subscriber
from optout.kit.values import dataclass


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell. ``expire_ms`` is when it is no longer worth telling; 0 leaves that to the sender."""

    template: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    expire_ms: int = 0


def choose_notices(action: Action, verdict: Verdict, leg: Leg, channel: Channel) -> tuple[Notice, ...]:
    """What to tell the subscriber after an instruction that left ``leg``."""
    changed = verdict.disposition in {Disposition.DONE, Disposition.NEEDS_CONFIRMATION}
    if channel is not Channel.SMS and not changed:
        return ()
    if isinstance(action, Query):
        return (Notice("status", _status(leg)),)
    if verdict.disposition is Disposition.NEEDS_CONFIRMATION:
        return (_ask(leg, verdict),)
    if isinstance(action, Settings) and verdict.items:
        return (Notice("changed", list_changes(verdict.items, leg)),)
    if verdict.disposition is Disposition.REFUSED and verdict.reason is not None:
        return (Notice("refused", {"action": name_action(action), "reason": verdict.reason.value}),)
    if verdict.disposition is Disposition.ALREADY_SO:
        return (Notice("already_open", _state(leg)),) if isinstance(action, Open) else (_cancelled(leg),)
    return (Notice("opened", _state(leg)),) if leg.refusing else (_cancelled(leg),)


def notice_of_erasure(erasure: Erasure) -> Notice:
    """That every use has stopped, since when, and by when the rest is destroyed."""
    dates = {"restricted": write_minute(erasure.restrict_ms), "erase_by": write_minute(erasure.erase_by_ms)}
    return Notice("erasure", dates)


def notice_of_port(holder: Subscriber) -> tuple[Notice, ...]:
    """What is told when a number came to another carrier with its holder's wishes; nothing if none are in force."""
    leg = holder.voice
    return (Notice("ported", _state(leg)),) if leg.refusing else ()


def _cancelled(leg: Leg) -> Notice:
    """That it is off; until when one word brings it back is told to whoever it was, coached or not."""
    return Notice("cancelled", {"undo_until": "" if leg.undo is None else write_minute(leg.undo.until_ms)})


def _ask(leg: Leg, verdict: Verdict) -> Notice:
    template = "confirm_open" if leg.state is EnrolmentState.PENDING_OPEN else "confirm_cancel"
    deadline = verdict.confirm_by_ms or 0
    return Notice(template, {"confirm_by": write_minute(deadline)}, expire_ms=deadline)


def _state(leg: Leg) -> dict[str, str]:
    preferences = leg.preferences
    return {
        "categories": ",".join(preferences.refused_categories),
        "segments": ",".join(segment.key for segment in preferences.refused_segments),
        "treatment": preferences.treatment.value,
        "stranger_policy": preferences.stranger_policy.value,
        **_effect(leg),
    }


def _effect(leg: Leg) -> dict[str, str]:
    by_ms = leg.effects.effective_by_ms
    return {"effect": leg.effects.word.value, "effective_by": "" if by_ms is None else write_minute(by_ms)}


def _status(leg: Leg) -> dict[str, str]:
    preferences: Preferences = leg.preferences
    return {
        "state": leg.state.value,
        **_state(leg),
        "reject_count": str(len(preferences.reject_list)),
        "allow_count": str(len(preferences.allow_list)),
        "quiet_hours": ",".join(_window(window) for window in preferences.quiet_hours),
        "confirm_by": "" if leg.pending is None else write_minute(leg.pending.expire_ms),
    }


def list_changes(items: Collection[ItemOutcome], leg: Leg) -> dict[str, str]:
    """Items by what became of them, how the network falls short of them in the carrier's words, and their effect."""
    listed: dict[str, list[str]] = {"done": [], "undone": [], "already": [], "refused": []}
    for outcome in items:
        match outcome.disposition:
            case Disposition.REFUSED:
                listed["refused"].append(f"{outcome.item.key}={outcome.reason}")
            case Disposition.ALREADY_SO:
                listed["already"].append(outcome.item.key)
            case _:
                listed["done" if outcome.switched_on else "undone"].append(outcome.item.key)
    limitations = "；".join(dict.fromkeys(outcome.limitation for outcome in items if outcome.limitation))
    return {name: ",".join(keys) for name, keys in listed.items()} | {"limitations": limitations} | _effect(leg)


def _window(window: QuietWindow) -> str:
    start, end = divmod(window.start_minute, 60), divmod(window.end_minute, 60)
    return f"{window.days.value} {start[0]:02}:{start[1]:02}-{end[0]:02}:{end[1]:02}"


def write_minute(time_ms: int) -> str:
    """A minute in China, as parameters hold it."""
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC).astimezone(CHINA_TIME):%Y-%m-%d %H:%M}"
