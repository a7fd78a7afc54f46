"""What the fake carrier has taken on, and the rules its gateway is held to.

====================  ===============================================================================
rule                  broken by
====================  ===============================================================================
missing_id            a notice or order without its id
notice_id_reused      the id of an earlier notice with other content
order_id_reused       the id of an earlier order with other content
unknown_template      a template that the carrier did not declare
number_not_canonical  a number that is not in canonical form, or no subscriber's
wrong_carrier         an order about another carrier's subscriber that does not switch off
missing_version       an order whose subscription has no version
expired_notice        a notice that comes after it was no longer worth sending
====================  ===============================================================================
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from optout.kit.number import NumberError, parse_subscriber
from optout.v1 import carrier_pb2, types_pb2


class Book:
    """Notices and orders by id, subscriptions by their newest version."""

    def __init__(self, carrier: str, capabilities: carrier_pb2.GetCapabilitiesResponse) -> None:
        self.capabilities = capabilities
        self.notices: dict[str, carrier_pb2.NotifyRequest] = {}
        self.newest: dict[tuple[str, int], carrier_pb2.ApplyRequest] = {}
        self._orders: dict[str, carrier_pb2.ApplyRequest] = {}
        self._seen: dict[str, carrier_pb2.NotifyRequest | carrier_pb2.ApplyRequest] = {}
        self._carrier = carrier

    def check_notice(self, request: carrier_pb2.NotifyRequest, now: datetime) -> Iterator[str]:
        """Yield the rules a notice breaks, whether it is taken on or not."""
        yield from self._check_id("notice", request.notice_id, request)
        if request.template not in self.capabilities.templates:
            yield "unknown_template"
        if not _is_canonical(request.number):
            yield "number_not_canonical"
        if request.HasField("expire_time") and request.expire_time.ToDatetime(now.tzinfo) < now:
            yield "expired_notice"

    def check_order(self, request: carrier_pb2.ApplyRequest) -> Iterator[str]:
        """Yield the rules an order breaks, whether it is taken on or not."""
        yield from self._check_id("order", request.order_id, request)
        if not _is_canonical(request.subscription.number):
            yield "number_not_canonical"
        if request.subscription.carrier != self._carrier and not request.switch_off:
            yield "wrong_carrier"
        if not request.subscription.version:
            yield "missing_version"

    def take_notice(self, request: carrier_pb2.NotifyRequest) -> bool:
        """Take a notice on; return whether it was known already."""
        known = request.notice_id in self.notices
        self.notices.setdefault(request.notice_id, request)
        return known

    def take_order(self, request: carrier_pb2.ApplyRequest) -> bool:
        """Take an order on, unless a newer version is; return whether it was known already."""
        known = request.order_id in self._orders
        self._orders.setdefault(request.order_id, request)
        key = (request.subscription.number, request.subscription.medium)
        newest = self.newest.get(key)
        if newest is None or newest.subscription.version <= request.subscription.version:
            self.newest[key] = request
        return known

    def expect_effects(self, subscription: types_pb2.Subscription) -> list[types_pb2.Effect]:
        """Say what is known of each item: ACCEPTED where facts follow."""
        return [self._expect(item) for item in list_items(subscription)]

    def _expect(self, item: types_pb2.Item) -> types_pb2.Effect:
        expected = next(
            (
                capability.effect
                for capability in self.capabilities.items
                if capability.kind == item.kind and (not capability.values or item.value in capability.values)
            ),
            types_pb2.EXPECTED_EFFECT_UNSUPPORTED,
        )
        unsupported = expected == types_pb2.EXPECTED_EFFECT_UNSUPPORTED
        state = types_pb2.EFFECT_STATE_UNSUPPORTED if unsupported else types_pb2.EFFECT_STATE_ACCEPTED
        return types_pb2.Effect(item=item, state=state, expected=expected)

    def _check_id(
        self, kind: str, identity: str, request: carrier_pb2.NotifyRequest | carrier_pb2.ApplyRequest
    ) -> Iterator[str]:
        if not identity:
            yield "missing_id"
        elif self._seen.setdefault(f"{kind} {identity}", request) != request:
            yield f"{kind}_id_reused"


def list_items(subscription: types_pb2.Subscription) -> list[types_pb2.Item]:
    """List the parts of a subscription, as `ItemKind` names them."""
    wishes = subscription.preferences
    items = [types_pb2.Item(kind=types_pb2.ITEM_KIND_SERVICE)]
    items += [types_pb2.Item(kind=types_pb2.ITEM_KIND_CATEGORY, value=code) for code in wishes.refused_categories]
    items += [types_pb2.Item(kind=types_pb2.ITEM_KIND_REJECT_NUMBER, value=number) for number in wishes.reject_list]
    items += [types_pb2.Item(kind=types_pb2.ITEM_KIND_ALLOW_NUMBER, value=number) for number in wishes.allow_list]
    for segment in wishes.refused_segments:
        name = types_pb2.SegmentKind.Name(segment.kind).removeprefix("SEGMENT_KIND_").lower()
        items.append(types_pb2.Item(kind=types_pb2.ITEM_KIND_SEGMENT, value=segment.prefix or name))
    if wishes.treatment:
        name = types_pb2.Treatment.Name(wishes.treatment).removeprefix("TREATMENT_").lower()
        items.append(types_pb2.Item(kind=types_pb2.ITEM_KIND_TREATMENT, value=name))
    if wishes.stranger_policy:
        name = types_pb2.StrangerPolicy.Name(wishes.stranger_policy).removeprefix("STRANGER_POLICY_").lower()
        items.append(types_pb2.Item(kind=types_pb2.ITEM_KIND_STRANGER_POLICY, value=name))
    if wishes.HasField("notices"):
        items.append(types_pb2.Item(kind=types_pb2.ITEM_KIND_NOTICES))
    if wishes.quiet_hours:
        items.append(types_pb2.Item(kind=types_pb2.ITEM_KIND_QUIET_HOURS))
    return items


def apply_effects(effects: list[types_pb2.Effect]) -> list[types_pb2.Effect]:
    """Say of accepted effects that they are in force now, in part where no more was expected."""
    applied = []
    for effect in effects:
        fact = types_pb2.Effect()
        fact.CopyFrom(effect)
        if effect.state == types_pb2.EFFECT_STATE_ACCEPTED:
            degraded = effect.expected == types_pb2.EXPECTED_EFFECT_DEGRADED
            fact.state = types_pb2.EFFECT_STATE_DEGRADED if degraded else types_pb2.EFFECT_STATE_APPLIED
        applied.append(fact)
    return applied


def _is_canonical(number: str) -> bool:
    try:
        return parse_subscriber(number) == number
    except NumberError:
        return False
