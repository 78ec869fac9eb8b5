"""`mianzheng connections`: which credentials the contracts need, and whether this hub has them."""

import json
from pathlib import Path
from typing import Annotated

import typer

from app.hub import open_hub
from app.paths import home_from_environment
from app.publishing import contracts_of
from kernel.errors import Malformed

MISSING = 1


def connections(
    home: Annotated[
        Path | None, typer.Option(help="枢纽目录。 The hub's home; else MIANZHENG_HOME, else ./hub.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON。 Print JSON.")] = False,
) -> None:
    """列出数据合同所用的连接及其凭据出处，不显示口令。 List the connections that contracts need; no secret is shown.

    Exit code 0: this hub has the credentials of each; 1: some are missing, or cannot be read.
    """
    hub = open_hub(home or home_from_environment())
    needed: dict[str, list[str]] = {}
    for contract in contracts_of(hub).values():
        if contract.server.connection:
            needed.setdefault(contract.server.connection, []).append(contract.id)
    found, missing = [], False
    for connection, datasets in sorted(needed.items()):
        line = {"connection": connection, "datasets": datasets, "place": "", "user": "", "complaint": ""}
        try:
            place, credentials = hub.connections.found(connection)
            line |= {"place": str(place), "user": credentials.user}
        except Malformed as error:
            line["complaint"], missing = str(error), True
        found.append(line)
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False, indent=1))
    else:
        for line in found:
            has = f"{line['place']} · {line['user'] or '–'}" if line["place"] else f"缺少 missing: {line['complaint']}"
            typer.echo(f"{line['connection']}（{', '.join(line['datasets'])}）: {has}")
        if not found:
            typer.echo("没有合同使用连接 no contract names a connection")
    if missing:
        raise typer.Exit(MISSING)
