"""Claims that are evaluated together come to what each comes to alone, or to nothing; never to something else."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest

from kernel.identity import Identity, IdentityKind
from schemas.catalogue import Catalogue, load_catalogue
from schemas.claim import Claim
from schemas.contract import Contract
from schemas.expression import Undetermined
from schemas.joint import Joint, merged
from schemas.parameter import ParameterType
from schemas.property import PropertyType
from schemas.rows import day_timestamp

TODAY = date(2026, 12, 1)
CATALOGUE: Catalogue = load_catalogue()
PEOPLE = [Identity(kind=IdentityKind.RESIDENT, number=each) for each in ("332623196001010011", "332623196202020024")]
WORDS = ("正常", "现势", "住宅", "养老", "户籍", "居住", "死亡", "结婚", "男", "女", "未抵押", "单独所有", "别的")
DRAWS = 150


def value_of(kind: PropertyType, chance: Random) -> object:
    """Any value of a type."""
    match kind:
        case PropertyType.IDENTITY:
            return chance.choice(PEOPLE)
        case PropertyType.INTEGER:
            return chance.randrange(-3, 400)
        case PropertyType.NUMBER:
            return chance.uniform(0, 300)
        case PropertyType.DATE:
            return date.fromordinal(chance.randrange(date(1930, 1, 1).toordinal(), TODAY.toordinal()))
        case PropertyType.TIMESTAMP:
            return datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=chance.randrange(1 << 27))
        case _:
            return chance.choice(WORDS)


def rows_of(claims: list[Claim], chance: Random) -> dict[str, list[Any]]:
    """Rows of every dataset that the claims name, each property there or not."""
    contracts = {name: contract for claim in claims for name, contract in claim.contracts.items()}

    def row(contract: Contract) -> Any:
        made = {each.name: value_of(each.type, chance) for each in contract.properties if chance.random() < 0.9}
        return contract.row.parse(contract.row.to_bytes(made))

    return {name: [row(each) for _ in range(chance.randrange(4))] for name, each in contracts.items()}


def asked(claim: Claim) -> dict[str, Any]:
    kinds = {ParameterType.IDENTITY: tuple(PEOPLE), ParameterType.INTEGER: 60, ParameterType.STRING: "甲"}
    return {each.name: kinds[each.type] for each in claim.parameters}


def groups() -> list[tuple[str, list[Claim]]]:
    """The claims that each item asks about each role."""
    found: dict[str, list[Claim]] = {}
    for item in CATALOGUE.items.values():
        for each in item.materials:
            if each.claim:
                claim = CATALOGUE.claim(each.claim, each.claim_version)
                found.setdefault(f"{item.id} {each.role}", []).append(claim)
    return list(found.items())


@pytest.mark.parametrize(("name", "claims"), groups(), ids=[name for name, _ in groups()])
def test_together_or_alone_the_claims_of_an_item_come_to_the_same(name: str, claims: list[Claim]) -> None:
    joint = Joint.of(claims)
    assert joint is not None, name
    ask = merged([claim.asked(asked(claim)) for claim in claims])
    assert ask is not None
    chance, seen = Random(name), set[bool]()
    for _ in range(DRAWS):
        seen.add(compare(claims, joint, rows_of(claims, chance), ask))
    assert seen == {True, False}, "some draws could be told together, some not"


def compare(claims: list[Claim], joint: Joint, rows: dict[str, list[Any]], ask: Mapping[str, object]) -> bool:
    """Fails where together is not alone; whether it could be told together."""
    bits = joint.evaluate(rows, ask, day_timestamp(TODAY))
    undetermined = False
    for claim in claims:
        for expression in filter(None, (claim.expression, claim.coverage)):
            variables = claim.variables({each: rows[each] for each in claim.datasets}, asked(claim), TODAY)
            try:
                alone = expression.holds(variables)
            except Undetermined:
                undetermined = True
                continue
            if bits is not None:
                assert bool(bits & joint.bits[id(expression)]) == alone, claim.id
    assert (bits is None) == undetermined, "one that cannot be told leaves each to be asked alone"
    return bits is not None


def test_parameters_that_contradict_each_other_are_not_merged() -> None:
    assert merged([{"years": 60}, {"months": 12}]) == {"years": 60, "months": 12}
    assert merged([{"years": 60}, {"years": 60}]) == {"years": 60}
    assert merged([{"years": 60}, {"years": 80}]) is None


def test_more_rows_than_a_claim_bears_are_not_evaluated_together() -> None:
    claim = CATALOGUE.claims["fund.account_active"]
    joint = Joint.of([claim, CATALOGUE.claims["dwelling.owns_none"]])
    assert joint is not None
    contract = claim.contracts["fund_accounts"]
    row = contract.row.parse(contract.row.to_bytes({"status": "正常"}))
    rows: dict[str, list[Any]] = {"fund_accounts": [row] * (claim.rows_max + 1), "dwellings": []}
    assert joint.evaluate(rows, {}, day_timestamp(TODAY)) is None
    rows["fund_accounts"] = [row]
    assert joint.evaluate(rows, {}, day_timestamp(TODAY)) == 0b11
