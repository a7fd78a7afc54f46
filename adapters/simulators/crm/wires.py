"""One request over HTTP, whole or broken: cut in the middle, cut before the reply, or slow."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp

from adapters.simulators.faults import FaultPlan

_PIECES = 10


class CutError(Exception):
    """A connection that was cut on purpose: `request_cut` or `reply_cut`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Post:
    """What is sent where."""

    url: str
    content_type: str
    body: bytes = field(repr=False)
    tls: ssl.SSLContext | None = None


async def send(session: aiohttp.ClientSession, post: Post, plan: FaultPlan) -> tuple[int, str, bytes]:
    """Send a request; return status, Content-Type and body of the reply.

    Raises `CutError` where the plan says so, `aiohttp.ClientError`, `OSError` and `TimeoutError` where it did not.
    """
    if not plan.applied:
        await _cut(post, post.body[: len(post.body) // 2], plan.delay_s)
        raise CutError("request_cut")
    if not plan.heard:
        await _cut(post, post.body, plan.delay_s)
        raise CutError("reply_cut")
    headers = {"Content-Type": post.content_type, "Content-Length": str(len(post.body))}
    body = _trickle(post.body, plan.delay_s) if plan.delay_s else post.body
    async with session.post(post.url, data=body, headers=headers) as answer:
        return answer.status, answer.headers.get("Content-Type", ""), await answer.read()


async def _cut(post: Post, body: bytes, delay_s: float) -> None:
    """Announce the whole body, send what `body` has of it, and hang up without listening."""
    url = urlsplit(post.url)
    _, writer = await asyncio.open_connection(url.hostname, url.port, ssl=post.tls)
    head = (
        f"POST {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\n"
        f"Content-Type: {post.content_type}\r\nContent-Length: {len(post.body)}\r\n\r\n"
    )
    writer.write(head.encode())
    async for piece in _trickle(body, delay_s):
        writer.write(piece)
        await writer.drain()
    writer.close()
    await writer.wait_closed()


async def _trickle(body: bytes, delay_s: float) -> AsyncIterator[bytes]:
    """Yield the body in pieces, over `delay_s`."""
    size = max(1, len(body) // _PIECES)
    for start in range(0, len(body), size):
        if delay_s:
            await asyncio.sleep(delay_s / _PIECES)
        yield body[start : start + size]
