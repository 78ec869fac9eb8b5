"""`mianzheng datasets`: what a hub's people see of its datasets, and what they decide."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.home import make_home
from app.hub import open_hub
from audit.logs import DESK
from cli.main import app as mianzheng
from exchange.rollback import CannotRollBack
from kernel.clock import SystemClock
from schemas.catalogue import ROOT
from tests.exchange.registry import Record, Registry, alias, number

ALIASES = "person_aliases"


def deliver(home: Path, records: Sequence[Record]) -> None:
    Registry(home).deliver(ALIASES, records, as_of=SystemClock().now().isoformat())


def aliases(count: int) -> list[Record]:
    return [alias(place, number(2 * place), number(2 * place + 1)) for place in range(count)]


def run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(mianzheng, [*words, "--home", str(home)])


def values(home: Path, *words: str) -> object:
    done = run(home, *words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hub in which one dataset was published twice, and then a bad delivery of it was held."""
    hub = open_hub(tmp_path_factory.mktemp("hub"))
    make_home(hub.paths, hub.settings, {}, now=hub.clock.now())
    hub.logs.shared(DESK)
    home = hub.paths.home
    deliver(home, aliases(30))
    assert run(home, "publish", ALIASES, "--run-id", "first").exit_code == 0
    changed = [*aliases(29)[1:], alias(40, number(90), number(91)), alias(41, number(92), number(93))]
    changed[0] |= {"changed_on": "20250101"}
    deliver(home, changed)
    assert run(home, "publish", ALIASES, "--run-id", "second").exit_code == 0
    bad = aliases(30)
    for row in bad[:10]:
        row["changed_on"] = "三月一日"
    deliver(home, bad)
    assert run(home, "publish", ALIASES, "--run-id", "third").exit_code == 1
    return home


@pytest.fixture
def home(_made: Path, tmp_path: Path) -> Path:
    shutil.copytree(_made, tmp_path / "hub")
    return tmp_path / "hub"


def versions(home: Path) -> list[str]:
    """Newest first."""
    found = values(home, "datasets", "history", ALIASES)
    return [each["version"] for each in found["versions"]]  # type: ignore[index, call-overload]


def in_force(home: Path) -> str:
    found = values(home, "datasets", "show", ALIASES)
    return str(found["in_force"]["version"])  # type: ignore[index, call-overload]


def test_the_list_says_how_every_dataset_stands(home: Path) -> None:
    shown = run(home, "datasets", "list")
    assert shown.exit_code == 0, shown.output
    assert f"{ALIASES}: 暂缓 held · " in shown.stdout
    assert "待决 1 held" in shown.stdout
    assert "population: 从未发布 never published · —" in shown.stdout
    listed = values(home, "datasets", "list")
    states = {each["dataset"]: each["state"] for each in listed}  # type: ignore[attr-defined]
    assert len(states) == 7
    assert (states[ALIASES], states["marriages"]) == ("held", "never_published")


def test_a_dataset_is_shown_with_its_contract_and_counts(home: Path) -> None:
    shown = run(home, "datasets", "show", ALIASES)
    assert "现行 in force: " in shown.stdout
    assert "生效 published 30" in shown.stdout
    assert "待决 held: third" in shown.stdout
    # What people read names nobody.
    assert number(90) not in shown.stdout
    assert run(home, "datasets", "show", "no_such").exception is not None


def test_the_history_has_versions_held_deliveries_and_roll_backs(home: Path) -> None:
    second, first = versions(home)
    assert run(home, "datasets", "rollback", ALIASES, first, "--reason", "旧系统误交付", "--by", "李四").exit_code == 0
    shown = run(home, "datasets", "history", ALIASES).stdout
    assert f"{second} 留存 kept" in shown
    assert f"{first} 现行 in force" in shown
    assert "暂缓 held third" in shown
    assert f"{second} → {first} · 李四 · 旧系统误交付" in shown


def test_two_versions_differ_in_counts_and_never_in_values(home: Path) -> None:
    second, first = versions(home)
    found = values(home, "datasets", "diff", ALIASES)
    assert found["before"]["version"] == first  # type: ignore[index, call-overload]
    assert found["after"]["version"] == second  # type: ignore[index, call-overload]
    rows = found["rows"]  # type: ignore[index, call-overload]
    assert (rows["added"], rows["removed"], rows["changed"], rows["unchanged"]) == (2, 2, 1, 27)
    assert rows["by_property"] == {"changed_on": 1}
    shown = run(home, "datasets", "diff", ALIASES, second, first).stdout
    assert "新增 added 2，减少 removed 2，变动 changed 1" in shown
    assert not any(number(place) in shown for place in range(100))
    wrong = run(home, "datasets", "diff", ALIASES, "../../etc/passwd", first)
    assert "no such version" in str(wrong.exception)


