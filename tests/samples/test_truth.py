"""The truth: equal to what is written by hand, and to what clean registries say."""

from collections import defaultdict
from datetime import date

import pytest

from kernel.identity import parse_person
from samples.boundary import boundaries
from samples.city import build
from samples.handmade import Boundary, Case
from samples.questions import NOBODYS_NUMBER, questions
from samples.registry import REGISTRIES
from samples.truth import CLAIMS, DATASETS, Verdict, answer, years_between
from samples.world import World
from samples.writer import Value
from tests.samples.delivered import TODAY

Row = dict[str, Value]
Rows = dict[str, list[Row]]
ALL = [(boundary, case) for boundary in boundaries() for case in boundary.cases if case.reason != "QUALITY"]
"""Without those about dirt: the world knows none."""


@pytest.mark.parametrize(("boundary", "case"), ALL, ids=[f"{c.claim}: {c.what}: {b.name}" for b, c in ALL])
def test_the_truth_is_what_is_written_by_hand(boundary: Boundary, case: Case) -> None:
    found = answer(boundary.world, case.claim, boundary.world.holder(case.number), case.parameters, case.today)
    assert found == (case.reason or case.outcome)


@pytest.mark.parametrize(
    ("day", "today", "years"),
    [
        (date(2000, 2, 29), date(2021, 2, 27), 20),
        (date(2000, 2, 29), date(2021, 2, 28), 21),
        (date(2000, 2, 29), date(2024, 2, 28), 23),
        (date(2000, 2, 29), date(2024, 2, 29), 24),
        (date(2000, 2, 29), date(2100, 2, 28), 100),
        (date(2001, 2, 28), date(2024, 2, 28), 23),
        (date(2001, 3, 1), date(2024, 2, 29), 22),
        (date(2001, 3, 1), date(2024, 3, 1), 23),
        (date(2026, 11, 24), date(2026, 11, 24), 0),
    ],
)
def test_years_are_full_years(day: date, today: date, years: int) -> None:
    assert years_between(day, today) == years


def test_every_claim_names_its_deliveries() -> None:
    assert DATASETS.keys() == CLAIMS.keys()
    assert {name for names in DATASETS.values() for name in names} == set(REGISTRIES) - {"person_aliases"}


# What a registry's clerk would say, reading nothing but the records: status texts, not histories.


def _some(rows: list[Row], **wanted: Value) -> bool:
    return any(all(row[name] == value for name, value in wanted.items()) for row in rows)


def _same(number: Value, asked: frozenset[str]) -> bool:
    return number is not None and parse_person(str(number)).canonical in asked


def _age(text: Value, today: date) -> int:
    born = date.fromisoformat(str(text))
    reached = date(today.year, 2, 28) if (born.month, born.day) == (2, 29) else date(today.year, born.month, born.day)
    return today.year - born.year - (today < reached)


def _holds(claim: str, rows: list[Row], ask: Row, them: frozenset[str]) -> bool:
    """What the records say; `them`: the identities of the other person asked about."""
    about, _, name = claim.partition(".")
    match about:
        case "person":
            return _holds_of_person(name, rows[0], ask, them)
        case "marriage":
            return _holds_of_marriage(name, rows, them)
        case "dwelling" if name == "owns_none":
            return not _some(rows, status="现势", use="住宅")
        case "dwelling":
            return _some(rows, status="现势", certificate_no=ask["certificate_no"], **OF_TITLE[name])
        case _:
            return _holds_of_money(name, rows, ask)


def _holds_of_marriage(name: str, rows: list[Row], them: frozenset[str]) -> bool:
    married = [row for row in rows if row["status"] == "已婚"]
    match name:
        case "married_to":
            return any(_same(row["husband_id"], them) or _same(row["wife_id"], them) for row in married)
        case "unmarried":
            return not married
    return not rows


def _holds_of_money(name: str, rows: list[Row], ask: Row) -> bool:
    pensions = [row for row in rows if row.get("scheme") in {"养老", "职工", "城乡居民", None}]
    match name:
        case "months_at_least":
            return any(_reaches(row["months_paid"], ask["months"]) for row in pensions)
        case "balance_at_least":
            return any(row["status"] == "正常" and _reaches(row["balance_fen"], ask["fen"]) for row in rows)
    return _some(pensions, status="正常")


