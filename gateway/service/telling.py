"""Telling subscribers what they did not ask just now: when it goes out is the policy's and the subscriber's choice."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.domain.notice_rules import find_time
from gateway.domain.notices import Notice
from gateway.domain.policy import Policy
from gateway.domain.subscription import Leg, Subscriber
from gateway.service.outbox import OutboxSealer
from gateway.store.rows import Label, OutboxRow


@dataclass(frozen=True, slots=True)
class Telling:
    """Makes rows of notices that answer nothing."""

    sealer: OutboxSealer
    policy: Policy

    def rows(
        self, notices: tuple[Notice, ...], state: Subscriber, leg: Leg, label: Label, index: int, now_ms: int
    ) -> tuple[OutboxRow, ...]:
        """Rows for notices that the entry at ``index`` gives rise to: at once, or after the night."""
        due_ms = find_time(self.policy.notices, leg.preferences.notices, now_ms)
        return self.sealer.told_rows(notices, state, label, index, due_ms)
