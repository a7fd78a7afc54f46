"""Forgetting a subscriber: what a journal removes once the gateway has asked to erase somebody.

Some rows are found by the keyed hash of the number. The others hold it, or who is bound to it, within what is sealed;
they are opened one by one, some microseconds each. An erasure is rare, and no call waits for it.
"""

from __future__ import annotations

import json

from adapters.journal.records import RecordRow, Records
from adapters.journal.rows import Erasing
from adapters.journal.seal import Seal
from adapters.journal.tables import ErasureRow, Tables

NUMBER, SUBJECT = "number", "subject"
_MEDIA = (1, 2)
_NATIONAL_DIGITS = 11


class Forgetting:
    """One method per call of `Journal`; the sentences are there (E1 to E4)."""

    def __init__(self, tables: Tables, records: Records, seal: Seal) -> None:
        self._tables = tables
        self._records = records
        self._seal = seal

    def begin(self, erasing: Erasing) -> None:
        """E1."""
        plain = json.dumps([erasing.number, erasing.epoch, erasing.version]).encode()
        sealed = self._seal.seal(plain, _place(erasing.order_id))
        key = self._seal.lookup(NUMBER, erasing.number)
        self._tables.put_erasure(ErasureRow(erasing.order_id, key, sealed, erasing.taken_ms))

    def waiting(self, limit: int) -> list[Erasing]:
        """E2."""
        return [self._read(row) for row in self._tables.erasures(limit)]

    def drop(self, order_id: str) -> None:
        """E2."""
        self._tables.drop_erasure(order_id)

    def forget(self, number: str) -> int:
        """E3."""
        key = self._seal.lookup(NUMBER, number)
        self._tables.drop_prompt(key)
        self._tables.drop_parked_for(key)
        left = sum(self._tables.provisions_for(self._seal.lookup(SUBJECT, f"{number}/{medium}")) for medium in _MEDIA)
        for notice in self._tables.notices_for(key):
            if notice.finished_ms is None or self._tables.is_owed(notice.notice_id):
                left += 1
            else:
                self._tables.drop_notice(notice.notice_id)
        digits = number[-_NATIONAL_DIGITS:].encode()
        self._forget_bodies(digits)
        return left + self._forget_records(digits)

    def _forget_bodies(self, digits: bytes) -> None:
        for key, sealed in self._tables.replies():
            if digits in self._seal.open(sealed, f"reply/{key.hex()}"):
                self._tables.drop_reply(key)
        for row in self._tables.segments():
            if digits in self._seal.open(row.body, f"segment/{row.group.hex()}/{row.part}"):
                self._tables.drop_segments(row.group)

    def _forget_records(self, digits: bytes) -> int:
        """Records that name the number, or a user bound to it; work that is not done yet is left, and counted.

        While any is left the binding is, too: it tells whose the rest is.
        """
        opened = [(row.kind, row.key, self._seal.open(row.sealed, _record_place(row))) for row in self._records.all()]
        users = {json.loads(plain)["openid"] for kind, _, plain in opened if kind == "binding" and digits in plain}
        keys = {self._seal.lookup(kind, word) for kind, word in _named(digits.decode(), users)}
        found = [
            (kind, key, plain)
            for kind, key, plain in opened
            if key in keys or digits in plain or _is_of(users, kind, plain)
        ]
        open_work = {key for kind, key, plain in found if kind == "callback" and json.loads(plain).get("work")}
        for kind, key, _ in found:
            if key not in open_work and not (open_work and kind == "binding"):
                self._records.drop_record(kind, key)
        return len(open_work)

    def _read(self, row: ErasureRow) -> Erasing:
        number, epoch, version = json.loads(self._seal.open(row.sealed, _place(row.order_id)))
        return Erasing(row.order_id, number, epoch, version, row.taken_ms)


def _named(digits: str, users: set[str]) -> set[tuple[str, str]]:
    """Records that are found by their key, since they do not say whose they are."""
    by_user = {(kind, user) for user in users for kind in ("code", "prompt")}
    issued = {("issued", f"user/{user}") for user in users} | {("issued", f"number/+86{digits}")}
    return by_user | issued


def _is_of(users: set[str], kind: str, plain: bytes) -> bool:
    reply = bytes.fromhex(json.loads(plain)["reply"]) if kind == "callback" and users else b""
    return any(user.encode() in plain or user.encode() in reply for user in users)


def _record_place(row: RecordRow) -> str:
    return f"record/{row.kind}/{row.key.hex()}"


def _place(order_id: str) -> str:
    return f"erasure/{order_id}"
