"""What a backup says that it holds: two files of JSON at its top. Format: docs/specs/backup.md.

`contents.json` lists every file with its digest, and the size and root of every log. `backup.json`, written last, names
the backup, commits to `contents.json`, and carries the envelope of the content key: a folder without it is no backup.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

from kernel.clock import parse_instant
from kernel.digest import DIGEST_SIZE, digest_text, parse_digest
from kernel.errors import Damaged, OtherFormat
from kernel.sealing import keyed_hash

BACKUP_FILE, CONTENTS_FILE = "backup.json", "contents.json"
FORMAT, CONTENTS_FORMAT = "mianzheng.backup/1", "mianzheng.backup-contents/1"
BACKUP_BYTES_MAX = 1 << 16
IN_CLEAR, UNDER_CONTENT, UNDER_SNAPSHOT = "", "content", "snapshot"
"""How a file is kept: as it is; sealed under the backup's content key; sealed under the snapshot's own data key."""

_PATH_LENGTH_MAX = 1024
_MODES = frozenset({0o600, 0o644})


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """One file: its path in the home and (with `.sealed`, where it is) in the backup; its bytes as kept.

    `plain` is the digest of what a sealed file holds, `mode` and `modified` (seconds) what it gets in the home again.
    """

    path: str
    size: int
    sha256: str
    sealed: str = IN_CLEAR
    plain: str = ""
    mode: int = 0o600
    modified: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLog:
    """One log: how many of its entries are here, and the root over them in hex."""

    name: str
    size: int
    root: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Everything in a backup. `left_out` tells of snapshots that could not be taken, and why."""

    id: str
    hub: str
    home_format: int
    taken_at: datetime
    logs: tuple[StoredLog, ...]
    files: tuple[StoredFile, ...]
    left_out: Mapping[str, str]

    @property
    def by_path(self) -> dict[str, StoredFile]:
        """The files by their paths in the home."""
        return {each.path: each for each in self.files}

    def to_bytes(self) -> bytes:
        """JSON; `parse` gives the contents back."""
        data = {
            "format": CONTENTS_FORMAT,
            "id": self.id,
            "hub": self.hub,
            "home_format": self.home_format,
            "taken_at": self.taken_at.astimezone(UTC).isoformat(),
            "logs": [asdict(each) for each in self.logs],
            "files": [asdict(each) for each in self.files],
            "left_out": dict(self.left_out),
        }
        return json.dumps(data, ensure_ascii=False, indent=1).encode() + b"\n"

    @classmethod
    def parse(cls, raw: bytes) -> "Contents":
        """What `to_bytes` made; raises OtherFormat, or Damaged."""
        data = _json(raw, CONTENTS_FORMAT, CONTENTS_FILE)
        try:
            return cls(
                id=str(data["id"]),
                hub=str(data["hub"]),
                home_format=int(data["home_format"]),
                taken_at=parse_instant(data["taken_at"]),
                logs=tuple(StoredLog(**each) for each in data["logs"]),
                files=tuple(_file(each) for each in data["files"]),
                left_out={str(name): str(why) for name, why in data["left_out"].items()},
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Damaged("is no list of a backup's contents", field=CONTENTS_FILE) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """The top of a backup: which it is, the digest of its contents, who can open it, and that they were its maker's.

    `mac` is HMAC-SHA256 under the content key over the digest of the contents.
    """

    id: str
    hub: str
    taken_at: datetime
    contents: bytes
    mac: bytes
    envelope: Mapping[str, Any]

    def to_bytes(self) -> bytes:
        """JSON; `parse` gives the cover back."""
        data = {
            "format": FORMAT,
            "id": self.id,
            "hub": self.hub,
            "taken_at": self.taken_at.astimezone(UTC).isoformat(),
            "contents": digest_text(self.contents),
            "mac": base64.b64encode(self.mac).decode(),
            "envelope": dict(self.envelope),
        }
        return json.dumps(data, ensure_ascii=False, indent=1).encode() + b"\n"

    @classmethod
    def parse(cls, raw: bytes) -> "Cover":
        """What `to_bytes` made; raises OtherFormat, or Damaged."""
        data = _json(raw, FORMAT, BACKUP_FILE)
        try:
            return cls(
                id=str(data["id"]),
                hub=str(data["hub"]),
                taken_at=parse_instant(data["taken_at"]),
                contents=parse_digest(data["contents"]),
                mac=_hash(base64.b64decode(data["mac"], validate=True)),
                envelope=dict(data["envelope"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Damaged("is no cover of a backup", field=BACKUP_FILE) from error


def contents_mac(content_key: bytes, contents_digest: bytes) -> bytes:
    """What only a holder of the content key can make over a backup's contents; 32 bytes."""
    return keyed_hash(content_key, b"mianzheng.backup-mac/1:" + contents_digest)


def _json(raw: bytes, wanted: str, name: str) -> dict[str, Any]:
    try:
        data = json.loads(raw)
        found = data["format"]
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise Damaged("is no JSON of ours", field=name) from error
    if found != wanted:
        raise OtherFormat(
            f"is not {wanted}", field=name, remedy="restore it with the version that made it, or a newer one"
        )
    result: dict[str, Any] = data
    return result


def _file(data: dict[str, Any]) -> StoredFile:
    found = StoredFile(**data)
    path = PurePosixPath(found.path)
    # A path out of the home would let whoever can write to the backup write anywhere.
    safe = found.path == path.as_posix() and not path.is_absolute() and ".." not in path.parts and path.parts
    if not safe or len(found.path) > _PATH_LENGTH_MAX or "\0" in found.path:
        raise ValueError(found.path)
    if found.sealed not in {IN_CLEAR, UNDER_CONTENT, UNDER_SNAPSHOT} or found.mode not in _MODES:
        raise ValueError(found.sealed)
    return found


def _hash(raw: bytes) -> bytes:
    if len(raw) != DIGEST_SIZE:
        raise ValueError(raw)
    return raw
