"""`mianzheng verifier`: the verification service's workers, one or all, and whether they are well."""

from typing import Annotated

import typer

from app.attendance import Attended
from app.lines import print_json
from app.pki import Authority, Credential
from app.supervise import SuperviseSettings, Supervisor
from app.supervised import renew as renew_workers
from app.supervised import supervised
from app.verification import RenewedTls, client_tls, server_tls, verifier_worker, worker_parts
from cli.options import Home, opened
from kernel.durable import PRIVATE, replace_file
from kernel.settings import load
from verifier.health_check import service_states
from verifier.server import run_worker

verifier_app = typer.Typer(help="核验服务。 The verification service.", no_args_is_help=True)

EXIT_LOG_STOPPED = 4
"""A worker whose log has stopped for good ends, where somebody starts it again."""

STATES = {"starting": "启动中", "serving": "服务中", "draining": "收尾中", "waiting": "待重启"}


@verifier_app.command()
def run(
    worker: Annotated[int, typer.Option(help="进程编号，写日志 worker-<编号> The worker's number.")] = 0,
    home: Home = None,
) -> None:
    """运行一个核验进程，直到收到停止信号。 Run one worker until it is told to stop (SIGTERM or Ctrl-C)."""
    print_json()
    attended = Attended()
    hub = opened(home)
    with verifier_worker(hub, worker) as verifier:
        asked = run_worker(
            verifier,
            tls=server_tls(hub),
            number=worker,
            ready=lambda _port: attended.serving(),
            renewed=RenewedTls(hub),
            ends_with_its_log=attended.supervised,
        )
    if not asked:
        raise typer.Exit(EXIT_LOG_STOPPED)


@verifier_app.command()
def serve(home: Home = None) -> None:
    """运行并看护全部核验进程，意外退出的自动重启。 Keep all workers running until told to stop."""
    print_json()
    hub = opened(home)
    # Where there is no hub, say so before anything is made.
    _ = hub.trust
    settings = load(SuperviseSettings, "supervise", file=hub.paths.settings)
    Supervisor(worker_parts(hub), hub.paths.logs, hub.paths.supervised, settings).run()


@verifier_app.command()
def status(home: Home = None) -> None:
    """查看各核验进程；有未在服务的，以 1 结束。 How the workers stand; exits with 1 unless all are serving."""
    found = supervised(opened(home).paths.supervised)
    typer.echo(f"看护进程 supervisor: {found.pid}")
    for each in found.workers:
        line = f"{each.name}: {STATES[each.state]} {each.state}, pid {each.pid or '–'}, 启动 starts {each.starts}"
        typer.echo(line + (f", 上次退出 last end: {each.last_end}" if each.last_end else ""))
    if not found.well:
        raise typer.Exit(1)


@verifier_app.command()
def restart(home: Home = None) -> None:
    """逐个重启核验进程，服务不中断。 Renew the workers one after the other, while the others serve."""
    hub = opened(home)
    settings = load(SuperviseSettings, "supervise", file=hub.paths.settings)
    before = supervised(hub.paths.supervised)
    each_s = settings.ready_seconds + settings.stop_seconds
    found = renew_workers(hub.paths.supervised, each_s * len(before.workers))
    typer.echo(f"已全部重启 renewed: {', '.join(each.name for each in found.workers)}")


@verifier_app.command()
def renew(home: Home = None) -> None:
    """换发服务证书；各进程对新连接即用新证书，无须重启。 Issue a new certificate of the service."""
    hub = opened(home)
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
    hub = opened(home)
    states = service_states(hub.client_settings, client_tls(hub, client))
    for service, state in states.items():
        typer.echo(f"{service}: {state}")
    if set(states.values()) != {"SERVING"}:
        raise typer.Exit(1)
