"""`mianzheng datasets`: what is in force and what was, what two versions differ in, and what people decide about it."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from app.datasets import Difference, difference, job_of, layout_of, status_of, statuses
from app.publications import Publications
from app.standing import measured, write_metrics
from cli.dataset_words import (
    STATES,
    age,
    difference_lines,
    difference_values,
    fact_lines,
    moment,
    rehearsal_lines,
    rehearsal_values,
    status_values,
    version_values,
)
from cli.given import who_types
from cli.options import AsJson, Home, opened
from exchange.held import list_held, reject, release
from exchange.history import history
from exchange.metrics import metrics_text
from exchange.rehearsal import Rehearsed, rehearse
from exchange.report_page import write_report
from exchange.rollback import roll_back
from exchange.taken_back import rollbacks
from kernel.digest import digest_text

NOT_PUBLISHABLE = 1

datasets_app = typer.Typer(help="数据资源。 Datasets.", no_args_is_help=True)

Dataset = Annotated[str, typer.Argument(help="数据资源编号。 The dataset's id.")]
By = Annotated[str, typer.Option(help="决定人；缺省为登录用户。 Who decides; else who is logged in.")]
Reason = Annotated[str, typer.Option(help="事由，记入审计日志。 Why; it is recorded.")]


@datasets_app.command("list")
def list_datasets(home: Home = None, as_json: AsJson = False) -> None:
    """列出全部数据资源及其状态。 Every dataset, and how it stands."""
    found = statuses(opened(home))
    if as_json:
        typer.echo(_json([status_values(each) for each in found]))
        return
    for each in found:
        words, manifest = STATES[each.freshness.state], each.manifest
        in_force = "—"
        if manifest is not None:
            in_force = f"{manifest.version} · {manifest.counts.published:,} 条 rows · {age(each.freshness.age)}"
        held = f" · 待决 {len(each.held)} held" if each.held else ""
        typer.echo(f"{each.contract.id}: {words.zh} {words.en} · {in_force}{held}")


@datasets_app.command()
def show(dataset: Dataset, home: Home = None, as_json: AsJson = False) -> None:
    """一个数据资源的现行版本、合同与状态。 What of a dataset is in force, under which contract, in which state."""
    hub = opened(home)
    status = status_of(hub, dataset)
    if as_json:
        typer.echo(_json(status_values(status)))
        return
    for line in fact_lines(status, layout_of(hub, dataset)):
        typer.echo(line)


@datasets_app.command("history")
def show_history(dataset: Dataset, home: Home = None, as_json: AsJson = False) -> None:
    """全部版本、暂缓的交付与回退。 Every version, held delivery and roll-back of a dataset."""
    hub = opened(home)
    job, layout = job_of(hub, dataset), layout_of(hub, dataset)
    versions = history(layout, job.contract, bytes_max=hub.exchange_settings.manifest_bytes_max)
    held, back = list_held(layout), rollbacks(layout)
    if as_json:
        values: dict[str, Any] = {
            "versions": [version_values(each) for each in versions],
            "held": [
                {
                    "run": each.run_id,
                    "held_at": each.held_at.isoformat(),
                    "fate": str(each.fate),
                    "reasons": each.reasons,
                }
                for each in held
            ],
            "rollbacks": [
                {"at": e.at.isoformat(), "from": e.from_version, "to": e.to_version, "by": e.by, "reason": e.reason}
                for e in back
            ],
        }
        typer.echo(_json(values))
        return
    for each in versions:
        words, manifest = each.standing.words, each.manifest
        facts = "损坏 DAMAGED" if each.damaged else ""
        if manifest is not None:
            unread = "" if each.readable else " · 现行合同不能读取 not readable under the contract in force"
            as_of = moment(manifest.data_as_of)
            facts = f"{as_of} · {manifest.counts.published:,} 条 rows · {manifest.contract_version}{unread}"
        typer.echo(f"{each.version} {words.zh} {words.en} {facts}".rstrip())
    for delivery in held:
        reasons = ", ".join(delivery.reasons)
        typer.echo(f"暂缓 held {delivery.run_id} {moment(delivery.held_at)} · {delivery.fate} · {reasons}")
    for done in back:
        way = f"{done.from_version or '?'} → {done.to_version}"
        typer.echo(f"回退 rolled back {moment(done.at)} {way} · {done.by} · {done.reason}")


@datasets_app.command()
def diff(
    dataset: Dataset,
    before: Annotated[
        str, typer.Argument(help="原版本；缺省为现行的前一版。 The earlier version; else the last.")
    ] = "",
    after: Annotated[str, typer.Argument(help="新版本；缺省为现行版本。 The later version; else that in force.")] = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """比较两个版本：增、减、改的记录数，合同、列与质量的变化。 Counts of rows added, removed, changed; no values."""
    found: Difference = difference(opened(home), dataset, before, after)
    if as_json:
        typer.echo(_json(difference_values(found)))
        return
    for line in difference_lines(found):
        typer.echo(line)


@datasets_app.command()
def rollback(
    dataset: Dataset,
    version: Annotated[str, typer.Argument(help="恢复到的版本。 The version that comes into force again.")],
    reason: Reason,
    by: By = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """回退到仍留存的旧版本，先记入审计日志。 Put an older, kept version in force again; recorded first.

    Exit code 0: it is in force; 2: it cannot be, and what was in force stays so; 4: the log cannot be written.
    """
    hub = opened(home)
    with measured(hub):
        manifest = roll_back(job_of(hub, dataset), version, _who(by), reason, published=Publications(hub))
    values = {
        "dataset": dataset,
        "version": manifest.version,
        "manifest": digest_text(manifest.digest),
        "data_as_of": manifest.data_as_of.isoformat(),
    }
    as_of = moment(manifest.data_as_of)
    _tell(values, f"{dataset}: 现行 in force {manifest.version} · 数据时点 data as of {as_of}", as_json=as_json)


@datasets_app.command("release")
def release_held(
    dataset: Dataset,
    run: Annotated[str, typer.Argument(help="被暂缓的批次。 The run whose delivery is held.")],
    reason: Reason,
    by: By = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """放行一批暂缓的交付：不合格记录仍被隔离。 Put a held delivery in force as it is; failed rows stay held back."""
    hub = opened(home)
    with measured(hub):
        done = release(job_of(hub, dataset), run, _who(by), reason)
    values = {"dataset": dataset, "run": run, "fate": "released", "version": done.version}
    _tell(values, f"{dataset}: 已放行并生效 released, in force · {done.version}", as_json=as_json)


@datasets_app.command("reject")
def reject_held(
    dataset: Dataset,
    run: Annotated[str, typer.Argument(help="被暂缓的批次。 The run whose delivery is held.")],
    reason: Reason,
    by: By = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """退回一批暂缓的交付，删除其数据。 Reject a held delivery; its data is dropped."""
    hub = opened(home)
    with measured(hub):
        held = reject(job_of(hub, dataset), run, _who(by), reason)
    values = {"dataset": dataset, "run": held.run_id, "fate": str(held.fate)}
    _tell(values, f"{dataset}: 已退回 rejected · {held.run_id}", as_json=as_json)


@datasets_app.command()
def metrics(
    home: Home = None,
    write: Annotated[
        bool,
        typer.Option("--write", help="同时写入 metrics/datasets.prom。 Write that file of the home as well."),
    ] = False,
) -> None:
    """以 OpenMetrics 文本输出全部数据资源的状态。 Every dataset's state as OpenMetrics text, for a scraper."""
    hub = opened(home)
    typer.echo(write_metrics(hub) if write else metrics_text(statuses(hub)), nl=False)


@datasets_app.command()
def check(
    dataset: Dataset,
    report: Annotated[Path | None, typer.Option(help="报告存放目录。 Where the report goes.")] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """试运行：读取并质检部门的交付，不发布、不记录。 Read and judge a delivery; nothing is published or recorded.

    Exit code 0: it would be in force; 1: it would be held or refused.
    """
    found = rehearse(job_of(opened(home), dataset))
    tell_rehearsed(found, report, as_json=as_json)
    if not found.publishable:
        raise typer.Exit(NOT_PUBLISHABLE)


def tell_rehearsed(found: Rehearsed, report: Path | None, *, as_json: bool) -> None:
    """Say what a rehearsal came to, and put its report where it is wanted."""
    if report is not None and found.report is not None:
        report.mkdir(parents=True, exist_ok=True)
        write_report(found.report, report)
    if as_json:
        typer.echo(_json(rehearsal_values(found)))
        return
    for line in rehearsal_lines(found):
        typer.echo(line)


def _who(by: str) -> str:
    return by or who_types()


def _tell(values: dict[str, Any], line: str, *, as_json: bool) -> None:
    typer.echo(_json(values) if as_json else line)


def _json(values: object) -> str:
    return json.dumps(values, ensure_ascii=False, indent=1)
