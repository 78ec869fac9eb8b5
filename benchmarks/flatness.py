"""Whether a question costs more where the registries are larger: the same questions over a small and a large index.

Two hubs have the same city; one has millions of people more in a dataset that every question reads. Their workers are
asked in turn, on the same core.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from statistics import median

from benchmarks.ask import identity_of, load_of, questions_of
from benchmarks.city import DATASETS, SWOLLEN, City
from benchmarks.driving import drive
from benchmarks.harness import Bench, Result, Setting
from benchmarks.load import Load, Round, Target
from benchmarks.process import Cores
from benchmarks.report import figure
from benchmarks.servers import worker
from exchange.layout import Layout
from exchange.snapshot import manifest_in_force

KEY = "ask.flatness"
RESIDENTS_MAX = 20_000
"""Residents of the city that both hubs have: a hundred thousand rows at most."""
ROUNDS_MAX = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """One hub with its worker, the questions about its people, and how many rows they are asked of."""

    city: City
    target: Target
    load: Load
    rows: int


def measure(setting: Setting) -> Iterator[Result]:
    """Rounds of the small and the large index in turn."""
    scale = replace(setting.scale, residents=min(setting.scale.residents, RESIDENTS_MAX))
    cores, rounds = Cores.of_this_machine(), min(scale.rounds, ROUNDS_MAX)
    found: dict[str, list[Round]] = {"small": [], "large": []}
    with ExitStack() as servers:
        sides = {
            name: _side(name, replace(setting, scale=scale, work=setting.work / f"flat-{name}"), more, servers, cores)
            for name, more in (("small", 0), ("large", scale.judged_rows))
        }
        with setting.report.doing(f"{rounds} rounds of each"):
            for _ in range(rounds):
                for name, side in sides.items():
                    log = setting.work / "flat-load.log"
                    found[name].append(
                        next(drive([side.target], side.load, identity_of(side.city), core=cores.load, log=log))
                    )
    setting.report.table(
        "The same questions over a small and a large index: medians",
        ("index", "rows", "questions/s", "CPU µs", "p99 ms"),
        [
            (
                name,
                f"{sides[name].rows:,}",
                *(figure(median(getattr(each, what) for each in found[name])) for what in ("per_second", "server_us")),
                figure(median(each.p99_ms for each in found[name])),
            )
            for name in found
        ],
    )
    yield Result.of(
        KEY,
        [large.server_us / small.server_us for small, large in zip(found["small"], found["large"], strict=True)],
        "ratio",
        f"CPU a question at {sides['large'].rows:,} rows over that at {sides['small'].rows:,}",
    )


def _side(name: str, setting: Setting, more: int, servers: ExitStack, cores: Cores) -> _Side:
    setting.work.mkdir()
    city = City.made(setting)
    # Before the delivery is too large to be read whole.
    applicants = city.applicants(setting.scale.cases)
    if more:
        with setting.report.doing(f"making {SWOLLEN} larger by {more:,} rows"):
            city.swell(more)
    city.publish_missing(setting)
    serving = servers.enter_context(worker(city, core=cores.server, log=setting.work / "worker.log"))
    load = load_of(city, setting.scale, questions_of(city, setting, serving, applicants))
    return _Side(
        city=city,
        target=Target(name=name, port=serving.port, pid=serving.pid, check="answer"),
        load=replace(load, rounds=1),
        rows=sum(_rows(city, each) for each in DATASETS),
    )


def _rows(city: City, dataset: str) -> int:
    layout = Layout.of(city.hub.paths.exchange, dataset)
    manifest = manifest_in_force(layout, bytes_max=city.hub.exchange_settings.manifest_bytes_max)
    if manifest is None:
        raise ValueError(f"{dataset} is not published")
    return manifest.counts.published


BENCH = Bench(name="flatness", keys=(KEY,), run=measure)
