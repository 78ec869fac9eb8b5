"""The file operations that make a log durable, as a port.

Tests make each of them fail, before it lands and after.
"""

import os
import secrets
from pathlib import Path
from typing import Protocol

from kernel.durable import PUBLIC, flush_directory


class Files(Protocol):
    """Changes files; raises OSError."""

    def write(self, handle: int, data: bytes) -> None:
        """Append all of the bytes."""

    def flush(self, handle: int) -> None:
        """Make durable what was written."""

    def rename(self, source: Path, target: Path) -> None:
        """Put a file in the place of another, at once."""

    def flush_names(self, directory: Path) -> None:
        """Make durable which files a directory holds."""


class RealFiles:
    """The machine's files."""

    def write(self, handle: int, data: bytes) -> None:
        """Append all of the bytes; more than one call to the system only where it takes fewer than all."""
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]

    def flush(self, handle: int) -> None:
        """Make the bytes durable, and of the file's description what reading them back needs."""
        os.fdatasync(handle)

    def rename(self, source: Path, target: Path) -> None:
        """Put a file in the place of another, at once."""
        source.replace(target)

    def flush_names(self, directory: Path) -> None:
        """Make durable which files a directory holds."""
        flush_directory(directory)


class UnflushedFiles(RealFiles):
    """The machine's files, without the wait for the disk: for what looks at the bytes only, above all tests."""

    def flush(self, handle: int) -> None:
        """Do nothing."""

    def flush_names(self, directory: Path) -> None:
        """Do nothing."""


def put(files: Files, path: Path, data: bytes, *, mode: int = PUBLIC, flush: bool = True) -> None:
    """Put bytes at a path, whole and flushed. The name becomes durable with `flush_names`, by the caller.

    Without `flush`, a crash may leave other bytes there: only for hints.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            files.write(handle, data)
            if flush:
                files.flush(handle)
        finally:
            os.close(handle)
        files.rename(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def make_directory(files: Files, path: Path) -> None:
    """Make a directory and those above it, durably."""
    missing = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for each in reversed(missing):
        files.flush_names(each.parent)
