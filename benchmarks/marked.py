"""A load client in a process of its own that is told when a round begins and ends.

Its parent counts the CPU of whatever serves, which may be several processes. The client is told what to do by one line
of JSON; then, for each line with a number of seconds, it lets the load run for so long and says how many statements
had come by then; at the end of its input it checks every one of them.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.process import running


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Statements of one round, and the CPU seconds that they took."""

    statements: int
    cpu: float
    seconds: float

    @property
    def per_cpu_second(self) -> float:
        """Statements a second of CPU."""
        return self.statements / self.cpu

    @property
    def per_second(self) -> float:
        """Statements a second."""
        return self.statements / self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """How long the load runs before the rounds and in each, and how many there are."""

    warm_up_seconds: float
    round_seconds: float
    rounds: int


def rounds(
    module: str, told: Mapping[str, object], marks: Marks, cpu_seconds: Callable[[], float], *, core: int, log: Path
) -> Iterator[Spent]:
    """So many rounds; `told` is the client's first line, `cpu_seconds` what the service has used so far.

    The load goes on between rounds that are not asked for at once. Raises LoadFailed.
    """
    with running((sys.executable, "-m", module), core=core, environ=os.environ, log=log) as load:
        _say(load, json.dumps(told))
        before = _marked(load, marks.warm_up_seconds, log)
        for _ in range(marks.rounds):
            cpu = cpu_seconds()
            after = _marked(load, marks.round_seconds, log)
            yield Spent(
                statements=int(after["ended"] - before["ended"]),
                cpu=cpu_seconds() - cpu,
                seconds=after["at"] - before["at"],
            )
            before = after
        said, _ = load.communicate()
        if "checked" not in said:
            raise LoadFailed(log.read_text("utf-8", "replace")[-4000:])


class LoadFailed(Exception):
    """The load client ended before its work was done; the message is what it said."""


def read_told() -> dict[str, object]:
    """The client's first line."""
    found: dict[str, object] = json.loads(sys.stdin.readline())
    return found


async def obey(ended: Callable[[], int]) -> None:
    """Answer the parent's lines until there are no more."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        await asyncio.sleep(float(line))
        print(json.dumps({"ended": ended(), "at": time.monotonic()}), flush=True)


def say_checked(count: int) -> None:
    """Say that every statement was checked and holds."""
    print(json.dumps({"checked": count}), flush=True)


def _say(load: "subprocess.Popen[str]", line: str) -> None:
    if load.stdin is None:
        raise LoadFailed("the load client has no pipes")
    load.stdin.write(line + "\n")
    load.stdin.flush()


def _marked(load: "subprocess.Popen[str]", seconds: float, log: Path) -> dict[str, float]:
    """Let the load run for some seconds; how many statements had come then, and when that was."""
    if load.stdout is None:
        raise LoadFailed("the load client has no pipes")
    _say(load, str(seconds))
    line = load.stdout.readline()
    if not line:
        raise LoadFailed(log.read_text("utf-8", "replace")[-4000:])
    found: dict[str, float] = json.loads(line)
    return found
