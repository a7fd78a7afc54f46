"""Walking a whole log from its tiles: every entry hashed, every tile compared, times in order.

Work is cut into stretches of 65,536 entries, those under one tile of level 1, so that processes can share it. A stretch
is believed if the hashes it comes to are those of its tile of level 1, which a `TileReader` takes from a signed root.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from gateway.tlog.hashing import HASH_BYTES, leaf_hash
from gateway.tlog.leaf import LEAF_BYTES, LeafError, decode_leaf
from gateway.tlog.tile import (
    WIDTH,
    AnyTile,
    Bundle,
    Tile,
    TileError,
    decode_bundle,
    decode_hashes,
    subtree_hash,
    width_of,
)

STRETCH = WIDTH * WIDTH
"""Entries under one tile of level 1."""

_PLAIN = struct.Struct(">HBBHIQ32s")
_LEAF_PREFIX = b"\x00"
_TYPES = frozenset({1, 2, 4, 5})


class Flaw(StrEnum):
    """What is wrong at an index."""

    MISSING = "missing"
    """A tile or a bundle could not be had."""
    LEAF = "leaf"
    """An entry is no leaf."""
    ENTRY = "entry"
    """An entry's hash is not that in its tile."""
    TILE = "tile"
    """A tile is not what its parent says."""
    TIME_BACKWARDS = "time_backwards"
    """An entry bears an earlier time than the one before it."""
    NOTE = "note"
    """What was shown as a kept checkpoint is none of the log's."""
    FORK = "fork"
    """The log signed another tree of a size that the tree at hand has, too; the index is that size."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong, at the first index at which it shows; `tile` names the file, if the flaw is in one."""

    index: int
    flaw: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a stretch came to.

    `hashes` are those of its whole tiles of level 0, `edge` the leaf hashes of a last tile that is not whole; times are
    Unix ms, 0 where it has no entries.
    """

    number: int
    hashes: tuple[bytes, ...]
    edge: tuple[bytes, ...]
    first_ms: int
    last_ms: int
    entries: int
    findings: tuple[Finding, ...] = ()


Fetch = Callable[[AnyTile], bytes]


def stretches(old_size: int, size: int) -> Iterator[int]:
    """Number the stretches that hold entries from `old_size` up to `size`."""
    yield from range(old_size // STRETCH, -(-size // STRETCH))


def walk_stretch(number: int, size: int, fetch: Fetch) -> Stretch:
    """Read one stretch of a log of `size` entries. What `fetch` raises as KeyError or OSError is a finding."""
    hashes: list[bytes] = []
    edge: tuple[bytes, ...] = ()
    findings: list[Finding] = []
    first_ms = last_ms = entries = 0
    for index in range(number * WIDTH, (number + 1) * WIDTH):
        width = width_of(0, index, size)
        if not width:
            break
        try:
            bundle, tile = fetch(Bundle(index, width)), fetch(Tile(0, index, width))
        except (KeyError, OSError) as error:
            findings.append(Finding(index * WIDTH, Flaw.MISSING, type(error).__name__))
            break
        found = walk_bundle(index, width, bundle, tile, last_ms)
        findings += found.findings
        first_ms = first_ms or found.first_ms
        last_ms = max(last_ms, found.last_ms)
        entries += width
        if not found.hashes:
            break
        if width == WIDTH:
            hashes.append(subtree_hash(found.hashes))
        else:
            edge = found.hashes
    return Stretch(number, tuple(hashes), edge, first_ms, last_ms, entries, tuple(findings))


@dataclass(frozen=True, slots=True)
class WalkedBundle:
    """Its tile's hashes (none if either could not be read), its first and last time, and what is wrong."""

    hashes: tuple[bytes, ...]
    first_ms: int
    last_ms: int
    findings: tuple[Finding, ...] = ()


def walk_bundle(index: int, width: int, bundle: bytes, tile: bytes, before_ms: int) -> WalkedBundle:
    """Hash a bundle's entries, compare them with their tile, and look at their times."""
    first = index * WIDTH
    rows = _read_plain(width, bundle)
    if rows is None:
        return _walk_slowly(first, width, bundle, tile, before_ms)
    leaves, times = rows
    hashes = tuple([sha256(_LEAF_PREFIX + leaf).digest() for leaf in leaves])
    findings = [*_compare(first, hashes, tile), *_look_at_times(first, times, before_ms)]
    return WalkedBundle(_read_tile(hashes, tile), times[0], times[-1], tuple(findings))


def _read_plain(width: int, bundle: bytes) -> tuple[list[bytes], list[int]] | None:
    """Read a bundle in which every entry is a well-formed leaf of 48 bytes; None if one is not."""
    step = _PLAIN.size
    if len(bundle) != width * step:
        return None
    times = []
    for length, version, kind, _, _, time_ms, _ in _PLAIN.iter_unpack(bundle):
        if length != LEAF_BYTES or version != 1 or kind not in _TYPES:
            return None
        times.append(time_ms)
    return [bundle[at + 2 : at + step] for at in range(0, len(bundle), step)], times


def _walk_slowly(first: int, width: int, bundle: bytes, tile: bytes, before_ms: int) -> WalkedBundle:
    try:
        entries = decode_bundle(bundle, width)
    except TileError as error:
        return WalkedBundle((), before_ms, before_ms, (Finding(first, Flaw.ENTRY, f"bundle {error.reason}"),))
    times: list[int] = []
    findings: list[Finding] = []
    for position, entry in enumerate(entries):
        try:
            times.append(decode_leaf(entry).accept_time_ms)
        except LeafError as error:
            findings.append(Finding(first + position, Flaw.LEAF, error.reason))
            times.append(times[-1] if times else before_ms)
    hashes = tuple(map(leaf_hash, entries))
    findings += [*_compare(first, hashes, tile), *_look_at_times(first, times, before_ms)]
    return WalkedBundle(_read_tile(hashes, tile), times[0], times[-1], tuple(findings))


def _compare(first: int, hashes: tuple[bytes, ...], tile: bytes) -> Iterator[Finding]:
    """Every entry against its place in the tile; only the first that differs is named."""
    if b"".join(hashes) == tile:
        return
    wrong = next(
        (at for at, value in enumerate(hashes) if tile[at * HASH_BYTES : (at + 1) * HASH_BYTES] != value), len(hashes)
    )
    yield Finding(first + min(wrong, len(hashes) - 1), Flaw.ENTRY, "the entry and its tile differ")


def _read_tile(hashes: tuple[bytes, ...], tile: bytes) -> tuple[bytes, ...]:
    """The tile's own hashes: an entry that differs from a tile that is right is the entry's fault alone."""
    if b"".join(hashes) == tile:
        return hashes
    return decode_hashes(tile, len(hashes)) if len(tile) == len(hashes) * HASH_BYTES else ()


def _look_at_times(first: int, times: list[int], before_ms: int) -> Iterator[Finding]:
    for position, time_ms in enumerate(times):
        if time_ms < before_ms:
            yield Finding(first + position, Flaw.TIME_BACKWARDS)
        before_ms = max(before_ms, time_ms)
