"""`mianzheng demo`: the main job, end to end, on a sample city. Every step is a command that anyone can type."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from app.airflow import AirflowSettings, LocalAirflow
from app.airflow_api import DagRun
from app.hub import Hub, open_hub
from app.paths import HOME_VARIABLE, home_from_environment
from app.verification import client_tls
from kernel.errors import MianzhengError
from kernel.settings import load
from samples.personas import Persona, Personas
from verifier.health_check import service_states
from verifier.settings import ClientSettings

COUNTER = "counter-hall-01"
READY_SECONDS, LOOK_AGAIN_SECONDS = 60.0, 0.1
RESIDENTS = 20_000
STAND_ALONE = Path(__file__).parent.parent / "tools" / "verify_evidence.py"


class DemoFailed(MianzhengError):
    """A step of the demonstration did not do what it should."""

    code = "demo_failed"


def demo(
    home: Annotated[Path | None, typer.Option(help="枢纽目录，否则 MIANZHENG_HOME，否则 ./hub The hub's home.")] = None,
    residents: Annotated[int, typer.Option(help="居民人数 People in the sample city.")] = RESIDENTS,
    seed: Annotated[int, typer.Option(help="种子相同则城市相同 Equal seeds, equal cities.")] = 1,
) -> None:
    """演示：在示例城市上从头到尾跑一遍主流程。 The main job, end to end, on a sample city."""
    began = time.monotonic()
    hub = open_hub(home or home_from_environment())
    steps = _Steps(hub)
    steps.begin("建立枢纽", "make a hub")
    steps.command("init")
    steps.command("check")
    steps.begin("各部门交付数据", "the departments deliver")
    deliveries = str(hub.paths.deliveries)
    steps.command("sample-city", "--residents", str(residents), "--seed", str(seed), "--out", deliveries)
    steps.begin("Airflow 同步各部门数据", "Airflow syncs every registry")
    _sync(hub)
    steps.begin("核验服务（双向 TLS）", "the verification service, over mutual TLS")
    with _service(hub, steps):
        cases = _ask(hub, steps)
    steps.begin("离线查验凭证", "check the evidence offline")
    for case in cases:
        evidence = str(hub.paths.evidence / f"{case}.evidence.json")
        steps.command("verify", evidence, "--trust", str(hub.paths.trust))
        steps.run([sys.executable, str(STAND_ALONE), evidence, str(hub.paths.trust)])
    steps.begin("审计：谁在何时因何事查了什么", "the audit trail of these cases, and every log verified")
    for case in cases:
        steps.command("audit", "show", "--case", case)
    steps.command("audit", "verify")
    _conclude(hub, cases, time.monotonic() - began)


class _Steps:
    """Shows each step, and runs commands as a person would type them; the first that fails ends the demonstration."""

    def __init__(self, hub: Hub) -> None:
        self._number = 0
        self._began = time.monotonic()
        self.environ = {**os.environ, HOME_VARIABLE: str(hub.paths.home), "PYTHONWARNINGS": "ignore"}

    def begin(self, zh: str, en: str) -> None:
        """Announce a step."""
        self._number += 1
        typer.secho(f"\n[{self._number}/6 {time.monotonic() - self._began:4.0f}s] {zh} · {en}", bold=True)

    def command(self, *words: str) -> None:
        """Run a command of ours."""
        typer.secho(f"$ mianzheng {' '.join(words)}", dim=True)
        self.run([sys.executable, "-m", "cli.main", *words])

    def run(self, command: Sequence[str]) -> None:
        """Run a command; raises DemoFailed where it does not end well."""
        sys.stdout.flush()
        done = subprocess.run(command, env=self.environ, check=False)  # noqa: S603 (our own interpreter, no shell)
        if done.returncode:
            raise DemoFailed(f"a command ended with exit code {done.returncode}", remedy="its message stands above")


def _sync(hub: Hub) -> None:
    """Trigger every dataset's DAG through Airflow's API, and let its scheduler run them."""
    settings = load(AirflowSettings, "airflow", file=hub.paths.settings)
    dags = [f"sync_{dataset}" for dataset in hub.catalogue.contracts]
    typer.echo("启动 Airflow…… starting Airflow …")
    airflow = LocalAirflow.prepare(hub.paths, settings)
    with airflow.running() as api:
        typer.echo(f"Airflow 已就绪：{airflow.url} · Airflow is healthy")
        api.wait_for_dags(dags, within_s=settings.healthy_within_s)
        for each in dags:
            api.unpause(each)
        runs = api.wait_for_runs([api.trigger(each) for each in dags], within_s=settings.run_within_s, progress=_show)
        failed = [run for run in runs if run.state != "success"]
        for run in failed:
            for line in api.failures(run):
                typer.echo(f"  {run.dag_id}: {line}", err=True)
    if failed:
        raise DemoFailed("a sync run failed", remedy=f"see {airflow.log}")


def _show(runs: tuple[DagRun, ...]) -> None:
    done = sorted(run.dag_id for run in runs if run.ended)
    running = sorted(run.dag_id for run in runs if run.state == "running")
    typer.echo(f"  完成 done {len(done)}/{len(runs)}; 运行中 running: {', '.join(running) or '–'}")


@contextmanager
def _service(hub: Hub, steps: _Steps) -> Iterator[None]:
    """A verifier worker as a process of its own, for the length of a block."""
    port = _free_port()
    steps.environ["MIANZHENG_VERIFIER_PORT"] = str(port)
    steps.environ["MIANZHENG_CLIENT_ADDRESS"] = f"localhost:{port}"
    log = hub.paths.logs / "verifier-0.log"
    command = [sys.executable, "-m", "cli.main", "verifier", "run", "--worker", "0"]
    with log.open("ab") as output:
        process = subprocess.Popen(command, env=steps.environ, stdout=output, stderr=output)  # noqa: S603 (the same)
        try:
            _wait_until_serving(hub, port, process, log)
            yield
        finally:
            process.terminate()
            process.wait()
    if process.returncode:
        raise DemoFailed(f"the verifier ended with exit code {process.returncode}", remedy=f"see {log}")


def _wait_until_serving(hub: Hub, port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    settings = ClientSettings(address=f"localhost:{port}", deadline_seconds=1.0)
    tls = client_tls(hub, COUNTER)
    until = time.monotonic() + READY_SECONDS
    while set(service_states(settings, tls).values()) != {"SERVING"}:
        if process.poll() is not None or time.monotonic() > until:
            raise DemoFailed("the verifier does not serve", remedy=f"see {log}")
        time.sleep(LOOK_AGAIN_SECONDS)
    typer.echo(f"核验服务 localhost:{port}，日志 {log} · the service is up")


def _ask(hub: Hub, steps: _Steps) -> list[str]:
    """Two residents who want to marry, and an elderly one; returns the cases' numbers."""
    people = Personas.read(hub.paths.deliveries)
    before = set(hub.paths.evidence.glob("*.evidence.json"))
    _ask_item(steps, "marriage_registration", applicant=people.groom, partner=people.bride)
    _ask_item(steps, "elderly_courtesy_card", applicant=people.elder)
    made = set(hub.paths.evidence.glob("*.evidence.json")) - before
    return [path.name.removesuffix(".evidence.json") for path in sorted(made, key=lambda path: path.stat().st_mtime)]


def _ask_item(steps: _Steps, item: str, **parties: Persona) -> None:
    words = ["ask", "--item", item, "--client", COUNTER]
    for role, person in parties.items():
        words += ["--party", f"{role}={person.number}"]
    steps.command(*words)


def _conclude(hub: Hub, cases: Sequence[str], seconds: float) -> None:
    typer.secho(f"\n完成，用时 {seconds:.0f} 秒 · done in {seconds:.0f} s", bold=True)
    for label, path in (
        ("枢纽 home", hub.paths.home),
        ("凭证 evidence", hub.paths.evidence),
        ("信任文件 trust file", hub.paths.trust),
        ("质量报告 quality reports", hub.paths.exchange / "*" / "versions" / "*" / "report.html"),
        ("公开日志 public logs", hub.paths.audit / "*" / "public"),
    ):
        typer.echo(f"  {label}: {path}")
    typer.echo(f"  办件 cases: {', '.join(cases)}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
