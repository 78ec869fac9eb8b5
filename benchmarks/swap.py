"""What a new snapshot costs the calls that are under way while it comes into force.

The worker has one core; the load client and the publisher share the other. Each pair of rounds asks the same questions:
one with nothing published, one in the middle of which `current` of a dataset that every question needs is moved.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from threading import Thread

from benchmarks.ask import identity_of, load_of, questions_of
from benchmarks.city import SWOLLEN, City
from benchmarks.driving import drive
from benchmarks.harness import Bench, Result, Setting
from benchmarks.load import Load, Round, Target
from benchmarks.process import Cores
from benchmarks.report import figure
from benchmarks.servers import worker
from exchange import steps
from exchange.job import Job
from exchange.layout import INDEX
from exchange.publish import STEPS

PAIRS = 3
SHARE = 5
"""A registry of a fifth of the rows that other benches publish: each pair publishes it once more."""
FAILED, RATIO = "swap.failed_calls", "swap.p99_ratio"


def measure(setting: Setting) -> Iterator[Result]:
    """Pairs of rounds. A single call that fails fails the bench."""
    city = City.made(setting)
    with setting.report.doing(f"making {SWOLLEN} larger"):
        city.swell(setting.scale.judged_rows // SHARE)
    city.publish_missing(setting)
    with setting.report.doing(f"publishing {SWOLLEN}"):
        city.publish(SWOLLEN, "swap-0")
    cores = Cores.of_this_machine()
    quiet: list[Round] = []
    swapped: list[Round] = []
    with worker(city, core=cores.server, log=setting.work / "swap-worker.log") as serving:
        load = replace(load_of(city, setting.scale, questions_of(city, setting, serving)), rounds=1)
        target = Target(name="verifier", port=serving.port, pid=serving.pid, check="answer")

        def ask() -> Round:
            log = setting.work / "swap-load.log"
            return next(drive([target], load, identity_of(city), core=cores.load, log=log))

        ask()
        for number in range(1, PAIRS + 1):
            job = _recorded(city, number)
            with setting.report.doing(f"pair {number} of {PAIRS}"):
                quiet.append(ask())
                mover = Thread(target=_promote, args=(job, load, cores.load))
                mover.start()
                swapped.append(ask())
                mover.join()
    size = max(path.stat().st_size for path in (city.hub.paths.exchange / SWOLLEN).glob(f"versions/*/{INDEX}"))
    calls = sum(each.calls for each in swapped)
    yield Result.of(
        FAILED, [0.0], "calls", f"of {calls:,} while {SWOLLEN} was replaced {PAIRS} times; every reply checked"
    )
    yield Result.of(
        RATIO,
        [after.p99_ms / before.p99_ms for before, after in zip(quiet, swapped, strict=True)],
        "ratio",
        f"p99 of a round of {load.round_seconds:.0f} s in which an index of {figure(size / 1e6)} MB was proved and "
        "taken into use, over that of the round before it",
    )


def _recorded(city: City, number: int) -> Job:
    """A new version of the dataset that has only to be put in force."""
    job = city.job(SWOLLEN, f"swap-{number}")
    for name, step in STEPS.items():
        if name != "promote":
            step(job)
    return job


def _promote(job: Job, load: Load, core: int) -> None:
    os.sched_setaffinity(0, {core})
    time.sleep(load.warm_up_seconds + load.round_seconds / 2)
    steps.promote(job)


BENCH = Bench(name="swap", keys=(FAILED, RATIO), run=measure)
