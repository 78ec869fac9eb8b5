"""Writing files into a backup that is being taken: hashed on the way, sealed where they must be, flushed at the end.

What the backup before holds already, byte for byte, gets a second name here instead of a second copy.
"""

import hashlib
import os
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import BinaryIO

from app.backup_contents import IN_CLEAR, UNDER_CONTENT, StoredFile
from app.sealed_file import SUFFIX, seal_file
from kernel.durable import PRIVATE, PRIVATE_FOLDER, PUBLIC, flush_directory
from kernel.errors import Damaged

SQLITE_MAGIC = b"SQLite format 3\0"


class BackupWriter:
    """The files of one backup as they are written; `files` lists them."""

    def __init__(
        self, folder: Path, content_key: bytes, *, chunk: int, before: tuple[Path, Mapping[str, StoredFile]] | None
    ) -> None:
        """Write into a folder; `before` is the backup before, if there is one: its folder and its files."""
        self.folder = folder
        self.files: dict[str, StoredFile] = {}
        self.linked = 0
        self._content_key = content_key
        self._chunk = chunk
        self._before = before
        self._folders: set[Path] = set()

    def put(self, path: str, pieces: Iterable[bytes], *, mode: int = PRIVATE, modified: int = 0) -> StoredFile:
        """Write a file as it is."""
        size, sha256 = self._write(path, pieces)
        return self._list(StoredFile(path=path, size=size, sha256=sha256, mode=mode, modified=modified))

    def copy(self, path: str, source: Path, *, wanted: str) -> StoredFile:
        """Copy a file that never changes, in clear; raises Damaged unless `wanted` (hex) is its SHA-256."""
        if (linked := self._link(path, wanted, sealed=IN_CLEAR)) is not None:
            return linked
        with source.open("rb") as file:
            stored = self.put(path, self._pieces(file), mode=PUBLIC)
        if stored.sha256 != wanted:
            self.drop(path)
            raise Damaged("is not the file that was published", field=path)
        return stored

    def seal(self, path: str, source: Path, *, key: bytes | None = None, sealed: str = UNDER_CONTENT) -> StoredFile:
        """Seal a file; under the content key, or under one that is given."""
        found = source.stat()
        plain = hashlib.sha256()
        with source.open("rb") as file:
            pieces = seal_file(_Hashing(file, plain), key or self._content_key, path.encode())
            size, sha256 = self._write(path + SUFFIX, pieces)
        return self._list(
            StoredFile(
                path=path,
                size=size,
                sha256=sha256,
                sealed=sealed,
                plain=plain.hexdigest(),
                mode=PRIVATE if found.st_mode & 0o077 == 0 else PUBLIC,
                modified=int(found.st_mtime),
            )
        )

    def seal_unchanging(self, path: str, source: Path, *, key: bytes, sealed: str, wanted: str) -> StoredFile:
        """Seal a file that never changes, under its own key; raises Damaged where it is not what it should be."""
        if (linked := self._link(path, wanted, sealed=sealed)) is not None:
            return linked
        stored = self.seal(path, source, key=key, sealed=sealed)
        if stored.plain != wanted:
            self.drop(path)
            raise Damaged("is not the file that was published", field=path)
        return stored

    def seal_whatever(self, path: str, source: Path) -> StoredFile:
        """Seal a file that may be a database in use: that is copied as it stands at one moment."""
        with source.open("rb") as file:
            is_database = file.read(len(SQLITE_MAGIC)) == SQLITE_MAGIC
        if not is_database:
            return self.seal(path, source)
        with tempfile.TemporaryDirectory(prefix=".copying-", dir=self.folder) as folder:
            copied = Path(folder) / "copy.sqlite"
            # Made before it is filled, so that nobody else can read it.
            copied.touch(mode=PRIVATE)
            with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(copied)) as copy:
                live.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")
            return self.seal(path, copied)

    def drop(self, path: str) -> None:
        """Take a file, or everything below a folder, out again."""
        for name in [each for each in self.files if each == path or each.startswith(f"{path}/")]:
            stored = self.files.pop(name)
            (self.folder / stored_path(stored)).unlink(missing_ok=True)

    def finish(self) -> None:
        """Make all names durable; the files are."""
        for each in sorted(self._folders, reverse=True):
            flush_directory(each)
        flush_directory(self.folder)

    def _link(self, path: str, wanted: str, *, sealed: str) -> StoredFile | None:
        """Give a file of the backup before a second name, if it holds what is wanted."""
        if self._before is None:
            return None
        folder, files = self._before
        stored = files.get(path)
        if stored is None or stored.sealed != sealed or (stored.plain or stored.sha256) != wanted:
            return None
        old, new = folder / stored_path(stored), self.folder / stored_path(stored)
        self._make(new.parent)
        # Where the file system has no second names, or no more of them, the file is copied.
        with suppress(OSError):
            if old.stat().st_size == stored.size:
                os.link(old, new)
                self.linked += 1
                return self._list(stored)
        return None

    def _write(self, path: str, pieces: Iterable[bytes]) -> tuple[int, str]:
        target = self.folder / path
        self._make(target.parent)
        found = hashlib.sha256()
        size = 0
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
        with os.fdopen(handle, "wb") as file:
            for piece in pieces:
                found.update(piece)
                size += file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        return size, found.hexdigest()

    def _make(self, folder: Path) -> None:
        # One by one: only the last of several that are made at once gets the mode.
        missing = [each for each in (folder, *folder.parents) if each.is_relative_to(self.folder)]
        for each in reversed([each for each in missing if each not in self._folders]):
            each.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
            self._folders.add(each)

    def _list(self, stored: StoredFile) -> StoredFile:
        self.files[stored.path] = stored
        return stored

    def _pieces(self, file: BinaryIO) -> Iterator[bytes]:
        while piece := file.read(self._chunk):
            yield piece


class _Hashing:
    """A file that is hashed while it is read."""

    def __init__(self, file: BinaryIO, found: "hashlib._Hash") -> None:
        self._file = file
        self._found = found

    def read(self, size: int) -> bytes:
        """The next bytes."""
        piece = self._file.read(size)
        self._found.update(piece)
        return piece


def stored_path(stored: StoredFile) -> str:
    """Where a file lies in a backup."""
    return stored.path + (SUFFIX if stored.sealed else "")
