"""The verifier's workers as their supervisor tells of them, and how it is asked to renew them."""

import json
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.supervise import lock_of
from kernel.durable import locked
from kernel.errors import Conflict, Malformed, Unavailable
from kernel.plain_file import read_bounded

_STATE_BYTES_MAX = 1 << 16
_LOOK_AGAIN_S = 0.1


class NotSupervised(Unavailable):
    """No supervisor keeps the workers of this home."""

    code = "not_supervised"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One worker: `state` is starting, serving, draining or waiting (to be started again); `starts` counts."""

    name: str
    state: str
    pid: int
    starts: int
    last_end: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervised:
    """The supervisor's process, and its workers."""

    pid: int
    workers: tuple[Standing, ...]

    @property
    def well(self) -> bool:
        """Whether every worker serves."""
        return all(each.state == "serving" for each in self.workers)


def supervised(state: Path) -> Supervised:
    """How the workers stand; raises NotSupervised where nobody keeps them, Malformed where it cannot be told."""
    if not state.exists() or not _held(lock_of(state)):
        raise NotSupervised("no supervisor keeps workers here", remedy="mianzheng verifier serve")
    try:
        read: Any = json.loads(read_bounded(state, _STATE_BYTES_MAX))
        return Supervised(pid=int(read["pid"]), workers=tuple(Standing(**each) for each in read["workers"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Malformed("cannot be read", field=str(state), remedy="ask again") from error


def renew(state: Path, within_s: float) -> Supervised:
    """Have every worker renewed, one after the other; returns when all serve again.

    Raises NotSupervised, or Unavailable where that has not come about in time: those not renewed are as they were.
    """
    before = supervised(state)
    os.kill(before.pid, signal.SIGHUP)
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        time.sleep(_LOOK_AGAIN_S)
        now = supervised(state)
        if now.well and _all_newer(before.workers, now.workers):
            return now
    raise Unavailable("not every worker has been renewed in time", remedy="see mianzheng verifier status, and the logs")


def _all_newer(before: Sequence[Standing], now: Sequence[Standing]) -> bool:
    starts = {each.name: each.starts for each in before}
    return all(each.starts > starts[each.name] for each in now)


def _held(lock: Path) -> bool:
    try:
        with locked(lock, wait=False):
            return False
    except Conflict:
        return True
