"""The report: one page that needs nothing from elsewhere, and how deliveries have been, run after run."""

import base64
import json
import re
import shutil
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest

from exchange.layout import REPORT, REPORT_PAGE
from exchange.publish import HeldBack
from exchange.settings import DEFAULTS, ExchangeSettings
from exchange.trend import earlier_runs, failing_rules
from schemas.title import Title
from tests.exchange.registry import Record, Registry, alias, number

DATASET = "person_aliases"


def aliases(bad: int, of: int) -> list[Record]:
    return [alias(n, "?" if n < bad else number(2 * n), number(2 * n + 1)) for n in range(of)]


@pytest.fixture(scope="module")
def _runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    registry = Registry(tmp_path_factory.mktemp("runs"))
    for day, (bad, of) in enumerate([(1, 20), (9, 21), (0, 22)]):
        registry.deliver(DATASET, aliases(bad, of), as_of=f"2026-11-{24 + day}T02:00:00+08:00")
        registry.run(DATASET, run_id=f"scheduled__{day}")
        registry.clock.advance(timedelta(days=1))
    return registry.root


@pytest.fixture
def run_after_run(_runs: Path, tmp_path: Path) -> Registry:
    """Three runs, a day apart: published with a bad row, held, published without one."""
    shutil.copytree(_runs, tmp_path, dirs_exist_ok=True)
    return Registry(tmp_path)


def newest(registry: Registry) -> tuple[dict[str, object], str]:
    """The newest published report, both forms."""
    folder = max(path.parent for path in registry.layout(DATASET).versions.glob(f"*/{REPORT}"))
    return json.loads((folder / REPORT).read_bytes()), (folder / REPORT_PAGE).read_text("utf-8")


