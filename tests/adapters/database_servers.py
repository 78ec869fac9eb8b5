"""Real database servers, one of each kind for a test session, on ephemeral ports of this machine."""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pymysql

from adapters.credentials import Credentials, Tls
from app.pki import Authority
from tests.conftest import leave_out

POSTGRESQL_BINARIES = Path("/usr/lib/postgresql")
READER, PASSWORD = "读者", "geheim'\"% 密码"
READY = re.compile(rb"ready (for|to accept) connections")
START_SECONDS, LOOK_AGAIN_SECONDS = 30.0, 0.02
_QUIET_ENVIRON = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseServer:
    """A running server with one database, `civil`, that READER may read. `run` executes statements as its owner."""

    url: str
    port: int
    folder: Path
    run: Callable[..., list[tuple[Any, ...]]]
    reader: Credentials

    @property
    def authority(self) -> Path:
        """The authority that vouches for the server's certificate."""
        return self.folder / "ca.pem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Connections that are known by heart."""

    credentials_of: Mapping[str, Credentials]

    def credentials(self, connection: str) -> Credentials:
        return self.credentials_of[connection]


@contextmanager
def postgresql() -> Iterator[DatabaseServer]:
    """A PostgreSQL of our own; left out where none is installed."""
    found = sorted(POSTGRESQL_BINARIES.glob("*/bin/initdb"))
    if not found:
        leave_out("PostgreSQL is not installed (make system)")
    binaries = found[-1].parent
    with _folder() as (folder, account):
        _certify(folder, account)
        (folder / "password").write_text("owner", "utf-8")
        options = ["-U", "owner", "-A", "scram-sha-256", f"--pwfile={folder / 'password'}", "-E", "UTF8", "--no-sync"]
        _finish([f"{binaries}/initdb", "-D", f"{folder}/data", "--locale=C.UTF-8", *options], account)
        port = _free_port()
        tls = [f"-cssl_cert_file={folder}/server.pem", f"-cssl_key_file={folder}/server.key", "-cssl=on"]
        command = [f"{binaries}/postgres", "-D", f"{folder}/data", "-p", str(port), "-k", str(folder), "-F", *tls]
        where = {"host": "127.0.0.1", "port": port, "user": "owner", "password": "owner"}

        def run(*statements: str, database: str = "civil") -> list[tuple[Any, ...]]:
            with psycopg.connect(dbname=database, autocommit=True, **where) as owner:  # type: ignore[arg-type]
                rows: list[tuple[Any, ...]] = []
                for each in statements:
                    done = owner.execute(each.encode())
                    rows = done.fetchall() if done.description else []
                return rows

        with _running([*command, "-h", "127.0.0.1"], folder, account):
            quoted = PASSWORD.replace("'", "''")
            run("create database civil", f"create role \"{READER}\" login password '{quoted}'", database="postgres")
            run(f'grant pg_read_all_data to "{READER}"')
            yield _server("postgresql", port, folder, run)


@contextmanager
def mariadb() -> Iterator[DatabaseServer]:
    """A MariaDB of our own; left out where none is installed."""
    daemon = shutil.which("mariadbd", path=_QUIET_ENVIRON["PATH"])
    if daemon is None:
        leave_out("MariaDB is not installed (make system)")
    with _folder() as (folder, account):
        _certify(folder, account)
        options = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
        _finish(["mariadb-install-db", "--no-defaults", f"--datadir={folder}/data", *options], account)
        port = _free_port()
        light = ["--innodb-buffer-pool-size=32M", "--innodb-flush-log-at-trx-commit=0", "--performance-schema=OFF"]
        tls = [f"--ssl-cert={folder}/server.pem", f"--ssl-key={folder}/server.key", f"--ssl-ca={folder}/ca.pem"]
        command = [str(daemon), "--no-defaults", f"--datadir={folder}/data", f"--socket={folder}/s", *light, *tls]

        def run(*statements: str, database: str | None = "civil") -> list[tuple[Any, ...]]:
            with closing(
                pymysql.connect(unix_socket=f"{folder}/s", user="root", database=database, charset="utf8mb4")
            ) as owner:
                rows: list[tuple[Any, ...]] = []
                with owner.cursor() as cursor:
                    for each in statements:
                        cursor.execute(each)
                        rows = list(cursor.fetchall())
                owner.commit()
                return rows

        address = [f"--port={port}", "--bind-address=127.0.0.1", f"--pid-file={folder}/pid"]
        with _running([*command, *address], folder, account):
            quoted = PASSWORD.replace("'", "''")
            run("create database civil character set utf8mb4", database=None)
            run(f"create user `{READER}`@`127.0.0.1` identified by '{quoted}'", "grant select on civil.* to "
                f"`{READER}`@`127.0.0.1`")  # fmt: skip
            yield _server("mysql", port, folder, run)


def _server(backend: str, port: int, folder: Path, run: Callable[..., list[tuple[Any, ...]]]) -> DatabaseServer:
    # Another port than the contract's: the connection says where the server is from here.
    reader = Credentials(user=READER, password=PASSWORD, port=port, tls=Tls.VERIFY, ca=str(folder / "ca.pem"))
    return DatabaseServer(url=f"{backend}://localhost:1/civil", port=port, folder=folder, run=run, reader=reader)


@contextmanager
def _folder() -> Iterator[tuple[Path, str | None]]:
    """A folder of the account that the server runs as: servers refuse to run as root."""
    folder = Path(tempfile.mkdtemp(prefix="mz-db-"))
    account = "nobody" if os.geteuid() == 0 else None
    if account:
        shutil.chown(folder, account)
    try:
        yield folder, account
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _certify(folder: Path, account: str | None) -> None:
    """A certificate for localhost, and the authority that vouches for it."""
    authority = Authority.create("tests", datetime.now(UTC))
    server = authority.server("tests", datetime.now(UTC))
    for name, content in (
        ("ca.pem", authority.credential.certificate),
        ("server.pem", server.certificate),
        ("server.key", server.key),
    ):
        path = folder / name
        path.write_bytes(content)
        path.chmod(0o600 if name.endswith(".key") else 0o644)
        if account:
            shutil.chown(path, account)


def _finish(command: list[str], account: str | None) -> None:
    subprocess.run(command, user=account, check=True, capture_output=True, cwd="/", env=_QUIET_ENVIRON)


@contextmanager
def _running(command: list[str], folder: Path, account: str | None) -> Iterator[None]:
    """The server, as soon as it says that it is ready, and gone afterwards."""
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, user=account, cwd="/", env=_QUIET_ENVIRON, stdout=output, stderr=output)
    until = time.monotonic() + START_SECONDS
    try:
        while not READY.search(said := log.read_bytes()):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(said.decode("utf-8", "replace"))
            time.sleep(LOOK_AGAIN_SECONDS)
        yield
    finally:
        # At once: whatever it holds is thrown away.
        process.send_signal(signal.SIGQUIT if "postgres" in command[0] else signal.SIGKILL)
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
