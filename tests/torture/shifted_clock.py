"""A machine's clock that jumps: several processes go by it, and a test moves it under them."""

import os
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from kernel.clock import SHANGHAI


@dataclass(frozen=True, slots=True, kw_only=False)
class ShiftedClock:
    """The machine's clock, moved by as many seconds as a file says; not moved where there is none."""

    file: Path

    def now(self) -> datetime:
        """The instant, in UTC."""
        try:
            seconds = float(self.file.read_text("ascii"))
        except FileNotFoundError:
            seconds = 0.0
        return datetime.now(UTC) + timedelta(seconds=seconds)

    def today(self) -> date:
        """The date in Asia/Shanghai."""
        return self.now().astimezone(SHANGHAI).date()

    def jump(self, to: timedelta) -> None:
        """Go so far from the true time from now on, at once for everybody."""
        beside = self.file.with_suffix(".tmp")
        beside.write_text(str(to.total_seconds()), "ascii")
        os.replace(beside, self.file)  # noqa: PTH105 - what is meant is the system's call
