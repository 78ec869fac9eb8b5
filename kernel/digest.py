"""SHA-256 digests of bytes and files."""

import hashlib
from pathlib import Path

DIGEST_SIZE = 32


def digest(data: bytes) -> bytes:
    """SHA-256 of some bytes; 32 bytes."""
    return hashlib.sha256(data).digest()


def digest_file(path: Path) -> bytes:
    """SHA-256 of a file's bytes; 32 bytes, in constant memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def digest_text(value: bytes) -> str:
    """A digest as people read it: `sha256:<hex>`."""
    return f"sha256:{value.hex()}"
