"""`mianzheng keys`: which keys a hub has, and a new master key while everything runs."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.custody import CustodySettings
from app.hub import open_hub
from app.key_list import list_keys
from app.paths import home_from_environment
from app.rotation import rotate_master
from kernel.settings import load

UNREADABLE = 1
WIDTH_WITHOUT_TERMINAL = 120

keys_app = typer.Typer(help="密钥。 Keys.", no_args_is_help=True)

Home = Annotated[Path | None, typer.Option(help="枢纽目录，否则 MIANZHENG_HOME，否则 ./hub The hub's home.")]
AsJson = Annotated[bool, typer.Option("--json", help="输出 JSON。 Print JSON.")]


class Rotated(StrEnum):
    """What can be rotated while everything runs."""

    MASTER = "master"


@keys_app.command("list")
def list_all(home: Home = None, as_json: AsJson = False) -> None:
    """列出密钥的编号与年龄，从不显示密钥本身。 List the keys' ids and ages, never the keys.

    Exit code 0; 1 where a key cannot be read.
    """
    hub = open_hub(home or home_from_environment())
    now = hub.clock.now()
    rows = list(list_keys(hub))
    if as_json:
        shown = [
            {
                "name": row.name,
                "use": {"zh": row.zh, "en": row.en},
                "id": row.id,
                "since": row.since.isoformat(),
                "age_days": row.age(now).days,
                "fault": row.fault or None,
            }
            for row in rows
        ]
        typer.echo(json.dumps(shown, ensure_ascii=False, indent=1))
    else:
        table = Table("密钥 key", "编号 id", "天 days", "用途 use", box=None)
        for row in rows:
            table.add_row(row.name, row.id or f"✗ {row.fault}", str(row.age(now).days), f"{row.zh} {row.en}")
        console = Console()
        (console if console.is_terminal else Console(width=WIDTH_WITHOUT_TERMINAL)).print(table)
    if any(row.fault for row in rows):
        raise typer.Exit(UNREADABLE)


@keys_app.command()
def rotate(
    key: Annotated[Rotated, typer.Argument(help="要轮换的密钥。 The key to rotate.")],
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """轮换主密钥：重新封装全部数据密钥，不改动任何快照文件；中断后再运行即可完成。 Rotate the master key.

    Every data key is wrapped again; no snapshot's file is touched, and everything goes on meanwhile. If it is
    interrupted, running it again finishes it.
    """
    hub = open_hub(home or home_from_environment())
    settings = load(CustodySettings, "custody", file=hub.paths.settings)
    with _progress(quiet=as_json) as tell:
        done = rotate_master(hub, settings, reached=tell)
    if as_json:
        shown = {
            "key": key.value,
            "old": done.old,
            "new": done.new,
            "snapshots": done.snapshots,
            "details": done.details,
            "resumed": done.resumed,
        }
        typer.echo(json.dumps(shown, indent=1))
        return
    if done.resumed:
        typer.echo("上次中断的轮换已完成 the rotation that had been interrupted is finished")
    typer.echo(
        f"主密钥 {done.old} → {done.new}：快照密钥 {done.snapshots} 个、详情密钥 {done.details} 个已重新封装 · "
        f"the keys of {done.snapshots} snapshots and {done.details} details are wrapped again"
    )


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Show the step that is running, on a terminal only."""
    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    with Console(stderr=True).status("…") as status:
        yield status.update
