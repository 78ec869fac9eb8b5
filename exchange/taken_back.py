"""What was rolled back, kept beside a dataset: by whom, why, and which deliveries were taken out of force by it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from exchange.current import version_named
from exchange.layout import Layout
from exchange.snapshot import read_current_bytes
from kernel.clock import parse_instant
from kernel.durable import PRIVATE, flush_directory, replace_file
from kernel.errors import Damaged, MianzhengError
from kernel.plain_file import read_bounded

FORMAT = "mianzheng.rollbacks/1"
FILE_BYTES_MAX = 4 << 20
_REMEDY = "restore it from the backup"
KEPT_MAX = 1000
"""Roll-backs that are remembered beside the dataset; the audit log has all of them."""


class TakenBack(MianzhengError):
    """The delivery is one that somebody took out of force by rolling back: it is as wrong as it was then."""

    code = "taken_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class RollBack:
    """One roll-back. `before` is what `current` held.

    `taken` is the digest of the delivery whose snapshot was taken out of force, `restored` that of the other. What
    cannot be told, since it is too damaged, is empty.
    """

    dataset: str
    before: str
    from_version: str
    to_version: str
    taken: str
    restored: str
    by: str
    reason: str
    at: datetime
    receipt: str

    def to_data(self) -> dict[str, Any]:
        """As plain values."""
        return {**asdict(self), "at": self.at.isoformat()}

    @classmethod
    def of_data(cls, data: Mapping[str, Any]) -> "RollBack":
        """What `to_data` gave; raises KeyError, TypeError or ValueError."""
        texts = {name: str(data[name]) for name in cls.__slots__ if name != "at"}
        return cls(at=parse_instant(data["at"]), **texts)


def rollbacks(layout: Layout) -> tuple[RollBack, ...]:
    """The roll-backs of a dataset that were carried out, oldest first; raises Damaged."""
    done, begun = _read(layout.rollbacks), pending(layout)
    if begun is None or begun in done or version_in_force(layout) != begun.to_version:
        return done
    return (*done, begun)


def taken_back(layout: Layout) -> frozenset[str]:
    """The digests of deliveries whose snapshots somebody took out of force: brought again, they are still wrong."""
    found: set[str] = set()
    for each in rollbacks(layout):
        found.add(each.taken)
        found.discard(each.restored)
    return frozenset(found - {""})


def check_not_taken_back(layout: Layout, delivery: str) -> None:
    """Return unless the delivery with this digest was taken out of force by a roll-back; raises TakenBack, Damaged."""
    if delivery in taken_back(layout):
        raise TakenBack(
            f"this delivery of {layout.folder.name} was taken out of force by a roll-back",
            remedy="have it corrected, or publish it by force",
        )


def version_in_force(layout: Layout) -> str:
    """The version that `current` names; empty where it names none."""
    return version_named(read_current_bytes(layout))


def pending(layout: Layout) -> RollBack | None:
    """The roll-back that is recorded and may not be carried out yet; raises Damaged."""
    found = _read(layout.rolling_back)
    return found[0] if found else None


def settle(layout: Layout) -> None:
    """Note a begun roll-back as done where it was carried out, and forget it where what it would replace is gone.

    What was killed before `current` moved stays, to be asked again. Whoever moves `current` calls this before and
    after, with the dataset's lock held: else nobody could tell any more what was carried out. Raises Damaged.
    """
    begun = pending(layout)
    if begun is None:
        return
    if version_in_force(layout) == begun.to_version:
        write(layout.rollbacks, rollbacks(layout))
    elif (read_current_bytes(layout) or b"").decode("utf-8", "replace") == begun.before:
        return
    layout.rolling_back.unlink()
    flush_directory(layout.folder)


def _read(path: Path) -> tuple[RollBack, ...]:
    try:
        return _parsed(json.loads(read_bounded(path, FILE_BYTES_MAX, remedy=_REMEDY)))
    except FileNotFoundError:
        return ()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Damaged("tells of no roll-back", field=path.name, remedy=_REMEDY) from error


def _parsed(data: Mapping[str, Any]) -> tuple[RollBack, ...]:
    if data["format"] != FORMAT:
        raise ValueError(FORMAT)
    return tuple(RollBack.of_data(each) for each in data["rollbacks"])


def write(path: Path, found: Iterable[RollBack]) -> None:
    """Keep roll-backs, durably; the last ones where there are too many."""
    data = {"format": FORMAT, "rollbacks": [each.to_data() for each in list(found)[-KEPT_MAX:]]}
    replace_file(path, json.dumps(data, ensure_ascii=False, indent=1).encode() + b"\n", mode=PRIVATE)
