"""The image and the composition hold by the word of the real tools; no engine is needed."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
DOCKER = ROOT / "docker"
COMPOSE = Path(sys.executable).with_name("docker-compose")
HADOLINT = Path(sys.executable).with_name("hadolint")
SEES_THE_HOME = {"airflow-scheduler", "verifier"}
PREPARES = {"airflow-init", "airflow-log-owner"}


def compose(home: Path, *arguments: str, **changed: str | None) -> subprocess.CompletedProcess[str]:
    """The real Compose on our file, in an environment that names a home."""
    wanted = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "MIANZHENG_HOME_DIR": str(home / "hub"),
        "MIANZHENG_SECRETS_DIR": str(home / "secrets"),
        "MIANZHENG_UID": "1000",
        "MIANZHENG_GID": "1001",
        **changed,
    }
    environ = {name: value for name, value in wanted.items() if value is not None}
    command = [str(COMPOSE), "--project-directory", str(DOCKER), "-f", str(DOCKER / "compose.yaml"), *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Every service, as Compose understood it."""
    done = compose(tmp_path_factory.mktemp("home"), "config", "--format", "json")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)["services"]
    return found


def test_compose_understands_the_file(tmp_path: Path) -> None:
    done = compose(tmp_path, "config", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("variable", ["MIANZHENG_HOME_DIR", "MIANZHENG_SECRETS_DIR", "MIANZHENG_UID", "MIANZHENG_GID"])
def test_compose_stops_where_something_is_not_set(tmp_path: Path, variable: str) -> None:
    done = compose(tmp_path, "config", "--quiet", **{variable: None})
    assert done.returncode != 0
    assert variable in done.stderr


def test_every_part_of_a_hub_is_composed(services: dict[str, Any]) -> None:
    parts = {"api-server", "scheduler", "dag-processor", "triggerer", "init", "log-owner"}
    assert set(services) == {"postgres", "verifier", *(f"airflow-{part}" for part in parts)}


def test_only_who_needs_rows_and_keys_sees_the_home(services: dict[str, Any]) -> None:
    seeing = {name for name, each in services.items() if any(v["type"] == "bind" for v in each.get("volumes", []))}
    assert seeing == SEES_THE_HOME


def test_no_container_may_change_its_own_system(services: dict[str, Any]) -> None:
    for name, each in services.items():
        assert each["read_only"], name
        assert each["cap_drop"] == ["ALL"], name
        assert each["security_opt"] == ["no-new-privileges:true"], name
        assert not each.get("privileged"), name


def test_nothing_of_ours_runs_as_root_but_for_giving_the_logs_away(services: dict[str, Any]) -> None:
    ours = {name: each for name, each in services.items() if name != "postgres"}
    assert {each["user"] for name, each in ours.items() if name != "airflow-log-owner"} == {"1000:1001"}
    assert ours["airflow-log-owner"]["network_mode"] == "none"


def test_the_pipeline_and_its_database_are_reached_from_inside_alone(services: dict[str, Any]) -> None:
    assert set(services["postgres"]["networks"]) == {"pipeline"}
    assert {name for name, each in services.items() if each.get("ports")} == {"airflow-api-server", "verifier"}
    assert services["airflow-api-server"]["ports"][0]["host_ip"] == "127.0.0.1"
    assert "pipeline" not in services["verifier"]["networks"]


def test_every_lasting_service_says_whether_it_is_well(services: dict[str, Any]) -> None:
    image_has_one = {"verifier"}
    lasting = set(services) - PREPARES - image_has_one
    assert {name for name in lasting if services[name].get("healthcheck", {}).get("test")} == lasting
    assert "HEALTHCHECK" in (DOCKER / "Dockerfile").read_text("utf-8")


def test_airflow_starts_after_its_database_is_ready(services: dict[str, Any]) -> None:
    for part in ("api-server", "scheduler", "dag-processor", "triggerer"):
        after = services[f"airflow-{part}"]["depends_on"]
        assert after["airflow-init"]["condition"] == "service_completed_successfully"
    assert services["airflow-init"]["depends_on"]["postgres"]["condition"] == "service_healthy"


def test_no_secret_stands_in_the_composition(services: dict[str, Any]) -> None:
    telling = re.compile(r"PASSWORD|SECRET|FERNET|SQL_ALCHEMY_CONN", re.IGNORECASE)
    for name, each in services.items():
        for variable, value in (each.get("environment") or {}).items():
            if telling.search(variable):
                assert "/run/secrets/" in value or value.startswith("/var/lib/airflow/"), f"{name}: {variable}"


def test_every_setting_that_the_composition_makes_exists(services: dict[str, Any]) -> None:
    known = set(re.findall(r"`(MIANZHENG_\w+)`", (ROOT / "docs" / "reference" / "settings.md").read_text("utf-8")))
    made = {name for each in services.values() for name in each.get("environment") or {} if name.startswith("MIANZ")}
    assert made - {"MIANZHENG_HOME"} == {"MIANZHENG_VERIFIER_HOST"}
    assert "MIANZHENG_VERIFIER_HOST" in known


def test_secrets_are_made_private_and_kept(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    make = ["sh", str(DOCKER / "make-secrets.sh"), str(folder)]
    subprocess.run(make, check=True, capture_output=True)
    made = {path.name: path.read_bytes() for path in folder.iterdir()}
    named = set(re.findall(r"\$\{MIANZHENG_SECRETS_DIR[^}]*\}/([\w.]+)", (DOCKER / "compose.yaml").read_text("utf-8")))
    assert named == set(made)
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())
    password = made["database_password"].decode()
    assert made["database_url"].decode() == f"postgresql+psycopg://airflow:{password}@postgres:5432/airflow"
    subprocess.run(make, check=True, capture_output=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == made


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    done = subprocess.run([str(HADOLINT), str(DOCKER / "Dockerfile")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("name", ["build.lock"])
def test_the_images_own_locks_are_excerpts_of_the_projects(name: str) -> None:
    project = (ROOT / "requirements-dev.lock").read_text("utf-8")
    excerpts = re.split(r"\n(?=\S)", (DOCKER / name).read_text("utf-8").rstrip())
    assert excerpts
    for excerpt in excerpts:
        assert f"{excerpt}\n" in project, f"{excerpt.splitlines()[0]}: take it over from requirements-dev.lock"


def test_an_installed_hub_holds_all_that_it_reads(tmp_path: Path) -> None:
    """The image installs a wheel: DAG files, agreements and wire formats must be in it."""
    source = tmp_path / "source"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for name in listed.decode().split("\0"):
        if name and (ROOT / name).is_file() and not name.startswith(("tests/", "docs/")):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, source / name)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*build, "--wheel-dir", str(tmp_path), str(source)], check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    kinds = ("*.py", "*.yaml", "*.proto", "*.json", "*.sql", "*.html", "*.csv", ".airflowignore")
    rooms = ("adapters", "app", "audit", "cli", "dags", "exchange", "kernel", "samples", "schemas", "verifier")
    wanted = {str(path.relative_to(source)) for room in rooms for kind in kinds for path in (source / room).rglob(kind)}
    assert wanted - held == set()
