"""`mianzheng backup`: a copy of a hub's home, taken while it runs; and whether one is whole."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from app.backup import Taken, take_backup
from app.backup_check import CheckedBackup, check_backup
from app.backup_read import find_backup, open_backup
from app.custody import CustodySettings
from cli.options import AsJson, Home, opened
from cli.passphrase import PassphraseFile, closing
from kernel.errors import Invalid
from kernel.settings import load

LEFT_OUT = 1


def backup(  # noqa: PLR0913, PLR0917 (each is an option of the command)
    target: Annotated[Path, typer.Argument(help="备份目录。 A folder of backups; with --check, a backup.")],
    home: Home = None,
    passphrase_file: PassphraseFile = None,
    recipient: Annotated[
        Path | None, typer.Option(help="收件人公钥（X25519，PEM），代替口令。 A public key in place of a passphrase.")
    ] = None,
    evidence: Annotated[bool, typer.Option("--evidence", help="一并备份凭证。 Take evidence files, too.")] = False,
    whole: Annotated[
        bool, typer.Option("--whole", help="不与上次备份共用文件。 Share no file with the backup before.")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="只检查，不备份。 Take none: check the newest one.")] = False,
    as_json: AsJson = False,
) -> None:
    """在线备份：快照、日志、密钥（加封）、设置。 Back up while everything goes on; keys are sealed.

    Exit code 0: whole; 1: taken, but snapshots that are damaged were left out; 2: not taken, or not whole.
    """
    hub = opened(home)
    settings = load(CustodySettings, "custody", file=hub.paths.settings)
    if check:
        with progress(quiet=as_json) as tell:
            checked = check_backup(open_backup(find_backup(target), settings), settings, tell=tell)
        typer.echo(json.dumps(contents_json(checked), ensure_ascii=False, indent=1) if as_json else _whole(checked))
        return
    if passphrase_file is not None and recipient is not None:
        raise Invalid("is given twice", field="--passphrase-file, --recipient", remedy="choose one")
    _ = hub.trust
    closes = closing(passphrase_file, recipient, settings)
    with progress(quiet=as_json) as tell:
        taken = take_backup(hub, target.absolute(), closes, settings, evidence=evidence, whole=whole, tell=tell)
    if as_json:
        typer.echo(json.dumps(_json(taken), ensure_ascii=False, indent=1))
    else:
        _tell(taken)
    if taken.contents.left_out:
        raise typer.Exit(LEFT_OUT)


@contextmanager
def progress(*, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Show what is being worked on, on a terminal only."""
    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    with Console(stderr=True).status("…") as status:
        yield status.update


def contents_json(checked: CheckedBackup) -> dict[str, Any]:
    """A checked backup, for programs."""
    contents = checked.backup.contents
    return {
        "backup": str(checked.backup.folder),
        "id": contents.id,
        "hub": contents.hub,
        "taken_at": contents.taken_at.isoformat(),
        "files": len(contents.files),
        "bytes": sum(each.size for each in contents.files),
        "logs": {each.name: each.size for each in contents.logs},
        "left_out": dict(contents.left_out),
    }


def _whole(checked: CheckedBackup) -> str:
    contents = checked.backup.contents
    return (
        f"✓ 备份完好：{checked.backup.folder} · {contents.taken_at.isoformat(timespec='seconds')} · "
        f"the backup is whole: {len(contents.files)} files, {len(contents.logs)} logs "
        "（封装内容须用密钥：restore --dry-run · what is sealed needs its key: restore --dry-run）"
    )


def _tell(taken: Taken) -> None:
    typer.echo(f"✓ 备份完成 backed up: {taken.folder}")
    typer.echo(
        f"  {len(taken.contents.files)} 个文件 files, {taken.size / 1e6:,.1f} MB"
        f"，其中 {taken.linked} 个与上次相同 of which {taken.linked} are the backup before's"
    )
    for each in taken.contents.logs:
        typer.echo(f"  {each.name}: {each.size} 条 entries")
    for name, why in taken.contents.left_out.items():
        typer.echo(f"✗ 未备份 left out: {name}: {why}", err=True)


def _json(taken: Taken) -> dict[str, Any]:
    contents = taken.contents
    return {
        "backup": str(taken.folder),
        "id": contents.id,
        "taken_at": contents.taken_at.isoformat(),
        "files": len(contents.files),
        "bytes": taken.size,
        "linked": taken.linked,
        "logs": {each.name: each.size for each in contents.logs},
        "left_out": dict(contents.left_out),
    }
