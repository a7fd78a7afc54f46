"""One replay's memory of subjects: where each chain ends, the state there, and the map over all of them.

A fold may hold a shard alone, the subjects whose labels begin with certain bits: that is a subtree of the map, so that
several folds side by side come to the same root. Each is shown the entries of its own subjects, those that concern
nobody in particular, and every EPOCH. All holders of one number must be judged in one place: a fold may be shown the
entries of a *guest*, whose place in the map another fold has, to judge them, and its own without judging them.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Generic, TypeVar

from gateway.tlog.leaf import Leaf, LeafType
from gateway.tlog.opening import NO_PREVIOUS, OpeningError, decode_payload, encode_typed
from gateway.tlog.shown import Fault, Judge, Judged, KeptJudge, Shown
from gateway.tlog.statemap import DEFAULT_BITS, LABEL_BYTES, StateMap, bucket_of, encode_record
from gateway.tlog.walk import Finding

AnyJudge_co = TypeVar("AnyJudge_co", bound=Judge, covariant=True)
_HEAD = struct.Struct(">QI")
_CHAIN = struct.Struct(">32sQQQ?I")
_LABEL_LENGTHS = frozenset({0, LABEL_BYTES})


@dataclass(frozen=True, slots=True)
class Shard:
    """The subjects whose labels begin with the `bits` bits of `number`; by default all of them."""

    bits: int = 0
    number: int = 0

    def holds(self, label: bytes) -> bool:
        """Tell whether a subject is one of these."""
        return not self.bits or bucket_of(label, self.bits) == self.number

    @property
    def is_first(self) -> bool:
        """Whether what concerns nobody in particular is told of here."""
        return self.number == 0


WHOLE = Shard()
MOST_BITS = 22
"""The largest map that a replay builds, some 100 MB while it is empty: an EPOCH that says more is not believed."""


@dataclass(slots=True)
class _Chain:
    """Where a subject's chain ends, and the state there, canonical; `dark_since` is its first entry without opening."""

    last_index: int = NO_PREVIOUS
    version: int = 0
    state: bytes = b""
    dark_since: int | None = None
    erased: bool = False


class Fold(Generic[AnyJudge_co]):
    """Takes openings in order of index. `judge` sees every one of them that holds."""

    def __init__(self, judge: AnyJudge_co, shard: Shard = WHOLE) -> None:
        self.opened = 0
        self.judge = judge
        self._shard = shard
        self._holds_all = shard == WHOLE
        self._map: StateMap | None = None
        self._rows: dict[bytes, bytes] = {}
        """Rows of the map that have changed since its last root; one that is empty is to be taken out."""
        self._chains: dict[bytes, _Chain] = {}
        self._dark: set[bytes] = set()

    def take(self, shown: Shown, leaf: Leaf, *, judged: bool = True) -> Sequence[Finding]:
        """Take the next entry that is no EPOCH; gives what is wrong with it. If not ``judged``, another fold does."""
        opening = shown.opening
        if opening is None:
            return list(self._take_dark(shown, judged))
        if not opening.verify(leaf.commitment):
            return (Finding(shown.index, Fault.COMMITMENT),)
        is_ours = self._holds_all or self._is_ours(shown.label)
        try:
            payload = decode_payload(opening.payload)
            label = _read_label(payload, shown, leaf)
        except (OpeningError, ValueError) as error:
            fault = error.reason.value if isinstance(error, OpeningError) else str(error)
            return (Finding(shown.index, Fault.OPENING, fault),) if is_ours else ()
        self.opened += is_ours
        if leaf.type is LeafType.ERASE:
            return list(self._take_erasure(shown.index, leaf, label))
        before, known, findings = None, True, []
        if label:
            chain = self._chains.get(label)
            if chain is None:
                chain = self._chains[label] = _Chain()
            before, known = chain.state or None, chain.dark_since is None
            findings = _follow(shown.index, leaf, payload, chain)
            if is_ours and not chain.erased:
                self._rows[label] = encode_record(label, shown.index, chain.version)
        if judged:
            faults = self.judge.judge(Judged(shown.index, leaf, payload, label, before, known))
            if faults and (label or is_ours):
                findings += [Finding(shown.index, Fault.OUTCOME, fault) for fault in faults]
        return findings

    def overhear(self, shown: Shown, epoch: int) -> None:
        """Hear of an entry that another fold takes and judges; what is wrong with it is said there."""
        if shown.opening is None:
            self.judge.pass_over(shown.index, shown.label)
            return
        with suppress(OpeningError):
            self.judge.overhear(shown.index, decode_payload(shown.opening.payload), epoch)

    def seal(self, bits: int = DEFAULT_BITS) -> bytes | None:
        """The root of this shard's subtree of a map of 2**bits buckets; None if a subject in it is dark.

        Nothing is built, and b"" given, for a map that is too large to be true. Raises `MapError` (BITS).
        """
        if self._dark:
            return None
        if bits > MOST_BITS:
            return b""
        if self._map is None or self._map.bits != bits:
            self._map = StateMap(bits)
            self._map.put_rows(self._standing())
        else:
            self._map.put_rows(self._rows)
        self._rows.clear()
        return self._map.subtree(self._shard.bits, self._shard.number)

    def finish(self) -> Iterator[Finding]:
        """The log ends here: what is dark now was never accounted for."""
        for label in self._dark:
            since = self._chains[label].dark_since
            yield Finding(since if since is not None else 0, Fault.WITHHELD)

    def dump(self: "Fold[KeptJudge]") -> bytes:
        """Write all it remembers; of the erased their labels alone. It is personal data."""
        judged = self.judge.dump()
        parts = [_HEAD.pack(self.opened, len(judged)), judged]
        for label, chain in self._chains.items():
            since = NO_PREVIOUS if chain.dark_since is None else chain.dark_since
            head = label, chain.last_index, chain.version, since, chain.erased, len(chain.state)
            parts += [_CHAIN.pack(*head), chain.state]
        return b"".join(parts)

    def load(self: "Fold[KeptJudge]", data: bytes) -> None:
        """Go on from what `dump` wrote. Raises struct.error for anything else."""
        self.opened, length = _HEAD.unpack_from(data)
        at = _HEAD.size + length
        self.judge.load(data[_HEAD.size : at])
        while at < len(data):
            label, last_index, version, since, erased, length = _CHAIN.unpack_from(data, at)
            at += _CHAIN.size + length
            dark_since = None if since == NO_PREVIOUS else since
            self._chains[label] = _Chain(last_index, version, data[at - length : at], dark_since, erased)
            if dark_since is not None and self._shard.holds(label):
                self._dark.add(label)

    def states(self) -> Iterator[tuple[bytes, bytes, bool]]:
        """Every subject that it knows the state of: its label, the state in canonical bytes, and if it is a guest."""
        for label, chain in self._chains.items():
            if chain.state:
                yield label, chain.state, not self._shard.holds(label)

    def _standing(self) -> dict[bytes, bytes]:
        return {
            label: encode_record(label, chain.last_index, chain.version)
            for label, chain in self._chains.items()
            if not chain.erased and self._shard.holds(label)
        }

    def _take_dark(self, shown: Shown, judged: bool) -> Iterator[Finding]:
        if not shown.label:
            if self._shard.is_first:
                yield Finding(shown.index, Fault.WITHHELD, "it concerns nobody in particular")
            return
        chain = self._chains.setdefault(shown.label, _Chain())
        if chain.erased:
            yield Finding(shown.index, Fault.ERASURE, "the subject is spoken of after its erasure")
        chain.last_index = shown.index
        if judged:
            self.judge.pass_over(shown.index, shown.label)
        if chain.dark_since is None:
            chain.dark_since = shown.index
        if self._shard.holds(shown.label):
            self._dark.add(shown.label)

    def _is_ours(self, label: bytes) -> bool:
        return self._shard.holds(label) if len(label) == LABEL_BYTES else self._shard.is_first

    def _take_erasure(self, index: int, leaf: Leaf, label: bytes) -> Iterator[Finding]:
        if not label:
            if self._shard.is_first:
                yield Finding(index, Fault.ERASURE, "of nobody")
            return
        chain = self._chains.get(label)
        before = None if chain is None or chain.dark_since is not None else chain.state or None
        for fault in self.judge.forget(label, before, leaf.accept_time_ms):
            if self._shard.holds(label):
                yield Finding(index, Fault.OUTCOME, fault)
        if chain is None or chain.erased:
            if self._shard.holds(label):
                yield Finding(index, Fault.ERASURE, "nobody the log knows, or erased before")
            return
        chain.erased, chain.state, chain.dark_since = True, b"", None
        self._dark.discard(label)
        self._rows[label] = b""


