"""SHA-256 digests of bytes and files."""

import hashlib
import os
from pathlib import Path

DIGEST_SIZE = 32
_PART = 4 << 20


def digest(data: bytes) -> bytes:
    """SHA-256 of some bytes; 32 bytes."""
    return hashlib.sha256(data).digest()


def digest_file(path: Path) -> bytes:
    """SHA-256 of a file's bytes; 32 bytes, in constant memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def copy_file(source: Path, target: Path, *, mode: int) -> bytes:
    """Copy a file to a new one; returns SHA-256 of the bytes that were copied. Constant memory; nothing is flushed."""
    copied = hashlib.sha256()
    with source.open("rb") as reader, open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as writer:  # noqa: PTH123 - of a descriptor
        while part := reader.read(_PART):
            copied.update(part)
            writer.write(part)
    return copied.digest()


def parse_digest(text: str) -> bytes:
    """What `digest_text` made, 32 bytes; raises ValueError."""
    raw = bytes.fromhex(text.removeprefix("sha256:"))
    if len(raw) != DIGEST_SIZE:
        raise ValueError(text)
    return raw


def digest_text(value: bytes) -> str:
    """A digest as people read it: `sha256:<hex>`."""
    return f"sha256:{value.hex()}"
