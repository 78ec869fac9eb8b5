"""The quality gate alone: rows as they are delivered go in, a verdict and the rows held back come out."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from exchange.settings import DEFAULTS
from exchange.stage import stage_delivery
from exchange.text import Text
from exchange.validate import Gate, validate_delivery
from exchange.verdict import Result, Verdict
from kernel.clock import FixedClock
from schemas.catalogue import load_contracts
from schemas.contract import Contract, Rule
from tests.exchange.registry import TODAY

EVERYTHING = load_contracts(Path(__file__).parent / "agreements")["everything"]
Row = Mapping[str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What the gate said; `held_back` are the rules that each held-back row failed, by its number."""

    verdict: Verdict
    held_back: Mapping[int, set[str]]

    def result(self, name: str) -> Result:
        """One rule's result."""
        (found,) = (each for each in self.verdict.results if each.id == name)
        return found


def stage(contract: Contract, rows: Iterable[Row], folder: Path) -> Path:
    """Stage rows as an adapter would have written them."""
    path, staged = folder / "delivery.csv", folder / "staged.duckdb"
    folder.mkdir(parents=True, exist_ok=True)
    written = [[row.get(name) for name in contract.by_name] for row in rows]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(written)
    width = len(contract.by_name)
    text = Text(path=path, delimiter=",", width=width, places=tuple(range(width)), rows=len(written))
    stage_delivery(contract, text, staged, DEFAULTS)
    return staged


def gate(contract: Contract, **changes: Any) -> Gate:
    """A gate on the day of the tests, with nothing in force."""
    clock = FixedClock.on(TODAY)
    return Gate(
        **{
            "contract": contract,
            "data_as_of": clock.now(),
            "in_force": None,
            "clock": clock,
            "settings": DEFAULTS,
            **changes,
        }
    )


def judge(contract: Contract, rows: Iterable[Row], folder: Path, **changes: Any) -> Judged:
    """Stage rows and judge them."""
    staged = stage(contract, rows, folder)
    verdict = validate_delivery(gate(contract, **changes), staged)
    with duckdb.connect(str(staged), read_only=True) as connection:
        found = connection.execute("select _record, _rules from quarantine order by _record").fetchall()
    return Judged(verdict=verdict, held_back={record: set(rules) for record, rules in found})


def with_rules(contract: Contract, *rules: Rule) -> Contract:
    """The contract with these rules beside its own."""
    return replace(contract, rules=(*contract.rules, *rules))


def without(contract: Contract, *names: str) -> Contract:
    """The contract without these rules."""
    return replace(contract, rules=tuple(rule for rule in contract.rules if rule.id not in names))
