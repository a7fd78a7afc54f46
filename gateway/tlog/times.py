"""Times of entries held against the clocks of witnesses: what monotony alone does not catch.

Between two checkpoints that witnesses cosigned lie entries that nobody can have accepted long before the first was
cosigned or after the second was. Since times never decrease along a log, which is looked at elsewhere, the first and
the last of them tell for all.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from gateway.tlog.policy import bound_times
from gateway.tlog.walk import Finding

SLACK_S = 60
LIARS = 1


class Clock(StrEnum):
    """What is wrong with an entry's time."""

    BACK_DATED = "back_dated"
    """Its time lies before the witnesses saw a checkpoint that does not hold it yet."""
    POST_DATED = "post_dated"
    """Its time lies after the witnesses saw it in a checkpoint."""


@dataclass(frozen=True, slots=True)
class Witnessed:
    """A checkpoint's size, and when its witnesses cosigned it, Unix seconds."""

    size: int
    times_s: tuple[int, ...]


NOTHING = Witnessed(0, ())
"""Before the first checkpoint."""


def look_at_times(
    older: Witnessed, newer: Witnessed, time_of: Callable[[int], int], *, slack_s: int = SLACK_S, liars: int = LIARS
) -> Iterator[Finding]:
    """Look at the entries that `newer` has and `older` has not; `time_of` gives an entry's time by index, Unix ms.

    One finding of each kind, at the first entry it is true of, and how many there are.
    """
    entries = range(older.size, newer.size)
    if not entries:
        return
    bounds = bound_times(older.times_s, newer.times_s, slack_s=slack_s, liars=liars)
    if time_of(entries[0]) < bounds.earliest_ms:
        count = bisect_left(entries, bounds.earliest_ms, key=time_of)
        late_s = (bounds.earliest_ms - time_of(entries[0])) // 1000
        yield Finding(entries[0], Clock.BACK_DATED, f"{count} entries, by up to {late_s} s")
    if time_of(entries[-1]) > bounds.latest_ms:
        at = bisect_right(entries, bounds.latest_ms, key=time_of)
        early_s = (time_of(entries[-1]) - bounds.latest_ms) // 1000
        yield Finding(entries[at], Clock.POST_DATED, f"{len(entries) - at} entries, by up to {early_s} s")
