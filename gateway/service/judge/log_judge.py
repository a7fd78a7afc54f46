"""The judge: each entry's cause decided again, and all that stands in the entry compared with what follows from it."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import orjson

from gateway.domain.codec import Map, read_subscriber, write_subscriber
from gateway.domain.erasure import may_erase
from gateway.domain.errors import RefusedError
from gateway.domain.porting import Follows, begin_unheard
from gateway.domain.subscription import Subscriber
from gateway.service.judge.case import About, Case, Kind, Ruling, WrongError
from gateway.service.judge.guardians import overhear_cause
from gateway.service.judge.memory import Memory, Sequel, load_memory
from gateway.service.judge.table import kinds
from gateway.service.operator_keys import OperatorKeys
from gateway.service.record import PAYLOAD_VERSION
from gateway.service.subjects import standing_of
from gateway.tlog.leaf import LeafType
from gateway.tlog.replay import Judged

MOST_CACHED = 1 << 16
"""How many subjects' states are kept as objects; the others are read again when their next entry comes."""

_NOBODYS, _SUBJECTS = frozenset({"v", "kind", "label"}), frozenset({"v", "kind", "label", "prev", "version", "before"})
_WORD = re.compile(r"[A-Za-z][A-Za-z_-]{0,39}", re.ASCII)
_MISSING = object()
_UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, OverflowError)


