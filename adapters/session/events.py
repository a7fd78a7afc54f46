"""What a session tells its caller. Frozen values; what could carry a phone number stays out of their `repr`."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, TypeVar

P = TypeVar("P")
"""A PDU of the protocol that the link speaks."""


class Fault(Enum):
    """Which end a closed or draining link is owed to."""

    LOCAL = "local"
    REMOTE = "remote"


class Retry(Enum):
    """What to do about a closed link."""

    BACKOFF = "backoff"
    """Connect again after the usual back-off."""
    SLOW = "slow"
    """The peer refuses us as we are configured: somebody has to act, try again only rarely."""
    SOON = "soon"
    """An idle link was closed in good order: no fault, come back after the shortest wait."""
    NO = "no"
    """We wanted it closed."""


class RetryClass(Enum):
    """What a peer's result code says about sending the same message again."""

    ACCEPTED = "accepted"
    TRANSIENT = "transient"
    """Not taken now; the same message may be sent again later."""
    PERMANENT = "permanent"
    """Never going to be taken as it is; do not send again."""
    DUPLICATE = "duplicate"
    """The peer believes it has it already; look it up, wait for its report, do not send again."""
    OUT_OF_HOURS = "out_of_hours"
    """Not taken at this hour; the same message may be sent again once the account's hours begin."""
    QUOTA = "quota"
    """Not taken today; the same message may be sent again tomorrow, in China."""
    ACCOUNT = "account"
    """Not taken because of the account or its connection, whatever the message: somebody has to act."""


class Event:
    """Base of everything a session reports."""

    __slots__ = ()


# The link


@dataclass(frozen=True, slots=True)
class Bound(Event):
    """Logged in, and still open `settle_s` later. `peer` is the account on a server and empty on a client."""

    peer: str
    version: int


@dataclass(frozen=True, slots=True)
class LoginRefused(Event):
    """The server said no to a client's login. `status` as on the wire, `reason` its stable name."""

    status: int
    reason: str
    offered_version: int
    answered_version: int


@dataclass(frozen=True, slots=True)
class LoginRejected(Event):
    """A server said no to a client's login."""

    peer: str
    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class VersionMismatch(Event):
    """The answer to the login has the length of another version than the one this link is configured for."""

    configured_version: int
    answered_version: int
    answer_bytes: int

    def __str__(self) -> str:
        return (
            f"configured for version {self.configured_version:#04x}, but the login was answered with "
            f"{self.answer_bytes} bytes, which is version {self.answered_version:#04x}"
        )


@dataclass(frozen=True, slots=True)
class ServerAuthenticatorMismatch(Event):
    """The server's authenticator fits none of the known computations. `enforced`: the link is closed for it."""

    enforced: bool


@dataclass(frozen=True, slots=True)
class Draining(Event):
    """No new requests from now on; what is outstanding is still being answered. `by` is who asked for it."""

    by: Fault


@dataclass(frozen=True, slots=True)
class LinkClosed(Event):
    """The last event of a session; every outstanding token has been reported before it.

    `reason` is a stable snake_case code, for example `closed_by_peer`, `keepalive_timeout`, `login_refused`,
    `length_out_of_bounds`, `http_on_port`, `drained`.
    """

    reason: str
    fault: Fault
    retry: Retry


# Requests we sent. Every token handed in comes back exactly once, as one of the events marked "final".


@dataclass(frozen=True, slots=True)
class SubmitAccepted(Event):
    """Final: the peer took the message under `msg_id`."""

    token: object
    sequence: int
    msg_id: bytes


@dataclass(frozen=True, slots=True)
class SubmitRejected(Event):
    """Final: the peer answered with an error. A throttled message comes here once its attempts are used up."""

    token: object
    sequence: int
    result: int
    retry_class: RetryClass


@dataclass(frozen=True, slots=True)
class SubmitThrottled(Event):
    """Not final: refused for flow control, goes out again as `new_sequence`, not before `retry_at`."""

    token: object
    sequence: int
    new_sequence: int
    attempt: int
    retry_at: float


@dataclass(frozen=True, slots=True)
class SubmitUnknown(Event):
    """Final: it was sent `attempts` times and no answer was heard; only its report can tell.

    `reason` is `no_answer` (all attempts used up) or `link_lost`.
    """

    token: object
    sequence: int
    attempts: int
    reason: str


@dataclass(frozen=True, slots=True)
class SubmitUnsent(Event):
    """Final: the peer does not have it: it never left, or was refused for flow control. Safe to send again."""

    token: object
    sequence: int
    attempts: int
    reason: str


@dataclass(frozen=True, slots=True)
class DeliverAnswered(Event):
    """Final: the client answered a DELIVER; `result` 0 is an acknowledgement."""

    token: object
    sequence: int
    msg_id: bytes
    result: int


@dataclass(frozen=True, slots=True)
class DeliverUnknown(Event):
    """Final: a DELIVER was sent `attempts` times and never answered."""

    token: object
    sequence: int
    attempts: int
    reason: str


@dataclass(frozen=True, slots=True)
class DeliverUnsent(Event):
    """Final: a DELIVER that never left."""

    token: object
    sequence: int
    attempts: int
    reason: str


# Requests the peer sent


@dataclass(frozen=True, slots=True)
class DeliverReceived(Event, Generic[P]):
    """A message or a status report. Nothing is answered until the caller acknowledges or releases it."""

    sequence: int
    pdu: P = field(repr=False)


@dataclass(frozen=True, slots=True)
class SubmitReceived(Event, Generic[P]):
    """A client's SUBMIT. Nothing is answered until the caller answers or releases it."""

    sequence: int
    pdu: P = field(repr=False)


@dataclass(frozen=True, slots=True)
class DuplicateInFlight(Event):
    """A further copy of what is already in the caller's hands; the one answer to come answers all copies."""

    sequence: int
    first_sequence: int
    copies: int


@dataclass(frozen=True, slots=True)
class RequestReceived(Event, Generic[P]):
    """Any other request to a server (QUERY, CANCEL, an unknown command); `respond` answers it."""

    sequence: int
    pdu: P = field(repr=False)


# Oddities: counted in `counters` too


@dataclass(frozen=True, slots=True)
class UnexpectedResponse(Event, Generic[P]):
    """A response to nothing that is outstanding, for example one that came after its request was given up."""

    sequence: int
    pdu: P = field(repr=False)


@dataclass(frozen=True, slots=True)
class PduMalformed(Event):
    """A frame of a sane length whose body does not decode; the link goes on."""

    command_id: int
    sequence: int
    reason: str


@dataclass(frozen=True, slots=True)
class PduIgnored(Event):
    """A well-formed request left without an answer, so that the peer sends it again: `reason` says why."""

    command_id: int
    sequence: int
    reason: str
