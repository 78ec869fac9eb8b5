"""A worker's counts as Prometheus reads them, over HTTP on an address that only this machine reaches."""

from collections.abc import Callable, Iterable, Iterator, Mapping

import structlog
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from kernel.errors import MianzhengError
from verifier.meter import Meter, Spread
from verifier.service import Verifier

State = Callable[[], Mapping[str, float]]
"""How a worker stands at this moment: gauges by name."""

GAUGES = {
    "serving": "1 while the worker can sign, record and read; else 0",
    "calls_waiting": "Calls that wait for a thread",
    "streams": "Streams that are open",
    "log_waiting": "Records that wait for the next flush",
    "log_failed": "1 once the log has stopped for good; else 0",
}
"""The gauges of a worker, and what each says."""

_LOGGER = structlog.get_logger("mianzheng.verifier")


class WorkerMetrics(Collector):
    """Everything that a worker tells about itself; the labels are methods, codes, items, claims and datasets alone."""

    def __init__(self, verifier: Verifier, state: State) -> None:
        """Take the worker, and how it stands."""
        self._verifier = verifier
        self._meter: Meter = verifier.desk.meter
        self._state = state

    def collect(self) -> Iterator[Metric]:
        """The families, in a fixed order."""
        counts = self._meter.counts()
        yield _counter("calls", "Calls ended", ("method", "status"), counts.calls.items())
        yield _histogram("call_seconds", "How long calls took, until the reply was handed to grpc", counts.seconds)
        answers = {
            (item, claim, verdict.outcome.name, verdict.reason.name): count
            for (item, claim, verdict), count in counts.answers.items()
        }
        yield _counter("answers", "Claims judged", ("item", "claim", "outcome", "reason"), answers.items())
        refusals = {(code,): count for code, count in counts.refusals.items()}
        yield _counter("refusals", "Questions and calls refused, by the error's code", ("code",), refusals.items())
        yield _counter("shed", "Calls refused unread because too many waited", (), [((), counts.shed)])
        yield _histogram("commit_entries", "Entries that one flush made durable", {"": counts.groups})
        yield _histogram("flush_seconds", "How long a group's write and flush took", {"": counts.flushes})
        yield _counter("committed_bytes", "Bytes written to the journal", (), [((), counts.committed_bytes)])
        state = self._state()
        for name, text in GAUGES.items():
            yield GaugeMetricFamily(f"mianzheng_{name}", text, value=state[name])
        yield self._ages()

    def _ages(self) -> Metric:
        found = GaugeMetricFamily(
            "mianzheng_data_as_of_timestamp_seconds", "Up to when the data in force goes", labels=("dataset",)
        )
        agreed = self._verifier.desk.agreements.current
        try:
            snapshots = agreed.facts.pin(agreed.catalogue.contracts).snapshots
        except (MianzhengError, OSError):
            # `serving` tells of it.
            return found
        for dataset, snapshot in snapshots.items():
            found.add_metric((dataset,), snapshot.data_as_of.timestamp())
        return found


def serve_metrics(verifier: Verifier, state: State, number: int) -> Callable[[], None]:
    """Serve the counts of worker `number` at `/metrics` of its own port, where the settings say so; returns the end.

    A port that is taken is told of in the log, and keeps nobody from serving: answers matter more than their count.
    """
    settings = verifier.settings
    if not settings.metrics_port:
        return lambda: None
    port = settings.metrics_port + number
    registry = CollectorRegistry(auto_describe=False)
    registry.register(WorkerMetrics(verifier, state))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    try:
        server, thread = start_http_server(port, addr=settings.metrics_host, registry=registry)
    except OSError:
        _LOGGER.warning("no metrics", port=port, why="the port cannot be listened on")
        return lambda: None
    _LOGGER.info("metrics", port=server.server_port)

    def end() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return end


def _counter(
    name: str, text: str, labels: tuple[str, ...], counts: Iterable[tuple[tuple[str, ...], int]]
) -> CounterMetricFamily:
    family = CounterMetricFamily(f"mianzheng_{name}", text, labels=labels)
    for values, count in sorted(counts):
        family.add_metric(values, count)
    return family


def _histogram(name: str, text: str, spreads: Mapping[str, Spread]) -> HistogramMetricFamily:
    """One spread by method, or, under the empty name, one alone."""
    family = HistogramMetricFamily(f"mianzheng_{name}", text, labels=() if "" in spreads else ("method",))
    for label, spread in sorted(spreads.items()):
        family.add_metric((label,) if label else (), spread.buckets(), spread.total)
    return family
