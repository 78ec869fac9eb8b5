"""The ends of a range, as contracts write them: a number, a day, or `today`."""

from collections.abc import Iterable
from datetime import date

from schemas.document import Document, Place
from schemas.property import Property, PropertyType
from schemas.rule import TODAY

DAYS = frozenset({PropertyType.DATE, PropertyType.TIMESTAMP})
RANGED = DAYS | {PropertyType.INTEGER, PropertyType.NUMBER}
"""The types whose values have an order that people mean."""

End = str | int | float


def check_ends(document: Document, ends: Iterable[End | None], held: Property, at: Place) -> None:
    """Note every end that is none for values of the property's type."""
    for end in ends:
        if end is None:
            continue
        if held.type in DAYS and not (isinstance(end, str) and (end == TODAY or _is_day(end))):
            document.fault(f"{end} is no day", "write 'YYYY-MM-DD' in quotes, or today", *at)
        elif held.type in RANGED - DAYS and (isinstance(end, bool) or not isinstance(end, int | float)):
            document.fault(f"{end} is no number", "write a number", *at)


def end_text(end: End | None) -> str:
    """An end as a rule holds it; empty where it is open."""
    return "" if end is None else str(end)


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
