"""A journal of every schema version there was opens under this program, and holds what it held."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from adapters.journal.account import AccountBook
from adapters.journal.migrate import load_migrations
from adapters.journal.rows import OrderVerdict, Progress, Provision, ReportMatch, Retention
from adapters.journal.sqlite import SqliteJournal, open_journal
from tests.journal import make_fixture as made
from tests.journal.engines import ACCOUNT, HOUR, KEY, NUMBER, OTHER, T0, WAITS, make_report, part

NEWEST = load_migrations()[-1].version
LATER = T0 + HOUR // 2


@pytest.fixture(params=range(1, NEWEST + 1))
def version(request: pytest.FixtureRequest) -> int:
    number: int = request.param
    return number


@pytest.fixture
def path(tmp_path: Path, version: int) -> Path:
    return shutil.copyfile(made.FOLDER / f"journal-{version}.sqlite", tmp_path / "journal.sqlite")


@pytest.fixture
async def journal(path: Path) -> AsyncIterator[SqliteJournal]:
    opened = open_journal(path, KEY, WAITS, LATER)
    yield opened
    await opened.close()


def read_versions(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT version FROM migrations ORDER BY version")]


async def test_fixture_when_opened_then_its_schema_is_brought_up_to_date(path: Path, version: int) -> None:
    assert read_versions(path) == list(range(1, version + 1))
    await open_journal(path, KEY, WAITS, LATER).close()
    assert read_versions(path) == list(range(1, NEWEST + 1))


async def test_fixture_when_opened_then_what_was_still_to_be_sent_is_sent(journal: SqliteJournal) -> None:
    sends = await journal.claim(ACCOUNT, 9, LATER)
    assert [(send.key, send.number) for send in sends] == [
        (part(1, "n-waiting"), NUMBER), (part(2, "n-waiting"), NUMBER), (part(1, "l-1"), OTHER),
    ]  # fmt: skip
    assert [send.body.content.decode("utf-16-be") for send in sends] == ["文1", "文2", "文1"]
    assert sends[0].link_tag == b"LINK-1"


async def test_fixture_when_reports_come_then_they_find_their_messages(journal: SqliteJournal) -> None:
    assert await journal.recover([ACCOUNT], LATER) == 1
    assert await journal.take_report(make_report(made.ANSWERED), LATER) is ReportMatch.APPLIED
    assert await journal.take_report(make_report(made.PARKED), LATER) is ReportMatch.REPEATED
    await journal.accept(part(1, "n-sent"), ACCOUNT, 3, made.PARKED, LATER)
    told = [(row.report_id, row.progress) for row in await journal.deliveries(9)]
    assert told == [
        ("n-done/failed", Progress.FAILED),
        ("n-accepted/sent", Progress.SENT),
        ("n-accepted/delivered", Progress.DELIVERED),
        ("n-sent/delivered", Progress.DELIVERED),
    ]


async def test_fixture_when_asked_then_prompt_segment_reply_and_order_are_there(
    journal: SqliteJournal, version: int
) -> None:
    prompt = made.PROMPT if version >= made.TARGETS else made.OLD_PROMPT
    assert await journal.find_prompt(NUMBER, LATER) == prompt
    assert [segment.body for segment in await journal.segments()] == [made.SEGMENT.body]
    assert await journal.keep_reply("serial", b"another reply", LATER) == made.REPLY
    assert await journal.take_order(made.ORDER, LATER) is OrderVerdict.REPLAYED
    await journal.close_prompt(prompt)
    assert await journal.find_prompt(NUMBER, LATER) is None


async def test_fixture_when_it_knew_platform_account_or_erasure_then_they_are_there(
    journal: SqliteJournal, version: int
) -> None:
    provisioned = Provision(made.PROVISIONED.order_id, made.PROVISION, T0)
    assert await journal.provisions(9) == [provisioned] * (version >= made.PROVISIONS)
    assert (await journal.place("stopped calls") == made.PLACE) is (version >= made.PROVISIONS)
    book = AccountBook(journal)
    assert (await book.binding("user-1", LATER) == made.BINDING) is (version >= made.ACCOUNTS)
    assert await book.open_callbacks(9, LATER) == [made.CALLBACK] * (version >= made.ACCOUNTS)
    assert await journal.erasures(9) == [made.ERASING] * (version >= made.ERASURES)


async def test_fixture_when_a_subscriber_is_forgotten_then_only_what_is_still_to_be_done_is_left(
    journal: SqliteJournal, version: int
) -> None:
    # Owed, accepted, sent and waiting notices; since there are accounts, the callback that is still to be worked on.
    assert await journal.forget(NUMBER) == 4 + (version >= made.ACCOUNTS)
    assert await journal.find_prompt(NUMBER, LATER) is None
    assert await journal.purge(Retention(), LATER) == 0
