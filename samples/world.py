"""The state of an invented city: what is so, whatever the registries write about it.

Everything is told as it happened (births, deaths, weddings, sales, months paid), never as a registry's status: what a
status must be follows from it, once in `registry`, where departments write, and once, independently, in `truth`.
People are named by their key, a small whole number. Months are counted from year 0: `year * 12 + month - 1`.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import TypeVar

from kernel.errors import MalformedIdentity
from kernel.identity import parse_person
from samples.numbers import fifteen


class Sex(StrEnum):
    """As certificates write it."""

    MALE = "男"
    FEMALE = "女"


class Stay(StrEnum):
    """By what right somebody lives in the city."""

    REGISTERED = "户籍"
    RESIDENT = "居住"


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """An identity number, in force from a day on (None: since birth) until another one follows it."""

    text: str
    since: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody. `father` and `mother` are the parents whom the law knows, by key; `numbers`: the last is in force."""

    key: int
    sex: Sex
    name: str
    ethnicity: str
    born: date
    died: date | None = None
    father: int | None = None
    mother: int | None = None
    numbers: tuple[Number, ...]

    @property
    def number(self) -> str:
        """The number in force."""
        return self.numbers[-1].text

    def number_on(self, day: date) -> str:
        """The number that was in force on a day, in the form of today."""
        return next((n.text for n in reversed(self.numbers) if n.since is None or n.since <= day), self.numbers[0].text)

    @property
    def every_number(self) -> tuple[str, ...]:
        """Every text that ever stood for this person: former numbers, and 15-digit forms."""
        texts = [number.text for number in self.numbers]
        return (*texts, *(old for text in texts if (old := fifteen(text)) is not None))

    def lives_on(self, day: date) -> bool:
        """Whether the person has not died by a day."""
        return self.died is None or self.died > day


@dataclass(frozen=True, slots=True, kw_only=True)
class Residence:
    """A person's living in the city without interruption since a day, until they left or died."""

    person: int
    stay: Stay
    since: date
    left: date | None = None
    town: str
    address: str
    household: str | None = None
    relation: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Marriage:
    """A wedding, and the divorce if there was one. Death ends it too, and is told by the person."""

    registration_no: str
    husband: int
    wife: int
    wed: date
    divorced: date | None = None

    def spouse_of(self, person: int) -> int:
        """The other one."""
        return self.wife if person == self.husband else self.husband


@dataclass(frozen=True, slots=True, kw_only=True)
class Title:
    """Ownership of one unit under one certificate, from its registration until the unit passed on.

    `mortgages`: from a day until a day, None where it still stands.
    """

    certificate_no: str
    unit_no: str
    location: str
    use: str
    area: float
    owners: tuple[int, ...]
    sharing: str
    registered: date
    ended: date | None = None
    mortgages: tuple[tuple[date, date | None], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Insurance:
    """Membership of a social insurance scheme: spells of months paid, each from and through; None: still paying."""

    record_no: str
    person: int
    scheme: str
    spells: tuple[tuple[int, int | None], ...]
    ended: bool = False
    employer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """Medical insurance since a day, perhaps suspended or ended since."""

    record_no: str
    person: int
    scheme: str
    since: date
    suspended: date | None = None
    ended: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A housing fund account: deposits of one amount from a month through another (None: still), less withdrawals.

    Amounts in 分. An account without deposits is sealed; a closed one is empty.
    """

    account_no: str
    person: int
    opened: date
    monthly_fen: int
    first_month: int
    last_month: int | None = None
    withdrawn_fen: int = 0
    closed: date | None = None


_R = TypeVar("_R", Insurance, Cover, Account)


@dataclass(frozen=True, kw_only=True)
class World:
    """A city on a day. Everything in it happened on that day or before.

    `first_block`: personas are among the people with smaller keys; None: among all.
    """

    today: date
    first_block: int | None = None
    people: dict[int, Person] = field(default_factory=dict)
    residences: dict[int, Residence] = field(default_factory=dict)
    marriages: tuple[Marriage, ...] = ()
    titles: tuple[Title, ...] = ()
    insurances: tuple[Insurance, ...] = ()
    covers: tuple[Cover, ...] = ()
    accounts: tuple[Account, ...] = ()

    @cached_property
    def marriages_of(self) -> dict[int, list[Marriage]]:
        """Every marriage of each person, in the order of the weddings."""
        found: defaultdict[int, list[Marriage]] = defaultdict(list)
        for marriage in sorted(self.marriages, key=lambda each: each.wed):
            found[marriage.husband].append(marriage)
            found[marriage.wife].append(marriage)
        return dict(found)

    @cached_property
    def titles_of(self) -> dict[int, list[Title]]:
        """Every title that each person holds or held."""
        found: defaultdict[int, list[Title]] = defaultdict(list)
        for title in self.titles:
            for owner in title.owners:
                found[owner].append(title)
        return dict(found)

    @cached_property
    def insurances_of(self) -> dict[int, list[Insurance]]:
        """Every membership of each person."""
        return _by_person(self.insurances)

    @cached_property
    def covers_of(self) -> dict[int, list[Cover]]:
        """Every medical insurance of each person."""
        return _by_person(self.covers)

    @cached_property
    def accounts_of(self) -> dict[int, list[Account]]:
        """Every fund account of each person."""
        return _by_person(self.accounts)

    @cached_property
    def _holders(self) -> dict[str, int]:
        return {
            parse_person(number.text).canonical: person.key
            for person in self.people.values()
            for number in person.numbers
        }

    def holder(self, number: str) -> Person | None:
        """Who holds or held a number, in whichever form it is written; None for nobody here, or no number at all."""
        try:
            key = self._holders.get(parse_person(number).canonical)
        except MalformedIdentity:
            return None
        return None if key is None else self.people[key]

    def has_left(self, person: int) -> bool:
        """Whether somebody who lived here has moved away."""
        residence = self.residences.get(person)
        return residence is not None and residence.left is not None and residence.left <= self.today

    @classmethod
    def joined(cls, today: date, worlds: Iterable["World"]) -> "World":
        """One city of several whose people, keys and serials are distinct."""
        whole: dict[str, list[object]] = defaultdict(list)
        people: dict[int, Person] = {}
        residences: dict[int, Residence] = {}
        first_block = None
        for world in worlds:
            first_block = world.first_block if first_block is None else first_block
            people.update(world.people)
            residences.update(world.residences)
            for name in _LISTS:
                whole[name].extend(getattr(world, name))
        lists = {name: tuple(records) for name, records in whole.items()}
        return cls(today=today, first_block=first_block, people=people, residences=residences, **lists)  # type: ignore[arg-type]


def month_of(day: date) -> int:
    """The month that a day is in."""
    return day.year * 12 + day.month - 1


def first_day(month: int) -> date:
    """The day with which a month begins."""
    return date(month // 12, month % 12 + 1, 1)


def month_text(month: int) -> str:
    """A month as `YYYY-MM`."""
    return f"{month // 12:04d}-{month % 12 + 1:02d}"


def _by_person(records: Iterable[_R]) -> dict[int, list[_R]]:
    found: defaultdict[int, list[_R]] = defaultdict(list)
    for record in records:
        found[record.person].append(record)
    return dict(found)


_LISTS = tuple(each.name for each in fields(World) if each.name not in {"today", "first_block", "people", "residences"})
