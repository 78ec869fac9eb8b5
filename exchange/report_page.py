"""The quality report as one HTML page that needs nothing from elsewhere: Chinese, English beside it.

It prints, it can be read on a phone, and what colours say is said in words and signs too. Its own policy forbids it to
load or to run anything; the style is allowed by its digest.
"""

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from hashlib import sha256
from html import escape
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from exchange.layout import REPORT, REPORT_PAGE
from exchange.report import COUNTED, Report
from exchange.trend_page import trend_section
from exchange.verdict import DELIVERY, Result
from kernel.clock import SHANGHAI
from kernel.durable import replace_file
from schemas.contract import Check

_COUNTS = (
    ("交付记录", "delivered"),
    ("合格记录", "fit to publish"),
    ("重复而略去", "identical duplicates dropped"),
    ("隔离记录", "held back"),
    ("其中无法归属到人", "of them, attributable to nobody"),
)
_SAMPLE_HEAD = (
    "<th>记录序号 <span lang=en>record no.</span></th><th>值的形状（已脱敏） <span lang=en>shape (masked)</span></th>"
)
_COMPARED = "比对的版本 <span lang=en>compared with</span>"
_ALL_WELL = "<p>没有不合格记录。 <span lang=en>No record failed.</span></p>"
_NO_ABSENCE = (
    "<p class=warning>⚠ 无法归属到人的记录过多：在改正前，“查无”类核验一律不作答。 <span lang=en>Too many records can "
    "be attributed to nobody: until they are corrected, nothing is answered from the absence of a record.</span></p>"
)
_WITHIN = "✓ 在允许范围内 <span lang=en>within bounds</span>"
_OUT = "✗ 超出允许范围 <span lang=en>out of bounds</span>"
_WARNING = "⚠ 超出允许范围，仅提示，不因此暂缓 <span lang=en>out of bounds: a warning, nothing is held for it</span>"
_OF_THE_WHOLE = frozenset({DELIVERY, str(Check.ROW_COUNT)})


def write_report(report: Report, folder: Path) -> None:
    """Write both forms of a report into a folder, durably."""
    replace_file(folder / REPORT, json.dumps(report.to_data(), ensure_ascii=False, indent=1).encode() + b"\n")
    replace_file(folder / REPORT_PAGE, page(report).encode())


def page(report: Report) -> str:
    """The page."""
    verdict, contract = report.verdict, report.contract
    # A count of the whole is worth a section only where it is wrong; a rule that rows fail, wherever one did.
    short = [result for result in verdict.results if not result.passed]
    failed = [r for r in verdict.results if r.passed and r.seen and r.kind not in _OF_THE_WHOLE]
    data = {rule["rule"]: rule for rule in report.rules}
    return Template(_template()).substitute(
        style_hash=style_hash(),
        title_zh=escape(contract.title.zh),
        title_en=escape(contract.title.en),
        department=escape(contract.department_title.zh),
        outcome_zh="✗ 暂缓发布" if verdict.held else "✓ 已通过，可以发布",
        outcome_en="Held: not published" if verdict.held else "Passed: may be published",
        outcome_class="held" if verdict.held else "passed",
        run=escape(report.run),
        as_of=_moment(report.data_as_of),
        made_at=_moment(report.made_at),
        counts="".join(
            f"<tr><th>{zh} <span lang=en>{en}</span></th><td>{getattr(verdict.counts, name):,}</td></tr>"
            for name, (zh, en) in zip(COUNTED, _COUNTS, strict=True)
        ),
        absence="" if verdict.absence_allowed else _NO_ABSENCE,
        drift="".join(
            f'\n<p class="warning">{escape(each.zh)} <span lang="en">{escape(each.en)}</span></p>'
            for each in report.drift.lines
        ),
        rules="".join(_section(result, data[result.id]) for result in [*short, *failed]) or _ALL_WELL,
        passed=str(sum(result.passed for result in verdict.results)),
        total=str(len(verdict.results)),
        references="".join(
            f"<tr><th>{_COMPARED}</th><td>{escape(dataset)} {escape(version)}</td></tr>"
            for dataset, version in verdict.references
        ),
        trend=trend_section(report.runs, report.trend_rules_max),
    )


def style_hash() -> str:
    """The digest of the page's style, as a content security policy names it."""
    style = _template().partition("<style>")[2].partition("</style>")[0]
    return f"sha256-{base64.b64encode(sha256(style.encode()).digest()).decode()}"


@cache
def _template() -> str:
    return resources.files("exchange").joinpath("report.html").read_text("utf-8")


def _section(result: Result, rule: Mapping[str, Any]) -> str:
    columns = "、".join(rule["columns"]) or "—"
    state = _WITHIN if result.passed else _WARNING if result.warns else _OUT
    mark = "" if result.passed else " class=warning" if result.warns else " class=held"
    samples = "".join(
        f"<tr><td>{each['record']:,}</td><td>{_shapes(each['values'])}</td></tr>" for each in rule["samples"]
    )
    table = f"<table><tr>{_SAMPLE_HEAD}</tr>{samples}</table>" if samples else ""
    return (
        f"<section{mark}><h3>{escape(rule['what']['zh'])} <span lang=en>{escape(rule['what']['en'])}</span></h3>"
        f"<p>{escape(columns)} · {escape(result.description)} <code>{escape(result.id)}</code></p>"
        f"<p>发现 <span lang=en>found</span> <b>{result.seen:,}</b>，允许 <span lang=en>allowed</span> "
        f"{escape(allowed(result))}。 {state}</p>{table}"
        f"<p class=remedy>{escape(rule['remedy']['zh'])} <span lang=en>{escape(rule['remedy']['en'])}</span></p>"
        "</section>"
    )


def allowed(result: Result) -> str:
    """How much a rule allows, as a count, and as the contract says it where that is in percent."""
    ends = [f"≥ {result.at_least:,}"] if result.at_least is not None else []
    if result.at_most is not None:
        ends += [f"≤ {result.at_most:,}"] if result.at_most >= 0 else ["—"]
    counts = "，".join(ends)
    return f"{counts}（{result.bound}）" if "%" in result.bound else counts


def _shapes(values: Mapping[str, str]) -> str:
    return "<br>".join(f"{escape(column)}: <code>{escape(value) or '∅'}</code>" for column, value in values.items())


def _moment(instant: datetime) -> str:
    return instant.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
