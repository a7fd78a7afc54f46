"""What the gateway asks of a carrier, domain → wire, and what the carrier declares, wire → domain."""

from __future__ import annotations

from gateway.api.fields import invalid, require_text, write_time
from gateway.api.mapping_enums import CHANNEL, ENFORCEMENT, EXPECTED_EFFECT, ITEM_KIND, MEDIUM
from gateway.api.mapping_subscription import write_subscription
from gateway.domain.capability import VOICE_ALONE, Capabilities, Enforcement, ItemCapability
from gateway.domain.instruction import ExpectedEffect, ItemKind
from gateway.service.outbox import ApplyOrder, NoticeOrder
from gateway.service.views import SubscriptionView
from optout.v1 import carrier_pb2, types_pb2

MAX_NAME_CHARS = 64
MAX_EFFECT_DELAY_S = 30 * 24 * 3600


def write_notice(order: NoticeOrder) -> carrier_pb2.NotifyRequest:
    """A notice to be sent."""
    reference = types_pb2.CarrierReference(account=order.account, id=order.reference)
    return carrier_pb2.NotifyRequest(
        notice_id=order.id,
        number=order.number,
        template=order.template,
        parameters=dict(order.parameters),
        in_reply_to=reference if order.reference else None,
        expire_time=write_time(order.expire_ms) if order.expire_ms else None,
    )


def write_apply(order: ApplyOrder) -> carrier_pb2.ApplyRequest:
    """A state to be carried out."""
    view = SubscriptionView(order.subscriber, order.medium, order.revision)
    return carrier_pb2.ApplyRequest(
        order_id=order.id, subscription=write_subscription(view), switch_off=order.switch_off
    )


def read_capabilities(message: carrier_pb2.GetCapabilitiesResponse) -> Capabilities:
    """A carrier's declaration; channels and kinds of items that this gateway does not know are left out.

    Raises RefusedError.
    """
    items: dict[ItemKind, tuple[ItemCapability, ...]] = {}
    for place, item in enumerate(message.items):
        kind = ITEM_KIND.decode(item.kind)
        if kind is not None:
            items[kind] = (*items.get(kind, ()), _read_item(item, f"items[{place}]"))
    channels = (CHANNEL.decode(value) for value in message.channels)
    media = (MEDIUM.decode(value) for value in message.media)
    return Capabilities(
        carrier=require_text(message.carrier, "carrier", MAX_NAME_CHARS),
        version=require_text(message.version, "version", MAX_NAME_CHARS),
        enforcement=ENFORCEMENT.decode(message.enforcement) or Enforcement.GATEWAY,
        items=items,
        channels=frozenset(channel for channel in channels if channel is not None),
        templates=frozenset(message.templates),
        effect_delay_s=_read_delay(message),
        # Adapters of before media were consulted may name none: they offer voice.
        media=frozenset(medium for medium in media if medium is not None) if message.media else VOICE_ALONE,
    )


def _read_item(message: carrier_pb2.ItemCapability, field: str) -> ItemCapability:
    effect = EXPECTED_EFFECT.decode(message.effect)
    if effect is None or effect is ExpectedEffect.UNKNOWN:
        raise invalid(f"{field}.effect", "missing or unknown")
    return ItemCapability(effect, frozenset(message.values), message.limitation, message.cap)


def _read_delay(message: carrier_pb2.GetCapabilitiesResponse) -> int:
    delay_s = message.effect_delay.seconds + (message.effect_delay.nanos > 0)
    if not 0 <= delay_s <= MAX_EFFECT_DELAY_S:
        raise invalid("effect_delay", "not from 0 to 30 days")
    return delay_s
