"""SQL databases through SQLAlchemy: chunked rows of one table, read in one transaction.

A delivered SQLite file is opened read-only. For a database server `app` hands in `connect`, which has the credentials.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from sqlalchemy import Connection, Engine, TableClause, column, create_engine, func, select, table
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from adapters.cursor import instant
from adapters.port import AdapterSettings, Batch, Delivery, Row, Source, data_as_of, delivered
from kernel.errors import Malformed

Connect = Callable[[URL], Engine]
"""Opens the database that a URL without credentials names."""

_REMEDY = "check the database against the contract's server section"


class SqlDatabase:
    """Reads one table; the greatest value of its `as_of` column is the instant of the data."""

    def __init__(self, settings: AdapterSettings, connect: Connect | None = None) -> None:
        """Take the bounds, and how to reach a server; without it only delivered SQLite files can be read."""
        self._settings = settings
        self._connect = connect

    def extract(self, source: Source, delivery_root: Path) -> Delivery:
        """Begin the transaction, check the columns and learn how far the data goes; raises Malformed."""
        stack = ExitStack()
        try:
            engine, fallback = self._open(source, delivery_root)
            stack.callback(engine.dispose)
            connection = stack.enter_context(engine.connect())
            _begin(connection)
            registry = table(source.server.table, *(column(name) for name in source.columns))
            watermark, as_of = _as_of(source, connection, registry, fallback)
            result = connection.execution_options(stream_results=True).execute(
                select(registry).order_by(*(registry.c[name] for name in source.key))
            )
        except SQLAlchemyError as error:
            stack.close()
            raise _unreadable(source, error) from None
        except BaseException:
            stack.close()
            raise

        def batches() -> Iterator[Batch]:
            rows = 0
            with stack:
                try:
                    for part in result.partitions(self._settings.batch_rows):
                        rows += len(part)
                        if rows > self._settings.rows_max:
                            raise Malformed(
                                "has more rows than a delivery may have", field=source.where, remedy="raise the bound"
                            )
                        yield [_row(source, record) for record in part]
                except SQLAlchemyError as error:
                    raise _unreadable(source, error) from None

        return Delivery(columns=source.columns, data_as_of=as_of, watermark=watermark, batches=batches())

    def _open(self, source: Source, delivery_root: Path) -> tuple[Engine, datetime]:
        """The engine, and the data's instant where the contract names no column for it."""
        try:
            url = make_url(source.server.url.replace("{root}", str(delivery_root)))
        except ArgumentError:
            raise Malformed("is no database URL", field="url", remedy=_REMEDY) from None
        if url.get_backend_name() != "sqlite":
            if self._connect is None:
                raise Malformed("needs credentials that this hub does not have", field="url", remedy=_REMEDY)
            return self._connect(url), datetime.now(UTC)
        relative = Path(url.database or "").resolve()
        root = delivery_root.resolve()
        inside = str(relative.relative_to(root)) if relative.is_relative_to(root) else str(relative)
        file = delivered(delivery_root, inside, bytes_max=self._settings.file_bytes_max)
        read_only = URL.create("sqlite", database=f"file:{file}", query={"mode": "ro", "uri": "true"})
        return create_engine(read_only, poolclass=NullPool), data_as_of(file, self._settings)


def _begin(connection: Connection) -> None:
    """One view of the data for the watermark and the rows."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN")
    else:
        connection.execution_options(isolation_level="REPEATABLE READ")


def _as_of(source: Source, connection: Connection, registry: TableClause, fallback: datetime) -> tuple[str, datetime]:
    name = source.as_of
    if not name:
        return fallback.isoformat(), fallback
    newest = connection.execute(select(func.max(registry.c[name]))).scalar()
    if newest is None:
        return "", fallback
    try:
        return str(newest), instant(str(newest))
    except ValueError:
        raise Malformed("its largest value is no instant", field=name, remedy="write ISO 8601 instants") from None


def _row(source: Source, record: object) -> Row:
    return tuple([_text(source, position, value) for position, value in enumerate(record)])  # type: ignore[arg-type,var-annotated]


def _text(source: Source, position: int, value: object) -> str | None:
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return str(value)
        case float():
            return str(int(value)) if value.is_integer() else repr(value)
        case datetime():
            return value.isoformat(sep=" ")
        case date():
            return value.isoformat()
        case _:
            raise Malformed(
                f"holds {type(value).__name__}",
                field=f"{source.where}:{source.columns[position]}",
                remedy="deliver text, numbers or dates",
            )


def _unreadable(source: Source, error: SQLAlchemyError) -> Malformed:
    """The database's complaint without its values: only the kind of error is told."""
    kind = type(error.orig).__name__ if isinstance(error, DBAPIError) else type(error).__name__
    return Malformed(f"cannot be read ({kind})", field=source.where, remedy=_REMEDY)
