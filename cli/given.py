"""Files and names as whoever types a command gives them."""

import os
import pwd
from pathlib import Path

from kernel.errors import Malformed


def read_given(path: Path, size_max: int) -> bytes:
    """The bytes of a file, or of a pipe, that somebody names; raises Malformed where that cannot be."""
    try:
        with path.open("rb") as file:
            raw = file.read(size_max + 1)
    except OSError as error:
        raise Malformed(f"cannot be read ({error.strerror})", field=str(path)) from error
    if len(raw) > size_max:
        raise Malformed("is too large", field=str(path))
    return raw


def who_types() -> str:
    """The account that runs this process, whatever the environment says."""
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid-{number}"
