"""Signing the log: read back, re-hash, move the fence, sign, keep the note, gather cosignatures, publish.

The order is the safety. What is signed was read back from the store, not taken from memory. The fence moves before the
signature exists, so no second root can ever be signed for a size. The note is durable before anybody sees it. If it is
unknown whether fence or note took a write, the process must end and begin again from what is durable
(`SignerFatalError`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.domain.errors import Reason, RefusedError
from gateway.service.cosigning import Conflict, Cosigning, LastCosigned
from gateway.service.gate import Gate
from gateway.service.tree import LogDamagedError, LogTree
from gateway.store.base import Store, StoreError
from gateway.store.fence import Fence, FencePost
from gateway.store.publication import NoteRow, Publication
from gateway.tlog.checkpoint import Checkpoint, CheckpointError
from gateway.tlog.note import Note, NoteError, Signer, decode_note
from optout.kit.clock import Clock

log = logging.getLogger(__name__)


class SignerFatalError(Exception):
    """Nobody knows what fence or note hold now, or another signer is at work: end, and begin from what is durable."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Cadence:
    """When to sign, in seconds: ``grown_s`` after the last checkpoint if the log grew, ``idle_s`` if it did not.

    Of published notes one in ``keep_s`` is kept for ever, so that times of entries stay bound by witnesses.
    """

    grown_s: float = 1.0
    idle_s: float = 60.0
    keep_s: float = 60.0
    boot_s: float = 5.0
    """How long to wait at the start for all witnesses."""


@dataclass(frozen=True, slots=True)
class Published:
    """A checkpoint as the world may see it."""

    checkpoint: Checkpoint
    note: Note
    time_ms: int


@dataclass(frozen=True, slots=True)
class LogParts:
    """What a signer works on. ``signers`` have the log's name; the first is Ed25519, others add lines of their own."""

    store: Store
    tree: LogTree
    fence: Fence
    publication: Publication
    signers: Sequence[Signer]
    cosigning: Cosigning | None = None


