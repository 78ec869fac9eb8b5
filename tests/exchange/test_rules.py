"""Every rule holds back the rows that fail it, and no others."""

from dataclasses import replace

import duckdb

from exchange.layout import DATA
from kernel.identity import check_character
from schemas.allowed import Allowed
from schemas.contract import Check, Rule
from tests.exchange.registry import Record, Registry, alias, marriage, number, resident

BAD = [
    ("name_present", {"name": " 　"}),
    ("person_id_present", {"person_id": None}),
    ("person_id_typed", {"person_id": "331081199001010000"}),
    ("birth_date_typed", {"birth_date": "19900230"}),
    ("birth_date_range", {"birth_date": "20301231"}),
    ("registered_since_range", {"registered_since": "18991231"}),
    ("status_values", {"status": "在世"}),
    ("town_code_pattern", {"town_code": "330106001"}),
    ("father_named", {"father_status": "已登记", "father_id": None}),
    ("father_id_typed", {"father_id": "不详"}),
    ("too_long", {"address": "长" * 6000}),
]


def held_back(registry: Registry, dataset: str) -> dict[int, set[str]]:
    """The rules that each held-back row of the snapshot in force failed, by the row's number in the delivery."""
    manifest = registry.manifest(dataset)
    assert manifest is not None
    path = registry.layout(dataset).version(manifest.version) / DATA
    with duckdb.connect(str(path), read_only=True) as connection:
        return {
            record: set(rules)
            for record, rules in connection.execute("select _record, _rules from quarantine").fetchall()
        }


def test_each_rule_holds_back_the_row_that_fails_it_and_no_other(registry: Registry) -> None:
    registry.bear("population")
    rows: list[Record] = []
    for place, (_, changes) in enumerate(BAD):
        rows += [resident(2 * place), resident(2 * place + 1, **changes)]
    published = registry.publish("population", rows)
    expected = {2 * place + 2: {rule} for place, (rule, _) in enumerate(BAD)}
    assert held_back(registry, "population") == expected
    assert published.counts.published == len(BAD)


def test_a_row_that_fails_several_rules_is_named_under_each(registry: Registry) -> None:
    registry.bear("population")
    registry.publish("population", [resident(0), resident(1, status="?", name=None, birth_date="x")])
    assert held_back(registry, "population") == {2: {"status_values", "name_present", "birth_date_typed"}}


def test_an_absent_optional_value_fails_nothing(registry: Registry) -> None:
    registry.publish("population", [resident(0, household_no=None, address=None, relation_to_head="")])
    assert held_back(registry, "population") == {}


def test_identical_rows_are_one_row_however_they_are_written(registry: Registry) -> None:
    registry.bear("population")
    same = resident(0)
    spaced = resident(0, person_id=f" {number(0)} ", name=f"{same['name']}　", birth_date="１９９００１０１")
    published = registry.publish("population", [same, spaced, resident(1)])
    assert (published.counts.duplicates, published.counts.quarantined, published.counts.published) == (1, 0, 2)


def test_the_15_digit_form_of_a_number_is_the_same_key(registry: Registry) -> None:
    registry.bear("population")
    old = number(0)[:6] + number(0)[8:17]
    published = registry.publish("population", [resident(0), resident(0, person_id=old)])
    assert published.counts.duplicates == 1
    published = registry.publish("population", [resident(0), resident(0, person_id=old, status="死亡"), resident(1)])
    assert published.counts.quarantined == 2


def test_rows_of_one_key_that_differ_are_all_held_back(registry: Registry) -> None:
    registry.bear("marriages")
    rows = [
        marriage(1, 1, 2),
        marriage(1, 1, 2, status="离婚"),
        marriage(2, 3, 4),
        marriage(1, 1, 2),
    ]
    published = registry.publish("marriages", rows)
    counts = published.counts
    assert (counts.published, counts.quarantined, counts.duplicates) == (1, 2, 1)
    assert list(held_back(registry, "marriages").values()) == [{"primary_key"}, {"primary_key"}]


def test_rows_with_different_unreadable_values_are_never_taken_for_identical(registry: Registry) -> None:
    registry.bear("population")
    published = registry.publish(
        "population", [resident(0, birth_date="19900001"), resident(0, birth_date="19900002"), resident(1)]
    )
    assert (published.counts.quarantined, published.counts.duplicates) == (2, 0)


def test_a_condition_over_several_columns_holds_rows_back(registry: Registry) -> None:
    registry.bear("marriages")
    registry.publish(
        "marriages",
        [
            marriage(1, 1, 2),
            marriage(2, 3, 3),
            marriage(3, 5, 6, status="离婚", divorced_on="2010-01-01"),
            marriage(4, 7, 8, status="离婚", divorced_on="2020-01-01"),
        ],
    )
    assert held_back(registry, "marriages") == {2: {"spouses_differ"}, 3: {"divorce_dated"}}


def test_a_second_unique_rule_holds_back_every_row_that_repeats(registry: Registry) -> None:
    registry.bear("person_aliases")
    contract = registry.contracts["person_aliases"]
    once = Rule(id="once", check=Check.UNIQUE, properties=("former_id",), allowed=Allowed.share(1))
    registry.contracts["person_aliases"] = replace(contract, rules=(*contract.rules, once))
    rows = [
        alias(1, number(1), number(2)),
        alias(2, number(1), number(3)),
        alias(3, number(4), number(5)),
        alias(3, number(4), number(5)),
    ]
    registry.publish("person_aliases", rows)
    assert held_back(registry, "person_aliases") == {1: {"once"}, 2: {"once"}}


def test_a_number_with_a_wrong_check_character_is_never_read_as_another(registry: Registry) -> None:
    registry.bear("population")
    right = number(0)
    for wrong in {"0", "1", "X"} - {right[17]}:
        registry.publish("population", [resident(0, person_id=right[:17] + wrong), resident(1)])
        assert held_back(registry, "population")[1] == {"person_id_typed"}
    assert check_character(right[:17]) == right[17]
