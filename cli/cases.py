"""`mianzheng cases`: whether a case has ended, and ending it by hand."""

from pathlib import Path
from typing import Annotated

import typer

from app.case_endings import end_case, ending_of
from cli.options import By, Home, Reason, asked, opened
from kernel.clock import SHANGHAI
from verifier.closures import How

cases_app = typer.Typer(help="办件。 Cases.", no_args_is_help=True)

Number = Annotated[str, typer.Argument(help="办件编号。 The case's number, e.g. 20261124-3f09c2a1be.")]

_WORDS = {How.CLOSED: "已关闭 closed", How.REVOKED: "已撤销 revoked"}


@cases_app.command()
def show(number: Number, home: Home = None) -> None:
    """查看办件是否已结束。 Show whether a case has ended."""
    ending = ending_of(opened(home), number)
    if ending is None:
        typer.echo(f"{number}: 未被关闭或撤销；到期自行失效。 Neither closed nor revoked; it expires by itself.")
    else:
        at = f" · {ending.at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}" if ending.at else ""
        typer.echo(f"{number}: {_WORDS[ending.how]}{at}")
    typer.echo(f"审计记录 its records: mianzheng audit show --case {number}")


@cases_app.command()
def close(number: Number, reason: Reason, by: By = "", home: Home = None) -> None:
    """关闭办件：一秒内全部进程不再答复。 Close a case: within a second no worker answers in it."""
    _end(number, How.CLOSED, reason, by, home)


@cases_app.command()
def revoke(number: Number, reason: Reason, by: By = "", home: Home = None) -> None:
    """撤销办件：同关闭，并告知是枢纽撤销的。 Revoke a case: as closing, and its client is told that the hub did it."""
    _end(number, How.REVOKED, reason, by, home)


def _end(number: str, how: How, reason: str, by: str, home: Path | None) -> None:
    hub = opened(home)
    end_case(hub, number, how, asked(by, reason))
    typer.echo(f"{number}: {_WORDS[how]}")