class LogJudge:
    """Judges a log's entries in order, from the first. ``keys`` are operators' offline keys, where they keep such.

    It names what is wrong by kind, in sentences without personal data. What it has found wrong it takes as it stands
    from then on, so that one lie is named once.
    """

    def __init__(self, keys: OperatorKeys | None = None) -> None:
        self._kinds = kinds(keys or OperatorKeys())
        self._memory = Memory()
        self._states: OrderedDict[bytes, Subscriber] = OrderedDict()

    def dump(self) -> bytes:
        """What it knows of the entries so far, to go on from. It holds numbers: keep it as you keep openings."""
        return self._memory.dump()

    def load(self, data: bytes) -> None:
        """Go on from there. Raises JudgeStateError."""
        self._memory = load_memory(data)
        self._states.clear()

    def pass_over(self, index: int, label: bytes) -> None:
        """Hear of an entry about a subject whose opening is gone: what was known of it is not any more."""
        self._states.pop(label, None)
        self._memory.lose(label)
        self._memory.unseen = index

    def overhear(self, index: int, payload: Mapping[str, Any], epoch: int) -> None:
        """Hear of an entry that another judge decides, about a subject of this epoch."""
        with suppress(*_UNREADABLE):
            overhear_cause(self._memory, index, payload, epoch)

    def forget(self, label: bytes, before: bytes | None, time_ms: int) -> Iterable[str]:
        """Forget a subject that was erased, and say if that was before its time."""
        known = self._states.pop(label, None)
        self._memory.forget(label)
        if known is None and before is None:
            return ()
        try:
            holder = read_subscriber(orjson.loads(before or b"")) if known is None else known
        except _UNREADABLE:
            return ()
        return () if may_erase(holder, time_ms) else ("erase: the retention of what proves its consents is not over",)

    def judge(self, entry: Judged) -> Iterable[str]:
        """Say what is wrong with an entry."""
        name = entry.payload.get("kind")
        kind = self._kinds.get(name) if isinstance(name, str) else None
        if kind is None:
            return [f"kind: {_word(name)} is a kind that nobody knows"]
        if not entry.is_known:
            self.pass_over(entry.index, entry.label)
            return ()
        memory = self._memory
        memory.last_ms = entry.leaf.accept_time_ms
        try:
            if memory.unseen == entry.index - 1 and _is_sequel(entry):
                self._take_unseen(entry)
                return ()
            found = self._decide_again(entry, kind)
        except WrongError as error:
            found = [str(error)]
        except _UNREADABLE:
            found = ["it cannot be read as what it says it is"]
            self._states.pop(entry.label, None)
        return [f"{name}: {sentence}" for sentence in found] if found else ()

    def _take_unseen(self, entry: Judged) -> None:
        """Take what cannot be decided again as it stands; the erasure that hid its cause has to be accounted for."""
        after, memory = read_subscriber(entry.payload["after"]), self._memory
        if entry.before is None:
            memory.holders[after.number] = entry.label
            memory.since[entry.label] = entry.leaf.accept_time_ms
        self._states[entry.label] = after

    def _decide_again(self, entry: Judged, kind: Kind) -> list[str]:
        sequel = None if self._memory.sequel is None else self._due(*self._memory.sequel, entry.index)
        case = self._open(entry, kind, sequel)
        found = _check_form(entry, kind)
        ruling: Ruling | None = None
        try:
            ruling, wrong = self._compare(case, entry, kind, sequel)
            found += wrong
        except WrongError as error:
            found.append(str(error))
        except RefusedError as refusal:
            found.append(f"the registry would have refused it: {refusal.reason.value}")
        if ruling is not None and ruling.sequel is not None:
            self._memory.sequel = entry.index + 1, ruling.sequel
        self._go_on(case, entry, None if found or ruling is None else ruling.after)
        if kind.heed is not None:
            try:
                kind.heed(case)
            except _UNREADABLE:
                found = found or ["it cannot follow from what was before"]
        return found

    def _due(self, due: int, sequel: Sequel, index: int) -> Sequel | None:
        """What must stand at an index, since the entry before it was not alone."""
        self._memory.sequel = None
        if due == index:
            return sequel
        if sequel.begins:
            # Its opening is gone: who holds the number now is not known.
            self._memory.holders.pop(sequel.state.number, None)
        return None

    def _open(self, entry: Judged, kind: Kind, sequel: Sequel | None) -> Case:
        """The case. Raises WrongError if there is none to be made of it."""
        label, before, holder = entry.label, entry.before, None
        is_first = bool(label) and before is None
        if is_first:
            holder = self._begin(entry, kind, sequel)
        elif before is not None:
            holder = self._states.get(label) or read_subscriber(orjson.loads(before))
        time_ms = entry.leaf.accept_time_ms
        return Case(entry.index, time_ms, entry.payload, label, holder, is_first, self._memory)

    def _begin(self, entry: Judged, kind: Kind, sequel: Sequel | None) -> Subscriber:
        """The state from which a subject begins. Raises WrongError if it may not begin with this entry."""
        memory = self._memory
        if sequel is not None and sequel.begins:
            memory.holders[sequel.state.number] = entry.label
            return sequel.state
        if sequel is None and kind.begins is None:
            raise WrongError("nobody is known whom it could be about")
        number = sequel.state.number if sequel is not None else kind.begins(entry.payload)  # type: ignore[misc]
        if memory.holder_of(number) is not None:
            memory.holders[number] = entry.label
            raise WrongError("the number has a holder already")
        memory.holders[number] = entry.label
        state, after = begin_unheard(number), entry.payload.get("after")
        if memory.has_erased and isinstance(after, dict):
            # Who holds an erased holder's number is somebody else, in an epoch of which the erased opening told.
            return Subscriber(number, after["epoch"], state.carrier, state.basis)
        return state

    def _compare(self, case: Case, entry: Judged, kind: Kind, sequel: Sequel | None) -> tuple[Ruling, list[str]]:
        """The ruling that the entry agrees with, or else the first one, and what differs from it."""
        if sequel is not None:
            return self._compare_sequel(case, entry, sequel)
        holder = case.holder
        if kind.by_number and holder is not None and case.memory.holders.get(holder.number, case.label) != case.label:
            raise WrongError("somebody else holds the number by now")
        first: tuple[Ruling, list[str]] | None = None
        for ruling in kind.rule(case):
            wrong = _list_differences(case, entry, ruling)
            if not wrong:
                return ruling, wrong
            first = first or (ruling, wrong)
        if first is None:
            raise WrongError("nothing had happened that it could be about")
        return first

    def _compare_sequel(self, case: Case, entry: Judged, sequel: Sequel) -> tuple[Ruling, list[str]]:
        number = sequel.state.number
        is_about = case.label == case.memory.holders.get(number, case.label) and bool(case.label)
        if not is_about or entry.payload["kind"] != sequel.kind or case.is_first < sequel.begins:
            raise WrongError(f"the entry before it should be followed by another {sequel.kind}")
        after = case.holder if sequel.state == case.holder else sequel.state
        ruling = Ruling(sequel.content, after, sequel.actor)
        return ruling, _list_differences(case, entry, ruling)

    def _go_on(self, case: Case, entry: Judged, decided: Subscriber | None) -> None:
        """Take the state after the entry, as it stands there, as the one before the next."""
        before = case.holder
        if before is None:
            return
        after = before
        if "after" in entry.payload:
            try:
                after = decided if decided is not None else read_subscriber(entry.payload["after"])
            except _UNREADABLE:
                self._states.pop(case.label, None)
                return
        if after.epoch > 1 and (case.is_first or standing_of(after) != standing_of(before)):
            case.memory.since[case.label] = case.time_ms
        states = self._states
        if case.label not in states and len(states) >= MOST_CACHED:
            # A plain dict would search for its first key among all that were dropped before.
            states.popitem(last=False)
        states[case.label] = after


