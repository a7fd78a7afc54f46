"""What a protocol's result codes say about sending the same message again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adapters.session.events import RetryClass


@dataclass(frozen=True, slots=True)
class ResultTable:
    """The codes of one protocol, or of one dialect of it; reserved and vendor codes are permanent."""

    classes: Mapping[int, RetryClass]

    def classify(self, result: int) -> RetryClass:
        """Return what to do about a message that was answered with `result`."""
        return self.classes.get(result, RetryClass.PERMANENT)

    def label(self, result: int) -> str:
        """Name a code for counters: bounded, because a peer may invent four thousand million codes."""
        return str(result) if result in self.classes else "other"
