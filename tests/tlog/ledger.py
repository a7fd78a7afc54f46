"""A small registry in memory that keeps a log as the gateway does: leaves, openings, back-pointers, map and EPOCHs."""

from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from gateway.tlog.asof import Answer, AsOfProof, ChainWalk, ProvenEntry
from gateway.tlog.checkpoint import Checkpoint
from gateway.tlog.hashing import leaf_hash
from gateway.tlog.leaf import EpochLeaf, Leaf, LeafType, decode_leaf
from gateway.tlog.note import Ed25519Secret, Signer
from gateway.tlog.opening import NO_PREVIOUS, Opening, encode_payload
from gateway.tlog.proof import make_inclusion
from gateway.tlog.statemap import Record, StateMap

from .trees import nodes_of, root_of

SIGNER = Signer("registry.example", Ed25519Secret(bytes(range(32))))


def label_of(subject: int) -> bytes:
    return sha256(b"subject %d" % subject).digest()


@dataclass
class Ledger:
    """What a test writes; ``history`` is the naive account of it: (time, version) by subject, in order."""

    leaves: list[bytes] = field(default_factory=list)
    openings: list[Opening | None] = field(default_factory=list)
    records: dict[bytes, Record] = field(default_factory=dict)
    history: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    maps: dict[int, StateMap] = field(default_factory=dict)
    erasures: dict[bytes, int] = field(default_factory=dict)
    time_ms: int = 1_000
    bits: int = 4

    def change(self, subject: int, *, is_statement: bool = False, **forged: Any) -> int:
        """One entry of a subject: a change, or a statement that changes nothing. ``forged`` replaces payload fields."""
        label, index = label_of(subject), len(self.leaves)
        before = self.records.get(label)
        is_change = before is None or not is_statement
        version = (before.version if before else 0) + is_change
        payload: dict[str, Any] = {
            "v": 1,
            "kind": "test",
            "label": label.hex(),
            "prev": before.last_index if before else NO_PREVIOUS,
            "version": version,
            "before": "",
        }
        if is_change:
            payload["after"] = {"subject": subject, "version": version}
            self.history.setdefault(subject, []).append((self.time_ms, version))
        self._append(LeafType.CHANGE if is_change else LeafType.STATEMENT, {**payload, **forged})
        self.records[label] = Record(label, index, version)
        return index

    def erase(self, subject: int) -> int:
        """Destroy a subject's openings."""
        label, index = label_of(subject), len(self.leaves)
        for position, opening in enumerate(self.openings):
            if opening is not None and label.hex().encode() in opening.payload:
                self.openings[position] = None
        self._append(LeafType.ERASE, {"v": 1, "kind": "erase", "label": label.hex()})
        self.erasures[label] = index
        del self.records[label]
        return index

    def epoch(self) -> int:
        """An EPOCH over all that went before."""
        index = len(self.leaves)
        state_map = StateMap(self.bits)
        state_map.put(self.records.values())
        self.maps[index] = state_map
        self.leaves.append(EpochLeaf(0, self.bits, self.time_ms, index, state_map.root()).encode())
        self.openings.append(None)
        return index

    def prove(self, subject: int, time_ms: int, *, latest: bool = False) -> AsOfProof:
        """The proof of what stood at a time, by the first EPOCH after it or by the latest."""
        label = label_of(subject)
        note = self.checkpoint()
        later = [index for index in self.maps if decode_leaf(self.leaves[index]).accept_time_ms > time_ms]
        if not later:
            epoch = self.proven(max(self.maps)) if self.maps else None
            return AsOfProof(label, time_ms, Answer.TOO_RECENT, note, epoch)
        index = later[-1 if latest else 0]
        proof = AsOfProof(label, time_ms, Answer.ABSENT, note, self.proven(index), self.maps[index].prove(label))
        record = self.maps[index].get(label)
        erased = self.erasures.get(label)
        if record is None:
            if erased is not None and erased < index:
                return replace(proof, answer=Answer.ERASED, erasure=self.proven(erased))
            return proof
        walk = ChainWalk(record.last_index, time_ms)
        while walk.answer is None:
            walk.take(self.proven(walk.next_index))
        erasure = self.proven(self.erasures[label]) if walk.answer is Answer.ERASED else None
        return replace(proof, answer=walk.answer, chain=tuple(walk.chain), erasure=erasure)

    def proven(self, index: int) -> ProvenEntry:
        hashes = self.hashes()
        proof = make_inclusion(index, len(hashes), nodes_of(hashes))
        return ProvenEntry(index, self.leaves[index], tuple(proof), self.openings[index])

    def checkpoint(self) -> Any:
        hashes = self.hashes()
        text = Checkpoint(SIGNER.name, len(hashes), root_of(hashes)).text()
        return Checkpoint.from_text(text).unsigned().add(SIGNER.sign(text))

    def hashes(self) -> list[bytes]:
        return [leaf_hash(leaf) for leaf in self.leaves]

    def _append(self, kind: LeafType, payload: dict[str, Any]) -> None:
        opening = Opening(sha256(b"salt %d" % len(self.leaves)).digest(), encode_payload(payload))
        self.leaves.append(Leaf(kind, 1, 0, self.time_ms, opening.commitment()).encode())
        self.openings.append(opening)
