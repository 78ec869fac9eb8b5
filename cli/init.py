"""`mianzheng init`: make a hub's home."""

import typer

from app.home import make_home
from audit.logs import DESK
from cli.options import Home, opened


def init(
    home: Home = None,
) -> None:
    """建立枢纽：密钥、开发用证书、信任文件、设置、日志。 Make what a hub's home lacks."""
    hub = opened(home)
    make_home(hub.paths, hub.settings, hub.catalogue.clients, now=hub.clock.now())
    hub.logs.shared(DESK)
    typer.echo(f"枢纽 {hub.settings.name} 位于 {hub.paths.home} · the hub is at {hub.paths.home}")
    typer.echo(f"  {hub.paths.trust.name}: 交给需要查验凭证的人 · give it to whoever checks evidence")
    typer.echo(f"  {hub.paths.pki / 'clients'}: 接入方的开发用证书 · the clients' development certificates")
    typer.echo("  keys/root.key: 根密钥，正式使用前请移出本机 · the root key belongs off this machine before real use")
