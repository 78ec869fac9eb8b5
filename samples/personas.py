"""The people of a sample city whom demonstrations and tests need by name: chosen by what is true of them."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from datetime import date
from pathlib import Path

from kernel.errors import MianzhengError
from samples.naming import SEPARATOR, is_unusual
from samples.numbers import fifteen
from samples.truth import Parameters, Verdict, answer, years_between
from samples.world import Person, Sex, World

PERSONAS = "truth/personas.json"
_GROOM_AGES, _BRIDE_AGES, _OWNER_AGES = range(27, 80), range(20, 60), range(25, 90)
_YOUNG = range(40)
_ELDER_AGES = range(80, 100)
_LOAN_FEN, _LOAN_MONTHS = 1_000_000, 12
_BABY_AGES, _CHILD_AGES = range(2), range(18)
NONE: Parameters = {}


class NoPersona(MianzhengError):
    """The city is too small: nobody in it is what a persona must be."""

    code = "no_persona"


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """One of them. `former_number`: another text that stands for them, such as 15 digits; else empty."""

    name: str
    number: str
    former_number: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Personas:
    """Everybody whom the demonstrations need. No dirt touches them.

    `groom` and `bride` may marry: he is registered here and once had 15 digits, she has a name that old systems spoil.
    `elder` is registered here and at least 80. `owner` alone owns the dwelling under `certificate_no`, free of
    mortgage. `borrower` may have a housing fund loan. `mother` and `father` are married, live here, and have a child.
    `buyer`, `buyer_spouse` and `buyer_child` are a family without a dwelling.
    """

    groom: Persona
    bride: Persona
    elder: Persona
    owner: Persona
    certificate_no: str
    borrower: Persona
    mother: Persona
    father: Persona
    buyer: Persona
    buyer_spouse: Persona
    buyer_child: Persona

    def everybody(self) -> Iterator[Persona]:
        """Each of them."""
        found = (getattr(self, each.name) for each in fields(self))
        yield from (each for each in found if isinstance(each, Persona))

    def text(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def read(cls, out: Path) -> "Personas":
        """The personas of the city whose deliveries stand in a directory."""
        found = json.loads((out / PERSONAS).read_text("utf-8"))
        people = {name: Persona(**each) for name, each in found.items() if isinstance(each, dict)}
        return cls(**people, certificate_no=found["certificate_no"])


def personas(world: World) -> Personas:
    """Choose them; always the same in the same city, whole or in blocks. Raises NoPersona."""
    search = _Search(world)
    groom = search.groom()
    bride = search.bride(groom)
    elder = search.one("elder", lambda p: search.aged(p, _ELDER_AGES) and search.registered(p))
    owner, certificate = search.owner()
    borrower = search.one("borrower", search.may_borrow)
    mother, father = search.parents()
    buyer, spouse, child = search.buyers()
    return Personas(
        groom=_persona(groom), bride=_persona(bride), elder=_persona(elder), owner=_persona(owner),
        certificate_no=certificate, borrower=_persona(borrower), mother=_persona(mother), father=_persona(father),
        buyer=_persona(buyer), buyer_spouse=_persona(spouse), buyer_child=_persona(child),
    )  # fmt: skip


def _persona(person: Person) -> Persona:
    former = [text for text in person.every_number if text != person.number]
    return Persona(name=person.name, number=person.number, former_number=former[-1] if former else "")


class _Search:
    """Looks for people of the first block, in the order in which it was made. Nobody is chosen twice."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._today: date = world.today
        self._chosen: set[int] = set()

    def one(self, role: str, fits: Callable[[Person], bool], *better: Callable[[Person], bool]) -> Person:
        """The first who fits, and of those the first who also is better, where there is one."""
        fitting = [each for each in self._living() if fits(each)]
        for prefer in (*better, bool):
            for person in fitting:
                if prefer(person):
                    self._chosen.add(person.key)
                    return person
        raise NoPersona(f"nobody in the sample city can be {role}", field=role, remedy="make a larger city")

    def groom(self) -> Person:
        """Registered here, may marry, once numbered with 15 digits."""

        def fits(person: Person) -> bool:
            old = person.sex is Sex.MALE and fifteen(person.number) is not None
            return old and self.aged(person, _GROOM_AGES) and self.registered(person) and self._free(person)

        return self.one("groom", fits, lambda p: self.aged(p, _YOUNG))

    def bride(self, groom: Person) -> Person:
        """May marry him; her name is spoilt by old systems."""

        def fits(person: Person) -> bool:
            kin = person.mother is not None and person.mother == groom.mother
            return person.sex is Sex.FEMALE and not kin and self.aged(person, _BRIDE_AGES) and self._free(person)

        return self.one("bride", fits, lambda p: SEPARATOR in p.name, lambda p: is_unusual(p.name))

    def owner(self) -> tuple[Person, str]:
        """Alone owns a dwelling free of mortgage; the person and the certificate."""

        def certificate(person: Person) -> str:
            titles = (each for each in self._world.titles_of.get(person.key, []) if each.use == "住宅")
            wanted = ("dwelling.sole_owner", "dwelling.free_of_mortgage")
            free = (
                each.certificate_no
                for each in titles
                if all(self._holds(claim, person, {"certificate_no": each.certificate_no}) for claim in wanted)
            )
            return next(free, "")

        person = self.one("owner", lambda p: self.aged(p, _OWNER_AGES) and self.registered(p) and certificate(p) != "")
        return person, certificate(person)

    def may_borrow(self, person: Person) -> bool:
        """Whether somebody has all that a housing fund loan needs."""
        return (
            self._holds("fund.balance_at_least", person, {"fen": _LOAN_FEN})
            and self._holds("social.months_at_least", person, {"months": _LOAN_MONTHS})
            and self._holds("dwelling.owns_none", person)
            and self.registered(person)
        )

    def parents(self) -> tuple[Person, Person]:
        """A couple with a baby, or at least with a child."""

        def fits(person: Person) -> bool:
            return any(
                self.resident(wife) and self.resident(husband) and self._holds("medical.insured_now", wife)
                for wife, husband in self._couple_of(person)
            )

        baby = self.one("baby", fits, lambda p: self.aged(p, _BABY_AGES), lambda p: self.aged(p, _CHILD_AGES))
        couple = next(iter(self._couple_of(baby)))
        self._chosen.update(person.key for person in couple)
        return couple

    def buyers(self) -> tuple[Person, Person, Person]:
        """Husband, wife and a child, under 18 where there is one, none of whom owns a dwelling."""

        def fits(person: Person) -> bool:
            return any(
                self.registered(husband)
                and self.resident(wife)
                and all(self._holds("dwelling.owns_none", each) for each in (husband, wife, person))
                for wife, husband in self._couple_of(person)
            )

        child = self.one("buyer_child", fits, lambda p: self.aged(p, _CHILD_AGES))
        wife, husband = next(iter(self._couple_of(child)))
        self._chosen.update((wife.key, husband.key))
        return husband, wife, child

    def aged(self, person: Person, ages: Iterable[int]) -> bool:
        """Whether somebody's age is one of some."""
        return years_between(person.born, self._today) in ages

    def registered(self, person: Person) -> bool:
        """Whether somebody's registered home is here."""
        return self._holds("person.registered_here", person)

    def resident(self, person: Person) -> bool:
        """Whether somebody lives here."""
        return self._holds("person.resident_here", person)

    def _free(self, person: Person) -> bool:
        return self._holds("marriage.unmarried", person) and self._holds("person.marriage_age", person)

    def _couple_of(self, child: Person) -> Iterator[tuple[Person, Person]]:
        """Mother and father, if they are known, married to each other, and not chosen yet."""
        if child.mother is None or child.father is None or {child.mother, child.father} & self._chosen:
            return
        wife, husband = self._world.people[child.mother], self._world.people[child.father]
        if self._holds("marriage.married_to", wife, {"spouse": husband.number}):
            yield wife, husband

    def _holds(self, claim: str, person: Person, parameters: Parameters = NONE) -> bool:
        return answer(self._world, claim, person, parameters, self._today) is Verdict.CONFIRMED

    def _living(self) -> Iterator[Person]:
        bound = self._world.first_block
        for key in self._world.residences:
            person = self._world.people[key]
            if (bound is None or key < bound) and key not in self._chosen and self.resident(person):
                yield person
