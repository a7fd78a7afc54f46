"""What every call passes through.

In this order: request id, load limit, identity, role, deadline; then the servicer; then errors, metrics and one line
in the log. One interceptor does it for all four kinds of calls, so that none of these can be forgotten for one of them.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, TypeVar

import grpc
from google.rpc.status_pb2 import Status

from gateway.api.call import REQUEST_ID, Call, choose_request_id, enter_call
from gateway.api.errors import STATUS_DETAILS, Failure, describe_error, write_status
from gateway.api.identity import Identifier
from gateway.api.methods import METHODS, MethodRule
from gateway.domain.errors import Reason, RefusedError
from gateway.service.access import Caller, require_role
from gateway.telemetry import Telemetry

log = logging.getLogger(__name__)

T = TypeVar("T")
Context = Any
"""A grpc.aio.ServicerContext; the generated stubs and the library's disagree on its parameters."""


@dataclass(frozen=True, slots=True)
class CallLimits:
    """Limits on calls. ``unary_s`` caps unary calls whatever deadline the caller sent.

    A message of a stream may wait ``slow_reader_s`` for its reader: then the stream ends as soon as it is read.
    """

    max_calls: int = 2048
    unary_s: float = 30.0
    slow_reader_s: float = 30.0


class _Method:
    """What is the same for every call of a method: its row and its metrics."""

    def __init__(self, name: str, telemetry: Telemetry) -> None:
        self.name = name
        self.rule = METHODS.get(name)
        self.in_flight = telemetry.in_flight.labels(name)
        self.seconds = telemetry.call_seconds.labels(name)
        self.calls = cache(partial(telemetry.calls.labels, name))
        """The counter of a code and a reason; there are few of them."""


@dataclass(slots=True)
class _Ending:
    """How a call ended, for metrics and log."""

    code: str = "OK"
    reason: str = ""


