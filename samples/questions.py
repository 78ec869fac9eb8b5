"""Questions worth asking about everybody in a city: each claim, with parameters at and just beyond the truth."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from samples.truth import years_between
from samples.world import Person, World, month_of

NOBODYS_NUMBER = "110101190001010006"
"""Valid, and held by nobody in any sample city."""
NO_CERTIFICATE = "浙（1900）温岭市不动产权第0000000号"
_ALWAYS = (
    "person.alive",
    "person.registered_here",
    "person.resident_here",
    "person.marriage_age",
    "marriage.unmarried",
    "marriage.never_married",
    "dwelling.owns_none",
    "social.insured_now",
    "medical.insured_now",
    "fund.account_active",
)
_OF_TITLE = ("dwelling.owns_this", "dwelling.sole_owner", "dwelling.mortgaged", "dwelling.free_of_mortgage")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One claim with its parameters, about one person."""

    claim: str
    parameters: dict[str, int | str]


def questions(world: World, person: Person, today: date) -> Iterator[Question]:
    """Every claim about somebody, with every kind of parameter that might be answered wrongly."""
    for claim in _ALWAYS:
        yield Question(claim=claim, parameters={})
    yield from _of_years(world, person, today)
    yield from _of_people(world, person)
    certificates = [title.certificate_no for title in world.titles_of.get(person.key, [])]
    for certificate in (*certificates, NO_CERTIFICATE):
        for claim in _OF_TITLE:
            yield Question(claim=claim, parameters={"certificate_no": certificate})
    yield from _of_months(world, person)
    yield from _of_money(world, person)


def _of_years(world: World, person: Person, today: date) -> Iterator[Question]:
    age = years_between(person.born, today)
    for years in sorted({age, age + 1, 60, 80}):
        yield Question(claim="person.age_at_least", parameters={"years": years})
    residence = world.residences.get(person.key)
    lived = years_between(residence.since, today) if residence else 0
    for years in (lived, lived + 1):
        yield Question(claim="person.resident_years", parameters={"years": years})


def _of_people(world: World, person: Person) -> Iterator[Question]:
    """Asked under every number that the other one ever held, and about somebody who is nobody."""
    spouses = [world.people[each.spouse_of(person.key)] for each in world.marriages_of.get(person.key, [])]
    parents = [world.people[key] for key in (person.father, person.mother) if key is not None]
    for claim, name, people in (("marriage.married_to", "spouse", spouses), ("person.child_of", "parent", parents)):
        numbers = {number: None for each in people for number in each.every_number}
        for number in (*numbers, NOBODYS_NUMBER):
            yield Question(claim=claim, parameters={name: number})


def _of_months(world: World, person: Person) -> Iterator[Question]:
    due = month_of(world.today)
    totals = {
        sum((due if last is None else last + 1) - first for first, last in each.spells)
        for each in world.insurances_of.get(person.key, [])
    }
    for months in sorted({1, 60} | totals | {total + 1 for total in totals}):
        for claim in ("social.months_at_least", "person.local_or_insured"):
            yield Question(claim=claim, parameters={"months": months})


def _of_money(world: World, person: Person) -> Iterator[Question]:
    due = month_of(world.today)
    balances = {
        (due - each.first_month) * each.monthly_fen - each.withdrawn_fen
        for each in world.accounts_of.get(person.key, [])
    }
    for fen in sorted({1} | balances | {balance + 1 for balance in balances}):
        yield Question(claim="fund.balance_at_least", parameters={"fen": fen})
