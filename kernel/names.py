"""Personal names: the form in which two spellings of one name are equal.

Minority names carry a separator, U+00B7; registries write many look-alikes. Names are composed (NFC, not NFKC, which
would change characters that people are called by); Latin letters lose their full width; simplified and traditional
forms stay apart. The raw form is kept by the caller.
"""

import re
import unicodedata

SEPARATOR = "\u00b7"
_LOOK_ALIKES = dict.fromkeys(map(ord, "\u2022\u30fb\u2027\u2219\u22c5\uff0e\u25cf\uff65\u1427\u16eb\ufe52."), SEPARATOR)
_FULL_WIDTH = {ord("\uff21") + at + case: chr(ord("A") + at + case) for at in range(26) for case in (0, 32)}
_FOLDS = _LOOK_ALIKES | _FULL_WIDTH
_PLAIN = re.compile("[\u4e00-\u9fff]+")
"""Most names: unified ideographs, which no step changes."""


def match_name(text: str) -> str:
    """The form to compare names in: composed, one separator, no spaces around it, Latin letters upper case.

    Invisible characters (format characters, such as a zero-width space) are no part of a name.
    """
    if _PLAIN.fullmatch(text):
        return text
    if not text.isascii():
        text = "".join(each for each in text if unicodedata.category(each) != "Cf")
    composed = unicodedata.normalize("NFC", text).translate(_FOLDS)
    parts = (" ".join(part.split()) for part in composed.split(SEPARATOR))
    # Once more: a few letters come apart when they are raised.
    return unicodedata.normalize("NFC", SEPARATOR.join(parts).upper())
