"""`mianzheng restore`: a hub's home from a backup, with new logs where the old ones can no longer go on."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from app.custody import CustodySettings
from app.restore import RestoredHome, Restoring
from audit.promise_report import promise_json, promise_lines
from cli.backup import contents_json, progress
from cli.given import read_given
from cli.passphrase import PassphraseFile, opening
from cli.promises import read_promises
from kernel.clock import SystemClock
from kernel.settings import load
from kernel.signing import SigningKey
from kernel.trust import TRUST_SIZE_MAX, Trust


def restore(  # noqa: PLR0913, PLR0917 (each is an option of the command)
    backup: Annotated[Path, typer.Argument(help="备份，或备份目录（取最新）。 A backup, or the newest of a folder.")],
    home: Annotated[Path, typer.Option(help="新的枢纽目录，须为空。 The new home; nothing may stand there.")],
    passphrase_file: PassphraseFile = None,
    private_key: Annotated[
        Path | None, typer.Option(help="收件人私钥（PEM），代替口令。 The private key, for a backup made to one.")
    ] = None,
    root_key: Annotated[
        Path | None, typer.Option(help="根密钥，若不在备份中。 The hub's root key, where the backup does not hold it.")
    ] = None,
    trust: Annotated[
        Path | None, typer.Option(help="比备份更新的信任文件。 A newer trust file than the backup's, if there is one.")
    ] = None,
    evidence: Annotated[
        list[Path] | None, typer.Option(help="备份之后的凭证。 Evidence that may be newer than the backup.")
    ] = None,
    checkpoint: Annotated[
        list[Path] | None, typer.Option(help="备份之后的检查点。 A checkpoint that may be newer than the backup.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="只检查，不恢复。 Check everything, restore nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON。 Print JSON.")] = False,
) -> None:
    """由备份恢复枢纽：全部检查无误后才就位；原日志封存，由新日志接续。 Restore a home: all of it checked, or nothing.

    The restored logs may be behind what they once signed, so they are closed, and new ones go on, recorded in the new
    root log. Exit code 0: restored (or, for a dry run, could be); 2: not.
    """
    settings = load(CustodySettings, "custody", file=None)
    named = read_promises(evidence or (), checkpoint or ())
    with progress(quiet=as_json) as tell:
        restoring = Restoring(
            backup=backup,
            home=home.absolute(),
            opens=opening(passphrase_file, private_key, settings),
            settings=settings,
            clock=SystemClock(),
            root=SigningKey.read(root_key) if root_key else None,
            newest=Trust.parse(read_given(trust, TRUST_SIZE_MAX)) if trust else None,
            promises=tuple(promise for _, promise in named),
            tell=tell,
        )
        done = restoring.rehearse() if dry_run else restoring.restore()
    names = [name for name, _ in named]
    if as_json:
        typer.echo(json.dumps(_json(done, names), ensure_ascii=False, indent=1))
    else:
        _tell(done, names)


def _tell(done: RestoredHome, names: list[str]) -> None:
    contents = done.checked.backup.contents
    taken_at = contents.taken_at.isoformat(timespec="seconds")
    if done.continuation is None:
        typer.echo(f"✓ 可以恢复 it can be restored: {done.checked.backup.folder} · {taken_at}")
        return
    typer.echo(f"✓ 已恢复至 restored to {done.home} · {taken_at}")
    for each in done.continuation.closed:
        name = each.origin.rpartition("/")[2]
        typer.echo(f"  {name}: 止于 {each.size} 条，由新日志接续 closed at {each.size} entries, a new log goes on")
    for line in promise_lines(zip(names, done.comparisons, strict=True)):
        typer.echo(f"  {line}")
    typer.echo(
        "  备份之后签署的条目不在此处；相应凭证自证其真。 What was signed after the backup is not here; evidence of it "
        "proves itself."
    )
    typer.echo(
        "  trust.json 已更新，请重新分发给查验凭证的人。 trust.json is new: give it again to whoever checks evidence."
    )
    typer.echo("  未办结的办件须重新开立。 Open cases must be opened again.")
    for name, why in contents.left_out.items():
        typer.echo(f"✗ 备份中没有 the backup left out: {name}: {why}", err=True)


def _json(done: RestoredHome, names: list[str]) -> dict[str, Any]:
    continuation = done.continuation
    return {
        **contents_json(done.checked),
        "home": str(done.home) if continuation else None,
        "generation": continuation.generation if continuation else None,
        "closed": {each.origin: each.size for each in continuation.closed} if continuation else {},
        "promises": promise_json(zip(names, done.comparisons, strict=True)) if continuation else [],
    }
