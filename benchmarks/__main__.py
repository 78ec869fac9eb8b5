"""`python -m benchmarks [--only PREFIX] [--scale small|full]`: run the benches and keep their results."""

import argparse
import os
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import ask, disk, flatness, flavours, growth, peer, publish, quality, steps, swap, ten_million
from benchmarks.harness import OUT, Result, Setting, run, write
from benchmarks.machine import this_machine
from benchmarks.report import Report, figure
from benchmarks.scale import SCALES

BENCHES = (
    publish.BENCH,
    ten_million.BENCH,
    quality.BENCH,
    flavours.BENCH,
    ask.BENCH,
    peer.BENCH,
    disk.BENCH,
    growth.BENCH,
    flatness.BENCH,
    swap.BENCH,
    steps.BENCH,
)
FULL = "full"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line names; returns 0, or 1 where a bench failed, or 2 where none has such a key."""
    given = _parser().parse_args(arguments)
    report = Report()
    if not any(bench.wanted(given.only) for bench in BENCHES):
        keys = ", ".join(key for bench in BENCHES for key in bench.keys)
        report.say(f"no bench measures {given.only}*; there are {keys}")
        return 2
    # A request to stop ends blocks in order, so that no process and no folder stays behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    busy = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="mianzheng-bench-") as work:
        outcome = run(BENCHES, given.only, Setting(scale=SCALES[given.scale], work=Path(work), report=report))
    write(given.out, outcome.results)
    _tell(report, outcome.results)
    report.say(f"\nmachine: {this_machine()}; load before the run {busy:.1f}")
    report.say(f"command: {_command(given)}, {time.monotonic() - began:.0f} s")
    report.say(f"written: {given.out}")
    if outcome.failed:
        report.say(f"failed: {', '.join(outcome.failed)}")
    return 1 if outcome.failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure what the hub does in a second.")
    parser.add_argument("--only", default="", metavar="PREFIX", help="only keys that begin like this")
    parser.add_argument("--scale", choices=sorted(SCALES), default=FULL, help="small: a city and rounds of a tenth")
    parser.add_argument("--out", type=Path, default=OUT, help="where the results are kept as JSON")
    return parser


def _command(given: argparse.Namespace) -> str:
    only = f" ONLY={shlex.quote(given.only)}" if given.only else ""
    scale = f" SCALE={given.scale}" if given.scale != FULL else ""
    return f"make bench{only}{scale}"


def _tell(report: Report, results: Sequence[Result]) -> None:
    report.table(
        "Results: medians",
        ("key", "median", "unit", "least", "most", "samples", "what"),
        [
            (
                each.key,
                figure(each.value),
                each.unit,
                figure(min(each.samples)),
                figure(max(each.samples)),
                str(len(each.samples)),
                each.what,
            )
            for each in results
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
