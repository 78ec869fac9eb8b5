"""Civil affairs' form: a table of a SQL database. It has no keys declared: old systems let duplicates in."""

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from samples.tables import Table
from samples.writer import Values, in_order, partial, settle


class SqliteTable:
    """Writes one SQLite file with one table, every column as text."""

    def __init__(self, path: Path, table: Table) -> None:
        """Take the place and the layout."""
        self._path, self._table = path, table
        self._beside = partial(path)

    def __enter__(self) -> Self:
        """Create the table."""
        self._database = sqlite3.connect(self._beside, isolation_level=None)
        columns = ", ".join(f'"{header}" TEXT' for header in self._table.columns.values())
        # The file is renamed in when it is whole, so that it needs no journal of its own.
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute(f'CREATE TABLE "{self._table.sql_table}" ({columns})')
        return self

    def write(self, rows: Iterable[Values]) -> None:
        """Add rows; what is absent is NULL."""
        places = ", ".join("?" * len(self._table.columns))
        insert = f'INSERT INTO "{self._table.sql_table}" VALUES ({places})'  # noqa: S608 - the name is a constant
        self._database.execute("BEGIN")
        self._database.executemany(insert, (in_order(self._table, row) for row in rows))
        self._database.execute("COMMIT")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the database."""
        self._database.close()
        settle(self._beside, self._path, error)
