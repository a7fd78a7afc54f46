"""Sequence numbers of requests: 32 bits, step 1, used in a circle (CMPP 3.0.0 §8.3)."""

from __future__ import annotations

from collections.abc import Container

MAX_SEQUENCE = 2**32 - 1


class SequenceNumbers:
    """Hands out numbers from `first` on; after 2³²−1 comes `lowest`."""

    def __init__(self, first: int = 1, lowest: int = 1) -> None:
        if not 0 <= lowest <= first <= MAX_SEQUENCE:
            raise ValueError("a first sequence number lies between the lowest and 2**32 - 1")
        self._next = first
        self._lowest = lowest

    def take(self, in_use: Container[int] = (), now: float = 0.0) -> int:
        """Return the next number that is not `in_use`: an answer must never match two requests. `now` is not used."""
        del now
        while self._next in in_use:
            self._advance()
        taken = self._next
        self._advance()
        return taken

    def _advance(self) -> None:
        self._next = self._lowest if self._next == MAX_SEQUENCE else self._next + 1
