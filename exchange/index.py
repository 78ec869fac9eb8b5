"""The serving index: an LMDB file from keyed hashes to sealed rows, written once and then only read.

A value is one flag byte and the subject's rows, each with its length in 4 bytes in front, sealed under the snapshot's
data key for its own index key: a value that was changed or moved to another key cannot be unsealed.
"""

import os
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any, Self
from weakref import WeakValueDictionary

import lmdb
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kernel.durable import flush_file
from kernel.errors import Damaged
from kernel.sealing import NONCE_SIZE, OVERHEAD, BadSeal, Sealer

TAINTED = 1
"""The flag of a subject or a name that a quarantined row may be about."""

_PURPOSE = b"mianzheng.index.v1:"
_LENGTH = struct.Struct(">I")
_FIRST_ROW = 1 + _LENGTH.size
_BATCH = 10_000
_TAINTED_ONLY = b"\x01"


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexEntry:
    """What the index holds for one subject: its rows as bytes, and whether one may be missing."""

    rows: tuple[bytes, ...] = ()
    tainted: bool = False


NOTHING = IndexEntry()


def pack(rows: Sequence[bytes], *, tainted: bool = False) -> bytes:
    """An entry as bytes, before sealing."""
    flag = b"\x01" if tainted else b"\x00"
    if len(rows) == 1:
        return flag + _LENGTH.pack(len(rows[0])) + rows[0]
    parts = [flag]
    for row in rows:
        parts += (_LENGTH.pack(len(row)), row)
    return b"".join(parts)


def unpack(raw: bytes) -> IndexEntry:
    """The entry that `pack` made; raises Damaged."""
    end = len(raw)
    if not end or raw[0] > TAINTED:
        raise _damaged("an entry has no known form")
    if end > _FIRST_ROW and _LENGTH.unpack_from(raw, 1)[0] == end - _FIRST_ROW:
        # One row, as most have.
        return IndexEntry(rows=(raw[_FIRST_ROW:],), tainted=raw[0] == TAINTED)
    rows = []
    at = 1
    while at < end:
        start = at + _LENGTH.size
        if start > end:
            raise _damaged("an entry is cut short")
        at = start + _LENGTH.unpack_from(raw, at)[0]
        if at > end:
            raise _damaged("an entry is cut short")
        rows.append(raw[start:at])
    return IndexEntry(rows=tuple(rows), tainted=raw[0] == TAINTED)


def packed(rows: Sequence[bytes], *, tainted: bool, rows_max: int) -> bytes:
    """A subject's entry, its rows in the order of their bytes.

    More rows than a person can have are a placeholder number's; nothing is said about it.
    """
    if len(rows) > rows_max:
        return _TAINTED_ONLY
    return pack(sorted(rows) if len(rows) > 1 else rows, tainted=tainted)


class Entries:
    """Entries in ascending order of their keys, packed; iterated once, in bounded memory.

    From what `index_rows` gives: a subject's rows under their key, and nothing (None) under a tainted one.
    """

    def __init__(self, batches: Iterable[Sequence[tuple[bytes, bytes | None]]], rows_max: int) -> None:
        """Take the rows in batches, and how many a person can have."""
        self._batches = batches
        self._rows_max = rows_max
        self.subjects = 0
        """How many subjects with rows went by."""

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        """Keys and packed entries."""
        for key, rows, tainted in self._subjects():
            self.subjects += 0 < len(rows) <= self._rows_max
            yield key, packed(rows, tainted=tainted, rows_max=self._rows_max)

    def changes(self) -> Iterator[tuple[bytes, bytes | None]]:
        """The same for keys that were only looked at (no bytes stand under them): None where nothing is left to say."""
        for key, rows, tainted in self._subjects():
            something = rows or tainted
            yield key, packed(rows, tainted=tainted, rows_max=self._rows_max) if something else None

    def _subjects(self) -> Iterator[tuple[bytes, list[bytes], bool]]:
        key, rows, tainted = b"", list[bytes](), False
        for batch in self._batches:
            for at, row in batch:
                if at != key:
                    if key:
                        yield key, rows, tainted
                    key, rows, tainted = at, [], False
                if row is None:
                    tainted = True
                # One more than a person can have says enough.
                elif row and len(rows) <= self._rows_max:
                    rows.append(row)
        if key:
            yield key, rows, tainted