def _follow(index: int, leaf: Leaf, payload: Mapping[str, Any], chain: _Chain) -> list[Finding]:
    """The chain of one subject: back-pointer, state before, version, and the state after."""
    found: list[Finding] = []
    if chain.erased:
        found.append(Finding(index, Fault.ERASURE, "the subject is spoken of after its erasure"))
    if payload.get("prev") != chain.last_index:
        found.append(Finding(index, Fault.BACK_POINTER))
    # Of a dark subject the state is not known; the next state that is shown begins it anew.
    known = chain.dark_since is None
    if known and payload.get("before") != (sha256(chain.state).hexdigest() if chain.state else ""):
        found.append(Finding(index, Fault.BEFORE))
    after, version = payload.get("after"), payload.get("version")
    if type(version) is not int or version < 0 or (after is not None and not isinstance(after, dict)):
        found.append(Finding(index, Fault.OPENING, "no version, or a state that is none"))
        version = chain.version
    if (after is not None) is not (leaf.type is LeafType.CHANGE):
        found.append(Finding(index, Fault.TYPE))
    if known and not _counts_up(chain, after, version):
        found.append(Finding(index, Fault.VERSION))
    chain.last_index, chain.version = index, version
    if isinstance(after, dict):
        chain.state = encode_typed(after)
    return found


def _read_label(payload: Mapping[str, Any], shown: Shown, leaf: Leaf) -> bytes:
    """Whom an opening is about: whoever it is shown under, but for ERASE. ValueError says what is wrong."""
    text = payload.get("label")
    if text == shown.label.hex() and len(shown.label) in _LABEL_LENGTHS:
        return shown.label
    try:
        label = bytes.fromhex(text) if isinstance(text, str) else None
    except ValueError:
        label = None
    if label is None or len(label) not in _LABEL_LENGTHS:
        raise ValueError("no label")
    if label != shown.label and leaf.type is not LeafType.ERASE:
        raise ValueError("another label than it is shown under")
    return label


def _counts_up(chain: _Chain, after: Any, version: int) -> bool:
    """A change of wishes counts up by one; what was learned of their effect, and a statement, not at all."""
    if after is None:
        return version == chain.version
    if not isinstance(after, dict) or after.get("version") != version:
        return False
    return version in {chain.version, chain.version + 1}
