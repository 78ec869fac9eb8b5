"""Rows: what goes in comes out, whatever comes in gives a row or one error."""

from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.clock import SHANGHAI
from kernel.errors import Malformed
from kernel.identity import Identity, IdentityKind
from schemas.catalogue import Catalogue
from schemas.property import Property, PropertyType
from schemas.rows import RowType, day_timestamp
from schemas.settings import SchemaSettings
from schemas.title import Title

TITLE = Title(zh="栏", en="Column")
KINDS = tuple(PropertyType)
PROPERTIES = tuple(
    Property(name=f"a_{k}", physical_name=k, type=k, title=TITLE, number=n) for n, k in enumerate(KINDS, 1)
)
ROW = RowType("things", PROPERTIES)

VALUES = {
    "a_string": st.text(max_size=20),
    "a_integer": st.integers(-(2**63), 2**63 - 1),
    "a_number": st.floats(allow_nan=False),
    "a_date": st.dates(),
    "a_timestamp": st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(microsecond=0)),
    "a_identity": st.text("0123456789X", max_size=18),
    "a_organisation": st.text("0123456789X", max_size=18),
}
RECORDS = st.fixed_dictionaries({}, optional={name: st.none() | values for name, values in VALUES.items()})


def read_back(row: Any) -> dict[str, Any]:
    seen = ROW.mapping(row)
    if "a_date" in seen:
        seen["a_date"] = date.fromisoformat(str(ROW.text(row, "a_date")))
    if "a_timestamp" in seen:
        seen["a_timestamp"] = datetime.fromisoformat(str(ROW.text(row, "a_timestamp"))).astimezone(UTC)
    return seen


@given(RECORDS)
def test_a_record_comes_back_as_it_went_in(record: dict[str, Any]) -> None:
    there = {name: value for name, value in record.items() if value is not None}
    assert read_back(ROW.parse(ROW.to_bytes(record))) == there


@given(RECORDS, st.randoms())
def test_equal_records_have_equal_bytes(record: dict[str, Any], random: Any) -> None:
    names = list(record)
    random.shuffle(names)
    assert ROW.to_bytes({name: record[name] for name in names}) == ROW.to_bytes(record)


@given(st.binary(max_size=200))
def test_any_bytes_give_a_row_or_one_error(raw: bytes) -> None:
    with suppress(Malformed):
        row = ROW.parse(raw)
        assert set(ROW.mapping(row)) <= {each.name for each in PROPERTIES}


@given(RECORDS, st.data())
def test_cut_or_changed_bytes_give_a_row_or_one_error(record: dict[str, Any], data: st.DataObject) -> None:
    raw = bytearray(ROW.to_bytes(record))
    if raw:
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    with suppress(Malformed):
        ROW.parse(bytes(raw[: data.draw(st.integers(0, len(raw)))]))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("a_string", 1),
        ("a_integer", "1"),
        ("a_integer", True),
        ("a_integer", 2**63),
        ("a_integer", 1.5),
        ("a_number", "1.5"),
        ("a_date", "2026-11-24"),
        ("a_date", datetime(2026, 11, 24, tzinfo=UTC)),
        ("a_timestamp", date(2026, 11, 24)),
        ("a_identity", 331081),
        ("a_string", "\ud800"),
        ("a_colour", "red"),
    ],
)
def test_a_value_of_another_type_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(Malformed) as caught:
        ROW.to_bytes({name: value})
    assert caught.value.field == name
    assert str(value) not in str(caught.value)


def test_a_present_value_is_present_even_where_it_is_the_default() -> None:
    record = {"a_string": "", "a_integer": 0, "a_number": 0.0, "a_date": date(1970, 1, 1)}
    assert set(ROW.mapping(ROW.parse(ROW.to_bytes(record)))) == set(record)
    assert ROW.mapping(ROW.parse(ROW.to_bytes({}))) == {}


def test_only_the_fields_asked_for_are_shown() -> None:
    row = ROW.parse(ROW.to_bytes({"a_string": "x", "a_integer": 1}))
    assert ROW.mapping(row, ("a_integer", "a_date")) == {"a_integer": 1}


def test_a_moment_without_a_zone_is_in_shanghai() -> None:
    moment = datetime(2026, 11, 24, 2)  # noqa: DTZ001 (that is the point)
    row = ROW.parse(ROW.to_bytes({"a_timestamp": moment}))
    assert ROW.text(row, "a_timestamp") == datetime(2026, 11, 24, 2, tzinfo=SHANGHAI).isoformat()


def test_a_day_is_its_midnight_in_utc() -> None:
    assert day_timestamp(date(2000, 2, 29)).ToJsonString() == "2000-02-29T00:00:00Z"
    assert day_timestamp(date(1949, 10, 1)).ToJsonString() == "1949-10-01T00:00:00Z"


def test_an_identity_is_held_as_its_canonical_number() -> None:
    person = Identity(kind=IdentityKind.RESIDENT, number="110101194910010019")
    row = ROW.parse(ROW.to_bytes({"a_identity": person}))
    assert ROW.text(row, "a_identity") == person.number
    assert ROW.text(row, "a_string") is None


def test_a_row_beyond_the_bound_is_refused() -> None:
    small = RowType("things", PROPERTIES, SchemaSettings(row_bytes_max=8))
    with pytest.raises(Malformed):
        small.parse(ROW.to_bytes({"a_string": "much too long"}))


def test_a_contract_may_reorder_and_add_properties_without_touching_old_rows() -> None:
    old = ROW.to_bytes({"a_string": "x", "a_integer": 7})
    more = Property(name="new", physical_name="new", type=PropertyType.STRING, title=TITLE, number=99)
    later = RowType("things", (more, *reversed(PROPERTIES)))
    assert later.mapping(later.parse(old)) == {"a_string": "x", "a_integer": 7}


def test_every_contract_makes_a_row_type_of_its_own(catalogue: Catalogue) -> None:
    for contract in catalogue.contracts.values():
        raw = contract.row.to_bytes({})
        assert contract.row.mapping(contract.row.parse(raw)) == {}
        assert {each.number for each in contract.properties} == set(range(1, len(contract.properties) + 1))
