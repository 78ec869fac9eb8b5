"""`mianzheng check`: every fault in the agreements, with file, line and remedy."""

from pathlib import Path
from typing import Annotated

import typer

from cli.options import Home, opened
from kernel.errors import Faulty
from schemas.catalogue import load_catalogue

FAULTS_FOUND = 1


def check(
    root: Annotated[
        Path | None, typer.Option(help="协议目录；缺省为枢纽的。 The folder of the agreements; else the hub's.")
    ] = None,
    home: Home = None,
) -> None:
    """检查全部协议：文件、引用、表达式、版本号。 Check every agreement: files, references, expressions, versions.

    A file whose content is not what its version stood for when it was in force at this hub is a fault. Exit code 0:
    sound; 1: faults found.
    """
    hub = opened(home)
    folder = root or hub.agreements_root
    try:
        catalogue = load_catalogue(folder)
        changed = list(hub.archive.changed(catalogue, folder))
        if changed:
            raise Faulty(changed)  # noqa: TRY301 - one place tells of every fault
    except Faulty as error:
        for fault in error.faults:
            typer.echo(f"{folder / fault.path}:{fault.line}: {fault.what} ({fault.remedy})", err=True)
        count = len(error.faults)
        typer.echo(f"发现 {count} 处问题。 {count} {'fault' if count == 1 else 'faults'} found.", err=True)
        raise typer.Exit(FAULTS_FOUND) from error
    counts = (
        ("数据资源", "datasets", catalogue.contracts),
        ("核验项", "claims", catalogue.claims),
        ("事项", "items", catalogue.items),
        ("授权", "grants", catalogue.grants),
        ("接入方", "clients", catalogue.clients),
    )
    typer.echo("协议无误：" + "、".join(f"{zh} {len(each)}" for zh, _, each in counts))
    typer.echo("The agreements are sound: " + ", ".join(f"{len(each)} {en}" for _, en, each in counts))
