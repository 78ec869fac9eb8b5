"""The two servers of a run, each a process of its own on the serving core: a verifier worker, and a no-op.

The worker is the product's own command with the product's own settings; only its port is another one.
"""

import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from app.paths import HOME_VARIABLE
from benchmarks.city import CLIENT, City
from benchmarks.noop import FASTEST
from benchmarks.process import running
from benchmarks.question import METHOD
from kernel.errors import Unavailable
from verifier.client import VerificationClient
from verifier.settings import ClientSettings
from verifier.tls import Tls

WORKER = 0
READY_SECONDS = 30.0
LOOK_SECONDS = 0.1


class NotServing(Exception):
    """A server did not come up; the message is what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server."""

    port: int
    pid: int


@contextmanager
def worker(
    city: City, *, core: int, log: Path, number: int = WORKER, port: int = 0, flush_ms: float = 0.0
) -> Iterator[Server]:
    """One verifier worker, ready to answer, on a port that others may share; raises NotServing.

    With `flush_ms` its disk takes so much longer for every flush of its log.
    """
    port = port or _free_port()
    told: tuple[str, ...] = ("--worker", str(number))
    command: tuple[str, ...] = (str(Path(sys.executable).with_name("mianzheng")), "verifier", "run", *told)
    if flush_ms:
        command = (sys.executable, "-m", "benchmarks.slow_worker", *told, "--flush-ms", str(flush_ms))
    # Settings of whoever runs the bench are not this hub's.
    ours = {name: value for name, value in os.environ.items() if not name.startswith("MIANZHENG_")}
    environ = {**ours, HOME_VARIABLE: str(city.hub.paths.home), "MIANZHENG_VERIFIER_PORT": str(port)}
    with running(command, core=core, environ=environ, log=log, talks=False) as process:
        deadline = time.monotonic() + READY_SECONDS
        while not _answers(city, port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise NotServing(log.read_text("utf-8", "replace")[-4000:])
            time.sleep(LOOK_SECONDS)
        yield Server(port=port, pid=process.pid)


@contextmanager
def noop(city: City, reply: bytes, *, core: int, log: Path, flavour: str = FASTEST) -> Iterator[Server]:
    """A server that gives this reply to everything; raises NotServing."""
    file = log.with_suffix(".reply")
    file.write_bytes(reply)
    told = ("--method", METHOD, "--reply", str(file), "--pki", str(city.hub.paths.pki), "--flavour", flavour)
    with running((sys.executable, "-m", "benchmarks.noop", *told), core=core, environ=os.environ, log=log) as process:
        line = process.stdout.readline() if process.stdout else ""
        if not line.strip().isdigit():
            raise NotServing(log.read_text("utf-8", "replace")[-4000:])
        yield Server(port=int(line), pid=process.pid)


def client(city: City, port: int) -> VerificationClient:
    """The product's own client, as the benches' counter."""
    paths = city.hub.paths
    tls = Tls(
        certificate=(paths.pki / "clients" / f"{CLIENT}.pem").read_bytes(),
        key=(paths.pki / "clients" / f"{CLIENT}.key").read_bytes(),
        authority=(paths.pki / "ca.pem").read_bytes(),
    )
    return VerificationClient(tls=tls, trust=city.hub.trust, settings=ClientSettings(address=f"localhost:{port}"))


def _answers(city: City, port: int) -> bool:
    with suppress(Unavailable), client(city, port) as asking:
        return bool(asking.items())
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
