"""A judge that other processes can import: it knows nothing but how many entries it has seen, and what it was told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.tlog.shown import Judged


class PlainJudge:
    """Finds fault with instructions of one id, so that tests can see that it was asked."""

    def __init__(self) -> None:
        self.seen = 0

    def judge(self, entry: Judged) -> Iterable[str]:
        self.seen += 1
        instruction = entry.payload.get("instruction", {})
        if instruction.get("id") == "unfair":
            yield "not by the rules"

    def overhear(self, index: int, payload: Mapping[str, Any], epoch: int) -> None:
        pass

    def pass_over(self, index: int, label: bytes) -> None:
        self.seen += 1

    def forget(self, label: bytes, before: bytes | None, time_ms: int) -> Iterable[str]:
        return ()

    def dump(self) -> bytes:
        return b"%d" % self.seen

    def load(self, data: bytes) -> None:
        self.seen = int(data)
