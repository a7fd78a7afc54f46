"""Retention: what has had its time is removed, and the log says how much that was and which periods were in force.

* First answers under idempotency keys are kept for 30 days, as the contract promises to carriers.
* Outbox rows that are settled are kept for as long as the store is configured.
* Whom use is restricted for, and who has no number any more, is erased when the policy's retention of consent evidence
  ends: each by a reminder of its own (`gateway.service.eraser`); what a kill left half done is finished here at last.
* Copies of the key store outlive a destroyed key by as many days as are configured, and no longer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from gateway.service.books import PolicyBook, PublicationUnit
from gateway.service.eraser import Eraser
from gateway.service.record import Recorder
from gateway.service.submission import ANSWER_LIFE_MS
from gateway.store.base import CommitUnknownError, OverloadedError, Store, StoreUnavailableError
from gateway.tlog.leaf import LeafType
from optout.kit.clock import Clock

log = logging.getLogger(__name__)

KIND = "retention"
EVERY_S = 3600.0
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class KeptDays:
    """For how many days this gateway is configured to keep settled outbox rows, and copies of the key store."""

    outbox: int
    key_backups: int


@dataclass(slots=True)
class Retention:
    """Enforces the periods. Call ``enforce`` from time to time."""

    store: Store
    recorder: Recorder
    policies: PolicyBook
    eraser: Eraser
    clock: Clock
    kept: KeptDays
    told_erased: int = 0

    async def enforce(self) -> int:
        """Remove what is over; returns how many answers and outbox rows went. Raises StoreError."""
        await self.eraser.finish()
        swept = await self.store.sweep(self.clock.now_ms())
        erased = self.eraser.erased - self.told_erased
        if swept or erased:
            content = {"swept": swept, "erased": erased, "days": self._periods()}
            await self.store.commit(PublicationUnit(self.recorder, LeafType.STATEMENT, KIND, content))
            self.told_erased += erased
        log.info("retention enforced", extra={"swept": swept, "erased": erased})
        return swept

    def _periods(self) -> dict[str, int]:
        rules = self.policies.current.retention
        return {
            "answers": ANSWER_LIFE_MS // DAY_MS,
            "outbox": self.kept.outbox,
            "consent": rules.consent_days,
            "frozen": rules.frozen_days,
            "key_backups": self.kept.key_backups,
        }


async def keep_house(retention: Retention, back_up: Callable[[], object] | None, tell: Callable[[bool], None]) -> None:
    """Enforce the periods every hour, and copy the keys if ``back_up`` says where.

    A store or a folder that takes nothing now is no reason to stop serving: ``tell`` hears after each round whether all
    was done, and the next round tries again.
    """
    while True:
        try:
            await retention.enforce()
            if back_up is not None:
                await asyncio.to_thread(back_up)
        except (OverloadedError, StoreUnavailableError, CommitUnknownError) as error:
            log.error("housekeeping was not done", extra={"reason": error.reason})
            tell(False)
        else:
            tell(True)
        await retention.clock.sleep(EVERY_S)
