"""Make the journals that later versions must still be able to open: ``python -m tests.journal.make_fixture``.

Run once for each schema version, and never again. The files of versions 1 to 4 were made later, by version 5's program
on their schema; all that it stores otherwise than theirs is the prompt, which is put in here.
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from unittest.mock import patch

from adapters.journal import migrate
from adapters.journal.account import AccountBook, Binding, Callback
from adapters.journal.base import Journal
from adapters.journal.rows import Erasing, Order, Origin, Place, Prompt, Segment
from adapters.journal.seal import Seal
from adapters.journal.sqlite import open_journal
from tests.journal.engines import ACCOUNT, HOUR, KEY, NUMBER, OTHER, T0, WAITS, make_msg_id, make_notice, make_report
from tests.journal.engines import part as key_of

FOLDER = Path(__file__).parent / "fixtures"
PROVISIONS, ACCOUNTS, TARGETS, ERASURES = 2, 3, 4, 5
"""The versions since which there is more to keep."""

ANSWERED, PARKED = make_msg_id(1), make_msg_id(9)
OLD_PROMPT = Prompt(NUMBER, T0 + HOUR, "1", b"d" * 32)
PROMPT = Prompt(NUMBER, T0 + HOUR, "1", b"d" * 32, "n-waiting", "open")
SEGMENT = Segment(OTHER.encode(), 1, b"first half", T0)
REPLY = b"the first reply"
ORDER = Order("o-1", f"{NUMBER}/1", 1, 3)
PROVISIONED, PROVISION = Order("o-2", f"{OTHER}/1", 1, 1), b"what to tell the platform"
PLACE = Place("log-a", 41)
BINDING = Binding("user-1", NUMBER, "sms_code", T0)
CALLBACK = Callback("c-1", "user-1", {"wish": "open"}, T0)
ERASING = Erasing("e-1", OTHER, 1, 4, T0)


def make_fixture(path: Path, version: int) -> None:
    """Write what a program of that version could have written, and leave the file as a clean end leaves it."""
    steps = migrate.load_migrations()[:version]
    with patch.object(migrate, "load_migrations", lambda: steps):
        asyncio.run(_fill(path, version))
    if version < TARGETS:
        _put_old_prompt(path)


async def _fill(path: Path, version: int) -> None:
    journal = open_journal(path, KEY, WAITS, T0)
    await journal.add_notice(make_notice("n-done"))
    await journal.add_notice(make_notice("n-accepted"))
    await journal.claim(ACCOUNT, 2, T0)
    await journal.refuse(key_of(notice_id="n-done"), 1, "MK:0011", T0)
    await journal.accept(key_of(notice_id="n-accepted"), ACCOUNT, 2, ANSWERED, T0)
    await journal.add_notice(make_notice("n-sent"))
    await journal.claim(ACCOUNT, 1, T0)
    await journal.take_report(make_report(PARKED), T0)
    prompt = PROMPT if version >= TARGETS else None
    await journal.add_notice(make_notice("n-waiting", parts=2), prompt)
    await journal.add_notice(make_notice("l-1", origin=Origin.LOCAL, number=OTHER))
    await journal.add_segment(SEGMENT)
    await journal.keep_reply("serial", REPLY, T0)
    await journal.take_order(ORDER, T0)
    await _fill_later_tables(journal, version)
    if version >= ACCOUNTS:
        book = AccountBook(journal)
        await book.bind(BINDING)
        await book.take_callback(CALLBACK, REPLY)
    await journal.close()


async def _fill_later_tables(journal: Journal, version: int) -> None:
    if version >= PROVISIONS:
        await journal.take_order(PROVISIONED, T0, PROVISION)
        await journal.move_place("stopped calls", PLACE)
    if version >= ERASURES:
        await journal.begin_erasure(ERASING)


def _put_old_prompt(path: Path) -> None:
    row = (Seal(KEY).lookup("number", NUMBER), OLD_PROMPT.expire_ms, "1", OLD_PROMPT.notice_digest)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO prompts VALUES (?, ?, ?, ?)", row)


def main(folder: Path) -> None:
    """Make those that are not there."""
    folder.mkdir(exist_ok=True)
    for step in migrate.load_migrations():
        path = folder / f"journal-{step.version}.sqlite"
        if not path.exists():
            make_fixture(path, step.version)


if __name__ == "__main__":
    main(FOLDER)
