"""What the platform holds, what it has promised to do, and its log. All of it survives a kill, if it has a file.

Rules that its caller is held to:

====================  ==================================================================
rule                  broken by
====================  ==================================================================
order_reused          the id of an earlier order with other content
number_not_canonical  a number that is not in canonical form, or no subscriber's
off_with_wishes       an order that switches off and wishes something
====================  ==================================================================
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from adapters.simulators.platform.settings import PlatformSettings
from adapters.wire.platform import (
    Act,
    AppliedEvent,
    Event,
    EventPage,
    Force,
    ItemForce,
    StoppedEvent,
    Taken,
    Wanted,
    read_page,
    read_wanted,
    write_page,
    write_wanted,
)
from optout.kit.number import NumberError, parse_subscriber

VOLTE_OFF = "VOLTE_OFF"


class PlatformBook:
    """States held and in force, orders, and the log of events by place from 1."""

    def __init__(self, settings: PlatformSettings) -> None:
        self._settings = settings
        self.log = secrets.token_hex(4)
        self.events: list[Event] = []
        self.orders: dict[str, Wanted] = {}
        self.wanted: dict[str, Wanted] = {}
        self.in_force: dict[str, Wanted] = {}
        self.without_volte: set[str] = set()
        self._file: int | None = None

    # Orders

    def check(self, wanted: Wanted) -> Iterator[str]:
        """Yield the rules that an order breaks."""
        known = self.orders.get(wanted.order)
        if known is not None and known != wanted:
            yield "order_reused"
        if not _is_canonical(wanted.number):
            yield "number_not_canonical"
        if not wanted.on and wanted != Wanted(wanted.order, wanted.number, wanted.epoch, wanted.version, on=False):
            yield "off_with_wishes"

    def take(self, wanted: Wanted) -> Taken:
        """Take an order on, unless it is known or a newer state is held."""
        if wanted.order in self.orders:
            return Taken.KNOWN
        held = self.wanted.get(wanted.number)
        if held is not None and (held.epoch, held.version) > (wanted.epoch, wanted.version):
            return Taken.STALE
        self._remember(wanted)
        self._write({"order": write_wanted(wanted).decode()})
        return Taken.NEW

    def _remember(self, wanted: Wanted) -> None:
        self.orders[wanted.order] = wanted
        self.wanted[wanted.number] = wanted

    def waiting(self) -> list[Wanted]:
        """The orders taken that are not in force yet; one that a newer followed never will be."""
        return [wanted for number, wanted in self.wanted.items() if self.in_force.get(number) != wanted]

    def carry_out(self, wanted: Wanted, now_ms: int) -> AppliedEvent | None:
        """Put an order in force, and log it; None if a newer one is held by now, or it is in force already."""
        if self.wanted.get(wanted.number) != wanted or self.in_force.get(wanted.number) == wanted:
            return None
        self.in_force[wanted.number] = wanted
        return self._log_force(wanted, now_ms)

    def carry_out_again(self, number: str, now_ms: int) -> AppliedEvent | None:
        """Log anew how far a number's state is in force, since a condition changed; None if it holds none."""
        held = self.in_force.get(number)
        return None if held is None else self._log_force(held, now_ms)

    def _log_force(self, wanted: Wanted, now_ms: int) -> AppliedEvent:
        event = AppliedEvent(
            len(self.events) + 1,
            wanted.order,
            wanted.number,
            wanted.epoch,
            wanted.version,
            now_ms,
            tuple(self._list_forces(wanted)),
            off=not wanted.on,
        )
        self._log(event)
        return event

    def _list_forces(self, wanted: Wanted) -> Iterator[ItemForce]:
        for item in _list_items(wanted):
            kind = item.partition(":")[0]
            if {item, kind} & self._settings.unsupported:
                yield ItemForce(item, Force.UNSUPPORTED)
            elif wanted.on and wanted.number in self.without_volte:
                yield ItemForce(item, Force.DEGRADED, VOLTE_OFF)
            elif {item, kind} & self._settings.degraded:
                yield ItemForce(item, Force.DEGRADED)
            else:
                yield ItemForce(item, Force.APPLIED)

    # Calls

    def decide(self, called: str, caller: str, now_ms: int, *, withheld: bool = False) -> StoppedEvent | None:
        """Decide a call by what is in force; None lets it ring. What is done is logged."""
        state = self.in_force.get(called)
        rule, category = self._find_rule(state, caller)
        if state is None or not rule:
            return None
        act = Act.ASSISTANT if state.treatment == "assistant" else Act.REFUSED
        if state.treatment == "challenge":
            act = Act.CHALLENGE_FAILED
        event = StoppedEvent(len(self.events) + 1, called, caller, now_ms, act, rule, category, withheld)
        self._log(event)
        return event

    def _find_rule(self, state: Wanted | None, caller: str) -> tuple[str, str]:
        if state is None or not state.on or caller in state.allow:
            return "", ""
        if caller in state.reject:
            return "personal_reject", ""
        if any(segment.startswith("+") and caller.startswith(segment) for segment in state.segments):
            return "segment", ""
        category = next((code for line, code in self._settings.lines.items() if caller.startswith(line)), "")
        return ("category", category) if category and category in state.categories else ("", "")

    # The log

    def page(self, log: str, after: int, limit: int) -> EventPage:
        """Events after a place; from the beginning for whoever read another log."""
        start = after if log == self.log else 0
        return EventPage(self.log, tuple(self.events[start : start + limit]))

    def _log(self, event: Event) -> None:
        self.events.append(event)
        self._write({"event": write_page(EventPage(self.log, (event,))).decode()})

    # The file

    def open(self, path: Path | None) -> None:
        """Read an earlier life, and begin to write. Raises `OSError`."""
        if path is None:
            return
        for line in _read_lines(path):
            match line:
                case {"log": name}:
                    self.log = name
                case {"order": body}:
                    self._remember(read_wanted(body.encode()))
                case {"event": body}:
                    self._recall(read_page(body.encode()).events[0])
                case {"volte": number, "on": on}:
                    self.set_volte(number, on=on)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._write({"log": self.log})

    def _recall(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, AppliedEvent):
            self.in_force[event.number] = self.orders[event.order]

    def set_volte(self, number: str, *, on: bool) -> None:
        """A line's VoLTE is switched on or off: an unmet condition degrades what is carried out from then on."""
        (self.without_volte.discard if on else self.without_volte.add)(number)
        self._write({"volte": number, "on": on})

    def close(self) -> None:
        """Write no more."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def forget(self) -> None:
        """Lose everything, the log too: another one begins."""
        if self._file is not None:
            os.ftruncate(self._file, 0)
        self.log = secrets.token_hex(4)
        self.events.clear()
        for held in (self.orders, self.wanted, self.in_force):
            held.clear()
        self.without_volte.clear()
        self._write({"log": self.log})

    def _write(self, line: dict[str, Any]) -> None:
        if self._file is not None:
            os.write(self._file, json.dumps(line, ensure_ascii=False).encode() + b"\n")


def _list_items(wanted: Wanted) -> Iterator[str]:
    yield "service"
    if not wanted.on:
        return
    yield from (f"category:{code}" for code in wanted.categories)
    yield from (f"reject_number:{number}" for number in wanted.reject)
    yield from (f"allow_number:{number}" for number in wanted.allow)
    yield from (f"segment:{segment}" for segment in wanted.segments)
    yield f"treatment:{wanted.treatment}"
    yield f"stranger_policy:{wanted.strangers}"
    if wanted.quiet:
        yield "quiet_hours"


def _is_canonical(number: str) -> bool:
    try:
        return parse_subscriber(number) == number
    except NumberError:
        return False


def _read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the whole lines, and cut off a piece of one that a kill left."""
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        os.truncate(path, len(whole))
    for line in whole.splitlines():
        yield json.loads(line)
