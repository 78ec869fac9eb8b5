"""The processes that a hub is made of, and how one is ended with everything that it started."""

import os
import signal
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_LOOK_AGAIN_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One process of a hub: what people call it, its command line, its environment (never printed: it holds keys)."""

    name: str
    command: tuple[str, ...]
    environ: Mapping[str, str] = field(repr=False)


def log_of(folder: Path, part: Part, size_max: int) -> Path:
    """Where a part's output goes; what was there is put aside as `.1` where it has grown beyond `size_max` bytes."""
    log = folder / f"{part.name}.log"
    if log.exists() and log.stat().st_size > size_max:
        log.replace(log.with_name(f"{log.name}.1"))
    return log


def how_ended(code: int) -> str:
    """A process's exit code as people read it; a negative one is the number of the signal that killed it."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        # Most real-time signals have no name.
        return f"signal {-code}"


def end_sessions(leaders: Iterable[int], *, grace_s: float) -> None:
    """End every process in these sessions: by request first, after `grace_s` seconds by force.

    A session is ended rather than a process group: Airflow gives each running task a group of its own, which a signal
    to the scheduler's group misses. Returns when none is left.
    """
    sessions = frozenset(leaders)
    _signal(sessions, signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while members(sessions) and time.monotonic() < deadline:
        time.sleep(_LOOK_AGAIN_S)
    while members(sessions):
        _signal(sessions, signal.SIGKILL)
        time.sleep(_LOOK_AGAIN_S)


def members(sessions: frozenset[int]) -> tuple[int, ...]:
    """The ids of all live processes in these sessions."""
    return tuple(pid for pid in _processes() if _session(pid) in sessions and not _is_dead(pid))


def _signal(sessions: frozenset[int], number: signal.Signals) -> None:
    for pid in members(sessions):
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _processes() -> Iterable[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def _is_dead(pid: int) -> bool:
    """Whether the process has ended and only waits to be reaped."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return True
    # The command's name stands in parentheses and may hold spaces; the state is the letter behind it.
    return status.rpartition(")")[2].split()[0] in "ZX"
