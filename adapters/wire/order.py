"""What an agent or a clerk books for a subscriber, in no carrier's envelope.

One order asks one thing. InterBOSS, ContractRoot and UNI_BSS write it each in its own style; which of its fields
belong to which verb is said here once. What the CRM is told is in ``answer``.
"""

import re
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Final

from adapters.wire.errors import WireError

MAX_NUMBERS = 100
MAX_CODES = 64
MAX_WINDOWS = 8


class Verb(StrEnum):
    """What is asked."""

    OPEN = "open"
    CANCEL = "cancel"
    CONFIRM = "confirm"
    QUERY = "query"
    ERASE = "erase"
    SET_CATEGORIES = "set_categories"
    EDIT_REJECT_LIST = "edit_reject_list"
    EDIT_ALLOW_LIST = "edit_allow_list"
    SET_SEGMENTS = "set_segments"
    CHOOSE_TREATMENT = "choose_treatment"
    CHOOSE_NOTICES = "choose_notices"
    SET_QUIET_HOURS = "set_quiet_hours"
    ASK_GUARDIAN = "ask_guardian"
    END_GUARDIAN = "end_guardian"
    ACT_FOR_WARD = "act_for_ward"


class Desk(StrEnum):
    """Where it was booked."""

    HOTLINE = "hotline"
    HALL = "hall"


class Medium(StrEnum):
    """What the order is about."""

    VOICE = "voice"
    MESSAGE = "message"


class Proof(StrEnum):
    """How the booker knew the subscriber."""

    AGENT = "agent"
    IDENTITY_DOCUMENT = "identity_document"


class Consent(StrEnum):
    """Separate consent to the passing of data (PIPL, article 23)."""

    NOT_ASKED = "not_asked"
    GIVEN = "given"
    WITHHELD = "withheld"


class Treatment(StrEnum):
    """What happens to a refused call."""

    REJECT = "reject"
    ASSISTANT = "assistant"
    CHALLENGE = "challenge"


class Strangers(StrEnum):
    """What happens to a caller about whom no other rule speaks."""

    ALLOW = "allow"
    ASSISTANT = "assistant"
    CHALLENGE = "challenge"


class Interception(StrEnum):
    """How often the subscriber hears of refused calls."""

    NONE = "none"
    EACH = "each"
    DAILY = "daily"


class Scope(StrEnum):
    """What a guardian may do."""

    PRESETS = "presets"
    SETTINGS = "settings"


class Days(StrEnum):
    """On which days a quiet window begins."""

    EVERY_DAY = "every_day"
    WEEKDAY = "weekday"
    WEEKEND = "weekend"


@dataclass(frozen=True, slots=True)
class Window:
    """Quiet hours from ``start_minute`` to ``end_minute`` of the day (0 to 1439, China time)."""

    days: Days
    start_minute: int
    end_minute: int

    def __str__(self) -> str:
        """Write ``every_day 22:00-08:00``."""
        start, end = (f"{minute // 60:02}:{minute % 60:02}" for minute in (self.start_minute, self.end_minute))
        return f"{self.days} {start}-{end}"


_HOUR = r"([01][0-9]|2[0-3]):([0-5][0-9])"
_WINDOW = re.compile(rf"([a-z_]+) {_HOUR}-{_HOUR}")


def parse_window(text: str) -> Window:
    """Read what ``str(window)`` wrote; raises ``ValueError``."""
    match = _WINDOW.fullmatch(text)
    if match is None:
        raise ValueError("not a window")
    start_hour, start, end_hour, end = (int(part) for part in match.groups()[1:])
    return Window(Days(match[1]), start_hour * 60 + start, end_hour * 60 + end)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Order:
    """One order. Numbers stand as the CRM wrote them; categories are codes or the carrier's labels.

    ``segments`` are ``400``, ``95``, ``overseas``, ``hk_macao_taiwan`` or the digits of a prefix. ``replace`` makes
    the refused categories exactly ``refuse``. ``party`` is the ward, or the other side of a guardianship to end. Nobody
    booked it if ``booked_by`` is empty: the registry refuses it.
    """

    verb: Verb
    number: str
    desk: Desk
    medium: Medium = Medium.VOICE
    booked_by: str = ""
    mandate: str = ""
    proof: Proof = Proof.AGENT
    notice_version: str = ""
    consent: Consent = Consent.NOT_ASKED
    refuse: tuple[str, ...] = ()
    accept: tuple[str, ...] = ()
    replace: bool = False
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    treatment: Treatment | None = None
    strangers: Strangers | None = None
    interception: Interception | None = None
    at_night: bool = False
    quiet_hours: tuple[Window, ...] = ()
    party: str = ""
    scope: Scope | None = None
    preset: str = ""

    def __repr__(self) -> str:
        """Numbers are personal data, so only the verb is shown."""
        return f"Order(verb={self.verb.value!r}, …)"


@dataclass(frozen=True, slots=True)
class VerbFields:
    """The fields that go with a verb: ``all_of`` are needed, of ``one_of`` at least one, of ``beside`` none."""

    one_of: frozenset[str] = frozenset()
    beside: frozenset[str] = frozenset()
    all_of: frozenset[str] = frozenset()


# An empty set of segments or windows is a wish, too: it refuses none.
_FIELDS_OF: Final[dict[Verb, VerbFields]] = {
    Verb.OPEN: VerbFields(),
    Verb.CANCEL: VerbFields(),
    Verb.CONFIRM: VerbFields(),
    Verb.QUERY: VerbFields(),
    Verb.ERASE: VerbFields(),
    Verb.SET_CATEGORIES: VerbFields(one_of=frozenset({"refuse", "accept", "replace"})),
    Verb.EDIT_REJECT_LIST: VerbFields(one_of=frozenset({"add", "remove"})),
    Verb.EDIT_ALLOW_LIST: VerbFields(one_of=frozenset({"add", "remove"})),
    Verb.SET_SEGMENTS: VerbFields(beside=frozenset({"segments"})),
    Verb.CHOOSE_TREATMENT: VerbFields(one_of=frozenset({"treatment", "strangers"})),
    Verb.CHOOSE_NOTICES: VerbFields(one_of=frozenset({"interception"}), beside=frozenset({"at_night"})),
    Verb.SET_QUIET_HOURS: VerbFields(beside=frozenset({"quiet_hours"})),
    Verb.ASK_GUARDIAN: VerbFields(all_of=frozenset({"party", "scope"})),
    Verb.END_GUARDIAN: VerbFields(beside=frozenset({"party"})),
    Verb.ACT_FOR_WARD: VerbFields(all_of=frozenset({"party", "preset"})),
}
_WISHES = {name for of_verb in _FIELDS_OF.values() for name in of_verb.one_of | of_verb.beside | of_verb.all_of}


def check_order(order: Order, error: type[WireError]) -> Order:
    """Return the order if it says all its verb needs and nothing its verb does not know.

    Raises ``error``: ``field_of_another_verb``, ``nothing_asked``, ``contradiction`` (one value asked for and
    taken back at once).
    """
    of_verb = _FIELDS_OF[order.verb]
    given = {field.name for field in fields(order) if field.name in _WISHES and getattr(order, field.name)}
    if stray := sorted(given - of_verb.one_of - of_verb.beside - of_verb.all_of):
        raise error("field_of_another_verb", stray[0])
    if not of_verb.all_of <= given or (of_verb.one_of and not given & of_verb.one_of):
        raise error("nothing_asked", order.verb.value)
    if set(order.refuse) & set(order.accept) or set(order.add) & set(order.remove):
        raise error("contradiction", order.verb.value)
    return order
