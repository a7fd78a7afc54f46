"""The directory of lines from which voice-call platforms place calls, and who may declare what in it. Pure.

* A line is an exact number or a prefix, held by one platform, hosted by one carrier, declared for one category.
* Two lines overlap if some number and some instant belong to both. Lines of different holders, or of different
  carriers, never overlap: the later one is a conflict.
* Within one holder and carrier a line may lie inside a block of another category: the most specific line speaks.
* A declaration says what holds from its start on: it ends what the same holder had declared for the same number.
* A withdrawal ends it, now or at the time given.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from gateway.domain.errors import Reason, RefusedError
from gateway.domain.policy import Policy


@dataclass(frozen=True, slots=True)
class Line:
    """A line, or with ``is_prefix`` a block of lines, from which ``holder`` places calls of one category.

    It holds from ``start_ms`` until ``end_ms`` (exclusive; None: until withdrawn), Unix ms.
    """

    number: str
    is_prefix: bool
    holder: str
    carrier: str
    category: str
    start_ms: int = 0
    end_ms: int | None = None

    @property
    def key(self) -> LineKey:
        """What it speaks of."""
        return self.number, self.is_prefix

    @property
    def owner(self) -> tuple[str, str]:
        """Whose it is."""
        return self.holder, self.carrier

    def holds_at(self, time_ms: int) -> bool:
        """True from its start until its end."""
        return self.start_ms <= time_ms and self.ends_after(time_ms)

    def ends_after(self, time_ms: int) -> bool:
        """True unless it has ended by then."""
        return self.end_ms is None or time_ms < self.end_ms

    def meets(self, other: Line) -> bool:
        """True if some instant belongs to both."""
        return self.ends_after(other.start_ms) and other.ends_after(self.start_ms)


LineKey = tuple[str, bool]
Table = Mapping[str, tuple[Line, ...]]


@dataclass(frozen=True, slots=True)
class LineChange:
    """A line declared, or withdrawn: then it ends at its ``end_ms``."""

    line: Line
    withdraw: bool = False

    @property
    def from_ms(self) -> int:
        """From when on the owner's earlier word for the same number no longer counts."""
        return (self.line.end_ms or 0) if self.withdraw else self.line.start_ms


class Directory:
    """All lines that have not ended, by number. It never changes: ``apply`` makes another."""

    def __init__(self, exact: Table = {}, blocks: Table = {}) -> None:  # noqa: B006 - never changed
        self._exact = exact
        self._blocks = blocks

    @cached_property
    def _lengths(self) -> tuple[int, ...]:
        return tuple(sorted(set(map(len, self._blocks)), reverse=True))

    @cached_property
    def _keys(self) -> list[LineKey]:
        return sorted([*((number, False) for number in self._exact), *((prefix, True) for prefix in self._blocks)])

    def _held(self, key: LineKey) -> tuple[Line, ...]:
        number, is_prefix = key
        return (self._blocks if is_prefix else self._exact).get(number, ())

    def __iter__(self) -> Iterator[Line]:
        """Every line, in order of number."""
        return self.after(None)

    def find(self, number: str, time_ms: int) -> list[Line]:
        """The lines that hold for ``number`` at a time, the most specific first."""
        return [line for line in self._covering(number) if line.holds_at(time_ms)]

    def overlapping(self, line: Line) -> list[Line]:
        """All lines that share a number with ``line``, at whatever time."""
        covering = self._covering(line.number, exact=not line.is_prefix)
        return [*covering, *(self._within(line.number) if line.is_prefix else ())]

    def after(self, key: LineKey | None) -> Iterator[Line]:
        """Every line behind a key, in order of number; all of them behind None."""
        for known in self._keys[0 if key is None else bisect_right(self._keys, key) :]:
            yield from self._held(known)

    def apply(self, changes: Iterable[LineChange], now_ms: int) -> Directory:
        """The directory after changes that were accepted; lines that ended before ``now_ms`` may be forgotten."""
        exact, blocks = dict(self._exact), dict(self._blocks)
        for change in changes:
            number, table = change.line.number, blocks if change.line.is_prefix else exact
            held = tuple(line for line in apply_change(table.get(number, ()), change) if line.ends_after(now_ms))
            if held:
                table[number] = held
            else:
                table.pop(number, None)
        return Directory(exact, blocks)

    def _covering(self, number: str, *, exact: bool = True) -> Iterator[Line]:
        if exact:
            yield from self._exact.get(number, ())
        for length in self._lengths:
            if length <= len(number):
                yield from self._blocks.get(number[:length], ())

    def _within(self, prefix: str) -> Iterator[Line]:
        """Lines that begin with the prefix, but for the block itself."""
        for key in self._keys[bisect_left(self._keys, (prefix, False)) :]:
            if not key[0].startswith(prefix):
                break
            if key != (prefix, True):
                yield from self._held(key)


