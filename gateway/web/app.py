"""The HTTP edge: whether the process lives, whether it is ready, and its metrics. No URL holds personal data."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from gateway.telemetry import Telemetry
from gateway.web.readiness import Readiness
from gateway.web.tiles import LogFace, add_log

_READINESS = web.AppKey("readiness", Readiness)
_TELEMETRY = web.AppKey("telemetry", Telemetry)
_SAMPLERS = web.AppKey("samplers", list[Callable[[Telemetry], None]])

MAX_BODY_BYTES = 64 * 1024


def make_app(readiness: Readiness, telemetry: Telemetry, log: LogFace | None = None) -> web.Application:
    """The application with ``GET /healthz``, ``/readyz`` and ``/metrics``; and the log, if it has one to show."""
    app = web.Application(client_max_size=MAX_BODY_BYTES)
    app[_READINESS] = readiness
    app[_TELEMETRY] = telemetry
    app[_SAMPLERS] = []
    app.router.add_get("/healthz", _tell_health)
    app.router.add_get("/readyz", _tell_readiness)
    app.router.add_get("/metrics", _write_metrics)
    if log is not None:
        app[_SAMPLERS].append(log.sample)
        add_log(app, log)
    return app


async def _tell_health(request: web.Request) -> web.Response:
    """200 while the event loop turns."""
    return web.json_response({"alive": True})


async def _tell_readiness(request: web.Request) -> web.Response:
    """200 if calls may come, else 503; the body tells what is amiss."""
    report = await request.app[_READINESS].check()
    return web.json_response(report.as_dict(), status=200 if report.ready else 503)


async def _write_metrics(request: web.Request) -> web.Response:
    """All series, with the gauges as they stand now."""
    telemetry = request.app[_TELEMETRY]
    await request.app[_READINESS].sample(telemetry)
    for sample in request.app[_SAMPLERS]:
        sample(telemetry)
    return web.Response(body=telemetry.write(), headers={"Content-Type": CONTENT_TYPE_LATEST})
