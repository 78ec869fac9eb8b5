"""Names: spellings of one name are equal, different people stay different."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.names import match_name


@pytest.mark.parametrize("separator", "\u2022\u30fb\u2027\u2219\u22c5\uff0e\u25cf\u00b7\u1427\u16eb\ufe52")
def test_every_separator_of_a_minority_name_matches(separator: str) -> None:
    assert (
        match_name(f"阿依古丽{separator}买买提") == match_name(f"阿依古丽 {separator} 买买提") == "阿依古丽\u00b7买买提"
    )


def test_simplified_and_traditional_names_stay_apart() -> None:
    assert match_name("刘丽") != match_name("劉麗")


def test_a_name_in_full_width_letters_or_with_invisible_characters_is_the_same_name() -> None:
    assert match_name("\uff2a\uff4f\uff48\uff4e Smith") == match_name("\ufeffJohn\u200b Smith") == "JOHN SMITH"


def test_letters_that_come_apart_when_raised_match_too() -> None:
    assert match_name("\u0390") == match_name(match_name("\u0390"))


def test_rare_characters_are_kept() -> None:
    assert match_name("王𬀩㐂") == "王𬀩㐂"


@given(st.text())
def test_matching_is_idempotent(name: str) -> None:
    assert match_name(match_name(name)) == match_name(name)
