"""Keeping a whole hub running on one machine: Airflow's processes and the verifier's supervisor, under honcho.

One rule: all parts run, or none. When one ends by itself the others are stopped and its name and exit code are told, so
that whoever keeps this command running (a person, systemd) sees a failure and can start the whole again.
"""

import shlex
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from honcho.manager import Manager

from app.airflow import LocalAirflow
from app.parts import Part, end_sessions, how_ended, log_of
from app.paths import HOME_VARIABLE, Paths
from kernel.settings import setting

_READ_BACK = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeSettings:
    """How a hub's parts are kept."""

    stop_within_s: float = setting(20.0, "seconds that the parts get to stop before they are killed")
    log_size_max: int = setting(64 << 20, "bytes of a part's log beyond which the next start puts it aside as `.1`")
    last_lines: int = setting(12, "how many of its last log lines are shown when a part ends by itself")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a hub came to stop: `part` ended by itself with `code`; or nobody did, and it was asked to (`part` is empty).

    A negative code is the number of the signal that killed the part, as subprocess has it.
    """

    part: str = ""
    code: int = 0

    @property
    def by_request(self) -> bool:
        """Whether the parts ran until they were asked to stop."""
        return not self.part

    @property
    def how(self) -> str:
        """The code as people read it."""
        return how_ended(self.code)


def hub_parts(paths: Paths, airflow: LocalAirflow) -> tuple[Part, ...]:
    """Every process of a hub: Airflow's, and the supervisor of the verifier's workers."""
    environ = {**airflow.environment(), HOME_VARIABLE: str(paths.home)}
    verifier = Part(
        name="verifier",
        command=(sys.executable, "-m", "cli.main", "verifier", "serve"),
        environ={name: value for name, value in environ.items() if not name.startswith("AIRFLOW_")},
    )
    return (*airflow.parts(), verifier)


def keep_running(
    parts: Sequence[Part], logs: Path, settings: ServeSettings, *, started: Callable[[], None] = lambda: None
) -> Ending:
    """Run the parts until one ends, or until SIGINT or SIGTERM; returns when all have stopped and says why.

    Must be called in the main thread: it takes over both signals. Each part writes to `<logs>/<name>.log`. `started` is
    called once, in a thread of its own, when every part has been started. No process outlives this call.
    """
    logs.mkdir(parents=True, exist_ok=True)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    keeper = _Keeper(settings.stop_within_s, started)
    try:
        for part in parts:
            log = log_of(logs, part, settings.log_size_max)
            keeper.add_process(part.name, _shell_line(part, log), env=dict(part.environ))
        keeper.loop()
    finally:
        keeper.forget()
        end_sessions(keeper.sessions, grace_s=settings.stop_within_s)
        for number, handler in before.items():
            signal.signal(number, handler)
    return keeper.ending


def last_lines(log: Path, count: int) -> tuple[str, ...]:
    """The end of a part's log."""
    if not log.exists():
        return ()
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _READ_BACK))
        return tuple(file.read().decode("utf-8", "replace").splitlines()[-count:])


class _Keeper(Manager):  # type: ignore[misc] # honcho has no types
    """honcho's Manager, made to tell which part ended, to wait as long as we say, and to leave no process behind.

    It reads honcho's table of processes (`_processes`: name → pid and returncode), which has no public name; the tests
    of this module fail where honcho changes it.
    """

    def __init__(self, grace_s: float, started: Callable[[], None]) -> None:
        """Take the seconds that parts get to stop, and whom to tell when all have started."""
        super().__init__(printer=_Listener(self))
        self.ending = Ending()
        self._grace_s = grace_s
        self._started: Callable[[], None] | None = started
        self._asked = False
        self._force: threading.Timer | None = None

    @property
    def sessions(self) -> tuple[int, ...]:
        """The sessions of the parts that have been started: honcho makes each the leader of one."""
        return tuple(process["pid"] for process in self._processes.values() if "pid" in process)

    def terminate(self) -> None:
        """Ask every part to stop; called for a signal, and when a part has ended."""
        ended = ((name, p["returncode"]) for name, p in self._processes.items() if p.get("returncode") is not None)
        name, code = next(ended, ("", 0))
        if not self._asked and name:
            self.ending = Ending(part=name, code=code)
        self._asked = True
        # A part that has not started yet has no pid to signal: `noticed` comes back here when all have.
        if self._terminating or not self._all_started():
            return
        self._force = threading.Timer(self._grace_s, end_sessions, args=(self.sessions,), kwargs={"grace_s": 0.0})
        self._force.start()
        super().terminate()

    def forget(self) -> None:
        """All have stopped: nobody is left to force."""
        if self._force:
            self._force.cancel()

    def kill(self) -> None:
        """Leave it to the timer: honcho would kill after 5 s, and the process groups only."""

    def noticed(self) -> None:
        """Something happened to a part."""
        if not self._all_started():
            return
        if self._asked:
            self.terminate()
        elif self._started:
            threading.Thread(target=self._started, daemon=True).start()
            self._started = None


class _Listener:
    """In place of honcho's printer: what parts say goes to their logs, so only the happening itself is of interest."""

    width = 0

    def __init__(self, keeper: _Keeper) -> None:
        self._keeper = keeper

    def write(self, _message: Any) -> None:
        """Pass the happening on."""
        self._keeper.noticed()


def _shell_line(part: Part, log: Path) -> str:
    """The command as honcho wants it: a line for the shell, which is replaced by the part itself."""
    return f"exec {shlex.join(part.command)} >>{shlex.quote(str(log))} 2>&1 </dev/null"
