"""The quality report that a department acts on: what failed, how much, masked samples, what to do, and the trend.

As JSON for machines and as one page without anything from elsewhere for people. It holds shapes of values only
(`masking`): no number, no name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from exchange.database import database, raw_column
from exchange.drift import NO_DRIFT, Drift
from exchange.masking import shape
from exchange.rules import row_checks
from exchange.settings import ExchangeSettings
from exchange.trend import Run
from exchange.verdict import DELIVERY, Result, Verdict
from exchange.wording import wording
from kernel.clock import Clock
from schemas.contract import Check, Contract

FORMAT = "mianzheng.quality/1"
COUNTED = ("delivered", "published", "duplicates", "quarantined", "unattributable")
"""What a report tells of a delivery's counts."""

_NOT_OF_ROWS = frozenset({DELIVERY, str(Check.ROW_COUNT)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One failing row: its number in the delivery (from 1, after the header) and the shapes of the values concerned."""

    record: int
    shapes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What is reported of one delivery. `earlier` are the runs before it, oldest first."""

    contract: Contract
    run: str
    verdict: Verdict
    data_as_of: datetime
    made_at: datetime
    samples: Mapping[str, tuple[Sample, ...]]
    earlier: tuple[Run, ...] = ()
    drift: Drift = NO_DRIFT
    trend_rules_max: int

    def after(self, earlier: tuple[Run, ...]) -> "Report":
        """The report with the runs before it, oldest first."""
        return replace(self, earlier=earlier)

    def drifted(self, drift: Drift) -> "Report":
        """The report with how the delivery's columns differ from the contract's."""
        return replace(self, drift=drift)

    @property
    def outcome(self) -> str:
        """What has become of the delivery: `held` or `published`."""
        return "held" if self.verdict.held else "published"

    @property
    def runs(self) -> tuple[Run, ...]:
        """This run with those before it, oldest first."""
        counts = self.verdict.counts
        failed = {each.id: each.seen for each in self.verdict.results if each.seen and each.kind not in _NOT_OF_ROWS}
        this = Run(
            run=self.run,
            made_at=self.made_at,
            outcome=self.outcome,
            delivered=counts.delivered,
            quarantined=counts.quarantined,
            failed=failed,
        )
        return (*(each for each in self.earlier if each.run != self.run), this)

    @property
    def rules(self) -> list[dict[str, Any]]:
        """Every rule's result as plain values."""
        return [self._rule(result) for result in self.verdict.results]

    def to_data(self) -> dict[str, Any]:
        """The report as plain values. `suite` is what Great Expectations was asked, in its own form."""
        return {
            "format": FORMAT,
            "dataset": self.contract.id,
            "title": {"zh": self.contract.title.zh, "en": self.contract.title.en},
            "department": self.contract.department,
            "contract_version": self.contract.version,
            "run": self.run,
            "outcome": self.outcome,
            "data_as_of": self.data_as_of.isoformat(),
            "made_at": self.made_at.isoformat(),
            "counts": {name: getattr(self.verdict.counts, name) for name in COUNTED},
            "absence_allowed": self.verdict.absence_allowed,
            "references": [{"dataset": name, "version": version} for name, version in self.verdict.references],
            "rules": self.rules,
            "drift": self.drift.to_data(),
            "trend": [each.to_data() for each in self.runs],
            "suite": self.verdict.suite,
        }

    def _rule(self, result: Result) -> dict[str, Any]:
        words = wording(result.kind)
        columns = [self.contract.by_name[name].physical_name for name in result.properties]
        return {
            "rule": result.id,
            "kind": result.kind,
            "rows": result.kind not in _NOT_OF_ROWS,
            "columns": columns,
            "description": result.description,
            "what": {"zh": words.what.zh, "en": words.what.en},
            "remedy": {"zh": words.remedy.zh, "en": words.remedy.en},
            "seen": result.seen,
            "at_least": result.at_least,
            "at_most": result.at_most,
            "allowed": result.bound,
            "passed": result.passed,
            "severity": "warning" if result.warns else "error",
            "samples": [
                {"record": each.record, "values": dict(zip(columns, each.shapes, strict=False))}
                for each in self.samples.get(result.id, ())
            ],
        }


def make_report(
    contract: Contract,
    run: str,
    verdict: Verdict,
    staged: Path,
    *,
    data_as_of: datetime,
    clock: Clock,
    settings: ExchangeSettings,
) -> Report:
    """Gather the masked samples of a validated delivery."""
    failing = {result.id for result in verdict.results if result.seen}
    samples = {}
    with database(staged, settings) as connection:
        for check in row_checks(contract, today=clock.today(), settings=settings):
            if check.id not in failing:
                continue
            columns = ", ".join(["_record", *(raw_column(name) for name in check.properties)])
            rows = connection.execute(
                f"select {columns} from quarantine where list_contains(_rules, ?) order by _record limit ?",  # noqa: S608 (quoted)
                [check.id, settings.samples_per_rule],
            ).fetchall()
            samples[check.id] = tuple(_sample(row) for row in rows)
    return Report(
        contract=contract,
        run=run,
        verdict=verdict,
        data_as_of=data_as_of,
        made_at=clock.now(),
        samples=samples,
        trend_rules_max=settings.trend_rules_max,
    )


def _sample(row: Sequence[Any]) -> Sample:
    record, *values = row
    return Sample(record=record, shapes=tuple(shape(value) for value in values))
