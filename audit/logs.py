"""The logs of one hub: each opened through here, so that the root log knows of it before its first entry."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from audit.checkpoint import Checkpoint
from audit.files import Files, RealFiles
from audit.log import AuditLog
from audit.merkle import EMPTY_ROOT
from audit.place import LogPlace
from audit.root_log import ROOT, RootLog
from audit.settings import AuditSettings
from audit.shared import SharedLog
from kernel.clock import Clock
from kernel.signing import SigningKey

DESK = "desk"
"""The name of the log that rare writers share."""

DEFAULTS = AuditSettings()
REAL_FILES = RealFiles()


def origin_of(hub: str, name: str) -> str:
    """The origin of a hub's log: `<hub>/audit/<log>`."""
    return f"{hub}/audit/{name}"


class Logs:
    """Every log below `<home>/audit`. `signers` gives a log's key by the log's name."""

    def __init__(
        self,
        directory: Path,
        *,
        hub: str,
        signers: Callable[[str], SigningKey],
        clock: Clock,
        settings: AuditSettings = DEFAULTS,
        files: Files = REAL_FILES,
    ) -> None:
        """Name the directory; nothing is opened or made yet."""
        self.directory = directory
        self.hub = hub
        self.settings = settings
        self._signers = signers
        self._clock = clock
        self._files = files

    def place(self, name: str) -> LogPlace:
        """Where a log stands."""
        return LogPlace(directory=self.directory / name, origin=origin_of(self.hub, name))

    @property
    def root(self) -> RootLog:
        """The root log. Its first entry is its own opening."""
        shared = self._shared(ROOT)
        root = RootLog(shared)
        if not shared.place.checkpoint.exists():
            empty = Checkpoint(origin=shared.origin, size=0, root=EMPTY_ROOT)
            root.opened(self._signers(ROOT).public, empty)
        return root

    def shared(self, name: str = DESK) -> SharedLog:
        """A log that rare writers share; the root log records it before its first entry."""
        shared = self._shared(name)
        if not shared.place.checkpoint.exists():
            empty = Checkpoint(origin=shared.origin, size=0, root=EMPTY_ROOT)
            self.root.opened(self._signers(name).public, empty)
            shared.signed()
        return shared

    @contextmanager
    def open(self, name: str) -> Iterator[AuditLog]:
        """A log held for the length of a block, its opening and closing recorded in the root log.

        Raises Conflict where another process holds it, Damaged, or LogUnavailable.
        """
        signer = self._signers(name)
        log = AuditLog.open(
            self.directory / name,
            origin=origin_of(self.hub, name),
            signer=signer,
            clock=self._clock,
            settings=self.settings,
            files=self._files,
        )
        try:
            # Before the first entry: a log that was never recorded could vanish unseen.
            self.root.opened(signer.public, log.signed.checkpoint)
            yield log
        finally:
            log.close()
            # A log that stopped on a failed write is recorded when it is opened again, as it then is.
            if log.failure is None:
                self.root.closed(signer.public, log.signed.checkpoint)

    def _shared(self, name: str) -> SharedLog:
        return SharedLog(
            self.directory / name,
            origin=origin_of(self.hub, name),
            signer=self._signers(name),
            clock=self._clock,
            settings=self.settings,
            files=self._files,
        )
