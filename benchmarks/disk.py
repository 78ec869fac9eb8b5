"""What a slower disk costs, and what a second worker costs: workers of one hub on one core, asked in turn.

A flush is made slower by waiting after it, in the worker's own process; nothing else of the worker is changed.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from statistics import median

from benchmarks.ask import identity_of, load_of, questions_of
from benchmarks.city import City
from benchmarks.driving import drive
from benchmarks.harness import Bench, Result, Setting
from benchmarks.load import Round, Target
from benchmarks.process import Cores
from benchmarks.report import figure
from benchmarks.servers import Server, worker

SLOWER_MS = {"ask.flush2ms.kept": 2.0, "ask.flush10ms.kept": 10.0}
SECOND = "ask.second_worker.cpu_ratio"
AS_IT_IS, TOGETHER = "as it is", "two workers"


def measure(setting: Setting) -> Iterator[Result]:
    """Rounds of a worker as it is, workers on slower disks, and two workers on one port."""
    city = City.made(setting)
    city.publish_missing(setting)
    cores = Cores.of_this_machine()
    found: Mapping[str, list[Round]] = defaultdict(list)
    with ExitStack() as servers:

        def serve(number: int, *, port: int = 0, flush_ms: float = 0.0) -> Server:
            log = setting.work / f"disk-worker-{number}.log"
            return servers.enter_context(
                worker(city, core=cores.server, log=log, number=number, port=port, flush_ms=flush_ms)
            )

        first = serve(0)
        targets = [Target(name=AS_IT_IS, port=first.port, pid=first.pid, check="answer")]
        for number, (key, slower) in enumerate(SLOWER_MS.items(), 1):
            each = serve(number, flush_ms=slower)
            targets.append(Target(name=key, port=each.port, pid=each.pid, check="answer"))
        one = serve(len(targets))
        two = serve(len(targets) + 1, port=one.port)
        targets.append(Target(name=TOGETHER, port=one.port, pid=one.pid, check="answer", others=(two.pid,)))
        load = load_of(city, setting.scale, questions_of(city, setting, first))
        with setting.report.doing(f"{load.rounds} rounds of {len(targets)} kinds of workers"):
            for found_round in drive(
                targets, load, identity_of(city), core=cores.load, log=setting.work / "disk-load.log"
            ):
                found[found_round.target].append(found_round)
    _tell(setting, found)
    for key, slower in SLOWER_MS.items():
        yield Result.of(
            key,
            [slow.per_second / plain.per_second for slow, plain in zip(found[key], found[AS_IT_IS], strict=True)],
            "ratio",
            f"questions a second with every flush {slower:g} ms slower, over those without, "
            f"{setting.scale.in_flight} in flight",
        )
    yield Result.of(
        SECOND,
        [two.server_us / one.server_us for two, one in zip(found[TOGETHER], found[AS_IT_IS], strict=True)],
        "ratio",
        "CPU a question of two workers on one port and one core, over that of one",
    )


def _tell(setting: Setting, found: Mapping[str, Sequence[Round]]) -> None:
    rows = [
        (
            name,
            *(
                figure(median(getattr(each, what) for each in rounds))
                for what in ("per_second", "server_us", "p50_ms", "p99_ms")
            ),
        )
        for name, rounds in found.items()
    ]
    setting.report.table("Disks and workers: medians", ("worker", "questions/s", "CPU µs", "p50 ms", "p99 ms"), rows)


BENCH = Bench(name="disk", keys=(*SLOWER_MS, SECOND), run=measure)
