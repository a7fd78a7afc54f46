import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509

from optout.kit.certificates import make_development_ca, renew_certificate
from optout.kit.tls import (
    CertificateWatcher,
    DenyList,
    Identity,
    Role,
    TlsError,
    TlsFiles,
    TlsReason,
    channel_credentials,
    channel_options,
    parse_identity,
    read_material,
    server_credentials,
)

GATEWAY = Identity(Role.GATEWAY, "main")
MOBILE = Identity(Role.CARRIER, "mobile")
TELECOM = Identity(Role.CARRIER, "telecom")
METHOD = "/test.Echo/Who"


@pytest.fixture
def certs(tmp_path: Path) -> dict[Identity, TlsFiles]:
    return make_development_ca(tmp_path / "certs", [GATEWAY, MOBILE, TELECOM], days=1)


class WhoHandler(grpc.GenericRpcHandler):
    """Answers with the caller's identity, and keeps its certificate."""

    def __init__(self) -> None:
        self.pems: list[bytes] = []

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[bytes, bytes]":
        async def who(_: bytes, context: "grpc.aio.ServicerContext[bytes, bytes]") -> bytes:
            auth = context.auth_context()
            self.pems += auth["x509_pem_cert"]
            sans = (name.decode() for name in auth["x509_subject_alternative_name"])
            return str(parse_identity(sans)).encode()

        return grpc.unary_unary_rpc_method_handler(who)


@pytest.fixture
async def server(certs: dict[Identity, TlsFiles]) -> AsyncIterator[tuple[str, WhoHandler]]:
    handler, running = WhoHandler(), grpc.aio.server()
    running.add_generic_rpc_handlers((handler,))
    port = running.add_secure_port("127.0.0.1:0", server_credentials(certs[GATEWAY]))
    await running.start()
    yield f"127.0.0.1:{port}", handler
    await running.stop(None)


