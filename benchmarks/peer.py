"""Streams and batches, and the hub beside its peer in each way to ask: the same people, the same TLS, one core.

What is compared is statements for each second of CPU, of the whole service: the worker here; uvicorn and PostgreSQL
there. The two are asked in turn; where there is no PostgreSQL the comparison is left out and says so.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from statistics import median

from benchmarks.ask import identity_of, load_of, questions_of
from benchmarks.city import City
from benchmarks.driving import drive
from benchmarks.harness import Bench, Result, Setting
from benchmarks.load import Target
from benchmarks.many import BATCH, BATCH_SIZE, CONNECTIONS, STREAM
from benchmarks.marked import Marks, Spent, rounds
from benchmarks.peers.database import NoDatabase
from benchmarks.peers.load import UNARY
from benchmarks.peers.running import Peer, peer, told
from benchmarks.process import Cores, cpu_seconds
from benchmarks.report import figure
from benchmarks.scale import Scale
from benchmarks.servers import Server, worker

MODES = (UNARY, STREAM, BATCH)
RATES = {STREAM: "ask.stream.per_s", BATCH: "ask.batch50.per_s"}
BESIDE = {UNARY: "ask.unary.vs_peer", STREAM: "ask.stream.vs_peer", BATCH: "ask.batch50.vs_peer"}
ROUNDS_MAX = 5
Rounds = dict[str, list[Spent]]


def measure(setting: Setting) -> Iterator[Result]:
    """Rounds of each mode, the hub's and the peer's in turn."""
    city = City.made(setting)
    city.publish_missing(setting)
    cores, scale = Cores.of_this_machine(), setting.scale
    ours: Rounds = defaultdict(list)
    theirs: Rounds = defaultdict(list)
    with ExitStack() as servers:
        serving = servers.enter_context(worker(city, core=cores.server, log=setting.work / "peer-worker.log"))
        questions = questions_of(city, setting, serving)
        try:
            beside = servers.enter_context(peer(city, setting, core=cores.server))
        except NoDatabase as error:
            setting.report.say(f"not compared with the peer: {error}")
            beside = None
        with setting.report.doing(f"{min(scale.rounds, ROUNDS_MAX)} rounds of {len(MODES)} ways to ask"):
            for _ in range(min(scale.rounds, ROUNDS_MAX)):
                for mode in MODES:
                    ours[mode].append(_ours(mode, city, setting, serving, questions, core=cores.load))
                    if beside is not None:
                        theirs[mode].append(_theirs(mode, city, setting, beside, core=cores.load))
    _tell(setting, ours, theirs)
    yield from _results(ours, theirs, scale)


def _ours(mode: str, city: City, setting: Setting, serving: Server, questions: tuple[str, ...], *, core: int) -> Spent:
    scale, identity, log = setting.scale, identity_of(city), setting.work / f"ours-{mode}.log"
    if mode == UNARY:
        load = replace(load_of(city, scale, questions), rounds=1)
        target = Target(name="verifier", port=serving.port, pid=serving.pid, check="answer")
        found = next(drive([target], load, identity, core=core, log=log))
        return Spent(statements=found.calls, cpu=found.server_cpu, seconds=found.seconds)
    what = {
        "mode": mode,
        "port": serving.port,
        "in_flight": scale.in_flight,
        "questions": questions,
        "trust": str(city.hub.paths.trust),
        "authority": identity.authority,
        "certificate": identity.certificate,
        "key": identity.key,
    }
    return _only(rounds("benchmarks.many", what, _marks(scale), lambda: cpu_seconds(serving.pid), core=core, log=log))


def _theirs(mode: str, city: City, setting: Setting, beside: Peer, *, core: int) -> Spent:
    what = told(beside, city, mode, setting.scale.in_flight)
    log = setting.work / f"peer-{mode}.log"
    used: Callable[[], float] = beside.cpu_seconds
    return _only(rounds("benchmarks.peers.load", what, _marks(setting.scale), used, core=core, log=log))


def _marks(scale: Scale) -> Marks:
    return Marks(warm_up_seconds=scale.warm_up_seconds, round_seconds=scale.round_seconds, rounds=1)


def _only(found: Iterator[Spent]) -> Spent:
    (one,) = found
    return one


def _results(ours: Rounds, theirs: Rounds, scale: Scale) -> Iterator[Result]:
    shapes = {
        STREAM: f"{scale.in_flight} questions under way on {CONNECTIONS} streams",
        BATCH: f"{CONNECTIONS} batches of {BATCH_SIZE} at once",
    }
    for mode, key in RATES.items():
        yield Result.of(
            key,
            [each.per_second for each in ours[mode]],
            "statements/s",
            f"{shapes[mode]}, five claims each, one worker on one core, every receipt checked",
        )
    for mode, key in BESIDE.items():
        if theirs[mode]:
            pairs = zip(ours[mode], theirs[mode], strict=True)
            yield Result.of(
                key,
                [one.per_cpu_second / other.per_cpu_second for one, other in pairs],
                "ratio",
                "statements a second of CPU over those of FastAPI with PostgreSQL, its database's CPU counted",
            )


def _tell(setting: Setting, ours: Rounds, theirs: Rounds) -> None:
    def row(name: str, found: Sequence[Spent]) -> tuple[str, str, str]:
        return (
            name,
            figure(median(each.per_second for each in found)),
            figure(median(each.per_cpu_second for each in found)),
        )

    rows = [row(f"hub, {mode}", ours[mode]) for mode in MODES]
    rows += [row(f"peer, {mode}", theirs[mode]) for mode in MODES if theirs[mode]]
    setting.report.table(
        "Ways to ask: medians of the rounds", ("service", "statements/s", "statements a CPU second"), rows
    )


BENCH = Bench(name="peer", keys=(*RATES.values(), *BESIDE.values()), run=measure)
