"""SQL databases through SQLAlchemy: streamed rows of one table, read in one transaction.

A delivered SQLite file is opened read-only. Servers are reached by `sql_server`, with the connection's credentials.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    CursorResult,
    Engine,
    Select,
    TableClause,
    and_,
    column,
    create_engine,
    func,
    inspect,
    literal,
    not_,
    or_,
    select,
    table,
)
from sqlalchemy.engine import URL
from sqlalchemy.exc import NoSuchTableError, SAWarning, SQLAlchemyError
from sqlalchemy.pool import NullPool
from sqlalchemy.sql import quoted_name

from adapters.credentials import Connections, credentials_of
from adapters.cursor import Cursor, instant
from adapters.delivered import data_as_of, delivered
from adapters.port import AdapterSettings, Batch, Delivery, MissingColumns, Row, Source
from adapters.sql_server import REMEDY, failure, parse_url, server_engine
from kernel.clock import SHANGHAI
from kernel.errors import Malformed, MianzhengError
from schemas.property import PropertyType

_FIRST_ROWS = 100
_PLAIN = frozenset({str, type(None)})


class SqlDatabase:
    """Reads one table; the greatest value of its `as_of` column is the instant of the data."""

    def __init__(self, settings: AdapterSettings, connections: Connections | None = None) -> None:
        """Take the bounds, and who knows credentials; without, only what asks for none can be read."""
        self._settings = settings
        self._connections = connections

    def extract(self, source: Source, delivery_root: Path) -> Delivery:
        """Begin the transaction and learn how far the data goes; raises Malformed, Unavailable."""
        began = datetime.now(UTC)
        stack = ExitStack()
        try:
            engine, fallback = self._open(source, delivery_root)
            stack.callback(engine.dispose)
            header = _header(source, engine)
            connection = stack.enter_context(_connected(source, engine))
            try:
                reach = _reach(source, connection, fallback, began)
                _read_as_text(connection)
                result = connection.execution_options(stream_results=True, max_row_buffer=1).execute(reach.statement)
            except SQLAlchemyError as error:
                raise _explained(source, header, error) from None
        except BaseException:
            stack.close()
            raise

        def batches() -> Iterator[Batch]:
            with stack:
                try:
                    yield from self._batches(source, result)
                except SQLAlchemyError as error:
                    raise failure(source.where, error) from None
                finally:
                    # Where reading was given up the rest is not waited for.
                    result.close()
                    connection.invalidate()

        return Delivery(
            columns=source.columns,
            data_as_of=reach.data_as_of,
            watermark=reach.watermark,
            batches=batches(),
            changes=bool(source.since),
            header=header or (),
        )

    def _open(self, source: Source, delivery_root: Path) -> tuple[Engine, datetime]:
        """The engine, and the data's instant where the contract names no column for it."""
        url = parse_url(source.server.url.replace("{root}", str(delivery_root)))
        if url.get_backend_name() != "sqlite":
            credentials = credentials_of(source.server.connection, self._connections)
            return server_engine(source.server.url, credentials, self._settings), datetime.now(UTC)
        relative = Path(url.database or "").resolve()
        root = delivery_root.resolve()
        inside = str(relative.relative_to(root)) if relative.is_relative_to(root) else str(relative)
        file = delivered(delivery_root, inside, bytes_max=self._settings.file_bytes_max)
        read_only = URL.create("sqlite", database=f"file:{file}", query={"mode": "ro", "uri": "true"})
        return create_engine(read_only, poolclass=NullPool), data_as_of(file, self._settings)

    def _batches(self, source: Source, result: CursorResult[Any]) -> Iterator[Batch]:
        """Rows in batches of a bounded number, and about a bounded size: the last batch tells how long rows are."""
        rows, size = 0, min(_FIRST_ROWS, self._settings.batch_rows)
        longest = self._settings.line_chars_max
        while part := result.fetchmany(size):
            rows += len(part)
            if rows > self._settings.rows_max:
                raise Malformed("has more rows than a delivery may have", field=source.where, remedy="raise the bound")
            batch = [_row(source, record) for record in part]
            lengths = [sum(map(len, filter(None, row))) for row in batch]
            if max(lengths) > longest:
                raise Malformed("a row is longer than a line may be", field=source.where, remedy="raise the bound")
            mean = sum(lengths) // len(batch) + 1
            size = max(1, min(self._settings.batch_rows, self._settings.batch_chars // mean))
            yield batch


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reach:
    """How far the data goes, and what reads it."""

    data_as_of: datetime
    watermark: str
    statement: Select[Any]


def _connected(source: Source, engine: Engine) -> Connection:
    try:
        connection = engine.connect()
        if connection.dialect.name == "sqlite":
            # One view of the data for the watermark and the rows; servers have their isolation level.
            connection.exec_driver_sql("BEGIN")
    except SQLAlchemyError as error:
        raise failure(source.where, error, connecting=True) from None
    return connection


def _reach(source: Source, connection: Connection, fallback: datetime, began: datetime) -> _Reach:
    """Ask for the greatest values, and say what is to be read."""
    registry = _table(source)
    statement = select(registry).order_by(*(registry.c[name] for name in source.key))
    cursor = source.cursor
    asked = [name for name in (source.as_of, cursor.column if cursor else "") if name]
    if not asked:
        return _Reach(data_as_of=fallback, watermark=fallback.isoformat(), statement=statement)
    found = connection.execute(select(*(func.max(registry.c[name]) for name in asked))).one()
    newest = dict(zip(asked, found, strict=True))
    as_of = _instant(source.as_of, newest.get(source.as_of)) or fallback
    if cursor is None:
        last = newest[source.as_of]
        return _Reach(data_as_of=as_of, watermark="" if last is None else str(last), statement=statement)
    last = newest[cursor.column]
    if last is None:
        return _Reach(data_as_of=as_of, watermark="", statement=statement)
    place = registry.c[cursor.column]
    try:
        watermark, like = _greatest(connection, cursor, place, last, began)
        if source.since:
            statement = statement.where(_changed(cursor, place, source.since, like))
    except (ValueError, OverflowError):
        remedy = f"let it hold values of the type {cursor.type}"
        raise Malformed("its largest value is no cursor", field=cursor.column, remedy=remedy) from None
    return _Reach(data_as_of=as_of, watermark=watermark, statement=statement)


def _greatest(
    connection: Connection, cursor: Cursor, place: ColumnElement[Any], last: object, began: datetime
) -> tuple[str, object]:
    """The greatest cursor that is not in the future (empty: all are), and a value like the others; raises ValueError.

    The hub's clock only says what is left out: what the registry's clock has written is what the next delivery begins
    from, so that none needs to agree with the other.
    """
    if cursor.type is PropertyType.INTEGER and not isinstance(last, int | float | Decimal):
        remedy = "cast it to a number in a view, or name another cursor"
        raise Malformed("is kept as text, in which 9 comes after 10", field=cursor.column, remedy=remedy)
    watermark = cursor.watermark(last)
    if not cursor.ahead(watermark, began):
        return watermark, last
    now = literal(cursor.bound(began.isoformat(), last))
    found = connection.execute(select(func.max(place)).where(place <= now)).scalar()
    if found is None:
        return "", last
    watermark = cursor.watermark(found)
    # Among texts of several zones even this one may be.
    return "" if cursor.ahead(watermark, began) else watermark, found


def _changed(cursor: Cursor, place: ColumnElement[Any], since: str, like: object) -> ColumnElement[bool]:
    """Which records are read: also those of which nobody can tell whether they have changed. Raises ValueError."""
    changed = or_(place >= literal(cursor.bound(since, like)), place.is_(None))
    if not isinstance(like, str):
        return changed
    # The database compares texts sign by sign, which says something only of those that are written alike.
    form = cursor.form(like)
    alike: list[ColumnElement[bool]] = [
        place.like(form.like, escape="!"),
        *(not_(place.like(each, escape="!")) for each in form.unlike),
    ]
    if form.separator:
        alike.append(func.substr(place, len("2026-11-24") + 1, 1) == literal(form.separator))
    return or_(changed, not_(and_(*alike)))


def _table(source: Source) -> TableClause:
    """The registry's table. Every name is quoted, and so stands for exactly what the contract says."""
    schema = source.server.schema
    names = [quoted_name(name, quote=True) for name in source.columns]
    return table(
        quoted_name(source.server.table, quote=True),
        *(column(name) for name in names),
        schema=quoted_name(schema, quote=True) if schema else None,
    )


def _instant(name: str, newest: object) -> datetime | None:
    if newest is None:
        return None
    try:
        return instant(str(newest))
    except ValueError:
        raise Malformed("its largest value is no instant", field=name, remedy="write ISO 8601 instants") from None


def _read_as_text(connection: Connection) -> None:
    """From here on PostgreSQL's dates and numbers come as it writes them, such as Python has none of (infinity) too."""
    if connection.dialect.driver == "psycopg":
        from psycopg.types.string import TextLoader  # noqa: PLC0415 (only where a PostgreSQL is read)

        adapters = connection.connection.driver_connection.adapters  # type: ignore[union-attr]
        for kind in ("date", "timestamp", "timestamptz", "time", "timetz", "numeric", "uuid"):
            adapters.register_loader(kind, TextLoader)


def _row(source: Source, record: Sequence[object]) -> Row:
    # Most values are text already.
    if _PLAIN.issuperset(map(type, record)):
        return tuple(record)  # type: ignore[arg-type]
    return tuple([_text(source, position, value) for position, value in enumerate(record)])


def _text(source: Source, position: int, value: object) -> str | None:
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | Decimal() | UUID():
            return str(value)
        case float():
            return str(int(value)) if value.is_integer() else repr(value)
        case datetime():
            # The city's time where there is a zone, so that a server's own zone changes no text.
            return (value.astimezone(SHANGHAI) if value.tzinfo else value).isoformat(sep=" ")
        case date() | time():
            return value.isoformat()
        case _:
            raise Malformed(
                f"holds {type(value).__name__}",
                field=f"{source.where}:{source.columns[position]}",
                remedy="deliver text, numbers or dates, through a view if need be",
            )


def _header(source: Source, engine: Engine) -> tuple[str, ...] | None:
    """Every column of the table, in its order; empty: it is not there; None where the database cannot say so.

    Asked over a connection of its own: what it cannot answer must not spoil the transaction in which rows are read.
    """
    schema = source.server.schema or None
    if engine.dialect.requires_name_normalize:
        # These tell names in another case than they keep them.
        return None
    try:
        with _connected(source, engine) as connection, warnings.catch_warnings():
            # Of types that nobody here knows, only the column's name is wanted.
            warnings.simplefilter("ignore", SAWarning)
            return tuple(str(each["name"]) for each in inspect(connection).get_columns(source.server.table, schema))
    except NoSuchTableError:
        return ()
    except SQLAlchemyError:
        return None


def _explained(source: Source, header: tuple[str, ...] | None, error: SQLAlchemyError) -> MianzhengError:
    """Why the statement failed: the table or a column may not be there, which drivers say in words that hold names."""
    complaint = failure(source.where, error)
    if header is None or not isinstance(complaint, Malformed):
        return complaint
    if not header:
        return Malformed("the table is not there, or not for this user", field=source.where, remedy=REMEDY)
    missing = [name for name in source.columns if name not in header]
    return MissingColumns(source, header, missing) if missing else complaint
