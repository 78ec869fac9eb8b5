"""A delivered file: found under the delivery root, read as it was when it was found, and never beyond the root.

A delivery may be one file that is always called the same, or a pattern: a drop folder, in which a department leaves one
file after another. Then only a file for which a completion marker vouches is read, so that none is read that is still
being written. Of the whole ones the newest by `data_as_of` is taken; of equally new ones the last by name.
"""

import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from adapters.cursor import instant
from adapters.packing import unpacked, unreadable
from adapters.port import AdapterSettings, Batch, Readable, Source, State
from kernel.errors import Malformed
from schemas.server import SIDECAR_SUFFIX, WILD

_PACKED = {".gz": "gzip", ".zip": "zip"}
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_LONG_NUMBER = re.compile(r"\d{15}")
"""Digits of which some may be a person's number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveredFile:
    """One file. `name` is what messages call it, `state` what it was when it was found."""

    path: Path
    name: str
    compression: str
    state: State

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """The file as it lies there; raises Malformed where it is not the one that was found."""
        with _regular(self.path, self.name) as file:
            if _state(os.fstat(file.fileno())) != self.state:
                raise self._changed()
            yield file

    @contextmanager
    def unpacked(self, settings: AdapterSettings) -> Iterator[Readable]:
        """What the file holds, as a stream; raises Malformed where it is packed in a way that is not read."""
        with self.open() as file, unpacked(file, self.compression, self.name, settings) as stream:
            yield stream

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Raises Malformed at the end where the file has changed since it was found, whatever is wrong with it now."""
        try:
            yield
        except Malformed:
            self._check_same()
            raise
        self._check_same()

    def whole(self, batches: Iterator[Batch], settings: AdapterSettings) -> Iterator[Batch]:
        """Pass the batches on; raises Malformed where they are too many, or the file changed while they were read."""
        rows = 0
        with self.unchanged():
            for batch in batches:
                rows += len(batch)
                if rows > settings.rows_max:
                    raise Malformed(
                        "has more rows than a delivery may have", field=self.name, remedy="split it or raise the bound"
                    )
                yield batch

    def _check_same(self) -> None:
        if state_of(self.path) != self.state:
            raise self._changed() from None

    def _changed(self) -> Malformed:
        return Malformed("was changed while it was read", field=self.name, remedy="deliver by renaming a whole file in")


def find(source: Source, root: Path, settings: AdapterSettings, *, bytes_max: int | None = None) -> DeliveredFile:
    """The file that a source names, or the newest whole one that its pattern fits; raises Malformed."""
    server = source.server
    if any(sign in server.path for sign in WILD):
        path, state = _newest(source, root, settings)
        name = _shown(path, root, server.path)
    else:
        path, name = inside(root, root / server.path, server.path), server.path
        state = _state(_checked(path, name))
        if server.marker and not _vouched(root, path, state, source, settings):
            raise _unvouched(source)
    _check_size(state, name, settings.file_bytes_max if bytes_max is None else bytes_max)
    compression = server.compression or _PACKED.get(path.suffix.lower(), "")
    return DeliveredFile(path=path, name=name, compression="" if compression == "none" else compression, state=state)


def delivered(root: Path, name: str, *, bytes_max: int) -> Path:
    """A delivered file under the delivery root; raises Malformed where none may be read there."""
    path = inside(root, root / name, name)
    _check_size(_state(_checked(path, name)), name, bytes_max)
    return path


def inside(root: Path, path: Path, name: str) -> Path:
    """A path with every link followed; raises Malformed where that leads out of the delivery root."""
    remedy = "mend the contract's server section, and remove links that lead out of the deliveries"
    try:
        found = path.resolve()
        ours = found.is_relative_to(root.resolve())
    except (OSError, RuntimeError, ValueError) as error:
        raise Malformed(f"is no path ({type(error).__name__})", field=name, remedy=remedy) from None
    if not ours:
        raise Malformed("lies outside the deliveries", field=name, remedy=remedy)
    return found


