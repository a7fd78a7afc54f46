"""What a subscriber may wish, as values: lists are sorted and hold each element once."""

from __future__ import annotations

from enum import StrEnum

from optout.kit.number import PhoneNumber
from optout.kit.values import dataclass


class Medium(StrEnum):
    """What kind of communication a preference is about."""

    VOICE = "voice"
    MESSAGE = "message"


class Treatment(StrEnum):
    """What happens to a refused call."""

    REJECT = "reject"
    ASSISTANT = "assistant"
    CHALLENGE = "challenge"


class StrangerPolicy(StrEnum):
    """What happens to a caller about whom no other rule speaks."""

    ALLOW = "allow"
    ASSISTANT = "assistant"
    CHALLENGE = "challenge"


class InterceptionNotice(StrEnum):
    """How often a subscriber hears of refused calls."""

    NONE = "none"
    EACH = "each"
    DAILY = "daily"


class DayType(StrEnum):
    """On which days a quiet window begins."""

    EVERY_DAY = "every_day"
    WEEKDAY = "weekday"
    WEEKEND = "weekend"


class SegmentKind(StrEnum):
    """A range of callers that can be refused without naming each number."""

    S400 = "400"
    S95 = "95"
    OVERSEAS = "overseas"
    HK_MACAO_TAIWAN = "hk_macao_taiwan"
    CUSTOM = "custom"


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """One refused range; ``prefix`` is canonical digits for CUSTOM and empty otherwise."""

    kind: SegmentKind
    prefix: str = ""

    @property
    def key(self) -> str:
        """Its name within one subscription: the kind, or the prefix of a custom one."""
        return self.prefix or self.kind.value


@dataclass(frozen=True, slots=True, order=True)
class QuietWindow:
    """A daily window in China time; minutes 0 to 1439; an end not above the start lies on the next day."""

    days: DayType
    start_minute: int
    end_minute: int


@dataclass(frozen=True, slots=True)
class NoticeChoice:
    """Which notices are wanted, and whether also at night (22:00 to 08:00, China time)."""

    interception: InterceptionNotice = InterceptionNotice.NONE
    at_night: bool = False


NO_NOTICES = NoticeChoice()
"""What is told of refused calls unless something else was chosen: nothing."""


@dataclass(frozen=True, slots=True)
class Preferences:
    """Everything a subscriber wishes for one medium."""

    refused_categories: tuple[str, ...] = ()
    reject_list: tuple[PhoneNumber, ...] = ()
    allow_list: tuple[PhoneNumber, ...] = ()
    refused_segments: tuple[Segment, ...] = ()
    treatment: Treatment = Treatment.REJECT
    stranger_policy: StrangerPolicy = StrangerPolicy.ALLOW
    notices: NoticeChoice = NO_NOTICES
    quiet_hours: tuple[QuietWindow, ...] = ()


NO_PREFERENCES = Preferences()
