"""`mianzheng serve`: a whole hub on this machine, until it is asked to stop."""

import typer

from app.airflow import AirflowSettings, LocalAirflow
from app.airflow_api import AirflowUnavailable
from app.paths import Paths
from app.serve import ServeSettings, hub_parts, keep_running, last_lines
from cli.options import Home, opened
from kernel.settings import load
from verifier.settings import VerifierSettings

EXIT_A_PART_ENDED = 1


def serve(
    home: Home = None,
) -> None:
    """让整个核验中枢在本机运行，直到 Ctrl-C。 Keep a whole hub running on this machine until Ctrl-C.

    Airflow (API server, scheduler, DAG processor) and the verifier run together and stop together. Ends with
    0 when it was asked to stop, with 1 when a part ended by itself.
    """
    hub = opened(home)
    # Where there is no hub, say so before anything is made.
    _ = hub.trust
    paths = hub.paths
    settings = load(ServeSettings, "serve", file=paths.settings)
    typer.echo("准备 Airflow 数据库……  Preparing Airflow's database …")
    airflow = LocalAirflow.prepare(paths, load(AirflowSettings, "airflow", file=paths.settings))
    with airflow.held():
        parts = hub_parts(paths, airflow)
        _say_where(paths, hub.verifier_settings, airflow, [part.name for part in parts])
        ending = keep_running(parts, paths.logs, settings, started=lambda: _say_when_healthy(airflow))
    if ending.by_request:
        typer.echo("已全部停止。  Everything has stopped.")
        return
    log = paths.logs / f"{ending.part}.log"
    typer.secho(
        f"{ending.part} 自行退出（{ending.how}），其余部分已停止。  "
        f"{ending.part} ended by itself ({ending.how}); the others have been stopped.",
        err=True,
        fg=typer.colors.RED,
    )
    typer.echo(f"{log}:", err=True)
    for line in last_lines(log, settings.last_lines):
        typer.echo(f"  {line}", err=True)
    raise typer.Exit(EXIT_A_PART_ENDED)


def _say_where(paths: Paths, verifier: VerifierSettings, airflow: LocalAirflow, names: list[str]) -> None:
    rows = (
        ("状态 State", str(paths.home)),
        ("日志 Logs", f"{paths.logs}/<部件 part>.log"),
        ("核验服务 Verifier", f"{verifier.host}:{verifier.port}（双向 TLS mutual TLS）"),
        ("调度 Airflow", airflow.url),
        ("部件 Parts", ", ".join(names)),
    )
    for name, value in rows:
        typer.echo(f"  {name}: {value}")
    typer.echo("按 Ctrl-C 停止。  Ctrl-C stops everything.")


def _say_when_healthy(airflow: LocalAirflow) -> None:
    try:
        airflow.api().wait_until_healthy(within_s=airflow.settings.healthy_within_s)
    except AirflowUnavailable as error:
        typer.echo(f"Airflow 未就绪：{error}  Airflow is not healthy: {error}", err=True)
    else:
        typer.echo("Airflow 已就绪。  Airflow is healthy.")
