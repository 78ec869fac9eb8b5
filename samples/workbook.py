"""Natural resources' form: an Excel workbook (ECMA-376) with a title row, and cells merged over co-owners.

Written part by part as a stream, since openpyxl takes ten times as long; every time stamp in it is fixed.
"""

import zipfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from xml.sax.saxutils import escape

from kernel.errors import Invalid
from samples.tables import Table
from samples.writer import Value, Values, in_order, partial, settle

ROWS_MAX = 1_048_576
"""No worksheet holds more."""
_STAMP = (2020, 8, 27, 0, 0, 0)
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPE}.worksheet+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">'
    '<sheets><sheet name="登记簿" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}


class Workbook:
    """Writes one workbook with one sheet: row 1 the title, row 2 the headers, then the records."""

    def __init__(self, path: Path, table: Table) -> None:
        """Take the place and the layout."""
        self._path, self._table = path, table
        self._beside = partial(path)
        self._letters = [chr(ord("A") + at) for at in range(len(table.columns))]
        self._shared = [name in table.merged for name in table.columns]
        self._row = 0
        self._group: tuple[int, tuple[Value, ...]] = (0, ())
        self._merged: list[tuple[int, int]] = []

    def __enter__(self) -> Self:
        """Write the fixed parts and open the sheet."""
        self._zip = zipfile.ZipFile(self._beside, "w")
        for name, content in _PARTS.items():
            self._zip.writestr(_part(name), (_HEAD + content).encode())
        self._sheet: IO[bytes] = self._zip.open(_part("xl/worksheets/sheet1.xml"), "w", force_zip64=True)
        self._sheet.write(f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetData>'.encode())
        self._put([self._table.title])
        self._put(list(self._table.columns.values()))
        return self

    def write(self, rows: Iterable[Values]) -> None:
        """Add rows. Neighbours that agree in every shared column share its cell; what is absent is no cell."""
        for row in rows:
            cells = in_order(self._table, row)
            shared = tuple(row[name] for name in self._table.merged)
            first, values = self._group
            if shared == values and None not in shared:
                self._put([None if self._shared[at] else cell for at, cell in enumerate(cells)])
                continue
            self._end_group(first)
            self._put(cells)
            self._group = (self._row, shared)

    def _end_group(self, first: int) -> None:
        if first and self._row > first:
            self._merged.append((first, self._row))

    def _put(self, cells: list[Value]) -> None:
        self._row += 1
        if self._row > ROWS_MAX:
            raise Invalid("no worksheet holds so many rows", field="residents", remedy="make a smaller city")
        parts = [_cell(f"{self._letters[at]}{self._row}", cell) for at, cell in enumerate(cells) if cell is not None]
        self._sheet.write(f'<row r="{self._row}">{"".join(parts)}</row>'.encode())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Name the merged cells and close the workbook."""
        self._end_group(self._group[0])
        shared = [letter for letter, is_shared in zip(self._letters, self._shared, strict=True) if is_shared]
        count = 1 + len(self._merged) * len(shared)
        self._sheet.write(
            f'</sheetData><mergeCells count="{count}"><mergeCell ref="A1:{self._letters[-1]}1"/>'.encode()
        )
        for first, last in self._merged:
            refs = "".join(f'<mergeCell ref="{letter}{first}:{letter}{last}"/>' for letter in shared)
            self._sheet.write(refs.encode())
        self._sheet.write(b"</mergeCells></worksheet>")
        self._sheet.close()
        self._zip.close()
        settle(self._beside, self._path, error)


def _part(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, date_time=_STAMP)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _cell(place: str, value: str | float) -> str:
    if isinstance(value, str):
        # Numbers of 18 digits stay text: a spreadsheet keeps only 15 of a number's digits.
        return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'
    return f'<c r="{place}"><v>{value}</v></c>'
