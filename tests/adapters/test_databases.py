# ruff: noqa: S608, S106 (the statements and passwords are the tests' own)
"""Registries in real databases: read whole or by what changed, in one view of the data, and never executed."""

import datetime as dt
import re
import tracemalloc
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from adapters.credentials import Credentials, Tls
from adapters.cursor import Cursor
from adapters.port import AdapterSettings, Delivery, MissingColumns, Row, Source
from adapters.sql_database import SqlDatabase
from adapters.sql_server import server_engine
from kernel.clock import SHANGHAI
from kernel.errors import Malformed, MianzhengError, Unavailable
from schemas.property import PropertyType
from schemas.server import Server, ServerKind
from tests.adapters.database_servers import PASSWORD, DatabaseServer, Known

pytestmark = pytest.mark.xdist_group("databases")

QUICK = AdapterSettings(batch_rows=2, connect_seconds=5, statement_seconds=5)
WIDE = replace(QUICK, batch_rows=5000)
HOSTILE = "姓名\"; drop table `登记`; -- %s %(x)s :x '"
COLUMNS = ("证件号码", "姓名", "更新时间")
UPDATED = Cursor(column="更新时间", type=PropertyType.TIMESTAMP)
MANY = {
    "postgresql": "select n::text, repeat('x', 200) from generate_series(1, 20000) n",
    "mysql": "select seq, repeat('x', 200) from seq_1_to_20000",
}


def kind(server: DatabaseServer) -> str:
    return server.url.partition(":")[0]


def quoted(server: DatabaseServer, name: str) -> str:
    mark = '"' if kind(server) == "postgresql" else "`"
    return mark + name.replace(mark, mark * 2) + mark


def table(server: DatabaseServer, name: str, columns: str, *rows: str) -> None:
    where = quoted(server, name)
    server.run(f"drop table if exists {where}", f"create table {where} ({columns})")
    if rows:
        server.run(f"insert into {where} values {', '.join(rows)}")


def source(server: DatabaseServer, name: str, columns: tuple[str, ...] = COLUMNS, **more: Any) -> Source:
    return Source(
        server=Server(kind=ServerKind.SQL, url=server.url, table=name, connection="civil"),
        columns=columns,
        required=frozenset(columns[:1]),
        key=columns[:1],
        **more,
    )


def opened(
    server: DatabaseServer, what: Source, settings: AdapterSettings = QUICK, reader: Credentials | None = None
) -> Delivery:
    known = Known(credentials_of={"civil": reader or server.reader})
    return SqlDatabase(settings, known).extract(what, Path("/nowhere"))


def read(server: DatabaseServer, what: Source, settings: AdapterSettings = QUICK) -> list[Row]:
    return [row for batch in opened(server, what, settings).batches for row in batch]


def reach(server: DatabaseServer, what: Source) -> Delivery:
    """A delivery that has been read to its end."""
    delivery = opened(server, what)
    assert list(delivery.batches)
    return delivery


def registry(server: DatabaseServer) -> Source:
    number, name, updated = (quoted(server, each) for each in COLUMNS)
    table(
        server,
        "登记",
        f"{number} varchar(30) primary key, {name} varchar(50), {updated} timestamp null",
        "('乙', '王㐂', '2024-11-23 08:00:00')",
        "('甲', null, '2024-11-24 01:30:00')",
        "('丙', '阿依古丽·买买提', null)",
    )
    return source(server, "登记", cursor=UPDATED)


def many(server: DatabaseServer) -> Source:
    """A table larger than what buffers between here and there hold."""
    number, name = quoted(server, "号"), quoted(server, "名")
    table(server, "多", f"{number} varchar(20) primary key, {name} varchar(300)")
    server.run(f"insert into {quoted(server, '多')} {MANY[kind(server)]}")
    return source(server, "多", ("号", "名"))


def test_a_table_with_chinese_names_is_read_as_text_in_the_order_of_its_key(server: DatabaseServer) -> None:
    what = registry(server)
    found = read(server, what)
    expected: list[Row] = [
        ("丙", "阿依古丽·买买提", None),
        ("乙", "王㐂", "2024-11-23 08:00:00"),
        ("甲", None, "2024-11-24 01:30:00"),
    ]
    assert sorted(found, key=lambda row: str(row[0])) == expected
    assert read(server, what) == found
    assert [len(batch) for batch in opened(server, what).batches] == [2, 1]


