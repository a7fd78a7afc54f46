"""The server as such: certificates, limits, deadlines, draining, and bytes that are not gRPC."""

import asyncio
import ssl
import time

import grpc
import pytest
from cryptography import x509
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from gateway.api.identity import is_loopback
from gateway.api.interceptors import CallLimits
from gateway.api.server import ListenError, ServerSettings, build_server
from gateway.domain.instruction import Channel, Open
from gateway.domain.preferences import Medium, Preferences
from gateway.service.views import FeedRange, SubscriptionView
from gateway.telemetry import Telemetry
from optout.kit.certificates import files_of, renew_certificate
from optout.kit.number import parse_number
from optout.v1 import registry_pb2 as pb
from optout.v1 import registry_pb2_grpc
from tests.api.edge import GATEWAY, GHOST, info_of, make_pki, open_edge
from tests.api.wire import write_instruction
from tests.domain.samples import OWN
from tests.service.house import INSTITUTE, MOBILE


def submit(edge, **fields):
    given = {"channel": Channel.HOTLINE, **fields}
    return pb.SubmitRequest(instruction=write_instruction(edge.house.instruction(Open(), **given)))


LOOKUP = pb.GetSubscriptionRequest(number=OWN, medium=1)


async def failure_of(call):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


@pytest.fixture
def own_pki(tmp_path):
    folder = tmp_path / "certs"
    make_pki(folder)
    return folder


async def serial_served(edge, pki):
    """The serial of the certificate that the server shows to a new connection."""
    files = files_of(pki, MOBILE)
    context = ssl.create_default_context(cafile=str(files.ca))
    context.load_cert_chain(files.cert, files.key)
    context.set_alpn_protocols(["h2"])
    _, writer = await asyncio.open_connection(
        "127.0.0.1", edge.server.port, ssl=context, server_hostname=GATEWAY.server_name
    )
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return x509.load_der_x509_certificate(shown).serial_number


async def test_certificates_when_renewed_then_new_connections_see_them_and_old_ones_stay(own_pki):
    async with open_edge(own_pki) as edge:
        old = await edge.registry(MOBILE)
        await old.Submit(submit(edge))
        before = await serial_served(edge, own_pki)
        renew_certificate(own_pki, GATEWAY)
        after = await serial_served(edge, own_pki)
        assert before != after
        assert (await old.GetSubscription(LOOKUP)).subscription.number == OWN
        assert (await (await edge.registry(INSTITUTE)).GetSubscription(LOOKUP)).subscription.number == OWN


async def test_certificate_when_its_serial_is_denied_then_open_connections_are_refused_too(own_pki, tmp_path):
    deny = tmp_path / "denied"
    deny.write_text("# none yet\n")
    async with open_edge(own_pki, deny_list=deny) as edge:
        registry = await edge.registry(MOBILE)
        await registry.Submit(submit(edge))
        serial = x509.load_pem_x509_certificate(files_of(own_pki, MOBILE).cert.read_bytes()).serial_number
        deny.write_text(f"{serial:x}\n")
        error = await failure_of(registry.GetSubscription(LOOKUP))
        assert (error.code(), info_of(error).reason) == (grpc.StatusCode.UNAUTHENTICATED, "CERTIFICATE_DENIED")
        assert (await (await edge.registry(INSTITUTE)).GetSubscription(LOOKUP)).revision == 1


async def test_request_id_when_given_then_it_is_echoed_and_stands_in_errors(pki):
    async with open_edge(pki) as edge:
        registry = await edge.registry(MOBILE)
        call = registry.Submit(submit(edge), metadata=(("x-request-id", "order-7.a"),))
        await call
        assert (await call.trailing_metadata())["x-request-id"] == "order-7.a"
        call = registry.Submit(pb.SubmitRequest(), metadata=(("x-request-id", "order-8"),))
        assert info_of(await failure_of(call)).metadata["request_id"] == "order-8"


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", OWN[1:], OWN[3:]])
async def test_request_id_when_unusable_then_a_new_one_is_made(pki, given):
    async with open_edge(pki) as edge:
        call = (await edge.registry(MOBILE)).Submit(submit(edge), metadata=(("x-request-id", given),))
        await call
        made = (await call.trailing_metadata())["x-request-id"]
        assert made != given
        assert len(made) == 32


