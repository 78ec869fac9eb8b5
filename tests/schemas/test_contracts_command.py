"""`mianzheng contracts diff`, and `mianzheng check` beside an archive: what whoever changes a contract sees."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.hub import open_hub
from cli.main import app as mianzheng
from kernel.errors import Damaged, Invalid
from schemas.catalogue import ROOT

FOLDERS = ("datasets", "claims", "items", "grants", "clients")
MARRIAGES = "datasets/civil_affairs/marriages.odcs.yaml"
NOW = datetime(2026, 11, 24, 4, tzinfo=UTC)


@pytest.fixture(scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hub whose agreements are in its archive, as a worker that started keeps them."""
    home = tmp_path_factory.mktemp("hub")
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, home / "city" / folder)
    (home / "hub.toml").write_text(f'[hub]\nagreements = "{home / "city"}"\n')
    hub = open_hub(home)
    hub.archive.keep(hub.catalogue, hub.agreements_root, now=NOW)
    return home


@pytest.fixture
def home(_made: Path, tmp_path: Path) -> Path:
    shutil.copytree(_made, tmp_path / "hub")
    (tmp_path / "hub" / "hub.toml").write_text(f'[hub]\nagreements = "{tmp_path / "hub" / "city"}"\n')
    return tmp_path / "hub"


def run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(mianzheng, [*words, "--home", str(home)])


def edit(home: Path, *changes: tuple[str, str], to: Path | None = None) -> Path:
    path = home / "city" / MARRIAGES
    text = path.read_text("utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    (to or path).write_text(text, "utf-8")
    return to or path


def test_a_breaking_change_is_exit_code_1_and_names_what_breaks(home: Path, tmp_path: Path) -> None:
    renamed = [("name: status\n", "name: state\n"), ("(status = '离婚'", "(state = '离婚'")]
    new = edit(home, *renamed, to=tmp_path / "sent-by-the-department.yaml")
    shown = run(home, "contracts", "diff", "marriages", str(new))
    assert shown.exit_code == 1, shown.output
    for words in ("不兼容 breaking", "property_renamed", "字段改名", "marriage.unmarried", "marriage_registration"):
        assert words in shown.stdout
    assert "版本号至少应为 the version must be at least 2.0.0, is 1.0.0" in shown.stdout
    told = json.loads(run(home, "contracts", "diff", "marriages", str(new), "--json").stdout)
    assert (told["breaking"], told["bump"], told["version_due"], told["version_honoured"]) == (
        True,
        "major",
        "2.0.0",
        False,
    )
    assert set(told["claims_broken"]) == {"marriage.married_to", "marriage.unmarried"}
    assert "counter.marriage_registration" in told["grants_broken"]


def test_a_compatible_change_is_exit_code_0(home: Path, tmp_path: Path) -> None:
    new = edit(home, ("'1950-01-01'", "'1940-01-01'"), ("version: 1.0.0", "version: 1.1.0"), to=tmp_path / "new.yaml")
    shown = run(home, "contracts", "diff", "marriages", str(new))
    assert shown.exit_code == 0, shown.output
    assert "✓ 兼容 compatible" in shown.stdout
    assert "the version is raised as it must be" in shown.stdout


def test_what_a_contract_says_is_shown_as_it_stands(home: Path, tmp_path: Path) -> None:
    pattern = "^[/][a-z]+[red]$"
    rule = "        quality:\n          - id: name_form\n            metric: invalidValues\n            mustBe: 0\n"
    rule += f"            unit: rows\n            arguments: {{pattern: '{pattern}'}}\n"
    place = "        description: Husband's name\n        logicalType: string\n        classification: personal\n"
    new = edit(home, (place, place + rule), to=tmp_path / "new.yaml")
    shown = run(home, "contracts", "diff", "marriages", str(new))
    assert shown.exit_code == 1, shown.output
    assert pattern in shown.stdout


def test_the_same_contract_has_no_change(home: Path) -> None:
    shown = run(home, "contracts", "diff", "marriages@1.0.0", "marriages")
    assert (shown.exit_code, "没有变化 no change" in shown.stdout) == (0, True)


def test_a_contract_that_broke_the_claims_where_it_stands_is_compared_with_what_was_in_force(home: Path) -> None:
    edit(home, ("name: status\n", "name: state\n"), ("(status = '离婚'", "(state = '离婚'"))
    assert run(home, "check").exit_code == 1
    told = json.loads(run(home, "contracts", "diff", "marriages", "--against", "marriages@1.0.0", "--json").stdout)
    assert set(told["claims_broken"]) == {"marriage.married_to", "marriage.unmarried"}


def test_what_is_no_contract_is_wrong_use(home: Path) -> None:
    for words in (("no_such", "marriages"), ("marriages@7.0.0", "marriages"), ("marriages@snapshot", "marriages")):
        assert run(home, "contracts", "diff", *words).exception is not None


@pytest.mark.parametrize("version", ["20261124-mistyped", "../../../city", "..", "/etc"])
def test_a_snapshot_that_never_was_is_no_such_version(home: Path, version: str) -> None:
    (home / "exchange" / "marriages" / "versions" / "20261124").mkdir(parents=True)
    shown = run(home, "contracts", "diff", f"marriages@snapshot:{version}", "marriages")
    assert isinstance(shown.exception, Invalid)
    assert "no such version" in str(shown.exception)
    elsewhere = run(home, "contracts", "diff", "../city@snapshot", "marriages")
    assert "was never published" in str(elsewhere.exception)


def test_a_current_that_was_lost_is_damage_and_not_a_dataset_never_published(home: Path) -> None:
    versions = home / "exchange" / "marriages" / "versions"
    versions.mkdir(parents=True)
    (versions / "20261124.receipt").write_bytes(b"recorded")
    shown = run(home, "contracts", "diff", "marriages@snapshot", "marriages")
    assert isinstance(shown.exception, Damaged)
    assert "current is missing" in str(shown.exception)


def test_the_history_lists_every_version_that_was_in_force(home: Path) -> None:
    (row,) = json.loads(run(home, "contracts", "history", "marriages", "--json").stdout)
    assert (row["version"], row["kept_at"]) == ("1.0.0", NOW.isoformat())


def test_content_that_changed_under_its_version_fails_the_check(home: Path) -> None:
    assert run(home, "check").exit_code == 0
    path = edit(home, ("value: 0.05", "value: 0.04"))
    line = path.read_text("utf-8").splitlines().index("version: 1.0.0") + 1
    done = run(home, "check")
    assert done.exit_code == 1
    assert f"{path}:{line}: marriages 1.0.0 was in force with other content" in done.stderr
    edit(home, ("version: 1.0.0", "version: 2.0.0"))
    assert run(home, "check").exit_code == 0
