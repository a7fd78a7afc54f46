"""The client of the gateway: what it repeats, for how long, and with which certificate."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from adapters.carrier.gateway_client import GatewayClient
from adapters.carrier.rpc import Advice, GatewayError, read_failure
from adapters.carrier.settings import GatewayConfig
from optout.kit.certificates import make_development_ca, renew_certificate
from optout.kit.clock import SystemClock
from optout.kit.identity import Identity, Role
from optout.kit.number import parse_subscriber
from optout.kit.tls import server_credentials
from optout.v1 import registry_pb2, registry_pb2_grpc, types_pb2
from tests.carrier.fake_gateway import FakeGateway

CARRIER_PARTY = Identity(Role.CARRIER, "mobile")
GATEWAY = Identity(Role.GATEWAY, "gateway")
OTHER = Identity(Role.GATEWAY, "impostor")
INSTRUCTION = types_pb2.Instruction(instruction_id="b4c5530000010000")


def make_client(port: int, **changes: float) -> GatewayClient:
    times = {"submit_timeout_s": 30.0, "attempt_timeout_s": 30.0, "retry_first_s": 0.02, "retry_most_s": 0.1}
    config = GatewayConfig(f"127.0.0.1:{port}", **{**times, **changes})  # type: ignore[arg-type]
    return GatewayClient(config, "mobile", None, SystemClock())


@pytest.fixture
async def client(gateway: FakeGateway) -> AsyncIterator[GatewayClient]:
    made = make_client(gateway.port)
    yield made
    await made.close()


async def test_submit_when_the_gateway_hangs_then_repeated_and_given_up_in_time(gateway: FakeGateway) -> None:
    client = make_client(gateway.port, submit_timeout_s=2.0, attempt_timeout_s=0.2)
    gateway.gate.clear()
    started = time.monotonic()
    with pytest.raises(GatewayError) as caught:
        await client.submit(INSTRUCTION)
    assert (caught.value.reason, caught.value.advice) == ("DEADLINE_EXCEEDED", Advice.LATER)
    assert len(gateway.calls) > 1
    assert time.monotonic() - started < 20
    await client.close()


async def test_submit_when_refused_for_good_then_not_repeated(gateway: FakeGateway, client: GatewayClient) -> None:
    gateway.refusals = ["NOT_SERVED"]
    with pytest.raises(GatewayError) as caught:
        await client.submit(INSTRUCTION)
    assert (caught.value.reason, caught.value.advice) == ("NOT_SERVED", Advice.NEVER)
    assert len(gateway.calls) == 1


async def test_submit_when_nobody_listens_then_later() -> None:
    client = make_client(1, submit_timeout_s=0.2, attempt_timeout_s=0.1)
    with pytest.raises(GatewayError) as caught:
        await client.submit(INSTRUCTION)
    assert caught.value.advice is Advice.LATER
    await client.close()


def make_error(
    code: grpc.StatusCode, reason: str = "", retry: str = "never", domain: str = "optout.v1"
) -> grpc.aio.AioRpcError:
    details = []
    if reason:
        packed = AnyMessage()
        packed.Pack(ErrorInfo(reason=reason, domain=domain, metadata={"retry": retry}))
        details.append(packed)
    status = Status(code=code.value[0], message="m", details=details)
    trailing = (
        grpc.aio.Metadata(("grpc-status-details-bin", status.SerializeToString())) if reason else grpc.aio.Metadata()
    )
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailing, "m")


CODE = grpc.StatusCode


@pytest.mark.parametrize(
    ("error", "reason", "advice"),
    [
        (make_error(CODE.UNAVAILABLE), "UNAVAILABLE", Advice.LATER),
        (make_error(CODE.UNKNOWN), "UNKNOWN", Advice.LATER),
        (make_error(CODE.RESOURCE_EXHAUSTED, "OVERLOADED", "later"), "OVERLOADED", Advice.LATER),
        (make_error(CODE.INTERNAL, "INTERNAL", "later"), "INTERNAL", Advice.LATER),
        (make_error(CODE.INVALID_ARGUMENT), "INVALID_ARGUMENT", Advice.NEVER),
        (make_error(CODE.ALREADY_EXISTS, "ID_REUSED"), "ID_REUSED", Advice.NEVER),
        (make_error(CODE.PERMISSION_DENIED, "NOT_SERVED", "after_change"), "NOT_SERVED", Advice.NEVER),
        (make_error(CODE.PERMISSION_DENIED, "WRONG_CARRIER"), "WRONG_CARRIER", Advice.OPERATOR),
        (make_error(CODE.UNAUTHENTICATED), "UNAUTHENTICATED", Advice.OPERATOR),
        (make_error(CODE.UNIMPLEMENTED), "UNIMPLEMENTED", Advice.OPERATOR),
        (make_error(CODE.PERMISSION_DENIED, "NOT_SERVED", domain="elsewhere"), "PERMISSION_DENIED", Advice.OPERATOR),
    ],
)
def test_failure_when_read_then_says_whose_it_is(error: grpc.aio.AioRpcError, reason: str, advice: Advice) -> None:
    read = read_failure(error)
    assert (read.reason, read.advice) == (reason, advice)


class Witness(FakeGateway):
    """A gateway that notes the serial number of its callers' certificates."""

    def __init__(self) -> None:
        super().__init__()
        self.serials: list[int] = []

    async def Submit(  # noqa: N802
        self,
        request: registry_pb2.SubmitRequest,
        context: grpc.aio.ServicerContext,  # type: ignore[type-arg]
    ) -> registry_pb2.SubmitResponse:
        [pem] = context.auth_context()["x509_pem_cert"]
        self.serials.append(x509.load_pem_x509_certificate(pem).serial_number)
        return await super().Submit(request, context)


