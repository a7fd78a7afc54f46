"""Make the databases that later versions must still be able to open: ``python -m tests.store.make_fixture``.

Run once for each schema version, and never again: what is kept is what that version really wrote.
"""

import asyncio
from pathlib import Path

from gateway.store.keys import SqliteKeyStore
from gateway.store.memory import MemoryKeyStore
from gateway.store.migrate import Schema, load_migrations
from gateway.store.rows import NewKey
from gateway.store.sqlite import SqliteStore
from gateway.testing.store_case import Note, label_of, row
from optout.kit.clock import FakeClock

SUBJECTS = ("one", "two", "three")
ANSWER = b"f" * 32
LONG_MS = 2**52
MASTER_KEY = bytes(range(32))
KEY = b"k" * 32


async def make_registry(path: Path) -> None:
    async with SqliteStore(path, MemoryKeyStore(), clock=FakeClock()) as store:
        await store.commit(Note(SUBJECTS[0], answer=ANSWER, answer_life_ms=LONG_MS, outbox=(row("n-fixture"),)))
        for name in SUBJECTS[1:]:
            await store.commit(Note(name))
        for name in SUBJECTS:
            await store.commit(Note(name))


def make_keys(path: Path) -> None:
    keys = SqliteKeyStore(path, MASTER_KEY)
    keys.put((NewKey(label_of("kept"), KEY), NewKey(label_of("destroyed"), KEY)))
    keys.destroy((label_of("destroyed"),))
    keys.close()


def main(folder: Path) -> None:
    """Make those of the present version, unless they are there."""
    for name, schema in (("registry", Schema.REGISTRY), ("keys", Schema.KEYS)):
        path = folder / f"{name}-{len(load_migrations(schema))}.sqlite"
        if path.exists():
            continue
        if schema is Schema.REGISTRY:
            asyncio.run(make_registry(path))
        else:
            make_keys(path)


if __name__ == "__main__":
    main(Path(__file__).parent / "fixtures")
