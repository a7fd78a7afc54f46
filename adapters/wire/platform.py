"""A carrier's interception platform: what is asked of it, and what it says happened. JSON over HTTP.

No carrier publishes this interface, so it is ours, kept to what any platform can do: three POSTs, numbers in bodies
only, a shared secret as bearer token.

=============  ==================================================  ==========================================
path           asks                                                answers
=============  ==================================================  ==========================================
``/provision`` carry a whole state out (idempotent by ``order``)   200 ``{"taken": "new" | "known" | "stale"}``
``/read``      what is in force for a number                       200, or 404 if nothing ever was
``/events``    what happened after a place in its log              200, events in order, and the log's name
=============  ==================================================  ==========================================

Other answers: 400 malformed (never again), 401 wrong secret, 429 and 503 later. A state replaces the one before unless
that one is newer by (epoch, version). ``taken`` is not *applied*: facts follow as events. A platform that lost its log
begins another one under another name, so that places are never mistaken.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from adapters.wire.errors import WireError
from adapters.wire.flatjson import load_object

MAX_BODY_BYTES: Final = 256 * 1024
MAX_EVENTS: Final = 500

_ID = re.compile(r"[!-~]{1,128}")
_NUMBER = re.compile(r"\+?[0-9]{3,20}")
_WORD = re.compile(r"[a-z0-9_]{1,64}")
_WINDOW = re.compile(r"[a-z_]{1,16} [0-9]{2}:[0-9]{2}-[0-9]{2}:[0-9]{2}")


class PlatformError(WireError):
    """A request or an answer that cannot be used. ``reason`` is stable, and no content is ever in it.

    Reasons:
        ``too_large``        more than 256 KiB
        ``not_json``         not one JSON object in UTF-8
        ``missing_field``    a field that must be there
        ``malformed_field``  a field that is not of its form
        ``unknown_field``    a field that nobody defined
    """


class Taken(StrEnum):
    """What became of a provisioning order."""

    NEW = "new"
    KNOWN = "known"
    STALE = "stale"


class Force(StrEnum):
    """How far an item is in force."""

    APPLIED = "applied"
    DEGRADED = "degraded"
    UNSUPPORTED = "unsupported"


class Act(StrEnum):
    """What the platform did with a call."""

    REFUSED = "refused"
    ASSISTANT = "assistant"
    CHALLENGE_FAILED = "challenge_failed"
    CHALLENGE_PASSED = "challenge_passed"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A whole state to be in force. ``on`` false switches everything off; then the rest is empty.

    Numbers are canonical, categories codes, segments kinds or prefixes, quiet windows ``every_day 22:00-08:00``.
    """

    order: str
    number: str = field(repr=False)
    epoch: int
    version: int
    on: bool
    categories: tuple[str, ...] = ()
    reject: tuple[str, ...] = field(default=(), repr=False)
    allow: tuple[str, ...] = field(default=(), repr=False)
    segments: tuple[str, ...] = ()
    treatment: str = "reject"
    strangers: str = "allow"
    quiet: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ItemForce:
    """One item in or out of force; ``item`` is its kind, or ``kind:value``. ``lack`` names an unmet condition."""

    item: str = field(repr=False)
    force: Force
    lack: str = ""


@dataclass(frozen=True, slots=True)
class AppliedEvent:
    """An order was carried out at ``at_ms``, item by item; ``off`` if the number was switched off."""

    place: int
    order: str
    number: str = field(repr=False)
    epoch: int
    version: int
    at_ms: int
    items: tuple[ItemForce, ...]
    off: bool = False


@dataclass(frozen=True, slots=True)
class StoppedEvent:
    """A call that did not simply ring. ``rule`` and ``category`` are words of the contract, in lower case.

    ``withheld`` if the caller withheld its number from the called party; a platform that leaves it out says no.
    """

    place: int
    called: str = field(repr=False)
    caller: str = field(repr=False)
    at_ms: int
    act: Act
    rule: str
    category: str = ""
    withheld: bool = False