@pytest.mark.parametrize(("method", "reason"), [("Submit", "COMMIT_UNKNOWN"), ("GetSubscription", "OVERLOADED")])
async def test_unary_call_when_it_takes_too_long_then_it_ends_with_what_is_known(pki, monkeypatch, method, reason):
    async def hang(*_):
        await asyncio.Event().wait()

    async with open_edge(pki, limits=CallLimits(unary_s=0.05)) as edge:
        monkeypatch.setattr(edge.house.registry, "submit", hang)
        monkeypatch.setattr(edge.house.registry, "get", hang)
        request = submit(edge) if method == "Submit" else LOOKUP
        error = await failure_of(getattr(await edge.registry(MOBILE), method)(request))
        assert info_of(error).reason == reason


async def test_deadline_when_the_caller_sets_one_then_the_work_is_cancelled(pki, monkeypatch):
    cancelled = asyncio.Event()

    async def hang(*_):
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async with open_edge(pki) as edge:
        monkeypatch.setattr(edge.house.registry, "get", hang)
        channel = await edge.channel(MOBILE)
        await channel.channel_ready()
        error = await failure_of(registry_pb2_grpc.RegistryServiceStub(channel).GetSubscription(LOOKUP, timeout=1))
        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        async with asyncio.timeout(30):
            await cancelled.wait()
            while b'code="CANCELLED"' not in edge.telemetry.write():
                await asyncio.sleep(0.01)


async def test_message_when_oversize_then_it_is_refused_and_the_server_lives(pki):
    async with open_edge(pki, max_message_bytes=64 * 1024) as edge:
        registry = await edge.registry(MOBILE)
        request = submit(edge)
        request.instruction.evidence.purposes.append("x" * 70_000)
        error = await failure_of(registry.Submit(request))
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert (await registry.Submit(submit(edge))).outcome.revision == 1


