"""One call, from when it came to when its reply is known: counted, and traced where it is among those that are."""

import time
from typing import TYPE_CHECKING

from kernel.errors import MianzhengError
from verifier.desk import Desk
from verifier.status import OK, status_name

if TYPE_CHECKING:
    from verifier.tracing import Trace

LOG = "log"
"""The step between an answer's signature and its durable entry, as traces name it."""


class Measured:
    """A call that has begun. `end` once, with the error that it ends with, or without."""

    __slots__ = ("_began", "_meter", "_method", "_trace")

    def __init__(self, desk: Desk, method: str) -> None:
        """It begins now, on this thread."""
        self._began = time.perf_counter()
        self._meter = desk.meter
        self._method = method
        self._trace: Trace | None = desk.tracing.begin(method) if desk.tracing is not None else None

    def step(self, name: str) -> None:
        """A step has ended."""
        if self._trace is not None:
            self._trace.step(name)

    def end(self, error: MianzhengError | None = None) -> None:
        """The reply is known."""
        status = OK if error is None else status_name(error)
        self._meter.call(self._method, status, time.perf_counter() - self._began)
        if self._trace is not None:
            self._trace.end(status, failed=error is not None)
