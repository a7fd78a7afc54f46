"""EPOCH entries: the root of the state map, logged every minute or ten thousand entries.

An EPOCH covers exactly the entries before it. Most of them are hashed into a draft of the map beforehand, as they
come; when the EPOCH is decided, in the store's one order, only those of the last moment are left.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.domain.policy import GATEWAY_ACTOR
from gateway.service.mapper import Changes, Mapper, MapperError, merge_changes
from gateway.service.record import Recorder
from gateway.store.base import Decision, Reads, Store, View
from gateway.store.rows import NO_SUBJECT, EntryRow, Label, NewEntry
from gateway.tlog.leaf import LeafType, decode_leaf
from gateway.tlog.statemap import DEFAULT_BITS, MapProof, Record
from optout.kit.clock import Clock

log = logging.getLogger(__name__)

READ_ROWS = 1000
MOST_AT_ONCE = 500
"""How many entries may be left for the moment of decision; an EPOCH that finds more waits for its draft."""


@dataclass(frozen=True, slots=True)
class EpochCadence:
    """When to log an EPOCH: ``every_s`` after the last, or ``every_entries``; the draft is kept up ``follow_s``."""

    every_s: float = 60.0
    every_entries: int = 10_000
    follow_s: float = 1.0
    bits: int = DEFAULT_BITS


class EpochLateError(Exception):
    """More entries came than an EPOCH may take in at once: it is decided again when the draft has caught up."""


@dataclass(frozen=True, slots=True)
class EpochUnit:
    """Appends an EPOCH over everything before it, of which the draft holds the first ``drafted`` entries."""

    mapper: Mapper
    recorder: Recorder
    drafted: int

    @property
    def reads(self) -> Reads:
        """Nothing by name: it reads the entries that its draft has not seen."""
        return Reads()

    def decide(self, view: View) -> Decision[tuple[int, Changes]]:
        """Append it; the result is its index and the changes beyond the draft."""
        if view.next_index - self.drafted > MOST_AT_ONCE:
            raise EpochLateError
        rows = [view.entry(index) for index in range(self.drafted, view.next_index)]
        changes = fold(self.recorder, rows)
        root = self.mapper.draft_root(changes)
        entry = NewEntry(LeafType.EPOCH, GATEWAY_ACTOR, self.mapper.bits, NO_SUBJECT, root, b"")
        return Decision((view.next_index, changes), entries=(entry,))


class Epochs:
    """Keeps the map and logs EPOCHs. ``store`` is the gated one: a registry that is read-only gets no EPOCH."""

    def __init__(self, store: Store, recorder: Recorder, clock: Clock, cadence: EpochCadence = EpochCadence()) -> None:
        self.last: int | None = None
        self._store = store
        self._recorder = recorder
        self._clock = clock
        self._cadence = cadence
        self._mapper: Mapper | None = None
        self._drafted = 0
        self._turn = asyncio.Lock()

    async def run(self) -> None:
        """Work until cancelled; a map process that dies is begun again."""
        while True:
            try:
                await self.load()
                if self._drafted and await self._store.last_of_type(LeafType.EPOCH) is not None:
                    # The map of the EPOCH before the start is gone: proofs need a new one.
                    await self.log_epoch()
                await self._keep_up()
            except MapperError as error:
                log.error("the state map is built again", extra={"reason": str(error)})
                await self._clock.sleep(1)
            finally:
                await self.close()

    async def load(self) -> None:
        """Build the map from the subjects' present rows, and what came while they were read."""
        self._mapper = await asyncio.to_thread(Mapper, self._cadence.bits)
        after, first = Label(b""), (await self._store.head()).size
        while True:
            rows, _ = await self._store.subjects(carrier=None, state=None, after=after, limit=READ_ROWS)
            records = tuple(Record(row.label, row.last_index, row.version) for row in rows)
            await self._tell(Changes(records))
            if len(rows) < READ_ROWS:
                break
            after = rows[-1].label
        self._drafted = first
        await self.follow()

    async def follow(self) -> None:
        """Take the log's new entries into the draft."""
        head = await self._store.head()
        while self._drafted < head.size:
            rows = await self._store.entries(self._drafted, min(READ_ROWS, head.size - self._drafted))
            await self._tell(fold(self._recorder, rows))
            self._drafted += len(rows)

    async def log_epoch(self) -> int:
        """Append an EPOCH; gives its index. Raises MapperError, StoreError and RefusedError (LOG_READ_ONLY)."""
        async with self._turn:
            while True:
                await self.follow()
                unit = EpochUnit(self._ready(), self._recorder, self._drafted)
                try:
                    index, changes = await self._store.commit(unit)
                except EpochLateError:
                    continue
                await asyncio.to_thread(self._ready().apply, changes)
                self._drafted = index
                self.last = index
                return index

    async def prove(self, label: Label) -> tuple[int, MapProof] | None:
        """What the last EPOCH's map says of a label, and that EPOCH's index; None if there is none since the start."""
        async with self._turn:
            if self.last is None or self._mapper is None:
                return None
            return self.last, await asyncio.to_thread(self._mapper.prove, label)

    async def close(self) -> None:
        """Let the map go."""
        mapper, self._mapper, self.last = self._mapper, None, None
        if mapper is not None:
            await asyncio.to_thread(mapper.close)

    async def _keep_up(self) -> None:
        due = self._clock.monotonic() + self._cadence.every_s
        logged = self._drafted
        while True:
            await self._clock.sleep(self._cadence.follow_s)
            async with self._turn:
                await self.follow()
            if self._clock.monotonic() >= due or self._drafted - logged >= self._cadence.every_entries:
                logged = await self.log_epoch()
                due = self._clock.monotonic() + self._cadence.every_s

    async def _tell(self, changes: Changes) -> None:
        await asyncio.to_thread(self._ready().put, changes)

    def _ready(self) -> Mapper:
        if self._mapper is None:
            raise MapperError("not built yet")
        return self._mapper


def fold(recorder: Recorder, rows: Sequence[EntryRow]) -> Changes:
    """What entries change in the map. An opening that was erased meanwhile tells nothing: its ERASE entry follows."""
    return merge_changes([_fold_one(recorder, row) for row in rows])


def _fold_one(recorder: Recorder, row: EntryRow) -> Changes:
    leaf = decode_leaf(row.leaf)
    if leaf.type is LeafType.EPOCH or (row.label == NO_SUBJECT and leaf.type is not LeafType.ERASE):
        return Changes()
    payload = recorder.open(row)
    if payload is None:
        return Changes()
    label = bytes.fromhex(payload["label"])
    if leaf.type is LeafType.ERASE:
        return Changes(gone=(label,))
    return Changes((Record(label, row.index, payload["version"]),))