def test_a_name_that_holds_sql_and_quotes_is_only_ever_a_name(server: DatabaseServer) -> None:
    registry(server)
    table(server, HOSTILE, f"{quoted(server, HOSTILE)} varchar(20)", "('甲')", "('乙')")
    assert sorted(read(server, source(server, HOSTILE, (HOSTILE,)))) == [("乙",), ("甲",)]
    with pytest.raises(Malformed, match="the column is missing"):
        opened(server, source(server, HOSTILE, (HOSTILE, '1"`); drop table "登记"; --')))
    assert len(read(server, source(server, "登记"))) == 3


def test_a_table_may_stand_in_a_schema(server: DatabaseServer) -> None:
    schema = quoted(server, "民政")
    server.run(f"drop schema if exists {schema}" + (" cascade" if kind(server) == "postgresql" else ""))
    server.run(
        f"create schema {schema}", f"create table {schema}.{quoted(server, '登记')} ({quoted(server, '号')} int)"
    )
    server.run(f"insert into {schema}.{quoted(server, '登记')} values (7)")
    if kind(server) == "mysql":
        server.run(f"grant select on {schema}.* to `{server.reader.user}`@`127.0.0.1`")
    what = source(server, "登记", ("号",))
    assert read(server, replace(what, server=replace(what.server, schema="民政"))) == [("7",)]


def test_what_is_missing_is_named_and_what_is_forbidden_is_said(server: DatabaseServer) -> None:
    what = registry(server)
    with pytest.raises(Malformed, match=r"登记:生日: the column is missing"):
        opened(server, replace(what, columns=(*COLUMNS, "生日")))
    with pytest.raises(Malformed, match="没有: the table is not there"):
        opened(server, source(server, "没有"))
    server.run(f"drop view if exists {quoted(server, '坏')}")
    server.run(f"create view {quoted(server, '坏')} as select 1 / 0 as {quoted(server, '号')}")
    if kind(server) == "postgresql":
        # A value that no database can make is the database's error, told without its words.
        with pytest.raises(Malformed, match=r"坏: cannot be read \(DivisionByZero 22012\)"):
            read(server, source(server, "坏", ("号",)))


def test_every_column_of_the_table_is_told_for_the_report_of_drift(server: DatabaseServer) -> None:
    what = registry(server)
    assert tuple(reach(server, what).header) == COLUMNS
    with pytest.raises(MissingColumns) as caught:
        opened(server, replace(what, columns=("证件号码", "生日", "住址"), cursor=None))
    assert (caught.value.header, caught.value.missing) == (COLUMNS, ("生日", "住址"))
    if kind(server) == "postgresql":
        server.run(
            "drop type if exists 坐标 cascade", "create type 坐标 as (x int)", 'alter table "登记" add 位置 坐标'
        )
        assert tuple(reach(server, what).header) == (*COLUMNS, "位置")


def test_a_refused_login_is_no_reason_to_try_again_and_tells_no_password(server: DatabaseServer) -> None:
    wrong = replace(server.reader, password=PASSWORD + "x")
    with pytest.raises(Malformed, match="refuses the login") as caught:
        opened(server, registry(server), reader=wrong)
    assert PASSWORD not in repr(caught.value) + str(caught.value) + repr(wrong)
    assert caught.value.__cause__ is None


def test_a_server_that_does_not_answer_is_a_reason_to_try_again(server: DatabaseServer) -> None:
    with pytest.raises(Unavailable, match="cannot be reached"):
        opened(server, registry(server), reader=replace(server.reader, port=1))


def test_a_server_that_cannot_prove_who_it_is_gets_no_password(server: DatabaseServer, tmp_path: Path) -> None:
    what = registry(server)
    with pytest.raises(Unavailable, match="cannot be reached"):
        # The system's authorities do not know it.
        opened(server, what, reader=replace(server.reader, ca=""))
    with pytest.raises(Unavailable, match="cannot be reached"):
        # It is certified for localhost and 127.0.0.1 alone.
        opened(server, what, reader=replace(server.reader, host="127.0.0.2"))
    with pytest.raises(Malformed):
        opened(server, what, reader=replace(server.reader, ca=str(tmp_path / "absent.pem")))
    for off in (Tls.OFF, None):
        # To this machine itself TLS is not asked for.
        reader = replace(server.reader, tls=off, ca="", host="127.0.0.1")
        assert sum(map(len, opened(server, what, reader=reader).batches)) == 3


