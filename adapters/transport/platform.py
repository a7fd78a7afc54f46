"""Client of a carrier's interception platform over HTTP. See `adapters.wire.platform` for what is said."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import aiohttp

from adapters.wire.platform import (
    MAX_BODY_BYTES,
    EventPage,
    PlatformError,
    Taken,
    Wanted,
    read_page,
    read_taken,
    read_wanted,
    write_events_request,
    write_lookup,
)

T = TypeVar("T")


class PlatformUnreachableError(Exception):
    """The platform did not answer, or said "later". What was asked may have happened; `reason` is a stable code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class PlatformRefusedError(Exception):
    """The platform will never do what was asked; `reason` is a stable code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class PlatformClient:
    """Asks one platform. Every method raises `PlatformUnreachableError`; `timeout_s` bounds each call."""

    def __init__(self, url: str, secret: str, *, timeout_s: float = 10.0) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def provision(self, body: bytes) -> Taken:
        """Have a state carried out; `body` as `write_wanted` made it. Raises `PlatformRefusedError`."""
        return _read(read_taken, await self._post("provision", body))

    async def read(self, number: str) -> Wanted | None:
        """Ask what the platform holds for a number; None if nothing."""
        try:
            return _read(read_wanted, await self._post("read", write_lookup(number)))
        except PlatformRefusedError as error:
            if error.reason == "HTTP_404":
                return None
            raise

    async def events(self, log: str, after: int, limit: int) -> EventPage:
        """Ask what happened after a place."""
        return _read(read_page, await self._post("events", write_events_request(log, after, limit)))

    async def close(self) -> None:
        """Let go of the connections."""
        if self._session is not None:
            await self._session.close()

    async def _post(self, path: str, body: bytes) -> bytes:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout, headers=self._headers)
        try:
            async with self._session.post(f"{self._url}/{path}", data=body, allow_redirects=False) as answer:
                content, status = await _read_bounded(answer), answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise PlatformUnreachableError(type(error).__name__) from None
        if status == 200:
            return content
        if status in (400, 404, 413):
            raise PlatformRefusedError(f"HTTP_{status}")
        # 401 as well: secrets are mended by people, and no order may be lost meanwhile.
        raise PlatformUnreachableError(f"HTTP_{status}")


async def _read_bounded(answer: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for chunk in answer.content.iter_any():
        content += chunk
        if len(content) > MAX_BODY_BYTES:
            raise PlatformUnreachableError("ANSWER_TOO_LARGE")
    return bytes(content)


def _read(read: Callable[[bytes], T], content: bytes) -> T:
    """An answer that cannot be read says nothing about what happened."""
    try:
        return read(content)
    except PlatformError as error:
        raise PlatformUnreachableError(f"ANSWER_{error.reason.upper()}") from None
