"""Disks, clocks and files that fail under a worker that is asked all the while.

No answer without its entry, none wrong; whoever gets none is told why; and it goes on by itself once it can.
"""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.pki import CERTIFICATE_DAYS, Authority, Credential
from app.verification import client_tls
from cli.main import UNAVAILABLE
from exchange.layout import INDEX, Layout
from exchange.snapshot import read_current
from kernel.errors import CaseExpired, CertificateExpired, LogUnavailable, MianzhengError, Unavailable
from tests.app.small_hub import command
from tests.torture.disks import Ext4, NoDisk, small_disk
from tests.torture.town import ENDED, LOG_STOPPED, PATIENCE_S, ROOT, Town
from tests.torture.worker import FAULTS
from verifier.asking import Asking, OpenCase
from verifier.asking_stream import AskingStream
from verifier.health_check import service_states
from verifier.settings import ClientSettings
from verifier.tls import Tls

pytestmark = pytest.mark.xdist_group("torture")

FULL = os.environ.get("MIANZHENG_TORTURE") == "full"
AT = 40
"""At which passage a disk fails: under full load."""

UNDER_WAY_S = 3.0
"""How long a fault lasts: longer than the service believes what it saw, or waits before it starts a worker again."""


def current_of(layout: Layout) -> str:
    """The version in force."""
    found = read_current(layout)
    assert found is not None
    return found.version


def serving(town: Town, port: int) -> bool:
    """Whether the worker says that it serves."""
    try:
        states = service_states(ClientSettings(address=f"localhost:{port}"), client_tls(town.hub, "counter-hall-01"))
    except MianzhengError:
        return False
    return states["mianzheng.v1.VerificationService"] == "SERVING"


@pytest.mark.parametrize("fault", FAULTS if FULL else ["no-room", "flush-landed"])
def test_a_disk_that_fails_costs_refusals_that_say_why_and_nothing_else(town: Town, tmp_path: Path, fault: str) -> None:
    town = town.copied(tmp_path / "town")
    with town.worker(fault, AT) as worker, town.clerks(worker.port):
        town.refusals(LogUnavailable, "could not be written: " + os.strerror(FAULTS[fault][-1]))
        # What reached the disk is not known: another process has to find out.
        assert worker.process.wait(PATIENCE_S) == LOG_STOPPED
    with town.worker() as worker:
        town.ask(worker.port)
        assert worker.end() == ENDED
    town.judge()
    assert {kind for kind, _ in town.refused} <= {"LogUnavailable", "Unavailable", "Draining"}


