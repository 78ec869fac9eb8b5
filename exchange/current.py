"""The file `current`: which snapshot of a dataset is in force, and what its manifest must be."""

import json
import re
from contextlib import suppress
from dataclasses import dataclass

from kernel.digest import digest_text, parse_digest
from kernel.errors import Damaged

FORMAT = "mianzheng.current/1"
CURRENT_BYTES_MAX = 4096
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,99}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Current:
    """A version and the SHA-256 of its manifest."""

    version: str
    manifest_digest: bytes

    def to_bytes(self) -> bytes:
        """One line of JSON."""
        line = {"format": FORMAT, "version": self.version, "manifest": digest_text(self.manifest_digest)}
        return json.dumps(line).encode() + b"\n"

    @classmethod
    def parse(cls, raw: bytes) -> "Current":
        """What `to_bytes` made; raises Damaged."""
        damaged = Damaged("names no snapshot", field="current", remedy="publish the dataset again")
        if len(raw) > CURRENT_BYTES_MAX:
            raise damaged
        try:
            line = json.loads(raw)
            version, manifest = line["version"], line["manifest"]
            known = line["format"] == FORMAT and _VERSION.fullmatch(version) and _DIGEST.fullmatch(manifest)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise damaged from error
        if not known:
            raise damaged
        return cls(version=version, manifest_digest=parse_digest(manifest))


def version_named(raw: bytes | None) -> str:
    """The version that the bytes of a `current` name; empty where there are none, or they name none."""
    with suppress(Damaged):
        return Current.parse(raw).version if raw is not None else ""
    return ""
