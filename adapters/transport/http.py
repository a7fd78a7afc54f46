"""The carrier-facing HTTP server, for the channels that a carrier reaches over HTTP: its CRM, its account platform.

Whoever calls is a machine of the carrier's, or somebody in its stead. A body is read only up to its limit (413 beyond),
and a request has a time limit for arriving whole and for being answered, since a caller that sends slowly otherwise
holds a connection for nothing. There is no access log: URLs and bodies can be personal.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware

log = logging.getLogger(__name__)


def _drop_trace(record: logging.LogRecord) -> bool:
    record.exc_info = None
    return True


# aiohttp's own lines about a request name its sender alone, but the trace below them quotes what came in.
_aiohttp_log = logging.getLogger(f"{__name__}.aiohttp")
_aiohttp_log.addFilter(_drop_trace)

MAX_HEADER_BYTES: Final = 8_190
REQUEST_LIMIT_S: Final = 30.0
IDLE_LIMIT_S: Final = 75.0
LINGER_LIMIT_S: Final = 1.0
STOP_LIMIT_S: Final = 5.0

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class HttpFace:
    """A carrier-facing HTTP server: bounded bodies, time limits, no access log (URLs and bodies can be personal).

    Serves `routes` on `listen` (`host:port`, port 0 picks one). A handler gets its body by `request.read()`, which
    raises what becomes a 413 beyond `max_body_bytes`. A request that is not answered within `request_limit_s` seconds,
    counted from its head, is answered 408 and its connection closed, as is one that idles for `IDLE_LIMIT_S`.
    """

    def __init__(
        self,
        listen: str,
        routes: Iterable[web.RouteDef],
        *,
        max_body_bytes: int = 65_536,
        tls: ssl.SSLContext | None = None,
        request_limit_s: float = REQUEST_LIMIT_S,
    ) -> None:
        self._host, _, port = listen.rpartition(":")
        self._port = int(port)
        self._tls = tls
        app = web.Application(client_max_size=max_body_bytes, middlewares=[_guard_with(request_limit_s)])
        app.add_routes(routes)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=_aiohttp_log,
            keepalive_timeout=IDLE_LIMIT_S,
            lingering_time=LINGER_LIMIT_S,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            shutdown_timeout=STOP_LIMIT_S,
        )

    async def start(self) -> str:
        """Begin to serve; return the `host:port` really bound. Raises `OSError`."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host.strip("[]"), self._port, ssl_context=self._tls)
        await site.start()
        return f"{self._host}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Accept no more, give what is at hand `STOP_LIMIT_S` seconds, then close."""
        await self._runner.cleanup()


def _guard_with(limit_s: float) -> Middleware:
    @web.middleware
    async def guard(request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Answer late requests and our own faults in a word: aiohttp would log the request's line with them."""
        try:
            async with asyncio.timeout(limit_s):
                return await handler(request)
        except TimeoutError:
            return web.Response(status=408, headers={"Connection": "close"})
        except (web.HTTPException, asyncio.CancelledError, ConnectionError):
            raise
        except Exception as error:
            # Only the kind: a message may quote what came in.
            log.error("request failed", extra={"error": type(error).__name__})
            return web.Response(status=500)

    return guard