def write_index(path: Path, entries: Iterable[tuple[bytes, bytes]], data_key: bytes, *, map_bytes: int) -> int:
    """Write a new index from packed entries in ascending order of their keys; flushed on return. Returns how many.

    `data_key` is a fresh key that seals nothing else.
    """
    seal = AESGCM(data_key).encrypt
    count = 0
    environment = lmdb.open(str(path), subdir=False, map_size=map_bytes, lock=False, sync=False, mode=0o600)
    try:
        batch: list[tuple[bytes, bytes]] = []
        for number, (key, packed) in enumerate(entries):
            # Under a key of its own a counter is a nonce that never repeats, and costs a tenth of a random one.
            nonce = number.to_bytes(NONCE_SIZE, "big")
            batch.append((key, nonce + seal(nonce, packed, _PURPOSE + key)))
            if len(batch) == _BATCH:
                count += _append(environment, batch)
                batch = []
        count += _append(environment, batch)
        environment.sync(True)  # noqa: FBT003 - the C interface takes no keywords here
    finally:
        environment.close()
    flush_file(path)
    return count


def _append(environment: Any, batch: list[tuple[bytes, bytes]]) -> int:
    with environment.begin(write=True) as transaction, transaction.cursor() as cursor:
        consumed, added = cursor.putmulti(batch, append=True)
    if consumed != len(batch) or added != len(batch):
        raise ValueError("index keys must ascend, each once")
    return len(batch)


class IndexChanges:
    """Changes an index that nobody reads yet: the copy of another snapshot's, under the same data key."""

    def __init__(self, path: Path, data_key: bytes, *, map_bytes: int) -> None:
        """Open the index for writing."""
        self._environment = lmdb.open(str(path), subdir=False, map_size=map_bytes, lock=False, sync=False, mode=0o600)
        self._sealer = Sealer(data_key)

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Flush and close."""
        try:
            self._environment.sync(True)  # noqa: FBT003 - the C interface takes no keywords here
        finally:
            self._environment.close()

    def change(self, entries: Iterable[tuple[bytes, bytes | None]]) -> int:
        """Write packed entries, and take away those that are None; returns how many more subjects have rows.

        In ascending order of keys, in transactions of some thousand, so that memory stays bounded. Raises Damaged.
        """
        more = 0
        waiting = iter(entries)
        while batch := list(islice(waiting, _BATCH)):
            with self._environment.begin(write=True) as transaction:
                for key, plain in batch:
                    more += self._change(transaction, key, plain)
        return more

    def _change(self, transaction: Any, key: bytes, plain: bytes | None) -> int:
        sealed = transaction.get(key)
        had_rows = sealed is not None and len(sealed) > OVERHEAD + len(_TAINTED_ONLY)
        if plain is None:
            transaction.delete(key)
            return -had_rows
        # The former entries' nonces are counted up from nothing; a random one never meets them.
        transaction.put(key, self._sealer.seal(plain, _PURPOSE + key))
        return (len(plain) > len(_TAINTED_ONLY)) - had_rows


class IndexReader:
    """Reads an index. Cheap to share between threads and calls; many processes may read the same file."""

    __slots__ = ("_environment", "_unseal")

    def __init__(self, path: Path, data_key: bytes) -> None:
        """Open the index read-only and without locks: nobody ever writes to it. Raises Damaged."""
        self._environment = _environment(path)
        self._unseal = Sealer(data_key).unseal

    def get(self, key: bytes) -> IndexEntry:
        """What stands at a key, NOTHING where nothing does; raises Damaged."""
        try:
            sealed = self._environment.begin().get(key)
            if sealed is None:
                return NOTHING
            return unpack(self._unseal(sealed, _PURPOSE + key))
        except BadSeal as error:
            raise _damaged("an entry cannot be unsealed") from error
        except lmdb.Error as error:
            raise _damaged(f"cannot be read ({type(error).__name__})") from error

    def entries(self) -> Iterator[tuple[bytes, IndexEntry]]:
        """Every entry, in the order of keys; raises Damaged."""
        try:
            with self._environment.begin() as transaction, transaction.cursor() as cursor:
                for key, sealed in cursor:
                    yield bytes(key), unpack(self._unseal(sealed, _PURPOSE + key))
        except BadSeal as error:
            raise _damaged("an entry cannot be unsealed") from error
        except lmdb.Error as error:
            raise _damaged(f"cannot be read ({type(error).__name__})") from error


# LMDB allows a file to be open once in a process, so readers of one file share its environment; the last one closes it.
_shared: WeakValueDictionary[tuple[int, str], Any] = WeakValueDictionary()
_opening = Lock()


def _environment(path: Path) -> Any:
    place = (os.getpid(), str(path.resolve()))
    with _opening:
        environment = _shared.get(place)
        if environment is None:
            try:
                environment = lmdb.open(
                    place[1], subdir=False, readonly=True, lock=False, create=False, readahead=False, max_spare_txns=4
                )
            except lmdb.Error as error:
                raise _damaged(f"cannot be opened ({type(error).__name__})") from error
            _shared[place] = environment
        return environment


def _damaged(what: str) -> Damaged:
    return Damaged(what, field="index.mdb", remedy="publish the dataset again")
