"""The root log: records the opening, the key and the closing size of every log, so that none can vanish unseen.

After a restore its first entries are the closings of all logs that were put back, the older root log's at their head.

Its details are open (sealed under the key that everybody knows), so that an outsider can begin here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from audit import text as plain
from audit.checkpoint import Checkpoint
from audit.detail import OPEN, detail_bytes, parse_detail, sealing_key_id
from audit.journal import BrokenFrame, read_frames
from audit.place import LogPlace
from audit.record import Logged, Record
from audit.shared import SharedLog
from kernel.errors import Malformed
from kernel.plain_file import open_plain
from kernel.signing import VerifyKey
from kernel.trust import log_verifier_key, parse_log_verifier_key
from schemas.wire.v1 import audit_pb2

ROOT = "root"
"""The name of the root log."""


_REASON, _RESTORED = "reason", "restored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """Why a log was closed for good: it was put back from a backup, and may be behind what it once signed.

    `backup` and `taken_at` (ISO 8601) name the backup; `successor` is the origin of the log that goes on in its place;
    `known_size` is the largest size that it was known, at the restore, to have signed elsewhere.
    """

    backup: str
    taken_at: str
    successor: str
    known_size: int

    def attributes(self) -> dict[str, str]:
        """As the root log's record carries it."""
        return {
            _REASON: _RESTORED,
            "backup": self.backup,
            "backup_taken_at": self.taken_at,
            "successor": self.successor,
            "known_size": str(self.known_size),
        }

    @classmethod
    def of(cls, attributes: Mapping[str, str]) -> "Restored | None":
        """What a record says of a restore; None where it says nothing of one; raises Malformed."""
        if attributes.get(_REASON) != _RESTORED:
            return None
        try:
            return cls(
                backup=attributes["backup"],
                taken_at=attributes["backup_taken_at"],
                successor=attributes["successor"],
                known_size=plain.parse_decimal(attributes["known_size"], "known size"),
            )
        except KeyError as error:
            raise Malformed("says too little about a restore", field="root log") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Milestone:
    """What the root log says of a log: the size and root that it had when it was opened or closed, and its key.

    `restored`: it was closed because it had been put back from a backup; nothing is ever written to it again.
    """

    opened: bool
    key: VerifyKey
    checkpoint: Checkpoint
    restored: Restored | None = None

    @property
    def name(self) -> str:
        """The log's name: the last part of its origin."""
        return self.checkpoint.origin.rpartition("/")[2]

    def record(self) -> Record:
        """The root log's record of it."""
        attributes = {
            "origin": self.checkpoint.origin,
            "vkey": log_verifier_key(self.checkpoint.origin, self.key),
            "size": str(self.checkpoint.size),
            "root": plain.encode(self.checkpoint.root),
            **(self.restored.attributes() if self.restored else {}),
        }
        kind = audit_pb2.ENTRY_KIND_LOG_OPENED if self.opened else audit_pb2.ENTRY_KIND_LOG_CLOSED
        return Record(kind=kind, detail=audit_pb2.Detail(attributes=attributes), seal=OPEN)

    @classmethod
    def of(cls, detail: audit_pb2.Detail) -> "Milestone | None":
        """What a detail of the root log says; None where it is of another kind; raises Malformed."""
        kinds = {audit_pb2.ENTRY_KIND_LOG_OPENED: True, audit_pb2.ENTRY_KIND_LOG_CLOSED: False}
        opened = kinds.get(detail.kind)
        if opened is None:
            return None
        attributes: Mapping[str, str] = detail.attributes
        try:
            origin, key = parse_log_verifier_key(attributes["vkey"])
            size = plain.parse_decimal(attributes["size"], "size")
            root = plain.decode_hash(attributes["root"], "root")
        except KeyError as error:
            raise Malformed("says too little about a log", field="root log") from error
        if origin != attributes["origin"]:
            raise Malformed("names two logs", field="root log")
        return cls(
            opened=opened,
            key=key,
            checkpoint=Checkpoint(origin=origin, size=size, root=root),
            restored=None if opened else Restored.of(attributes),
        )


class RootLog:
    """Writes milestones into the root log, which rare writers share."""

    def __init__(self, log: SharedLog) -> None:
        """Take the log named `root`."""
        self.log = log

    def opened(self, key: VerifyKey, checkpoint: Checkpoint) -> Logged:
        """A log has been opened with this key, and stands at this checkpoint."""
        return self.log.append(Milestone(opened=True, key=key, checkpoint=checkpoint).record())

    def closed(self, key: VerifyKey, checkpoint: Checkpoint, restored: Restored | None = None) -> Logged:
        """A log has been closed at this checkpoint; for good, if it was restored."""
        return self.log.append(Milestone(opened=False, key=key, checkpoint=checkpoint, restored=restored).record())


def milestones(place: LogPlace, name: str) -> Iterator[Milestone]:
    """What the root log, which stands at `place`, says of a log, oldest first; raises Damaged, or Malformed."""
    try:
        with open_plain(place.journal) as file:
            for frame in read_frames(file, place.origin):
                for record in frame.records:
                    if sealing_key_id(record.sealed) != OPEN.id:
                        continue
                    found = Milestone.of(parse_detail(detail_bytes(record.sealed, OPEN)))
                    if found is not None and found.name == name:
                        yield found
    except FileNotFoundError:
        return
    except BrokenFrame as broken:
        # Another writer may be in the midst of a frame.
        if not broken.torn:
            raise
