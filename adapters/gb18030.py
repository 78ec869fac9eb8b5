"""GB 18030-2022, decoded: every character under the one code point that Unicode gives it.

Python's codec follows the edition of 2000. Since then characters that had to stand in Unicode's private use area have
got code points of their own, and the editions of 2005 and 2022 moved the two-byte codes there. Here a private use code
point that stands for one of these 25 characters becomes the character, whichever code it was written with: what a
registry of 2000 wrote means the same as what one of 2022 writes. That is the Unicode Technical Committee's
recommendation for the edition of 2022 (L2/23-003R, as in ICU 73 and the WHATWG Encoding Standard since 2024) for 18 of
them; the one of 2005 (0xA8BC); and, going further, the six component characters whose two-byte codes the edition of
2022 leaves without a glyph (0xFE51 …), as duplicates of the four-byte codes of Unicode's Extension B.

What a city drew itself in the areas that the standard leaves to users (0xAAA1 … 0xAFFE, 0xF8A1 … 0xFEFE,
0xA140 … 0xA7A0) stays in the private use area: nobody else knows what it means. The rest of the private use code points
stay too, and so does every variant form: no two characters that Unicode tells apart are made one here.
"""

import codecs

_EDITION_2005 = {0xE7C7: 0x1E3F}

_EDITION_2022 = {
    0xE78D: 0xFE10,
    0xE78E: 0xFE12,
    0xE78F: 0xFE11,
    0xE790: 0xFE13,
    0xE791: 0xFE14,
    0xE792: 0xFE15,
    0xE793: 0xFE16,
    0xE794: 0xFE17,
    0xE795: 0xFE18,
    0xE796: 0xFE19,
    0xE81E: 0x9FB4,
    0xE826: 0x9FB5,
    0xE82B: 0x9FB6,
    0xE82C: 0x9FB7,
    0xE832: 0x9FB8,
    0xE843: 0x9FB9,
    0xE854: 0x9FBA,
    0xE864: 0x9FBB,
}

_DUPLICATES = {
    0xE816: 0x20087,
    0xE817: 0x20089,
    0xE818: 0x200CC,
    0xE831: 0x215D7,
    0xE83B: 0x2298F,
    0xE855: 0x241FE,
}

MOVED = _EDITION_2005 | _EDITION_2022 | _DUPLICATES
"""Private use code point of the edition of 2000 → the character's own."""

_MOVED_LEAD = b"\xee"
"""In UTF-8 the first byte of every code point in `MOVED` (U+E000 … U+EFFF), and of nothing else."""


class Gb18030:
    """Decodes a stream of GB 18030 to UTF-8, some bytes at a time."""

    def __init__(self) -> None:
        """Begin."""
        self._decoder = codecs.getincrementaldecoder("gb18030")()

    def decode(self, raw: bytes, *, final: bool = False) -> bytes:
        """The next bytes as UTF-8; what ends within a character waits. Raises UnicodeDecodeError."""
        text = self._decoder.decode(raw, final)
        written = text.encode()
        # A search for one byte costs nothing beside the decoding; only what holds one is translated.
        return text.translate(MOVED).encode() if _MOVED_LEAD in written else written


class Utf8:
    """Checks a stream of UTF-8, some bytes at a time."""

    def __init__(self) -> None:
        """Begin."""
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def decode(self, raw: bytes, *, final: bool = False) -> bytes:
        """The next bytes; what ends within a character waits. Raises UnicodeDecodeError."""
        return self._decoder.decode(raw, final).encode()
