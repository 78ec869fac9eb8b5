"""Where people of the sample city live and come from, by administrative code.

The codes and names of Wenling's 16 towns and streets and its new district, and of the counties of origin, are real:
from github.com/modood/Administrative-divisions-of-China (2024, WTFPL). The weights are invented.
"""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CITY = "331081"
"""温岭市 since 1994."""
COUNTY_UNTIL_1994 = "332623"
"""温岭县, whose code residents registered before 1994 keep in their numbers."""
CITY_SINCE = 1994


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A town or street of the city, or a county of origin. `ethnicity` is what most people from there write."""

    code: str
    name: str
    weight: int
    ethnicity: str = "汉族"


@cache
def towns() -> tuple[Place, ...]:
    """Wenling's towns, streets and new district; codes of 9 digits."""
    return _read("regions.csv")


@cache
def origins() -> tuple[Place, ...]:
    """Counties from which people moved here; codes of 6 digits."""
    return _read("origins.csv")


def birth_region(year: int) -> str:
    """The code with which somebody born in the city in a year was registered."""
    return CITY if year >= CITY_SINCE else COUNTY_UNTIL_1994


def _read(name: str) -> tuple[Place, ...]:
    with (Path(__file__).parent / name).open(encoding="utf-8", newline="") as file:
        return tuple(
            Place(code=row["code"], name=row["name"], weight=int(row["weight"]), ethnicity=row.get("ethnicity", "汉族"))
            for row in csv.DictReader(file)
        )