@contextmanager
def supervised_service(town: Town) -> Iterator[int]:
    """The service as it is run, of one worker; gives its port. What it prints is beside the home."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = int(taken.getsockname()[1])
    environ = {
        **os.environ,
        "MIANZHENG_HOME": str(town.hub.paths.home),
        "MIANZHENG_HUB_WORKERS": "1",
        "MIANZHENG_VERIFIER_PORT": str(port),
        "MIANZHENG_VERIFIER_METRICS_PORT": "0",
        "MIANZHENG_SUPERVISE_FIRST_WAIT_SECONDS": "0.1",
        "MIANZHENG_SUPERVISE_WAIT_MAX_SECONDS": "1",
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore",
    }
    command = [sys.executable, "-m", "cli.main", "verifier", "serve"]
    said = town.hub.paths.home.with_name("supervisor.log")
    with said.open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=log, stderr=log)
    try:
        town.soon(lambda: serving(town, port))
        yield port
        assert process.poll() is None, said.read_text("utf-8")
    finally:
        process.terminate()
        code = process.wait(PATIENCE_S)
    assert code == 0, said.read_text("utf-8")


@contextmanager
def no_room(home: Path) -> Iterator[None]:
    """Leave no room on a disk for the length of a block, whatever anybody lets go of meanwhile."""
    filler, over = home / "filler", threading.Event()

    def fill() -> None:
        with filler.open("wb", buffering=0) as file:
            while not over.is_set():
                try:
                    file.write(b"\x00" * 4096)
                except OSError:
                    over.wait(0.01)

    filling = threading.Thread(target=fill)
    filling.start()
    try:
        yield
    finally:
        over.set()
        filling.join()
        filler.unlink()


def test_a_full_disk_is_told_of_and_once_there_is_room_the_service_goes_on_by_itself(
    town: Town, tmp_path: Path
) -> None:
    try:
        with small_disk(tmp_path / "town", mb=48) as disk:
            town = town.copied(disk)
            with supervised_service(town) as port, town.clerks(port):
                town.answers(50)
                with no_room(disk):
                    town.soon(lambda: not serving(town, port))
                    town.refusals(Unavailable)
                    # Long enough for workers to have been started again, in vain.
                    time.sleep(UNDER_WAY_S)
                town.soon(lambda: serving(town, port))
                town.answers(50)
            town.judge()
            assert {kind for kind, _ in town.refused} <= {"LogUnavailable", "Unavailable", "UnderWay", "Draining"}
    except NoDisk as absent:
        pytest.skip(f"nothing may be mounted here: {absent}")


def test_a_disk_that_turns_read_only_is_told_of_and_once_it_is_mended_all_is_there(town: Town, tmp_path: Path) -> None:
    try:
        with Ext4.made(tmp_path) as disk:
            town = town.copied(disk.mount)
            with town.worker() as worker, town.clerks(worker.port):
                town.answers(50)
                # What was copied must be there when it is mended; what the worker writes, it flushes itself.
                os.sync()
                disk.fail()
                town.refusals(Unavailable)
                assert worker.process.wait(PATIENCE_S) == LOG_STOPPED
            # Nobody serves from a disk on which nothing can be recorded, and says so.
            refused = command("verifier", "run", home=disk.mount)
            assert refused.returncode == UNAVAILABLE, refused.stderr
            assert refused.stderr.startswith("unavailable: Read-only file system")
            assert refused.stderr.count("\n") == 1
            disk.mend()
            with town.worker() as worker:
                town.ask(worker.port)
                assert worker.end() == ENDED
            town.judge()
            assert {kind for kind, _ in town.refused} <= {"LogUnavailable", "Unavailable", "Draining"}
    except NoDisk as absent:
        pytest.skip(f"nothing may be mounted here: {absent}")


REMOVED: dict[str, Callable[[Layout], Path]] = {
    "its folder": lambda layout: layout.versions / current_of(layout),
    "its index": lambda layout: layout.versions / current_of(layout) / INDEX,
    "its key": lambda layout: layout.versions / f"{current_of(layout)}.key",
    "current": lambda layout: layout.current,
}


@pytest.mark.parametrize("what", REMOVED if FULL else ["its index", "current"])
def test_a_snapshot_removed_under_foot_makes_nothing_wrong(town: Town, tmp_path: Path, what: str) -> None:
    town = town.copied(tmp_path / "town")
    layout = Layout.of(town.hub.paths.exchange, "population")
    with town.worker() as worker, town.clerks(worker.port):
        town.answers(50)
        path, aside = REMOVED[what](layout), tmp_path / "aside"
        path.rename(aside)
        time.sleep(UNDER_WAY_S)
        if not serving(town, worker.port):
            town.refusals(Unavailable, "cannot be read")
        aside.rename(path)
        town.soon(lambda: serving(town, worker.port))
        town.answers(50)
        assert worker.end() == ENDED
        # What every call meets is said, and does not fill the disk.
        assert worker.log.read_text("utf-8").count("unreadable") < 10
    # Until it is back, all that may be said of what the dataset held is that nothing can be said.
    town.judge(may_say_nothing=True)
    assert {kind for kind, _ in town.refused} <= {"Unavailable", "Draining"}


def test_a_clock_that_jumps_by_hours_makes_nothing_wrong(town: Town, tmp_path: Path) -> None:
    town = town.copied(tmp_path / "town")
    with town.worker() as worker, town.clerks(worker.port):
        for hours in (3.0, 0.0, -0.5, 0.0):
            town.clock.jump(timedelta(hours=hours))
            town.answers(50)
        # Nothing may be signed before the hub's first key was good: that is said, and is over once the clock is right.
        town.clock.jump(timedelta(hours=-3))
        town.refusals(Unavailable, "no answer key may sign now")
        town.soon(lambda: not serving(town, worker.port))
        town.clock.jump(timedelta(0))
        town.answers(50)
        # A working day on: every case is over, and whoever opens one again is served.
        town.clock.jump(timedelta(hours=9))
        town.refusals(CaseExpired)
        town.answers(50)
        town.clock.jump(timedelta(0))
        town.answers(50)
        assert worker.end() == ENDED
    town.judge(may_say_nothing=True)
    # A clerk whose question is under way when the clock jumps takes its answer for one of another time, if the hub's
    # own entry does not prove that already.
    assert {kind for kind, _ in town.refused} <= {"Unavailable", "CaseExpired", "FalseEvidence", "Draining"}
    false = [why for kind, why in town.refused if kind == "FalseEvidence"]
    assert all("not made now" in why or "when the statement was logged" in why for why in false), false


def go_on_asking(town: Town, stream: AskingStream, case: OpenCase) -> None:
    """Ask the next question with every answer, until the stream is ended or a question is refused."""
    stream.ask(Asking(case=case))
    for _, became in stream:
        if isinstance(became, MianzhengError):
            raise became
        town.told.append(("elder", became.evidence))
        stream.ask(Asking(case=case))


def test_a_certificate_that_expires_in_mid_stream_ends_it(town: Town, tmp_path: Path) -> None:
    town = town.copied(tmp_path / "town")
    hub = town.hub
    authority = Authority(Credential.read(hub.paths.pki, "ca"))
    with town.worker() as worker:
        lasts = timedelta(seconds=3)
        issued = authority.client(
            f"spiffe://{hub.settings.name}/counter/counter-hall-01",
            datetime.now(UTC) - timedelta(days=CERTIFICATE_DAYS) + lasts,
        )
        over = time.monotonic() + lasts.total_seconds()
        tls = Tls(certificate=issued.certificate, key=issued.key, authority=(hub.paths.pki / "ca.pem").read_bytes())
        with town.client(worker.port, tls=tls) as client:
            case = town.case(client, "elder")
            with client.stream() as stream, pytest.raises(CertificateExpired):
                go_on_asking(town, stream, case)
            assert time.monotonic() > over - 1
            assert len(town.told) > 10
            # Neither does the open connection go on, nor is another one let in.
            with pytest.raises(CertificateExpired):
                client.verify_item(case)
        with town.client(worker.port, tls=tls) as client, pytest.raises(Unavailable, match="certificate"):
            client.items()
        # Everybody else is served as before.
        town.ask(worker.port)
        assert worker.end() == ENDED
    town.judge()
