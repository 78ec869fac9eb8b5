"""The audit log of one process: it holds the log's lock for life, and commits in groups without a timer.

Whatever waits when the last flush returns is committed with one write, one flush and one checkpoint signature, by a
thread of the log's own. A caller waits for its own entry only, and gets it with its receipt.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from audit.commit import Commits
from audit.files import Files, RealFiles, make_directory
from audit.place import LogPlace
from audit.publish import Publisher, Signed
from audit.record import Logged, Prepared, Record
from audit.recover import Recovered, recover
from audit.settings import AuditSettings
from kernel.clock import Clock
from kernel.durable import locked
from kernel.errors import Damaged, LogUnavailable, MianzhengError
from kernel.signing import SigningKey

DEFAULTS = AuditSettings()
REAL_FILES = RealFiles()


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A record in the queue, and who waits for it: a thread's future, or an event loop's."""

    prepared: Prepared
    future: "Future[Logged] | asyncio.Future[Logged]"
    loop: asyncio.AbstractEventLoop | None

    @property
    def size(self) -> int:
        return len(self.prepared.entry) + len(self.prepared.sealed)


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
        self._queue: deque[_Waiting] = deque()
        self._queued_bytes = 0
        self._watching: asyncio.AbstractEventLoop | None = None
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
        signer: SigningKey,
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
                recovered = recover(place, signer.public, files, rescan=settings.rescan_on_open)
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

    def append(self, record: Record) -> Logged:
        """Record something: durable on return; otherwise raises LogUnavailable, or Malformed for a detail too large."""
        return self.submit(record).result()

    def submit(self, record: Record) -> "Future[Logged]":
        """The same, without waiting: the future ends when the entry is durable."""
        future: Future[Logged] = Future()
        self._enqueue(_Waiting(self._prepare(record), future, None))
        self._wake_up()
        return future

    async def recorded(self, record: Record) -> Logged:
        """The same, for an event loop, which is woken once for a whole group.

        The committer is woken when the loop has nothing else at hand: woken at once, it would run as soon as the next
        call gives up the interpreter, and commit records one by one under the very load that groups are for.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Logged] = loop.create_future()
        if self._enqueue(_Waiting(self._prepare(record), future, loop)):
            loop.call_soon(self._look_again, loop, 1, 0)
        try:
            return await future
        except BaseException:
            # Who gives up may have taken their loop along, and with it the promise to look again.
            self._wake_up()
            raise

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

    def _look_again(self, loop: asyncio.AbstractEventLoop, seen: int, quiet: int) -> None:
        """Wake the committer once a few turns of the loop, microseconds each, have brought no further record."""
        waiting = len(self._queue)
        quiet = 0 if waiting > seen else quiet + 1
        if quiet >= self._settings.quiet_turns or waiting >= self._settings.wake_entries:
            self._wake_up()
        elif waiting:
            loop.call_soon(self._look_again, loop, waiting, quiet)

    def _wake_up(self) -> None:
        with self._wake:
            self._wake.notify()

    def _enqueue(self, waiting: _Waiting) -> bool:
        """Let a record wait; whether its loop must look again: no other record, or none of this loop, waits yet."""
        with self._wake:
            if self._failure is not None or self._closing:
                raise _unavailable(self._failure)
            queued = self._queued_bytes + waiting.size
            if len(self._queue) >= self._settings.queue_entries_max or queued > self._settings.queue_bytes_max:
                raise LogUnavailable("too many records wait for the log", remedy="ask again later")
            self._queued_bytes = queued
            self._queue.append(waiting)
            alone = len(self._queue) == 1 or self._watching is not waiting.loop
            self._watching = waiting.loop
            return alone

    def _run(self) -> None:
        while group := self._take():
            try:
                logged, self._signed = self._commits.commit([each.prepared for each in group])
            except Exception as error:  # noqa: BLE001 - whatever it was, nobody may wait for ever
                self._stop(error if isinstance(error, MianzhengError) else LogUnavailable(repr(error)), group)
                return
            _deliver(zip(group, logged, strict=True))
            self._publisher.offer(self._signed)

    def _take(self) -> list[_Waiting]:
        """The next group: what waits, up to the bounds; nothing once the log is closed and empty."""
        with self._wake:
            while not self._queue and not self._closing and self._failure is None:
                self._wake.wait()
            if self._failure is not None:
                return []
            group: list[_Waiting] = []
            size = 0
            while self._queue and len(group) < self._settings.group_entries_max:
                size += self._queue[0].size
                if group and size > self._settings.group_bytes_max:
                    break
                group.append(self._queue.popleft())
            self._queued_bytes -= sum(each.size for each in group)
            return group

    def _stop(self, failure: MianzhengError, group: Iterable[_Waiting] = ()) -> None:
        """Fail for ever, with all who wait: what a failed flush left on the disk is not known."""
        with self._wake:
            self._failure = self._failure or failure
            waiting = [*group, *self._queue]
            self._queue.clear()
            self._queued_bytes = 0
            self._wake.notify()
        _deliver((each, _unavailable(failure)) for each in waiting)

    def _damaged(self, damage: Damaged) -> None:
        self._stop(damage)


def _unavailable(failure: MianzhengError | None) -> LogUnavailable:
    return LogUnavailable(str(failure) if failure else "the log is closed")


def _deliver(results: Iterable[tuple[_Waiting, Logged | LogUnavailable]]) -> None:
    """Give every waiting caller its result: threads at once, each event loop through one wake-up."""
    loops: dict[asyncio.AbstractEventLoop, list[tuple[_Waiting, Logged | LogUnavailable]]] = {}
    for waiting, result in results:
        if waiting.loop is None:
            _settle(waiting, result)
        else:
            loops.setdefault(waiting.loop, []).append((waiting, result))
    for loop, pairs in loops.items():
        # A loop that has been closed has nobody left who waits.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_settle_all, pairs)


def _settle_all(pairs: list[tuple[_Waiting, Logged | LogUnavailable]]) -> None:
    for waiting, result in pairs:
        _settle(waiting, result)


def _settle(waiting: _Waiting, result: Logged | LogUnavailable) -> None:
    # A caller that has given up (a deadline, a lost connection) has cancelled its future; its entry stays.
    if waiting.future.done():
        return
    if isinstance(result, LogUnavailable):
        waiting.future.set_exception(result)
    else:
        waiting.future.set_result(result)