async def serve(gateway: FakeGateway, credentials: grpc.ServerCredentials) -> tuple[grpc.aio.Server, int]:
    server = grpc.aio.server()
    registry_pb2_grpc.add_RegistryServiceServicer_to_server(gateway, server)
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    return server, port


async def test_submit_when_the_certificate_was_renewed_then_presented_from_then_on(tmp_path: Path) -> None:
    files = make_development_ca(tmp_path, [CARRIER_PARTY, GATEWAY])
    witness = Witness()
    server, port = await serve(witness, server_credentials(files[GATEWAY]))
    config = GatewayConfig(f"127.0.0.1:{port}", submit_timeout_s=5, attempt_timeout_s=5)
    client = GatewayClient(config, "mobile", files[CARRIER_PARTY], SystemClock())
    await client.submit(INSTRUCTION)
    await client.submit(INSTRUCTION)
    renew_certificate(tmp_path, CARRIER_PARTY)
    await client.submit(INSTRUCTION)
    first, second, third = witness.serials
    assert first == second != third
    assert witness.metadata[0].get("x-optout-party") is None
    await client.close()
    await server.stop(None)


async def test_submit_when_the_server_is_another_party_then_it_gets_nothing(tmp_path: Path) -> None:
    files = make_development_ca(tmp_path, [CARRIER_PARTY, GATEWAY, OTHER])
    impostor = FakeGateway()
    server, port = await serve(impostor, server_credentials(files[OTHER]))
    config = GatewayConfig(f"127.0.0.1:{port}", submit_timeout_s=0.5, attempt_timeout_s=0.5)
    client = GatewayClient(config, "mobile", files[CARRIER_PARTY], SystemClock())
    with pytest.raises(GatewayError):
        await client.submit(INSTRUCTION)
    assert impostor.calls == []
    await client.close()
    await server.stop(None)


async def test_subscription_when_asked_for_then_found_absent_or_a_reasoned_error(
    gateway: FakeGateway, client: GatewayClient
) -> None:
    number = parse_subscriber("13800138000")
    assert await client.find_subscription(number) is None
    gateway.subscriptions[number] = types_pb2.Subscription(state=types_pb2.ENROLMENT_STATE_OPEN)
    found = await client.find_subscription(number)
    assert found is not None
    assert found.state == types_pb2.ENROLMENT_STATE_OPEN
    gateway.refusals = ["NOT_SERVED"]
    with pytest.raises(GatewayError) as caught:
        await client.find_subscription(number)
    assert (caught.value.reason, caught.value.advice) == ("NOT_SERVED", Advice.NEVER)
