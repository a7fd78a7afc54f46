"""Long messages of subscribers, put together across restarts.

A part is in the journal before it is acknowledged; the part that completes the message is not, it is acknowledged
with the whole once the gateway has committed. So whatever is killed when: what was acknowledged is here, what was not
comes again.

The whole bears the message id of its first part: in whatever order the parts come, and come again, the same id.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from hashlib import sha256

from adapters.carrier.sms_link import MoReceived
from adapters.journal.base import Journal
from adapters.journal.rows import Segment as StoredSegment
from adapters.journal.rows import SmsBody
from adapters.wire.longmessage import Assembler, AssemblyKey, AssemblyState, Segment, make_assembly_key


@dataclass(frozen=True, slots=True)
class Whole:
    """A message that is whole: its text (bytes if any part is no text), and what identifies it."""

    key: AssemblyKey | None = field(repr=False)
    msg_id: bytes
    digest: bytes
    text: str | bytes = field(repr=False)
    link_tag: bytes


@dataclass(frozen=True, slots=True)
class Stored:
    """A part that is safe in the journal, waiting for others; `is_copy` if it was there before."""

    is_copy: bool


@dataclass(frozen=True, slots=True)
class Misnumbered:
    """A part that belongs to no possible message. Nothing is kept of it."""


@dataclass(frozen=True, slots=True)
class LongMessageBounds:
    """How much is kept, and how long."""

    life_s: float
    max_parts: int
    max_open: int


class LongMessages:
    """Single messages pass through; parts are kept until they are whole and `settle`d."""

    def __init__(self, journal: Journal, bounds: LongMessageBounds) -> None:
        self._journal = journal
        self._bounds = bounds
        self._assembler = Assembler(bounds.life_s, bounds.max_parts, bounds.max_open)
        self._parts: dict[AssemblyKey, dict[int, MoReceived]] = {}
        self._unsettled: dict[AssemblyKey, Whole] = {}

    async def load(self) -> int:
        """Take up the parts that an earlier process left; returns how many. Call before the first `add`."""
        stored = await self._journal.segments()
        for row in stored:
            account, mo = _unpack(row.body)
            segment = _read_segment(mo)
            if (key := make_assembly_key(account, mo.source, mo.destination, segment)) is not None:
                self._assembler.add(key, segment, row.arrived_ms / 1000)
                self._remember(key, segment, mo)
        return len(stored)

    async def add(self, account: str, mo: MoReceived, now_ms: int) -> Whole | Stored | Misnumbered:
        """Take one message; raises `JournalError` if a part cannot be kept."""
        segment = _read_segment(mo)
        key = make_assembly_key(account, mo.source, mo.destination, segment)
        if key is None:
            return Whole(None, mo.msg_id, mo.digest, segment.read().value, mo.link_tag)
        result = self._assembler.add(key, segment, now_ms / 1000)
        for discarded in result.discarded:
            await self._forget(discarded)
        if result.state is AssemblyState.REFUSED:
            return Misnumbered()
        if result.state is AssemblyState.DUPLICATE:
            if key in self._unsettled:
                return self._unsettled[key]
            if key not in self._parts:  # a late copy of what is settled
                return Stored(is_copy=True)
        elif result.state is AssemblyState.RESTARTED or self._unsettled.pop(key, None) is not None:
            await self._forget(key)  # the phone uses its reference anew
        self._remember(key, segment, mo)
        if result.message is not None:
            self._unsettled[key] = whole = self._put_together(key, result.message.value)
            if len(self._unsettled) > self._bounds.max_open:
                await self.settle(next(iter(self._unsettled.values())))
            return whole
        await self._keep(account, key, segment, mo, now_ms)
        return Stored(is_copy=result.state is AssemblyState.DUPLICATE)

    async def settle(self, whole: Whole) -> None:
        """The whole is done with; nothing of it need be kept."""
        if whole.key is not None:
            self._unsettled.pop(whole.key, None)
            await self._forget(whole.key)

    def _remember(self, key: AssemblyKey, segment: Segment, mo: MoReceived) -> None:
        if segment.concat is not None:
            self._parts.setdefault(key, {})[segment.concat.number] = mo

    def _put_together(self, key: AssemblyKey, text: str | bytes) -> Whole:
        parts = [mo for _, mo in sorted(self._parts[key].items())]
        digest = sha256(b"".join(mo.digest for mo in parts)).digest()
        return Whole(key, parts[0].msg_id, digest, text, parts[0].link_tag)

    async def _keep(self, account: str, key: AssemblyKey, segment: Segment, mo: MoReceived, now_ms: int) -> None:
        number = segment.concat.number if segment.concat else 0
        await self._journal.add_segment(StoredSegment(_name_group(key), number, _pack(account, mo), now_ms))

    async def _forget(self, key: AssemblyKey) -> None:
        self._parts.pop(key, None)
        await self._journal.drop_segments(_name_group(key))


def _read_segment(mo: MoReceived) -> Segment:
    return Segment(mo.body.tp_udhi, mo.body.msg_fmt, mo.body.content)


def _name_group(key: AssemblyKey) -> bytes:
    return json.dumps([key.link, key.src, key.dst, key.reference_bits, key.reference, key.total]).encode()


def _pack(account: str, mo: MoReceived) -> bytes:
    body = [mo.body.msg_fmt, mo.body.tp_udhi, mo.body.content.hex()]
    ids = [account, mo.msg_id.hex(), mo.source, mo.destination]
    return json.dumps([ids, body, mo.digest.hex(), mo.link_tag.hex()]).encode()


def _unpack(stored: bytes) -> tuple[str, MoReceived]:
    (account, msg_id, source, destination), (msg_fmt, tp_udhi, content), digest, link_tag = json.loads(stored)
    body = SmsBody(msg_fmt, tp_udhi, bytes.fromhex(content))
    mo = MoReceived(bytes.fromhex(msg_id), source, destination, body, bytes.fromhex(digest), bytes.fromhex(link_tag))
    return account, mo
