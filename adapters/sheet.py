"""One sheet of a workbook, read in a process of its own that may neither take much memory nor long, nor write a file.

A workbook of a thousand bytes can name a cell so far away that the library for it asks for more memory than there is,
and then ends its whole process. So that process is this one: it gets the workbook on its standard input, knows nothing
of the hub, and answers in JSON, a message a line. `adapters.workbook` is the other side.

Only cells that the workbook itself says are merged are filled down: an empty cell under a full one is a missing value,
and filling it would invent a fact. Formulas are not computed: a cell holds what the office's program last computed.
"""

import io
import json
import resource
import sys
import zipfile
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, BinaryIO

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from kernel.errors import Malformed

Cell = int | float | str | bool | time | date | datetime | timedelta
Filled = dict[int, tuple[int, str | None]]
"""For a column's place: the last row that its merged cell covers, and the cell's text."""

OUT_OF_MEMORY = 71
"""How the process ends where its memory is not enough."""

EXACT_MAX = 2**53
"""Whole numbers from here on are not exact in a spreadsheet cell."""

_CONTENTS = "[Content_Types].xml"
_NO_WORKBOOK = "save it as .xlsx without a password"


def main() -> None:
    """Answer one request: its line, the workbook's bytes, and, once the header is known, which columns are wanted."""
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    asked = json.loads(requests.readline())
    _confine(asked)
    try:
        for answer in _answers(asked, requests):
            answers.write(json.dumps(answer).encode() + b"\n")
            answers.flush()
    except Malformed as error:
        answers.write(json.dumps({"malformed": [error.message, error.remedy]}).encode() + b"\n")
        answers.flush()
    except MemoryError:
        sys.exit(OUT_OF_MEMORY)


def _confine(asked: Mapping[str, Any]) -> None:
    memory, seconds = int(asked["memory"]), int(asked["seconds"])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    # A core file would hold a registry's records.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _answers(asked: Mapping[str, Any], requests: BinaryIO) -> Iterator[dict[str, Any]]:
    sheet = _sheet(_workbook(requests.read(asked["bytes"]), asked), asked["sheet"])
    rows = enumerate(sheet.iter_rows())
    header = next((cells for index, cells in rows if index == asked["header_row"] - 1), [])
    yield {"header": [(_text(cell) or "").strip() for cell in header]}
    wanted = json.loads(requests.readline())
    merged = _merged(sheet, frozenset(wanted)) if asked["fill_merged"] else {}
    batch: list[list[str | None]] = []
    chars = 0
    for index, row in _records(rows, wanted, merged):
        longest = max(map(len, filter(None, row)), default=0)
        if longest > asked["chars_max"]:
            raise Malformed(f"row {index + 1} has a cell longer than a value may be", remedy="shorten it")
        batch.append(row)
        chars += longest
        if len(batch) >= asked["batch_rows"] or chars * len(row) >= asked["batch_chars"]:
            yield {"rows": batch}
            batch, chars = [], 0
    yield {"rows": batch}
    yield {"end": True}


def _workbook(raw: bytes, asked: Mapping[str, Any]) -> CalamineWorkbook:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise _unreadable(error) from None
    if _CONTENTS not in {part.filename for part in parts}:
        raise Malformed("is no workbook that can be read", remedy=_NO_WORKBOOK)
    # The parts may say less than they hold: then the process's own bounds hold.
    size = sum(part.file_size for part in parts)
    if len(parts) > asked["parts_max"] or size > max(asked["expansion_free"], asked["expansion_max"] * len(raw)):
        raise Malformed("holds more than a workbook of its size may", remedy="save it again, or deliver CSV")
    try:
        return CalamineWorkbook.from_filelike(io.BytesIO(raw))
    except (CalamineError, OSError) as error:
        raise _unreadable(error) from None


def _sheet(workbook: CalamineWorkbook, number: int) -> CalamineSheet:
    if not 0 < number <= len(workbook.sheet_names):
        raise Malformed(f"has no sheet {number}", remedy="deliver the sheet that the contract names")
    try:
        return workbook.get_sheet_by_index(number - 1)
    except CalamineError as error:
        raise Malformed(f"its sheet {number} cannot be read ({type(error).__name__})", remedy="save it again") from None


def _unreadable(error: Exception) -> Malformed:
    return Malformed(f"is no workbook that can be read ({type(error).__name__})", remedy=_NO_WORKBOOK)


def _records(
    rows: Iterator[tuple[int, list[Cell]]], wanted: list[int], merged: dict[tuple[int, int], int]
) -> Iterator[tuple[int, list[str | None]]]:
    """The rows of which anything is left, each with its index."""
    filled: Filled = {}
    for index, cells in _to_the_end(rows, last=max(merged.values(), default=0)):
        texts = [_text(cells[place]) if cells else None for place in wanted]
        for position, place in enumerate(wanted):
            texts[position] = _fill(merged, filled, (index, place), texts[position])
        if any(text is not None for text in texts):
            yield index, texts


def _to_the_end(rows: Iterator[tuple[int, list[Cell]]], *, last: int) -> Iterator[tuple[int, list[Cell]]]:
    """The rows, and the empty ones that a merged cell still covers: a row whose other cells are lost is a row."""
    index = last
    for index, cells in rows:
        yield index, cells
    yield from ((below, []) for below in range(index + 1, last + 1))


def _merged(sheet: CalamineSheet, wanted: frozenset[int]) -> dict[tuple[int, int], int]:
    """Where a merged cell of an asked-for column begins (row, place) → the last row that it covers."""
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


if __name__ == "__main__":
    main()
