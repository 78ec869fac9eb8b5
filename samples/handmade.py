"""People put into a small city by hand, and the cases asked about them: outcomes written down, not computed."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from kernel.identity import check_character
from samples.registry import REGISTRIES
from samples.tables import TABLES
from samples.world import Account, Cover, Insurance, Marriage, Number, Person, Residence, Sex, Stay, Title, World
from samples.writer import Values

MAN, WOMAN = Sex.MALE, Sex.FEMALE
TOWN, ADDRESS = "331081001", "温岭市太平街道人民路1号"
LONG_AGO = date(1990, 5, 17)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One question and its answer. `what` says what is being tried; `reason` is why something cannot be verified."""

    what: str
    claim: str
    number: str
    parameters: Mapping[str, int | str] = field(default_factory=dict)
    today: date
    outcome: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What a delivery says otherwise than the registry: values of the record with a key, or of a copy beside it."""

    dataset: str
    key: str
    values: Mapping[str, str | int | None]
    copy: bool = False
    dirty: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """A small city, the dirt in its deliveries, and the cases to ask once they are published."""

    name: str
    world: World
    edits: tuple[Edit, ...]
    cases: tuple[Case, ...]

    def rows(self) -> dict[str, Iterator[Values]]:
        """What is delivered, by dataset."""
        return {table.dataset: self._rows(table.dataset, table.key[0]) for table in TABLES}

    def _rows(self, dataset: str, key: str) -> Iterator[Values]:
        edits = {each.key: each for each in self.edits if each.dataset == dataset}
        for record in REGISTRIES[dataset](self.world):
            edit = edits.get(str(record.values[key]))
            if edit is None or edit.copy:
                yield record.values
            if edit is not None:
                yield {**record.values, **edit.values}


def number_of(born: date, sex: Sex, serial: int, region: str = "331081") -> str:
    """A valid number. Serials from 900 on are left free by the generator."""
    body = f"{region}{born:%Y%m%d}{serial * 2 + 900 - (sex is MAN):03d}"
    return body + check_character(body)


class Hand:
    """Builds a boundary: adds people to a small generated city, and asks about them."""

    def __init__(self, name: str, filler: World) -> None:
        """Begin with a city of others, so that no delivery is empty and a dirty record is a small share of it."""
        self.today = filler.today
        self._name, self._filler = name, filler
        self._people = dict(filler.people)
        self._residences = dict(filler.residences)
        self._marriages: list[Marriage] = list(filler.marriages)
        self._titles: list[Title] = list(filler.titles)
        self._insurances: list[Insurance] = list(filler.insurances)
        self._covers: list[Cover] = list(filler.covers)
        self._accounts: list[Account] = list(filler.accounts)
        self._edits: list[Edit] = []
        self._cases: list[Case] = []

    def person(
        self, name: str, sex: Sex, born: date, *, died: date | None = None, parents: Iterable[Person | None] = (),
        numbers: tuple[Number, ...] = (), region: str = "331081",
    ) -> Person:  # fmt: skip
        """Add somebody; `parents` are father and mother."""
        key = max(self._people) + 1
        father, mother = (*(each.key if each else None for each in parents), None, None)[:2]
        own = numbers or (Number(text=number_of(born, sex, key % 40 + 1, region)),)
        person = Person(
            key=key, sex=sex, name=name, ethnicity="汉族", born=born, died=died, father=father, mother=mother,
            numbers=own,
        )  # fmt: skip
        self._people[key] = person
        return person

    def here(
        self, person: Person, *, since: date | None = None, stay: Stay = Stay.REGISTERED, left: date | None = None
    ) -> Person:
        """Let somebody live here, since birth unless said."""
        household = "331099999999" if stay is Stay.REGISTERED else None
        self._residences[person.key] = Residence(
            person=person.key, stay=stay, since=since or person.born, left=left, town=TOWN, address=ADDRESS,
            household=household, relation="户主" if household else None,
        )  # fmt: skip
        return person

    def wed(self, husband: Person, wife: Person, day: date, divorced: date | None = None) -> Marriage:
        """Marry two people."""
        number = f"J331081-BOUNDARY-{len(self._marriages):06d}"
        marriage = Marriage(registration_no=number, husband=husband.key, wife=wife.key, wed=day, divorced=divorced)
        self._marriages.append(marriage)
        return marriage

    def title(
        self, *owners: Person, use: str = "住宅", sharing: str = "", registered: date = LONG_AGO,
        ended: date | None = None, mortgages: tuple[tuple[date, date | None], ...] = (),
    ) -> str:  # fmt: skip
        """Register a unit; returns the certificate's number."""
        certificate = f"浙（{registered.year}）温岭市不动产权第9{len(self._titles):06d}号"
        self._titles.append(
            Title(
                certificate_no=certificate, unit_no=f"331081001999GB{len(self._titles):05d}F00010001", location=ADDRESS,
                use=use, area=88.5, owners=tuple(each.key for each in owners), registered=registered, ended=ended,
                sharing=sharing or ("单独所有" if len(owners) == 1 else "共同共有"), mortgages=mortgages,
            )
        )  # fmt: skip
        return certificate

    def insure(self, person: Person, *spells: tuple[int, int | None], scheme: str = "养老", ended: bool = False) -> str:
        """Let somebody pay for months; returns the record's number."""
        number = f"SB-BOUNDARY-{len(self._insurances):06d}"
        self._insurances.append(
            Insurance(record_no=number, person=person.key, scheme=scheme, spells=spells, ended=ended)
        )
        return number

    def cover(self, person: Person, since: date, *, suspended: date | None = None, ended: date | None = None) -> str:
        """Insure somebody's health; returns the record's number."""
        number = f"YB-BOUNDARY-{len(self._covers):06d}"
        self._covers.append(
            Cover(record_no=number, person=person.key, scheme="城乡居民", since=since, suspended=suspended, ended=ended)
        )
        return number

    def account(self, person: Person, account: Account) -> None:
        """Open a fund account; number and person are put in."""
        number = f"3310-BOUNDARY-{len(self._accounts):06d}"
        self._accounts.append(replace(account, account_no=number, person=person.key))

    def edit(
        self, dataset: str, key: str, *, copy: bool = False, dirty: bool = True, **values: str | int | None
    ) -> None:
        """Deliver the record with a key otherwise, or a changed copy beside it."""
        self._edits.append(Edit(dataset=dataset, key=key, values=values, copy=copy, dirty=dirty))

    def ask(
        self, what: str, claim: str, asked: Person | str, outcome: str, *, reason: str = "", **parameters: int | str
    ) -> None:
        """Note a case; a person is asked about under the number in force."""
        number = asked if isinstance(asked, str) else asked.number
        self._cases.append(
            Case(
                what=what, claim=claim, number=number, parameters=parameters, today=self.today, outcome=outcome,
                reason=reason,
            )
        )  # fmt: skip

    def done(self) -> Boundary:
        """The boundary."""
        world = World(
            today=self.today, people=self._people, residences=self._residences, marriages=tuple(self._marriages),
            titles=tuple(self._titles), insurances=tuple(self._insurances), covers=tuple(self._covers),
            accounts=tuple(self._accounts),
        )  # fmt: skip
        return Boundary(name=self._name, world=world, edits=tuple(self._edits), cases=tuple(self._cases))
