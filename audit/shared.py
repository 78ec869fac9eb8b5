"""A log that rare writers share: pipeline tasks, the command line, pages.

Each takes the lock, waiting, for the length of one commit.
"""

from contextlib import suppress
from pathlib import Path

from audit.commit import Commits
from audit.files import Files, RealFiles, make_directory
from audit.place import LogPlace
from audit.publish import Signed
from audit.record import Logged, Prepared, Record
from audit.recover import recover
from audit.settings import AuditSettings
from kernel.clock import Clock
from kernel.durable import locked
from kernel.errors import LogUnavailable
from kernel.signing import Signer

DEFAULTS = AuditSettings()
REAL_FILES = RealFiles()


class SharedLog:
    """A log that nobody holds. Opens for every commit, at the published checkpoint, and publishes before it lets go."""

    def __init__(
        self,
        directory: Path,
        *,
        origin: str,
        signer: Signer,
        clock: Clock,
        settings: AuditSettings = DEFAULTS,
        files: Files = REAL_FILES,
    ) -> None:
        """Name a log; nothing is opened or made yet."""
        self.place = LogPlace(directory=directory, origin=origin)
        self._signer = signer
        self._clock = clock
        self._settings = settings
        self._files = files

    @property
    def origin(self) -> str:
        """The log's name."""
        return self.place.origin

    def append(self, record: Record) -> Logged:
        """Record something: durable on return; otherwise raises LogUnavailable, or Damaged. Waits for the lock."""
        return self._commit([record.prepare(self._clock.now(), self._settings.detail_bytes_max)])[0][0]

    def signed(self) -> Signed:
        """The checkpoint of the log as it stands, published; begins the log where there is none."""
        return self._commit([])[1]

    def _commit(self, group: list[Prepared]) -> tuple[list[Logged], Signed]:
        try:
            make_directory(self._files, self.place.directory)
            with locked(self.place.lock):
                recovered = recover(self.place, self._signer.known, self._files, rescan=False)
                commits = Commits(self.place.origin, self._signer, recovered.journal, recovered.tree)
                try:
                    logged, signed = commits.commit(group) if group else ([], commits.sign())
                    # The entry is durable: where publishing fails, the next writer publishes it.
                    with suppress(OSError):
                        recovered.publication.publish(signed)
                finally:
                    commits.close()
                return logged, signed
        except OSError as error:
            raise LogUnavailable(f"the log cannot be opened: {error.strerror}") from error
