"""Parquet, read through DuckDB, which is loaded only here and only when a file is read."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.delivered import data_as_of, find
from adapters.port import AdapterSettings, Batch, Delivery, Row, Source, batched, places
from kernel.errors import Malformed

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_TEXTLESS = ("BLOB", "[]", "STRUCT", "MAP", "UNION")
_WILD = "*?["
_FETCHED = 64
"""Rows fetched at a time: a row is bounded, and so is what Python holds of them."""
_READ = "read_parquet(?, hive_partitioning = false)"
_DESCRIBE = f"describe select * from {_READ}"  # noqa: S608 - a constant
_TOO_LONG = "a record is longer than a record may be"


class ParquetFile:
    """Reads a Parquet file; every value becomes the text that DuckDB casts it to (dates in ISO form)."""

    def __init__(self, settings: AdapterSettings) -> None:
        """Take the bounds."""
        self._settings = settings

    def extract(self, source: Source, delivery_root: Path) -> Delivery:
        """Open the file and read its schema; raises Malformed."""
        file = find(source, delivery_root, self._settings)
        source = source.at(file.name)
        if any(sign in str(file.path) for sign in _WILD):
            raise Malformed("its name or a folder's holds *, ? or [", field=source.where, remedy="rename it")
        as_of = data_as_of(file.path, self._settings)
        header: list[str] = []
        batches = self._batches(source, file.path, header)
        # DuckDB opens the file by its name; that it may be read is known before.
        with file.open():
            next(batches)
        return Delivery(
            columns=source.columns,
            data_as_of=as_of,
            watermark=as_of.isoformat(),
            batches=file.whole(batches, self._settings),
            header=header,
        )

    def _batches(self, source: Source, path: Path, header: list[str]) -> Iterator[Batch]:
        """One empty batch for the schema, which is checked at once, then the rows."""
        import duckdb  # noqa: PLC0415 - heavy, and the DAG files import this module

        config: dict[str, str | bool | int | float | list[str]] = {
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "memory_limit": f"{self._settings.parquet_memory_bytes}B",
            # What does not fit into memory is refused: no record is written to a disk that nobody asked for.
            "temp_directory": "",
            "threads": 1,
        }
        with duckdb.connect(config=config) as connection:
            try:
                described = connection.execute(_DESCRIBE, [str(path)]).fetchall()
                kinds = {str(row[0]): str(row[1]) for row in described}
                header.extend(kinds)
                places(source, header)
                _require_text(source, kinds)
                yield []
                yield from batched(self._rows(source, path, connection), self._settings)
            except duckdb.OutOfMemoryException:
                raise Malformed(
                    "takes more memory to read than a Parquet file may",
                    field=source.where,
                    remedy="write it with smaller row groups",
                ) from None
            except duckdb.Error as error:
                long = _TOO_LONG in str(error)
                raise Malformed(
                    _TOO_LONG if long else f"is no Parquet file that can be read ({type(error).__name__})",
                    field=source.where,
                    remedy="shorten its values" if long else "write the file again",
                ) from None

    def _rows(self, source: Source, path: Path, connection: "DuckDBPyConnection") -> Iterator[Row]:
        longest = self._settings.line_chars_max
        texts = [f"{_quoted(column)}::varchar" for column in source.columns]
        length = " + ".join(f"coalesce(length({text}), 0)" for text in texts)
        # The error is raised by DuckDB before a record reaches Python.
        first = f"case when {length} > {longest} then error('{_TOO_LONG}') else {texts[0]} end"
        statement = f"select {', '.join([first, *texts[1:]])} from {_READ}"  # noqa: S608 - names are quoted
        rows = connection.execute(statement, [str(path)])
        while fetched := rows.fetchmany(_FETCHED):
            yield from fetched


def _require_text(source: Source, kinds: dict[str, str]) -> None:
    for column in source.columns:
        if any(mark in kinds[column] for mark in _TEXTLESS):
            raise Malformed("is no plain value", field=source.field(column), remedy="deliver text, numbers or dates")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
