"""Merged or whole, the index is the same, entry by entry: what bad keys, shared numbers and deletions make of it."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from exchange.index import IndexReader
from exchange.layout import INDEX
from exchange.manifest import Counts
from exchange.snapshot import read_data_key
from schemas.contract import Contract, Server, ServerKind, SubjectKey, Tombstone
from schemas.derived import key_rules
from schemas.property import Property, PropertyType
from schemas.title import Title
from tests.exchange.registry import CONTRACTS, Registry, number

Row = dict[str, Any]

TITLE = Title(zh="某", en="Thing")
KINDS = {
    "id": PropertyType.INTEGER,
    "person": PropertyType.IDENTITY,
    "firm": PropertyType.ORGANISATION,
    "name": PropertyType.STRING,
    "share": PropertyType.NUMBER,
    "updated_at": PropertyType.TIMESTAMP,
    "note": PropertyType.STRING,
}
SHARED_NUMBER = "110101196811014997"
"""Valid as a person's number and as an organisation's code."""
NOBODY = "33108119900101000"
"""No number: one digit is missing."""


def registry_contract(**server: Any) -> Contract:
    properties = tuple(
        Property(name=name, physical_name=name, type=kind, title=TITLE, number=place)
        for place, (name, kind) in enumerate(KINDS.items(), 1)
    )
    return replace(
        CONTRACTS["marriages"],
        id="things",
        properties=properties,
        primary_key=("id",),
        subject_keys=(SubjectKey(property="person", name_property="name"), SubjectKey(property="firm")),
        rules=tuple(key_rules(properties, ("id",), 1.0)),
        server=Server(
            kind=ServerKind.SQL,
            url="sqlite:///{root}/things.sqlite",
            table="things",
            cursor="updated_at",
            overlap=timedelta(hours=1),
            full_every=timedelta(days=7),
            **server,
        ),
        tolerance=1.0,
        unattributable_bound=0.02,
        name_register=None,
        identity_aliases=None,
    )


def row(ident: object, person: int | str | None, hour: int | None, note: str = "", **changes: object) -> Row:
    written = number(person) if isinstance(person, int) else person
    moment = None if hour is None else f"2026-11-2{1 + hour // 24}T{hour % 24:02d}:30:00+08:00"
    plain: Row = {"id": ident, "person": written, "firm": None, "name": "甲乙", "share": 0.5}
    return {**plain, "updated_at": moment, "note": note, **changes}


BASE = [row(place, place, 0) for place in range(5)] + [row(5, 5, 5)]


def published(folder: Path, contract: Contract, deliveries: Sequence[Sequence[Row]]) -> tuple[dict[bytes, Any], Any]:
    """The index's entries after these deliveries, and the manifest."""
    registry = Registry(root=folder)
    registry.contracts["things"] = contract
    for rows in deliveries:
        registry.deliveries.mkdir(parents=True, exist_ok=True)
        path = registry.deliveries / "things.sqlite"
        path.unlink(missing_ok=True)
        with sqlite3.connect(path) as database:
            database.execute(f"create table things ({', '.join(KINDS)})")
            values = [[each[name] for name in KINDS] for each in rows]
            database.executemany(f"insert into things values ({', '.join('?' * len(KINDS))})", values)  # noqa: S608 (ours)
        database.close()
        registry.publish("things")
    manifest = registry.manifest("things")
    assert manifest is not None
    layout = registry.layout("things")
    index = IndexReader(layout.version(manifest.version) / INDEX, read_data_key(layout, manifest, registry.keys))
    return dict(index.entries()), manifest


def counted(counts: Counts) -> dict[str, int]:
    """What must not depend on how a snapshot was made."""
    names = ("published", "quarantined", "unattributable", "subjects", "tainted")
    return {name: getattr(counts, name) for name in names}


UNREADABLE = row("x", None, None, name=None)
CASES: dict[str, tuple[Contract, list[list[Row]]]] = {
    "a person and a firm with one number": (
        registry_contract(),
        [
            [*BASE, row(100, None, 0, firm=SHARED_NUMBER), row(101, SHARED_NUMBER, 0)],
            [*BASE[1:], row(0, 0, 9), row(100, None, 0, firm=SHARED_NUMBER), row(101, SHARED_NUMBER, 9, "y")],
        ],
    ),
    "a held-back row whose key nobody can read comes again and again": (
        registry_contract(),
        [[*BASE, UNREADABLE], *([*BASE[1:], row(0, 0, 9 + hour), UNREADABLE] for hour in (0, 3, 6))],
    ),
    "a held-back row is mended and its key written in another way": (
        registry_contract(),
        [[*BASE, row("007", NOBODY, 0, name=None)], [*BASE, row("7", 9, 9)]],
    ),
    "a row changes its subject, another becomes readable": (
        registry_contract(),
        [[*BASE, row(60, 40, 0), row(61, NOBODY, 0)], [*BASE, row(60, 42, 9), row(61, 41, 9)]],
    ),
    "a readable row is spoilt": (registry_contract(), [BASE, [*BASE[1:], row(0, NOBODY, 9)]]),
    "decimal numbers change": (registry_contract(), [BASE, [*BASE[1:], row(0, 0, 9, share=-1.25e-7)]]),
    "rows are marked as deleted": (
        registry_contract(tombstone=Tombstone(property="note", values=("del",))),
        [
            [*BASE, *(row(100 + place, 50, 0, "del") for place in range(90)), row(999, "abc", 0, name=None)],
            [*BASE[1:], row(0, 0, 9, "del"), row(999, "abc", 0, name=None)],
        ],
    ),
    "more rows of one number than a person can have": (
        registry_contract(),
        [
            [*BASE, *(row(1000 + place, 30, 0) for place in range(256))],
            [*BASE, *(row(1000 + place, 30, 9 if place > 255 else 0) for place in range(258))],
        ],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_merged_or_whole_the_index_is_the_same(case: str, tmp_path: Path) -> None:
    contract, deliveries = CASES[case]
    merged, manifest = published(tmp_path / "merged", contract, deliveries)
    whole, expected = published(tmp_path / "whole", contract, deliveries[-1:])
    assert manifest.base, "the last delivery is one of changes"
    assert merged == whole
    assert counted(manifest.counts) == counted(expected.counts)
    assert (manifest.absence_allowed, manifest.name_tainted) == (expected.absence_allowed, expected.name_tainted)


def test_rows_that_contradict_each_other_stay_held_back_until_all_are_delivered_again(tmp_path: Path) -> None:
    contested = [row(50, 20, 0, "p"), row(50, 21, 0, "q")]
    one_changed = [row(50, 20, 9, "r"), contested[1]]
    entries, manifest = published(tmp_path, registry_contract(), [[*BASE, *contested], [*BASE, *one_changed]])
    assert manifest.base
    assert manifest.counts.quarantined == 3, "both, and the one that came"
    whole, _ = published(tmp_path / "whole", registry_contract(), [[*BASE, *one_changed]])
    assert entries == whole
