"""A witness over HTTP (C2SP tlog-witness v1.0.0): ``POST /add-checkpoint``. Requests are proven by their signatures."""

from __future__ import annotations

import logging

from aiohttp import web

from gateway.service.witness import Witness, WitnessUnableError
from gateway.tlog.witness import MAX_REQUEST_BYTES, SIZE_TYPE, Status

log = logging.getLogger(__name__)

_WITNESS = web.AppKey("witness", Witness)
_RETRY_AFTER_S = "5"


def make_witness_app(witness: Witness) -> web.Application:
    """The application with ``POST /add-checkpoint`` and ``GET /healthz``."""
    app = web.Application(client_max_size=MAX_REQUEST_BYTES)
    app[_WITNESS] = witness
    app.router.add_post("/add-checkpoint", _add_checkpoint)
    app.router.add_get("/healthz", _tell_health)
    return app


async def _add_checkpoint(request: web.Request) -> web.Response:
    """A cosignature line, or why there is none; 503 if the witness itself cannot."""
    try:
        answer = await request.app[_WITNESS].add_checkpoint(await request.read())
    except WitnessUnableError as error:
        log.error("nothing can be cosigned", extra={"reason": error.reason})
        raise web.HTTPServiceUnavailable(headers={"Retry-After": _RETRY_AFTER_S}) from None
    if answer.status is Status.CONFLICT:
        return web.Response(status=answer.status, body=answer.body.encode(), headers={"Content-Type": SIZE_TYPE})
    return web.Response(status=answer.status, text=answer.body)


async def _tell_health(request: web.Request) -> web.Response:
    """200 while the event loop turns."""
    return web.json_response({"alive": True})
