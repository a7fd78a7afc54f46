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
from gateway.store.sqlite_fence import SqliteFence
from gateway.store.sqlite_files import connect_writer
from gateway.store.sqlite_publication import SqlitePublication
from gateway.store.sqlite_witness import SqliteWitnessBook
from gateway.testing.store_case import Note, check_log, label_of, number_key
from tests.store import make_fixture as made
from tests.store.make_fixture import ANSWER, KEY, MASTER_KEY, SUBJECTS

FIXTURES = Path(__file__).parent / "fixtures"


def versions_of(schema: Schema) -> range:
    return range(1, len(load_migrations(schema)) + 1)


def copy_fixture(schema: Schema, version: int, folder: Path) -> Path:
    name = schema.name.lower()
    return Path(shutil.copyfile(FIXTURES / f"{name}-{version}.sqlite", folder / f"{name}.sqlite"))


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


@pytest.mark.parametrize("version", versions_of(Schema.REGISTRY))
async def test_fixture_when_opened_then_it_is_brought_up_to_date_and_holds_what_it_held(tmp_path, version):
    path = copy_fixture(Schema.REGISTRY, version, tmp_path)
    async with SqliteStore(path, MemoryKeyStore()) as store:
        await check_log(store)
        assert (await store.head()).size == 2 * len(SUBJECTS)
        for name in SUBJECTS:
            found = await store.number(number_key(name))
            assert found is not None
            assert (found[1].version, found[1].sealed) == (2, f"{name}/2".encode())
        assert await store.commit(Note(SUBJECTS[0], answer=ANSWER)) == 0
        assert [row.id for row in await store.due("mobile", 2**60, 9)] == ["n-fixture"]


@pytest.mark.parametrize("version", versions_of(Schema.KEYS))
def test_key_fixture_when_opened_then_its_keys_can_be_read(tmp_path, version):
    keys = SqliteKeyStore(copy_fixture(Schema.KEYS, version, tmp_path), MASTER_KEY)
    assert keys.get((label_of("kept"), label_of("destroyed"))) == {label_of("kept"): KEY}
    keys.close()


@pytest.mark.parametrize("version", versions_of(Schema.FENCE))
def test_fence_fixture_when_opened_then_it_stands_where_it_stood(tmp_path, version):
    fence = SqliteFence(copy_fixture(Schema.FENCE, version, tmp_path), made.ORIGIN)
    assert fence.read() == made.POST
    fence.close()


@pytest.mark.parametrize("version", versions_of(Schema.PUBLICATION))
def test_publication_fixture_when_opened_then_notes_evidence_and_hashes_are_there(tmp_path, version):
    publication = SqlitePublication(copy_fixture(Schema.PUBLICATION, version, tmp_path))
    assert tuple(publication.notes(0, 9)) == made.NOTES
    assert tuple(publication.evidence()) == (made.REFUSAL,)
    assert tuple(publication.hashes()) == made.HASHES
    publication.close()


@pytest.mark.parametrize("version", versions_of(Schema.WITNESS))
def test_witness_fixture_when_opened_then_it_knows_what_it_cosigned_and_what_it_refused(tmp_path, version):
    book = SqliteWitnessBook(copy_fixture(Schema.WITNESS, version, tmp_path), made.WITNESS)
    assert book.last(made.ORIGIN) == made.COSIGNED
    assert tuple(book.evidence(made.ORIGIN)) == (made.CONTRADICTION,)
    book.close()
