"""Keeping the verifier's workers running: one that ends is started again, and all can be renewed one after the other.

A worker that ends by itself is started again, at first at once and then after longer and longer; one that has run
steadily begins anew at the shortest wait. On SIGHUP every worker is renewed in turn: told to stop, it drains, another
takes its place, and the next one's turn comes only when that one serves. A worker ends when its supervisor is gone.
"""

import json
import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from app.attendance import Attendance
from app.lines import say
from app.parts import Part, how_ended, log_of
from kernel.durable import PRIVATE, locked, replace_file
from kernel.settings import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class SuperviseSettings:
    """How workers are kept running."""

    look_seconds: float = setting(0.1, "how often the workers are looked at")
    first_wait_seconds: float = setting(0.5, "how long before a worker that ended is started again; then twice as long")
    wait_max_seconds: float = setting(30.0, "the longest wait before a worker is started again")
    steady_seconds: float = setting(60.0, "whoever ran so long begins at the shortest wait again")
    ready_seconds: float = setting(60.0, "how long a renewed worker may take to serve before the renewal is given up")
    stop_seconds: float = setting(15.0, "how long workers get to drain before they are killed")
    log_size_max: int = setting(64 << 20, "bytes of a worker's log beyond which its next start puts it aside as `.1`")


@dataclass(slots=True, kw_only=True)
class _Worker:
    """One place for a worker, and the process that fills it at the moment."""

    part: Part
    process: "subprocess.Popen[bytes] | None" = None
    attendance: Attendance | None = None
    serving: bool = False
    asked: bool = False
    began: float = 0.0
    kill_at: float = 0.0
    begin_at: float = 0.0
    failures: int = 0
    starts: int = 0
    last: str = ""

    @property
    def state(self) -> str:
        """What people are told."""
        if self.process is None:
            return "waiting"
        if self.asked:
            return "draining"
        return "serving" if self.serving else "starting"