class Page(HTMLParser):
    """What a page is made of: its elements with their attributes, and its policy."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    handle_startendtag = handle_starttag

    @property
    def policy(self) -> str:
        (found,) = (
            attributes["content"]
            for tag, attributes in self.elements
            if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
        )
        return str(found)


def self_contained(text: str) -> None:
    """Fails where a page names anything outside itself, or would run or style anything that its policy forbids."""
    page = Page(text)
    for tag, attributes in page.elements:
        assert tag not in {"script", "link", "img", "iframe", "object", "embed", "base", "form", "a", "audio", "video"}
        names = {name for name, _ in attributes.items() if not name.startswith("http-equiv")}
        assert not names & {"src", "href", "xlink:href", "srcset", "style", "action", "background"}, tag
        assert not [name for name in names if name.startswith("on")], tag
    assert not re.search(r"https?:|//|url\(|@import|javascript:|data:", text.replace("<!doctype", ""))
    style = text.partition("<style>")[2].partition("</style>")[0]
    named = base64.b64encode(sha256(style.encode()).digest()).decode()
    assert page.policy == f"default-src 'none'; style-src 'sha256-{named}'"
    assert text.count("<style") == 1


def test_a_report_needs_nothing_from_elsewhere(run_after_run: Registry) -> None:
    pages = sorted(run_after_run.layout(DATASET).folder.rglob(REPORT_PAGE))
    assert len(pages) >= 3
    for path in pages:
        self_contained(path.read_text("utf-8"))


@pytest.mark.parametrize(
    "foreign",
    ['<img src="x">', "<script>1</script>", '<p style="color: red">', '<p onclick="x()">', "<p>http://x.cn</p>"],
)
def test_a_page_that_needs_something_would_be_noticed(run_after_run: Registry, foreign: str) -> None:
    _, text = newest(run_after_run)
    with pytest.raises(AssertionError):
        self_contained(text.replace("</body>", f"{foreign}</body>"))


def test_what_a_contract_says_is_text_on_the_page_whatever_it_is(registry: Registry) -> None:
    contract = registry.contracts[DATASET]
    hostile = "</style><script>alert(1)</script>$run"
    rules = tuple(replace(rule, description=hostile) for rule in contract.rules)
    registry.contracts[DATASET] = replace(contract, title=Title(zh=hostile, en=hostile), rules=rules)
    text = registry.publish(DATASET, aliases(1, 20)).report.read_text("utf-8")
    self_contained(text)
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;$run" in text


def test_a_report_looks_back_on_the_runs_before_it(run_after_run: Registry) -> None:
    data, text = newest(run_after_run)
    trend = data["trend"]
    assert isinstance(trend, list)
    assert [(each["run"], each["outcome"], each["delivered"], each["quarantined"]) for each in trend] == [
        ("scheduled__0", "published", 20, 1),
        ("scheduled__1", "held", 21, 9),
        ("scheduled__2", "published", 22, 0),
    ]
    assert [each["failed"].get("former_id_typed", 0) for each in trend] == [1, 9, 0]
    assert "1 → 9 → 0" in text
    svgs = [attributes for tag, attributes in Page(text).elements if tag == "svg"]
    assert len([each for each in svgs if each.get("role") == "img"]) == 2
    assert "交付记录 rows delivered: 20, 21, 22" in text
    for sign in ("✗ 暂缓 held", "✓ 发布 published", "stroke-dasharray", "42.86%"):
        assert sign in text, "what colours say is said in words and shapes too"


def test_a_first_report_has_no_trend(registry: Registry) -> None:
    text = registry.publish(DATASET, aliases(0, 3)).report.read_text("utf-8")
    assert "<svg" not in text


def test_a_trend_is_bounded_and_passes_over_what_it_cannot_read(run_after_run: Registry) -> None:
    layout = run_after_run.layout(DATASET)
    assert [run.run for run in earlier_runs(layout, DEFAULTS)] == [f"scheduled__{n}" for n in range(3)]
    assert [run.run for run in earlier_runs(layout, ExchangeSettings(trend_runs_max=3))] == [
        "scheduled__1",
        "scheduled__2",
    ]
    assert earlier_runs(layout, ExchangeSettings(trend_runs_max=1)) == ()
    assert earlier_runs(layout, ExchangeSettings(report_bytes_max=10)) == ()
    path = layout.held / "scheduled__1" / REPORT
    for spoilt in (b"", b"[]", b"\xff", b'{"made_at": "2026-11-24"}', b"[" * 100_000):
        path.write_bytes(spoilt)
        assert [run.run for run in earlier_runs(layout, DEFAULTS)] == ["scheduled__0", "scheduled__2"]
    path.unlink()
    assert len(earlier_runs(layout, DEFAULTS)) == 2
    assert earlier_runs(run_after_run.layout("marriages"), DEFAULTS) == ()


def test_the_rules_of_a_trend_are_those_that_failed_last(run_after_run: Registry) -> None:
    runs = earlier_runs(run_after_run.layout(DATASET), DEFAULTS)
    assert failing_rules(runs, 9) == ("former_id_typed",)
    assert failing_rules(runs, 0) == ()


def test_the_suite_in_a_report_is_one_that_great_expectations_reads(registry: Registry) -> None:
    from exchange.judge import gx  # noqa: PLC0415 - it takes seconds to load

    data = json.loads(registry.publish(DATASET, aliases(1, 20)).report.with_name(REPORT).read_bytes())
    suite = gx.ExpectationSuite(**{key: value for key, value in data["suite"].items() if key != "id"})
    asked = {each.meta["id"]: each.configuration.kwargs for each in suite.expectations if each.meta}
    assert asked.keys() == {rule["rule"] for rule in data["rules"]}
    assert asked["former_id_typed"]["max_value"] == 1
    (typed,) = (each.meta for each in suite.expectations if each.meta and each.meta["id"] == "former_id_typed")
    assert (typed["kind"], typed["properties"], typed["allowed"]) == ("typed", ["former_id"], "≤ 5%")


def test_a_held_report_says_why_and_what_is_allowed(registry: Registry) -> None:
    held = registry.run(DATASET, aliases(2, 20))
    assert isinstance(held, HeldBack)
    text = held.report.read_text("utf-8")
    assert "✗ 暂缓发布" in text
    assert "≤ 1（≤ 5%）" in text
    assert "former_id_typed" in text
    assert isinstance(held.report, Path)
