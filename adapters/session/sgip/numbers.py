"""Sequence numbers of SGIP: node, time of day and serial, 12 bytes in all (SGIP 1.2, chapter 3).

A message is known by the number it was submitted under, so one `SgipNumbers` serves all connections of a link: the
serial goes on where the last connection left it.
"""

from __future__ import annotations

from collections.abc import Container
from datetime import datetime, timedelta

from adapters.session.login import make_timestamp
from adapters.session.sequence import SequenceNumbers
from adapters.wire.sgip import Sequence


class SgipNumbers:
    """Satisfies `adapters.session.link.Numbering`; numbers are the 96 bits as one integer."""

    def __init__(self, node: int, first_serial: int = 0) -> None:
        self._node = node
        self._serials = SequenceNumbers(first_serial, lowest=0)
        self._wall: datetime | None = None
        self._set_at = 0.0

    def set_time(self, now: float, wall: datetime) -> None:
        """Note that it is `wall` o'clock at `now`; to be called before the first number is taken."""
        make_timestamp(wall)
        self._wall, self._set_at = wall, now

    def take(self, in_use: Container[int], now: float) -> int:
        """Return the next number that is not in use."""
        if self._wall is None:
            raise ValueError("a sequence number needs the time of day")
        timestamp = make_timestamp(self._wall + timedelta(seconds=now - self._set_at))
        while True:
            number = int(Sequence(self._node, timestamp, self._serials.take()))
            if number not in in_use:
                return number
