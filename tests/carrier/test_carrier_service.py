"""CarrierService over real gRPC: who may call it, what it answers, how it refuses, and how the adapter starts."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from adapters.carrier.settings import AdapterConfig, HttpConfig, PlatformConfig, TlsConfig
from adapters.journal.errors import JournalKeyError, JournalLockedError
from optout.kit.certificates import files_of, make_development_ca
from optout.kit.config import ConfigError, load
from optout.kit.identity import Identity, Role
from optout.kit.tls import channel_credentials, channel_options
from optout.v1 import carrier_pb2, carrier_pb2_grpc, types_pb2
from tests.carrier.running import Running, make_config, running_adapter, write_secret

CARRIER_PARTY = Identity(Role.CARRIER, "mobile")
GATEWAY = Identity(Role.GATEWAY, "gateway")
INSTITUTE = Identity(Role.INSTITUTE, "institute")
NUMBER = "+8613800138000"
UNCHANGED = dict.fromkeys(("undone", "already", "refused", "effective_by"), "") | {"effect": "applied"}
AS_GATEWAY = (("x-optout-party", "gateway/gateway"),)


@pytest.fixture
async def adapter(tmp_path: Path) -> AsyncIterator[Running]:
    async with running_adapter(make_config(tmp_path)) as running:
        yield running


@pytest.fixture
async def channel(adapter: Running) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(adapter.addresses.grpc) as opened:
        yield opened


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> Any:
    return carrier_pb2_grpc.CarrierServiceStub(channel)


async def refused(call: Any) -> tuple[grpc.StatusCode, str, dict[str, str]]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    status = rpc_status.from_call(caught.value)
    info = ErrorInfo()
    assert status is not None
    assert status.details[0].Unpack(info)
    assert info.domain == "optout.v1"
    return caught.value.code(), info.reason, dict(info.metadata)


def make_notice(**fields: Any) -> carrier_pb2.NotifyRequest:
    return carrier_pb2.NotifyRequest(**{"notice_id": "n-1", "number": NUMBER, "template": "cancelled", **fields})


def make_order(order_id: str, version: int, epoch: int = 1, **fields: Any) -> carrier_pb2.ApplyRequest:
    preferences = types_pb2.Preferences(
        refused_categories=["loan"],
        reject_list=["+8613900139000"],
        refused_segments=[{"kind": types_pb2.SEGMENT_KIND_400}],
        treatment=types_pb2.TREATMENT_REJECT,
        quiet_hours=[{"days": types_pb2.DAY_TYPE_EVERY_DAY, "start_minute": 1, "end_minute": 2}],
    )
    subscription = types_pb2.Subscription(
        number=NUMBER, epoch=epoch, medium=types_pb2.MEDIUM_VOICE, version=version, preferences=preferences
    )
    return carrier_pb2.ApplyRequest(order_id=order_id, subscription=subscription, **fields)


async def test_capabilities_when_asked_then_those_of_the_data(stub: Any) -> None:
    answer = await stub.GetCapabilities(carrier_pb2.GetCapabilitiesRequest(), metadata=AS_GATEWAY)
    assert (answer.carrier, answer.version, answer.enforcement) == ("mobile", "4", carrier_pb2.ENFORCEMENT_GATEWAY)
    assert "help" not in answer.templates


async def test_capabilities_when_a_platform_is_configured_then_it_enforces(tmp_path: Path) -> None:
    secret = write_secret(tmp_path / "platform.secret", "s")
    config = replace(make_config(tmp_path), platform=PlatformConfig("http://127.0.0.1:1", secret))
    async with running_adapter(config) as running, grpc.aio.insecure_channel(running.addresses.grpc) as channel:
        stub = carrier_pb2_grpc.CarrierServiceStub(channel)
        answer = await stub.GetCapabilities(carrier_pb2.GetCapabilitiesRequest(), metadata=AS_GATEWAY)
        assert answer.enforcement == carrier_pb2.ENFORCEMENT_PLATFORM


async def test_apply_when_the_gateway_enforces_then_each_item_is_applied_and_older_versions_change_nothing(
    stub: Any,
) -> None:
    first = await stub.Apply(make_order("o-1", 5), metadata=AS_GATEWAY)
    assert not first.replayed
    assert {types_pb2.ItemKind.Name(effect.item.kind)[10:] for effect in first.effects} == {
        "SERVICE", "CATEGORY", "REJECT_NUMBER", "SEGMENT", "TREATMENT", "QUIET_HOURS"
    }  # fmt: skip
    assert {effect.state for effect in first.effects} == {types_pb2.EFFECT_STATE_APPLIED}
    again = await stub.Apply(make_order("o-1", 5), metadata=AS_GATEWAY)
    assert again.replayed
    assert [effect.item for effect in again.effects] == [effect.item for effect in first.effects]
    assert not (await stub.Apply(make_order("o-2", 4), metadata=AS_GATEWAY)).effects
    off = await stub.Apply(make_order("o-3", 6, switch_off=True), metadata=AS_GATEWAY)
    assert [effect.item.kind for effect in off.effects] == [types_pb2.ITEM_KIND_SERVICE]


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"template": "no_such"}, "UNKNOWN_TEMPLATE", "template"),
        ({"template": "help"}, "UNKNOWN_TEMPLATE", "template"),
        ({"template": "confirm_open"}, "UNKNOWN_TEMPLATE", "parameters.confirm_by"),
        (
            {"template": "confirm_open", "parameters": {"confirm_by": "soon"}},
            "UNKNOWN_TEMPLATE",
            "parameters.confirm_by",
        ),
        ({"number": "138-ABC"}, "INVALID_NUMBER", "number"),
        ({"number": "10086"}, "NOT_A_SUBSCRIBER", "number"),
        ({"notice_id": ""}, "MISSING_FIELD", "notice_id"),
        ({"notice_id": "n" * 101}, "INVALID_FIELD", "notice_id"),
        ({"notice_id": "通知"}, "INVALID_FIELD", "notice_id"),
        ({"template": "changed", "parameters": {**UNCHANGED, "done": "好" * 20_000}}, "INVALID_FIELD", "parameters"),
    ],
)
async def test_notify_when_it_makes_no_sense_then_refused_with_reason_and_field(
    stub: Any, fields: dict[str, Any], reason: str, field: str
) -> None:
    code, found, metadata = await refused(stub.Notify(make_notice(**fields), metadata=AS_GATEWAY))
    assert (code, found, metadata["field"]) == (grpc.StatusCode.INVALID_ARGUMENT, reason, field)
    assert (metadata["retry"], metadata["fault"]) == ("never", "caller")
    assert metadata["request_id"]


@pytest.mark.parametrize(
    ("metadata", "code", "reason"),
    [
        ((), grpc.StatusCode.UNAUTHENTICATED, "UNKNOWN_PARTY"),
        ((("x-optout-party", "nobody"),), grpc.StatusCode.UNAUTHENTICATED, "UNKNOWN_PARTY"),
        ((("x-optout-party", "institute/institute"),), grpc.StatusCode.PERMISSION_DENIED, "ROLE_NOT_ALLOWED"),
        ((("x-optout-party", "carrier/mobile"),), grpc.StatusCode.PERMISSION_DENIED, "ROLE_NOT_ALLOWED"),
    ],
)
async def test_call_when_not_the_gateways_then_refused(
    stub: Any, metadata: Any, code: grpc.StatusCode, reason: str
) -> None:
    found_code, found, _ = await refused(stub.Notify(make_notice(), metadata=metadata))
    assert (found_code, found) == (code, reason)


async def test_health_when_asked_then_serving_but_not_ready_without_a_link(
    adapter: Running, channel: grpc.aio.Channel
) -> None:
    request = health_pb2.HealthCheckRequest(service="optout.v1.CarrierService")
    answer = await health_pb2_grpc.HealthStub(channel).Check(request)  # type: ignore[no-untyped-call]
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    assert (await adapter.get("/healthz"))[0] == 200
    status, body = await adapter.get("/readyz")
    assert (status, json.loads(body)["checks"]) == (503, {"sms_link": False})
    assert "optout_adapter_backlog" in (await adapter.get("/metrics"))[1]


async def test_adapter_when_restarted_then_it_knows_its_notices(tmp_path: Path) -> None:
    config = replace(make_config(tmp_path), http=HttpConfig(listen=""))
    for replayed in (False, True):
        async with (
            running_adapter(config) as running,
            grpc.aio.insecure_channel(running.addresses.grpc) as channel,
        ):
            assert running.addresses.http == ""
            stub: Any = carrier_pb2_grpc.CarrierServiceStub(channel)
            answer = await stub.Notify(make_notice(), metadata=AS_GATEWAY)
            assert answer.replayed is replayed


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    folder = tmp_path / "certs"
    make_development_ca(folder, [CARRIER_PARTY, GATEWAY, INSTITUTE])
    return folder


def tls_of(folder: Path, party: Identity) -> TlsConfig:
    files = files_of(folder, party)
    return TlsConfig(files.cert, files.key, files.ca)


async def test_service_when_it_has_certificates_then_only_the_gateways_is_let_in(
    tmp_path: Path, certificates: Path
) -> None:
    config = make_config(tmp_path, tls=tls_of(certificates, CARRIER_PARTY))
    async with running_adapter(config) as running:
        for party, reason in ((GATEWAY, ""), (INSTITUTE, "ROLE_NOT_ALLOWED"), (CARRIER_PARTY, "ROLE_NOT_ALLOWED")):
            credentials = channel_credentials(files_of(certificates, party))
            async with grpc.aio.secure_channel(
                running.addresses.grpc, credentials, channel_options(CARRIER_PARTY)
            ) as channel:
                stub: Any = carrier_pb2_grpc.CarrierServiceStub(channel)
                call = stub.GetCapabilities(carrier_pb2.GetCapabilitiesRequest(), metadata=AS_GATEWAY)
                if reason:
                    assert (await refused(call))[1] == reason
                else:
                    assert (await call).carrier == "mobile"
        async with grpc.aio.insecure_channel(running.addresses.grpc) as channel:
            plain: Any = carrier_pb2_grpc.CarrierServiceStub(channel)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await plain.GetCapabilities(carrier_pb2.GetCapabilitiesRequest(), timeout=2)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[grpc]\nlisten = '0.0.0.0:0'\ninsecure_dev = true\n", "grpc.listen"),
        ("[grpc]\nlisten = 'nowhere'\ninsecure_dev = true\n", "grpc.listen"),
        ("[grpc]\nlisten = '127.0.0.1:0'\n", "tls.cert"),
        ("[grpc]\ninsecure_dev = true\nlisten = '127.0.0.1:0'\n[http]\nlisten = 'x'\n", "http.listen"),
    ],
)
async def test_start_when_the_configuration_cannot_be_kept_then_refused_with_its_key(
    tmp_path: Path, text: str, named: str
) -> None:
    read = load(AdapterConfig, file=write_secret(tmp_path / "adapter.toml", text))
    config = replace(make_config(tmp_path), grpc=read.grpc, http=read.http, tls=read.tls)
    with pytest.raises(ConfigError) as caught:
        async with running_adapter(config):
            pass
    assert caught.value.key == named


async def test_start_when_it_has_no_link_or_no_secret_then_refused(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    [link] = config.links
    for links in ((), (replace(link, secret=tmp_path / "missing"),)):
        with pytest.raises(ConfigError):
            async with running_adapter(replace(config, links=links)):
                pass


async def test_start_when_the_journal_is_taken_or_its_key_is_wrong_then_refused(
    tmp_path: Path, adapter: Running
) -> None:
    with pytest.raises(JournalLockedError):
        async with running_adapter(make_config(tmp_path)):
            pass
    write_secret(tmp_path / "journal.key", "not a key")
    with pytest.raises(JournalKeyError):
        async with running_adapter(make_config(tmp_path)):
            pass


def test_configuration_when_read_from_toml_then_links_and_all(tmp_path: Path) -> None:
    file = write_secret(
        tmp_path / "adapter.toml",
        """
        [gateway]
        address = "gateway:50051"
        [[links]]
        name = "beijing"
        host = "smsc"
        port = 7890
        account = "901234"
        secret = "/run/secrets/cmpp"
        version = "2.0"
        server_auth_check = "enforce"
        """,
    )
    config = load(AdapterConfig, file=file, env={"OPTOUT_GATEWAY_SUBMIT_TIMEOUT_S": "12.5"})
    assert config.gateway.submit_timeout_s == 12.5
    assert [(link.name, link.version.value, link.window) for link in config.links] == [("beijing", "2.0", 16)]
    file.write_text(file.read_text().replace("account", "acount"))
    with pytest.raises(ConfigError, match="account"):
        load(AdapterConfig, file=file)
