"""The answer keys of a worker: which one signs now follows from the key history and the clock.

A rotation announces a key in the trust file before its time comes; every worker looks at that file again after
`check_seconds` at the latest and signs with the newest key whose time has come. Nothing needs to be told to anybody,
and no call sees two.
"""

import os
import threading
from collections.abc import Callable
from datetime import datetime
from time import monotonic

from kernel.errors import MianzhengError, Unavailable
from kernel.signing import SigningKey
from kernel.trust import ANSWER, Trust, TrustedKey

CHECK_SECONDS = 0.25

_Held = tuple[TrustedKey, SigningKey]


class KeyRing:
    """The answer keys that this machine holds and the root vouches for. Threads may share it."""

    def __init__(
        self,
        trust_path: str,
        *,
        read_trust: Callable[[], Trust],
        read_keys: Callable[[], list[SigningKey]],
        check_seconds: float = CHECK_SECONDS,
    ) -> None:
        """Name the trust file, and how it and the private keys are read. Raises what reading raises."""
        self._trust_path = trust_path
        self._read_trust = read_trust
        self._read_keys = read_keys
        self._check_seconds = check_seconds
        self._lock = threading.Lock()
        self._state = _state(trust_path)
        self._held = self._read()
        self._look_again = monotonic() + check_seconds

    def signer(self, now: datetime) -> SigningKey:
        """The key that signs at an instant; raises Unavailable where none may."""
        if monotonic() >= self._look_again:
            self._refresh()
        for trusted, key in self._held:
            if trusted.held_at(now):
                return key
        raise Unavailable("no answer key may sign now", remedy="have the root key sign a new history")

    def _refresh(self) -> None:
        with self._lock:
            if monotonic() < self._look_again:
                return
            state = _state(self._trust_path)
            if state != self._state:
                try:
                    self._held = self._read()
                    self._state = state
                except (MianzhengError, OSError) as error:
                    # A history that cannot be read says of no key that it may still sign.
                    raise Unavailable("it cannot be told which answer key may sign") from error
            self._look_again = monotonic() + self._check_seconds

    def _read(self) -> tuple[_Held, ...]:
        """The keys that are both held and vouched for, the newest first."""
        private = {each.public.raw: each for each in self._read_keys()}
        found = [
            (each, private[each.key.raw])
            for each in self._read_trust().keys
            if each.use == ANSWER and each.key.raw in private
        ]
        return tuple(sorted(found, key=lambda each: each[0].valid_from, reverse=True))


def _state(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - four times a second, on the hot path
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
