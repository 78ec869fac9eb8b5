"""A round of load against the no-op, for real: mutual TLS, separate processes, one core each; and what goes wrong."""

import os
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.pki import Authority
from benchmarks.driving import LoadFailed, drive
from benchmarks.load import Identity, Load, Target
from benchmarks.process import Cores, cpu_seconds, memory_mb, running
from benchmarks.question import METHOD, NONCE_SIZE, unfinished
from schemas.wire.v1 import verification_pb2

HUB = "wenling.mianzheng.example"
REPLY = os.urandom(20_000)
LOAD = Load(
    method=METHOD,
    questions=(os.urandom(500).hex(), os.urandom(700).hex()),
    in_flight=6,
    connections=2,
    warm_up_seconds=0.1,
    round_seconds=0.4,
    rounds=2,
    trust="",
)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    now = datetime.now(UTC)
    authority = Authority.create(HUB, now)
    authority.credential.write(folder, "ca")
    authority.server(HUB, now).write(folder, "server")
    authority.client(f"spiffe://{HUB}/bench/bench-01", now).write(folder, "client")
    stranger = Authority.create("elsewhere.example", now)
    stranger.client(f"spiffe://{HUB}/bench/bench-01", now).write(folder, "stranger")
    return folder


@pytest.fixture(scope="module")
def target(pki: Path) -> Iterator[Target]:
    (pki / "reply").write_bytes(REPLY)
    told = ("--method", METHOD, "--reply", str(pki / "reply"), "--pki", str(pki))
    command = (sys.executable, "-m", "benchmarks.noop", *told)
    core = Cores.of_this_machine().server
    with running(command, core=core, environ=os.environ, log=pki / "noop.log") as process:
        assert process.stdout is not None
        port = process.stdout.readline()
        assert port.strip().isdigit(), (pki / "noop.log").read_text("utf-8")
        yield Target(name="no-op", port=int(port), pid=process.pid, check="same")


def identity(pki: Path, name: str = "client") -> Identity:
    return Identity(
        authority=str(pki / "ca.pem"),
        certificate=str(pki / f"{name}.pem"),
        key=str(pki / f"{name}.key"),
        server_name="localhost",
    )


def test_a_round_counts_calls_times_them_and_checks_every_reply(pki: Path, target: Target, tmp_path: Path) -> None:
    cores = Cores.of_this_machine()
    rounds = list(drive([target], LOAD, identity(pki), core=cores.load, log=tmp_path / "load.log"))
    assert len(rounds) == LOAD.rounds
    for found in rounds:
        assert found.calls > 10
        assert found.checked > found.calls, "the warm-up is checked and not counted"
        assert found.reply_bytes == len(REPLY)
        assert found.seconds == pytest.approx(LOAD.round_seconds, rel=0.5)
        assert 0 < found.p50_ms <= found.p99_ms < 1000 * (found.seconds + LOAD.warm_up_seconds) + 1000
        assert found.per_second == found.calls / found.seconds
        assert found.server_share <= 1.1
        assert 0 < found.client_share <= 1.1


def test_a_refused_call_is_a_failed_run_with_its_reason(pki: Path, target: Target, tmp_path: Path) -> None:
    other = replace(LOAD, method="/mianzheng.v1.VerificationService/Unheard", rounds=1)
    with pytest.raises(LoadFailed, match="a call was refused"):
        list(drive([target], other, identity(pki), core=0, log=tmp_path / "load.log"))


def test_a_strangers_certificate_is_not_let_in(pki: Path, target: Target, tmp_path: Path) -> None:
    with pytest.raises(LoadFailed):
        list(drive([target], LOAD, identity(pki, "stranger"), core=0, log=tmp_path / "load.log"))


def test_a_server_that_is_not_there_is_a_failed_run(pki: Path, target: Target, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nobody = replace(target, port=probe.getsockname()[1])
        with pytest.raises(LoadFailed, match="refused"):
            list(drive([nobody], LOAD, identity(pki), core=0, log=tmp_path / "load.log"))


def test_a_process_is_pinned_measured_and_stopped(tmp_path: Path) -> None:
    core = Cores.of_this_machine().server
    spin = "import sys\nheld = b'x' * 30_000_000\nprint(sum(range(4_000_000)), flush=True)\nsys.stdin.read()"
    with running((sys.executable, "-c", spin), core=core, environ=os.environ, log=tmp_path / "log") as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert os.sched_getaffinity(process.pid) == {core}
        assert 0.01 < cpu_seconds(process.pid) < 30
        assert 30 < memory_mb(process.pid, without=tmp_path) < 60
        pid = process.pid
    assert process.returncode is not None
    assert not Path(f"/proc/{pid}").exists()


def test_mapped_files_below_a_folder_are_no_memory_of_the_worker(tmp_path: Path) -> None:
    held = tmp_path / "held" / "index.mdb"
    held.parent.mkdir()
    held.write_bytes(os.urandom(20_000_000))
    script = (
        "import mmap, sys\n"
        f"file = open({str(held)!r}, 'rb')\n"
        "view = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)\n"
        "print(sum(view[at] for at in range(0, len(view), 4096)), flush=True)\n"
        "sys.stdin.read()"
    )
    with running((sys.executable, "-c", script), core=0, environ=os.environ, log=tmp_path / "log") as process:
        assert process.stdout is not None
        process.stdout.readline()
        without = memory_mb(process.pid, without=held.parent)
        assert memory_mb(process.pid, without=tmp_path / "elsewhere") - without == pytest.approx(20, abs=1)


def test_an_unfinished_question_lacks_its_nonce_and_nothing_else() -> None:
    party = verification_pb2.Party(role="applicant", number="1", name="王芳")
    nonce = bytes(range(NONCE_SIZE))
    request = verification_pb2.VerifyItemRequest.FromString(unfinished("20261124-0", b"token", party) + nonce)
    assert request == verification_pb2.VerifyItemRequest(
        case_number="20261124-0", case_token=b"token", parties=[party], nonce=nonce
    )
