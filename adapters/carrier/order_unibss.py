"""Orders in UNI_BSS, with a token over the head."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.carrier.base import OrderData
from adapters.carrier.order_envelope import Believing, Reply, make_dialect
from adapters.wire import unibss
from adapters.wire.chinatime import format_millis
from adapters.wire.dialect import Dialect
from adapters.wire.order import Order


@dataclass(frozen=True, slots=True, repr=False)
class UniBssRequest:
    """A `BookingRequest`."""

    request: unibss.Request
    api: str
    dialect: Dialect

    @property
    def source(self) -> str:
        """`APP_ID`."""
        return self.request.head.app_id

    @property
    def serial(self) -> str:
        """`TRANS_ID`."""
        return self.request.head.trans_id

    def read_order(self) -> Order:
        """Read the order; the interface's name is the service's."""
        return unibss.read_order(self.request, self.api, self.dialect)

    def check(self, order: Order, believing: Believing) -> None:
        """Check token and time."""
        unibss.check_token(self.request, believing.secret, believing.now_ms, believing.window_ms)

    def write_reply(self, reply: Reply) -> tuple[str, bytes]:
        """Write the reply."""
        return unibss.write_response(
            self.request,
            reply.answer,
            resp_desc=reply.sentence,
            timestamp=unibss.write_timestamp(format_millis(reply.time_ms)),
            api=self.api,
            dialect=self.dialect,
        )


class UniBssEnvelope:
    """An `OrderEnvelope`."""

    max_body_bytes = unibss.MAX_BODY_BYTES
    is_signed = True

    def __init__(self, data: OrderData) -> None:
        self._api = data.unibss.api_name
        self._dialect = make_dialect(data, unibss.STANDARD)

    def open(self, content_type: str, body: bytes) -> UniBssRequest:
        """Read the head of a request."""
        return UniBssRequest(unibss.open_request(content_type, body), self._api, self._dialect)


make_envelope = UniBssEnvelope
