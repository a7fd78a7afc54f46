"""The SMS gateway simulator's history: what an entry holds, and how entries are chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from adapters.simulators.smsc.reading import NO_READING, PduReading
from adapters.simulators.spelling import spell_number


class Happening(Enum):
    """What an entry tells."""

    LINK_OPENED = "link_opened"
    LINK_BOUND = "link_bound"
    LOGIN_REJECTED = "login_rejected"
    LINK_CLOSED = "link_closed"
    PDU_RECEIVED = "pdu_received"
    PDU_SENT = "pdu_sent"
    BYTES_RECEIVED = "bytes_received"
    BYTES_SENT = "bytes_sent"
    FAULT = "fault"
    VIOLATION = "violation"
    MO_QUEUED = "mo_queued"
    MO_ACKNOWLEDGED = "mo_acknowledged"
    REFUSED = "refused"
    ARRIVED = "arrived"
    REPORT_QUEUED = "report_queued"
    REPORT_ACKNOWLEDGED = "report_acknowledged"
    SUBMIT_ACCEPTED = "submit_accepted"


class Fate(Enum):
    """What a fault did to a PDU."""

    PASSED = "passed"
    DROPPED = "dropped"
    DELAYED = "delayed"
    ALTERED = "altered"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. Numbers and texts stay out of its `repr`."""

    index: int
    time: datetime
    happening: Happening
    link: int = 0
    account: str = ""
    pdu: Any = None
    """The packet, of the protocol spoken, if it is about one."""
    reading: PduReading | None = None
    """The packet broken out."""
    frame: bytes = field(default=b"", repr=False)
    fate: Fate = Fate.PASSED
    violation: str = ""
    detail: str = ""
    number: str = field(default="", repr=False)
    text: str = field(default="", repr=False)
    msg_id: bytes = b""
    resend: bool = False


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Chooses entries: one has to fit every field that is set."""

    happening: Happening | None = None
    command: str = ""
    number: str = field(default="", repr=False)
    text_contains: str = field(default="", repr=False)
    stat: str = ""
    violation: str = ""
    account: str = ""
    link: int = 0
    after_index: int = 0
    msg_id: bytes = b""
    fate: Fate | None = None

    def fits(self, entry: Entry) -> bool:
        """Tell whether the entry is one of those wanted."""
        if entry.index <= self.after_index or self.happening not in (None, entry.happening):
            return False
        if self.fate not in (None, entry.fate) or (self.link and self.link != entry.link):
            return False
        if (self.violation and self.violation != entry.violation) or (self.account and self.account != entry.account):
            return False
        return self._fits_message(entry)

    def _fits_message(self, entry: Entry) -> bool:
        if not (self.command or self.number or self.text_contains or self.stat or self.msg_id):
            return True
        reading = entry.reading or NO_READING
        return (
            self.command in ("", reading.command)
            and self.stat in ("", reading.stat)
            and (not self.number or spell_number(self.number) == spell_number(entry.number or reading.number))
            and (not self.text_contains or self.text_contains in (entry.text or reading.text))
            and self.msg_id in (b"", entry.msg_id, reading.msg_id)
        )


Predicate = Callable[[Entry], bool]