def test_a_connection_lost_in_mid_read_is_one_clear_error(server: DatabaseServer) -> None:
    batches = opened(server, many(server), WIDE).batches
    next(batches)
    if kind(server) == "postgresql":
        server.run("select pg_terminate_backend(pid) from pg_stat_activity where usename = '读者'")
    else:
        server.run(*(f"kill {pid}" for pid, user, *_ in server.run("show processlist") if user == "读者"))
    with pytest.raises(Unavailable, match="多: the database broke off"):
        list(batches)
    assert list(batches) == []


def test_a_statement_that_takes_too_long_is_given_up(server: DatabaseServer) -> None:
    sleep = "pg_sleep(20)::text" if kind(server) == "postgresql" else "sleep(20)"
    server.run(f"drop view if exists {quoted(server, '慢')}")
    server.run(f"create view {quoted(server, '慢')} as select {sleep} as {quoted(server, '号')}")
    with pytest.raises(Unavailable, match="broke off"):
        read(server, source(server, "慢", ("号",)), replace(QUICK, statement_seconds=1))


def test_what_others_write_meanwhile_is_in_the_next_delivery(server: DatabaseServer) -> None:
    what = registry(server)
    delivery = opened(server, what)
    where = quoted(server, "登记")
    server.run(f"insert into {where} values ('丁', '新', '2024-11-25 00:00:00')", f"delete from {where} where 1 = 0")
    assert sum(map(len, delivery.batches)) == 3
    assert delivery.watermark == "2024-11-23T17:30:00+00:00"
    assert reach(server, what).watermark == "2024-11-24T16:00:00+00:00"


def test_nothing_can_be_written_even_by_who_may(server: DatabaseServer) -> None:
    registry(server)
    if kind(server) == "postgresql":
        writer = replace(server.reader, user="owner", password="owner")
    else:
        writer = replace(server.reader, user="writer", password="w")
        server.run(
            "create or replace user writer@`127.0.0.1` identified by 'w'", "grant all on *.* to writer@`127.0.0.1`"
        )
    engine = server_engine(server.url, writer, QUICK)
    with engine.connect() as connection, pytest.raises(DBAPIError, match=r"(?i)read.only"):
        connection.exec_driver_sql(f"delete from {quoted(server, '登记')}")


def test_memory_does_not_grow_with_the_table(server: DatabaseServer) -> None:
    what = many(server)
    delivery = opened(server, what, replace(WIDE, batch_rows=1000))
    tracemalloc.start()
    try:
        rows = sum(map(len, delivery.batches))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert rows == 20_000
    # The rows come to 4 MB of characters alone.
    assert peak < 2 << 20


def test_rows_are_fetched_by_cursor_a_few_at_a_time(postgresql: DatabaseServer) -> None:
    batches = opened(postgresql, many(postgresql)).batches
    assert isinstance(batches, Generator)
    next(batches)
    [(asked,)] = postgresql.run("select query from pg_stat_activity where usename = '读者'")
    assert re.match("FETCH FORWARD [12] FROM", asked)
    batches.close()
    assert not postgresql.run("select 1 from pg_stat_activity where usename = '读者' and state <> 'idle'")


def test_long_rows_come_in_small_batches_and_too_long_ones_are_refused(server: DatabaseServer) -> None:
    text = "longtext" if kind(server) == "mysql" else "text"
    table(server, "长", f"{quoted(server, '号')} int, {quoted(server, '文')} {text}")
    where = quoted(server, "长")
    server.run(*(f"insert into {where} values ({at}, repeat('长', 50000))" for at in range(140)))
    what = source(server, "长", ("号", "文"))
    sizes = [len(batch) for batch in opened(server, what, replace(WIDE, batch_chars=100_000)).batches]
    assert sizes[0] == 100
    assert set(sizes[1:]) == {1}
    assert sum(sizes) == 140
    with pytest.raises(Malformed, match="longer than a line may be"):
        read(server, what, replace(WIDE, line_chars_max=20_000))
    with pytest.raises(Malformed, match="more rows"):
        read(server, what, replace(WIDE, rows_max=100))


