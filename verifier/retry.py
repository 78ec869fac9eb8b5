"""When a client tries again, and how long it waits before."""

import random
import time

import grpc

from kernel.errors import LimitReached, MianzhengError
from verifier.settings import ClientSettings


def worth_another_try(code: grpc.StatusCode, error: MianzhengError) -> bool:
    """Whether what failed with this status may succeed soon, unchanged."""
    # A minute or a day is not waited for: whoever asks decides what to do meanwhile.
    if isinstance(error, LimitReached):
        return False
    return code in _SOON


_SOON = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        # We cancel no call: a server that stops does, where one comes in as it closes its door.
        grpc.StatusCode.CANCELLED,
    }
)


def pause(attempt: int, error: MianzhengError, settings: ClientSettings) -> None:
    """Wait before another try: longer each time, not all clients at once, and not before the hub wants it."""
    # Beyond some tries the longest wait holds anyway; the power must not grow without end.
    longest = min(settings.backoff_first_seconds * 2 ** min(attempt - 1, 30), settings.backoff_max_seconds)
    time.sleep(max(random.uniform(longest / 2, longest), getattr(error, "retry_after_s", 0.0)))
