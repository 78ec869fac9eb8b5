"""The logs of one hub: each opened through here, so that the root log knows of it before its first entry."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from audit.checkpoint import Checkpoint
from audit.files import Files, RealFiles
from audit.generation import FIRST, log_name
from audit.journal import has_frames
from audit.log import AuditLog
from audit.merkle import EMPTY_ROOT
from audit.place import LogPlace
from audit.recover import read_published
from audit.root_log import ROOT, Milestone, RootLog, milestones
from audit.settings import AuditSettings
from audit.shared import SharedLog
from kernel.clock import Clock
from kernel.errors import Damaged
from kernel.signing import Signer

DESK = "desk"
"""The name of the log that rare writers share."""

DEFAULTS = AuditSettings()
REAL_FILES = RealFiles()
_RESTORE = "run `mianzheng audit verify`; restore the log from its backup"


def origin_of(hub: str, name: str) -> str:
    """The origin of a hub's log: `<hub>/audit/<log>`."""
    return f"{hub}/audit/{name}"


class Logs:
    """Every log below `<home>/audit` that is written to: those of the newest generation.

    They are asked for by their roles (`root`, `desk`, `worker-0` …). `signers` gives a log's keys by the log's name.
    """

    def __init__(
        self,
        directory: Path,
        *,
        hub: str,
        signers: Callable[[str], Signer],
        clock: Clock,
        settings: AuditSettings = DEFAULTS,
        files: Files = REAL_FILES,
        generation: str = FIRST,
    ) -> None:
        """Name the directory; nothing is opened or made yet."""
        self.directory = directory
        self.hub = hub
        self.generation = generation
        self.settings = settings
        self._signers = signers
        self._clock = clock
        self._files = files

    def place(self, role: str) -> LogPlace:
        """Where a log stands."""
        name = log_name(role, self.generation)
        return LogPlace(directory=self.directory / name, origin=origin_of(self.hub, name))

    @property
    def root(self) -> RootLog:
        """The root log. Its first entry is its own opening. Raises Damaged where it is gone and other logs are not."""
        shared = self._shared(ROOT)
        root = RootLog(shared)
        # In this order: whoever writes to another log has opened this one before.
        others = any(map(has_frames, self.directory.glob("*/journal")))
        if others and not shared.place.journal.exists():
            name = shared.place.directory.name
            raise Damaged("is missing, and other logs have entries", field=name, remedy=_RESTORE)
        if not shared.place.checkpoint.exists():
            empty = Checkpoint(origin=shared.origin, size=0, root=EMPTY_ROOT)
            root.opened(self._signer(ROOT).current().public, empty)
        return root

    def shared(self, role: str = DESK) -> SharedLog:
        """A log that rare writers share; the root log records it before its first entry.

        Raises Damaged where the log is gone that the root log records, and LogUnavailable.
        """
        shared = self._shared(role)
        signer = self._signer(role)
        # Begun first, recorded next: so a log that is recorded and does not stand has been taken away.
        published = read_published(shared.place, *signer.known)
        if published is None or published.size == 0:
            self._recorded(role)
            shared.signed()
            self.root.opened(signer.current().public, Checkpoint(origin=shared.origin, size=0, root=EMPTY_ROOT))
        return shared

    @contextmanager
    def open(self, role: str) -> Iterator[AuditLog]:
        """A log held for the length of a block, its opening and closing recorded in the root log.

        Raises Conflict where another process holds it, LogUnavailable, or Damaged; also where the log is not all
        there that the root log records: entries put on top of that would hide the loss.
        """
        signer = self._signer(role)
        recorded = self._recorded(role)
        place = self.place(role)
        log = AuditLog.open(
            place.directory,
            origin=place.origin,
            signer=signer,
            clock=self._clock,
            settings=self.settings,
            files=self._files,
        )
        if log.signed.checkpoint.size < max((each.checkpoint.size for each in recorded), default=0):
            log.close()
            raise Damaged("is shorter than the root log records", field=place.directory.name, remedy=_RESTORE)
        try:
            # Before the first entry: a log that was never recorded could vanish unseen.
            self.root.opened(signer.current().public, log.signed.checkpoint)
            yield log
        finally:
            log.close()
            # A log that stopped on a failed write is recorded when it is opened again, as it then is.
            if log.failure is None:
                self.root.closed(signer.current().public, log.signed.checkpoint)

    def _recorded(self, role: str) -> list[Milestone]:
        """What the root log records of a log; raises Damaged where that does not stand at all."""
        place = self.place(role)
        recorded = list(milestones(self.place(ROOT), place.directory.name))
        if recorded and not place.journal.exists():
            raise Damaged("is missing, and the root log records it", field=place.directory.name, remedy=_RESTORE)
        return recorded

    def _signer(self, role: str) -> Signer:
        return self._signers(log_name(role, self.generation))

    def _shared(self, role: str) -> SharedLog:
        place = self.place(role)
        return SharedLog(
            place.directory,
            origin=place.origin,
            signer=self._signer(role),
            clock=self._clock,
            settings=self.settings,
            files=self._files,
        )
