"""What the departments' registries hold about a city: its state, as each of them writes it down.

A record carries, beside its values, whom it is about, and which claim its loss would turn round: `flips`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from samples.naming import SEPARATOR
from samples.numbers import EIGHTEEN_DIGITS_SINCE, fifteen
from samples.settle import REGISTER_SINCE
from samples.world import (
    Account,
    Cover,
    Insurance,
    Marriage,
    Person,
    Residence,
    Title,
    World,
    first_day,
    month_of,
    month_text,
)
from samples.writer import Value

_SEPARATORS = {
    "marriages": "\u2022",
    "dwellings": "\u30fb",
    "medical_insurance": "\uff0e",
    "social_insurance": " \u2027 ",
}
"""The look-alike that each department's system puts between the parts of a minority name."""
_STILL_FIFTEEN = 5
"""So many in seven records from before 1999 still carry the number of then."""
_OLD_IN_POPULATION = 211


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record: values by column name, the keys of the people it is about, and the claim that its loss would flip."""

    values: dict[str, Value]
    people: tuple[int, ...]
    flips: str = ""


def population(world: World) -> Iterator[Record]:
    """实有人口: everybody who lives, lived or died here since the electronic register began."""
    for residence in world.residences.values():
        person = world.people[residence.person]
        if person.died and person.died < REGISTER_SINCE:
            continue
        status = _population_status(world, residence, person)
        values: dict[str, Value] = {
            "person_id": _in_population(person),
            "name": person.name,
            "sex": person.sex.value,
            "ethnicity": person.ethnicity,
            "birth_date": f"{person.born:%Y%m%d}",
            "household_no": residence.household,
            "relation_to_head": residence.relation,
            "town_code": residence.town,
            "address": residence.address,
            "registered_since": f"{residence.since:%Y%m%d}",
            "status": status,
            **_parent(world, person, "father", person.father),
            **_parent(world, person, "mother", person.mother),
        }
        yield Record(values=values, people=(person.key,), flips="person.registered_here" if status == "户籍" else "")


def _population_status(world: World, residence: Residence, person: Person) -> str:
    if world.has_left(person.key):
        return "迁出"
    return residence.stay.value if person.lives_on(world.today) else "死亡"


def _in_population(person: Person) -> str:
    """The register was converted to 18 digits, but for a few."""
    old = fifteen(person.number)
    return old if old and person.key % _OLD_IN_POPULATION == 0 else person.number


def _parent(world: World, child: Person, which: str, key: int | None) -> dict[str, Value]:
    if key is None:
        return {f"{which}_status": "未登记", f"{which}_id": None}
    return {f"{which}_status": "已登记", f"{which}_id": _written(world.people[key], child.born)}


def person_aliases(world: World) -> Iterator[Record]:
    """证件号码变更: each former number and the one that followed it."""
    for person in world.people.values():
        for former, current in zip(person.numbers, person.numbers[1:], strict=False):
            values: dict[str, Value] = {
                "change_no": f"BG{person.key:08d}{person.numbers.index(current)}",
                "former_id": former.text,
                "current_id": current.text,
                "changed_on": f"{current.since:%Y%m%d}" if current.since else None,
            }
            yield Record(values=values, people=(person.key,))


def marriages(world: World) -> Iterator[Record]:
    """婚姻登记: every wedding, and what became of it; touched nightly when the ministry's copy is drawn."""
    for at, marriage in enumerate(world.marriages):
        husband, wife = world.people[marriage.husband], world.people[marriage.wife]
        status = _marriage_status(world, marriage)
        values: dict[str, Value] = {
            "registration_no": marriage.registration_no,
            "husband_id": _written(husband, marriage.wed),
            "husband_name": _name(husband, "marriages"),
            "wife_id": _written(wife, marriage.wed),
            "wife_name": _name(wife, "marriages"),
            "registered_on": marriage.wed.isoformat(),
            "status": status,
            "divorced_on": marriage.divorced.isoformat() if marriage.divorced else None,
            "updated_at": f"{world.today - timedelta(days=1)}T23:{at // 60 % 60:02d}:{at % 60:02d}+08:00",
        }
        yield Record(values=values, people=(husband.key, wife.key), flips=_marriage_flips(world, marriage, status))


def _marriage_status(world: World, marriage: Marriage) -> str:
    if marriage.divorced:
        return "离婚"
    both = all(world.people[key].lives_on(world.today) for key in (marriage.husband, marriage.wife))
    return "已婚" if both else "丧偶"


def _marriage_flips(world: World, marriage: Marriage, status: str) -> str:
    if status != "已婚":
        return ""
    again = any(len(world.marriages_of[key]) > 1 for key in (marriage.husband, marriage.wife))
    return "marriage.unmarried, remarried" if again else "marriage.unmarried"


