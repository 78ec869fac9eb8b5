"""A home's Airflow has keys, a port and a lock of its own."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from app.airflow import AirflowSettings, LocalAirflow
from app.paths import Paths
from kernel.errors import Conflict


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """A home that is ready but for the database, which these tests do not need."""
    paths = Paths(home=tmp_path / "hub")
    paths.airflow.mkdir(parents=True)
    paths.logs.mkdir()
    return paths


def local(paths: Paths, port: int = 12345) -> LocalAirflow:
    """Airflow of a home, its database never made."""
    return LocalAirflow(paths=paths, settings=AirflowSettings(), port=port)


def test_keys_are_private_kept_and_different(paths: Paths, tmp_path: Path) -> None:
    first = local(paths).environment()
    kept = paths.airflow / "secrets.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert local(paths).environment() == first
    names = ("AIRFLOW__API__SECRET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__CORE__FERNET_KEY")
    assert sorted(first[name] for name in names) == sorted(json.loads(kept.read_bytes()).values())
    other = Paths(home=tmp_path / "other")
    other.airflow.mkdir(parents=True)
    assert {first[name] for name in names}.isdisjoint(local(other).environment()[name] for name in names)


def test_no_key_stands_in_a_command_line(paths: Paths) -> None:
    words = " ".join(word for part in local(paths).parts() for word in part.command)
    keys = json.loads((paths.airflow / "secrets.json").read_bytes())
    assert not any(key in words for key in keys.values())


def test_every_part_keeps_to_this_machine(paths: Paths) -> None:
    for part in local(paths).parts():
        assert part.environ["AIRFLOW__API__HOST"] == "127.0.0.1"
        assert part.environ["MIANZHENG_HOME"] == str(paths.home)
    scheduler = next(part for part in local(paths).parts() if part.name == "airflow-scheduler")
    assert "--skip-serve-logs" in scheduler.command, "its log server would listen on every interface"


def test_a_callers_own_airflow_does_not_reach_ours(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW_HOME", "/somewhere/else")
    environ = local(paths).environment()
    assert environ["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert environ["AIRFLOW_HOME"] == str(paths.airflow)


def test_one_home_runs_one_airflow(paths: Paths) -> None:
    with local(paths).held(), pytest.raises(Conflict, match="runs on this home already"), local(paths).held():
        pass
    with local(paths).held():
        pass


def test_a_process_that_outlives_its_starter_keeps_the_home_held(paths: Paths) -> None:
    with local(paths).held() as lock:
        orphan = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(lock,))
    try:
        with pytest.raises(Conflict), local(paths).held():
            pass
    finally:
        orphan.communicate(b"\n")
    with local(paths).held():
        pass


def prepared(paths: Paths, port: int = 0) -> LocalAirflow:
    """Prepare a home whose database counts as made."""
    if not (paths.airflow / "migrated").exists():
        made = subprocess.run(
            [
                sys.executable,
                "-c",
                "from importlib.metadata import version; print(version('apache-airflow-core'), end='')",
            ],
            capture_output=True,
            check=True,
        )
        (paths.airflow / "migrated").write_bytes(made.stdout)
    return LocalAirflow.prepare(paths, AirflowSettings(port=port))


def test_a_home_keeps_its_port_unless_somebody_else_took_it(paths: Paths) -> None:
    with (first := prepared(paths)).held():
        pass
    assert prepared(paths).port == first.port
    with socket.create_server(("127.0.0.1", first.port)):
        assert prepared(paths).port not in {0, first.port}


def test_a_second_start_does_not_make_the_home_forget_the_port_of_the_first(paths: Paths) -> None:
    with (first := prepared(paths)).held(), socket.create_server(("127.0.0.1", first.port)):
        with pytest.raises(Conflict), prepared(paths).held():
            pass
        assert (paths.airflow / "port").read_text("ascii") == str(first.port)


def test_a_port_asked_for_is_taken(paths: Paths) -> None:
    assert prepared(paths, port=4321).url == "http://127.0.0.1:4321"


def test_a_home_named_from_here_is_found_from_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    paths = Paths(home=Path("hub"))
    paths.airflow.mkdir(parents=True)
    environ = prepared(paths).environment()
    assert environ["AIRFLOW_HOME"] == os.path.join(tmp_path, "hub", "airflow")  # noqa: PTH118 (compared as text)
