"""A record between the queue of a log and the flush that makes it durable."""

import threading
from collections.abc import Callable

from audit.record import Logged, Prepared
from kernel.errors import LogUnavailable


class Pending:
    """A record that waits for its flush. Either somebody waits for the result, or `told` is called with it."""

    __slots__ = ("_ended", "_failure", "_logged", "_told", "prepared", "size")

    def __init__(self, prepared: Prepared, told: "Told | None" = None) -> None:
        """Nothing has happened to it yet.

        `told` is called once, on the log's own thread and before the next group is committed: it must be short, must
        not wait for the log, and must not raise.
        """
        self.prepared = prepared
        self.size = len(prepared.entry) + len(prepared.sealed)
        self._told = told
        self._logged: Logged | None = None
        self._failure: LogUnavailable | None = None
        # A bare lock: a thousand of them a second are made, and an event costs several times as much.
        self._ended = threading.Lock()
        self._ended.acquire()

    @property
    def done(self) -> bool:
        """Whether the entry is durable, or never will be known to be."""
        return not self._ended.locked()

    def result(self, within_s: float = -1) -> Logged:
        """The entry, once it is durable; raises LogUnavailable, or TimeoutError where a bound is given.

        Whoever gives up leaves the entry in the log all the same.
        """
        if not self._ended.acquire(timeout=within_s):
            raise TimeoutError
        self._ended.release()
        if self._logged is None:
            raise self._failure or LogUnavailable("the log is closed")
        return self._logged

    def end(self, logged: Logged) -> None:
        """It is durable."""
        self._logged = logged
        self._finish()

    def fail(self, failure: LogUnavailable) -> None:
        """It will never be known to be durable."""
        self._failure = failure
        self._finish()

    def _finish(self) -> None:
        self._ended.release()
        if self._told is not None:
            self._told(self)


Told = Callable[[Pending], None]
"""Hears of a record's end; its `result` does not wait any more."""
