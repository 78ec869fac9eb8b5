"""Identifiers that sort by time and tell nothing else."""

import secrets
from datetime import datetime

from kernel.clock import SHANGHAI


def new_case_number(now: datetime) -> str:
    """A case number: the city's day and 10 random hex digits, e.g. `20261124-3f09c2a1be`."""
    return f"{now.astimezone(SHANGHAI):%Y%m%d}-{secrets.token_hex(5)}"


def new_version(now: datetime) -> str:
    """A snapshot version: the instant in UTC and 6 random hex digits, e.g. `20261124T053000Z-3f09c2`."""
    return f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
