"""Whether a worker grows: its memory before and after very many questions, all of them answered and checked.

The receipts' proofs and the open cases are what might pile up; both are asked of anew all the time.
"""

from collections.abc import Iterator
from dataclasses import replace

from benchmarks.ask import identity_of, load_of, questions_of
from benchmarks.city import City
from benchmarks.driving import drive
from benchmarks.harness import Bench, Result, Setting
from benchmarks.load import Target
from benchmarks.process import Cores, memory_mb
from benchmarks.report import figure
from benchmarks.servers import worker

MILLION = 1_000_000
KEY = "memory.growth_mb_1m"


def measure(setting: Setting) -> Iterator[Result]:
    """Rounds until so many questions were answered; the first ones, which fill caches, are not counted."""
    city = City.made(setting)
    city.publish_missing(setting)
    cores, wanted = Cores.of_this_machine(), setting.scale.growth_questions
    log = setting.work / "growth.log"
    with worker(city, core=cores.server, log=log) as serving:
        load = load_of(city, setting.scale, questions_of(city, setting, serving))
        target = Target(name="verifier", port=serving.port, pid=serving.pid, check="answer")
        asked, marks = 0, list[tuple[int, float]]()
        with setting.report.doing(f"asking {wanted:,} questions"):
            while asked < wanted or not marks[1:]:
                for each in drive([target], replace(load, rounds=1), identity_of(city), core=cores.load, log=log):
                    asked += each.checked
                    marks.append((asked, memory_mb(serving.pid, without=city.hub.paths.home)))
    (first, before), (last, after) = marks[0], marks[-1]
    setting.report.say(
        f"{figure(before)} MB after {first:,} questions, {figure(after)} MB after {last:,}: "
        f"{figure(after - before)} MB more"
    )
    yield Result.of(
        KEY,
        [(after - before) * MILLION / (last - first)],
        "MB",
        f"memory that a worker gained over {last - first:,} questions, for each million; without files that it maps",
    )


BENCH = Bench(name="growth", keys=(KEY,), run=measure)
