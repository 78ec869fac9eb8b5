"""An SQLite file that every worker of a hub shares: private, of a known format, missed where another replaces it."""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kernel.durable import PRIVATE
from kernel.errors import Damaged, Unavailable
from kernel.sqlite_format import check_version, keep_version

_TRY_AGAIN_S = 0.01


class SqliteStore:
    """One connection to such a file, for any thread, one at a time. What is written is durable on return."""

    def __init__(
        self, path: Path, *, holds: str, version: int, schema: str, busy_seconds: float, outlives_outages: bool = True
    ) -> None:
        """Open the file, or begin it with a schema that may run twice; `holds` is what messages call its content.

        Without `outlives_outages` the last writes may be lost with the machine's power, and never a part of one. Raises
        OtherFormat where a newer version made the file, Damaged where it is none of SQLite's, else Unavailable.
        """
        self._path, self._holds = path, holds
        self._lock = threading.Lock()
        # SQLite would let others read what it makes. What stands is not touched: letting go of a handle of a file lets
        # go of every lock that this process has on it.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE))
        self._inode = path.stat().st_ino
        self._database = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None, check_same_thread=False)
        try:
            check_version(self._database, version, path.name)
            _write_ahead(self._database, busy_seconds)
            self._database.execute(f"PRAGMA synchronous = {'FULL' if outlives_outages else 'NORMAL'}")
            (found,) = self._database.execute("PRAGMA user_version").fetchone()
            if found < version:
                self._database.executescript(schema)
                keep_version(self._database, version)
        except sqlite3.OperationalError as error:
            self._database.close()
            raise Unavailable(f"the file of {holds} cannot be opened", remedy="try again later") from error
        except sqlite3.DatabaseError as error:
            self._database.close()
            raise Damaged("is no such file", field=path.name, remedy="restore it from the backup") from error

    @contextmanager
    def reading(self, trouble: str) -> Iterator[sqlite3.Connection]:
        """The connection, for the length of a block; where the block cannot be done, Unavailable says `trouble`."""
        try:
            with self._lock:
                if os.stat(self._path).st_ino != self._inode:  # noqa: PTH116 - on the hot path
                    raise Unavailable(f"the file of {self._holds} is another one", remedy="restart the worker")
                yield self._database
        except (sqlite3.Error, OSError) as error:
            raise Unavailable(trouble, remedy="ask again later") from error

    @contextmanager
    def writing(self, trouble: str) -> Iterator[sqlite3.Connection]:
        """The same, in one transaction: all of it, or nothing."""
        with self.reading(trouble) as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
                database.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    database.execute("ROLLBACK")
                raise

    def end(self) -> None:
        """Let the file go: from now on nothing can be read or written."""
        with self._lock:
            self._database.close()


def _write_ahead(database: sqlite3.Connection, busy_seconds: float) -> None:
    """Have readers and a writer keep out of each other's way."""
    deadline = time.monotonic() + busy_seconds
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            # For this SQLite does not wait: whoever begins the file at the same time makes it fail at once.
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
            time.sleep(_TRY_AGAIN_S)
        else:
            return
