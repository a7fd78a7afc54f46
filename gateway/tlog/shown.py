"""What a replay is shown, what it asks of whoever knows the meaning of entries, and what it may find wrong."""

import struct
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any, Protocol

from gateway.tlog.leaf import Leaf
from gateway.tlog.opening import SALT_BYTES, Opening
from optout.kit.values import dataclass

_SHOWN = struct.Struct(">QBB?I")


class Fault(StrEnum):
    """What a replay finds wrong, besides the `Flaw`s of the tree."""

    COMMITMENT = "commitment"
    """The opening is not the one the leaf commits to."""
    OPENING = "opening"
    """The opening does not say what every opening must."""
    WITHHELD = "withheld_opening"
    """An opening is missing, and no erasure accounts for it."""
    BACK_POINTER = "back_pointer"
    """The entry names another one as its subject's previous."""
    BEFORE = "state_before"
    """The entry names another state as the one before it."""
    VERSION = "version"
    """A version was skipped or repeated."""
    TYPE = "leaf_type"
    """A state changed under a statement, or did not under a change."""
    COVERS = "epoch_covers"
    """An EPOCH covers another index than its own."""
    MAP_BITS = "map_bits"
    """An EPOCH names a map of more buckets than any has."""
    MAP_ROOT = "map_root"
    """An EPOCH's map root is not that of the entries before it."""
    ERASURE = "erasure"
    """An ERASE entry is about nobody the log knows, or the subject is spoken of after it."""
    OUTCOME = "outcome"
    """The entry's outcome does not follow from the rules in force."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One entry as the registry shows it. ``label`` is empty where it concerns nobody; ``opening`` None if erased."""

    index: int
    leaf: bytes
    label: bytes
    opening: Opening | None


def encode_shown(shown: Shown) -> bytes:
    """Write an entry as bytes. Raises struct.error for a leaf or a label of more than 255 bytes.

    ``u64 index | u8 leaf length | u8 label length | u8 opened | u32 payload length``, then what has these lengths.
    """
    opening = shown.opening
    length = 0 if opening is None else len(opening.payload)
    head = _SHOWN.pack(shown.index, len(shown.leaf), len(shown.label), opening is not None, length)
    tail = b"" if opening is None else opening.salt + opening.payload
    return head + shown.leaf + shown.label + tail


def decode_shown(content: bytes) -> Iterator[Shown]:
    """Read entries that stand one after the other. Raises struct.error and `OpeningError` for anything else."""
    at, unpack, size = 0, _SHOWN.unpack_from, _SHOWN.size
    while at < len(content):
        index, leaf_length, label_length, is_opened, length = unpack(content, at)
        label_at = at + size + leaf_length
        salt_at = label_at + label_length
        leaf, label = content[at + size : label_at], content[label_at:salt_at]
        opening, at = None, salt_at
        if is_opened:
            payload_at = salt_at + SALT_BYTES
            at = payload_at + length
            opening = Opening(content[salt_at:payload_at], content[payload_at:at])
        yield Shown(index, leaf, label, opening)


@dataclass(frozen=True, slots=True)
class Judged:
    """An entry to be judged: its leaf, its payload, and the subject's state before it.

    ``label`` is empty where it concerns nobody. ``before`` is the state in canonical bytes, None if this is the
    subject's first entry; it means nothing unless ``is_known``, for an opening that is gone hides what it was.
    """

    index: int
    leaf: Leaf
    payload: Mapping[str, Any]
    label: bytes
    before: bytes | None
    is_known: bool = True


class Judge(Protocol):
    """Knows what entries mean. It sees every opened entry in order, and hears of the others."""

    def judge(self, entry: Judged) -> Iterable[str]:
        """Say what is wrong with the entry, one sentence each, without personal data."""

    def pass_over(self, index: int, label: bytes) -> None:
        """Hear of an entry about a subject whose opening is gone."""

    def overhear(self, index: int, payload: Mapping[str, Any], epoch: int) -> None:
        """Hear of an entry that another judge decides, about a subject of this epoch: the next may follow from it."""

    def forget(self, label: bytes, before: bytes | None, time_ms: int) -> Iterable[str]:
        """Forget a subject that was erased at a time; say what is wrong with that. ``before`` is None if not known."""


class KeptJudge(Judge, Protocol):
    """A judge whose memory can be kept between two audits."""

    def dump(self) -> bytes:
        """Write all it remembers."""

    def load(self, data: bytes) -> None:
        """Go on from what `dump` wrote."""
