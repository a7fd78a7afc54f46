"""Requests that were answered lately, on whatever connection they came (SGIP 1.2, chapter 3)."""

from __future__ import annotations

from enum import Enum

_REMEMBERED = 4096


class Repetition(Enum):
    """What a request is, as its number tells."""

    NEW = "new"
    SAME = "same"
    """Answered before; to be answered with 0 again."""
    OTHER = "other"
    """Another content came under this number before; to be answered with error 9."""


class Answered:
    """Numbers and digests of the last few thousand requests that were acknowledged; one serves all connections."""

    def __init__(self, limit: int = _REMEMBERED) -> None:
        self._limit = limit
        self._digests: dict[int, bytes] = {}

    def judge(self, sequence: int, digest: bytes) -> Repetition:
        """Tell whether a request came before."""
        known = self._digests.get(sequence)
        if known is None:
            return Repetition.NEW
        return Repetition.SAME if known == digest else Repetition.OTHER

    def remember(self, sequence: int, digest: bytes) -> None:
        """Note that a request was acknowledged."""
        self._digests[sequence] = digest
        while len(self._digests) > self._limit:
            del self._digests[next(iter(self._digests))]
