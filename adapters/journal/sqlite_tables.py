"""`Tables` in SQLite: one statement per question."""
# ruff: noqa: D102, S608 - the words stand at Tables; statements are built of our own column names only

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import astuple, fields
from typing import Any, Final

from adapters.journal.rows import (
    LATE_PROMPT_MS,
    Backlog,
    Delivery,
    Origin,
    PartKey,
    Place,
    Progress,
    Retention,
    Segment,
    SendState,
)
from adapters.journal.tables import ErasureRow, NoticeRow, OrderRow, ParkedRow, PartRow, PromptRow, ProvisionRow, Tables


def _names(row_type: type[Any]) -> str:
    return ", ".join(field.name for field in fields(row_type))


def _marks(row_type: type[Any]) -> str:
    return ", ".join("?" for _ in fields(row_type))


_NOTICE: Final = _names(NoticeRow)
_PART: Final = _names(PartRow)
_PARKED: Final = _names(ParkedRow)
_PROMPT: Final = _names(PromptRow)
_ORDER: Final = _names(OrderRow)
_PROVISION: Final = _names(ProvisionRow)
_ERASURE: Final = _names(ErasureRow)
_DELIVERY: Final = _names(Delivery)
_SEGMENT: Final = "group_key, part, sealed, arrived_ms"
_SELECT_PARTS: Final = f"SELECT {_PART} FROM parts"


