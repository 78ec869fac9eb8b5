"""GB 18030-2022: every code point that an edition moved, and none other, becomes the character's own."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.gb18030 import MOVED, Gb18030

# The lists of L2/23-003R (Unicode Technical Committee, 2023): code, the private use code point of the edition of 2005
# and before, and the character of 2022; then 0xA8BC, moved by the edition of 2005; then the six that the edition of
# 2022 leaves without a glyph, with the four-byte code of the character that each of them doubles.
CODES = """
A6D9 E78D FE10 84318236
A6DA E78E FE12 84318238
A6DB E78F FE11 84318237
A6DC E790 FE13 84318239
A6DD E791 FE14 84318330
A6DE E792 FE15 84318331
A6DF E793 FE16 84318332
A6EC E794 FE17 84318333
A6ED E795 FE18 84318334
A6F3 E796 FE19 84318335
FE59 E81E 9FB4 82359037
FE61 E826 9FB5 82359038
FE66 E82B 9FB6 82359039
FE67 E82C 9FB7 82359130
FE6D E832 9FB8 82359131
FE7E E843 9FB9 82359132
FE90 E854 9FBA 82359133
FEA0 E864 9FBB 82359134
A8BC E7C7 1E3F 8135F437
FE51 E816 20087 95329031
FE52 E817 20089 95329033
FE53 E818 200CC 95329730
FE6C E831 215D7 9536B937
FE76 E83B 2298F 9630BA35
FE91 E855 241FE 9635B630
"""
EACH = [line.split() for line in CODES.split("\n") if line]
SECOND = [*range(0x40, 0x7F), *range(0x80, 0xFF)]


def decoded(raw: bytes) -> str:
    return Gb18030().decode(raw, final=True).decode()


@pytest.mark.parametrize(("short", "private", "own", "long"), EACH)
def test_a_moved_character_has_one_code_point_however_it_was_written(
    short: str, private: str, own: str, long: str
) -> None:
    character = chr(int(own, 16))
    assert decoded(bytes.fromhex(short)) == character
    assert decoded(bytes.fromhex(long)) == character
    assert MOVED[int(private, 16)] == int(own, 16)


def test_no_other_character_is_touched() -> None:
    assert len(MOVED) == len(EACH)
    pairs = [bytes(pair) for pair in itertools.product(range(0x81, 0xFF), SECOND)]
    differing = {pair.hex().upper() for pair in pairs if decoded(pair) != pair.decode("gb18030")}
    assert differing == {short for short, *_ in EACH}


def test_a_citys_own_characters_stay_where_the_city_put_them() -> None:
    for code, private in (("AAA1", 0xE000), ("F8A1", 0xE234), ("A140", 0xE4C6)):
        assert decoded(bytes.fromhex(code)) == chr(private)


def test_the_characters_that_the_edition_of_2022_adds_are_read() -> None:
    for added in ("\u9fea", "\u9fef", "\U0002b820", "\U0002ceb0", "\U0003134a", "〇", "㛃", "䶮"):
        assert decoded(added.encode("gb18030")) == added


@given(st.text(), st.integers(1, 7))
def test_text_is_the_same_however_it_comes_in_parts(text: str, size: int) -> None:
    raw = text.encode("gb18030", "ignore")
    decoder = Gb18030()
    parts = [decoder.decode(raw[at : at + size]) for at in range(0, len(raw), size)]
    parts.append(decoder.decode(b"", final=True))
    assert b"".join(parts).decode() == decoded(raw) == raw.decode("gb18030").translate(MOVED)


@pytest.mark.parametrize("raw", [b"\xff", b"\x80", b"\x81", b"\x81\x30", b"\x81\x20", b"\xfe\x39\xfe\x39"])
def test_what_is_no_gb18030_is_an_error(raw: bytes) -> None:
    with pytest.raises(UnicodeDecodeError):
        decoded(raw)
