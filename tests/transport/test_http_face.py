"""The HTTP server that carriers' machines reach: bodies and waits are bounded, and nothing personal is logged."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from adapters.transport.http import HttpFace
from optout.kit.certificates import make_development_ca
from optout.kit.identity import Identity, Role

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def echo(request: web.Request) -> web.Response:
    return web.Response(body=await request.read())


@asynccontextmanager
async def serving(handler: Handler, **limits: object) -> AsyncIterator[str]:
    face = HttpFace("127.0.0.1:0", [web.post("/orders", handler)], **limits)  # type: ignore[arg-type]
    address = await face.start()
    try:
        yield address
    finally:
        await face.stop()


async def post(address: str, body: bytes, path: str = "/orders") -> tuple[int, bytes]:
    async with aiohttp.ClientSession() as session, session.post(f"http://{address}{path}", data=body) as answer:
        return answer.status, await answer.read()


async def test_body_when_as_long_as_allowed_then_reaches_the_handler() -> None:
    async with serving(echo, max_body_bytes=100) as address:
        assert await post(address, b"x" * 100) == (200, b"x" * 100)


async def test_body_when_longer_than_allowed_then_is_413() -> None:
    async with serving(echo, max_body_bytes=100) as address:
        status, answer = await post(address, b"x" * 101)
    assert status == 413
    assert b"x" * 10 not in answer


async def test_request_when_body_never_arrives_whole_then_is_408_and_the_connection_ends() -> None:
    async with serving(echo, request_limit_s=0.05) as address:
        host, _, port = address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345")
        async with asyncio.timeout(30):
            answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 408")


async def test_handler_when_it_fails_then_is_500_and_no_log_line_quotes_the_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(request: web.Request) -> web.Response:
        raise ValueError((await request.read()).decode())

    with caplog.at_level(logging.DEBUG):
        async with serving(fail) as address:
            assert (await post(address, b"personal"))[0] == 500
            assert (await post(address, b"personal", "/orders/personal"))[0] == 404
            assert (await post(address, b"personal", "/orders?who=personal"))[0] == 500
    assert [record.getMessage() for record in caplog.records if "request failed" in record.getMessage()] != []
    assert "personal" not in caplog.text


async def test_line_when_longer_than_allowed_then_is_refused_and_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        async with serving(echo) as address:
            status, _ = await post(address, b"", "/orders?" + "personal" * 2000)
    assert status == 400
    assert "personal" not in caplog.text


async def test_start_when_the_port_is_taken_then_raises_oserror() -> None:
    async with serving(echo) as address:
        second = HttpFace(address, [])
        with pytest.raises(OSError, match="address already in use"):
            await second.start()
        await second.stop()


async def test_face_when_given_a_certificate_then_serves_tls(tmp_path: Path) -> None:
    party = Identity(Role.CARRIER, "mobile")
    files = make_development_ca(tmp_path, [party], days=1)[party]
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files.cert, files.key)
    client = ssl.create_default_context(cafile=files.ca)
    async with (
        serving(echo, tls=server) as address,
        aiohttp.ClientSession() as session,
        session.post(f"https://{address}/orders", data=b"x", ssl=client) as answer,
    ):
        assert (answer.status, await answer.read()) == (200, b"x")
