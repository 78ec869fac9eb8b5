"""The housing fund's form: Parquet, written by DuckDB from a draft in plain text."""

import csv
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from samples.tables import Table
from samples.writer import Values, in_order, partial, settle


class Parquet:
    """Writes one Parquet file: whole numbers as BIGINT, everything else as text."""

    def __init__(self, path: Path, table: Table) -> None:
        """Take the place and the layout."""
        self._path, self._table = path, table
        self._beside = partial(path)
        self._draft = self._beside.with_suffix(".draft")

    def __enter__(self) -> Self:
        """Open the draft."""
        self._file = self._draft.open("w", encoding="utf-8", newline="")
        self._csv = csv.writer(self._file)
        return self

    def write(self, rows: Iterable[Values]) -> None:
        """Add rows; what is absent is NULL."""
        self._csv.writerows(in_order(self._table, row) for row in rows)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Turn the draft into the file."""
        self._file.close()
        try:
            if error is None:
                self._convert()
        finally:
            self._draft.unlink(missing_ok=True)
        settle(self._beside, self._path, error)

    def _convert(self) -> None:
        import duckdb  # noqa: PLC0415 - heavy, and only this form needs it

        types = {
            header: "BIGINT" if name in self._table.integers else "VARCHAR"
            for name, header in self._table.columns.items()
        }
        # One thread: the order of the rows, and so the file, depends on nothing else then.
        with duckdb.connect(config={"threads": 1}) as database:
            rows = database.read_csv(
                str(self._draft), header=False, columns=types, auto_detect=False, delimiter=",", quotechar='"'
            )
            rows.write_parquet(str(self._beside), compression="zstd")
