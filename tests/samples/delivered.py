"""The delivered city of the tests, and deliveries read with other software than wrote them, where there is any."""

import csv
import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import duckdb
import openpyxl

from samples.manifest import Manifest
from samples.personas import Personas
from samples.settings import SampleSettings
from samples.tables import Form, Table
from samples.world import World

Row = dict[str, object]
TODAY = date(2026, 11, 24)
RESIDENTS, SEED = 4_000, 11
# Two blocks, so that what holds within a block is tried across them too; dirtier than usual, so that every kind is
# there in every delivery that it can befall.
SETTINGS = SampleSettings(block_residents=2_000, dirty_share=0.015, unattributable_share=0.0005)


@dataclass(frozen=True, kw_only=True)
class City:
    """A delivered city: where, what is true, what was planted, who is needed."""

    out: Path
    world: World
    manifest: Manifest
    personas: Personas
    _read: dict[str, list[Row]] = field(default_factory=dict)

    def rows(self, table: Table) -> list[Row]:
        """What was delivered; read once."""
        if table.dataset not in self._read:
            self._read[table.dataset] = read(self.out, table)
        return self._read[table.dataset]


def read(out: Path, table: Table) -> list[Row]:
    """A delivery's records under its headers; merged cells filled down."""
    return _READERS[table.form](out / table.path, table)


def _csv(path: Path, table: Table) -> list[Row]:
    del table
    with path.open(encoding="gb18030", newline="") as file:
        return [{header: value or None for header, value in row.items()} for row in csv.DictReader(file)]


def _sqlite(path: Path, table: Table) -> list[Row]:
    with sqlite3.connect(path) as database:
        database.row_factory = sqlite3.Row
        rows = [dict(row) for row in database.execute(f'SELECT * FROM "{table.sql_table}"')]  # noqa: S608
    database.close()
    return rows


def _workbook(path: Path, table: Table) -> list[Row]:
    del table
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    filled = {
        (row, area.min_col): sheet.cell(area.min_row, area.min_col).value
        for area in sheet.merged_cells.ranges
        for row in range(area.min_row, area.max_row + 1)
    }
    headers = [cell.value for cell in sheet[2]]
    found = [
        {
            str(header): filled.get((row, column), sheet.cell(row, column).value)
            for column, header in enumerate(headers, 1)
        }
        for row in range(3, sheet.max_row + 1)
    ]
    book.close()
    return found


def _json_lines(path: Path, table: Table) -> list[Row]:
    lines = path.read_text("utf-8").splitlines()
    return [dict.fromkeys(table.columns.values()) | json.loads(line) for line in lines]


def _parquet(path: Path, table: Table) -> list[Row]:
    del table
    with duckdb.connect() as database:
        found = database.read_parquet(str(path))
        return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


_READERS: dict[Form, Callable[[Path, Table], list[Row]]] = {
    Form.GB18030_CSV: _csv,
    Form.SQLITE: _sqlite,
    Form.WORKBOOK: _workbook,
    Form.JSON_LINES: _json_lines,
    Form.PARQUET: _parquet,
}
