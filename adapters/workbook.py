"""Excel workbooks as offices keep them: a title above the header, cells merged over the rows that share them.

Only cells that the workbook itself says are merged are filled down: an empty cell under a full one is a missing value,
and filling it would invent a fact.
"""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from adapters.delivered import data_as_of, find
from adapters.port import AdapterSettings, Delivery, Row, Source, batched, places
from kernel.errors import Malformed

Cell = int | float | str | bool | time | date | datetime | timedelta
Filled = dict[int, tuple[int, str | None]]
"""For a column's place: the last row that its merged cell covers, and the cell's text."""

EXACT_MAX = 2**53
"""Whole numbers from here on are not exact in a spreadsheet cell."""


class Workbook:
    """Reads one sheet, from its header row on."""

    def __init__(self, settings: AdapterSettings) -> None:
        """Take the bounds."""
        self._settings = settings

    def extract(self, source: Source, delivery_root: Path) -> Delivery:
        """Open the workbook and read the sheet's header; raises Malformed."""
        file = find(source, delivery_root, self._settings, bytes_max=self._settings.workbook_bytes_max)
        source = source.at(file.name)
        as_of = data_as_of(file.path, self._settings)
        sheet = _sheet(source, file.path)
        header_row = source.server.header_row
        rows = enumerate(sheet.iter_rows())
        header = next((cells for index, cells in rows if index == header_row - 1), [])
        wanted = places(source, [(_text(cell) or "").strip() for cell in header])
        batches = batched(_records(source, sheet, rows, wanted), self._settings)
        return Delivery(
            columns=source.columns,
            data_as_of=as_of,
            watermark=as_of.isoformat(),
            batches=file.whole(batches, self._settings),
        )


def _sheet(source: Source, path: Path) -> CalamineSheet:
    try:
        workbook = CalamineWorkbook.from_path(path)
    except (CalamineError, OSError) as error:
        raise Malformed(
            f"is no workbook that can be read ({type(error).__name__})",
            field=source.where,
            remedy="save it as .xlsx without a password",
        ) from None
    number = source.server.sheet
    if not 0 < number <= len(workbook.sheet_names):
        raise Malformed(
            f"has no sheet {number}", field=source.where, remedy="deliver the sheet that the contract names"
        )
    try:
        return workbook.get_sheet_by_index(number - 1)
    except CalamineError as error:
        raise Malformed(
            f"its sheet {number} cannot be read ({type(error).__name__})", field=source.where, remedy="save it again"
        ) from None


def _records(
    source: Source, sheet: CalamineSheet, rows: Iterator[tuple[int, list[Cell]]], wanted: list[int]
) -> Iterator[Row]:
    merged = _merged(source, sheet, frozenset(wanted))
    filled: Filled = {}
    for index, cells in _to_the_end(rows, last=max(merged.values(), default=0)):
        texts = [_text(cells[place]) if cells else None for place in wanted]
        for position, place in enumerate(wanted):
            texts[position] = _fill(merged, filled, (index, place), texts[position])
        if any(text is not None for text in texts):
            yield tuple(texts)


def _to_the_end(rows: Iterator[tuple[int, list[Cell]]], *, last: int) -> Iterator[tuple[int, list[Cell]]]:
    """The rows, and the empty ones that a merged cell still covers: a row whose other cells are lost is a row."""
    index = last
    for index, cells in rows:
        yield index, cells
    yield from ((below, []) for below in range(index + 1, last + 1))


def _merged(source: Source, sheet: CalamineSheet, wanted: frozenset[int]) -> dict[tuple[int, int], int]:
    """Where a merged cell of an asked-for column begins (row, place) → the last row that it covers."""
    if not source.server.fill_merged:
        return {}
    first_column = sheet.start[1] if sheet.start else 0
    ranges = sheet.merged_cell_ranges or []
    return {(top, left - first_column): bottom for (top, left), (bottom, _) in ranges if left - first_column in wanted}


def _fill(merged: dict[tuple[int, int], int], filled: Filled, cell: tuple[int, int], text: str | None) -> str | None:
    row, place = cell
    if cell in merged:
        filled[place] = (merged[cell], text)
        return text
    last, value = filled.get(place, (-1, None))
    return value if row <= last else text


def _text(cell: Cell) -> str | None:
    """A cell as text. Numbers too long to be exact become `3.3e+17`: no digits are made up."""
    match cell:
        case "":
            return None
        case str():
            return cell
        case bool():
            return "true" if cell else "false"
        case int() | float():
            exact = cell == int(cell) and abs(cell) < EXACT_MAX
            return str(int(cell)) if exact else repr(float(cell))
        case datetime():
            midnight = cell.time() == time()
            return cell.date().isoformat() if midnight else cell.isoformat(sep=" ")
        case _:
            return str(cell)
