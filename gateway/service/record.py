"""Entries and their openings: what is written into the log for a subject, and how it is read again.

An opening's payload is a canonical map with at least

==========  =========================================================================================
``v``       layout version, 1
``kind``    what it records, such as ``instruction`` or ``delivery``
``label``   the subject's label in hex; empty for what concerns nobody in particular
``prev``    index of the subject's previous entry; ``NO_PREVIOUS`` for the first
``version`` how often the subject's wishes have changed, this entry included (effects do not count)
``before``  SHA-256 of the state before, in hex; empty if there was none
``after``   the whole state after; left out if it did not change, but never in a subject's first entry
==========  =========================================================================================

so that the chain of a subject's entries can be walked back and its state folded forward without any table.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import orjson

from gateway.domain.codec import Map, read_subscriber
from gateway.domain.subscription import Subscriber
from gateway.service.recent import Recent, RecentStates
from gateway.store.randomness import random_bytes
from gateway.store.rows import NO_SUBJECT, EntryRow, Label, NewEntry, SubjectRow
from gateway.store.vault import SealError, Vault
from gateway.tlog.leaf import LeafType
from gateway.tlog.opening import NO_PREVIOUS, SALT_BYTES, Opening, commitment, decode_payload, encode_typed
from optout.kit.values import dataclass

OPENING_PURPOSE = "opening"
STATE_PURPOSE = "state"
PAYLOAD_VERSION = 1


@dataclass(frozen=True, slots=True)
class Known:
    """A subject as it stood before a unit: its row, its state, and the state's canonical bytes."""

    row: SubjectRow
    state: Subscriber
    state_bytes: bytes


class Recorder:
    """Seals and opens on behalf of the services."""

    def __init__(self, vault: Vault) -> None:
        self.vault = vault
        self._recent = RecentStates()
        vault.call_on_destroy(self._recent.forget)

    def read_state(self, row: SubjectRow) -> Known:
        """Unseal a subject's state, unless it was sealed here a moment ago. Raises SealError."""
        recent = self._recent.find(row.label, row.sealed)
        if recent is not None:
            return Known(row, recent.state, recent.clear)
        clear = self.vault.unseal(row.label, STATE_PURPOSE, row.sealed)
        # The seal vouches for the bytes, so they need no second check of their form.
        return Known(row, read_subscriber(orjson.loads(clear)), clear)

    def seal_state(self, label: Label, key: bytes | None, state: Subscriber, written: Map) -> bytes:
        """Seal a state, of which ``written`` is the map. ``key`` is the subject's new key if it has none yet."""
        clear = encode_typed(written)
        sealed = self.vault.seal(label, key, STATE_PURPOSE, clear)
        self._recent.put(label, Recent(sealed, state, clear))
        return sealed

    def chain(self, kind: str, label: Label, before: Known | None) -> Map:
        """Begin a payload: what ties an entry to the subject's entry before it."""
        return {
            "v": PAYLOAD_VERSION,
            "kind": kind,
            "label": label.hex(),
            "prev": NO_PREVIOUS if before is None else before.row.last_index,
            "version": 0 if before is None else before.row.version,
            "before": "" if before is None else sha256(before.state_bytes).hexdigest(),
        }

    def entry(self, leaf_type: LeafType, actor: int, label: Label, payload: Map, key: bytes | None = None) -> NewEntry:
        """Make an entry. ``key`` is the subject's new key if it has none yet."""
        salt = random_bytes(SALT_BYTES)
        content = encode_typed(payload)
        opening = salt + content
        sealed = opening if label == NO_SUBJECT else self.vault.seal(label, key, OPENING_PURPOSE, opening)
        return NewEntry(leaf_type, actor, 0, label, commitment(salt, content), sealed)

    def open(self, entry: EntryRow) -> dict[str, Any] | None:
        """Read an entry's payload; None if its opening was erased. Raises SealError and OpeningError."""
        opening = self.opening(entry)
        return None if opening is None else decode_payload(opening.payload)

    def opening(self, entry: EntryRow) -> Opening | None:
        """Unseal an entry's opening; None if it or its key was destroyed, or it has none. Raises SealError."""
        if entry.sealed_opening is None:
            return None
        opening = entry.sealed_opening
        if entry.label != NO_SUBJECT:
            try:
                opening = self.vault.unseal(entry.label, OPENING_PURPOSE, opening)
            except SealError as error:
                if error.reason != "KEY_MISSING":
                    raise
                return None
        return Opening(opening[:SALT_BYTES], opening[SALT_BYTES:])
