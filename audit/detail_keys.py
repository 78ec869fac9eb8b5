"""The keys that details are sealed under, in one SQLite file, each wrapped under the hub's master key.

A case has a key of its own, found by the tags of its parties: who asks to be forgotten takes the keys of all their
cases along. What belongs to no case is sealed under the general key of its epoch.
"""

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from audit.detail import KEY_ID_SIZE, KEY_SIZE, OPEN, DetailKey
from kernel.durable import PRIVATE
from kernel.errors import Conflict, Damaged, LogUnavailable
from kernel.sealing import BadSeal, Seals, sealer
from kernel.sqlite_format import check_version, keep_version
from schemas.wire.v1.statement_pb2 import PartyTag

VERSION = 1
"""The store's format, kept as SQLite's `user_version`; 0 is the same tables, from before it was kept."""

_BUSY_SECONDS = 10.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (
    id BLOB PRIMARY KEY,              -- 16 random bytes
    case_number TEXT UNIQUE,          -- NULL for a general key
    epoch TEXT NOT NULL,
    wrapped BLOB,                     -- NULL once the key has been destroyed
    general INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS one_general_key_an_epoch ON keys (epoch) WHERE general;
CREATE TABLE IF NOT EXISTS subjects (
    tag BLOB NOT NULL,
    tag_epoch TEXT NOT NULL,
    key_id BLOB NOT NULL REFERENCES keys (id),
    PRIMARY KEY (tag, tag_epoch, key_id)
) STRICT, WITHOUT ROWID;
"""


class DetailKeys:
    """The key store. Used by any thread of any process; every call is one transaction, durable on return."""

    def __init__(self, path: Path, master_key: bytes | Seals, *, epoch: str) -> None:
        """Open or begin a store; new keys belong to `epoch`.

        Raises OSError where the file cannot be made, Damaged where it is no key store, and OtherFormat where a newer
        version made it. Now and later, LogUnavailable is raised where it cannot be read or written: without a key
        nothing can be recorded.
        """
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE))
        self.epoch = epoch
        self._sealer = sealer(master_key)
        self._lock = threading.Lock()
        self._general: DetailKey | None = None
        self._database = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        # A detail that is durable under a key that is not could never be read again: hence FULL.
        try:
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON", "foreign_keys = ON"):
                self._database.execute(f"PRAGMA {pragma}")
            check_version(self._database, VERSION, path.name)
            self._database.executescript(_SCHEMA)
            keep_version(self._database, VERSION)
        except sqlite3.OperationalError as error:
            self._database.close()
            raise _unusable(error) from error
        except sqlite3.DatabaseError as error:
            self._database.close()
            raise Damaged("is no key store", field=path.name, remedy="restore it from the backup") from error

    def for_case(self, case_number: str, tags: Iterable[PartyTag]) -> DetailKey:
        """The key of a case, made where there is none; the parties' tags are noted with it."""
        with self._transaction() as database:
            row = database.execute("SELECT id, wrapped FROM keys WHERE case_number = ?", (case_number,)).fetchone()
            key = self._unwrap(*row) if row else self._make(database, case_number)
            database.executemany(
                "INSERT OR IGNORE INTO subjects VALUES (?, ?, ?)", [(each.tag, each.tag_epoch, key.id) for each in tags]
            )
        return key

    def general(self) -> DetailKey:
        """The key of this epoch for what belongs to no case."""
        key = self._general
        if key is None:
            with self._transaction() as database:
                row = database.execute(
                    "SELECT id, wrapped FROM keys WHERE general AND epoch = ?", (self.epoch,)
                ).fetchone()
                key = self._unwrap(*row) if row else self._make(database, None)
            # Kept only once it is durable.
            self._general = key
        return key

    def get(self, key_id: bytes) -> DetailKey | None:
        """The key of that name; None where it has been destroyed or never was. The open key is always there."""
        if key_id == OPEN.id:
            return OPEN
        row = self._row("SELECT id, wrapped FROM keys WHERE id = ?", key_id)
        return self._unwrap(*row) if row and row[1] is not None else None

    def knows(self, key_id: bytes) -> bool:
        """Whether a key of that name ever was in the store, destroyed or not."""
        return self._row("SELECT 1 FROM keys WHERE id = ?", key_id) is not None

    def id_of_case(self, case_number: str) -> bytes | None:
        """The name of a case's key, destroyed or not; None where the case is unknown."""
        row = self._row("SELECT id FROM keys WHERE case_number = ?", case_number)
        return bytes(row[0]) if row else None

    def destroy(self, tags: Iterable[PartyTag]) -> int:
        """Destroy the keys of every case with one of these subjects; returns their number.

        The details stay as bytes that nobody can open, and every proof stays valid. Raises Conflict where a reader
        kept the write-ahead log from being emptied of the keys' old, wrapped forms.
        """
        with self._transaction() as database:
            found = {
                bytes(row[0])
                for each in tags
                for row in database.execute(
                    "SELECT key_id FROM subjects WHERE tag = ? AND tag_epoch = ?", (each.tag, each.tag_epoch)
                )
            }
            for key_id in found:
                database.execute("UPDATE keys SET wrapped = NULL WHERE id = ?", (key_id,))
                database.execute("DELETE FROM subjects WHERE key_id = ?", (key_id,))
        # The write-ahead log still holds the wrapped keys until it is emptied.
        emptied = self._row("PRAGMA wal_checkpoint(TRUNCATE)")
        if emptied is None or emptied[0]:
            raise Conflict("the keys are gone, but for copies in a file that others read", remedy="do it once more")
        return len(found)

    def rewrap(self, key: Seals, *, batch: int) -> int:
        """Wrap every key under another master key that is not wrapped under it yet; returns how many were.

        What the store was opened with must unseal all of them. Others wait for the length of a batch at most. Whoever
        stops in between leaves each key whole, under the one or the other. Raises Damaged for a key under neither.
        """
        count, last = 0, b""
        while True:
            with self._transaction() as database:
                rows = database.execute(
                    "SELECT id, wrapped FROM keys WHERE id > ? AND wrapped IS NOT NULL ORDER BY id LIMIT ?",
                    (last, batch),
                ).fetchall()
                again = [(key_id, wrapped) for key_id, wrapped in rows if not _opens(key, key_id, wrapped)]
                for key_id, wrapped in again:
                    fresh = key.seal(self._unwrap(key_id, wrapped).key, _purpose(key_id))
                    database.execute("UPDATE keys SET wrapped = ? WHERE id = ?", (fresh, key_id))
            count += len(again)
            if len(rows) < batch:
                break
            last = bytes(rows[-1][0])
        # Their old forms linger in the write-ahead log; where a reader holds that, it is emptied later.
        self._row("PRAGMA wal_checkpoint(TRUNCATE)")
        return count

    def count(self) -> int:
        """How many keys there are that have not been destroyed."""
        row = self._row("SELECT count(*) FROM keys WHERE wrapped IS NOT NULL")
        return int(row[0]) if row else 0

    def close(self) -> None:
        """Let the file go."""
        with self._lock:
            self._database.close()

    def _make(self, database: sqlite3.Connection, case_number: str | None) -> DetailKey:
        key = DetailKey(id=os.urandom(KEY_ID_SIZE), key=os.urandom(KEY_SIZE))
        database.execute(
            "INSERT INTO keys VALUES (?, ?, ?, ?, ?)",
            (key.id, case_number, self.epoch, self._sealer.seal(key.key, _purpose(key.id)), case_number is None),
        )
        return key

    def _unwrap(self, key_id: bytes, wrapped: bytes | None) -> DetailKey:
        if wrapped is None:
            raise Damaged("the key has been destroyed", field="detail key")
        try:
            return DetailKey(id=key_id, key=self._sealer.unseal(wrapped, _purpose(key_id)))
        except BadSeal as error:
            raise Damaged("a key is not wrapped under this master key", field="detail keys") from error

    def _row(self, sql: str, *values: bytes | str) -> tuple[Any, ...] | None:
        """The first row of a question to the store."""
        with self._lock:
            try:
                row: tuple[Any, ...] | None = self._database.execute(sql, values).fetchone()
            except sqlite3.Error as error:
                raise _unusable(error) from error
        return row

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._database.execute("BEGIN IMMEDIATE")
                yield self._database
                self._database.execute("COMMIT")
            except sqlite3.Error as error:
                raise _unusable(error) from error
            finally:
                # Also where the disk was full at the end: else no other transaction could ever begin.
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")


def _opens(key: Seals, key_id: bytes, wrapped: bytes) -> bool:
    try:
        key.unseal(wrapped, _purpose(key_id))
    except BadSeal:
        return False
    return True


def _unusable(error: sqlite3.Error) -> LogUnavailable:
    return LogUnavailable(f"the key store cannot be used: {error}")


def _purpose(key_id: bytes) -> bytes:
    return b"mianzheng.detail-key/1:" + key_id
