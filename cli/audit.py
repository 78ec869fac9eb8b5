"""`mianzheng audit`: verify the logs, and show what they hold of a case."""

import json
from pathlib import Path
from typing import Annotated

import typer

from app.hub import open_hub
from audit.promise_report import promise_json, promise_lines
from audit.report import case_json, case_lines, hub_json, hub_lines
from audit.show import case_rows
from audit.verify_hub import verify_hub
from audit.witness import compare
from cli.promises import read_promises
from kernel.errors import Invalid

FAULTS_FOUND = 1
USAGE = 2

audit_app = typer.Typer(help="审计日志 The audit log.", no_args_is_help=True)

Home = Annotated[Path, typer.Option("--home", envvar="MIANZHENG_HOME", help="枢纽目录 The hub's home.")]
AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON Print JSON.")]


@audit_app.command()
def verify(
    home: Home = Path("hub"),
    log: Annotated[str | None, typer.Option("--log", help="只核对一个日志 Only this log.")] = None,
    evidence: Annotated[
        list[Path] | None, typer.Option(help="与此凭证比较 Compare with this evidence file, too.")
    ] = None,
    checkpoint: Annotated[
        list[Path] | None, typer.Option(help="与此检查点比较 Compare with this checkpoint, too.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """重新计算全部日志，指出最先出错之处。 Recompute every log and name the first bad entry or tile.

    Evidence and checkpoints in other people's hands tell whether a log was set back.

    Exit code 0: sound; 1: faults found; 2: cannot be asked like this.
    """
    hub = open_hub(home)
    held = read_promises(evidence or (), checkpoint or ())
    report = verify_hub(hub.paths.audit, hub.trust, hub.detail_keys, only=log)
    named = [(name, compare(hub.paths.audit, hub.trust, report.restored, promise)) for name, promise in held]
    if log is not None and not report.logs and not report.faults:
        typer.echo(f"没有此日志 no such log: {log}", err=True)
        raise typer.Exit(USAGE)
    if as_json:
        typer.echo(json.dumps({**hub_json(report), "promises": promise_json(named)}, ensure_ascii=False, indent=1))
    else:
        for line in (*hub_lines(report), *promise_lines(named)):
            typer.echo(line)
    if report.faults or any(each.is_fault for _, each in named):
        raise typer.Exit(FAULTS_FOUND)


@audit_app.command()
def show(
    case: Annotated[str, typer.Option("--case", help="办件号 The case number.")],
    home: Home = Path("hub"),
    as_json: AsJson = False,
) -> None:
    """显示一个办件的全部记录及其证明。 Show every record of a case, with its proof."""
    hub = open_hub(home)
    try:
        rows = case_rows(hub.paths.audit, hub.trust, hub.detail_keys, case, rows_max=hub.logs.settings.show_rows_max)
    except Invalid as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(USAGE) from error
    if as_json:
        typer.echo(json.dumps(case_json(case, rows), ensure_ascii=False, indent=1))
    else:
        for line in case_lines(rows):
            typer.echo(line)
    if any(row.proof.name == "FAILED" for row in rows):
        raise typer.Exit(FAULTS_FOUND)
