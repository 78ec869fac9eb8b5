"""How many calls a second each flavour of Python's gRPC server takes when a call does nothing.

By this the product's own flavour was chosen (docs/decisions/0017-a-threaded-server.md), and against the fastest of them
its questions are measured. All stand at once on the serving core and are asked in turn.
"""

import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from statistics import median

from benchmarks.ask import identity_of
from benchmarks.city import City
from benchmarks.driving import drive
from benchmarks.harness import Bench, Result, Setting
from benchmarks.load import Load, Round, Target
from benchmarks.noop import FASTEST, FLAVOURS
from benchmarks.process import Cores
from benchmarks.question import METHOD
from benchmarks.report import figure
from benchmarks.servers import noop

REPLY_BYTES = 2_400
"""About what a statement with five answers and its receipt take."""
REQUEST_BYTES = 700
ROUNDS_MAX = 5


def measure(setting: Setting) -> Iterator[Result]:
    """Rounds of every flavour in turn."""
    city = City.made(setting)
    cores, scale = Cores.of_this_machine(), setting.scale
    load = Load(
        method=METHOD,
        questions=tuple(os.urandom(REQUEST_BYTES).hex() for _ in range(16)),
        in_flight=scale.in_flight,
        connections=scale.connections,
        warm_up_seconds=scale.warm_up_seconds,
        round_seconds=scale.round_seconds,
        rounds=min(scale.rounds, ROUNDS_MAX),
        trust="",
    )
    found: dict[str, list[Round]] = defaultdict(list)
    with ExitStack() as servers, setting.report.doing(f"{load.rounds} rounds of {len(FLAVOURS)} flavours"):
        targets = []
        for name in FLAVOURS:
            log = setting.work / f"{name}.log"
            server = servers.enter_context(
                noop(city, os.urandom(REPLY_BYTES), core=cores.server, log=log, flavour=name)
            )
            targets.append(Target(name=name, port=server.port, pid=server.pid, check="same"))
        for each in drive(targets, load, identity_of(city), core=cores.load, log=setting.work / "flavours-load.log"):
            found[each.target].append(each)
    rates = {name: median(each.per_second for each in rounds) for name, rounds in found.items()}
    fastest = max(rates, key=rates.__getitem__)
    if fastest != FASTEST:
        setting.report.say(f"{fastest} was the fastest here ({figure(rates[fastest])}/s), not {FASTEST}")
    for name, rounds in found.items():
        yield Result.of(
            f"ask.flavours.{name}",
            [each.per_second for each in rounds],
            "calls/s",
            f"no-op calls, {FLAVOURS[name].what}; {scale.in_flight} in flight, {REPLY_BYTES} bytes a reply, one core",
        )


BENCH = Bench(name="flavours", keys=tuple(f"ask.flavours.{name}" for name in FLAVOURS), run=measure)
