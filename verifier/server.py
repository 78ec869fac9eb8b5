"""A verifier worker as a process: grpc.aio on uvloop behind mutual TLS, drained when it is told to stop."""

import asyncio
import gc
import signal
from collections.abc import Callable

import grpc
import structlog
import uvloop
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1.health import SERVICE_NAME as HEALTH
from grpc_reflection.v1alpha import reflection

from kernel.errors import Unavailable
from verifier.health import Health
from verifier.service import Verifier
from verifier.servicer import CATALOGUE, VERIFICATION, Servicer
from verifier.tls import Tls

_LOGGER = structlog.get_logger("mianzheng.verifier")


class RunningServer:
    """A server that accepts calls. `port` is the one it listens on; `ended` is set once it is drained."""

    def __init__(self, server: grpc.aio.Server, health: Health, port: int, drain_seconds: float) -> None:
        """Use `serve`."""
        self.port = port
        self.health = health
        self.ended = asyncio.Event()
        self._server = server
        self._drain_seconds = drain_seconds
        self._watching = asyncio.create_task(health.watch())

    async def drain(self) -> None:
        """Say NOT_SERVING, take no new calls, let those in flight end, then stop."""
        await self.health.end()
        self._watching.cancel()
        await asyncio.gather(self._watching, return_exceptions=True)
        await self._server.stop(self._drain_seconds)
        self.ended.set()


async def serve(verifier: Verifier, *, address: str, tls: Tls) -> RunningServer:
    """Listen at `host:port` (port 0 takes a free one); several workers may share one. Raises Unavailable."""
    settings = verifier.settings
    server = grpc.aio.server(
        options=(
            ("grpc.so_reuseport", 1),
            ("grpc.max_receive_message_length", settings.transport_bytes_max),
            ("grpc.keepalive_time_ms", settings.connections_quiet_seconds * 1000),
            ("grpc.server_handshake_timeout_ms", settings.handshake_seconds * 1000),
        )
    )
    server.add_generic_rpc_handlers(Servicer(verifier).handlers())
    health = Health(verifier)
    health_pb2_grpc.add_HealthServicer_to_server(health.servicer, server)
    reflection.enable_server_reflection((VERIFICATION, CATALOGUE, HEALTH, reflection.SERVICE_NAME), server)
    credentials = grpc.ssl_server_credentials([(tls.key, tls.certificate)], tls.authority, require_client_auth=True)
    try:
        port = server.add_secure_port(address, credentials)
    except RuntimeError as error:
        raise Unavailable("the address cannot be listened on", field=address) from error
    await health.prove()
    await server.start()
    return RunningServer(server, health, port, settings.drain_seconds)


def run_worker(verifier: Verifier, *, tls: Tls, ready: Callable[[int], None] | None = None) -> None:
    """Serve at the settings' address until SIGTERM or SIGINT, then drain. `ready` is told the port.

    The caller closes the log afterwards: calls in flight still need it.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_work(verifier, tls, ready))


async def _work(verifier: Verifier, tls: Tls, ready: Callable[[int], None] | None) -> None:
    told_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, told_to_stop.set)
    settings = verifier.settings
    verifier.forget_old_closures()
    # What stands now stays: looking through all of it again and again for garbage would cost every question.
    gc.collect()
    gc.freeze()
    running = await serve(verifier, address=f"{settings.host}:{settings.port}", tls=tls)
    _LOGGER.info("serving", port=running.port, hub=verifier.desk.hub)
    if ready is not None:
        ready(running.port)
    await told_to_stop.wait()
    await running.drain()
    _LOGGER.info("stopped")
