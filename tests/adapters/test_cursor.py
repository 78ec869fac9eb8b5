"""A cursor crosses from run to run as text, and nothing that changed is lost on the way."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.cursor import Cursor, since
from kernel.clock import SHANGHAI
from kernel.errors import Malformed
from schemas.catalogue import load_contracts
from schemas.contract import Contract
from schemas.property import PropertyType

UPDATED = Cursor(column="更新时间", type=PropertyType.TIMESTAMP)
NUMBERED = Cursor(column="序号", type=PropertyType.INTEGER)
instants = st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2100, 1, 1))  # noqa: DTZ001 (zones are put on below)
overlaps = st.timedeltas(dt.timedelta(0), dt.timedelta(days=400))


@pytest.fixture(scope="module")
def marriages() -> Contract:
    return load_contracts()["marriages"]


def with_cursor(contract: Contract, overlap: dt.timedelta = dt.timedelta(0), count: int = 0) -> Contract:
    server = replace(contract.server, cursor="updated_at", overlap=overlap, overlap_count=count)
    return replace(contract, server=server)


def counted(contract: Contract, count: int) -> Contract:
    made = with_cursor(contract, count=count)
    properties = tuple(
        replace(each, type=PropertyType.INTEGER) if each.name == "updated_at" else each for each in made.properties
    )
    return replace(made, properties=properties)


WRITINGS: dict[str, Callable[[dt.datetime], object]] = {
    "aware": lambda at: at.replace(tzinfo=dt.UTC),
    "naive": lambda at: at,
    "ISO text": lambda at: at.isoformat(sep=" "),
    "ISO text with a zone": lambda at: at.replace(tzinfo=dt.timezone(dt.timedelta(hours=3))).isoformat(),
    "text of seconds": lambda at: at.isoformat(timespec="seconds"),
    "text of a day": lambda at: at.date().isoformat(),
    "day": lambda at: at.date(),
}


@pytest.mark.parametrize("write", WRITINGS.values(), ids=WRITINGS)
@given(greatest=instants, at=instants, overlap=overlaps)
def test_every_value_from_the_overlap_on_is_read_again(
    marriages: Contract, write: Callable[[dt.datetime], object], greatest: dt.datetime, at: dt.datetime,
    overlap: dt.timedelta,
) -> None:  # fmt: skip
    last, value = write(greatest), write(at)
    begin = since(with_cursor(marriages, overlap), UPDATED.watermark(last))
    bound = UPDATED.bound(begin, last)
    assert type(bound) is type(last)
    assert UPDATED.bound(UPDATED.watermark(last), last) <= last  # type: ignore[operator]
    if dt.datetime.fromisoformat(UPDATED.watermark(value)) >= dt.datetime.fromisoformat(begin):
        assert bound <= value  # type: ignore[operator]


@given(greatest=st.integers(0, 1 << 62), count=st.integers(0, 1 << 20))
def test_a_number_crosses_as_it_is(marriages: Contract, greatest: int, count: int) -> None:
    assert since(counted(marriages, count), NUMBERED.watermark(greatest)) == str(greatest - count)
    assert NUMBERED.watermark(Decimal(greatest)) == NUMBERED.watermark(str(greatest)) == str(greatest)
    assert NUMBERED.bound(str(greatest), 1) == greatest


def test_a_registrys_own_format_is_written_as_it_writes() -> None:
    compact = replace(UPDATED, format="%Y%m%d%H%M%S")
    assert compact.watermark("20261124080000") == "2026-11-24T00:00:00+00:00"
    assert compact.bound("2026-11-24T00:00:00.900+00:00", "20261124080000") == "20261124080000"
    assert compact.text("2026-11-24T00:00:00+00:00") == "20261124080000"
    day = Cursor(column="日期", type=PropertyType.DATE, format="%Y%m%d")
    assert day.watermark("20261124") == "2026-11-24"
    assert day.bound("2026-11-23", "20261124") == day.text("2026-11-23") == "20261123"


def test_an_api_is_asked_in_the_citys_time() -> None:
    assert UPDATED.text("2026-11-24T00:00:00.9+00:00") == "2026-11-24T08:00:00+08:00"
    assert NUMBERED.text("17") == "17"
    assert Cursor(column="日期", type=PropertyType.DATE).text("2026-11-24") == "2026-11-24"


def test_a_time_without_a_zone_is_the_citys() -> None:
    naive = dt.datetime(2026, 11, 24, 8)  # noqa: DTZ001 (as registries write it)
    assert UPDATED.watermark(naive) == UPDATED.watermark(naive.replace(tzinfo=SHANGHAI)) == "2026-11-24T00:00:00+00:00"


def test_the_future_is_no_watermark() -> None:
    now = dt.datetime(2026, 11, 24, 20, tzinfo=dt.UTC)
    assert not UPDATED.ahead("2026-11-24T20:00:00+00:00", now)
    assert UPDATED.ahead("2026-11-24T20:00:01+00:00", now)
    # In the city it is the next day already.
    day = Cursor(column="日期", type=PropertyType.DATE)
    assert day.ahead("2026-11-26", now)
    assert not day.ahead("2026-11-25", now)
    assert not NUMBERED.ahead("9" * 18, now)


@pytest.mark.parametrize("text", ["20261124T080000", "2026-W48-2", " 2026-11-24 08:00", "2026-11-24t08:00:00", "soon"])
def test_text_that_does_not_sort_as_instants_do_is_no_form(text: str) -> None:
    with pytest.raises(ValueError, match="extended format"):
        UPDATED.form(text)


def test_without_cursor_or_watermark_everything_is_read(marriages: Contract) -> None:
    assert since(marriages, "2026-11-24T00:00:00+00:00") == ""
    assert since(with_cursor(marriages), "") == ""


@pytest.mark.parametrize("watermark", ["soon", "12345678", "\0", "2026-13-01", "0001-01-01T00:00:00+00:00"])
def test_a_watermark_of_another_kind_asks_for_a_full_extract(marriages: Contract, watermark: str) -> None:
    with pytest.raises(Malformed, match="the whole registry once"):
        since(with_cursor(marriages, dt.timedelta(days=1)), watermark)
    with pytest.raises(Malformed, match="the whole registry once"):
        since(counted(marriages, 1), "2026-11-24")


@pytest.mark.parametrize("value", [True, 1.5, "x", "", "1e3", Decimal("0.5")])
def test_what_is_no_whole_number_is_no_cursor(value: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        NUMBERED.watermark(value)
