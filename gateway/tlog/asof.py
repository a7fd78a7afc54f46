"""What the registry said of one subject at a time T, with all that is needed to check it without the registry.

The way of the proof: a signed checkpoint; in its tree an EPOCH entry later than T; under the EPOCH's map root the
subject's record, or its absence; from the record's last entry back along the openings' back-pointers, each entry in
the same tree, until the last one with a time at or before T and on to the one that holds the state.

=========== ==========================================================================================
`PRESENT`   the state at T, from the opening of the entry that made it
`NONE_YET`  the subject is known now, but its first entry is later than T
`ABSENT`    the map knows no such label
`ERASED`    openings were destroyed; an ERASE entry whose opening names the label stands in the tree
`TOO_RECENT` no EPOCH is later than T yet: ask again after the next one
=========== ==========================================================================================

The proof is about a *label*. That it belongs to the number asked for, an opening shows (the state names the number);
of an absent label it rests on whoever holds the label key.
"""

import base64
import binascii
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NoReturn

from gateway.tlog.checkpoint import Checkpoint, CheckpointError
from gateway.tlog.hashing import HASH_BYTES, leaf_hash
from gateway.tlog.leaf import EpochLeaf, Leaf, LeafError, LeafType, decode_leaf
from gateway.tlog.note import Note, NoteError, Verifier, decode_note, open_note
from gateway.tlog.opening import NO_PREVIOUS, Opening, OpeningError, decode_payload
from gateway.tlog.policy import Policy, PolicyError
from gateway.tlog.proof import ProofError, verify_inclusion
from gateway.tlog.statemap import MapError, MapProof, Record

FORMAT = "optout.v1/as-of"
MAX_CHAIN = 100_000


class Answer(StrEnum):
    """What an as-of proof comes to; see the module's table."""

    PRESENT = "present"
    NONE_YET = "none_yet"
    ABSENT = "absent"
    ERASED = "erased"
    TOO_RECENT = "too_recent"


class AsOfError(ValueError):
    """A proof was refused.

    `reason` is FORMAT, CHECKPOINT, POLICY, INCLUSION, LEAF, EPOCH, MAP, OPENING, LABEL, CHAIN (a back-pointer or a
    version that does not fit), ERASURE or ANSWER (the proof shows another answer than it says). `index` names the
    entry concerned, if one is.
    """

    def __init__(self, reason: str, index: int | None = None) -> None:
        super().__init__(reason if index is None else f"{reason} at entry {index}")
        self.reason = reason
        self.index = index


@dataclass(frozen=True, slots=True)
class ProvenEntry:
    """An entry, its inclusion in the checkpoint's tree, and its opening if that is shown and not erased."""

    index: int
    leaf: bytes
    inclusion: tuple[bytes, ...]
    opening: Opening | None = None


@dataclass(frozen=True, slots=True)
class AsOfProof:
    """The proof, as a file holds it. `chain` begins with the subject's last entry under the EPOCH and goes back."""

    label: bytes
    time_ms: int
    answer: Answer
    checkpoint: Note
    epoch: ProvenEntry | None = None
    map: MapProof | None = None
    chain: tuple[ProvenEntry, ...] = ()
    erasure: ProvenEntry | None = None

    def encode(self) -> bytes:
        """Write the JSON file. It holds openings, which are personal data."""
        fields = {
            "format": FORMAT,
            "label": self.label.hex(),
            "time_ms": self.time_ms,
            "answer": self.answer.value,
            "checkpoint": self.checkpoint.encode(),
            "epoch": write_entry(self.epoch),
            "map": self.map and {"records": _write(self.map.records), "path": _write(b"".join(self.map.path))},
            "chain": [write_entry(entry) for entry in self.chain],
            "erasure": write_entry(self.erasure),
        }
        kept = {key: value for key, value in fields.items() if value not in (None, [])}
        return json.dumps(kept, indent=1, ensure_ascii=False).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class AsOf:
    """What a proof showed.

    `checkpoint` and `epoch_time_ms` say as of when it is known (`epoch_time_ms` is None if TOO_RECENT). For PRESENT:
    `entry` is the index of the subject's last entry at or before T, `state_entry` that of the entry that holds the
    state, `payload` the latter's opening and `version` the state's. For ERASED `entry` is the ERASE entry's index.
    """

    answer: Answer
    checkpoint: Checkpoint
    epoch_time_ms: int | None = None
    entry: int | None = None
    state_entry: int | None = None
    version: int | None = None
    payload: dict[str, Any] | None = None


