"""Which cases are over before their time: one SQLite file that every worker of a hub shares, known in memory by each.

The hot path reads no database: a case is looked for in memory, and what others have ended is read in no more often than
`check_seconds`, by the call that finds the time is up. Where the file cannot be read, nobody is answered.
"""

import os
import sqlite3
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from time import monotonic

from kernel.durable import PRIVATE
from kernel.errors import CaseClosed, CaseRevoked, Unavailable
from kernel.sqlite_format import check_version, keep_version

VERSION = 2
"""The file's format, kept as SQLite's `user_version`. 0 and 1 knew no revocation and no order."""

CHECK_SECONDS = 0.25

_SCHEMA = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS ended (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,      -- in the order in which cases ended: readers go on from the last
    case_number TEXT NOT NULL UNIQUE,
    expires_at INTEGER NOT NULL,                -- seconds since 1970: a day later it is refused for its age
    how TEXT NOT NULL CHECK (how IN ('closed', 'revoked')),
    ended_at INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS closed (case_number TEXT PRIMARY KEY, expires_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO ended (case_number, expires_at, how, ended_at)
    SELECT case_number, expires_at, 'closed', 0 FROM closed;
DROP TABLE closed;
COMMIT;
"""


class How(StrEnum):
    """How a case ended: closed by its client, or revoked by the hub."""

    CLOSED = "closed"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The end of a case. `at` is None where it was not kept: before format 2."""

    how: How
    at: datetime | None


class Closures:
    """The cases that have ended. Used by any thread of any process; an ending is durable on return."""

    def __init__(self, path: Path, *, busy_seconds: float, check_seconds: float = CHECK_SECONDS) -> None:
        """Open or begin the file; raises OtherFormat where a newer version made it."""
        self._path = path
        self._check_seconds = check_seconds
        self._writing, self._reading = threading.Lock(), threading.Lock()
        # SQLite would let others read what it makes.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE))
        self._inode = path.stat().st_ino
        self._writer = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None, check_same_thread=False)
        (found,) = self._writer.execute("PRAGMA user_version").fetchone()
        check_version(self._writer, VERSION, path.name)
        self._writer.execute("PRAGMA journal_mode = WAL")
        # An ending that an outage could take back would reopen a case: hence FULL.
        self._writer.execute("PRAGMA synchronous = FULL")
        if found < VERSION:
            self._writer.executescript(_SCHEMA)
            keep_version(self._writer, VERSION)
        self._reader = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None, check_same_thread=False)
        # What is known: the instant at which a case would have expired, negative where it was revoked.
        self._ended: dict[str, int] = {}
        self._seq = 0
        self._seen_version = -1
        self._look_again = 0.0

    def check_open(self, number: str) -> None:
        """Return if nobody has ended the case; raises CaseClosed, CaseRevoked, or Unavailable where that is not known.

        What another worker ended is known `check_seconds` later at the latest.
        """
        if monotonic() >= self._look_again:
            self._refresh()
        expires = self._ended.get(number)
        if expires is None:
            return
        if expires < 0:
            raise CaseRevoked("the case has been revoked", remedy="ask the hub's operator")
        raise CaseClosed("the case is closed", remedy="open a new case")

    def close_case(self, number: str, expires_at: datetime) -> None:
        """Close a case, or leave it ended; raises Unavailable where that cannot be made durable."""
        self.end_case(number, expires_at, How.CLOSED, at=datetime.now(UTC))

    def end_case(self, number: str, expires_at: datetime, how: How, *, at: datetime) -> None:
        """End a case; one that has ended is only ever revoked. Raises Unavailable where that cannot be made durable."""
        expires = max(1, int(expires_at.timestamp()))
        try:
            with self._writing:
                # A new row, so that everybody who goes on from the last one meets it.
                if how is How.REVOKED:
                    self._writer.execute("DELETE FROM ended WHERE case_number = ? AND how = 'closed'", (number,))
                self._writer.execute(
                    "INSERT OR IGNORE INTO ended (case_number, expires_at, how, ended_at) VALUES (?, ?, ?, ?)",
                    (number, expires, how.value, int(at.timestamp())),
                )
        except sqlite3.Error as error:
            raise Unavailable("the case cannot be ended") from error
        known = self._ended.get(number)
        self._ended[number] = -expires if how is How.REVOKED or (known is not None and known < 0) else expires

    def ending(self, number: str) -> Ending | None:
        """How and when a case ended; None where it has not, or was forgotten. Raises Unavailable."""
        try:
            with self._reading:
                row = self._reader.execute(
                    "SELECT how, ended_at FROM ended WHERE case_number = ?", (number,)
                ).fetchone()
        except sqlite3.Error as error:
            raise Unavailable("it cannot be told which cases have ended") from error
        if row is None:
            return None
        return Ending(how=How(row[0]), at=datetime.fromtimestamp(row[1], UTC) if row[1] else None)

    def forget(self, before: datetime) -> None:
        """Drop the endings of cases that had expired by then: they are refused for their age. Raises Unavailable."""
        limit = int(before.timestamp())
        try:
            with self._writing:
                self._writer.execute("DELETE FROM ended WHERE expires_at < ?", (limit,))
        except sqlite3.Error as error:
            raise Unavailable("old endings cannot be dropped") from error
        for number in [number for number, expires in list(self._ended.items()) if abs(expires) < limit]:
            self._ended.pop(number, None)

    def end(self) -> None:
        """Let the file go."""
        with self._writing:
            self._writer.close()
        with self._reading:
            self._reader.close()
            self._look_again = 0.0

    def _refresh(self) -> None:
        """Take in what has ended since; raises Unavailable. Whoever comes meanwhile waits: it takes microseconds."""
        with self._reading:
            now = monotonic()
            if now < self._look_again:
                return
            try:
                if os.stat(self._path).st_ino != self._inode:  # noqa: PTH116 - on the hot path
                    raise Unavailable("the file of ended cases is another one", remedy="restart the worker")
                (version,) = self._reader.execute("PRAGMA data_version").fetchone()
                if version != self._seen_version:
                    self._take_in()
                    self._seen_version = version
            except (sqlite3.Error, OSError) as error:
                raise Unavailable("it cannot be told which cases have ended") from error
            self._look_again = now + self._check_seconds

    def _take_in(self) -> None:
        rows = self._reader.execute(
            "SELECT seq, case_number, expires_at, how FROM ended WHERE seq > ? ORDER BY seq", (self._seq,)
        )
        for seq, number, expires, how in rows:
            self._ended[number] = -expires if how == How.REVOKED else expires
            self._seq = seq
