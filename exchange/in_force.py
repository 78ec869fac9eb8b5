"""The snapshot of one dataset that is in force, kept open, and the next one opened beside it.

Opening proves a snapshot: its files are read and compared with their digests, which takes a second for each gigabyte.
No call waits for that: while a large one is being proved, calls are answered from the one before, for a bounded time.
"""

from contextlib import suppress
from dataclasses import dataclass
from threading import Lock, Thread
from time import monotonic

from exchange.current import Current
from exchange.keys import IndexKeys
from exchange.layout import INDEX, Layout
from exchange.settings import ExchangeSettings
from exchange.snapshot import FileState, OpenSnapshot, file_state, open_snapshot, read_current
from kernel.errors import Damaged
from schemas.contract import Contract


@dataclass(frozen=True, slots=True, kw_only=True)
class _Proving:
    """A snapshot that is being proved: what `current` was then, and the thread that proves it."""

    state: FileState
    thread: Thread


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refused:
    """A snapshot that was found damaged: what `current` was then, what was found, and until when that is believed."""

    state: FileState
    error: Damaged
    until: float


class InForce:
    """What `current` of one dataset names, open. `get` may be called from any thread."""

    def __init__(self, layout: Layout, contract: Contract, keys: IndexKeys, settings: ExchangeSettings) -> None:
        """Take where the dataset lies, and under which contract it is read. Nothing is opened yet."""
        self._layout = layout
        self._current_path = str(layout.current)
        self._contract = contract
        self._keys = keys
        self._settings = settings
        self._open: tuple[FileState, OpenSnapshot] | None = None
        self._look_again = 0.0
        self._lock = Lock()
        self._beside = Lock()
        self._proving: _Proving | None = None
        self._behind_since: float | None = None
        self._refused: _Refused | None = None

    def get(self) -> OpenSnapshot | None:
        """The snapshot in force, None where nothing was ever published; raises Damaged, also where it was lost."""
        state = file_state(self._current_path)
        known = self._open
        if state is None:
            if known is not None:
                # What was in force a moment ago was not taken back: nobody takes `current` away.
                raise Damaged("current is missing", field=self._layout.folder.name, remedy="restore it")
            return None
        if known is not None and self._untouched(known[1]):
            if known[0] == state:
                self._behind_since = None
                return known[1]
            if self._is_proving(state):
                return known[1]
        return self._open_now(state)

    def _untouched(self, opened: OpenSnapshot) -> bool:
        """Whether the index is still the file that was checked; looked at now and then, as it never should change."""
        now = monotonic()
        if now < self._look_again:
            return True
        self._look_again = now + self._settings.recheck_seconds
        return _same_file(opened)

    def _open_now(self, state: FileState) -> OpenSnapshot | None:
        with self._lock:
            known = self._open
            if known is not None and known[0] == state and _same_file(known[1]):
                return known[1]
            # What could not be opened again must not be served from what was open before.
            self._open = None
            # Reading a large file again and again would keep the calls about other datasets waiting.
            refused = self._refused
            if refused is not None and refused.state == state and monotonic() < refused.until:
                raise refused.error.with_traceback(None)
            # The state was taken before the file is read: if it moves in between, the next call opens it again.
            current = read_current(self._layout)
            if current is None:
                return None
            began = monotonic()
            try:
                found = self._proved(current)
            except Damaged as error:
                now = monotonic()
                wait = max(self._settings.recheck_seconds, (now - began) / self._settings.damaged_share_max)
                self._refused = _Refused(state=state, error=error, until=now + wait)
                raise
            self._open = (state, found)
            return found

    def _is_proving(self, state: FileState) -> bool:
        """Whether what is in force now is being proved beside, so that the one before may still answer."""
        with self._beside:
            now = monotonic()
            since = self._behind_since = self._behind_since if self._behind_since is not None else now
            proving = self._proving
            if proving is None or proving.state != state:
                current = self._large()
                if current is None:
                    return False
                thread = Thread(target=self._prove, args=(state, current), name="snapshot", daemon=True)
                proving = self._proving = _Proving(state=state, thread=thread)
                thread.start()
            return proving.thread.is_alive() and now - since < self._settings.overtake_seconds

    def _large(self) -> Current | None:
        """What is in force now, where proving it takes longer than a call may wait."""
        with suppress(Damaged, OSError):
            current = read_current(self._layout)
            if current is not None:
                size = (self._layout.version(current.version) / INDEX).stat().st_size
                return current if size > self._settings.prove_at_once_bytes else None
        return None

    def _prove(self, state: FileState, current: Current) -> None:
        # Where it is damaged, the next call finds nothing proved and says so itself.
        with suppress(Damaged, OSError):
            found = self._proved(current)
            with self._lock:
                self._open = (state, found)

    def _proved(self, current: Current) -> OpenSnapshot:
        return open_snapshot(
            self._layout, current, self._contract, self._keys, bytes_max=self._settings.manifest_bytes_max
        )


def _same_file(opened: OpenSnapshot) -> bool:
    return file_state(opened.index_path) == opened.index_state
