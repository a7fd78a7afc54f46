"""The gRPC server of one control service: loopback only, with health and reflection."""

from __future__ import annotations

from collections.abc import Callable

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio
from grpc_reflection.v1alpha import reflection

from adapters.simulators.loopback import require_loopback


class ControlServer:
    """Serves what `add` registers, under the full name `service`.

    Raises `NotLoopbackError` for any other host: whoever reaches the service can do anything with the simulator.
    """

    def __init__(
        self, add: Callable[[grpc.aio.Server], None], service: str, *, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        require_loopback(host)
        self.port = port
        self._add = add
        self._service = service
        self._address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Listen; raise `RuntimeError` where that is not possible."""
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        self._add(server)
        health = health_aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(health, server)
        for name in ("", self._service):
            await health.set(name, health_pb2.HealthCheckResponse.SERVING)
        names = (self._service, "grpc.health.v1.Health", reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, server)
        self.port = server.add_insecure_port(self._address)
        await server.start()
        self._server = server

    async def stop(self, grace_s: float = 0.2) -> None:
        """Finish the calls at hand, cut them after `grace_s`."""
        if self._server is not None:
            await self._server.stop(grace_s)
