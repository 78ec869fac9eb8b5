"""What is lost on the way never makes an answer false: any column emptied, any row set aside."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from random import Random

import pytest

from app.hub import Hub
from app.publishing import publishing_job
from exchange.publish import HeldBack, publish
from exchange.reader import Exchange
from samples.city import build
from samples.deliveries import deliver_rows, deliver_world
from samples.manifest import Kind
from samples.registry import REGISTRIES
from samples.spoil import spoil
from samples.tables import TABLES, Table
from samples.world import World
from samples.writer import Values
from schemas.allowed import Allowed
from schemas.contract import Check, Contract, Rule
from tests.e2e.conftest import TODAY, Asker, Compared, compare, publish_all

RESIDENTS, SEED = 300, 11
COLUMNS = [(table, column) for table in TABLES for column in table.columns]
LOSSES = (
    Kind.BAD_CHECK_CHARACTER,
    Kind.UNKNOWN_CODE,
    Kind.MISSING_NUMBER,
    Kind.TRUNCATED_NUMBER,
    Kind.IMPOSSIBLE_DATE,
    Kind.MISSING_VALUE,
)
ROUNDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class City:
    """A small clean city, published, of which one registry at a time is delivered again with losses."""

    hub: Hub
    world: World

    def again(self, table: Table, rows: Iterable[Values], work: Path) -> Exchange | None:
        """The exchange as it stands after one registry's spoilt delivery; None where the delivery was held."""
        store = work / "exchange"
        store.mkdir()
        for dataset in self.hub.catalogue.contracts:
            if dataset != table.dataset:
                (store / dataset).symlink_to(self.hub.paths.exchange / dataset)
        deliver_rows(work / "deliveries", TODAY, {table.dataset: rows})
        # A database without times of its own is as old as its file, and the hub's clock stands on its day.
        day = self.hub.clock.now().timestamp()
        for path in filter(Path.is_file, (work / "deliveries").rglob("*")):
            os.utime(path, (day, day))
        job = publishing_job(self.hub, table.dataset, "spoilt")
        # The gate would hold such deliveries; here every one of them shall pass, to see what it could do.
        contract = replace(job.contract, tolerance=1.0, rules=_tolerant(job.contract))
        job = replace(job, contract=contract, store=store, delivery_root=work / "deliveries")
        if isinstance(publish(job), HeldBack):
            return None
        contracts = {**self.hub.catalogue.contracts, table.dataset: contract}
        return Exchange(store, self.hub.index_keys, contracts, self.hub.exchange_settings)

    def falsehoods(self, exchange: Exchange) -> Iterator[Compared]:
        """Every answer that is neither true nor CANNOT_VERIFY."""
        pinned = exchange.pin(self.hub.catalogue.contracts)
        for each in compare(Asker(hub=self.hub, pinned=pinned, now=self.hub.clock.now()), self.world):
            if each.said not in {each.true, "QUALITY", "SOURCE_UNAVAILABLE"}:
                yield each


def _tolerant(contract: Contract) -> tuple[Rule, ...]:
    return tuple(
        replace(rule, allowed=Allowed.share(1)) for rule in contract.rules if rule.check is not Check.ROW_COUNT
    )


@pytest.fixture(scope="module")
def city(new_hub: Callable[[date], Hub]) -> City:
    hub = new_hub(TODAY)
    world = build(RESIDENTS, SEED, TODAY)
    deliver_world(hub.paths.deliveries, world)
    publish_all(hub)
    return City(hub=hub, world=world)


def test_nothing_lost_nothing_false(city: City) -> None:
    asked = list(compare(Asker.of(city.hub), city.world))
    assert len(asked) > 20 * RESIDENTS
    assert not [str(each) for each in asked if each.said != each.true]


@pytest.mark.parametrize(("table", "column"), COLUMNS, ids=[f"{t.dataset}.{c}" for t, c in COLUMNS])
def test_a_column_without_values_makes_no_answer_false(city: City, table: Table, column: str, tmp_path: Path) -> None:
    held = city.hub.catalogue.contracts[table.dataset].by_name[column]
    if held.absence_means:
        # An empty value says something here: emptying it is a change of fact, not a loss.
        assert not held.required
        return
    records = [record.values for record in REGISTRIES[table.dataset](city.world)]
    # A required column is emptied in every other row: were it empty everywhere, there would be nothing to publish.
    rows = [values if held.required and at % 2 else {**values, column: None} for at, values in enumerate(records)]
    exchange = city.again(table, rows, tmp_path)
    assert exchange is not None
    assert not [str(each) for each in city.falsehoods(exchange)]


@pytest.mark.parametrize("turn", range(ROUNDS))
@pytest.mark.parametrize("table", TABLES, ids=lambda each: each.dataset)
def test_a_row_set_aside_makes_no_answer_false(city: City, table: Table, turn: int, tmp_path: Path) -> None:
    rng = Random(turn)
    rows: list[Values] = []
    lost = 0
    for at, record in enumerate(REGISTRIES[table.dataset](city.world)):
        spoilt = None
        if at % ROUNDS == turn:
            kinds = (LOSSES[(at // ROUNDS + step) % len(LOSSES)] for step in range(len(LOSSES)))
            spoilt = next(filter(None, (spoil(kind, table, record.values, rng) for kind in kinds)), None)
            lost += spoilt is not None
        rows.extend(spoilt.rows if spoilt else (record.values,))
    exchange = city.again(table, rows, tmp_path)
    assert exchange is not None
    # Some records cannot be spoilt in any of these ways: an old number has no check character, a baby no name.
    assert lost >= 0.9 * (len(rows) // ROUNDS)
    assert not [str(each) for each in city.falsehoods(exchange)]


def test_a_lost_row_that_would_flip_an_answer_is_what_taint_is_for(city: City, tmp_path: Path) -> None:
    """The negative control: without its taint, the loss of an owner's row would make an owner homeless."""
    table = next(each for each in TABLES if each.dataset == "dwellings")
    rows = [record.values for record in REGISTRIES["dwellings"](city.world)]
    exchange = city.again(table, rows[1::2], tmp_path)
    assert exchange is not None
    assert any(each.question.claim == "dwelling.owns_none" for each in city.falsehoods(exchange))
