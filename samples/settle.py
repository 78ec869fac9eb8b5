"""Who lives where, since when, and in whose household."""

from collections.abc import Iterable
from datetime import date

from samples.draft import Draft, birthday
from samples.newcomers import grown_up, outsider, permit_holder, spouse_elsewhere, wed_permit_holders, worker_family
from samples.regions import Place, towns
from samples.world import Marriage, Person, Residence, Sex, Stay

LOCAL_SHARE_MAX = 0.85
PERMIT_SHARE = 0.0025
OUTSIDER_SHARE = 0.012
LEFT_SHARE = 0.02
REGISTER_SINCE = date(2003, 1, 1)
"""The electronic register holds nobody who died before."""
_ROADS = ("人民路", "万昌路", "横湖路", "锦屏路", "九龙大道", "中华路", "三星大道", "东辉路", "下保路", "方城路")
_VILLAGES = (
    "前洋",
    "后岙",
    "上林",
    "下塘",
    "山前",
    "水仓",
    "塘头",
    "岙里",
    "石粘",
    "长屿",
    "新街",
    "牧屿",
    "潘郎",
    "箬山",
)
_STAYS_HOME_UNTIL = 30


def settle(draft: Draft, residents: int) -> list[Person]:
    """Give everybody their place so that exactly so many live here; returns people who never lived here."""
    locals_ = list(draft.people.values())
    _house_locals(draft, locals_)
    _let_leave(draft, locals_, residents)
    people = max(2, int(residents * PERMIT_SHARE))
    holders = [permit_holder(draft, foreign=foreign) for foreign in (True, False) for _ in range(people)]
    single = _singles(draft, locals_)
    wed_permit_holders(draft, holders, single)
    outsiders = _outsiders(draft, residents, single)
    room = residents - _living(draft)
    newcomers: list[list[Person]] = [[holder] for holder in holders]
    room -= len(holders)
    while room > 0:
        family = worker_family(draft)
        here, elsewhere = family[:room], family[room:]
        newcomers.append(here)
        outsiders.extend(elsewhere)
        room -= len(here)
    for family in newcomers:
        _house_newcomers(draft, family)
    return outsiders


def _living(draft: Draft) -> int:
    return sum(1 for each in draft.residences.values() if each.left is None and draft.alive(draft.people[each.person]))


def _singles(draft: Draft, people: Iterable[Person]) -> list[Person]:
    """Those who never married, may, and live."""
    married = {key for each in draft.marriages for key in (each.husband, each.wife)}
    return [p for p in people if p.key not in married and draft.alive(p) and grown_up(p, draft.today)]


def _outsiders(draft: Draft, residents: int, single: list[Person]) -> list[Person]:
    first = draft.key
    wanted = max(2, int(residents * OUTSIDER_SHARE))
    married = {key for each in draft.marriages for key in (each.husband, each.wife)}
    for person in [each for each in single if each.key not in married][: wanted // 2]:
        spouse_elsewhere(draft, person)
    for _ in range(wanted - wanted // 2):
        outsider(draft)
    return [draft.people[key] for key in range(first, draft.key)]


def _house_locals(draft: Draft, people: list[Person]) -> None:
    """Put everybody who is in the register into a household: with a spouse, with parents, or alone."""
    spouse = _current_spouses(draft)
    heads: dict[int, tuple[str, Place, str, int]] = {}
    for person in people:
        if person.died and person.died < REGISTER_SINCE:
            continue
        home = None
        relation = "户主"
        partner = spouse.get(person.key)
        if partner is not None and partner.key in heads:
            home, relation = heads[partner.key], "配偶"
        elif partner is None and person.born > birthday(draft.today, -_STAYS_HOME_UNTIL):
            parent = next((key for key in (person.mother, person.father) if key in heads), None)
            if parent is not None:
                home, relation = heads[parent], "子" if person.sex is Sex.MALE else "女"
        home = home or _home(draft, person, heads)
        heads[person.key] = home
        household, town, address, _ = home
        draft.residences[person.key] = Residence(
            person=person.key, stay=Stay.REGISTERED, since=_since(draft, person), town=town.code, address=address,
            household=household, relation=relation,
        )  # fmt: skip


def _current_spouses(draft: Draft) -> dict[int, Person]:
    """Each one's spouse of today, or of the day of death."""
    found: dict[int, Person] = {}

    def lasted(marriage: Marriage) -> bool:
        return marriage.divorced is None

    for marriage in filter(lasted, sorted(draft.marriages, key=lambda each: each.wed)):
        found[marriage.husband] = draft.people[marriage.wife]
        found[marriage.wife] = draft.people[marriage.husband]
    return found


def _home(draft: Draft, person: Person, heads: dict[int, tuple[str, Place, str, int]]) -> tuple[str, Place, str, int]:
    parent = next((heads[key] for key in (person.mother, person.father) if key in heads), None)
    near = parent is not None and draft.rng.random() < _NEAR_PARENTS_SHARE
    town = parent[1] if parent is not None and near else _town(draft)
    household = f"3310{draft.serials.next('household'):08d}"
    return household, town, _address(draft, town), person.key


def _town(draft: Draft) -> Place:
    return draft.rng.choices(towns(), weights=[each.weight for each in towns()])[0]


def _address(draft: Draft, town: Place) -> str:
    rng = draft.rng
    number = rng.randrange(1, 999)
    if rng.random() < _VILLAGE_SHARE:
        return f"温岭市{town.name}{rng.choice(_VILLAGES)}村{number}号"
    flat = f"{rng.randrange(1, 30)}幢{rng.randrange(1, 7)}0{rng.randrange(1, 5)}室"
    return f"温岭市{town.name}{rng.choice(_ROADS)}{number}号{flat}"


def _since(draft: Draft, person: Person) -> date:
    """Most have been registered here since birth; some came back, or moved in, later."""
    if draft.rng.random() < _SINCE_BIRTH_SHARE:
        return person.born
    return draft.day_between(person.born, min(draft.today, person.died or draft.today))


def _let_leave(draft: Draft, people: list[Person], residents: int) -> None:
    """Some adults have moved away; more, where otherwise too many would be here."""
    living = [p for p in people if p.key in draft.residences and draft.alive(p)]
    adults = [p for p in living if grown_up(p, draft.today)]
    draft.rng.shuffle(adults)
    too_many = len(living) - int(residents * LOCAL_SHARE_MAX)
    for person in adults[: max(int(len(living) * LEFT_SHARE), too_many)]:
        residence = draft.residences[person.key]
        left = draft.day_between(max(residence.since, REGISTER_SINCE), draft.today)
        draft.residences[person.key] = _left(residence, left)


def _left(residence: Residence, day: date) -> Residence:
    return Residence(
        person=residence.person, stay=residence.stay, since=residence.since, left=day, town=residence.town,
        address=residence.address, household=residence.household, relation=residence.relation,
    )  # fmt: skip


def _house_newcomers(draft: Draft, family: list[Person]) -> None:
    """One address for a family that came together, each since some day of the last years."""
    town = _town(draft)
    address = _address(draft, town)
    arrived = draft.later(draft.today, years=(-16, 0))
    for person in family:
        draft.residences[person.key] = Residence(
            person=person.key, stay=Stay.RESIDENT, since=max(arrived, person.born), town=town.code, address=address
        )


_NEAR_PARENTS_SHARE = 0.6
_VILLAGE_SHARE = 0.6
_SINCE_BIRTH_SHARE = 0.85
