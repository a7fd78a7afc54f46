"""The journal's engines, each with the ways a test can stop it, and samples to put in."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from adapters.journal.base import Journal
from adapters.journal.memory import MemoryJournal
from adapters.journal.rows import Notice, Origin, PartKey, Report, SmsBody, Waits
from adapters.journal.sqlite import open_journal

KEY = bytes(range(32))
NUMBER = "+8613800138000"
OTHER = "+8613800138001"
ACCOUNT = "901234"
T0 = 1_800_000_000_000
HOUR = 3_600_000
WAITS = Waits(resend_after_ms=1_000, report_wait_ms=48 * HOUR, max_attempts=3)


@dataclass
class SqliteEngine:
    """Kills by copying what lies on the disk at that moment, and leaving the old process's journal behind."""

    folder: Path
    lives: int = 0
    opened: list[Journal] = field(default_factory=list)

    def open(self) -> Journal:
        journal = open_journal(self.path, KEY, WAITS, T0)
        self.opened.append(journal)
        return journal

    def kill_and_open(self, _killed: Journal) -> Journal:
        old = self.path
        self.lives += 1
        for suffix in ("", "-wal"):
            if (side := Path(f"{old}{suffix}")).exists():
                shutil.copy(side, f"{self.path}{suffix}")
        return self.open()

    @property
    def path(self) -> Path:
        return self.folder / f"journal-{self.lives}.sqlite"

    async def close(self) -> None:
        for journal in self.opened:
            await journal.close()


@dataclass
class MemoryEngine:
    """Has nothing to lose but its process; a kill leaves it as it was."""

    journal: MemoryJournal = field(default_factory=lambda: MemoryJournal(WAITS))

    def open(self) -> Journal:
        return self.journal

    def kill_and_open(self, killed: Journal) -> Journal:
        return killed

    async def close(self) -> None:
        await self.journal.close()


Engine = SqliteEngine | MemoryEngine


def make_notice(
    notice_id: str = "n-1",
    number: str = NUMBER,
    parts: int = 1,
    origin: Origin = Origin.GATEWAY,
    account: str = "",
    expire_ms: int = T0 + 24 * HOUR,
) -> Notice:
    bodies = tuple(SmsBody(8, int(parts > 1), f"文{part}".encode("utf-16-be")) for part in range(1, parts + 1))
    return Notice(notice_id, origin, number, bodies, T0, expire_ms, account, b"LINK-1")


def part(number: int = 1, notice_id: str = "n-1") -> PartKey:
    return PartKey(notice_id, number)


def make_msg_id(serial: int) -> bytes:
    return serial.to_bytes(8, "big")


def make_report(msg_id: bytes, number: str = NUMBER, *, delivered: bool = True, code: str = "DELIVRD") -> Report:
    return Report(ACCOUNT, msg_id, number, delivered, code)