def test_only_what_changed_is_read_and_what_says_not_when_it_changed(server: DatabaseServer) -> None:
    what = replace(registry(server), since="2024-11-23T17:30:00+00:00")
    delivery = opened(server, what)
    assert delivery.changes
    assert {row[0] for batch in delivery.batches for row in batch} == {"甲", "丙"}
    assert delivery.watermark == "2024-11-23T17:30:00+00:00"
    # An instant that the registry has no value at: what came before is left out.
    assert len(read(server, replace(what, since="2024-11-23T17:30:01+00:00"))) == 1


@pytest.mark.parametrize(
    ("column", "cursor", "values", "watermark", "since", "changed"),
    [
        ("integer", PropertyType.INTEGER, ("7", "9", "10"), "10", "9", 2),
        ("decimal(20)", PropertyType.INTEGER, ("107", "109", "1000"), "1000", "109", 2),
        ("date", PropertyType.DATE, ("'2024-01-01'", "'2024-01-02'", "'2024-01-03'"), "2024-01-03", "2024-01-02", 2),
        (
            "varchar(30)",
            PropertyType.TIMESTAMP,
            ("'2024-01-01T00:00:00+08:00'", "'2024-01-01T08:00:00.5+08:00'", "'2024-01-02T00:00:00+08:00'"),
            "2024-01-01T16:00:00+00:00",
            "2024-01-01T00:00:00.250+00:00",
            2,
        ),
    ],
)
def test_a_cursor_may_be_a_number_a_day_or_text(
    server: DatabaseServer,
    column: str,
    cursor: PropertyType,
    values: tuple[str, ...],
    watermark: str,
    since: str,
    changed: int,
) -> None:
    table(server, "变", f"{quoted(server, '序')} {column}", *(f"({value})" for value in values))
    what = source(server, "变", ("序",), cursor=Cursor(column="序", type=cursor))
    assert reach(server, what).watermark == watermark
    assert len(read(server, replace(what, since=since))) == changed


def test_a_record_dated_in_the_future_hides_no_change(server: DatabaseServer) -> None:
    what = registry(server)
    where = quoted(server, "登记")
    server.run(f"insert into {where} values ('戊', '误', '2037-01-01 00:00:00')")
    begin = reach(server, what).watermark
    assert begin == "2024-11-23T17:30:00+00:00"
    # The department's clock may be behind ours.
    changed = (dt.datetime.now(SHANGHAI) - dt.timedelta(hours=1)).strftime("%Y-%m-%d %H:%M:%S")
    server.run(f"insert into {where} values ('己', '新', '{changed}')")
    assert {row[0] for row in read(server, replace(what, since=begin))} == {"丙", "甲", "戊", "己"}


def test_where_every_record_is_dated_in_the_future_nothing_is_said_of_how_far_it_goes(server: DatabaseServer) -> None:
    what = registry(server)
    server.run(f"update {quoted(server, '登记')} set {quoted(server, '更新时间')} = '2037-01-01 00:00:00'")
    assert reach(server, what).watermark == ""


@pytest.mark.parametrize("numbers", [("107",), ("9", "10")])
def test_numbers_kept_as_text_are_no_cursor(server: DatabaseServer, numbers: tuple[str, ...]) -> None:
    table(server, "变", f"{quoted(server, '序')} varchar(20)", *(f"('{each}')" for each in numbers))
    what = source(server, "变", ("序",), cursor=Cursor(column="序", type=PropertyType.INTEGER))
    with pytest.raises(Malformed, match="序: is kept as text, in which 9 comes after 10"):
        opened(server, what)


