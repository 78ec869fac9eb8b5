"""Whether what lies below a folder is encrypted, as far as Linux tells. It says when it does not know.

Known are dm-crypt (LUKS), also under LVM and RAID, and file systems that encrypt. What a hypervisor, a storage array or
the disk itself does cannot be seen from here.
"""

import os
import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

PROC, SYS = Path("/proc"), Path("/sys")

_ENCRYPTING = frozenset({"ecryptfs", "fuse.gocryptfs", "fuse.encfs", "fuse.cryfs"})
_DEPTH_MAX = 16
_ESCAPED = re.compile(r"\\([0-7]{3})")


class Encryption(Enum):
    """What is known of a volume."""

    YES = "yes"
    NOT_FOUND = "not_found"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """The volume under a folder: its file system and device, and whether it is encrypted; `why` says how we know."""

    filesystem: str
    device: str
    encryption: Encryption
    why: str


def volume_of(folder: Path, *, proc: Path = PROC, sys: Path = SYS) -> Volume:
    """The volume that a folder lies on."""
    try:
        number, filesystem, device = _mount(folder, (proc / "self" / "mountinfo").read_text("utf-8", "replace"))
    except (OSError, ValueError):
        return Volume(filesystem="", device="", encryption=Encryption.UNKNOWN, why="the mounts cannot be read")
    encryption, why = _judge(filesystem, sys / "dev" / "block" / number)
    return Volume(filesystem=filesystem, device=device, encryption=encryption, why=why)


def _mount(folder: Path, mountinfo: str) -> tuple[str, str, str]:
    """Device number, file system and source of the mount that a folder lies on; raises ValueError."""
    folder = folder.resolve()
    best: tuple[int, tuple[str, str, str]] | None = None
    for line in mountinfo.splitlines():
        head, separator, tail = line.partition(" - ")
        fields, rest = head.split(), tail.split()
        if not separator or len(fields) < 5 or len(rest) < 2:  # noqa: PLR2004 - proc(5): mountinfo
            continue
        point = Path(_unescaped(fields[4]))
        # Of two on one point the later one lies on top.
        if folder.is_relative_to(point) and (best is None or len(point.parts) >= best[0]):
            best = len(point.parts), (fields[2], rest[0], _unescaped(rest[1]))
    if best is None:
        raise ValueError(str(folder))
    return best[1]


def _judge(filesystem: str, block: Path) -> tuple[Encryption, str]:
    if filesystem in _ENCRYPTING:
        return Encryption.YES, f"{filesystem} encrypts"
    if not block.exists():
        return Encryption.UNKNOWN, f"{filesystem} lies on no block device that can be looked at from here"
    if _all_crypt(block, _DEPTH_MAX):
        return Encryption.YES, "dm-crypt below it"
    return Encryption.NOT_FOUND, "no dm-crypt below it; what hypervisor, storage or disk do cannot be seen from here"


def _all_crypt(block: Path, depth: int) -> bool:
    """Whether every way down from a block device leads through dm-crypt."""
    try:
        if (block / "dm" / "uuid").read_text("ascii", "replace").startswith("CRYPT-"):
            return True
    except OSError:
        pass
    below = sorted((block / "slaves").iterdir()) if (block / "slaves").is_dir() else []
    return bool(below) and depth > 0 and all(_all_crypt(Path(os.path.realpath(each)), depth - 1) for each in below)


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 8)), text)
