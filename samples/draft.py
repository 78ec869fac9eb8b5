"""A block of the city while it is being made: who is there so far, and the chance and the serials that make more."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from samples import naming
from samples.numbers import Serials
from samples.regions import birth_region
from samples.world import Marriage, Number, Person, Residence, Sex

FIRST_DEATH = date(1990, 1, 1)
"""Whoever died earlier never had a number, and is left out of the city."""
LIFESPAN_MEAN, LIFESPAN_SPREAD, LIFESPAN_MAX = 81.0, 12.0, 104.0
YEAR = 365.25


@dataclass(slots=True, kw_only=True)
class Draft:
    """What has been decided so far. `key` is the next person's key."""

    today: date
    rng: Random
    serials: Serials
    key: int
    people: dict[int, Person] = field(default_factory=dict)
    residences: dict[int, Residence] = field(default_factory=dict)
    marriages: list[Marriage] = field(default_factory=list)

    def add(self, person: Person) -> Person:
        """Take somebody in."""
        self.people[person.key] = person
        self.key = person.key + 1
        return person

    def resident(
        self, born: date, sex: Sex, *, family: str = "", parents: tuple[int | None, int | None] = (None, None),
        region: str = "", ethnicity: str = "汉族", lasting: bool = False,
    ) -> Person:  # fmt: skip
        """Add somebody with a resident's number; `parents` are father and mother; `lasting`: has not died yet."""
        male = sex is Sex.MALE
        family = family or naming.surname(self.rng)
        number = self.serials.eighteen(region or birth_region(born.year), born, male=male)
        return self.add(
            Person(
                key=self.key, sex=sex, name=naming.full(self.rng, ethnicity, family, male=male), ethnicity=ethnicity,
                born=born, died=None if lasting else self.death(born), father=parents[0], mother=parents[1],
                numbers=(Number(text=number),),
            )
        )  # fmt: skip

    def marry(self, husband: Person, wife: Person, wed: date, divorced: date | None = None) -> Marriage:
        """Register a wedding."""
        serial = self.serials.next(f"wedding{wed.year}")
        number = f"J331081-{wed.year}-{serial:06d}"
        marriage = Marriage(registration_no=number, husband=husband.key, wife=wife.key, wed=wed, divorced=divorced)
        self.marriages.append(marriage)
        return marriage

    def death(self, born: date) -> date | None:
        """When somebody born on a day died, if they did by today."""
        lifespan = min(LIFESPAN_MAX, max(1.0, self.rng.gauss(LIFESPAN_MEAN, LIFESPAN_SPREAD)))
        died = born + timedelta(days=int(lifespan * YEAR))
        if died < FIRST_DEATH:
            died = FIRST_DEATH + timedelta(days=self.rng.randrange(10_000))
            if died < born:
                return None
        return died if died <= self.today else None

    def day_between(self, first: date, last: date) -> date:
        """Some day from `first` through `last`; `first` where there is none."""
        span = (last - first).days
        return first + timedelta(days=self.rng.randrange(span + 1)) if span > 0 else first

    def later(self, day: date, *, years: tuple[float, float]) -> date:
        """A day between so many years after another."""
        low, high = years
        return day + timedelta(days=int((low + (high - low) * self.rng.random()) * YEAR))

    def sex(self) -> Sex:
        """Either."""
        return Sex.MALE if self.rng.random() < _MALE_SHARE else Sex.FEMALE

    def alive(self, person: Person) -> bool:
        """Whether somebody lives today."""
        return person.lives_on(self.today)


_MALE_SHARE = 0.512


def birthday(born: date, years: int) -> date:
    """The day on which somebody reaches an age; for 29 February in a common year, the 28th."""
    try:
        return born.replace(year=born.year + years)
    except ValueError:
        return date(born.year + years, 2, 28)