@dataclass(slots=True)
class Supervisor:
    """Keeps workers running until it is told to stop. `logs` gets a file each; `state` tells how they stand."""

    parts: Sequence[Part]
    logs: Path
    state: Path
    settings: SuperviseSettings
    _workers: list[_Worker] = field(init=False)
    _renewing: "deque[_Worker]" = field(default_factory=deque)
    _turn: _Worker | None = None
    _stop: bool = False
    _renew: bool = False
    _told: bytes = b""
    _untold: bool = False

    def __post_init__(self) -> None:
        """Nothing is started yet."""
        self._workers = [_Worker(part=part) for part in self.parts]

    def run(self) -> None:
        """Keep them running until SIGTERM or SIGINT; returns when all have ended.

        Must be called in the main thread, whose signals it takes over. Raises Conflict where another one is at work.
        """
        self.logs.mkdir(parents=True, exist_ok=True)
        self.state.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(lock_of(self.state), wait=False), self._signals():
            try:
                while not self._stop:
                    self._look()
                    time.sleep(self.settings.look_seconds)
                say("stopping")
                self._end_all()
            finally:
                for each in self._workers:
                    if each.process is not None:
                        each.process.kill()
                        each.process.wait()
                self.state.unlink(missing_ok=True)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def stop(_number: int, _frame: FrameType | None) -> None:
            self._stop = True

        def renew(_number: int, _frame: FrameType | None) -> None:
            self._renew = True

        wanted = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: renew}
        before = {number: signal.signal(number, handler) for number, handler in wanted.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _look(self) -> None:
        """See how every worker stands, and do what is due."""
        now = time.monotonic()
        for worker in self._workers:
            self._see(worker, now)
            if worker.process is None and now >= worker.begin_at:
                try:
                    self._begin(worker, now)
                except OSError as error:
                    # A disk that is full or failing: whoever can start later must not be lost for it.
                    self._try_later(worker, error.strerror or type(error).__name__, now)
        if self._renew:
            self._renew = False
            self._renewing = deque(self._workers)
            say("renewing", workers=len(self._workers))
        self._go_on_renewing(now)
        self._tell()

    def _see(self, worker: _Worker, now: float) -> None:
        process = worker.process
        if process is None or worker.attendance is None:
            return
        if not worker.serving and worker.attendance.arrived():
            worker.serving = True
            say("serving", worker=worker.part.name, pid=process.pid)
        if (code := process.poll()) is not None:
            self._ended(worker, code, now)
        elif worker.asked and now >= worker.kill_at:
            say("killed", worker=worker.part.name, pid=process.pid)
            process.kill()
        elif not worker.asked and now - worker.began >= self.settings.steady_seconds:
            worker.failures = 0

    def _ended(self, worker: _Worker, code: int, now: float) -> None:
        if worker.attendance is not None:
            worker.attendance.close()
        how, asked = how_ended(code), worker.asked
        worker.process, worker.attendance, worker.serving, worker.asked = None, None, False, False
        if asked:
            worker.last, worker.begin_at = how, now
        else:
            self._try_later(worker, how, now)

    def _try_later(self, worker: _Worker, how: str, now: float) -> None:
        """Have a worker that ended, or could not begin, begin again after a while."""
        wait = min(self.settings.first_wait_seconds * 2**worker.failures, self.settings.wait_max_seconds)
        # Beyond the longest wait there is nothing to count.
        worker.failures = min(worker.failures + 1, 32)
        worker.last, worker.begin_at = how, now + wait
        say("ended", worker=worker.part.name, how=how, again_in_s=wait)

    def _begin(self, worker: _Worker, now: float) -> None:
        with log_of(self.logs, worker.part, self.settings.log_size_max).open("ab") as output:
            attendance, given = Attendance.pair()
            with given:
                worker.process = subprocess.Popen(  # noqa: S603 - our own command line
                    worker.part.command,
                    env={**worker.part.environ, **given.environ},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    pass_fds=(given.fileno,),
                    # A Ctrl-C is for the supervisor; the session stays its own, so that whoever ends that ends all.
                    process_group=0,
                )
        worker.attendance = attendance
        worker.began = now
        worker.starts += 1

    def _ask(self, worker: _Worker, now: float) -> None:
        if worker.process is not None and not worker.asked:
            worker.asked = True
            worker.kill_at = now + self.settings.stop_seconds
            worker.process.terminate()

    def _go_on_renewing(self, now: float) -> None:
        """The next worker's turn comes when the one before serves again."""
        turn = self._turn
        if turn is not None:
            if turn.asked or not (turn.serving or self._given_up(turn, now)):
                return
            self._turn = None
        if self._renewing:
            self._turn = self._renewing.popleft()
            # How often it failed before says nothing about the one that takes its place.
            self._turn.begin_at, self._turn.failures = now, 0
            self._ask(self._turn, now)
        elif turn is not None and turn.serving:
            say("renewed")

    def _given_up(self, turn: _Worker, now: float) -> bool:
        """Whether the renewed worker does not come to serve: then the others stay as they are."""
        if turn.failures == 0 and now - turn.began < self.settings.ready_seconds:
            return False
        say("renewal given up", worker=turn.part.name, how=turn.last)
        self._renewing.clear()
        return True

    def _end_all(self) -> None:
        now = time.monotonic()
        for worker in self._workers:
            self._ask(worker, now)
        while any(each.process for each in self._workers):
            for worker in self._workers:
                self._see(worker, time.monotonic())
            self._tell()
            time.sleep(self.settings.look_seconds)

    def _tell(self) -> None:
        workers = [
            {
                "name": each.part.name,
                "state": each.state,
                "pid": each.process.pid if each.process else 0,
                "starts": each.starts,
                "last_end": each.last,
            }
            for each in self._workers
        ]
        told = json.dumps({"pid": os.getpid(), "workers": workers}, indent=1).encode()
        if told == self._told:
            return
        try:
            replace_file(self.state, told, mode=PRIVATE)
        except OSError as error:
            # A full disk must not end the workers with it: it is told at the next look, and said once.
            if not self._untold:
                say("state not written", why=error.strerror)
            self._untold = True
            return
        self._told, self._untold = told, False


def lock_of(state: Path) -> Path:
    """The lock that a supervisor holds for life."""
    return state.with_suffix(".lock")
