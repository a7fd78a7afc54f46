"""The head of the log: how far it reaches, and all that is needed to continue it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from gateway.tlog.compact import CompactRange


class HeadError(ValueError):
    """A head contradicts itself or its predecessor; `reason` is SIZE, ROOT or TIME."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Head:
    """The log after `size` entries.

    `root` is the tree's root hash, `range` its compact range, `time_ms` the accept time of the last entry (Unix
    milliseconds; 0 while the log is empty). Raises `HeadError` unless size and root are those of the range, so a
    row that was damaged in the store cannot become a head.
    """

    size: int
    root: bytes
    range: CompactRange
    time_ms: int

    def __post_init__(self) -> None:
        if self.size != self.range.size:
            raise HeadError("SIZE")
        if self.root != self.range.root():
            raise HeadError("ROOT")
        if self.time_ms < 0:
            raise HeadError("TIME")

    @classmethod
    def empty(cls) -> Self:
        """Give the head of a log without entries."""
        return cls.of(CompactRange(), 0)

    @classmethod
    def of(cls, compact_range: CompactRange, time_ms: int) -> Self:
        """Give the head over a compact range."""
        return cls(compact_range.size, compact_range.root(), compact_range, time_ms)

    def extend(self, leaf_hashes: Sequence[bytes], time_ms: int) -> Self:
        """Append leaves, given by their hashes; raises `HeadError` (TIME) if `time_ms` lies before this head's."""
        if time_ms < self.time_ms:
            raise HeadError("TIME")
        return self.of(self.range.append_many(leaf_hashes), time_ms)


def next_time(previous_ms: int, now_ms: int) -> int:
    """Give the accept time of the next entry: the clock's, unless it stepped back behind the last entry."""
    return max(previous_ms, now_ms)
