"""`mianzheng publish`: bring what a department has delivered into force, without a scheduler."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from adapters.port import MissingColumns
from app.hub import Hub
from app.publishing import publishing_job
from app.standing import measured
from cli.dataset_words import rehearsal_lines, rehearsal_values
from cli.options import AsJson, opened
from exchange.drift import Drift
from exchange.job import Job
from exchange.layout import REPORT
from exchange.publish import HeldBack, Published
from exchange.publish import publish as publish_job
from exchange.rehearsal import rehearse
from kernel.digest import digest_text
from kernel.ids import new_version

HELD = 1

_STEP_ZH = {
    "extract": "读取",
    "stage": "暂存",
    "validate": "质检",
    "build": "生成",
    "record": "记录",
    "promote": "生效",
}


def publish(
    datasets: Annotated[list[str] | None, typer.Argument(help="数据资源编号。 The datasets' ids.")] = None,
    home: Annotated[
        Path | None, typer.Option(help="枢纽目录。 The hub's home; else MIANZHENG_HOME, else ./hub.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="全部数据资源。 Every dataset.")] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="即使与现行版本相同、变小或更旧也发布。 Even if unchanged, smaller or older."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="只试运行：读取并质检，不发布、不记录。 Read and judge only.")
    ] = False,
    run_id: Annotated[str, typer.Option("--run-id", help="批次编号；默认自动生成。 The run's id; else made up.")] = "",
    as_json: AsJson = False,
) -> None:
    """发布数据资源：质检合格后生效，否则暂缓并给出报告。 Publish datasets: in force if they pass, held if not.

    Exit code 0: all in force; 1: some delivery was held, and what was in force stays so; 2: a delivery was refused.
    """
    hub = opened(home)
    chosen = list(hub.catalogue.contracts) if everything else datasets or []
    if not chosen:
        raise typer.BadParameter("name a dataset, or say --all", param_hint="DATASETS")
    run = run_id or f"cli-{new_version(hub.clock.now())}"
    if dry_run:
        _rehearse(hub, chosen, run, force=force, as_json=as_json)
        return
    results = []
    for dataset in chosen:
        job = publishing_job(hub, dataset, run, force=force)
        with measured(hub), _progress(dataset, quiet=as_json) as tell, _drift_told(job, quiet=as_json):
            result = publish_job(job, progress=tell)
        results.append(result)
        if not as_json:
            _tell(result)
    if as_json:
        typer.echo(json.dumps([_plain(result) for result in results], ensure_ascii=False, indent=1))
    if any(isinstance(result, HeldBack) for result in results):
        raise typer.Exit(HELD)


def _rehearse(hub: Hub, datasets: list[str], run: str, *, force: bool, as_json: bool) -> None:
    found = [rehearse(publishing_job(hub, dataset, run, force=force, publishes=False)) for dataset in datasets]
    if as_json:
        typer.echo(json.dumps([rehearsal_values(each) for each in found], ensure_ascii=False, indent=1))
    else:
        for each in found:
            for line in rehearsal_lines(each):
                typer.echo(line)
    if not all(each.publishable for each in found):
        raise typer.Exit(HELD)


@contextmanager
def _drift_told(job: Job, *, quiet: bool) -> Iterator[None]:
    """Say how the columns of a delivery have changed, where that is why it is refused."""
    try:
        yield
    except MissingColumns as error:
        if not quiet:
            for line in Drift.of(job.contract, error.header).lines:
                typer.echo(f"{job.contract.id}: {line.zh} {line.en}", err=True)
        raise


@contextmanager
def _progress(dataset: str, *, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Show the step that is running, on a terminal only."""
    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    with Console(stderr=True).status(dataset) as status:
        yield lambda step: status.update(f"{dataset} · {_STEP_ZH[step]} {step}")


def _tell(result: Published | HeldBack) -> None:
    counts = result.counts
    rows = f"{counts.published:,} / {counts.delivered:,} 条 rows, 隔离 held back {counts.quarantined:,}"
    match result:
        case Published(unchanged=True):
            typer.echo(f"{result.dataset}: 与现行版本相同，未重新发布 in force already · {result.version}")
        case Published():
            seconds = sum(result.seconds.values())
            typer.echo(f"{result.dataset}: 已生效 in force · {result.version} · {rows} · {seconds:.1f} s")
            if not result.absence_allowed:
                typer.echo("  “查无”类核验暂不作答 nothing is answered from the absence of a record")
        case HeldBack():
            typer.echo(f"{result.dataset}: 暂缓发布 HELD · {rows}")
            typer.echo(f"  未通过 failed: {', '.join(result.reasons)}")
    for line in _drift(result).lines:
        typer.echo(f"  列的变化 drift: {line.zh} {line.en}")
    typer.echo(f"  报告 report: {result.report}")


def _drift(result: Published | HeldBack) -> Drift:
    """How the columns of the delivery differ from its contract's, as its report says."""
    report = json.loads(result.report.with_name(REPORT).read_bytes())
    return Drift.of_data(report.get("drift", {}))


def _plain(result: Published | HeldBack) -> dict[str, Any]:
    counts = result.counts
    shared = {
        "dataset": result.dataset,
        "counts": {name: getattr(counts, name) for name in counts.__slots__},
        "report": str(result.report),
        "drift": _drift(result).to_data(),
        "seconds": {name: round(value, 3) for name, value in result.seconds.items()},
    }
    match result:
        case Published():
            return shared | {
                "outcome": "unchanged" if result.unchanged else "published",
                "version": result.version,
                "manifest": digest_text(result.manifest_digest),
                "absence_allowed": result.absence_allowed,
            }
        case HeldBack():
            return shared | {"outcome": "held", "run": result.run_id, "reasons": list(result.reasons)}
