"""Cleaning in SQL says the same as the kernel, and never turns one value into another."""

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.cleaning import cleaned
from exchange.database import database
from exchange.settings import DEFAULTS
from kernel.errors import MalformedIdentity
from kernel.identity import check_character, parse_person
from schemas.contract import Property, PropertyType
from schemas.title import Title

TWO_O_CLOCK = datetime(2026, 11, 24, 2)  # noqa: DTZ001 (DuckDB gives the city's time without a zone)

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@pytest.fixture(scope="module")
def duck(tmp_path_factory: pytest.TempPathFactory) -> Iterator["DuckDBPyConnection"]:
    with database(Path(tmp_path_factory.mktemp("duck")) / "staged.duckdb", DEFAULTS) as connection:
        yield connection


def clean(duck: "DuckDBPyConnection", kind: PropertyType, raw: str, form: str = "") -> object:
    each = Property(name="x", physical_name="x", type=kind, title=Title(zh="x", en="x"), number=1, format=form)
    statement = f"select {cleaned(each)} from (select ?::varchar as raw_x)"  # noqa: S608 (what is tested)
    found = duck.execute(statement, [raw]).fetchone()
    assert found is not None
    return found[0]


eighteen = st.builds(
    lambda region, year, month, day, place, check: f"{region}{year:04d}{month:02d}{day:02d}{place:03d}" + check,
    st.sampled_from(["331081", "332623", "810000", "830000", "911001", "330113"]),
    st.integers(0, 9999),
    st.integers(0, 13),
    st.integers(0, 32),
    st.integers(0, 999),
    st.sampled_from("0123456789Xx"),
)


@given(numbers=st.lists(eighteen, min_size=100, max_size=100))
@settings(max_examples=10, deadline=None)
def test_sql_and_kernel_agree_on_every_plain_number(duck: "DuckDBPyConnection", numbers: list[str]) -> None:
    numbers += [each[:17] + check_character(each[:17]) for each in numbers]
    expected = []
    for each in numbers:
        try:
            identity = parse_person(each)
        except MalformedIdentity:
            expected.append((None, None))
        else:
            expected.append((identity.number, identity.canonical))
    every = "from (select unnest($1::varchar[]) as raw)"
    found = duck.execute(f"select plain_person(raw), canonical_person(plain_person(raw)) {every}", [numbers])
    assert found.fetchall() == expected


@pytest.mark.parametrize("number", ["332623490916001", "ABC110090010112", "810000199001011232", "911124198108030024"])
def test_sql_tells_the_kind_of_a_folded_number_as_the_kernel_does(duck: "DuckDBPyConnection", number: str) -> None:
    try:
        identity = parse_person(number)
    except MalformedIdentity:
        identity = parse_person(number[:17] + check_character(number[:17]))
    assert duck.execute("select canonical_person(?)", [identity.number]).fetchone() == (identity.canonical,)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("20200229", date(2020, 2, 29)),
        (" ２０２００２２９　", date(2020, 2, 29)),
        ("20190229", None),
        ("2023115", None),
        ("2020-02-29", None),
        ("", None),
        ("00000000", None),
    ],
)
def test_a_date_is_read_to_the_letter_of_its_format(duck: "DuckDBPyConnection", raw: str, value: date | None) -> None:
    assert clean(duck, PropertyType.DATE, raw, "yyyyMMdd") == value


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("2020-02-29", date(2020, 2, 29)),
        ("2020-02-29 00:00:00", date(2020, 2, 29)),
        ("2020-02-29 10:00:00", None),
        ("20200229", None),
        ("2020-2-9", None),
    ],
)
def test_a_date_without_a_format_is_iso(duck: "DuckDBPyConnection", raw: str, value: date | None) -> None:
    assert clean(duck, PropertyType.DATE, raw) == value


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("300", 300),
        ("３００", 300),
        ("-7", -7),
        ("300.0", 300),
        ("300.5", None),
        ("1e3", None),
        ("12a", None),
        ("9" * 19, None),
    ],
)
def test_a_whole_number_is_never_rounded(duck: "DuckDBPyConnection", raw: str, value: int | None) -> None:
    assert clean(duck, PropertyType.INTEGER, raw) == value


@pytest.mark.parametrize(
    ("raw", "value"), [("88.5", 88.5), ("１２０", 120.0), ("nan", None), ("inf", None), ("", None)]
)
def test_a_number_is_finite(duck: "DuckDBPyConnection", raw: str, value: float | None) -> None:
    assert clean(duck, PropertyType.NUMBER, raw) == value


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("2026-11-24T02:00:00+08:00", TWO_O_CLOCK),
        ("2026-11-23T18:00:00Z", TWO_O_CLOCK),
        ("2026-11-24 02:00:00", TWO_O_CLOCK),
        ("24/11/2026", None),
    ],
)
def test_an_instant_is_read_as_the_citys_time(duck: "DuckDBPyConnection", raw: str, value: datetime | None) -> None:
    assert clean(duck, PropertyType.TIMESTAMP, raw) == value


anything = st.characters(blacklist_categories=["Cs"], blacklist_characters="\0")
likely = st.sampled_from("0123456789 ０３ａau　\u00a0\t")


@given(texts=st.lists(st.text(alphabet=anything | likely, max_size=9), min_size=100, max_size=100))
@settings(max_examples=10, deadline=None)
def test_trimming_takes_spaces_from_the_ends_and_nothing_else(duck: "DuckDBPyConnection", texts: list[str]) -> None:
    found = duck.execute("select trimmed(raw) from (select unnest($1::varchar[]) as raw)", [texts]).fetchall()
    assert [text for (text,) in found] == [text.strip(" \t\r\n\u00a0\u3000") or None for text in texts]


@pytest.mark.parametrize(
    ("kind", "raw", "form"),
    [
        (PropertyType.DATE, "0000-01-01", ""),
        (PropertyType.DATE, "00000101", "yyyyMMdd"),
        (PropertyType.TIMESTAMP, "0000-06-01 00:00:00", ""),
        (PropertyType.TIMESTAMP, "9999-12-31T23:59:59-12:00", ""),
        (PropertyType.TIMESTAMP, "0001-01-01T00:00:00+14:00", ""),
        (PropertyType.NUMBER, "9" * 300 + "e99", ""),
    ],
)
def test_what_no_calendar_and_no_number_holds_is_no_value(
    duck: "DuckDBPyConnection", kind: PropertyType, raw: str, form: str
) -> None:
    assert clean(duck, kind, raw, form) is None
