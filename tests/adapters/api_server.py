"""A real API on this machine that pages, limits, fails, cuts off and goes round in circles, as it is told."""

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request that came."""

    at: float
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Says:
    """One answer. `cut`: the connection ends after so many bytes of the body; `drip`: seconds between its bytes."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    drip: float = 0.0


def page(records: Sequence[Mapping[str, object]], **more: object) -> Says:
    """A page as registries write it: the records under data.items, and what is said beside them."""
    data = {"items": list(records), **more}
    return Says(body=json.dumps({"code": 0, "data": data}, ensure_ascii=False).encode())


Answer = Callable[[Asked], Says]


@dataclass(slots=True)
class ApiServer:
    """Answers as `answer` says, and remembers what was asked."""

    base: str
    asked: list[Asked]
    answer: Answer

    @property
    def queries(self) -> list[dict[str, str]]:
        """What each request asked for."""
        return [dict(each.query) for each in self.asked]


@contextmanager
def api_server(certificate: tuple[Path, Path] | None = None) -> Iterator[ApiServer]:
    """A server on an ephemeral port, over TLS where it has a certificate and its key."""
    found = ApiServer(base="", asked=[], answer=lambda _: Says(body=b"[]"))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            asked = Asked(at=time.monotonic(), path=parts.path, query=query, headers=dict(self.headers))
            found.asked.append(asked)
            says = found.answer(asked)
            self.send_response(says.status)
            for name, value in {"Content-Length": str(len(says.body)), **says.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            body = says.body if says.cut is None else says.body[: says.cut]
            try:
                for byte in body if says.drip else ():
                    self.wfile.write(bytes([byte]))
                    time.sleep(says.drip)
                self.wfile.write(b"" if says.drip else body)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True
            if says.cut is not None:
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the library's name)
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that hangs up is what some tests want."""

    server = Server(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    found.base = f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