def test_an_older_version_comes_into_force_again_and_the_log_holds_it(home: Path) -> None:
    second, first = versions(home)
    done = run(home, "datasets", "rollback", ALIASES, first, "--reason", "旧系统误交付", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["version"] == first
    assert in_force(home) == first
    assert run(home, "audit", "verify").exit_code == 0
    back = run(home, "datasets", "rollback", ALIASES, second, "--reason", "已核实无误")
    assert (back.exit_code, in_force(home)) == (0, second)
    wrong = run(home, "datasets", "rollback", ALIASES, "20200101T000000Z-000000", "--reason", "无")
    assert isinstance(wrong.exception, CannotRollBack)


def test_a_version_whose_publication_the_log_does_not_hold_is_not_rolled_back_to(home: Path) -> None:
    """Somebody put a whole version, with a key and a receipt, beside the others: the log tells."""
    _, first = versions(home)
    folder = home / "exchange" / ALIASES / "versions"
    forged = "20200101T000000Z-abcdef"
    shutil.copytree(folder / first, folder / forged)
    for suffix in (".key", ".receipt"):
        shutil.copy(folder / f"{first}{suffix}", folder / f"{forged}{suffix}")
    manifest = folder / forged / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(first.encode(), forged.encode()))
    wrong = run(home, "datasets", "rollback", ALIASES, forged, "--reason", "无")
    assert "records no publication" in str(wrong.exception)


def test_a_held_delivery_is_released_or_rejected_on_somebodys_word(home: Path) -> None:
    words = ("third", "--reason", "已与部门核实", "--by", "李四")
    done = run(home, "datasets", "release", ALIASES, *words)
    assert done.exit_code == 0, done.output
    assert "已放行并生效" in done.stdout
    assert len(versions(home)) == 3
    assert run(home, "datasets", "reject", ALIASES, *words).exception is not None


def test_a_rejected_delivery_is_gone(home: Path) -> None:
    done = run(home, "datasets", "reject", ALIASES, "third", "--reason", "请更正后重新交付", "--json")
    assert json.loads(done.stdout) == {"dataset": ALIASES, "run": "third", "fate": "rejected"}
    assert run(home, "datasets", "release", ALIASES, "third", "--reason", "无").exception is not None


def test_metrics_are_text_for_a_scraper(home: Path) -> None:
    shown = run(home, "datasets", "metrics").stdout
    assert shown.endswith("# EOF\n")
    assert f'mianzheng_dataset_state{{dataset="{ALIASES}",department="public_security",state="held"}} 1' in shown


def test_every_decision_and_every_run_writes_the_metrics_file_anew(home: Path) -> None:
    file = home / "metrics" / "datasets.prom"
    shown = f'mianzheng_dataset_state{{dataset="{ALIASES}",department="public_security",state="%s"}} 1'
    assert shown % "held" in file.read_text("utf-8")
    assert file.stat().st_mode & 0o777 == 0o644
    assert run(home, "datasets", "reject", ALIASES, "third", "--reason", "请更正").exit_code == 0
    assert shown % "fresh" in file.read_text("utf-8")
    (home / "deliveries" / "public_security" / f"{ALIASES}.csv").write_bytes(b"\xff\xff")
    assert run(home, "publish", ALIASES).exception is not None
    assert shown % "failed" in file.read_text("utf-8")
    file.unlink()
    assert run(home, "datasets", "metrics", "--write").stdout == file.read_text("utf-8")


def test_a_check_publishes_nothing_and_says_what_would_be(home: Path, tmp_path: Path) -> None:
    before = in_force(home)
    held = run(home, "datasets", "check", ALIASES, "--report", str(tmp_path / "report"))
    assert held.exit_code == 1
    assert "将被暂缓 would be HELD" in held.stdout
    assert (tmp_path / "report" / "report.html").is_file()
    deliver(home, aliases(30))
    good = run(home, "publish", ALIASES, "--dry-run", "--json")
    assert good.exit_code == 0, good.output
    (told,) = json.loads(good.stdout)
    assert (told["outcome"], told["counts"]["published"]) == ("published", 30)
    assert (in_force(home), len(versions(home))) == (before, 2)


def test_a_contract_that_is_only_tried_out_is_not_kept(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    city = home / "next"
    shutil.copytree(ROOT, city, ignore=shutil.ignore_patterns("*.py", "wire", "__pycache__", "*.md"))
    contract = city / "datasets" / "public_security" / f"{ALIASES}.odcs.yaml"
    contract.write_text(contract.read_text("utf-8").replace("version: 1.0.0", "version: 1.1.0"), "utf-8")
    monkeypatch.setenv("MIANZHENG_HUB_AGREEMENTS", str(city))
    assert run(home, "datasets", "check", ALIASES).exit_code == 1
    assert [each.version for each in open_hub(home).archive.versions("datasets", ALIASES)] == ["1.0.0"]
    run(home, "publish", ALIASES)
    assert [each.version for each in open_hub(home).archive.versions("datasets", ALIASES)] == ["1.0.0", "1.1.0"]


def test_publishing_tells_what_has_drifted(home: Path) -> None:
    deliver(home, aliases(31))
    path = home / "deliveries" / "public_security" / "person_aliases.csv"
    lines = path.read_text("gb18030").splitlines()
    path.write_text("\r\n".join([f"{lines[0]},经办人", *(f"{line},张三" for line in lines[1:])]) + "\r\n", "gb18030")
    done = run(home, "publish", ALIASES, "--json")
    (told,) = json.loads(done.stdout)
    assert told["drift"]["new"] == ["经办人"]
    path.write_text("\r\n".join(line.rpartition(",")[0] for line in lines) + "\r\n", "gb18030")
    refused = run(home, "publish", ALIASES)
    assert "缺少的列：变更日期" in refused.stderr
    assert refused.exception is not None