def decode_as_of(data: bytes) -> AsOfProof:
    """Read a proof's file without believing it. Raises `AsOfError` (FORMAT)."""
    try:
        fields = json.loads(data)
        if fields["format"] != FORMAT or len(fields.get("chain", ())) > MAX_CHAIN or type(fields["time_ms"]) is not int:
            raise AsOfError("FORMAT")
        found = fields.get("map")
        return AsOfProof(
            label=bytes.fromhex(fields["label"]),
            time_ms=fields["time_ms"],
            answer=Answer(fields["answer"]),
            checkpoint=decode_note(fields["checkpoint"]),
            epoch=_read_optional(fields.get("epoch")),
            map=None if found is None else MapProof(_read(found["records"]), _read_hashes(found["path"])),
            chain=tuple(read_entry(entry) for entry in fields.get("chain", ())),
            erasure=_read_optional(fields.get("erasure")),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise AsOfError("FORMAT") from None


def verify_as_of(proof: AsOfProof, log: Verifier, policy: Policy | None = None) -> AsOf:
    """Check a proof, given the log's public key and, if witnesses are to count, a policy. Raises `AsOfError`."""
    checkpoint = check_note(proof.checkpoint, log, policy)
    if proof.answer is Answer.TOO_RECENT:
        return _check_too_recent(proof, checkpoint)
    epoch = _check_epoch(proof, checkpoint)
    record = _check_map(proof, epoch)
    if proof.answer is Answer.ERASED:
        return _check_erasure(proof, checkpoint, epoch, record)
    if record is None:
        if proof.chain or proof.answer is not Answer.ABSENT:
            raise AsOfError("ANSWER")
        return AsOf(Answer.ABSENT, checkpoint, epoch.accept_time_ms)
    if record.last_index >= epoch.covers:
        raise AsOfError("MAP", record.last_index)
    found = _Chain(proof, checkpoint, record).walk(epoch.accept_time_ms)
    if found.answer is not proof.answer:
        raise AsOfError("ANSWER")
    return found


class _Chain:
    """A walk from a record's last entry back to the state at T."""

    def __init__(self, proof: AsOfProof, checkpoint: Checkpoint, record: Record) -> None:
        self._proof = proof
        self._checkpoint = checkpoint
        self._next = record.last_index
        self._version = record.version

    def walk(self, epoch_time_ms: int) -> AsOf:
        last: int | None = None
        later_ms = epoch_time_ms
        for position, entry in enumerate(self._proof.chain):
            leaf, payload = self._step(entry, is_newest=position == 0)
            if leaf.accept_time_ms > later_ms:
                raise AsOfError("CHAIN", entry.index)
            later_ms = leaf.accept_time_ms
            if leaf.accept_time_ms <= self._proof.time_ms:
                last = entry.index if last is None else last
                if "after" in payload:
                    self._check_end(position)
                    return AsOf(
                        Answer.PRESENT,
                        self._checkpoint,
                        epoch_time_ms,
                        entry=last,
                        state_entry=entry.index,
                        version=payload["version"],
                        payload=payload,
                    )
            if self._next == NO_PREVIOUS:
                self._check_end(position)
                if last is not None:
                    raise AsOfError("CHAIN", entry.index)
                return AsOf(Answer.NONE_YET, self._checkpoint, epoch_time_ms)
        raise AsOfError("CHAIN", self._next)

    def _step(self, entry: ProvenEntry, *, is_newest: bool) -> tuple[Leaf, dict[str, Any]]:
        if entry.index != self._next:
            raise AsOfError("CHAIN", entry.index)
        leaf = check_entry(entry, self._checkpoint)
        if not isinstance(leaf, Leaf) or leaf.type not in {LeafType.CHANGE, LeafType.STATEMENT}:
            raise AsOfError("LEAF", entry.index)
        payload = check_opening(entry, leaf)
        if payload.get("label") != self._proof.label.hex():
            raise AsOfError("LABEL", entry.index)
        previous, version = payload.get("prev"), payload.get("version")
        if type(previous) is not int or type(version) is not int:
            raise AsOfError("OPENING", entry.index)
        if previous != NO_PREVIOUS and not 0 <= previous < entry.index:
            raise AsOfError("CHAIN", entry.index)
        # The record names the version of the newest entry; before it a change counts up by one, a statement not.
        if version != self._version if is_newest else version > self._version:
            raise AsOfError("CHAIN", entry.index)
        self._next, self._version = previous, version
        return leaf, payload

    def _check_end(self, position: int) -> None:
        if position != len(self._proof.chain) - 1:
            raise AsOfError("FORMAT")


def check_note(note: Note, log: Verifier, policy: Policy | None) -> Checkpoint:
    """Check that the log signed a checkpoint, and enough witnesses if there is a policy. Raises `AsOfError`."""
    try:
        open_note(note, [log])
        checkpoint = Checkpoint.from_text(note.text)
        if policy is not None:
            policy.certify(note)
    except (NoteError, CheckpointError):
        raise AsOfError("CHECKPOINT") from None
    except PolicyError:
        raise AsOfError("POLICY") from None
    if checkpoint.origin != log.name:
        raise AsOfError("CHECKPOINT")
    return checkpoint


def check_entry(entry: ProvenEntry, checkpoint: Checkpoint) -> Leaf | EpochLeaf:
    """Check that an entry is in the checkpoint's tree, and read its leaf. Raises `AsOfError` (INCLUSION, LEAF)."""
    try:
        verify_inclusion(leaf_hash(entry.leaf), entry.index, checkpoint.size, entry.inclusion, checkpoint.root)
        return decode_leaf(entry.leaf)
    except ProofError:
        raise AsOfError("INCLUSION", entry.index) from None
    except LeafError:
        raise AsOfError("LEAF", entry.index) from None


def check_opening(entry: ProvenEntry, leaf: Leaf) -> dict[str, Any]:
    """Check that an entry's opening is its leaf's, and read the payload. Raises `AsOfError` (OPENING)."""
    if entry.opening is None or not entry.opening.verify(leaf.commitment):
        raise AsOfError("OPENING", entry.index)
    try:
        return decode_payload(entry.opening.payload)
    except OpeningError:
        raise AsOfError("OPENING", entry.index) from None


def _read_epoch(proof: AsOfProof, checkpoint: Checkpoint) -> EpochLeaf:
    if proof.epoch is None:
        raise AsOfError("EPOCH")
    leaf = check_entry(proof.epoch, checkpoint)
    if not isinstance(leaf, EpochLeaf) or leaf.covers != proof.epoch.index:
        raise AsOfError("EPOCH", proof.epoch.index)
    return leaf


def _check_epoch(proof: AsOfProof, checkpoint: Checkpoint) -> EpochLeaf:
    leaf = _read_epoch(proof, checkpoint)
    # Times never decrease, so every entry up to T lies before an EPOCH that is later than T.
    if leaf.accept_time_ms <= proof.time_ms:
        raise AsOfError("EPOCH", leaf.covers)
    return leaf


def _check_too_recent(proof: AsOfProof, checkpoint: Checkpoint) -> AsOf:
    """The latest EPOCH, if there is one, must be at or before T. That it is the latest, nobody can show."""
    if proof.map is not None or proof.chain or proof.erasure is not None:
        raise AsOfError("ANSWER")
    if proof.epoch is None:
        return AsOf(Answer.TOO_RECENT, checkpoint)
    leaf = _read_epoch(proof, checkpoint)
    if leaf.accept_time_ms > proof.time_ms:
        raise AsOfError("ANSWER", leaf.covers)
    return AsOf(Answer.TOO_RECENT, checkpoint, leaf.accept_time_ms)


def _check_map(proof: AsOfProof, epoch: EpochLeaf) -> Record | None:
    if proof.map is None:
        raise AsOfError("MAP", epoch.covers)
    try:
        return proof.map.verify(proof.label, epoch.map_root)
    except MapError:
        raise AsOfError("MAP", epoch.covers) from None


def _check_erasure(proof: AsOfProof, checkpoint: Checkpoint, epoch: EpochLeaf, record: Record | None) -> AsOf:
    """An ERASE entry names the label: after the entries that the map still points to, or before a map without it."""
    entry = proof.erasure
    if entry is None or proof.chain:
        raise AsOfError("ERASURE")
    if entry.index >= epoch.covers if record is None else entry.index <= record.last_index:
        raise AsOfError("ERASURE", entry.index)
    leaf = check_entry(entry, checkpoint)
    if not isinstance(leaf, Leaf) or leaf.type is not LeafType.ERASE:
        raise AsOfError("ERASURE", entry.index)
    if check_opening(entry, leaf).get("label") != proof.label.hex():
        raise AsOfError("LABEL", entry.index)
    return AsOf(Answer.ERASED, checkpoint, epoch.accept_time_ms, entry=entry.index)


def _write(data: bytes) -> str:
    return base64.b64encode(data).decode()


def write_entry(entry: ProvenEntry | None) -> dict[str, Any] | None:
    """Write an entry for a JSON file."""
    if entry is None:
        return None
    fields = {"index": entry.index, "leaf": _write(entry.leaf), "inclusion": _write(b"".join(entry.inclusion))}
    if entry.opening is not None:
        fields |= {"salt": _write(entry.opening.salt), "payload": _write(entry.opening.payload)}
    return fields


def _read(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        _refuse()


def _read_hashes(text: str) -> tuple[bytes, ...]:
    data = _read(text)
    if len(data) % HASH_BYTES:
        _refuse()
    return tuple(data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES))


def read_entry(fields: dict[str, Any]) -> ProvenEntry:
    """Read what `write_entry` wrote. Raises `AsOfError` (FORMAT), KeyError, TypeError and ValueError."""
    if type(fields["index"]) is not int:
        _refuse()
    opening = Opening(_read(fields["salt"]), _read(fields["payload"])) if "salt" in fields else None
    return ProvenEntry(fields["index"], _read(fields["leaf"]), _read_hashes(fields["inclusion"]), opening)


def _read_optional(fields: dict[str, Any] | None) -> ProvenEntry | None:
    return None if fields is None else read_entry(fields)


def _refuse() -> NoReturn:
    raise AsOfError("FORMAT")


class ChainWalk:
    """Which entries a proof needs: from a record's last entry back to the state at `time_ms`.

    Give it the entry at `next_index` until there is an `answer`: PRESENT, NONE_YET, or ERASED as soon as an opening on
    the way is gone.
    """

    def __init__(self, last_index: int, time_ms: int) -> None:
        self.next_index = last_index
        self.answer: Answer | None = None
        self.chain: list[ProvenEntry] = []
        self._time_ms = time_ms

    def take(self, entry: ProvenEntry) -> None:
        """Take in the entry at `next_index`. Raises `OpeningError`."""
        if entry.opening is None:
            self.answer, self.chain = Answer.ERASED, []
            return
        self.chain.append(entry)
        payload = decode_payload(entry.opening.payload)
        self.next_index = payload["prev"]
        if decode_leaf(entry.leaf).accept_time_ms <= self._time_ms and "after" in payload:
            self.answer = Answer.PRESENT
        elif self.next_index == NO_PREVIOUS:
            self.answer = Answer.NONE_YET
