"""Reading files that others may have put something else in the place of, or made larger than they may be."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from kernel.errors import Damaged, Unreadable

_OF_THE_FILE = {errno.EACCES, errno.EIO, errno.ELOOP, errno.ENXIO, errno.EPERM}


def open_plain(path: Path, *, name: str = "", remedy: str = "") -> BinaryIO:
    """A file open for reading; raises FileNotFoundError, Unreadable, or Damaged where anything but a plain file stands.

    Whoever can write to a directory can put a pipe there, and reading it would wait for ever. `name` is how messages
    call the file, else by its own; `remedy` is what they say to do.
    """
    field = name or path.name
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except NotADirectoryError as error:
        raise FileNotFoundError(error.errno, error.strerror) from error
    except OSError as error:
        if error.errno in _OF_THE_FILE:
            raise Unreadable("cannot be read", field=field, remedy=remedy) from error
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise Damaged("is no plain file", field=field, remedy=remedy)
    return os.fdopen(handle, "rb")


def read_bounded(path: Path, size_max: int, *, name: str = "", remedy: str = "") -> bytes:
    """The bytes of a plain file; raises as `open_plain` does, and Damaged where there are more than `size_max`."""
    field = name or path.name
    with open_plain(path, name=name, remedy=remedy) as file:
        try:
            data = file.read(size_max + 1)
        except OSError as error:
            raise Unreadable("cannot be read", field=field, remedy=remedy) from error
    if len(data) > size_max:
        raise Damaged("is too large", field=field, remedy=remedy)
    return data
