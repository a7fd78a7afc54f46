"""Asking others over HTTP: bounded in time and size, one connection pool, and no URL or body in any error or log."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import aiohttp
from yarl import URL

TIME_LIMIT_S: Final = 5.0
MAX_ANSWER_BYTES: Final = 64 * 1024


class HttpCallError(Exception):
    """No usable answer came: `timeout`, `unreachable`, `too_large`. Whether the other side did it is not known."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back."""

    status: int
    body: bytes = field(repr=False)


class HttpClient:
    """Made inside a running event loop; `close` ends it. Redirects are not followed: APIs do not move."""

    def __init__(self, *, time_limit_s: float = TIME_LIMIT_S, max_answer_bytes: int = MAX_ANSWER_BYTES) -> None:
        self._time_limit_s = time_limit_s
        self._max_answer_bytes = max_answer_bytes
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())

    async def call(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> HttpAnswer:
        """Ask once. Raises `HttpCallError`."""
        target = URL(url).with_query(query) if query else URL(url)
        try:
            async with (
                asyncio.timeout(self._time_limit_s),
                self._session.request(method, target, data=body, headers=headers, allow_redirects=False) as answer,
            ):
                content = await answer.content.read(self._max_answer_bytes + 1)
                while len(content) <= self._max_answer_bytes and (more := await answer.content.read(65_536)):
                    content += more
        except TimeoutError:
            raise HttpCallError("timeout") from None
        except (aiohttp.ClientError, OSError):
            raise HttpCallError("unreachable") from None
        if len(content) > self._max_answer_bytes:
            raise HttpCallError("too_large")
        return HttpAnswer(answer.status, content)

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()