@pytest.mark.parametrize(
    ("texts", "since", "missing"),
    [
        # The last of each was written in another way than the others, after `since`.
        (("2024-11-23T20:00:00+08:00", "2024-11-23T23:30:00+08:00", "2024-11-23 23:45:00"), "15:00", 1),
        (("2024-11-23T20:00:00+08:00", "2024-11-23T23:30:00.5+08:00", "2024-11-23T15:45:00+00:00"), "15:00", 1),
        (("2024-11-23 20:00", "2024-11-23 23:30", "2024-11-23 15:45Z"), "15:00", 1),
        (("2024-11-23 20:00", "2024-11-23 23:30", "2024-11-23 10:45-05:00"), "15:00", 1),
        # A form of which one is in the future.
        (("2024-11-23T20:00:00+08:00", "2024-11-23T23:30:00+08:00", "2037-01-01 00:00:00"), "15:00", 1),
    ],
)
def test_instants_kept_as_text_are_compared_where_they_are_written_alike(
    server: DatabaseServer, texts: tuple[str, ...], since: str, missing: int
) -> None:
    table(server, "文", f"{quoted(server, '序')} varchar(40)", *(f"('{each}')" for each in texts))
    what = source(server, "文", ("序",), cursor=Cursor(column="序", type=PropertyType.TIMESTAMP))
    assert reach(server, what).watermark.startswith("2024-11-23T15:30:00")
    found = read(server, replace(what, since=f"2024-11-23T{since}:00+00:00"))
    assert {row[0] for row in found} == set(texts[missing:])


def test_a_cursor_of_another_kind_is_named(server: DatabaseServer) -> None:
    what = registry(server)
    with pytest.raises(Malformed, match="姓名: its largest value is no cursor"):
        opened(server, replace(what, cursor=Cursor(column="姓名", type=PropertyType.TIMESTAMP)))


def test_postgresql_writes_every_kind_of_value_as_text(postgresql: DatabaseServer) -> None:
    table(
        postgresql,
        "类",
        "a boolean, b numeric(9, 2), c double precision, d timestamptz, e date, f uuid, g smallint, h char(3)",
        "(true, 88.50, 120, '2024-11-24 00:00:00+00', 'infinity', '00000000-0000-0000-0000-00000000000a', 3, 'x')",
    )
    what = source(postgresql, "类", tuple("abcdefgh"))
    [row] = read(postgresql, what)
    number = "00000000-0000-0000-0000-00000000000a"
    assert row == ("true", "88.50", "120", "2024-11-24 08:00:00+08", "infinity", number, "3", "x  ")
    zoned = replace(what, cursor=Cursor(column="d", type=PropertyType.TIMESTAMP), as_of="d")
    assert reach(postgresql, zoned).data_as_of == dt.datetime(2024, 11, 24, tzinfo=dt.UTC)
    assert len(read(postgresql, replace(zoned, since="2024-11-24T00:00:00+00:00"))) == 1
    assert read(postgresql, replace(zoned, since="2024-11-24T00:00:01+00:00")) == []
    table(postgresql, "图", "照片 bytea", "('\\x00')")
    with pytest.raises(Malformed, match="图:照片: holds bytes"):
        read(postgresql, source(postgresql, "图", ("照片",)))


def test_mariadb_writes_every_kind_of_value_as_text(mariadb: DatabaseServer) -> None:
    table(mariadb, "类", "a boolean, b decimal(9, 2), c double, d datetime, e date, g smallint")
    mariadb.run("set sql_mode = ''", "insert into `类` values (true, 88.50, 120, '2024-11-24 08:00', '0000-00-00', 3)")
    assert read(mariadb, source(mariadb, "类", tuple("abcdeg"))) == [
        ("1", "88.50", "120", "2024-11-24 08:00:00", "0000-00-00", "3")
    ]


def test_kingbase_is_read_through_the_protocol_that_it_shares(postgresql: DatabaseServer) -> None:
    what = registry(postgresql)
    url = postgresql.url.replace("postgresql:", "kingbase:")
    assert len(read(postgresql, replace(what, server=replace(what.server, url=url)))) == 3


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("duckdb:////etc/passwd", "no database that the hub reads"),
        ("oracle://registry.example/civil", "cannot be reached"),
        ("dm://registry.example/civil", "cannot be reached"),
        ("opengauss://registry.example/civil", "cannot be reached"),
        ("postgresql://u:geheim@registry.example/civil", "holds credentials"),
        ("://", "no database URL"),
    ],
)
def test_a_url_that_cannot_be_read_is_one_error_without_secrets(url: str, complaint: str) -> None:
    with pytest.raises(MianzhengError, match=complaint) as caught:
        server_engine(url, Credentials(), QUICK)
    assert "geheim" not in str(caught.value)
