"""`mianzheng operators`: who is at the counters, by their own keys."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from app.clients import enter_operator, revoke_operator, roll_of
from app.operators import assert_operator
from cli.options import By, Home, Reason, asked, opened
from kernel.durable import PRIVATE, replace_file
from kernel.errors import Malformed
from kernel.signing import SigningKey, VerifyKey
from verifier.roll import Operator

operators_app = typer.Typer(help="经办人。 Operators.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="经办人编号。 The operator's id.")]
KeyFile = Annotated[Path, typer.Option("--key", help="私钥文件。 The file of the private key.")]


@operators_app.command("key")
def key_command(key: KeyFile) -> None:
    """生成经办人的密钥，显示公钥；私钥不离开其本人。 Make an operator's key and show its public part."""
    made = SigningKey.generate()
    made.write(key)
    typer.echo(made.public.raw.hex())


@operators_app.command()
def enter(
    name: Name,
    public: Annotated[str, typer.Option(help="公钥，十六进制。 The public key, in hex.")],
    group: Annotated[list[str], typer.Option(help="所在接入方组，可多次。 A client group they work in; repeat it.")],
    reason: Reason,
    by: By = "",
    home: Home = None,
) -> None:
    """登记经办人的公钥，或换成另一个。 Enter an operator's public key, or another in its place."""
    try:
        raw = VerifyKey(bytes.fromhex(public)).raw
    except ValueError as error:
        raise Malformed("is no hexadecimal", field="public") from error
    enter_operator(opened(home), Operator(id=name, groups=tuple(group), key=raw), asked(by, reason))
    typer.echo(f"已登记 entered: {name}")


@operators_app.command("list")
def list_command(home: Home = None) -> None:
    """列出经办人。 List the operators."""
    for each in roll_of(opened(home)).operators.values():
        typer.echo(f"{each.id}: {', '.join(each.groups)} · {VerifyKey(each.key).id}")


@operators_app.command()
def revoke(name: Name, reason: Reason, by: By = "", home: Home = None) -> None:
    """不再相信经办人的密钥，一秒内生效。 Believe an operator's key no more, within a second."""
    revoke_operator(opened(home), name, asked(by, reason))
    typer.echo(f"已撤销 revoked: {name}")


@operators_app.command("assert")
def assert_command(
    name: Name,
    key: KeyFile,
    client: Annotated[str, typer.Option(help="所在设备。 The device that they are at.")],
    out: Annotated[Path, typer.Option(help="写到此文件。 The file to write.")],
    hours: Annotated[float, typer.Option(help="有效几小时。 For how many hours it is good.")] = 8.0,
    home: Home = None,
) -> None:
    """签署经办人声明：本人在此设备。 Sign that the operator is at a device: for `mianzheng ask --assertion`."""
    made = assert_operator(opened(home), name, SigningKey.read(key), client, lasts=timedelta(hours=hours))
    replace_file(out, made, mode=PRIVATE)
    typer.echo(f"已写入 written: {out}")
