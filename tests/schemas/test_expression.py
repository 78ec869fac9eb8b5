"""CEL: checked against typed rows, evaluated over what is present; an absence that decides is no answer."""

from datetime import UTC, date, datetime, timedelta
from threading import Thread
from typing import Any

import pytest
from google.protobuf import timestamp_pb2
from hypothesis import given
from hypothesis import strategies as st

from schemas.catalogue import Catalogue
from schemas.expression import Compiler, Expression, ExpressionFault, Undetermined, age
from schemas.parameter import Parameter, ParameterType
from schemas.rows import day_timestamp
from schemas.settings import SchemaSettings
from schemas.title import Title

DATASETS = ("population", "marriages", "social_insurance")
YEARS = Parameter(name="years", type=ParameterType.INTEGER, title=Title(zh="年", en="Years"))
TODAY = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.fixture(scope="module")
def compiler(catalogue: Catalogue) -> Compiler:
    return Compiler(catalogue.contracts)


def sound(compiler: Compiler, text: str) -> Expression:
    compiled = compiler.compile(text, "test.claim", DATASETS, [YEARS])
    assert isinstance(compiled, Expression), compiled
    return compiled


def faults(compiler: Compiler, text: str) -> tuple[ExpressionFault, ...]:
    compiled = compiler.compile(text, "test.claim", DATASETS, [YEARS])
    assert not isinstance(compiled, Expression)
    return compiled


def over(*rows: dict[str, Any], years: int = 0) -> dict[str, Any]:
    return {"population": list(rows), "marriages": [], "social_insurance": [], "ask": {"years": years}, "today": TODAY}


def test_false_and_an_absence_is_false(compiler: Compiler) -> None:
    text = "population.exists(p, p.status == '户籍' && p.father_id == 'x')"
    assert not sound(compiler, text).holds(over({"status": "迁出"}))


def test_true_or_an_absence_is_true(compiler: Compiler) -> None:
    text = "population.exists(p, p.status == '户籍' || p.father_id == 'x')"
    assert sound(compiler, text).holds(over({"status": "户籍"}))


@pytest.mark.parametrize(
    "text",
    [
        "population.exists(p, p.status == '户籍')",
        "population.exists(p, p.status != '户籍')",
        "!population.exists(p, p.status == '户籍')",
        "population.all(p, p.status != '户籍')",
        "population.exists(p, p.name == '甲' && p.status == '户籍')",
        "population[0].status == '户籍'",
    ],
)
def test_an_absence_that_decides_is_undetermined(compiler: Compiler, text: str) -> None:
    with pytest.raises(Undetermined) as caught:
        sound(compiler, text).holds(over({"name": "甲"}))
    assert caught.value.field == "status"
    assert "甲" not in str(caught.value)


def test_one_row_that_confirms_is_enough_whatever_is_absent_elsewhere(compiler: Compiler) -> None:
    text = "population.exists(p, p.status == '户籍')"
    assert sound(compiler, text).holds(over({}, {"status": "户籍"}))


def test_an_absent_number_is_not_small(compiler: Compiler) -> None:
    text = "social_insurance.exists(s, s.months_paid < 12)"
    with pytest.raises(Undetermined):
        sound(compiler, text).holds({**over(), "social_insurance": [{}]})


def test_what_no_variable_was_given_for_is_undetermined(compiler: Compiler) -> None:
    with pytest.raises(Undetermined):
        sound(compiler, "population.exists(p, p.status == '户籍')").holds({})


@pytest.mark.parametrize("seconds", [2**62, -(2**62), 253_402_300_800])
def test_a_day_beyond_all_calendars_is_undetermined(compiler: Compiler, seconds: int) -> None:
    row = {"birth_date": timestamp_pb2.Timestamp(seconds=seconds)}
    with pytest.raises(Undetermined):
        sound(compiler, "population.exists(p, age(p.birth_date, today) >= ask.years)").holds(over(row))


def test_a_birth_after_today_is_undetermined(compiler: Compiler) -> None:
    row = {"birth_date": day_timestamp(date(2026, 11, 25))}
    with pytest.raises(Undetermined) as caught:
        sound(compiler, "population.exists(p, age(p.birth_date, today) >= ask.years)").holds(over(row))
    assert "2026" not in str(caught.value)
    assert sound(compiler, "population.exists(p, age(p.birth_date, today) == 0)").holds(
        over({"birth_date": day_timestamp(date(2026, 11, 24))})
    )


