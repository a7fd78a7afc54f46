"""Make the databases that later versions must still be able to open: ``python -m tests.store.make_fixture``.

Run once for each schema version, and never again: what is kept is what that version really wrote.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

from gateway.store.fence import START, FencePost
from gateway.store.keys import SqliteKeyStore
from gateway.store.memory import MemoryKeyStore
from gateway.store.migrate import Schema, load_migrations
from gateway.store.publication import EvidenceRow, NoteRow
from gateway.store.rows import NewKey
from gateway.store.sqlite import SqliteStore
from gateway.store.sqlite_fence import SqliteFence
from gateway.store.sqlite_publication import SqlitePublication
from gateway.store.sqlite_witness import SqliteWitnessBook
from gateway.store.witness_book import Contradiction, Cosigned
from gateway.testing.store_case import Note, label_of, row
from gateway.tlog.checkpoint import Checkpoint
from optout.kit.clock import FakeClock

SUBJECTS = ("one", "two", "three")
ANSWER = b"f" * 32
LONG_MS = 2**52
MASTER_KEY = bytes(range(32))
KEY = b"k" * 32
ORIGIN = "log.example"
POST = FencePost(7, b"7" * 32)
NOTES = (NoteRow(1, "text 1", "note 1", 10), NoteRow(7, "text 7", "note 7", 70))
REFUSAL = EvidenceRow("w1", 409, b"asked", b"refused", 71)
HASHES = (b"0" * 32, b"1" * 32)
WITNESS = "w1+00000000+key"
COSIGNED = Cosigned(Checkpoint(ORIGIN, 7, b"7" * 32), 1_800_000_000)
CONTRADICTION = Contradiction(ORIGIN, 409, b"asked", 1_800_000_001)


def make_registry(path: Path) -> None:
    asyncio.run(_fill_registry(path))


async def _fill_registry(path: Path) -> None:
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


def make_fence(path: Path) -> None:
    fence = SqliteFence(path, ORIGIN)
    fence.advance(START, POST)
    fence.close()


def make_publication(path: Path) -> None:
    publication = SqlitePublication(path)
    for note in NOTES:
        publication.put_note(note)
    publication.add_evidence(REFUSAL)
    publication.put_hashes(0, HASHES)
    publication.close()


def make_witness(path: Path) -> None:
    book = SqliteWitnessBook(path, WITNESS)
    book.keep(None, COSIGNED)
    book.add_evidence(CONTRADICTION)
    book.close()


MAKERS: dict[Schema, Callable[[Path], None]] = {
    Schema.REGISTRY: make_registry,
    Schema.KEYS: make_keys,
    Schema.FENCE: make_fence,
    Schema.PUBLICATION: make_publication,
    Schema.WITNESS: make_witness,
}


def main(folder: Path) -> None:
    """Make those of the present versions, unless they are there."""
    for schema, make in MAKERS.items():
        path = folder / f"{schema.name.lower()}-{len(load_migrations(schema))}.sqlite"
        if not path.exists():
            make(path)


if __name__ == "__main__":
    main(Path(__file__).parent / "fixtures")
