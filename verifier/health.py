"""Health that tells the truth: a worker that cannot sign, record or read says NOT_SERVING (grpc.health.v1)."""

import threading
import time
from contextlib import suppress

import structlog
from grpc_health.v1 import health, health_pb2

from kernel.errors import LogUnavailable, Unavailable
from verifier.service import Verifier
from verifier.servicer import CATALOGUE, VERIFICATION

WHOLE = ""
"""The name under which the protocol asks for the whole server."""

_LOGGER = structlog.get_logger("mianzheng.verifier")
_UP = health_pb2.HealthCheckResponse.SERVING
_DOWN = health_pb2.HealthCheckResponse.NOT_SERVING


class Health:
    """Proves health again and again, and records what was shed meanwhile."""

    def __init__(self, verifier: Verifier) -> None:
        """Take the worker to watch. Nothing is served until the first proof."""
        self.servicer = health.HealthServicer()
        self._verifier = verifier
        self._told = "not yet proved"
        self._meter = verifier.desk.meter
        self._ended = threading.Event()
        self._watching = threading.Thread(target=self._watch, name="health", daemon=True)

    def prove(self) -> str:
        """Prove once, tell the protocol, and return the trouble; empty where there is none.

        The catalogue needs neither log nor registries: it is served while the worker runs.
        """
        trouble = self._verifier.trouble()
        state = _DOWN if trouble else _UP
        self.servicer.set(WHOLE, state)
        self.servicer.set(VERIFICATION, state)
        self.servicer.set(CATALOGUE, _UP)
        if trouble != self._told:
            self._told = trouble
            _LOGGER.info("health", serving=not trouble, trouble=trouble)
        return trouble

    @property
    def serving(self) -> bool:
        """Whether the worker could do its work when that was last proved, and has not been told to stop."""
        return not self._told and not self._ended.is_set()

    def start(self) -> None:
        """Go on proving, in a thread of its own."""
        self._watching.start()

    def end(self) -> None:
        """Say NOT_SERVING from now on."""
        self._ended.set()
        if self._watching.ident is not None:
            self._watching.join()
        self.servicer.enter_graceful_shutdown()

    def _watch(self) -> None:
        seconds = self._verifier.settings.watch_seconds
        since = forgot = time.monotonic()
        while not self._ended.wait(seconds):
            now = time.monotonic()
            # A log that is down is found by the proof.
            with suppress(LogUnavailable):
                self._verifier.record_shed(now - since)
            since = now
            if now - forgot >= self._verifier.settings.forget_seconds:
                forgot = now
                # What could not be dropped is dropped the next time.
                with suppress(Unavailable):
                    self._verifier.forget_old()
            self.prove()
            # Adds up what has been noted meanwhile, so that it never gets much.
            self._meter.counts()
