"""The right answer to every claim, from what happened in the city and not from what registries wrote about it.

Births, deaths, weddings, sales and months paid are looked at anew here: no status text, no delivery, no agreement and
no code of the hub has a part in it. An answer is what an honest registry would give on the city's day, ages judged on
the day of the question.
"""

from collections.abc import Callable, Mapping
from datetime import date
from enum import StrEnum

from samples.world import Account, Insurance, Marriage, Person, Stay, Title, World, month_of

REGISTER_SINCE = date(2003, 1, 1)
"""The police register names nobody who died before."""
MARRIAGE_AGE_OF_MEN, MARRIAGE_AGE_OF_WOMEN = 22, 20


class Verdict(StrEnum):
    """What an honest hub with complete, clean data says."""

    CONFIRMED = "CONFIRMED"
    NOT_CONFIRMED = "NOT_CONFIRMED"
    NO_RECORD = "NO_RECORD"
    OUT_OF_COVERAGE = "OUT_OF_COVERAGE"


Parameters = Mapping[str, object]
"""Numbers of years, months or 分, a certificate's number, or somebody's identity number in any of its forms."""


def answer(world: World, claim: str, person: Person | None, parameters: Parameters, today: date) -> Verdict:
    """The right answer to a claim about somebody (None: about a number that nobody here holds)."""
    return CLAIMS[claim](world, person, parameters, today)


def years_between(day: date, today: date) -> int:
    """Full years since a day; in common years somebody born on 29 February is a year older on the 28th."""
    years = today.year - day.year
    anniversary = (day.month, day.day)
    leap = today.year % 4 == 0 and (today.year % 100 != 0 or today.year % 400 == 0)
    if anniversary == (2, 29) and not leap:
        anniversary = (2, 28)
    return years if (today.month, today.day) >= anniversary else years - 1


def _yes(holds: object) -> Verdict:
    return Verdict.CONFIRMED if holds else Verdict.NOT_CONFIRMED


# Population


def _is_registered(world: World, person: Person | None) -> bool:
    """Whether the police have ever had somebody in the electronic register."""
    if person is None or person.key not in world.residences:
        return False
    return person.died is None or person.died >= REGISTER_SINCE


def _lives_here(world: World, person: Person) -> bool:
    residence = world.residences[person.key]
    gone = residence.left is not None and residence.left <= world.today
    return not gone and (person.died is None or person.died > world.today)


def _of_register(
    judge: Callable[[World, Person, Parameters, date], bool],
) -> Callable[[World, Person | None, Parameters, date], Verdict]:
    """A claim about people in the register; about others there is no record."""

    def claim(world: World, person: Person | None, parameters: Parameters, today: date) -> Verdict:
        if person is None or not _is_registered(world, person):
            return Verdict.NO_RECORD
        return _yes(judge(world, person, parameters, today))

    return claim


def _alive(world: World, person: Person | None, parameters: Parameters, today: date) -> Verdict:
    del parameters, today
    if person is None or not _is_registered(world, person):
        return Verdict.NO_RECORD
    left = world.residences[person.key].left
    if left is not None and left <= world.today:
        return Verdict.OUT_OF_COVERAGE
    return _yes(person.died is None or person.died > world.today)


def _registered_here(world: World, person: Person, parameters: Parameters, today: date) -> bool:
    del parameters, today
    return _lives_here(world, person) and world.residences[person.key].stay is Stay.REGISTERED


def _resident_here(world: World, person: Person, parameters: Parameters, today: date) -> bool:
    del parameters, today
    return _lives_here(world, person)


def _resident_years(world: World, person: Person, parameters: Parameters, today: date) -> bool:
    since = world.residences[person.key].since
    return _lives_here(world, person) and years_between(since, today) >= _whole(parameters, "years")


def _age_at_least(world: World, person: Person, parameters: Parameters, today: date) -> bool:
    del world
    return years_between(person.born, today) >= _whole(parameters, "years")


def _marriage_age(world: World, person: Person, parameters: Parameters, today: date) -> bool:
    del world, parameters
    least = MARRIAGE_AGE_OF_MEN if person.sex.value == "男" else MARRIAGE_AGE_OF_WOMEN
    return years_between(person.born, today) >= least


def _child_of(world: World, person: Person, parameters: Parameters, today: date) -> bool:
    del today
    parent = world.holder(str(parameters["parent"]))
    return parent is not None and parent.key in (person.father, person.mother)


# Marriages


def _histories(world: World, person: Person | None) -> list[Marriage]:
    return [] if person is None else world.marriages_of.get(person.key, [])


def _lasts(world: World, marriage: Marriage) -> bool:
    """Neither divorced nor ended by a death."""
    if marriage.divorced is not None and marriage.divorced <= world.today:
        return False
    both = (world.people[marriage.husband], world.people[marriage.wife])
    return all(each.died is None or each.died > world.today for each in both)


def _married_to(world: World, person: Person | None, parameters: Parameters, today: date) -> Verdict:
    del today
    histories = _histories(world, person)
    if person is None or not histories:
        return Verdict.NO_RECORD
    spouse = world.holder(str(parameters["spouse"]))
    couple = {person.key, spouse.key if spouse else -1}
    return _yes(any(_lasts(world, each) and {each.husband, each.wife} == couple for each in histories))


def _unmarried(world: World, person: Person | None, parameters: Parameters, today: date) -> Verdict:
    del parameters, today
    return _yes(not any(_lasts(world, each) for each in _histories(world, person)))


def _never_married(world: World, person: Person | None, parameters: Parameters, today: date) -> Verdict:
    del parameters, today
    return _yes(not _histories(world, person))


# Dwellings


