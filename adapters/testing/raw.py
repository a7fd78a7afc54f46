"""Peers made of bytes: they send what they are told, read frames, keep no rules. For hostile and wrong clients."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.testing.harness import SP_ID, SP_SECRET
from adapters.wire.cmpp import Connect, ConnectResp, Pdu, Version, connect_authenticator, decode, encode

TIMESTAMP = 1124100000
_TIMEOUT_S = 30.0


class RawPeer:
    """One TCP connection of any protocol; a read takes five seconds at most, or raises `TimeoutError`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send_bytes(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(data)
        await self._writer.drain()

    async def read_frame(self, *, within_s: float | None = _TIMEOUT_S) -> bytes:
        """Read the next frame; raise `asyncio.IncompleteReadError` if the connection is closed."""
        async with asyncio.timeout(within_s):
            head = await self._reader.readexactly(4)
            return head + await self._reader.readexactly(int.from_bytes(head, "big") - 4)

    async def read_to_end(self) -> bytes:
        """Read until the other end closes."""
        async with asyncio.timeout(_TIMEOUT_S):
            return await self._reader.read()

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            return


class RawSp(RawPeer):
    """An SP of CMPP."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, version: Version = Version.V30
    ) -> None:
        super().__init__(reader, writer)
        self.version = version

    async def send(self, *pdus: Pdu) -> None:
        """Send PDUs in one segment."""
        await self.send_bytes(b"".join(encode(pdu, self.version) for pdu in pdus))

    async def read(self) -> Pdu:
        """Read the next PDU."""
        return decode(await self.read_frame(), self.version)

    async def login(
        self, sp_id: str = SP_ID, secret: str = SP_SECRET, *, sequence: int = 1, offered: int | None = None
    ) -> ConnectResp:
        """Log in and return the answer."""
        version = int(self.version) if offered is None else offered
        authenticator = connect_authenticator(sp_id, secret, TIMESTAMP)
        await self.send(Connect(sequence, sp_id, authenticator, version, TIMESTAMP))
        answer = await self.read()
        if not isinstance(answer, ConnectResp):
            raise TypeError("a login is answered with CONNECT_RESP")
        return answer


@asynccontextmanager
async def raw_sp(port: int, version: Version = Version.V30) -> AsyncIterator[RawSp]:
    """Dial a gateway on loopback, hang up at the end of the block."""
    sp = RawSp(*await asyncio.open_connection("127.0.0.1", port), version)
    try:
        yield sp
    finally:
        await sp.close()