def _is_sequel(entry: Judged) -> bool:
    """Whether an entry follows from the one just before."""
    payload = entry.payload
    if payload["kind"] == "guardian":
        return payload.get("cause") == entry.index - 1
    is_heir = payload["kind"] == "number_event" and payload.get("follows") == Follows.NEW_EPOCH.value
    return is_heir and entry.before is None


def _check_form(entry: Judged, kind: Kind) -> list[str]:
    """Whom it is about, and the type of its leaf where that does not depend on the outcome."""
    found = []
    if entry.payload.get("v") != PAYLOAD_VERSION:
        found.append("another layout than is known")
    if entry.leaf.flags:
        found.append("the leaf bears flags that mean nothing")
    if kind.about is About.NOBODY and entry.label:
        found.append("it is about somebody, and should be about nobody")
    if kind.about is About.SUBJECT and not entry.label:
        found.append("it is about nobody, and should be about somebody")
    if not entry.label and entry.leaf.type is not kind.leaf_type:
        found.append("the leaf is of another type")
    return found


def _list_differences(case: Case, entry: Judged, ruling: Ruling) -> list[str]:
    """Everything in which an entry is not what the ruling says."""
    payload, after, content = entry.payload, ruling.after, ruling.content
    found, present, known = [], len(payload), len(_SUBJECTS if case.label else _NOBODYS)
    if entry.leaf.actor != ruling.actor:
        found.append(f"actor {entry.leaf.actor} where {ruling.actor} speaks")
    if not content.items() <= payload.items():
        found += _list_words(payload, content)
    if after is not None:
        changed, written = case.is_first or after is not case.holder, payload.get("after")
        if payload["version"] != after.version:
            found.append("version is not the one that follows")
        if changed and written != write_subscriber(after):
            found.append("the state after is not the one that follows")
        if changed is not (entry.leaf.type is LeafType.CHANGE) or changed is (written is None):
            found.append("it leaves a state that changes" if changed else "it changes a state that stays")
        present -= written is not None
    if present != known + len(content):
        found.append("it holds a field that nobody knows, or lacks one")
    return found


def _list_words(payload: Mapping[str, Any], content: Map) -> Iterator[str]:
    """The fields of which the payload says something else than follows."""
    for name, value in content.items():
        told = payload.get(name, _MISSING)
        if told != value:
            yield f"{name}{_explain(told, value)} is not what follows"


def _explain(told: Any, value: Any) -> str:
    """The words in which two values differ, where they are words of ours and nobody's data."""
    if isinstance(told, dict) and isinstance(value, dict):
        return _explain(_describe(told), _describe(value))
    told, value = _word(told), _word(value)
    return "" if told == value else f" ({told} where {value} follows)"


def _describe(verdict: dict[str, Any]) -> str | None:
    """A verdict's reason, or its disposition where it has none."""
    said = verdict.get("reason") or verdict.get("disposition")
    return said if isinstance(said, str) else None


def _word(value: Any) -> str:
    """A word as it is, if it can be no personal data; digests, versions and what else has digits is left out."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else "something"


__all__ = ["LogJudge"]
