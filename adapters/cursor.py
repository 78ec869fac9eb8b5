"""The cursor of a registry: the column whose value only grows when a record changes.

Its values cross from one run to the next as text: an instant in UTC (ISO 8601), a day, or a whole number. How the
registry itself writes them (a time without a zone, text of some format) is turned into that and back here.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from kernel.clock import SHANGHAI
from kernel.errors import Malformed
from schemas.contract import Contract, PropertyType

_DAY = timedelta(days=1)
_DATE_LENGTH = len("2026-11-24")
_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:([T ])\d\d:\d\d(?::\d\d(?:\.\d+)?)?(Z|[+-]\d\d(?::?\d\d)?)?)?", re.ASCII)
"""A day, or an instant: its separator, and its zone."""
_DAY_SIGNS = "____-__-__"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One way to write instants, within which texts sort as the instants do: the same signs, and the same zone.

    `like` and `unlike` are patterns of SQL's LIKE with `!` before a sign that stands for itself; a text of this form
    fits the first and none of the others. Its eleventh sign is the `separator`, where there is one: LIKE may take a
    small letter for it, though it sorts elsewhere.
    """

    like: str
    unlike: tuple[str, ...] = ()
    separator: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """A cursor's column, by the registry's own name. `format` is strptime's, for text; empty: ISO 8601."""

    column: str
    type: PropertyType
    format: str = ""

    @classmethod
    def of(cls, contract: Contract) -> "Cursor | None":
        """The contract's cursor; None where every delivery is whole."""
        if not contract.server.cursor:
            return None
        held = contract.by_name[contract.server.cursor]
        return cls(column=held.physical_name, type=held.type, format=held.strptime)

    def watermark(self, value: object) -> str:
        """The registry's value as the text that crosses over; raises ValueError where it is none of the cursor's type.

        Without a zone it is the city's time.
        """
        if self.type is PropertyType.INTEGER:
            return str(_number(value))
        found = _moment(value, self.format)
        return found.isoformat() if type(found) is date else _aware(found).astimezone(UTC).isoformat()

    def bound(self, since: str, like: object) -> object:
        """The text that crossed over, as the registry writes its own value `like`, to be compared with its values.

        What cannot be said exactly is said a little lower: more is read, never less. Raises ValueError.
        """
        if self.type is PropertyType.INTEGER:
            return _number(since)
        at = _moment(since, "")
        if isinstance(like, datetime):
            zone = like.tzinfo
            return _aware(at).astimezone(zone or SHANGHAI) if zone else _local(at)
        if isinstance(like, date):
            return _local(at).date()
        return self._text(at, str(like))

    def text(self, since: str) -> str:
        """The text that crossed over in the registry's own format, for who takes no other; raises ValueError."""
        if self.type is PropertyType.INTEGER:
            return str(_number(since))
        at = _moment(since, "")
        if self.format:
            return _local(at).strftime(self.format)
        if self.type is PropertyType.DATE:
            return _local(at).date().isoformat()
        return _aware(at).astimezone(SHANGHAI).isoformat(timespec="seconds")

    def ahead(self, watermark: str, now: datetime) -> bool:
        """Whether it lies in the future: one record dated 2999 would hide all that change after it.

        Integers know no future.
        """
        return self.type is not PropertyType.INTEGER and bool(self.rank(watermark) > now)

    def form(self, like: str) -> Form:
        """The form of a text that the registry wrote; raises ValueError where such texts do not sort as instants."""
        if self.format:
            written = re.sub("[!_]", r"!\g<0>", self.format).replace("%Y", "____")
            return Form(like=re.sub("%[mdHMS]", "__", written))
        found = _iso(like)
        separator, zone = found[1] or "", found[2] or ""
        if not separator:
            return Form(like=_DAY_SIGNS)
        minutes = f"{_DAY_SIGNS}{separator}__:__%"
        without = () if zone else ("%Z", "%z", "%+%", f"{minutes}-%")
        return Form(like=minutes + zone, unlike=without, separator=separator)

    def rank(self, watermark: str) -> Any:
        """What orders watermarks of this cursor."""
        return _number(watermark) if self.type is PropertyType.INTEGER else _aware(_moment(watermark, ""))

    def _text(self, at: date | datetime, like: str) -> str:
        """The same instant in the form of a text, down to the minute: such text sorts before any that says more."""
        sample = _moment(like, self.format)
        zone = sample.tzinfo if isinstance(sample, datetime) and sample.tzinfo else SHANGHAI
        local = _aware(at).astimezone(zone)
        if self.format:
            return local.strftime(self.format)
        separator = _iso(like)[1]
        if not separator:
            return local.date().isoformat()
        return f"{local.date().isoformat()}{separator}{local.hour:02}:{local.minute:02}"


def since(contract: Contract, watermark: str) -> str:
    """Where the next incremental extract begins: the watermark with the contract's overlap taken off.

    Empty, which is a full extract, where the contract has no cursor or there is no watermark yet. Raises Malformed
    where the watermark is no value of the cursor: it was made under another contract.
    """
    cursor = Cursor.of(contract)
    if cursor is None or not watermark:
        return ""
    overlap = contract.server.overlap
    try:
        if cursor.type is PropertyType.INTEGER:
            return str(_number(watermark) - contract.server.overlap_count)
        found = _moment(watermark, "")
        if type(found) is date:
            # A part of a day is a whole one.
            return (found - timedelta(days=-(-overlap // _DAY))).isoformat()
        return (_aware(found) - overlap).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        raise Malformed(
            "the watermark is no value of the cursor", field=contract.id, remedy="extract the whole registry once"
        ) from None


def instant(text: str) -> datetime:
    """An instant from ISO text, in UTC; without a zone it is the city's time. Raises ValueError."""
    return _aware(datetime.fromisoformat(text.strip())).astimezone(UTC)


def _number(value: object) -> int:
    if isinstance(value, bool) or (isinstance(value, float | Decimal) and value != int(value)):
        raise ValueError("no whole number")
    return int(str(value).strip()) if isinstance(value, str) else int(value)  # type: ignore[call-overload]


def _moment(value: object, form: str) -> date | datetime:
    """A day or an instant from what a registry holds; raises ValueError."""
    if isinstance(value, date):
        return value
    text = str(value).strip()
    if form:
        found = datetime.strptime(text, form)  # noqa: DTZ007 (a time without a zone is the city's, said by the caller)
        return found if "%H" in form else found.date()
    return date.fromisoformat(text) if len(text) <= _DATE_LENGTH else datetime.fromisoformat(text)


def _iso(text: str) -> re.Match[str]:
    found = _ISO.fullmatch(text.rstrip())
    if found is None:
        raise ValueError("neither a day nor an instant of ISO 8601's extended format")
    return found


def _aware(found: date | datetime) -> datetime:
    moment = found if isinstance(found, datetime) else datetime(found.year, found.month, found.day)  # noqa: DTZ001
    return moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)


def _local(found: date | datetime) -> datetime:
    return _aware(found).astimezone(SHANGHAI).replace(tzinfo=None)
