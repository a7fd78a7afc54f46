"""The gateway's calls to a carrier's adapter, over real connections."""

import asyncio
from contextlib import asynccontextmanager

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.status_pb2 import Status

from gateway.api.carrier_client import CarrierLink, GrpcCarrier
from gateway.api.errors import STATUS_DETAILS, Failure, write_status
from gateway.domain.capability import Enforcement
from gateway.domain.effects import SERVICE, EffectState
from gateway.domain.errors import Reason
from gateway.domain.instruction import ItemKind
from gateway.domain.knowledge import ReportedEffect
from gateway.domain.preferences import Medium
from gateway.domain.subscription import ServiceBasis, Subscriber
from gateway.service.dispatch import CarrierCallError
from gateway.service.outbox import ApplyOrder, NoticeOrder
from optout.kit.certificates import files_of, renew_certificate
from optout.kit.tls import server_credentials
from optout.v1 import carrier_pb2 as pb
from optout.v1 import carrier_pb2_grpc, types_pb2
from tests.api.edge import GATEWAY, make_pki
from tests.domain.samples import OWN
from tests.service.house import MOBILE, TELECOM

BAD_DETAIL = AnyMessage(type_url="type.googleapis.com/google.rpc.ErrorInfo", value=b"\xff")
NOTICE = NoticeOrder("n-1", OWN, "opened", {"categories": "loan"}, "901234", "b4c5", 1_790_000_000_000)
ORDER = ApplyOrder("a-1", Subscriber(OWN, 1, "mobile", ServiceBasis.PREFIX), Medium.VOICE, 7)


class Adapter(carrier_pb2_grpc.CarrierServiceServicer):
    """A carrier's adapter that notes who called and does as it is told."""

    def __init__(self):
        self.notices, self.orders, self.callers, self.metadata = [], [], [], []
        self.failure = None
        self.effects = [types_pb2.Effect(item=types_pb2.Item(kind=1), state=types_pb2.EFFECT_STATE_ACCEPTED)]
        self.declared = pb.GetCapabilitiesResponse(
            carrier="mobile", version="1", enforcement=1, items=[pb.ItemCapability(kind=1, effect=1)], channels=[1]
        )

    async def _note(self, context):
        self.callers.append(sorted(context.auth_context().get("x509_pem_cert", ())))
        self.metadata.append(dict(context.invocation_metadata()))
        if isinstance(self.failure, Failure):
            status = write_status(self.failure, {})
            details = ((STATUS_DETAILS, status.SerializeToString()),)
            await context.abort(self.failure.rule.code, self.failure.message, details)
        if isinstance(self.failure, bytes):
            await context.abort(grpc.StatusCode.UNAVAILABLE, "", ((STATUS_DETAILS, self.failure),))
        if isinstance(self.failure, grpc.StatusCode):
            await context.abort(self.failure, "")
        if self.failure is not None:
            await asyncio.sleep(self.failure)

    async def GetCapabilities(self, request, context):  # noqa: N802
        await self._note(context)
        return self.declared

    async def Notify(self, request, context):  # noqa: N802
        await self._note(context)
        self.notices.append(request)
        return pb.NotifyResponse(parts=1)

    async def Apply(self, request, context):  # noqa: N802
        await self._note(context)
        self.orders.append(request)
        return pb.ApplyResponse(effects=self.effects)


@asynccontextmanager
async def serve(adapter, files=None, port=0):
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    carrier_pb2_grpc.add_CarrierServiceServicer_to_server(adapter, server)
    address = f"127.0.0.1:{port}"
    bound = server.add_secure_port(address, server_credentials(files)) if files else server.add_insecure_port(address)
    await server.start()
    try:
        yield bound
    finally:
        await server.stop(0)


@asynccontextmanager
async def connect(pki, port, carrier="mobile", deadline_s=30.0):
    client = GrpcCarrier(CarrierLink(carrier, f"127.0.0.1:{port}", files_of(pki, GATEWAY), deadline_s))
    try:
        yield client
    finally:
        await client.close()


async def failure_of(call):
    with pytest.raises(CarrierCallError) as caught:
        await call
    return caught.value.reason, caught.value.retryable


async def test_orders_when_sent_then_the_adapter_gets_them_under_the_gateways_certificate(pki):
    adapter = Adapter()
    async with serve(adapter, files_of(pki, MOBILE)) as port, connect(pki, port) as client:
        declared = await client.capabilities()
        await client.notify(NOTICE)
        effects = await client.apply(ORDER)
    assert effects == (ReportedEffect(SERVICE, EffectState.ACCEPTED),)
    assert (declared.carrier, declared.enforcement, set(declared.items)) == (
        "mobile",
        Enforcement.GATEWAY,
        {ItemKind.SERVICE},
    )
    assert [(notice.notice_id, notice.number, notice.template) for notice in adapter.notices] == [
        ("n-1", OWN, "opened")
    ]
    assert [(order.order_id, order.subscription.revision) for order in adapter.orders] == [("a-1", 7)]
    assert {tuple(caller) for caller in adapter.callers} == {(files_of(pki, GATEWAY).cert.read_bytes(),)}
    assert "x-optout-party" not in adapter.metadata[0]


