"""Parquet, read through DuckDB, which is loaded only here and only when a file is read."""

from collections.abc import Iterator
from pathlib import Path

from adapters.delivered import data_as_of, find
from adapters.port import AdapterSettings, Batch, Delivery, Source, places
from kernel.errors import Malformed

_TEXTLESS = ("BLOB", "[]", "STRUCT", "MAP", "UNION")


class ParquetFile:
    """Reads a Parquet file; every value becomes the text that DuckDB casts it to (dates in ISO form)."""

    def __init__(self, settings: AdapterSettings) -> None:
        """Take the bounds."""
        self._settings = settings

    def extract(self, source: Source, delivery_root: Path) -> Delivery:
        """Open the file and read its schema; raises Malformed."""
        file = find(source, delivery_root, self._settings)
        source = source.at(file.name)
        as_of = data_as_of(file.path, self._settings)
        batches = self._batches(source, file.path)
        next(batches)
        return Delivery(
            columns=source.columns,
            data_as_of=as_of,
            watermark=as_of.isoformat(),
            batches=file.whole(batches, self._settings),
        )

    def _batches(self, source: Source, path: Path) -> Iterator[Batch]:
        """One empty batch for the schema, which is checked at once, then the rows."""
        import duckdb  # noqa: PLC0415 - heavy, and the DAG files import this module

        config: dict[str, str | bool | int | float | list[str]] = {
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "threads": 1,
        }
        with duckdb.connect(config=config) as connection:
            try:
                described = connection.execute("describe select * from read_parquet(?)", [str(path)]).fetchall()
                kinds = {str(row[0]): str(row[1]) for row in described}
                places(source, list(kinds))
                _require_text(source, kinds)
                yield []
                wanted = ", ".join(f"{_quoted(column)}::varchar" for column in source.columns)
                statement = f"select {wanted} from read_parquet(?)"  # noqa: S608 - names are quoted
                rows = connection.execute(statement, [str(path)])
                while batch := rows.fetchmany(self._settings.batch_rows):
                    yield batch
            except duckdb.Error as error:
                raise Malformed(
                    f"is no Parquet file that can be read ({type(error).__name__})",
                    field=source.where,
                    remedy="write the file again",
                ) from None


def _require_text(source: Source, kinds: dict[str, str]) -> None:
    for column in source.columns:
        if any(mark in kinds[column] for mark in _TEXTLESS):
            raise Malformed("is no plain value", field=source.field(column), remedy="deliver text, numbers or dates")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
