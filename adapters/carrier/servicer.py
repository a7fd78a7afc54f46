"""`CarrierService`: what the gateway asks of this carrier. Thin: validation, the journal, an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from adapters.carrier.apply import list_effects
from adapters.carrier.base import CarrierData
from adapters.carrier.contract import read_time, write_capabilities
from adapters.carrier.instruction import read_link_tag
from adapters.carrier.metrics import Metrics
from adapters.carrier.notices import NoticeRequest, NoticeWriter
from adapters.carrier.platform_orders import make_wanted
from adapters.carrier.rpc import CallRefusedError
from adapters.carrier.templates import TemplateError
from adapters.journal.base import Journal
from adapters.journal.rows import Erasing, Order, OrderVerdict, Origin
from adapters.wire.errors import WireError
from adapters.wire.platform import write_wanted
from optout.kit.clock import Clock
from optout.kit.number import NumberError, NumberReason, PhoneNumber, parse_subscriber
from optout.v1 import carrier_pb2, carrier_pb2_grpc

MAX_ID_CHARS = 100
"""Leaves room for what is appended to a notice's id to make the ids of its delivery reports (at most 128)."""


@dataclass(frozen=True, slots=True)
class ServicerParts:
    """What the service works with.

    `accounts` are those of the links, `on_notice` is called when a notice waits to be sent, and `notice_life_s` is how
    long a notice without an expiry of its own is worth sending. `on_order` is called when an order waits to be
    carried out, or its outcome to be told, and `on_erasure` when somebody is to be erased; `by_platform` says whether
    the carrier's own platform enforces.
    """

    data: CarrierData
    journal: Journal
    writer: NoticeWriter
    metrics: Metrics
    clock: Clock
    accounts: Iterable[str]
    notice_life_s: float
    on_notice: Callable[[], None]
    on_order: Callable[[], None]
    on_erasure: Callable[[], None]
    by_platform: bool


class CarrierServicer(carrier_pb2_grpc.CarrierServiceServicer):
    """One carrier's service. Raises `CallRefusedError` and `JournalError`; the guard tells the caller."""

    def __init__(self, parts: ServicerParts) -> None:
        self._parts = parts
        self._capabilities = write_capabilities(parts.data, by_platform=parts.by_platform)
        self._templates = frozenset(self._capabilities.templates)
        self._accounts = frozenset(parts.accounts)

    async def GetCapabilities(  # noqa: N802
        self, request: carrier_pb2.GetCapabilitiesRequest, context: Any
    ) -> carrier_pb2.GetCapabilitiesResponse:
        """Declare what the carrier can do."""
        return self._capabilities

    async def Apply(self, request: carrier_pb2.ApplyRequest, context: Any) -> carrier_pb2.ApplyResponse:  # noqa: N802
        """Carry a subscription out; of one older than what was carried out before nothing is known."""
        subscription = request.subscription
        order_id = _require_id(request.order_id, "order_id")
        number = _require_subscriber(subscription.number, "subscription.number")
        order = Order(order_id, f"{number}/{subscription.medium}", subscription.epoch, subscription.version)
        now_ms = self._parts.clock.now_ms()
        if subscription.HasField("erasure"):
            # Kept whatever becomes of the order: to erase is right also where a newer order came first.
            erasing = Erasing(order_id, number, subscription.epoch, subscription.version, now_ms)
            await self._parts.journal.begin_erasure(erasing)
            self._parts.on_erasure()
        by_platform = self._parts.by_platform
        provision = write_wanted(make_wanted(request)) if by_platform or request.switch_off else None
        verdict = await self._parts.journal.take_order(order, now_ms, provision)
        if verdict is OrderVerdict.STALE:
            return carrier_pb2.ApplyResponse()
        if provision is not None:
            self._parts.on_order()
        effects = list_effects(request, self._parts.data.capabilities, now_ms, by_platform=by_platform)
        return carrier_pb2.ApplyResponse(effects=effects, replayed=verdict is OrderVerdict.REPLAYED)

    async def Notify(self, request: carrier_pb2.NotifyRequest, context: Any) -> carrier_pb2.NotifyResponse:  # noqa: N802
        """Put a notice into the journal; it is sent as soon as a link can."""
        now_ms = self._parts.clock.now_ms()
        wanted = self._read_notice(request, now_ms)
        try:
            notice, prompt = self._parts.writer.write(wanted, now_ms)
        except TemplateError as error:
            self._parts.metrics.notice(request.template, "refused")
            field = f"parameters.{error.parameter}" if error.parameter else "template"
            raise CallRefusedError("UNKNOWN_TEMPLATE", "the template cannot be written", field) from None
        except WireError as error:
            self._parts.metrics.notice(request.template, "refused")
            raise CallRefusedError("INVALID_FIELD", error.reason, "parameters") from None
        parts, is_new = await self._parts.journal.add_notice(notice, prompt)
        self._parts.metrics.notice(request.template, "taken" if is_new else "replayed")
        self._parts.on_notice()
        return carrier_pb2.NotifyResponse(parts=parts, replayed=not is_new)

    def _read_notice(self, request: carrier_pb2.NotifyRequest, now_ms: int) -> NoticeRequest:
        notice_id = _require_id(request.notice_id, "notice_id")
        number = _require_subscriber(request.number, "number")
        if request.template not in self._templates:
            self._parts.metrics.notice("other", "refused")
            raise CallRefusedError("UNKNOWN_TEMPLATE", "this carrier has no such template", "template")
        life_ms = round(self._parts.notice_life_s * 1000)
        account = request.in_reply_to.account
        return NoticeRequest(
            notice_id,
            Origin.GATEWAY,
            number,
            request.template,
            request.parameters,
            read_time(request.expire_time) if request.HasField("expire_time") else now_ms + life_ms,
            account if account in self._accounts else "",
            read_link_tag(request.in_reply_to.id),
        )


def _require_id(value: str, field: str) -> str:
    if not value:
        raise CallRefusedError("MISSING_FIELD", "an id is missing", field)
    if len(value) > MAX_ID_CHARS or not (value.isascii() and value.isprintable()):
        raise CallRefusedError("INVALID_FIELD", f"at most {MAX_ID_CHARS} printable ASCII characters", field)
    return value


def _require_subscriber(value: str, field: str) -> PhoneNumber:
    try:
        return parse_subscriber(value)
    except NumberError as error:
        is_number = error.reason is NumberReason.NOT_A_SUBSCRIBER
        reason = "NOT_A_SUBSCRIBER" if is_number else "INVALID_NUMBER"
        raise CallRefusedError(reason, error.reason.value, field) from None
