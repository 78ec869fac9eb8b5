"""Agreements that changed while a worker runs: read beside, checked, kept, recorded, then taken up in one step.

Faulty ones are refused with all their faults, and those in force stay in force.
"""

import gc
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import structlog

from exchange.reader import Exchange
from kernel.clock import Clock
from kernel.errors import Conflict, Damaged, Faulty, LogUnavailable
from schemas.archive import FOLDERS, Archive, NotKept
from schemas.catalogue import load_catalogue
from schemas.settings import SchemaSettings
from verifier.renewal import record_change, take_up
from verifier.service import Verifier

State = tuple[tuple[str, int, int, int], ...]
"""Every file of the agreements: its path, inode, size and time of change."""

_LOGGER = structlog.get_logger("mianzheng.verifier")


class NewerAgreements:
    """Looks at a folder of agreements again and again, and lets a worker take up what has changed there."""

    def __init__(
        self,
        root: Path,
        verifier: Verifier,
        *,
        log: str,
        archive: Archive,
        exchange: Exchange,
        clock: Clock,
        settings: SchemaSettings,
    ) -> None:
        """Take the folder, the worker with its log's name, and what newer agreements are kept and read with."""
        self._root = root
        self._verifier = verifier
        self._log = log
        self._archive = archive
        self._exchange = exchange
        self._clock = clock
        self._settings = settings
        self._settle = verifier.settings.agreements_settle_seconds
        # What the worker was started with may have changed since it was read: the first look compares.
        self._judged: State | None = None
        self._seen: tuple[State, float] | None = None

    def begin(self) -> None:
        """Record what has changed since the worker last answered; raises LogUnavailable or Damaged.

        Agreements that change while nobody answers are changed all the same.
        """
        desk = self._verifier.desk
        catalogue = desk.agreements.current.catalogue
        before = self._archive.taken(self._log)
        if before == catalogue.digest:
            return
        if before is not None:
            record_change(desk, before, self._files(before), catalogue)
        self._archive.note_taken(self._log, catalogue)

    def _files(self, digest: bytes) -> Mapping[str, bytes]:
        try:
            return self._archive.files(digest)
        except NotKept:
            # What they were nobody knows any more: then everything has changed.
            return {}

    def look(self) -> bool:
        """Take up what has changed and settled; True where something was. Whatever is wrong is told to the log."""
        state = _state(self._root)
        if state == self._judged:
            return False
        now = monotonic()
        if self._seen is None or self._seen[0] != state:
            self._seen = (state, now)
        if now - self._seen[1] < self._settle:
            return False
        taken = False
        try:
            taken = self._take_up(state)
        except Faulty as faulty:
            _LOGGER.warning("agreements refused", faults=[str(each) for each in faulty.faults])
        except (Conflict, LogUnavailable, Damaged, OSError) as error:
            # Changed while it was read, or nothing can be recorded or kept now: looked at again.
            _LOGGER.warning("agreements not taken up", kind=type(error).__name__)
            return False
        self._judged = state
        return taken

    def _take_up(self, state: State) -> bool:
        catalogue = load_catalogue(self._root, self._settings)
        if _state(self._root) != state:
            raise Conflict("the agreements changed while they were read")
        before = self._verifier.desk.agreements.current.catalogue
        if catalogue.digest == before.digest:
            return False
        changed = list(self._archive.changed(catalogue, self._root))
        if changed:
            raise Faulty(changed)
        # Kept before anything is answered under them: an answer whose agreements are gone cannot be computed again.
        self._archive.keep(catalogue, self._root, now=self._clock.now())
        self._exchange = self._exchange.under(catalogue.readable)
        take_up(self._verifier.desk, catalogue, self._exchange)
        self._archive.note_taken(self._log, catalogue)
        _LOGGER.info("agreements taken up", agreements=catalogue.digest.hex(), before=before.digest.hex())
        _settle_memory()
        return True


@contextmanager
def watched(newer: NewerAgreements, *, every_s: float) -> Iterator[None]:
    """Look again and again, in a thread of its own, for the length of a block."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(every_s):
            newer.look()

    thread = threading.Thread(target=watch, name="agreements", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _settle_memory() -> None:
    """Let the former agreements go, and keep the garbage collector from looking through the new ones at every turn."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def _state(root: Path) -> State:
    found = []
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            try:
                each = path.stat()
            except FileNotFoundError:
                continue
            found.append((str(path), each.st_ino, each.st_size, each.st_mtime_ns))
    return tuple(found)
