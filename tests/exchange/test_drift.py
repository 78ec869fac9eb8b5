"""Drift: a registry's columns against its contract's are told before anything is lost."""

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from adapters.port import MissingColumns
from exchange.drift import Drift
from exchange.layout import REPORT, REPORT_PAGE
from exchange.publish import HeldBack, Published
from exchange.rehearsal import rehearse
from exchange.snapshot import read_current_bytes
from kernel.durable import locked
from kernel.errors import Conflict
from tests.exchange.registry import Registry, alias, number

ALIASES = "person_aliases"


def redelivered(registry: Registry, change: Callable[[list[list[str]]], list[list[str]]]) -> None:
    """Deliver aliases, and change the file as a registry's new release would."""
    registry.deliver(ALIASES, [alias(place, number(2 * place), number(2 * place + 1)) for place in range(20)])
    path = registry.deliveries / registry.contracts[ALIASES].server.path
    with path.open(encoding="gb18030", newline="") as file:
        rows = change(list(csv.reader(file)))
    with path.open("w", encoding="gb18030", newline="") as file:
        csv.writer(file).writerows(rows)


def with_column(rows: list[list[str]]) -> list[list[str]]:
    return [[*row, "经办人" if at == 0 else "张三"] for at, row in enumerate(rows)]


def without_column(rows: list[list[str]]) -> list[list[str]]:
    return [row[:-1] for row in rows]


def renamed(rows: list[list[str]]) -> list[list[str]]:
    return [[name.replace("变更日期", "变更时间") for name in rows[0]], *rows[1:]]


def reordered(rows: list[list[str]]) -> list[list[str]]:
    return [[row[1], row[0], *row[2:]] for row in rows]


def retyped(rows: list[list[str]]) -> list[list[str]]:
    return [rows[0], *([*row[:-1], "三月一日"] for row in rows[1:])]


@dataclass(frozen=True, slots=True)
class Case:
    """How a delivery was changed, what is told of it, and whether it can be published."""

    change: Callable[[list[list[str]]], list[list[str]]]
    drift: dict[str, list[str]]
    publishable: bool


CASES = {
    "a new column": Case(with_column, {"new": ["经办人"]}, publishable=True),
    "a missing column": Case(without_column, {"missing": ["变更日期"]}, publishable=False),
    "a renamed column": Case(renamed, {"new": ["变更时间"], "missing": ["变更日期"]}, publishable=False),
    "another order": Case(reordered, {"reordered": ["原证件号码", "变更编号"]}, publishable=True),
    "another type": Case(retyped, {"retyped": ["变更日期"]}, publishable=False),
    "nothing": Case(lambda rows: rows, {}, publishable=True),
}


def told(data: dict[str, object]) -> dict[str, list[str]]:
    """What a drift's plain values tell, without what is empty."""
    columns = {**data, "retyped": [each["column"] for each in data["retyped"]]}  # type: ignore[attr-defined]
    return {name: value for name, value in columns.items() if value and name != "known"}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_rehearsal_tells_what_has_drifted_and_touches_nothing(published: Registry, case: Case) -> None:
    redelivered(published, case.change)
    layout = published.layout(ALIASES)
    before = read_current_bytes(layout), sorted(path.name for path in layout.folder.rglob("*"))
    entries = list(published.recorder.entries)
    found = rehearse(published.job(ALIASES, force=True))
    assert told(found.drift.to_data()) == case.drift
    assert found.publishable == case.publishable
    assert bool(found.drift) == bool(case.drift)
    after = read_current_bytes(layout), sorted(path.name for path in layout.folder.rglob("*"))
    assert (after[0], set(after[1]) - {".rehearsal.lock"}) == (before[0], set(before[1]) - {".rehearsal.lock"})
    assert published.recorder.entries == entries


