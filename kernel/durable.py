"""Files that are whole or absent, whatever happens between two instructions.

A file is written beside its place, flushed, renamed in, and its directory flushed: a reader sees the old bytes
or the new ones, and after a crash too.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EDQUOT, EFBIG, EIO, ENOSPC, EROFS, ESTALE
from pathlib import Path

from kernel.errors import Conflict

PRIVATE = 0o600
PUBLIC = 0o644
PRIVATE_FOLDER = 0o700

DISK_FAULTS = frozenset({EDQUOT, EFBIG, EIO, ENOSPC, EROFS, ESTALE})
"""What the system says of a disk that is full, failing, or can only be read."""


def flush_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def flush_file(path: Path) -> None:
    """Make a file's bytes durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(path: Path, *, mode: int = PRIVATE_FOLDER) -> None:
    """Make one folder, durably, where there is none; what stands keeps its mode."""
    path.mkdir(mode=mode, exist_ok=True)
    flush_directory(path.parent)


def write_beside(path: Path, data: bytes, *, mode: int = PUBLIC) -> Path:
    """Write and flush a temporary file next to `path`; returns it. The caller renames or removes it."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def clear_unfinished(folder: Path) -> None:
    """Remove the temporary files that killed writers left in a folder; the caller keeps living writers away from it."""
    for left in folder.glob(".*.tmp"):
        left.unlink(missing_ok=True)


def replace_file(path: Path, data: bytes, *, mode: int = PUBLIC) -> None:
    """Put `data` at `path`, durably and whole."""
    temporary = write_beside(path, data, mode=mode)
    try:
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    flush_directory(path.parent)


def create_file(path: Path, data: bytes, *, mode: int = PUBLIC) -> None:
    """Put `data` at `path`, durably and whole; raises Conflict where a file stands there already."""
    temporary = write_beside(path, data, mode=mode)
    try:
        os.link(temporary, path)
    except FileExistsError as error:
        raise Conflict(f"{path.name} exists already") from error
    finally:
        temporary.unlink(missing_ok=True)
    flush_directory(path.parent)


def swap_file(path: Path, data: bytes, *, expected: bytes | None, mode: int = PUBLIC) -> None:
    """Compare and swap: put `data` at `path` if it now holds `expected` (None: nothing); else raises Conflict."""
    with locked(path.with_name(f".{path.name}.lock")):
        found = path.read_bytes() if path.exists() else None
        if found != expected:
            raise Conflict(f"{path.name} was moved by somebody else")
        replace_file(path, data, mode=mode)


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold an exclusive lock on a file for the length of a block; raises Conflict where it may not wait."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            raise Conflict(f"{path.name} is held by another process") from error
        yield
    finally:
        os.close(handle)
