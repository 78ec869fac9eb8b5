"""`mianzheng keys`: which keys a hub has, and a new master key while everything runs."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from app.custody import CustodySettings
from app.hub import Hub
from app.key_list import list_keys
from app.key_rotation import Changed, KeySettings, end_key, instant_of, rotate_answer, rotate_logs, sign_request
from app.key_rotation import accept as accept_history
from app.rotation import rotate_master
from cli.options import AsJson, Home, opened
from kernel.durable import replace_file
from kernel.plain_file import read_bounded
from kernel.settings import load
from kernel.signing import SigningKey
from kernel.trust import TRUST_SIZE_MAX

UNREADABLE = 1
WIDTH_WITHOUT_TERMINAL = 120

keys_app = typer.Typer(help="密钥。 Keys.", no_args_is_help=True)

Root = Annotated[Path | None, typer.Option(help="根密钥文件，否则 keys/root.key（如在本机） The root key's file.")]


class Rotated(StrEnum):
    """What can be rotated while everything runs."""

    MASTER = "master"
    ANSWER = "answer"
    LOG = "log"


@keys_app.command("list")
def list_all(home: Home = None, as_json: AsJson = False) -> None:
    """列出密钥的编号与年龄，从不显示密钥本身。 List the keys' ids and ages, never the keys.

    Exit code 0; 1 where a key cannot be read.
    """
    hub = opened(home)
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
    root: Root = None,
    announce_seconds: Annotated[
        int | None, typer.Option(help="新密钥公布多久后启用，否则按设置 How long a new key is announced.")
    ] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """轮换主密钥、签署密钥或日志密钥，服务不中断；中断后再运行即可完成。 Rotate the master, answer or log keys.

    Master: every data key is wrapped again; no snapshot's file is touched. Answer, log: a new key history announces a
    new key (one for each log), which signs when its time has come; without the root key a request for its signature is
    written instead.
    Everything goes on meanwhile; interrupted, the same command finishes it.
    """
    hub = opened(home)
    if key is not Rotated.MASTER:
        wait = load(KeySettings, "keys", file=hub.paths.settings)
        announce = wait.announce_seconds if announce_seconds is None else announce_seconds
        rotate_signing = rotate_answer if key is Rotated.ANSWER else rotate_logs
        changed = rotate_signing(
            hub,
            root=_root(hub, root),
            announce=timedelta(seconds=announce),
            overlap=timedelta(seconds=wait.overlap_seconds),
        )
        _say_changed(changed, as_json=as_json)
        return
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


@keys_app.command()
def end(
    key_id: Annotated[str, typer.Argument(help="密钥的编号。 The key's id.")],
    since: Annotated[str, typer.Option("--from", help="自何时起无效，可早于现在 From when on; may lie in the past.")],
    root: Root = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """自某一时刻起终止一把签署或日志密钥（如已泄露）：此后登记的凭证不再成立。 End a key from an instant on.

    What it signed and what was logged before stays valid: a thief can date a statement back, but not its entry.
    """
    hub = opened(home)
    _say_changed(end_key(hub, key_id, instant_of(since), root=_root(hub, root)), as_json=as_json)


@keys_app.command()
def sign(
    request: Annotated[Path, typer.Argument(help="密钥史请求文件。 The request for a key history.")],
    root: Annotated[Path, typer.Option(help="根密钥文件 The root key's file.")],
    out: Annotated[Path, typer.Option(help="写到何处 Where to write the trust file.")] = Path("trust.json"),
) -> None:
    """用离线根密钥签署密钥史；本机无须有枢纽。 Sign a key history with the offline root key; needs no hub here."""
    replace_file(out, sign_request(request, SigningKey.read(root)))
    typer.echo(f"已签署 signed: {out}")


@keys_app.command()
def accept(
    trust: Annotated[Path, typer.Argument(help="根密钥签署过的信任文件。 The trust file that the root signed.")],
    home: Home = None,
) -> None:
    """启用根密钥签署过的信任文件；各进程随即采用。 Put a signed trust file in force; every worker takes it up."""
    hub = opened(home)
    accepted = accept_history(hub, read_bounded(trust, TRUST_SIZE_MAX))
    typer.echo(f"第 {accepted.number} 版密钥史已生效 · key history {accepted.number} is in force")


def _root(hub: Hub, given: Path | None) -> SigningKey | None:
    """The root key, where it is at hand."""
    path = given or hub.paths.keys / "root.key"
    return SigningKey.read(path) if given or path.exists() else None


def _say_changed(changed: Changed, *, as_json: bool) -> None:
    if as_json:
        request = str(changed.request) if changed.request else None
        shown = {"number": changed.number, "key": changed.key, "at": changed.at.isoformat(), "request": request}
        typer.echo(json.dumps(shown, indent=1))
        return
    if changed.request:
        typer.echo(
            f"请携至根密钥处签署（mianzheng keys sign），再 mianzheng keys accept：{changed.request}\n"
            "carry it to the root key, sign it there, and accept what comes back"
        )
        return
    typer.echo(
        f"第 {changed.number} 版密钥史已生效，密钥 {changed.key}，时刻 {changed.at.isoformat()} · "
        f"key history {changed.number} is in force: key {changed.key} at {changed.at.isoformat()}"
    )


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Show the step that is running, on a terminal only."""
    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    with Console(stderr=True).status("…") as status:
        yield status.update
