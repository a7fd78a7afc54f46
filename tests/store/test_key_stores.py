"""Key stores (K1 to K4)."""

import pytest

from gateway.store.base import KeyRefusedError, StoreUnavailableError
from gateway.store.keys import MasterKeyError, SqliteKeyStore, list_backups
from gateway.store.memory import MemoryKeyStore
from gateway.store.rows import NewKey
from gateway.testing.store_case import label_of

MASTER = bytes(range(32))
DAY_MS = 86_400_000
A, B = label_of("a"), label_of("b")


@pytest.fixture(params=["memory", "sqlite"])
def keys(request, tmp_path):
    store = MemoryKeyStore() if request.param == "memory" else SqliteKeyStore(tmp_path / "keys.sqlite", MASTER)
    yield store
    store.close()


def test_key_when_held_then_it_is_never_replaced(keys):
    keys.put((NewKey(A, b"1" * 32),))
    keys.put((NewKey(A, b"1" * 32),))
    with pytest.raises(KeyRefusedError) as refusal:
        keys.put((NewKey(A, b"2" * 32), NewKey(B, b"3" * 32)))
    assert refusal.value.labels == {A}
    assert keys.get((A, B)) == {A: b"1" * 32}


def test_key_when_destroyed_then_it_is_missing_and_none_follows_it(keys):
    keys.put((NewKey(A, b"1" * 32), NewKey(B, b"2" * 32)))
    keys.destroy((A,))
    assert keys.get((A, B)) == {B: b"2" * 32}
    with pytest.raises(KeyRefusedError):
        keys.put((NewKey(A, b"1" * 32),))


def test_keys_when_reopened_then_they_are_there_and_wrapped(tmp_path):
    path = tmp_path / "keys.sqlite"
    store = SqliteKeyStore(path, MASTER)
    store.put((NewKey(A, b"secret-key-of-thirty-two-bytes!!"),))
    store.close()
    assert all(b"secret-key-of" not in file.read_bytes() for file in tmp_path.iterdir())
    again = SqliteKeyStore(path, MASTER)
    assert again.get((A,)) == {A: b"secret-key-of-thirty-two-bytes!!"}
    again.close()
    with pytest.raises(MasterKeyError):
        SqliteKeyStore(path, bytes(32))


def test_key_when_destroyed_then_its_wrapped_bytes_leave_the_files(tmp_path):
    path = tmp_path / "keys.sqlite"
    store = SqliteKeyStore(path, MASTER)
    store.put((NewKey(A, b"1" * 32),))
    wrapped = bytes(store._writer.execute("SELECT * FROM subject_keys WHERE label = ?", (A,)).fetchone()[1])
    store.destroy((A,))
    assert all(wrapped not in file.read_bytes() for file in tmp_path.iterdir())
    store.close()


def test_backup_when_made_after_an_erasure_then_it_lacks_the_key_and_old_copies_go(tmp_path):
    folder = tmp_path / "copies"
    store = SqliteKeyStore(tmp_path / "keys.sqlite", MASTER, backup_days=30)
    store.put((NewKey(A, b"1" * 32), NewKey(B, b"2" * 32)))
    first = store.backup(folder, 1 * DAY_MS)
    store.destroy((A,))
    second = store.backup(folder, 20 * DAY_MS)
    assert list_backups(folder) == [first, second]
    for copy, held in ((first, {A, B}), (second, {B})):
        opened = SqliteKeyStore(copy, MASTER)
        assert set(opened.get((A, B))) == held
        opened.close()
    third = store.backup(folder, 32 * DAY_MS)
    assert list_backups(folder) == [second, third]
    store.close()


@pytest.mark.parametrize("place", ["a file", "a file/within it"])
def test_backup_when_the_folder_takes_no_copy_then_it_says_so_and_the_store_goes_on(tmp_path, place):
    (tmp_path / "a file").touch()
    store = SqliteKeyStore(tmp_path / "keys.sqlite", MASTER)
    store.put((NewKey(A, b"1" * 32),))
    with pytest.raises(StoreUnavailableError, match="cannot be copied"):
        store.backup(tmp_path / place, 1 * DAY_MS)
    assert set(store.get((A,))) == {A}
    assert list_backups(store.backup(tmp_path / "copies", 2 * DAY_MS).parent) != []
    store.close()
