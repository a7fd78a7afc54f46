"""Commands, and a gateway on SQLite and mTLS for them, in a thread of its own."""

import asyncio
import threading
from contextlib import contextmanager

from click.testing import CliRunner

from gateway.cli.gateway_process import run_gateway
from gateway.cli.main import main
from gateway.config import GatewayConfig, GrpcConfig, HttpConfig, StoreConfig, TlsConfig


@contextmanager
def running(folder):
    """A gateway with the files of a folder; gives its address."""
    certs = folder / "certs"
    config = GatewayConfig(
        tls=TlsConfig(certs / "gateway-gateway.pem", certs / "gateway-gateway.key", certs / "ca.pem"),
        grpc=GrpcConfig(listen="127.0.0.1:0", drain_s=0.2),
        http=HttpConfig(listen=""),
        store=StoreConfig(path=folder / "registry.sqlite", keys=folder / "keys.sqlite", secrets=folder / "secrets"),
    )
    ports, up, box = [], threading.Event(), {}

    async def serve():
        box["loop"], box["stop"] = asyncio.get_running_loop(), asyncio.Event()

        def tell(found):
            ports.append(found.grpc)
            up.set()

        await run_gateway(config, stop=box["stop"], ready=tell)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert up.wait(20)
        yield f"127.0.0.1:{ports[0]}"
    finally:
        box["loop"].call_soon_threadsafe(box["stop"].set)
        thread.join(20)
        assert not thread.is_alive()


def run(*arguments, **options):
    return CliRunner().invoke(main, list(arguments), **options)