class LogSigner:
    """Signs and publishes. Call ``start`` once, then keep ``run`` running if the gate is still open."""

    def __init__(self, parts: LogParts, clock: Clock, gate: Gate, cadence: Cadence = Cadence()) -> None:
        self.origin = parts.signers[0].name
        self.published: Published | None = None
        self._store = parts.store
        self._tree = parts.tree
        self._fence = parts.fence
        self._publication = parts.publication
        self._signers = parts.signers
        self._cosigning = parts.cosigning
        self._clock = clock
        self._gate = gate
        self._cadence = cadence
        self._post = FencePost(0, b"")
        self._kept_ms = 0
        self._heard: set[asyncio.Future[None]] = set()

    @property
    def conflicts(self) -> Mapping[Conflict, int]:
        """What witnesses objected since the start, and how often."""
        return self._cosigning.conflicts if self._cosigning is not None else {}

    @property
    def cosigned(self) -> Mapping[str, LastCosigned]:
        """What each witness cosigned last."""
        return self._cosigning.last if self._cosigning is not None else {}

    async def start(self) -> None:
        """Compare store, fence, note and witnesses; shuts the gate, with an alarm, if any is ahead or different."""
        try:
            await self._tree.load()
        except LogDamagedError as error:
            self._gate.shut(error.reason)
            return
        self._post = await asyncio.to_thread(self._fence.read)
        if await self._differs("FENCE", self._post.size, self._post.root, self._tree.size):
            return
        row = self._publication.latest()
        if row is not None and await self._differs_from_note(row):
            return
        if row is not None and self._cosigning is None:
            self._show(row.note, row.time_ms)
        elif self._cosigning is not None and self._tree.size:
            if not self._post.size:
                await self._move_fence(FencePost(self._tree.size, self._tree.root))
            await self._sign(self._post, all_within_s=self._cadence.boot_s)
        elif self._cosigning is not None:
            # If all that was ours is lost, witnesses alone know that there was a log.
            await self._gather(self._cosigning, *self._make_note(self._post), all_within_s=self._cadence.boot_s)

    async def run(self) -> None:
        """Sign in cadence until cancelled. Raises SignerFatalError, and StoreError if the store is out of reach."""
        while True:
            began = self._clock.monotonic()
            if self._gate.is_open:
                await self.step()
            await self._clock.sleep(self._cadence.grown_s - (self._clock.monotonic() - began))
            if (await self._store.head()).size <= self._post.size:
                await self._await_growth()

    async def step(self) -> None:
        """Bring out one checkpoint over the log as it stands."""
        try:
            grown = await self._tree.follow()
        except LogDamagedError as error:
            raise SignerFatalError(error.reason) from error
        post = FencePost(grown.size, grown.root())
        if post != self._post:
            await self._move_fence(post)
        await self._sign(post)

    async def wait_published(self, index: int, timeout_s: float) -> tuple[Published, list[bytes]]:
        """Wait until an entry is under a published checkpoint; gives that and the entry's inclusion in it.

        Raises RefusedError (NOT_PUBLISHED) when the time is up.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while self.published is None or self.published.checkpoint.size <= index:
                    await self._next_publication()
        except TimeoutError:
            raise RefusedError(Reason.NOT_PUBLISHED, "no checkpoint holds this entry yet") from None
        published = self.published
        return published, await self._tree.inclusion(index, published.checkpoint.size)

    async def _await_growth(self) -> None:
        waiting = asyncio.ensure_future(self._store.wait_beyond(self._post.size, self._cadence.idle_s))
        idle = asyncio.ensure_future(self._clock.sleep(self._cadence.idle_s))
        try:
            await asyncio.wait((waiting, idle), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            idle.cancel()
        if waiting.done():
            waiting.result()

    async def _move_fence(self, post: FencePost) -> None:
        try:
            await asyncio.to_thread(self._fence.advance, self._post, post)
        except StoreError as error:
            raise SignerFatalError(error.reason) from error
        self._post = post

    async def _sign(self, post: FencePost, *, all_within_s: float | None = None) -> None:
        note, checkpoint = self._make_note(post)
        time_ms = self._clock.now_ms()
        await self._keep(NoteRow(post.size, note.text, note.encode(), time_ms))
        if self._cosigning is not None:
            note = await self._gather(self._cosigning, note, checkpoint, all_within_s=all_within_s)
            if not self._cosigning.policy.has_quorum(self._cosigning.policy.cosignatures(note)):
                log.warning("checkpoint without a quorum", extra={"size": post.size})
                return
            await self._keep(NoteRow(post.size, note.text, note.encode(), time_ms))
        await self._publish(Published(checkpoint, note, time_ms))

    def _make_note(self, post: FencePost) -> tuple[Note, Checkpoint]:
        checkpoint = Checkpoint(self.origin, post.size, post.root)
        text = checkpoint.text()
        return Note(text).add(*(signer.sign(text) for signer in self._signers)), checkpoint

    async def _gather(
        self, cosigning: Cosigning, note: Note, checkpoint: Checkpoint, *, all_within_s: float | None
    ) -> Note:
        note = await cosigning.gather(note, checkpoint, all_within_s=all_within_s)
        # Later conflicts are evidence and an alarm; only what a witness says first may mean that we are the old copy.
        for conflict in cosigning.conflicts:
            if conflict.is_first:
                self._gate.shut(conflict.alarm)
        return note

    async def _keep(self, row: NoteRow) -> None:
        try:
            await asyncio.to_thread(self._publication.put_note, row)
        except StoreError as error:
            raise SignerFatalError(error.reason) from error

    async def _publish(self, published: Published) -> None:
        last, self.published = self.published, published
        for waiter in self._heard:
            if not waiter.done():
                waiter.set_result(None)
        if last is not None and last.checkpoint.size != published.checkpoint.size:
            await self._thin(last)

    async def _thin(self, old: Published) -> None:
        if old.time_ms - self._kept_ms >= self._cadence.keep_s * 1000:
            self._kept_ms = old.time_ms
            return
        try:
            await asyncio.to_thread(self._publication.thin, old.checkpoint.size)
        except StoreError as error:
            log.warning("an old checkpoint stays", extra={"reason": error.reason})

    async def _next_publication(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._heard.add(waiter)
        try:
            await waiter
        finally:
            self._heard.discard(waiter)

    async def _differs(self, what: str, size: int, root: bytes, reach: int) -> bool:
        if size > reach:
            self._gate.shut(f"{what}_AHEAD")
            return True
        if await self._tree.root_at(size) != root:
            self._gate.shut(f"{what}_DIFFERENT")
            return True
        return False

    async def _differs_from_note(self, row: NoteRow) -> bool:
        try:
            checkpoint = Checkpoint.from_text(row.text)
        except CheckpointError:
            checkpoint = None
        if checkpoint is None or checkpoint.origin != self.origin:
            self._gate.shut("NOTE_DIFFERENT")
            return True
        # A note beyond the fence was signed by somebody whose fence we do not have.
        return await self._differs("NOTE", checkpoint.size, checkpoint.root, self._post.size)

    def _show(self, text: str, time_ms: int) -> None:
        try:
            note = decode_note(text)
        except NoteError:
            self._gate.shut("NOTE_DIFFERENT")
            return
        self.published = Published(Checkpoint.from_text(note.text), note, time_ms)
