"""Personal names: the form in which two spellings of one name are equal.

Minority names carry a separator, U+00B7; registries write many look-alikes. Names are composed (NFC, not NFKC, which
would change characters that people are called by); simplified and traditional forms stay apart. The raw form is kept
by the caller.
"""

import unicodedata

SEPARATOR = "\u00b7"
_LOOK_ALIKES = str.maketrans(dict.fromkeys("\u2022\u30fb\u2027\u2219\u22c5\uff0e\u25cf\uff65.", SEPARATOR))


def match_name(text: str) -> str:
    """The form to compare names in: composed, one separator, no spaces around it, Latin letters upper case."""
    composed = unicodedata.normalize("NFC", text).translate(_LOOK_ALIKES)
    parts = (" ".join(part.split()) for part in composed.split(SEPARATOR))
    return SEPARATOR.join(parts).upper()
