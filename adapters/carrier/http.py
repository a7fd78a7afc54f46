"""HTTP as adapters serve it: health and metrics (`/healthz`, `/readyz`, `/metrics`), and TLS for callers we know."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from optout.kit.tls import TlsFiles, read_material

Checks = Callable[[], Mapping[str, bool]]


class HealthServer:
    """Serves on `host:port` (port 0 picks one); `checks` says of each thing by name whether it works."""

    def __init__(self, listen: str, registry: CollectorRegistry, checks: Checks) -> None:
        self._host, _, port = listen.rpartition(":")
        self._port = int(port)
        self._registry = registry
        self._checks = checks
        app = web.Application()
        app.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._metrics),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None)

    async def start(self) -> str:
        """Begin to serve; return the address. Raises `OSError`."""
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host.strip("[]"), self._port).start()
        return f"{self._host}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Stop serving."""
        await self._runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _readyz(self, _: web.Request) -> web.Response:
        checks = self._checks()
        is_ready = all(checks.values())
        body = {"status": "ok" if is_ready else "not_ready", "checks": dict(checks)}
        return web.json_response(body, status=200 if is_ready else 503)

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


def require_certificates(files: TlsFiles) -> ssl.SSLContext:
    """Make the context of a server that lets in only callers with a certificate of `files.ca`. Raises `TlsError`."""
    read_material(files)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.cert, files.key)
    context.load_verify_locations(files.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    return context