NO_LINES = Directory()


def directory_of(lines: Iterable[Line]) -> Directory:
    """A directory that holds these lines."""
    return NO_LINES.apply((LineChange(line) for line in lines), 0)


def apply_change(held: Iterable[Line], change: LineChange) -> tuple[Line, ...]:
    """What is held for one number after a change to it: the owner's earlier word is cut where the change begins."""
    kept = [
        line if line.owner != change.line.owner else _cut(line, change.from_ms)
        for line in held
        if line.owner != change.line.owner or line.start_ms < change.from_ms
    ]
    return (*kept, *(() if change.withdraw else (change.line,)))


def _cut(line: Line, end_ms: int) -> Line:
    return replace(line, end_ms=end_ms) if line.ends_after(end_ms) else line


def check_line(line: Line, policy: Policy) -> None:
    """Refuse a line that no directory can hold under this policy.

    RefusedError (WRONG_CARRIER, UNKNOWN_CATEGORY, INVALID_FIELD, NOT_REFUSABLE).
    """
    if not policy.knows_carrier(line.carrier):
        raise RefusedError(Reason.WRONG_CARRIER, "the federation does not know this carrier")
    if line.category not in policy.taxonomy:
        raise RefusedError(Reason.UNKNOWN_CATEGORY, "the taxonomy has no such category", field="line.category")
    if line.end_ms is not None and line.end_ms <= line.start_ms:
        raise RefusedError(Reason.INVALID_FIELD, "it ends before it begins", field="line.end_time")
    if any(covers(line.number, line.is_prefix, number) for number in policy.protected_numbers):
        raise RefusedError(Reason.NOT_REFUSABLE, "a protected number is nobody's line", field="line.number")


def covers(number: str, is_prefix: bool, other: str) -> bool:
    """True if ``other`` is the number, or begins with the prefix."""
    return other.startswith(number) if is_prefix else other == number


def find_conflict(line: Line, held: Iterable[Line]) -> Line | None:
    """The first of the lines that share a number with ``line`` which is in its way; None if there is none."""
    return min(
        (other for other in held if other.owner != line.owner and other.meets(line)),
        key=lambda other: (other.number, other.is_prefix, other.start_ms),
        default=None,
    )


class LineConflictError(RefusedError):
    """A line in the way: ``line``, as the carrier that declared may see it."""

    def __init__(self, line: Line) -> None:
        super().__init__(Reason.LINE_CONFLICT, "another holder's line is in the way", field="line.number")
        self.line = line


def declare(wanted: Line, directory: Directory, policy: Policy, now_ms: int) -> LineChange:
    """A declaration that may be recorded; it begins now at the earliest.

    RefusedError (those of `check_line`) and LineConflictError.
    """
    line = replace(wanted, start_ms=max(wanted.start_ms, now_ms))
    check_line(line, policy)
    conflict = find_conflict(line, directory.overlapping(line))
    if conflict is not None:
        raise LineConflictError(seen_by_carrier(conflict, line.carrier))
    return LineChange(line)


def withdraw(wanted: Line, directory: Directory, now_ms: int) -> LineChange:
    """A withdrawal that may be recorded: of the owner's own line, now or at its end if that is later. NOT_FOUND."""
    end_ms = max(wanted.end_ms or 0, now_ms)
    held = [line for line in directory.overlapping(wanted) if (line.key, line.owner) == (wanted.key, wanted.owner)]
    if not any(line.ends_after(end_ms) for line in held):
        raise RefusedError(Reason.NOT_FOUND, "there is no such line to withdraw", field="line.number")
    return LineChange(replace(held[-1], end_ms=end_ms), withdraw=True)


def seen_by_carrier(line: Line, carrier: str) -> Line:
    """The line as another carrier may see it in a conflict: without its holder."""
    return line if line.carrier == carrier else replace(line, holder="")
