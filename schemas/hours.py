"""Hours of the week, as a grant says them: `mon-fri 08:30-17:30`. They are local: Asia/Shanghai."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from kernel.clock import SHANGHAI

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = "|".join(DAYS)
_SPAN = re.compile(rf"({_DAY})(?:-({_DAY}))? ([0-2][0-9]):([0-5][0-9])-([0-2][0-9]):([0-5][0-9])")
_DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The same minutes of some days: from `first` (counted from midnight, included) to `last` (excluded)."""

    text: str
    days: frozenset[int]
    first: int
    last: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `<day>[-<day>] HH:MM-HH:MM`; raises ValueError. `24:00` ends a day; a night is written as two spans."""
        match = _SPAN.fullmatch(text)
        if match is None:
            raise ValueError("write <day>[-<day>] HH:MM-HH:MM, e.g. mon-fri 08:30-17:30")
        begin = DAYS.index(match[1])
        end = DAYS.index(match[2]) if match[2] else begin
        first, last = int(match[3]) * 60 + int(match[4]), int(match[5]) * 60 + int(match[6])
        if begin > end:
            raise ValueError("the days run from Monday to Sunday: write two lines")
        if not first < last <= _DAY_MINUTES:
            raise ValueError("the hours run from 00:00 to 24:00 of one day: write a night as two lines")
        return cls(text=text, days=frozenset(range(begin, end + 1)), first=first, last=last)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """Some spans of the week; what is in one of them is in the hours."""

    spans: tuple[Span, ...]

    def cover(self, instant: datetime) -> bool:
        """Whether an instant is within the hours, by the clock on the wall in Shanghai."""
        local = instant.astimezone(SHANGHAI)
        day, minute = local.weekday(), local.hour * 60 + local.minute
        return any(day in each.days and each.first <= minute < each.last for each in self.spans)

    def __str__(self) -> str:
        """As the file says them."""
        return ", ".join(each.text for each in self.spans)
