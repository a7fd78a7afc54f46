"""All rows as they stood at one revision, whatever was committed since: each subject's chain is walked back to it.

An earlier revision costs as many steps as there were entries since. Those who were erased are in no snapshot. All
subjects are looked at whoever asks, since who served a number then may not be who serves it now.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from gateway.domain.codec import read_subscriber
from gateway.domain.errors import Reason, RefusedError
from gateway.domain.subscription import Subscriber
from gateway.service.feed import visible_row
from gateway.service.record import Recorder
from gateway.service.views import SnapshotPart, SubscriptionView
from gateway.store.base import Store
from gateway.store.rows import Label, SubjectRow
from gateway.store.vault import SealError
from gateway.tlog.opening import NO_PREVIOUS

PART_ROWS = 500


class Snapshots:
    """Reads snapshots from a store and its log."""

    def __init__(self, store: Store, recorder: Recorder) -> None:
        self._store = store
        self._recorder = recorder

    async def read(self, revision: int, carrier: str | None) -> AsyncIterator[SnapshotPart]:
        """Yield the parts, at least one; ``revision`` 0 means the newest, ``carrier`` limits the rows to one's own.

        Raises RefusedError (REVISION_OUT_OF_RANGE) for a revision in the future.
        """
        head = await self._store.head()
        if revision > head.size:
            raise RefusedError(Reason.REVISION_OUT_OF_RANGE, "this revision lies in the future", field="revision")
        wanted, after = revision or head.size, Label(b"")
        while True:
            rows, _ = await self._store.subjects(carrier=None, state=None, after=after, limit=PART_ROWS)
            found = [view for row in rows if (view := await self._view(row, wanted, carrier)) is not None]
            if found or not after:
                yield SnapshotPart(wanted, tuple(found))
            if len(rows) < PART_ROWS:
                return
            after = rows[-1].label
            await asyncio.sleep(0)

    async def _view(self, row: SubjectRow, revision: int, carrier: str | None) -> SubscriptionView | None:
        try:
            stood = await self._stood(row, revision)
        except SealError:
            return None
        if stood is None or stood[0].life.ended:
            return None
        return visible_row(stood[0], carrier, stood[1])

    async def _stood(self, row: SubjectRow, revision: int) -> tuple[Subscriber, int] | None:
        """The state at a revision and that of its latest entry then; None if there was none yet. Raises SealError."""
        if row.last_index < revision:
            return self._recorder.read_state(row).state, row.last_index + 1
        index, latest = row.last_index, 0
        while index != NO_PREVIOUS:
            payload = await self._open(index)
            if payload is None:
                return None
            if index < revision:
                latest = latest or index + 1
                if "after" in payload:
                    return read_subscriber(payload["after"]), latest
            index = payload["prev"]
        return None

    async def _open(self, index: int) -> dict[str, Any] | None:
        (entry,) = await self._store.entries(index, 1)
        return self._recorder.open(entry)
