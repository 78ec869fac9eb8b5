"""Mixed load on one worker for as long as is wanted: does its memory grow, does it get slower, do the logs verify?

Usage: python -m tests.torture.soak SECONDS [OUT.json]

The worker is the product's own command with its own settings, on a core of its own where there are two.
"""

import json
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.verification import client_tls, worker_log
from audit.checkpoint import Checkpoint
from audit.receipt import Receipt
from audit.tiles import TileReader
from audit.verify_hub import verify_hub
from benchmarks.process import Cores, cpu_seconds, memory_mb, running
from tests.torture.soaking import Soak
from tests.torture.town import ROOT, Town
from verifier.health_check import service_states
from verifier.settings import ClientSettings

MINUTE_S = 60.0
READY_S = 60.0
MEMORY_MAX_MB = 250.0
GROWTH_MAX_MB = 10.0
SLOWER_MAX = 2.0
LONG_S = 10 * MINUTE_S
"""A shorter soak says nothing about growth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """What was seen in one minute, or in a shorter part of a short soak. Latencies are a lone question's, in ms."""

    ends_at_s: float
    answers: int
    refusals: int
    p50_ms: float
    p99_ms: float
    memory_mb: float
    cpu_share: float
    threads: int
    files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Soaked:
    """A whole soak."""

    seconds: float
    minutes: Sequence[Minute]
    answers: int
    refusals: Mapping[str, int]
    published: int
    entries: int
    lost: int
    findings: int
    faults: Sequence[str]

    @property
    def growth_mb(self) -> float:
        """Memory at the end beyond that of the second part: caches are full by then."""
        return self.minutes[-1].memory_mb - self.minutes[min(1, len(self.minutes) - 1)].memory_mb

    @property
    def slower(self) -> float:
        """The median latency of the last quarter, by that of the first."""
        quarter = max(1, len(self.minutes) // 4)
        first, last = (
            statistics.median(each.p50_ms for each in part)
            for part in (self.minutes[:quarter], self.minutes[-quarter:])
        )
        return last / first


def minutes_of(soak: Soak, pid: int, seconds: float, say: Callable[[str], None]) -> list[Minute]:
    """Look at the worker once a minute, four times at least, until the time is over or something is wrong."""
    length, began = min(MINUTE_S, seconds / 4), time.monotonic()
    seen, found = soak.seen, list[Minute]()
    answers = refusals = 0
    cpu = cpu_seconds(pid)
    say("    s  answers  refused   p50 ms   p99 ms      MB   CPU  threads  files")
    while (now := time.monotonic() - began) < seconds - length / 2 and not seen.faults:
        wanted = (len(found) + 1) * length
        time.sleep(max(0.0, wanted - now))
        taken, seen.latencies = sorted(seen.latencies) or [0.0], []
        used = cpu_seconds(pid)
        total = sum(seen.refusals.values())
        minute = Minute(
            ends_at_s=round(time.monotonic() - began, 1),
            answers=seen.answers - answers,
            refusals=total - refusals,
            p50_ms=round(taken[len(taken) // 2], 2),
            p99_ms=round(taken[len(taken) * 99 // 100], 2),
            memory_mb=round(memory_mb(pid, without=soak.town.hub.paths.home), 1),
            cpu_share=round((used - cpu) / length, 2),
            threads=len(list(Path(f"/proc/{pid}/task").iterdir())),
            files=len(list(Path(f"/proc/{pid}/fd").iterdir())),
        )
        answers, refusals, cpu = seen.answers, total, used
        found.append(minute)
        row: dict[str, Any] = asdict(minute)
        say(
            "{ends_at_s:5.0f} {answers:8d} {refusals:8d} {p50_ms:8.2f} {p99_ms:8.2f} {memory_mb:7.1f} {cpu_share:5.2f} "
            "{threads:8d} {files:6d}".format(**row)
        )
    return found


def soaked(town: Town, seconds: float, say: Callable[[str], None]) -> Soaked:
    """Soak a town, which is used up by it; no worker of it may run."""
    cores, home = Cores.of_this_machine(), town.hub.paths.home
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = int(taken.getsockname()[1])
    environ = {
        **os.environ,
        "MIANZHENG_HOME": str(home),
        "MIANZHENG_VERIFIER_PORT": str(port),
        "MIANZHENG_VERIFIER_METRICS_PORT": "0",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "cli.main", "verifier", "run"]
    soak = Soak(town=town, port=port)
    with running(command, core=cores.server, environ=environ, log=home.with_name("soak.log"), talks=False) as process:
        until = time.monotonic() + READY_S
        settings, tls = ClientSettings(address=f"localhost:{port}"), client_tls(town.hub, "counter-hall-01")
        while set(service_states(settings, tls).values()) != {"SERVING"}:
            assert process.poll() is None, "see soak.log"
            assert time.monotonic() < until, "see soak.log"
            time.sleep(0.1)
        with soak.clerks():
            minutes = minutes_of(soak, process.pid, seconds, say)
        process.terminate()
        if (code := process.wait(60)) != 0:
            soak.seen.faults.append(f"the worker ended with {code}")
    place = town.hub.logs.place(worker_log(0))
    size = Checkpoint.parse(place.checkpoint.read_text("utf-8").partition("\n\n")[0] + "\n").size
    reader = TileReader(directory=place.public, size=size)
    found = sum(reader.entry(Receipt.parse(each.receipt).index) == each.entry for each in soak.seen.kept)
    report = verify_hub(town.hub.paths.audit, town.hub.trust, town.hub.detail_keys)
    return Soaked(
        seconds=minutes[-1].ends_at_s,
        minutes=minutes,
        answers=soak.seen.answers,
        refusals=dict(soak.seen.refusals),
        published=soak.seen.published,
        entries=size,
        lost=len(soak.seen.kept) - found,
        findings=report.faults,
        faults=soak.seen.faults,
    )


def wrong(soak: Soaked) -> list[str]:
    """What is not as it must be; empty where all is."""
    found = list(soak.faults)
    if soak.findings or soak.lost:
        found.append(f"the log: {soak.findings} findings, {soak.lost} answers not in it")
    if soak.entries < soak.answers:
        found.append("fewer entries than answers")
    if soak.minutes[-1].memory_mb > MEMORY_MAX_MB:
        found.append(f"{soak.minutes[-1].memory_mb} MB")
    if soak.seconds >= LONG_S and soak.growth_mb > GROWTH_MAX_MB:
        found.append(f"{soak.growth_mb:.1f} MB more than at the beginning")
    if soak.seconds >= LONG_S and soak.slower > SLOWER_MAX:
        found.append(f"{soak.slower:.1f} times as slow as at the beginning")
    return found


def main() -> None:
    """Soak, tell, and end with 1 where something is wrong."""

    def say(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    with tempfile.TemporaryDirectory(prefix="mianzheng-soak-") as folder:
        os.sched_setaffinity(0, {Cores.of_this_machine().load})
        result = soaked(Town.made(Path(folder) / "town"), float(sys.argv[1]), say)
    if sys.argv[2:]:
        Path(sys.argv[2]).write_text(json.dumps(asdict(result), indent=1) + "\n", "utf-8")
    say(
        f"{result.answers:,} answers, {sum(result.refusals.values()):,} refusals {dict(result.refusals)}, "
        f"{result.published} publications, {result.entries:,} entries; memory {result.growth_mb:+.1f} MB, "
        f"latency times {result.slower:.2f}; {result.findings} findings in the logs"
    )
    if faults := wrong(result):
        sys.exit("\n".join(faults))


if __name__ == "__main__":
    main()