class SqliteTables(Tables):
    """Rows of one connection, inside whatever transaction its owner has begun."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def next_ordinal(self) -> int:
        return self._count("SELECT coalesce(max(ordinal), 0) + 1 FROM notices")

    def insert_notice(self, row: NoticeRow, parts: Sequence[PartRow]) -> None:
        self._insert("notices", _NOTICE, row)
        for part in parts:
            self._insert("parts", _PART, part)

    def notice(self, notice_id: str) -> NoticeRow | None:
        row = self._one(f"SELECT {_NOTICE} FROM notices WHERE notice_id = ?", notice_id)
        return None if row is None else _read_notice(row)

    def update_notice(self, row: NoticeRow) -> None:
        self._connection.execute(
            "UPDATE notices SET told = ?, finished_ms = ? WHERE notice_id = ?",
            (row.told, row.finished_ms, row.notice_id),
        )

    def part(self, key: PartKey) -> PartRow | None:
        found = self._parts("WHERE notice_id = ? AND part = ?", key.notice_id, key.part)
        return found[0] if found else None

    def parts(self, notice_id: str) -> list[PartRow]:
        return self._parts("WHERE notice_id = ? ORDER BY part", notice_id)

    def update_part(self, row: PartRow) -> None:
        self._insert("parts", _PART, row, verb="REPLACE")

    def part_by_msg_id(self, account: str, msg_id: bytes) -> PartRow | None:
        found = self._parts(
            "WHERE account = ? AND msg_id = ? ORDER BY ordinal DESC, part DESC LIMIT 1", account, msg_id
        )
        return found[0] if found else None

    def queued(self, account: str, now_ms: int, limit: int) -> list[PartRow]:
        return self._parts(
            "WHERE state = 'queued' AND wanted_account IN ('', ?) AND expire_ms > ? ORDER BY ordinal, part LIMIT ?",
            account, now_ms, limit,
        )  # fmt: skip

    def expired(self, now_ms: int, limit: int) -> list[PartRow]:
        return self._parts("WHERE state = 'queued' AND expire_ms <= ? LIMIT ?", now_ms, limit)

    def lost(self, lost_before_ms: int, limit: int) -> list[PartRow]:
        return self._parts(
            "WHERE state = 'sent' AND lost_ms <= ? ORDER BY ordinal, part LIMIT ?", lost_before_ms, limit
        )

    def unanswered(self) -> list[PartRow]:
        return self._parts("WHERE state = 'sent' AND lost_ms IS NULL ORDER BY ordinal, part")

    def nameless(self, sent_after_ms: int, limit: int) -> list[PartRow]:
        return self._parts("WHERE state = 'unknown' AND msg_id IS NULL AND sent_ms > ? LIMIT ?", sent_after_ms, limit)

    def unreported(self, sent_before_ms: int, limit: int) -> list[PartRow]:
        return self._parts("WHERE state = 'accepted' AND sent_ms <= ? LIMIT ?", sent_before_ms, limit)

    def free_accounts(self, known: Sequence[str]) -> None:
        marks = ", ".join("?" for _ in known)
        self._connection.execute(
            "UPDATE parts SET wanted_account = '' WHERE state IN ('queued', 'sent')"
            f" AND wanted_account NOT IN ({marks})",
            tuple(known),
        )

    def park(self, row: ParkedRow) -> bool:
        return self._insert("parked", _PARKED, row, verb="INSERT OR IGNORE") == 1

    def parked(self, account: str, msg_id: bytes) -> ParkedRow | None:
        row = self._one(f"SELECT {_PARKED} FROM parked WHERE account = ? AND msg_id = ?", account, msg_id)
        return None if row is None else _read_parked(row)

    def parked_for(self, account: str, number_key: bytes, since_ms: int) -> ParkedRow | None:
        row = self._one(
            f"SELECT {_PARKED} FROM parked WHERE number_key = ? AND received_ms >= ? AND account = ?"
            " ORDER BY received_ms, msg_id LIMIT 1",
            number_key, since_ms, account,
        )  # fmt: skip
        return None if row is None else _read_parked(row)

    def unpark(self, row: ParkedRow) -> None:
        self._connection.execute("DELETE FROM parked WHERE account = ? AND msg_id = ?", (row.account, row.msg_id))

    def drop_parked(self, received_before_ms: int) -> int:
        return self._delete("DELETE FROM parked WHERE received_ms <= ?", received_before_ms)

    def insert_delivery(self, row: Delivery) -> None:
        self._insert("deliveries", _DELIVERY, row, verb="INSERT OR IGNORE")

    def deliveries(self, limit: int) -> list[Delivery]:
        rows = self._connection.execute(
            f"SELECT {_DELIVERY} FROM deliveries ORDER BY place LIMIT ?",
            (limit,),
        )
        return [Delivery(row[0], row[1], Progress(row[2]), *row[3:]) for row in rows]

    def drop_deliveries(self, report_ids: Sequence[str]) -> None:
        self._connection.executemany(
            "DELETE FROM deliveries WHERE report_id = ?", [(report_id,) for report_id in report_ids]
        )

    def put_prompt(self, row: PromptRow) -> None:
        self._insert("prompts", _PROMPT, row, verb="REPLACE")

    def prompt(self, number_key: bytes) -> PromptRow | None:
        row = self._one(f"SELECT {_PROMPT} FROM prompts WHERE number_key = ?", number_key)
        return None if row is None else PromptRow(*row)

    def drop_prompt(self, number_key: bytes) -> None:
        self._delete("DELETE FROM prompts WHERE number_key = ?", number_key)

    def add_segment(self, row: Segment) -> None:
        self._insert("segments", _SEGMENT, row, verb="INSERT OR IGNORE")

    def segments(self) -> list[Segment]:
        rows = self._connection.execute(f"SELECT {_SEGMENT} FROM segments ORDER BY arrived_ms")
        return [Segment(*row) for row in rows]

    def drop_segments(self, group: bytes) -> None:
        self._delete("DELETE FROM segments WHERE group_key = ?", group)

    def reply(self, key: bytes) -> bytes | None:
        row = self._one("SELECT sealed FROM replies WHERE reply_key = ?", key)
        return None if row is None else bytes(row[0])

    def insert_reply(self, key: bytes, sealed: bytes, kept_ms: int) -> None:
        self._connection.execute("INSERT INTO replies VALUES (?, ?, ?)", (key, sealed, kept_ms))

    def order(self, order_id: str) -> OrderRow | None:
        row = self._one(f"SELECT {_ORDER} FROM orders WHERE order_id = ?", order_id)
        return None if row is None else OrderRow(*row)

    def latest_order(self, subject_key: bytes) -> OrderRow | None:
        row = self._one(
            f"SELECT {_ORDER} FROM orders WHERE subject_key = ? ORDER BY epoch DESC, version DESC LIMIT 1",
            subject_key,
        )
        return None if row is None else OrderRow(*row)

    def insert_order(self, row: OrderRow) -> None:
        self._insert("orders", _ORDER, row)

    def put_provision(self, row: ProvisionRow) -> None:
        self._delete("DELETE FROM provisions WHERE subject_key = ?", row.subject_key)
        self._insert("provisions", _PROVISION, row)

    def provisions(self, limit: int) -> list[ProvisionRow]:
        rows = self._connection.execute(f"SELECT {_PROVISION} FROM provisions ORDER BY ordinal LIMIT ?", (limit,))
        return [ProvisionRow(*row) for row in rows]

    def next_provision(self) -> int:
        return self._count("SELECT coalesce(max(ordinal), 0) + 1 FROM provisions")

    def drop_provision(self, order_id: str) -> None:
        self._connection.execute("DELETE FROM provisions WHERE order_id = ?", (order_id,))

    def place(self, name: str) -> Place | None:
        row = self._one("SELECT log, place FROM places WHERE name = ?", name)
        return None if row is None else Place(*row)

    def put_place(self, name: str, place: Place) -> None:
        self._connection.execute(
            "REPLACE INTO places (name, log, place) VALUES (?, ?, ?)", (name, place.log, place.place)
        )

    def put_erasure(self, row: ErasureRow) -> None:
        self._delete("DELETE FROM erasures WHERE number_key = ?", row.number_key)
        self._insert("erasures", _ERASURE, row, verb="REPLACE")

    def erasures(self, limit: int) -> list[ErasureRow]:
        rows = self._connection.execute(f"SELECT {_ERASURE} FROM erasures ORDER BY taken_ms LIMIT ?", (limit,))
        return [ErasureRow(*row) for row in rows]

    def drop_erasure(self, order_id: str) -> None:
        self._connection.execute("DELETE FROM erasures WHERE order_id = ?", (order_id,))

    def notices_for(self, number_key: bytes) -> list[NoticeRow]:
        rows = self._connection.execute(
            f"SELECT {_NOTICE} FROM notices WHERE notice_id IN (SELECT notice_id FROM parts WHERE number_key = ?)",
            (number_key,),
        )
        return [_read_notice(row) for row in rows]

    def is_owed(self, notice_id: str) -> bool:
        return self._one("SELECT 1 FROM deliveries WHERE notice_id = ?", notice_id) is not None

    def drop_notice(self, notice_id: str) -> None:
        self._connection.execute("DELETE FROM notices WHERE notice_id = ?", (notice_id,))

    def drop_parked_for(self, number_key: bytes) -> None:
        self._delete("DELETE FROM parked WHERE number_key = ?", number_key)

    def provisions_for(self, subject_key: bytes) -> int:
        row = self._one("SELECT count(*) FROM provisions WHERE subject_key = ?", subject_key)
        return 0 if row is None else int(row[0])

    def replies(self) -> list[tuple[bytes, bytes]]:
        return self._connection.execute("SELECT reply_key, sealed FROM replies").fetchall()

    def drop_reply(self, key: bytes) -> None:
        self._delete("DELETE FROM replies WHERE reply_key = ?", key)

    def purge(self, retention: Retention, now_ms: int) -> int:
        return (
            self._delete(
                "DELETE FROM notices WHERE finished_ms <= ? AND notice_id NOT IN (SELECT notice_id FROM deliveries)",
                now_ms - retention.notice_ms,
            )
            + self._delete("DELETE FROM prompts WHERE expire_ms <= ?", now_ms - LATE_PROMPT_MS)
            + self._delete("DELETE FROM segments WHERE arrived_ms <= ?", now_ms - retention.segment_ms)
            + self._delete("DELETE FROM replies WHERE kept_ms <= ?", now_ms - retention.reply_ms)
            + self._delete(
                "DELETE FROM orders WHERE taken_ms <= ? AND order_id NOT IN (SELECT order_id FROM provisions)",
                now_ms - retention.order_ms,
            )
        )

    def backlog(self) -> Backlog:
        return Backlog(
            self._count("SELECT count(*) FROM parts WHERE state = 'queued'"),
            self._count("SELECT count(*) FROM parts WHERE state = 'sent'"),
            self._count("SELECT count(*) FROM deliveries"),
            self._count("SELECT count(*) FROM parked"),
        )

    def _insert(self, table: str, names: str, row: Any, verb: str = "INSERT") -> int:
        marks = _marks(type(row))
        statement = f"{verb} INTO {table} ({names}) VALUES ({marks})"
        return self._connection.execute(statement, astuple(row)).rowcount

    def _delete(self, statement: str, value: int | bytes) -> int:
        return self._connection.execute(statement, (value,)).rowcount

    def _one(self, statement: str, *values: str | bytes | int) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._connection.execute(statement, values).fetchone()
        return row

    def _count(self, statement: str) -> int:
        return int(self._connection.execute(statement).fetchone()[0])

    def _parts(self, condition: str, *values: str | bytes | int) -> list[PartRow]:
        return [_read_part(row) for row in self._connection.execute(f"{_SELECT_PARTS} {condition}", values)]


def _read_notice(row: tuple[Any, ...]) -> NoticeRow:
    notice_id, ordinal, origin, parts, told, finished_ms = row
    return NoticeRow(notice_id, ordinal, Origin(origin), parts, Progress(told) if told else None, finished_ms)


def _read_part(row: tuple[Any, ...]) -> PartRow:
    return PartRow(row[0], row[1], row[2], SendState(row[3]), *row[4:])


def _read_parked(row: tuple[Any, ...]) -> ParkedRow:
    return ParkedRow(row[0], row[1], row[2], bool(row[3]), *row[4:])
