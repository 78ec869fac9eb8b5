"""Rows' bytes and index keys made in SQL are those of schemas.rows and kernel.sealing."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.database import quoted, script
from exchange.keys import IndexKeys
from exchange.row_bytes import prepare_row_bytes, row_bytes, rows_source
from schemas.property import Property, PropertyType
from schemas.rows import RowType
from schemas.title import Title

TITLE = Title(zh="栏", en="Column")
NUMBERS = (1, 15, 16, 17, 2047, 2048, 100_000)
"""Field numbers whose tags take one byte, two and three."""
PROPERTIES = tuple(
    Property(name=f"a_{kind}", physical_name=kind, type=kind, title=TITLE, number=number)
    for number, kind in zip(NUMBERS, PropertyType, strict=True)
)
ROW = RowType("things", PROPERTIES)
COLUMNS = {
    PropertyType.STRING: "varchar",
    PropertyType.IDENTITY: "varchar",
    PropertyType.ORGANISATION: "varchar",
    PropertyType.INTEGER: "bigint",
    PropertyType.NUMBER: "double",
    PropertyType.DATE: "date",
    PropertyType.TIMESTAMP: "timestamp",
}
edges = st.sampled_from([edge for power in range(64) for edge in (2**power - 1, -(2**power))])
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=200)
VALUES = {
    "a_string": texts | st.integers(120, 20_000).map(lambda size: "字" * (size // 3) + "x" * (size % 3)),
    "a_integer": edges | st.integers(-(2**63), 2**63 - 1),
    "a_number": st.floats(allow_nan=False).map(lambda number: number or 0.0),
    "a_date": st.dates() | st.just(date(1970, 1, 1)),
    "a_timestamp": st.datetimes(min_value=datetime(1900, 1, 2), max_value=datetime(9999, 12, 31)),  # noqa: DTZ001 (the city's)
    "a_identity": st.text("0123456789X", max_size=18),
    "a_organisation": st.text("0123456789X", max_size=18),
}
RECORDS = st.fixed_dictionaries({}, optional={name: st.none() | values for name, values in VALUES.items()})
SHIFTED = (date(1901, 1, 1), date(1992, 1, 1))
"""Between these the city's clocks were set forward and back, and some wall clock times came twice."""


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        columns = ", ".join(f"{quoted(each.name)} {COLUMNS[each.type]}" for each in PROPERTIES)
        opened.execute(f"create table records ({columns})")
        opened.execute(script("person"))
        yield opened


@given(records=st.lists(RECORDS, min_size=1, max_size=20))
@settings(max_examples=40)
def test_a_row_has_the_same_bytes(connection: duckdb.DuckDBPyConnection, records: list[Mapping[str, Any]]) -> None:
    kept = [record for record in records if not _comes_twice(record.get("a_timestamp"))]
    connection.execute("delete from records")
    for record in kept:
        connection.execute(
            f"insert into records values ({', '.join('?' for _ in PROPERTIES)})",  # noqa: S608 (question marks only)
            [record.get(each.name) for each in PROPERTIES],
        )
    prepare_row_bytes(connection, PROPERTIES, "records", batch=3)
    source = rows_source(PROPERTIES, "records").replace("*", "rowid as place, *", 1)
    found = connection.execute(f"select {row_bytes(PROPERTIES)} from {source} order by place").fetchall()  # noqa: S608 (ours)
    assert [raw for (raw,) in found] == [ROW.to_bytes(record) for record in kept]


@given(form=texts, key=st.binary(min_size=32, max_size=32))
@settings(max_examples=40)
def test_a_subject_has_the_same_index_key(connection: duckdb.DuckDBPyConnection, form: str, key: bytes) -> None:
    keys = IndexKeys(index=key, master=bytes(32))
    connection.execute(script("wire", bytes=bytes(range(256)).hex()))
    found = connection.execute("select index_key($3, $1, $2)", [*keys.index_blocks, form]).fetchone()
    assert found == (keys.subject(form),)


def _comes_twice(moment: datetime | None) -> bool:
    return moment is not None and SHIFTED[0] <= moment.date() < SHIFTED[1] and moment.month in range(3, 13)