def test_has_may_be_asked_only_where_the_contract_says_what_absence_means(compiler: Compiler) -> None:
    allowed = sound(compiler, "population.exists(p, has(p.household_no))")
    assert allowed.holds(over({"household_no": "1"}))
    assert not allowed.holds(over({"name": "甲"}))
    (fault,) = faults(compiler, "marriages.exists(m,\n  m.status == '已婚'\n  && !has(m.divorced_on))")
    assert fault.line == 3
    assert "has(divorced_on)" in fault.what


def test_every_fault_of_an_expression_is_reported_on_its_line(compiler: Compiler) -> None:
    found = faults(
        compiler, "population.exists(p, p.statsu == '户籍')\n  && population.exists(p, p.sex == 1)\n  && nobody"
    )
    assert [(fault.line, fault.what.split("'")[0]) for fault in found] == [
        (1, "undefined field "),
        (2, "found no matching overload for "),
        (3, "undeclared reference to "),
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("size(population)", "no yes or no"),
        ("'a'.startsWith(", "Syntax error"),
        ("true " * 500, "longer than"),
        ("(" * 400 + "true" + ")" * 400, "no CEL expression"),
        ("population.exists(a, population.exists(b, population.exists(c, true)))", "nests more"),
        ("population.exists(a, type(a) == type(a))", "asks for a value's type"),
        ("population.exists(p, p in population)", "whole rows"),
        ("", "Syntax error"),
    ],
)
def test_what_cannot_be_bounded_or_checked_is_refused(compiler: Compiler, text: str, what: str) -> None:
    assert any(what in fault.what for fault in faults(compiler, text))


def test_the_bounds_are_settings(catalogue: Catalogue) -> None:
    strict = Compiler(catalogue.contracts, SchemaSettings(expression_length_max=10, expression_depth_max=0))
    assert faults(strict, "true && true")
    assert faults(strict, "true || t")
    assert faults(strict, "[1].all(a,a==1)"[:10])


@given(text=st.text(max_size=60))
def test_any_text_compiles_or_has_faults(compiler: Compiler, text: str) -> None:
    compiled = compiler.compile(text, "test.claim", DATASETS, [YEARS])
    assert isinstance(compiled, Expression) or compiled


def test_a_claim_sees_no_dataset_but_its_own(compiler: Compiler) -> None:
    compiled = compiler.compile("size(dwellings) == 0", "test.claim", DATASETS, [])
    assert isinstance(compiled, tuple)
    assert "undeclared reference" in compiled[0].what


def test_an_expression_tells_what_it_reads_and_asks(compiler: Compiler) -> None:
    text = "population.exists(p, p.status == '户籍' && age(p.birth_date, today) >= ask.years) || size(marriages) == 0"
    made = sound(compiler, text)
    assert made.reads == {("population", "status"), ("population", "birth_date")}
    assert made.asks == {"years"}


@pytest.mark.parametrize(
    ("text", "confirms", "denies"),
    [
        ("population.exists(p, p.status != '户籍')", False, True),
        ("!population.exists(p, p.status == '户籍')", True, False),
        ("population.all(p, p.status == '户籍')", True, False),
        ("!population.all(p, p.status == '户籍')", False, True),
        ("size(population) == 0", True, False),
        ("population.size() == 0", True, False),
        ("size(population) > 0", False, True),
        ("size(population) == 1", True, True),
        ("population.filter(p, p.sex == '男').size() == 0", True, True),
        ("population.exists_one(p, p.sex == '男')", True, True),
        ("population[0].sex == '男'", True, True),
        ("population.exists(p, p.sex == '男') && size(marriages) == 0", True, True),
        ("population.exists(p, marriages.exists(m, m.husband_id == p.person_id))", False, True),
        ("population.exists(p, !marriages.exists(m, m.husband_id == p.person_id))", True, True),
        ("ask.years == 1 ? population.exists(p, true) : false", True, True),
        ("ask.years == 1", False, False),
    ],
)
def test_which_answers_rest_on_rows_that_are_not_there(
    compiler: Compiler,
    text: str,
    confirms: bool,  # noqa: FBT001 (a case of the table)
    denies: bool,  # noqa: FBT001 (the same)
) -> None:
    made = sound(compiler, text)
    assert (made.confirms_from_absence, made.denies_from_absence) == (confirms, denies)


