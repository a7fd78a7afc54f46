"""Orders in ContractRoot, XML or JSON, signed by `SrcSysSign`."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.carrier.base import OrderData
from adapters.carrier.order_envelope import Believing, Reply, UnknownServiceError, make_dialect
from adapters.wire import contractroot
from adapters.wire.chinatime import format_seconds
from adapters.wire.dialect import STANDARD, Dialect
from adapters.wire.order import Order


@dataclass(frozen=True, slots=True, repr=False)
class ContractRootRequest:
    """A `BookingRequest`."""

    request: contractroot.Request
    data: OrderData
    dialect: Dialect

    @property
    def source(self) -> str:
        """`SrcSysID`."""
        return self.request.head.src_sys_id

    @property
    def serial(self) -> str:
        """`TransactionID`."""
        return self.request.head.transaction_id

    def read_order(self) -> Order:
        """Read the order, if it is for this service."""
        head, codes = self.request.head, self.data.contractroot
        if (head.bus_code, head.service_code) != (codes.bus_code, codes.service_code):
            raise UnknownServiceError
        return contractroot.read_order(self.request, self.dialect)

    def check(self, order: Order, believing: Believing) -> None:
        """Check sign and time."""
        contractroot.check_sign(
            self.request.head, order, believing.secret, believing.now_ms, believing.window_ms, self.dialect
        )

    def write_reply(self, reply: Reply) -> tuple[str, bytes]:
        """Write the reply in the request's own format."""
        time = format_seconds(reply.time_ms)
        return contractroot.write_response(
            self.request, reply.answer, rsp_desc=reply.sentence, rsp_time=time, dialect=self.dialect
        )


class ContractRootEnvelope:
    """An `OrderEnvelope`."""

    max_body_bytes = contractroot.MAX_BODY_BYTES
    is_signed = True

    def __init__(self, data: OrderData) -> None:
        self._data = data
        self._dialect = make_dialect(data, STANDARD)

    def open(self, content_type: str, body: bytes) -> ContractRootRequest:
        """Read the head of a request."""
        return ContractRootRequest(contractroot.open_request(content_type, body), self._data, self._dialect)


make_envelope = ContractRootEnvelope
