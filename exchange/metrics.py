"""The datasets' states as metrics, in text that Prometheus and OpenMetrics scrapers read alike.

Only gauges are written, which both formats spell the same way. Instants stand beside ages: a file that is scraped long
after it was written still tells when data was vouched for.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from exchange.freshness import State
from exchange.status import DatasetStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gauge:
    """One metric of every dataset; None where a dataset has no value of it. `unit` is the end of its name."""

    name: str
    unit: str
    help: str
    value: Callable[[DatasetStatus], float | None]


def _timestamp(instant: datetime | None) -> float | None:
    return None if instant is None else instant.timestamp()


_GAUGES = (
    _Gauge(
        name="mianzheng_dataset_age_seconds",
        unit="seconds",
        help="Age of the data in force when this was written; negative where its registry is ahead",
        value=lambda each: each.freshness.age.total_seconds() if each.freshness.age is not None else None,
    ),
    _Gauge(
        name="mianzheng_dataset_age_limit_seconds",
        unit="seconds",
        help="Age beyond which the contract calls the data stale",
        value=lambda each: each.contract.freshness.total_seconds(),
    ),
    _Gauge(
        name="mianzheng_dataset_as_of_timestamp_seconds",
        unit="seconds",
        help="The instant that the registry vouches for in the data in force",
        value=lambda each: _timestamp(each.manifest.data_as_of) if each.manifest else None,
    ),
    _Gauge(
        name="mianzheng_dataset_last_success_timestamp_seconds",
        unit="seconds",
        help="When a run last ended with what was delivered in force",
        value=lambda each: _timestamp(each.last.succeeded_at) if each.last else None,
    ),
    _Gauge(
        name="mianzheng_dataset_last_run_timestamp_seconds",
        unit="seconds",
        help="When the last run ended, however it did",
        value=lambda each: _timestamp(each.last.at) if each.last else None,
    ),
    _Gauge(
        name="mianzheng_dataset_rows",
        unit="",
        help="Rows in force",
        value=lambda each: each.manifest.counts.published if each.manifest else None,
    ),
    _Gauge(
        name="mianzheng_dataset_quarantined_rows",
        unit="",
        help="Rows of the delivery in force that were held back",
        value=lambda each: each.manifest.counts.quarantined if each.manifest else None,
    ),
    _Gauge(
        name="mianzheng_dataset_held_deliveries",
        unit="",
        help="Held deliveries that wait for a decision",
        value=lambda each: len(each.held),
    ),
)


def metrics_text(statuses: Iterable[DatasetStatus]) -> str:
    """Every dataset's metrics, ended by `# EOF` (OpenMetrics 1.0; Prometheus' text format reads that as a comment)."""
    return "\n".join([*_lines(tuple(statuses)), "# EOF", ""])


def _lines(statuses: tuple[DatasetStatus, ...]) -> Iterator[str]:
    name = "mianzheng_dataset_state"
    yield from _head(name, "", "1 for the state that the dataset is in, 0 for every other")
    for each in statuses:
        for state in State:
            yield f"{name}{_labels(each, state=str(state))} {int(each.freshness.state is state)}"
    for gauge in _GAUGES:
        yield from _head(gauge.name, gauge.unit, gauge.help)
        for each in statuses:
            value = gauge.value(each)
            if value is not None:
                yield f"{gauge.name}{_labels(each)} {value}"


def _head(name: str, unit: str, text: str) -> Iterator[str]:
    yield f"# TYPE {name} gauge"
    if unit:
        yield f"# UNIT {name} {unit}"
    yield f"# HELP {name} {text}"


def _labels(status: DatasetStatus, **more: str) -> str:
    # Ids are letters, digits and underscores: nothing in them needs escaping.
    labels = {"dataset": status.contract.id, "department": status.contract.department, **more}
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"
