"""A row's bytes in SQL: the protobuf message of schemas.rows, made where the rows are.

Ten million rows through Python's protobuf take minutes, through this seconds. A test holds the two to the same bytes.
"""

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING

from exchange.database import quoted, script
from schemas.property import Property, PropertyType

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_VARINT, _FIXED64, _LENGTH = 0, 1, 2
_MORE = 128
"""The bit of a varint's byte that says that another one follows."""

_WIRE_TYPES = {PropertyType.INTEGER: _VARINT, PropertyType.NUMBER: _FIXED64}
_FORMS = {
    PropertyType.STRING: "wire_text({0})",
    PropertyType.IDENTITY: "wire_text({0})",
    PropertyType.ORGANISATION: "wire_text({0})",
    PropertyType.INTEGER: "wire_varint({0})",
    PropertyType.NUMBER: "(select form from wire_doubles where wire_doubles.value = {0} + 0.0)",
    PropertyType.DATE: "wire_seconds({1})",
    PropertyType.TIMESTAMP: "wire_seconds({1})",
}
_SECONDS = {PropertyType.DATE: "day_seconds({0})", PropertyType.TIMESTAMP: "instant_seconds({0})"}


def rows_source(properties: Sequence[Property], table: str) -> str:
    """What `row_bytes` reads: the table with every day and instant as seconds beside it, worked out once."""
    seconds = "".join(
        f", {_SECONDS[each.type].format(quoted(each.name))} as {_seconds(each)}"
        for each in properties
        if each.type in _SECONDS
    )
    return f"(select *{seconds} from {table}) as {table}"  # noqa: S608 (names are quoted)


def row_bytes(properties: Sequence[Property]) -> str:
    """The SQL expression of a row's bytes, over `rows_source`."""
    parts = []
    for each in sorted(properties, key=lambda found: found.number):
        column = quoted(each.name)
        form = _FORMS[each.type].format(column, _seconds(each))
        parts.append(f"case when {column} is null then ''::blob else {_tag(each)}::blob || {form} end")
    return " || ".join(parts)


def prepare_row_bytes(
    connection: "DuckDBPyConnection", properties: Sequence[Property], table: str, *, batch: int
) -> None:
    """Make the macros that `row_bytes` calls, and the table of decimal numbers' eight bytes, which SQL cannot tell."""
    connection.execute(script("wire", bytes=bytes(range(256)).hex()))
    connection.execute("create or replace temp table wire_doubles (value double, form blob)")
    columns = [quoted(each.name) for each in properties if each.type is PropertyType.NUMBER]
    if not columns:
        return
    every = " union ".join(
        f"select distinct {column} + 0.0 as value from {table} where {column} is not null"  # noqa: S608 (names are quoted)
        for column in columns
    )
    distinct = connection.execute(every).fetchnumpy()["value"]
    for start in range(0, len(distinct), batch):
        values = distinct[start : start + batch].tolist()
        forms = [struct.pack("<d", value) for value in values]
        connection.execute("insert into wire_doubles select unnest($1::double[]), unnest($2::blob[])", [values, forms])


def _seconds(each: Property) -> str:
    return quoted(f"_seconds_{each.name}")


def _tag(each: Property) -> str:
    """A field's tag as an SQL literal: its number and wire type as a varint."""
    rest, tag = each.number << 3 | _WIRE_TYPES.get(each.type, _LENGTH), b""
    while rest >= _MORE:
        tag, rest = tag + bytes([rest % _MORE | _MORE]), rest // _MORE
    tag += bytes([rest])
    return "'" + "".join(f"\\x{byte:02X}" for byte in tag) + "'"
