"""What every engine shares: each call of `Journal` is one run of the logic, wherever the engine runs it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from typing import ParamSpec, TypeVar

from adapters.journal.forgetting import Forgetting
from adapters.journal.logic import JournalLogic
from adapters.journal.records import Records
from adapters.journal.rows import (
    Backlog,
    Delivery,
    Erasing,
    Notice,
    Order,
    OrderVerdict,
    PartKey,
    Place,
    Prompt,
    Provision,
    Report,
    ReportMatch,
    Retention,
    Segment,
    Send,
    Waits,
)
from adapters.journal.seal import Seal
from adapters.journal.tables import Tables

P = ParamSpec("P")
T = TypeVar("T")


class LogicJournal(ABC):
    """A journal whose calls are `JournalLogic`'s, each run as one transaction by `run`."""

    def __init__(self, tables: Tables, records: Records, seal: Seal, waits: Waits) -> None:
        self._logic = JournalLogic(tables, seal, waits)
        self._forgetting = Forgetting(tables, records, seal)
        self.records = records
        self.seal = seal

    @abstractmethod
    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run one call, all or nothing, after every call before it; return once its writes are durable."""

    @abstractmethod
    async def close(self) -> None:
        """K4."""

    async def add_notice(self, notice: Notice, prompt: Prompt | None = None) -> tuple[int, bool]:
        """N1, N2."""
        return await self.run(self._logic.add_notice, notice, prompt)

    async def claim(self, account: str, limit: int, now_ms: int) -> list[Send]:
        """S1 to S8."""
        return await self.run(self._logic.claim, account, limit, now_ms)

    async def give_back(self, key: PartKey) -> None:
        """S3."""
        await self.run(self._logic.give_back, key)

    async def lose(self, key: PartKey, sequence: int, now_ms: int) -> None:
        """S4."""
        await self.run(self._logic.lose, key, sequence, now_ms)

    async def accept(self, key: PartKey, account: str, sequence: int, msg_id: bytes, now_ms: int) -> None:
        """R2, D1."""
        await self.run(self._logic.accept, key, account, sequence, msg_id, now_ms)

    async def refuse(self, key: PartKey, sequence: int, code: str, now_ms: int) -> None:
        """S9, D1."""
        await self.run(self._logic.refuse, key, sequence, code, now_ms)

    async def give_up(self, key: PartKey, sequence: int, now_ms: int) -> None:
        """R5, D1."""
        await self.run(self._logic.give_up, key, sequence, now_ms)

    async def recover(self, accounts: Collection[str], now_ms: int) -> int:
        """S5."""
        return await self.run(self._logic.recover, accounts, now_ms)

    async def take_report(self, report: Report, now_ms: int) -> ReportMatch:
        """R1, R2, R5."""
        return await self.run(self._logic.take_report, report, now_ms)

    async def sweep(self, now_ms: int) -> None:
        """S4, S7, R3, R4, R5."""
        await self.run(self._logic.sweep, now_ms)

    async def deliveries(self, limit: int) -> list[Delivery]:
        """D2."""
        return await self.run(self._logic.deliveries, limit)

    async def drop_deliveries(self, report_ids: Sequence[str]) -> None:
        """D2."""
        await self.run(self._logic.drop_deliveries, report_ids)

    async def find_prompt(self, number: str, now_ms: int) -> Prompt | None:
        """P1."""
        return await self.run(self._logic.find_prompt, number, now_ms)

    async def find_late_prompt(self, number: str, now_ms: int) -> Prompt | None:
        """P2."""
        return await self.run(self._logic.find_late_prompt, number, now_ms)

    async def close_prompt(self, prompt: Prompt) -> None:
        """P1."""
        await self.run(self._logic.close_prompt, prompt)

    async def add_segment(self, segment: Segment) -> None:
        """G1."""
        await self.run(self._logic.add_segment, segment)

    async def segments(self) -> list[Segment]:
        """G1."""
        return await self.run(self._logic.segments)

    async def drop_segments(self, group: bytes) -> None:
        """G1."""
        await self.run(self._logic.drop_segments, group)

    async def keep_reply(self, key: str, body: bytes, now_ms: int) -> bytes:
        """F1."""
        return await self.run(self._logic.keep_reply, key, body, now_ms)

    async def first_reply(self, key: str) -> bytes | None:
        """F1."""
        return await self.run(self._logic.first_reply, key)

    async def take_order(self, order: Order, now_ms: int, provision: bytes | None = None) -> OrderVerdict:
        """O1, O2."""
        return await self.run(self._logic.take_order, order, now_ms, provision)

    async def provisions(self, limit: int) -> list[Provision]:
        """O2."""
        return await self.run(self._logic.provisions, limit)

    async def drop_provision(self, order_id: str) -> None:
        """O2."""
        await self.run(self._logic.drop_provision, order_id)

    async def place(self, name: str) -> Place:
        """O3."""
        return await self.run(self._logic.place, name)

    async def move_place(self, name: str, place: Place) -> None:
        """O3."""
        await self.run(self._logic.move_place, name, place)

    async def begin_erasure(self, erasing: Erasing) -> None:
        """E1."""
        await self.run(self._forgetting.begin, erasing)

    async def erasures(self, limit: int) -> list[Erasing]:
        """E2."""
        return await self.run(self._forgetting.waiting, limit)

    async def drop_erasure(self, order_id: str) -> None:
        """E2."""
        await self.run(self._forgetting.drop, order_id)

    async def forget(self, number: str) -> int:
        """E3."""
        return await self.run(self._forgetting.forget, number)

    @abstractmethod
    async def scrub(self) -> bool:
        """E4."""

    async def purge(self, retention: Retention, now_ms: int) -> int:
        """K1."""
        return await self.run(self._logic.purge, retention, now_ms)

    async def backlog(self) -> Backlog:
        """Count what waits."""
        return await self.run(self._logic.backlog)
