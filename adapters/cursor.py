"""The cursor of a registry: the column whose value only grows when a record changes.

Its values cross from one run to the next as text: an instant in UTC (ISO 8601), a day, or a whole number. How the
registry itself writes them (a time without a zone, text of some format) is turned into that and back here.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from kernel.clock import SHANGHAI
from kernel.errors import Malformed
from schemas.contract import Contract, PropertyType

_DAY = timedelta(days=1)
_DATE_LENGTH = len("2026-11-24")


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
            number = _number(since)
            return str(number) if isinstance(like, str) else number
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

    def settled(self, watermark: str, now: datetime) -> str:
        """The watermark, or `now` where it lies in the future: one record dated 2999 would hide all that change after.

        Integers know no future.
        """
        if self.type is PropertyType.INTEGER or self.rank(watermark) <= now:
            return watermark
        return self.watermark(_local(now).date() if self.type is PropertyType.DATE else now)

    def rank(self, watermark: str) -> Any:
        """What orders watermarks of this cursor."""
        return _number(watermark) if self.type is PropertyType.INTEGER else _aware(_moment(watermark, ""))

    def _text(self, at: date | datetime, like: str) -> str:
        """The same instant in the form of a text. No zone and no fraction: such text sorts before any that has one."""
        sample = _moment(like, self.format)
        zone = sample.tzinfo if isinstance(sample, datetime) and sample.tzinfo else SHANGHAI
        local = _aware(at).astimezone(zone)
        if self.format:
            return local.strftime(self.format)
        if len(like) <= _DATE_LENGTH:
            return local.date().isoformat()
        return local.strftime(f"%Y-%m-%d{like[_DATE_LENGTH]}%H:%M:%S")


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


def _aware(found: date | datetime) -> datetime:
    moment = found if isinstance(found, datetime) else datetime(found.year, found.month, found.day)  # noqa: DTZ001
    return moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)


def _local(found: date | datetime) -> datetime:
    return _aware(found).astimezone(SHANGHAI).replace(tzinfo=None)
