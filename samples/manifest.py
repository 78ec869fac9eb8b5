"""What dirt was planted where: which answers may be CANNOT_VERIFY, and why. Never delivered; tests read it."""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from kernel.identity import parse_person
from kernel.names import match_name
from samples.world import Person, World

MANIFEST = "truth/dirt.json"
REGISTER_OF_NAMES = "population"


class Kind(StrEnum):
    """What is wrong with a planted record."""

    IDENTICAL_DUPLICATE = "identical_duplicate"
    CONFLICTING_DUPLICATE = "conflicting_duplicate"
    BAD_CHECK_CHARACTER = "bad_check_character"
    WRONG_DIGIT = "wrong_digit"
    TRUNCATED_NUMBER = "truncated_number"
    GARBAGE_NUMBER = "garbage_number"
    MISSING_NUMBER = "missing_number"
    MISSING_KEY = "missing_key"
    MISSING_VALUE = "missing_value"
    IMPOSSIBLE_DATE = "impossible_date"
    IMPOSSIBLE_AMOUNT = "impossible_amount"
    UNKNOWN_CODE = "unknown_code"
    UNATTRIBUTABLE = "unattributable"


class Foldable(StrEnum):
    """How a number is written oddly, but readably: such a record is clean."""

    STRAY_SPACES = "stray_spaces"
    FULL_WIDTH = "full_width"
    LOWER_X = "lower_x"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """One dirty record, or pair of duplicates.

    `subjects`: whom it is about (canonical identities); `near`: everybody whom a spoilt number might name;
    `names`: match forms of the names that stand beside an unreadable number; `rows`: how many records are bad;
    `flips`: the claim that its loss turns round; `extra`: the proper record is delivered as well.
    """

    dataset: str
    kind: Kind
    columns: tuple[str, ...]
    subjects: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    rows: int = 1
    flips: str = ""
    extra: bool = False


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """All the dirt of a city.

    `records`: how many each delivery holds; `foldable`: how many numbers are written oddly, but readably.
    """

    planted: tuple[Planted, ...] = ()
    records: dict[str, int] = field(default_factory=dict)
    foldable: dict[str, int] = field(default_factory=dict)

    @cached_property
    def _identities(self) -> dict[str, set[str]]:
        found: defaultdict[str, set[str]] = defaultdict(set)
        for each in self.planted:
            found[each.dataset].update(each.subjects, each.near)
        return found

    @cached_property
    def _names(self) -> dict[str, set[str]]:
        found: defaultdict[str, set[str]] = defaultdict(set)
        for each in self.planted:
            found[each.dataset].update(each.names)
        return found

    def touches(self, world: World, dataset: str, person: Person | None) -> bool:
        """Whether a bad record of a dataset may be about somebody (None: about a number that nobody here holds).

        It is where one is known to be, or bears a number or name like theirs; and where it bears an unreadable number,
        if nobody can tell the person's name, because the register does not hold them or their record in it is bad.
        """
        if person is None:
            return bool(self._names.get(dataset))
        numbers = set(canonical((person,)))
        if not numbers.isdisjoint(self._identities.get(dataset, ())):
            return True
        is_named = person.key in world.residences and numbers.isdisjoint(self._identities.get(REGISTER_OF_NAMES, ()))
        names = self._names.get(dataset, set())
        return match_name(person.name) in names if is_named else bool(names)

    def bad_rows(self, dataset: str) -> int:
        """How many delivered records of a dataset are bad."""
        return sum(each.rows for each in self.planted if each.dataset == dataset)

    def bad_share(self, dataset: str) -> float:
        """The share of a dataset's delivered records that are bad."""
        return self.bad_rows(dataset) / max(1, self.records.get(dataset, 0))

    def text(self) -> str:
        """As JSON."""
        whole = {"records": self.records, "foldable": self.foldable, "planted": [asdict(each) for each in self.planted]}
        return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def read(cls, out: Path) -> "Manifest":
        """The manifest of the deliveries in a directory."""
        found = json.loads((out / MANIFEST).read_text("utf-8"))
        return cls(
            planted=tuple(_planted(each) for each in found["planted"]),
            records=found["records"],
            foldable=found["foldable"],
        )


def canonical(people: Iterable[Person]) -> tuple[str, ...]:
    """The canonical identities of people, under every number that they ever held."""
    return tuple(parse_person(number.text).canonical for person in people for number in person.numbers)


def _planted(row: dict[str, object]) -> Planted:
    lists = {name: tuple(value) for name, value in row.items() if isinstance(value, list)}
    return Planted(**{**row, **lists, "kind": Kind(str(row["kind"]))})  # type: ignore[arg-type]
