"""How fast deliveries become snapshots: every dataset of the city, all steps, one after another on one process."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from time import perf_counter

from benchmarks.city import City
from benchmarks.harness import Bench, Result, Setting
from benchmarks.report import figure
from exchange.publish import STEPS

KEY = "publish.rows_per_s"


def measure(setting: Setting) -> Iterator[Result]:
    """Publish everything several times over; one dataset before, since the first one loads DuckDB and its judge."""
    city = City.made(setting)
    datasets = sorted(city.hub.catalogue.contracts)
    rates = []
    steps: defaultdict[str, float] = defaultdict(float)
    by_dataset: defaultdict[str, float] = defaultdict(float)
    rows: dict[str, int] = {}
    with setting.report.doing(f"warming up with {datasets[0]}"):
        city.publish(datasets[0], "bench-0")
    for number in range(1, setting.scale.publish_rounds + 1):
        began = perf_counter()
        for dataset in datasets:
            with setting.report.doing(f"publishing {dataset}, round {number} of {setting.scale.publish_rounds}"):
                published = city.publish(dataset, f"bench-{number}")
            rows[dataset] = published.counts.delivered
            by_dataset[dataset] += sum(published.seconds.values())
            for name, spent in published.seconds.items():
                steps[name] += spent
        rates.append(sum(rows.values()) / (perf_counter() - began))
    _tell(setting, rows, steps, by_dataset)
    yield Result.of(
        KEY,
        rates,
        "rows/s",
        f"delivered rows a second, from {len(datasets)} deliveries in five forms ({sum(rows.values()):,} rows) to "
        "sealed snapshots in force, all steps, datasets one after another",
    )


def _tell(setting: Setting, rows: dict[str, int], steps: Mapping[str, float], by_dataset: Mapping[str, float]) -> None:
    rounds = setting.scale.publish_rounds
    whole = sum(steps.values())
    setting.report.table(
        "Publishing by step",
        ("step", "seconds a round", "share %"),
        [(name, figure(steps[name] / rounds), figure(100 * steps[name] / whole)) for name in STEPS],
    )
    setting.report.table(
        "Publishing by dataset",
        ("dataset", "rows", "seconds", "rows/s"),
        [
            (name, f"{rows[name]:,}", figure(spent / rounds), figure(rows[name] * rounds / spent))
            for name, spent in sorted(by_dataset.items())
        ],
    )


BENCH = Bench(name="publish", keys=(KEY,), run=measure)
