"""Starting the peer: its database, its service, and what its load client is told."""

import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.ask import identity_of
from benchmarks.city import City
from benchmarks.harness import Setting
from benchmarks.peers.database import Database, database, fill
from benchmarks.process import cpu_seconds, running

READY_SECONDS, LOOK_SECONDS = 30.0, 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A running peer with open cases; its load client runs elsewhere."""

    port: int
    pid: int
    database: Database
    public: str
    questions: Sequence[tuple[str, str]]

    def cpu_seconds(self) -> float:
        """What the service and its database have used so far."""
        return cpu_seconds(self.pid) + self.database.cpu_seconds()


@contextmanager
def peer(city: City, setting: Setting, *, core: int) -> Iterator[Peer]:
    """The peer over the city's published records, with as many open cases; raises NoDatabase."""
    pki, log, port = city.hub.paths.pki, setting.work / "peer.log", _free_port()
    people = city.applicants(setting.scale.cases)
    key = Ed25519PrivateKey.from_private_bytes(seed := secrets.token_bytes(32))
    with database(setting.work / "postgresql", core=core) as stored:
        numbers = fill(stored, city, people)
        command = [
            sys.executable, "-m", "uvicorn", "--factory", "benchmarks.peers.service:create", "--port", str(port),
            "--loop", "uvloop", "--http", "httptools", "--ws", "websockets", "--no-access-log",
            "--log-level", "warning",
            "--ssl-keyfile", str(pki / "server.key"), "--ssl-certfile", str(pki / "server.pem"),
            "--ssl-ca-certs", str(pki / "ca.pem"), "--ssl-cert-reqs", "2",
        ]  # fmt: skip
        environ = {**os.environ, "PEER_DATABASE": stored.url, "PEER_KEY": seed.hex()}
        with running(command, core=core, environ=environ, log=log, talks=False) as process:
            _wait(port, process, log)
            yield Peer(
                port=port,
                pid=process.pid,
                database=stored,
                public=key.public_key().public_bytes_raw().hex(),
                questions=tuple(zip(numbers, (each.number for each in people), strict=True)),
            )


def told(served: Peer, city: City, mode: str, in_flight: int) -> dict[str, object]:
    """What the peer's load client is told."""
    identity = identity_of(city)
    return {
        "mode": mode,
        "port": served.port,
        "in_flight": in_flight,
        "questions": served.questions,
        "public": served.public,
        "authority": identity.authority,
        "certificate": identity.certificate,
        "key": identity.key,
    }


def _wait(port: int, process: "subprocess.Popen[str]", log: Path) -> None:
    until = time.monotonic() + READY_SECONDS
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(log.read_text("utf-8", "replace")[-4000:])
        time.sleep(LOOK_SECONDS)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
