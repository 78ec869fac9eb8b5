"""The DAG files load clean, fast and without a network, and wire the exchange's steps as they should."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from schemas.catalogue import load_contracts

ROOT = Path(__file__).parent.parent.parent
STEPS = ["extract", "stage", "validate", "build", "record", "promote"]
DECISION = ["ask", "settle", "build", "record", "promote"]
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
    """Every DAG that syncs a dataset, by id."""
    return of_kind(read, "sync_")


@pytest.fixture(scope="module")
def decisions(read: dict[str, Any]) -> dict[str, Any]:
    """Every DAG that decides about what is held, by id."""
    return of_kind(read, "held_")


def of_kind(read: dict[str, Any], kind: str) -> dict[str, Any]:
    return {name: dag for name, dag in read["dags"].items() if name.startswith(kind)}


def test_the_dag_files_load_clean(read: dict[str, Any]) -> None:
    assert read["errors"] == {}
    assert read["warnings"] == []


def test_every_contract_has_a_dag_that_syncs_and_one_that_decides_what_is_held(read: dict[str, Any]) -> None:
    assert set(read["dags"]) == {f"{kind}_{dataset}" for dataset in load_contracts() for kind in ("sync", "held")}


def test_a_dag_runs_when_its_contract_says_in_the_citys_time(dags: dict[str, Any]) -> None:
    for contract in load_contracts().values():
        dag = dags[f"sync_{contract.id}"]
        assert (dag["schedule"], dag["timezone"]) == (contract.schedule, "Asia/Shanghai")
        assert dag["tags"] == [contract.department]
        assert contract.title.zh in dag["title"]


def test_a_hub_that_was_off_makes_up_for_no_run(dags: dict[str, Any]) -> None:
    found = {(dag["catchup"], dag["start_date"], dag["makes_up_s"]) for dag in dags.values()}
    assert found == {(False, "None", 0.0)}


def test_runs_of_one_dataset_wait_for_each_other(dags: dict[str, Any]) -> None:
    assert {dag["runs_max"] for dag in dags.values()} == {1}


def test_the_steps_follow_one_another(dags: dict[str, Any]) -> None:
    for dag in dags.values():
        tasks = dag["tasks"]
        assert sorted(tasks) == sorted([*STEPS, "hand_over"])
        assert [tasks[step]["after"] for step in STEPS] == [[], *([step] for step in STEPS[:-1])]


def test_each_step_is_handed_what_the_one_before_it_returned_and_nothing_else(dags: dict[str, Any]) -> None:
    for dag in dags.values():
        handed = [dag["tasks"][step]["op_args"] for step in STEPS]
        assert handed == [[], *([["PlainXComArg"]] * 5)]


def test_the_last_step_alone_announces_the_snapshot(dags: dict[str, Any]) -> None:
    for name, dag in dags.items():
        announced = {step: task["outlets"] for step, task in dag["tasks"].items() if task["outlets"]}
        assert announced == {"promote": [f"mianzheng://snapshot/{name.removeprefix('sync_')}"]}


def test_only_a_run_that_failed_its_check_is_handed_over_to_its_department(dags: dict[str, Any]) -> None:
    for dag in dags.values():
        task = dag["tasks"]["hand_over"]
        assert (task["after"], task["when"]) == (["validate"], "one_failed")


def test_a_decision_is_asked_for_recorded_and_then_carried_out(decisions: dict[str, Any]) -> None:
    for name, dag in decisions.items():
        tasks = dag["tasks"]
        assert list(tasks) == DECISION
        assert [tasks[step]["after"] for step in DECISION] == [[], *([step] for step in DECISION[:-1])]
        assert tasks["promote"]["outlets"] == [f"mianzheng://snapshot/{name.removeprefix('held_')}"]


def test_a_question_may_wait_for_days_and_keeps_no_other_waiting(decisions: dict[str, Any]) -> None:
    for dag in decisions.values():
        assert (dag["schedule"], dag["within_s"], dag["tasks"]["ask"]["within_s"]) == (None, None, None)
        assert dag["runs_max"] > 1


def test_a_run_that_ends_late_gives_notice_by_its_contracts_latency(dags: dict[str, Any]) -> None:
    for contract in load_contracts().values():
        dag = dags[f"sync_{contract.id}"]
        assert dag["deadline_s"] == contract.latency.total_seconds()
        assert dag["deadline"] == ["DagRunQueuedAtDeadline", "dags.deadline.missed"]


def test_reading_the_dag_files_takes_less_than_a_second(read: dict[str, Any]) -> None:
    assert read["seconds"] < 1.0


def test_reading_the_dag_files_brings_in_nothing_heavy(read: dict[str, Any]) -> None:
    assert HEAVY & {name.partition(".")[0] for name in read["modules"]} == set()
    assert "dags.factory" in read["modules"], "the modules are seen at all"


def test_patience_is_a_setting(tmp_path: Path) -> None:
    (tmp_path / "hub.toml").write_text("[dags]\nretries = 5\nstep_within_s = 60\n", "utf-8")
    read = read_dags(tmp_path, ROOT / "dags", MIANZHENG_DAGS_RUN_WITHIN_S="120")
    dags = of_kind(read, "sync_")
    assert {dag["within_s"] for dag in dags.values()} == {120.0}
    tasks = [task for dag in dags.values() for task in dag["tasks"].values()]
    assert {(task["retries"], task["within_s"]) for task in tasks} == {(5, 60.0)}


def test_the_people_whom_the_contract_names_are_asked_and_a_deadline_can_be_set(tmp_path: Path) -> None:
    agreements = tmp_path / "agreements"
    shutil.copytree(ROOT / "schemas" / "datasets" / "civil_affairs", agreements / "datasets" / "civil_affairs")
    contract = agreements / "datasets" / "civil_affairs" / "marriages.odcs.yaml"
    named = contract.read_text("utf-8").replace("team:\n", "team:\n  members: [{username: ying.mz}]\n")
    contract.write_text(named, "utf-8")
    (tmp_path / "hub.toml").write_text(
        f'[hub]\nagreements = "{agreements}"\n[dags]\ndeadline_s = 90.0\n[schemas]\nlatency_minutes = 7\n', "utf-8"
    )
    read = read_dags(tmp_path, ROOT / "dags")
    assert read["errors"] == {}
    assert read["dags"]["held_marriages"]["tasks"]["ask"]["asked"] == ["ying.mz"]
    assert read["dags"]["sync_marriages"]["deadline_s"] == 90.0
    again = read_dags(tmp_path, ROOT / "dags", MIANZHENG_DAGS_DEADLINE_S="0")
    assert again["dags"]["sync_marriages"]["deadline_s"] == 420.0


def test_the_network_is_refused_while_dag_files_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "dags"
    folder.mkdir()
    (folder / "calling_dag.py").write_text(
        "from airflow.sdk import DAG\nimport urllib.request\nurllib.request.urlopen('http://127.0.0.1:9/')\n", "utf-8"
    )
    (error,) = read_dags(tmp_path, folder)["errors"].values()
    assert "reaches for the network" in error
