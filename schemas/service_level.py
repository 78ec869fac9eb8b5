"""A contract's service levels: how often and how soon it is delivered, how old it may be, how long it is kept."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from schemas.document import Document
from schemas.odcs_shape import SlaShape
from schemas.settings import DEFAULTS, SchemaSettings

SECTION = "slaProperties"
_HOURS = {"h": 1, "d": 24}
_DAYS = {"d": 1, "y": 365}
_MINUTES = {"min": 1, "h": 60, "d": 1440}
_PART = r"(?:\*|[0-9]+(?:-[0-9]+)?)(?:/[0-9]+)?(?:,(?:\*|[0-9]+(?:-[0-9]+)?)(?:/[0-9]+)?)*"
_CRON = re.compile(rf"{_PART}(?: {_PART}){{4}}")
_CRON_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLevels:
    """`schedule` is a cron line in Asia/Shanghai; `freshness` the greatest age of data that may be published.

    `latency` is how long after the schedule a delivery must be in force.
    """

    schedule: str
    freshness: timedelta
    latency: timedelta
    retention_days: int


def read_service_levels(
    document: Document, shapes: Sequence[SlaShape], settings: SchemaSettings = DEFAULTS
) -> ServiceLevels:
    """The service levels; notes what is missing or no value of its kind."""
    return ServiceLevels(
        schedule=_schedule(document, shapes),
        freshness=timedelta(hours=_amount(document, shapes, "freshness", _HOURS)),
        latency=timedelta(minutes=_latency(document, shapes, settings)),
        retention_days=_amount(document, shapes, "retention", _DAYS),
    )


def _latency(document: Document, shapes: Sequence[SlaShape], settings: SchemaSettings) -> int:
    said = any(each.property == "latency" for each in shapes)
    return _amount(document, shapes, "latency", _MINUTES) if said else settings.latency_minutes


def _find(document: Document, shapes: Sequence[SlaShape], name: str) -> tuple[int, SlaShape] | None:
    found = [(index, each) for index, each in enumerate(shapes) if each.property == name]
    if len(found) != 1:
        what = f"says {name} {len(found)} times" if found else f"does not say {name}"
        document.fault(f"{SECTION} {what}", f"say {name} once", SECTION, *(found[-1][:1] if found else ()))
    return found[0] if found else None


def _amount(document: Document, shapes: Sequence[SlaShape], name: str, units: dict[str, int]) -> int:
    found = _find(document, shapes, name)
    if found is None:
        return 0
    index, each = found
    if isinstance(each.value, bool) or not isinstance(each.value, int) or each.value < 1 or each.unit not in units:
        document.fault(f"{name} is no whole number of {' or '.join(units)}", "say value and unit", SECTION, index)
        return 0
    return each.value * units[each.unit]


def _schedule(document: Document, shapes: Sequence[SlaShape]) -> str:
    found = _find(document, shapes, "frequency")
    if found is None:
        return ""
    index, each = found
    if each.scheduler != "cron" or not _is_cron(each.schedule):
        document.fault("frequency has no cron line", "say scheduler: cron and schedule: '0 2 * * *'", SECTION, index)
    return each.schedule


def _is_cron(text: str) -> bool:
    if not _CRON.fullmatch(text):
        return False
    return all(
        low <= int(number) <= high
        for part, (low, high) in zip(text.split(" "), _CRON_RANGES, strict=True)
        for number in re.findall(r"(?<!/)\b[0-9]+", part)
    )
