"""Boundary cases: small cities with people put in by hand, and outcomes written by hand.

`boundaries()` gives one ordinary day, on which most is tried; the same day with dirt, apart, since dirt leaves in doubt
whom nobody can name; and four days around the end of February, on which people born on a 29th are asked about.
`deliver_boundary` delivers one in the departments' forms; publish it, set the clock to its world's day, ask its cases.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from samples.boundary_means import means, spoilt_means
from samples.boundary_people import people, spoilt_people
from samples.boundary_ties import spoilt_ties, ties
from samples.city import build
from samples.deliveries import deliver_rows
from samples.handmade import MAN, WOMAN, Boundary, Hand

ORDINARY_DAY = date(2026, 11, 24)
FILLER, SEED = 600, 7
COMMON_27, COMMON_28 = date(2027, 2, 27), date(2027, 2, 28)
LEAP_28, LEAP_29 = date(2028, 2, 28), date(2028, 2, 29)


def boundaries() -> Iterator[Boundary]:
    """Every boundary."""
    hand = _hand("an ordinary day", ORDINARY_DAY)
    people(hand)
    ties(hand)
    means(hand)
    yield hand.done()
    hand = _hand("an ordinary day, with dirt", ORDINARY_DAY)
    spoilt_people(hand)
    spoilt_ties(hand)
    spoilt_means(hand)
    yield hand.done()
    yield _leap_days("27 February of a common year", COMMON_27, turned=False)
    yield _leap_days("28 February of a common year", COMMON_28, turned=True)
    yield _leap_days("28 February of a leap year", LEAP_28, turned=False)
    yield _leap_days("29 February of a leap year", LEAP_29, turned=True)


def deliver_boundary(out: Path, boundary: Boundary) -> None:
    """Deliver a boundary's registries, with its dirt."""
    deliver_rows(out, boundary.world.today, boundary.rows())


def _hand(name: str, today: date) -> Hand:
    return Hand(name, build(FILLER, SEED, today))


def _leap_days(name: str, today: date, *, turned: bool) -> Boundary:
    """People born on a 29 February: a year older from the 28th on in common years, from the 29th on in leap years."""
    hand = _hand(name, today)
    outcome = "CONFIRMED" if turned else "NOT_CONFIRMED"
    for born, age in _leap_births(today):
        elder = hand.here(hand.person("闰生", WOMAN, born))
        hand.ask(f"born {born}, {age} this year", "person.age_at_least", elder, outcome, years=age)
        hand.ask(f"born {born}, {age - 1} since last year", "person.age_at_least", elder, "CONFIRMED", years=age - 1)
    moved = hand.here(hand.person("闰来", MAN, date(1980, 1, 1)), since=date(2020, 2, 29))
    years = today.year - 2020
    hand.ask(f"here since 29 February {years} years ago", "person.resident_years", moved, outcome, years=years)
    first_of_march = hand.here(hand.person("三月", MAN, date(today.year - 60, 3, 1)))
    hand.ask("born on 1 March, 60 this year", "person.age_at_least", first_of_march, "NOT_CONFIRMED", years=60)
    day_before = hand.here(hand.person("今日", MAN, _years_before(today, 60) - timedelta(days=1)))
    hand.ask("60 since yesterday or the day before", "person.age_at_least", day_before, "CONFIRMED", years=60)
    return hand.done()


def _leap_births(today: date) -> Iterator[tuple[date, int]]:
    for year in (1944, 1964, 1968, 2004, 2008):
        yield date(year, 2, 29), today.year - year


def _years_before(day: date, years: int) -> date:
    """The same day so many years ago; the 28th for a 29 February that year did not have."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return date(day.year - years, 2, 28)
