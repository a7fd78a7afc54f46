"""The change feed: the log, read forward, as full rows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from gateway.domain.codec import read_subscriber
from gateway.domain.errors import Reason, RefusedError
from gateway.domain.preferences import Medium
from gateway.domain.subscription import Subscriber
from gateway.service.access import seen_by
from gateway.service.claims import KIND as CONTEST
from gateway.service.claims import view_claim
from gateway.service.record import Recorder
from gateway.service.views import ErasedRow, FeedRange, SubscriptionView
from gateway.store.base import Store
from gateway.store.rows import EntryRow, Label
from gateway.tlog.leaf import LeafType, decode_leaf

MAX_RANGE_ENTRIES = 500
PROGRESS_EVERY_S = 15.0


class Feed:
    """Reads ranges of the log. A row is taken from the opening of the subject's latest change within the range."""

    def __init__(self, store: Store, recorder: Recorder) -> None:
        self._store = store
        self._recorder = recorder

    async def follow(self, after: int, carrier: str | None) -> AsyncIterator[FeedRange]:
        """Yield ranges that join without a gap, for ever; empty ones when nothing happens.

        ``carrier`` limits the rows to one carrier's subscribers. Raises RefusedError(REVISION_OUT_OF_RANGE).
        """
        head = await self._store.head()
        if after > head.size:
            raise RefusedError(Reason.REVISION_OUT_OF_RANGE, "this revision lies in the future", field="after_revision")
        time_ms = head.time_ms
        while True:
            if await self._store.wait_beyond(after, PROGRESS_EVERY_S) <= after:
                yield FeedRange(after, after, (), time_ms)
                continue
            feed_range = self.fold(after, await self._store.entries(after, MAX_RANGE_ENTRIES), carrier)
            after, time_ms = feed_range.revision, feed_range.time_ms
            yield feed_range

    def fold(self, after: int, entries: Sequence[EntryRow], carrier: str | None) -> FeedRange:
        """The range that these entries, which begin at index ``after``, make."""
        latest: dict[Label, EntryRow] = {}
        types = [decode_leaf(entry.leaf).type for entry in entries]
        for entry, leaf_type in zip(entries, types, strict=True):
            if leaf_type is LeafType.CHANGE:
                latest.pop(entry.label, None)
                latest[entry.label] = entry
        opened = ((entry, self._recorder.open(entry)) for entry in latest.values())
        rows = [(entry, payload["kind"], read_subscriber(payload["after"])) for entry, payload in opened if payload]
        views = (visible_row(state, carrier, entry.index + 1) for entry, _, state in rows)
        claims = (view_claim(state) for _, kind, state in rows if kind == CONTEST or _claimed_since(state, after))
        return FeedRange(
            after,
            entries[-1].index + 1,
            tuple(view for view in views if view is not None),
            decode_leaf(entries[-1].leaf).accept_time_ms,
            tuple(claim for claim in claims if claim is not None and claim.prefix_carrier == carrier),
            touches_rules=LeafType.POLICY in types,
            erased=tuple(self._erased(e) for e, kind in zip(entries, types, strict=True) if kind is LeafType.ERASE),
        )

    def _erased(self, entry: EntryRow) -> ErasedRow:
        # An ERASE entry's opening is nobody's, and is never erased itself.
        payload = self._recorder.open(entry) or {}
        return ErasedRow(payload.get("row", 0), payload.get("restricted", 0))


def visible_row(state: Subscriber, carrier: str | None, revision: int) -> SubscriptionView | None:
    """A row as ``carrier`` may see it (None: whoever sees everything), or None.

    Who lost a number and has not switched it off yet, or has still to report that it erased what it held, sees that it
    is gone, and nothing of the wishes.
    """
    if carrier in {None, state.carrier}:
        return SubscriptionView(seen_by(state, carrier), Medium.VOICE, revision)
    unconfirmed = () if state.erasure is None else state.erasure.unconfirmed
    if carrier in unconfirmed or any(one.carrier == carrier for one in state.life.switch_offs):
        return SubscriptionView(state.without_wishes(), Medium.VOICE, revision)
    return None


def _claimed_since(state: Subscriber, after: int) -> bool:
    return state.life.claim is not None and state.life.claim.revision > after