STATUSES = st.sampled_from(["户籍", "居住", "迁出"])
ROWS = st.lists(st.fixed_dictionaries({}, optional={"status": STATUSES, "sex": st.sampled_from("男女")}), max_size=4)
ATOMS = st.sampled_from(
    [
        "population.exists(p, p.status == '户籍')",
        "population.all(p, p.status != '居住')",
        "size(population) == 0",
        "population.exists(p, p.sex == '男' && p.status != '迁出')",
        "population.exists(p, population.all(q, q.sex == p.sex))",
    ]
)
TEXTS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        inner.map(lambda a: f"!({a})"),
        st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(lambda t: f"({t[0]}) {t[1]} ({t[2]})"),
    ),
    max_leaves=4,
)


@given(text=TEXTS, rows=ROWS, more=ROWS)
def test_no_further_row_turns_what_does_not_rest_on_absence(
    compiler: Compiler, text: str, rows: list[dict[str, str]], more: list[dict[str, str]]
) -> None:
    made = sound(compiler, text)
    try:
        before, after = made.holds(over(*rows)), made.holds(over(*rows, *more))
    except Undetermined:
        return
    if before and not after:
        assert made.confirms_from_absence
    if after and not before:
        assert made.denies_from_absence


@given(text=TEXTS, rows=ROWS, data=st.data())
def test_nulling_a_field_never_turns_an_answer_round(
    compiler: Compiler, text: str, rows: list[dict[str, str]], data: st.DataObject
) -> None:
    made = sound(compiler, text)
    lost = [{k: v for k, v in row.items() if data.draw(st.booleans())} for row in rows]
    try:
        before, after = made.holds(over(*rows)), made.holds(over(*lost))
    except Undetermined:
        return
    assert before == after


def test_one_expression_serves_many_threads(compiler: Compiler) -> None:
    made = sound(compiler, "population.exists(p, age(p.birth_date, today) >= ask.years)")
    seen: list[bool] = []

    def ask(born: int) -> None:
        row = {"birth_date": day_timestamp(date(born, 1, 1))}
        seen.extend(made.holds(over(row, years=60)) == (born <= 1966) for _ in range(500))

    threads = [Thread(target=ask, args=(born,)) for born in (1940, 1966, 1967, 2000)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(seen) == 2000
    assert all(seen)


@pytest.mark.parametrize(
    ("birth", "today", "years"),
    [
        ((1966, 11, 24), (2026, 11, 23), 59),
        ((1966, 11, 24), (2026, 11, 24), 60),
        ((1966, 11, 24), (2026, 11, 25), 60),
        ((1966, 12, 31), (2026, 1, 1), 59),
        ((2004, 2, 29), (2026, 2, 27), 21),
        ((2004, 2, 29), (2026, 2, 28), 22),
        ((2004, 2, 29), (2026, 3, 1), 22),
        ((2004, 2, 29), (2024, 2, 28), 19),
        ((2004, 2, 29), (2024, 2, 29), 20),
        ((1896, 2, 29), (1900, 2, 28), 4),
        ((2000, 2, 29), (2100, 2, 28), 100),
        ((2004, 2, 28), (2024, 2, 27), 19),
        ((2026, 11, 24), (2026, 11, 24), 0),
        ((1900, 1, 1), (2026, 11, 24), 126),
    ],
)
def test_age_in_whole_years(birth: tuple[int, int, int], today: tuple[int, int, int], years: int) -> None:
    assert age(datetime(*birth, tzinfo=UTC), datetime(*today, tzinfo=UTC)) == years


def test_age_before_birth_is_none() -> None:
    with pytest.raises(ValueError, match="after today"):
        age(datetime(2026, 11, 25, tzinfo=UTC), TODAY)


@given(birth=st.dates(date(1900, 1, 1), date(2026, 1, 1)), days=st.integers(0, 36_500))
def test_age_never_falls_as_days_pass(birth: date, days: int) -> None:
    born = datetime(birth.year, birth.month, birth.day, tzinfo=UTC)
    day = born + timedelta(days=days)
    assert 0 <= age(born, day + timedelta(days=1)) - age(born, day) <= 1
