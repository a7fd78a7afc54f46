"""The fake carrier: what it serves, what it asserts, how it fails."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from adapters.simulators.fake_carrier import (
    CarrierFault,
    CarrierFilter,
    FakeCarrierSettings,
    Method,
    make_capabilities,
    read_error,
)
from adapters.simulators.history import ViolationsError, WaitError
from adapters.simulators.loopback import NotLoopbackError
from adapters.testing import FaultPlan, fake_carrier
from optout.kit.identity import IdentityError
from optout.v1 import carrier_pb2, errors_pb2, types_pb2
from tests.simulators.gateways import NUMBER, calling, notice, order

# Serving


async def test_capabilities_when_asked_then_are_what_was_declared() -> None:
    async with fake_carrier("telecom") as carrier, calling(carrier) as stub:
        answer = await stub.GetCapabilities(carrier_pb2.GetCapabilitiesRequest())
        assert (answer.carrier, answer.enforcement) == ("telecom", carrier_pb2.ENFORCEMENT_GATEWAY)
        assert {item.effect for item in answer.items} == {types_pb2.EXPECTED_EFFECT_FULL}
        other = make_capabilities("", version="2", enforcement=carrier_pb2.ENFORCEMENT_PLATFORM)
        carrier.set_capabilities(other)
        answer = await stub.GetCapabilities(carrier_pb2.GetCapabilitiesRequest())
        assert (answer.carrier, answer.version) == ("telecom", "2")
        assert answer.enforcement == carrier_pb2.ENFORCEMENT_PLATFORM


async def test_notify_when_repeated_then_is_replayed_and_taken_on_once() -> None:
    async with fake_carrier() as carrier, calling(carrier) as stub:
        answers = [await stub.Notify(notice()) for _ in range(2)]
        assert [(answer.parts, answer.replayed) for answer in answers] == [(1, False), (1, True)]
        assert carrier.notices == [notice()]
        entries = carrier.find(CarrierFilter(Method.NOTIFY, template="opened", number="13800138000", id="n-1"))
        assert [(entry.replayed, entry.applied, entry.heard, entry.code) for entry in entries] == [
            (False, True, True, 0),
            (True, True, True, 0),
        ]
        assert NUMBER not in repr(entries)


async def test_apply_when_declared_item_by_item_then_says_what_can_be_expected() -> None:
    capabilities = make_capabilities("mobile", enforcement=carrier_pb2.ENFORCEMENT_PLATFORM)
    del capabilities.items[:]
    capabilities.items.add(kind=types_pb2.ITEM_KIND_SERVICE, effect=types_pb2.EXPECTED_EFFECT_FULL)
    capabilities.items.add(
        kind=types_pb2.ITEM_KIND_CATEGORY, effect=types_pb2.EXPECTED_EFFECT_DEGRADED, values=["loan"]
    )
    async with fake_carrier(FakeCarrierSettings("mobile", capabilities=capabilities)) as carrier:
        async with calling(carrier) as stub:
            effects = (await stub.Apply(order())).effects
        assert [(effect.item.kind, effect.item.value, effect.state, effect.expected) for effect in effects] == [
            (types_pb2.ITEM_KIND_SERVICE, "", types_pb2.EFFECT_STATE_ACCEPTED, types_pb2.EXPECTED_EFFECT_FULL),
            (
                types_pb2.ITEM_KIND_CATEGORY,
                "loan",
                types_pb2.EFFECT_STATE_ACCEPTED,
                types_pb2.EXPECTED_EFFECT_DEGRADED,
            ),
            (
                types_pb2.ITEM_KIND_REJECT_NUMBER,
                "+8613900139000",
                types_pb2.EFFECT_STATE_UNSUPPORTED,
                types_pb2.EXPECTED_EFFECT_UNSUPPORTED,
            ),
        ]


async def test_apply_when_an_older_version_comes_late_then_the_newer_stays() -> None:
    async with fake_carrier() as carrier, calling(carrier) as stub:
        await stub.Apply(order("o-2", version=2))
        await stub.Apply(order("o-1", version=1))
        assert [one.subscription.version for one in carrier.orders] == [2]


# Asserting


PAST = Timestamp()
PAST.FromDatetime(datetime.now(UTC) - timedelta(hours=1))
WRONG_CARRIER = order()
WRONG_CARRIER.subscription.carrier = "telecom"
NO_VERSION = order(version=0)
LOCAL_NUMBER = order()
LOCAL_NUMBER.subscription.number = "13800138000"


@pytest.mark.parametrize(
    ("requests", "rules"),
    [
        ([notice(), notice(template="cancelled")], ["notice_id_reused"]),
        ([notice(), notice(parameters={"effect": "applied"})], ["notice_id_reused"]),
        ([notice("")], ["missing_id"]),
        ([notice(number="13800138000")], ["number_not_canonical"]),
        ([notice(number="10086")], ["number_not_canonical"]),
        ([notice(expire_time=PAST)], ["expired_notice"]),
        ([order(), order(switch_off=True)], ["order_id_reused"]),
        ([order(""), order("")], ["missing_id", "missing_id"]),
        ([WRONG_CARRIER], ["wrong_carrier"]),
        ([NO_VERSION], ["missing_version"]),
        ([LOCAL_NUMBER], ["number_not_canonical"]),
    ],
)
async def test_gateway_when_it_breaks_a_rule_then_it_is_written_down(
    requests: list[carrier_pb2.NotifyRequest | carrier_pb2.ApplyRequest], rules: list[str]
) -> None:
    async with fake_carrier(clean=False) as carrier, calling(carrier) as stub:
        for request in requests:
            if isinstance(request, carrier_pb2.NotifyRequest):
                await stub.Notify(request)
            else:
                await stub.Apply(request)
        assert [rule for _, rule in carrier.violations] == rules
        with pytest.raises(ViolationsError) as caught:
            carrier.assert_clean()
        assert caught.value.rules == rules
        carrier.reset()
        carrier.assert_clean()


async def test_gateway_when_it_uses_an_undeclared_template_then_is_refused_and_it_is_written_down() -> None:
    async with fake_carrier(clean=False) as carrier, calling(carrier) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Notify(notice(template="lottery"))
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert read_error(caught.value)[1].reason == "UNKNOWN_TEMPLATE"
        assert [rule for _, rule in carrier.violations] == ["unknown_template"]
        assert carrier.notices == []


async def test_apply_when_another_carriers_number_is_switched_off_then_is_clean() -> None:
    async with fake_carrier() as carrier, calling(carrier) as stub:
        request = carrier_pb2.ApplyRequest()
        request.CopyFrom(WRONG_CARRIER)
        request.switch_off = True
        await stub.Apply(request)


# Failing


@pytest.mark.parametrize(
    ("plan", "code", "reason", "retry", "taken"),
    [
        (FaultPlan(applied=True, heard=False), grpc.StatusCode.UNAVAILABLE, "LINK_DOWN", "later", 1),
        (FaultPlan(applied=False, heard=False), grpc.StatusCode.UNAVAILABLE, "LINK_DOWN", "later", 0),
        (FaultPlan(applied=False, heard=True), grpc.StatusCode.FAILED_PRECONDITION, "CARRIER_REFUSED", "never", 0),
    ],
)
async def test_notify_when_it_fails_then_the_two_bits_hold(
    plan: FaultPlan, code: grpc.StatusCode, reason: str, retry: str, taken: int
) -> None:
    async with fake_carrier() as carrier, calling(carrier) as stub:
        carrier.set_faults(CarrierFault(replace(plan, name="struck", count=1), Method.NOTIFY))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Notify(notice())
        info = read_error(caught.value)[1]
        assert (caught.value.code(), info.reason, info.domain) == (code, reason, "optout.v1")
        assert info.metadata["retry"] == retry
        assert len(carrier.notices) == taken
        (entry,) = carrier.history
        assert (entry.applied, entry.heard, entry.fault, entry.code) == (
            plan.applied,
            plan.heard,
            "struck",
            code.value[0],
        )
        again = await stub.Notify(notice())
        assert again.replayed is bool(taken)


async def test_apply_when_refused_with_a_reason_then_that_one_is_sent() -> None:
    async with fake_carrier() as carrier, calling(carrier) as stub:
        plan = FaultPlan(applied=False)
        carrier.set_faults(CarrierFault(plan, Method.APPLY, reason=errors_pb2.ERROR_REASON_OVERLOADED))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Apply(order())
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert read_error(caught.value)[1].reason == "OVERLOADED"
        await stub.Notify(notice())


async def test_fault_when_it_names_a_template_and_a_number_then_strikes_nothing_else() -> None:
    async with fake_carrier() as carrier, calling(carrier) as stub:
        plan = FaultPlan(applied=False, number="13800138000")
        carrier.set_faults(CarrierFault(plan, template="cancelled"))
        await stub.Notify(notice("n-1"))
        await stub.Notify(notice("n-2", template="cancelled", number="+8613900139000"))
        await stub.GetCapabilities(carrier_pb2.GetCapabilitiesRequest())
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.Notify(notice("n-3", template="cancelled"))


async def test_call_when_silent_then_the_caller_runs_into_its_deadline() -> None:
    async with fake_carrier() as carrier, calling(carrier) as stub:
        carrier.set_faults(CarrierFault(FaultPlan(heard=False), Method.APPLY, silent=True))
        await stub.GetCapabilities(carrier_pb2.GetCapabilitiesRequest())
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Apply(order(), timeout=1)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert len(carrier.orders) == 1


async def test_call_when_delayed_then_is_answered_late_but_rightly() -> None:
    async with fake_carrier() as carrier, calling(carrier) as stub:
        carrier.set_faults(CarrierFault(FaultPlan(delay_s=0.05), Method.NOTIFY))
        started = asyncio.get_running_loop().time()
        assert (await stub.Notify(notice())).parts == 1
        assert asyncio.get_running_loop().time() - started >= 0.05


def test_fault_when_it_would_strike_the_carriers_own_calls_then_is_refused() -> None:
    with pytest.raises(ValueError, match="gateway makes"):
        CarrierFault(FaultPlan(), Method.SUBMIT)


async def test_wait_when_calls_come_later_then_wakes_for_them() -> None:
    async with fake_carrier() as carrier, calling(carrier) as stub:
        waiting = asyncio.create_task(carrier.wait_for(CarrierFilter(Method.NOTIFY, applied=True), count=2))
        for notice_id in ("n-1", "n-2"):
            await stub.Notify(notice(notice_id))
        assert len(await waiting) == 2
        with pytest.raises(WaitError):
            await carrier.wait_for(CarrierFilter(violating=True), timeout_s=0.01)


def test_settings_when_they_make_no_sense_then_are_refused() -> None:
    with pytest.raises(IdentityError):
        FakeCarrierSettings("China Mobile")
    with pytest.raises(NotLoopbackError):
        FakeCarrierSettings("mobile", host="0.0.0.0")
    with pytest.raises(ValueError, match="positive"):
        FakeCarrierSettings("mobile", call_timeout_s=0)
