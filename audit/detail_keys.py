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

from audit.detail import KEY_ID_SIZE, KEY_SIZE, OPEN, DetailKey
from kernel.durable import PRIVATE
from kernel.errors import Damaged
from kernel.sealing import BadSeal, Sealer
from schemas.wire.v1.statement_pb2 import PartyTag

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

    def __init__(self, path: Path, master_key: bytes, *, epoch: str) -> None:
        """Open or begin a store; new keys belong to `epoch`. Raises OSError where the file cannot be made."""
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE))
        self.epoch = epoch
        self._sealer = Sealer(master_key)
        self._lock = threading.Lock()
        self._general: DetailKey | None = None
        self._database = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        # A detail that is durable under a key that is not could never be read again: hence FULL.
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON", "foreign_keys = ON"):
            self._database.execute(f"PRAGMA {pragma}")
        self._database.executescript(_SCHEMA)

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
        if self._general is None:
            with self._transaction() as database:
                row = database.execute(
                    "SELECT id, wrapped FROM keys WHERE general AND epoch = ?", (self.epoch,)
                ).fetchone()
                self._general = self._unwrap(*row) if row else self._make(database, None)
        return self._general

    def get(self, key_id: bytes) -> DetailKey | None:
        """The key of that name; None where it has been destroyed or never was. The open key is always there."""
        if key_id == OPEN.id:
            return OPEN
        with self._lock:
            row = self._database.execute("SELECT id, wrapped FROM keys WHERE id = ?", (key_id,)).fetchone()
        return self._unwrap(*row) if row and row[1] is not None else None

    def knows(self, key_id: bytes) -> bool:
        """Whether a key of that name ever was in the store, destroyed or not."""
        with self._lock:
            return self._database.execute("SELECT 1 FROM keys WHERE id = ?", (key_id,)).fetchone() is not None

    def id_of_case(self, case_number: str) -> bytes | None:
        """The name of a case's key, destroyed or not; None where the case is unknown."""
        with self._lock:
            row = self._database.execute("SELECT id FROM keys WHERE case_number = ?", (case_number,)).fetchone()
        return bytes(row[0]) if row else None

    def destroy(self, tags: Iterable[PartyTag]) -> int:
        """Destroy the keys of every case with one of these subjects; returns their number.

        The details stay as bytes that nobody can open, and every proof stays valid.
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
        with self._lock:
            # The write-ahead log still holds the wrapped keys until it is emptied.
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return len(found)

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

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")


def _purpose(key_id: bytes) -> bytes:
    return b"mianzheng.detail-key/1:" + key_id