class Guard(grpc.aio.ServerInterceptor):
    """Admits calls, bounds them, and tells callers and operators how they ended."""

    def __init__(
        self, identifier: Identifier, telemetry: Telemetry, draining: asyncio.Event, limits: CallLimits = CallLimits()
    ) -> None:
        self._identifier = identifier
        self._telemetry = telemetry
        self._draining = draining
        self._limits = limits
        self._open_calls = 0
        self._handlers: dict[str, Any] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Wrap the handler, if the method has one; gRPC itself answers UNIMPLEMENTED otherwise."""
        method = handler_call_details.method
        wrapped = self._handlers.get(method)
        if wrapped is None:
            handler = await continuation(handler_call_details)
            if handler is None:
                return None
            # Handlers stay what they are while a server runs.
            wrapped = self._handlers[method] = self._wrap(handler, _Method(method, self._telemetry))
        return wrapped

    def _wrap(self, handler: Any, method: _Method) -> Any:
        behaviour = handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream

        async def answer(request: Any, context: Context) -> Any:
            return await self._run(method, context, lambda rule: self._answer_once(rule, behaviour, request, context))

        async def stream(request: Any, context: Context) -> None:
            await self._run(method, context, lambda rule: self._answer_many(rule, behaviour, request, context))

        make = {
            (False, False): grpc.unary_unary_rpc_method_handler,
            (False, True): grpc.unary_stream_rpc_method_handler,
            (True, False): grpc.stream_unary_rpc_method_handler,
            (True, True): grpc.stream_stream_rpc_method_handler,
        }[handler.request_streaming, handler.response_streaming]
        return make(
            stream if handler.response_streaming else answer,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    async def _run(self, method: _Method, context: Context, work: Callable[[MethodRule], Awaitable[T]]) -> T:
        request_id = choose_request_id(context.invocation_metadata() or ())
        context.set_trailing_metadata(((REQUEST_ID, request_id),))
        ending, start = _Ending(), time.monotonic()
        self._open_calls += 1
        method.in_flight.inc()
        caller: Caller | None = None
        try:
            rule, caller = self._admit(method, context)
            enter_call(Call(method.name, request_id, caller))
            return await work(rule)
        except grpc.aio.AbortError:
            ending.code = context.code().name
            raise
        except asyncio.CancelledError:
            ending.code = "CANCELLED"
            raise
        except Exception as error:
            failure = describe_error(error)
            ending.code, ending.reason = failure.rule.code.name, failure.reason.value
            if failure.reason is Reason.INTERNAL:
                log.exception("call failed", extra={"method": method.name, "request_id": request_id})
            await _abort(context, failure, method.name, request_id)
            raise
        finally:
            self._open_calls -= 1
            self._record(method, request_id, caller, ending, time.monotonic() - start)

    def _admit(self, method: _Method, context: Context) -> tuple[MethodRule, Caller]:
        if self._open_calls > self._limits.max_calls:
            raise RefusedError(Reason.OVERLOADED, "too many calls are open")
        caller = self._identifier.identify(context)
        if method.rule is None:
            raise RefusedError(Reason.NOT_OFFERED, "this gateway does not serve this method")
        require_role(caller, *method.rule.roles)
        return method.rule, caller

    async def _answer_once(self, rule: MethodRule, behaviour: Any, request: Any, context: Context) -> Any:
        if rule.late is None:
            return await behaviour(request, context)
        try:
            async with asyncio.timeout(self._limits.unary_s) as limit:
                return await behaviour(request, context)
        except TimeoutError:
            if not limit.expired():
                raise
            raise RefusedError(rule.late, "the call took too long") from None

    async def _answer_many(self, rule: MethodRule, behaviour: Any, request: Any, context: Context) -> None:
        if inspect.isasyncgenfunction(behaviour):
            async with aclosing(behaviour(request, context)) as messages:
                await self._write_all(until(self._draining, messages) if rule.endless else messages, context)
        elif rule.endless:
            await end_with(self._draining, behaviour(request, context))
        else:
            await behaviour(request, context)

    async def _write_all(self, messages: AsyncIterable[Any], context: Context) -> None:
        async for message in messages:
            await self._write(message, context)

    async def _write(self, message: Any, context: Context) -> None:
        """Write one message; RefusedError(OVERLOADED) if its reader took too long.

        gRPC takes no status and no cancellation while a message waits to be sent. So a reader that never reads costs
        one message and one open call until it cancels or its connection ends.
        """
        begin = time.monotonic()
        await context.write(message)
        if time.monotonic() - begin > self._limits.slow_reader_s:
            raise RefusedError(Reason.OVERLOADED, "the caller reads too slowly")

    def _record(
        self, method: _Method, request_id: str, caller: Caller | None, ending: _Ending, duration_s: float
    ) -> None:
        method.in_flight.dec()
        method.calls(ending.code, ending.reason).inc()
        method.seconds.observe(duration_s)
        log.info(
            "call",
            extra={
                "method": method.name,
                "code": ending.code,
                "reason": ending.reason,
                "caller": "" if caller is None else str(caller),
                "request_id": request_id,
                "duration_ms": round(duration_s * 1000),
            },
        )


async def end_with(draining: asyncio.Event, work: Awaitable[T]) -> T:
    """Await ``work`` until the gateway drains: RefusedError(DRAINING)."""
    working = asyncio.ensure_future(work)
    drained = asyncio.ensure_future(draining.wait())
    try:
        await asyncio.wait({working, drained}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise RefusedError(Reason.DRAINING, "the gateway is draining: come again")
    finally:
        drained.cancel()
        working.cancel()
        await asyncio.gather(working, drained, return_exceptions=True)


async def until(draining: asyncio.Event, messages: AsyncIterator[T]) -> AsyncIterator[T]:
    """The messages until the gateway drains: RefusedError(DRAINING). A message being written is not disturbed."""
    while not draining.is_set():
        try:
            yield await end_with(draining, anext(messages))
        except StopAsyncIteration:
            return
    raise RefusedError(Reason.DRAINING, "the gateway is draining: come again")


async def _abort(context: Context, failure: Failure, method: str, request_id: str) -> None:
    metadata = {"request_id": request_id}
    if failure.reason is Reason.NOT_OFFERED:
        metadata["method"] = method.rpartition("/")[2]
    status: Status = write_status(failure, metadata)
    trailing = ((REQUEST_ID, request_id), (STATUS_DETAILS, status.SerializeToString()))
    await context.abort(failure.rule.code, failure.message, trailing)
