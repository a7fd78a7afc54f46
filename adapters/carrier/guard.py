"""Who may call `CarrierService`, and how a refusal is told: one interceptor around every method."""

from __future__ import annotations

import asyncio
import logging
import re
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from adapters.carrier.metrics import Metrics
from adapters.carrier.rpc import PARTY_METADATA, STATUS_DETAILS, CallRefusedError, write_status
from adapters.journal.errors import JournalClosedError, JournalError, JournalOverloadedError
from optout.kit.identity import Identity, IdentityError, Role, parse_identity
from optout.kit.redact import find_numbers
from optout.kit.tls import DenyList

log = logging.getLogger(__name__)

REQUEST_ID = "x-request-id"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_SERVED_BY_US = "/optout.v1.CarrierService/"
_JOURNAL_REASONS: dict[type[JournalError], str] = {
    JournalOverloadedError: "OVERLOADED",
    JournalClosedError: "DRAINING",
}

Context = Any
"""A grpc.aio.ServicerContext; the generated stubs and the library's disagree on its parameters."""


class Guard(grpc.aio.ServerInterceptor):
    """Lets the gateway in and nobody else. Health checks are open to whoever has a certificate of the federation."""

    def __init__(self, metrics: Metrics, *, insecure_dev: bool, deny_list: DenyList | None = None) -> None:
        self._metrics = metrics
        self._insecure_dev = insecure_dev
        self._deny_list = deny_list

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Wrap the handlers of our own service."""
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or not method.startswith(_SERVED_BY_US):
            return handler

        async def answer(request: Any, context: Context) -> Any:
            return await self._answer(method.rpartition("/")[2], handler.unary_unary, request, context)

        return grpc.unary_unary_rpc_method_handler(
            answer,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    async def _answer(self, method: str, behaviour: Any, request: Any, context: Context) -> Any:
        request_id = _choose_request_id(context)
        context.set_trailing_metadata(((REQUEST_ID, request_id),))
        reason = "OK"
        try:
            self._admit(context)
            return await behaviour(request, context)
        except asyncio.CancelledError:
            reason = "CANCELLED"
            raise
        except Exception as error:
            refused = _describe(error)
            reason = refused.reason
            if reason == "INTERNAL":
                # The text of a foreign exception may quote a number.
                log.error("call failed: %s", type(error).__name__, extra={"method": method, "request_id": request_id})
            code, status = write_status(refused, request_id)
            trailing = ((REQUEST_ID, request_id), (STATUS_DETAILS, status.SerializeToString()))
            await context.abort(code, refused.message, trailing)
            raise
        finally:
            self._metrics.call(method, reason)

    def _admit(self, context: Context) -> None:
        caller = self._identify(context)
        if caller.role is not Role.GATEWAY:
            raise CallRefusedError("ROLE_NOT_ALLOWED", "only the gateway may call a carrier")

    def _identify(self, context: Context) -> Identity:
        try:
            if self._insecure_dev:
                metadata = dict(context.invocation_metadata() or ())
                role, _, party = str(metadata.get(PARTY_METADATA, "")).partition("/")
                return Identity(Role(role), party)
            found = context.auth_context()
            if self._deny_list is not None and self._deny_list.is_denied(b"".join(found.get("x509_pem_cert", ()))):
                raise CallRefusedError("CERTIFICATE_DENIED", "the certificate has been withdrawn")
            names = found.get("x509_subject_alternative_name", ())
            return parse_identity(name.decode("utf-8", "replace") for name in names)
        except IdentityError as error:
            raise CallRefusedError("UNKNOWN_PARTY", error.reason.value) from None
        except ValueError:
            raise CallRefusedError("UNKNOWN_PARTY", f"no party in metadata {PARTY_METADATA}") from None


def _describe(error: Exception) -> CallRefusedError:
    if isinstance(error, CallRefusedError):
        return error
    if isinstance(error, JournalError):
        reason = _JOURNAL_REASONS.get(type(error), "STORE_UNAVAILABLE")
        return CallRefusedError(reason, "the adapter's journal cannot take it now")
    return CallRefusedError("INTERNAL", "the adapter failed; its logs know more under the request id")


def _choose_request_id(context: Context) -> str:
    for key, value in context.invocation_metadata() or ():
        if key == REQUEST_ID and isinstance(value, str) and _REQUEST_ID.fullmatch(value) and not find_numbers(value):
            return value
    return uuid.uuid4().hex
