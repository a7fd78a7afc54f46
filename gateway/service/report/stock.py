"""Subscriptions: how many are on at each day's end, and how each came to be on or off."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.domain.subscription import REFUSING
from gateway.service.report.table import Row, Table, days_between

ALL = "*"
"""Stands for a subscription as such, beside a row for each category that it refuses."""

_ON = frozenset(state.value for state in REFUSING)
_MEDIA = ("voice", "message")
_UNSAID = "-"


@dataclass(frozen=True, slots=True)
class _On:
    """A subscription that is on: who serves it, by which channel it was opened, and what it refuses."""

    carrier: str
    medium: str
    channel: str
    categories: tuple[str, ...]

    def keys(self) -> list[Row]:
        return [(self.carrier, self.medium, self.channel, category) for category in (ALL, *self.categories)]


class Stock:
    """Follows every subscriber's state. Days are those on which anything was logged, and all between."""

    def __init__(self) -> None:
        self._on: dict[tuple[str, str], _On] = {}
        self._now: Counter[Row] = Counter()
        self._at_end: dict[str, Counter[Row]] = {}
        self._moves: Counter[Row] = Counter()
        self._day = ""

    def take(self, day: str, payload: Mapping[str, Any]) -> None:
        """Take the next entry; only one with a state after it moves anything."""
        self._turn(day)
        after = payload.get("after")
        if after is None:
            return
        for medium in _MEDIA:
            key = (payload["label"], medium)
            before = self._on.get(key)
            now = _read_on(payload, after, medium, before)
            if now != before:
                self._move(key, before, now, _cause(payload))

    def subscriptions(self, first: str, last: str) -> Table:
        """Subscriptions on at the end of each day, by carrier, medium, channel and category."""
        at_end = {**self._at_end, self._day: self._now}
        rows: list[Row] = []
        latest: Counter[Row] = Counter()
        for day in [day for day in sorted(at_end) if day < first][-1:]:
            latest = at_end[day]
        for day in days_between(first, last):
            latest = at_end.get(day, latest)
            rows += [(day, *key, number) for key, number in sorted(latest.items()) if number]
        columns = ("day", "carrier", "medium", "channel", "category", "count")
        return Table("subscriptions", columns, tuple(rows))

    def movements(self, first: str, last: str) -> Table:
        """What turned subscriptions on (came) and off (went), a move between carriers being one of each."""
        moves = {key: number for key, number in self._moves.items() if first <= str(key[0]) <= last}
        return Table.count("movements", ("day", "carrier", "medium", "channel", "cause", "direction"), moves)

    def recount(self) -> dict[str, int]:
        """Subscriptions on now by carrier, counted from the states and not from the moves."""
        return dict(Counter(on.carrier for on in self._on.values()))

    def _turn(self, day: str) -> None:
        if self._day and day != self._day:
            self._at_end[self._day] = Counter({key: number for key, number in self._now.items() if number})
        self._day = day

    def _move(self, key: tuple[str, str], before: _On | None, now: _On | None, cause: str) -> None:
        is_same_place = before is not None and now is not None and before.carrier == now.carrier
        for on, direction, step in ((before, "went", -1), (now, "came", 1)):
            if on is not None:
                self._now.update(dict.fromkeys(on.keys(), step))
                if not is_same_place:
                    self._moves[(self._day, on.carrier, on.medium, on.channel, cause, direction)] += 1
        if now is None:
            del self._on[key]
        else:
            self._on[key] = now


def _read_on(payload: Mapping[str, Any], after: Mapping[str, Any], medium: str, before: _On | None) -> _On | None:
    leg = after.get(medium)
    if leg is None or leg["state"] not in _ON:
        return None
    instruction = payload.get("instruction")
    opened_by = _UNSAID if instruction is None else instruction["channel"]
    channel = opened_by if before is None else before.channel
    return _On(after["carrier"], medium, channel, tuple(leg.get("preferences", {}).get("categories", ())))


def _cause(payload: Mapping[str, Any]) -> str:
    """The action of an instruction, the kind of a number event, or else the kind of the entry."""
    if "instruction" in payload:
        return str(next(iter(payload["instruction"]["action"])))
    if "event" in payload:
        return str(payload["event"]["kind"])
    return str(payload["kind"])
