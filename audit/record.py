"""A record: what a caller hands to the log; and what the log hands back."""

from dataclasses import dataclass
from datetime import datetime

from audit.detail import DetailKey, encode_detail, seal_detail
from audit.entry import Entry
from kernel.digest import digest
from kernel.errors import Malformed
from schemas.wire.v1 import audit_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Something that happened. The log fills in the detail's blind, kind and time, and leaves the message as it is.

    `detail` may be encoded already, its fields in order. `kind` is a value of mianzheng.v1.EntryKind; `statement` is
    the signed bytes, if anything was said; `seal` is the key that the detail is sealed under.
    """

    kind: int
    detail: audit_pb2.Detail | bytes
    seal: DetailKey
    statement: bytes = b""

    def prepare(self, now: datetime, detail_bytes_max: int) -> "Prepared":
        """The entry's and the sealed detail's bytes; raises Malformed where the detail is too large."""
        detail = encode_detail(self.detail, self.kind, now)
        if len(detail) > detail_bytes_max:
            raise Malformed(f"has more than {detail_bytes_max} bytes", field="detail")
        entry = Entry(
            kind=self.kind,
            time=now,
            statement_digest=digest(self.statement) if self.statement else b"",
            detail_digest=digest(detail),
        )
        return Prepared(entry=entry.encode(), sealed=seal_detail(detail, self.seal))


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A record in the bytes that the journal keeps."""

    entry: bytes
    sealed: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """A durable entry: its bytes, its receipt (C2SP tlog-proof) and its index in the log."""

    entry: bytes
    receipt: bytes
    index: int
