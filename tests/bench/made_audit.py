"""A log as a registry would show it, made fast and without one: a few subscribers' stories, told for many numbers.

Each story is written once by the rules (`tests.bench.scribe`). What differs between subscribers is then only filled in:
the number and what is computed from it, indexes, and times. Cohorts of subscribers live through their stories side by
side, some days each, so that entries of many lie between two of one, as in life.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from gateway.domain.capability import Capabilities, Enforcement, ItemCapability
from gateway.domain.capability_codec import write_capabilities
from gateway.domain.effects import SERVICE, EffectState
from gateway.domain.instruction import (
    Cancel,
    Channel,
    ChooseNotices,
    Confirm,
    EditList,
    ExpectedEffect,
    ItemKind,
    Open,
    Query,
    SetRefusedCategories,
    UndoCancel,
)
from gateway.domain.knowledge import ReportedEffect
from gateway.domain.preferences import InterceptionNotice, NoticeChoice, Preferences
from gateway.domain.publication import Adopted
from gateway.domain.rules_codec import write_rule_change
from gateway.tlog.leaf import EpochLeaf, Leaf, LeafType
from gateway.tlog.opening import NO_PREVIOUS, Opening, encode_typed
from gateway.tlog.replay import Shown
from gateway.tlog.statemap import Record, StateMap
from optout.kit.number import PhoneNumber, parse_number
from tests.bench.scribe import Line, Scribe
from tests.domain.samples import NUISANCE, default_policy

DAY_MS, MINUTE_MS = 86_400_000, 60_000
NOON_MS = 1_790_000_000_000 // DAY_MS * DAY_MS + 4 * 3_600_000
COHORT = 50_000
"""Subscribers of one cohort: each step of all of them fits into a minute, one a millisecond."""
COHORT_DAYS = 4
_MODEL = parse_number("13800000000")
_MODEL_LABEL = sha256(b"model").digest()
_MODEL_OFFSET_MS = 37
_FIRST_INDEX = 0x7E57_0000_0000
_APPLIED = ReportedEffect(SERVICE, EffectState.APPLIED)
_FULL = {kind: (ItemCapability(ExpectedEffect.FULL),) for kind in ItemKind}
DECLARED = {
    carrier: Capabilities(carrier, "1", Enforcement.PLATFORM, _FULL, effect_delay_s=86_400)
    for carrier in ("mobile", "telecom")
}

Step = Callable[[Scribe], Line]


def _order(action: Any, channel: Channel = Channel.SMS) -> Step:
    return lambda scribe: scribe.order(action, channel)


def _deliver(scribe: Scribe) -> Line:
    return scribe.deliver(scribe.prev)


def _report(scribe: Scribe) -> Line:
    return scribe.report(_APPLIED)


def _call(scribe: Scribe) -> Line:
    return scribe.stop_call(NUISANCE)


_EACH = ChooseNotices(NoticeChoice(InterceptionNotice.EACH))
_LOANS, _LIST = SetRefusedCategories(refuse=("loan",)), EditList(allow=False, add=(NUISANCE,))
_DEFAULTS = Preferences(refused_categories=("loan",))
_CONFIRMED = (_order(Open()), _deliver, _order(Confirm()), _deliver, _report)
_CANCELLED = (_order(Open(), Channel.HOTLINE), _report, _order(Cancel(), Channel.HOTLINE), _deliver, _report)
STORIES: tuple[tuple[Step, ...], ...] = (
    (*_CONFIRMED, _order(_LOANS), _report, _call, _call, _order(Query())),
    (_order(Open(_DEFAULTS), Channel.HOTLINE), _deliver, _report, _call, _call, _call, _call),
    (_order(Open(), Channel.HALL), _report, _order(_EACH), _report, _call, _deliver, _call, _deliver, _order(_LIST)),
    (*_CANCELLED, _order(UndoCancel()), _report, lambda scribe: scribe.port("telecom"), _report),
)
"""Confirmed over SMS; booked by an agent, and called; told of each call; cancelled, taken back, and ported."""

_SLOT = re.compile(
    rb'8613800000000|"prev":\d+|"before":"[0-9a-f]{64}"|"digest":"[0-9a-f]{64}"|n-[0-9a-f]{16}|"day":\d+|1[78]\d{11}|'
    + _MODEL_LABEL.hex().encode()
)


@dataclass
class _Place:
    """Whose entry it is, and where it stands: what a template is filled in with."""

    digits: bytes
    label: bytes
    offset_ms: int = 0
    days_ms: int = 0
    prev: int = NO_PREVIOUS
    before: bytes = b""
    version: int = 0


@dataclass
class _Text:
    """Bytes with gaps: ``parts`` has a literal where ``slots`` names no gap."""

    parts: list[bytes]
    slots: list[tuple[int, Callable[[_Place], bytes]]]

    def fill(self, place: _Place) -> bytes:
        parts = self.parts.copy()
        for at, value in self.slots:
            parts[at] = value(place)
        return b"".join(parts)


@dataclass
class _Template:
    """One entry of a story."""

    type: int
    actor: int
    version: int
    after: _Text | None
    rest: _Text
    cause: int = field(default=0)


def _cut(text: bytes, action: bytes) -> _Text:
    parts: list[bytes] = []
    slots: list[tuple[int, Callable[[_Place], bytes]]] = []
    end = 0
    for found in _SLOT.finditer(text):
        parts += [text[end : found.start()], b""]
        slots.append((len(parts) - 1, _slot(found.group(), action)))
        end = found.end()
    return _Text([*parts, text[end:]], slots)


def _slot(found: bytes, action: bytes) -> Callable[[_Place], bytes]:
    """What fills a gap; what was found there says what it is."""
    if found == b"8613800000000":
        return lambda place: place.digits
    if found == _MODEL_LABEL.hex().encode():
        return lambda place: place.label
    if found.startswith(b'"prev"'):
        return lambda place: b'"prev":%d' % place.prev
    if found.startswith(b'"before"'):
        return lambda place: b'"before":"%s"' % place.before
    if found.startswith(b'"digest"'):
        return lambda place: b'"digest":"%s"' % sha256(action % place.digits).hexdigest().encode()
    if found.startswith(b"n-"):
        return lambda place: b"n-%016x" % place.prev
    if found.startswith(b'"day"'):
        day = int(found[6:])
        return lambda place: b'"day":%d' % (day + place.days_ms // DAY_MS)
    value = int(found)
    if value % MINUTE_MS == 0:
        return lambda place: b"%d" % (value + place.days_ms)
    return lambda place: b"%d" % (value - _MODEL_OFFSET_MS + place.offset_ms + place.days_ms)


def _template(line: Line) -> _Template:
    payload = dict(line.payload)
    after = payload.pop("after", None)
    action = b""
    if "instruction" in payload:
        told = payload["instruction"]
        content = [told["number"], told["medium"], told["action"], told["evidence"].get("original_digest", "")]
        action = encode_typed(content).replace(b"8613800000000", b"%s")  # type: ignore[arg-type]
    rest = encode_typed(payload)
    text = None if after is None else _cut(encode_typed(after), action)
    return _Template(int(line.type), line.actor, payload["version"], text, _cut(rest[1:], action))


def make_templates(first_ms: int = NOON_MS) -> list[list[_Template]]:
    """Every story, written once for a model subscriber."""
    stories = []
    for steps in STORIES:
        scribe = Scribe(PhoneNumber(_MODEL), _MODEL_LABEL, default_policy(), DECLARED)
        told = []
        for place, step in enumerate(steps):
            scribe.index, scribe.now_ms = _FIRST_INDEX + place, _step_ms(first_ms, place) + _MODEL_OFFSET_MS
            told.append(_template(step(scribe)))
        stories.append(told)
    return stories


def _step_ms(first_ms: int, place: int) -> int:
    """When a step is: some hours from one to the next, none at night."""
    return first_ms + (place // 5) * DAY_MS + (place % 5) * 3_600_000


@dataclass
class _Writer:
    """Counts indexes, and makes entries of payloads."""

    index: int = 0

    def entry(self, kind: int, actor: int, time_ms: int, label: bytes, payload: bytes) -> Shown:
        opening = Opening(self.index.to_bytes(32, "big"), payload)
        leaf = Leaf(LeafType(kind), actor, 0, time_ms, opening.commitment()).encode()
        self.index += 1
        return Shown(self.index - 1, leaf, label, opening)


def make_log(subscribers: int, epoch_every: int = 10_000, bits: int = 14) -> Iterator[Shown]:
    """The entries of so many subscribers' lives, some nine each, with an EPOCH after so many, and at the end; 0: none.

    The rules and the declarations stand first; the log begins at `NOON_MS` minus an hour.
    """
    writer = _Writer()
    yield from _make_rules(writer, NOON_MS - 3_600_000)
    chart, since, time_ms = StateMap(bits), {}, NOON_MS
    for shown, time_ms, version in _make_lives(writer, subscribers):
        yield shown
        if not epoch_every:
            continue
        since[shown.label] = Record(shown.label, shown.index, version)
        if writer.index % epoch_every == epoch_every - 1:
            yield _make_epoch(writer, chart, since.values(), time_ms)
            since = {}
    if epoch_every:
        yield _make_epoch(writer, chart, since.values(), time_ms)


def _make_rules(writer: _Writer, time_ms: int) -> Iterator[Shown]:
    adopted = {"v": 1, "label": "", "prev": NO_PREVIOUS, **write_rule_change(Adopted(default_policy()))}
    yield writer.entry(LeafType.POLICY, 0, time_ms, b"", encode_typed(adopted))
    for declared in DECLARED.values():
        payload = {"v": 1, "kind": "capabilities", "label": "", **write_capabilities(declared)}
        yield writer.entry(LeafType.STATEMENT, 0, time_ms, b"", encode_typed(payload))


def _make_lives(writer: _Writer, subscribers: int) -> Iterator[tuple[Shown, int, int]]:
    stories = make_templates()
    for first in range(0, subscribers, COHORT):
        days_ms = first // COHORT * COHORT_DAYS * DAY_MS
        places = [
            _make_place(number, number - first + 1, days_ms)
            for number in range(first, min(first + COHORT, subscribers))
        ]
        yield from _live(writer, places, stories, days_ms)


def _make_place(number: int, offset_ms: int, days_ms: int) -> tuple[_Place, bytes]:
    digits = b"86138%08d" % number
    label = sha256(digits).digest()
    return _Place(digits, label.hex().encode(), offset_ms, days_ms), label


def _live(
    writer: _Writer, places: Sequence[tuple[_Place, bytes]], stories: list[list[_Template]], days_ms: int
) -> Iterator[tuple[Shown, int, int]]:
    for step in range(max(map(len, stories))):
        base_ms = _step_ms(NOON_MS, step) + days_ms
        for turn, (place, label) in enumerate(places):
            story = stories[turn % len(stories)]
            if step >= len(story):
                continue
            template, time_ms = story[step], base_ms + place.offset_ms
            payload, before = b"{" + template.rest.fill(place), None
            if template.after is not None:
                after = template.after.fill(place)
                payload = b'{"after":' + after + b"," + payload[1:]
                before = sha256(after).hexdigest().encode()
            shown = writer.entry(template.type, template.actor, time_ms, label, payload)
            place.prev, place.before = shown.index, before or place.before
            yield shown, time_ms, template.version


def _make_epoch(writer: _Writer, chart: StateMap, records: Iterable[Record], time_ms: int) -> Shown:
    chart.put(records)
    leaf = EpochLeaf(0, chart.bits, time_ms, writer.index, chart.root())
    writer.index += 1
    return Shown(writer.index - 1, leaf.encode(), b"", None)
