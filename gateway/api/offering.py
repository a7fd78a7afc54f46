"""Putting a service of the contract on a server: what a servicer lacks is refused with NOT_OFFERED."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

from gateway.domain.errors import Reason, RefusedError


def make_handler(service: ServiceDescriptor, servicer: object) -> grpc.GenericRpcHandler:
    """Handlers for every method of ``service``: the servicer's own where it has one of that name."""
    methods = {method.name: _make_method(method, servicer) for method in service.methods}
    return grpc.method_handlers_generic_handler(service.full_name, methods)


def _make_method(method: MethodDescriptor, servicer: object) -> Any:
    make = {
        (False, False): grpc.unary_unary_rpc_method_handler,
        (False, True): grpc.unary_stream_rpc_method_handler,
        (True, False): grpc.stream_unary_rpc_method_handler,
        (True, True): grpc.stream_stream_rpc_method_handler,
    }[method.client_streaming, method.server_streaming]
    return make(
        getattr(servicer, method.name, _refuse),
        request_deserializer=message_factory.GetMessageClass(method.input_type).FromString,
        response_serializer=message_factory.GetMessageClass(method.output_type).SerializeToString,
    )


async def _refuse(request: Any, context: Any) -> Any:
    """Answers any method, whatever it streams: nothing is sent before the refusal."""
    raise RefusedError(Reason.NOT_OFFERED, "this gateway does not serve this method yet")
