"""Births, weddings, divorces and remarriages of the families that have always lived here."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from samples.draft import Draft, birthday
from samples.naming import surname
from samples.world import Marriage, Person, Sex

AGE_OF_MEN, AGE_OF_WOMEN = 22, 20
"""From which people may marry (Civil Code, article 1047)."""
FOUNDERS_FROM, FOUNDERS_UNTIL = date(1930, 1, 1), date(1962, 12, 31)
MOTHER_UNTIL = 42
MARRY_SHARE = 0.9
DIVORCE_SHARE = 0.11
SAME_AGAIN_SHARE = 0.08
REMARRY_SHARE = 0.65
WIDOWED_REMARRY_SHARE = 0.12
UNNAMED_FATHER_SHARE = 0.02
_WOMEN_LOOKED_AT = 8
_CHILDREN = {1950: (2, 2, 3, 3, 4), 1976: (1, 1, 1, 2, 2), 2016: (0, 1, 1, 2, 2, 3)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Single:
    """Somebody who may marry, from a day on."""

    person: Person
    since: date


def grow(draft: Draft, founders: int) -> None:
    """Let so many founding couples and all who descend from them be born, marry and die, until today."""
    singles = list(_found(draft, founders))
    while singles:
        first_child = draft.key
        again = _pair(draft, singles)
        children = (person for key, person in draft.people.items() if key >= first_child)
        singles = [*again, *(Single(person=child, since=child.born) for child in children)]
        singles = [each for each in singles if _may_marry(each) <= draft.today]


def _found(draft: Draft, couples: int) -> Iterable[Single]:
    for sex in (Sex.MALE, Sex.FEMALE):
        for _ in range(couples):
            person = draft.resident(draft.day_between(FOUNDERS_FROM, FOUNDERS_UNTIL), sex)
            yield Single(person=person, since=person.born)


def may_marry_from(person: Person) -> date:
    """The birthday from which the law lets somebody marry."""
    return birthday(person.born, AGE_OF_MEN if person.sex is Sex.MALE else AGE_OF_WOMEN)


def _may_marry(single: Single) -> date:
    return max(single.since, may_marry_from(single.person))


def _pair(draft: Draft, singles: list[Single]) -> list[Single]:
    """Wed men with women of about their age; returns those who are single again."""
    by_birth = sorted(singles, key=lambda each: (each.person.born, each.person.key))
    women = [each for each in by_birth if each.person.sex is Sex.FEMALE]
    taken: set[int] = set()
    again: list[Single] = []
    first = 0
    for man in by_birth:
        if man.person.sex is not Sex.MALE or draft.rng.random() > MARRY_SHARE:
            continue
        while first < len(women) and women[first].person.born < man.person.born - timedelta(days=900):
            first += 1
        for woman in women[first : first + _WOMEN_LOOKED_AT]:
            if woman.person.key not in taken and not _close_kin(draft, man.person, woman.person):
                taken.add(woman.person.key)
                again.extend(_wed(draft, man, woman))
                break
    return again


def _close_kin(draft: Draft, one: Person, other: Person) -> bool:
    return not _forebears(draft, one).isdisjoint(_forebears(draft, other))


def _forebears(draft: Draft, person: Person) -> set[int]:
    parents = {key for key in (person.father, person.mother) if key is not None}
    grandparents = {
        key
        for parent in parents
        for key in (draft.people[parent].father, draft.people[parent].mother)
        if key is not None
    }
    return parents | grandparents | {person.key}


def _wed(draft: Draft, man: Single, woman: Single) -> Iterable[Single]:
    """Marry two people, if they live to see it, and tell what came of it; yields who is single afterwards."""
    husband, wife = man.person, woman.person
    wed = draft.later(max(_may_marry(man), _may_marry(woman)), years=(0, 6))
    if wed > draft.today or not (husband.lives_on(wed) and wife.lives_on(wed)):
        return
    marriage = draft.marry(husband, wife, wed, divorced=_divorce(draft, husband, wife, wed))
    raise_children(draft, marriage)
    if marriage.divorced is None:
        yield from _widowed(draft, husband, wife)
    elif draft.rng.random() < SAME_AGAIN_SHARE:
        again = draft.later(marriage.divorced, years=(0.2, 3))
        if again <= draft.today and husband.lives_on(again) and wife.lives_on(again):
            draft.marry(husband, wife, again)
    else:
        for person in (husband, wife):
            if draft.rng.random() < REMARRY_SHARE:
                yield Single(person=person, since=marriage.divorced + timedelta(days=60))


def _divorce(draft: Draft, husband: Person, wife: Person, wed: date) -> date | None:
    if draft.rng.random() > DIVORCE_SHARE:
        return None
    day = draft.later(wed, years=(0.5, 20))
    return day if day <= draft.today and husband.lives_on(day) and wife.lives_on(day) else None


def _widowed(draft: Draft, husband: Person, wife: Person) -> Iterable[Single]:
    for dead, left in ((husband, wife), (wife, husband)):
        if dead.died and left.lives_on(dead.died) and draft.rng.random() < WIDOWED_REMARRY_SHARE:
            yield Single(person=left, since=dead.died + timedelta(days=100))


def raise_children(draft: Draft, marriage: Marriage, *, region: str = "", ethnicity: str = "汉族") -> None:
    """Let a couple's children be born within the marriage, while both live and the mother is young enough."""
    husband, wife = draft.people[marriage.husband], draft.people[marriage.wife]
    ends = [day for day in (marriage.divorced, husband.died, wife.died) if day is not None]
    until = min([draft.today, birthday(wife.born, MOTHER_UNTIL), *ends])
    epoch = max((year for year in _CHILDREN if year <= marriage.wed.year), default=min(_CHILDREN))
    born = draft.later(marriage.wed, years=(0.8, 3))
    family = husband.name[0] if husband.ethnicity == "汉族" else surname(draft.rng)
    for _ in range(draft.rng.choice(_CHILDREN[epoch])):
        if born > until:
            return
        father = None if draft.rng.random() < UNNAMED_FATHER_SHARE else husband.key
        draft.resident(born, draft.sex(), family=family, parents=(father, wife.key), region=region, ethnicity=ethnicity)
        born = draft.later(born, years=(1.2, 5))
