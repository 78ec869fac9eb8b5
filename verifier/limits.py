"""How many questions a client, an operator or an item may have in a minute or a day, over all workers and restarts.

Workers lease questions from one SQLite file, some at a time: a question costs a look-up in memory, a lease one
transaction. What is leased is counted already, so that never more are answered than the limit says; a worker that ends
loses what it had leased. docs/decisions/0020-questions-are-leased.md says what that amounts to.
"""

import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from kernel.errors import LimitReached
from kernel.sealing import keyed_hash
from kernel.sqlite_store import SqliteStore
from schemas.limit import By, Limit

VERSION = 1
"""The file's format, kept as SQLite's `user_version`."""

_TROUBLE = "it cannot be told how much may still be asked"
_PURPOSE = b"mianzheng.limits/1"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS leased (
    key BLOB PRIMARY KEY,           -- keyed hash: whose limit, and which minute or day
    ends_at INTEGER NOT NULL,       -- when the minute or day ends; seconds since 1970
    count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""

_OFFSET = 8 * 3600
"""Days are the city's: Asia/Shanghai has been 8 hours ahead, all year, since 1992."""

_KEPT = 86_400
"""Seconds after its end for which a period is remembered."""

_CLIENT, _OPERATOR = By.CLIENT, By.OPERATOR

_Key = tuple[str, str, str, int]
"""The limit's name, the group, whose it is, and which period."""


class Limits:
    """The questions that are left. Used by any thread of any process; a lease is durable before it is used."""

    def __init__(self, path: Path, key: bytes, *, busy_seconds: float, parts: int, lease_max: int) -> None:
        """Open or begin the file; raises OtherFormat where a newer version made it.

        `key` is a secret of the hub's (32 bytes). A lease is a limit divided by `parts`, at least 1, at most
        `lease_max`.
        """
        self._key = keyed_hash(key, _PURPOSE)
        self._parts, self._lease_max = parts, lease_max
        self._counting, self._leasing = threading.Lock(), threading.Lock()
        # What this worker has leased and not used, changed under `_counting`; and where nothing is left for anybody, of
        # how many: changed under `_leasing`.
        self._left: dict[_Key, int] = {}
        self._spent: dict[_Key, int] = {}
        # A lease that an outage could take back would be given twice: hence as durable as can be.
        self._store = SqliteStore(path, holds="limits", version=VERSION, schema=_SCHEMA, busy_seconds=busy_seconds)

    def take(self, limits: Sequence[Limit], group: str, client: str, operator: str, item: str, now: datetime) -> None:
        """Take one question of each of a group's limits, or none.

        Raises LimitReached, or Unavailable where a lease cannot be made.
        """
        if not limits:
            return
        stamp = int(now.timestamp()) + _OFFSET
        keys: list[_Key] = []
        for each in limits:
            by = each.by
            who = client if by is _CLIENT else operator if by is _OPERATOR else item
            keys.append((each.name, group, who, stamp // each.seconds))
        left = self._left
        while True:
            with self._counting:
                short = -1
                for at, key in enumerate(keys):
                    if not left.get(key):
                        short = at
                        break
                if short < 0:
                    for key in keys:
                        left[key] -= 1
                    return
            self._lease(keys[short], limits[short], stamp)

    def forget(self, now: datetime) -> None:
        """Drop what belongs to minutes and days that are over; raises Unavailable.

        Those of the last day stay, in case the clock is set back.
        """
        stamp = int(now.timestamp()) + _OFFSET
        with self._leasing, self._counting:
            for known in (self._left, self._spent):
                for key in [key for key in known if _end(key) < stamp - _KEPT]:
                    del known[key]
        with self._store.writing(_TROUBLE) as database:
            database.execute("DELETE FROM leased WHERE ends_at < ?", (stamp - _OFFSET - _KEPT,))

    def end(self) -> None:
        """Let the file go."""
        self._store.end()

    def _lease(self, key: _Key, limit: Limit, stamp: int) -> None:
        """Lease some more, unless another thread just has; raises LimitReached where the period has no more."""
        with self._leasing:
            if self._left.get(key):
                return
            # What is spent stays spent until the city agrees on more: nobody gives a lease back, and refusing must not
            # cost a transaction.
            given = 0 if self._spent.get(key, -1) >= limit.most else self._more(key, limit)
            if not given:
                self._spent[key] = limit.most
                raise LimitReached.until(limit.by.value, limit.seconds, limit.seconds - stamp % limit.seconds)
            with self._counting:
                self._left[key] = self._left.get(key, 0) + given

    def _more(self, key: _Key, limit: Limit) -> int:
        """Take a lease out of the file: how many questions it is; 0 where none are left."""
        tag = keyed_hash(self._key, repr(key).encode())
        ends_at = _end(key) - _OFFSET
        wanted = min(max(limit.most // self._parts, 1), self._lease_max)
        with self._store.writing(_TROUBLE) as database:
            row = database.execute("SELECT count FROM leased WHERE key = ?", (tag,)).fetchone()
            count = int(row[0]) if row else 0
            given = max(0, min(wanted, limit.most - count))
            if given:
                database.execute("INSERT OR REPLACE INTO leased VALUES (?, ?, ?)", (tag, ends_at, count + given))
        return given


def _end(key: _Key) -> int:
    """When a period ends, by the city's clock."""
    return (key[3] + 1) * int(key[0].partition("/")[2])