def _titles(world: World, person: Person | None) -> list[Title]:
    return [] if person is None else world.titles_of.get(person.key, [])


def _stands(world: World, title: Title) -> bool:
    return title.ended is None or title.ended > world.today


def _owns_none(world: World, person: Person | None, parameters: Parameters, today: date) -> Verdict:
    del parameters, today
    return _yes(not any(_stands(world, each) and each.use == "住宅" for each in _titles(world, person)))


def _of_title(
    judge: Callable[[World, Title], bool],
) -> Callable[[World, Person | None, Parameters, date], Verdict]:
    """A claim about a standing title of the person's under a certificate."""

    def claim(world: World, person: Person | None, parameters: Parameters, today: date) -> Verdict:
        del today
        titles = _titles(world, person)
        if not titles:
            return Verdict.NO_RECORD
        named = [each for each in titles if each.certificate_no == parameters["certificate_no"]]
        return _yes(any(_stands(world, each) and judge(world, each) for each in named))

    return claim


def _mortgaged(world: World, title: Title) -> bool:
    return any(since <= world.today and (until is None or until > world.today) for since, until in title.mortgages)


# Insurances and accounts


def _pensions(world: World, person: Person | None) -> list[Insurance]:
    found = [] if person is None else world.insurances_of.get(person.key, [])
    return [each for each in found if each.scheme == "养老"]


def _pays(insurance: Insurance) -> bool:
    return insurance.spells[-1][1] is None and not insurance.ended


def _months(world: World, insurance: Insurance) -> int:
    """Months paid, each counted by itself; the current month falls due at its end."""
    due = month_of(world.today)
    return len({m for first, last in insurance.spells for m in range(first, due if last is None else last + 1)})


def _insured_now(world: World, person: Person | None, parameters: Parameters, today: date) -> Verdict:
    del parameters, today
    if person is None or person.key not in world.insurances_of:
        return Verdict.NO_RECORD
    return _yes(any(_pays(each) for each in _pensions(world, person)))


def _months_at_least(world: World, person: Person | None, parameters: Parameters, today: date) -> Verdict:
    del today
    if person is None or person.key not in world.insurances_of:
        return Verdict.NO_RECORD
    return _yes(any(_months(world, each) >= _whole(parameters, "months") for each in _pensions(world, person)))


def _medical_now(world: World, person: Person | None, parameters: Parameters, today: date) -> Verdict:
    del parameters, today
    covers = [] if person is None else world.covers_of.get(person.key, [])
    if not covers:
        return Verdict.NO_RECORD
    return _yes(any(each.ended is None and each.suspended is None for each in covers))


def _accounts(world: World, person: Person | None) -> list[Account]:
    return [] if person is None else world.accounts_of.get(person.key, [])


def _is_active(account: Account) -> bool:
    return account.last_month is None and account.closed is None


def _account_active(world: World, person: Person | None, parameters: Parameters, today: date) -> Verdict:
    del parameters, today
    accounts = _accounts(world, person)
    return _yes(any(map(_is_active, accounts))) if accounts else Verdict.NO_RECORD


def _balance_at_least(world: World, person: Person | None, parameters: Parameters, today: date) -> Verdict:
    del today
    accounts = _accounts(world, person)
    if not accounts:
        return Verdict.NO_RECORD
    paid = [
        (month_of(world.today) - each.first_month) * each.monthly_fen - each.withdrawn_fen
        for each in accounts
        if _is_active(each)
    ]
    return _yes(any(balance >= _whole(parameters, "fen") for balance in paid))


def _local_or_insured(world: World, person: Person | None, parameters: Parameters, today: date) -> Verdict:
    if person is not None and _is_registered(world, person) and _registered_here(world, person, parameters, today):
        return Verdict.CONFIRMED
    return _yes(any(_months(world, each) >= _whole(parameters, "months") for each in _pensions(world, person)))


def _whole(parameters: Parameters, name: str) -> int:
    return int(str(parameters[name]))


CLAIMS: dict[str, Callable[[World, Person | None, Parameters, date], Verdict]] = {
    "person.alive": _alive,
    "person.registered_here": _of_register(_registered_here),
    "person.resident_here": _of_register(_resident_here),
    "person.resident_years": _of_register(_resident_years),
    "person.age_at_least": _of_register(_age_at_least),
    "person.marriage_age": _of_register(_marriage_age),
    "person.child_of": _of_register(_child_of),
    "person.local_or_insured": _local_or_insured,
    "marriage.married_to": _married_to,
    "marriage.unmarried": _unmarried,
    "marriage.never_married": _never_married,
    "dwelling.owns_none": _owns_none,
    "dwelling.owns_this": _of_title(_stands),
    "dwelling.sole_owner": _of_title(lambda _, title: len(title.owners) == 1),
    "dwelling.mortgaged": _of_title(_mortgaged),
    "dwelling.free_of_mortgage": _of_title(lambda world, title: not _mortgaged(world, title)),
    "social.insured_now": _insured_now,
    "social.months_at_least": _months_at_least,
    "medical.insured_now": _medical_now,
    "fund.account_active": _account_active,
    "fund.balance_at_least": _balance_at_least,
}
"""By id, every claim of the city."""

DATASETS: dict[str, tuple[str, ...]] = {
    claim: {
        "person": ("population",),
        "marriage": ("marriages",),
        "dwelling": ("dwellings",),
        "social": ("social_insurance",),
        "medical": ("medical_insurance",),
        "fund": ("fund_accounts",),
    }[claim.partition(".")[0]]
    for claim in CLAIMS
} | {"person.local_or_insured": ("population", "social_insurance")}
"""The deliveries from which the hub must answer each claim: dirt in any of them may make it CANNOT_VERIFY."""
