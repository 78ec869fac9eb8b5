"""A gRPC server that does nothing: it gives the same bytes back to every call of one method.

It stands beside the real service in a run, with the same flavour of server, the same settings and the same mutual TLS,
and replies of the same size. What separates the two is what a question costs. Run as `python -m benchmarks.noop`.
"""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TypeAlias

import grpc
import uvloop

from verifier.settings import VerifierSettings

Handler: TypeAlias = "grpc.RpcMethodHandler[bytes, bytes]"


class Canned(grpc.GenericRpcHandler):
    """Answers every call of one method with the same bytes."""

    def __init__(self, method: str, reply: bytes) -> None:
        """`method` is the full name, `/package.Service/Method`."""

        async def answer(_request: bytes, _context: object) -> bytes:
            return reply

        self._method = method
        self._handler: Handler = grpc.unary_unary_rpc_method_handler(answer)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "Handler | None":
        """The handler, for that method."""
        return self._handler if handler_call_details.method == self._method else None


async def serve(method: str, reply: bytes, pki: Path) -> None:
    """Serve on a free port, print it, and stop when standard input ends."""
    settings = VerifierSettings()
    server = grpc.aio.server(
        options=(
            ("grpc.so_reuseport", 1),
            ("grpc.max_receive_message_length", settings.transport_bytes_max),
            ("grpc.keepalive_time_ms", settings.connections_quiet_seconds * 1000),
        )
    )
    server.add_generic_rpc_handlers((Canned(method, reply),))
    credentials = grpc.ssl_server_credentials(
        [((pki / "server.key").read_bytes(), (pki / "server.pem").read_bytes())],
        (pki / "ca.pem").read_bytes(),
        require_client_auth=True,
    )
    port = server.add_secure_port("127.0.0.1:0", credentials)
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
    given = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(given.method, given.reply.read_bytes(), given.pki))


if __name__ == "__main__":
    main()
