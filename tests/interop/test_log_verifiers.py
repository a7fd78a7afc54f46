"""Verifiers that are not ours read the log over HTTP: they accept what we publish and reject each tampering."""

import asyncio
import hashlib
import importlib
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import ModuleType

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.service.signer import LogSigner
from gateway.service.tree import LogTree
from gateway.tlog.hashing import node_hash
from gateway.tlog.proof import verify_consistency, verify_inclusion
from gateway.web.tiles import LogFace, add_log
from tests.service.logroom import SIGNER, LogRoom, Some

pytestmark = pytest.mark.interop

OLD_SIZE, SIZE = 300, 66_000
"""Tiles of three levels, each with a full and a partial one, but for the highest."""

LOG = SIGNER.verifier()
DRIVER = Path(__file__).with_name("pymerkle_driver.py")
Tamper = Callable[[bytes], bytes]


class Publisher:
    """The log as `gateway.web.tiles` serves it; ``tampered`` changes what is served under a path."""

    def __init__(self) -> None:
        self.room = LogRoom()
        self.tampered: dict[str, Tamper] = {}

    async def fill(self) -> None:
        """Two checkpoints, of which the latter is served."""
        self.signer: LogSigner = await self.room.start()
        await self.room.store.commit(Some(OLD_SIZE))
        await self.signer.step()
        assert self.signer.published is not None
        self.old = self.signer.published.checkpoint
        while (left := SIZE - (await self.room.store.head()).size) > 0:
            await self.room.store.commit(Some(min(left, 256)))
        await self.signer.step()
        self.tree = LogTree(self.room.store, self.room.publication.made)
        await self.tree.load()

    def root(self) -> bytes:
        assert self.signer.published is not None
        return self.signer.published.checkpoint.root

    def app(self) -> web.Application:
        @web.middleware
        async def tamper(request: web.Request, handler) -> web.StreamResponse:
            answer = await handler(request)
            change = self.tampered.get(request.path.removeprefix("/"))
            if change is not None:
                answer.body = change(answer.body if isinstance(answer.body, bytes) else answer.text.encode())
            return answer

        app = web.Application(middlewares=[tamper])
        add_log(app, LogFace(self.signer, self.tree, self.room.gate, self.room.clock))
        return app


@pytest.fixture(scope="module")
def filled() -> Publisher:
    """Filled once; each test serves it anew."""
    publisher = Publisher()
    asyncio.run(publisher.fill())
    return publisher


@pytest.fixture
def readers() -> ModuleType:
    """Those who are not ours; they are installed only where they are to be met."""
    return importlib.import_module("tests.interop.log_readers")


@pytest.fixture
async def published(filled: Publisher) -> AsyncIterator[tuple[Publisher, str]]:
    filled.tampered = {}
    async with TestServer(filled.app()) as server:
        yield filled, str(server.make_url(""))


INDICES = [0, 1, 255, 256, OLD_SIZE, 65_535, 65_536, SIZE - 1]


