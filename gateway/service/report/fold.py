"""What an inspector asks of a log, folded from its opened entries in order. No number ever enters a table.

=================  ==================================================================================================
``subscriptions``  on at each day's end, by carrier, medium, channel they were opened by, and category refused
``movements``      what turned them on and off, day by day
``requests``       every instruction: carrier, channel, action, what became of it, and why not
``times``          from the carrier's receipt until accepted, and until in effect
``effects``        what became of accepted requests in the network
``calls``          what switches did with calls, and whether the subscriber hears of it
``notices``        what became of notices
``entries``        what the log holds, by kind
``balance``        equations that hold if nothing was lost or counted twice, with both their sides
=================  ==================================================================================================
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.domain.interception import InterceptionAction
from gateway.domain.notice_rules import Fate
from gateway.service.report.stock import ALL, Stock
from gateway.service.report.table import Row, Table, day_of
from gateway.service.report.times import Times

_STOPPED = frozenset(
    {InterceptionAction.REFUSED.value, InterceptionAction.ASSISTANT.value, InterceptionAction.CHALLENGE_FAILED.value}
)


@dataclass(frozen=True, slots=True)
class Told:
    """One entry: its index, the time of its acceptance (Unix ms), and its payload; None if it is erased or hidden."""

    index: int
    time_ms: int
    payload: Mapping[str, Any] | None


class Report:
    """Folds a log from its first entry on; counts what lies between ``since_ms`` and ``until_ms`` (exclusive).

    Entries before are needed all the same, for what was on when the time began.
    """

    def __init__(self, since_ms: int = 0, until_ms: int | None = None) -> None:
        self._since_ms, self._until_ms = since_ms, until_ms
        self._stock, self._times = Stock(), Times()
        self._requests: Counter[Row] = Counter()
        self._calls: Counter[Row] = Counter()
        self._notices: Counter[Row] = Counter()
        self._entries: Counter[Row] = Counter()
        self._waiting: dict[str, int] = {}
        self._folded = self._summarised = 0
        self._first_ms: int | None = None
        self._last_ms = since_ms
        self._size = self._dark = self._before = 0
        self._on_before: dict[str, int] = {}

    def take(self, told: Told) -> None:
        """Take the next entry; those at or after ``until_ms`` are passed over."""
        if self._until_ms is not None and told.time_ms >= self._until_ms:
            return
        counted = told.time_ms >= self._since_ms
        if counted and self._first_ms is None:
            self._first_ms = told.time_ms
            self._on_before = self._stock.recount()
        self._size += 1
        self._last_ms = max(self._last_ms, told.time_ms)
        payload = told.payload
        if payload is None:
            self._dark += 1
            return
        day = day_of(told.time_ms)
        self._stock.take(day, payload)
        self._times.take(told.time_ms, payload, counted=counted)
        self._follow_tally(payload)
        if counted:
            self._count(day, payload)
        else:
            self._before += 1

    def tables(self, listed: Mapping[str, int] | None = None) -> tuple[Table, ...]:
        """The tables, in the order of the module's list.

        ``listed`` are the subscriptions that the registry itself lists by carrier, to be held against those of the log.
        """
        first, last = day_of(self._since_ms or self._first_ms or self._last_ms), day_of(self._last_ms)
        movements = self._stock.movements(first, last)
        return (
            self._stock.subscriptions(first, last),
            movements,
            Table.count("requests", ("day", "carrier", "channel", "action", "disposition", "reason"), self._requests),
            self._times.table(),
            self._times.outcomes(),
            Table.count("calls", ("day", "reporter", "action", "fate"), self._calls),
            Table.count("notices", ("day", "state"), self._notices),
            Table.count("entries", ("kind",), self._entries),
            self._balance(movements, listed),
        )

    def _count(self, day: str, payload: Mapping[str, Any]) -> None:
        kind = payload["kind"]
        self._entries[kind,] += 1
        if kind == "instruction":
            told, verdict = payload["instruction"], payload["verdict"]
            (action,) = told["action"]
            reason = verdict.get("reason", "")
            self._requests[day, told["carrier"], told["channel"], action, verdict["disposition"], reason] += 1
        elif kind == "interception":
            call = payload["call"]
            nobodys = call["action"] in _STOPPED and not payload["label"]
            fate = payload.get("fate", Fate.UNREGISTERED.value if nobodys else "")
            self._calls[day, call["reporter"], call["action"], fate] += 1
        elif kind == "delivery":
            self._notices[day, payload["state"]] += 1

    def _follow_tally(self, payload: Mapping[str, Any]) -> None:
        """Calls folded into summaries, over the whole log: what waits is what the subscribers' tallies say."""
        if "tally" in payload:
            self._waiting[payload["label"]] = payload["tally"].get("folded", 0)
        if payload["kind"] == "interception" and payload.get("fate") == Fate.FOLDED.value:
            self._folded += 1
        elif payload["kind"] == "summary":
            self._summarised += payload["calls"]

    def _balance(self, movements: Table, listed: Mapping[str, int] | None) -> Table:
        """Each row: an equation, about whom, its left and its right side, and whether they are equal."""
        rows: list[Row] = []
        came, went = (movements.total("carrier", direction=direction) for direction in ("came", "went"))
        now = self._stock.recount()
        for carrier in sorted({*now, *self._on_before, *(str(key[0]) for key in (*came, *went))}):
            moved = self._on_before.get(carrier, 0) + came.get((carrier,), 0) - went.get((carrier,), 0)
            rows.append(("on_before_plus_came_less_went_is_on_now", carrier, moved, now.get(carrier, 0)))
        stopped = sum(number for key, number in self._calls.items() if key[2] in _STOPPED)
        fates = sum(number for key, number in self._calls.items() if key[3])
        rows.append(("stopped_calls_have_a_fate", ALL, stopped, fates))
        waiting = sum(self._waiting.values())
        rows.append(("folded_calls_are_summarised_or_wait", ALL, self._folded, self._summarised + waiting))
        read = self._before + sum(self._entries.values())
        rows.append(("entries_are_read_or_dark", ALL, self._size, read + self._dark))
        if listed is not None:
            for carrier in sorted({*now, *listed}):
                left, right = now.get(carrier, 0), listed.get(carrier, 0)
                rows.append(("on_now_is_what_the_registry_lists", carrier, left, right))
        judged = [(*row, "yes" if row[2] == row[3] else "no") for row in rows]
        return Table("balance", ("equation", "whom", "left", "right", "holds"), tuple(judged))