async def ask(target: str, credentials: grpc.ChannelCredentials, peer: Identity = GATEWAY) -> str:
    # A subchannel of its own: connections are shared between channels of equal arguments otherwise.
    options = [*channel_options(peer), ("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.secure_channel(target, credentials, options=options) as channel:
        return (await call_who(channel)).decode()


async def call_who(channel: grpc.aio.Channel) -> bytes:
    call: Any = channel.unary_unary(METHOD)
    reply: bytes = await call(b"", timeout=5)
    return reply


async def test_call_over_mutual_tls_tells_the_server_who_calls(
    certs: dict[Identity, TlsFiles], server: tuple[str, WhoHandler]
) -> None:
    target, _ = server
    assert await ask(target, channel_credentials(certs[MOBILE])) == "carrier/mobile"
    assert await ask(target, channel_credentials(read_material(certs[TELECOM]))) == "carrier/telecom"


async def test_call_without_certificate_or_with_a_strangers_is_refused(
    tmp_path: Path, certs: dict[Identity, TlsFiles], server: tuple[str, WhoHandler]
) -> None:
    target, handler = server
    ca = certs[GATEWAY].ca.read_bytes()
    stranger = read_material(make_development_ca(tmp_path / "other", [MOBILE], days=1)[MOBILE])
    for credentials in (
        grpc.ssl_channel_credentials(ca),
        grpc.ssl_channel_credentials(ca, stranger.key, stranger.cert),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await ask(target, credentials)
        assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
    assert handler.pems == []


async def test_call_to_another_party_on_the_same_host_is_refused_by_the_client(
    certs: dict[Identity, TlsFiles], server: tuple[str, WhoHandler]
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await ask(server[0], channel_credentials(certs[MOBILE]), peer=TELECOM)
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_server_after_its_authority_was_replaced_serves_new_connections_and_keeps_the_old(
    tmp_path: Path, certs: dict[Identity, TlsFiles], server: tuple[str, WhoHandler]
) -> None:
    target, _ = server
    old = channel_credentials(certs[MOBILE])
    fresh = make_development_ca(tmp_path / "fresh", [GATEWAY, MOBILE], days=1)
    async with grpc.aio.secure_channel(target, old, options=channel_options(GATEWAY)) as kept:
        await call_who(kept)
        for source, goal in zip(astuple(fresh[GATEWAY]), astuple(certs[GATEWAY]), strict=True):
            source.replace(goal)
        (tmp_path / "fresh" / "ca.pem").write_bytes(certs[GATEWAY].ca.read_bytes())

        assert await ask(target, channel_credentials(fresh[MOBILE])) == "carrier/mobile"
        with pytest.raises(grpc.aio.AioRpcError):
            await ask(target, old)
        assert await call_who(kept) == b"carrier/mobile"


def astuple(files: TlsFiles) -> tuple[Path, Path, Path]:
    return files.cert, files.key, files.ca


def test_watcher_of_renewed_files_tells_once(tmp_path: Path, certs: dict[Identity, TlsFiles]) -> None:
    watcher = CertificateWatcher(certs[MOBILE])
    assert watcher.poll() is None

    renew_certificate(tmp_path / "certs", MOBILE, days=1)

    material = watcher.poll()
    assert material == read_material(certs[MOBILE]) == watcher.current
    assert watcher.poll() is None


def test_watcher_of_half_renewed_files_waits_for_the_other_half(
    tmp_path: Path, certs: dict[Identity, TlsFiles], caplog: pytest.LogCaptureFixture
) -> None:
    watcher = CertificateWatcher(certs[MOBILE])
    before = watcher.current
    fresh = make_development_ca(tmp_path / "other", [MOBILE], days=1)[MOBILE]

    fresh.key.replace(certs[MOBILE].key)
    with caplog.at_level(logging.WARNING):
        assert watcher.poll() is None
    assert watcher.current is before
    assert [vars(record)["reason"] for record in caplog.records] == ["KEY_MISMATCH"]

    fresh.cert.replace(certs[MOBILE].cert)
    assert watcher.poll() is not None


def test_watcher_of_touched_files_with_the_same_content_tells_nothing(certs: dict[Identity, TlsFiles]) -> None:
    watcher = CertificateWatcher(certs[MOBILE])
    os.utime(certs[MOBILE].cert, ns=(1, 1))
    assert watcher.poll() is None


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda files: files.cert.unlink(), TlsReason.UNREADABLE),
        (lambda files: files.key.unlink(), TlsReason.UNREADABLE),
        (lambda files: files.key.chmod(0o644), TlsReason.KEY_EXPOSED),
        (lambda files: files.key.write_text("no key"), TlsReason.NOT_PEM),
        (lambda files: files.ca.write_text("no certificate"), TlsReason.NOT_PEM),
    ],
    ids=range(5),
)
def test_server_credentials_from_unfit_files_are_refused(
    certs: dict[Identity, TlsFiles], spoil: Any, reason: TlsReason
) -> None:
    spoil(certs[GATEWAY])
    with pytest.raises(TlsError) as raised:
        server_credentials(certs[GATEWAY])
    assert raised.value.reason is reason


def serial_of(files: TlsFiles) -> str:
    return f"{x509.load_pem_x509_certificate(files.cert.read_bytes()).serial_number:x}"


async def test_deny_list_edited_while_serving_denies_the_certificate_of_the_next_call(
    tmp_path: Path, certs: dict[Identity, TlsFiles], server: tuple[str, WhoHandler]
) -> None:
    target, handler = server
    file = tmp_path / "denied"
    file.write_text("# nobody yet\n\n")
    deny_list = DenyList(file)
    await ask(target, channel_credentials(certs[MOBILE]))
    await ask(target, channel_credentials(certs[TELECOM]))
    mobile, telecom = handler.pems
    assert not deny_list.is_denied(mobile)

    serial = serial_of(certs[MOBILE]).zfill(40)
    pairs = ":".join(serial[index : index + 2] for index in range(0, 40, 2))
    file.write_text(f"{pairs.upper()}  # lost laptop\n")

    assert deny_list.is_denied(mobile)
    assert not deny_list.is_denied(telecom)


def test_deny_list_that_becomes_unreadable_stays_in_force(
    tmp_path: Path, certs: dict[Identity, TlsFiles], caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "denied"
    file.write_text(serial_of(certs[MOBILE]))
    deny_list, pem = DenyList(file), certs[MOBILE].cert.read_bytes()

    with caplog.at_level(logging.ERROR):
        file.write_text("not a serial number\n")
        assert deny_list.is_denied(pem)
        file.unlink()
        assert deny_list.is_denied(pem)
    assert [vars(record)["reason"] for record in caplog.records] == ["NOT_A_SERIAL", "UNREADABLE"]

    file.write_text("")
    assert not deny_list.is_denied(pem)


def test_deny_list_asked_about_no_certificate_denies(tmp_path: Path) -> None:
    file = tmp_path / "denied"
    file.write_text("")
    assert DenyList(file).is_denied(b"no certificate")


@pytest.mark.parametrize(("content", "reason"), [(None, TlsReason.UNREADABLE), ("xyz", TlsReason.NOT_A_SERIAL)])
def test_deny_list_from_an_unfit_file_is_refused(tmp_path: Path, content: str | None, reason: TlsReason) -> None:
    file = tmp_path / "denied"
    if content is not None:
        file.write_text(content)
    with pytest.raises(TlsError) as raised:
        DenyList(file)
    assert raised.value.reason is reason
