"""A cursor kept as text, however it is written: whatever has changed since is read."""

import datetime as dt
import sqlite3
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.cursor import Cursor, instant
from adapters.port import AdapterSettings, Source
from adapters.sql_database import SqlDatabase
from schemas.property import PropertyType
from schemas.server import Server, ServerKind

SOURCE = Source(
    server=Server(kind=ServerKind.SQL, url="sqlite:///{root}/a.sqlite", table="登记"),
    columns=("号", "更新时间"),
    required=frozenset(),
    key=("号",),
    cursor=Cursor(column="更新时间", type=PropertyType.TIMESTAMP),
)
ZONES: st.SearchStrategy[Any] = st.sampled_from(
    [None, dt.UTC, dt.timezone(dt.timedelta(hours=8)), dt.timezone(-dt.timedelta(hours=5))]
)
# Within three days, so that zones and separators decide.
INSTANTS = st.datetimes(dt.datetime(2024, 11, 22), dt.datetime(2024, 11, 25), timezones=ZONES)  # noqa: DTZ001 (some have none)


def written(at: dt.datetime, separator: str, precision: str) -> str:
    return at.isoformat(sep=separator, timespec=precision)


TEXTS = st.builds(written, INSTANTS, st.sampled_from("Tt "), st.sampled_from(["auto", "minutes", "seconds"]))


def read(texts: Sequence[str], what: Source) -> tuple[str, list[str | None]]:
    """The watermark, and the cursors of the rows that were read."""
    with tempfile.TemporaryDirectory() as folder:
        with sqlite3.connect(Path(folder) / "a.sqlite") as database:
            database.execute("create table 登记 (号 integer, 更新时间 text)")
            database.executemany("insert into 登记 values (?, ?)", enumerate(texts))
        database.close()
        delivery = SqlDatabase(AdapterSettings()).extract(what, Path(folder))
        found = [row[1] for batch in delivery.batches for row in batch]
    return delivery.watermark, found


@pytest.mark.parametrize(
    "last", ["2024-11-26 08:00:00", "2024-11-26T08:00+08:00", "2024-11-26T00:00:00Z", "2024-11-26"]
)
@given(before=st.lists(TEXTS, min_size=1, max_size=5), after=st.lists(TEXTS, max_size=5))
@settings(max_examples=60)
def test_nothing_that_changed_is_lost(last: str, before: list[str], after: list[str]) -> None:
    # What sorts last decides how the others are compared.
    since = min((instant(each) for each in after), default=instant(last)).isoformat()
    _, found = read([*before, *after, last], replace(SOURCE, since=since))
    assert {each for each in after if instant(each) >= instant(since)} <= set(found)


@given(before=st.lists(INSTANTS.filter(lambda at: at.tzinfo is None), min_size=1, max_size=5))
@settings(max_examples=30)
def test_of_texts_written_alike_the_old_are_left_out(before: list[dt.datetime]) -> None:
    texts = [written(at, " ", "seconds") for at in before]
    _, found = read([*texts, "2024-11-26 08:00:00"], replace(SOURCE, since="2024-11-26T00:00:00+00:00"))
    assert found == ["2024-11-26 08:00:00"]
