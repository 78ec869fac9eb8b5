"""A PostgreSQL of the peer's own, with the same people's records as the hub has published."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import psycopg

from benchmarks.city import City
from benchmarks.process import cpu_seconds, set_core
from exchange.layout import DATA, Layout
from exchange.snapshot import read_current
from verifier.client import AskedParty

BINARIES = Path("/usr/lib/postgresql")
START_SECONDS, LOOK_SECONDS = 30.0, 0.05
TABLES = {
    "fund_accounts": ("person_id", "status", "balance_fen"),
    "dwellings": ("owner_id", "status", "use"),
    "social_insurance": ("person_id", "scheme", "status", "months_paid"),
}
NUMBERS = frozenset({"balance_fen", "months_paid"})
_SCHEMA = """
    create table cases (number text primary key, item text not null, parties text not null,
        expires_at timestamptz not null, closed boolean not null);
    create table audit (id bigint generated always as identity primary key, at timestamptz not null,
        client text not null, operator text not null, case_number text not null, item text not null,
        subject bytea not null, request bytea not null, answers text not null, statement_digest bytea not null);
    create index on audit (case_number); create index on audit (subject);
"""
_CONFIGURATION = ("shared_buffers=512MB", "max_wal_size=4GB", "checkpoint_timeout=30min", "max_connections=50")


class NoDatabase(Exception):
    """There is no PostgreSQL on this machine; the message says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A running server. Its URL is for clients, its process for whoever counts its CPU."""

    url: str
    pid: int

    def cpu_seconds(self) -> float:
        """The CPU time of the server and of every process that it has started."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text("ascii").split()
        return cpu_seconds(self.pid, ended_children=True) + sum(cpu_seconds(int(each)) for each in children)


@contextmanager
def database(folder: Path, *, core: int) -> Iterator[Database]:
    """An empty database, durable as PostgreSQL is by default, on one core; raises NoDatabase."""
    found = sorted(BINARIES.glob("*/bin/initdb"))
    if not found:
        raise NoDatabase("PostgreSQL is not installed (make system)")
    binaries = found[-1].parent
    account = "postgres" if os.geteuid() == 0 else None
    folder.mkdir()
    # The server refuses to run as root, and has to reach its folder.
    for each in (folder, *folder.parents[:-1]) if account else ():
        if each.stat().st_mode & 0o001 == 0:
            each.chmod(each.stat().st_mode | 0o011)
    if account:
        shutil.chown(folder, account)
    data, port = folder / "data", _free_port()
    _finish([f"{binaries}/initdb", "-D", f"{data}", "-U", "owner", "-A", "trust", "-E", "UTF8"], account)
    settings = [f"-c{each}" for each in _CONFIGURATION]
    command = [f"{binaries}/postgres", "-D", f"{data}", "-p", str(port), "-k", "", "-h", "127.0.0.1"]
    with (folder / "log").open("wb") as said:
        process = subprocess.Popen([*command, *settings], user=account, cwd="/", stdout=said, stderr=said)
    try:
        set_core(process.pid, core)
        url = f"postgresql://owner@127.0.0.1:{port}/postgres"
        _wait(url, process, folder / "log")
        yield Database(url=url, pid=process.pid)
    finally:
        process.terminate()
        process.wait()


def fill(running: Database, city: City, people: Sequence[AskedParty]) -> list[str]:
    """The hub's published records, and an open case for each of these people; returns the cases' numbers."""
    numbers = [f"case-{at:08d}" for at in range(len(people))]
    expires = datetime.now(UTC) + timedelta(hours=8)
    with psycopg.connect(running.url) as connection:
        connection.execute(_SCHEMA.encode())
        for dataset, columns in TABLES.items():
            typed = ", ".join(f"{each} {'bigint' if each in NUMBERS else 'text'}" for each in columns)
            connection.execute(f"create table {dataset} ({typed})".encode())
            with connection.cursor().copy(f"copy {dataset} from stdin".encode()) as copy:
                for row in _rows(city, dataset, columns):
                    copy.write_row(row)
            connection.execute(f"create index on {dataset} ({columns[0]})".encode())
        with connection.cursor().copy(b"copy cases from stdin") as copy:
            for number, person in zip(numbers, people, strict=True):
                copy.write_row((number, "five_claims", person.number, expires, False))
    with psycopg.connect(running.url, autocommit=True) as connection:
        connection.execute(b"vacuum analyze")
    return numbers


def _rows(city: City, dataset: str, columns: Sequence[str]) -> Iterator[tuple[object, ...]]:
    layout = Layout.of(city.hub.paths.exchange, dataset)
    current = read_current(layout)
    if current is None:
        raise ValueError(f"{dataset} is not published")
    with duckdb.connect(str(layout.version(current.version) / DATA), read_only=True) as connection:
        found = connection.execute(f"select {', '.join(columns)} from records")  # noqa: S608 - names of our own
        while some := found.fetchmany(10_000):
            yield from some


def _wait(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(url, connect_timeout=1).close()
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(log.read_text("utf-8", "replace")) from None
            time.sleep(LOOK_SECONDS)
        else:
            return


def _finish(command: list[str], account: str | None) -> None:
    subprocess.run(command, user=account, check=True, capture_output=True, cwd="/")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
