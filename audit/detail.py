"""A detail: what an entry commits to. It begins with 32 random bytes, and is kept sealed beside the log.

Format: docs/specs/entry.md.
"""

import os
from dataclasses import dataclass
from datetime import datetime

from google.protobuf.message import DecodeError

from audit.entry import KINDS, timestamp
from kernel.digest import digest
from kernel.errors import Malformed
from kernel.sealing import BadSeal, Sealer
from schemas.wire.v1 import audit_pb2

BLIND_SIZE = 32
KEY_ID_SIZE = 16
KEY_SIZE = 32
PURPOSE = b"mianzheng.detail/1"

_OURS = frozenset({b"\x0a", b"\x10", b"\x1a"})
"""The tags of blind, kind and time: encoded fields that begin with one of them are not in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailKey:
    """The key that a detail is sealed under: 16 bytes that name it, and its 32 bytes. Destroyed, it takes along."""

    id: bytes
    key: bytes

    def __repr__(self) -> str:
        """The name only: keys must not end in logs."""
        return f"DetailKey({self.id.hex()})"


OPEN = DetailKey(id=bytes(KEY_ID_SIZE), key=bytes(KEY_SIZE))
"""The key that everybody knows: details sealed under it are not secret, and are published with the tiles."""


def encode_detail(detail: audit_pb2.Detail | bytes, kind: int, time: datetime) -> bytes:
    """A detail's bytes: a fresh blind, kind and time, then what the caller filled in, or encoded; raises Malformed.

    The fields stand in the order of their numbers, so these are the bytes that serialising the whole would give.
    """
    if isinstance(detail, bytes):
        filled, ours = detail, detail[:1] in _OURS
    else:
        filled = detail.SerializeToString(deterministic=True)
        ours = bool(detail.blind or detail.kind or detail.HasField("time"))
    if ours:
        raise Malformed("blind, kind and time are the log's to fill in", field="detail")
    head = audit_pb2.Detail(blind=os.urandom(BLIND_SIZE), kind=kind, time=timestamp(time))  # type: ignore[arg-type]
    return head.SerializeToString() + filled


def parse_detail(raw: bytes) -> audit_pb2.Detail:
    """A detail from its bytes; raises Malformed."""
    detail = audit_pb2.Detail()
    try:
        detail.ParseFromString(raw)
    except DecodeError as error:
        raise Malformed("is no detail", field="detail") from error
    if len(detail.blind) != BLIND_SIZE or detail.kind not in KINDS or not detail.HasField("time"):
        raise Malformed("has no blind, kind or time", field="detail")
    return detail


def seal_detail(raw: bytes, key: DetailKey) -> bytes:
    """The sealed record: the key's name, a nonce and the ciphertext (AES-256-GCM)."""
    return key.id + Sealer(key.key).seal(raw, PURPOSE)


def sealing_key_id(sealed: bytes) -> bytes:
    """The name of the key that opens a sealed record."""
    return sealed[:KEY_ID_SIZE]


def detail_bytes(sealed: bytes, key: DetailKey) -> bytes:
    """A detail's bytes from its sealed record; raises BadSeal."""
    if sealing_key_id(sealed) != key.id:
        raise BadSeal("is sealed under another key", field="detail")
    return Sealer(key.key).unseal(sealed[KEY_ID_SIZE:], PURPOSE)


def open_detail(sealed: bytes, key: DetailKey, detail_digest: bytes) -> audit_pb2.Detail:
    """The detail in a sealed record; raises BadSeal, or Malformed where the entry does not commit to it."""
    raw = detail_bytes(sealed, key)
    if digest(raw) != detail_digest:
        raise Malformed("is not what the entry commits to", field="detail")
    return parse_detail(raw)
