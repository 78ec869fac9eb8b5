"""Time, as a port: what is asked of it is what tests must be able to set."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
"""The zone in which the city's days begin."""


def parse_instant(text: str) -> datetime:
    """An instant from ISO 8601 text with a zone, in UTC; raises ValueError."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(text)
    try:
        return found.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(text) from error


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """The instant, in UTC."""

    def today(self) -> date:
        """The city's date: ages and terms are judged on it."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The instant, in UTC."""
        return datetime.now(UTC)

    def today(self) -> date:
        """The date in Asia/Shanghai."""
        return datetime.now(SHANGHAI).date()


@dataclass(slots=True, kw_only=True)
class FixedClock:
    """A clock that stands until it is moved. For tests and replays."""

    instant: datetime

    @classmethod
    def on(cls, day: date) -> "FixedClock":
        """Noon of a day in Asia/Shanghai."""
        return cls(instant=datetime(day.year, day.month, day.day, 12, tzinfo=SHANGHAI))

    def now(self) -> datetime:
        """The instant it stands at, in UTC."""
        return self.instant.astimezone(UTC)

    def today(self) -> date:
        """The date in Asia/Shanghai."""
        return self.instant.astimezone(SHANGHAI).date()

    def advance(self, by: timedelta) -> None:
        """Move it."""
        self.instant += by
