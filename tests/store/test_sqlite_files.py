"""The files: their schema, their settings, and who may read them (L2)."""

import shutil
import sqlite3
import stat
from pathlib import Path

import pytest

from gateway.store.base import SchemaError
from gateway.store.keys import SqliteKeyStore
from gateway.store.memory import MemoryKeyStore
from gateway.store.migrate import Schema, load_migrations
from gateway.store.sqlite import SqliteStore
from gateway.store.sqlite_files import connect_writer
from gateway.testing.store_case import Note, check_log, label_of, number_key
from tests.store.make_fixture import ANSWER, KEY, MASTER_KEY, SUBJECTS

FIXTURES = Path(__file__).parent / "fixtures"


async def make(path):
    async with SqliteStore(path, MemoryKeyStore()) as store:
        await store.commit(Note("a"))


async def test_file_when_made_then_only_its_owner_may_read_it(tmp_path):
    path = tmp_path / "registry.sqlite"
    await make(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_writer_when_connected_then_commits_are_on_the_disk_and_deletions_overwrite(tmp_path):
    connection = connect_writer(tmp_path / "x.sqlite")
    found = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")}
    assert found == {"journal_mode": "wal", "synchronous": 2}
    assert connection.execute("PRAGMA secure_delete").fetchone()[0] == 1
    connection.close()


async def test_schema_when_newer_than_the_program_then_it_is_refused(tmp_path):
    path = tmp_path / "registry.sqlite"
    await make(path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE schema_version SET version = version + 100")
    connection.close()
    with pytest.raises(SchemaError):
        SqliteStore(path, MemoryKeyStore())


def test_schema_when_another_programs_then_it_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "registry.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE cake (flavour TEXT)")
    connection.close()
    path.chmod(0o600)
    with pytest.raises(SchemaError):
        SqliteStore(path, MemoryKeyStore())
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("cake",)]
    connection.close()


@pytest.mark.parametrize("version", range(1, len(load_migrations(Schema.REGISTRY)) + 1))
async def test_fixture_when_opened_then_it_is_brought_up_to_date_and_holds_what_it_held(tmp_path, version):
    path = tmp_path / "registry.sqlite"
    shutil.copyfile(FIXTURES / f"registry-{version}.sqlite", path)
    async with SqliteStore(path, MemoryKeyStore()) as store:
        await check_log(store)
        assert (await store.head()).size == 2 * len(SUBJECTS)
        for name in SUBJECTS:
            found = await store.number(number_key(name))
            assert found is not None
            assert (found[1].version, found[1].sealed) == (2, f"{name}/2".encode())
        assert await store.commit(Note(SUBJECTS[0], answer=ANSWER)) == 0
        assert [row.id for row in await store.due("mobile", 2**60, 9)] == ["n-fixture"]


@pytest.mark.parametrize("version", range(1, len(load_migrations(Schema.KEYS)) + 1))
def test_key_fixture_when_opened_then_its_keys_can_be_read(tmp_path, version):
    path = tmp_path / "keys.sqlite"
    shutil.copyfile(FIXTURES / f"keys-{version}.sqlite", path)
    keys = SqliteKeyStore(path, MASTER_KEY)
    assert keys.get((label_of("kept"), label_of("destroyed"))) == {label_of("kept"): KEY}
    keys.close()