async def test_adapter_when_it_is_another_carriers_then_nothing_is_sent_to_it(pki):
    adapter = Adapter()
    async with serve(adapter, files_of(pki, TELECOM)) as port, connect(pki, port, "mobile") as client:
        assert await failure_of(client.notify(NOTICE)) == ("LINK_DOWN", True)
    assert adapter.callers == []


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (Failure(Reason.LINK_DOWN, "no link"), ("LINK_DOWN", True)),
        (Failure(Reason.OVERLOADED, ""), ("OVERLOADED", True)),
        (Failure(Reason.DRAINING, ""), ("DRAINING", True)),
        (Failure(Reason.UNKNOWN_TEMPLATE, ""), ("UNKNOWN_TEMPLATE", False)),
        (Failure(Reason.CARRIER_REFUSED, ""), ("CARRIER_REFUSED", False)),
        (Failure(Reason.INVALID_NUMBER, ""), ("INVALID_NUMBER", False)),
        (Failure(Reason.UNKNOWN_PARTY, ""), ("UNKNOWN_PARTY", True)),
        (write_status(Failure(Reason.CARRIER_REFUSED, "contradicts"), {}).SerializeToString(), ("LINK_DOWN", True)),
        (b"\xff garbage", ("LINK_DOWN", True)),
        (Status(code=14, details=[BAD_DETAIL]).SerializeToString(), ("LINK_DOWN", True)),
        (Status(code=14).SerializeToString(), ("LINK_DOWN", True)),
        (grpc.StatusCode.UNAVAILABLE, ("LINK_DOWN", True)),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, ("OVERLOADED", True)),
        (grpc.StatusCode.UNIMPLEMENTED, ("NOT_OFFERED", False)),
        (grpc.StatusCode.UNKNOWN, ("INTERNAL", False)),
        (grpc.StatusCode.UNAUTHENTICATED, ("INTERNAL", True)),
    ],
)
async def test_order_when_the_adapter_refuses_then_it_is_told_whether_to_repeat(pki, failure, expected):
    adapter = Adapter()
    adapter.failure = failure
    async with serve(adapter, files_of(pki, MOBILE)) as port, connect(pki, port) as client:
        assert await failure_of(client.notify(NOTICE)) == expected
    assert adapter.notices == []


async def test_order_when_the_adapter_is_slow_then_it_is_given_up_for_now(pki):
    adapter = Adapter()
    adapter.failure = 60
    async with serve(adapter, files_of(pki, MOBILE)) as port, connect(pki, port, deadline_s=0.1) as client:
        assert await failure_of(client.notify(NOTICE)) == ("LINK_DOWN", True)


async def test_link_when_the_adapter_comes_up_later_then_it_is_reached(pki):
    async with serve(Adapter(), files_of(pki, MOBILE)) as port:
        pass
    async with connect(pki, port) as client:
        assert await failure_of(client.notify(NOTICE)) == ("LINK_DOWN", True)
        adapter = Adapter()
        async with serve(adapter, files_of(pki, MOBILE), port), asyncio.timeout(30):
            while not adapter.notices:
                try:
                    await client.notify(NOTICE)
                except CarrierCallError:
                    await asyncio.sleep(0.05)


async def test_declaration_when_malformed_then_it_is_refused(pki):
    adapter = Adapter()
    adapter.declared.version = ""
    async with serve(adapter, files_of(pki, MOBILE)) as port, connect(pki, port) as client:
        assert await failure_of(client.capabilities()) == ("MISSING_FIELD", False)


async def test_certificate_when_renewed_then_later_calls_present_it(tmp_path):
    folder, adapter = tmp_path / "certs", Adapter()
    make_pki(folder)
    async with serve(adapter, files_of(folder, MOBILE)) as port, connect(folder, port) as client:
        await client.notify(NOTICE)
        renew_certificate(folder, GATEWAY)
        await client.notify(NOTICE)
        await client.notify(NOTICE)
    first, second, third = adapter.callers
    assert first != second == third == [files_of(folder, GATEWAY).cert.read_bytes()]


async def test_insecure_link_when_called_then_the_gateway_names_itself():
    adapter = Adapter()
    async with serve(adapter) as port:
        client = GrpcCarrier(CarrierLink("mobile", f"127.0.0.1:{port}"))
        await client.notify(NOTICE)
        await client.close()
    assert adapter.metadata[0]["x-optout-party"] == "gateway/gateway"


async def test_answer_when_an_effect_in_it_cannot_be_read_then_the_order_is_given_up(pki):
    adapter = Adapter()
    adapter.effects = [types_pb2.Effect(state=types_pb2.EFFECT_STATE_APPLIED)]
    async with serve(adapter, files_of(pki, MOBILE)) as port, connect(pki, port) as client:
        assert await failure_of(client.apply(ORDER)) == ("INVALID_FIELD", False)
