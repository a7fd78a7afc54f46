"""What operators look after: orders to carriers that were given up, seen and tried again by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.domain.errors import Reason, RefusedError
from gateway.domain.policy import GATEWAY_ACTOR
from gateway.service.access import Caller, require_role, visible_carrier
from gateway.service.outbox import OutboxSealer
from gateway.service.record import PAYLOAD_VERSION, Recorder
from gateway.store.base import Decision, Reads, Store, View
from gateway.store.rows import NO_SUBJECT, OutboxChange, OutboxRow, OutboxState
from gateway.store.vault import SealError
from gateway.tlog.leaf import LeafType
from optout.kit.identity import Role


@dataclass(frozen=True, slots=True)
class Replayed:
    """Orders that wait again, and the revision of the entry that says so; 0 if there are none."""

    ids: tuple[str, ...] = ()
    revision: int = 0


class OperationsService:
    """Dead letters. Every method takes the caller and refuses what it may not do."""

    def __init__(self, store: Store, recorder: Recorder) -> None:
        self._store = store
        self._recorder = recorder

    async def list_dead_letters(self, caller: Caller, carrier: str, limit: int) -> Sequence[OutboxRow]:
        """Orders that were given up, oldest first; ``carrier`` names one, empty means all that the caller may see.

        Raises RefusedError (ROLE_NOT_ALLOWED).
        """
        require_role(caller, Role.CARRIER, Role.OPERATOR)
        visible = visible_carrier(caller)
        if visible is not None and carrier not in {"", visible}:
            raise RefusedError(Reason.ROLE_NOT_ALLOWED, "a carrier sees its own orders alone", field="carrier")
        return await self._store.outbox(OutboxState.DEAD, limit, visible or carrier or None)

    async def replay(self, caller: Caller, ids: tuple[str, ...], reason: str) -> Replayed:
        """Put dead letters back into the outbox. Raises RefusedError (ROLE_NOT_ALLOWED) and StoreError."""
        require_role(caller, Role.OPERATOR)
        return await self._store.commit(ReplayUnit(caller.party, ids, reason, self._recorder))


@dataclass(frozen=True, slots=True)
class ReplayUnit:
    """Makes dead letters ready again, with a fresh time to live.

    What is no dead letter is left alone, and so is what nobody needs any more: a question that can no longer be
    answered, an order whose key is destroyed.
    """

    party: str
    ids: tuple[str, ...]
    reason: str
    recorder: Recorder

    @property
    def reads(self) -> Reads:
        """The orders."""
        return Reads(outbox=self.ids)

    def decide(self, view: View) -> Decision[Replayed]:
        """Replay those that are dead; if there are any, that is an entry."""
        rows = [row for id_ in dict.fromkeys(self.ids) if (row := view.outbox_row(id_)) is not None]
        changes = [change for row in rows if (change := self._revive(row, view.time_ms)) is not None]
        if not changes:
            return Decision(Replayed())
        ids = tuple(change.id for change in changes)
        content = {"orders": list(ids), "reason": self.reason, "operator": self.party}
        payload = {"v": PAYLOAD_VERSION, "kind": "replay", "label": "", **content}
        return Decision(
            Replayed(ids, view.next_index + 1),
            entries=(self.recorder.entry(LeafType.STATEMENT, GATEWAY_ACTOR, NO_SUBJECT, payload),),
            outbox_changes=tuple(changes),
        )

    def _revive(self, row: OutboxRow, now_ms: int) -> OutboxChange | None:
        """What it was tried so far stays counted; the reason why it was given up goes."""
        if row.state is not OutboxState.DEAD:
            return None
        try:
            expire_ms = OutboxSealer(self.recorder.vault).fresh_expiry(row, now_ms)
        except SealError:
            return None
        if expire_ms <= now_ms:
            return None
        return OutboxChange(row.id, OutboxState.DEAD, OutboxState.READY, now_ms, row.attempts, expire_ms=expire_ms)
