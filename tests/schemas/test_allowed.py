"""How many rows may fail: every operator of the standard, in rows and in percent, exact at its edges."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.allowed import Allowed, operators

EDGES = [
    ("mustBe", 0, False, 100, (0, 0)),
    ("mustBe", 5, True, 100, (5, 5)),
    ("mustNotBe", 0, False, 100, (1, None)),
    ("mustBeGreaterThan", 0, False, 100, (1, None)),
    ("mustBeGreaterThan", 50, True, 101, (51, None)),
    ("mustBeGreaterOrEqualTo", 50, True, 101, (51, None)),
    ("mustBeGreaterOrEqualTo", 50, True, 100, (50, None)),
    ("mustBeLessThan", 5, False, 100, (None, 4)),
    ("mustBeLessThan", 5, True, 100, (None, 4)),
    ("mustBeLessThan", 5, True, 101, (None, 5)),
    ("mustBeLessOrEqualTo", 5, True, 19, (None, 0)),
    ("mustBeLessOrEqualTo", 5, True, 20, (None, 1)),
    ("mustBeLessOrEqualTo", 5, True, 21, (None, 1)),
    ("mustBeLessOrEqualTo", 0, True, 10**9, (None, 0)),
    ("mustBeBetween", [1, 5], False, 100, (1, 5)),
    ("mustBeBetween", [80, 120], True, 10, (8, 12)),
    ("mustNotBeBetween", [0, 3], False, 100, (4, None)),
]


@pytest.mark.parametrize(("name", "value", "percent", "whole", "counts"), EDGES)
def test_an_operator_allows_exactly_what_it_says(
    name: str, value: object, *, percent: bool, whole: int, counts: tuple[int | None, int | None]
) -> None:
    assert Allowed.operator(name, value, percent=percent).counts(whole) == counts


def test_every_operator_of_the_standard_is_known() -> None:
    assert {name for name, *_ in EDGES} == set(operators())


def test_a_share_is_exact_where_binary_fractions_are_not() -> None:
    assert int(0.29 * 100) == 28
    assert Allowed.share(0.29).counts(100) == (None, 29)
    assert Allowed.operator("mustBeLessOrEqualTo", 0.1, percent=True).counts(3000) == (None, 3)


@pytest.mark.parametrize(
    ("name", "value", "counts"),
    [
        ("mustBeLessOrEqualTo", 5, (None, 0)),
        ("mustBeLessThan", 5, (None, 0)),
        ("mustBe", 0, (None, 0)),
        ("mustBeGreaterThan", 0, (1, None)),
        ("mustBeGreaterOrEqualTo", 5, (1, None)),
        ("mustBeBetween", [0, 5], (None, 0)),
    ],
)
def test_a_share_of_nothing_is_nothing(name: str, value: object, counts: tuple[int | None, int | None]) -> None:
    assert Allowed.operator(name, value, percent=True).counts(0) == counts


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mustBe", -1),
        ("mustBe", "5"),
        ("mustBe", True),
        ("mustBe", float("inf")),
        ("mustBeLessThan", 0),
        ("mustBeLessOrEqualTo", -0.5),
        ("mustBeBetween", [5, 1]),
        ("mustBeBetween", [-5, -1]),
        ("mustNotBe", 7),
        ("mustNotBeBetween", [3, 7]),
    ],
)
def test_what_no_count_can_be_or_two_ranges_could_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        Allowed.operator(name, value, percent=False)


@given(
    st.sampled_from(["mustBe", "mustBeGreaterThan", "mustBeGreaterOrEqualTo", "mustBeLessThan", "mustBeLessOrEqualTo"]),
    st.decimals(0, 100, places=2),
    st.integers(1, 10**7),
    st.integers(0, 10**7),
)
def test_counts_are_within_bounds_just_when_their_percentage_is(
    name: str, value: object, whole: int, failed: int
) -> None:
    limit = float(str(value))
    if name == "mustBeLessThan" and limit == 0:
        return
    share = Fraction(100 * failed, whole)
    exact = Fraction(str(limit))
    truth = {
        "mustBe": share == exact,
        "mustBeGreaterThan": share > exact,
        "mustBeGreaterOrEqualTo": share >= exact,
        "mustBeLessThan": share < exact,
        "mustBeLessOrEqualTo": share <= exact,
    }
    least, most = Allowed.operator(name, limit, percent=True).counts(whole)
    assert ((least is None or failed >= least) and (most is None or failed <= most)) == truth[name]


def test_what_is_allowed_reads_as_people_write_it() -> None:
    written = [
        (Allowed.share(0.05), "≤ 5%"),
        (Allowed.share(0.001), "≤ 0.1%"),
        (Allowed.operator("mustBeBetween", [80, 120], percent=True), "80%–120%"),
        (Allowed.operator("mustBe", 1200, percent=False), "= 1,200"),
        (Allowed.operator("mustNotBe", 0, percent=False), "> 0"),
    ]
    assert [str(allowed) for allowed, _ in written] == [text for _, text in written]
