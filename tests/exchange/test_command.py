"""`mianzheng publish`: in force, held or unreadable, each with its exit code."""

import json
import shutil
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from app.home import make_home
from app.hub import open_hub
from audit.logs import DESK
from cli.publish import publish
from kernel.clock import SystemClock
from tests.exchange.registry import Record, Registry, alias, number

command = typer.Typer()
command.command()(publish)


@pytest.fixture(scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    hub = open_hub(tmp_path_factory.mktemp("hub"))
    make_home(hub.paths, hub.settings, {}, now=hub.clock.now())
    hub.logs.shared(DESK)
    return hub.paths.home


@pytest.fixture
def home(_made: Path, tmp_path: Path) -> Path:
    shutil.copytree(_made, tmp_path, dirs_exist_ok=True)
    return tmp_path


def deliver(home: Path, records: list[Record]) -> None:
    Registry(home).deliver("person_aliases", records, as_of=SystemClock().now().isoformat())


def run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(command, ["person_aliases", "--home", str(home), *arguments])


def test_a_clean_delivery_comes_into_force_and_its_publication_is_logged(home: Path) -> None:
    deliver(home, [alias(1, number(1), number(2))])
    result = run(home, "--json", "--run-id", "by-hand")
    assert result.exit_code == 0, result.output
    (told,) = json.loads(result.stdout)
    assert (told["outcome"], told["counts"]["published"]) == ("published", 1)
    pinned = open_hub(home).exchange.pin([])
    assert pinned.snapshots["person_aliases"].version == told["version"]
    receipt = home / "exchange" / "person_aliases" / "versions" / f"{told['version']}.receipt"
    assert receipt.read_bytes().startswith(b"c2sp.org/tlog-proof")
    again = run(home)
    assert again.exit_code == 0
    assert "in force already" in again.stdout


def test_a_held_delivery_is_exit_code_1_and_names_its_report(home: Path) -> None:
    deliver(home, [alias(1, "?", number(2))])
    result = run(home)
    assert result.exit_code == 1
    assert "former_id_typed" in result.stdout
    report = result.stdout.split("报告 report: ")[1].replace("\n", "")
    assert Path(report).is_file()


def test_without_a_dataset_it_says_how_to_name_one(home: Path) -> None:
    result = CliRunner().invoke(command, ["--home", str(home)])
    assert result.exit_code == 2
