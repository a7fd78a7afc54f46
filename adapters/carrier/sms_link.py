"""What the SMS channel knows of a link, whatever protocol it speaks: messages out, events in.

1. `send` hands a message over, or raises `LinkDownError` or `UnsendableError` and nothing of it left.
2. Every key handed over comes back exactly once: accepted, refused, returned, given up or lost.
3. Nothing that was received is answered until `acknowledge` or `release`; what is released comes again.
4. Events of one link come in the order in which they happened.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from adapters.journal.rows import PartKey, SmsBody
from optout.kit.clock import Clock

if TYPE_CHECKING:
    from adapters.carrier.base import CarrierData
    from adapters.carrier.settings import LinkConfig


class LinkDownError(Exception):
    """The link cannot take a message now; `reason` is a stable code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnsendableError(Exception):
    """No link of this kind will ever take the message; `reason` is a stable code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class OutgoingSms:
    """One short message to one subscriber; `number` is canonical."""

    key: PartKey
    part: int
    parts: int
    number: str = field(repr=False)
    body: SmsBody
    link_tag: bytes = b""


@dataclass(frozen=True, slots=True)
class LinkUp:
    """Messages can be sent."""


@dataclass(frozen=True, slots=True)
class LinkDown:
    """No message can be sent; the link tries to come back by itself, unless it was stopped."""

    reason: str


@dataclass(frozen=True, slots=True)
class MoReceived:
    """A subscriber's message. Numbers are as on the link.

    `digest` is the SHA-256 of ids and content, `link_tag` what a reply has to carry back, `handle` the link's own.
    """

    msg_id: bytes
    source: str = field(repr=False)
    destination: str
    body: SmsBody
    digest: bytes
    link_tag: bytes = b""
    handle: object = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class ReportReceived:
    """A final status report on a message of ours."""

    msg_id: bytes
    number: str = field(repr=False)
    delivered: bool
    code: str
    handle: object = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class SendAccepted:
    """The centre took the message."""

    key: PartKey
    sequence: int
    msg_id: bytes


@dataclass(frozen=True, slots=True)
class SendRefused:
    """The centre refused it for good; `code` is at most 16 characters."""

    key: PartKey
    sequence: int
    code: str


@dataclass(frozen=True, slots=True)
class SendReturned:
    """It surely did not happen: it never left, or the centre cannot take it now.

    `rest_s` is for how long the link had better send nothing, where the centre has let us know.
    """

    key: PartKey
    reason: str
    rest_s: float = 0.0


@dataclass(frozen=True, slots=True)
class SendGivenUp:
    """Nobody knows whether it happened, and it must not be sent again."""

    key: PartKey
    sequence: int


@dataclass(frozen=True, slots=True)
class SendLost:
    """Nobody knows whether it happened: the link went down before the answer."""

    key: PartKey
    sequence: int


LinkEvent = (
    LinkUp | LinkDown | MoReceived | ReportReceived | SendAccepted | SendRefused | SendReturned | SendGivenUp | SendLost
)


class SmsLink(Protocol):
    """See the module's sentences."""

    @property
    def name(self) -> str:
        """How logs and metrics call it."""
        ...

    @property
    def account(self) -> str:
        """The account it logs in with; message ids are unique within it."""
        ...

    @property
    def service_code(self) -> str:
        """The code it serves; messages to it, or to an extension of it, are for us."""
        ...

    @property
    def capacity(self) -> int:
        """How many messages may be under way at once."""
        ...

    @property
    def is_up(self) -> bool:
        """Whether messages can be sent."""
        ...

    @property
    def is_well(self) -> bool:
        """Whether nobody has to look after it: it is up, or rests because the centre ended an idle connection."""
        ...

    @property
    def silent_s(self) -> float | None:
        """For how long the centre has not dialled us; None where it never does, and everything comes by one link."""
        ...

    async def start(self) -> None:
        """Begin to keep the link up. Raises `OSError` where it listens and cannot."""
        ...

    async def stop(self, drain_s: float) -> None:
        """Take it down gently; returns when the last event has been handled."""
        ...

    def send(self, message: OutgoingSms) -> None:
        """Hand a message over. Raises `LinkDownError` and `UnsendableError`."""
        ...

    def acknowledge(self, received: MoReceived | ReportReceived) -> None:
        """Answer that it is safe with us."""
        ...

    def release(self, received: MoReceived | ReportReceived) -> None:
        """Leave it unanswered: it is to come again."""
        ...

    def counters(self) -> Mapping[str, int]:
        """Return what the link has counted since it was made, by names of its own; none ever decreases."""
        ...


LinkHandler = Callable[["SmsLink", Sequence[LinkEvent]], Awaitable[None]]
"""Takes events in order. It may raise: everything received among them then comes again."""


@dataclass(frozen=True, slots=True)
class LinkParts:
    """What a carrier makes a link from."""

    data: CarrierData
    config: LinkConfig
    secret: str = field(repr=False)
    handler: LinkHandler
    clock: Clock


MakeSmsLink = Callable[[LinkParts], SmsLink]
