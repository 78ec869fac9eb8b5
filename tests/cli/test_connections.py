"""`mianzheng connections`: an operator sees what is missing, and nobody sees a secret."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app as mianzheng
from tests.e2e.test_connect_a_registry import blocks

FILE = "datasets/disabled_persons_federation/disability_certificates.odcs.yaml"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose one contract is the how-to's."""
    [contract] = [each.content for each in blocks() if each.file.endswith(FILE)]
    path = tmp_path / "city" / FILE
    path.parent.mkdir(parents=True)
    path.write_text(contract, "utf-8")
    (tmp_path / "hub.toml").write_text('[hub]\nagreements = "city"\n')
    return tmp_path


def run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(mianzheng, ["connections", *words, "--home", str(home)])


def test_what_is_missing_is_said_with_where_to_write_it(home: Path) -> None:
    done = run(home)
    assert done.exit_code == 1
    assert "disability_db（disability_certificates）: 缺少 missing" in done.stdout
    assert "MIANZHENG_CONNECTION_DISABILITY_DB" in done.stdout


def test_what_is_known_is_shown_without_its_secret(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIANZHENG_CONNECTION_DISABILITY_DB", json.dumps({"user": "reader", "password": "geheim"}))
    done = run(home, "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout) == [
        {
            "connection": "disability_db",
            "datasets": ["disability_certificates"],
            "place": "environment",
            "user": "reader",
            "complaint": "",
        }
    ]
    assert "geheim" not in done.output


def test_a_file_that_others_can_read_counts_as_missing(home: Path) -> None:
    file = home / "connections.toml"
    file.write_text('[disability_db]\nuser = "reader"\npassword = "geheim"\n')
    file.chmod(0o644)
    done = run(home)
    assert done.exit_code == 1
    assert "chmod 600" in done.stdout
    assert "geheim" not in done.output
