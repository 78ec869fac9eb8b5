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
    PropertyType.DATE: "{1}",
    PropertyType.TIMESTAMP: "wire_seconds({1})",
}


def rows_source(properties: Sequence[Property], table: str) -> str:
    """What `row_bytes` reads: the table with each day's bytes and each instant's seconds beside it, worked out once."""
    beside, days = [], []
    for each in properties:
        column, other = f"{table}.{quoted(each.name)}", _beside(each)
        if each.type is PropertyType.TIMESTAMP:
            beside.append(f", instant_seconds({column}) as {other}")
        elif each.type is PropertyType.DATE:
            beside.append(f", {other}.form as {other}")
            days.append(f" left join wire_days as {other} on {other}.value = {column}")
    return f"(select {table}.*{''.join(beside)} from {table}{''.join(days)}) as {table}"  # noqa: S608 (names are quoted)


def row_bytes(properties: Sequence[Property]) -> str:
    """The SQL expression of a row's bytes, over `rows_source`."""
    parts = []
    for each in sorted(properties, key=lambda found: found.number):
        column = quoted(each.name)
        form = _FORMS[each.type].format(column, _beside(each))
        parts.append(f"case when {column} is null then ''::blob else {_tag(each)}::blob || {form} end")
    return " || ".join(parts)


def prepare_row_bytes(
    connection: "DuckDBPyConnection", properties: Sequence[Property], table: str, *, batch: int
) -> None:
    """Make what `rows_source` and `row_bytes` need: the macros, every day's bytes, every decimal number's bytes.

    There are few days in any registry; and SQL cannot tell the eight bytes of a decimal number.
    """
    connection.execute(script("wire", bytes=bytes(range(256)).hex()))
    days = _distinct(properties, PropertyType.DATE, table)
    form = "select value, wire_seconds(day_seconds(value)) as form"
    connection.execute(
        f"create or replace temp table wire_days as {form} from ({days or 'select null::date as value'})"
    )
    connection.execute("create or replace temp table wire_doubles (value double, form blob)")
    numbers = _distinct(properties, PropertyType.NUMBER, table)
    distinct = connection.execute(numbers).fetchnumpy()["value"].tolist() if numbers else []
    for start in range(0, len(distinct), batch):
        values = distinct[start : start + batch]
        forms = [struct.pack("<d", value) for value in values]
        connection.execute("insert into wire_doubles select unnest($1::double[]), unnest($2::blob[])", [values, forms])


def _distinct(properties: Sequence[Property], kind: PropertyType, table: str) -> str:
    """The query of a type's distinct values in a table; empty where no property has the type."""
    # Nought has a sign, and is one number.
    zero = " + 0.0" if kind is PropertyType.NUMBER else ""
    return " union ".join(
        f"select distinct {quoted(each.name)}{zero} as value from {table} where {quoted(each.name)} is not null"  # noqa: S608 (names are quoted)
        for each in properties
        if each.type is kind
    )


def _beside(each: Property) -> str:
    return quoted(f"_beside_{each.name}")


def _tag(each: Property) -> str:
    """A field's tag as an SQL literal: its number and wire type as a varint."""
    rest, tag = each.number << 3 | _WIRE_TYPES.get(each.type, _LENGTH), b""
    while rest >= _MORE:
        tag, rest = tag + bytes([rest % _MORE | _MORE]), rest // _MORE
    tag += bytes([rest])
    return "'" + "".join(f"\\x{byte:02X}" for byte in tag) + "'"
