"""Identifiers that sort by time and tell nothing else."""

import secrets
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from kernel.clock import SHANGHAI

_STAMP = "%Y%m%dT%H%M%SZ"


def new_case_number(now: datetime) -> str:
    """A case number: the city's day and 10 random hex digits, e.g. `20261124-3f09c2a1be`."""
    return f"{now.astimezone(SHANGHAI):%Y%m%d}-{secrets.token_hex(5)}"


def new_version(now: datetime, *, after: str = "") -> str:
    """A snapshot version: the instant in UTC and 6 random hex digits, e.g. `20261124T053000Z-3f09c2`.

    It sorts behind the version `after`, whatever the clock says: where that is of this second or later, as after a
    clock that jumped back, the second behind it is taken.
    """
    stamp = f"{now:{_STAMP}}"
    before = after.partition("-")[0]
    if before >= stamp:
        with suppress(ValueError):
            stamp = f"{datetime.strptime(before, _STAMP).replace(tzinfo=UTC) + timedelta(seconds=1):{_STAMP}}"
    return f"{stamp}-{secrets.token_hex(3)}"