@pytest.mark.parametrize("name", ["a new column", "another type", "nothing"])
def test_what_has_drifted_stands_in_the_report(published: Registry, name: str) -> None:
    case = CASES[name]
    redelivered(published, case.change)
    result = published.run(ALIASES, force=True)
    assert isinstance(result, Published if case.publishable else HeldBack)
    report = json.loads(result.report.with_name(REPORT).read_bytes())
    assert told(report["drift"]) == case.drift
    page = result.report.with_name(REPORT_PAGE).read_text("utf-8")
    for column in ("经办人",):
        assert (column in page) == ("new" in case.drift)


@pytest.mark.parametrize("name", ["a missing column", "a renamed column"])
def test_a_missing_column_is_refused_before_what_is_in_force_is_touched(published: Registry, name: str) -> None:
    before = read_current_bytes(published.layout(ALIASES))
    redelivered(published, CASES[name].change)
    with pytest.raises(MissingColumns) as caught:
        published.run(ALIASES, force=True)
    assert caught.value.missing == ("变更日期",)
    assert "变更日期" in str(caught.value)
    assert read_current_bytes(published.layout(ALIASES)) == before
    assert ALIASES not in published.exchange().refresh()


def test_every_missing_column_is_named_at_once(published: Registry) -> None:
    redelivered(published, lambda rows: [row[:2] for row in rows])
    with pytest.raises(MissingColumns, match="现证件号码: the column is missing, as are 变更日期"):
        published.run(ALIASES, force=True)


def test_a_header_says_nothing_where_there_is_none(published: Registry) -> None:
    contract = published.contracts[ALIASES]
    assert not Drift.of(contract, ())
    assert Drift.of(contract, ()).known is False
    header = ["\ufeff变更编号", " 原证件号码 ", "现证件号码", "变更日期", ""]
    drift = Drift.of(contract, header)
    assert (drift.known, bool(drift)) == (True, False)
    assert Drift.of_data({}) == Drift()
    assert Drift.of_data(drift.to_data()) == drift


def test_what_is_no_delivery_is_told_and_not_raised(published: Registry) -> None:
    path = published.deliveries / published.contracts[ALIASES].server.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\xff\xff\xff")
    found = rehearse(published.job(ALIASES))
    assert not found.publishable
    assert found.refusal
    path.unlink()
    assert "is not there" in rehearse(published.job(ALIASES)).refusal


def test_two_rehearsals_of_one_dataset_are_not_at_once(published: Registry) -> None:
    redelivered(published, CASES["nothing"].change)
    with locked(published.layout(ALIASES).folder / ".rehearsal.lock"), pytest.raises(Conflict, match="being checked"):
        rehearse(published.job(ALIASES))


def test_json_lines_tell_what_their_first_records_hold(registry: Registry) -> None:
    contract = registry.contracts["medical_insurance"]
    path = registry.deliveries / contract.server.path
    path.parent.mkdir(parents=True)
    record = {
        "参保编号": "Y1",
        "证件号码": number(1),
        "姓名": "测试",
        "险种": "职工",
        "状态": "正常",
        "参保日期": "2020-01-01",
    }
    path.write_text(json.dumps({**record, "电话": "1"}, ensure_ascii=False) + "\n", "utf-8")
    assert rehearse(registry.job("medical_insurance")).drift.new == ("电话",)
    record.pop("险种")
    path.write_text(json.dumps(record, ensure_ascii=False) + "\n", "utf-8")
    found = rehearse(registry.job("medical_insurance"))
    assert (found.drift.missing, found.publishable) == (("险种",), False)


def test_a_folder_that_a_killed_rehearsal_left_is_removed(published: Registry) -> None:
    left: Path = published.layout(ALIASES).folder / ".rehearsal" / "delivery"
    left.parent.mkdir()
    left.write_text("somebody's data")
    redelivered(published, CASES["nothing"].change)
    assert rehearse(published.job(ALIASES, force=True)).publishable
    assert not left.parent.exists()
