"""What the order channel asks of a carrier's envelope: one request at a time, from its bytes to the bytes of its reply.

Every method that reads raises the envelope's `WireError`; its reason is stable and holds no content.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from adapters.carrier.base import OrderData
from adapters.wire.answer import Answer
from adapters.wire.dialect import Dialect
from adapters.wire.errors import WireError
from adapters.wire.order import Order


class UnknownServiceError(WireError):
    """The request is for another service of the carrier's (`unknown_service`)."""

    def __init__(self) -> None:
        super().__init__("unknown_service")


@dataclass(frozen=True, slots=True)
class Believing:
    """What a request is believed by: the secret shared with its source, and how far its time may be from ours."""

    secret: str
    now_ms: int
    window_ms: int


@dataclass(frozen=True, slots=True)
class Reply:
    """What a request is answered: the answer, a sentence for people, and our own serial and time."""

    answer: Answer
    sentence: str
    id: str
    time_ms: int


class BookingRequest(Protocol):
    """A request whose head could be read, so that there is somebody to answer."""

    @property
    def source(self) -> str:
        """The system that sent it."""
        ...

    @property
    def serial(self) -> str:
        """The originator's serial, unique within the source: the idempotency key."""
        ...

    def read_order(self) -> Order:
        """Read what is asked. Raises `WireError`."""
        ...

    def check(self, order: Order, believing: Believing) -> None:
        """Believe that it comes from its source, now. Raises `WireError`."""
        ...

    def write_reply(self, reply: Reply) -> tuple[str, bytes]:
        """Write the reply; return its Content-Type and body."""
        ...


class OrderEnvelope(Protocol):
    """One carrier's envelope, with the carrier's codes."""

    @property
    def max_body_bytes(self) -> int:
        """The longest request."""
        ...

    @property
    def is_signed(self) -> bool:
        """Whether a request proves its source by a shared secret."""
        ...

    def open(self, content_type: str, body: bytes) -> BookingRequest:
        """Read the head of a request. Raises `WireError`: there is nobody to answer."""
        ...


MakeOrderEnvelope = Callable[[OrderData], OrderEnvelope]


def make_dialect(data: OrderData, base: Dialect) -> Dialect:
    """Give a carrier's own codes to an envelope's dialect."""
    return base.with_codes(data.operations, data.results)
