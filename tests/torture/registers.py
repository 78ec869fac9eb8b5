"""Two registers that change from delivery to delivery in every row, so that a mixture of two of them shows.

What a delivery must leave everybody with is worked out here from the records alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random

from adapters.port import AdapterSettings
from app.hub import Hub
from exchange.job import Job
from exchange.recorder import Recorder
from kernel.clock import SHANGHAI, FixedClock
from schemas.contract import Contract
from tests.exchange.registry import CONTRACTS, TODAY, Record, Registry, alias, marriage, number, person
from tests.exchange.test_merge import changing

PEOPLE = 40
ALIASES, MARRIAGES = "person_aliases", "marriages"
BAD = "?"
Rows = dict[int, frozenset[tuple[str | None, ...]]]
"""Everybody's rows, by their place in the registers, in what tells a row of one delivery from the same of another."""

_TOLD = {
    ALIASES: ("change_no", "former_id", "current_id", "changed_on"),
    MARRIAGES: ("registration_no", "husband_id", "wife_id", "status", "updated_at"),
}
_BEGAN = datetime(2026, 11, 20, 0, 30, tzinfo=SHANGHAI)


def contracts() -> dict[str, Contract]:
    """The contracts of both: the register of marriages tells what changed, and marks what it deletes."""
    registry = Registry(root=Path())
    registry.contracts |= {MARRIAGES: changing(CONTRACTS[MARRIAGES])}
    registry.bear(MARRIAGES)
    return {name: registry.contracts[name] for name in (ALIASES, MARRIAGES)}


def job_of(hub: Hub, dataset: str, run: str, *, recorder: Recorder) -> Job:
    """The job of a run in a hub's home, under these contracts."""
    return Job(
        contract=contracts()[dataset],
        delivery_root=hub.paths.deliveries,
        store=hub.paths.exchange,
        keys=hub.index_keys,
        recorder=recorder,
        clock=FixedClock.on(TODAY),
        run_id=run,
        settings=hub.exchange_settings,
        adapter_settings=AdapterSettings(),
    )


def told(dataset: str, hub: Hub) -> Rows:
    """What the snapshot in force says of everybody, to a reader that has just begun."""
    known = contracts()
    exchange = Registry(root=hub.paths.home, contracts=known, keys=hub.index_keys).exchange()
    exchange.aliases = None
    pinned = exchange.pin([dataset])
    row = known[dataset].row
    return {
        place: frozenset(
            tuple(row.text(each, name) for name in _TOLD[dataset]) for each in pinned.held(dataset, person(place)).rows
        )
        for place in range(PEOPLE)
    }


@dataclass(slots=True, kw_only=True)
class Register:
    """A department's register: each `deliver` brings the next of its states, `expected` is what that leaves."""

    home: Path
    dataset: str
    random: Random
    generation: int = 0
    records: dict[int, Record] = field(default_factory=dict)

    def deliver(self, *, bad: int = 0) -> Rows:
        """Change and deliver; returns everybody's rows when that is in force. `bad` rows are more than it may have."""
        self.generation += 1
        if self.dataset == ALIASES:
            self._renumber()
        else:
            self._marry()
        spoilt = [alias(900 + place, BAD, number(place)) for place in range(bad)]
        as_of = datetime(2026, 11, 23, tzinfo=SHANGHAI) + timedelta(minutes=self.generation)
        registry = Registry(root=self.home, contracts=contracts())
        registry.deliver(self.dataset, [*self.records.values(), *spoilt], as_of=as_of.isoformat())
        return self._expected(self.records.values())

    def _renumber(self) -> None:
        day = date(1990, 1, 1) + timedelta(days=self.generation)
        places = range(self.random.randint(14, PEOPLE // 2))
        self.records = {
            place: alias(place, number(2 * place), number(2 * place + 1), changed_on=f"{day:%Y%m%d}")
            for place in places
        }

    def _marry(self) -> None:
        """Some marry, some part, and some are taken out; the rest is as it was."""
        moment = (_BEGAN + timedelta(minutes=7 * self.generation)).isoformat()
        chosen = self.random.sample(sorted(self.records), 6) if self.records else range(30)
        for place in [*chosen, len(self.records) or 30]:
            husband, wife = self.random.sample(range(PEOPLE), 2)
            parted: Record = {"status": "离婚", "divorced_on": "2026-01-01"}
            kinds: list[Record] = [{}, parted, {"status": "丧偶"}, {"wife_id": BAD}]
            self.records[place] = marriage(place, husband, wife, **{"updated_at": moment, **self.random.choice(kinds)})

    def _expected(self, records: Iterable[Record]) -> Rows:
        """Whoever a clean row names has it, but for the rows that the register marks as deleted."""
        people = {number(place): place for place in range(PEOPLE)}
        rows: dict[int, set[tuple[str | None, ...]]] = {place: set() for place in range(PEOPLE)}
        named = ("former_id", "current_id") if self.dataset == ALIASES else ("husband_id", "wife_id")
        for record in records:
            if BAD in record.values() or record.get("status") == "丧偶":
                continue
            plain = record
            if self.dataset == ALIASES:
                day = str(record["changed_on"])
                plain = {**record, "changed_on": f"{day[:4]}-{day[4:6]}-{day[6:]}"}
            for each in named:
                rows[people[str(record[each])]].add(tuple(plain[name] for name in _TOLD[self.dataset]))
        return {place: frozenset(found) for place, found in rows.items()}