async def test_calls_when_too_many_are_open_then_further_ones_are_turned_away(pki):
    async with open_edge(pki, limits=CallLimits(max_calls=1)) as edge:
        registry = await edge.registry(MOBILE)
        await registry.Submit(submit(edge))
        watched = registry.Watch(pb.WatchRequest())
        await watched.read()
        error = await failure_of(registry.GetSubscription(LOOKUP))
        assert (error.code(), info_of(error).reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
        watched.cancel()
        async with asyncio.timeout(30):
            while (await registry.Submit(submit(edge))).outcome.revision != 2:
                await asyncio.sleep(0.01)


async def flood(edge, monkeypatch):
    """Have the feed yield large messages without end; returns how often it was asked for one."""
    numbers = tuple(parse_number(f"139{tail:08}") for tail in range(1000))
    wishes = Open(Preferences(reject_list=numbers))
    state = (await edge.house.submit(wishes, channel=Channel.HOTLINE)).view.subscriber
    views = (SubscriptionView(state, Medium.VOICE, 1),) * 100
    asked = []

    async def follow(caller, after):
        while True:
            asked.append(after)
            yield FeedRange(after, after, views, 0)

    monkeypatch.setattr(edge.house.registry, "watch", follow)
    return asked


async def read_to_the_end(stream):
    while await stream.read() is not grpc.aio.EOF:
        pass


async def test_watch_when_its_reader_is_too_slow_then_it_ends_overloaded(pki, monkeypatch):
    async with open_edge(pki, limits=CallLimits(slow_reader_s=0.2)) as edge:
        asked = await flood(edge, monkeypatch)
        watched = (await edge.registry(INSTITUTE)).Watch(pb.WatchRequest())
        await watched.read()
        before = 0
        while before < len(asked):
            before = len(asked)
            await asyncio.sleep(0.5)
        async with asyncio.timeout(30):
            error = await failure_of(read_to_the_end(watched))
        assert info_of(error).reason == "OVERLOADED"


async def test_drain_when_feeds_and_backlogs_are_open_then_they_end_draining_and_health_says_so(pki):
    async with open_edge(pki) as edge:
        channel = await edge.channel(MOBILE)
        registry, health = registry_pb2_grpc.RegistryServiceStub(channel), health_pb2_grpc.HealthStub(channel)
        checked = await health.Check(health_pb2.HealthCheckRequest(service="optout.v1.RegistryService"))
        assert checked.status == health_pb2.HealthCheckResponse.SERVING
        told = health.Watch(health_pb2.HealthCheckRequest())
        assert (await told.read()).status == health_pb2.HealthCheckResponse.SERVING
        watched, backlog = registry.Watch(pb.WatchRequest()), registry.SubmitStream()
        await backlog.write(pb.SubmitStreamRequest(instruction=submit(edge).instruction))
        assert (await backlog.read()).outcome.revision == 1
        assert (await watched.read()).revision == 1
        start = time.monotonic()
        draining = asyncio.create_task(edge.server.drain(grace_s=120))
        for stream in (watched, backlog):
            error = await failure_of(stream.read())
            assert (error.code(), info_of(error).reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
        assert (await told.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        await failure_of(told.read())
        await draining
        await edge.server.wait()
        assert time.monotonic() - start < 60
        assert (await failure_of(registry.GetSubscription(LOOKUP))).code() is grpc.StatusCode.UNAVAILABLE


async def test_drain_when_a_feed_never_pauses_then_it_ends_all_the_same(pki, monkeypatch):
    async with open_edge(pki) as edge:
        await flood(edge, monkeypatch)
        reading = asyncio.create_task(
            read_to_the_end((await edge.registry(INSTITUTE)).Watch(pb.WatchRequest())),
        )
        await asyncio.sleep(0.1)
        draining = asyncio.create_task(edge.server.drain(grace_s=120))
        async with asyncio.timeout(30):
            assert info_of(await failure_of(reading)).reason == "DRAINING"
            await draining


async def test_drain_when_a_call_is_at_work_then_it_finishes(pki, monkeypatch):
    async with open_edge(pki) as edge:
        entered, go = asyncio.Event(), asyncio.Event()
        submit_now = edge.house.registry.submit

        async def wait_then_submit(*given):
            entered.set()
            await go.wait()
            return await submit_now(*given)

        monkeypatch.setattr(edge.house.registry, "submit", wait_then_submit)
        call = asyncio.ensure_future((await edge.registry(MOBILE)).Submit(submit(edge)))
        await entered.wait()
        draining = asyncio.create_task(edge.server.drain(grace_s=120))
        await asyncio.sleep(0.05)
        go.set()
        assert (await call).outcome.revision == 1
        await draining


@pytest.mark.parametrize(
    "junk", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x00\x00", b"\x00" * 4096, b"PRI * HTTP/2.0\r\n\r\n"]
)
@pytest.mark.parametrize("insecure", [False, True])
async def test_port_when_something_else_is_spoken_then_the_server_lives(pki, junk, insecure):
    async with open_edge(pki, insecure_dev=insecure) as edge:
        reader, writer = await asyncio.open_connection("127.0.0.1", edge.server.port)
        writer.write(junk)
        await writer.drain()
        async with asyncio.timeout(30):
            if junk.startswith(b"GET"):
                await reader.read(100)
        writer.close()
        if insecure:
            async with grpc.aio.insecure_channel(edge.target) as channel:
                stub = registry_pb2_grpc.RegistryServiceStub(channel)
                answer = await stub.Submit(submit(edge), metadata=(("x-optout-party", "carrier/mobile"),))
        else:
            answer = await (await edge.registry(MOBILE)).Submit(submit(edge))
        assert answer.outcome.revision == 1


@pytest.mark.parametrize("party", ["", "mobile", "carrier/", "king/mobile", "carrier/ghost", "carrier/Mobile"])
async def test_insecure_caller_when_it_names_nobody_known_then_it_is_unauthenticated(pki, party):
    async with open_edge(pki, insecure_dev=True) as edge, grpc.aio.insecure_channel(edge.target) as channel:
        stub = registry_pb2_grpc.RegistryServiceStub(channel)
        metadata = (("x-optout-party", party),) if party else ()
        error = await failure_of(stub.GetSubscription(LOOKUP, metadata=metadata))
        assert (error.code(), info_of(error).reason) == (grpc.StatusCode.UNAUTHENTICATED, "UNKNOWN_PARTY")


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (ServerSettings("0.0.0.0:0", insecure_dev=True), "NOT_LOOPBACK"),
        (ServerSettings("[::]:0", insecure_dev=True), "NOT_LOOPBACK"),
        (ServerSettings("gateway.example:0", insecure_dev=True), "NOT_LOOPBACK"),
        (ServerSettings("127.0.0.1:0"), "NO_CERTIFICATES"),
        (ServerSettings("203.0.113.1:1", insecure_dev=False), "NO_CERTIFICATES"),
    ],
)
async def test_listening_when_misconfigured_then_it_is_refused(pki, settings, reason):
    async with open_edge(pki) as edge:
        with pytest.raises(ListenError) as caught:
            await build_server(edge.services, settings, Telemetry())
        assert caught.value.reason == reason


async def test_listening_when_the_port_is_taken_then_it_is_refused(pki):
    async with open_edge(pki) as edge:
        settings = ServerSettings(edge.target, tls=files_of(pki, GATEWAY))
        with pytest.raises(ListenError) as caught:
            await build_server(edge.services, settings, Telemetry())
        assert caught.value.reason == "ADDRESS_UNUSABLE"


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("127.0.0.1:1", True),
        ("127.8.8.8:1", True),
        ("[::1]:1", True),
        ("localhost:1", True),
        ("unix:/run/gateway.sock", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("10.0.0.1:1", False),
        ("localhost.example:1", False),
        (":1", False),
    ],
)
def test_address_when_judged_then_only_this_machines_own_are_loopback(address, loopback):
    assert is_loopback(address) is loopback


