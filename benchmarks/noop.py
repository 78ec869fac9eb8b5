"""A gRPC server that does nothing: it gives the same bytes back to every call of one method.

It stands beside the real service in a run, with the same settings and mutual TLS, and replies of the same size. What
separates the two is what a question costs. It can be any flavour of server that Python has, so that the product's own
can be chosen by measurement. Run as `python -m benchmarks.noop`.
"""

import argparse
import asyncio
import sys
from collections.abc import Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import grpc
import uvloop

from verifier.pool import Pool
from verifier.settings import VerifierSettings

Handler: TypeAlias = "grpc.RpcMethodHandler[bytes, bytes]"
Option = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flavour:
    """A way to run a server: on threads, over a lean pool or the standard executor, or on an event loop."""

    what: str
    threads: int = 0
    lean: bool = False
    uvloop: bool = False


FLAVOURS: Mapping[str, Flavour] = {
    "pool_8": Flavour(what="threads, the lean pool, 8 of them", threads=8, lean=True),
    "pool_64": Flavour(what="threads, the lean pool, 64 of them", threads=64, lean=True),
    "executor_8": Flavour(what="threads, the standard executor, 8 of them", threads=8),
    "executor_64": Flavour(what="threads, the standard executor, 64 of them", threads=64),
    "aio": Flavour(what="grpc.aio on the standard event loop"),
    "aio_uvloop": Flavour(what="grpc.aio on uvloop", uvloop=True),
}
FASTEST = "pool_8"
"""The flavour that a question is measured against; the bench of flavours says so when it is another."""


class Canned(grpc.GenericRpcHandler):
    """Answers every call of one method in the same way."""

    def __init__(self, method: str, handler: Handler) -> None:
        """`method` is the full name, `/package.Service/Method`."""
        self._method = method
        self._handler = handler

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "Handler | None":
        """The handler, for that method."""
        return self._handler if handler_call_details.method == self._method else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is served: a method, its reply, and the certificates."""

    method: str
    reply: bytes
    credentials: grpc.ServerCredentials
    options: tuple[Option, ...]


def serve_on_threads(told: Told, pool: Executor) -> None:
    """Serve on a free port, print it, and stop when standard input ends."""

    def answer(_request: bytes, _context: object) -> bytes:
        return told.reply

    server = grpc.server(pool, options=told.options)  # type: ignore[arg-type] # any executor will do
    server.add_generic_rpc_handlers((Canned(told.method, grpc.unary_unary_rpc_method_handler(answer)),))
    port = server.add_secure_port("127.0.0.1:0", told.credentials)
    server.start()
    print(port, flush=True)
    sys.stdin.read()
    server.stop(1.0).wait()


async def serve_on_a_loop(told: Told) -> None:
    """The same on the running event loop."""

    async def answer(_request: bytes, _context: object) -> bytes:
        return told.reply

    server = grpc.aio.server(options=told.options)
    server.add_generic_rpc_handlers((Canned(told.method, grpc.unary_unary_rpc_method_handler(answer)),))
    port = server.add_secure_port("127.0.0.1:0", told.credentials)
    await server.start()
    print(port, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(grace=1.0)


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description="A no-op gRPC server for the benches.")
    parser.add_argument("--method", required=True)
    parser.add_argument("--reply", type=Path, required=True, help="the file with the reply's bytes")
    parser.add_argument("--pki", type=Path, required=True, help="the folder with server.pem, server.key and ca.pem")
    parser.add_argument("--flavour", choices=FLAVOURS, default=FASTEST)
    given = parser.parse_args()
    settings = VerifierSettings()
    pki: Path = given.pki
    told = Told(
        method=given.method,
        reply=given.reply.read_bytes(),
        credentials=grpc.ssl_server_credentials(
            [((pki / "server.key").read_bytes(), (pki / "server.pem").read_bytes())],
            (pki / "ca.pem").read_bytes(),
            require_client_auth=True,
        ),
        options=(
            ("grpc.so_reuseport", 1),
            ("grpc.max_receive_message_length", settings.transport_bytes_max),
            ("grpc.keepalive_time_ms", settings.connections_quiet_seconds * 1000),
        ),
    )
    flavour = FLAVOURS[given.flavour]
    if flavour.threads:
        serve_on_threads(told, (Pool if flavour.lean else ThreadPoolExecutor)(flavour.threads, "no-op"))
        return
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if flavour.uvloop else None) as runner:
        runner.run(serve_on_a_loop(told))


if __name__ == "__main__":
    main()
