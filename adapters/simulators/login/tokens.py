"""Tokens: bound to carrier, application and number, short-lived, good once."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from enum import Enum

from optout.kit.clock import Clock


class TokenState(Enum):
    """What a token is worth to the one who shows it."""

    GOOD = "good"
    UNKNOWN = "unknown"
    OTHER_CARRIER = "other_carrier"
    OTHER_APP = "other_app"
    EXPIRED = "expired"
    USED = "used"


@dataclass(slots=True)
class _Token:
    carrier: str
    app_id: str
    number: str = field(repr=False)
    end_s: float
    is_used: bool = False


class TokenBook:
    """All tokens issued."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tokens: dict[str, _Token] = {}

    @property
    def good_count(self) -> int:
        """How many are still good."""
        now_s = self._clock.monotonic()
        return sum(not token.is_used and now_s < token.end_s for token in self._tokens.values())

    def issue(self, carrier: str, app_id: str, number: str, life_s: float) -> str:
        """Make a token."""
        text = f"STsid{secrets.token_hex(24)}"
        self._tokens[text] = _Token(carrier, app_id, number, self._clock.monotonic() + life_s)
        return text

    def judge(self, text: str, carrier: str, app_id: str | None) -> tuple[TokenState, str]:
        """Say what a token is worth to this carrier's application (None: to whichever), and its number."""
        token = self._tokens.get(text)
        if token is None:
            return TokenState.UNKNOWN, ""
        if token.carrier != carrier:
            return TokenState.OTHER_CARRIER, ""
        if app_id not in (None, token.app_id):
            return TokenState.OTHER_APP, ""
        if token.is_used:
            return TokenState.USED, ""
        if self._clock.monotonic() >= token.end_s:
            return TokenState.EXPIRED, ""
        return TokenState.GOOD, token.number

    def use(self, text: str) -> None:
        """Use a token up."""
        self._tokens[text].is_used = True

    def clear(self) -> None:
        """Forget all tokens."""
        self._tokens.clear()