async def test_log_when_read_by_others_then_they_accept_all_of_it(
    published: tuple[Publisher, str], readers: ModuleType
) -> None:
    publisher, url = published
    assert await asyncio.to_thread(readers.audit_with_aics, url, LOG) == -(-SIZE // 256)
    assert await asyncio.to_thread(readers.read_with_scales, url, LOG, publisher.old, INDICES) == SIZE


def flip(data: bytes) -> bytes:
    """One bit, somewhere in the middle."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def flip_bit_of_first(data: bytes) -> bytes:
    """One bit of the first hash, or of the first entry."""
    return data[:5] + bytes([data[5] ^ 1]) + data[6:]


def sign_otherwise(data: bytes) -> bytes:
    """A signature that is not the log's over this text."""
    text, _, _ = data.partition(b"\n\n")
    line = SIGNER.sign(text.decode() + "\nand more\n").encode()
    return text + b"\n\n" + line.encode()


TAMPERINGS: dict[str, dict[str, Tamper]] = {
    "checkpoint's size": {"checkpoint": lambda data: data.replace(b"66000", b"65999")},
    "checkpoint's root": {"checkpoint": flip_bit_of_first},
    "signature": {"checkpoint": sign_otherwise},
    "full tile of level 0": {"tile/0/000": flip_bit_of_first},
    "partial tile of level 0": {f"tile/0/257.p/{SIZE % 256}": flip},
    "full tile of level 1": {"tile/1/000": flip_bit_of_first},
    "partial tile of level 1": {f"tile/1/001.p/{SIZE // 256 - 256}": flip},
    "tile of level 2": {"tile/2/000.p/1": flip},
    "full bundle": {"tile/entries/000": flip_bit_of_first},
    "partial bundle": {f"tile/entries/257.p/{SIZE % 256}": flip},
    "bundle cut short": {"tile/entries/000": lambda data: data[:-50]},
    "tile cut short": {"tile/0/000": lambda data: data[:-32]},
}


@pytest.mark.parametrize("what", TAMPERINGS)
async def test_log_when_tampered_with_then_the_whole_audit_rejects_it(
    published: tuple[Publisher, str], readers: ModuleType, what: str
) -> None:
    publisher, url = published
    publisher.tampered = TAMPERINGS[what]
    with pytest.raises(readers.RejectedError):
        await asyncio.to_thread(readers.audit_with_aics, url, LOG)


@pytest.mark.parametrize("what", TAMPERINGS)
async def test_log_when_tampered_with_then_a_reader_of_proofs_rejects_it(
    published: tuple[Publisher, str], readers: ModuleType, what: str
) -> None:
    publisher, url = published
    publisher.tampered = TAMPERINGS[what]
    around = [0, 1, 2, 255, 257, 65_535, 65_537, SIZE - 40, SIZE - 1, *range(SIZE - SIZE % 256, SIZE)]
    with pytest.raises(readers.RejectedError):
        await asyncio.to_thread(readers.read_with_scales, url, LOG, publisher.old, around)


async def test_log_when_an_entry_is_forged_with_its_tile_but_not_the_parent_then_it_is_rejected(
    published: tuple[Publisher, str], readers: ModuleType
) -> None:
    publisher, url = published
    forged = bytes(48)
    publisher.tampered = {
        "tile/entries/000": lambda data: (48).to_bytes(2, "big") + forged + data[50:],
        "tile/0/000": lambda data: hashlib.sha256(b"\0" + forged).digest() + data[32:],
    }
    with pytest.raises(readers.RejectedError):
        await asyncio.to_thread(readers.audit_with_aics, url, LOG)


async def test_proofs_when_made_by_one_side_then_the_other_verifies_them(
    published: tuple[Publisher, str], readers: ModuleType
) -> None:
    publisher, url = published

    inclusions, consistency = await asyncio.to_thread(readers.prove_with_scales, url, OLD_SIZE, SIZE, INDICES)
    verify_consistency(OLD_SIZE, SIZE, consistency, publisher.old.root, publisher.root())
    assert consistency == await publisher.tree.consistency(OLD_SIZE, SIZE)
    for index, proof in inclusions.items():
        leaf = hashlib.sha256(b"\0" + publisher.room.tables.entries[index].row.leaf).digest()
        verify_inclusion(leaf, index, SIZE, proof, publisher.root())
        assert proof == await publisher.tree.inclusion(index, SIZE)


def test_roots_when_computed_by_pymerkle_then_they_are_ours(filled: Publisher) -> None:
    chance = random.Random(7)
    sizes = sorted({1, 2, 3, 255, 256, 257, OLD_SIZE, 4000, *(chance.randrange(1, 4000) for _ in range(20))})
    leaves = [entry.row.leaf for entry in filled.room.tables.entries[:4000]]
    lines = [f"entry {leaf.hex()}" for leaf in leaves] + [f"root {size}" for size in sizes]
    done = subprocess.run(
        [sys.executable, str(DRIVER)], input="\n".join(lines), capture_output=True, text=True, check=True, timeout=60
    )
    roots = [bytes.fromhex(line) for line in done.stdout.split()]
    assert roots == [asyncio.run(filled.tree.root_at(size)) for size in sizes]
    assert roots[1] == node_hash(*(hashlib.sha256(b"\0" + leaf).digest() for leaf in leaves[:2]))
