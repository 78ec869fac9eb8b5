"""The gate: what each rule of the standard holds back, and how much of it holds the delivery."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from exchange.settings import ExchangeSettings
from exchange.validate import validate_delivery
from kernel.errors import Malformed
from schemas.allowed import Allowed
from schemas.contract import Check, Rule
from tests.exchange.gate import EVERYTHING, Judged, Row, gate, judge, stage, with_rules, without
from tests.exchange.registry import CONTRACTS, alias, number

ALIASES = CONTRACTS["person_aliases"]
FULL = {
    "serial": "2",
    "mail": "a@b.cn",
    "token": "00000000-0000-0000-0000-000000000000",
    "amount": "0.3",
    "day": "2026-01-01",
    "kind": "乙",
    "level": "3",
}


def row(place: int, **changes: str | None) -> Row:
    """A sound row; another one for another place."""
    code = f"A{chr(65 + place)}"
    return {"person_id": number(place), **FULL, "code": code, "mail": f"m{place}@b.cn", **changes}


def aliases(bad: int, of: int) -> list[Row]:
    return [alias(n, "?" if n < bad else number(2 * n), number(2 * n + 1)) for n in range(of)]


def judged(tmp_path: Path, *changes: Row, **gates: object) -> Judged:
    """Two sound rows of the contract that says everything, and these."""
    return judge(EVERYTHING, [row(0), row(1), *changes], tmp_path, **gates)


BAD: list[tuple[dict[str, str | None], set[str]]] = [
    ({"serial": "3"}, {"serial_multiple"}),
    ({"serial": "0"}, {"serial_range"}),
    ({"serial": "256"}, {"serial_range"}),
    ({"code": "A"}, {"code_length"}),
    ({"code": "ABCDEFG"}, {"code_length"}),
    ({"code": "A1"}, {"code_pattern"}),
    ({"mail": "nobody"}, {"mail_format"}),
    ({"token": "0000"}, {"token_format"}),
    ({"amount": "0"}, {"amount_range"}),
    ({"amount": "9.6"}, {"amount_range"}),
    ({"amount": "0.35"}, {"amount_multiple"}),
    ({"day": "2019-12-31"}, {"day_range"}),
    ({"day": "2030-01-01"}, {"day_range"}),
    ({"kind": "丙"}, {"kind_values"}),
    ({"level": "4"}, {"levels"}),
    ({"kind": "甲", "level": "3"}, {"level_of_kind"}),
    ({"guardian_id": number(77)}, {"guardian_id_refers", "pair"}),
]


def test_a_row_beyond_what_the_standard_says_is_held_back(tmp_path: Path) -> None:
    found = judged(tmp_path, *(row(place, **changes) for place, (changes, _) in enumerate(BAD, 2)))
    assert found.held_back == {place: rules for place, (_, rules) in enumerate(BAD, 3)}


SOUND: list[dict[str, str | None]] = [
    {},
    {"serial": "254"},
    {"amount": "9.5"},
    {"amount": "0.7"},
    {"day": "2029-12-31"},
    {"level": None, "kind": None},
    {"kind": "甲", "level": "1"},
    {"guardian_id": number(0)},
    {"code": None, "mail": None, "token": " "},
]


def test_a_row_at_the_edge_of_what_the_standard_says_stays(tmp_path: Path) -> None:
    found = judged(tmp_path, *(row(place, **changes) for place, changes in enumerate(SOUND, 2)))
    assert found.held_back == {}


def test_a_value_that_must_be_unique_is_held_back_wherever_it_stands(tmp_path: Path) -> None:
    found = judged(tmp_path, row(2, code="AA"), row(3, mail="m1@b.cn"))
    assert found.held_back == {1: {"code_unique"}, 2: {"mail_once"}, 3: {"code_unique"}, 4: {"mail_once"}}
    assert found.result("mail_once").at_most == 0
    assert "mail_once" in found.verdict.reasons


def test_what_may_be_absent_is_counted_and_held_back_nowhere(tmp_path: Path) -> None:
    found = judge(EVERYTHING, [row(n, code=None, mail=None) for n in range(3)], tmp_path)
    assert found.held_back == {}
    assert (found.result("code_missing").seen, found.result("code_missing").at_most) == (3, 0)
    assert found.result("mail_null").seen == 3
    assert "code_missing" in found.verdict.reasons


def test_a_rule_that_only_warns_holds_nothing(tmp_path: Path) -> None:
    found = judge(EVERYTHING, [row(n, mail=None) for n in range(3)], tmp_path)
    assert found.verdict.warnings == ("mail_null",)
    assert not found.verdict.held
    (asked,) = (each for each in found.verdict.suite["expectations"] if each["meta"]["id"] == "mail_null")
    assert asked["severity"] == "warning"


def test_a_text_that_counts_as_missing_is_absent_to_every_rule_of_presence_and_type(tmp_path: Path) -> None:
    said = Rule(id="no_day", check=Check.COMPLETE, properties=("day",), values=("不详",), allowed=Allowed.share(1))
    contract = with_rules(EVERYTHING, said)
    found = judge(contract, [row(0), row(1, day="不详"), row(2, day="某日"), row(3, day=None)], tmp_path)
    assert found.held_back == {3: {"day_typed"}}
    assert found.result("no_day").seen == 2
    required = Rule(
        id="kind_there", check=Check.PRESENT, properties=("kind",), values=("甲",), allowed=Allowed.share(1)
    )
    found = judge(with_rules(EVERYTHING, required), [row(0), row(1, kind="甲", level="1"), row(2, kind=None)], tmp_path)
    assert found.held_back == {2: {"kind_there"}, 3: {"kind_there"}}


@pytest.mark.parametrize(
    ("bad", "of", "held"),
    [(1, 20, False), (2, 20, True), (1, 19, True), (5, 100, False), (6, 100, True), (0, 1, False)],
)
def test_a_tolerance_is_met_exactly(tmp_path: Path, bad: int, of: int, *, held: bool) -> None:
    found = judge(ALIASES, aliases(bad, of), tmp_path)
    assert len(found.held_back) == bad
    assert found.verdict.held == held
    if held:
        assert {"delivery:bad_rows", "former_id_typed"} <= set(found.verdict.reasons)


def test_rules_in_rows_and_in_percent_hold_alike(tmp_path: Path) -> None:
    typed = next(rule for rule in ALIASES.rules if rule.id == "former_id_typed")
    for allowed, held in (
        (Allowed.operator("mustBeLessOrEqualTo", 2, percent=False), False),
        (Allowed.operator("mustBeLessThan", 2, percent=False), True),
        (Allowed.operator("mustBe", 5, percent=True), False),
        (Allowed.operator("mustBeLessThan", 5, percent=True), True),
        (Allowed.operator("mustBeBetween", [3, 9], percent=False), True),
    ):
        contract = with_rules(without(ALIASES, typed.id), replace(typed, allowed=allowed))
        assert judge(contract, aliases(2, 40), tmp_path).verdict.reasons == ((typed.id,) if held else ()), allowed


def test_a_delivery_without_rows_is_held_for_that_and_for_no_share_of_nothing(tmp_path: Path) -> None:
    found = judge(ALIASES, [], tmp_path)
    assert found.verdict.reasons == ("delivery:row_count",)
    assert found.verdict.absence_allowed
    assert judge(EVERYTHING, [], tmp_path).verdict.reasons == ("delivery:row_count", "enough")


def test_a_contract_bounds_the_number_of_rows(tmp_path: Path) -> None:
    few = judge(EVERYTHING, [row(0)], tmp_path)
    assert few.verdict.reasons == ("enough",)
    assert (few.result("enough").at_least, few.result("enough").at_most) == (2, 1000)


def test_a_rule_over_a_column_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    strange = Rule(id="strange", check=Check.HOLDS, predicate='"nobody" is null', properties=("nobody",))
    with pytest.raises(Malformed, match="a rule cannot be run"):
        judge(with_rules(EVERYTHING, strange), [row(0)], tmp_path)


def test_columns_that_are_not_as_the_contract_says_hold_the_delivery(tmp_path: Path) -> None:
    wider = replace(ALIASES, properties=(*ALIASES.properties, replace(ALIASES.properties[0], name="more")))
    staged = stage(wider, [{**each, "more": "x"} for each in aliases(0, 3)], tmp_path)
    verdict = validate_delivery(gate(ALIASES), staged)
    assert verdict.reasons == ("delivery:columns",)


@pytest.mark.parametrize(
    "predicate",
    [
        "(select content from read_text('/etc/hostname')) is null",
        "(select count(*) from read_csv_auto('/etc/hostname')) > 0",
        "(select count(*) from glob('/*')) > 0",
        "(select count(*) from parquet_metadata('/tmp/x.parquet')) > 0",
        "(from '/etc/hostname') is null",
        "1 = 1); attach '/tmp/stolen.duckdb' as stolen; select (1 = 1",
        "1 = 1); copy staged to '/tmp/stolen.csv'; select (1 = 1",
        "1 = 1); set enable_external_access = true; select (1 = 1",
        "1 = 1); install httpfs; select (1 = 1",
        "cast(code as integer) > 0",
        "error('stop')",
    ],
)
def test_a_condition_that_nobody_read_reaches_no_file_and_no_setting(tmp_path: Path, predicate: str) -> None:
    hostile = Rule(id="hostile", check=Check.HOLDS, predicate=predicate, properties=("code",))
    with pytest.raises(Malformed, match="a rule cannot be run") as caught:
        judge(with_rules(EVERYTHING, hostile), [row(0), row(1)], tmp_path)
    assert "hostname" not in str(caught.value)
    assert not Path("/tmp/stolen.duckdb").exists()  # noqa: S108 - that it is not made is the point
    assert not Path("/tmp/stolen.csv").exists()  # noqa: S108 - the same


def test_old_data_is_told_and_not_held(tmp_path: Path) -> None:
    now = gate(ALIASES).clock.now()
    for age, old in ((timedelta(hours=36), False), (timedelta(hours=36, seconds=1), True)):
        found = judge(ALIASES, aliases(0, 3), tmp_path, data_as_of=now - age)
        assert found.verdict.warnings == (("delivery:hours_old",) if old else ())
        assert not found.verdict.held


def test_changes_are_judged_by_the_rows_there_are_with_them(tmp_path: Path) -> None:
    few = {"changes": True, "rows_after": 1000, "settings": ExchangeSettings(changes_bad_rows_min=2)}
    assert not judge(ALIASES, [], tmp_path, **few).verdict.held
    assert not judge(ALIASES, aliases(2, 4), tmp_path, **few).verdict.held
    assert judge(ALIASES, aliases(3, 4), tmp_path, **few).verdict.held
    assert judge(ALIASES, [], tmp_path, changes=True, rows_after=0).verdict.reasons == ("delivery:row_count",)
