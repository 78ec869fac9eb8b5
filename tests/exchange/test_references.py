"""A value of one dataset that must be found in another's snapshot in force."""

import json
from dataclasses import replace

import duckdb
import pytest

from exchange.layout import DATA, REPORT, REPORT_PAGE
from exchange.publish import HeldBack, Published
from exchange.references import references_of
from exchange.settings import DEFAULTS
from schemas.allowed import Allowed
from schemas.contract import Check, Rule
from schemas.rule import Reference
from tests.exchange.registry import Registry, alias, marriage, number, person, resident

KNOWN = Rule(
    id="husband_known",
    check=Check.REFERS,
    properties=("husband_id",),
    reference=Reference(dataset="population", properties=("person_id",)),
    allowed=Allowed.share(0.5),
    description="男方须在人口库中有记录。 The husband is registered.",
)


def referring(registry: Registry, *rules: Rule) -> Registry:
    """The marriages' contract with these rules beside its own."""
    registry.bear("marriages", tolerance=0.5)
    contract = registry.contracts["marriages"]
    registry.contracts["marriages"] = replace(contract, rules=(*contract.rules, *rules))
    return registry


def held_back(registry: Registry) -> dict[int, list[str]]:
    """The rules that each row held back in the snapshot in force has failed."""
    manifest = registry.manifest("marriages")
    assert manifest is not None
    path = registry.layout("marriages").version(manifest.version) / DATA
    with duckdb.connect(str(path), read_only=True) as connection:
        return dict(connection.execute("select _record, _rules from quarantine").fetchall())


def test_a_value_that_the_other_dataset_lacks_is_held_back(published: Registry) -> None:
    registry = referring(published, KNOWN)
    result = registry.publish("marriages", [marriage(1, 1, 50), marriage(2, 60, 2), marriage(3, 3, 4)])
    assert held_back(registry) == {2: ["husband_known"]}
    assert registry.exchange().pin(["marriages"]).held("marriages", person(60)).tainted
    population = registry.manifest("population")
    assert population is not None
    data = json.loads(result.report.with_name(REPORT).read_bytes())
    assert data["references"] == [{"dataset": "population", "version": population.version}]
    (rule,) = (each for each in data["rules"] if each["rule"] == "husband_known")
    assert (rule["seen"], rule["allowed"], rule["samples"][0]["record"]) == (1, "≤ 50%", 2)
    assert population.version in result.report.with_name(REPORT_PAGE).read_text("utf-8")


def test_an_absent_value_refers_to_nothing(published: Registry) -> None:
    spouse = Reference(dataset="person_aliases", properties=("changed_on",))
    rule = replace(KNOWN, properties=("divorced_on",), reference=spouse)
    registry = referring(published, rule)
    divorced = marriage(2, 3, 4, status="离婚", divorced_on="2024-06-01")
    strange = marriage(3, 5, 6, status="离婚", divorced_on="2024-06-02")
    registry.publish("marriages", [marriage(1, 1, 2), divorced, strange])
    assert held_back(registry) == {3: ["husband_known"]}


def test_values_that_belong_together_are_found_together(published: Registry) -> None:
    pair = Reference(dataset="person_aliases", properties=("former_id", "current_id"))
    registry = referring(published, replace(KNOWN, properties=("husband_id", "wife_id"), reference=pair))
    published.publish("person_aliases", [alias(1, number(1), number(2)), alias(2, number(3), number(4))])
    registry.publish("marriages", [marriage(1, 1, 2), marriage(2, 3, 4), marriage(3, 1, 4)])
    assert held_back(registry) == {3: ["husband_known"]}


def test_a_row_that_the_other_department_has_held_back_is_not_vouched_for(published: Registry) -> None:
    published.bear("population")
    published.publish("population", [resident(1), resident(2, status="?"), resident(3)])
    registry = referring(published, KNOWN)
    registry.publish("marriages", [marriage(1, 1, 50), marriage(2, 2, 51), marriage(3, 3, 52)])
    assert held_back(registry) == {2: ["husband_known"]}


def test_where_the_other_dataset_is_not_in_force_the_delivery_is_held_unless_forced(registry: Registry) -> None:
    referring(registry, KNOWN)
    held = registry.run("marriages", [marriage(1, 1, 2)])
    assert isinstance(held, HeldBack)
    assert held.reasons == ("husband_known:unjudged",)
    assert "population没有可供比对的现行版本" in held.report.read_text("utf-8")
    assert isinstance(registry.run("marriages", force=True), Published)
    assert held_back(registry) == {}


@pytest.mark.parametrize("damage", ["data", "manifest", "property"])
def test_a_snapshot_that_cannot_be_trusted_is_compared_with_nothing(published: Registry, damage: str) -> None:
    registry = referring(published, KNOWN)
    manifest = registry.manifest("population")
    assert manifest is not None
    folder = registry.layout("population").version(manifest.version)
    if damage == "property":
        unknown = Reference(dataset="population", properties=("passport",))
        registry = referring(published, replace(KNOWN, id="other", reference=unknown))
    else:
        path = folder / (DATA if damage == "data" else "manifest.json")
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    contract = registry.contracts["marriages"]
    found = references_of(contract, store=registry.store, keys=registry.keys, settings=DEFAULTS)
    assert ("other" if damage == "property" else "husband_known") in found.unjudged
    assert len(found.found) == (1 if damage == "property" else 0)
