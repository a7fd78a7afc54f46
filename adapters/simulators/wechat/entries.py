"""The WeChat simulator's history."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum


class Happening(Enum):
    """What an entry tells; `optout.sim.v1.WechatEvent` has the words."""

    CALLBACK_SENT = "callback_sent"
    CALLBACK_ANSWERED = "callback_answered"
    CALLBACK_FAILED = "callback_failed"
    OUT_OF_SERVICE = "out_of_service"
    CALLED = "called"
    MESSAGE = "message"
    FAULT = "fault"
    VIOLATION = "violation"
    AUTHORIZED = "authorized"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. Users and texts stay out of its `repr`."""

    index: int
    time: datetime
    happening: Happening
    openid: str = field(default="", repr=False)
    text: str = field(default="", repr=False)
    detail: str = ""
    status: int = 0
    attempt: int = 0
    violation: str = ""
    callback: int = 0


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Chooses entries: one has to fit every field that is set."""

    happening: Happening | None = None
    openid: str = field(default="", repr=False)
    text_contains: str = field(default="", repr=False)
    detail: str = ""
    after_index: int = 0

    def fits(self, entry: Entry) -> bool:
        """Tell whether the entry is one of those wanted."""
        return (
            entry.index > self.after_index
            and self.happening in (None, entry.happening)
            and self.openid in ("", entry.openid)
            and self.text_contains in entry.text
            and self.detail in ("", entry.detail)
        )
