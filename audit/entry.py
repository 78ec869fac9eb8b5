"""An entry: one leaf of a log. It tells nothing about anybody. Format: docs/specs/entry.md."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp

from kernel.digest import DIGEST_SIZE
from kernel.errors import Malformed
from schemas.wire.v1 import audit_pb2

KINDS = frozenset(audit_pb2.EntryKind.values()) - {audit_pb2.ENTRY_KIND_UNSPECIFIED}
ENTRY_SIZE_MAX = 256
"""An entry's fields have fixed sizes: what is longer is none."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What happened when, and the digests of what was said (empty where there is no statement) and of the detail.

    `kind` is a value of mianzheng.v1.EntryKind; `time` is UTC to the microsecond.
    """

    kind: int
    time: datetime
    statement_digest: bytes
    detail_digest: bytes

    @property
    def kind_name(self) -> str:
        """The kind as people read it, e.g. `ANSWERED`."""
        return kind_name(self.kind)

    def encode(self) -> bytes:
        """The entry's bytes."""
        return audit_pb2.Entry(
            kind=self.kind,  # type: ignore[arg-type]
            time=timestamp(self.time),
            statement_digest=self.statement_digest,
            detail_digest=self.detail_digest,
        ).SerializeToString()

    @classmethod
    def parse(cls, raw: bytes) -> "Entry":
        """An entry from its bytes; raises Malformed, also for a second spelling of the same entry."""
        if len(raw) > ENTRY_SIZE_MAX:
            raise Malformed("is too large", field="entry")
        message = audit_pb2.Entry()
        try:
            message.ParseFromString(raw)
            time = _EPOCH + timedelta(seconds=message.time.seconds, microseconds=message.time.nanos // 1000)
        except (DecodeError, OverflowError) as error:
            raise Malformed("is no entry", field="entry") from error
        entry = cls(
            kind=message.kind,
            time=time,
            statement_digest=message.statement_digest,
            detail_digest=message.detail_digest,
        )
        sizes = len(entry.statement_digest), len(entry.detail_digest)
        if message.kind not in KINDS or sizes not in {(0, DIGEST_SIZE), (DIGEST_SIZE, DIGEST_SIZE)}:
            raise Malformed("has no known kind, or digests of a wrong size", field="entry")
        if entry.encode() != raw:
            raise Malformed("is not in canonical form", field="entry")
        return entry


def kind_name(kind: int) -> str:
    """A kind as people read it, e.g. `CASE_OPENED`; its number where we know none."""
    try:
        return audit_pb2.EntryKind.Name(kind).removeprefix("ENTRY_KIND_")
    except ValueError:
        return str(kind)


def timestamp(time: datetime) -> Timestamp:
    """An instant on the wire."""
    since = time - _EPOCH
    return Timestamp(seconds=since.days * 86400 + since.seconds, nanos=since.microseconds * 1000)


def instant(stamp: Timestamp) -> datetime:
    """An instant from the wire, in UTC; raises Malformed where no calendar has it."""
    try:
        return _EPOCH + timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1000)
    except OverflowError as error:
        raise Malformed("is no instant", field="time") from error
