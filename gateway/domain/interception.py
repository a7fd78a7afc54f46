"""Calls that a switch dealt with, as it reports them."""

from __future__ import annotations

from enum import StrEnum

from gateway.domain.policy import DecidingRule
from gateway.domain.preferences import Treatment
from optout.kit.number import PhoneNumber
from optout.kit.values import dataclass


class InterceptionAction(StrEnum):
    """What a switch did with a call."""

    REFUSED = "refused"
    ASSISTANT = "assistant"
    CHALLENGE_FAILED = "challenge_failed"
    CHALLENGE_PASSED = "challenge_passed"
    FAILED_OPEN = "failed_open"


TREATMENTS = {
    InterceptionAction.REFUSED: Treatment.REJECT,
    InterceptionAction.ASSISTANT: Treatment.ASSISTANT,
    InterceptionAction.CHALLENGE_FAILED: Treatment.CHALLENGE,
}
"""What was done to calls that did not ring; the actions that are missing let the call ring."""


@dataclass(frozen=True, slots=True)
class Interception:
    """One call. ``call_ms`` is Unix time in ms; ``rule`` and ``category`` are what decided, as far as it was told.

    ``withheld`` if the caller withheld its number from the called party.
    """

    action: InterceptionAction
    called: PhoneNumber
    caller: PhoneNumber | None
    call_ms: int
    rule: DecidingRule | None = None
    category: str = ""
    withheld: bool = False

    @property
    def shown_caller(self) -> PhoneNumber | None:
        """The caller, as far as the called party may know it."""
        return None if self.withheld else self.caller

    @property
    def is_stopped(self) -> bool:
        """True if the call did not ring."""
        return self.action in TREATMENTS
