"""What a packed file holds, read as a stream and never unpacked to a disk: gzip (RFC 1952), or a zip with one member.

A packed file may hold a multiple of its own size that no honest one does. How much is read in all, and how much of it
for one packed byte, is bounded; so is every look into a zip's directory.
"""

import gzip
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import BinaryIO, NoReturn

from adapters.port import AdapterSettings, Readable
from kernel.errors import Malformed, Unavailable

_ENCRYPTED = 1
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_UNREADABLE = (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)
_PLAIN_FAULTS = (PermissionError, IsADirectoryError, NotADirectoryError, FileNotFoundError)


@contextmanager
def unpacked(file: BinaryIO, compression: str, name: str, settings: AdapterSettings) -> Iterator[Readable]:
    """What an open file holds: as it is, or packed as `gzip` or `zip`; the end comes only where all checksums fit.

    Raises Malformed, and Unavailable where reading fails.
    """
    size = file.seek(0, 2)
    file.seek(0)
    with _readable(name, compression):
        if compression == "gzip":
            packed: BinaryIO = gzip.GzipFile(fileobj=file)  # type: ignore[assignment]
        elif compression == "zip":
            packed = _only_member(file, name, settings)
        else:
            packed = file
    bound = settings.file_bytes_max
    if compression:
        bound = min(bound, max(settings.expansion_free_bytes, size * settings.expansion_max))
    with packed:
        yield _Bounded(packed, bound, name, compression)


def unreadable(error: OSError, name: str) -> Malformed | Unavailable:
    """The error of an operating system that lets us read no file; another time it may, where no rule forbids it."""
    what = f"cannot be read ({type(error).__name__})"
    if isinstance(error, _PLAIN_FAULTS):
        return Malformed(what, field=name, remedy="let the hub's own user read it, and every folder above it")
    return Unavailable(what, field=name, remedy="look after the disk or the share that it lies on")


class _Bounded:
    """A stream that ends with an error where it goes beyond a bound, or is not what it should be."""

    def __init__(self, file: BinaryIO, bound: int, name: str, compression: str) -> None:
        self._file = file
        self._left = bound
        self._name = name
        self._compression = compression

    def read(self, size: int, /) -> bytes:
        """The next bytes, at most `size`; raises Malformed, Unavailable."""
        with _readable(self._name, self._compression):
            found = self._file.read(size)
        self._left -= len(found)
        if self._left < 0:
            raise Malformed(
                "holds more than a file of its size may",
                field=self._name,
                remedy="deliver it unpacked, or in parts; a greater expansion_max of the settings lets it pass",
            )
        return found


@contextmanager
def _readable(name: str, compression: str) -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        raise Malformed(
            f"is no whole {compression} file ({type(error).__name__})", field=name, remedy="pack it again"
        ) from None
    except OSError as error:
        raise unreadable(error, name) from None


def _only_member(file: BinaryIO, name: str, settings: AdapterSettings) -> BinaryIO:
    archive = zipfile.ZipFile(_Short(file, name, settings.zip_directory_bytes_max))
    members = [each for each in archive.infolist() if not each.is_dir()]
    if len(members) != 1:
        raise Malformed(f"holds {len(members)} files", field=name, remedy="pack one file a delivery")
    member = members[0]
    if not _plain_name(member.orig_filename) or stat.S_ISLNK(member.external_attr >> 16):
        raise Malformed("holds a file whose name leads elsewhere", field=name, remedy="pack the file by its name alone")
    if member.flag_bits & _ENCRYPTED:
        raise Malformed("is locked with a password", field=name, remedy="pack it without")
    if member.compress_type not in _METHODS:
        raise Malformed("is packed in a way that is not read", field=name, remedy="pack it with deflate")
    return archive.open(member)  # type: ignore[return-value]


def _plain_name(name: str) -> bool:
    path = PurePosixPath(name.replace("\\", "/"))
    return not path.is_absolute() and ".." not in path.parts and ":" not in name and "\0" not in name


class _Short:
    """A zip's file, of which nobody reads much at once: its directory says itself how long it is."""

    def __init__(self, file: BinaryIO, name: str, bytes_max: int) -> None:
        self._file = file
        self._name = name
        self._bytes_max = bytes_max

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes; raises Malformed where they are more than a directory of one file takes."""
        found = self._file.read(self._bytes_max + 1 if size < 0 else min(size, self._bytes_max + 1))
        if len(found) > self._bytes_max:
            self._refuse()
        return found

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """As files do."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """As files do."""
        return self._file.tell()

    def seekable(self) -> bool:
        """As files do."""
        return True

    def _refuse(self) -> NoReturn:
        raise Malformed("has a directory of more than one file", field=self._name, remedy="pack one file a delivery")
