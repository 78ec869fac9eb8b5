"""Human resources' and medical insurance's form: one JSON object a line, UTF-8, Chinese keys."""

import json
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from samples.tables import Table
from samples.writer import Values, partial, settle


class JsonLines:
    """Writes one file of JSON lines."""

    def __init__(self, path: Path, table: Table) -> None:
        """Take the place and the layout."""
        self._path, self._table = path, table
        self._beside = partial(path)

    def __enter__(self) -> Self:
        """Open the file."""
        self._file = self._beside.open("w", encoding="utf-8", newline="\n")
        return self

    def write(self, rows: Iterable[Values]) -> None:
        """Add rows; what is absent has no key."""
        headers = self._table.columns
        for row in rows:
            line = {header: row[name] for name, header in headers.items() if row[name] is not None}
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._file.close()
        settle(self._beside, self._path, error)
