"""`mianzheng check`: every fault in the agreements, with file, line and remedy."""

from pathlib import Path
from typing import Annotated

import typer

from kernel.errors import Faulty
from schemas.catalogue import ROOT, load_catalogue

FAULTS_FOUND = 1


def check(
    root: Annotated[Path | None, typer.Option(help="协议目录。 The folder of the agreements to check.")] = None,
) -> None:
    """检查全部协议：文件、引用、表达式。 Check every agreement: files, references, expressions."""
    folder = root or ROOT
    try:
        catalogue = load_catalogue(folder)
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
