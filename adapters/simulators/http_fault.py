"""What a fault does to one HTTP request, whichever simulator answers it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from aiohttp import web

from adapters.simulators.faults import FaultPlan

MAX_GARBAGE_BYTES = 4096


class HttpFault(Protocol):
    """What the faults of HTTP interfaces have in common."""

    @property
    def plan(self) -> FaultPlan:
        """When it strikes, and its two bits."""
        ...

    @property
    def http_status(self) -> int:
        """The status to answer with; 0 for the ordinary one."""
        ...

    @property
    def garbage(self) -> bytes:
        """The bytes to answer with; none for the ordinary ones."""
        ...


async def answer_struck(
    request: web.Request, fault: HttpFault, do: Callable[[], web.Response], refuse: Callable[[], web.Response]
) -> web.Response:
    """Answer a request that a fault strikes: `do` does what was asked, `refuse` does not."""
    answer = do() if fault.plan.applied else refuse()
    if fault.plan.delay_s:
        await asyncio.sleep(fault.plan.delay_s)
    if not fault.plan.heard:
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)
    if fault.garbage or fault.http_status:
        body = fault.garbage or (answer.body if isinstance(answer.body, bytes) else b"")
        return web.Response(body=body, status=fault.http_status or 200, content_type="application/json")
    return answer


def check_http_fault(fault: HttpFault) -> None:
    """Raise `ValueError` for an answer that cannot be given."""
    if fault.http_status and not 200 <= fault.http_status <= 599:
        raise ValueError("http_status lies between 200 and 599")
    if len(fault.garbage) > MAX_GARBAGE_BYTES:
        raise ValueError(f"garbage has at most {MAX_GARBAGE_BYTES} bytes")
