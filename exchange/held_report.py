"""What is said of a held delivery: to whoever decides about it, and in its report once it is released."""

import json
import re
from datetime import datetime

from exchange.holding import HeldDelivery
from exchange.job import Job
from exchange.layout import REPORT, REPORT_PAGE
from kernel.clock import SHANGHAI
from kernel.durable import replace_file
from kernel.errors import Damaged

_SUMMARY = """\
交付 {delivered:,} 条，其中合格 {published:,} 条，隔离 {quarantined:,} 条（{unattributable:,} 条无法归属到人）。
{delivered:,} rows delivered, {published:,} fit to publish, {quarantined:,} held back \
({unattributable:,} attributable to nobody).

未通过的规则 rules that did not pass:

{failures}

数据时点 data as of: {as_of}

请于 {until} 前决定，逾期视为不予放行。 Decide before {until}; afterwards it lapses.

放行：合格记录生效；不合格记录仍被隔离，凡可能涉及的当事人一律不作答。
If released, the rows that are fit come into force; those that failed stay held back, and nothing is answered about \
whoever they may concern.

报告 report: {report}
"""

_RELEASED = (
    '<p class="held">本批数据曾被暂缓，{at} 由责任部门决定放行；不合格记录仍被隔离。 <span lang="en">'
    "This delivery was held, and then released by its department; the rows that failed stay held back.</span></p>"
)


def summary(held: HeldDelivery, *, days: float) -> str:
    """What somebody needs to know to decide within so many days, in Markdown, Chinese and English; no personal data.

    Raises Damaged where the report is not as it was written.
    """
    counts = held.counts
    return _SUMMARY.format(
        delivered=counts.delivered,
        published=counts.published,
        quarantined=counts.quarantined,
        unattributable=counts.unattributable,
        failures="\n".join(f"- {each}" for each in _failures(held)),
        as_of=moment(held.data_as_of),
        until=moment(held.lapses_at(days)),
        report=held.folder / REPORT_PAGE,
    )


def say_released(job: Job) -> None:
    """Let both forms of the report in the run's folder say so: the snapshot's manifest commits to them."""
    now = job.clock.now()
    data = json.loads((job.folder / REPORT).read_bytes())
    data |= {"outcome": "released", "released_at": now.isoformat()}
    replace_file(job.folder / REPORT, json.dumps(data, ensure_ascii=False, indent=1).encode() + b"\n")
    note = _RELEASED.format(at=moment(now))
    page, found = re.subn(r"<body[^>]*>", lambda body: body[0] + note, (job.folder / REPORT_PAGE).read_text("utf-8"))
    if found != 1:
        raise Damaged("is no report", field=REPORT_PAGE, remedy="have it delivered again")
    replace_file(job.folder / REPORT_PAGE, page.encode())


def moment(instant: datetime) -> str:
    """An instant as people of the city read it."""
    return instant.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")


def _failures(held: HeldDelivery) -> list[str]:
    """A line for each rule that did not pass."""
    try:
        rules = json.loads((held.folder / REPORT).read_bytes())["rules"]
        return [_failure(each) for each in rules if each["rule"] in held.reasons]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Damaged("is no report", field=REPORT, remedy="have it delivered again") from error


def _failure(rule: dict[str, object]) -> str:
    allowed = f"≤ {rule['at_most']}" if rule["at_most"] is not None else f"≥ {rule['at_least']}"
    return f"`{rule['rule']}` {rule['description']} 发现 found {rule['seen']}，允许 allowed {allowed}"
