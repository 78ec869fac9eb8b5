"""Between a supervisor and a worker: the worker tells that it serves, and notices when nobody watches over it any more.

One pair of sockets does both: the worker writes one byte when it serves, and reads the end of the stream when the
supervisor has gone, however that came about.
"""

import os
import signal
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Self

VARIABLE = "MIANZHENG_ATTENDANCE"
"""The number of the socket that a worker inherits."""


class Attendance:
    """The supervisor's end."""

    def __init__(self, end: socket.socket) -> None:
        """Use `pair`."""
        self._end = end

    @classmethod
    def pair(cls) -> "tuple[Attendance, Given]":
        """Both ends; the second is for the worker."""
        ours, theirs = socket.socketpair()
        ours.settimeout(0)
        return cls(ours), Given(theirs)

    def arrived(self) -> bool:
        """Whether the worker has told that it serves."""
        try:
            return self._end.recv(1) != b""
        except BlockingIOError:
            return False

    def close(self) -> None:
        """The worker has ended."""
        self._end.close()


class Given:
    """The worker's end, until it is inherited."""

    def __init__(self, end: socket.socket) -> None:
        """Use `Attendance.pair`."""
        self._end = end
        self.fileno = end.fileno()

    @property
    def environ(self) -> Mapping[str, str]:
        """What tells the worker of it."""
        return {VARIABLE: str(self.fileno)}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.close()


class Attended:
    """What a worker makes of its end; without a supervisor it does nothing."""

    def __init__(self) -> None:
        """Take what the environment names, and keep it from whoever this process starts."""
        named = os.environ.pop(VARIABLE, "")
        self._end = socket.socket(fileno=int(named)) if named else None
        if self._end is not None:
            self._end.set_inheritable(False)

    @property
    def supervised(self) -> bool:
        """Whether somebody starts this worker again when it ends."""
        return self._end is not None

    def serving(self) -> None:
        """Tell that this worker serves, and stop in good order once the supervisor is gone."""
        if self._end is None:
            return
        self._end.sendall(b"\n")
        threading.Thread(target=self._wait, args=(self._end,), name="attended", daemon=True).start()

    @staticmethod
    def _wait(end: socket.socket) -> None:
        with suppress(OSError):
            # Nothing is ever sent: this returns at the end.
            end.recv(1)
        os.kill(os.getpid(), signal.SIGTERM)
