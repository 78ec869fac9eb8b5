"""Files that fail on demand: shipped for the tests of everything that writes logs."""

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from audit.files import RealFiles


@dataclass(slots=True, kw_only=True)
class FaultyFiles:
    """The machine's files, but the operation numbered `at` (counted from 0, by name) meets a fault.

    Only files of the name `only` count, where one is given.

    `lands`: the operation takes effect all the same ("failed but persisted"); else it has no effect, or for a write
    the effect of its first `partial` bytes. `act` is what happens instead of an OSError, e.g. the end of the process.
    """

    operation: str
    at: int
    only: str = ""
    lands: bool = False
    partial: int = 0
    error: int = errno.EIO
    act: Callable[[], None] | None = None
    counts: dict[str, int] = field(default_factory=lambda: {"write": 0, "flush": 0, "rename": 0, "flush_names": 0})
    _real: RealFiles = field(default_factory=RealFiles)

    def write(self, handle: int, data: bytes) -> None:
        """Append all of the bytes, or meet the fault."""
        if self._due("write", _name(handle)):
            self._real.write(handle, data if self.lands else data[: self.partial])
            self._meet()
        self._real.write(handle, data)

    def flush(self, handle: int) -> None:
        """Flush, or meet the fault."""
        if self._due("flush", _name(handle)):
            if self.lands:
                self._real.flush(handle)
            self._meet()
        self._real.flush(handle)

    def rename(self, source: Path, target: Path) -> None:
        """Rename, or meet the fault."""
        if self._due("rename", target.name):
            if self.lands:
                self._real.rename(source, target)
            self._meet()
        self._real.rename(source, target)

    def flush_names(self, directory: Path) -> None:
        """Flush a directory, or meet the fault."""
        if self._due("flush_names", directory.name):
            if self.lands:
                self._real.flush_names(directory)
            self._meet()
        self._real.flush_names(directory)

    def _due(self, operation: str, name: str) -> bool:
        if self.only not in {"", name}:
            return False
        number = self.counts[operation]
        self.counts[operation] = number + 1
        return operation == self.operation and number == self.at

    def _meet(self) -> None:
        if self.act is not None:
            self.act()
        raise OSError(self.error, os.strerror(self.error))


def _name(handle: int) -> str:
    return Path(f"/proc/self/fd/{handle}").readlink().name
