"""`mianzheng clients`: who may connect; entering, renewing, revoking and restoring them while the service runs."""

from typing import Annotated

import typer

from app.clients import clients_of, enrol, find_client, issue, restore_client, revoke_client, revoke_serial, roll_of
from app.pki import Credential
from app.roll_check import serials_of
from cli.options import By, Home, Reason, asked, opened
from kernel.clock import SHANGHAI
from kernel.errors import Malformed
from schemas.title import Title
from verifier.peer import Peer

clients_app = typer.Typer(help="接入方。 Clients.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="设备名或 SPIFFE 标识。 The device or SPIFFE id.")]


@clients_app.command("list")
def list_command(home: Home = None) -> None:
    """列出全部接入方。 List every client."""
    hub = opened(home)
    for each in clients_of(hub):
        client = each.client
        states = [*(["后登记 entered"] if each.entered else []), *(["已撤销 revoked"] if each.revoked else [])]
        where = f"{client.group}/{client.channel} · {client.place or '–'}"
        typer.echo(f"{client.device}: {client.title} · {where} {' '.join(states)}")


@clients_app.command()
def show(name: Name, home: Home = None) -> None:
    """查看一个接入方及其证书。 Show a client and its certificate."""
    hub = opened(home)
    client = find_client(hub, name)
    roll = roll_of(hub)
    typer.echo(f"{client.id}\n  {client.title} · {client.group}/{client.channel} · {client.place or '–'}")
    revoked = roll.clients.get(client.id)
    if revoked is not None:
        typer.echo(f"  已撤销 revoked {revoked.at.astimezone(SHANGHAI):%Y-%m-%d %H:%M} · {revoked.reason}")
    for serial in serials_of(hub, client):
        typer.echo(f"  签发 issued {serial}{' · 已撤销 revoked' if serial in roll.serials else ''}")
    try:
        peer = Peer.of_certificate(Credential.read(hub.paths.pki / "clients", client.device).certificate)
    except Malformed:
        typer.echo("  本机没有其证书 no certificate of it lies here")
        return
    state = "已过期 expired" if hub.clock.now() >= peer.expires_at else "有效 valid"
    state = "已撤销 revoked" if peer.serial in roll.serials else state
    typer.echo(
        f"  证书 certificate {peer.serial} · {state} · 至 until {peer.expires_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"
    )


@clients_app.command("enrol")
def enrol_command(  # noqa: PLR0913, PLR0917 - each is an option of the command
    device: Annotated[str, typer.Argument(help="设备名。 The device's name.")],
    group: Annotated[str, typer.Option(help="接入方组。 The client group.")],
    title: Annotated[str, typer.Option(help="名称，中文。 What it is called, in Chinese.")],
    title_en: Annotated[str, typer.Option(help="英文名称。 The same in English.")],
    reason: Reason,
    place: Annotated[str, typer.Option(help="所在行政区划代码。 The division code of where it stands.")] = "",
    channel: Annotated[str, typer.Option(help="渠道；缺省为组的第一个。 The channel; else the group's first.")] = "",
    by: By = "",
    home: Home = None,
) -> None:
    """登记接入方并签发证书，无须重启。 Enter a client and issue its certificate; nothing is restarted."""
    hub = opened(home)
    called = Title(zh=title, en=title_en)
    client = enrol(hub, device, group, channel=channel, place=place, title=called, asked=asked(by, reason))
    typer.echo(f"已登记 entered: {client.id}\n证书 certificate: {hub.paths.pki / 'clients' / f'{client.device}.pem'}")


@clients_app.command()
def renew(name: Name, reason: Reason = "换证 renewal", by: By = "", home: Home = None) -> None:
    """签发新证书；旧证书到期或撤销前仍有效。 Issue a new certificate; the old one is good until it ends."""
    hub = opened(home)
    typer.echo(f"新证书 new certificate: {issue(hub, find_client(hub, name), asked(by, reason))}")


@clients_app.command()
def revoke(
    reason: Reason,
    name: Annotated[str, typer.Argument(help="设备名或 SPIFFE 标识。 The device or SPIFFE id.")] = "",
    serial: Annotated[str, typer.Option(help="只撤销此序列号的证书。 Only the certificate with this serial.")] = "",
    by: By = "",
    home: Home = None,
) -> None:
    """撤销接入方或一张证书：一秒内全部进程生效，已建立的连接也不例外。 Revoke a client or one certificate.

    Within a second no worker lets it in, open connections and streams included.
    """
    hub = opened(home)
    if bool(name) == bool(serial):
        raise Malformed("say either a client or a serial", field="client")
    if serial:
        revoke_serial(hub, serial, asked(by, reason))
    else:
        revoke_client(hub, find_client(hub, name), asked(by, reason))
    typer.echo(f"已撤销 revoked: {name or serial}")


@clients_app.command()
def restore(name: Name, reason: Reason, by: By = "", home: Home = None) -> None:
    """恢复被撤销的接入方；被撤销的证书不恢复。 Let a revoked client in again; revoked certificates stay revoked."""
    hub = opened(home)
    restore_client(hub, find_client(hub, name), asked(by, reason))
    typer.echo(f"已恢复 restored: {name}")
