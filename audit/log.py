"""The audit log of one process: it holds the log's lock for life, and commits in groups without a timer.

Whatever waits when the last flush returns is committed with one write, one flush and one checkpoint signature, by a
thread of the log's own. A caller waits for its own entry only, and gets it with its receipt.
"""

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from audit.commit import Commits, Committed
from audit.files import Files, RealFiles, make_directory
from audit.pending import Pending, Told
from audit.place import LogPlace
from audit.publish import Publisher, Signed
from audit.record import Logged, Prepared, Record
from audit.recover import Recovered, recover
from audit.settings import AuditSettings
from kernel.clock import Clock
from kernel.durable import locked
from kernel.errors import Damaged, LogUnavailable, MianzhengError
from kernel.signing import Signer

DEFAULTS = AuditSettings()
REAL_FILES = RealFiles()


class AuditLog:
    """An open log. Every entry that it acknowledges is durable; every receipt that it gives can be checked offline."""

    def __init__(
        self, place: LogPlace, commits: Commits, recovered: Recovered, clock: Clock, settings: AuditSettings
    ) -> None:
        """Use `open`."""
        self.origin = place.origin
        self.torn = recovered.torn
        self._commits = commits
        self._clock = clock
        self._settings = settings
        self._resources = ExitStack()
        self._queue: deque[Pending] = deque()
        self._queued_bytes = 0
        self._wake = threading.Condition()
        self._closing = False
        self._failure: MianzhengError | None = None
        self._signed = commits.sign()
        self._publisher = Publisher(recovered.publication, settings.publish_pause_ms, self._damaged)
        if recovered.behind:
            self._publisher.offer(self._signed)
        self._thread = threading.Thread(target=self._run, name="audit-committer", daemon=True)
        self._thread.start()

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        origin: str,
        signer: Signer,
        clock: Clock,
        settings: AuditSettings = DEFAULTS,
        files: Files = REAL_FILES,
    ) -> "AuditLog":
        """Open a log, or begin one, and take its lock for life.

        Raises Conflict where another holds the lock, Damaged where the log is not as we wrote it, and LogUnavailable
        where the files cannot be read or written.
        """
        place = LogPlace(directory=directory, origin=origin)
        with ExitStack() as resources:
            try:
                make_directory(files, directory)
                resources.enter_context(locked(place.lock, wait=False))
                recovered = recover(place, signer.known, files, rescan=settings.rescan_on_open)
            except OSError as error:
                raise LogUnavailable(f"the log cannot be opened: {error.strerror}") from error
            commits = Commits(origin, signer, recovered.journal, recovered.tree)
            resources.callback(commits.close)
            log = cls(place, commits, recovered, clock, settings)
            log._resources = resources.pop_all()
            return log

    @property
    def signed(self) -> Signed:
        """The newest checkpoint, perhaps newer than the published one."""
        return self._signed

    @property
    def failure(self) -> MianzhengError | None:
        """Why the log has stopped; None while it works."""
        return self._failure

    @property
    def waiting(self) -> int:
        """How many records wait for the next group."""
        return len(self._queue)

    def watch(self, committed: Committed) -> None:
        """Tell of every group from now on."""
        self._commits.committed = committed

    def append(self, record: Record) -> Logged:
        """Record something: durable on return; otherwise raises LogUnavailable, or Malformed for a detail too large."""
        return self.submit(record).result()

    def append_all(self, records: Sequence[Record]) -> list[Logged]:
        """The same for several at once, in order and, as far as the bounds of a group allow, with one flush."""
        return [each.result() for each in self._enqueue([Pending(self._prepare(each)) for each in records])]

    def submit(self, record: Record, told: Told | None = None) -> Pending:
        """The same as `append` without waiting: whoever asks for the result waits, or `told` is told of it."""
        return self._enqueue([Pending(self._prepare(record), told)])[0]

    def close(self) -> None:
        """Commit what waits, publish it, and let the lock go. Closing twice does nothing."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()
        self._publisher.close()
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _prepare(self, record: Record) -> Prepared:
        return record.prepare(self._clock.now(), self._settings.detail_bytes_max)

    def _enqueue(self, found: list[Pending]) -> list[Pending]:
        """Let records wait, all or none; raises LogUnavailable."""
        size = sum([each.size for each in found])
        with self._wake:
            if self._failure is not None or self._closing:
                raise _unavailable(self._failure)
            queued = self._queued_bytes + size
            entries = len(self._queue) + len(found)
            if entries > self._settings.queue_entries_max or queued > self._settings.queue_bytes_max:
                raise LogUnavailable("too many records wait for the log", remedy="ask again later")
            self._queued_bytes = queued
            if not self._queue:
                self._wake.notify()
            self._queue.extend(found)
        return found

    def _run(self) -> None:
        while group := self._take():
            try:
                logged, self._signed = self._commits.commit([each.prepared for each in group])
            except Exception as error:  # noqa: BLE001 - whatever it was, nobody may wait for ever
                self._stop(error if isinstance(error, MianzhengError) else LogUnavailable(repr(error)), group)
                return
            for waiting, each in zip(group, logged, strict=True):
                waiting.end(each)
            self._publisher.offer(self._signed)

    def _take(self) -> list[Pending]:
        """The next group: what waits, up to the bounds; nothing once the log is closed and empty."""
        with self._wake:
            while not self._queue and not self._closing and self._failure is None:
                self._wake.wait()
            if self._failure is not None:
                return []
            group: list[Pending] = []
            size = 0
            while self._queue and len(group) < self._settings.group_entries_max:
                size += self._queue[0].size
                if group and size > self._settings.group_bytes_max:
                    break
                group.append(self._queue.popleft())
            self._queued_bytes -= sum(each.size for each in group)
            return group

    def _stop(self, failure: MianzhengError, group: Iterable[Pending] = ()) -> None:
        """Fail for ever, with all who wait: what a failed flush left on the disk is not known."""
        with self._wake:
            self._failure = self._failure or failure
            waiting = [*group, *self._queue]
            self._queue.clear()
            self._queued_bytes = 0
            self._wake.notify()
        for each in waiting:
            each.fail(_unavailable(failure))

    def _damaged(self, damage: Damaged) -> None:
        self._stop(damage)


def _unavailable(failure: MianzhengError | None) -> LogUnavailable:
    return LogUnavailable(str(failure) if failure else "the log is closed")