def dwellings(world: World) -> Iterator[Record]:
    """不动产登记: one record for each owner of each title, co-owners one below the other."""
    for title in world.titles:
        status = "现势" if title.ended is None else "历史"
        mortgaged = status == "现势" and any(until is None for _, until in title.mortgages)
        for key in title.owners:
            owner = world.people[key]
            values: dict[str, Value] = {
                "certificate_no": title.certificate_no,
                "unit_no": title.unit_no,
                "location": title.location,
                "use": title.use,
                "area": title.area,
                "owner_name": _name(owner, "dwellings"),
                "owner_id": _written(owner, title.registered),
                "sharing": title.sharing,
                "registered_on": title.registered.isoformat(),
                "status": status,
                "mortgage_status": "已抵押" if mortgaged else "未抵押",
            }
            flips = "dwelling.owns_none" if _is_only_house(world, key, title) else ""
            yield Record(values=values, people=(key,), flips=flips)


def _is_only_house(world: World, owner: int, title: Title) -> bool:
    houses = [each for each in world.titles_of[owner] if each.ended is None and each.use == "住宅"]
    return houses == [title]


def social_insurance(world: World) -> Iterator[Record]:
    """社会保险: each membership of each scheme, with the months paid."""
    for insurance in world.insurances:
        yield _insured(world, insurance)


def _insured(world: World, insurance: Insurance) -> Record:
    person = world.people[insurance.person]
    last = insurance.spells[-1][1]
    paid_through = month_of(world.today) - 1
    status = "终止" if insurance.ended else ("正常" if last is None else "暂停")
    spells = [(first, paid_through if until is None else until) for first, until in insurance.spells]
    values: dict[str, Value] = {
        "record_no": insurance.record_no,
        "person_id": _written(person, first_day(insurance.spells[0][0])),
        "name": _name(person, "social_insurance"),
        "scheme": insurance.scheme,
        "status": status,
        "months_paid": sum(until - first + 1 for first, until in spells),
        "employer_code": insurance.employer,
        "last_paid_month": month_text(spells[-1][1]),
    }
    flips = "social.insured_now" if insurance.scheme == "养老" and status == "正常" else ""
    return Record(values=values, people=(person.key,), flips=flips)


def medical_insurance(world: World) -> Iterator[Record]:
    """医疗保险: each enrolment."""
    for cover in world.covers:
        person = world.people[cover.person]
        status = _cover_status(cover)
        values: dict[str, Value] = {
            "record_no": cover.record_no,
            "person_id": _written(person, cover.since),
            "name": _name(person, "medical_insurance"),
            "scheme": cover.scheme,
            "status": status,
            "insured_from": cover.since.isoformat(),
        }
        flips = "medical.insured_now" if status == "正常" else ""
        yield Record(values=values, people=(person.key,), flips=flips)


def _cover_status(cover: Cover) -> str:
    if cover.ended:
        return "终止"
    return "暂停" if cover.suspended else "正常"


def fund_accounts(world: World) -> Iterator[Record]:
    """公积金账户: each account, with its balance in 分."""
    for account in world.accounts:
        person = world.people[account.person]
        status = _account_status(account)
        last = month_of(world.today) - 1 if account.last_month is None else account.last_month
        balance = (last - account.first_month + 1) * account.monthly_fen - account.withdrawn_fen
        values: dict[str, Value] = {
            "account_no": account.account_no,
            "person_id": _written(person, account.opened),
            "name": _name(person, "fund_accounts"),
            "status": status,
            "balance_fen": 0 if account.closed else balance,
            "monthly_fen": account.monthly_fen,
            "opened_on": account.opened.isoformat(),
            "last_paid_month": month_text(last),
        }
        flips = "fund.account_active" if status == "正常" else ""
        yield Record(values=values, people=(person.key,), flips=flips)


def _account_status(account: Account) -> str:
    if account.closed:
        return "销户"
    return "正常" if account.last_month is None else "封存"


def _written(person: Person, day: date) -> str:
    """The number that a record of a day carries: the one of then, unless the department has rewritten it since."""
    number = person.number_on(day)
    old = fifteen(number)
    if old and day < EIGHTEEN_DIGITS_SINCE and (person.key + day.toordinal()) % 7 < _STILL_FIFTEEN:
        return old
    return number


def _name(person: Person, dataset: str) -> str:
    return person.name.replace(SEPARATOR, _SEPARATORS.get(dataset, SEPARATOR))


REGISTRIES: dict[str, Callable[[World], Iterator[Record]]] = {
    "population": population,
    "person_aliases": person_aliases,
    "marriages": marriages,
    "dwellings": dwellings,
    "social_insurance": social_insurance,
    "medical_insurance": medical_insurance,
    "fund_accounts": fund_accounts,
}
"""By dataset, what its department writes."""
