"""Small registries written by hand, delivered as their departments deliver them, and an exchange to publish them."""

import csv
import os
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from exchange.job import Job
from exchange.keys import IndexKeys
from exchange.layout import Layout
from exchange.manifest import Manifest
from exchange.publish import HeldBack, Published, publish
from exchange.reader import Exchange
from exchange.snapshot import read_current, read_manifest
from kernel.clock import FixedClock
from kernel.digest import digest
from kernel.identity import Identity, check_character, parse_person
from schemas.allowed import Allowed
from schemas.catalogue import load_contracts
from schemas.contract import Check, Contract

TODAY = date(2026, 11, 24)
CONTRACTS = load_contracts()
Record = dict[str, str | None]


def number(place: int, *, region: str = "331081", born: str = "19900101") -> str:
    """A valid 18-digit number; another one for another place."""
    body = f"{region}{born}{place:03d}"
    return body + check_character(body)


def person(place: int) -> Identity:
    """The identity with `number`."""
    return parse_person(number(place))


def resident(place: int, **changes: str | None) -> Record:
    """A clean row of the population register."""
    return {
        "person_id": number(place),
        "name": f"测试{_hanzi(place)}",
        "sex": "男",
        "ethnicity": "汉族",
        "birth_date": "19900101",
        "household_no": f"3310{place:08d}",
        "relation_to_head": "户主",
        "town_code": "331081001",
        "address": "温岭市太平街道某村1号",
        "registered_since": "19900101",
        "status": "户籍",
        "father_status": "未登记",
        "father_id": None,
        "mother_status": "未登记",
        "mother_id": None,
        **changes,
    }


def marriage(place: int, husband: int, wife: int, **changes: str | None) -> Record:
    """A clean row of the marriage register."""
    return {
        "registration_no": f"J331081-2015-{place:06d}",
        "husband_id": number(husband),
        "husband_name": f"测试{_hanzi(husband)}",
        "wife_id": number(wife),
        "wife_name": f"测试{_hanzi(wife)}",
        "registered_on": "2015-05-20",
        "status": "已婚",
        "divorced_on": None,
        "updated_at": "2026-11-23T20:00:00+08:00",
        **changes,
    }


def alias(place: int, former: str, current: str, **changes: str | None) -> Record:
    """A clean row of the register of changed numbers."""
    return {
        "change_no": f"B{place:06d}",
        "former_id": former,
        "current_id": current,
        "changed_on": "20240601",
        **changes,
    }


def _hanzi(place: int) -> str:
    return chr(0x4E00 + place)


@dataclass(slots=True)
class Recorder:
    """Keeps what was recorded; a receipt is the digest of what it is for."""

    entries: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def record(self, kind: str, attributes: Mapping[str, str]) -> bytes:
        """Keep an entry."""
        self.entries.append((kind, dict(attributes)))
        return digest(repr(self.entries[-1]).encode()).hex().encode()


@dataclass(slots=True)
class Registry:
    """A delivery root, a store, and what a hub needs to publish from one into the other."""

    root: Path
    contracts: dict[str, Contract] = field(default_factory=lambda: dict(CONTRACTS))
    clock: FixedClock = field(default_factory=lambda: FixedClock.on(TODAY))
    recorder: Recorder = field(default_factory=Recorder)
    keys: IndexKeys = field(default_factory=lambda: IndexKeys(index=b"i" * 32, master=b"m" * 32))
    runs: int = 0

    @property
    def deliveries(self) -> Path:
        return self.root / "deliveries"

    @property
    def store(self) -> Path:
        return self.root / "exchange"

    def layout(self, dataset: str) -> Layout:
        return Layout.of(self.store, dataset)

    def bear(self, dataset: str, *, tolerance: float = 1.0, unattributable_bound: float = 1.0) -> None:
        """Let a dataset's contract bear bad rows, so that a handful of rows can show what becomes of them."""
        contract = self.contracts[dataset]
        rules = tuple(
            rule if rule.check is Check.ROW_COUNT else replace(rule, allowed=Allowed.share(tolerance))
            for rule in contract.rules
        )
        self.contracts[dataset] = replace(
            contract, tolerance=tolerance, unattributable_bound=unattributable_bound, rules=rules
        )

    def deliver(self, dataset: str, records: Iterable[Record], *, as_of: str = "2026-11-24T02:00:00+08:00") -> None:
        """Write a delivery as the contract's server says."""
        contract = self.contracts[dataset]
        physical = [each.physical_name for each in contract.properties]
        rows = [[record[name] for name in contract.by_name] for record in records]
        if dataset == "marriages":
            path = self.deliveries / "civil_affairs" / "registry.sqlite"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            with sqlite3.connect(path) as database:
                database.execute(f"create table 婚姻登记 ({', '.join(f'{name} text' for name in physical)})")
                marks = ", ".join("?" * len(physical))
                database.executemany(f"insert into 婚姻登记 values ({marks})", rows)  # noqa: S608 (question marks only)
            database.close()
            return
        path = self.deliveries / contract.server.path
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="gb18030", newline="") as file:
            csv.writer(file).writerows([physical, *rows])
        path.with_name(path.name + ".meta.json").write_text(f'{{"data_as_of": "{as_of}"}}')

    def job(self, dataset: str, *, run_id: str = "", force: bool = False, **changes: Any) -> Job:
        self.runs += 1
        self._date_deliveries()
        return Job(
            contract=self.contracts[dataset],
            delivery_root=self.deliveries,
            store=self.store,
            keys=self.keys,
            recorder=self.recorder,
            clock=self.clock,
            run_id=run_id or f"run-{self.runs}",
            force=force,
            **changes,
        )

    def _date_deliveries(self) -> None:
        """Let no file be younger than the registry's own clock: where nothing else says so, its time is its data's."""
        now = self.clock.now().timestamp()
        for path in filter(Path.is_file, self.deliveries.rglob("*")):
            if path.stat().st_mtime > now:
                os.utime(path, (now, now))

    def publish(self, dataset: str, records: Iterable[Record] | None = None, **changes: Any) -> Published:
        """Deliver and publish; fails the test where the delivery is held."""
        result = self.run(dataset, records, **changes)
        assert isinstance(result, Published), result
        return result

    def run(self, dataset: str, records: Iterable[Record] | None = None, **changes: Any) -> Published | HeldBack:
        """Deliver, and publish or hold."""
        if records is not None:
            self.deliver(dataset, records)
        return publish(self.job(dataset, **changes))

    def manifest(self, dataset: str) -> Manifest | None:
        """The manifest of the snapshot in force."""
        current = read_current(self.layout(dataset))
        return None if current is None else read_manifest(self.layout(dataset), current, bytes_max=1 << 20)

    def exchange(self) -> Exchange:
        """A new reader, as another process would have it."""
        return Exchange(self.store, self.keys, self.contracts)


def at(text: str) -> datetime:
    """An instant from ISO text."""
    return datetime.fromisoformat(text)