def _holds_of_person(name: str, row: Row, ask: Row, them: frozenset[str]) -> bool:
    here = row["status"] in {"户籍", "居住"}
    match name:
        case "alive" | "resident_here":
            return here
        case "registered_here":
            return row["status"] == "户籍"
        case "resident_years":
            return here and _reaches(_age(row["registered_since"], TODAY), ask["years"])
        case "age_at_least":
            return _reaches(_age(row["birth_date"], TODAY), ask["years"])
        case "marriage_age":
            return _age(row["birth_date"], TODAY) >= {"男": 22, "女": 20}[str(row["sex"])]
        case "child_of":
            known = [row[f"{parent}_id"] for parent in ("father", "mother") if row[f"{parent}_status"] == "已登记"]
            return any(_same(number, them) for number in known)
    raise AssertionError(name)


def _reaches(value: Value, least: Value) -> bool:
    return int(str(value)) >= int(str(least))


OF_TITLE: dict[str, Row] = {
    "owns_this": {},
    "sole_owner": {"sharing": "单独所有"},
    "mortgaged": {"mortgage_status": "已抵押"},
    "free_of_mortgage": {"mortgage_status": "未抵押"},
}
FROM_ABSENCE = {"marriage.unmarried", "marriage.never_married", "dwelling.owns_none"}


def _say(claim: str, found: Rows, ask: Row, them: frozenset[str]) -> str:
    if claim == "person.local_or_insured":
        local = _some(found["population"], status="户籍")
        insured = _holds("social.months_at_least", found["social_insurance"], ask, them)
        return "CONFIRMED" if local or insured else "NOT_CONFIRMED"
    rows = found[DATASETS[claim][0]]
    if not rows and claim not in FROM_ABSENCE:
        return "NO_RECORD"
    if claim == "person.alive" and rows[0]["status"] == "迁出":
        return "OUT_OF_COVERAGE"
    return "CONFIRMED" if _holds(claim, rows, ask, them) else "NOT_CONFIRMED"


def _indexed(world: World) -> dict[str, dict[int, list[Row]]]:
    found: dict[str, dict[int, list[Row]]] = {}
    for dataset, records in REGISTRIES.items():
        found[dataset] = defaultdict(list)
        for record in records(world):
            for key in set(record.people):
                found[dataset][key].append(record.values)
    return found


def _identities(world: World, number: object) -> frozenset[str]:
    holder = world.holder(str(number))
    numbers = [each.text for each in holder.numbers] if holder else [str(number)]
    return frozenset(parse_person(each).canonical for each in numbers)


def test_a_clerk_who_reads_clean_registries_says_the_truth() -> None:
    world = build(1_200, 1, TODAY)
    indexed = _indexed(world)
    said: dict[str, set[str]] = defaultdict(set)
    for person in world.people.values():
        found = {dataset: rows.get(person.key, []) for dataset, rows in indexed.items()}
        for question in questions(world, person, TODAY):
            ask: Row = dict(question.parameters)
            them = _identities(world, ask.get("spouse") or ask.get("parent") or NOBODYS_NUMBER)
            say = _say(question.claim, found, ask, them)
            assert say == answer(world, question.claim, person, question.parameters, TODAY), (person.key, question)
            said[question.claim].add(say)
    assert said.keys() == CLAIMS.keys()
    assert all({"CONFIRMED", "NOT_CONFIRMED"} <= verdicts for verdicts in said.values()), "each is asked both ways"
    assert {verdict for verdicts in said.values() for verdict in verdicts} == set(Verdict)


def test_about_a_number_that_nobody_holds_only_absence_speaks() -> None:
    world = build(300, 1, TODAY)
    everything = {"years": 1, "months": 1, "fen": 1, "certificate_no": "-", "spouse": "-", "parent": "-"}
    found = {claim: answer(world, claim, None, everything, TODAY) for claim in CLAIMS}
    assert {claim for claim, verdict in found.items() if verdict == "CONFIRMED"} == FROM_ABSENCE
    assert {claim for claim, verdict in found.items() if verdict == "NOT_CONFIRMED"} == {"person.local_or_insured"}
    assert set(found.values()) == {"CONFIRMED", "NOT_CONFIRMED", "NO_RECORD"}
