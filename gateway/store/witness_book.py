"""A witness's books: of each log the checkpoint it cosigned last. Lost, the witness's key must be retired.

W1  ``last`` gives what was kept by the latest ``keep`` for this log; None if there was none.
W2  ``keep`` replaces ``old`` by ``new`` if ``old`` is what stands there, else it raises ``BookMovedError`` and nothing
changes. It returns only after the change is durable, and no cosignature may be shown before.
W3  Any other failure means that nobody knows whether it was kept: ``BookError``. Nothing was cosigned, so asking again
is safe.
W4  ``add_evidence`` keeps what a log showed and was refused for, at most ``MAX_EVIDENCE`` for each log and status: the
first are the proof, and a status that anybody can bring about leaves the others their room.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.store.base import StoreError
from gateway.tlog.checkpoint import Checkpoint

MAX_EVIDENCE = 1000


@dataclass(frozen=True, slots=True)
class Cosigned:
    """The checkpoint that was cosigned last, and when (Unix seconds)."""

    checkpoint: Checkpoint
    time_s: int


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A request that a log signed and that does not continue its history, how it was answered, and when.

    Answered 409, its signature stands under two trees of one size. Answered 422, the proof was false, which may be the
    doing of whoever sent it: no more than a reason to ask the log for a true one.
    """

    origin: str
    status: int
    request: bytes
    time_s: int


class BookMovedError(StoreError):
    """Another checkpoint was cosigned meanwhile."""

    reason = "BOOK_MOVED"


class BookForeignError(StoreError):
    """The books are another witness's."""

    reason = "BOOK_FOREIGN"


class BookError(StoreError):
    """The books failed; what was given may be kept or not."""

    reason = "BOOK_UNAVAILABLE"


class WitnessBook(Protocol):
    """See the module's sentences. The methods block for as long as one small transaction takes."""

    def last(self, origin: str) -> Cosigned | None:
        """What was cosigned last (W1)."""

    def keep(self, old: Cosigned | None, new: Cosigned) -> None:
        """Keep what will be cosigned now (W2, W3)."""

    def add_evidence(self, row: Contradiction) -> None:
        """Keep a refusal (W4)."""

    def evidence(self, origin: str) -> Sequence[Contradiction]:
        """All of a log's, oldest first."""

    def close(self) -> None:
        """Let go of them."""
