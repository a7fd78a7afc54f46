"""Orders in InterBOSS. It knows no signature: its way has to prove who speaks, by a client's certificate."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from adapters.carrier.base import OrderData
from adapters.carrier.order_envelope import Believing, Reply, UnknownServiceError, make_dialect
from adapters.wire import interboss
from adapters.wire.chinatime import format_seconds
from adapters.wire.dialect import STANDARD, Dialect
from adapters.wire.order import Order


@dataclass(frozen=True, slots=True, repr=False)
class InterbossRequest:
    """A `BookingRequest`."""

    envelope: interboss.Envelope
    data: OrderData
    dialect: Dialect

    @property
    def source(self) -> str:
        """`OrigDomain`."""
        return self.envelope.head.orig_domain

    @property
    def serial(self) -> str:
        """`TransIDO`."""
        return self.envelope.head.trans_id_o

    def read_order(self) -> Order:
        """Read the order, if it is for this service."""
        head, codes = self.envelope.head, self.data.interboss
        if (head.bip_code, head.activity_code) != (codes.bip_code, codes.activity_code):
            raise UnknownServiceError
        return interboss.read_order(self.envelope, self.dialect)

    def check(self, order: Order, believing: Believing) -> None:
        """Nothing in the envelope speaks for its source."""

    def write_reply(self, reply: Reply) -> tuple[str, bytes]:
        """Write the reply under our serial, `TransIDH`."""
        return interboss.write_response(
            self.envelope.head,
            reply.answer,
            rsp_desc=reply.sentence,
            trans_id_h=reply.id,
            trans_id_h_time=format_seconds(reply.time_ms),
            boundary=secrets.token_hex(12),
            dialect=self.dialect,
        )


class InterbossEnvelope:
    """An `OrderEnvelope`."""

    max_body_bytes = interboss.MAX_BODY_BYTES
    is_signed = False

    def __init__(self, data: OrderData) -> None:
        self._data = data
        self._dialect = make_dialect(data, STANDARD)

    def open(self, content_type: str, body: bytes) -> InterbossRequest:
        """Read the head of a request."""
        return InterbossRequest(interboss.open_envelope(content_type, body, self._dialect), self._data, self._dialect)


make_envelope = InterbossEnvelope
