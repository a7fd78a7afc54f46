"""Who is looking at the page: a signed cookie, and the tokens that tie a form or a login to the one who asked for it.

Everything is HMAC-SHA256 under one key of 32 bytes, each use under its own word. A cookie names the user and ends by
itself; nothing is kept on our side.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from optout.kit.clock import Clock

COOKIE: Final = "optout_session"
STATE_COOKIE: Final = "optout_state"
STATE_LIFE_S: Final = 600
_MAX_COOKIE_CHARS: Final = 512


@dataclass(frozen=True, slots=True)
class Session:
    """A user who came through WeChat's authorisation; `id` is new with every login."""

    openid: str = field(repr=False)
    id: str = field(repr=False)
    end_ms: int


class Sessions:
    """Issues and reads cookies and tokens."""

    def __init__(self, key: bytes, life_s: float, clock: Clock) -> None:
        self._key = key
        self._life_ms = round(life_s * 1000)
        self._clock = clock

    def issue(self, openid: str) -> str:
        """Make the cookie of a new session."""
        end_ms = self._clock.now_ms() + self._life_ms
        body = base64.urlsafe_b64encode(json.dumps([openid, secrets.token_hex(16), end_ms]).encode()).decode()
        return f"{body}.{self._sign('session', body)}"

    def read(self, cookie: str) -> Session | None:
        """Read a cookie; None if it is not ours, was changed, or its time is over."""
        body, _, signature = cookie.partition(".")
        if len(cookie) > _MAX_COOKIE_CHARS or not self._is_signed("session", body, signature):
            return None
        openid, session_id, end_ms = json.loads(base64.urlsafe_b64decode(body))
        return Session(openid, session_id, end_ms) if self._clock.now_ms() < end_ms else None

    def make_form_token(self, session: Session) -> str:
        """Make what every form of a session carries."""
        return self._sign("form", session.id)

    def is_form_token(self, session: Session, token: str) -> bool:
        """Say whether a form was given out in this session."""
        return self._is_signed("form", session.id, token)

    def issue_state(self) -> tuple[str, str]:
        """Make the state of a login: what goes to WeChat and comes back, and the cookie that it has to match."""
        secret = secrets.token_hex(16)
        return self._sign("state", secret), secret

    def is_state(self, state: str, cookie: str) -> bool:
        """Say whether a login that came back was begun in this browser."""
        return bool(cookie) and self._is_signed("state", cookie, state)

    def _sign(self, word: str, value: str) -> str:
        return hmac.new(self._key, f"{word}\0{value}".encode(), sha256).hexdigest()

    def _is_signed(self, word: str, value: str, signature: str) -> bool:
        return hmac.compare_digest(self._sign(word, value).encode(), signature.encode("utf-8", "replace"))
