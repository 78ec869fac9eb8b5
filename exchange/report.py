"""The quality report that a department acts on: what failed, how much, masked samples, and what to do.

As JSON for machines and as one page without anything from elsewhere for people. It holds shapes of values only
(`masking`): no number, no name.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from exchange.database import database, raw_column
from exchange.layout import REPORT, REPORT_PAGE
from exchange.masking import shape
from exchange.rules import row_checks
from exchange.settings import ExchangeSettings
from exchange.verdict import Result, Verdict
from exchange.wording import wording
from kernel.clock import SHANGHAI, Clock
from kernel.durable import replace_file
from schemas.contract import Contract

FORMAT = "mianzheng.quality/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One failing row: its number in the delivery (from 1, after the header) and the shapes of the values concerned."""

    record: int
    shapes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What is reported of one delivery."""

    contract: Contract
    run: str
    verdict: Verdict
    data_as_of: datetime
    made_at: datetime
    samples: Mapping[str, tuple[Sample, ...]]

    def write(self, folder: Path) -> None:
        """Write both forms, durably."""
        data = self.to_data()
        replace_file(folder / REPORT, json.dumps(data, ensure_ascii=False, indent=1).encode() + b"\n")
        replace_file(folder / REPORT_PAGE, self.page().encode())

    def to_data(self) -> dict[str, Any]:
        """The report as plain values."""
        counts = self.verdict.counts
        return {
            "format": FORMAT,
            "dataset": self.contract.id,
            "title": {"zh": self.contract.title.zh, "en": self.contract.title.en},
            "department": self.contract.department,
            "contract_version": self.contract.version,
            "run": self.run,
            "outcome": "held" if self.verdict.held else "published",
            "data_as_of": self.data_as_of.isoformat(),
            "made_at": self.made_at.isoformat(),
            "counts": {name: getattr(counts, name) for name in _COUNTS},
            "absence_allowed": self.verdict.absence_allowed,
            "rules": [self._rule(result) for result in self.verdict.results],
        }

    def _rule(self, result: Result) -> dict[str, Any]:
        words = wording(result.kind)
        columns = [self.contract.by_name[name].physical_name for name in result.properties]
        return {
            "rule": result.id,
            "columns": columns,
            "description": result.description,
            "what": {"zh": words.what.zh, "en": words.what.en},
            "remedy": {"zh": words.remedy.zh, "en": words.remedy.en},
            "seen": result.seen,
            "at_least": result.at_least,
            "at_most": result.at_most,
            "passed": result.passed,
            "samples": [
                {"record": each.record, "values": dict(zip(columns, each.shapes, strict=False))}
                for each in self.samples.get(result.id, ())
            ],
        }

    def page(self) -> str:
        """The report as one HTML page, Chinese with English beside it."""
        text = resources.files("exchange").joinpath("report.html").read_text("utf-8")
        counts = self.verdict.counts
        failed = [result for result in self.verdict.results if result.seen and result.at_most is not None]
        short = [result for result in self.verdict.results if not result.passed and result not in failed]
        return Template(text).substitute(
            title_zh=escape(self.contract.title.zh),
            title_en=escape(self.contract.title.en),
            department=escape(self.contract.department_title.zh),
            outcome_zh="暂缓发布" if self.verdict.held else "已通过，可以发布",
            outcome_en="Held: not published" if self.verdict.held else "Passed: may be published",
            outcome_class="held" if self.verdict.held else "passed",
            run=escape(self.run),
            as_of=_moment(self.data_as_of),
            made_at=_moment(self.made_at),
            counts="".join(
                f"<tr><th>{zh} <span lang=en>{en}</span></th><td>{getattr(counts, name):,}</td></tr>"
                for name, (zh, en) in _COUNTS.items()
            ),
            absence="" if self.verdict.absence_allowed else _NO_ABSENCE,
            rules="".join(self._section(result) for result in [*short, *failed]) or _ALL_WELL,
            passed=str(sum(result.passed for result in self.verdict.results)),
            total=str(len(self.verdict.results)),
        )

    def _section(self, result: Result) -> str:
        rule = self._rule(result)
        columns = "、".join(rule["columns"]) or "—"
        allowed = f"≤ {result.at_most:,}" if result.at_most is not None else f"≥ {result.at_least:,}"
        state = "✓ 在允许范围内 <span lang=en>within bounds</span>"
        if not result.passed:
            state = "✗ 超出允许范围 <span lang=en>out of bounds</span>"
        samples = "".join(
            f"<tr><td>{each['record']:,}</td><td>{_shapes(each['values'])}</td></tr>" for each in rule["samples"]
        )
        table = f"<table><tr>{_SAMPLE_HEAD}</tr>{samples}</table>" if samples else ""
        return (
            f"<section><h3>{escape(rule['what']['zh'])} <span lang=en>{escape(rule['what']['en'])}</span></h3>"
            f"<p>{escape(columns)} · {escape(result.description)}</p>"
            f"<p>发现 <span lang=en>found</span> <b>{result.seen:,}</b>，允许 <span lang=en>allowed</span> {allowed}。 "
            f"{state}</p>{table}"
            f"<p class=remedy>{escape(rule['remedy']['zh'])} <span lang=en>{escape(rule['remedy']['en'])}</span></p>"
            "</section>"
        )


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
    )


def _sample(row: Sequence[Any]) -> Sample:
    record, *values = row
    return Sample(record=record, shapes=tuple(shape(value) for value in values))


def _shapes(values: Mapping[str, str]) -> str:
    return "<br>".join(f"{escape(column)}: <code>{escape(value) or '∅'}</code>" for column, value in values.items())


def _moment(instant: datetime) -> str:
    return instant.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")


_COUNTS = {
    "delivered": ("交付记录", "delivered"),
    "published": ("合格记录", "fit to publish"),
    "duplicates": ("重复而略去", "identical duplicates dropped"),
    "quarantined": ("隔离记录", "held back"),
    "unattributable": ("其中无法归属到人", "of them, attributable to nobody"),
}
_SAMPLE_HEAD = (
    "<th>记录序号 <span lang=en>record no.</span></th><th>值的形状（已脱敏） <span lang=en>shape (masked)</span></th>"
)
_ALL_WELL = "<p>没有不合格记录。 <span lang=en>No record failed.</span></p>"
_NO_ABSENCE = (
    "<p class=warning>无法归属到人的记录过多：在改正前，“查无”类核验一律不作答。 <span lang=en>Too many records can be "
    "attributed to nobody: until they are corrected, nothing is answered from the absence of a record.</span></p>"
)
