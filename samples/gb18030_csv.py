"""Public security's form: comma-separated, GB18030, Chinese headers, lines ended as Windows ends them."""

import csv
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from samples.tables import Table
from samples.writer import Values, in_order, partial, settle

ENCODING = "gb18030"
"""Python's codec holds every character of Unicode, and predates GB18030-2022: both sides must use the same."""


class Gb18030Csv:
    """Writes one CSV file."""

    def __init__(self, path: Path, table: Table) -> None:
        """Take the place and the layout."""
        self._path, self._table = path, table
        self._beside = partial(path)

    def __enter__(self) -> Self:
        """Write the headers."""
        self._file = self._beside.open("w", encoding=ENCODING, newline="")
        self._csv = csv.writer(self._file, lineterminator="\r\n")
        self._csv.writerow(self._table.columns.values())
        return self

    def write(self, rows: Iterable[Values]) -> None:
        """Add rows; what is absent is empty."""
        self._csv.writerows(in_order(self._table, row) for row in rows)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._file.close()
        settle(self._beside, self._path, error)
