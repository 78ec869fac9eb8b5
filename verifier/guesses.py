"""How often one group may guess about one person: a count in one SQLite file that every worker shares.

The rule, and what it guarantees, is written in docs/decisions/0019-guesses-are-counted-when-a-case-is-opened.md.
The file holds keyed hashes and instants: it tells nothing about anybody to whoever has not the hub's key.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from kernel.sealing import keyed_hash
from kernel.sqlite_store import SqliteStore

VERSION = 1
"""The file's format, kept as SQLite's `user_version`."""

TAG_SIZE = 16
_TROUBLE = "guesses cannot be counted now"
_PURPOSE = b"mianzheng.guesses/1"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS guesses (
    about BLOB NOT NULL,            -- keyed hash: group, registry, and the person or value that is guessed about
    guess BLOB NOT NULL,            -- keyed hash: the whole combination
    first_at INTEGER NOT NULL,      -- seconds since 1970; counted anew once it is older than the window
    PRIMARY KEY (about, guess)
) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """One combination of values that a claim is to be asked with. `about` is whom or what it narrows down.

    Both are words, made unreadable before they are kept.
    """

    claim: str
    about: tuple[str, ...]
    guess: tuple[str, ...]


class Guesses:
    """The guesses of every group within a window. Used by any thread of any process; a count is durable on return."""

    def __init__(self, path: Path, key: bytes, *, busy_seconds: float, most: int, window: timedelta) -> None:
        """Open or begin the file; raises OtherFormat where a newer version made it.

        `key` is a secret of the hub's (32 bytes); at most `most` different guesses about one are admitted in `window`.
        """
        self._key = keyed_hash(key, _PURPOSE)
        self._most, self._window = most, window
        # A count that an outage could take back would give the guesses again: hence as durable as can be.
        self._store = SqliteStore(path, holds="guesses", version=VERSION, schema=_SCHEMA, busy_seconds=busy_seconds)

    def admit(self, guesses: Sequence[Guess], now: datetime) -> tuple[str, ...]:
        """Count guesses, durably, and return nothing; or count none of them and return the claims that are too many.

        What was guessed before within the window is no new guess. Raises Unavailable where it cannot be counted.
        """
        tags = list(dict.fromkeys((self._tag(each.about), self._tag(each.guess), each.claim) for each in guesses))
        since = int((now - self._window).timestamp())
        with self._store.reading(_TROUBLE) as database:
            fresh = self._fresh(database, tags, since)
        if not fresh:
            return ()
        refused: tuple[str, ...] = ()
        with self._store.writing(_TROUBLE) as database:
            # Somebody may have been first, in another worker.
            fresh = self._fresh(database, tags, since)
            counts: dict[bytes, int] = {}
            for about, _ in fresh:
                if about not in counts:
                    row = database.execute(
                        "SELECT count(*) FROM guesses WHERE about = ? AND first_at > ?", (about, since)
                    ).fetchone()
                    counts[about] = int(row[0])
                counts[about] += 1
            over = {about for about, count in counts.items() if count > self._most}
            too_many = [claim for about, guess, claim in tags if about in over and (about, guess) in fresh]
            refused = tuple(dict.fromkeys(too_many))
            if not refused:
                at = int(now.timestamp())
                database.executemany("INSERT OR REPLACE INTO guesses VALUES (?, ?, ?)", [(*each, at) for each in fresh])
        return refused

    def count(self, about: tuple[str, ...], now: datetime) -> int:
        """How many different guesses are counted; raises Unavailable."""
        since = int((now - self._window).timestamp())
        with self._store.reading(_TROUBLE) as database:
            row = database.execute(
                "SELECT count(*) FROM guesses WHERE about = ? AND first_at > ?", (self._tag(about), since)
            ).fetchone()
        return int(row[0])

    def lift(self, abouts: Iterable[tuple[str, ...]]) -> int:
        """Forget what is counted about these; returns how many guesses that were. Raises Unavailable."""
        lifted = 0
        with self._store.writing(_TROUBLE) as database:
            for about in abouts:
                lifted += database.execute("DELETE FROM guesses WHERE about = ?", (self._tag(about),)).rowcount
        return lifted

    def forget(self, now: datetime) -> None:
        """Drop what is older than the window; raises Unavailable."""
        with self._store.writing(_TROUBLE) as database:
            database.execute("DELETE FROM guesses WHERE first_at <= ?", (int((now - self._window).timestamp()),))

    def end(self) -> None:
        """Let the file go."""
        self._store.end()

    def _tag(self, words: tuple[str, ...]) -> bytes:
        # Lengths stand between them, so that no two tuples of words are one text.
        text = "".join(f"{len(each)}:{each}" for each in words)
        return keyed_hash(self._key, text.encode())[:TAG_SIZE]

    @staticmethod
    def _fresh(
        database: sqlite3.Connection, tags: Iterable[tuple[bytes, bytes, str]], since: int
    ) -> set[tuple[bytes, bytes]]:
        """The guesses that are not counted within the window."""
        found = set()
        for about, guess, _ in tags:
            row = database.execute(
                "SELECT 1 FROM guesses WHERE about = ? AND guess = ? AND first_at > ?", (about, guess, since)
            ).fetchone()
            if row is None:
                found.add((about, guess))
        return found
