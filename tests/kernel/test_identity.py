"""Identity numbers: every kind that people hold, folded to one form."""

import re
from contextlib import suppress
from string import ascii_uppercase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import MalformedIdentity
from kernel.identity import (
    Identity,
    IdentityKind,
    check_character,
    clean_number,
    near,
    parse_organisation,
    parse_person,
)

days = st.dates().filter(lambda day: day.year >= 1900)


@st.composite
def residents(draw: st.DrawFn) -> str:
    """Valid resident numbers, whatever the region."""
    region = draw(st.integers(110000, 659999))
    body = f"{region}{draw(days):%Y%m%d}{draw(st.integers(0, 999)):03}"
    return body + check_character(body)


@pytest.mark.parametrize(
    ("text", "kind", "number"),
    [
        ("11010519491231002X", IdentityKind.RESIDENT, "11010519491231002X"),  # the example of GB 11643-1999
        ("440524188001010014", IdentityKind.RESIDENT, "440524188001010014"),  # the standard's second example
        ("110105491231002", IdentityKind.RESIDENT, "11010519491231002X"),
        (" 110105 19491231 002x ", IdentityKind.RESIDENT, "11010519491231002X"),
        ("１１０１０５１９４９１２３１００２Ｘ", IdentityKind.RESIDENT, "11010519491231002X"),
        ("\u202d11010519491231002X\u202c", IdentityKind.RESIDENT, "11010519491231002X"),  # as spreadsheets copy it
        ("FRA330190010112", IdentityKind.FOREIGN_PERMIT, None),
    ],
)
def test_numbers_fold_to_one_form(text: str, kind: IdentityKind, number: str | None) -> None:
    if number is None:
        with pytest.raises(MalformedIdentity):
            parse_person(text + "9")
        return
    assert parse_person(text) == Identity(kind=kind, number=number)


@pytest.mark.parametrize("region", ["810000", "820000", "830000"])
def test_permits_of_hong_kong_macao_and_taiwan_residents_are_a_kind_of_their_own(region: str) -> None:
    body = f"{region}19900101001"
    assert parse_person(body + check_character(body)).kind is IdentityKind.HMT_PERMIT


def test_a_foreign_permanent_resident_may_hold_either_form() -> None:
    body = "93315619850607001"
    assert parse_person(body + check_character(body)).kind is IdentityKind.FOREIGN_PERMIT
    assert parse_person("GBR330085060712").number == "GBR330085060712"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "110105194912310021",  # wrong check character
        "11010519490230002X",  # 30 February
        "110105490230002",  # 30 February in 15 digits
        "1" * 65,
        "GBR330085130712",  # month 13
        "\u0661\u0661\u0660\u0661\u0660\u0665\u0664\u0669\u0661\u0662\u0663\u0661\u0660\u0660\u0662",  # Arabic digits
        "张三",
        "'; drop table population; --",
    ],
)
def test_what_nobody_holds_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(MalformedIdentity) as refused:
        parse_person(text)
    assert not text or text not in str(refused.value)


@given(residents())
def test_a_valid_number_is_its_own_canonical_form(number: str) -> None:
    assert parse_person(number).number == number
    assert Identity.from_canonical(parse_person(number).canonical) == parse_person(number)


@given(residents(), st.integers(0, 17), st.sampled_from("0123456789X"))
def test_the_holder_is_among_those_near_a_mistyped_number(number: str, place: int, typed: str) -> None:
    mistyped = number[:place] + typed + number[place + 1 :]
    assert parse_person(number) in near(mistyped)


@given(residents(), st.integers(0, 16))
def test_the_holder_is_among_those_near_a_number_that_lost_or_swapped_a_character(number: str, place: int) -> None:
    lost = number[:place] + number[place + 1 :]
    swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    assert parse_person(number) in near(lost)
    assert parse_person(number) in near(swapped)


def one_edit_away(text: str) -> set[Identity]:
    """Every valid number one edit away, found by trying each."""
    alphabet = "0123456789X" if len(text) in range(16, 20) else "0123456789" + ascii_uppercase
    cuts = [(text[:at], text[at:]) for at in range(len(text) + 1)]
    tried = {a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1}
    tried |= {a + c + b[1:] for a, b in cuts if b for c in alphabet}
    tried |= {a + b[1:] for a, b in cuts if b} | {a + c + b for a, b in cuts for c in alphabet}
    found = set()
    for each in tried:
        with suppress(MalformedIdentity):
            found.add(parse_person(each))
    return found


@given(residents(), st.data())
def test_who_is_near_is_found_by_arithmetic_as_by_trying(number: str, data: st.DataObject) -> None:
    mangled = number
    for _ in range(data.draw(st.integers(1, 2))):
        at = data.draw(st.integers(0, len(mangled)))
        put = data.draw(st.sampled_from(["", *"0123456789X?A"]))
        mangled = mangled[:at] + put + mangled[at + data.draw(st.integers(0, 1)) :]
    assert near(mangled) == one_edit_away(mangled)


@pytest.mark.parametrize(
    "bad", ["8BR330085060712", "BR330085060712", "GBBR330085060712", "BGR33008506071", "GBR330O85060712"]
)
def test_the_holder_of_an_older_foreign_card_is_among_those_near_it_too(bad: str) -> None:
    holder = parse_person("BGR330085060712" if bad.startswith("BG") else "GBR330085060712")
    assert holder in near(bad)


@given(st.text())
def test_any_text_gives_an_identity_or_one_error(text: str) -> None:
    with suppress(MalformedIdentity):
        assert parse_person(text).number == clean_number(parse_person(text).number)
    with suppress(MalformedIdentity):
        parse_organisation(text)
    near(text)


def test_an_organisation_is_named_by_its_credit_code() -> None:
    assert parse_organisation("91110000600037341L").kind is IdentityKind.ORGANISATION
    with pytest.raises(MalformedIdentity):
        parse_organisation("911100006000373410")


@given(residents())
def test_a_masked_number_hides_the_birthday(number: str) -> None:
    masked = parse_person(number).masked
    assert len(masked) == len(number)
    assert re.fullmatch(r"....\*{12}..", masked)
