"""`mianzheng verifier`: one worker of the verification service, and whether the service is healthy."""

from pathlib import Path
from typing import Annotated

import structlog
import typer

from app.hub import open_hub
from app.paths import home_from_environment
from app.pki import Authority, Credential
from app.verification import RenewedTls, client_tls, server_tls, verifier_worker
from kernel.durable import PRIVATE, replace_file
from verifier.health_check import service_states
from verifier.server import run_worker

verifier_app = typer.Typer(help="核验服务。 The verification service.", no_args_is_help=True)

Home = Annotated[Path | None, typer.Option(help="枢纽目录，否则 MIANZHENG_HOME，否则 ./hub The hub's home.")]


@verifier_app.command()
def run(
    worker: Annotated[int, typer.Option(help="进程编号，写日志 worker-<编号> The worker's number.")] = 0,
    home: Home = None,
) -> None:
    """运行一个核验进程，直到收到停止信号。 Run one worker until it is told to stop (SIGTERM or Ctrl-C)."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(),
        ]
    )
    hub = open_hub(home or home_from_environment())
    with verifier_worker(hub, worker) as verifier:
        run_worker(verifier, tls=server_tls(hub), number=worker, renewed=RenewedTls(hub))


@verifier_app.command()
def renew(home: Home = None) -> None:
    """换发服务证书；各进程对新连接即用新证书，无须重启。 Issue a new certificate of the service."""
    hub = open_hub(home or home_from_environment())
    issued = Authority(Credential.read(hub.paths.pki, "ca")).server(hub.settings.name, hub.clock.now())
    # A worker that looks between the two finds that they do not fit, and goes on with those before.
    replace_file(hub.paths.pki / "server.key", issued.key, mode=PRIVATE)
    replace_file(hub.paths.pki / "server.pem", issued.certificate)
    typer.echo(f"已换发 renewed: {hub.paths.pki / 'server.pem'}")


@verifier_app.command()
def health(
    client: Annotated[
        str, typer.Option(help="出示谁的证书 The client whose certificate is shown.")
    ] = "counter-hall-01",
    home: Home = None,
) -> None:
    """查看核验服务是否正常；不正常时以 1 结束。 Ask for the service's health; exits with 1 unless all are serving."""
    hub = open_hub(home or home_from_environment())
    states = service_states(hub.client_settings, client_tls(hub, client))
    for service, state in states.items():
        typer.echo(f"{service}: {state}")
    if set(states.values()) != {"SERVING"}:
        raise typer.Exit(1)