async def test_reflection_when_asked_then_it_lists_the_services(pki):
    async with open_edge(pki) as edge:
        stub = reflection_pb2_grpc.ServerReflectionStub(await edge.channel(INSTITUTE))
        asked = [reflection_pb2.ServerReflectionRequest(list_services="")]
        (answer,) = [found async for found in stub.ServerReflectionInfo(iter(asked))]
        names = {service.name for service in answer.list_services_response.service}
        assert names >= {"optout.v1.RegistryService", "optout.v1.PolicyService", "grpc.health.v1.Health"}


async def test_health_when_the_service_or_the_party_is_unknown_then_it_says_so(pki):
    async with open_edge(pki) as edge:
        health = health_pb2_grpc.HealthStub(await edge.channel(INSTITUTE))
        error = await failure_of(health.Check(health_pb2.HealthCheckRequest(service="none.such")))
        assert error.code() is grpc.StatusCode.NOT_FOUND
        async with asyncio.timeout(30):
            while b'code="NOT_FOUND"' not in edge.telemetry.write():
                await asyncio.sleep(0.01)
        error = await failure_of(
            health_pb2_grpc.HealthStub(await edge.channel(GHOST)).Check(health_pb2.HealthCheckRequest())
        )
        assert error.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_method_when_no_service_has_it_then_it_is_unimplemented(pki):
    async with open_edge(pki) as edge:
        call = (await edge.channel(MOBILE)).unary_unary("/optout.v1.RegistryService/Erase")
        assert (await failure_of(call(b""))).code() is grpc.StatusCode.UNIMPLEMENTED


async def test_metrics_when_calls_end_then_they_are_counted_by_method_code_and_reason(pki):
    async with open_edge(pki) as edge:
        registry = await edge.registry(MOBILE)
        await registry.Submit(submit(edge, number=parse_number("13900139001")))
        await failure_of(registry.Submit(pb.SubmitRequest()))
        count = edge.telemetry.registry.get_sample_value
        method = "/optout.v1.RegistryService/Submit"
        labels = {"method": method, "code": "INVALID_ARGUMENT", "reason": "MISSING_FIELD"}
        # The caller has its answer before the server has counted the call.
        async with asyncio.timeout(30):
            while count("optout_calls_in_flight", {"method": method}) or count("optout_calls_total", labels) != 1:
                await asyncio.sleep(0.01)
        assert count("optout_calls_total", labels) == 1
        assert count("optout_calls_total", {"method": method, "code": "OK", "reason": ""}) == 1
        assert count("optout_call_seconds_count", {"method": method}) == 2
        assert count("optout_calls_in_flight", {"method": method}) == 0
        done = {"carrier": "mobile", "channel": "hotline", "disposition": "done", "reason": ""}
        assert count("optout_instructions_total", done) == 1
