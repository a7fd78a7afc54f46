"""What carriers declared, found again in the log when a gateway starts, so that its first order has the right forecast.

A declaration is an entry of the log like any other, so finding the latest means reading back. So that this never takes
long, a carrier's declaration is said again once the log has grown much since, whether or not it changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gateway.domain.capability_codec import read_capabilities
from gateway.service.books import CapabilityBook
from gateway.service.record import Recorder
from gateway.store.base import Store
from gateway.store.rows import NO_SUBJECT, EntryRow
from gateway.tlog.leaf import LeafType, decode_leaf

KIND: Final = "capabilities"
LOOK_BACK_ENTRIES: Final = 20_000
"""How far back a start looks: some tenths of a second."""
SAY_AGAIN_ENTRIES: Final = LOOK_BACK_ENTRIES // 2
"""How many entries after a declaration it is said again."""
PAGE_ENTRIES: Final = 1000


async def recall_declarations(store: Store, recorder: Recorder, carriers: Iterable[str]) -> CapabilityBook:
    """Find the latest declaration of each carrier; one that lies too far back is missing. Raises StoreError."""
    book, end, missing = CapabilityBook(), (await store.head()).size, set(carriers)
    least = max(0, end - LOOK_BACK_ENTRIES)
    while missing and end > least:
        start = max(least, end - PAGE_ENTRIES)
        for row in reversed(await store.entries(start, end - start)):
            carrier = _recall(row, recorder, book, missing)
            missing.discard(carrier)
        end = start
    return book


def _recall(row: EntryRow, recorder: Recorder, book: CapabilityBook, missing: set[str]) -> str:
    """Take one entry in, if it is the declaration of a carrier that is missing; return that carrier."""
    if row.label != NO_SUBJECT or decode_leaf(row.leaf).type is not LeafType.STATEMENT:
        return ""
    payload = recorder.open(row)
    if payload is None or payload["kind"] != KIND or payload["carrier"] not in missing:
        return ""
    declared = read_capabilities(payload)
    book.put(declared, row.index + 1)
    return declared.carrier
