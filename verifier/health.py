"""Health that tells the truth: a worker that cannot sign, record or read says NOT_SERVING (grpc.health.v1)."""

import asyncio
import time
from contextlib import suppress

import structlog
from grpc_health.v1 import health, health_pb2

from kernel.errors import LogUnavailable
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
        self.servicer = health.aio.HealthServicer()
        self._verifier = verifier
        self._told = "not yet proved"

    async def prove(self) -> str:
        """Prove once, tell the protocol, and return the trouble; empty where there is none.

        The catalogue needs neither log nor registries: it is served while the worker runs.
        """
        trouble = await self._verifier.trouble()
        state = _DOWN if trouble else _UP
        await self.servicer.set(WHOLE, state)
        await self.servicer.set(VERIFICATION, state)
        await self.servicer.set(CATALOGUE, _UP)
        if trouble != self._told:
            self._told = trouble
            _LOGGER.info("health", serving=not trouble, trouble=trouble)
        return trouble

    async def watch(self) -> None:
        """Prove until cancelled."""
        seconds = self._verifier.settings.watch_seconds
        since = time.monotonic()
        while True:
            await asyncio.sleep(seconds)
            now = time.monotonic()
            # A log that is down is found by the proof.
            with suppress(LogUnavailable):
                await self._verifier.record_shed(now - since)
            since = now
            await self.prove()

    async def end(self) -> None:
        """Say NOT_SERVING from now on."""
        await self.servicer.enter_graceful_shutdown()
