"""Workers that end are started again; renewing them takes one at a time; none outlives its supervisor."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from app.supervised import NotSupervised, Supervised, renew, supervised
from kernel.errors import Unavailable

PATIENCE_S = 60.0
"""How long a noisy machine may take for anything here."""

SERVES = """
import signal, sys, threading, time
from app.attendance import Attended
attended = Attended()
over = threading.Event()
signal.signal(signal.SIGTERM, lambda number, frame: over.set())
attended.serving()
print("serving", flush=True)
over.wait()
print("drained", flush=True)
"""
NEVER_SERVES_TWICE = (
    """
import pathlib, sys
mark = pathlib.Path("mark")
if mark.exists():
    sys.exit(7)
mark.touch()
"""
    + SERVES
)
DEAF = SERVES.replace("lambda number, frame: over.set()", "signal.SIG_IGN")

SUPERVISOR = """
import json, sys
from pathlib import Path
from app.lines import print_json
from app.parts import Part
from app.supervise import SuperviseSettings, Supervisor
import os
print_json()
folder = Path(sys.argv[1])
parts = [
    Part(name=f"worker-{number}", command=(sys.executable, "-c", code), environ=dict(os.environ))
    for number, code in enumerate(json.loads(sys.argv[2]))
]
settings = SuperviseSettings(
    look_seconds=0.02, first_wait_seconds=0.05, wait_max_seconds=0.2, ready_seconds=30.0, stop_seconds=2.0
)
Supervisor(parts, folder / "logs", folder / "run" / "verifier.json", settings).run()
"""

Start = Callable[[Sequence[str]], "subprocess.Popen[bytes]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a supervisor, as a process, of workers that run some code."""
    made: list[subprocess.Popen[bytes]] = []

    def begin(codes: Sequence[str]) -> "subprocess.Popen[bytes]":
        environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent.parent)}
        command = [sys.executable, "-c", SUPERVISOR, str(tmp_path), json.dumps(codes)]
        with (tmp_path / "supervisor.log").open("ab") as log:
            made.append(subprocess.Popen(command, cwd=tmp_path, env=environ, stdout=log, stderr=log))
        return made[-1]

    yield begin
    for each in made:
        if each.poll() is None:
            each.terminate()
        each.wait(PATIENCE_S)


def state(folder: Path) -> Path:
    """Where a supervisor tells how its workers stand."""
    return folder / "run" / "verifier.json"


def soon(folder: Path, told: Callable[[Supervised], bool]) -> Supervised:
    """How the workers stand once that is so."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            found = supervised(state(folder))
        except NotSupervised:
            pass
        else:
            if told(found):
                return found
        time.sleep(0.02)
    raise AssertionError((folder / "supervisor.log").read_text())


def gone(pid: int) -> bool:
    """Whether a process ends within our patience."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False


def test_a_worker_that_is_killed_is_started_again_and_the_others_are_left_alone(tmp_path: Path, start: Start) -> None:
    start([SERVES, SERVES])
    before = soon(tmp_path, lambda found: found.well)
    os.kill(before.workers[0].pid, signal.SIGKILL)
    after = soon(tmp_path, lambda found: found.well and found.workers[0].starts == 2)
    assert after.workers[0].last_end == "SIGKILL"
    assert after.workers[0].pid != before.workers[0].pid
    assert after.workers[1] == before.workers[1]


def test_a_worker_that_always_ends_is_waited_for_longer_and_longer_up_to_a_bound(tmp_path: Path, start: Start) -> None:
    start(["import sys; sys.exit(3)"])
    found = soon(tmp_path, lambda found: found.workers[0].starts >= 5)
    assert found.workers[0].last_end == "exit code 3"
    lines = [json.loads(line) for line in (tmp_path / "supervisor.log").read_text().splitlines()]
    waits = [each["again_in_s"] for each in lines if each["event"] == "ended"]
    assert waits[:4] == [0.05, 0.1, 0.2, 0.2]


def test_renewing_takes_one_worker_at_a_time(tmp_path: Path, start: Start) -> None:
    start([SERVES, SERVES, SERVES])
    before = soon(tmp_path, lambda found: found.well)
    after = renew(state(tmp_path), PATIENCE_S)
    assert after.well
    assert not {each.pid for each in before.workers} & {each.pid for each in after.workers}
    assert {each.last_end for each in after.workers} == {"exit code 0"}
    lines = [json.loads(line) for line in (tmp_path / "supervisor.log").read_text().splitlines()]
    served = [each["worker"] for each in lines if each["event"] == "serving"]
    assert served[3:] == ["worker-0", "worker-1", "worker-2"]
    for number in range(3):
        assert (tmp_path / "logs" / f"worker-{number}.log").read_text().split() == ["serving", "drained", "serving"]


def test_a_worker_that_failed_not_long_ago_is_renewed_like_any_other(tmp_path: Path, start: Start) -> None:
    start([SERVES, SERVES])
    for worker in soon(tmp_path, lambda found: found.well).workers:
        os.kill(worker.pid, signal.SIGKILL)
    soon(tmp_path, lambda found: found.well and all(each.starts == 2 for each in found.workers))
    after = renew(state(tmp_path), 20.0)
    assert {each.starts for each in after.workers} == {3}
    assert "renewal given up" not in (tmp_path / "supervisor.log").read_text()


def test_a_renewed_worker_that_does_not_serve_spares_the_others(tmp_path: Path, start: Start) -> None:
    start([NEVER_SERVES_TWICE, SERVES])
    before = soon(tmp_path, lambda found: found.well)
    with pytest.raises(Unavailable):
        renew(state(tmp_path), 3.0)
    after = soon(tmp_path, lambda found: found.workers[0].starts > 2)
    assert after.workers[1] == before.workers[1]
    assert "renewal given up" in (tmp_path / "supervisor.log").read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_all_drain_when_the_supervisor_is_told_to_stop(tmp_path: Path, start: Start, number: signal.Signals) -> None:
    process = start([SERVES, SERVES])
    found = soon(tmp_path, lambda found: found.well)
    process.send_signal(number)
    assert process.wait(PATIENCE_S) == 0
    assert all(gone(each.pid) for each in found.workers)
    assert "drained" in (tmp_path / "logs" / "worker-0.log").read_text()
    with pytest.raises(NotSupervised):
        supervised(state(tmp_path))


def test_a_worker_that_does_not_listen_is_killed(tmp_path: Path, start: Start) -> None:
    process = start([DEAF])
    found = soon(tmp_path, lambda found: found.well)
    process.terminate()
    assert process.wait(PATIENCE_S) == 0
    assert gone(found.workers[0].pid)


def test_workers_drain_when_their_supervisor_is_killed(tmp_path: Path, start: Start) -> None:
    process = start([SERVES, SERVES])
    found = soon(tmp_path, lambda found: found.well)
    process.kill()
    process.wait(PATIENCE_S)
    assert all(gone(each.pid) for each in found.workers)
    assert "drained" in (tmp_path / "logs" / "worker-1.log").read_text()
    # What it left behind says nothing any more.
    assert state(tmp_path).exists()
    with pytest.raises(NotSupervised):
        supervised(state(tmp_path))


def test_a_second_supervisor_of_a_home_is_refused(tmp_path: Path, start: Start) -> None:
    start([SERVES])
    soon(tmp_path, lambda found: found.well)
    assert start([SERVES]).wait(PATIENCE_S) != 0
    assert soon(tmp_path, lambda found: found.well).workers[0].starts == 1
