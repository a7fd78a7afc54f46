"""A witness over HTTP, as the log asks it."""

from __future__ import annotations

import aiohttp

from gateway.service.cosigning import WitnessReply, WitnessUnreachableError

MAX_REPLY_BYTES = 64 * 1024


class HttpWitness:
    """Sends ``POST <url>/add-checkpoint`` over one connection that is kept. ``timeout_s`` bounds a whole call."""

    def __init__(self, url: str, *, timeout_s: float = 10.0) -> None:
        self._url = f"{url.rstrip('/')}/add-checkpoint"
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def add_checkpoint(self, body: bytes) -> WitnessReply:
        """Send a request. Raises WitnessUnreachableError."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout)
        try:
            async with self._session.post(self._url, data=body, allow_redirects=False) as response:
                return WitnessReply(response.status, await _read(response))
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise WitnessUnreachableError(type(error).__name__) from None

    async def close(self) -> None:
        """Let the connection go."""
        if self._session is not None:
            await self._session.close()


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(8192):
        body += chunk
        if len(body) > MAX_REPLY_BYTES:
            raise WitnessUnreachableError("an endless answer")
    return bytes(body)
