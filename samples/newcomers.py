"""Those who came from elsewhere: workers and their families, people on permits, and spouses who never moved here."""

from datetime import date, timedelta

from samples import naming
from samples.draft import Draft, birthday
from samples.families import may_marry_from, raise_children
from samples.numbers import HONG_KONG, MACAO, NATIONS, NEW_FOREIGN_SINCE, TAIWAN
from samples.regions import Place, origins
from samples.world import Number, Person, Sex

COUPLE_SHARE = 0.5
PERMIT_MARRIED_SHARE = 0.6
_HMT_SINCE = date(2018, 9, 1)
_AGES_OF_WORKERS = (18.0, 58.0)
_AGE_GAP = timedelta(days=12 * 365)


def worker_family(draft: Draft) -> list[Person]:
    """A worker from another county, alone or with a spouse and their children."""
    rng = draft.rng
    place = rng.choices(origins(), weights=[each.weight for each in origins()])[0]
    first = draft.key
    sex = draft.sex()
    worker = _worker(draft, place, sex, draft.later(draft.today, years=(-_AGES_OF_WORKERS[1], -_AGES_OF_WORKERS[0])))
    if rng.random() < COUPLE_SHARE:
        born = draft.later(worker.born, years=(-3, 3))
        spouse = _worker(draft, place, Sex.FEMALE if sex is Sex.MALE else Sex.MALE, born)
        husband, wife = (worker, spouse) if sex is Sex.MALE else (spouse, worker)
        wed = draft.later(max(may_marry_from(husband), may_marry_from(wife)), years=(0, 5))
        if wed <= draft.today:
            raise_children(draft, draft.marry(husband, wife, wed), region=place.code, ethnicity=place.ethnicity)
    return [draft.people[key] for key in range(first, draft.key)]


def _worker(draft: Draft, place: Place, sex: Sex, born: date) -> Person:
    return draft.resident(born, sex, region=place.code, ethnicity=place.ethnicity, lasting=True)


def permit_holder(draft: Draft, *, foreign: bool) -> Person:
    """Somebody who lives here on a permit: foreign, perhaps with former numbers, or from Hong Kong, Macao, Taiwan."""
    born = draft.later(draft.today, years=(-70, -24))
    sex = draft.sex()
    if foreign:
        name, ethnicity, numbers = naming.foreign(draft.rng), "外国籍", _foreign_numbers(draft, born, sex)
    else:
        region = draft.rng.choice((HONG_KONG, MACAO, TAIWAN))
        number = draft.serials.eighteen(region, born, male=sex is Sex.MALE)
        name, ethnicity, numbers = naming.of_hong_kong(draft.rng), "汉族", (Number(text=number, since=_HMT_SINCE),)
    return draft.add(Person(key=draft.key, sex=sex, name=name, ethnicity=ethnicity, born=born, numbers=numbers))


def _foreign_numbers(draft: Draft, born: date, sex: Sex) -> tuple[Number, ...]:
    """An old permit, an old one renewed under another number, the new form: in that order, each for some."""
    rng, today = draft.rng, draft.today
    nation = rng.choice(tuple(NATIONS))
    numbers = []
    day = draft.day_between(date(2005, 1, 1), date(2016, 12, 31))
    # The first has them all, so that no city is without a chain of former numbers.
    chain = draft.serials.next("foreign histories") == 1
    history = "old-old-new" if chain else rng.choice(("old", "old-new", "old-new", "old-old-new", "old-old", "new"))
    for form in history.split("-"):
        if form == "new":
            day = draft.day_between(NEW_FOREIGN_SINCE, today)
            text = draft.serials.foreign(nation, born, male=sex is Sex.MALE)
        else:
            text = draft.serials.old_foreign(nation, born)
        numbers.append(Number(text=text, since=day))
        day = draft.day_between(date(2017, 1, 1), date(2022, 12, 31))
    return tuple(numbers)


def wed_permit_holders(draft: Draft, holders: list[Person], singles: list[Person]) -> None:
    """Marry some of them to residents who are single, on a day when the permit of then was in force."""
    free = list(singles)
    for holder in holders:
        if draft.rng.random() > PERMIT_MARRIED_SHARE:
            continue
        partner = next((p for p in free if p.sex is not holder.sex and abs(p.born - holder.born) < _AGE_GAP), None)
        if partner is None:
            continue
        earliest = max(may_marry_from(holder), may_marry_from(partner), holder.numbers[0].since or holder.born)
        wed = draft.later(earliest, years=(0, 4))
        if wed <= draft.today and partner.lives_on(wed):
            free.remove(partner)
            _marry_either(draft, holder, partner, wed)


def outsider(draft: Draft) -> Person:
    """Somebody who never lived here."""
    place = draft.rng.choice(origins())
    return _worker(draft, place, draft.sex(), draft.later(draft.today, years=(-75, -22)))


def spouse_elsewhere(draft: Draft, resident: Person) -> None:
    """Marry a single resident to somebody who never lived here."""
    place = draft.rng.choice(origins())
    sex = Sex.FEMALE if resident.sex is Sex.MALE else Sex.MALE
    spouse = _worker(draft, place, sex, draft.later(resident.born, years=(-3, 3)))
    wed = draft.later(max(may_marry_from(resident), may_marry_from(spouse)), years=(0, 6))
    if wed <= draft.today and resident.lives_on(wed):
        _marry_either(draft, resident, spouse, wed)


def _marry_either(draft: Draft, one: Person, other: Person, wed: date) -> None:
    husband, wife = (one, other) if one.sex is Sex.MALE else (other, one)
    draft.marry(husband, wife, wed)


def grown_up(person: Person, today: date) -> bool:
    """Whether somebody may marry by now."""
    return may_marry_from(person) <= today


def adult_from(person: Person) -> date:
    """The eighteenth birthday."""
    return birthday(person.born, 18)