Event = AppliedEvent | StoppedEvent


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events in order of their place, and the name of the log that counts the places."""

    log: str
    events: tuple[Event, ...]


# ---------------------------------------------------------------------------------------------------- writing


def write_wanted(wanted: Wanted) -> bytes:
    """Write a provisioning order, or a held state."""
    return _dump({name: _plain(getattr(wanted, name)) for name in _WANTED})


def write_taken(taken: Taken) -> bytes:
    """Write the answer to an order."""
    return _dump({"taken": taken.value})


def write_lookup(number: str) -> bytes:
    """Write the question about a number."""
    return _dump({"number": number})


def write_events_request(log: str, after: int, limit: int) -> bytes:
    """Write the question for events; ``log`` is the one last heard of, empty at first."""
    return _dump({"log": log, "after": after, "limit": limit})


def write_page(page: EventPage) -> bytes:
    """Write a page of events."""
    return _dump({"log": page.log, "events": [_write_event(event) for event in page.events]})


def _write_event(event: Event) -> dict[str, Any]:
    names = _APPLIED if isinstance(event, AppliedEvent) else _STOPPED
    kind = "applied" if isinstance(event, AppliedEvent) else "stopped"
    out = {name: _plain(getattr(event, name)) for name in names if name != "items"}
    if isinstance(event, AppliedEvent):
        out["items"] = [[item.item, item.force.value, item.lack] for item in event.items]
    return {"kind": kind, **out}


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _dump(content: Mapping[str, object]) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


# ---------------------------------------------------------------------------------------------------- reading


def read_wanted(body: bytes) -> Wanted:
    """Read a provisioning order, or a held state. Raises PlatformError."""
    return Wanted(**_take(_load(body), _WANTED))


def read_taken(body: bytes) -> Taken:
    """Read the answer to an order. Raises PlatformError."""
    return Taken(_take(_load(body), {"taken": _one_of(Taken)})["taken"])


def read_lookup(body: bytes) -> str:
    """Read the question about a number. Raises PlatformError."""
    return str(_take(_load(body), {"number": _text(_NUMBER)})["number"])


def read_events_request(body: bytes) -> tuple[str, int, int]:
    """Read the question for events: log, place, limit. Raises PlatformError."""
    asked = _take(_load(body), {"log": _text(re.compile(r"[!-~]{0,64}")), "after": _integer, "limit": _integer})
    return asked["log"], asked["after"], min(max(asked["limit"], 1), MAX_EVENTS)


def read_page(body: bytes) -> EventPage:
    """Read a page of events. Raises PlatformError."""
    page = _take(_load(body), {"log": _text(_ID), "events": _list_of(_read_event, MAX_EVENTS)})
    return EventPage(**page)


def _read_event(value: object, name: str) -> Event:
    if not isinstance(value, dict):
        raise PlatformError("malformed_field", name)
    kind = value.get("kind")
    rest = {key: item for key, item in value.items() if key != "kind"}
    if kind == "applied":
        return AppliedEvent(**_take(rest, _APPLIED))
    if kind == "stopped":
        return StoppedEvent(**_take({"withheld": False, **rest}, _STOPPED))
    raise PlatformError("malformed_field", "kind")


def _load(body: bytes) -> dict[str, Any]:
    return load_object(body, MAX_BODY_BYTES, PlatformError)


def _take(content: Mapping[str, Any], table: Mapping[str, Any]) -> dict[str, Any]:
    """Read every field of a table, and refuse fields that are in none."""
    if stray := sorted(set(content) - set(table)):
        raise PlatformError("unknown_field", stray[0] if _WORD.fullmatch(stray[0]) else "")
    if lacking := [name for name in table if name not in content]:
        raise PlatformError("missing_field", lacking[0])
    return {name: read(content[name], name) for name, read in table.items()}


def _integer(value: object, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 63:
        raise PlatformError("malformed_field", name)
    return value


def _flag(value: object, name: str) -> bool:
    if not isinstance(value, bool):
        raise PlatformError("malformed_field", name)
    return value


def _text(form: re.Pattern[str]) -> Any:
    def read(value: object, name: str) -> str:
        if not isinstance(value, str) or not form.fullmatch(value):
            raise PlatformError("malformed_field", name)
        return value

    return read


def _one_of(kind: type[StrEnum]) -> Any:
    def read(value: object, name: str) -> StrEnum:
        if not isinstance(value, str) or value not in set(kind):
            raise PlatformError("malformed_field", name)
        return kind(value)

    return read


def _list_of(read_one: Any, most: int) -> Any:
    def read(value: object, name: str) -> tuple[Any, ...]:
        if not isinstance(value, list) or len(value) > most:
            raise PlatformError("malformed_field", name)
        return tuple(read_one(item, name) for item in value)

    return read


def _read_force(value: object, name: str) -> ItemForce:
    if not isinstance(value, list) or len(value) != 3:
        raise PlatformError("malformed_field", name)
    item, force, lack = value
    return ItemForce(
        _text(_ID)(item, name), _one_of(Force)(force, name), _text(re.compile(r"[A-Z0-9_]{0,64}"))(lack, name)
    )


_WANTED: Final[dict[str, Any]] = {
    "order": _text(_ID),
    "number": _text(_NUMBER),
    "epoch": _integer,
    "version": _integer,
    "on": _flag,
    "categories": _list_of(_text(_WORD), 100),
    "reject": _list_of(_text(_NUMBER), 10_000),
    "allow": _list_of(_text(_NUMBER), 10_000),
    "segments": _list_of(_text(re.compile(r"\+?[a-z0-9_]{1,20}")), 100),
    "treatment": _text(_WORD),
    "strangers": _text(_WORD),
    "quiet": _list_of(_text(_WINDOW), 100),
}
_APPLIED: Final[dict[str, Any]] = {
    "place": _integer,
    "order": _text(_ID),
    "number": _text(_NUMBER),
    "epoch": _integer,
    "version": _integer,
    "at_ms": _integer,
    "items": _list_of(_read_force, 25_000),
    "off": _flag,
}
_STOPPED: Final[dict[str, Any]] = {
    "place": _integer,
    "called": _text(_NUMBER),
    "caller": _text(re.compile(r"(\+?[0-9]{3,20})?")),
    "at_ms": _integer,
    "act": _one_of(Act),
    "rule": _text(_WORD),
    "category": _text(re.compile(r"[a-z0-9_]{0,64}")),
    "withheld": _flag,
}
