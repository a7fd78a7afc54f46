"""The common message in the registry's own terms, and what came of it."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import NamedTuple

from gateway.domain.errors import Reason
from gateway.domain.preferences import (
    Medium,
    NoticeChoice,
    Preferences,
    QuietWindow,
    Segment,
    StrangerPolicy,
    Treatment,
)
from gateway.domain.ties import GuardianScope
from optout.kit.number import PhoneNumber
from optout.kit.values import dataclass


class Channel(StrEnum):
    """How the subscriber reached the carrier."""

    SMS = "sms"
    HOTLINE = "hotline"
    APP = "app"
    HALL = "hall"


class Proof(StrEnum):
    """How the channel knew that the order came from the number's holder."""

    SIM = "sim"
    AGENT = "agent"
    ONE_TAP_LOGIN = "one_tap_login"
    SMS_CODE = "sms_code"
    IDENTITY_DOCUMENT = "identity_document"


class Consent(StrEnum):
    """Separate consent to the passing of data (PIPL art. 23)."""

    NOT_ASKED = "not_asked"
    GIVEN = "given"
    WITHHELD = "withheld"


@dataclass(frozen=True, slots=True)
class Open:
    """Open the service, with the carrier's opening defaults."""

    defaults: Preferences | None = None


@dataclass(frozen=True, slots=True)
class Confirm:
    """Confirm what is pending; ``opens`` tells whether an opening or a closing is agreed to, if that is known.

    ``guardian`` says that it is a guardian's question that is agreed to.
    """

    opens: bool | None = None
    guardian: bool = False


@dataclass(frozen=True, slots=True)
class Cancel:
    """Close the service."""


@dataclass(frozen=True, slots=True)
class UndoCancel:
    """Take a cancellation back."""


@dataclass(frozen=True, slots=True)
class Query:
    """Ask for the state."""


@dataclass(frozen=True, slots=True)
class Erase:
    """Have everything erased: every use stops at once, and the key is destroyed when the retention ends."""


@dataclass(frozen=True, slots=True)
class SetRefusedCategories:
    """Refuse and accept categories, by code or by the carrier's label; ``replace`` makes the set exactly ``refuse``."""

    refuse: tuple[str, ...] = ()
    accept: tuple[str, ...] = ()
    replace: bool = False


@dataclass(frozen=True, slots=True)
class EditList:
    """Change the reject list, or with ``allow`` the allow list. A number added to one leaves the other."""

    allow: bool
    add: tuple[PhoneNumber, ...] = ()
    remove: tuple[PhoneNumber, ...] = ()


@dataclass(frozen=True, slots=True)
class SetRefusedSegments:
    """Replace the refused segments."""

    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class ChooseTreatment:
    """Choose what happens to refused calls and to strangers; None leaves it."""

    treatment: Treatment | None = None
    stranger_policy: StrangerPolicy | None = None


@dataclass(frozen=True, slots=True)
class ChooseNotices:
    """Choose notices."""

    notices: NoticeChoice


@dataclass(frozen=True, slots=True)
class SetQuietHours:
    """Replace the quiet hours."""

    windows: tuple[QuietWindow, ...]


@dataclass(frozen=True, slots=True)
class AskGuardian:
    """Ask another subscriber to accept the sender as guardian, until ``until_ms`` (Unix ms; None: the longest time)."""

    ward: PhoneNumber
    scope: GuardianScope
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class EndGuardian:
    """End what stands between the sender and ``party``, whichever is the ward; None: all guardians of the sender."""

    party: PhoneNumber | None = None


@dataclass(frozen=True, slots=True)
class ApplyPreset:
    """Apply a preset of the policy by its name."""

    name: str


WardChange = ApplyPreset | SetRefusedCategories | EditList | ChooseTreatment


@dataclass(frozen=True, slots=True)
class ActForWard:
    """Change a ward's settings as guardian."""

    ward: PhoneNumber
    change: WardChange


Settings = SetRefusedCategories | EditList | SetRefusedSegments | ChooseTreatment | ChooseNotices | SetQuietHours
Guardianship = AskGuardian | EndGuardian | ActForWard
Action = Open | Confirm | Cancel | UndoCancel | Query | Erase | Settings | Guardianship


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why an instruction may be believed. Digests are 32 bytes as lower-case hex, or empty."""

    booked_by: str = ""
    mandate: str = ""
    original_digest: str = ""
    notice_version: str = ""
    notice_digest: str = ""
    separate_consent: Consent = Consent.NOT_ASKED
    recipients: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    proofs: tuple[Proof, ...] = ()


@dataclass(frozen=True, slots=True)
class Instruction:
    """What a subscriber asked of a carrier, in no carrier's dialect. ``received_ms`` is Unix time in ms."""

    id: str
    carrier: str
    channel: Channel
    account: str
    reference: str
    number: PhoneNumber
    medium: Medium
    received_ms: int
    action: Action
    evidence: Evidence = Evidence()


class Disposition(StrEnum):
    """What became of an instruction, or of one item in it."""

    DONE = "done"
    ALREADY_SO = "already_so"
    NEEDS_CONFIRMATION = "needs_confirmation"
    REFUSED = "refused"


class ItemKind(StrEnum):
    """What part of a subscription an item is."""

    SERVICE = "service"
    CATEGORY = "category"
    REJECT_NUMBER = "reject_number"
    ALLOW_NUMBER = "allow_number"
    SEGMENT = "segment"
    TREATMENT = "treatment"
    STRANGER_POLICY = "stranger_policy"
    NOTICES = "notices"
    QUIET_HOURS = "quiet_hours"


class ExpectedEffect(StrEnum):
    """What the carrier's declared capabilities let one expect. A forecast, never a fact."""

    UNKNOWN = "unknown"
    FULL = "full"
    DEGRADED = "degraded"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class Precondition:
    """A condition outside the registry that must hold before an item takes effect, such as ``VOLTE_OFF``.

    ``remedy`` is what the subscriber can do about it, in the carrier's words.
    """

    code: str
    remedy: str = ""


class Item(NamedTuple):
    """One part of a subscription, such as ``category:loan``. A pair, since many are compared, hashed and sorted."""

    kind: ItemKind
    value: str = ""

    @property
    def key(self) -> str:
        """The item as one word, for notices and for the log."""
        return f"{self.kind.value}:{self.value}" if self.value else self.kind.value


@dataclass(frozen=True, slots=True)
class ItemOutcome:
    """What became of one item. ``switched_on`` tells a wish added from a wish taken back.

    ``limitation`` is how the carrier's network falls short of it, in the carrier's words.
    """

    item: Item
    disposition: Disposition
    reason: Reason | None = None
    switched_on: bool = True
    expected: ExpectedEffect = ExpectedEffect.UNKNOWN
    effective_by_ms: int | None = None
    precondition: Precondition | None = None
    limitation: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome in the rules' own terms, before it is numbered and stored."""

    disposition: Disposition
    reason: Reason | None = None
    items: tuple[ItemOutcome, ...] = field(default=())
    confirm_by_ms: int | None = None
