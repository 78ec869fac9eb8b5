"""The answer keys of a worker, and the keys of a log: which one signs now follows from the key history and the clock.

A rotation announces a key in the trust file before its time comes; every worker looks at that file again after
`check_seconds` at the latest and signs with the newest key whose time has come. Nothing needs to be told to anybody,
and no call sees two.
"""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from time import monotonic

from kernel.clock import Clock
from kernel.errors import MianzhengError, Unavailable
from kernel.signing import SigningKey, VerifyKey
from kernel.trust import ANSWER, LOG, Trust, TrustedKey

CHECK_SECONDS = 0.25

_REMEDY = "have the root key sign a new history"

_Held = tuple[TrustedKey, SigningKey]


class KeyRing:
    """The keys of one use that this machine holds and the root vouches for. Threads may share it."""

    def __init__(
        self,
        trust_path: str,
        *,
        read_trust: Callable[[], Trust],
        read_keys: Callable[[], list[SigningKey]],
        origin: str = "",
        check_seconds: float = CHECK_SECONDS,
    ) -> None:
        """Name the trust file, and how it and the private keys are read; `origin` is a log's, else: answer keys.

        Raises what reading raises.
        """
        self._of = (LOG, origin) if origin else (ANSWER, "")
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
        raise Unavailable("no answer key may sign now", remedy=_REMEDY)

    def log_signer(self, now: datetime) -> SigningKey:
        """The same for a log, which a moment's fault or a clock set back must not stop for ever.

        What cannot be read anew is as it was, and before the first key's time the first one signs.
        """
        if monotonic() >= self._look_again:
            with suppress(Unavailable):
                self._refresh()
        usable = [each for each in self._held if each[0].valid_until is None or now < each[0].valid_until]
        if not usable:
            raise Unavailable("no key of this log may sign now", remedy=_REMEDY)
        return next((key for trusted, key in usable if trusted.valid_from <= now), usable[-1][1])

    @property
    def known(self) -> tuple[VerifyKey, ...]:
        """Every key of this use that the root vouches for, whoever holds it; as the file is at this moment."""
        # Another process may have signed with a key announced just now.
        with suppress(Unavailable):
            self._refresh(at_once=True)
        return self._known

    def _refresh(self, *, at_once: bool = False) -> None:
        with self._lock:
            if monotonic() < self._look_again and not at_once:
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
        ours = [each for each in self._read_trust().keys if (each.use, each.origin) == self._of]
        self._known = tuple(each.key for each in ours)
        found = [(each, private[each.key.raw]) for each in ours if each.key.raw in private]
        return tuple(sorted(found, key=lambda each: each[0].valid_from, reverse=True))


class LogSigner:
    """The keys of one log: a signer (kernel.signing) that takes new ones up while the log is open."""

    def __init__(self, ring: KeyRing, clock: Clock) -> None:
        """Take the log's keys, and the clock by which one of them signs."""
        self._ring = ring
        self._clock = clock

    def current(self) -> SigningKey:
        """The key that signs now; raises Unavailable where each has ended."""
        return self._ring.log_signer(self._clock.now())

    @property
    def known(self) -> tuple[VerifyKey, ...]:
        """Every key of the log that the root vouches for."""
        return self._ring.known


def _state(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - four times a second, on the hot path
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
