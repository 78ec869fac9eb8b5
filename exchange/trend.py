"""How a dataset's deliveries have been, run after run: what earlier quality reports say."""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from heapq import nlargest
from pathlib import Path
from typing import Any

from exchange.layout import REPORT, Layout
from exchange.settings import ExchangeSettings
from kernel.clock import parse_instant
from kernel.errors import Damaged
from kernel.plain_file import read_bounded

_ANY = f"*/{REPORT}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run as its report has it. `failed` is how many rows failed each rule that any failed, by the rule's id."""

    run: str
    made_at: datetime
    outcome: str
    delivered: int
    quarantined: int
    failed: Mapping[str, int]

    def to_data(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "run": self.run,
            "made_at": self.made_at.isoformat(),
            "outcome": self.outcome,
            "delivered": self.delivered,
            "quarantined": self.quarantined,
            "failed": dict(self.failed),
        }


def earlier_runs(layout: Layout, settings: ExchangeSettings) -> tuple[Run, ...]:
    """The newest runs before this one, oldest first, published and held, as many as `trend_runs_max` leaves room for.

    A report that is gone or cannot be read is passed over: a trend is no proof.
    """
    most = settings.trend_runs_max - 1
    # Versions are named in the order of time; runs that were held are named by their schedulers, so their files tell.
    published = nlargest(most, layout.versions.glob(_ANY), key=lambda path: path.parent.name)
    held = nlargest(most, layout.held.glob(_ANY), key=_changed_at)
    found: dict[str, Run] = {}
    for path in (*held, *published):
        # A run that was held and then released is in both places; the version has the last word.
        with suppress(Damaged, OSError, ValueError, KeyError, TypeError, RecursionError):
            run = _read(path, settings.report_bytes_max)
            found[run.run] = run
    return tuple(sorted(found.values(), key=lambda run: run.made_at)[-most:] if most > 0 else ())


def _changed_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _read(path: Path, bytes_max: int) -> Run:
    data = json.loads(read_bounded(path, bytes_max))
    made_at = parse_instant(data["made_at"])
    return Run(
        run=str(data["run"]),
        made_at=made_at,
        outcome=str(data["outcome"]),
        delivered=int(data["counts"]["delivered"]),
        quarantined=int(data["counts"]["quarantined"]),
        failed={str(rule["rule"]): int(rule["seen"]) for rule in data["rules"] if rule.get("rows") and rule["seen"]},
    )


def failing_rules(runs: Iterable[Run], most: int) -> tuple[str, ...]:
    """The rules that rows failed in any of the runs, those of the last run first, at most so many."""
    last_first = [
        rule
        for run in reversed(tuple(runs))
        for rule, _ in sorted(run.failed.items(), key=lambda each: (-each[1], each[0]))
    ]
    return tuple(dict.fromkeys(last_first))[:most]
