"""Which cases are over before their time: one SQLite file that every worker of a hub shares, known in memory by each.

The hot path reads no database: a case is looked for in memory, and what others have ended is read in no more often than
`check_seconds`, by the call that finds the time is up. Where the file cannot be read, nobody is answered.
"""

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from time import monotonic

from kernel.errors import CaseClosed, CaseRevoked
from kernel.sqlite_store import SqliteStore

VERSION = 2
"""The file's format, kept as SQLite's `user_version`. 0 and 1 knew no revocation and no order."""

CHECK_SECONDS = 0.25

_UNTOLD = "it cannot be told which cases have ended"

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
        self._check_seconds = check_seconds
        # An ending that an outage could take back would reopen a case: hence both as durable as can be.
        self._writer, self._reader = (
            SqliteStore(path, holds="ended cases", version=VERSION, schema=_SCHEMA, busy_seconds=busy_seconds)
            for _ in range(2)
        )
        # What is known: the instant at which a case would have expired, negative where it was revoked. Changed only by
        # whoever has the reader.
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
        trouble = "the case cannot be ended"
        with self._writer.writing(trouble) as database:
            # A new row, so that everybody who goes on from the last one meets it.
            if how is How.REVOKED:
                database.execute("DELETE FROM ended WHERE case_number = ? AND how = 'closed'", (number,))
            database.execute(
                "INSERT OR IGNORE INTO ended (case_number, expires_at, how, ended_at) VALUES (?, ?, ?, ?)",
                (number, expires, how.value, int(at.timestamp())),
            )
        with self._reader.reading(trouble) as database:
            self._take_in(database)

    def ending(self, number: str) -> Ending | None:
        """How and when a case ended; None where it has not, or was forgotten. Raises Unavailable."""
        with self._reader.reading(_UNTOLD) as database:
            row = database.execute("SELECT how, ended_at FROM ended WHERE case_number = ?", (number,)).fetchone()
        if row is None:
            return None
        return Ending(how=How(row[0]), at=datetime.fromtimestamp(row[1], UTC) if row[1] else None)

    def forget(self, before: datetime) -> None:
        """Drop the endings of cases that had expired by then: they are refused for their age. Raises Unavailable."""
        limit = int(before.timestamp())
        trouble = "old endings cannot be dropped"
        with self._writer.writing(trouble) as database:
            database.execute("DELETE FROM ended WHERE expires_at < ?", (limit,))
        with self._reader.reading(trouble):
            for number in [number for number, expires in self._ended.items() if abs(expires) < limit]:
                del self._ended[number]

    def end(self) -> None:
        """Let the file go."""
        self._writer.end()
        self._reader.end()
        self._look_again = 0.0

    def _refresh(self) -> None:
        """Take in what has ended since; raises Unavailable. Whoever comes meanwhile waits: it takes microseconds."""
        with self._reader.reading(_UNTOLD) as database:
            now = monotonic()
            if now < self._look_again:
                return
            (version,) = database.execute("PRAGMA data_version").fetchone()
            if version != self._seen_version:
                self._take_in(database)
                self._seen_version = version
            self._look_again = now + self._check_seconds

    def _take_in(self, database: sqlite3.Connection) -> None:
        rows = database.execute(
            "SELECT seq, case_number, expires_at, how FROM ended WHERE seq > ? ORDER BY seq", (self._seq,)
        )
        for seq, number, expires, how in rows:
            self._ended[number] = -expires if how == How.REVOKED else expires
            self._seq = seq
