"""The DAG files load clean, fast and without a network, and wire the exchange's steps as they should."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from schemas.catalogue import load_contracts

ROOT = Path(__file__).parent.parent.parent
STEPS = ["extract", "stage", "validate", "build", "record", "promote"]
HEAVY = {"duckdb", "great_expectations", "pandas", "lmdb", "grpc", "exchange", "verifier", "audit", "adapters"}


def read_dags(home: Path, folder: Path, **environ: str) -> dict[str, Any]:
    """What Airflow makes of a folder of DAG files, in a fresh process and a fresh home."""
    command = [sys.executable, str(Path(__file__).with_name("read_dags.py")), str(folder)]
    fresh = {
        "PATH": os.environ["PATH"],
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "MIANZHENG_HOME": str(home),
        **environ,
    }
    done = subprocess.run(command, env=fresh, cwd=home, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What Airflow makes of our DAG files."""
    return read_dags(tmp_path_factory.mktemp("home"), ROOT / "dags")


@pytest.fixture(scope="module")
def dags(read: dict[str, Any]) -> dict[str, Any]:
    """Every DAG, by id."""
    found: dict[str, Any] = read["dags"]
    return found


def test_the_dag_files_load_clean(read: dict[str, Any]) -> None:
    assert read["errors"] == {}
    assert read["warnings"] == []


def test_every_contract_has_one_dag(dags: dict[str, Any]) -> None:
    assert set(dags) == {f"sync_{dataset}" for dataset in load_contracts()}


def test_a_dag_runs_when_its_contract_says_in_the_citys_time(dags: dict[str, Any]) -> None:
    for contract in load_contracts().values():
        dag = dags[f"sync_{contract.id}"]
        assert (dag["schedule"], dag["timezone"]) == (contract.schedule, "Asia/Shanghai")
        assert dag["tags"] == [contract.department]
        assert contract.title.zh in dag["title"]


def test_a_hub_that_was_off_makes_up_for_no_run(dags: dict[str, Any]) -> None:
    assert {(dag["catchup"], dag["start_date"]) for dag in dags.values()} == {(False, "None")}


def test_runs_of_one_dataset_wait_for_each_other(dags: dict[str, Any]) -> None:
    assert {dag["runs_max"] for dag in dags.values()} == {1}


def test_the_steps_follow_one_another(dags: dict[str, Any]) -> None:
    for dag in dags.values():
        tasks = dag["tasks"]
        assert list(tasks) == STEPS
        assert [tasks[step]["after"] for step in STEPS] == [[], *([step] for step in STEPS[:-1])]


def test_each_step_is_handed_what_the_one_before_it_returned_and_nothing_else(dags: dict[str, Any]) -> None:
    for dag in dags.values():
        handed = [task["op_args"] for task in dag["tasks"].values()]
        assert handed == [[], *([["PlainXComArg"]] * 5)]


def test_the_last_step_alone_announces_the_snapshot(dags: dict[str, Any]) -> None:
    for name, dag in dags.items():
        announced = {step: task["outlets"] for step, task in dag["tasks"].items() if task["outlets"]}
        assert announced == {"promote": [f"mianzheng://snapshot/{name.removeprefix('sync_')}"]}


def test_reading_the_dag_files_takes_less_than_a_second(read: dict[str, Any]) -> None:
    assert read["seconds"] < 1.0


def test_reading_the_dag_files_brings_in_nothing_heavy(read: dict[str, Any]) -> None:
    assert HEAVY & {name.partition(".")[0] for name in read["modules"]} == set()
    assert "dags.factory" in read["modules"], "the modules are seen at all"


def test_patience_is_a_setting(tmp_path: Path) -> None:
    (tmp_path / "hub.toml").write_text("[dags]\nretries = 5\nstep_within_s = 60\n", "utf-8")
    read = read_dags(tmp_path, ROOT / "dags", MIANZHENG_DAGS_RUN_WITHIN_S="120")
    assert {dag["within_s"] for dag in read["dags"].values()} == {120.0}
    tasks = [task for dag in read["dags"].values() for task in dag["tasks"].values()]
    assert {(task["retries"], task["within_s"]) for task in tasks} == {(5, 60.0)}


def test_the_network_is_refused_while_dag_files_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "dags"
    folder.mkdir()
    (folder / "calling_dag.py").write_text(
        "from airflow.sdk import DAG\nimport urllib.request\nurllib.request.urlopen('http://127.0.0.1:9/')\n", "utf-8"
    )
    (error,) = read_dags(tmp_path, folder)["errors"].values()
    assert "reaches for the network" in error