def data_as_of(path: Path, settings: AdapterSettings) -> datetime:
    """The instant that a file's sidecar vouches for, else the file's own time; raises Malformed."""
    sidecar = path.with_name(path.name + SIDECAR_SUFFIX)
    if not os.path.lexists(sidecar):
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    remedy = 'write {"data_as_of": "<ISO 8601 instant>"}'
    name = _harmless(sidecar.name) or SIDECAR_SUFFIX
    try:
        return instant(str(json.loads(_small(sidecar, name, settings))["data_as_of"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Malformed("names no instant in data_as_of", field=name, remedy=remedy) from error


def state_of(path: Path) -> State:
    """What changes when a file is: its inode, size and times."""
    try:
        return _state(path.stat())
    except FileNotFoundError:
        return (0, 0, 0, 0)


def _state(found: os.stat_result) -> State:
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _check_size(state: State, name: str, bytes_max: int) -> None:
    if state[1] > bytes_max:
        raise Malformed("is larger than a delivery may be", field=name, remedy="split it, or raise the bound")


def _checked(path: Path, name: str) -> os.stat_result:
    remedy = "deliver the file, or mend the contract's server section"
    try:
        found = path.stat()
    except FileNotFoundError:
        raise Malformed("is not there", field=name, remedy=remedy) from None
    except OSError as error:
        raise unreadable(error, name) from None
    if not stat.S_ISREG(found.st_mode):
        raise Malformed("is not there: what has its name is no file", field=name, remedy=remedy)
    return found


def _regular(path: Path, name: str) -> BinaryIO:
    """Open a file. Between the look and the opening a pipe or a link may take its place: neither is followed."""
    try:
        descriptor = os.open(path, _OPEN)
    except OSError as error:
        raise unreadable(error, name) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Malformed("is no file any more", field=name, remedy="deliver by renaming a whole file in")
    return os.fdopen(descriptor, "rb")


def _small(path: Path, name: str, settings: AdapterSettings) -> bytes:
    with _regular(path, name) as file:
        return file.read(settings.sidecar_bytes_max)


def _newest(source: Source, root: Path, settings: AdapterSettings) -> tuple[Path, State]:
    """The newest file for which a marker vouches, and what it was then."""
    pattern = source.server.path
    whole = []
    for path in _matching(root, pattern, source.server.marker, settings):
        real = inside(root, path, pattern)
        # What it is comes before what is said of it: a file that changes in between is newer than its marker.
        state = state_of(real)
        if real.is_file() and _vouched(root, real, state, source, settings):
            whole.append((data_as_of(real, settings), path.relative_to(root).as_posix(), real, state))
    if not whole:
        raise _unvouched(source)
    *_, real, state = max(whole)
    return real, state


def _unvouched(source: Source) -> Malformed:
    marker = source.server.marker
    return Malformed(
        "no whole delivery is there",
        field=source.where,
        remedy=f"deliver the file, then {'<file>' if marker.startswith('.') else ''}{marker} beside it",
    )


def _matching(root: Path, pattern: str, marker: str, settings: AdapterSettings) -> list[Path]:
    """What fits a pattern, but for what only speaks of other files: markers, sidecars, and hidden files."""
    found = [root]
    looked = 0
    for part in pattern.split("/"):
        shape = re.compile("".join({"*": ".*", "?": "."}.get(sign, re.escape(sign)) for sign in part), re.DOTALL)
        below = []
        for folder in found:
            for entry in _entries(inside(root, folder, pattern), pattern):
                looked += 1
                if looked > settings.folder_entries_max:
                    raise Malformed(
                        "has more files beside it than are looked through", field=pattern, remedy="move old ones away"
                    )
                if shape.fullmatch(entry) and not entry.startswith("."):
                    below.append(folder / entry)
        found = below
    beside = (SIDECAR_SUFFIX, marker) if marker.startswith(".") else (SIDECAR_SUFFIX,)
    return [path for path in found if path.name != marker and not path.name.endswith(beside)]


def _entries(folder: Path, pattern: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                yield entry.name
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise unreadable(error, pattern) from None


def _vouched(root: Path, path: Path, state: State, source: Source, settings: AdapterSettings) -> bool:
    """Whether a marker says that a file is whole. One that is older than the file spoke of what was there before."""
    marker, name = source.server.marker, source.where
    beside = path.with_name(path.name + marker if marker.startswith(".") else marker)
    said = inside(root, beside, name)
    if not said.is_file() or state_of(said)[2] < state[2]:
        return False
    if marker.startswith("."):
        return True
    try:
        listed = _small(said, name, settings).decode("utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise Malformed(
            "its marker is no UTF-8", field=name, remedy=f"write names of whole files into {marker}, one a line"
        ) from None
    names = {line.strip() for line in listed} - {""}
    return not names or path.name in names


def _shown(path: Path, root: Path, pattern: str) -> str:
    """How messages name a file that a pattern found: by its own name, unless that may tell or do something."""
    return _harmless(path.relative_to(root.resolve()).as_posix()) or pattern


def _harmless(name: str) -> str:
    return name if name.isprintable() and not _LONG_NUMBER.search(name) else ""
