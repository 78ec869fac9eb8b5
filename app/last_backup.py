"""A note in the home of the last backup that was taken of it, so that `mianzheng doctor` can say how old it is."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from app.paths import Paths
from kernel.clock import parse_instant
from kernel.durable import PRIVATE, replace_file

_FORMAT = "mianzheng.last-backup/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class LastBackup:
    """Where the last backup was put, and when it was taken."""

    folder: Path
    taken_at: datetime


def write_last_backup(paths: Paths, last: LastBackup) -> None:
    """Note a backup."""
    data = {"format": _FORMAT, "folder": str(last.folder), "taken_at": last.taken_at.astimezone(UTC).isoformat()}
    replace_file(_path(paths), json.dumps(data).encode(), mode=PRIVATE)


def read_last_backup(paths: Paths) -> LastBackup | None:
    """The last backup; None where there was none, or the note cannot be read: it is a note and no more."""
    try:
        data = json.loads(_path(paths).read_bytes())
        return LastBackup(folder=Path(data["folder"]), taken_at=parse_instant(data["taken_at"]))
    except (OSError, KeyError, TypeError, ValueError):
        return None


def _path(paths: Paths) -> Path:
    return paths.home / ".last-backup"
