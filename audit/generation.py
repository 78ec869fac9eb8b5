"""Generations of a hub's logs: after a restore the hub goes on with new logs, under new names and new keys.

A restored log may be behind what it once signed: receipts newer than the backup may be in anybody's hands, and entries
put in the place of those that they prove would make it two logs. So it is closed as it was restored, and never written
again. What goes on is a log of the next generation, named `<log>.<instant of the restore>`; the first generation has no
instant. The newest generation is the one whose root log the trust file vouches for last.
"""

import re
from datetime import UTC, datetime

from kernel.errors import Conflict, Malformed
from kernel.trust import Trust

FIRST = ""
"""The generation that a hub begins with."""

_NAME = re.compile(r"([A-Za-z0-9-]{1,64})(?:\.([0-9]{8}T[0-9]{6}Z))?")


def log_name(role: str, generation: str) -> str:
    """The name of the log that has a role (`root`, `desk`, `worker-0`) in a generation."""
    return f"{role}.{generation}" if generation else role


def split_name(name: str) -> tuple[str, str]:
    """Role and generation of a log's name; raises Malformed."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise Malformed("is no name of a log", field="log")
    return found[1], found[2] or FIRST


def generation_of(trust: Trust, root: str = "root") -> str:
    """The newest generation that a trust file vouches for: the last one with a root log."""
    generations = [FIRST]
    for origin in trust.origins:
        try:
            role, generation = split_name(origin.rpartition("/")[2])
        except Malformed:
            continue
        if role == root:
            generations.append(generation)
    return max(generations)


def next_generation(now: datetime, before: str) -> str:
    """The generation that begins now; raises Conflict where the clock is behind the one before."""
    generation = f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    if generation <= before:
        raise Conflict(
            f"the clock says {generation}, and the logs of the hub go back to {before} already",
            field="clock",
            remedy="set the clock, or wait a second",
        )
    return generation
