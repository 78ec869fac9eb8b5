"""The day on which a question is judged, in every form that it is needed in."""

from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from google.protobuf.timestamp_pb2 import Timestamp

from kernel.clock import SHANGHAI
from schemas.rows import day_timestamp
from schemas.wire.v1 import statement_pb2
from verifier.fields import field

_STEP_SECONDS = 900
"""No zone's midnight lies within a quarter of an hour."""
_STEPS_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A day in Asia/Shanghai: `seen` is what expressions see, `written` the statement's field."""

    date: date
    seen: Timestamp
    written: bytes

    @classmethod
    def of(cls, now: datetime) -> "Day":
        """The city's day at an instant."""
        return _day(now.timestamp() // _STEP_SECONDS)


@lru_cache(maxsize=_STEPS_MAX)
def _day(step: float) -> Day:
    found = datetime.fromtimestamp(step * _STEP_SECONDS, SHANGHAI)
    number = statement_pb2.Statement.EVALUATION_DATE_FIELD_NUMBER
    return Day(
        date=found.date(), seen=day_timestamp(found.date()), written=field(number, found.date().isoformat().encode())
    )
