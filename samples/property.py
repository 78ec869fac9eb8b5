"""Units in the property registry: who bought what when, with whom, on what mortgage, and what was sold again."""

from collections.abc import Iterator
from datetime import date, timedelta

from samples.draft import Draft
from samples.newcomers import adult_from
from samples.regions import Place, towns
from samples.world import Marriage, Person, Residence, Stay, Title

HOUSE, SHOP, PARKING = "住宅", "商业", "车位"
ALONE, JOINT, SHARES = "单独所有", "共同共有", "按份共有"
REGISTRY_SINCE = date(1988, 1, 1)
MORTGAGES_SINCE = date(2000, 1, 1)
OWNING_SHARE = {Stay.REGISTERED: 0.55, Stay.RESIDENT: 0.08}
TWO_OWNERS_SHARE, SHARES_SHARE = 0.6, 0.1
SECOND_HOUSE_SHARE, PARKING_SHARE, SHOP_SHARE = 0.12, 0.16, 0.04
MORTGAGE_SHARE = 0.4
EARLIER_OWNER_SHARE = 0.3
SOLD_SHARE = 0.07
PARKING_ONLY_SHARE = 0.01
_AREAS = {HOUSE: (48.0, 180.0), SHOP: (20.0, 160.0), PARKING: (11.0, 16.0)}


def build_up(draft: Draft, outsiders: list[Person]) -> list[Title]:
    """Every title that the registry knows, in the order of the households; some owners live elsewhere."""
    titles: list[Title] = []
    married = _married(draft)
    seen: set[int] = set()
    former = list(outsiders)
    for residence in draft.residences.values():
        person = draft.people[residence.person]
        if person.key in seen or adult_from(person) > draft.today:
            continue
        spouse = married.get(person.key)
        seen.update((person.key, spouse.key) if spouse else (person.key,))
        titles.extend(_holdings(draft, residence, spouse, former))
        if draft.rng.random() < _FORMER_SHARE:
            former[draft.rng.randrange(len(former))] = person
    for owner in outsiders:
        if draft.rng.random() < _OUTSIDERS_OWNING_SHARE:
            titles.extend(_chain(draft, _town(draft), HOUSE, [owner], former))
    return titles


def _married(draft: Draft) -> dict[int, Person]:
    """Each one's spouse, alive or not, unless divorced."""
    found: dict[int, Person] = {}
    lasting: Iterator[Marriage] = (each for each in draft.marriages if each.divorced is None)
    for marriage in lasting:
        found[marriage.husband] = draft.people[marriage.wife]
        found[marriage.wife] = draft.people[marriage.husband]
    return found


def _holdings(draft: Draft, residence: Residence, spouse: Person | None, former: list[Person]) -> Iterator[Title]:
    rng = draft.rng
    person = draft.people[residence.person]
    town = next(each for each in towns() if each.code == residence.town)
    owners = [person]
    if spouse is not None and rng.random() < TWO_OWNERS_SHARE:
        owners.append(spouse)
    elif person.mother is not None and rng.random() < SHARES_SHARE:
        owners.append(draft.people[person.mother])
    if rng.random() > OWNING_SHARE[residence.stay]:
        if rng.random() < PARKING_ONLY_SHARE:
            yield from _chain(draft, town, PARKING, [person], former)
        return
    yield from _chain(draft, town, HOUSE, owners, former, sold=rng.random() < SOLD_SHARE)
    if rng.random() < SECOND_HOUSE_SHARE:
        yield from _chain(draft, town, HOUSE, [person], former)
    if rng.random() < PARKING_SHARE:
        yield from _chain(draft, town, PARKING, owners, former)
    if rng.random() < SHOP_SHARE:
        yield from _chain(draft, town, SHOP, [person], former)


def _chain(
    draft: Draft, town: Place, use: str, owners: list[Person], former: list[Person], *, sold: bool = False
) -> Iterator[Title]:
    """One unit's titles, oldest first: perhaps somebody's before, the owners', and, where sold, the buyer's."""
    rng = draft.rng
    latest = min([draft.today, *(owner.died - timedelta(days=1) for owner in owners if owner.died)])
    earliest = max(REGISTRY_SINCE, *(adult_from(owner) for owner in owners))
    if earliest >= latest:
        return
    bought = draft.day_between(earliest, latest)
    unit = _unit(draft, town, use)
    before = rng.choice(former)
    if rng.random() < EARLIER_OWNER_SHARE and before not in owners:
        first = max(REGISTRY_SINCE, adult_from(before))
        if first < bought and before.lives_on(bought):
            yield _title(draft, unit, [before], draft.day_between(first, bought - timedelta(days=1)), bought)
    if not sold:
        yield _title(draft, unit, owners, bought, None)
        return
    day = draft.day_between(bought, draft.today)
    buyer = rng.choice(former)
    if buyer in owners or adult_from(buyer) > day or not buyer.lives_on(day) or day <= bought:
        yield _title(draft, unit, owners, bought, None)
        return
    yield _title(draft, unit, owners, bought, day)
    yield _title(draft, unit, [buyer], day, None)


def _unit(draft: Draft, town: Place, use: str) -> tuple[str, str, str, float]:
    """Unit number, location, use and area."""
    low, high = _AREAS[use]
    parcel = draft.serials.next(f"parcel{town.code}")
    unit = f"{town.code}{parcel % 1000:03d}GB{parcel // 1000:05d}F{draft.rng.randrange(1, 9999):08d}"
    street = draft.rng.choice(_STREETS)
    place = (
        f"地下{draft.rng.randrange(1, 500)}号车位"
        if use == PARKING
        else f"{draft.rng.randrange(1, 40)}幢{draft.rng.randrange(1, 30)}0{draft.rng.randrange(1, 5)}室"
    )
    return unit, f"温岭市{town.name}{street}{place}", use, round(low + (high - low) * draft.rng.random(), 2)


def _title(draft: Draft, unit: tuple[str, str, str, float], owners: list[Person], day: date, end: date | None) -> Title:
    unit_no, location, use, area = unit
    number = f"浙（{day.year}）温岭市不动产权第{draft.serials.next(f'title{day.year}'):07d}号"
    sharing = ALONE if len(owners) == 1 else (JOINT if draft.rng.random() < _JOINT_SHARE else SHARES)
    return Title(
        certificate_no=number, unit_no=unit_no, location=location, use=use, area=area,
        owners=tuple(owner.key for owner in owners), sharing=sharing, registered=day, ended=end,
        mortgages=_mortgages(draft, use, day, end),
    )  # fmt: skip


def _mortgages(draft: Draft, use: str, day: date, end: date | None) -> tuple[tuple[date, date | None], ...]:
    if use == PARKING or day < MORTGAGES_SINCE or draft.rng.random() > MORTGAGE_SHARE:
        return ()
    paid_off = draft.later(day, years=(4, 30))
    if end is not None:
        return ((day, min(paid_off, end)),)
    return ((day, paid_off if paid_off <= draft.today else None),)


def _town(draft: Draft) -> Place:
    return draft.rng.choices(towns(), weights=[each.weight for each in towns()])[0]


_FORMER_SHARE = 0.05
_OUTSIDERS_OWNING_SHARE = 0.5
_JOINT_SHARE = 0.75
_STREETS = (
    "万泉小区",
    "锦园",
    "阳光花园",
    "银泰城",
    "金色家园",
    "九龙湖畔",
    "城市新天地",
    "曙光小区",
    "合泰家园",
    "东湖雅苑",
)
