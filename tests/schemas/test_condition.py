"""A contract's conditions are read word by word: what is no plain condition is refused when the contract is loaded."""

from contextlib import suppress

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.catalogue import Catalogue
from schemas.condition import DEPTH_MAX, LENGTH_MAX, UnknownProperty, Unreadable, read_condition
from schemas.property import Property, PropertyType
from schemas.title import Title


def _property(name: str, kind: PropertyType = PropertyType.STRING) -> Property:
    return Property(name=name, physical_name=name, type=kind, title=Title(zh=name, en=name), number=1)


NAMES = ("status", "select", "from", "content", "read_text", "length", "date", "getenv")
PROPERTIES = {
    **{name: _property(name) for name in NAMES},
    "months": _property("months", PropertyType.INTEGER),
    "born": _property("born", PropertyType.DATE),
    "died": _property("died", PropertyType.TIMESTAMP),
}
ROW = {"status": "正常", "months": "12", "born": "date '1990-01-01'", "died": "timestamp '2020-01-01 10:00:00'"}

SOUND = [
    ("status <> '终止' or months > 0", True),
    ("STATUS = 'x'", None),
    ("status = '正常' and (months between 1 and 12)", True),
    ("not status in ('暂停', '终止')", True),
    ("not (months is null) and died is not null", True),
    ("born < died and died >= date '2019-12-31'", True),
    ("months * 2 - 4 = 20", True),
    ("months > -1", True),
    ("status not like '终%'", True),
    ("length(status) = 2", True),
    ("length = 'x' or date = 'x' or \"a\" = 'b'", None),
    ("status = 'it''s'", False),
]
HOSTILE = [
    "(select content from read_text('/etc/passwd')) is null",
    "read_text('/etc/passwd') is null",
    "getenv('HOME') = 'x'",
    "getenv ('HOME') = 'x'",
    "status in (select content from read_text)",
    "status = 'x'; attach '/tmp/x.db'",
    "status = 'x' -- and months > 0",
    "status = 'x' /* */",
    "status = $1",
    'status = "select"',
    "status = e'\\x41'",
    "status::integer = 1",
    "status || status = 'x'",
    "status.content = 'x'",
    "case when months > 0 then 1 end = 1",
    "exists (from status)",
    "months[1] = 2",
    "months / 0 = 1",
    "status = 'unfinished",
    "",
    "status",
    "months > 'x'",
    "status between 'a' or 'b'",
    "not",
    "status in ()",
    "status is 'x'",
    "born > date 'tomorrow'",
]


@pytest.mark.parametrize(("text", "holds"), SOUND)
def test_a_plain_condition_is_what_it_says(text: str, *, holds: bool | None) -> None:
    if holds is None:
        with pytest.raises(Unreadable):
            read_condition(text, PROPERTIES)
        return
    sql = read_condition(text, PROPERTIES).sql
    values = ", ".join(f"{value if value[0] in 'dt1' else repr(value)} as {name}" for name, value in ROW.items())
    with duckdb.connect() as connection:
        assert connection.execute(f"select {sql} from (select {values})").fetchone() == (holds,)  # noqa: S608


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_no_plain_condition_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        read_condition(text, PROPERTIES)


def test_a_property_can_be_called_anything_and_is_a_column_all_the_same() -> None:
    condition = read_condition("select <> from and length <> date and length(length) > 0", PROPERTIES)
    assert condition.properties == ("select", "from", "length", "date")
    with duckdb.connect() as connection:
        found = connection.execute(
            f'select {condition.sql} from (select 1::varchar as "select", 2::varchar as "from", '  # noqa: S608
            "3::varchar as length, 4::varchar as date)"
        ).fetchone()
    assert found == (True,)


def test_a_condition_is_bounded() -> None:
    with pytest.raises(Unreadable, match="longer"):
        read_condition("status = 'x' or " * LENGTH_MAX + "status = 'x'", PROPERTIES)
    with pytest.raises(Unreadable, match="nested"):
        read_condition("(" * DEPTH_MAX + "status = 'x'" + ")" * DEPTH_MAX, PROPERTIES)


def test_a_stranger_in_a_condition_is_named() -> None:
    with pytest.raises(UnknownProperty, match="nobody in the condition"):
        read_condition("nobody = 'x'", PROPERTIES)


ATOMS = st.sampled_from(
    [
        "status = 'x'",
        "select <> from",
        "months * 2 + length(content) >= -3",
        "born is not null",
        "died is null",
        "months between 1 and 2",
        "date not in ('x', 'it''s')",
        "born < date '2020-01-01'",
        "getenv like '%x_'",
        "status",
        "read_text('x') = 'x'",
        "(select content from read_text) = 'x'",
        "months",
    ]
)
CONDITIONS = st.recursive(
    ATOMS,
    lambda part: st.one_of(
        part.map("not {}".format),
        part.map("({})".format),
        st.tuples(part, st.sampled_from(["and", "or", "=", "+", ";", "--", ","]), part).map(" ".join),
    ),
    max_leaves=6,
)


@given(CONDITIONS)
def test_whatever_is_accepted_is_one_expression_over_the_row(text: str) -> None:
    with suppress(Unreadable):
        condition = read_condition(text, PROPERTIES)
        columns = ", ".join(f'null::{_kind(each)} as "{name}"' for name, each in PROPERTIES.items())
        with duckdb.connect(config={"enable_external_access": False}) as connection:
            found = connection.execute(f"select {condition.sql} from (select {columns})").fetchall()  # noqa: S608
        assert len(found) == 1
        assert set(condition.properties) <= PROPERTIES.keys()
        assert "read_text(" not in condition.sql


def _kind(held: Property) -> str:
    return {PropertyType.INTEGER: "bigint", PropertyType.DATE: "date", PropertyType.TIMESTAMP: "timestamp"}.get(
        held.type, "varchar"
    )


def test_the_shipped_conditions_are_read(catalogue: Catalogue) -> None:
    rules = [rule for contract in catalogue.contracts.values() for rule in contract.rules if rule.predicate]
    assert len(rules) >= 5
    assert all('"' in rule.predicate for rule in rules)
