"""The format of a hub's home, and how an older one becomes today's.

The file `FORMAT` says which it is; docs/specs/formats.md lists what each format holds, and the formats of the files
within, each of which names its own.

| format | since | differs by |
|---|---|---|
| 1 | the first release | has no `FORMAT`; its SQLite files have `user_version` 0 |
| 2 | backups | `FORMAT`; SQLite files say their version; logs have generations; master keys rotate |
"""

import re
from collections.abc import Callable, Mapping

from app.master_key import MasterKey
from app.paths import Paths
from audit.detail_keys import DetailKeys
from kernel.durable import replace_file
from kernel.errors import Damaged, OtherFormat
from verifier.closures import Closures

HOME_FORMAT = 2
"""What this version makes, and works on."""

_LINE = re.compile(rb"mianzheng home ([1-9][0-9]{0,5})\n")
_BUSY_SECONDS = 10.0


def format_line(number: int = HOME_FORMAT) -> bytes:
    """The content of a home's `FORMAT`."""
    return b"mianzheng home %d\n" % number


def home_format(paths: Paths) -> int | None:
    """The format of the hub's home at a place; None where there is no hub. Raises Damaged."""
    try:
        with paths.format.open("rb") as file:
            found = _LINE.fullmatch(file.read(100))
    except FileNotFoundError:
        return 1 if paths.trust.exists() or paths.keys.exists() else None
    if found is None:
        raise Damaged("does not name the format of a home", field=paths.format.name, remedy="restore it")
    return int(found[1])


def check_home(paths: Paths) -> None:
    """Return if this version works on the home, or there is none; raises OtherFormat or Damaged."""
    number = home_format(paths)
    if number is None or number == HOME_FORMAT:
        return
    older = number < HOME_FORMAT
    raise OtherFormat(
        f"this home has format {number}, and this version works on format {HOME_FORMAT}",
        field=str(paths.home),
        remedy="stop the hub, make a copy of the home, then run `mianzheng upgrade`"
        if older
        else "run a newer version",
    )


def upgrade(paths: Paths, *, tag_epoch: str) -> int | None:
    """Bring a home to today's format, whose custody the caller holds; returns what it was, None where none is there.

    Each step can run twice, and `FORMAT` moves last: whoever is interrupted runs it again. Raises OtherFormat for a
    newer home.
    """
    number = home_format(paths)
    if number is None:
        return None
    if number > HOME_FORMAT:
        check_home(paths)
    for step in range(number, HOME_FORMAT):
        _STEPS[step](paths, tag_epoch)
        replace_file(paths.format, format_line(step + 1))
    return number


def _name_versions(paths: Paths, tag_epoch: str) -> None:
    """From 1 to 2: the same tables; now the files say so."""
    if paths.detail_keys.exists():
        DetailKeys(paths.detail_keys, MasterKey(paths.keys), epoch=tag_epoch).close()
    if paths.cases.exists():
        Closures(paths.cases, busy_seconds=_BUSY_SECONDS).end()


_STEPS: Mapping[int, Callable[[Paths, str], None]] = {1: _name_versions}
"""How a home of each older format becomes one of the next."""
