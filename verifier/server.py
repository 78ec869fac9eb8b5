"""A verifier worker as a process: grpc's threaded server behind mutual TLS, drained when it is told to stop.

Why threads and not an event loop: docs/decisions/0017-a-threaded-server.md.
"""

import gc
import signal
import threading
from collections.abc import Callable

import grpc
import structlog
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1.health import SERVICE_NAME as HEALTH
from grpc_reflection.v1alpha import reflection

from kernel.errors import Unavailable
from verifier.health import Health
from verifier.metrics import serve_metrics
from verifier.pool import Pool
from verifier.service import Verifier
from verifier.servicer import CATALOGUE, VERIFICATION, Servicer
from verifier.tls import Tls

Renewed = Callable[[], "Tls | None"]
"""The credentials that have taken the place of those before; None where none have."""

_LOGGER = structlog.get_logger("mianzheng.verifier")


class RunningServer:
    """A server that accepts calls. `port` is the one it listens on; `ended` is set once it is drained."""

    def __init__(
        self, server: grpc.Server, verifier: Verifier, servicer: Servicer, pool: Pool, health: Health, port: int
    ) -> None:
        """Use `serve`."""
        self.port = port
        self.health = health
        self.ended = threading.Event()
        self._server = server
        self._servicer = servicer
        self._pool = pool
        self._verifier = verifier

    def state(self) -> dict[str, float]:
        """How the worker stands, as `metrics.GAUGES` names it."""
        log = self._verifier.desk.log
        return {
            "serving": float(self.health.serving),
            "calls_waiting": float(self._pool.waiting),
            "streams": float(self._servicer.streams),
            "log_waiting": float(log.waiting),
            "log_failed": float(log.failure is not None),
        }

    def drain(self) -> None:
        """Say NOT_SERVING, take no new calls, let those in flight end, then stop."""
        self.health.end()
        self._servicer.drain()
        self._server.stop(self._verifier.settings.drain_seconds).wait()
        self._pool.shutdown()
        if self._verifier.desk.tracing is not None:
            self._verifier.desk.tracing.end()
        self.ended.set()


def serve(verifier: Verifier, *, address: str, tls: Tls, renewed: Renewed | None = None) -> RunningServer:
    """Listen at `host:port` (port 0 takes a free one); several workers may share one. Raises Unavailable.

    `renewed` is asked with each new connection for credentials that have taken the place of those before.
    """
    settings = verifier.settings
    pool = Pool(settings.handler_threads, "answering")
    server = grpc.server(
        pool,  # type: ignore[arg-type] # any executor will do
        options=(
            ("grpc.so_reuseport", 1),
            ("grpc.max_receive_message_length", settings.transport_bytes_max),
            ("grpc.keepalive_time_ms", settings.connections_quiet_seconds * 1000),
            ("grpc.server_handshake_timeout_ms", settings.handshake_seconds * 1000),
        ),
    )
    servicer = Servicer(verifier, pool)
    server.add_generic_rpc_handlers((servicer,))
    health = Health(verifier)
    health_pb2_grpc.add_HealthServicer_to_server(health.servicer, server)
    reflection.enable_server_reflection((VERIFICATION, CATALOGUE, HEALTH, reflection.SERVICE_NAME), server)
    credentials = grpc.dynamic_ssl_server_credentials(
        _configuration(tls),
        lambda: _renewed(renewed),  # type: ignore[arg-type, return-value] # None: as before
        require_client_authentication=True,
    )
    try:
        port = server.add_secure_port(address, credentials)
    except RuntimeError as error:
        pool.shutdown()
        raise Unavailable("the address cannot be listened on", field=address) from error
    verifier.desk.log.watch(verifier.desk.meter.committed)
    health.prove()
    server.start()
    health.start()
    return RunningServer(server, verifier, servicer, pool, health, port)


def _configuration(tls: Tls) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(tls.key, tls.certificate)], tls.authority)


def _renewed(renewed: Renewed | None) -> grpc.ServerCertificateConfiguration | None:
    """What a new connection is served with, where that has changed; with faulty credentials those before go on."""
    try:
        tls = renewed() if renewed is not None else None
        return _configuration(tls) if tls is not None else None
    except Exception as fault:  # noqa: BLE001 - a connection must not be lost for it
        _LOGGER.warning("certificate not renewed", kind=type(fault).__name__)
        return None


def run_worker(
    verifier: Verifier,
    *,
    tls: Tls,
    number: int = 0,
    ready: Callable[[int], None] | None = None,
    renewed: Renewed | None = None,
    ends_with_its_log: bool = False,
) -> bool:
    """Serve at the settings' address until SIGTERM or SIGINT, then drain. `ready` is told the port.

    `number` is the worker's: it has its own port for metrics. A log that has stopped writes no more in this process;
    with `ends_with_its_log` the worker drains then and returns False, so that another may open the log anew. Otherwise
    it stays, refuses everything and says NOT_SERVING.


    Must be called in the main thread. The caller closes the log afterwards: calls in flight still need it.
    """
    told_to_stop = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda _number, _frame: told_to_stop.set())
    settings = verifier.settings
    verifier.forget_old()
    # What stands now stays: looking through all of it again and again for garbage would cost every question.
    gc.collect()
    gc.freeze()
    running = serve(verifier, address=f"{settings.host}:{settings.port}", tls=tls, renewed=renewed)
    end_metrics = serve_metrics(verifier, running.state, number)
    _LOGGER.info("serving", port=running.port, hub=verifier.desk.hub)
    if ready is not None:
        ready(running.port)
    while not told_to_stop.wait(settings.watch_seconds):
        if ends_with_its_log and verifier.desk.log.failure is not None:
            break
    running.drain()
    end_metrics()
    _LOGGER.info("stopped")
    return told_to_stop.is_set()
