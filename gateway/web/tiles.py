"""The log over HTTP (C2SP tlog-tiles): the checkpoint, tiles and entry bundles. No URL holds personal data."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from aiohttp import web

from gateway.service.gate import Gate
from gateway.service.signer import LogSigner
from gateway.service.tree import LogTree
from gateway.telemetry import Telemetry
from gateway.tlog.tile import TileError, parse_path
from optout.kit.clock import Clock

_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
_NOT_AT_ALL = {"Cache-Control": "no-cache"}


@dataclass(frozen=True, slots=True)
class LogFace:
    """What the log shows of itself over HTTP."""

    signer: LogSigner
    tree: LogTree
    gate: Gate
    clock: Clock

    def sample(self, telemetry: Telemetry) -> None:
        """Set the gauges of publication, alarms and witnesses."""
        published = self.signer.published
        if published is not None:
            telemetry.published_size.set(published.checkpoint.size)
            telemetry.checkpoint_age.set(max(self.clock.now_ms() - published.time_ms, 0) / 1000)
        for alarm in self.gate.alarms:
            telemetry.log_alarms.labels(alarm).set(1)
        for witness, last in self.signer.cosigned.items():
            telemetry.witness_size.labels(witness).set(last.size)
            telemetry.witness_age.labels(witness).set(max(self.clock.now_ms() - last.time_ms, 0) / 1000)
        counts: Counter[tuple[str, str]] = Counter()
        for conflict, count in self.signer.conflicts.items():
            counts[conflict.witness, conflict.alarm] += count
        for (witness, alarm), count in counts.items():
            telemetry.witness_conflicts.labels(witness, alarm).set(count)


_FACE = web.AppKey("log_face", LogFace)


def add_log(app: web.Application, face: LogFace) -> None:
    """Serve ``GET /checkpoint``, ``/tile/<L>/<N>[.p/<W>]`` and ``/tile/entries/<N>[.p/<W>]``."""
    app[_FACE] = face
    app.router.add_get("/checkpoint", _show_checkpoint)
    app.router.add_get(r"/{path:tile/.+}", _show_tile)


async def _show_checkpoint(request: web.Request) -> web.Response:
    """The latest published checkpoint; 404 before the first."""
    published = request.app[_FACE].signer.published
    if published is None:
        raise web.HTTPNotFound(headers=_NOT_AT_ALL)
    return web.Response(text=published.note.encode(), content_type="text/plain", charset="utf-8", headers=_NOT_AT_ALL)


async def _show_tile(request: web.Request) -> web.Response:
    """A tile or bundle of the published tree; 404 for any other."""
    published = request.app[_FACE].signer.published
    try:
        # The path as it was sent: an escaped form of it is another URL, which caches would keep apart.
        tile = parse_path(request.rel_url.raw_path.removeprefix("/"))
        if published is None:
            raise TileError("OUTSIDE")
        data = await request.app[_FACE].tree.tile(tile, published.checkpoint.size)
    except TileError:
        raise web.HTTPNotFound(headers=_NOT_AT_ALL) from None
    return web.Response(body=data, content_type="application/octet-stream", headers=_FOR_EVER)
