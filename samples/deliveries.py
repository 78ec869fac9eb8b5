"""The city's registries, delivered as its departments deliver them, and beside them, apart, what only tests may know.

`<out>/<department>/…` holds the seven deliveries; `<out>/truth/` the parameters, the planted dirt and the personas.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from datetime import date
from itertools import chain
from pathlib import Path
from typing import cast

from kernel.durable import replace_file
from samples.city import PARAMETERS, blocks
from samples.dirt import Soiler, spare
from samples.gb18030_csv import Gb18030Csv
from samples.json_lines import JsonLines
from samples.manifest import MANIFEST, Manifest
from samples.parquet import Parquet
from samples.personas import PERSONAS, personas
from samples.registry import REGISTRIES, Record
from samples.settings import DEFAULTS, SampleSettings
from samples.sqlite_table import SqliteTable
from samples.tables import TABLES, Form, Table
from samples.workbook import Workbook
from samples.world import World
from samples.writer import Values, Writer, write_sidecar

_WRITERS: dict[Form, type] = {
    Form.GB18030_CSV: Gb18030Csv,
    Form.SQLITE: SqliteTable,
    Form.WORKBOOK: Workbook,
    Form.JSON_LINES: JsonLines,
    Form.PARQUET: Parquet,
}


def deliver_city(out: Path, *, residents: int, seed: int, today: date, settings: SampleSettings = DEFAULTS) -> Manifest:
    """Make a city and deliver it: equal arguments give equal bytes. Memory is bounded by a block. Raises Invalid."""
    parameters = {"residents": residents, "seed": seed, "today": today.isoformat(), "settings": asdict(settings)}
    first, rest = _first(blocks(residents, seed, today, settings))
    chosen = personas(first)
    spared = spare((each.number, each.name) for each in chosen.everybody())
    soiler = Soiler(seed=seed, settings=settings, spared=spared)
    with ExitStack() as open_writers:
        writers = _open(open_writers, out)
        for world in chain((first,), rest):
            for table in TABLES:
                writers[table.dataset].write(soiler.soil(world, table, REGISTRIES[table.dataset](world)))
    _date(out, today)
    manifest = soiler.manifest()
    write_truth(out, PARAMETERS, json.dumps(parameters, indent=1) + "\n")
    write_truth(out, MANIFEST, manifest.text())
    write_truth(out, PERSONAS, chosen.text())
    return manifest


def deliver_rows(out: Path, today: date, rows: Mapping[str, Iterable[Values]]) -> None:
    """Deliver given rows by dataset, in the departments' forms; a dataset that is not named is not delivered."""
    with ExitStack() as open_writers:
        for table in TABLES:
            if table.dataset in rows:
                open_writers.enter_context(writer(out, table)).write(rows[table.dataset])
    _date(out, today)


def deliver_world(out: Path, world: World) -> None:
    """Deliver a world as it is, without dirt."""
    deliver_rows(out, world.today, {name: _values(records(world)) for name, records in REGISTRIES.items()})


def writer(out: Path, table: Table) -> Writer:
    """What writes a delivery in its department's form."""
    return cast("Writer", _WRITERS[table.form](out / table.path, table))


def write_truth(out: Path, name: str, text: str) -> None:
    """Write a file that only tests may read."""
    path = out / name
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, text.encode())


def _first(worlds: Iterator[World]) -> tuple[World, Iterator[World]]:
    return next(worlds), worlds


def _values(records: Iterable[Record]) -> Iterable[Values]:
    return (record.values for record in records)


def _open(stack: ExitStack, out: Path) -> dict[str, Writer]:
    return {table.dataset: stack.enter_context(writer(out, table)) for table in TABLES}


def _date(out: Path, today: date) -> None:
    """Date every delivered file; a database dates itself."""
    for table in TABLES:
        path = out / table.path
        if table.form is not Form.SQLITE and path.exists():
            write_sidecar(path, today)
