"""Places: administrative division codes (GB/T 2260, GB/T 10114), each standing for all that lies in it.

A code's first 2 digits are the province, 4 the prefecture, 6 the county, 9 the town or street, 12 the village.
"""

import re

from schemas.document import Document

_DIVISION = re.compile(r"[1-9][0-9](?:[0-9]{2}(?:[0-9]{2}(?:[0-9]{3}(?:[0-9]{3})?)?)?)?")


def is_division(code: str) -> bool:
    """Whether a text is the code of a division, written no longer than its level."""
    return _DIVISION.fullmatch(code) is not None


def check_division(document: Document, code: str, *at: str | int) -> None:
    """Note a fault where a text is no division's code."""
    if not is_division(code):
        document.fault(f"{code} is no administrative division code", "write its 2, 4, 6, 9 or 12 digits in quotes", *at)
